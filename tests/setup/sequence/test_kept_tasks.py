"""One task after another: earlier heads are kept, and how much is forgotten is measured and lessened."""

import dataclasses

import keras
import numpy as np
import pytest

import kzoo
from kzoo.choosing.forgetting import AFTER, BEFORE, compare_earlier

SIZE = 120
TUNE = kzoo.Phase("*", epochs=3, batch_size=16, learning_rate=0.01, views=1, augmentation="none")
SIZES = {"validation": 0.2, "test": 0.25}


def colours(seed):
    """Images (N, 16, 16, 3) and which channel is bright, (N,)."""
    rng = np.random.default_rng(seed)
    channel = np.arange(SIZE) % 3
    images = rng.integers(0, 100, (SIZE, 16, 16, 3))
    images[np.arange(SIZE), :, :, channel] += 60
    return images.astype(np.uint8), channel


def sides(seed):
    """Images (N, 16, 16, 3) and which half of each is bright, (N,)."""
    rng = np.random.default_rng(seed)
    side = np.arange(SIZE) % 2
    images = rng.integers(0, 100, (SIZE, 16, 16, 3))
    for image, half in zip(images, side, strict=True):
        image[:, 8 * half : 8 * half + 8] += 80
    return images.astype(np.uint8), np.asarray(["left", "right"])[side]


@pytest.fixture(scope="module")
def first(make_backbone):
    keras.utils.set_random_seed(0)
    task = kzoo.Classification(colours(0), **SIZES)
    return kzoo.adapt(make_backbone(), task, schedule="linear_probe", verbose=0)


@pytest.fixture(scope="module")
def tuned(first):
    """By how it is remembered: the model that was tuned to the next task with a high rate."""
    task = kzoo.Classification(sides(1), **SIZES)
    return {
        how: kzoo.adapt(first, task, remember=how, schedule=TUNE, verbose=0)
        for how in ("heads", "outputs", "examples", "both")
    }


def drift(first, adapted):
    """How far probabilities of the first task are from before, on its test split."""
    test = first.splits().test
    return float(np.abs(adapted.tasks["task1"].outputs(test) - first.outputs(test)).mean())


def test_a_probe_changes_nothing_of_the_earlier_task(first):
    task = kzoo.Classification(sides(1), **SIZES)
    second = kzoo.adapt(first, task, remember="examples", schedule="linear_probe", verbose=0)
    images = colours(5)[0]
    np.testing.assert_allclose(
        second.tasks["task1"].predict(images).probabilities, first.predict(images).probabilities, atol=2e-5
    )
    assert second.record.refitted
    assert second.evaluate()["task2 accuracy"] > 0.9
    assert list(second.tasks) == ["task1", "task2"]
    assert second.tasks["task2"].labels == ["left", "right"]


def test_all_ways_forget_less_than_none(first, tuned):
    drifts = {how: drift(first, adapted) for how, adapted in tuned.items()}
    assert drifts["heads"] > 0.1
    for how in ("outputs", "examples", "both"):
        assert drifts[how] < 0.6 * drifts["heads"], drifts
        assert tuned[how].evaluate()["task2 accuracy"] > 0.9


def test_forgetting_is_measured_on_the_earlier_test_split(first, tuned):
    compared = compare_earlier(tuned["heads"], first)["task1"]
    test = first.splits().test
    assert compared.size == len(test)
    for model, name in ((first, BEFORE), (tuned["heads"].tasks["task1"], AFTER)):
        right = model.outputs(test).argmax(axis=1) == test.targets
        assert compared[name].value == pytest.approx(right.mean())
    note = next(note for note in tuned["heads"].record.notes if "before," in note)
    assert f"task1: accuracy {compared[AFTER].value:.3f}, {compared[BEFORE].value:.3f} before" in note
    assert note.startswith("WARNING: forgotten") == (compared.difference(AFTER, BEFORE).high < 0)


def test_earlier_examples_train_only_where_they_are_rehearsed(first, tuned):
    for how, adapted in tuned.items():
        splits, before = adapted.splits(), set(first.splits().train.digests)
        known = ~np.isnan(splits.train.targets[:, 0])
        assert known.sum() == (len(before) if how in ("examples", "both") else 0)
        assert {digest for digest, own in zip(splits.train.digests, known, strict=True) if own} <= before
        assert (~np.isnan(splits.test.targets[:, 0])).sum() == len(first.splits().test)


def test_it_is_saved_and_goes_on_to_a_third_task(tuned, tmp_path):
    second = kzoo.load(tuned["both"].save(tmp_path / "second"))
    images, light = colours(7)[0], colours(7)[0].mean(axis=(1, 2, 3)) * 3 + 100
    with pytest.raises(ValueError, match=r"needs the earlier examples.*Or use 'outputs'"):
        kzoo.adapt(second, (images, light), remember="both")
    tasks = kzoo.MultiTask({"light": kzoo.Regression((images, light), **SIZES)})
    third = kzoo.adapt(second, tasks, remember="outputs", schedule=[kzoo.LinearProbe(), TUNE], verbose=0)
    assert list(third.tasks) == ["task1", "task2", "light"]
    assert third.labels == ["task1: 0", "task1: 1", "task1: 2", "task2: left", "task2: right", "light: value"]
    assert third.tasks["light"].predict(images[:1]).probabilities[0, 0] == pytest.approx(light[0], abs=15)
    assert any("cannot be read again" in note for note in third.record.notes)
    with pytest.raises(ValueError, match="has the name 'task2' already"):
        kzoo.adapt(third, kzoo.MultiTask({"task2": kzoo.Classification(sides(3))}), remember="heads")


def test_one_of_several_tasks_keeps_its_name_and_values_their_scale(first):
    images = colours(8)[0]
    values = images[..., 0].astype(np.float32).mean(axis=(1, 2)) + 1_000
    light = kzoo.adapt(first, kzoo.Regression((images, values)), schedule="linear_probe", verbose=0)
    both = kzoo.adapt(light, kzoo.Classification(sides(1)), remember="outputs", schedule="linear_probe", verbose=0)
    np.testing.assert_allclose(
        both.tasks["task1"].predict(images).probabilities, light.predict(images).probabilities, rtol=1e-4
    )
    tasks = kzoo.MultiTask({"colour": kzoo.Classification(colours(4))})
    again = kzoo.adapt(both.tasks["task2"], tasks, remember="heads", schedule="linear_probe", verbose=0)
    assert list(again.tasks) == ["task2", "colour"]


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"remember": "all"}, ValueError, "remember must be one of heads, outputs, examples, both"),
        ({"remember": "heads", "size": 32}, ValueError, "Leave out size="),
        ({"remember": "heads", "weights": None}, ValueError, "Leave out weights="),
        ({"remember": "heads", "model": "kzoo_nano_image"}, TypeError, "what kzoo.adapt returned. Got str"),
    ],
)
def test_what_cannot_be_remembered_is_told(first, options, error, told):
    with pytest.raises(error, match=told):
        kzoo.adapt(**{"model": first, "task": sides(1), **options})


def test_a_head_with_a_hidden_layer_is_refused(first):
    hidden = kzoo.adapt(first, colours(0), head=kzoo.Head(hidden=4), schedule=TUNE, verbose=0)
    with pytest.raises(ValueError, match=r"keeps heads of kind 'mlp' without hidden layers, of one input.*hidden=4"):
        kzoo.adapt(hidden, sides(1), remember="heads")


def test_a_run_goes_on_from_its_directory(first, tmp_path):
    options = {"remember": "outputs", "schedule": TUNE, "directory": tmp_path / "run", "verbose": 0}
    task = kzoo.Classification(sides(1), **SIZES)
    whole = kzoo.adapt(first, task, **options)
    again = kzoo.adapt(first, task, **options)
    for one, other in zip(whole.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="remember"):
        kzoo.adapt(first, task, **{**options, "remember": "heads"})


def test_a_plan_shows_it(first):
    shown = str(kzoo.plan(first, kzoo.Classification(sides(1), **SIZES), remember="both"))
    assert "task1: kept, trained on 66 and tested on 30 earlier examples" in shown


def test_groups_stay_in_one_split(first):
    images, labels = sides(1)
    groups = [str(number // 4) for number in range(SIZE)]
    before = kzoo.Classification(colours(2), groups=groups, seed=3, **SIZES)
    earlier = kzoo.adapt(first, before, schedule="linear_probe", verbose=0)
    task = kzoo.Classification((images, labels), groups=groups, **SIZES)
    splits = kzoo.adapt(earlier, task, remember="examples", schedule="linear_probe", verbose=0).splits()
    own = [set(part.groups) for part in (splits.train, splits.validation, splits.test)]
    assert not own[0] & own[1]
    assert not own[0] & own[2]
    assert not own[1] & own[2]


def test_without_validation_the_earlier_one_does_not_select(first):
    task = kzoo.Classification(sides(1), validation=0, test=0.25)
    found = kzoo.adapt(first, task, remember="outputs", schedule=[kzoo.LinearProbe(), TUNE], verbose=0)
    assert len(found.splits().validation) == 0
    assert found.record.kept == 1


def test_earlier_data_in_another_form_is_told(first):
    images = np.asarray([np.kron(image, np.ones((2, 2, 1), np.uint8)) for image in sides(1)[0]])
    task = kzoo.Classification((images, sides(1)[1]), **SIZES)
    found = kzoo.adapt(first, task, remember="heads", schedule="linear_probe", verbose=0)
    assert any("or has another form" in note for note in found.record.notes)
    with pytest.raises(ValueError, match="needs earlier examples in the form of the new ones"):
        kzoo.adapt(first, task, remember="examples")


def test_a_verdict_judges_what_was_trained_on(first, tuned):
    verdict = kzoo.verdict(tuned["heads"], model=first)
    assert [task.name for task in verdict] == ["task2"]


def test_smoothing_is_refused_where_outputs_are_kept(first):
    smooth = kzoo.Phase("*", epochs=1, label_smoothing=0.3)
    with pytest.raises(ValueError, match="label_smoothing is for labels"):
        kzoo.adapt(first, sides(1), remember="outputs", schedule=smooth)


@pytest.mark.parametrize("weighing", ["uncertainty", "gradnorm"])
def test_tasks_are_weighed_beside_earlier_outputs(first, weighing):
    tasks = kzoo.MultiTask({"side": kzoo.Classification(sides(1), **SIZES)}, weights=weighing)
    schedule = dataclasses.replace(TUNE, epochs=1)
    adapted = kzoo.adapt(first, tasks, remember="outputs", schedule=schedule, verbose=0)
    assert len(adapted.record.phases[0].history) == 1
