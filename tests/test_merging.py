"""Several models as one: what it answers follows from what its members answer."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

import kzoo
from kzoo.evaluation.calibration import fit_temperature, merit
from kzoo.preparation import source_of

PHASE = kzoo.Phase("*", epochs=2, learning_rate=1e-2, batch_norm=True, batch_size=16)


@pytest.fixture(scope="module")
def net():
    """A backbone small enough to be adapted many times."""

    def make(scaling):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((16, 16, 3))
        x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs) if scaling else inputs
        x = keras.layers.Conv2D(6, 3, strides=2, use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.5)(x))
        return keras.Model(inputs, keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x), name="net")

    return make(True)


@pytest.fixture(scope="module")
def task(arrays):
    return kzoo.Classification(arrays, validation=0.2, test=0.2)


@pytest.fixture(scope="module")
def members(net, task):
    """Of two seeds."""
    return [kzoo.adapt(net, task, schedule=PHASE, seed=seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def tuned(net, task):
    """Fine-tuned from a probe, and kept."""
    schedule = kzoo.Schedule((kzoo.Phase("head", optimizer="lbfgs"), PHASE))
    adapted = kzoo.adapt(net, task, schedule=schedule)
    if adapted.start is not None:
        return adapted
    # The probe was as good: keep what was tuned all the same.
    start = adapted.network.get_weights()
    other = kzoo.adapt(net, task, schedule=PHASE)
    return dataclasses.replace(other, start=start)


def test_an_ensemble_answers_the_mean_of_calibrated_probabilities(members, arrays):
    both = kzoo.ensemble(members)
    temperatures = both.record["merged"]["temperatures"]
    wanted = np.mean(
        [
            softmax(np.log(member.predict(arrays[0]).outputs) / temperature, axis=1)
            for member, temperature in zip(members, temperatures, strict=True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(both.predict(arrays[0]).outputs, wanted, atol=1e-5)
    assert both.record["test"]["size"] == members[0].record["test"]["size"]


def test_its_embedding_is_theirs_side_by_side(members, arrays):
    found = kzoo.ensemble(members).embed(arrays[0][:5])
    parts = [member.embedding(member.preprocessor.scale(arrays[0][:5].astype(np.float32))) for member in members]
    wanted = np.concatenate(parts, axis=1)
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-5)


def test_it_comes_back_and_is_served_as_one(members, arrays, tmp_path):
    both = kzoo.ensemble(members)
    again = kzoo.load(both.save(tmp_path / "both"))
    wanted = both.predict(arrays[0][:4]).outputs
    np.testing.assert_array_equal(again.predict(arrays[0][:4]).outputs, wanted)
    served = tf.saved_model.load(str(both.export(tmp_path / "served")))
    found = served.signatures["tensor"](image=tf.constant(arrays[0][:4]))["probabilities"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert "member" in str(again)


def test_members_may_scale_their_pictures_otherwise(members, task, arrays):
    """As do two backbones of the catalog."""
    inputs = keras.Input((16, 16, 3))
    plain = keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=4)(inputs), name="plain")
    other = kzoo.adapt(plain, task, schedule="linear_probe")
    scaled = dataclasses.replace(other, preprocessor=dataclasses.replace(other.preprocessor, scaling="torch"))
    both = kzoo.ensemble([members[0], scaled])
    parts = [member.predict(arrays[0]).outputs for member in (members[0], scaled)]
    temperatures = both.record["merged"]["temperatures"]
    wanted = np.mean(
        [softmax(np.log(np.maximum(p, 1e-30)) / t, axis=1) for p, t in zip(parts, temperatures, strict=True)], axis=0
    )
    np.testing.assert_allclose(both.predict(arrays[0]).outputs, wanted, atol=1e-3)


def test_texts_of_other_tokenizers_and_lengths(text_task, tmp_path):
    def small(name, **changes):
        card = kzoo.get_model(name)
        return dataclasses.replace(card, arguments={**card.arguments, **changes}, parameters=None)

    words = kzoo.adapt(small("ngrams", width=4), text_task, schedule=PHASE)
    runs = kzoo.adapt(small("text_cnn", width=4, runs=64, run_width=4), text_task, schedule=PHASE)
    assert words.preprocessor.size != runs.preprocessor.size
    both = kzoo.ensemble([words, runs])
    texts = ["a lovely film, number 3", "很差", "word " * 900]
    temperatures = both.record["merged"]["temperatures"]
    parts = [member.predict(texts).outputs for member in (words, runs)]
    wanted = np.mean([softmax(np.log(p) / t, axis=1) for p, t in zip(parts, temperatures, strict=True)], axis=0)
    np.testing.assert_allclose(both.predict(texts).outputs, wanted, atol=1e-5)
    again = kzoo.load(both.save(tmp_path / "both"))
    np.testing.assert_array_equal(again.predict(texts).outputs, both.predict(texts).outputs)
    served = tf.saved_model.load(str(both.export(tmp_path / "served")))
    found = served.signatures["serving_default"](text=tf.constant(texts))["probabilities"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.fixture(scope="module")
def normalized(task):
    """Of a backbone that knows mean and variance of its pictures, fine-tuned from a probe."""
    keras.utils.set_random_seed(0)
    adapting = keras.layers.Normalization()
    adapting.adapt(np.random.default_rng(0).normal(120, 60, (500, 16, 16, 3)).astype(np.float32))
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(adapting(inputs))
    net = keras.Model(inputs, x, name="normalized")
    schedule = kzoo.Schedule((kzoo.Phase("head", optimizer="lbfgs"), PHASE))
    return net, kzoo.adapt(net, task, schedule=schedule)


def test_what_a_normalization_knows_is_kept(normalized, arrays):
    """`set_weights` alone leaves it at mean 0 and variance 1 (Keras 3.15)."""
    net, adapted = normalized
    wanted = adapted.predict(arrays[0][:6]).outputs
    for merged in (kzoo.soup([adapted, adapted], how="uniform"), kzoo.ensemble([adapted, adapted])):
        temperature = merged.record["merged"].get("temperatures", [1.0])[0]
        expected = softmax(np.log(wanted) / temperature, axis=1)
        np.testing.assert_allclose(merged.predict(arrays[0][:6]).outputs, expected, atol=1e-4)
    start = dataclasses.replace(adapted, start=adapted.network.get_weights())
    np.testing.assert_allclose(start.interpolate(0.5).predict(arrays[0][:6]).outputs, wanted, atol=1e-5)
    fused = source_of(kzoo.Fusion([net, net]), weights="auto").build((16, 16, 3))
    pictures = arrays[0][:2].astype(np.float32)
    np.testing.assert_allclose(fused(pictures)[:, :8], np.mean(net(pictures), axis=(1, 2)), rtol=1e-4)


@pytest.mark.slow
def test_a_soup_has_one_start_and_all_choose_on_the_same(net, members, arrays):
    task = kzoo.Classification(arrays, validation=0.2, test=0.2)
    other = kzoo.adapt(net, task, schedule=PHASE, weights=None, seed=5)
    assert other.record["weights"] is None
    with pytest.raises(ValueError, match="share a start"):
        kzoo.soup([members[0], other])
    parts = {"train": (arrays[0][:40], arrays[1][:40]), "test": (arrays[0][40:], arrays[1][40:])}
    apart = [kzoo.adapt(net, kzoo.Classification(parts, seed=seed), schedule=PHASE) for seed in (0, 1)]
    with pytest.raises(ValueError, match="other splits"):
        kzoo.soup(apart)


@pytest.mark.slow
def test_an_ensemble_remembers_what_all_its_members_have_seen(net, arrays):
    held = {"validation": (arrays[0][:12], arrays[1][:12]), "test": (arrays[0][12:24], arrays[1][12:24])}
    halves = [slice(24, 42), slice(42, 60)]
    members = [
        kzoo.adapt(net, kzoo.Classification({**held, "train": (arrays[0][n], arrays[1][n])}), schedule=PHASE)
        for n in halves
    ]
    seen = set(kzoo.ensemble(members).record["seen"])
    assert seen == {*members[0].record["seen"], *members[1].record["seen"]}
    assert len(seen) > len(members[0].record["seen"])


def test_it_goes_wherever_a_keras_model_goes(members, arrays):
    both = kzoo.ensemble(members)
    found = both.model.predict(arrays[0][:3], verbose=0)
    np.testing.assert_allclose(found, both.predict(arrays[0][:3]).outputs, atol=1e-5)


@pytest.mark.parametrize("kind", ["multi_label", "regression"])
def test_other_kinds_of_tasks(net, arrays, kind):
    pictures, targets = arrays
    if kind == "regression":
        task = kzoo.Regression((pictures, targets * 10.0 + 3))
    else:
        task = kzoo.MultiLabel((pictures, [["a", "b"][: 1 + target % 2] for target in targets]))
    members = [kzoo.adapt(net, task, schedule=PHASE, seed=seed) for seed in (0, 1)]
    both = kzoo.ensemble(members)
    parts = [member.predict(pictures).outputs.astype(np.float64) for member in members]
    if kind == "regression":
        wanted = np.mean(parts, axis=0)
    else:
        powers = [1 / temperature for temperature in both.record["merged"]["temperatures"]]
        wanted = np.mean([p**w / (p**w + (1 - p) ** w) for p, w in zip(parts, powers, strict=True)], axis=0)
    np.testing.assert_allclose(both.predict(pictures).outputs, wanted, rtol=1e-3, atol=1e-3)


def test_a_uniform_soup_is_the_mean_of_weights(members):
    mixed = kzoo.soup(members, how="uniform")
    for found, *parts in zip(*(each.network.get_weights() for each in (mixed, *members)), strict=True):
        np.testing.assert_allclose(found, np.mean(parts, axis=0), rtol=1e-5, atol=1e-7)


def test_a_greedy_soup_is_never_worse_on_validation(members):
    def on_validation(adapted):
        held = adapted.splits().validation
        return merit(adapted.outputs(held), held.targets, kind=adapted.kind)

    mixed = kzoo.soup(members)
    assert on_validation(mixed) >= max(map(on_validation, members))
    assert 1 <= len(mixed.record["merged"]["members"]) <= 2


def test_the_members_stay_as_they_are(members):
    before = [[weight.copy() for weight in member.network.get_weights()] for member in members]
    kzoo.ensemble(members)
    kzoo.soup(members, how="uniform")
    for member, weights in zip(members, before, strict=True):
        for one, other in zip(member.network.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_interpolation_is_between_the_two_states(tuned, alpha):
    found = tuned.interpolate(alpha)
    for weight, first, last in zip(found.network.get_weights(), tuned.start, tuned.network.get_weights(), strict=True):
        np.testing.assert_allclose(weight, (1 - alpha) * first + alpha * last, rtol=1e-5, atol=1e-6)


def test_the_best_alpha_is_chosen_on_validation(tuned):
    found = tuned.interpolate()
    held = tuned.splits().validation
    merits = [
        merit(each.outputs(held), held.targets, kind="classification")
        for each in (tuned.interpolate(alpha) for alpha in np.linspace(0, 1, 11).round(2))
    ]
    assert merit(found.outputs(held), held.targets, kind="classification") == max(merits)
    assert 0 <= found.record["merged"]["alpha"] <= 1


REFUSED = {
    "one": (lambda m, t, o: kzoo.ensemble(m[:1]), "Two or more models are merged. Got 1"),
    "what is no model": (lambda m, t, o: kzoo.ensemble([m[0], "vgg16"]), "adapted models. Got str"),
    "other data": (lambda m, t, o: kzoo.ensemble([m[0], o]), "other data, or to other splits"),
    "an ensemble again": (
        lambda m, t, o: kzoo.adapt(kzoo.ensemble(m), t, schedule="linear_probe"),
        "not adapted again: adapt one of its members",
    ),
    "another how": (lambda m, t, o: kzoo.soup(m, how="best"), "'greedy' or 'uniform'. Got 'best'"),
    "no two states": (lambda m, t, o: m[0].interpolate(), "nothing to interpolate"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_merged_is_refused(members, task, net, arrays, name):
    call, message = REFUSED[name]
    other = members[0]
    if name == "other data":
        other = dataclasses.replace(members[1], record={**members[1].record, "fingerprint": "another"})
    with pytest.raises((ValueError, TypeError), match=message):
        call(members, task, other)


def test_a_soup_of_other_models_is_refused(members, task):
    inputs = keras.Input((16, 16, 3))
    plain = keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=4)(inputs), name="plain")
    other = kzoo.adapt(plain, task, schedule="linear_probe")
    with pytest.raises(ValueError, match="A soup is of one backbone, head and input: net and plain differ"):
        kzoo.soup([members[0], other])


def test_bad_alphas_are_refused(tuned):
    for alpha in (-0.1, 1.1, "best"):
        with pytest.raises(ValueError, match=r"alpha must be 'auto' or in \[0, 1\]"):
            tuned.interpolate(alpha)


def test_a_temperature_is_found_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4_000, 5))
    truth = np.array([rng.choice(5, p=row) for row in softmax(logits, axis=1)])
    sure = softmax(logits * 3, axis=1)
    assert fit_temperature(sure, truth, kind="classification") == pytest.approx(3, rel=0.1)
    assert fit_temperature(sure, truth, kind="regression") == 1
    loss = -log_softmax(logits, axis=1)[np.arange(len(truth)), truth].mean()
    assert -merit(softmax(logits, axis=1), truth, kind="classification")[1] == pytest.approx(loss)
