"""`Aligned`: two backbones with one space of embeddings, which `kzoo.align` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from kzoo.core.storage import (
    DamagedError,
    atomic_directory,
    recover,
    target_of,
    verify_checksums,
    write_checksums,
    write_json,
)
from kzoo.core.tables import Table
from kzoo.data.examples import Examples
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.pairs import Pairs, read_other_pairs
from kzoo.results.adapted import Adapted
from kzoo.results.alignment.label_head import Labels, classifier, embed_labels
from kzoo.results.alignment.retrieval import Found, Retrieval, measure_retrieval
from kzoo.results.alignment.similarity import numbers_of
from kzoo.results.files.saving import read
from kzoo.specs.checked_json import Check, checked, many, number, read_json, text
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import Regression, UserData

ALIGNED = "aligned.json"
FOLDERS = ("first", "second")
FORMAT = 1
LARGEST = 1 << 20
"""Bytes of ``aligned.json``, at most."""


@dataclass(frozen=True, repr=False)
class Aligned:
    """Two backbones, each with a projection, whose embeddings are near to each other where inputs belong together.

    Args:
        names: of both inputs, their columns in the pairs.
        towers: for each of them a model from its input to embeddings of unit length: it predicts, exports and saves as
            any other `kzoo.Adapted`, and can be adapted.
        scale: factor that makes logits of cosines.
        data: the pairs, where this process has them.
        test: retrieval on the test split, where this process has measured it.
    """

    names: tuple[str, str]
    towers: tuple[Adapted, Adapted]
    scale: float
    data: Pairs | None = field(default=None, repr=False)
    test: Retrieval | None = field(default=None, repr=False)

    def __getitem__(self, name: str) -> Adapted:
        """The tower of an input, by its name or modality."""
        return self.towers[self._place(name)]

    @property
    def seen(self) -> Seen:
        """The examples that the weights of either tower have seen."""
        return self.towers[0].seen | self.towers[1].seen

    def embed(self, inputs: object, *, of: str | None = None) -> np.ndarray:
        """Embeddings of unit length, float32 (N, width); NaN for what cannot be read.

        Args:
            inputs: as of `kzoo.Adapted.predict`.
            of: the input that they are, by name or modality; None: the first.

        Raises:
            ValueError: there is no such input.
        """
        tower = self.towers[0 if of is None else self._place(of)]
        return tower.inference.ask_outputs(inputs, width=len(tower.labels)).rows

    def classify(self, labels: Labels, *, inputs: str | None = None, template: str | Sequence[str] = "{}") -> Adapted:
        """A classifier by the names of classes alone: no labelled example is needed (arXiv:2103.00020).

        The probability of a class is the softmax of `scale` times the cosine of an input and the name of the class.
        These embeddings are inside of the model, which predicts, evaluates, exports and saves as any other.

        Args:
            labels: names of two or more classes, which the other tower reads as texts; or a dict from each name to
                inputs of the other tower that describe it, whose mean is used: texts, recordings or images.
            inputs: what is to be classified, by name or modality; None: the first input of the pairs.
            template: a text with ``{}`` where the name of a class goes, such as ``"a photo of a {}"``; or several,
                whose mean is used.

        Returns:
            The model. Measure it with ``evaluate(data)``; examples of the pairs that it was aligned on are left out.

        Raises:
            ValueError: there are fewer than two classes, there is no such input, or a description cannot be read.
            TypeError: names alone are given, and the other input is no text.

        Example:
            ``aligned.classify(["ant", "bee"]).export("serving/insects")``
        """
        place = 0 if inputs is None else self._place(inputs)
        if isinstance(labels, str) or len(labels) < 2:
            raise ValueError(f"classify needs the names of two or more classes. Got {labels!r}.")
        embeddings = embed_labels(self.towers[1 - place], labels, template)
        told = f"Classes by {self.names[1 - place]}, without labelled examples: probabilities are not calibrated"
        return classifier(self.towers[place], list(labels), embeddings, scale=self.scale, note=told)

    def retrieve(self, queries: object, among: object, k: int = 5, *, by: str | None = None) -> Found:
        """The nearest of some inputs to each query, exactly, by the cosine of their embeddings.

        Args:
            queries: as of `kzoo.Adapted.predict`; what cannot be read is left out.
            among: inputs of the other kind, likewise.
            k: how many for each.
            by: the input that queries are, by name or modality; None: the second of the pairs.

        Raises:
            ValueError: `k` is larger than what is searched, or nothing can be read.

        Example:
            ``aligned.retrieve("a red bag", among="photos/", k=3)``
        """
        place = 1 if by is None else self._place(by)
        asked, offered = (
            self.towers[side].inference.ask_outputs(values, width=len(self.towers[side].labels))
            for side, values in ((place, queries), (1 - place, among))
        )
        for side, found in ((place, asked), (1 - place, offered)):
            if not found.good:
                raise ValueError(f"None of the {self.names[side]} inputs can be read: {found.reasons}.")
        if not 1 <= k <= len(offered.good):
            raise ValueError(f"k must be in 1..{len(offered.good)}, the size of what is searched. Got {k}.")
        search = NearestNeighbors(n_neighbors=k, metric="cosine").fit(offered.rows[offered.good])
        angles, nearest = search.kneighbors(asked.rows[asked.good])
        indices = np.asarray(offered.good)[nearest]
        return Found(
            [asked.names[index] for index in asked.good],
            [[str(offered.names[int(index)]) for index in row] for row in indices],
            (1 - angles).astype(np.float32),
            indices,
            (self.names[place], self.names[1 - place]),
        )

    def evaluate(self, data: UserData = None) -> Retrieval:
        """Retrieval both ways: the share of queries whose partner is among the nearest 1, 5 and 10.

        Equal contents are one query and one candidate; of several partners any is right.

        Args:
            data: None for the test split; or other pairs with the same columns. Pairs of which the model was trained or
                chosen on an input are left out, and counted.

        Raises:
            ValueError: there is no test split in this process, or the data has other columns, or nothing is left.
        """
        if data is None and self.test is not None:
            return self.test
        if data is None:
            raise ValueError("There is no test split in this process. Pass pairs, such as evaluate('pairs.csv').")
        columns: dict[str, list[str]] = {}
        for name, tower in zip(self.names, self.towers, strict=True):
            preprocessor = tower.preprocessor
            wide = MODALITIES[preprocessor.modality].wide
            own = [each.name for each in getattr(preprocessor, "columns", ())] if wide else [name]
            columns.setdefault(preprocessor.modality, []).extend(own)
        task = Regression(data, **columns)  # type: ignore[arg-type]
        sides, notes = read_other_pairs(task, names=self.names, seen=self.seen)
        return self.measure(sides, notes=notes)

    def measure(self, sides: Sequence[Examples], *, notes: Sequence[str] = ()) -> Retrieval:
        """Retrieval among pairs, as checked examples of both sides."""
        embeddings = [tower.outputs(each) for tower, each in zip(self.towers, sides, strict=True)]
        return measure_retrieval(self.names, embeddings, [numbers_of(each.digests) for each in sides], notes=notes)

    def save(self, directory: str | Path) -> Path:
        """Writes both towers to `directory`, whole or not at all; `kzoo.load` reads them.

        Raises:
            FileExistsError: `directory` holds something else than saved towers.
            OSError: the disk is full, or not writable; what was there before is unchanged.
        """
        directory = target_of(directory, verb="save")
        taken = directory.is_file() or (directory.is_dir() and any(directory.iterdir()))
        if taken and not (directory / ALIGNED).is_file():
            raise FileExistsError(f"{directory} contains files that are no aligned model. Choose another directory.")
        with atomic_directory(directory) as aside:
            for folder, tower in zip(FOLDERS, self.towers, strict=True):
                tower.save(aside / folder)
            write_json(aside / ALIGNED, {"format": FORMAT, "names": list(self.names), "scale": self.scale})
            write_checksums(aside)
        return directory

    def summary(self) -> Table:
        """One row a tower, and what retrieval reaches on the test split."""
        rows = [
            (name, tower.preprocessor.modality, tower.card.name, ", ".join(trained), len(tower.labels))
            for name, tower, trained in zip(self.names, self.towers, map(_trained, self.towers), strict=True)
        ]
        sizes = self.towers[0].record.sizes
        title = f"Aligned on {sizes['train']:,} pairs, seed {self.towers[0].record.seed}"
        columns = ("input", "modality", "backbone", "trained", "width")
        return Table(columns, rows, title=title, notes=self.towers[0].record.notes)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self._shown()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(each._repr_html_() for each in self._shown())

    def _shown(self) -> list[Table]:
        return [self.summary(), *([self.test.table()] if self.test else [])]

    def _place(self, name: str) -> int:
        """0 or 1: the input of a name, or of a modality that one of them has."""
        modalities = [tower.preprocessor.modality for tower in self.towers]
        for known in (list(self.names), modalities):
            if known.count(name) == 1:
                return known.index(name)
        raise ValueError(f"There is no input {name!r}. The inputs are: {' and '.join(self.names)}.")


def _trained(tower: Adapted) -> list[str]:
    """The groups that trained in the phases of a tower."""
    return list(dict.fromkeys(group for phase in tower.record.phases for group in phase.groups))


def load_aligned(directory: Path) -> Aligned:
    """What `Aligned.save` wrote. No code runs that is in the files.

    Raises:
        DamagedError: a file is missing, changed or foreign, or a newer kzoo wrote it.
    """
    verify_checksums(directory)
    fields: dict[str, Check] = {
        "format": number(1, 1 << 30),
        "names": many(text(1_000), most=2),
        "scale": number(0, 1e6),
    }
    try:
        values = checked(read_json(directory / ALIGNED, most=LARGEST), fields, name=ALIGNED, needed=list(fields))
        if values["format"] != FORMAT:
            raise DamagedError(f"{ALIGNED} has format {values['format']}; this kzoo reads {FORMAT}. Upgrade kzoo.")
        first, second = values["names"]
    except (ValueError, KeyError, TypeError) as error:
        raise error if isinstance(error, DamagedError) else DamagedError(f"{ALIGNED} is damaged: {error}") from error
    towers = [Adapted(**read(directory / folder)) for folder in FOLDERS]
    return Aligned((first, second), (towers[0], towers[1]), float(values["scale"]))


def is_aligned(directory: Path) -> bool:
    """Whether a directory holds what `Aligned.save` wrote."""
    recover(directory)
    return (directory / ALIGNED).is_file()
