"""Export into a single file for another runtime: written aside, opened in that runtime, compared, moved into place."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from scipy import stats

from kzoo.core.intervals import LEVEL, Metric
from kzoo.core.progress import one_bar, track
from kzoo.core.storage import write_json
from kzoo.data.examples import Examples
from kzoo.data.loader import Loader
from kzoo.results.export import answer_model, model_card
from kzoo.serving.file_forms import FORMS, OUTPUTS, Answer, FileForm
from kzoo.serving.saved_model import ExportError, agree, next_version
from kzoo.task_kinds.kind_registry import get_task_kind

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted

COMPARED = 16
"""Examples on which a file without quantization must answer as the model does."""

CALIBRATED = 100
"""Training examples that a quantization is calibrated by."""

MEASURED = 500
"""Examples on which its cost is measured."""

TIMED = 20


@dataclass(frozen=True)
class FileCost:
    """What a file costs.

    Args:
        bytes: of the file and what belongs to it.
        milliseconds: for one example in its runtime, the median of `TIMED` runs on this machine.
        score: name of the score.
        change: the score of the file less that of the model, on the same examples; below 0 the file is worse.
        size: of how many examples.
        split: of which split.
    """

    bytes: int
    milliseconds: float
    score: str
    change: Metric
    size: int
    split: str

    def __str__(self) -> str:
        change = self.change
        return (
            f"{self.bytes / 1e6:.1f} MB, {self.milliseconds:.1f} ms an example on this machine; {self.score} "
            f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}] on {self.size} {self.split} examples"
        )


def export_file(adapted: Adapted, directory: str | Path, *, form: str, quantize: str | None, tolerance: float) -> Path:
    """Writes ``directory/<next integer>/`` with one file for a runtime; see `kzoo.results.adapted.Adapted.export`."""
    chosen = check_form(form, quantize, tolerance)
    with one_bar(f"export, {form}", unit="example"), next_version(directory) as (target, aside):
        splits, modality = adapted.splits(), adapted.preprocessor.modality
        preprocessor, model = adapted.preprocessor, answer_model(adapted)
        loader = Loader(preprocessor)
        split = next(name for name in ("test", "validation", "train") if len(getattr(splits, name)))
        measured = _first(getattr(splits, split), MEASURED)
        train = loader.fitted(_first(splits.train, CALIBRATED).columns[modality])[0]
        inputs, reasons = loader.fitted(measured.columns[modality])
        measured = measured.take(np.array([n for n in range(len(measured)) if n not in reasons]))
        path = aside / chosen.file
        chosen.write(model, preprocessor.fitted, quantize, train, path)
        answer = chosen.open(path)
        _compare(model, answer, inputs[:COMPARED], form=form, exact=quantize is None)
        cost = _cost(adapted, answer, inputs, measured, split=split, size=_size(aside))
        _refuse_costly(cost, form, quantize, tolerance)
        (aside / "labels.txt").write_text("".join(f"{label}\n" for label in adapted.labels), encoding="utf-8")
        write_json(aside / "model.json", _described(adapted, chosen, quantize, cost))
        card = model_card(
            adapted.card,
            kind=adapted.kind,
            labels=adapted.labels,
            preprocessor=preprocessor,
            record=adapted.record,
            described=_lines(adapted, chosen, quantize, cost),
        )
        (aside / "README.md").write_text(card, encoding="utf-8")
    return target


def check_form(form: str, quantize: str | None, tolerance: float) -> FileForm:
    """The form of that name; raises ValueError where there is none, or it has no such quantization."""
    if form not in FORMS:
        raise ValueError(f"format must be 'saved_model' or one of {', '.join(map(repr, FORMS))}. Got {form!r}.")
    known = FORMS[form].quantizations
    if quantize is not None and quantize not in known:
        either = f" or one of {', '.join(map(repr, known))}" if known else ""
        raise ValueError(f"quantize of {form!r} must be None{either}. Got {quantize!r}.")
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance <= 1:
        raise ValueError(f"tolerance must be a number in [0, 1]. Got {tolerance!r}.")
    return FORMS[form]


def _first(examples: Examples, count: int) -> Examples:
    """At most `count` examples, spread over all."""
    return examples.take(np.unique(np.linspace(0, len(examples) - 1, min(count, len(examples))).astype(int)))


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def _compare(model: keras.Model, answer: Answer, inputs: np.ndarray, *, form: str, exact: bool) -> None:
    """Raises unless the file answers in its runtime: with finite numbers, and if `exact` with those of the model."""
    for example in inputs:
        wanted = [np.asarray(each) for each in model(example[None], training=False)]
        for name, one, other in zip(OUTPUTS, answer(example[None]), wanted, strict=True):
            if one.shape != other.shape or not np.isfinite(one).all():
                raise ExportError(f"The {form} file gives {name} of another shape, or not finite. It was not kept.")
            if exact and not agree(one, other):
                raise ExportError(f"The {form} file gives different {name} from the model. It was not kept.")


def _cost(
    adapted: Adapted,
    answer: Answer,
    inputs: np.ndarray,
    examples: Examples,
    *,
    split: str,
    size: int,
) -> FileCost:
    """What the file costs, on examples with their preprocessed inputs."""
    kind = get_task_kind(adapted.kind)
    live = adapted.one_view.outputs(examples)
    asked = track(inputs, "measuring", unit="example", total=len(inputs))
    found = np.concatenate([answer(each[None])[0] for each in asked])
    sign = 1.0 if kind.higher_is_better else -1.0
    scores = [np.asarray(kind.example_scores(each, examples.targets), float) for each in (found, live)]
    gaps = sign * (scores[0] - scores[1])
    mean = float(gaps.mean())
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(gaps) - 1) * stats.sem(gaps)) if len(gaps) > 1 else float("inf")
    # Where nothing differed, 3 / N bounds what N examples can hide.
    half = half or 3 / len(gaps)
    times = []
    for _ in range(TIMED):
        started = time.perf_counter()
        answer(inputs[:1])
        times.append(time.perf_counter() - started)
    milliseconds = 1000 * float(np.median(times))
    return FileCost(size, milliseconds, kind.metric_names[0], Metric(mean, mean - half, mean + half), len(gaps), split)


def _refuse_costly(cost: FileCost, form: str, quantize: str | None, tolerance: float) -> None:
    if cost.change.value < -tolerance:
        raise ExportError(
            f"The {form} file with quantize={quantize!r} is worse than the model by more than tolerance={tolerance}: "
            f"{cost}. It was not kept. Raise tolerance=, or choose another quantize=."
        )


def _described(adapted: Adapted, form: FileForm, quantize: str | None, cost: FileCost) -> dict[str, object]:
    """What a program needs to call the file."""
    fitted = adapted.preprocessor.fitted
    return {
        "file": form.file,
        "input": {"name": "input", "shape": [1, *fitted.shape], "dtype": fitted.dtype.name},
        "outputs": {"outputs": [1, len(adapted.labels)], "features": [1, adapted.embedding.output_shape[-1]]},
        "kind": adapted.kind,
        "labels": list(adapted.labels),
        "modality": adapted.preprocessor.modality,
        "preprocessor": dataclasses.asdict(adapted.preprocessor),  # type: ignore[call-overload]
        "quantize": quantize,
        "cost": dataclasses.asdict(cost),
    }


def _lines(adapted: Adapted, form: FileForm, quantize: str | None, cost: FileCost) -> list[str]:
    fitted = adapted.preprocessor.fitted
    shape = ", ".join(map(str, (1, *fitted.shape)))
    several = ["- One view of each image: test-time augmentation is not in the file."] if adapted.tta else []
    return [
        f"- `{form.file}`, quantization: {quantize or 'none'}",
        f"- `input`, {fitted.dtype.name} ({shape}): one example as the preprocessor gives it ({adapted.preprocessor}); "
        "scaling is in the file. `model.json` has the preprocessor's values.",
        f"- `outputs`, float32 (1, {len(adapted.labels)}), in the order of `labels.txt`; `features`, the embedding.",
        f"- {cost}",
        *several,
    ]
