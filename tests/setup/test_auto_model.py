"""The model that "auto" stands for: by modality, by scripts, and by what is available."""

import numpy as np
import pytest

import kzoo
from kzoo.models.weights import WeightsError
from kzoo.setup import prepare
from kzoo.setup.auto_model import choose_model, guess_modality


@pytest.fixture
def offline(monkeypatch):
    """No weights but those that come with kzoo."""

    def unreachable(card, **size):
        raise WeightsError("no network")

    monkeypatch.setattr("kzoo.setup.auto_model.find_weights", unreachable)
    monkeypatch.setattr("kzoo.setup.auto_model.find_package", unreachable)


def texts(*wanted):
    return np.array(wanted, dtype=object)


def test_auto_is_what_comes_with_kzoo_where_nothing_can_be_fetched(offline):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
    plan = kzoo.plan("auto", kzoo.Classification((pixels, np.arange(20) % 2)), size=32)
    assert "kzoo_nano_image" in str(plan)
    assert "no network" in str(plan)
    assert choose_model("text", size=None)[0] == "kzoo_nano_text"
    assert choose_model("text", texts("a film"), size=None)[0] == "kzoo_nano_text"
    assert choose_model("audio", size=None)[0] == "kzoo_nano_audio"


def test_auto_takes_a_text_model_that_was_trained_on_the_scripts(monkeypatch):
    monkeypatch.setattr("kzoo.setup.auto_model._unavailable", lambda card, **size: "")
    assert choose_model("text", texts("a film", "好 or not: a long, long story"), size=None)[0] == "minilm_l6"
    assert choose_model("text", texts("酒店很好", "ok"), size=None)[0] == "kzoo_nano_text"
    name, why = choose_model("text", texts("хороший отель", b"\xd0\xba"), size=None)
    assert name == "ngrams"
    assert "minilm_l6 was trained on Latn, and the texts have 100% Cyrl" in why
    assert "kzoo_nano_text was trained on Latn, Hani" in why


def test_auto_reads_the_data_once(offline, monkeypatch, tmp_path):
    rows = [f"{number} отель\t{number % 2}" for number in range(20)]
    (tmp_path / "reviews.tsv").write_text("\n".join(["text\tlabel", *rows]), encoding="utf-8")
    times = []
    read = prepare.read_source
    monkeypatch.setattr(prepare, "read_source", lambda *data: times.append(data) or read(*data))
    monkeypatch.setattr("kzoo.data.splits.read_source", lambda *data: times.append(data) or read(*data))
    assert "model='auto' chose ngrams" in str(kzoo.plan("auto", kzoo.Classification(tmp_path / "reviews.tsv")))
    assert len(times) == 1


def test_a_model_of_other_scripts_than_the_texts_gives_a_warning():
    words = [f"отель {number}" for number in range(20)]
    task = kzoo.Classification((words, np.arange(20) % 2), text="text")
    assert "WARNING: kzoo_nano_text was trained on Latn, Hani, and the texts have 100% Cyrl" in str(
        kzoo.plan("kzoo_nano_text", task)
    )
    assert "Cyrl" not in str(kzoo.plan("kzoo_nano_text", task, weights=None))
    assert "Cyrl" not in str(kzoo.plan("ngrams", task))


@pytest.mark.parametrize(
    ("name", "content", "modality"),
    [
        ("a/b.png", b"", "image"),
        ("a/b.wav", b"", "audio"),
        ("a/b.txt", b"", "text"),
        ("a/train.tsv", b"a film\t1\n", "text"),
    ],
)
def test_what_a_folder_holds_says_what_it_is(name, content, modality, tmp_path):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(content)
    assert guess_modality(kzoo.Classification(tmp_path / "a")) == modality


def test_what_a_table_or_arrays_hold_says_what_they_are(tmp_path):
    import pandas

    (tmp_path / "a.csv").write_text("label,review\n1,x\n", encoding="utf-8")
    assert guess_modality(kzoo.Classification(tmp_path / "a.csv")) == "text"
    (tmp_path / "a.jsonl").write_text('{"image": "x.png", "label": 1}\n', encoding="utf-8")
    assert guess_modality(kzoo.Classification(tmp_path / "a.jsonl")) == "image"
    assert guess_modality(kzoo.Classification(pandas.DataFrame({"sentence": ["x"], "label": [1]}))) == "text"
    assert guess_modality(kzoo.Classification((["a film", "b"], [0, 1]))) == "text"
    assert guess_modality(kzoo.Classification((["a.wav", "b.wav"], [0, 1]))) == "audio"
