"""The verbs from a shell."""

import json
import shutil
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kzoo.cli.main import main
from kzoo.serving.saved_model import ExportError
from kzoo.training.cache import disk


@pytest.fixture(scope="module")
def saved(folder, tmp_path_factory):
    target = tmp_path_factory.mktemp("cli")
    model = ["mobilenet_v1_025", str(folder), "--weights", "none", "--size", "32", "--schedule", "linear_probe"]
    code = main(["adapt", *model, "--save", str(target / "saved"), "--export", str(target / "served")])
    assert code == 0
    return target


def run(capsys, *arguments):
    code = main([*map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_list(capsys):
    code, out, _ = run(capsys, "list", "mobilenet_v2*")
    assert code == 0
    assert "mobilenet_v2_035" in out
    assert "6 models" in out


def test_list_as_json(capsys):
    _, out, _ = run(capsys, "list", "resnet50", "--json")
    (card,) = json.loads(out)
    assert (card["name"], card["scaling"], card["parameters"]) == ("resnet50", "caffe", 23_587_712)


def test_show(capsys):
    code, out, _ = run(capsys, "show", "mobilenet_v1_025")
    assert code == 0
    assert "paper       https://arxiv.org/abs/1704.04861\n" in out
    assert "weights at 224 pixels: mobilenet_2_5_224_tf_no_top.h5" in out
    assert "stage4" in out


def test_plan(capsys, folder):
    arguments = ("plan", "mobilenet_v1_025", folder, "--weights", "none", "--size", 32)
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "Random weights: nothing is transferred." in out
    _, out, _ = run(capsys, *arguments, "--json")
    phase = json.loads(out)["phases"][0]
    assert phase["trains"] == "head"
    assert phase["activations"].endswith(" MB in memory")


@pytest.fixture
def shoes(tmp_path):
    """A table of numbers with two targets."""
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'boot' if a > 0 else 'shoe'},{a + b:.3f}" for a, b in rng.normal(size=(60, 2))]
    path = tmp_path / "shoes.csv"
    path.write_text("\n".join(["a,b,kind,usd", *rows]), encoding="utf-8")
    return path


TARGETS = ("--target", "kind=classification", "--target", "price=regression:usd")


def test_several_targets_of_a_table(capsys, shoes, tmp_path):
    model = ("row_mlp", shoes, "--row", "a,b", "--weights", "none", "--schedule", "linear_probe")
    code, out, _ = run(capsys, "adapt", *model, *TARGETS, "--weigh", "gradnorm", "--save", tmp_path / "saved")
    assert code == 0
    assert "adapted to 2 tasks (kind: classification, price: regression)" in out
    code, out, _ = run(capsys, "plan", *model, *TARGETS, "--json")
    assert code == 0
    code, out, _ = run(capsys, "evaluate", tmp_path / "saved")
    assert code == 0
    assert "kind accuracy" in out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((*TARGETS, "--label", "kind"), "--label and --task describe one task"),
        ((*TARGETS, *TARGETS[:2]), "Two targets are named 'kind'"),
        (("--weigh", "uncertainty"), "--weigh is for several tasks"),
    ],
)
def test_targets_that_do_not_fit_together(capsys, shoes, more, told):
    code, _, err = run(capsys, "plan", "row_mlp", shoes, *more)
    assert code == 1
    assert told in err


def test_a_target_of_no_kind_is_a_usage_error(capsys, shoes):
    with pytest.raises(SystemExit):
        main(["plan", "row_mlp", str(shoes), "--target", "price=number:usd"])
    assert "NAME=KIND:COLUMN" in capsys.readouterr().err


def test_a_head_is_named(capsys, shoes):
    model = ("row_mlp", shoes, "--row", "a,b", "--label", "kind", "--weights", "none")
    code, out, _ = run(capsys, "adapt", *model, "--head", "knn", "--json")
    assert code == 0
    assert json.loads(out)["test"]["metrics"]["accuracy"]["value"] > 0.5


@pytest.mark.slow
def test_rank(capsys, tmp_path, folder, make_backbone):
    make_backbone().save(tmp_path / "tiny.keras")
    models = ("--model", tmp_path / "tiny.keras", "--model", "no_such_model")
    code, out, _ = run(capsys, "rank", folder, *models)
    assert code == 0
    assert "accuracy (probe)" in out
    assert "no_such_model could not be ranked: Unknown model 'no_such_model'." in out
    _, out, _ = run(capsys, "rank", folder, *models, "--json")
    assert json.loads(out)["candidates"][0]["name"].endswith("tiny.keras")


def test_adapt_writes_both(saved):
    assert (saved / "saved" / "card.json").is_file()
    assert (saved / "served" / "1" / "saved_model.pb").is_file()


@pytest.fixture
def kept(saved, tmp_path, monkeypatch):
    """A copy of the activations that the training of `saved` left."""
    shutil.copytree(disk.folder(), tmp_path / "activations")
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    return tmp_path / "activations"


def test_cache_shows_what_is_kept(capsys, kept):
    code, out, _ = run(capsys, "cache")
    assert code == 0
    assert str(kept) in out
    assert "mobilenet" in out
    _, out, _ = run(capsys, "cache", "--json")
    (row,) = [row for row in json.loads(out) if row["model"].startswith("mobilenet")]
    assert (row["below"], row["augmentation"], row["rows"]) == ("head", "none", 27)


def test_cache_clears_what_is_kept(capsys, kept):
    size = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
    code, out, _ = run(capsys, "cache", "--clear", "--json")
    assert (code, json.loads(out)) == (0, {"removed": size, "in_use": 0})
    assert not [path for path in kept.rglob("*") if path.is_file()]
    assert "The cache is empty." in run(capsys, "cache")[1]
    assert run(capsys, "cache", "--clear")[:2] == (0, f"Removed 0 MB from {kept}\n")


@pytest.mark.slow
def test_profile_writes_a_trace(capsys, backbone, folder, tmp_path):
    backbone.save(tmp_path / "tiny.keras")
    model = ["adapt", tmp_path / "tiny.keras", folder, "--size", 16, "--schedule", "linear_probe"]
    code, _, err = run(capsys, *model, "--profile", tmp_path / "trace")
    assert code == 0, err
    (trace,) = (tmp_path / "trace" / "plugins" / "profile").glob("*/*.xplane.pb")
    assert trace.stat().st_size > 1000


@pytest.mark.slow
def test_evaluate(capsys, saved, folder):
    code, out, _ = run(capsys, "evaluate", saved / "saved", "--json")
    assert code == 0
    assert json.loads(out)["size"] == 3
    code, out, _ = run(capsys, "evaluate", saved / "saved", folder)
    assert "27 images are left out" in out


def test_predict(capsys, saved, folder, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    code, out, _ = run(capsys, "predict", saved / "saved", folder / "red" / "red0.png", bad, "--json")
    first, second = json.loads(out)
    assert code == 3
    assert set(first["outputs"]) == {"blue", "green", "red"}
    assert (second["label"], second["error"]) == (None, "empty file")


def test_predict_shows_errors_in_a_column_of_their_own(capsys, saved, folder, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    good = folder / "red" / "red0.png"
    code, out, err = run(capsys, "predict", saved / "saved", good, tmp_path / "bad.png")
    header, _, second = out.splitlines()
    assert (code, header.split()[-1], second.endswith("empty file")) == (3, "error", True)
    assert err == "kzoo predict: 1 of 2 images could not be read\n"


def test_predict_fails_where_nothing_can_be_read(capsys, saved, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    code, _, err = run(capsys, "predict", saved / "saved", tmp_path / "bad.png")
    assert code == 1
    assert "No image could be read" in err


@pytest.mark.slow
def test_export(capsys, saved):
    code, out, _ = run(capsys, "export", saved / "saved", saved / "served", "--json")
    assert code == 0
    assert json.loads(out)["exported"].endswith("/2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "resnet5"), "Did you mean 'resnet50"),
        (("adapt", "resnet50", "nowhere/", "--weights", "none"), "no data at 'nowhere/'"),
        (("evaluate", "nowhere"), "no saved model at nowhere"),
        (("adapt", "cv_resnet18", "DATA"), "No ImageNet weights are published for 'cv_resnet18'"),
        (("plan", "mobilenet_v1_025", "DATA", "--weights", "none", "--schedule", "all"), "schedule must be 'auto'"),
        (("plan", "mobilenet_v1_025", "DATA", "--weights", "none", "--size", "8"), "at least 32 pixels"),
    ],
)
def test_failures_are_one_clear_line_and_exit_code_1(capsys, folder, arguments, message):
    code, _, err = run(capsys, *(folder if word == "DATA" else word for word in arguments))
    assert code == 1
    assert message in err
    assert "Traceback" not in err


def test_verify(capsys, saved, tmp_path):
    for name in ("saved", "served/1"):
        shutil.copytree(saved / name, tmp_path / name)
    code, out, err = run(capsys, "verify", tmp_path / "saved")
    assert (code, err) == (0, "")
    assert out.startswith(f"ok      {tmp_path}/saved: saved model, 2 files, ")
    shutil.copytree(tmp_path / "served" / "1", tmp_path / "served" / "9")
    (tmp_path / "served" / "9" / "saved_model.pb").write_bytes(b"")
    code, out, err = run(capsys, "verify", tmp_path / "served")
    lines = out.splitlines()
    assert (code, err, len(lines)) == (1, "", 2)
    assert lines[0].startswith(f"ok      {tmp_path}/served/1: exported version, ")
    assert lines[1].startswith(f"DAMAGED {tmp_path}/served/9: ")
    assert "changed: saved_model.pb" in lines[1]
    code, out, _ = run(capsys, "verify", tmp_path / "served", "--json")
    assert (code, [bool(row["damage"]) for row in json.loads(out)]) == (1, [False, True])


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("a bad value"), "a bad value"),
        (OSError("no disk"), "no disk"),
        (ImportError("pip install it"), "pip install it"),
        (FloatingPointError("no number"), "no number"),
        (MemoryError(), "out of memory"),
        (tf.errors.ResourceExhaustedError(None, None, "no space"), "no space"),
        (ExportError("answers otherwise"), "answers otherwise"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_a_user_can_mend_is_one_line(capsys, monkeypatch, error, told):
    error.add_note("while listing")
    monkeypatch.setattr("kzoo.list_models", raising(error))
    assert run(capsys, "list") == (1, "", f"kzoo list: {told}\nwhile listing\n")


@pytest.mark.parametrize("error", [RuntimeError("of ours"), KeyError("of ours"), AssertionError("of ours")])
def test_an_error_of_kzoos_own_is_not_taken_for_the_users(capsys, monkeypatch, error):
    monkeypatch.setattr("kzoo.list_models", raising(error))
    code, out, err = run(capsys, "list")
    assert (code, out) == (70, "")
    assert err.startswith(f"kzoo list: internal error: {type(error).__name__}: ")
    assert "of ours" in err
    assert "Please report it with the traceback that --debug shows" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [("--debug", "list"), ("list", "--debug"), ("list", "x*", "--debug", "--json")])
@pytest.mark.parametrize(("error", "code"), [(RuntimeError("of ours"), 70), (ValueError("of theirs"), 1)])
def test_debug_shows_where_an_error_came_from(capsys, monkeypatch, arguments, error, code):
    monkeypatch.setattr("kzoo.list_models", raising(error))
    found, _, err = run(capsys, *arguments)
    assert found == code
    assert err.startswith("Traceback (most recent call last)")
    assert "in fail" in err
    assert "--debug shows" not in err


def test_debug_shows_warnings(capsys, monkeypatch):
    monkeypatch.setattr("kzoo.list_models", lambda *_, **__: warnings.warn("look here", stacklevel=2) or [])
    assert run(capsys, "list")[0] == 0
    with pytest.warns(UserWarning, match="look here"):
        main(["list", "--debug"])


@pytest.mark.parametrize("option", ["--save", "--export"])
def test_an_empty_path_is_told_before_training(capsys, monkeypatch, folder, option):
    monkeypatch.setattr("kzoo.adapt", raising(AssertionError("training began")))
    code, _, err = run(capsys, "adapt", "mobilenet_v1_025", folder, option, "")
    assert code == 1
    assert f"{option[2:]} needs the path of a directory" in err


def test_help_tells_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    for code in (
        "0    success",
        "1    failed",
        "2    invalid",
        "3    some inputs",
        "70   internal error",
        "130  interrupted",
    ):
        assert f"\n  {code}" in out


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "show",
        "rank",
        "plan",
        "adapt",
        "tune",
        "pretrain",
        "distill",
        "evaluate",
        "predict",
        "export",
        "verify",
        "cache",
        "demo",
    ],
)
def test_every_command_has_help(capsys, command):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_no_command_is_a_usage_error(capsys):
    assert run(capsys)[0] == 2


@pytest.mark.slow
def test_a_backbone_is_pretrained_adapted_and_taught_from(capsys, tmp_path, folder, make_backbone):
    make_backbone().save(tmp_path / "tiny.keras")
    made = ("--objective", "masked", "--steps", 2, "--batch-size", 8, "--save", tmp_path / "made", "--json")
    # Other images than those that are adapted to: what was pretrained on is not tested on.
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(10):
        pixels = np.full((20, 24, 3), 20 * number, np.uint8)
        (photos / f"{number}.png").write_bytes(tf.io.encode_png(pixels).numpy())
    code, out, _ = run(capsys, "pretrain", tmp_path / "tiny.keras", photos, *made)
    assert code == 0
    assert json.loads(out)["examples"] == 10
    kept = ("--save", tmp_path / "teacher", "--schedule", "linear_probe")
    assert run(capsys, "adapt", tmp_path / "made", folder, *kept)[0] == 0
    taught = ("--save", tmp_path / "student", "--target", "features", "--json")
    code, out, _ = run(capsys, "distill", tmp_path / "teacher", tmp_path / "tiny.keras", *taught)
    assert code == 0
    assert json.loads(out)["objective"] == "distillation of features"


@pytest.mark.slow
def test_demo(capsys, tmp_path):
    code, out, _ = run(capsys, "demo", "--json", "--directory", tmp_path / "digits")
    found = json.loads(out[out.index("{") :])
    assert code == 0
    assert found["transferred"] > found["scratch"]
    assert sum(truth == answer for truth, answer, _ in found["answers"]) >= 6
    assert [answer for _, answer, _ in found["texts"]] == ["liked", "disliked", "liked", "disliked"]


def test_messages_use_the_words_of_the_shell(capsys, folder):
    code, _, err = run(capsys, "plan", "mobilenet_v1_025", folder, "--weights", "none", "--test", "1.5")
    assert code == 1
    assert err.startswith("kzoo plan: --test must be a fraction in (0, 1), a number of examples (an int), 0 for none")


def test_a_shell_is_completed_where_argcomplete_is_installed(monkeypatch, capsys):
    asked = []
    monkeypatch.setitem(sys.modules, "argcomplete", SimpleNamespace(autocomplete=asked.append))
    main([])
    assert asked == []
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    main([])
    (parser,) = asked
    model = next(each for each in parser.parse_args(["adapt", "m", "d"]).parser._actions if each.dest == "model")
    assert "mobilenet_v2_035" in model.completer("mobilenet_v2")
    assert "resnet50" not in model.completer("mobilenet_v2")


def test_a_shell_without_argcomplete_is_not_completed(monkeypatch, capsys):
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    assert main([]) == 2
