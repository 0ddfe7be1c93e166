"""Several adapted models as one: `ensemble` averages predictions, `soup` averages weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from kzoo.core.graph.cloning import graft, set_weights
from kzoo.core.tensors import Tensor
from kzoo.data.joint import join, scaled
from kzoo.evaluation.calibration import fit_temperature
from kzoo.models.side_by_side import MeanOfProbabilities, SliceFeatures
from kzoo.results.adapted import Adapted
from kzoo.results.interpolation import merit_of, recorded, with_weights
from kzoo.specs.card import BackboneSpec
from kzoo.specs.head import Head
from kzoo.specs.records.origin_record import MergeRecord
from kzoo.task_kinds.kind_registry import get_task_kind


def ensemble(members: Sequence[Adapted]) -> Adapted:
    """The mean of several models' probabilities, each calibrated on validation first (arXiv:1706.04599).

    Without a validation split, probabilities are taken as they are. It runs all of them, so it is as slow as they are
    together, and usually better than each.

    Args:
        members: two or more, adapted to the same data with the same splits. Models of images and of recordings must
            take the same input, but for its scaling; those of texts may have any tokenizers and lengths.

    Returns:
        One model, which is saved and exported as one.

    Raises:
        ValueError: their tasks, splits or inputs differ.
    """
    members = list(members)
    _check_alike(members)
    if members[0].tasks:
        raise ValueError(
            "An ensemble is of one task. Pass models of one of several tasks, as "
            f"[model.tasks[{next(iter(members[0].tasks))!r}] for model in models]."
        )
    preprocessor, shares = join([member.preprocessor for member in members])
    inputs = keras.Input(preprocessor.shape, dtype=members[0].network.input.dtype)
    logits, features = [], []
    for number, (member, share) in enumerate(zip(members, shares, strict=True), start=1):
        prefix = f"member{number}"
        part = SliceFeatures(*share.span, name=f"{prefix}.part")(inputs) if share.span else inputs
        both = keras.Model(member.network.input, [_values(member), member.embedding.output])
        found = graft(both, scaled(share, part, prefix=prefix), prefix=prefix)
        logits.append(found[0])
        features.append(found[1])
    temperatures = [_temperature(member) for member in members]
    joined = keras.layers.Concatenate(name="features", dtype="float32")(features)
    mean = MeanOfProbabilities(temperatures, members[0].kind, name="mean")([*logits, joined])
    network = keras.Model(inputs, mean, name="ensemble")
    card = BackboneSpec(
        name=f"ensemble of {len(members)}",
        constructor="",
        modality=members[0].card.modality,
        size=preprocessor.size,
        min_size=preprocessor.size,
        parameters=network.count_params(),
        width=joined.shape[-1],
        source=next((m.card.source for m in members if m.card.source in ("keras_cv", "keras_hub")), "user"),
    )
    whole = dataclasses.replace(
        members[0],
        card=card,
        preprocessor=preprocessor,
        head=Head(),
        network=network,
        features="features",
        scale=None,
        temperature=1.0,
        limits=None,
        start=None,
    )
    merged = MergeRecord(how="ensemble", members=_names(members), temperatures=temperatures)
    return recorded(whole, members, merged)


def soup(members: Sequence[Adapted], *, how: str = "greedy") -> Adapted:
    """One model whose weights are the mean of several's, which share a start (arXiv:2203.05482): as fast as one.

    Args:
        members: two or more of one backbone and head, adapted from the same weights to the same data with the same
            splits, at other rates, with other augmentation or seeds.
        how: ``"greedy"``: the best on validation, and of the others, in order, those that make it better; or
            ``"uniform"``: all.

    Returns:
        The model; its record says which members are in it.

    Raises:
        ValueError: they are not alike, or `how` is neither.
    """
    members = list(members)
    if how not in ("greedy", "uniform"):
        raise ValueError(f"how must be 'greedy' or 'uniform'. Got {how!r}.")
    _check_alike(members)
    first = members[0]
    if first.head.classical:
        raise ValueError(
            f"The weights of a head of kind {first.head.kind!r} have no mean. kzoo.ensemble averages answers instead."
        )
    for member in members[1:]:
        shapes = [[weight.shape for weight in each.network.weights] for each in (first, member)]
        if shapes[0] != shapes[1] or member.preprocessor != first.preprocessor or member.head != first.head:
            raise ValueError(
                "The members of a soup must have the same backbone, head and input: "
                f"{first.card.name} and {member.card.name} differ."
            )
        if member.record.start != first.record.start:
            names = " and ".join(f"{each.card.name} ({each.record.weights or 'random'})" for each in (first, member))
            raise ValueError(f"The members of a soup must start from the same weights. These did not: {names}.")
    found = with_weights(first, first.network.get_weights())

    def mix(numbers: Sequence[int]) -> None:
        set_weights(found.network, _mean([members[number].network.get_weights() for number in numbers]))

    if how == "uniform":
        chosen = list(range(len(members)))
    else:
        merits = [merit_of(member) for member in members]
        best, *others = sorted(range(len(members)), key=merits.__getitem__, reverse=True)
        chosen, reached = [best], merits[best]
        for number in others:
            mix([*chosen, number])
            if (tried := merit_of(found)) >= reached:
                chosen, reached = [*chosen, number], tried
    mix(chosen)
    mixed = [members[number] for number in chosen]
    found = dataclasses.replace(found, temperature=float(np.mean([member.temperature for member in mixed])))
    return recorded(found, mixed, MergeRecord(how=f"{how} soup", members=_names(mixed), of=sorted(chosen)))


def _check_alike(members: Sequence[Adapted]) -> None:
    if len(members) < 2:
        raise ValueError(f"Merging needs two or more models. Got {len(members)}.")
    for member in members:
        if not isinstance(member, Adapted):
            raise TypeError(f"Only adapted models can be merged. Got {type(member).__name__}.")
    first = members[0]
    for member in members[1:]:
        if (member.kind, list(member.labels)) != (first.kind, list(first.labels)):
            raise ValueError(
                f"The members have different tasks: {first.kind} of {first.labels}, {member.kind} of {member.labels}."
            )
        if _data_of(member) != _data_of(first):
            raise ValueError(
                "The members were adapted to different data or splits, so a test example of one may be a training "
                "example of another. Adapt all of them to the same task."
            )


def _names(members: Sequence[Adapted]) -> list[str]:
    return [member.card.name for member in members]


def _data_of(member: Adapted) -> tuple[str, str | None]:
    return member.record.fingerprint, member.record.validation_fingerprint


def _values(member: Adapted) -> Tensor:
    """Logits; or values in their own units, where each member standardised them by itself."""
    logits = member.network.output
    return member.finish(logits) if get_task_kind(member.kind).standardises else logits


def _temperature(member: Adapted) -> float:
    held = member.splits().validation
    # A head that was solved on validation too looks surer there than it is.
    if not len(held) or member.record.refitted:
        return member.temperature
    return member.temperature * fit_temperature(member.outputs(held), held.targets, kind=member.kind)


def _mean(weights: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    return [
        np.mean(np.stack(each).astype(np.float64), axis=0).astype(each[0].dtype) for each in zip(*weights, strict=True)
    ]
