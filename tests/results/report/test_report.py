"""A report, from a model to its page: what is in it, that it is whole, and that all text in it is escaped."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import keras
import numpy as np
import pytest

import kzoo
from kzoo.data.audio.column import encode_wav
from kzoo.evaluation.abstention import measure_abstention
from kzoo.evaluation.metrics import measure
from kzoo.results.report.page import page_of
from kzoo.results.report.reliability import measure_reliability
from kzoo.results.report.report import Report
from kzoo.results.report.shown import Shown, caption_answers, most_doubtful, surest_mistakes
from kzoo.results.report.slices import find_slices
from kzoo.task_kinds.kind_registry import get_task_kind

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "img", "br", "line", "circle", "polyline"}


class Outline(HTMLParser):
    """The sections of a page, its tags and its text; each tag that is opened is closed, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []
        self.sections = [found["id"].removeprefix("kzoo-") for tag, found in self.tags if tag == "h2"]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def check_alone(page):
    """It loads nothing from elsewhere, and runs nothing."""
    found = Outline(page)
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page
    assert not {tag for tag, _ in found.tags} & {"script", "link", "iframe", "object", "embed"}
    sources = [values["src"] for _, values in found.tags if "src" in values]
    assert all(source.startswith("data:") for source in sources)
    assert not re.search(r"url\(", page)
    return found


@pytest.fixture(scope="module")
def adapted(make_backbone):
    """A probe on three classes, two of which differ little; of one class the names would be code."""
    rng = np.random.default_rng(0)
    targets = np.arange(240) % 3
    pixels = rng.integers(0, 120, (240, 16, 16, 3))
    pixels[np.arange(240), ..., np.minimum(targets, 1)] += 60
    pixels[targets == 2] += 15
    keras.utils.set_random_seed(0)
    data = pixels.astype(np.uint8), [[EVIL, "b & c", "d"][target] for target in targets]
    task = kzoo.Classification(data, test=0.4, validation=0.2)
    return kzoo.adapt(make_backbone(), task, schedule="linear_probe", size=16)


@pytest.fixture(scope="module")
def report(adapted, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    return adapted.report(path), path


def test_the_page_is_whole_and_alone(report):
    made, path = report
    page = path.read_text(encoding="utf-8")
    assert page == page_of(made)
    found = check_alone(page)
    wanted = [
        "metrics",
        "slices",
        "confusion",
        "reliability",
        "abstention",
        "mistakes",
        "doubtful",
        "labels",
        "unusual",
    ]
    assert found.sections == wanted
    links = [values["href"] for tag, values in found.tags if tag == "a"]
    assert links == [f"#kzoo-{name}" for name in found.sections]
    assert EVIL in found.text
    assert all(values.get("alt") for tag, values in found.tags if tag == "img")
    assert [path.name for path in path.parent.iterdir()] == ["report.html"]


def test_it_says_what_evaluate_says(report, adapted):
    made, _ = report
    evaluation = adapted.evaluate()
    assert made.evaluation.metrics == evaluation.metrics
    assert (
        str(made).splitlines()[0]
        == f"accuracy {evaluation.metrics['accuracy']} on 96 images that the model has not seen"
    )
    assert [each.name for each in made.mistakes] == [row[0] for row in evaluation.worst(12).rows]
    assert json.loads(json.dumps(made.as_dict()))["findings"] == made.findings
    assert made.slice_table().rows[0][0] == made.slices[0].name


def test_a_notebook_shows_the_same(report):
    made, _ = report
    assert made._repr_html_() in page_of(made)
    assert made._repr_html_().startswith("<style>")
    # Its rules hold inside of the report alone.
    rules = re.findall(r"^([^@{}\n]+)\{", made._repr_html_().split("</style>")[0].replace("<style>", ""), re.MULTILINE)
    selectors = [part.strip() for rule in rules for part in rule.split(",")]
    assert all(part.startswith(".kzoo-report") for part in selectors)


def test_what_is_unusual_is_told_for_new_inputs(report, adapted):
    made, _ = report
    test = adapted.splits().test
    flat = np.full((1, 16, 16, 3), 255, np.uint8)
    asked = np.concatenate([test.columns["image"], flat])
    found = made.novelty.is_unusual(adapted.embed(asked))
    assert found[-1]
    assert [test.names[place] for place in np.flatnonzero(found[:-1])] == sorted(
        made.unusual.names, key=list(test.names).index
    )


def test_thresholds_are_from_answers_that_are_not_from_memory(report, adapted):
    made, _ = report
    assert adapted.record.refitted
    assert made.abstention.source.startswith("out-of-fold answers")
    plain = dataclasses.replace(adapted, record=dataclasses.replace(adapted.record, refitted=False))
    plain.__dict__["inference"] = adapted.inference
    assert plain.report().abstention.source == "the validation split"


def test_without_the_training_data_it_says_what_is_missing(report, adapted):
    alone = dataclasses.replace(adapted, data=None)
    alone.__dict__["inference"] = adapted.inference
    test = adapted.splits().test
    found = alone.report(data=(test.columns["image"], [adapted.labels[target] for target in test.targets]))
    assert (found.issues, found.unusual, found.novelty) == (None, None, None)
    assert found.evaluation.metrics == report[0].evaluation.metrics
    assert found.notes[-1].startswith("Thresholds, label errors and unusual examples need the training data")
    assert check_alone(page_of(found)).sections[-1] == "notes"
    with pytest.raises(ValueError, match="cannot be read again"):
        alone.report()


def by_hand(name, outputs, truth, labels, **changes):
    """A report of answers, without a model."""
    kind = get_task_kind(name)
    evaluation = measure(name, outputs, truth, labels=labels, names=[f"row {n}" for n in range(len(truth))])
    hits = np.asarray(kind.example_scores(outputs, truth), bool)
    galleries = []
    for places in (surest_mistakes(kind, outputs, truth)[:3], most_doubtful(kind, outputs)[:3]):
        captions = caption_answers(kind, outputs, truth, labels=labels, places=places)
        shown = [
            Shown(f"row {place}", line, "text/plain", EVIL.encode())
            for place, line in zip(places, captions, strict=True)
        ]
        galleries.append(shown)
    made = Report(
        "model",
        "text",
        evaluation,
        find_slices(kind, outputs, truth, labels=labels, attributes={}),
        measure_reliability(kind, outputs, truth),
        kind.confidence and measure_abstention(kind.confidence(outputs), hits, chosen_on=None),
        *galleries,
        None,
        None,
    )
    return dataclasses.replace(made, **changes)


def test_values_have_other_sections():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(90, 2)).astype(np.float32)
    made = by_hand("regression", truth + rng.normal(size=(90, 2)).astype(np.float32) / 3, truth, ["price", EVIL])
    found = check_alone(page_of(made))
    assert found.sections == ["metrics", "slices", "values", "mistakes"]
    assert [tag for tag, _ in found.tags].count("svg") == 4
    worst = np.abs(made.evaluation.outputs - truth).mean(axis=1).argmax()
    assert made.mistakes[0].name == f"row {worst}"
    assert "mean absolute error" in str(made)


def test_several_labels_have_no_confusion():
    rng = np.random.default_rng(0)
    outputs = rng.random((80, 3)).astype(np.float32)
    truth = (rng.random((80, 3)) < outputs).astype(np.float32)
    made = by_hand("multi_label", outputs, truth, ["a", EVIL, "c"], notes=["WARNING: <b>", "a note"])
    found = check_alone(page_of(made))
    assert found.sections == ["metrics", "slices", "reliability", "abstention", "mistakes", "doubtful", "notes"]
    assert "WARNING: <b>" in found.text
    assert made.warnings == ["WARNING: <b>"]


def test_many_classes_have_no_matrix_but_pairs():
    rng = np.random.default_rng(0)
    labels = [f"class {number}" for number in range(40)]
    truth = rng.integers(0, 40, 300)
    outputs = rng.dirichlet(np.ones(40), 300).astype(np.float32)
    page = page_of(by_hand("classification", outputs, truth, labels))
    found = check_alone(page)
    assert "matrix" not in [values.get("class") for _, values in found.tags]
    assert "share of the class" in found.text


def test_a_recording_can_be_played():
    wave = encode_wav(np.zeros(80, np.float32), rate=8_000)
    shown = [Shown('a "quoted" name', ("is a",), "audio/wav", wave)]
    made = by_hand("classification", np.eye(2)[[0, 1] * 20], np.array([0, 1] * 20), ["a", "b"], mistakes=shown)
    found = check_alone(page_of(made))
    (audio,) = [values for tag, values in found.tags if tag == "audio"]
    assert audio["src"].startswith("data:audio/wav;base64,")
    assert audio["aria-label"] == 'a "quoted" name, is a'


@pytest.mark.slow
def test_columns_of_a_table_are_slices(tmp_path):
    rng = np.random.default_rng(0)
    words = {"good": ["lovely", "great", "fine"], "bad": ["awful", "poor", "dull"]}
    rows = []
    for number in range(600):
        label = ("good", "bad")[number % 2]
        source = ("forum", "shop")[number % 3 == 0]
        # Of the shop's texts half say nothing.
        word = "plain" if source == "shop" and rng.random() < 0.7 else words[label][rng.integers(3)]
        rows.append(f"{word} number {number},{label},{source},{rng.integers(1990, 2020)}")
    (tmp_path / "reviews.csv").write_text("text,label,source,year\n" + "\n".join(rows) + "\n")
    adapted = kzoo.adapt("ngrams", kzoo.Classification(tmp_path / "reviews.csv", test=0.4))
    made = kzoo.load(adapted.save(tmp_path / "saved")).report(tmp_path / "report.html")
    assert made.behind[0].name == "source: shop"
    assert {"characters", "year"} <= {each.attribute for each in made.slices}
    assert check_alone((tmp_path / "report.html").read_text()).sections[0] == "metrics"
    assert made.mistakes[0].media == "text/plain"


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_computed(adapted, tmp_path, monkeypatch):
    monkeypatch.setattr("kzoo.results.display.make_report", None)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="does not lead through a file"):
        adapted.report(tmp_path / "file" / "report.html")
    with pytest.raises(IsADirectoryError, match="Choose the path of a file"):
        adapted.report(tmp_path)
    with pytest.raises(TypeError):
        adapted.report(tmp_path / "new" / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
