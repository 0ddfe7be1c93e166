"""Commands that use a model: what they give to their verbs, print, write and refuse."""

import json
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from kzoo.cli import using
from kzoo.cli.main import main
from kzoo.results.explanation.explanations import Explanations, Unreadable
from kzoo.serving.rest import server
from kzoo.serving.rest.server_options import ServerOptions


@pytest.fixture
def explained(monkeypatch):
    """Stands for a saved model, whose explanations tell what was asked."""
    asked = []

    def explain(inputs, *, label):
        asked.append((inputs, label))
        names = inputs if isinstance(inputs, list) else [inputs]
        good = {"label": "cat", "output": 0.75, "method": "a method", "error": None, "strongest": "the middle"}
        items = [
            Unreadable(name, "empty file")
            if name == "bad.jpg"
            else SimpleNamespace(name=name, thumbnail=lambda: None, **good)
            for name in names
        ]
        return Explanations(items, "image", lambda good: Figure())

    monkeypatch.setattr(using, "load_saved", lambda path: SimpleNamespace(explain=explain))
    return asked


def test_explain_prints_a_table_and_writes_a_figure(explained, capsys, tmp_path):
    target = tmp_path / "figure.png"
    assert main(["explain", "saved/", "new.jpg", "--output", str(target), "--label", "cat"]) == 0
    out = capsys.readouterr().out
    assert "the middle" in out
    assert out.endswith(f"Written to {target}\n")
    assert target.read_bytes().startswith(b"\x89PNG")
    assert explained == [("new.jpg", "cat")]


def test_explain_as_json(explained, capsys):
    assert main(["explain", "saved/", "new.jpg", "bad.jpg", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["image"], first["label"], first["output"], first["error"]) == ("new.jpg", "cat", 0.75, None)
    assert (second["output"], second["error"]) == (None, "empty file")


def test_explain_refuses_what_it_cannot_write_or_read(explained, capsys, tmp_path):
    assert main(["explain", "saved/", "new.jpg", "--output", str(tmp_path)]) == 1
    assert "is a directory" in capsys.readouterr().err
    assert explained == []
    assert main(["explain", "saved/", "bad.jpg"]) == 1
    assert "No image could be read: {'bad.jpg': 'empty file'}" in capsys.readouterr().err


def test_serve_takes_this_machine_alone_unless_told(monkeypatch):
    calls = []
    monkeypatch.setattr(server, "serve", lambda directory, options, *, report: calls.append((directory, options)))
    assert main(["serve", "serving/flowers"]) == 0
    named = ["--host", "0.0.0.0", "--port", "80", "--name", "tulips", "--max-megabytes", "2.5", "--max-requests", "3"]
    assert main(["serve", "serving/flowers", *named]) == 0
    wanted = ServerOptions(host="0.0.0.0", port=80, name="tulips", most_bytes=2_500_000, most_requests=3)
    assert calls == [("serving/flowers", ServerOptions()), ("serving/flowers", wanted)]
    assert (ServerOptions().host, ServerOptions().port) == ("127.0.0.1", 8501)


def test_serve_says_what_is_wrong(capsys, tmp_path):
    assert main(["serve", str(tmp_path / "none"), "--port", "0"]) == 1
    assert "kzoo serve: There is no directory" in capsys.readouterr().err
    assert main(["serve", str(tmp_path), "--max-requests", "0"]) == 1
    assert "must be above 0" in capsys.readouterr().err
