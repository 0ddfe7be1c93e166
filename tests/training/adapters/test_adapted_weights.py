"""Which weights an adapter changes in each kind of layer, and the flags that it leaves."""

import keras
import numpy as np
import pytest

from kzoo.specs.adapters import L2SP, BitFit, LoRA, SerialAdapter
from kzoo.specs.phases import LinearProbe, Phase
from kzoo.training.adapters.adapted_weights import count_trained, set_phase


def network():
    """A group of each kind of layer, and a head."""
    inputs = keras.Input((8, 8, 6))
    x = keras.layers.Conv2D(10, 3, padding="same", use_bias=False, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Conv2D(12, 1, name="pointwise")(x)
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = keras.layers.Reshape((36, 12))(x)
    x = keras.layers.MultiHeadAttention(2, 5, name="attention")(x, x)
    x = keras.layers.LayerNormalization(name="layer_norm")(x)
    x = keras.layers.EinsumDense("abc,cde->abde", (36, 3, 4), bias_axes="de", name="einsum")(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))
    return model, {"stage1": model.layers[:5], "stage2": model.layers[5:-1], "head": model.layers[-1:]}


@pytest.fixture(scope="module")
def made():
    return network()


def paths(weights):
    return {each.variable.path: each for each in weights}


def test_lora_takes_the_kernel_of_each_kind_of_layer(made):
    model, groups = made
    found = paths(set_phase(Phase("*", adapter=LoRA(rank=2)), groups))
    shapes = {path: each.factor_shapes for path, each in found.items()}
    attention = {f"attention/{name}/kernel": ((12, 2), (2, 10)) for name in ("query", "key", "value")}
    assert shapes == {
        "conv/kernel": ((54, 2), (2, 10)),
        "pointwise/kernel": ((10, 2), (2, 12)),
        "depthwise/kernel": ((9, 2), (2, 12)),
        **attention,
        "attention/attention_output/kernel": ((10, 2), (2, 12)),
        "einsum/kernel": ((12, 2), (2, 12)),
    }
    assert [variable.path for variable in model.trainable_variables] == ["logits/kernel", "logits/bias"]


def test_where_factors_hold_no_less_the_difference_is_full(made):
    found = paths(set_phase(Phase("*", adapter=LoRA(rank=8)), made[1]))
    assert found["depthwise/kernel"].factor_shapes == ((3, 3, 12, 1),)
    assert found["conv/kernel"].factor_shapes == ((54, 8), (8, 10))
    assert found["conv/kernel"].parameters == 8 * 64


def test_serial_adapters_take_kernels_that_mix_their_inputs(made):
    found = paths(set_phase(Phase("*", adapter=SerialAdapter(rank=2)), made[1]))
    assert {path: each.factor_shapes for path, each in found.items()} == {
        "conv/kernel": ((10, 2), (2, 10)),
        "pointwise/kernel": ((12, 2), (2, 12)),
        **{f"attention/{name}/kernel": ((10, 2), (2, 10)) for name in ("query", "key", "value")},
        "attention/attention_output/kernel": ((12, 2), (2, 12)),
        "einsum/kernel": ((12, 2), (2, 12)),
    }


def test_bitfit_takes_biases_and_normalization(made):
    model, groups = made
    weights = set_phase(Phase(["stage1", "head"], adapter=BitFit()), groups)
    # The convolution without a bias has nothing to train but the normalization after it.
    assert set(paths(weights)) == {"norm/gamma", "norm/beta", "pointwise/bias", "depthwise/bias"}
    assert count_trained(model, weights) == {"normalization": 20, "biases": 24, "head": 866}
    assert not model.get_layer("norm").trainable


def test_l2sp_takes_all_weights(made):
    _, groups = made
    weights = set_phase(Phase("*", adapter=L2SP(0.1)), groups)
    every = [variable for layer in (*groups["stage1"], *groups["stage2"]) for variable in layer.weights]
    assert set(paths(weights)) == {variable.path for variable in every if "moving" not in variable.path}
    assert all(each.factor_shapes == (tuple(each.variable.shape),) for each in weights)


def test_a_batch_norm_that_trains_is_left_to_itself(made):
    model, groups = made
    weights = set_phase(Phase("*", adapter=BitFit(), batch_norm=True), groups)
    assert not any(path.startswith("norm/") for path in paths(weights))
    assert {variable.path for variable in model.trainable_variables} == {
        *("norm/gamma", "norm/beta", "logits/kernel", "logits/bias"),
    }


def test_the_next_phase_trains_everything_again(made):
    model, groups = made
    set_phase(Phase("*", adapter=LoRA()), groups)
    assert set_phase(Phase("*"), groups) == []
    assert {variable.path for variable in model.trainable_variables} == {
        variable.path for variable in model.weights if not variable.path.startswith("norm/")
    }
    assert set_phase(LinearProbe(), groups) == []
    assert len(model.trainable_variables) == 2


def test_groups_that_a_phase_leaves_out_stay_frozen(made):
    model, groups = made
    weights = set_phase(Phase("stage2", adapter=LoRA()), groups)
    assert {each.group for each in weights} == {"stage2"}
    assert model.trainable_variables == []


def test_the_head_alone_is_refused(made):
    message = r"trains the head alone\. Name other groups .* The groups are: stage1, stage2, head\."
    with pytest.raises(ValueError, match=message):
        set_phase(Phase("head", adapter=LoRA()), made[1])


def test_groups_without_such_a_weight_are_refused():
    table, norm, head = (
        keras.layers.Embedding(5, 4),
        keras.layers.LayerNormalization(center=False),
        keras.layers.Dense(2),
    )
    for layer, shape in ((table, (None,)), (norm, (None, 4)), (head, (None, 4))):
        layer.build(shape)
    groups = {"stem": [table], "stage1": [norm], "head": [head]}
    message = (
        r"adapter=LoRA\(rank=8\) changes kernels of dense, convolution and attention layers, and stem, stage1 have "
        r"none\. Their weights are: Embedding \(embeddings\), LayerNormalization \(gamma\)\."
    )
    with pytest.raises(ValueError, match=message):
        set_phase(Phase("*", adapter=LoRA()), groups)


def test_rows_and_columns_of_an_einsum_in_another_order():
    layer = keras.layers.EinsumDense("ab,cb->ac", (7,), name="turned")
    layer.build((None, 5))
    (weight,) = set_phase(Phase("low", adapter=LoRA(1)), {"low": [layer], "head": []})
    assert weight.axes == ((1,), (0,))
    assert weight.factor_shapes == ((5, 1), (1, 7))
    assert np.prod(weight.variable.shape) == 35
