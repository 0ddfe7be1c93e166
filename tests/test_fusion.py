"""Several backbones as one: what each gives is what it gives by itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.models.assembly import assemble
from kzoo.setup.model_source import source_of
from kzoo.specs.head import Head


def net(name, *, seed, width):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for _ in range(2):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.5)(x))
    return keras.Model(inputs, x, name=name)


@pytest.fixture(scope="module")
def members():
    return [net("one", seed=0, width=6), net("two", seed=1, width=8)]


@pytest.fixture(scope="module")
def task(arrays):
    return kzoo.Classification(arrays, validation=0.2, test=0.2)


@pytest.mark.parametrize(
    "how", ["concat", *(pytest.param(how, marks=pytest.mark.slow) for how in ("gated", "attention"))]
)
def test_it_learns_comes_back_and_is_served(members, task, arrays, how, tmp_path):
    fusion = kzoo.Fusion(members, how=how)
    schedule = kzoo.Phase("*", epochs=6, learning_rate=1e-2, batch_norm=True, batch_size=16)
    adapted = kzoo.adapt(fusion, task, schedule=schedule)
    assert adapted.evaluate()["accuracy"] > 0.6  # of 3 classes
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    wanted = adapted.predict(arrays[0][:4]).outputs
    np.testing.assert_array_equal(again.predict(arrays[0][:4]).outputs, wanted)
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served")))
    found = served.signatures["tensor"](image=tf.constant(arrays[0][:4]))["probabilities"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_side_by_side_are_the_embeddings_of_the_members(members, arrays):
    fused = source_of(kzoo.Fusion(members), weights="auto").build((16, 16, 3))
    pictures = arrays[0][:5].astype(np.float32)
    wanted = np.concatenate([np.mean(member(pictures), axis=(1, 2)) for member in members], axis=1)
    np.testing.assert_allclose(fused(pictures), wanted, rtol=1e-5, atol=1e-6)


def test_each_member_scales_its_pictures_in_its_own_way():
    source = source_of(kzoo.Fusion(["mobilenet_v1_025", "vgg16"]), weights=None)
    fused = source.build((32, 32, 3))
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    found = fused(pictures).numpy()
    start = 0
    for member in source.members.values():
        from kzoo.data.image.preprocess import ImagePreprocessor

        scaled = ImagePreprocessor(32, member.card.scaling).scale(pictures)
        built = source._built[member.card.name]
        wanted = np.mean(built(scaled), axis=(1, 2))
        np.testing.assert_allclose(found[:, start : start + wanted.shape[1]], wanted, rtol=1e-3, atol=1e-4)
        start += wanted.shape[1]
    assert start == found.shape[1]


@pytest.mark.parametrize(("how", "more"), [("concat", []), ("gated", ["fusion"]), ("attention", ["fusion"])])
def test_groups_are_those_of_the_members(members, how, more):
    names = [row[0] for row in kzoo.stages(kzoo.Fusion(members, how=how)).rows]
    assert names == ["one/stem", "two/stem", "one/stage1", "two/stage1", *more]


def test_two_of_one_architecture_do_not_clash(members):
    names = [row[0] for row in kzoo.stages(kzoo.Fusion([members[0], members[0], members[0]])).rows]
    assert names[:3] == ["one/stem", "one_2/stem", "one_3/stem"]


@pytest.mark.parametrize("how", ["concat", "gated"])
def test_every_weight_is_in_one_group_and_cuts_hold(members, how):
    source = source_of(kzoo.Fusion(members, how=how), weights="auto")
    backbone = source.build((16, 16, 3))
    assembled = assemble(backbone, head=Head(levels="all"), outputs=3, stages=source.stages(backbone))
    grouped = [id(w) for layers in assembled.groups.values() for x in layers for w in getattr(x, "weights", ())]
    assert sorted(grouped) == sorted(map(id, assembled.model.weights))
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    wanted = assembled.model(pictures)
    for tensors in list(assembled.cuts.values())[1:]:
        below = keras.Model(assembled.model.input, list(tensors))
        above = keras.Model(list(tensors), assembled.model.output)
        np.testing.assert_allclose(above(below(pictures)), wanted, atol=1e-5)


def test_the_highest_of_each_member_train(members, task):
    schedule = kzoo.Phase("last:1", epochs=1, learning_rate=1e-2, batch_size=16)
    adapted = kzoo.adapt(kzoo.Fusion(members), task, schedule=schedule)
    assert adapted.record.phases[0].groups == ("one/stage1", "two/stage1", "head")
    for member in members:
        for layer in member.layers[1:3]:  # of its stem
            for before, after in zip(
                layer.get_weights(), adapted.network.get_layer(f"{member.name}.{layer.name}").get_weights(), strict=True
            ):
                np.testing.assert_array_equal(before, after)


def test_patterns_find_a_member(members):
    names = ["one/stem", "two/stem", "one/stage1", "two/stage1", "fusion", "head"]
    assert kzoo.Phase("last:1").groups(names) == ("one/stage1", "two/stage1", "fusion", "head")
    assert kzoo.Phase("one/*").groups(names) == ("one/stem", "one/stage1")
    assert kzoo.Phase("last:0").groups(names) == ("head",)


REFUSED = {
    "none": (lambda: kzoo.Fusion([]), ValueError, "needs a list of models"),
    "a name": (lambda: kzoo.Fusion("vgg16"), ValueError, "needs a list of models"),
    "another how": (
        lambda: kzoo.Fusion(["vgg16", "vgg19"], how="sum"),
        ValueError,
        "concat, gated, attention. Got 'sum'",
    ),
    "texts": (lambda: kzoo.stages(kzoo.Fusion(["vgg16", "ngrams"])), ValueError, "follow from the task"),
    "a fusion": (
        lambda: kzoo.stages(kzoo.Fusion(["vgg16", kzoo.Fusion(["vgg16", "vgg19"])])),
        TypeError,
        "Got a fusion",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_fused_is_refused(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.slow
def test_an_adapted_fusion_goes_wherever_a_model_goes(members, task, arrays):
    adapted = kzoo.adapt(kzoo.Fusion(members), task, schedule="linear_probe")
    found = adapted.model.predict(arrays[0][:3], verbose=0)
    np.testing.assert_allclose(found, adapted.predict(arrays[0][:3]).outputs, atol=1e-5)
    again = kzoo.adapt(adapted, task, schedule="linear_probe")
    np.testing.assert_allclose(again.backbone(arrays[0][:2] * 1.0), adapted.backbone(arrays[0][:2] * 1.0), rtol=1e-5)
    kzoo.plan(kzoo.Fusion([adapted, members[0]]), task)


def test_no_member_takes_anothers_name(members):
    second = keras.models.clone_model(members[0])
    named = keras.Model(second.input, second.output, name="one_2")
    source = source_of(kzoo.Fusion([members[0], members[0], named]), weights="auto")
    assert list(source.members) == ["one", "one_2", "one_2_2"]
