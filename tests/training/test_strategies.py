"""Two logical CPU devices against one. Devices are set once a process: hence a process of its own."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from kzoo.training.strategies import get_strategy, whole_batch

RUN = """
import json, sys
import numpy as np
import tensorflow as tf
devices = int(sys.argv[1])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
import keras, kzoo

rng = np.random.default_rng(0)
y = np.arange(90) % 3
x = rng.integers(0, 100, (90, 16, 16, 3))
x[np.arange(90), :, :, y] += 100
inputs = keras.Input((16, 16, 3))
z = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
keras.utils.set_random_seed(0)
for width in (6, 8):
    z = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.Conv2D(width, 3, strides=2)(z)))
backbone = keras.Model(inputs, z, name="tiny")
schedule = kzoo.Schedule([
    kzoo.Phase("head", epochs=2, batch_size=10, learning_rate=1e-2),
    kzoo.Phase("last:1", epochs=2, batch_size=10, learning_rate=1e-2, augmentation="light", views=2),
    kzoo.Phase("*", epochs=2, batch_size=10, learning_rate=1e-3, weight_decay=0.1, layer_decay=0.5),
    kzoo.Phase("*", epochs=1, batch_size=10, learning_rate=1e-2, adapter=kzoo.LoRA(rank=2)),
])
task = kzoo.Classification((x.astype(np.uint8), y))
head = kzoo.Head(dropout=0.0)
adapted = kzoo.adapt(backbone, task, schedule=schedule, strategy=sys.argv[2], head=head)
adapted.save(sys.argv[3])
again = kzoo.load(sys.argv[3])
exported = tf.saved_model.load(str(adapted.export(sys.argv[3] + "-served")))
first = exported.signatures["tensor"](image=tf.constant(x[:4].astype(np.uint8)))["probabilities"].numpy()
losses = [row["loss"] for phase in adapted.record.phases for row in phase.history]
same = [float(np.abs(a - b).max()) for a, b in zip(adapted.network.get_weights(), again.network.get_weights())]
weights = [weight.tolist() for weight in adapted.network.get_weights()]
print("RESULT " + json.dumps({"losses": losses, "weights": weights, "reloaded": max(same), "served": first.tolist()}))
plain = keras.Model(inputs, keras.layers.Conv2D(8, 3, strides=2, activation="relu")(inputs / 255.0), name="plain")
for model, objective in ((plain, "masked"), (backbone, "masked"), (backbone, "gan")):
    options = {"steps": 4, "batch_size": 10, "strategy": sys.argv[2]}
    made = kzoo.pretrain(model, x.astype(np.uint8), objective=objective, **options)
    weights = json.dumps([weight.tolist() for weight in made.backbone.get_weights()])
    print(f"PRETRAINED {model.name} {objective} {weights}")
try:
    kzoo.adapt(backbone, task, schedule=kzoo.Phase("*", batch_norm=True), strategy=sys.argv[2])
except ValueError as error:
    print("REFUSED " + str(error))
"""


def run(tmp_path, devices, strategy):
    command = [sys.executable, "-c", RUN, str(devices), strategy, str(tmp_path / strategy)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("strategies")
    return run(tmp_path, 1, "one"), run(tmp_path, 2, "mirrored")


def result(output):
    return json.loads(output.split("RESULT ")[1].splitlines()[0])


def pretrained(output, what):
    return json.loads(output.split(f"PRETRAINED {what} ")[1].splitlines()[0])


@pytest.mark.slow
@pytest.mark.parametrize(("model", "within"), [("plain", 1e-5), ("tiny", 1e-4)])
def test_two_replicas_pretrain_as_one_device(outputs, model, within):
    """BatchNorm, which the second has, shares its statistics."""
    one, two = (pretrained(each, f"{model} masked") for each in outputs)
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=within)


@pytest.mark.slow
def test_two_replicas_duel(outputs):
    """Dropout draws otherwise on each replica: the weights are others than those of one device."""
    assert all(np.isfinite(weight).all() for weight in pretrained(outputs[1], "tiny gan"))


@pytest.mark.slow
def test_two_replicas_have_the_losses_of_one_device(outputs):
    one, two = map(result, outputs)
    assert len(one["losses"]) == 7
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-5)


@pytest.mark.slow
def test_two_replicas_have_the_weights_of_one_device(outputs):
    one, two = map(result, outputs)
    for ours, theirs in zip(two["weights"], one["weights"], strict=True):
        assert flat(ours) == pytest.approx(flat(theirs), abs=1e-5)


@pytest.mark.slow
def test_what_was_trained_on_two_replicas_is_saved_and_served(outputs):
    one, two = map(result, outputs)
    assert two["reloaded"] == 0
    assert flat(two["served"]) == pytest.approx(flat(one["served"]), abs=1e-5)


@pytest.mark.slow
def test_unsynchronized_batch_norm_is_refused_on_two_replicas(outputs):
    assert "REFUSED" not in outputs[0]
    assert "synchronized=True" in outputs[1].split("REFUSED ")[1]


def flat(nested):
    return [x for each in nested for x in flat(each)] if isinstance(nested, list) else [nested]


def test_names():
    assert get_strategy("one").num_replicas_in_sync == 1
    assert get_strategy("auto").num_replicas_in_sync == 1
    with pytest.raises(ValueError, match="strategy must be one of auto, one, mirrored"):
        get_strategy("tpu")


def test_a_strategy_that_trains_wrongly_is_refused():
    with pytest.raises(ValueError, match="CentralStorageStrategy"):
        get_strategy(tf.distribute.experimental.CentralStorageStrategy())


class Replicas:
    num_replicas_in_sync = 4


@pytest.mark.parametrize(("batch", "examples", "wanted"), [(32, 100, 32), (32, 30, 28), (8, 4, 4)])
def test_no_replica_is_left_without_examples(batch, examples, wanted):
    assert whole_batch(batch, examples, Replicas()) == wanted


@pytest.mark.parametrize(("batch", "examples", "message"), [(30, 100, "multiple of the 4"), (8, 3, "too few")])
def test_batches_that_cannot_be_shared_out(batch, examples, message):
    with pytest.raises(ValueError, match=message):
        whole_batch(batch, examples, Replicas())
