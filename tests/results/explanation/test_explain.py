"""Explanations of adapted models of images: where the signal was planted, there the map is highest."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

import kzoo

L = keras.layers
SPOT = slice(4, 12), slice(20, 28)
"""Rows and columns of the patch that decides the class."""


def spotted(count, *, seed=0, size=(32, 32)):
    """Grey, at which the networks below are silent, with a patch that is bright in one of three channels, its class."""
    rng = np.random.default_rng(seed)
    images = rng.integers(124, 132, (count, *size, 1)).repeat(3, axis=-1)
    classes = np.arange(count) % 3
    for image, channel in zip(images, classes, strict=True):
        image[(*SPOT, slice(None))] = 20
        image[(*SPOT, channel)] = 250
    return images.astype(np.uint8), classes


def convolutions(name, *, width=16, seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((32, 32, 3))
    x = L.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for step in range(2):
        x = L.Conv2D(width, 3, strides=2, padding="same", activation="relu", name=f"{name}_{step}")(x)
    return keras.Model(inputs, x, name=name)


@pytest.fixture(scope="module")
def task():
    images, classes = spotted(60)
    return kzoo.Classification((images, np.array(["red", "green", "blue"])[classes]), test=0, validation=0)


def adapt(model, task, **more):
    return kzoo.adapt(model, task, schedule="linear_probe", size=32, augmentation="none", **more)


@pytest.fixture(scope="module")
def adapted(task):
    return adapt(convolutions("plain"), task)


def share_in_spot(heat):
    """How much of a map lies in the patch and four pixels around it, one place of the map: a quarter of the image."""
    around = tuple(slice(each.start - 4, each.stop + 4) for each in SPOT)
    return heat[around].sum() / heat.sum()


def test_the_map_is_highest_where_the_class_is_decided(adapted):
    images, classes = spotted(6, seed=1)
    found = adapted.explain(images)
    assert [each.label for each in found] == [["red", "green", "blue"][each] for each in classes]
    for each in found:
        assert each.map.shape == (32, 32)
        assert each.map.dtype == np.float32
        assert 0 <= each.map.min() <= each.map.max() <= 1
        assert share_in_spot(each.map) > 0.75
        assert each.method == "Grad-CAM"
        (grid,) = each.grids.values()
        assert grid.shape == (8, 8)
    outputs = adapted.predict(images, tta=False).outputs
    np.testing.assert_allclose([each.output for each in found], outputs.max(axis=1), atol=1e-5)


def test_another_label_is_explained_on_request(adapted):
    images, _ = spotted(3, seed=2)
    found = adapted.explain(images, label="green")
    assert {each.label for each in found} == {"green"}
    wanted = adapted.predict(images, tta=False).outputs[:, list(adapted.labels).index("green")]
    np.testing.assert_allclose([each.output for each in found], wanted, atol=1e-5)
    assert not np.allclose(found[0].view, adapted.explain(images[:1])[0].view, atol=0.2)
    with pytest.raises(ValueError, match=r"The model has no label 'gren'\. Did you mean 'green'"):
        adapted.explain(images, label="gren")
    with pytest.raises(ValueError, match=r"The labels are: blue, green, red\."):
        adapted.explain(images, label="zebra")


def test_other_weights_are_explained_otherwise(adapted):
    """The sanity check of arXiv:1810.03292."""
    images = np.random.default_rng(3).integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
    before = np.stack([each.view for each in adapted.explain(images, label="red")])
    other = dataclasses.replace(adapted, network=keras.models.clone_model(adapted.network))
    rng = np.random.default_rng(0)
    other.network.set_weights([rng.permutation(w.ravel()).reshape(w.shape) for w in adapted.network.get_weights()])
    after = np.stack([each.view for each in other.explain(images, label="red")])
    assert spearmanr(before.ravel(), after.ravel()).statistic < 0.5


def test_what_cannot_be_read_is_named_and_stops_nothing(adapted, tmp_path):
    Image.fromarray(spotted(1)[0][0]).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"")
    found = adapted.explain([tmp_path / "bad.png", tmp_path / "good.png", tmp_path / "none.png"])
    assert [each.label is None for each in found] == [True, False, True]
    assert found[0].error == "empty file"
    assert len(found.errors) == 2
    assert "empty file" in str(found)
    assert np.isnan(found[0].output)
    with pytest.raises(ValueError, match="empty file"):
        found[:1].plot()
    with pytest.raises(ValueError, match="There are no images to explain"):
        adapted.explain([])
    assert len(found[1:]) == 2
    with pytest.raises(IndexError, match="There are 3 explanations"):
        found[3]


def test_the_map_lies_on_the_image_as_it_is(adapted):
    wide = spotted(1, seed=4)[0][0]
    image = np.full((64, 128, 3), 128, np.uint8)
    image[:, 32:96] = wide.repeat(2, axis=0).repeat(2, axis=1)
    (found,) = adapted.explain(image)
    assert found.map.shape == (64, 128)
    assert not found.map[:, :32].any()
    row, column = np.unravel_index(found.map.argmax(), found.map.shape)
    assert 2 * SPOT[0].start - 4 <= row < 2 * SPOT[0].stop + 4
    assert 32 + 2 * SPOT[1].start - 4 <= column < 32 + 2 * SPOT[1].stop + 4
    assert found.strongest == f"{column / 128:.0%} from left, {row / 64:.0%} from top"


def test_it_is_drawn_and_listed(adapted):
    images, _ = spotted(3, seed=5)
    found = adapted.explain(images)
    assert len(found.plot().axes) == 8  # two rows of four, the last two empty
    assert len(found[0].plot().axes) == 2
    assert "Method: Grad-CAM" in str(found)
    assert found._repr_html_().count("data:image/jpeg") == 3
    assert found[0].overlay().shape == (32, 32, 3)
    changed = np.abs(found[0].overlay().astype(int) - found[0].original.pixels).sum(axis=-1)
    assert share_in_spot(changed) > 0.5


def test_one_plain_view_is_explained(adapted):
    several = dataclasses.replace(adapted, tta=True)
    images, _ = spotted(2, seed=6)
    for one, other in zip(several.explain(images), adapted.explain(images), strict=True):
        np.testing.assert_array_equal(one.view, other.view)


def test_a_model_inside_of_a_model_is_explained(task):
    inner = convolutions("inner")
    inputs = keras.Input((32, 32, 3))
    pooled = keras.Model(inner.input, L.GlobalAveragePooling2D()(inner.output), name="pooled")
    adapted = adapt(keras.Model(inputs, L.Dropout(0.1)(pooled(inputs)), name="outer"), task)
    images, _classes = spotted(3, seed=7)
    found = adapted.explain(images)
    for each in found:
        assert list(each.grids) == ["inner_1"]
        assert share_in_spot(each.map) > 0.75


def test_each_member_of_a_fusion_has_a_map_and_their_mean_is_shown(task):
    adapted = adapt(kzoo.Fusion([convolutions("one"), convolutions("two", width=12, seed=1)]), task)
    (found,) = adapted.explain(spotted(1, seed=8)[0])
    assert list(found.grids) == ["one", "two"]
    assert share_in_spot(found.map) > 0.5
    np.testing.assert_allclose(found.map, np.mean(list(found.members.values()), axis=0), atol=1e-6)
    assert len(found.plot().axes) == 4


@pytest.mark.slow
def test_members_of_an_ensemble_have_their_maps(adapted, task):
    both = kzoo.ensemble([adapted, adapt(convolutions("other", seed=2), task)])
    (found,) = both.explain(spotted(1, seed=9)[0])
    assert sorted(found.grids) == ["member1", "member2"]
    assert share_in_spot(found.map) > 0.6


@pytest.fixture(scope="module")
def values():
    """Regression of two values: the brightness of the patch in red, and in green."""
    images, classes = spotted(60)
    targets = np.eye(3)[classes][:, :2] * [5.0, -3.0] + [10.0, 1.0]
    task = kzoo.Regression((images, targets), test=0, validation=0)
    return adapt(convolutions("values"), task)


def test_values_are_explained_by_what_raises_them(values):
    images, _ = spotted(3, seed=10)
    names = list(values.labels)
    with pytest.raises(ValueError, match=rf"Which of the values\? Pass label= one of: {', '.join(names)}"):
        values.explain(images)
    found = values.explain(images, label=names[0])
    np.testing.assert_allclose(
        [each.output for each in found], values.predict(images, tta=False).outputs[:, 0], atol=1e-3
    )
    assert share_in_spot(found[0].map) > 0.5


def test_of_several_labels_the_most_probable_is_explained():
    images, classes = spotted(60)
    tags = [[("red", "green", "blue")[each], "any"] if each else ["red"] for each in classes]
    adapted = adapt(convolutions("tags"), kzoo.MultiLabel((images, tags), test=0, validation=0))
    asked, _ = spotted(3, seed=11)
    found = adapted.explain(asked)
    outputs = adapted.predict(asked, tta=False).outputs
    assert [each.label for each in found] == [adapted.labels[each] for each in outputs.argmax(axis=1)]
    (red,) = adapted.explain(asked[:1], label="red")
    assert share_in_spot(red.map) > 0.5


@pytest.mark.slow
def test_catalog_models_are_explained(task):
    for name in ("mobilenet_v1_025", "kzoo_nano_image"):
        adapted = adapt(name, task, weights=None)
        (found,) = adapted.explain(spotted(1)[0], label="red")
        (grid,) = found.grids.values()
        assert grid.ndim == 2


@pytest.mark.slow
def test_a_vit_with_a_class_token_is_explained(task, tmp_path):
    hub = pytest.importorskip("keras_hub")
    keras.utils.set_random_seed(0)
    options = {"image_shape": (32, 32, 3), "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 16}
    original = hub.models.ViTBackbone(mlp_dim=32, **options)
    adapted = adapt(original, task)
    found = adapted.explain(spotted(3)[0])
    assert {next(iter(each.grids.values())).shape for each in found} == {(4, 4)}
    assert any(each.map.any() for each in found)
