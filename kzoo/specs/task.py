"""Tasks: the data and the kind of target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Task:
    """What is to be learned, from what. Use `Classification`, `MultiLabel` or `Regression`.

    Args:
        data: one of

            - a folder of class folders, or of ``train``, ``validation`` (or ``val``, ``valid``, ``dev``) and ``test``
              folders of class folders;
            - a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file, or a pandas DataFrame, with a column of texts, or
              of paths (relative to the file);
            - a folder of such files, or of pairs ``train_text.txt`` and ``train_labels.txt``, named after the splits;
            - a pair ``(inputs, targets)`` of arrays; pictures uint8, or float in 0..255, (N, H, W, 3), (N, H, W, 1)
              or (N, H, W); texts;
            - a ``tf.data.Dataset`` of ``(input, target)``, batched or not;
            - ``"tfds:NAME"`` or a ``tfds`` builder;
            - a ``.tfrecord`` file, a pattern of them, or a folder of them;
            - a dict of splits, ``{"train": ..., "validation": ..., "test": ...}``, each one of the above.
        image: name of the column, or of the feature, that holds the picture. None: found when unambiguous.
        text: the same for texts.
        label: name of the column, or of the feature, that holds the target. None: found when unambiguous.
        labels: names of the classes in order, for integer targets.
        validation: share of the training data held out for choosing, in (0, 1), where no split is given.
        test: share of the data held out for the final measurement, in (0, 1), where no split is given.
        seed: decides which example goes to which split.
        strict: raise on dirty data instead of setting it aside.
    """

    data: Any
    image: str | None = field(default=None, kw_only=True)
    text: str | None = field(default=None, kw_only=True)
    label: str | Sequence[str] | None = field(default=None, kw_only=True)
    labels: Sequence[str] | None = field(default=None, kw_only=True)
    validation: float = field(default=0.1, kw_only=True)
    test: float = field(default=0.1, kw_only=True)
    seed: int = field(default=0, kw_only=True)
    strict: bool = field(default=False, kw_only=True)

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if type(self) is Task:
            raise TypeError("Task is not used by itself: use Classification, MultiLabel or Regression.")
        for name in ("validation", "test"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be a share in (0, 1). Got {getattr(self, name)!r}.")
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation + test must leave something to train on. Got {self.validation} + {self.test}."
            )


@dataclass(frozen=True)
class Classification(Task):
    """One label an example.

    Example:
        >>> Classification("flowers/", seed=1).kind
        'classification'
    """

    kind: ClassVar[str] = "classification"


@dataclass(frozen=True)
class MultiLabel(Task):
    """Any number of labels an example.

    The target is a string of labels joined by `separator`, a list of labels, a row of zeros and ones, or several
    columns of zeros and ones (``label=["cat", "dog"]``).
    """

    separator: str = field(default=",", kw_only=True)

    kind: ClassVar[str] = "multi_label"


@dataclass(frozen=True)
class Regression(Task):
    """One or several real numbers an example."""

    kind: ClassVar[str] = "regression"


def as_task(data: Any) -> Task:
    """`data` itself where it is a task, else a `Classification` of it."""
    return data if isinstance(data, Task) else Classification(data)
