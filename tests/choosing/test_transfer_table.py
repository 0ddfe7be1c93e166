"""Which earlier task helps which, where it is known: features of edges help with stripes and not with brightness."""

import json

import keras
import numpy as np
import pytest

import kzoo
from kzoo.choosing.transfer_table import START

SIDE = 12


def images(stripes, *, seed):
    """Noisy images, half of them with upright and half with level stripes, half of them bright; and the classes."""
    rng = np.random.default_rng(seed)
    upright, bright = np.arange(120) % 2, np.arange(120) // 2 % 2
    lines = np.where(np.arange(SIDE) % 2, 40, -40)
    pixels = rng.normal(110, 20, (120, SIDE, SIDE, 3)) + 20 * bright[:, None, None, None]
    across, down = np.broadcast_to(lines[None, :], (SIDE, SIDE)), np.broadcast_to(lines[:, None], (SIDE, SIDE))
    pixels += np.where(upright[:, None, None], across, down)[..., None]
    return pixels.clip(0, 255).astype(np.uint8), upright if stripes else bright


def filters(kernels, name):
    """A network that answers with the strength of 2 x 2 patterns."""
    inputs = keras.Input((SIDE, SIDE, 3))
    layer = keras.layers.Conv2D(len(kernels), 2, use_bias=False, activation="relu")
    model = keras.Model(inputs, layer(keras.layers.Rescaling(1 / 128, offset=-1.0)(inputs)), name=name)
    weights = np.zeros((2, 2, 3, len(kernels)))
    for number, kernel in enumerate(kernels):
        weights[..., 0, number] = kernel
    layer.set_weights([weights])
    return model


def edges():
    return filters([[[1.0, -1.0], [1.0, -1.0]], [[1.0, 1.0], [-1.0, -1.0]]], "edges")


def brightness():
    return filters([np.ones((2, 2)), -np.ones((2, 2))], "brightness")


@pytest.fixture(scope="module")
def table():
    tasks = {
        "bright": images(False, seed=0),
        "stripes": images(True, seed=1),
        "other stripes": images(True, seed=2),
    }
    nets = {"bright": brightness(), "stripes": edges(), "other stripes": edges()}
    models = {name: kzoo.adapt(nets[name], tasks[name], schedule="linear_probe", verbose=0) for name in tasks}
    return kzoo.transfer_table(tasks, models, brightness(), verbose=0)


def test_it_knows_what_helps_and_what_hurts(table):
    assert len(table.cells) == 6
    helped = table["stripes", "other stripes"]
    assert helped.gain.low > 0.2
    assert helped.score.value > 0.9
    assert table.starts["other stripes"].value < 0.7
    assert table["stripes", "bright"].gain.high < 0
    assert table["bright", "stripes"].gain.value == 0


def test_a_pair_has_two_different_tasks(table):
    for pair in (("bright", "bright"), ("bright", "dark")):
        with pytest.raises(KeyError, match="two different tasks: bright, stripes, other stripes"):
            table[pair]


def test_it_prints(table):
    text = str(table)
    assert START in text
    assert "other stripes: stripes before it helps most: +" in text
    assert "bright: every earlier task hurts" in text
    assert "<table>" in table._repr_html_()
    assert len(json.loads(json.dumps(table.as_dict()))["cells"]) == 6
    assert table.plot().axes[0].get_ylabel() == "earlier task"


def test_bad_arguments_are_refused():
    task = images(True, seed=0)
    with pytest.raises(ValueError, match=r"needs two tasks or more\. Got 1"):
        kzoo.transfer_table({"one": task}, {}, edges())
    with pytest.raises(ValueError, match="Missing: one, two"):
        kzoo.transfer_table({"one": task, "two": task}, {}, edges())
