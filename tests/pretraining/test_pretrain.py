"""Pretraining: it learns something, it goes on where it was killed, and what it makes is adapted."""

import dataclasses

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import kzoo
from kzoo.data.audio.column import encode_wav
from kzoo.data.audio.preprocess import AudioPreprocessor
from kzoo.data.audio.spectrogram import FrontEnd
from kzoo.pretraining import learner
from kzoo.pretraining import steps as steps_module
from kzoo.pretraining.ema import Averages

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits():
    """Real digits, (1797, 16, 16, 1), and their labels."""
    found = load_digits()
    pixels = np.repeat(np.repeat(found.images * 15.9, 2, axis=1), 2, axis=2)[..., None]
    return pixels.astype(np.uint8), found.target


@pytest.fixture(scope="module")
def few(digits):
    """A few labelled ones, that pretraining does not see."""
    return kzoo.Classification((digits[0][1500:1700], digits[1][1500:1700]), validation=0.5, test=0.1)


def net(size=16):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for width in (8, 16, 24):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(inputs, x, name="net")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "steps", "rate"),
    [
        ("autoencoder", 200, 3e-3),
        ("masked", 300, 1e-2),
        ("simclr", 200, 3e-3),
        ("barlow_twins", 200, 3e-3),
        ("gan", 500, 1e-3),
        ("supervised", 200, 3e-3),
    ],
)
def test_a_few_steps_beat_random_features(objective, steps, rate, digits, few):
    data = digits[0][:1500]
    if objective == "supervised":
        # Other labels than those of the probe: even or odd, small or large.
        data = kzoo.Classification((data, [f"{n % 2}{n < 5}" for n in digits[1][:1500]]))
    made = kzoo.pretrain(net(), data, objective=objective, steps=steps, probe=few, learning_rate=rate)
    assert made.record.probe > made.record.probe_before + 0.02, made.record.course


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["masked", "gan"])
def test_pictures_are_enough(objective, digits):
    made = kzoo.pretrain(net(), digits[0][:40], objective=objective, steps=3, batch_size=16, eval_every=2)
    assert [row["step"] for row in made.record.course] == [0, 2, 3]
    before = net().get_weights()
    assert any(not np.array_equal(a, b) for a, b in zip(before, made.backbone.get_weights(), strict=True))


@pytest.mark.slow
def test_ctrl_c_keeps_the_steps_that_were_done(digits, monkeypatch):
    move = Averages.on_train_batch_end

    def interrupted(self, batch, logs=None):
        if batch == 2:
            raise KeyboardInterrupt
        move(self, batch, logs)

    monkeypatch.setattr(Averages, "on_train_batch_end", interrupted)
    made = kzoo.pretrain(net(), digits[0][:40], objective="autoencoder", steps=9, eval_every=9, batch_size=16)
    assert (made.record.steps, made.record.stopped) == (2, "by Ctrl-C after step 2 of 9")
    assert "by Ctrl-C after step 2 of 9" in str(made)


@pytest.mark.slow
def test_a_run_that_was_killed_gives_what_one_that_was_not_gives(digits, few, tmp_path, monkeypatch):
    options = {"objective": "barlow_twins", "steps": 7, "eval_every": 2, "batch_size": 16, "probe": few}
    whole = kzoo.pretrain(net(), digits[0][:60], **options)
    save, count = steps_module.Checkpoints.write, []

    def killed(*arguments):
        save(*arguments)
        count.append(1)
        if len(count) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(steps_module.Checkpoints, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        kzoo.pretrain(net(), digits[0][:60], checkpoint_dir=tmp_path / "run", **options)
    monkeypatch.undo()
    again = kzoo.pretrain(net(), digits[0][:60], checkpoint_dir=tmp_path / "run", **options)
    for ours, theirs in zip(whole.backbone.get_weights(), again.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [row["step"] for row in again.record.course] == [0, 2, 4, 6, 7]
    with pytest.raises(ValueError, match="a different learning_rate"):
        kzoo.pretrain(net(), digits[0][:60], checkpoint_dir=tmp_path / "run", learning_rate=0.5, **options)
    with pytest.raises(ValueError, match="a different probe"):
        kzoo.pretrain(net(), digits[0][:60], checkpoint_dir=tmp_path / "run", **options | {"probe": None})
    moved = net()
    moved.set_weights([weight + 1 for weight in moved.get_weights()])
    with pytest.raises(ValueError, match="a different start"):
        kzoo.pretrain(moved, digits[0][:60], checkpoint_dir=tmp_path / "run", **options)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ValueError, match="not a checkpoint"):
        kzoo.pretrain(net(), digits[0][:60], checkpoint_dir=tmp_path / "other", **options)


@pytest.mark.slow
def test_the_generators_optimizer_is_resumed_too(digits, tmp_path):
    options = {"objective": "gan", "eval_every": 2, "batch_size": 16, "steps": 4}
    whole = kzoo.pretrain(net(), digits[0][:60], **options)
    run = kzoo.pretrain(net(), digits[0][:60], checkpoint_dir=tmp_path / "run", **options)
    done = kzoo.pretrain(net(), digits[0][:60], checkpoint_dir=tmp_path / "run", **options)
    for ours, theirs, those in zip(*(each.backbone.get_weights() for each in (whole, run, done)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(ours, those)


@pytest.mark.slow
def test_it_is_kept_registered_adapted_and_drawn(digits, few, tmp_path):
    made = kzoo.pretrain(net(), digits[0][:60], objective="masked", steps=2, batch_size=16, probe=few)
    assert "probe" in str(made)
    assert len(made.plot().axes) == 2
    card = made.register("net_of_digits", tmp_path / "kept")
    text = (tmp_path / "kept" / "README.md").read_text(encoding="utf-8")
    assert "| examples | 60 |" in text
    assert card.name in kzoo.list_models(pretrained=True)
    for model in (made, tmp_path / "kept", "net_of_digits"):
        adapted = kzoo.adapt(model, few, schedule="linear_probe")
        for ours, theirs in zip(made.backbone.get_weights(), adapted.backbone.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    fresh = kzoo.adapt("net_of_digits", few, schedule="linear_probe", weights=None)
    assert not np.array_equal(fresh.backbone.get_weights()[0], made.backbone.get_weights()[0])
    with pytest.raises(ValueError, match="registered already"):
        made.register("net_of_digits", tmp_path / "twice")


@pytest.mark.slow
def test_a_card_is_pretrained_at_one_size_and_adapted_at_another(digits, few):
    card = kzoo.BackboneSpec(
        "compact",
        "kzoo.models.zoo.image.compact_cnn",
        {"widths": [4, 8, 8, 8], "blocks": [1, 1, 1], "expansion": 2, "width": 16},
        scaling="tf",
        min_size=32,
    )
    made = kzoo.pretrain(card, digits[0][:60], objective="simclr", steps=2, batch_size=16, size=32)
    adapted = kzoo.adapt(made, few, schedule="linear_probe", size=48)
    assert adapted.preprocessor.size == 48
    np.testing.assert_array_equal(adapted.backbone.get_weights()[0], made.backbone.get_weights()[0])
    assert kzoo.adapt(card, few, schedule="linear_probe", size=224, weights=None).preprocessor.size == 224


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text_cnn", "ngrams"])
def test_texts_are_guessed_from_their_vector(name, text_task):
    small = {
        "text_cnn": {"buckets": 1 << 15, "width": 8, "runs": 1 << 8, "run_width": 4},
        "ngrams": {"buckets": 1 << 19, "width": 8},
    }
    card = dataclasses.replace(kzoo.get_card(name), arguments=small[name], parameters=None)
    made = kzoo.pretrain(card, text_task, objective="masked_language", steps=60, batch_size=16, learning_rate=3e-2)
    course = [row["loss"] for row in made.record.course[1:]]
    assert course[-1] < course[0]
    kzoo.adapt(made, text_task, schedule="linear_probe")
    kzoo.pretrain(card, text_task, objective="simclr", steps=1, batch_size=16)


@pytest.mark.slow
def test_an_encoder_guesses_tokens_in_their_places(tmp_path):
    hub = pytest.importorskip("keras_hub")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij"]
    tokenizer = hub.models.BertTokenizer(words)
    bert = hub.models.BertBackbone(
        vocabulary_size=len(words), num_layers=1, num_heads=2, hidden_dim=16, intermediate_dim=16
    )
    bert.save_to_preset(str(tmp_path / "bert"))
    tokenizer.save_to_preset(str(tmp_path / "bert"))
    card = dataclasses.replace(
        kzoo.get_card("bert_tiny_en_uncased"),
        arguments={"preset": str(tmp_path / "bert")},
        reads={"preset": str(tmp_path / "bert")},
    )
    texts = [" ".join(RNG.permutation(list("abcdefghij"))) for _ in range(40)]
    made = kzoo.pretrain(card, texts, objective="masked_language", steps=4, batch_size=16, learning_rate=1e-2)
    assert np.isfinite(made.record.loss)


@pytest.mark.slow
def test_sound_is_pretrained_on(tmp_path):
    for number in range(12):
        wave = np.sin(np.arange(4_000) * RNG.uniform(0.1, 1.0)).astype(np.float32)
        (tmp_path / str(number // 6)).mkdir(exist_ok=True)
        (tmp_path / str(number // 6) / f"{number}.wav").write_bytes(encode_wav(wave, rate=8_000))
    card = dataclasses.replace(
        kzoo.get_card("keyword_cnn"), arguments={"width": 8, "blocks": 2}, parameters=None, width=8
    )
    task = kzoo.Classification(tmp_path)
    made = kzoo.pretrain(card, task, objective="masked", steps=2, batch_size=6)
    kzoo.adapt(made, task, schedule="linear_probe")


def test_a_picture_of_sound_is_painted_as_its_features_lie():
    """A place in the map that a backbone for images gives is above the steps and values that it was seen in."""
    keras.utils.set_random_seed(0)
    preprocessor = AudioPreprocessor(19 * 160, FrontEnd(mels=20), edge=20)
    inputs = keras.Input((20, 20, 3))
    body = learner._body(keras.Model(inputs, keras.layers.Identity()(inputs)), preprocessor)
    features = RNG.random((2, 20, 20), np.float32)
    seen = keras.Model(body.inputs, body.features)(features)
    np.testing.assert_allclose(seen[..., 0], 255 * features, atol=0.1)


@pytest.mark.slow
def test_halves_are_computed_with_and_wholes_are_kept(digits):
    made = kzoo.pretrain(net(), digits[0][:32], objective="simclr", steps=2, batch_size=16, precision="mixed_bfloat16")
    assert {weight.dtype for weight in made.backbone.get_weights()} == {np.dtype("float32")}
    assert all(layer.compute_dtype == "float32" for layer in made.backbone.layers)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"objective": "wishing"}, "objective must be one of"),
        ({"objective": "masked_language"}, "is for text"),
        ({"objective": "simclr", "steps": 0}, "steps must be"),
        ({"objective": "simclr", "augmentation": "none"}, "compares augmented views"),
        ({"objective": "simclr", "augmentation": "heavy"}, "augmentation must be one of"),
        ({"objective": "simclr", "steps": "10"}, "steps must be an int"),
        ({"objective": "simclr", "ema": "0.9"}, "ema must be a float"),
        ({"objective": "simclr", "eval_every": -5}, "eval_every must be"),
        ({"objective": "simclr", "batch_size": 0}, "batch_size must be"),
        ({"objective": "simclr", "learning_rate": 0.0}, "learning_rate must be"),
        ({"objective": "simclr", "ema": 1.0}, "ema must be"),
        ({"objective": "simclr", "precision": "mixed_float8"}, "precision must be"),
    ],
)
def test_what_makes_no_sense_is_refused(digits, arguments, error):
    with pytest.raises(ValueError, match=error):
        kzoo.pretrain(net(), digits[0][:32], **arguments)


@pytest.mark.slow
def test_the_average_of_weights_is_kept(digits):
    """With nearly no memory it is the last weights; with much, it is near the first."""
    options = {"objective": "simclr", "steps": 6, "batch_size": 16, "learning_rate": 1e-2}
    last = kzoo.pretrain(net(), digits[0][:32], ema=0.0, **options).backbone.get_weights()[0]
    near = kzoo.pretrain(net(), digits[0][:32], ema=1e-6, **options).backbone.get_weights()[0]
    slow = kzoo.pretrain(net(), digits[0][:32], ema=0.9, **options).backbone.get_weights()[0]
    first = net().get_weights()[0]
    np.testing.assert_allclose(last, near, atol=1e-5)
    assert np.abs(slow - first).mean() < np.abs(last - first).mean()


def test_a_pair_with_labels_is_no_unlabelled_data(digits):
    with pytest.raises(ValueError, match="Pass the inputs alone"):
        kzoo.pretrain(net(), (digits[0][:32], digits[1][:32]), objective="simclr", steps=1)


def test_a_folder_of_that_name_is_not_taken_for_a_model(few, tmp_path, monkeypatch):
    (tmp_path / "mobilenet_v2_035").mkdir()
    monkeypatch.chdir(tmp_path)
    kzoo.plan("mobilenet_v2_035", few, size=32, weights=None)


@pytest.mark.slow
def test_none_are_random_weights_for_models_of_ones_own_too(few):
    model = net()
    fresh = kzoo.adapt(model, few, schedule="linear_probe", weights=None)
    assert fresh.record.weights is None
    assert not np.array_equal(fresh.backbone.get_weights()[0], model.get_weights()[0])
    kept = kzoo.adapt(model, few, schedule="linear_probe")
    np.testing.assert_array_equal(kept.backbone.get_weights()[0], model.get_weights()[0])


@pytest.mark.slow
def test_a_registered_one_takes_as_many_channels_as_it_did(digits, few, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 1))
    grey = keras.Model(inputs, keras.layers.Conv2D(8, 3, strides=2, activation="relu")(inputs), name="grey")
    made = kzoo.pretrain(grey, digits[0][:40], objective="masked", steps=2, batch_size=16)
    made.register("grey_of_digits", tmp_path / "grey")
    assert kzoo.adapt("grey_of_digits", few, schedule="linear_probe").preprocessor.channels == 1
    with pytest.raises(ValueError, match="registered already"):
        made.register("resnet50", tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_generators_of_half_precision_move_as_others_do(digits):
    """Keras scales the loss in `compile`; a step of one's own must do so too."""
    moved = {}
    for precision in ("float32", "mixed_float16"):
        options = {"steps": 5, "batch_size": 16, "ema": 0.0, "precision": precision}
        made = kzoo.pretrain(net(), digits[0][:40], objective="gan", **options)
        pairs = zip(net().get_weights(), made.backbone.get_weights(), strict=True)
        moved[precision] = np.mean([np.abs(a - b).mean() for a, b in pairs if a.ndim == 4])
    assert moved["mixed_float16"] == pytest.approx(moved["float32"], rel=0.3)
