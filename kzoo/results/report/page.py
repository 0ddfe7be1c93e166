"""A report as HTML: one page that loads nothing, and the same content for a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kzoo.evaluation.novelty import QUANTILE
from kzoo.results.report.charts import coverage_chart, reliability_chart, residual_chart, truth_chart
from kzoo.results.report.page_parts import charts, confusions, gallery, listing, matrix, paragraph, section, text
from kzoo.results.report.page_style import PAGE_STYLE, STYLE
from kzoo.results.report.slices import ALPHA, LEAST, slice_table
from kzoo.task_kinds.kind_registry import get_task_kind

if TYPE_CHECKING:
    from kzoo.results.report.report import Report

MOST_ROWS = 12
"""Rows of a table that are open; the others are folded away."""

MOST_VALUES = 3
"""Values of a regression that are drawn."""


def page_of(report: Report) -> str:
    """One HTML page with all that it shows inside."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(_title(report))}</title>\n<style>{PAGE_STYLE}</style>\n</head>\n"
        f"<body>\n{body_of(report)}\n</body>\n</html>\n"
    )


def body_of(report: Report) -> str:
    """The content of the page with its style, for a notebook."""
    made = [(name, title, parts) for name, title, make in _SECTIONS if (parts := make(report))]
    links = "".join(f'<a href="#kzoo-{name}">{text(title)}</a>' for name, title, _ in made)
    findings = "".join(f"<li>{text(line)}</li>" for line in report.findings)
    warnings = [paragraph(note, look="warning") for note in report.warnings]
    head = [
        f"<h1>{text(_title(report))}</h1>",
        paragraph("Measured on the test split, unless a section says otherwise.", look="quiet"),
        *warnings,
        f'<ul class="findings">{findings}</ul>',
        f'<nav aria-label="Sections">{links}</nav>',
    ]
    sections = [section(name, title, parts) for name, title, parts in made]
    return f'<style>{STYLE}</style><main class="kzoo-report">{"".join([*head, *sections])}</main>'


def _title(report: Report) -> str:
    return f"{report.model}: report on {report.evaluation.size:,} test {report.noun}s"


def _metrics(report: Report) -> list[str]:
    evaluation = report.evaluation
    found = [listing(replace(evaluation.table(), notes=()), most=MOST_ROWS, noun="metrics")]
    found.append(listing(evaluation.by_label, most=2 * MOST_ROWS, noun="labels"))
    if evaluation.by_group is not None:
        found.append(listing(evaluation.by_group, most=MOST_ROWS, noun="groups"))
    return found


def _slices(report: Report) -> list[str]:
    if not report.slices:
        return []
    metric = next(iter(report.evaluation.metrics))
    said = (
        f"{len(report.slices)} slices of {LEAST} {report.noun}s or more were compared with all other {report.noun}s. "
        f"p is corrected for their number (Holm): in {1 - ALPHA:.0%} of reports without any difference none is named."
    )
    behind = report.behind
    found = [paragraph(said, look="quiet")]
    if behind:
        found += [paragraph("These fall behind:"), listing(slice_table(behind, metric=metric), most=99, noun="slices")]
    else:
        found.append(paragraph("No slice falls behind after the correction."))
    others = slice_table([each for each in report.slices if not each.falls_behind], metric=metric)
    return [*found, listing(others, most=0 if behind else 5, noun="slices")] if others.rows else found


def _confusion(report: Report) -> list[str]:
    evaluation = report.evaluation
    if evaluation.confusion is None:
        return []
    pairs = confusions(evaluation.confusion, evaluation.labels)
    drawn = [matrix(evaluation.confusion, evaluation.labels)]
    return [*drawn, listing(pairs, most=5, noun="pairs")] if pairs.rows else drawn


def _values(report: Report) -> list[str]:
    evaluation = report.evaluation
    if get_task_kind(evaluation.kind).has_labels:
        return []
    drawn = []
    for place, label in enumerate(evaluation.labels[:MOST_VALUES]):
        pair = evaluation.truth[:, place], evaluation.outputs[:, place]
        drawn += [truth_chart(*pair, label=label), residual_chart(*pair, label=label)]
    return [charts(drawn)]


def _reliability(report: Report) -> list[str]:
    found = report.reliability
    if found is None:
        return []
    lines = [
        f"Expected calibration error {found.ece} (95% interval, bootstrap). Exact probabilities would stay below "
        f"{found.chance:.3f} in 95 of 100 such samples.",
        f"Mean probability less the share that is right: {100 * found.excess.value:+.1f} points "
        f"[{100 * found.excess.low:+.1f}, {100 * found.excess.high:+.1f}].",
    ]
    said = paragraph("Of the answers as the model gives them now. Dots on the dashed line are exact.", look="quiet")
    return [paragraph(found.verdict), *map(paragraph, lines), charts([reliability_chart(found)]), said]


def _abstention(report: Report) -> list[str]:
    found = report.abstention
    if found is None:
        return []
    said = paragraph("The model can leave out what it is less sure of than a threshold.")
    rows = [listing(found.table(), most=MOST_ROWS, noun="thresholds")] if found.points else []
    notes = [] if rows else [paragraph(note, look="quiet") for note in found.table().notes]
    return [said, charts([coverage_chart(found)]), *rows, *notes]


def _mistakes(report: Report) -> list[str]:
    return [gallery(report.mistakes)] if report.mistakes else []


def _doubtful(report: Report) -> list[str]:
    said = paragraph(
        "Right or wrong: the model is least sure of these. They are worth labelling more of.", look="quiet"
    )
    return [said, gallery(report.doubtful)] if report.doubtful else []


def _issues(report: Report) -> list[str]:
    found = report.issues
    if found is None:
        return []
    said = (
        f"Confident learning over {found.size:,} {report.noun}s of all splits. The list is ranked: look at it from the "
        "top, and expect the model to be wrong about some."
    )
    return [
        paragraph(said, look="quiet"),
        gallery(found.shown),
        listing(found.table(), most=0, noun="likely label errors") if found.rows else paragraph("None was found."),
    ]


def _unusual(report: Report) -> list[str]:
    found = report.unusual
    if found is None:
        return []
    novelty = found.novelty
    said = (
        f"The distance (1 - cosine) to the nearest training {report.noun} number {novelty.k}, by the model's "
        f"embeddings, is above {novelty.threshold:.3f}, the {QUANTILE:.0%} quantile of the {novelty.source} split. "
        f"That holds of {found.share:.1%} of the test {report.noun}s; about {1 - QUANTILE:.0%} is expected."
    )
    table = listing(found.table(), most=0, noun=f"unusual {report.noun}s") if found.names else ""
    return [paragraph(said, look="quiet"), gallery(found.shown), table]


def _notes(report: Report) -> list[str]:
    others = [note for note in report.notes if note not in report.warnings]
    return [f"<ul>{''.join(f'<li>{text(note)}</li>' for note in others)}</ul>"] if others else []


_SECTIONS: Sequence[tuple[str, str, Callable[[Report], list[str]]]] = (
    ("metrics", "Metrics", _metrics),
    ("slices", "Slices", _slices),
    ("confusion", "Confusion", _confusion),
    ("values", "Predictions and errors", _values),
    ("reliability", "Reliability", _reliability),
    ("abstention", "Abstention", _abstention),
    ("mistakes", "Surest mistakes", _mistakes),
    ("doubtful", "Most doubtful", _doubtful),
    ("labels", "Likely label errors", _issues),
    ("unusual", "Unlike anything in training", _unusual),
    ("notes", "Notes", _notes),
)
"""Name, title and maker of each section, in order; one that makes nothing is left out."""
