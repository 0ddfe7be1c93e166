"""Whether sharing a backbone helps, on a constructed case."""

import keras
import numpy as np
import pytest

import kzoo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def adapted(make_backbone):
    rng = np.random.default_rng(0)
    channel, light = np.arange(160) % 3, rng.random(160)
    images = rng.integers(0, 40, (160, 16, 16, 3))
    images[np.arange(160), :, :, channel] += (60 + 120 * light).astype(int)[:, None, None]
    images = images.astype(np.uint8)
    keras.utils.set_random_seed(0)
    model = make_backbone()
    tasks = {
        "colour": kzoo.Classification((images, channel), test=0.3),
        "light": kzoo.Regression((images[:60], light[:60]), test=0.3),
    }
    schedule = [kzoo.LinearProbe()]
    return model, kzoo.adapt(model, kzoo.MultiTask(tasks), weights=None, schedule=schedule, verbose=0)


def test_a_frozen_backbone_gives_each_task_what_it_has_alone(adapted):
    model, several = adapted
    found = kzoo.verdict(several, model=model, verbose=0)
    assert [task.name for task in found] == ["colour", "light"]
    for task in found:
        assert task.outcome == "no difference"
        assert task.gain.low <= 0 <= task.gain.high
        assert task.size == len(several.tasks[task.name].splits().test)
        assert task.gain.value == pytest.approx(task.together.value - task.alone.value, abs=1e-6)
    assert found["colour"].together.value == several.evaluate()["colour accuracy"]
    assert found.seconds > 0
    assert "gain of sharing" in str(found)
    assert "<table>" in found._repr_html_()
    assert found.plot().axes[0].get_title() == "Tasks together and alone"
    with pytest.raises(KeyError, match="colour, light"):
        found["size"]


def test_start_weights_without_a_name_must_be_passed(adapted):
    with pytest.raises(ValueError, match=r"is not in the catalog.* Pass model="):
        kzoo.verdict(adapted[1], verbose=0)


def test_one_of_the_tasks_is_judged_as_any_model(adapted):
    found = kzoo.verdict(adapted[1].tasks["colour"], verbose=0)
    assert found["constant answer"].gain.low > 0
