"""Tasks: data and the kind of target."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

from kzoo.specs.split_sizes import is_count, is_number

_T = TypeVar("_T")

UserData: TypeAlias = Any
"""Data, inputs or targets as users pass them: paths, arrays, lists, tables, datasets. What reads them checks them."""


@dataclass(frozen=True)
class Task:
    """The data and the kind of target. Use `Classification`, `MultiLabel` or `Regression`.

    Args:
        data: one of

            - a folder of class folders, or of ``train``, ``validation`` (or ``val``, ``valid``, ``dev``) and ``test``
              folders of class folders;
            - a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file, a pandas DataFrame, or a dict of columns, with a
              column of texts, or of paths (relative to the file); of rows, all columns but the target are inputs;
            - what a ``load_*`` function of scikit-learn returns;
            - a folder of such files, or of pairs ``train_text.txt`` and ``train_labels.txt``, named after the splits;
            - a pair ``(inputs, targets)`` of arrays; images uint8, or float in 0..255, (N, H, W, 3), (N, H, W, 1)
              or (N, H, W); texts;
            - a ``tf.data.Dataset`` of ``(input, target)``, batched or not;
            - ``"tfds:NAME"`` or a ``tfds`` builder;
            - a ``.tfrecord`` file, a pattern of them, or a folder of them;
            - a dict of splits, ``{"train": ..., "validation": ..., "test": ...}``, each one of the above.
        image: name of the column, or of the feature, that holds the image. None: found when unambiguous. Of a
            `kzoo.Fusion` of several modalities, an example may have several inputs: name the columns of each modality,
            as ``image=["front", "back"], text="title", row=["beds", "area"]``. Any may be missing.
        text: the same for texts.
        audio: the same for recordings; or True: the data are recordings, for an image backbone too.
        row: names of the columns of numbers, categories and dates; or True: all that are not named otherwise.
        series: name of the column of series over time, arrays (T, features) or paths of ``.npy`` files; or True: the
            data are series, which arrays do not tell.
        label: name of the column, or of the feature, that holds the target; or a function of a file's path, a
            ``pathlib.Path``, for a folder of files without class folders. None: found when unambiguous.
        groups: examples of one group, such as all recordings of one speaker, stay in one split. Pass the name
            of a column, a function of a file's path, or one value an example. `kzoo.results.adapted.Adapted.evaluate`
            then measures by group as well.
        labels: names of the classes in order, for integer targets.
        validation: size of the validation split, for model selection, where the data has none: a share in (0, 1), a
            number of examples, 0 for none, or the names of groups. With 0 each phase runs all of its epochs, and the
            last epoch of the last phase is kept.
        test: size of the test split, for the final measurement, likewise. With 0 nothing is measured.
        seed: decides which example goes to which split.
        strict: raise on dirty data instead of setting it aside.
    """

    data: UserData
    image: str | Sequence[str] | None = field(default=None, kw_only=True)
    text: str | Sequence[str] | None = field(default=None, kw_only=True)
    audio: str | Sequence[str] | bool | None = field(default=None, kw_only=True)
    row: str | Sequence[str] | bool | None = field(default=None, kw_only=True)
    series: str | Sequence[str] | bool | None = field(default=None, kw_only=True)
    label: str | Sequence[str] | Callable[[Path], object] | None = field(default=None, kw_only=True)
    groups: str | Sequence[object] | Callable[[Path], object] | None = field(default=None, kw_only=True)
    labels: Sequence[str] | None = field(default=None, kw_only=True)
    validation: float | int | Sequence[str] = field(default=0.1, kw_only=True)
    test: float | int | Sequence[str] = field(default=0.1, kw_only=True)
    seed: int = field(default=0, kw_only=True)
    strict: bool = field(default=False, kw_only=True)

    kind: ClassVar[str] = ""
    columns_are_tasks: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if type(self) is Task:
            raise TypeError("Task cannot be created directly. Use Classification, MultiLabel or Regression.")
        sizes: dict[str, float | Sequence[str]] = {name: getattr(self, name) for name in ("validation", "test")}
        for name, size in sizes.items():
            wanted = f"{name} must be a fraction in (0, 1), a number of examples (an int), 0 for none"
            if isinstance(size, bool) or (is_number(size) and not (0 <= size < 1 or is_count(size))):
                raise ValueError(f"{wanted}. Got {size!r}.")
            if not is_number(size) and (isinstance(size, str) or self.groups is None):
                raise ValueError(f"{wanted}, or a list of group names where groups= is given. Got {size!r}.")
        if sum(size for size in sizes.values() if is_number(size) and not is_count(size)) >= 1:
            raise ValueError(f"validation + test must be less than 1. Got {self.validation} + {self.test}.")

    def holds_out(self, split: str) -> bool:
        """Whether ``"validation"`` or ``"test"`` gets any examples where the data does not have that split."""
        size: float | Sequence[str] = getattr(self, split)
        return not is_number(size) or bool(size != 0)

    def named_groups(self) -> list[str]:
        """The groups that the user wants in validation or test."""
        return [str(name) for size in (self.validation, self.test) if isinstance(size, Iterable) for name in size]


def _with_arguments(task: type[_T]) -> type[_T]:
    """Puts the arguments of `Task` where a docstring says ``{arguments}``: help() of each task lists them all."""
    if task.__doc__ and Task.__doc__:  # python -OO leaves none
        found = re.search(r"^Args:\n((?: {4}.*\n?|\n)+)", inspect.cleandoc(Task.__doc__), re.MULTILINE)
        arguments = found[1].rstrip() if found else ""
        task.__doc__ = inspect.cleandoc(task.__doc__).replace("    {arguments}", arguments)
    return task


@_with_arguments
@dataclass(frozen=True)
class Classification(Task):
    """One label an example.

    With several columns, ``label=["kind", "colour"]``, `kzoo.adapt` and `kzoo.plan` take each for a task of its own, as
    a `kzoo.MultiTask` of them.

    Args:
        {arguments}

    Raises:
        ValueError: `validation` or `test` cannot be used.

    Example:
        >>> task = Classification("flowers/", validation=0.2, seed=1)
        >>> task.kind, task.test
        ('classification', 0.1)
    """

    kind: ClassVar[str] = "classification"
    columns_are_tasks: ClassVar[bool] = True


@_with_arguments
@dataclass(frozen=True)
class MultiLabel(Task):
    """Any number of labels an example.

    The target is a string of labels joined by `separator`, a list of labels, a row of zeros and ones, or several
    columns of zeros and ones (``label=["cat", "dog"]``).

    Args:
        {arguments}
        separator: string between the labels.

    Raises:
        ValueError: `validation` or `test` cannot be used.

    Example:
        >>> MultiLabel("photos.csv", image="path", label="tags", separator=";").kind
        'multi_label'
    """

    separator: str = field(default=",", kw_only=True)

    kind: ClassVar[str] = "multi_label"


@_with_arguments
@dataclass(frozen=True)
class Regression(Task):
    """One or several real numbers an example.

    Args:
        {arguments}

    Raises:
        ValueError: `validation` or `test` cannot be used.

    Example:
        >>> Regression("houses.csv", image="photo", label="price").kind
        'regression'
    """

    kind: ClassVar[str] = "regression"


UNCERTAINTY, GRADNORM = WEIGHINGS = "uncertainty", "gradnorm"
"""Weights of several tasks that follow from their losses, and from their gradients too."""


@dataclass(frozen=True)
class MultiTask:
    """Several tasks that share one backbone: several targets of one data set, or several data sets, or both.

    Each task has a head of its own on the shared backbone. An example may lack the targets of some tasks: these add
    nothing to the loss. Tasks of one table, ``MultiTask({"kind": Classification("shoes.csv", label="kind"), "price":
    Regression("shoes.csv", label="price")})``, are read once. Content that several data sets have is one example, and
    is in the same split for all tasks.

    Args:
        tasks: by name, one or more; a name is a Python identifier. Their inputs have one modality. Tasks with the same
            data need the same arguments but for `label` and `labels`, and a `label` each.
        weights: of the loss of each task, in (0, inf); None: 1 each. Losses are divided by that of a guess first, so
            that tasks with many classes do not count for more. ``"uncertainty"``: before each epoch, in inverse
            proportion to each task's loss on validation (Kendall et al., arXiv:1705.07115, in closed form).
            ``"gradnorm"``: before each epoch, so that each task moves the shared layers as far, and one that has
            learned less moves them further (GradNorm, arXiv:1711.02257).
        temperature: in [1, inf): in gradient steps, examples of a data set of n are drawn in proportion to
            n ** (1 / temperature) (arXiv:1907.05019). 1: each example once an epoch; more: those of small data sets
            several times. An epoch has as many examples in any case.

    Raises:
        TypeError: `tasks` is no dict of tasks.
        ValueError: there are none, a name cannot be used, or tasks of one data set do not fit together.

    Example:
        >>> both = MultiTask({"kind": Classification("a.csv", label="kind"), "price": Regression("a.csv", label="usd")})
        >>> [list(group) for group in both.by_data()]
        [['kind', 'price']]
    """

    tasks: Mapping[str, Task]
    weights: Mapping[str, float] | str | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.tasks, Mapping) or not all(isinstance(task, Task) for task in self.tasks.values()):
            raise TypeError(f"MultiTask needs a dict from names to tasks, as kzoo.Classification. Got {self.tasks!r}.")
        if not self.tasks:
            raise ValueError("MultiTask needs one task or more. Got none.")
        for name in self.tasks:
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"The name of a task must be a Python identifier, as 'price'. Got {name!r}.")
            if other := next((each for each in self.tasks if each.startswith(f"{name}_")), None):
                # Served outputs are named after their task.
                raise ValueError(f"No task may have the name of another with '_' and more. Got {name!r} and {other!r}.")
        if isinstance(self.weights, str) and not self.weighing:
            raise ValueError(
                f"weights must be a dict, {', '.join(map(repr, WEIGHINGS))}, or None. Got {self.weights!r}."
            )
        if not is_number(self.temperature) or not 1 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be a number in [1, inf). Got {self.temperature!r}.")
        for name, weight in self.fixed_weights.items():
            if name not in self.tasks:
                raise ValueError(f"weights must be of the tasks {', '.join(self.tasks)}. Got {name!r}.")
            if not is_number(weight) or not 0 < weight < math.inf:
                raise ValueError(f"A weight must be a number in (0, inf). Got {weight!r} for {name!r}.")
        for group in self.by_data():
            if len(group) > 1:
                _check_together(group)

    @property
    def weighing(self) -> str:
        """What the weights of the tasks follow: a name of `WEIGHINGS`; "" where they stay as they are."""
        return self.weights if isinstance(self.weights, str) and self.weights in WEIGHINGS else ""

    @property
    def fixed_weights(self) -> Mapping[str, float]:
        """The weights that are given, by name."""
        return self.weights if isinstance(self.weights, Mapping) else {}

    @property
    def first(self) -> Task:
        """The first of the tasks."""
        return next(iter(self.tasks.values()))

    def by_data(self) -> list[dict[str, Task]]:
        """The tasks, those of one data set together."""
        groups: list[dict[str, Task]] = []
        for name, task in self.tasks.items():
            found = next((group for group in groups if _same_data(next(iter(group.values())), task)), None)
            if found is None:
                groups.append(found := {})
            found[name] = task
        return groups


def _same_data(one: Task, other: Task) -> bool:
    paths = all(isinstance(task.data, str | Path) for task in (one, other))
    return one.data is other.data or (paths and Path(one.data).resolve() == Path(other.data).resolve())


_OWN = ("data", "label", "labels", "separator")
"""Arguments that may differ between tasks of one data set."""


def _check_together(group: Mapping[str, Task]) -> None:
    """Raises where tasks of one data set do not name their targets, or differ in how it is read and split."""
    names, first = list(group), next(iter(group.values()))
    for name, task in group.items():
        if not isinstance(task.label, str | list | tuple):
            raise ValueError(
                f"The tasks {', '.join(names)} have the same data, so each needs label=, the name of its column. "
                f"Got {task.label!r} for {name!r}."
            )
        for each in fields(Task):
            if each.name not in _OWN and getattr(task, each.name) != getattr(first, each.name):
                raise ValueError(
                    f"The tasks {names[0]} and {name} have the same data, so {each.name} must be the same. "
                    f"Got {getattr(first, each.name)!r} and {getattr(task, each.name)!r}."
                )


TASKS: dict[str, type[Task]] = {task.kind: task for task in (Classification, MultiLabel, Regression)}
"""The built-in tasks, by kind."""


def as_task(data: UserData) -> Task:
    """`data` itself where it is a task, else a `Classification` of it.

    Raises:
        TypeError: it is several tasks.

    Example:
        >>> as_task("flowers/").kind
        'classification'
    """
    if isinstance(data, MultiTask):
        raise TypeError(
            f"This takes one task. Pass one of {', '.join(data.tasks)}: multi_task.tasks[{min(data.tasks)!r}]."
        )
    return data if isinstance(data, Task) else Classification(data)


def as_tasks(data: UserData) -> Task | MultiTask:
    """As `as_task`, but several tasks stay as they are, and a Classification of several columns is one task for each.

    Raises:
        ValueError: two columns would give tasks of one name.

    Example:
        >>> list(as_tasks(Classification("shoes.csv", label=["kind", "main colour"])).tasks)
        ['kind', 'main_colour']
    """
    if isinstance(data, MultiTask):
        return data
    task = as_task(data)
    columns = task.label
    if not task.columns_are_tasks or isinstance(columns, str) or not isinstance(columns, Sequence):
        return task
    tasks = {re.sub(r"\W|^(?=\d)", "_", column): replace(task, label=column) for column in columns}
    if len(tasks) < len(columns):
        raise ValueError(f"Each column of labels needs a name of its own, as a Python identifier. Got {list(columns)}.")
    return MultiTask(tasks) if len(tasks) > 1 else next(iter(tasks.values()), task)


MOST_NUMBERS = 20
"""Distinct texts that are numbers with a fraction, as 0.5 and 1.5, and may be names of classes; more are values."""


def refuse_numbers(names: set[str], *, are_text: bool) -> None:
    """Raises where the targets of a Classification are values of a quantity, and not names of classes.

    Args:
        names: of the classes that targets would be.
        are_text: whether all targets came as text, as those of a CSV file do.

    Raises:
        ValueError: they are numbers, some with a fraction; as text, more than `MOST_NUMBERS`.
    """
    try:
        fractions = sorted(name for name in names if not float(name).is_integer())
    except (ValueError, OverflowError):
        return
    if fractions and (not are_text or len(names) > MOST_NUMBERS):
        raise ValueError(
            f"Classification targets must be class names or integers. Got numbers such as {fractions[0]}. "
            "Pass a kzoo.Regression, or convert the numbers to class names."
        )
