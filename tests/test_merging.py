"""Several models as one: what it answers follows from what its members answer."""

import dataclasses
import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

import kzoo
from kzoo import merging
from kzoo.data.examples import Examples
from kzoo.evaluation.calibration import fit_temperature, merit
from kzoo.results import interpolation
from kzoo.setup.model_source import source_of
from kzoo.specs.records.evaluation_record import EvaluationRecord
from kzoo.specs.records.origin_record import MergeRecord
from kzoo.specs.records.run_record import RunRecord
from kzoo.specs.records.seen import Seen

pytestmark = pytest.mark.slow

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
    schedule = kzoo.Schedule((kzoo.LinearProbe(), PHASE))
    adapted = kzoo.adapt(net, task, schedule=schedule)
    if adapted.start is not None:
        return adapted
    # The probe was as good: keep what was tuned all the same.
    start = adapted.network.get_weights()
    other = kzoo.adapt(net, task, schedule=PHASE)
    return dataclasses.replace(other, start=start)


@pytest.fixture
def temperatures(monkeypatch):
    """Of the members of every ensemble, whatever they say: 2 of the first, 0.5 of the second; numbers have none."""
    values = [2.0, 0.5]
    coming = itertools.cycle(values)

    def temperature(member):
        return 1.0 if member.kind == "regression" else next(coming)

    monkeypatch.setattr(merging, "_temperature", temperature)
    return values


def uncalibrated(member):
    """The same model without its own temperature."""
    return dataclasses.replace(member, temperature=1.0)


def test_an_ensemble_answers_the_mean_of_calibrated_probabilities(members, arrays, temperatures):
    both = kzoo.ensemble(members)
    assert both.record.merged.temperatures == tuple(temperatures)
    wanted = np.mean(
        [
            softmax(np.log(uncalibrated(member).predict(arrays[0]).outputs) / temperature, axis=1)
            for member, temperature in zip(members, temperatures, strict=True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(both.predict(arrays[0]).outputs, wanted, atol=1e-5)
    assert both.record.test.size == members[0].record.test.size


def judged(outputs, truth, *, kind="classification", refitted=False, temperature=1.0):
    """A model that says this of its validation split, and has no test split to be chosen on."""
    examples = Examples({"image": truth}, truth, [str(number) for number in range(len(truth))])

    def answer(asked):
        assert asked is examples
        return outputs

    return SimpleNamespace(
        splits=lambda: SimpleNamespace(validation=examples),
        outputs=answer,
        kind=kind,
        temperature=temperature,
        card=SimpleNamespace(name="net"),
        record=SimpleNamespace(refitted=refitted),
    )


def test_a_model_is_chosen_by_accuracy_and_loss_on_validation():
    outputs = np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1], [0.6, 0.4]])
    accuracy, loss = interpolation.merit_of(judged(outputs, np.array([0, 1, 0, 1])))
    assert accuracy == 0.75
    assert -loss == pytest.approx(-np.log([0.5, 0.8, 0.9, 0.4]).mean())
    values = judged(np.array([[1.0], [4.0]]), np.array([[0.0], [1.0]]), kind="regression")
    assert interpolation.merit_of(values) == (0.0, -5.0)


def test_an_ensemble_calibrates_its_members_on_validation():
    """Of three that are right and one that is wrong, all as sure, the best probability is three quarters."""
    outputs = np.array([[0.99, 0.01]] * 4)
    found = merging._temperature(judged(outputs, np.array([0, 0, 0, 1])))
    assert found == pytest.approx(np.log(99) / np.log(3), rel=1e-3)


def test_validation_does_not_calibrate_a_head_that_was_solved_on_it():
    model = judged(np.array([[0.99, 0.01]] * 4), np.array([0, 0, 0, 1]), refitted=True, temperature=3.0)
    assert merging._temperature(model) == 3.0


def test_what_a_member_is_calibrated_by_already_counts():
    outputs, truth = np.array([[0.99, 0.01]] * 4), np.array([0, 0, 0, 1])
    alone, calibrated = (merging._temperature(judged(outputs, truth, temperature=t)) for t in (1.0, 3.0))
    assert calibrated == pytest.approx(3 * alone)


@pytest.mark.parametrize(("how", "warns"), [("greedy", True), ("uniform", False)])
def test_a_greedy_soup_of_refitted_heads_warns(net, task, how, warns):
    members = [kzoo.adapt(net, task, schedule="linear_probe", seed=seed) for seed in (0, 1)]
    soup = kzoo.soup(members, how=how)
    assert soup.record.refitted
    assert soup.record.notes[0].startswith("WARNING: members were compared on validation") == warns


def test_its_embedding_is_theirs_side_by_side(members, arrays):
    found = kzoo.ensemble(members).embed(arrays[0][:5])
    parts = [member.embedding(member.preprocessor.scale(arrays[0][:5].astype(np.float32))) for member in members]
    wanted = np.concatenate(parts, axis=1)
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-5)


@pytest.mark.slow
def test_it_comes_back_and_is_served_as_one(members, arrays, tmp_path):
    both = kzoo.ensemble(members)
    again = kzoo.load(both.save(tmp_path / "both"))
    wanted = both.predict(arrays[0][:4]).outputs
    np.testing.assert_array_equal(again.predict(arrays[0][:4]).outputs, wanted)
    served = tf.saved_model.load(str(both.export(tmp_path / "served")))
    found = served.signatures["tensor"](image=tf.constant(arrays[0][:4]))["probabilities"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert "member" in str(again)


def test_members_may_scale_their_pictures_otherwise(members, task, arrays, temperatures):
    """As do two backbones of the catalog."""
    inputs = keras.Input((16, 16, 3))
    plain = keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=4)(inputs), name="plain")
    other = kzoo.adapt(plain, task, schedule="linear_probe")
    scaled = dataclasses.replace(other, preprocessor=dataclasses.replace(other.preprocessor, scaling="torch"))
    both = kzoo.ensemble([members[0], scaled])
    parts = [uncalibrated(member).predict(arrays[0]).outputs for member in (members[0], scaled)]
    wanted = np.mean(
        [softmax(np.log(np.maximum(p, 1e-30)) / t, axis=1) for p, t in zip(parts, temperatures, strict=True)], axis=0
    )
    np.testing.assert_allclose(both.predict(arrays[0]).outputs, wanted, atol=1e-3)


@pytest.mark.slow
def test_texts_of_other_tokenizers_and_lengths(text_task, tmp_path, temperatures):
    def small(name, **changes):
        card = kzoo.get_card(name)
        return dataclasses.replace(card, arguments={**card.arguments, **changes}, parameters=None)

    words = kzoo.adapt(small("ngrams", width=4), text_task, schedule=PHASE)
    runs = kzoo.adapt(small("text_cnn", width=4, runs=64, run_width=4), text_task, schedule=PHASE)
    assert words.preprocessor.size != runs.preprocessor.size
    both = kzoo.ensemble([words, runs])
    texts = ["a lovely film, number 3", "很差", "word " * 900]
    parts = [uncalibrated(member).predict(texts).outputs for member in (words, runs)]
    wanted = np.mean([softmax(np.log(p) / t, axis=1) for p, t in zip(parts, temperatures, strict=True)], axis=0)
    np.testing.assert_allclose(both.predict(texts).outputs, wanted, atol=1e-5)
    again = kzoo.load(both.save(tmp_path / "both"))
    np.testing.assert_array_equal(again.predict(texts).outputs, both.predict(texts).outputs)
    served = tf.saved_model.load(str(both.export(tmp_path / "served")))
    found = served.signatures["serving_default"](text=tf.constant(texts))["probabilities"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.fixture(scope="module")
def normalized(task):
    """Of a backbone that knows mean and variance of its images, fine-tuned from a probe."""
    keras.utils.set_random_seed(0)
    adapting = keras.layers.Normalization()
    adapting.adapt(np.random.default_rng(0).normal(120, 60, (500, 16, 16, 3)).astype(np.float32))
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(adapting(inputs))
    net = keras.Model(inputs, x, name="normalized")
    schedule = kzoo.Schedule((kzoo.LinearProbe(), PHASE))
    return net, kzoo.adapt(net, task, schedule=schedule)


def test_what_a_normalization_knows_is_kept(normalized, arrays, monkeypatch):
    """`set_weights` alone leaves it at mean 0 and variance 1 (Keras 3.15)."""
    net, adapted = normalized
    adapted = uncalibrated(adapted)
    wanted = adapted.predict(arrays[0][:6]).outputs
    monkeypatch.setattr(merging, "_temperature", lambda member: 2.0)
    for merged, temperature in ((kzoo.soup([adapted, adapted], how="uniform"), 1), (kzoo.ensemble([adapted] * 2), 2)):
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
    assert other.record.weights is None
    with pytest.raises(ValueError, match="start from the same weights"):
        kzoo.soup([members[0], other])
    parts = {"train": (arrays[0][:40], arrays[1][:40]), "test": (arrays[0][40:], arrays[1][40:])}
    apart = [kzoo.adapt(net, kzoo.Classification(parts, seed=seed), schedule=PHASE) for seed in (0, 1)]
    with pytest.raises(ValueError, match="different data or splits"):
        kzoo.soup(apart)


@pytest.mark.slow
def test_an_ensemble_remembers_what_all_its_members_have_seen(net, arrays):
    held = {"validation": (arrays[0][:12], arrays[1][:12]), "test": (arrays[0][12:24], arrays[1][12:24])}
    halves = [slice(24, 42), slice(42, 60)]
    members = [
        kzoo.adapt(net, kzoo.Classification({**held, "train": (arrays[0][n], arrays[1][n])}), schedule=PHASE)
        for n in halves
    ]
    seen = set(kzoo.ensemble(members).seen.trained.tolist())
    assert seen == {*members[0].seen.trained.tolist(), *members[1].seen.trained.tolist()}
    assert len(seen) == 36


def test_it_goes_wherever_a_keras_model_goes(members, arrays):
    both = kzoo.ensemble(members)
    found = both.model.predict(arrays[0][:3], verbose=0)
    np.testing.assert_allclose(found, both.predict(arrays[0][:3]).outputs, atol=1e-5)


@pytest.mark.parametrize("kind", ["multi_label", "regression"])
def test_other_kinds_of_tasks(net, arrays, kind, temperatures):
    pictures, targets = arrays
    if kind == "regression":
        task = kzoo.Regression((pictures, targets * 10.0 + 3))
    else:
        task = kzoo.MultiLabel((pictures, [["a", "b"][: 1 + target % 2] for target in targets]))
    members = [kzoo.adapt(net, task, schedule=PHASE, seed=seed) for seed in (0, 1)]
    both = kzoo.ensemble(members)
    parts = [uncalibrated(member).predict(pictures).outputs.astype(np.float64) for member in members]
    if kind == "regression":
        wanted = np.mean(parts, axis=0)
    else:
        powers = [1 / temperature for temperature in temperatures]
        wanted = np.mean([p**w / (p**w + (1 - p) ** w) for p, w in zip(parts, powers, strict=True)], axis=0)
    np.testing.assert_allclose(both.predict(pictures).outputs, wanted, rtol=1e-3, atol=1e-3)


def test_a_uniform_soup_is_the_mean_of_weights(members):
    mixed = kzoo.soup(members, how="uniform")
    for found, *parts in zip(*(each.network.get_weights() for each in (mixed, *members)), strict=True):
        np.testing.assert_allclose(found, np.mean(parts, axis=0), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("merits", "tried", "of"),
    [
        (((0.5, -1.0), (0.7, -2.0)), (0.7, -2.1), [1]),
        (((0.7, -1.0), (0.7, -2.0)), (0.6, -0.5), [0]),
        (((0.5, -1.0), (0.7, -2.0)), (0.7, -2.0), [0, 1]),
        (((0.5, -1.0), (0.7, -2.0)), (0.8, -3.0), [0, 1]),
    ],
)
def test_a_greedy_soup_takes_in_what_makes_its_best_member_no_worse(members, monkeypatch, merits, tried, of):
    def merit_of(model):
        return next((merit for each, merit in zip(members, merits, strict=True) if each is model), tried)

    monkeypatch.setattr(merging, "merit_of", merit_of)
    mixed = kzoo.soup(members)
    assert mixed.record.merged.of == tuple(of)
    parts = (members[number].network.get_weights() for number in of)
    for found, *each in zip(mixed.network.get_weights(), *parts, strict=True):
        np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-5, atol=1e-7)


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


@pytest.mark.parametrize(("merits", "wanted"), [({0.3: 2.0, 0.7: 1.0}, 0.3), ({0.2: 1.0, 0.6: 1.0}, 0.6), ({}, 1.0)])
def test_the_alpha_of_the_highest_merit_is_taken_and_of_equal_ones_the_largest(tuned, monkeypatch, merits, wanted):
    first, last = (
        np.concatenate([w.ravel() for w in weights]) for weights in (tuned.start, tuned.network.get_weights())
    )
    place = np.abs(last - first).argmax()

    def merit_of(model):
        weight = np.concatenate([each.ravel() for each in model.network.get_weights()])[place]
        return merits.get(round(float((weight - first[place]) / (last[place] - first[place])), 2), 0.0), 0.0

    monkeypatch.setattr(interpolation, "merit_of", merit_of)
    found = tuned.interpolate()
    assert found.record.merged.alpha == wanted
    for weight, one, other in zip(found.network.get_weights(), tuned.start, tuned.network.get_weights(), strict=True):
        np.testing.assert_allclose(weight, (1 - wanted) * one + wanted * other, rtol=1e-5, atol=1e-6)


@dataclasses.dataclass(frozen=True)
class Member:
    """What `recorded` needs of a model."""

    card: SimpleNamespace
    seen: Seen
    record: RunRecord

    def measured(self):
        return dataclasses.replace(self, record=dataclasses.replace(self.record, test=MEASURED))


MEASURED = EvaluationRecord(size=7, metrics={})


def test_what_is_merged_has_seen_what_any_member_has_and_is_measured_anew(run_record):
    first = run_record.phases[0]
    phases = [dataclasses.replace(first, groups=[group], views=views) for views, group in enumerate(("stem", "head"))]
    record = dataclasses.replace(run_record, phases=phases, kept=1)
    members = [
        Member(SimpleNamespace(name=name), Seen.of(trained=[16 * digit]), record)
        for name, digit in (("one", "1"), ("two", "2"))
    ]
    found = interpolation.recorded(members[0], members, MergeRecord(how="soup", members=["one", "two"])).record
    assert found.seen == Seen.of(trained=[16 * "1", 16 * "2"])
    assert [(phase.groups, phase.views) for phase in found.phases] == [(("one",), 1), (("two",), 1)]
    assert (found.test, found.merged.members) == (MEASURED, ("one", "two"))
    assert record.test != MEASURED
    untested = dataclasses.replace(members[0], record=dataclasses.replace(record, test=None))
    assert interpolation.recorded(members[0], [untested], MergeRecord(how="soup", members=["one"])).record.test is None


REFUSED = {
    "one": (lambda m, t, o: kzoo.ensemble(m[:1]), "Merging needs two or more models. Got 1"),
    "what is no model": (lambda m, t, o: kzoo.ensemble([m[0], "vgg16"]), "Only adapted models can be merged. Got str"),
    "other data": (lambda m, t, o: kzoo.ensemble([m[0], o]), "different data or splits"),
    "an ensemble again": (
        lambda m, t, o: kzoo.adapt(kzoo.ensemble(m), t, schedule="linear_probe"),
        "cannot be adapted. Adapt one of its members",
    ),
    "another how": (lambda m, t, o: kzoo.soup(m, how="best"), "'greedy' or 'uniform'. Got 'best'"),
    "no two states": (lambda m, t, o: m[0].interpolate(), "nothing to interpolate"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_merged_is_refused(members, task, net, arrays, name):
    call, message = REFUSED[name]
    other = members[0]
    if name == "other data":
        other = dataclasses.replace(members[1], record=dataclasses.replace(members[1].record, fingerprint="another"))
    with pytest.raises((ValueError, TypeError), match=message):
        call(members, task, other)


def test_a_soup_of_other_models_is_refused(members, task):
    inputs = keras.Input((16, 16, 3))
    plain = keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=4)(inputs), name="plain")
    other = kzoo.adapt(plain, task, schedule="linear_probe")
    with pytest.raises(ValueError, match="backbone, head and input: net and plain differ"):
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
