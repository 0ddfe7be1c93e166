"""Text encoders in Hugging Face's form: adapted, kept, served, and distilled to static embeddings."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.results.pretrained import load_pretrained

pytest.importorskip("keras_hub")
TUNING = kzoo.Phase("*", epochs=25, learning_rate=3e-3, batch_size=16)
WIDTH = 8
WORDS = ["a", "film", "number", "lovely", "great", "fine", "awful", "poor", "dull", "好", "很", "差", ","]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"0123456789", *(f"##{n}" for n in range(10))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random BERT of two blocks, as `transformers` would save it."""
    numpy_files = pytest.importorskip("safetensors.numpy")
    root = tmp_path_factory.mktemp("encoders") / "tiny_bert"
    root.mkdir()
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": len(VOCABULARY),
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_size": WIDTH,
        "intermediate_size": 16,
        "hidden_dropout_prob": 0.0,
        "max_position_embeddings": 32,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
    }
    (root / "config.json").write_text(json.dumps(config))
    (root / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    (root / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    shapes = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), WIDTH),
        "embeddings.position_embeddings.weight": (32, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        **_normal("embeddings.LayerNorm", WIDTH),
        **_dense("pooler.dense", WIDTH, WIDTH),
    }
    for block in range(2):
        name = f"encoder.layer.{block}."
        for part in ("query", "key", "value"):
            shapes |= _dense(f"{name}attention.self.{part}", WIDTH, WIDTH)
        shapes |= _dense(f"{name}attention.output.dense", WIDTH, WIDTH)
        shapes |= _normal(f"{name}attention.output.LayerNorm", WIDTH) | _normal(f"{name}output.LayerNorm", WIDTH)
        shapes |= _dense(f"{name}intermediate.dense", WIDTH, 16) | _dense(f"{name}output.dense", 16, WIDTH)
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(1 if "LayerNorm.weight" in name else 0, 0.3, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    numpy_files.save_file(weights, root / "model.safetensors", metadata={"format": "pt"})
    return root


def _normal(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _dense(name, inputs, outputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


@pytest.fixture(scope="module")
def adapted(folder, text_task):
    return kzoo.adapt(f"hf_dir:{folder}", text_task, schedule=TUNING)


def test_blocks_are_stages(folder):
    names = [row[0] for row in kzoo.stages(f"hf_dir:{folder}").rows]
    assert names == ["stem", "stage1", "stage2"]


def test_it_learns_and_comes_back(adapted, tmp_path):
    assert adapted.evaluate()["accuracy"] > 0.7
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    texts = ["a lovely film", "很差, a film", ""]
    np.testing.assert_array_equal(again.predict(texts).outputs, adapted.predict(texts).outputs)


@pytest.mark.slow
def test_it_is_served_without_tf_text(adapted, tmp_path):
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served")))
    texts = ["a lovely film", "很差, a film"]
    tokens = tf.constant(adapted.preprocessor.tokenize(texts))
    probabilities = served.signatures["tokens"](tokens=tokens)["probabilities"]
    np.testing.assert_allclose(probabilities, adapted.predict(texts).outputs, atol=1e-6)
    # From strings it needs the operations of TensorFlow Text; from tokens those of TensorFlow.
    operations = {node.op for node in served.signatures["tokens"].graph.as_graph_def().node}
    assert not {name for name in operations if "Wordpiece" in name or "Normalize" in name or "Tokenize" in name}


@pytest.mark.slow
def test_frozen_blocks_run_once(folder, text_task):
    schedule = kzoo.Phase("last:1", epochs=2, learning_rate=1e-3, batch_size=16)
    adapted = kzoo.adapt(f"hf_dir:{folder}", text_task, schedule=schedule)
    assert adapted.record.phases[0].groups == ("stage2", "head")
    assert adapted.record.phases[0].activations == "memory"


def test_a_plan_warns_of_a_script_that_is_not_known(folder, text_task):
    texts = [f"совсем другие слова {n}" for n in range(40)]
    notes = str(kzoo.plan(f"hf_dir:{folder}", (texts, ["a", "b"] * 20)))
    assert "of the tokens are unknown to tiny_bert" in notes
    assert "unknown" not in str(kzoo.plan(f"hf_dir:{folder}", text_task))


@pytest.fixture(scope="module")
def static(folder):
    return kzoo.distill_static(f"hf_dir:{folder}", width=4)


def test_each_entry_has_a_vector(static):
    (table,) = static.backbone.get_layer("embedding").get_weights()
    assert table.shape == (2 + len(VOCABULARY) - 5, 4)
    assert not table[:2].any()
    assert np.isfinite(table).all()
    assert len(np.unique(table[2:], axis=0)) == len(table) - 2


def test_its_vector_is_of_its_states_after_each_block(static, folder):
    """Without principal components and frequency: what lies near in the encoder lies near in the table."""
    from kzoo.setup.model_source import source_of

    encoder = source_of(f"hf_dir:{folder}", weights="auto").build((4,))
    layers = [layer for layer in encoder.layers if layer.name.startswith("transformer_layer")]
    states = tf.keras.Model(
        encoder.input, [encoder.get_layer("embeddings_dropout").output, *(x.output for x in layers)]
    )
    ids = [[2, number, 3, 0] for number in range(5, len(VOCABULARY))]
    parts = [np.asarray(state)[:, 1] for state in states(np.array(ids, np.int32))]
    wanted = np.mean([(part - part.mean(axis=0)) / part.std() for part in parts], axis=0)
    full = kzoo.distill_static(f"hf_dir:{folder}", width=WIDTH)
    (table,) = full.backbone.get_layer("embedding").get_weights()
    np.testing.assert_allclose(_cosines(table[2:]), _cosines(wanted), atol=1e-3)


def _cosines(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T


@pytest.mark.slow
def test_it_goes_wherever_a_model_goes(static, text_task, tmp_path):
    schedule = kzoo.Phase("*", epochs=10, learning_rate=3e-2, batch_size=16)
    one = kzoo.adapt(static, text_task, schedule=schedule)
    other = kzoo.adapt(static.save(tmp_path / "static"), text_task, schedule=schedule)
    texts = ["a lovely film 12", "很差, a film", "unknown words", ""]
    np.testing.assert_array_equal(one.predict(texts).outputs, other.predict(texts).outputs)
    assert one.evaluate()["accuracy"] > 0.7
    again = kzoo.load(one.save(tmp_path / "saved"))
    np.testing.assert_array_equal(one.predict(texts).outputs, again.predict(texts).outputs)
    served = tf.saved_model.load(str(one.export(tmp_path / "served")))
    found = served.signatures["serving_default"](text=tf.constant(texts))["probabilities"]
    np.testing.assert_allclose(found[:3], one.predict(texts).outputs[:3], atol=1e-6)


def test_an_adapted_encoder_can_be_distilled(adapted):
    assert kzoo.distill_static(adapted, width=4).card.name == "static_tiny_bert"


@pytest.mark.parametrize(
    ("model", "width", "message"),
    [
        ("ngrams", 4, "'ngrams' is not one"),
        ("vgg16", 4, "'vgg16' is not one"),
        ("folder", 9, r"width must be in \[1, 8\], the encoder's\. Got 9"),
        ("folder", 0, "Got 0"),
    ],
)
def test_what_cannot_be_distilled_is_refused(folder: Path, model, width, message):
    with pytest.raises(ValueError, match=message):
        kzoo.distill_static(f"hf_dir:{folder}" if model == "folder" else model, width=width, weights="auto")


def test_both_kinds_of_saved_models_are_loaded(static, adapted, text_task, tmp_path):
    again = kzoo.load(static.save(tmp_path / "static"))
    assert isinstance(again, kzoo.Pretrained)
    np.testing.assert_array_equal(again.backbone.get_weights()[0], static.backbone.get_weights()[0])
    assert isinstance(kzoo.load(adapted.save(tmp_path / "adapted")), kzoo.Adapted)
    with pytest.raises(ValueError, match="contains an adapted model, not a backbone"):
        load_pretrained(tmp_path / "adapted")


def test_it_prints_what_it_is(static):
    assert "static embeddings" in str(static)
    assert "tiny_bert" in static._repr_html_()


@pytest.mark.real
def test_minilm_agrees_with_the_original():
    """Figures of `transformers`, see ``fixtures/minilm_oracle.py``."""
    from kzoo.data.text.preprocess import TextPreprocessor
    from kzoo.data.text.tokenizers import find_tokenizer
    from kzoo.setup.model_source import source_of

    oracle = np.load(Path(__file__).parent / "fixtures" / "minilm_oracle.npz")
    try:
        source = source_of("minilm_l6", weights="auto")
    except ImportError as missing:
        pytest.skip(str(missing))
    ids = TextPreprocessor(64, find_tokenizer(source.card.reads)).tokenize(oracle["texts"].tolist())
    np.testing.assert_array_equal(ids, oracle["ids"])
    embeddings = source.build((64,))(ids)
    np.testing.assert_allclose(embeddings, oracle["embeddings"], atol=1e-5)
