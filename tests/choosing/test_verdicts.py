"""Verdicts on constructed cases whose answer is known."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import kzoo
from kzoo.choosing import alternatives
from kzoo.choosing.alternatives import scratch_schedule
from kzoo.choosing.verdicts import Rival, Verdict
from kzoo.core.intervals import Metric
from kzoo.setup.conclusion import result
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.probes.linear_probe import solve_on_both

pytestmark = pytest.mark.slow

SIZE = 360


def stripes():
    """Images (N, 8, 8, 3) with faint stripes of a random sign, upright or level: a plain model sees nothing."""
    rng = np.random.default_rng(0)
    targets = np.arange(SIZE) % 2
    wave = np.where(np.arange(8) % 2, 40.0, -40.0)
    images = np.where(targets[:, None, None] == 0, wave[None, None, :], wave[None, :, None])
    images = 128 + images[..., None] * rng.choice([-1, 1], (SIZE, 1, 1, 1)) + rng.normal(0, 100, (SIZE, 8, 8, 3))
    return images.clip(0, 255).astype(np.uint8), targets


def backbone(*, taught):
    """Eight filters of 2 x 2 pixels: of the edges of stripes, or of random weights."""
    inputs = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(4, 2, use_bias=False, activation="relu")
    model = keras.Model(inputs, layer(keras.layers.Rescaling(1 / 128, offset=-1.0)(inputs)), name="edges")
    if taught:
        upright = np.asarray([[1.0, -1.0], [1.0, -1.0]])
        kernels = np.stack([upright, -upright, upright.T, -upright.T], axis=-1)
        layer.set_weights([np.repeat(kernels[:, :, None], 3, axis=2)])
    return model


def test_transfer_helps():
    task = kzoo.Classification(stripes(), validation=20, test=300)
    schedule = [kzoo.LinearProbe(), kzoo.Phase("head", epochs=2, batch_size=10)]
    adapted = kzoo.adapt(backbone(taught=True), task, schedule=schedule, verbose=0)
    found = kzoo.verdict(adapted, seeds=2, verbose=0)
    assert found.outcome == "helps", str(found)
    assert found.sentence.startswith("transfer helps: +")
    assert [each.name for each in found] == ["from scratch", "random features", "plain baseline", "constant answer"]
    assert [each.runs for each in found] == [2, 2, 1, 1]
    assert found["plain baseline"].score.value < 0.65
    assert found["constant answer"].score.value == pytest.approx(0.5, abs=0.02)
    for rival in found:
        assert rival.gain.value == pytest.approx(found.score.value - rival.score.value)
        assert rival.gain.low <= rival.gain.value <= rival.gain.high
    assert "300 test examples" in str(found)
    assert "<table>" in found._repr_html_()
    assert found.plot().axes[0].get_title().startswith("transfer helps")
    with pytest.raises(KeyError, match="from scratch, random features"):
        found["majority"]


def test_there_is_no_difference(arrays):
    """Colours that any model tells apart, and weights that know nothing."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(16, 3, activation="relu")(inputs), name="random")
    adapted = kzoo.adapt(model, kzoo.Classification(arrays, test=0.4), schedule="linear_probe", verbose=0)
    found = kzoo.verdict(adapted, verbose=0)
    assert found.outcome == "no difference", str(found)
    assert found.sentence.startswith("no difference: +0.0 points (95%: 0.0 to 0.0) against ")


def test_transfer_hurts(arrays):
    """Weights that make all images the same."""
    inputs = keras.Input((16, 16, 3))
    dead = keras.layers.Conv2D(4, 3, activation="relu")
    model = keras.Model(inputs, dead(inputs), name="dead")
    dead.set_weights([np.zeros((3, 3, 3, 4)), -np.ones(4)])
    adapted = kzoo.adapt(model, kzoo.Classification(arrays, test=0.4), schedule="linear_probe", verbose=0)
    found = kzoo.verdict(adapted, verbose=0)
    assert found.outcome == "hurts", str(found)
    assert found.best_rival.name in ("plain baseline", "random features")
    assert found.sentence.startswith("transfer hurts: -")


def test_what_diverges_is_named(arrays, make_backbone, monkeypatch):
    def diverge(*arguments):
        raise FloatingPointError

    monkeypatch.setitem(alternatives.SEEDED, "from scratch", diverge)
    adapted = kzoo.adapt(make_backbone(), kzoo.Classification(arrays, test=0.4), schedule="linear_probe", verbose=0)
    found = kzoo.verdict(adapted, verbose=0)
    assert [each.name for each in found] == ["random features", "plain baseline", "constant answer"]
    assert "from scratch diverged with seed 0, and is judged without that run." in str(found)


def test_alternatives_get_what_the_adapted_model_gets(arrays, make_backbone, monkeypatch):
    adapted = kzoo.adapt(make_backbone(), kzoo.Classification(arrays), schedule="linear_probe", verbose=0)
    splits = adapted.splits()
    asked, rows = [], []
    monkeypatch.setattr(result, "choose_views", lambda *args, **kwargs: asked.append(1) or (None, ""))
    alternatives.random_features(adapted, splits, 0)
    assert asked == [1]

    def noted(train, validation, **options):
        rows.append((len(train[0]), len(validation[0])))
        return solve_on_both(train, validation, **options)

    monkeypatch.setattr(alternatives, "solve_on_both", noted)
    alternatives.plain_baseline(adapted, splits, 0)
    assert rows == [(len(splits.train), len(splits.validation))]
    assert len(splits.validation)


def test_texts_are_judged_against_ngrams(text_task):
    adapted = kzoo.adapt("kzoo_nano_text", text_task, schedule=kzoo.Phase("head", epochs=1), verbose=0)
    found = kzoo.verdict(adapted, verbose=0)
    assert found["plain baseline"].score.value == 1.0
    assert found["constant answer"].score.value <= 0.6


def test_values_are_judged_by_r2(arrays, make_backbone):
    bright = np.random.default_rng(0).uniform(0.1, 1, len(arrays[0]))
    pixels = (bright[:, None, None, None] * arrays[0]).astype(np.uint8)
    task = kzoo.Regression((pixels, 100 + 50 * bright), test=0.4)
    found = kzoo.verdict(kzoo.adapt(make_backbone(), task, schedule="linear_probe", verbose=0), verbose=0)
    assert found["plain baseline"].score.value > 0.9
    assert found["constant answer"].score.value == pytest.approx(0.0, abs=0.1)
    assert " R2 (95%: " in found.sentence


def test_scratch_takes_as_many_steps(make_backbone, arrays):
    schedule = [
        kzoo.LinearProbe(),
        kzoo.Phase("last:1", epochs=3, batch_size=8),
        kzoo.Phase("*", epochs=2, batch_size=16),
    ]
    adapted = kzoo.adapt(make_backbone(), kzoo.Classification(arrays), schedule=schedule, verbose=0)
    splits = adapted.splits()
    (phase,) = scratch_schedule(adapted, splits).phases
    size = len(splits.train)
    taken = 3 * (size // 8) + 2 * (size // 16)
    assert 0 <= phase.epochs * (size // phase.batch_size) - taken < size // phase.batch_size
    assert (phase.train, phase.batch_norm, phase.batch_size) == (("*",), True, 16)


def test_the_adapted_model_is_left_as_it_was(arrays, make_backbone):
    adapted = kzoo.adapt(make_backbone(), kzoo.Classification(arrays, test=0.4), schedule="linear_probe", verbose=0)
    before = adapted.network.get_weights()
    kzoo.verdict(adapted, verbose=0)
    assert all(np.array_equal(one, other) for one, other in zip(before, adapted.network.get_weights(), strict=True))


def test_what_cannot_be_judged_is_refused(arrays, make_backbone, text_task):
    untested = kzoo.adapt(make_backbone(), kzoo.Classification(arrays, test=0), schedule="linear_probe", verbose=0)
    with pytest.raises(ValueError, match="no test split"):
        kzoo.verdict(untested)
    with pytest.raises(ValueError, match=r"seeds must be an int in \[1, inf\)"):
        kzoo.verdict(untested, seeds=0)
    with pytest.raises(TypeError, match="Got a str"):
        kzoo.verdict("saved")
    plain = kzoo.adapt("ngrams", text_task, verbose=0)
    with pytest.raises(ValueError, match="the plain baseline itself"):
        kzoo.verdict(plain)


@pytest.mark.parametrize(
    ("gain", "outcome"),
    [
        ((0.1, 0.01, 0.2), "helps"),
        ((0.1, -0.01, 0.2), "no difference"),
        ((-0.1, -0.2, -0.01), "hurts"),
        ((-0.1, -0.2, 0.01), "no difference"),
    ],
)
def test_the_outcome_follows_from_the_interval(gain, outcome):
    rivals = [
        Rival("from scratch", Metric(0.5, 0.4, 0.6), Metric(0.3, 0.2, 0.4), runs=1, seconds=1.0),
        Rival("plain baseline", Metric(0.7, 0.6, 0.8), Metric(*gain), runs=1, seconds=1.0),
    ]
    found = Verdict("x", Metric(0.8, 0.7, 0.9), rivals, get_task_kind("classification"), 100)
    assert found.outcome == outcome
    assert found.best_rival.name == "plain baseline"
    # Where nothing was transferred, it is the network that is judged.
    alone = replace(found, transferred=False)
    told = {"helps": "x is better: +", "hurts": "x is worse: -"}
    assert alone.sentence.startswith(told.get(outcome, "no difference: "))
    assert "transfer" not in str(alone)
