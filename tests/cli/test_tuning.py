"""The command that tunes."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

import kzoo
from kzoo.cli.main import main


@dataclass
class Found:
    """What a search found, as far as the command looks."""

    stopped: bool = False
    adapted: Any = None

    def __post_init__(self):
        self.adapted = self

    def as_dict(self):
        return {"chosen": 3}

    def save(self, directory):
        return directory

    def __str__(self):
        return "a table"


@pytest.fixture
def calls(monkeypatch):
    found: list = []
    monkeypatch.setattr("kzoo.tune", lambda task, model, **options: found.append((task, model, options)) or Found())
    return found


def test_options_go_to_the_verb(calls, capsys, tmp_path):
    saved = str(tmp_path / "saved")
    options = ["--seconds", "60", "--directory", "runs", "--size", "64", "--weights", "none", "--seed", "2"]
    assert main(["tune", "resnet50", "flowers/", "--test", "0.2", *options, "--save", saved]) == 0
    ((task, model, passed),) = calls
    assert (task, model) == (kzoo.Classification("flowers/", test=0.2), "resnet50")
    given = {name: value for name, value in passed.items() if value not in (None, False)}
    assert given == {"seconds": 60.0, "directory": "runs", "size": 64, "seed": 2}
    assert passed["weights"] is None
    assert capsys.readouterr().out == f"a table\nSaved to {saved}\n"
    assert main(["tune", "resnet50", "flowers/", "--json", "--save", saved]) == 0
    assert json.loads(capsys.readouterr().out) == {"chosen": 3, "saved": saved}


def test_trials_alone_are_a_limit(calls):
    main(["tune", "resnet50", "flowers/", "--trials", "5"])
    main(["tune", "resnet50", "flowers/"])
    assert [(passed["seconds"], passed["trials"]) for _, _, passed in calls] == [(None, 5), (300.0, None)]


def test_a_folder_of_something_else_is_refused_before_the_search(calls, capsys, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["tune", "resnet50", "flowers/", "--save", str(tmp_path)]) == 1
    assert "not a saved kzoo model" in capsys.readouterr().err
    assert not calls


def test_an_interrupted_search_has_its_own_code(monkeypatch):
    monkeypatch.setattr("kzoo.tune", lambda *arguments, **options: Found(stopped=True))
    assert main(["tune", "resnet50", "flowers/"]) == 130
