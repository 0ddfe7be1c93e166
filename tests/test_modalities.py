"""The same verbs on texts and on sound: adapted, asked, kept and served."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.audio.column import encode_wav

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
TUNING = kzoo.Phase("*", epochs=3, learning_rate=1e-2, batch_norm=True, batch_size=16)
LISTENING = dataclasses.replace(TUNING, epochs=15)


def sounds(count=60):
    for number in range(count):
        pitch = (300, 900, 2_000)[number % 3] * RNG.uniform(0.95, 1.05)
        wave = np.sin(2 * np.pi * pitch * np.arange(RNG.integers(2_000, 4_000)) / 8_000) * RNG.uniform(0.1, 0.8)
        yield number, (wave + RNG.normal(0, 0.01, len(wave))).astype(np.float32)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    root = tmp_path_factory.mktemp("sounds")
    for number, wave in sounds():
        (root / f"{'abc'[number % 3]}_{number:02}.wav").write_bytes(encode_wav(wave, rate=8_000))
    (root / "broken.wav").write_bytes(b"RIFF")
    return root


def of_cards(name, **changes):
    card = kzoo.get_card(name)
    return dataclasses.replace(card, arguments={**card.arguments, **changes}, parameters=None)


@pytest.fixture(scope="module")
def told(text_task):
    """A model of texts: of n-grams."""
    return kzoo.adapt(of_cards("ngrams", width=8), text_task, schedule=TUNING)


@pytest.fixture(scope="module")
def solved(text_task):
    """A model of texts: of n-grams, as it is unless told otherwise."""
    return kzoo.adapt(of_cards("ngrams", width=4), text_task)


@pytest.fixture(scope="module")
def heard(recordings):
    """A model of sound: the small network."""
    task = kzoo.Classification(recordings, label=lambda path: path.stem[0])
    return kzoo.adapt(of_cards("keyword_cnn", width=8, blocks=2), task, schedule=LISTENING)


@pytest.fixture(scope="module")
def seen(recordings, small):
    """A model of sound: a backbone for images."""
    task = kzoo.Classification(recordings, audio=True, label=lambda path: path.stem[0])
    return kzoo.adapt(small, task, schedule=LISTENING, augmentation="light")


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Conv2D(12, 3, strides=2, activation="relu")(x), name="small")


ASKED = {
    "told": lambda root: ["a lovely film", "an awful film", "很差", ""],
    "heard": lambda root: [*sorted(root.glob("?_*.wav"))[:3], root / "broken.wav"],
    "seen": lambda root: [*sorted(root.glob("?_*.wav"))[:3], root / "broken.wav"],
}


@pytest.fixture(params=ASKED)
def adapted(request):
    return request.getfixturevalue(request.param), request.param


def test_it_learned(adapted):
    model, _ = adapted
    assert model.evaluate()["accuracy"] > 0.7  # of 3 or 2 classes


def test_what_cannot_be_read_stops_nothing_and_has_no_embedding(adapted, recordings):
    model, kind = adapted
    asked = ASKED[kind](recordings)
    found = model.predict(asked)
    assert [label is None for label in found.labels] == [False, False, False, True]
    assert list(found.errors)
    embedded = model.embed(asked)
    assert embedded.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedded[:3], axis=1), 1, rtol=1e-5)
    assert np.isnan(embedded[3]).all()


def test_it_comes_back_as_it_was(adapted, recordings, tmp_path):
    model, kind = adapted
    again = kzoo.load(model.save(tmp_path / "saved"))
    assert again.preprocessor == model.preprocessor
    asked = ASKED[kind](recordings)
    np.testing.assert_array_equal(again.predict(asked).outputs, model.predict(asked).outputs)


def test_what_is_served_is_what_was_trained(adapted, recordings, tmp_path):
    model, kind = adapted
    served = tf.saved_model.load(str(model.export(tmp_path / "served")))
    asked = ASKED[kind](recordings)[:3]
    name = "text" if kind == "told" else "audio"
    inputs = tf.constant(asked if kind == "told" else [path.read_bytes() for path in asked])
    answer = served.signatures["serving_default"](**{name: inputs})
    found = model.predict(asked)
    assert [label.decode() for label in answer["labels"].numpy()] == list(found.labels)
    np.testing.assert_allclose(answer["probabilities"], found.probabilities, atol=1e-5)
    features = served.signatures["features"](**{name: inputs})["features"].numpy()
    np.testing.assert_allclose(
        features / np.linalg.norm(features, axis=1, keepdims=True), model.embed(asked), atol=1e-4
    )
    own = "tokens" if kind == "told" else "waveform"
    assert set(served.signatures) == {"serving_default", "features", "numeric", own}
    # XLA has no operation that counts the n-grams of a text (TensorFlow 2.21).
    if kind != "told":
        np.testing.assert_allclose(by_xla(model, served, asked[:1]), found.probabilities[:1], atol=1e-5)


def by_xla(model, served, asked):
    """What XLA makes of the signature of numbers."""
    fitted = tf.constant(model.inference.loader.fitted(np.array(list(map(str, asked)), object))[0])
    numeric = served.signatures["numeric"]
    return tf.function(lambda inputs: numeric(input=inputs), jit_compile=True)(fitted)["probabilities"].numpy()


def test_xla_takes_the_numbers_of_texts(text_task, tmp_path):
    model = kzoo.adapt("kzoo_nano_text", text_task, schedule="linear_probe")
    found = by_xla(model, tf.saved_model.load(str(model.export(tmp_path / "served"))), ["a lovely film"])
    np.testing.assert_allclose(found, model.predict("a lovely film").probabilities, atol=1e-5)


def test_neighbors_are_the_nearest_and_have_their_labels(adapted, recordings):
    model, kind = adapted
    asked = ASKED[kind](recordings)
    found = model.neighbors(asked, k=3)
    assert len(found) == 3
    train = model.data.train
    embedded = model.train_embeddings
    angles = model.embed(asked)[:3] @ embedded.T
    np.testing.assert_allclose(found.similarities, -np.sort(-angles, axis=1)[:, :3], atol=1e-5)
    assert found.labels[0] == [model.labels[train.targets[index]] for index in found.indices[0]]
    assert "similarity" in found._repr_html_()
    with pytest.raises(ValueError, match=r"k must be in 1\.\."):
        model.neighbors(asked, k=len(train) + 1)


def test_neighbors_among_other_data(told):
    found = told.neighbors("a lovely film", k=1, among=(["a lovely film", "an awful film"], ["good", "bad"]))
    assert found.labels == [["good"]]
    assert found.similarities[0, 0] == pytest.approx(1, abs=1e-6)


def test_groups_are_measured(told):
    table = told.evaluate().by_group
    assert table.columns[0] == "group"
    assert sum(row[2] for row in table.rows) == told.evaluate().size
    assert str(table) in str(told.evaluate())


def test_the_plain_model_answers_alike(heard, recordings):
    path = sorted(recordings.glob("?_*.wav"))[0]
    wave = heard.preprocessor.decode(tf.constant(path.read_bytes()))
    np.testing.assert_allclose(heard.model(wave[None])[0], heard.predict(path).probabilities[0], atol=1e-5)


def test_spectrograms_are_drawn(heard):
    assert heard.plot_batch(count=2).axes
    assert heard.plot_batch(count=2, augmentation="light").axes


def test_texts_are_not_drawn(told):
    with pytest.raises(TypeError, match="Texts cannot be drawn"):
        told.plot_batch()


WRONG = {
    "a text to images": (
        "vgg16",
        {"text": "x"},
        r"'vgg16' needs images \(image=\) or recordings \(audio=\)\. The task has texts",
    ),
    "sound to text": ("ngrams", {"audio": True}, r"'ngrams' needs texts \(text=\). The task has recordings"),
    "two": ("ngrams", {"audio": True, "text": "x"}, "'ngrams' reads one input of an example, and the task has several"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_backbone_takes_what_it_is_made_for(name):
    model, options, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        kzoo.plan(model, kzoo.Classification((["a"] * 9, [0, 1, 2] * 3), **options), weights=None)


def test_recordings_for_pictures_are_hinted_at(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "loose.wav").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"No images|audio=True"):
        kzoo.plan("vgg16", tmp_path, weights=None)


@pytest.mark.parametrize("name", ["ngrams", "text_cnn", "keyword_cnn"])
def test_what_needs_no_extra_is_what_its_card_says(name):
    card = kzoo.get_card(name)
    assert sum(row[2] for row in kzoo.stages(name, size=max(card.min_size, 64)).rows) == card.parameters


def test_small_encoders_of_kerashub_are_cut_into_blocks(tmp_path):
    hub = pytest.importorskip("keras_hub")
    whisper = hub.models.WhisperBackbone(
        vocabulary_size=20, num_layers=3, num_heads=2, hidden_dim=16, intermediate_dim=32
    )
    whisper.save_to_preset(str(tmp_path / "whisper"))
    card = of_cards("whisper_tiny_en", preset=str(tmp_path / "whisper"))
    assert len(kzoo.stages(card, size=8_000).rows) >= 3
    from kzoo.models.construction import build

    features = RNG.normal(size=(2, 50, 80)).astype(np.float32)
    tokens = {"decoder_token_ids": np.ones((2, 4)), "decoder_padding_mask": np.ones((2, 4))}
    wanted = whisper({"encoder_features": features, **tokens})["encoder_sequence_output"]
    found = build(card, shape=(50, 80), weights="preset")(features)
    np.testing.assert_allclose(found, np.mean(wanted, axis=1), atol=1e-5)


@pytest.mark.slow
def test_a_moonshine_is_cut_where_one_tensor_crosses(tmp_path, recordings):
    hub = pytest.importorskip("keras_hub")
    moonshine = hub.models.MoonshineBackbone(
        vocabulary_size=20,
        filter_dim=16,
        encoder_num_layers=2,
        decoder_num_layers=1,
        hidden_dim=16,
        intermediate_dim=32,
        encoder_num_heads=2,
        decoder_num_heads=2,
    )
    moonshine.save_to_preset(str(tmp_path / "moonshine"))
    card = of_cards("moonshine_tiny_en", preset=str(tmp_path / "moonshine"))
    assert [row[0] for row in kzoo.stages(card, size=8_000).rows] == ["stem", "stage1", "stage2"]
    from kzoo.models.construction import build

    waves = RNG.normal(size=(2, 8_000, 1)).astype(np.float32)
    tokens = {"decoder_token_ids": np.ones((2, 4)), "decoder_padding_mask": np.ones((2, 4))}
    padding = {"encoder_padding_mask": np.ones((2, 8_000), bool)}
    wanted = moonshine({"encoder_input_values": waves, **padding, **tokens})["encoder_sequence_output"]
    found = build(card, shape=(8_000, 1), weights="preset")(waves)
    np.testing.assert_allclose(found, np.mean(wanted, axis=1), atol=1e-5)
    task = kzoo.Classification(recordings, label=lambda path: path.stem[0])
    phase = kzoo.Phase("last:1", epochs=2, batch_size=8, augmentation="light")
    adapted = kzoo.adapt(card, task, schedule=kzoo.Schedule((kzoo.LinearProbe(), phase)))
    asked = sorted(recordings.glob("?_*.wav"))[:3]
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    np.testing.assert_array_equal(adapted.predict(asked).probabilities, again.predict(asked).probabilities)
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served"))).signatures["serving_default"]
    probabilities = served(tf.constant([path.read_bytes() for path in asked]))["probabilities"]
    np.testing.assert_allclose(probabilities, adapted.predict(asked).probabilities, atol=1e-6)


def test_a_sparse_linear_model_is_solved_saved_served_and_searched(solved, text_task, tmp_path):
    (phase,) = solved.record.phases
    assert phase.groups == ("head",)
    assert {phase.history[0][name] for name in ("words", "pieces")} <= {0.0, 1.0}
    assert solved.evaluate()["accuracy"] == 1
    texts = ["a lovely film", "dull", "很差", "", "word " * 9_000]
    answers = solved.predict(texts).outputs
    again = kzoo.load(solved.save(tmp_path / "saved"))
    np.testing.assert_array_equal(again.predict(texts).outputs, answers)
    served = tf.saved_model.load(str(solved.export(tmp_path / "served")))
    served = served.signatures["serving_default"](text=tf.constant(texts[:3]))["probabilities"]
    np.testing.assert_allclose(served, answers[:3], atol=1e-6)
    assert {label for row in solved.neighbors("a lovely film", k=3).labels for label in row} == {"good"}


def test_a_sparse_linear_model_is_tuned_from_its_solution_and_adapted_again(solved, text_task):
    tuned = kzoo.adapt(of_cards("ngrams", width=4), text_task, schedule=[kzoo.LinearProbe(), TUNING])
    first = kzoo.adapt(of_cards("ngrams", width=4), text_task, schedule=kzoo.LinearProbe(refit=False))
    np.testing.assert_array_equal(tuned.start[0], first.network.get_weights()[0])
    assert tuned.record.phases[1].groups == ("stem", "head")
    again = kzoo.adapt(solved, text_task, schedule="linear_probe")
    # Its table has learned: the probe is solved on the features that it gives.
    np.testing.assert_array_equal(again.backbone.get_weights()[0], solved.backbone.get_weights()[0])
    assert "words" not in again.record.phases[0].history[0]


SOLVED = {
    "more classes than it is wide": kzoo.Classification(
        ([f"{'abcdef'[n % 6] * 3} word{n}" for n in range(72)], [n % 6 for n in range(72)])
    ),
    "labels": kzoo.MultiLabel(
        (
            [f"{'one' * (n % 2)} {'two' * (n // 2 % 2)} word{n}" for n in range(80)],
            [[n % 2, n // 2 % 2] for n in range(80)],
        )
    ),
    "values": kzoo.Regression(
        ([f"{'good ' * (n % 4)} film {n}" for n in range(80)], [float(n % 4) for n in range(80)])
    ),
    "two of a class, no validation": kzoo.Classification(
        (["good film", "good one", "bad film", "bad one"], [1, 1, 0, 0]), validation=0, test=0
    ),
}


@pytest.mark.parametrize("name", SOLVED)
def test_all_kinds_of_task_are_solved(name):
    task = SOLVED[name]
    found = kzoo.adapt(of_cards("ngrams", width=2), task)
    answers = found.predict(task.data[0]).outputs
    truth = np.asarray(task.data[1])
    if task.kind == "regression":
        assert np.corrcoef(answers[:, 0], truth)[0, 1] > 0.9
    else:
        assert (((answers > 0.5) if truth.ndim == 2 else answers.argmax(axis=1)) == truth).mean() > 0.95
    assert found.backbone.output_shape[1] == max(2, answers.shape[1])
