"""A model of several tasks, and each of its tasks as a model of its own."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

import kzoo

SIZE = 120
SCHEDULE = [kzoo.LinearProbe(), kzoo.Phase("last:1", epochs=2, batch_size=16, views=1, augmentation="none")]


def pixels():
    """Images (N, 16, 16, 3), the bright channel of each (N,), and how bright it is, (N,)."""
    rng = np.random.default_rng(0)
    channel, light = np.arange(SIZE) % 3, rng.random(SIZE)
    images = rng.integers(0, 40, (SIZE, 16, 16, 3))
    images[np.arange(SIZE), :, :, channel] += (60 + 120 * light).astype(int)[:, None, None]
    return images.astype(np.uint8), channel, light


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of images and two targets, some of which are missing."""
    root = tmp_path_factory.mktemp("table")
    images, channel, light = pixels()
    for number, image in enumerate(images):
        Image.fromarray(image).save(root / f"{number}.png")
    frame = pd.DataFrame({"image": [f"{number}.png" for number in range(SIZE)]})
    frame["colour"] = np.asarray(["red", "green", "blue"], object)[channel]
    frame["light"] = light.astype(object)
    frame.loc[:19, "light"] = None
    frame.loc[30:39, "colour"] = None
    frame.to_csv(root / "table.csv", index=False)
    return root / "table.csv"


def tasks_of(table, **options):
    sizes = {"validation": 0.2, "test": 0.25}
    colour = kzoo.Classification(table, label="colour", **sizes)
    return kzoo.MultiTask({"colour": colour, "light": kzoo.Regression(table, label="light", **sizes)}, **options)


@pytest.fixture(scope="module")
def adapted(table, make_backbone):
    keras.utils.set_random_seed(0)
    return kzoo.adapt(make_backbone(), tasks_of(table), weights=None, schedule=SCHEDULE, verbose=0)


def test_both_tasks_are_learned(adapted):
    found = adapted.evaluate()
    assert found["colour accuracy"] > 0.9
    assert found["light R2"] > 0.7
    assert found.size == len(adapted.splits().test)
    assert adapted.kind == "several tasks: colour classification 3, light regression 1"
    assert list(adapted.record.test.metrics) == list(found.metrics)
    assert adapted.summary().title.startswith("tiny adapted to 2 tasks (colour: classification, light: regression)")


def test_values_are_standardised_and_classes_are_not(adapted):
    (mean, deviation), light = adapted.scale, adapted.splits().train.targets[:, 3]
    assert (mean[:3], deviation[:3]) == ([0, 0, 0], [1, 1, 1])
    assert (mean[3], deviation[3]) == pytest.approx((np.nanmean(light), np.nanstd(light)))
    assert adapted.tasks["colour"].scale is None
    assert adapted.tasks["light"].scale == ([mean[3]], [deviation[3]])


def test_each_task_is_a_model_of_its_own(adapted):
    images, _, _ = pixels()
    both = adapted.predict(images[:7])
    assert list(adapted.tasks) == ["colour", "light"]
    colour, light = adapted.tasks.values()
    assert (colour.kind, list(colour.labels)) == ("classification", ["blue", "green", "red"])
    np.testing.assert_allclose(colour.predict(images[:7]).outputs, both.outputs[:, :3], atol=1e-6)
    np.testing.assert_allclose(light.predict(images[:7]).outputs, both.outputs[:, 3:], atol=1e-6)
    assert both[0].label[0] == f"colour: {colour.predict(images[:7])[0].label}"
    whole = adapted.evaluate()
    for name, own in adapted.tasks.items():
        found = own.evaluate()
        known = ~np.isnan(whole.truth[:, 0 if name == "colour" else 3])
        assert found.size == known.sum() == own.record.test.size
        for key, metric in found.metrics.items():
            assert metric.value == pytest.approx(whole[f"{name} {key}"], rel=1e-4)
        assert own.record.sizes["test"] == found.size
    shared = [layer for layer in colour.network.layers if layer in light.network.layers]
    assert len(shared) == len(adapted.network.layers) - 1


def test_one_task_alone_has_no_tasks(arrays, make_backbone):
    alone = kzoo.adapt(make_backbone(), arrays, weights=None, schedule="linear_probe", verbose=0)
    assert dict(alone.tasks) == {}


def test_a_saved_model_answers_and_is_measured_as_before(adapted, tmp_path):
    images, _, _ = pixels()
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    np.testing.assert_array_equal(again.predict(images[:7]).outputs, adapted.predict(images[:7]).outputs)
    assert again.evaluate().metrics == adapted.evaluate().metrics
    assert all(own.data is None for own in again.tasks.values())  # nothing is read before it is wanted
    assert again.tasks["light"].evaluate().metrics == adapted.tasks["light"].evaluate().metrics
    for name, own in adapted.tasks.items():
        saved = kzoo.load(own.save(tmp_path / name))
        np.testing.assert_array_equal(saved.predict(images[:7]).outputs, own.predict(images[:7]).outputs)
        assert saved.evaluate().metrics == own.evaluate().metrics
        assert list(saved.splits().train.names) == list(own.splits().train.names)


@pytest.mark.slow
def test_the_served_model_answers_all_tasks_and_each(adapted, tmp_path):
    images, _, _ = pixels()
    encoded = tf.constant([tf.io.encode_png(image).numpy() for image in images[:5]] + [b"broken"])
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served"))).signatures
    assert {"task_colour", "task_light", "serving_default", "features", "numeric"} <= set(served)
    found = {name: value.numpy() for name, value in served["serving_default"](image=encoded).items()}
    said = adapted.predict(images[:5])
    np.testing.assert_allclose(found["colour_probabilities"][:5], said.outputs[:, :3], atol=1e-4)
    np.testing.assert_allclose(found["light_values"][:5], said.outputs[:, 3:], atol=1e-4)
    assert found["errors"][5]
    assert not found["errors"][:5].any()
    colour = {name: value.numpy() for name, value in served["task_colour"](image=encoded).items()}
    assert sorted(colour) == ["errors", "labels", "probabilities"]
    for name in ("labels", "probabilities"):
        np.testing.assert_array_equal(colour[name], found[f"colour_{name}"])
    assert sorted(served["task_light"].structured_outputs) == ["errors", "values"]


@pytest.mark.slow
def test_a_missing_target_teaches_nothing_and_weights_count(table, make_backbone):
    frame = pd.read_csv(table)
    frame["image"] = [str(table.parent / name) for name in frame["image"]]
    kernels = {}
    for name, options in {"path": {}, "frame": {}, "heavier": {"weights": {"light": 9}}}.items():
        keras.utils.set_random_seed(0)
        tasks = tasks_of(table if name == "path" else frame, **options)
        phase = kzoo.Phase("*", epochs=1, batch_size=16)
        head = kzoo.Head(dropout=0)
        found = kzoo.adapt(make_backbone(), tasks, weights=None, schedule=phase, head=head, verbose=0)
        kernels[name] = found.backbone.get_weights()[0]
        assert np.isfinite(kernels[name]).all()
    np.testing.assert_array_equal(kernels["path"], kernels["frame"])
    assert np.abs(kernels["heavier"] - kernels["path"]).max() > 1e-4


@pytest.mark.slow
def test_a_head_of_ones_own_is_sliced(table, make_backbone):
    kzoo.register_head(
        "two_layers",
        lambda features, outputs: keras.layers.Activation("linear")(
            keras.layers.Dense(outputs)(keras.layers.GlobalAveragePooling2D()(features))
        ),
    )
    try:
        schedule = [kzoo.Phase("head", epochs=1)]
        head = kzoo.Head(kind="two_layers")
        found = kzoo.adapt(make_backbone(), tasks_of(table), weights=None, schedule=schedule, head=head, verbose=0)
        images, _, _ = pixels()
        both = found.predict(images[:5]).outputs
        np.testing.assert_allclose(found.tasks["light"].predict(images[:5]).outputs, both[:, 3:], atol=1e-6)
    finally:
        from kzoo.models.heads import HEADS

        del HEADS["two_layers"]


@pytest.mark.slow
def test_it_is_adapted_again_without_what_it_has_seen(adapted, table):
    task = kzoo.Classification(table, label="colour", validation=0.2, test=0.2)
    again = kzoo.adapt(adapted, task, schedule="linear_probe", verbose=0)
    seen = {*adapted.splits().train.digests, *adapted.splits().validation.digests}
    assert not seen & set(again.splits().test.digests)


@pytest.mark.parametrize("option", [{"loss": "mse"}, {"metrics": "AUC"}, {"monitor": "accuracy"}])
def test_options_of_one_task_are_refused(option, table, backbone):
    with pytest.raises(ValueError, match="loss=, metrics= and monitor= are of one task"):
        kzoo.adapt(backbone, tasks_of(table), weights=None, verbose=0, **option)
    with pytest.raises(ValueError, match="class_weight= is of one task"):
        kzoo.adapt(backbone, tasks_of(table), weights=None, class_weight="balanced", verbose=0)


def test_what_is_of_one_task_says_so(adapted, table):
    with pytest.raises(ValueError, match=r"on one task. Call tasks\[NAME\].report\(\)"):
        adapted.report()
    with pytest.raises(ValueError, match=r"call tasks\[NAME\].evaluate\(data\)"):
        adapted.evaluate(table)
    with pytest.raises(ValueError, match=r"An ensemble is of one task. .*model.tasks\['colour'\]"):
        kzoo.ensemble([adapted, adapted])
    with pytest.raises(TypeError, match=r"takes one task. Pass one of colour, light"):
        kzoo.rank(tasks_of(table))


def test_the_plan_tells_what_targets_there_are(table, backbone):
    plan = str(kzoo.plan(backbone, tasks_of(table), weights=None))
    assert "colour: 62 train, 21 validation, 27 test examples have a target" in plan, plan
    assert "light: " in plan


def test_columns_of_classes_are_tasks(table, backbone):
    frame = pd.read_csv(table)
    frame["image"] = [str(table.parent / name) for name in frame["image"]]
    frame["place"] = np.where(np.arange(SIZE) < SIZE / 2, "first", "second")
    task = kzoo.Classification(frame, image="image", label=["colour", "place"])
    plan = str(kzoo.plan(backbone, task, weights=None))
    assert "colour: " in plan
    assert "place: " in plan


def test_weights_by_uncertainty_train_and_are_kept(table, make_backbone, tmp_path):
    keras.utils.set_random_seed(0)
    tasks = tasks_of(table, weights="uncertainty")
    adapted = kzoo.adapt(make_backbone(), tasks, weights=None, schedule=SCHEDULE, verbose=0)
    assert adapted.evaluate()["light R2"] > 0.7
    loaded = kzoo.load(adapted.save(tmp_path / "model"))
    assert loaded.kind == "several tasks by uncertainty: colour classification 3, light regression 1"
    assert loaded.splits().fingerprint() == adapted.splits().fingerprint()
    with pytest.raises(ValueError, match=r"must be a dict, 'uncertainty', 'gradnorm', or None. Got 'mean'"):
        tasks_of(table, weights="mean")
