"""Columns and rows of each table, from the records of its runs. The best of each set is bold, whosever it is."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from estimates import Estimate, clipped, less, mean, measured, paired, ratio
from report import Record
from runs import METHODS, accuracies, answers_of, by_set, order, reached_at
from sets import FIXED, METRICS, TITLES, kind

Row = Sequence[str | float | None]
Rows = tuple[Sequence[str], list[Row]]
Records = list[Record]
BUSY = 0.1
"""Share of the machine that other processes may use before seconds are marked."""


def texts(found: Records) -> Rows:
    """One row a set and method, beside TF-IDF."""
    columns = ("set", "used for", "method", "metric", "score", "less TF-IDF", "seconds", "seeds")
    return columns, _scored(found, rival="TF-IDF", metric_column=True)


def recordings(found: Records) -> Rows:
    """One row a set and method, beside scikit-learn; the test speakers of each draw."""
    columns = ("set", "used for", "method", "accuracy", "of each seed", "less scikit-learn", "seconds", "seeds")
    lines = _scored(found, rival="scikit-learn", each=True)
    drawn = {
        record["job"]["seed"]: " and ".join(record["result"]["test_speakers"])
        for record in found
        if "test_speakers" in record["result"]
    }
    shown = "; ".join(f"seed {seed}: {names}" for seed, names in sorted(drawn.items()))
    return columns, [*lines, *([("", "", f"test speakers: {shown}", *[""] * 5)] if shown else [])]


def languages(found: Records) -> Rows:
    """One row a method: mean and standard deviation over the seeds."""
    columns = ("trained on", "measured on", "method", "balanced accuracy", "AUC", "seeds")
    lines: list[Row] = []
    for name in found[0]["result"]["scores"] if found else ():
        scores = [record["result"]["scores"][name] for record in found]
        shown = []
        for metric in ("balanced accuracy", "AUC"):
            values = [each[metric] for each in scores]
            spread = f" (sd {np.std(values, ddof=1):.3f})" if len(values) > 1 else ""
            shown.append(f"{np.mean(values):.3f}{spread}")
        seeds = ", ".join(str(record["job"]["seed"]) for record in found)
        lines.append(("SST-2", "ChnSentiCorp", name, *shown, seeds))
    return columns, lines


def pretraining(found: Records) -> Rows:
    """One row a share of labels and objective, beside the start without pretraining."""
    columns = ("labels", "used for", "method", "accuracy", "of each seed", "less the start", "seconds", "seeds")
    return columns, _scored(found, rival="from the start", each=True)


def combining(found: Records) -> Rows:
    """One row a method, beside the larger single model."""
    columns = ("set", "used for", "method", "accuracy", "of each seed", "less mobilenet_v2_035", "seconds", "seeds")
    return columns, _scored(found, rival="mobilenet_v2_035", each=True)


def time_to_accuracy(found: Records) -> Rows:
    """One row a set and method: means over the seeds that all methods have."""
    columns = (
        "set",
        "used for",
        "method",
        "test accuracy",
        "less the guide",
        "seconds in all",
        "times as fast",
        "seeds",
    )
    lines = []
    for name, methods in by_set(found):
        best = max(statistics.mean(accuracies(runs).values()) for runs in methods.values())
        for method, runs in methods.items():
            scores = clipped(mean(list(accuracies(runs).values())), 0.0, 1.0)
            rival = methods.get("guide", {})
            gain = paired(accuracies(runs), accuracies(rival)) if rival and method != "guide" else None
            speed = _speed(runs, rival) if rival and method != "guide" else ""
            shown = (
                _bold(scores, scores.value == best),
                _signed(gain),
                _seconds(runs.values()),
                speed,
                seeds_of(runs),
            )
            lines.append((TITLES[name], kind(name), METHODS.get(method, method), *shown, seeds_of(runs)))
    return columns, lines


def time_to_accuracy_seeds(found: Records) -> Rows:
    """One row a set and seed: the guide and kzoo."""
    columns = ("set", "seed", "guide's best", "at, s", "kzoo", "in all, s", "at the guide's best, s", "times as fast")
    lines = []
    for name, methods in by_set(found):
        ours, theirs = methods.get("kzoo", {}), methods.get("guide", {})
        for seed in sorted(set(ours) & set(theirs)):
            waited, reached = reached_at(theirs[seed], theirs[seed]), reached_at(ours[seed], theirs[seed])
            figures = (theirs[seed]["result"]["accuracy"], ours[seed]["result"]["accuracy"])
            lines.append(
                (
                    TITLES[name],
                    seed,
                    f"{figures[0]:.3f}",
                    f"{waited:.0f}",
                    f"{figures[1]:.3f}",
                    f"{ours[seed]['result']['seconds']:.1f}",
                    "never" if reached is None else f"{reached:.1f}",
                    "never" if reached is None else f"{waited / reached:.1f}",
                )
            )
    return columns, lines


def few_shot(found: Records) -> Rows:
    """One row a set, one column a method; only draws that all methods of the set have."""
    methods = list(dict.fromkeys(record["job"]["method"] for record in sorted(found, key=order)))
    lines = []
    for name, known in by_set(found):
        common = sorted(set.intersection(*(set(runs) for runs in known.values())))
        if not common:
            continue
        scores = {method: [runs[seed]["result"]["accuracy"] for seed in common] for method, runs in known.items()}
        best = max(map(statistics.mean, scores.values()))
        cells = [
            _bold(mean(scores[method]), statistics.mean(scores[method]) == best) if method in scores else ""
            for method in methods
        ]
        sizes = next(iter(next(iter(known.values())).values()))["result"]
        title = _FEW_SHOT.get(name, TITLES.get(name, name))
        used = "development" if name == "voice" else kind(name)
        lines.append((title, used, sizes["labels"], sizes["examples"], *cells, len(common)))
    return ("set", "used for", "labels", "test examples", *methods, "draws"), lines


def tabular(found: Records) -> Rows:
    """One row a set, one column a model; means over the seeds, each of which draws its test split."""
    rivals = list(dict.fromkeys(name for record in found for name in record["result"] if name not in _FIGURES))
    lines: list[Row] = []
    for name, methods in by_set(found):
        for method, runs in methods.items():
            scores = {each: [run["result"][each] for run in runs.values() if each in run["result"]] for each in rivals}
            best = max(statistics.mean(values) for values in scores.values() if values)
            cells = [
                _bold(mean(values), statistics.mean(values) == best) if values else "" for values in scores.values()
            ]
            gain = [run["result"]["kzoo"] - run["result"]["boosting"] for run in runs.values()]
            shown = (*cells, mean(gain).show("+.3f"), _seconds(runs.values()), seeds_of(runs))
            lines.append((name, method, int(_first(runs)["result"]["rows"]), *shown))
    return ("set", "backbone", "rows", *rivals, "less boosting", "seconds", "seeds"), lines


def heads(found: Records) -> Rows:
    """One row a set, one column a head: means over the seeds, and those of the gain over logistic regression."""
    lines: list[Row] = []
    for name, methods in by_set(found):
        for method, runs in methods.items():
            results = [run["result"] for run in runs.values()]
            scores = {head: [each["accuracy"][head] for each in results] for head in results[0]["accuracy"]}
            best = max(map(statistics.mean, scores.values()))
            cells = [_bold(mean(values), statistics.mean(values) == best) for values in scores.values()]
            gain = mean([each["gain"]["best"][0] for each in results]).show("+.3f")
            seconds = [statistics.mean(each["seconds"][which] for each in results) for which in ("logistic", "best")]
            chosen = ", ".join(each["chosen"].replace("mlp", "logistic") for each in results)
            times = " / ".join(f"{value:.1f}" for value in seconds)
            lines.append((TITLES.get(name, name), kind(name), method, *cells, gain, chosen, times, seeds_of(runs)))
    names = list(found[0]["result"]["accuracy"]) if found else []
    columns = (
        "set",
        "used for",
        "backbone",
        *names,
        "best less logistic",
        "best is",
        "seconds, logistic / best",
        "seeds",
    )
    return columns, lines


def series(found: Records) -> Rows:
    """One row a set and method, beside scikit-learn."""
    columns = ("set", "used for", "method", "accuracy", "less scikit-learn", "seconds", "seeds")
    return columns, _scored(found, rival="scikit-learn")


_FIGURES = ("seconds", "rows", "constant answer")
"""Results of `tabular.py` that are no scores of models."""


def _first(found: Mapping[int, Record]) -> Record:
    return next(iter(found.values()))


def serving(found: Records) -> Rows:
    """One row a backbone and batch size."""
    columns = ("backbone", "batch", "Keras p50 / p99, ms", "kzoo p50 / p99, ms", "Keras, images/s", "kzoo, images/s")
    lines = []
    for record in sorted(found, key=lambda record: (record["job"]["backbone"], record["job"]["batch"])):
        times, batch = record["result"]["milliseconds"], record["job"]["batch"]
        medians = {way: float(np.median(times[way])) for way in ("keras", "kzoo")}
        mark = "\\*" if record["made"]["others"] > BUSY else ""
        spans = [f"{medians[way]:.1f} / {_p99(times[way])}{mark}" for way in medians]
        rates = [f"{1e3 * batch / medians[way]:,.0f}" for way in medians]
        share = f"{medians['keras'] / medians['kzoo']:.2f}"
        lines.append((record["job"]["backbone"], batch, *spans, *rates, share, len(times["kzoo"])))
    return (*columns, "ratio", "calls"), lines


def predict(found: Records) -> Rows:
    """One row a modality and way; runs hold milliseconds of wall clock and of processor, of each call, by way."""
    columns = ("input", "backbone", "what", "p50 / p99, ms", "CPU, ms a call", "calls")
    lines = []
    for record in found:
        mark = "\\*" if record["made"]["others"] > BUSY else ""
        for way, times in record["result"]["milliseconds"].items():
            used = statistics.mean(record["result"]["cpu_milliseconds"][way])
            span = f"{np.median(times):.1f} / {_p99(times)}{mark}"
            lines.append((record["job"]["modality"], record["job"]["backbone"], way, span, f"{used:.1f}", len(times)))
    return columns, lines


def plain(found: Records) -> Rows:
    """One row a run: what tells it from the others, and all numbers that came out."""
    ordered = sorted(found, key=lambda record: [str(value).zfill(9) for value in record["job"].values()])
    columns = (*ordered[0]["job"], *ordered[0]["result"])
    return columns, [
        (*record["job"].values(), *(_number(value) for value in record["result"].values())) for record in ordered
    ]


def _scored(found: Records, *, rival: str, each: bool = False, metric_column: bool = False) -> list[Row]:
    lines = []
    for name, methods in by_set(found):
        metric = METRICS.get(name, "accuracy")
        fixed = name in FIXED or name.endswith("%")
        answers = {
            method: {seed: answers_of(run["result"]) for seed, run in runs.items()} for method, runs in methods.items()
        }
        scores = {method: measured(runs, metric, fixed=fixed) for method, runs in answers.items()}
        best = max(score.value for score in scores.values())
        for method, runs in methods.items():
            gain = None
            if rival in answers and method != rival:
                gain = less(answers[method], answers[rival], metric, fixed=fixed)
            cells: list[str] = [metric] if metric_column else []
            cells.append(_bold(scores[method], scores[method].value == best))
            if each:
                single = [measured({0: run}, metric, fixed=False).value for run in answers[method].values()]
                cells.append(", ".join(f"{value:.3f}" for value in single))
            used = "development" if name.endswith("%") else kind(name)
            shown = (_signed(gain), _seconds(runs.values()), seeds_of(runs))
            lines.append((TITLES.get(name, name), used, METHODS.get(method, method), *cells, *shown))
    return lines


def _speed(ours: dict[int, Record], theirs: dict[int, Record]) -> str:
    """How many times as fast ours reaches the guide's best: of each seed, and their geometric mean."""
    seeds = sorted(set(ours) & set(theirs))
    waits = {seed: reached_at(theirs[seed], theirs[seed]) for seed in seeds}
    times = {seed: reached_at(ours[seed], theirs[seed]) for seed in seeds}
    if not seeds:
        return ""
    each = ["never" if times[seed] is None else f"{waits[seed] / times[seed]:.1f}" for seed in seeds]
    if "never" in each:
        return "does not reach it in " + f"{each.count('never')} of {len(each)}: " + ", ".join(each)
    return f"{ratio(times, waits).show('.1f')}: {', '.join(each)}"


def _seconds(found: Iterable[Record]) -> str:
    """The mean over runs, marked where the machine was busy."""
    runs = list(found)
    value = statistics.mean(run["result"]["seconds"] for run in runs)
    mark = "\\*" if any(run["made"]["others"] > BUSY for run in runs) else ""
    return f"{value:,.1f}{mark}" if value < 100 else f"{value:,.0f}{mark}"


def seeds_of(runs: dict[int, Record]) -> str:
    """The seeds of runs, in order."""
    return ", ".join(map(str, sorted(runs)))


def _p99(times: Sequence[float]) -> str:
    """The 99th percentile; of fewer than 200 calls it would be little else than the largest."""
    return f"{np.quantile(times, 0.99):.1f}" if len(times) >= 200 else "too few calls"


def _bold(estimate: Estimate, best: bool) -> str:
    return f"**{estimate.show()}**" if best else estimate.show()


def _signed(estimate: Estimate | None) -> str:
    return "" if estimate is None else estimate.show("+.3f")


def _number(value: str | float) -> str | float:
    return f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


_FEW_SHOT = {
    "hymenoptera": "hymenoptera (its images come from ImageNet, on which the teacher was trained)",
    "fsdd": "FSDD, two speakers",
    "voice": "FSDD, another speaker than the one learned from",
    "chnsenticorp": "ChnSentiCorp, the fifth that was kept out",
}
