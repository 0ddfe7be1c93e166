"""Series: read and checked, standardised with marks for what is missing, learned, pretrained on, saved and served."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.series.column import check_series, collect_series
from kzoo.data.series.preprocess import SeriesPreprocessor, fit_series, restore_series
from kzoo.models.zoo import recurrent
from kzoo.pretraining.objectives.masked_steps import MaskedSteps, StatesToSteps
from kzoo.setup.auto_model import guess_modality
from kzoo.specs.registry import get_card

RNG = np.random.default_rng(0)
TUNE = kzoo.Phase("*", epochs=25, batch_size=16, learning_rate=5e-3)


def waves(count, seed=0):
    """Series of two features and of 12 to 20 steps; the class says whether the first one rises or falls."""
    rng = np.random.default_rng(seed)
    found, labels = [], []
    for number in range(count):
        steps, rises = int(rng.integers(12, 21)), number % 2
        ramp = np.linspace(-1, 1, steps) * (1 if rises else -1)
        series = np.stack([ramp + rng.normal(0, 0.3, steps), rng.normal(50, 10, steps)], axis=1)
        series[rng.integers(0, steps), 1] = np.nan
        found.append(series.astype(np.float32))
        labels.append(["falls", "rises"][rises])
    return found, labels


def small(name):
    """A card of a smaller network of the catalog."""
    card = get_card(name)
    return kzoo.BackboneSpec(
        name,
        card.constructor,
        {**card.arguments, "width": 16},
        modality=card.modality,
        size=card.size,
        min_size=card.min_size,
        reads=card.reads,
        rate=card.rate,
        width=16,
        source="user",
    )


@pytest.fixture(scope="module")
def adapted():
    keras.utils.set_random_seed(0)
    return kzoo.adapt(small("series_gru"), waves(160), schedule=TUNE, weights=None, verbose=0)


def test_columns_of_series_are_read():
    found = collect_series([[1, None, 3], np.ones((4, 2)), (float("inf"), 5.0)])
    assert [each.shape for each in found] == [(3, 1), (4, 2), (2, 1)]
    assert np.isnan(found[0][1, 0])
    assert np.isnan(found[2][0, 0])
    assert [each.shape for each in collect_series(np.zeros((2, 7, 3)))] == [(7, 3), (7, 3)]


def test_what_is_no_series_is_named_and_set_aside(tmp_path):
    np.save(tmp_path / "good.npy", np.ones((3, 2)))
    (tmp_path / "bad.npy").write_bytes(b"no array")
    values = [np.ones((3, 2)), "word", np.ones((3, 5)), np.zeros((0, 2)), np.full((2, 2), np.nan), np.ones((2, 2, 2))]
    checked = check_series(collect_series([*values, "good.npy", "bad.npy", "none.npy"], root=tmp_path))
    reasons = {index: reason.split(":")[0] for index, reason in checked.reasons.items()}
    assert reasons == {
        1: "not a series (T, features) of numbers, but str",
        2: "5 features, where most series have 2",
        3: "a series without steps",
        4: "a series without any value",
        5: "not a series (T, features) of numbers, but ndarray",
        7: "no .npy file",
        8: str(tmp_path / "none.npy"),
    }
    assert checked.digests[0] == checked.digests[6] != ""


def test_padding_at_the_end_is_no_part_of_a_series(adapted):
    series, _ = waves(6, seed=9)
    batch = np.full((6, 60, 2), np.nan, np.float32)
    for row, each in enumerate(series):
        batch[row, : len(each)] = each
    assert [len(each) for each in collect_series(batch)] == [len(each) for each in series]
    assert check_series(collect_series(batch)).digests == check_series(collect_series(series)).digests
    np.testing.assert_array_equal(adapted.predict(batch).probabilities, adapted.predict(series).probabilities)


def test_values_are_standardised_and_what_is_missing_is_marked():
    column = collect_series([[[1, 10], [3, None]], [[5, 30], [None, None], [7, 20]]])
    made, notes = fit_series(get_card("series_gru"), column, size=3, resize="crop", channels=3)
    assert made.mean == (4.0, 20.0)
    assert made.gaps == (False, True)
    assert made.shape == (3, 4)
    assert notes == []
    found = made.fit(tf.constant(made.align(column))).numpy()
    deviation = np.std([1, 3, 5, 7])
    np.testing.assert_allclose(found[0, :, 0], np.asarray([-3, -1, 0]) / [deviation, deviation, 1], rtol=1e-6)
    np.testing.assert_array_equal(found[0, :, 2:], [[1, 1], [0, 1], [0, 0]])
    np.testing.assert_array_equal(found[1, :, 3], [1, 0, 1])
    inputs, outputs = made.raw()
    np.testing.assert_allclose(keras.Model(inputs, outputs)(made.align(column)), found, rtol=1e-6)
    assert (
        restore_series({"length": 3, "mean": [4.0, 20.0], "deviation": list(made.deviation), "gaps": [False, True]})
        == made
    )
    with pytest.raises(ValueError, match="a mark a feature"):
        restore_series({"length": 3, "mean": [4.0], "deviation": [1.0], "gaps": []})


def test_long_series_keep_their_last_steps_in_memory_and_as_served():
    made = SeriesPreprocessor(3, (0.0,), (1.0,), (False,))
    column = collect_series([[1, 2, 3, 4, 5], [6, 7]])
    batch = np.full((2, 6, 1), np.nan, np.float32)
    for row, series in enumerate(column):
        batch[row, : len(series)] = series
    wanted = made.fit(tf.constant(made.align(column)))
    np.testing.assert_array_equal(wanted[..., 0], [[3, 4, 5], [6, 7, 0]])
    np.testing.assert_array_equal(made.fit(tf.constant(batch)), wanted)
    long = [np.ones((length, 1), np.float32) for length in [*range(1, 100), 5_000]]
    chosen, notes = fit_series(get_card("series_gru"), collect_series(long), size=None, resize="", channels=3)
    assert 90 <= chosen.length < 100
    assert notes == [
        f"{100 - chosen.length:,} training series are longer than {chosen.length} steps: the last are used"
    ]


@pytest.mark.parametrize("name", ["series_gru", "series_lstm", "series_tcn"])
def test_padding_changes_no_features(name):
    card = small(name)
    network = getattr(recurrent, card.constructor.rsplit(".", 1)[1])((9, 3), **card.arguments)
    series = RNG.normal(size=(4, 9, 3)).astype(np.float32)
    series[..., 2] = np.arange(9) < 6
    other = np.where(series[..., 2:] > 0, series, RNG.normal(size=(4, 9, 3)))
    other[..., 2] = series[..., 2]
    np.testing.assert_allclose(network(series), network(other.astype(np.float32)), atol=1e-6)
    changed = series.copy()
    changed[:, 0, 0] += 1
    assert np.abs(network(series) - network(changed)).max() > 1e-3


def test_a_recurrent_network_learns_series_of_many_lengths(adapted):
    assert adapted.evaluate()["accuracy"] > 0.9
    assert adapted.labels == ["falls", "rises"]
    assert [phase.groups for phase in adapted.record.phases] == [("stem", "stage1", "stage2", "head")]
    series, labels = waves(20, seed=5)
    assert np.mean(np.asarray(adapted.predict(series).labels) == labels) > 0.9
    assert adapted.predict(series[0]).labels == adapted.predict(series).labels[:1]


def test_it_is_saved_and_served(adapted, tmp_path):
    series, _ = waves(6, seed=7)
    loaded = kzoo.load(adapted.save(tmp_path / "saved"))
    np.testing.assert_array_equal(loaded.predict(series).probabilities, adapted.predict(series).probabilities)
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served"))).signatures["serving_default"]
    batch = np.full((7, 40, 2), np.nan, np.float32)
    for row, each in enumerate(series):
        batch[row, : len(each)] = each
    found = served(series=tf.constant(batch))
    np.testing.assert_allclose(found["probabilities"][:6], adapted.predict(series).probabilities, atol=1e-5)
    assert np.isnan(found["probabilities"][6]).all()


def test_pretraining_on_series_without_labels_gives_start_weights():
    keras.utils.set_random_seed(0)
    series, _ = waves(200, seed=3)
    pretrained = kzoo.pretrain(small("series_tcn"), series, objective="masked_steps", steps=60, batch_size=32)
    losses = [each["loss"] for each in pretrained.record.course[1:]]
    assert losses[-1] < losses[0]
    adapted = kzoo.adapt(pretrained, waves(80, seed=4), schedule="linear_probe", verbose=0)
    assert adapted.evaluate()["accuracy"] > 0.8
    assert adapted.preprocessor.mean == pytest.approx(np.nanmean(np.concatenate(series), axis=0), rel=1e-4)
    with pytest.raises(ValueError, match=r"trained on series of 2 features. The data has 1"):
        kzoo.adapt(pretrained, (RNG.normal(size=(40, 9, 1)), np.arange(40) % 2))


def test_hidden_steps_are_asked_for_and_the_mask_stays():
    objective = MaskedSteps(marks=True)
    examples = np.ones((8, 12, 3), np.float32)
    examples[:, 9:] = 0
    shown, wanted = objective.ask(tf.constant(examples), None, tf.constant([1, 2]))
    hidden = wanted.numpy()[..., -1] > 0
    assert 0 < hidden[:, :9].mean() < 1
    assert not hidden[:, 9:].any()
    np.testing.assert_array_equal(shown.numpy()[..., 2], examples[..., 2])
    np.testing.assert_array_equal(shown.numpy()[..., 0], np.where(hidden, 0, examples[..., 0]))
    np.testing.assert_array_equal(wanted.numpy()[..., :3], examples)
    found = np.where(hidden[..., None], examples + 2, 0)
    assert float(objective.loss(wanted, tf.constant(found))) == pytest.approx(4.0)
    states = tf.reshape(tf.range(12.0), (1, 3, 4))
    np.testing.assert_array_equal(StatesToSteps(2, 5)(states)[0], np.arange(10).reshape(5, 2))


def test_a_folder_of_npy_files_is_read(tmp_path):
    for series, label in zip(*waves(40), strict=True):
        (tmp_path / label).mkdir(exist_ok=True)
        np.save(tmp_path / label / f"{len(list((tmp_path / label).iterdir()))}.npy", series)
    assert guess_modality(kzoo.Classification(tmp_path)) == "series"
    (tmp_path / "rises" / "broken.npy").write_bytes(b"\x93NUMPY")
    adapted = kzoo.adapt(small("series_tcn"), tmp_path, schedule="linear_probe", weights=None, verbose=0)
    assert adapted.record.sizes["train"] == 32
    assert adapted.record.set_aside == 1
    assert adapted.predict(str(tmp_path / "falls" / "0.npy")).labels[0] in ("falls", "rises")


def test_series_stand_beside_a_row():
    series, labels = waves(80)
    table = pd.DataFrame({"signal": series, "age": RNG.normal(size=80), "label": labels})
    task = kzoo.Classification(table, series="signal", row=["age"], label="label")
    models = [small("series_tcn"), "row_mlp"]
    adapted = kzoo.adapt(kzoo.Fusion(models), task, schedule="linear_probe", weights=None, verbose=0)
    assert adapted.evaluate().size == 8
    assert adapted.predict({"signal": [series[0]], "age": [1.0]}).labels[0] in ("falls", "rises")


def test_auto_takes_a_recurrent_network_for_series():
    series, labels = waves(60)
    plan = kzoo.plan("auto", kzoo.Classification((series, labels), series=True))
    assert "series_gru" in str(plan)
    assert guess_modality(kzoo.Classification((np.zeros((5, 8, 3)), range(5)), series=True)) == "series"
    assert guess_modality(kzoo.Classification((np.zeros((5, 28, 28)), range(5)))) == "image"
    table = pd.DataFrame({"values": [1.0, 2.0], "label": ["a", "b"]})
    assert guess_modality(kzoo.Classification(table)) == "row"


def test_a_value_of_a_series_is_learned():
    keras.utils.set_random_seed(0)
    series = RNG.normal(size=(200, 10))
    task = kzoo.Regression((series, series[:, 3:].mean(axis=1)))
    adapted = kzoo.adapt(small("series_tcn"), task, schedule=TUNE, weights=None, verbose=0)
    assert adapted.evaluate()["R2"] > 0.5
    assert len(adapted.predict(series[0]).names) == 1
    several = adapted.predict(series[:3])
    assert len(several.names) == 3
    np.testing.assert_array_equal(adapted.predict(series[0]).probabilities, several.probabilities[:1])
    np.testing.assert_array_equal(adapted.predict(series[0].tolist()).probabilities, several.probabilities[:1])
    mixed = adapted.predict([series[0], np.zeros((4, 5)), np.zeros((4, 5)), "none.npy"])
    assert "5 features, where the model takes 1" in mixed.errors["series 1"]
    assert sorted(mixed.errors) == ["series 1", "series 2", "series 3"]
    np.testing.assert_array_equal(mixed.probabilities[:1], several.probabilities[:1])
