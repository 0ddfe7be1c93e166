"""Folders of text encoders: hostile ones are refused before KerasHub opens a file of theirs."""

import json
import os
import pickle
import struct

import pytest

from kzoo.models.backbones import resolve
from kzoo.models.files.presets import check_preset
from kzoo.specs.catalog.keras_applications import CATALOG

keras_hub = pytest.importorskip("keras_hub")

BERT = {
    "model_type": "bert",
    "vocab_size": 6,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "hidden_size": 4,
    "intermediate_size": 8,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
}
WORDS = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])


def hub(name, registered, module="planted", **config):
    """A serialized object of KerasHub's, or said to be one."""
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


BACKBONE = hub("BertBackbone", "keras_hub>BertBackbone", "keras_hub.src.models.bert.bert_backbone", num_layers=1)
TOKENIZER = hub("BertTokenizer", "keras_hub>BertTokenizer", "keras_hub.src.models.bert.bert_tokenizer")


def weights(path, count=4):
    header = json.dumps({"a": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4 * count))


@pytest.fixture
def folder(planted):
    """A folder in Hugging Face's form with one small array of weights."""
    made = planted / "encoder"
    made.mkdir()
    write(made, "config.json", BERT)
    (made / "vocab.txt").write_text(WORDS)
    weights(made / "model.safetensors")
    return made


def write(folder, name, value):
    (folder / name).write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())


def changed(**config):
    return lambda folder: write(folder, "config.json", BERT | config)


def in_hub_form(backbone=BACKBONE, tokenizer=TOKENIZER):
    def change(folder):
        write(folder, "config.json", backbone)
        write(folder, "tokenizer.json", tokenizer)

    return change


def pickled(folder):
    (folder / "model.safetensors").unlink()
    write(folder, "pytorch_model.bin", pickle.dumps(os.system))


def link_out(folder):
    (folder / "vocab.txt").unlink()
    (folder / "vocab.txt").symlink_to("/etc/passwd")


def index(*names):
    return lambda folder: write(folder, "model.safetensors.index.json", {"weight_map": dict.fromkeys(names, names[0])})


HOSTILE = {
    "huge width": (changed(hidden_size=1 << 30), r"hidden_size must be an int in \[1, 65536\]"),
    "width of words": (changed(hidden_size="4"), "hidden_size"),
    "huge depth": (changed(num_hidden_layers=1 << 30), "num_hidden_layers must be an int in"),
    "code of its own": (changed(auto_map={"AutoModel": "planted.Evil"}), "auto_map"),
    "tokenizer's own code": (
        lambda folder: write(folder, "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["planted.Evil", None]}}),
        "auto_map",
    ),
    "class of elsewhere": (in_hub_form(hub("Evil", "planted>Evil")), "planted.Evil"),
    "class of Keras": (in_hub_form(hub("Lambda", None, "keras.layers")), "Lambda"),
    "no backbone": (in_hub_form(TOKENIZER), "A preset has a Backbone of KerasHub's. This one has a BertTokenizer"),
    "tokenizer of elsewhere": (in_hub_form(tokenizer=hub("Evil", "planted>Evil")), "planted.Evil"),
    "no tokenizer": (in_hub_form(tokenizer=BACKBONE), "has a Tokenizer of KerasHub's"),
    "vocabulary of elsewhere": (
        in_hub_form(tokenizer=TOKENIZER | {"config": {"vocabulary": "/etc/passwd"}}),
        "vocabulary='/etc/passwd'",
    ),
    "pickle": (pickled, r"pytorch_model\.bin, a pickle, which runs code"),
    "link out": (link_out, "a link that leads out of the folder"),
    "shard elsewhere": (index("../secret.safetensors"), "files of weights in its folder"),
    "shard that is a pickle": (index("model.bin"), "files of weights in its folder"),
    "lying header": (
        lambda folder: write(folder, "model.safetensors", struct.pack("<Q", 1 << 60)),
        "declares a header",
    ),
    "deep": (lambda folder: write(folder, "config.json", b"[" * 1_000_000), "nested"),
    "large": (lambda folder: write(folder, "config.json", b" " * (2 << 20)), "at most 1,048,576 bytes"),
    "a list": (lambda folder: write(folder, "config.json", [1]), "must be a dict"),
    "pipe": (lambda folder: os.mkfifo(folder / "merges.txt"), "plain file"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_folder_is_refused(folder, refused, kind):
    change, match = HOSTILE[kind]
    change(folder)
    with refused(ValueError, match):
        resolve(f"hf_dir:{folder}", weights="auto", cards=CATALOG)


@pytest.mark.parametrize("weights", ["preset", None])
def test_a_configuration_that_asks_for_more_than_the_weights_is_refused(folder, refused, weights):
    changed(vocab_size=1 << 30)(folder)
    source = resolve(f"hf_dir:{folder}", weights=weights, cards=CATALOG)
    with refused(OSError, "more than the 1,048,584 parameters that the weights allow"):
        source.build((8,))


def test_a_folder_of_the_cache_may_link_into_it(planted, folder):
    snapshot = planted / "models--x--y" / "snapshots" / "0a1b"
    snapshot.parent.mkdir(parents=True)
    folder.rename(snapshot)
    blobs = planted / "models--x--y" / "blobs"
    blobs.mkdir()
    (snapshot / "vocab.txt").rename(blobs / "ab12")
    (snapshot / "vocab.txt").symlink_to("../../blobs/ab12")
    assert check_preset(snapshot) == 4


def test_folders_in_both_forms_are_counted(folder):
    assert check_preset(folder) == 4
    weights(folder / "two.safetensors", 3)
    write(folder, "model.safetensors.index.json", {"weight_map": {"b": "two.safetensors"}})
    assert check_preset(folder) == 7
    in_hub_form()(folder)
    assert check_preset(folder) == 7
