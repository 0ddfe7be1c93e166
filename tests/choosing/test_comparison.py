"""Models side by side on the same test examples."""

import dataclasses

import keras
import numpy as np
import pytest

import kzoo
from kzoo.choosing.comparison import side_by_side
from kzoo.data.examples import Examples
from kzoo.task_kinds.kind_registry import get_task_kind


@pytest.fixture(scope="module")
def task(arrays):
    return kzoo.Classification(arrays, test=0.4)


def probe(backbone, task, **options):
    return kzoo.adapt(backbone, task, schedule="linear_probe", verbose=0, **options)


@pytest.fixture(scope="module")
def adapted(make_backbone, task):
    keras.utils.set_random_seed(0)
    return probe(make_backbone(), task)


@pytest.fixture(scope="module")
def blind(task):
    """A model to which all images are the same."""
    inputs = keras.Input((16, 16, 3))
    return probe(keras.Model(inputs, keras.layers.Conv2D(4, 3, kernel_initializer="zeros")(inputs), name="blind"), task)


def test_a_comparison_has_scores_and_differences(adapted, blind):
    found = kzoo.compare({"sighted": adapted, "blind": blind})
    assert found.best == "sighted"
    assert found["sighted"].value == adapted.evaluate()["accuracy"]
    gap = found.difference("sighted", "blind")
    assert gap.value == pytest.approx(found["sighted"].value - found["blind"].value)
    assert 0 < gap.low <= gap.value <= gap.high
    back = found.difference("blind", "sighted")
    assert (back.value, back.low, back.high) == pytest.approx((-gap.value, -gap.high, -gap.low))
    text = str(found)
    assert "2 models on the same 24 test examples" in text
    assert "against sighted" in text
    assert "points (95%: " in text
    assert "<table>" in found._repr_html_()
    assert found.plot().axes[0].get_xlabel().startswith("accuracy")
    assert [name for name, _ in found] == ["sighted", "blind"]
    assert len(found) == 2


def test_the_first_and_the_best_are_both_told(adapted, blind):
    table = kzoo.compare([blind, adapted]).table()
    assert list(table.columns) == ["model", "accuracy", "against blind", "against tiny"]


def test_models_of_one_name_are_numbered(adapted):
    found = kzoo.compare([adapted, adapted])
    assert found.names == ["tiny", "tiny (2)"]
    assert (found.difference("tiny", "tiny (2)").low, found.difference("tiny", "tiny (2)").high) == (0, 0)


def test_a_paired_difference_is_known_better_than_two_scores():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 500)
    one = np.eye(2)[np.where(rng.random(500) < 0.8, truth, 1 - truth)]
    other = one.copy()
    other[:10] = 1 - other[:10]
    examples = Examples({}, truth, [str(number) for number in range(500)])
    found = side_by_side(get_task_kind("classification"), {"one": one, "other": other}, examples, seed=0)
    gap = found.difference("one", "other")
    alone = found["one"]
    assert gap.high - gap.low < (alone.high - alone.low) / 2
    hits = [(each.argmax(axis=1) == truth).astype(float) for each in (one, other)]
    reach = 1.96 * np.std(hits[0] - hits[1]) / 500**0.5
    assert (gap.low, gap.high) == pytest.approx((gap.value - reach, gap.value + reach), abs=0.004)


def test_other_splits_are_refused(adapted, make_backbone, arrays):
    other = probe(make_backbone(), kzoo.Classification(arrays, test=0.4, seed=1))
    with pytest.raises(ValueError, match=r"test splits of 'tiny' \(24 examples\) and 'tiny \(2\)' \(24\) differ"):
        kzoo.compare([adapted, other])


def test_other_tasks_are_refused(adapted, make_backbone, arrays):
    pixels, targets = arrays
    values = kzoo.adapt(
        make_backbone(), kzoo.Regression((pixels, targets), test=0.4), schedule="linear_probe", verbose=0
    )
    with pytest.raises(ValueError, match="have not the same kind of task"):
        kzoo.compare([adapted, values])
    renamed = dataclasses.replace(adapted, labels=["a", "b", "c"])
    with pytest.raises(ValueError, match="have not the same labels"):
        kzoo.compare([adapted, renamed])


def test_what_is_no_pair_of_models_is_refused(adapted, make_backbone, arrays):
    with pytest.raises(ValueError, match=r"two models or more\. Got 1"):
        kzoo.compare([adapted])
    with pytest.raises(TypeError, match="'str' is a str"):
        kzoo.compare([adapted, "kzoo_nano_image"])
    untested = probe(make_backbone(), kzoo.Classification(arrays, test=0))
    with pytest.raises(ValueError, match="no test split"):
        kzoo.compare([untested, untested])
    with pytest.raises(KeyError, match="There is no model 'x': tiny, tiny \\(2\\)"):
        kzoo.compare([adapted, adapted])["x"]
