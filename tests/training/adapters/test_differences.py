"""Differences: what a model computes with them, is what it computes once they are merged; and whole runs with them."""

import keras
import numpy as np
import pytest

import kzoo
from kzoo.core.graph.folding import fold
from kzoo.specs.adapters import L2SP, BitFit, LoRA, SerialAdapter
from kzoo.specs.phases import Phase
from kzoo.training.adapters.adapted_weights import set_phase
from kzoo.training.adapters.differences import as_their_weights, merge, start_differences, with_differences

RNG = np.random.default_rng(0)


def attention(x):
    return keras.layers.MultiHeadAttention(2, 3)(x, x)


LAYERS = {
    "dense": ((5,), lambda: keras.layers.Dense(7)),
    "einsum": ((4, 6), lambda: keras.layers.EinsumDense("abc,cde->abde", (None, 3, 5))),
    "turned": ((6,), lambda: keras.layers.EinsumDense("ab,cb->ac", (7,))),
    "conv 1x1": ((5, 5, 6), lambda: keras.layers.Conv2D(7, 1)),
    "conv 3x3": ((5, 5, 6), lambda: keras.layers.Conv2D(7, 3, strides=2)),
    "depthwise": ((5, 5, 6), lambda: keras.layers.DepthwiseConv2D(3, depth_multiplier=2)),
    "separable": ((5, 5, 6), lambda: keras.layers.SeparableConv2D(7, 3)),
    "attention": ((4, 6), lambda: attention),
    "nested": ((5,), lambda: keras.Sequential([keras.layers.Dense(6), keras.layers.BatchNormalization()])),
}


def adapted(model, adapter, **options):
    """Differences to the weights of a model, drawn at random, and the model with them."""
    weights = set_phase(Phase("low", adapter=adapter, **options), {"low": model.layers, "head": []})
    differences = start_differences(weights, seed=1)
    for each in differences:
        for factor in each.factors:
            factor.assign(RNG.normal(size=factor.shape))
    return differences, with_differences(model, differences)


ADAPTED = [(name, LoRA(rank=1)) for name in LAYERS]
ADAPTED += [(name, SerialAdapter(rank=rank)) for name in LAYERS if name != "depthwise" for rank in (1, 99)]


@pytest.mark.parametrize(("name", "adapter"), ADAPTED)
def test_a_merged_model_computes_what_the_adapted_one_did(name, adapter):
    shape, make = LAYERS[name]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, make()(inputs))
    before = [variable.numpy() for variable in model.trainable_variables]
    x = RNG.normal(size=(3, *shape)).astype(np.float32)
    plain = model(x).numpy()
    differences, found = adapted(model, adapter)
    wanted = found(x).numpy()
    assert np.abs(wanted - plain).max() > 0.1
    np.testing.assert_array_equal(model(x).numpy(), plain)
    merge(differences, model.weights)
    np.testing.assert_allclose(model(x).numpy(), wanted, rtol=1e-5, atol=1e-5)
    changed = [np.abs(a - b.numpy()).max() > 0 for a, b in zip(before, model.weights, strict=False)]
    assert any(changed)


def test_a_difference_of_factors_has_their_rank():
    model = keras.Sequential([keras.Input((5, 5, 6)), keras.layers.Conv2D(7, 3)])
    differences, _ = adapted(model, LoRA(rank=2))
    assert np.linalg.matrix_rank(np.reshape(differences[0].value(), (54, 7))) == 2


@pytest.mark.parametrize("layer", [keras.layers.Dense(7), keras.layers.Conv2D(7, 3)], ids=["dense", "conv"])
def test_it_is_what_enable_lora_of_keras_computes(layer):
    shape = (5,) if isinstance(layer, keras.layers.Dense) else (5, 5, 6)
    model = keras.Sequential([keras.Input(shape), layer])
    differences, found = adapted(model, LoRA(rank=2))
    x = RNG.normal(size=(3, *shape)).astype(np.float32)
    ours = found(x).numpy()
    first, second = differences[0].factors
    layer.enable_lora(2)
    layer.lora_kernel_a.assign(np.reshape(first, layer.lora_kernel_a.shape))
    layer.lora_kernel_b.assign(second)
    np.testing.assert_allclose(model(x).numpy(), ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rank", [2, 99])
@pytest.mark.parametrize("kind", ["conv", "turned"])
def test_a_serial_adapter_is_a_layer_behind_the_kernel(kind, rank):
    shape, layer = {
        "conv": ((5, 5, 6), keras.layers.Conv2D(7, 3)),
        "turned": ((6,), keras.layers.EinsumDense("ab,cb->ac", (7,), bias_axes="c")),
    }[kind]
    model = keras.Sequential([keras.Input(shape), layer])
    layer.bias.assign(RNG.normal(size=7))
    differences, found = adapted(model, SerialAdapter(rank=rank))
    x = RNG.normal(size=(3, *shape)).astype(np.float32)
    before = model(x).numpy() - layer.bias.numpy()
    factors = [np.asarray(factor) for factor in differences[0].factors]
    assert len(factors) == (2 if rank == 2 else 1)
    wanted = before + before @ (factors[0] @ factors[1] if rank == 2 else factors[0]) + layer.bias.numpy()
    np.testing.assert_allclose(found(x).numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_training_moves_the_differences_and_no_weight():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    model = keras.Model(inputs, keras.layers.Dropout(0.5)(keras.layers.Dense(8)(inputs)))
    weights = set_phase(Phase("low", adapter=LoRA(1)), {"low": model.layers, "head": []})
    differences = start_differences(weights, seed=0)
    found = with_differences(model, differences)
    x, before = np.ones((8, 6), np.float32), model.get_weights()
    np.testing.assert_array_equal(found(x).numpy(), model(x).numpy())
    state = model.layers[-1].seed_generator.state.numpy()
    found.compile("sgd", "mse")
    found.fit(x, np.ones((8, 8)), epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert np.abs(differences[0].value()).max() > 0
    # What else changes in a call does so.
    assert not np.array_equal(state, model.layers[-1].seed_generator.state)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_moving_statistics_move_only_where_batch_norm_trains(batch_norm):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8), keras.layers.BatchNormalization()])
    _, found = adapted(model, LoRA(1), batch_norm=batch_norm)
    before = model.layers[-1].moving_mean.numpy()
    found.compile("sgd", "mse")
    found.fit(RNG.normal(size=(8, 6)), np.ones((8, 8)), verbose=0)
    assert np.array_equal(before, model.layers[-1].moving_mean.numpy()) != batch_norm


def test_a_folded_model_has_them_too():
    inputs = keras.Input((5, 5, 6))
    x = keras.layers.Conv2D(7, 3, use_bias=False)(inputs)
    model = keras.Model(inputs, keras.layers.BatchNormalization()(x))
    differences, found = adapted(model, BitFit())
    folded = with_differences(fold(model, live=True), differences)
    assert len(differences) == 2
    x = RNG.normal(size=(3, 5, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(folded(x), found(x), rtol=1e-4, atol=1e-5)


def test_the_penalty_is_half_the_squared_distance_from_the_start():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8)])
    differences, _ = adapted(model, L2SP(0.5))
    found = with_differences(model, differences, penalty=0.5)
    found(np.zeros((1, 6), np.float32), training=True)
    squares = sum(float(np.square(each.factors[0]).sum()) for each in differences)
    assert float(found.losses[0]) == pytest.approx(0.25 * squares, rel=1e-5)
    found(np.zeros((1, 6), np.float32), training=False)
    assert found.losses == []


def test_a_difference_has_the_rate_of_its_weight():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8)])
    differences, _ = adapted(model, LoRA(1))
    rates = {differences[0].weight.variable.path: 0.25, "other": 1.0}
    assert as_their_weights(differences, rates) == {factor.path: 0.25 for factor in differences[0].factors}


@pytest.fixture(scope="module")
def run(arrays, make_backbone):
    """A run of a probe, and of LoRA in all groups from it."""
    keras.utils.set_random_seed(0)
    tuning = kzoo.Phase("*", epochs=2, batch_size=12, learning_rate=0.01, adapter=kzoo.LoRA(rank=2))
    return kzoo.adapt(
        make_backbone(), kzoo.Classification(arrays), schedule=kzoo.Schedule([kzoo.LinearProbe(), tuning])
    )


def test_a_run_ends_with_a_plain_model(run, make_backbone):
    plain = [type(layer) for layer in make_backbone().layers]
    assert [type(layer) for layer in run.backbone.layers] == plain
    assert not any("difference" in variable.path for variable in run.network.variables)


def test_the_record_says_how_much_trained(run):
    probe, tuned = run.record.phases
    # Kernels of 3 x 3 x (3, 6, 8) to (6, 8, 12) channels, and a head of 12 to 3.
    assert tuned.parameters == 2 * (27 + 6 + 54 + 8 + 72 + 12) + 39
    assert tuned.all_parameters == run.network.count_params()
    assert (probe.parameters, probe.trained) == (None, "head")
    assert f"(LoRA rank 2: 397 of {run.network.count_params():,})" in str(run)
    assert type(run.record).restore(run.record.as_plain()) == run.record


def test_the_plan_says_how_much_will_train(arrays, make_backbone):
    schedule = kzoo.fine_tune().with_adapter(kzoo.BitFit())
    plan = kzoo.plan(make_backbone(), kzoo.Classification(arrays), schedule=schedule)
    assert "(BitFit)" in plan.phases.rows[0][0]
    # Without biases in the convolutions: scale and shift of BatchNorm.
    assert plan.phases.rows[0][1] == 2 * (6 + 8 + 12) + 39
    assert "Phase 1 trains by BitFit: 91 of 1,625 parameters (normalization 52, head 39)." in plan.notes


def test_what_cannot_be_adapted_is_refused_before_training(arrays, make_backbone):
    with pytest.raises(ValueError, match="adapts groups below the head"):
        kzoo.plan(make_backbone(), kzoo.Classification(arrays), schedule=kzoo.Phase("head", adapter=kzoo.LoRA()))
