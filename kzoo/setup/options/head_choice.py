"""Which head is the best: logistic regression, unless a classical one has clearly the lower loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras

from kzoo.core.progress import ProgressBar
from kzoo.models.assembly import assemble
from kzoo.setup.frozen_features import head_activations
from kzoo.setup.prepare import Prepared
from kzoo.specs.catalog.classical_heads import BEST, CLASSICAL_HEADS, LOGISTIC
from kzoo.specs.head import MOST_KEPT
from kzoo.training.feed import Feed
from kzoo.training.probes.classical.classical_phase import labelled_features
from kzoo.training.probes.classical.classical_probe import SOLVERS, ClassicalChoice, choose_settings
from kzoo.training.selection import is_better

TITLES = {LOGISTIC: "logistic regression", **{name: head.title for name, head in CLASSICAL_HEADS.items()}}

SLOW = ("boosting",)
MOST_WORK = 2e6
"""Examples times outputs times the root of features, beyond which slow heads are not tried: a minute of boosting."""


def with_best_head(prepared: Prepared, feed: Feed, *, precision: str | None = None) -> Prepared:
    """The run with the head that cross-validation finds the best, where that is asked for, and a note.

    All heads are fitted to the same features and the same folds. Logistic regression stays unless the loss of another
    is lower by more than one standard error of the paired difference.

    Args:
        prepared: a run.
        feed: its data.
        precision: of the activations, as of `kzoo.adapt`.
    """
    if prepared.head.kind != BEST:
        return prepared
    choices = _compare(prepared, feed, exact=precision == "float32")
    chosen = pick_head(choices)
    plain = dataclasses.replace(prepared.head, kind="mlp", dropout=0.0)
    head = plain if chosen.name == LOGISTIC else dataclasses.replace(prepared.head, kind=chosen.name)
    head = head.for_examples(len(feed.train), validation=len(feed.validation))
    model = prepared.assembled.model
    backbone = keras.Model(model.input, model.get_layer(prepared.assembled.features).output, name=model.name)
    with prepared.strategy.scope():
        stages = prepared.source.stages(backbone)
        assembled = assemble(backbone, head=head, outputs=len(prepared.splits.labels), stages=stages)
    audit = prepared.splits.audit
    splits = dataclasses.replace(
        prepared.splits, audit=dataclasses.replace(audit, notes=[*audit.notes, _say(chosen, choices)])
    )
    return dataclasses.replace(prepared, head=head, assembled=assembled, splits=splits)


def _compare(prepared: Prepared, feed: Feed, *, exact: bool) -> list[ClassicalChoice]:
    """What cross-validation says of each head."""
    phase = prepared.schedule.phases[-1]
    found = []
    with ProgressBar("choosing a head", unit="example", total=0) as bar:
        activations = head_activations(prepared, feed, phase, bar=bar, exact=exact)
        train, held = labelled_features(phase, activations)
        examples = train if held is None else train + held
        for name in SOLVERS:
            if name in SLOW and examples.targets.size * examples.features.shape[1] ** 0.5 > MOST_WORK:
                continue
            bar.state(f"trying {TITLES[name]}")
            strengths = getattr(phase, "strengths", None)
            options = {"strengths": strengths, "places": MOST_KEPT, "seed": feed.seed}
            found.append(choose_settings(name, examples, kind=feed.kind, **options))
    return found


def pick_head(choices: Sequence[ClassicalChoice]) -> ClassicalChoice:
    """Logistic regression, or of those whose loss is clearly lower the one of the lowest."""
    plain = next(choice for choice in choices if choice.name == LOGISTIC)
    better = [choice for choice in choices if is_better(choice.losses, plain.losses)]
    return min(better, key=lambda choice: choice.loss, default=plain)


def _say(chosen: ClassicalChoice, choices: Sequence[ClassicalChoice]) -> str:
    if not len(chosen.losses):
        return f"Head: {TITLES[chosen.name]}; there are too few examples to compare heads"
    losses = ", ".join(f"{TITLES[each.name]} {each.loss:.3f}" for each in sorted(choices, key=lambda each: each.loss))
    left = [TITLES[name] for name in SOLVERS if name not in {each.name for each in choices}]
    others = f"; not tried, as it would take long: {', '.join(left)}" if left else ""
    return f"Head chosen by cross-validation: {TITLES[chosen.name]}. Losses: {losses}{others}"
