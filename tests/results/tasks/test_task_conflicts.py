"""Conflicts between tasks: gradients by group of layers; GradNorm and temperatures in a whole run."""

import keras
import numpy as np
import pytest

import kzoo

RNG = np.random.default_rng(0)
SCHEDULE = (kzoo.LinearProbe(), kzoo.Phase("*", epochs=2, learning_rate=1e-3))


@pytest.fixture(scope="module")
def backbone():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Rescaling(1 / 64, offset=-2)(inputs)
    x = keras.layers.Conv2D(8, 1, activation="relu", name="first")(x)
    return keras.Model(inputs, keras.layers.Conv2D(8, 1, activation="relu", name="second")(x), name="net")


def images(size):
    """Images of one colour each, uint8 (N, 4, 4, 3), and how much redder than blue they are, (N,)."""
    colours = RNG.integers(0, 256, (size, 1, 1, 3))
    pixels = np.clip(colours + RNG.integers(-3, 4, (size, 4, 4, 3)), 0, 255).astype(np.uint8)
    return pixels, (colours[:, 0, 0, 0] - colours[:, 0, 0, 2]) / 255.0


@pytest.fixture(scope="module")
def tasks():
    (x, value), (others, theirs) = images(200), images(60)
    return {
        "same": kzoo.Regression((x, value)),
        "again": kzoo.Regression((others, theirs)),
        "against": kzoo.Classification((x[:90], np.where(value[:90] > 0, "low", "up"))),
    }


@pytest.fixture(scope="module")
def adapted(backbone, tasks):
    several = kzoo.MultiTask(tasks, weights="gradnorm", temperature=3.0)
    return kzoo.adapt(backbone, several, schedule=SCHEDULE, scaling="none", size=4, verbose=0)


def test_a_run_by_gradnorm_with_drawn_examples_learns_all_tasks(adapted):
    assert adapted.kind.startswith("several tasks by gradnorm: ")
    found = adapted.evaluate()
    assert found["same R2"] > 0.5
    assert found["against accuracy"] > 0.6


def test_conflicts_are_told_by_group_and_pair(adapted):
    before = [layer.trainable for layer in adapted.network.layers]
    found = adapted.conflicts(examples=100)
    assert [layer.trainable for layer in adapted.network.layers] == before
    assert found.tasks == ["same", "again", "against"]
    assert found.examples == 100
    assert len(found.groups) == 2
    for group in found.groups:
        assert found.cosine(group, "same", "same") == pytest.approx(1, abs=1e-5)
        assert found.cosine(group, "same", "again") == found.cosine(group, "again", "same")
        assert -1 <= found.cosine(group, "same", "against") <= 1
        assert np.isfinite(found.groups[group].by_batch[:, 0, 1]).any()
    table = str(found)
    assert "same, again" in table
    assert "gradients of 3 tasks on 100 training examples" in table
    assert found._repr_html_().startswith("<")
    assert [line.get_label() for line in found.plot().axes[0].lines][1:] == [
        "same, again",
        "same, against",
        "again, against",
    ]


def test_two_tasks_that_ask_the_same_pull_the_same_way(backbone):
    x, value = images(200)
    task = kzoo.MultiTask(
        {"up": kzoo.Regression((x[:100], value[:100])), "more": kzoo.Regression((x[100:], value[100:]))}
    )
    found = kzoo.adapt(backbone, task, schedule=SCHEDULE, scaling="none", size=4, verbose=0).conflicts()
    assert all(found.cosine(group, "up", "more") > 0.5 for group in found.groups)


def test_one_task_has_no_conflicts(backbone, tasks, adapted):
    with pytest.raises(
        ValueError, match=r"Conflicts are between several tasks, and this is a model of one \(regression\)"
    ):
        adapted.tasks["same"].conflicts()
    with pytest.raises(ValueError, match=r"examples must be an int in \[1, inf\). Got 0"):
        adapted.conflicts(examples=0)


def test_weights_that_change_nothing_are_noted_or_refused(backbone, tasks):
    several = kzoo.MultiTask(tasks, weights="gradnorm", temperature=2.0)
    options = {"scaling": "none", "size": 4, "verbose": 0}
    found = kzoo.adapt(backbone, several, schedule="linear_probe", **options)
    assert any("weights='gradnorm' and temperature= change nothing" in note for note in found.record.notes)
    with pytest.raises(ValueError, match="goes by the gradients of layers, and a phase has an adapter"):
        kzoo.adapt(backbone, several, schedule=kzoo.Phase("*", epochs=1, adapter=kzoo.BitFit()), **options)
