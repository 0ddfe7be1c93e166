"""`align`: two backbones get one space of embeddings, from pairs of their inputs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from kzoo.alignment.learned import Learned, as_adapted, solved_phase, tell
from kzoo.alignment.projections import align_features
from kzoo.alignment.towers import Tower, features_of, tune_tower
from kzoo.core.keywords import suggests_names
from kzoo.core.progress import ProgressBar
from kzoo.core.verbosity import verbosity
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.pairs import Pairs, Side, read_pairs_of
from kzoo.models.backbone_source import BackboneSource
from kzoo.models.backbones import Source
from kzoo.results.alignment.aligned import Aligned
from kzoo.setup.model_source import ModelLike, source_of
from kzoo.specs.phases import Phase
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
    directory: str | Path | None = None,
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
        directory: likewise, where its tuning keeps how far it is.
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
    if directory is not None and train is None:
        raise ValueError("directory= is where the tuning of a backbone is kept: pass train=, or leave it out.")
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
        solved = [solved_phase(tower, solution, time.perf_counter() - started) for tower in towers]
        learned = Learned.of(towers, solution, [tell(solution, read)], phases=solved)
        if place is not None:
            options = {"schedule": schedule, "weights": weights, "strategy": strategy, "seed": seed}
            pair = towers[place], towers[1 - place]
            tuned = tune_tower(*pair, solution, place=place, source=sources[place], directory=directory, **options)
            learned = learned.with_tuned(tuned, towers, solution, place=place)
        adapted = [as_adapted(tower, number, read, learned, seed=seed) for number, tower in enumerate(towers)]
        names = read.sides[0].name, read.sides[1].name
        aligned = Aligned(names, (adapted[0], adapted[1]), solution.scale, data=read)
        if not len(read.splits.test):
            return aligned
        return dataclasses.replace(aligned, test=aligned.measure([side.splits.test for side in read.sides]))


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
