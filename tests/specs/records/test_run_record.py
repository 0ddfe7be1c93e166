"""Records of runs: typed, frozen, printed as a table, and read again from what this or an earlier kzoo wrote."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest

from kzoo.specs.phases import LinearProbe
from kzoo.specs.records.evaluation_record import MetricRecord
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.records.run_record import RunRecord
from kzoo.specs.records.seen import Seen

RECORDS = json.loads((Path(__file__).parent / "untyped_records.json").read_text(encoding="utf-8"))
"""What kzoo wrote in saved folders before records were typed, by what wrote it."""

RUNS = sorted(RECORDS.keys() - {"features", "pretrained"})


def restored(name):
    return (RunRecord if name in RUNS else PretrainedRecord).restore(copy.deepcopy(RECORDS[name]))


@pytest.mark.parametrize("name", RECORDS)
def test_what_an_earlier_kzoo_wrote_is_read_whole(name):
    found = restored(name)
    plain = json.loads(json.dumps(found.as_plain()))
    assert type(found).restore(plain) == found
    wanted = copy.deepcopy(RECORDS[name])
    if name in RUNS:
        wanted["validation_fingerprint"] = wanted.pop("held")
        wanted["refitted"] = False
        for phase in wanted.get("phases", ()):
            if phase["phase"]["optimizer"] == "lbfgs":
                phase["phase"] = {"strengths": None, "refit": False}
    renamed = {"what": "target", "labels": "alpha"}
    if "distilled" in wanted:
        wanted["distilled"] = {renamed.get(key, key): value for key, value in wanted["distilled"].items()}
    assert plain == {key: value for key, value in wanted.items() if value is not None or name in RUNS}


def test_a_run_has_typed_fields():
    found = restored("run")
    probe, tuned = found.phases
    assert (probe.phase, probe.groups, probe.diverged) == (LinearProbe(refit=False), ("head",), False)
    assert (tuned.phase.optimizer, tuned.phase.weight_decay, len(tuned.history)) == ("adamw", 0.004, 2)
    assert tuned.seconds == RECORDS["run"]["phases"][1]["seconds"]
    assert found.sizes["test"] == 12
    assert isinstance(found.seen, Seen)
    assert len(found.seen.trained) == 3
    assert found.test.metrics["accuracy"] == MetricRecord(**RECORDS["run"]["test"]["metrics"]["accuracy"])
    assert found.merged is None
    assert restored("ensemble").merged.members == ("net", "net")
    assert restored("distilled").distilled.teacher == "net"
    assert restored("pretrained").course[0]["step"] == 0


CHANGES = {
    "a field": lambda found: setattr(found, "test", None),
    "a field of a phase": lambda found: setattr(found.phases[0], "seconds", 0.0),
    "a phase": lambda found: found.phases.append(1),
    "a score": lambda found: found.phases[0].scores.update(val_accuracy=1.0),
    "an epoch": lambda found: found.phases[1].history[0].update(loss=0.0),
    "a metric": lambda found: found.test.metrics.pop("accuracy"),
    "a version": lambda found: found.versions.clear(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_can_be_changed(name):
    found = restored("run")
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
        CHANGES[name](found)


def test_it_prints_as_a_table():
    found = restored("run")
    first, columns, probe, tuned, *notes = str(found).splitlines()
    assert first == "custom, seed 1"
    assert columns.split()[:4] == ["phase", "trained", "epochs", "val_loss"]
    assert probe.split()[:3] == ["1", "head", "1"]
    assert (probe.endswith("kept"), tuned.endswith("kept")) == (True, False)
    assert notes == list(found.notes)
    assert "<table" in found._repr_html_()
    merged = str(restored("ensemble"))
    assert merged.splitlines()[1].split()[:2] == ["member", "model"]
    assert "kept" not in merged
    shown = str(restored("pretrained"))
    assert "autoencoder" in shown
    assert "course" not in shown
    assert "<table" in restored("features")._repr_html_()


def test_what_kzoo_1_did_not_record_has_its_default():
    former = copy.deepcopy(RECORDS["run"])
    for name in ("options", "stopped", "held", "start", "seen_before"):
        del former[name]
    for phase in former["phases"]:
        del phase["diverged"], phase["stopped"], phase["runtimes"]
    # A probe's weight decay was 0 then; today it takes none.
    former["phases"][0]["phase"]["weight_decay"] = 0.0
    former["seen"] = ["0a" * 32]
    found = RunRecord.restore(former)
    assert (found.stopped, found.start, found.phases[0].runtimes) == (None, None, ())
    assert found.phases[0].phase == LinearProbe(refit=False)
    assert found.seen == Seen.of(trained=["0a" * 32])


WRONG = {
    "unknown": (lambda r: r.update(hook="x"), "record has unknown fields: 'hook'"),
    "missing": (lambda r: r.pop("task"), "record lacks the fields task"),
    "missing in a phase": (lambda r: r["phases"][1].pop("views"), r"record\.phases\[1\] lacks the fields views"),
    "no dict": (lambda r: r.update(task=1), r"record\.task must be a dict"),
    "no number": (lambda r: r["phases"][0].update(seconds="1"), r"record\.phases\[0\]\.seconds must be a number"),
    "no such phase": (lambda r: r.update(kept=2), "record.kept must be the number of one of 2 phases. Got 2"),
    "no option": (lambda r: r["phases"][1]["phase"].update(hook=1), r"phases\[1\]\.phase has unknown fields"),
    "another option": (
        lambda r: r["phases"][1]["phase"].update(layer_decay="x"),
        r"\.phase is not a valid phase",
    ),
    "no metric": (lambda r: r["test"]["metrics"].update(f=1), r"record\.test\.metrics\.f must be a dict"),
    "no digests": (lambda r: r.update(seen={"trained": "?"}), "must be a dict of base64 strings"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_record_is_refused(name):
    change, message = WRONG[name]
    values = copy.deepcopy(RECORDS["run"])
    change(values)
    with pytest.raises(ValueError, match=message):
        RunRecord.restore(values)
    with pytest.raises(ValueError, match="record lacks the fields objective"):
        PretrainedRecord.restore({})
