"""The main job on tiny data: golden runs, records, saving, and what a user may hand in."""

import contextlib
import io
import json
from pathlib import Path

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf

import kzoo
from kzoo.core.storage import DamagedError
from kzoo.specs.records.run_record import RunRecord
from kzoo.specs.records.task_record import OptionsRecord

QUICK = kzoo.Schedule(
    (
        kzoo.LinearProbe(),
        kzoo.Phase("last:1", epochs=2, batch_size=8, augmentation="light", views=2),
    )
)


@pytest.fixture(scope="module")
def adapted(module_backbone, folder):
    return kzoo.adapt(module_backbone, folder, schedule=QUICK)


@pytest.fixture(scope="module")
def module_backbone():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for width in (6, 12):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, x, name="tiny")


def test_it_learns(adapted):
    evaluation = adapted.evaluate()
    assert evaluation.size == 3
    assert list(evaluation.names) == list(adapted.splits().test.names)
    assert evaluation["accuracy"] == 1.0


@pytest.mark.slow
def test_the_users_model_is_left_as_it_was(module_backbone, folder):
    before = module_backbone.get_weights()
    kzoo.adapt(module_backbone, folder, schedule=kzoo.Phase("*", epochs=1, batch_norm=True))
    assert all(np.array_equal(a, b) for a, b in zip(before, module_backbone.get_weights(), strict=True))


def test_the_same_seed_gives_the_same_weights(adapted, module_backbone, folder):
    again = kzoo.adapt(module_backbone, folder, schedule=QUICK)
    for ours, theirs in zip(adapted.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_frozen_groups_are_bit_for_bit_the_backbones(adapted, module_backbone):
    for layer in module_backbone.layers[1:5]:
        ours = adapted.network.get_layer(layer.name).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(ours, layer.get_weights(), strict=True))


@pytest.fixture(scope="module")
def spoilt(module_backbone, folder, tmp_path_factory):
    """A probe, a phase in which its kernel decays to nothing, and one that diverges; with an empty cache."""
    faded = kzoo.Phase("head", epochs=1, batch_size=4, optimizer="sgd", weight_decay=900.0, warmup=0.0)
    wild = kzoo.Phase("head", epochs=1, batch_size=4, optimizer="sgd", learning_rate=1e6, warmup=0.0)
    schedule = kzoo.Schedule((kzoo.LinearProbe(), faded, wild))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KZOO_CACHE", str(tmp_path_factory.mktemp("empty")))
        return kzoo.adapt(module_backbone, folder, schedule=schedule)


def test_the_weights_of_the_better_phase_are_kept(spoilt, module_backbone, folder):
    """Not those of the last, nor of the last that did not diverge: the probe's, as if there had been nothing else."""
    alone = kzoo.adapt(module_backbone, folder, schedule="linear_probe")
    for ours, theirs in zip(spoilt.network.get_weights(), alone.network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert spoilt.record.kept == 0
    assert not np.allclose(spoilt.network.layers[-1].kernel, 0, atol=1e-3)


def test_a_phase_that_diverged_is_said_first(spoilt):
    assert [phase.diverged for phase in spoilt.record.phases] == [False, False, True]
    assert spoilt.record.notes[0].startswith("WARNING: phase 3: Training diverged in epoch 1 (loss ")
    lines = str(spoilt).splitlines()
    assert [line.split()[-1] for line in (lines[2], lines[4])] == ["refitted", "diverged"]
    assert lines[5] == spoilt.record.notes[0]


def test_the_runtime_is_on_record(spoilt):
    (runtime,) = spoilt.record.phases[0].runtimes
    assert runtime in ("OpenVINO", "folded", "Keras")
    assert runtime in str(spoilt).splitlines()[2]


def test_the_history_has_a_row_an_epoch(adapted):
    history = adapted.history
    assert isinstance(history, pandas.DataFrame)
    assert history["phase"].tolist() == [1, 2, 2]
    assert {"loss", "val_loss", "val_accuracy", "learning_rate"} <= set(history.columns)


def test_predict_takes_paths_bytes_folders_and_pixels(adapted, folder):
    paths = sorted((folder / "red").glob("*.png"))[:2]
    by_path = adapted.predict(paths)
    by_bytes = adapted.predict([path.read_bytes() for path in paths])
    single = adapted.predict(str(paths[0]))
    assert by_path.labels == ["red", "red"]
    assert np.array_equal(by_path.outputs, by_bytes.outputs)
    assert np.array_equal(by_path.outputs[:1], single.outputs)
    assert len(adapted.predict(folder / "red")) == 10
    assert len(adapted.predict(np.zeros((5, 9, 3), np.uint8))) == 1


def test_predict_names_what_it_cannot_read(adapted, folder, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"<html>")
    found = adapted.predict([bad, sorted(folder.rglob("*.png"))[0]])
    assert found.labels[0] is None
    assert np.isnan(found.outputs[0]).all()
    assert "not a jpeg" in found.errors[str(bad)]
    assert found.labels[1] == "blue"


def test_model_is_the_plain_keras_model(adapted):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3)).astype(np.uint8)
    direct = adapted.model.predict(pixels, verbose=0)
    np.testing.assert_allclose(direct, adapted.predict(pixels).outputs, rtol=1e-5, atol=1e-6)


def test_save_and_load(adapted, tmp_path):
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    assert np.array_equal(again.evaluate().outputs, adapted.evaluate().outputs)
    assert (again.card, again.labels, again.head) == (adapted.card, adapted.labels, adapted.head)
    assert again.history.equals(adapted.history)
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == ["SHA256SUMS", "card.json", "network.keras"]


def test_saving_twice_replaces_and_never_touches_foreign_folders(adapted, tmp_path):
    adapted.save(tmp_path / "saved")
    adapted.save(tmp_path / "saved")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(FileExistsError, match="Choose another directory"):
        adapted.save(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years"


@pytest.mark.parametrize("name", ["network.keras", "card.json"])
def test_a_flipped_bit_is_noticed(adapted, tmp_path, name):
    path = adapted.save(tmp_path / "saved") / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match=name):
        kzoo.load(tmp_path / "saved")


def test_foreign_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no saved model"):
        kzoo.load(tmp_path / "nothing")
    with pytest.raises(DamagedError, match="not a saved kzoo model"):
        kzoo.load(tmp_path)


@pytest.mark.slow
def test_evaluate_other_data(adapted, folder, tmp_path):
    again = adapted.evaluate(folder)
    assert again["accuracy"] == adapted.evaluate()["accuracy"]
    assert again.size == 3
    assert again.notes == [
        "27 images are left out, because the model was trained or selected on them",
        "Fewer than 5 test examples: blue (1), green (1), red (1): their scores are imprecise.",
    ]
    other = tmp_path / "data" / "green"
    other.mkdir(parents=True)
    pixels = np.full((9, 9, 3), (20, 200, 20), np.uint8)
    (other / "a.png").write_bytes(tf.io.encode_png(pixels).numpy())
    (other / "bad.png").write_bytes(b"")
    found = adapted.evaluate(tmp_path / "data")
    assert found.size == 1
    assert "empty file" in str(found)


def test_what_it_was_trained_on_is_not_measured(adapted, folder, tmp_path):
    train = adapted.data.train.names[0]
    target = tmp_path / "data" / "blue"
    target.mkdir(parents=True)
    (target / "copy.png").write_bytes(Path(train).read_bytes())
    with pytest.raises(ValueError, match="trained or selected on them"):
        adapted.evaluate(tmp_path / "data")


@pytest.mark.slow
def test_a_loaded_model_finds_its_test_split_again(module_backbone, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    first = kzoo.adapt(module_backbone, folder.name, schedule="linear_probe")
    saved = first.save(tmp_path / "saved")
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(kzoo.load(saved).evaluate().outputs, first.evaluate().outputs)


@pytest.mark.slow
def test_a_loaded_model_notices_that_its_data_has_changed(module_backbone, folder, tmp_path):
    import shutil

    data = tmp_path / "data"
    shutil.copytree(folder, data)
    saved = kzoo.adapt(module_backbone, data, schedule="linear_probe").save(tmp_path / "saved")
    for path in list((data / "red").iterdir())[:5]:
        path.unlink()
    with pytest.raises(ValueError, match="has changed since training"):
        kzoo.load(saved).evaluate()


def test_plan_trains_nothing_and_says_what_would_happen(module_backbone, folder):
    plan = kzoo.plan(module_backbone, folder, schedule=QUICK)
    text = str(plan)
    assert "train  validation  test" in text
    assert [row[0] for row in plan.phases.rows] == ["head", "stage1 head"]
    assert plan.phases.rows[1][1] == 6 * 9 * 12 + 12 * 3 + 3
    assert json.dumps(plan.as_dict())
    assert "<table>" in plan._repr_html_()


def test_a_pattern_that_matches_no_group_names_the_groups(module_backbone, folder):
    with pytest.raises(ValueError, match=r"matches no group\. The groups are: stem, stage1, head"):
        kzoo.adapt(module_backbone, folder, schedule=kzoo.Phase("stage7"))


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["linear_probe", "fine_tune", "gradual", "lp_ft"])
def test_every_recipe_runs(module_backbone, arrays, schedule, monkeypatch):
    from kzoo.specs import recipes

    recipe = recipes.RECIPES[schedule]
    options = {"linear_probe": {}, "fine_tune": {"epochs": 20, "learning_rate": 1e-2, "views": 1}}
    options = options.get(schedule, {"epochs": 1, "views": 1})
    monkeypatch.setitem(recipes.RECIPES, schedule, lambda: recipe(**options))
    adapted = kzoo.adapt(module_backbone, kzoo.Classification(arrays), schedule=schedule)
    assert adapted.record.schedule == schedule
    assert adapted.evaluate()["accuracy"] > 0.8  # of 3 classes


@pytest.mark.slow
def test_multi_label(module_backbone, arrays):
    x, y = arrays
    targets = np.stack([y == 0, y != 2], axis=1).astype(int)
    adapted = kzoo.adapt(module_backbone, kzoo.MultiLabel((x, targets), labels=["red", "not blue"]), schedule=QUICK)
    assert adapted.evaluate()["exact match"] > 0.8
    assert adapted.predict(x[:1]).labels == [("red", "not blue")]


@pytest.mark.slow
def test_regression_gives_values_in_their_own_units(module_backbone, arrays):
    x, y = arrays
    adapted = kzoo.adapt(module_backbone, kzoo.Regression((x, 1000.0 + 100 * y)), schedule=QUICK)
    assert adapted.evaluate()["mean absolute error"] < 60
    assert 900 < adapted.predict(x[:1]).outputs[0, 0] < 1300


def test_a_head_with_a_hidden_layer_is_trained_by_steps(module_backbone, arrays):
    adapted = kzoo.adapt(
        module_backbone,
        kzoo.Classification(arrays),
        head=kzoo.Head(hidden=8, pooling="concat"),
        schedule="linear_probe",
    )
    assert adapted.record.phases[0].phase.optimizer == "adam"
    assert adapted.embedding.output_shape == (None, 24)


@pytest.mark.slow
def test_class_weights_move_the_answers(module_backbone, arrays):
    x, y = arrays
    task = kzoo.Classification((np.zeros_like(x) + np.arange(60, dtype=np.uint8)[:, None, None, None], y))
    heavy = kzoo.adapt(module_backbone, task, schedule="linear_probe", class_weight={"2": 100.0})
    assert set(heavy.predict(x).labels) == {"2"}


def test_callbacks_see_every_epoch(module_backbone, arrays):
    seen = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["val_accuracy"]))
    kzoo.adapt(module_backbone, kzoo.Classification(arrays), schedule=QUICK, callbacks=[count])
    assert len(seen) == 2


def test_a_loss_that_is_not_finite_is_an_error_that_says_where(module_backbone, arrays):
    wild = kzoo.Phase("*", epochs=2, learning_rate=1e30, optimizer="sgd", warmup=0.0)
    with pytest.raises(FloatingPointError, match="Lower the learning_rate") as raised:
        kzoo.adapt(module_backbone, kzoo.Classification(arrays), schedule=wild)
    assert "phase 1 of 1" in raised.value.__notes__[0]


@pytest.mark.parametrize(("room", "place"), [(0, "nowhere"), (1 << 30, "disk")])
def test_activations_beyond_the_budget_go_to_the_disk_or_nowhere(module_backbone, arrays, monkeypatch, room, place):
    monkeypatch.setattr("kzoo.training.cache.activations.memory_budget", lambda: 0)
    monkeypatch.setattr("kzoo.training.cache.disk.room", lambda: room)
    adapted = kzoo.adapt(module_backbone, kzoo.Classification(arrays), schedule=QUICK)
    assert [phase.activations for phase in adapted.record.phases] == ["memory", place]
    assert len(adapted.record.phases[1].history) == 2
    assert adapted.evaluate()["accuracy"] == 1.0
    plan = kzoo.plan(module_backbone, kzoo.Classification(arrays), schedule=QUICK)
    assert ("disk" in plan.phases.rows[1][-1]) == (place == "disk")


def test_adapting_what_was_adapted(adapted, arrays):
    again = kzoo.adapt(adapted, kzoo.Classification(arrays), schedule="linear_probe")
    assert again.card.name == "tiny"
    layer = again.network.layers[2].name
    assert np.array_equal(
        again.network.get_layer(layer).get_weights()[0], adapted.network.get_layer(layer).get_weights()[0]
    )


@pytest.mark.slow
def test_a_catalog_model_with_random_weights(arrays):
    adapted = kzoo.adapt(
        "mobilenet_v2_035", kzoo.Classification(arrays), weights=None, size=32, schedule="linear_probe"
    )
    assert adapted.embedding.output_shape == (None, 1280)
    assert adapted.record.weights is None


def test_it_plots_itself(adapted):
    assert len(adapted.plot().axes) == 2
    assert [axis.get_title() for axis in adapted.plot_batch(augmentation="strong", count=3).axes]
    assert adapted.evaluate().plot().axes[0].get_xlabel() == "predicted"
    assert not adapted.plot_mistakes().axes[0].images


def test_a_batch_is_drawn_with_an_augmentation_of_the_users(adapted):
    plain, white = (
        adapted.plot_batch(augmentation=each, count=2).axes[0].images[0].get_array()
        for each in ("none", lambda image: np.full_like(image, 255.0))
    )
    assert plain.shape == white.shape
    assert plain.min() < 255
    assert white.min() == 255
    assert adapted.plot_batch(augmentation=keras.layers.RandomFlip("vertical"), count=2).axes
    with pytest.raises(ValueError, match="augmentation must be one of"):
        adapted.plot_batch(augmentation="stong")
    with pytest.raises(ValueError, match="failed on one image"):
        adapted.plot_batch(augmentation=lambda image: image[:2])


def test_augmentation_overrides_the_schedule(module_backbone, folder):
    plan = kzoo.plan(module_backbone, folder, schedule=QUICK, augmentation="strong")
    assert [row[6] for row in plan.phases.rows] == ["none", "strong x 2"]


def test_results_show_themselves_as_tables(adapted):
    assert repr(adapted) == str(adapted)
    assert "val_accuracy" in repr(adapted)
    assert repr(kzoo.stages("mobilenet_v1_025", size=32)).splitlines()[1].startswith("stage")


@pytest.mark.parametrize("callback", [keras.callbacks.ReduceLROnPlateau(), keras.callbacks.ModelCheckpoint("x.keras")])
def test_callbacks_that_would_do_something_else_are_refused(module_backbone, folder, callback):
    with pytest.raises(ValueError, match=type(callback).__name__):
        kzoo.adapt(module_backbone, folder, schedule=QUICK, callbacks=[callback])


def test_later_phases_see_what_earlier_ones_trained(module_backbone, arrays, monkeypatch):
    """A phase that unfreezes the bottom, and then one of the top alone: its activations must be computed anew."""
    monkeypatch.setattr("kzoo.setup.conclusion.result.phase_to_keep", lambda states: 2)
    schedule = kzoo.Schedule(
        [
            kzoo.LinearProbe(),
            kzoo.Phase("*", epochs=1, learning_rate=1e-2),
            kzoo.LinearProbe(refit=False),
        ]
    )
    adapted = kzoo.adapt(module_backbone, kzoo.Classification(arrays), schedule=schedule)
    last = adapted.record.phases[2].scores
    x, y = adapted.data.validation.columns["image"], adapted.data.validation.targets
    outputs = adapted.predict(x).outputs
    assert -np.log(outputs[np.arange(len(y)), y]).mean() == pytest.approx(last["val_loss"], rel=1e-3)
    assert last["val_accuracy"] >= 0.8


def spread(truth, outputs):
    """How sure the answers are."""
    return float(outputs.max(axis=1).mean())


@pytest.fixture(scope="module")
def steered(module_backbone, arrays):
    """What the options of training came to, and what was written to the screen meanwhile."""
    screen = io.StringIO()
    with contextlib.redirect_stderr(screen):
        found = kzoo.adapt(
            module_backbone,
            kzoo.Classification(arrays),
            schedule="lp_ft",
            epochs=2,
            batch_size=16,
            optimizer=keras.optimizers.AdamW(0.25, weight_decay=0.5, beta_1=0.75),
            learning_rate=1e-3,
            loss="categorical_focal_crossentropy",
            metrics=[spread, keras.metrics.TopKCategoricalAccuracy(k=2, name="top2")],
            monitor="macro_f1",
            precision="mixed_bfloat16",
            callbacks=keras.callbacks.LambdaCallback(),
            verbose=0,
        )
    return found, screen.getvalue()


def test_the_options_of_training_change_its_phases_of_steps(steered):
    record = steered[0].record
    assert record.phases[0].phase == kzoo.LinearProbe()
    phase = record.phases[1].phase
    found = {
        name: getattr(phase, name) for name in ("epochs", "batch_size", "learning_rate", "optimizer", "weight_decay")
    }
    assert found == {
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "optimizer": "adamw",
        "weight_decay": 0.5,
    }
    assert phase.optimizer_options == (("beta_1", 0.75),)
    assert record.options == OptionsRecord(
        loss="categorical_focal_crossentropy",
        metrics=["spread", "top2"],
        precision="mixed_bfloat16",
        monitor="macro_f1",
    )
    assert RunRecord.restore(json.loads(json.dumps(record.as_plain()))) == record


def test_a_model_that_was_trained_in_bfloat16_answers_in_float32(steered):
    adapted, _ = steered
    assert {layer.compute_dtype for layer in adapted.network.layers} == {"float32"}
    assert {weight.dtype for weight in adapted.network.get_weights()} == {np.dtype("float32")}
    assert not adapted.record.phases[1].diverged


def test_verbose_zero_writes_nothing_to_the_screen(steered):
    assert steered[1] == ""


def unseen():
    """Labelled images that the model has not seen."""
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (6, 16, 16, 3)).astype(np.uint8), np.arange(6) % 3


def test_metrics_are_in_the_evaluation_and_the_record_and_a_loaded_model_takes_them_again(steered, tmp_path):
    adapted, _ = steered
    evaluation = adapted.evaluate()
    assert evaluation["top2"] >= evaluation["accuracy"]
    assert adapted.record.test.metrics["spread"].value == pytest.approx(evaluation["spread"])
    loaded = kzoo.load(adapted.save(tmp_path / "saved"))
    assert loaded.record.options == adapted.record.options
    again = loaded.evaluate(unseen(), metrics=[spread])
    assert "top2" not in again.metrics
    assert "spread" in again.metrics


def test_a_misspelt_argument_is_told_its_name(module_backbone, arrays):
    for verb in (kzoo.adapt, kzoo.plan):
        with pytest.raises(TypeError, match=r"has no argument 'epcohs'\. Did you mean 'epochs'\?"):
            verb(module_backbone, kzoo.Classification(arrays), epcohs=3)


def test_a_plan_says_what_the_options_change(module_backbone, arrays):
    plan = kzoo.plan(
        module_backbone,
        kzoo.Classification(arrays),
        schedule=[kzoo.LinearProbe(), kzoo.Phase("last:1")],
        epochs=7,
        optimizer="lion",
        loss="categorical_hinge",
        monitor="auc",
    )
    assert plan.phases.rows[1][2] == 7
    assert set(plan.notes) >= {
        "Optimizer: lion.",
        "Loss of gradient steps: categorical_hinge.",
        "Validation selects by: auc.",
    }


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"learning_rate": "1e-3"}, ValueError, r"learning_rate must be a float"),
        ({"schedule": "linear_probe", "epochs": 3}, ValueError, r"epochs=3 would have no effect"),
        ({"loss": "sparse_categorical_crossentropy"}, ValueError, r"Targets are one-hot"),
        ({"metrics": ["f1_score"]}, ValueError, r"The metric 'f1_score' cannot be used"),
        ({"monitor": "f1"}, ValueError, r"monitor of a classification must be one of"),
        ({"callbacks": 3}, TypeError, r"callbacks must be Keras callbacks\. Got 3"),
        ({"precision": "mixed_float16"}, ValueError, r"precision must be one of float32, mixed_bfloat16, or None"),
        ({"schedule": "linear_probe", "precision": "mixed_bfloat16"}, ValueError, r"precision would have no effect"),
        ({"verbose": 3}, ValueError, r"verbose must be 0"),
    ],
)
def test_options_of_training_are_refused_before_it(module_backbone, arrays, options, error, message):
    with pytest.raises(error, match=message):
        kzoo.plan(module_backbone, kzoo.Classification(arrays), **{"schedule": "lp_ft", **options})
