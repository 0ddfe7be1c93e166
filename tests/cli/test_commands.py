"""What a command gives to its verb, says and returns; the verbs are stand-ins."""

import dataclasses
import json

import pytest

import kzoo
from kzoo.cli.main import main
from kzoo.diagnosis.diagnosis import Diagnosis
from kzoo.diagnosis.finding import Finding
from kzoo.serving.file_forms import FORMS
from kzoo.specs.records.pretrained_record import PretrainedRecord


class Trained:
    """Stands for what a verb returns."""

    def __init__(self, record):
        self.record, self.saved = record, []

    def evaluate(self):
        return "accuracy 0.9"

    def save(self, directory):
        self.saved.append(directory)
        return directory

    def __str__(self):
        return "a table"


@pytest.fixture
def adapted(monkeypatch, run_record):
    """Runs ``kzoo adapt`` with options: exit code, what was called with, and what was returned."""

    def run(*options, **changes):
        made, calls = Trained(dataclasses.replace(run_record, **changes)), []
        monkeypatch.setattr("kzoo.adapt", lambda *arguments, **named: calls.append((arguments, named)) or made)
        return main(["adapt", "resnet50", "flowers/", *options]), calls[0], made

    return run


def test_options_reach_the_task_and_the_verb(adapted):
    options = ("--validation", "0", "--test", "200", "--label", "y", "--head", "hidden=8", "--weights", "none")
    _, ((model, task), named), _ = adapted(*options, "--size", "64", "--split-seed", "2")
    assert (model, task) == ("resnet50", kzoo.Classification("flowers/", validation=0, test=200, label="y", seed=2))
    assert (named["head"], named["weights"], named["size"]) == (kzoo.Head(hidden=8), None, 64)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            ["pretrain", "tiny", "photos/", "--objective", "gan", "--checkpoint-dir", "run/", "--eval-every", "5"],
            {"checkpoint_dir": "run/", "eval_every": 5},
        ),
        (
            ["distill", "saved/", "tiny", "--target", "both", "--alpha", "0.5", "--temperature", "4"],
            {"target": "both", "alpha": 0.5, "temperature": 4.0},
        ),
    ],
)
def test_options_reach_pretrain_and_distill(monkeypatch, tmp_path, command, expected):
    calls = []
    monkeypatch.setattr(
        f"kzoo.{command[0]}",
        lambda *arguments, **named: calls.append(named) or Trained(PretrainedRecord(objective="gan")),
    )
    monkeypatch.setattr("kzoo.cli.commands.load_saved", lambda options: Trained(PretrainedRecord(objective="gan")))
    assert main([*command, "--save", str(tmp_path / "made")]) == 0
    assert expected.items() <= calls[0].items()


def test_a_report_is_written_and_its_findings_are_printed(monkeypatch, capsys):
    class Found:
        def __str__(self):
            return "accuracy 0.9"

        def as_dict(self):
            return {"findings": ["accuracy 0.9"]}

    class Saved:
        def report(self, path, *, data):
            calls.append((path, data))
            return Found()

    calls = []
    monkeypatch.setattr("kzoo.cli.commands.load_saved", lambda options: Saved())
    assert main(["report", "saved/", "--out", "report.html"]) == 0
    assert capsys.readouterr().out == "accuracy 0.9\nWritten to report.html\n"
    assert main(["report", "saved/", "more/", "--out", "new.html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"findings": ["accuracy 0.9"], "written": "new.html"}
    assert calls == [("report.html", None), ("new.html", "more/")]


def test_without_save_it_is_said_that_nothing_is_kept(adapted, capsys, tmp_path):
    told = "kzoo adapt: the trained model will not be saved. To save it, add --save DIR.\n"
    adapted()
    assert capsys.readouterr().err == told
    _, _, made = adapted("--save", str(tmp_path / "kept"))
    assert capsys.readouterr().err == ""
    assert made.saved == [str(tmp_path / "kept")]


def test_a_test_set_is_shown_where_there_is_one(adapted, capsys):
    adapted()
    assert "Test set (not used for training or model selection):\naccuracy 0.9" in capsys.readouterr().out
    adapted(test=None)
    out = capsys.readouterr().out
    assert "Not measured: there is no test set." in out
    assert "accuracy" not in out


def test_a_run_that_was_stopped_is_kept_and_told_by_its_code(adapted, capsys, tmp_path):
    code, _, made = adapted("--save", str(tmp_path / "kept"), "--json", stopped="Stopped by Ctrl-C in phase 1 of 2")
    assert (code, made.saved) == (130, [str(tmp_path / "kept")])
    shown = json.loads(capsys.readouterr().out)
    assert shown["stopped"] == "Stopped by Ctrl-C in phase 1 of 2"
    assert not {"seen", "seen_before"} & shown.keys()
    assert adapted("--save", str(tmp_path / "kept"), stopped=None)[0] == 0


@pytest.mark.parametrize("serious", [True, False])
def test_doctor_says_by_its_code_whether_something_is_serious(monkeypatch, capsys, tmp_path, serious):
    finding = Finding("unreadable or empty" if serious else "one colour", ["a.jpg"], ["train"])
    tasks = []
    found = Diagnosis([finding], {"train": 3}, 0, "image", ("copies",))
    monkeypatch.setattr("kzoo.doctor", lambda task: tasks.append(task) or found)
    assert main(["doctor", "flowers/", "--test", "0.2"]) == int(serious)
    assert tasks == [kzoo.Classification("flowers/", test=0.2)]
    assert capsys.readouterr().out == f"{found}\n"
    assert main(["doctor", "flowers/", "--json"]) == int(serious)
    assert json.loads(capsys.readouterr().out) == found.as_dict()
    target = tmp_path / "todo.csv"
    assert main(["doctor", "flowers/", "--fix", str(target)]) == int(serious)
    assert capsys.readouterr().out.endswith(f"\nWrote 1 line to {target}. The data was not touched.\n")
    assert len(target.read_text().splitlines()) == 2


def test_doctor_with_strict_fails_on_anything(monkeypatch, capsys):
    found = Diagnosis([Finding("one colour", ["a.jpg"], ["train"])], {"train": 3}, 0, "image", ("copies",))
    monkeypatch.setattr("kzoo.doctor", lambda task: found)
    assert main(["doctor", "flowers/", "--strict"]) == 1
    out, err = capsys.readouterr()
    assert out == f"{found}\n"
    assert err == "kzoo doctor: 1 finding; with --strict there must be none.\n"
    monkeypatch.setattr("kzoo.doctor", lambda task: dataclasses.replace(found, findings=[]))
    assert main(["doctor", "flowers/", "--strict"]) == 0


def test_export_with_limits(monkeypatch, capsys):
    calls = []

    class Saved:
        def with_limits(self, **options):
            calls.append(options)
            return self

        def export(self, directory, **options):
            assert options == {"format": "saved_model", "quantize": None, "tolerance": 0.01}
            return f"{directory}/1"

    monkeypatch.setattr("kzoo.cli.commands.load_saved", lambda path: Saved())
    assert main(["export", "saved/", "serving/"]) == 0
    assert main(["export", "saved/", "serving/", "--accuracy", "0.97"]) == 0
    assert main(["export", "saved/", "serving/", "--novelty"]) == 0
    assert calls == [{"accuracy": 0.97, "novelty": False}, {"accuracy": None, "novelty": True}]


def test_export_takes_a_format(monkeypatch, capsys):
    calls = []

    class Saved:
        def export(self, directory, **options):
            calls.append(options)
            return f"{directory}/1"

    monkeypatch.setattr("kzoo.cli.commands.load_saved", lambda path: Saved())
    given = ["--format", "litert", "--quantize", "int8", "--tolerance", "0.05"]
    assert main(["export", "saved/", "phones/", *given]) == 0
    assert calls == [{"format": "litert", "quantize": "int8", "tolerance": 0.05}]
    for name in FORMS:
        assert main(["export", "saved/", "phones/", "--format", name]) == 0
    with pytest.raises(SystemExit):
        main(["export", "saved/", "phones/", "--format", "tflite"])
