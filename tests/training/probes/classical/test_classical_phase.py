"""Classical heads in whole runs: solved, refitted, saved and exported."""

import keras
import numpy as np
import pytest

import kzoo
from kzoo.specs.catalog.classical_heads import CLASSICAL_HEADS
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.training.probes.classical.classical_probe import ClassicalChoice, LabelledFeatures, solve_classical


@pytest.fixture(scope="module")
def net():
    """Pixels averaged over an image, as features of three channels."""
    inputs = keras.Input((4, 4, 3))
    return keras.Model(inputs, keras.layers.Dense(3, kernel_initializer="identity")(inputs), name="net")


@pytest.fixture(scope="module")
def images():
    """Images of one colour each, 240, of which red between two bounds is a class of its own."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (240, 1, 1, 3))
    noise = rng.integers(-3, 4, (240, 4, 4, 3))
    return np.clip(colours + noise, 0, 255).astype(np.uint8), colours[:, 0, 0]


@pytest.fixture(scope="module")
def tasks(images):
    pixels, colours = images
    red, green = colours[:, 0], colours[:, 1]
    options = {"validation": 0.25, "test": 0.25}
    return {
        "classes": kzoo.Classification((pixels, np.where((red > 80) & (red < 170), "mid", "out")), **options),
        "labels": kzoo.MultiLabel(
            (
                pixels,
                [
                    [n for n, on in (("red", r > 100), ("green", g > 120)) if on]
                    for r, g in zip(red, green, strict=True)
                ],
            ),
            **options,
        ),
        "values": kzoo.Regression((pixels, (red / 255.0) ** 2), **options),
    }


def adapted(net, task, head, **options):
    return kzoo.adapt(net, task, head=head, scaling="none", size=4, verbose=0, **options)


@pytest.fixture(scope="module", params=CLASSICAL_HEADS)
def model(request, net, tasks):
    return adapted(net, tasks["classes"], request.param)


def test_it_is_solved_by_a_probe_alone_and_answers(model):
    (phase,) = model.record.phases
    assert phase.groups == ("head",)
    assert model.record.refitted
    name, accuracy = model.head.kind, model.evaluate()["accuracy"]
    # No plane separates the classes.
    assert accuracy > (0.85 if name in ("rbf_svm", "knn", "boosting") else 0.5)
    chosen = set(phase.history[0]) - {"epoch", "val_loss", "val_accuracy", "val_calibrated"}
    assert (
        chosen == {"svm": {"C"}, "ridge": {"C"}, "rbf_svm": {"C", "gamma"}, "knn": {"k"}, "boosting": {"rounds"}}[name]
    )


def test_it_is_fitted_to_training_and_validation(model):
    splits, phase = model.splits(), model.record.phases[0]
    both = [splits.train, splits.validation]
    features = np.concatenate([model.embedding.predict(e.columns["image"].astype(np.float32), verbose=0) for e in both])
    targets = np.eye(2, dtype=np.float32)[np.concatenate([e.targets for e in both])]
    known = LabelledFeatures(features, targets, np.ones(len(targets), np.float32))
    setting = {name: value for name, value in phase.history[0].items() if name in ("C", "gamma", "k", "rounds")}
    choice = ClassicalChoice(model.head.kind, setting, 1.0, np.zeros(0))
    solved = solve_classical(choice, known, kind=CLASSIFICATION, places=len(targets))
    *_, last = model.network.layers
    kernel, wanted = last.kernel.numpy(), solved.head.kernel
    # The sharpness of scores is the same for all of them.
    np.testing.assert_allclose(kernel / np.abs(kernel).max(), wanted / np.abs(wanted).max(), atol=2e-3)
    standard = next(layer for layer in model.network.layers if hasattr(layer, "deviation"))
    np.testing.assert_allclose(standard.mean.numpy(), features.mean(axis=0), rtol=1e-4)


def test_it_comes_back_from_disk_and_serves_what_it_trained(model, images, tmp_path):
    pixels = images[0][:20]
    expected = model.predict(pixels).outputs
    model.save(tmp_path / "saved")
    np.testing.assert_array_equal(kzoo.load(tmp_path / "saved").predict(pixels).outputs, expected)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["saved_model", "litert", "onnx", "openvino"])
def test_what_it_serves_is_what_it_trained(model, format, tmp_path):
    # Reloaded in its own runtime and compared with the model, else this raises.
    assert model.export(tmp_path, format=format).is_dir()


@pytest.mark.parametrize("head", CLASSICAL_HEADS)
@pytest.mark.parametrize("kind", ["labels", "values"])
def test_other_kinds_of_task(net, tasks, kind, head):
    found = adapted(net, tasks[kind], head).evaluate()
    if kind == "values":
        assert found["R2"] > 0.8
    else:
        assert found["macro-F1"] > 0.85


def test_without_validation_it_is_chosen_all_the_same(net, images):
    pixels, colours = images
    task = kzoo.Classification((pixels, np.where(colours[:, 0] > 128, "a", "b")), validation=0, test=0.25)
    assert adapted(net, task, "svm").evaluate()["accuracy"] > 0.9


def test_gradient_steps_go_on_from_a_machine(net, tasks):
    phases = [kzoo.LinearProbe(), kzoo.Phase("*", epochs=1, learning_rate=1e-4)]
    found = adapted(net, tasks["classes"], "rbf_svm", schedule=phases)
    assert len(found.record.phases) == 2
    assert found.record.phases[1].scores["val_accuracy"] > 0.7


@pytest.mark.parametrize("head", ["knn", "boosting", "best"])
def test_steps_through_a_head_without_gradients_are_refused(net, tasks, head):
    with pytest.raises(ValueError, match=rf"Head\(kind='{head}'\) takes no gradient steps, and schedule 'lp_ft'"):
        adapted(net, tasks["classes"], head, schedule="lp_ft")


def test_what_it_has_no_use_for_is_refused(net, tasks):
    with pytest.raises(ValueError, match=r"Head\(kind='svm'\) takes no hidden: these are options of kind 'mlp'"):
        adapted(net, tasks["classes"], kzoo.Head(kind="svm", hidden=8))
    with pytest.raises(ValueError, match=r"Head\(kind='svm'\) takes no examples: these are options of kind 'knn'"):
        adapted(net, tasks["classes"], kzoo.Head(kind="svm", examples=8))
    with pytest.raises(ValueError, match="answers one task, and there are 2"):
        adapted(net, kzoo.MultiTask({"a": tasks["classes"], "b": tasks["values"]}), "svm")
    with pytest.raises(ValueError, match=r"Unknown head 'smv'. The heads are: mlp, svm, rbf_svm"):
        adapted(net, tasks["classes"], "smv")


def test_neighbours_keep_as_many_examples_as_a_head_says(net, tasks):
    found = adapted(net, tasks["classes"], kzoo.Head(kind="knn", examples=50))
    layer = next(each for each in found.network.layers if each.name == "head_neighbors")
    assert layer.features.shape[0] == 50
    assert found.evaluate()["accuracy"] > 0.7


def test_what_goes_by_gradients_or_soft_labels_refuses(model, tasks, net):
    if model.head.kind in ("knn", "boosting"):
        with pytest.raises(ValueError, match="What mattered is found by gradients"):
            model.explain(np.zeros((1, 4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="is solved for labels, and a student learns from probabilities"):
        kzoo.distill(model, "kzoo_nano_image", head=model.head.kind)
    with pytest.raises(ValueError, match=r"have no mean\. kzoo\.ensemble averages answers"):
        kzoo.soup([model, model])
    with pytest.raises(ValueError, match=r"is solved on data: use kzoo\.adapt"):
        kzoo.create_model("mobilenet_v2_035", weights=None, num_classes=2, head=model.head.kind)


@pytest.mark.slow
def test_a_verdict_of_neighbours(net, tasks):
    found = kzoo.verdict(adapted(net, tasks["classes"], "knn"))
    assert "from scratch" in str(found)


@pytest.mark.parametrize("head", ["svm", "best"])
def test_a_sparse_backbone_is_refused(head):
    texts = [f"{word} film {number}" for number in range(30) for word in ("good", "bad")]
    with pytest.raises(ValueError, match="'ngrams' without weights is solved as a whole"):
        kzoo.adapt("ngrams", kzoo.Classification((texts, ["good", "bad"] * 30)), head=head, verbose=0)


@pytest.mark.parametrize("head", CLASSICAL_HEADS)
def test_a_class_of_weight_zero(net, tasks, head):
    found = adapted(net, tasks["classes"], head, class_weight={"mid": 0.0, "out": 1.0})
    assert set(found.predict(np.zeros((3, 4, 4, 3), np.uint8)).labels) == {"out"}
