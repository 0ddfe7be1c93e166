"""`align`: two backbones get one space of embeddings, from pairs of their inputs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import keras
import tensorflow as tf

from kzoo.alignment.projections import Solution, align_features
from kzoo.alignment.towers import Tower, TunedTower, features_of, tune_tower
from kzoo.core.keywords import suggests_names
from kzoo.core.progress import ProgressBar
from kzoo.core.verbosity import verbosity
from kzoo.data.examples import WARNING
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.pairs import Pairs, Side, read_pairs_of
from kzoo.models.backbone_source import BackboneSource
from kzoo.models.backbones import Source
from kzoo.results.adapted import Adapted
from kzoo.results.alignment.aligned import Aligned
from kzoo.setup.prepare import ModelLike, source_of
from kzoo.setup.result import phase_record
from kzoo.specs.phases import LinearProbe, Phase
from kzoo.specs.records.phase_record import PhaseRecord
from kzoo.specs.records.run_record import RunRecord
from kzoo.specs.records.task_record import TaskRecord
from kzoo.specs.schedule import Schedule
from kzoo.specs.task import Regression, UserData

MIN_PAIRS = 10
"""Training pairs, at least."""


@suggests_names
def align(
    first: ModelLike,
    second: ModelLike,
    pairs: UserData,
    *,
    image: str | Sequence[str] | None = None,
    text: str | Sequence[str] | None = None,
    audio: str | Sequence[str] | None = None,
    row: str | Sequence[str] | None = None,
    groups: str | Sequence[object] | Callable[[Path], object] | None = None,
    width: int = 256,
    train: str | None = None,
    schedule: str | Schedule | Phase | Sequence[Phase] = "auto",
    weights: str | Path | None = "auto",
    validation: float | int = 0.1,
    test: float | int = 0.1,
    strict: bool = False,
    strategy: str | tf.distribute.Strategy = "auto",
    verbose: int = 1,
    seed: int = 0,
) -> Aligned:
    """Brings two backbones, such as one of images and one of texts, into one space of embeddings.

    What belongs together is near to each other then: texts find images, images find texts, and images are classified by
    the names of classes alone. Both backbones stay frozen and run once; their features are projected into the common
    space in closed form, with penalties that the contrastive loss on validation chooses. With `train`, one of them is
    tuned afterwards, while the other stays locked (LiT, arXiv:2111.07991), and kept if validation says so.

    Args:
        first: a backbone, as ``model`` of `kzoo.adapt`, but no fusion.
        second: the other.
        pairs: a table: a DataFrame, a dict of columns, a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file, or a dict
            of splits of these. A pair that lacks an input is set aside.
        image: name of the column of images; of two backbones of images, two names. None: found when unambiguous.
        text: the same for texts.
        audio: the same for recordings.
        row: names of the columns of numbers, categories and dates.
        groups: as of `kzoo.Classification`. Pairs with a common content are in one split in any case.
        width: most dimensions of the common space, in [2, inf).
        train: the input whose backbone is tuned, by its column or modality; None: neither.
        schedule: of that, as of `kzoo.adapt`, without a probe; ``"auto"``: what `kzoo.adapt` tunes after its probe, in
            batches of 128.
        weights: as of `kzoo.adapt`, for both.
        validation: size of the validation split, as of `kzoo.Classification`; not 0.
        test: size of the test split, likewise; with 0 nothing is measured.
        strict: raise on dirty data and pairs that lack an input, instead of setting them aside.
        strategy: as of `kzoo.adapt`, where a backbone is tuned.
        verbose: 0 shows no progress bars and no notes; 1 shows them.
        seed: of the split, and of the order of examples in tuning.

    Returns:
        Both as one, to retrieve, to classify and to save.

    Raises:
        ValueError: the data has not two inputs, or other ones than the backbones take, or too few pairs; or an argument
            cannot be used.
        TypeError: a backbone is a fusion.
        OSError: weights or files are missing.

    Example:
        ``kzoo.align("mobilenet_v2_035", "minilm_l6", "products.csv", image="photo", text="title")``
    """
    if isinstance(width, bool) or not isinstance(width, int) or width < 2:
        raise ValueError(f"width must be an int in [2, inf). Got {width!r}.")
    if validation == 0:
        raise ValueError("kzoo.align needs a validation split, by which penalties are chosen. Got validation=0.")
    with verbosity(verbose):
        started = time.perf_counter()
        sources = [_source(model, weights=weights) for model in (first, second)]
        task = Regression(
            pairs,
            image=image,
            text=text,
            audio=audio,
            row=row,
            groups=groups,
            validation=validation,
            test=test,
            seed=seed,
            strict=strict,
        )
        read = _in_order(read_pairs_of(task, seen=sources[0].seen | sources[1].seen), sources)
        place = _place(train, read)
        if len(read.splits.train) < MIN_PAIRS:
            raise ValueError(f"kzoo.align needs {MIN_PAIRS} training pairs or more. Got {len(read.splits.train)}.")
        keras.utils.set_random_seed(seed)
        with ProgressBar("features", unit="example", total=0) as bar:
            towers = [
                Tower.of(source, side, seed=seed, bar=bar) for source, side in zip(sources, read.sides, strict=True)
            ]
        data = [features_of(towers, split) for split in ("train", "validation")]
        solution = align_features(*data, width=width, fixed=None if place is None else 1 - place, seed=seed)
        solved = [_solved(tower, solution, time.perf_counter() - started) for tower in towers]
        learned = _Learned.of(towers, solution, [_told(solution, read)], phases=solved)
        if place is not None:
            options = {"schedule": schedule, "weights": weights, "strategy": strategy, "seed": seed}
            pair = towers[place], towers[1 - place]
            tuned = tune_tower(*pair, solution, place=place, source=sources[place], **options)
            learned = learned.with_tuned(tuned, towers, solution, place=place)
        adapted = [_adapted(tower, number, read, learned, seed=seed) for number, tower in enumerate(towers)]
        names = read.sides[0].name, read.sides[1].name
        aligned = Aligned(names, (adapted[0], adapted[1]), solution.scale, data=read)
        if not len(read.splits.test):
            return aligned
        return dataclasses.replace(aligned, test=aligned.measure([side.splits.test for side in read.sides]))


@dataclass(frozen=True)
class _Learned:
    """What both towers have learned.

    Args:
        networks: from the input of each backbone to embeddings.
        phases: the records of the phases of each.
        notes: for the reader.
        refitted: whether their projections were solved on validation pairs too.
    """

    networks: Sequence[keras.Model]
    phases: Sequence[Sequence[PhaseRecord]]
    notes: Sequence[str]
    refitted: bool

    @classmethod
    def of(
        cls, towers: Sequence[Tower], solution: Solution, notes: Sequence[str], *, phases: Sequence[PhaseRecord]
    ) -> _Learned:
        """The closed solution."""
        networks = [tower.network(each) for tower, each in zip(towers, solution.refitted, strict=True)]
        return cls(networks, [[each] for each in phases], [*_unpretrained(towers), *notes], refitted=True)

    def with_tuned(self, tuned: TunedTower, towers: Sequence[Tower], solution: Solution, *, place: int) -> _Learned:
        """The same with a tower that was tuned, if it is better."""
        notes = [*self.notes, _compare(tuned, solution, towers[place].side.name)]
        if not tuned.is_kept(solution):
            return dataclasses.replace(self, notes=notes)
        phases = [list(each) for each in self.phases]
        phases[place] += [phase_record(result) for result in tuned.results]
        # It was tuned towards embeddings that were solved on training pairs alone.
        locked = towers[1 - place].network(solution.projections[1 - place])
        networks = [tuned.network, locked] if place == 0 else [locked, tuned.network]
        return _Learned(networks, phases, notes, refitted=False)


def _source(model: ModelLike, *, weights: str | Path | None) -> BackboneSource:
    source = source_of(model, weights=weights)
    if not isinstance(source, Source):
        raise TypeError("kzoo.align takes one backbone for each input. Got a fusion.")
    return source


def _in_order(pairs: Pairs, sources: Sequence[BackboneSource]) -> Pairs:
    """The pairs with the input of the first backbone first.

    Raises:
        ValueError: the backbones do not take these inputs.
    """

    def takes(source: BackboneSource, side: Side) -> bool:
        return source.card.modality in MODALITIES[side.modality].feeds

    for sides in (pairs.sides, pairs.sides[::-1]):
        if all(takes(source, side) for source, side in zip(sources, sides, strict=True)):
            return dataclasses.replace(pairs, sides=sides)
    takers = " and ".join(f"{source.card.name!r} ({source.card.modality})" for source in sources)
    given = " and ".join(f"{side.name!r} ({side.modality})" for side in pairs.sides)
    raise ValueError(f"The backbones {takers} do not take the inputs {given}. Pass one for each input.")


def _place(train: str | None, pairs: Pairs) -> int | None:
    """Which tower is tuned, 0 or 1; None: neither."""
    if train is None:
        return None
    for known in ([side.name for side in pairs.sides], [side.modality for side in pairs.sides]):
        if known.count(train) == 1:
            return known.index(train)
    names = " or ".join(repr(side.name) for side in pairs.sides)
    raise ValueError(f"train must be the name of one input, {names}. Got {train!r}.")


def _solved(tower: Tower, solution: Solution, seconds: float) -> PhaseRecord:
    """The record of the closed solution, as the phase that it is."""
    scores = {"val_loss": solution.loss}
    history = [{"epoch": 0, "penalty": solution.penalty, **scores}]
    return PhaseRecord(
        phase=LinearProbe(),
        groups=("head",),
        scores=scores,
        views=1,
        activations="memory",
        seconds=seconds,
        trunk_seconds=tower.seconds,
        history=history,
    )


def _unpretrained(towers: Sequence[Tower]) -> list[str]:
    """A warning for each backbone with random weights."""
    return [
        f"{WARNING}: {tower.prepared.source.card.name} has random weights, whose features say little. Pretrain it, or "
        f"pass train={tower.side.name!r}"
        for tower in towers
        if tower.prepared.source.weights_name is None
    ]


def _told(solution: Solution, pairs: Pairs) -> str:
    fixed, free = pairs.sides[solution.fixed].name, pairs.sides[1 - solution.fixed].name
    return f"Features of {free} are mapped to those of {fixed}: contrastive loss on validation {solution.loss:.3f}"


def _compare(tuned: TunedTower, solution: Solution, name: str) -> str:
    if tuned.loss is None:
        return f"Tuning {name} diverged: its weights are not used"
    kept = "kept" if tuned.is_kept(solution) else "not kept"
    return f"Tuning {name}: contrastive loss on validation {tuned.loss:.3f}, {kept}"


def _adapted(tower: Tower, number: int, pairs: Pairs, learned: _Learned, *, seed: int) -> Adapted:
    """A tower as a model from its input to its embedding."""
    prepared, splits, network = tower.prepared, pairs.splits, learned.networks[number]
    warnings = splits.audit.warnings
    told = [note for note in str(splits.audit).splitlines() if note not in warnings]
    phases = learned.phases[number]
    record = RunRecord(
        task=TaskRecord(data=None),
        weights=prepared.source.weights_name,
        schedule="alignment",
        phases=list(phases),
        kept=len(phases) - 1,
        refitted=learned.refitted,
        sizes={name: len(getattr(splits, name)) for name in ("train", "validation", "test")},
        set_aside=len(splits.audit.set_aside),
        notes=[*warnings, *learned.notes, *told],
        fingerprint=splits.fingerprint(),
        validation_fingerprint=splits.fingerprint("validation"),
        start=prepared.start,
        seen=splits.seen() | prepared.seen,
        seen_before=prepared.seen,
        seed=seed,
        versions={name: version(name) for name in ("kzoo", "keras", "tensorflow", "numpy")},
    )
    return Adapted(
        card=prepared.source.card,
        kind=Regression.kind,
        labels=[f"dimension {place}" for place in range(network.output_shape[-1])],
        head=prepared.head,
        preprocessor=prepared.preprocessor,
        network=network,
        features=prepared.assembled.features,
        scale=None,
        record=record,
    )
