"""Findings: facts about data, and what each kind of them means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FindingKind:
    """What findings of one kind mean.

    Args:
        name: as tables show it.
        serious: whether scores will be wrong, or examples are lost.
        suggestion: for the list of what to do with each example.
        advice: what it means and what to do, in one sentence.
    """

    name: str
    serious: bool = False
    suggestion: str = "look at it"
    advice: str = ""


FINDING_KINDS = {
    each.name: each
    for each in (
        FindingKind(
            name="unreadable or empty",
            serious=True,
            suggestion="remove",
            advice="repair or remove them; kzoo sets them aside",
        ),
        FindingKind(
            name="silent", serious=True, suggestion="remove", advice="record or remove them; kzoo sets them aside"
        ),
        FindingKind(
            name="unusable target",
            serious=True,
            suggestion="check the label",
            advice="complete or correct their targets; kzoo sets them aside",
        ),
        FindingKind(
            name="no group",
            serious=True,
            suggestion="add the group",
            advice="say which group they belong to; kzoo sets them aside",
        ),
        FindingKind(
            name="contradictory labels",
            serious=True,
            suggestion="check the label",
            advice="copies of one content have different labels: keep one copy, with the right label",
        ),
        FindingKind(
            name="class without training examples",
            serious=True,
            advice="no model can learn it: add examples, or remove the class",
        ),
        FindingKind(
            name="exact duplicates across splits",
            serious=True,
            suggestion="remove",
            advice="the test set knows answers: remove the training copies; kzoo sets them aside",
        ),
        FindingKind(
            name="near duplicates across splits",
            serious=True,
            suggestion="remove",
            advice="scores will be too high: remove one of each pair, or keep both in one split (groups=)",
        ),
        FindingKind(
            name="group in several splits",
            serious=True,
            suggestion="remove",
            advice="scores will be too high: keep each group in one split; kzoo sets its training examples aside",
        ),
        FindingKind(
            name="class without test examples",
            advice="nothing will be known of how well it is recognised: add examples",
        ),
        FindingKind(name="tiny class", advice="add examples, merge classes, or use class_weight='balanced'"),
        FindingKind(
            name="near duplicates with different labels",
            suggestion="check the label",
            advice="one of the labels may be wrong",
        ),
        FindingKind(name="exact duplicates", suggestion="remove", advice="kzoo keeps copies in one split"),
        FindingKind(name="near duplicates", suggestion="remove", advice="they add little, and count twice"),
        FindingKind(name="one colour", suggestion="remove", advice="they show nothing"),
        FindingKind(name="extreme size", advice="they may be thumbnails, banners or scans of something else"),
        FindingKind(name="rotation", suggestion="rotate", advice="turn those that do not stand upright"),
        FindingKind(name="extreme length", advice="they may be cut off, or several examples in one"),
        FindingKind(name="quiet", advice="they may be almost silent"),
        FindingKind(name="other script", advice="they may be in another language"),
        FindingKind(name="mixed scripts", advice="choose a backbone that was trained on all of these"),
    )
}
"""By name, the serious ones first. Remarks of a modality from outside may have other names: they are not serious."""


@dataclass(frozen=True)
class Finding:
    """One fact.

    Args:
        kind: name of its kind.
        names: of the examples that something should be done with; none where it is about a class, or all examples.
        splits: of these.
        detail: what was seen.
        like: names of the examples that these are compared with.
        todo: suggestion for the list; "": that of its kind.
    """

    kind: str
    names: Sequence[str] = ()
    splits: Sequence[str] = ()
    detail: str = ""
    like: Sequence[str] = ()
    todo: str = ""

    @property
    def described(self) -> FindingKind:
        """Its kind."""
        return FINDING_KINDS.get(self.kind) or FindingKind(name=self.kind)

    @property
    def serious(self) -> bool:
        """Whether scores will be wrong, or examples are lost."""
        return self.described.serious

    @property
    def suggestion(self) -> str:
        """What to do with each of `names`."""
        return self.todo or self.described.suggestion
