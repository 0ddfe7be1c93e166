"""Adapters as values: what they refuse, what they choose, and how they are written and read."""

import json

import pytest

from kzoo.specs.adapters import (
    BIAS,
    KERNEL,
    L2SP,
    NORM,
    OTHER,
    BitFit,
    LoRA,
    SerialAdapter,
    WeightForm,
    restore_adapter,
)

KERNEL_FORM, BIAS_FORM, NORM_FORM, TABLE = (
    WeightForm(KERNEL, 20, 30),
    WeightForm(BIAS, 1, 30),
    WeightForm(NORM, 1, 30),
    WeightForm(OTHER, 100, 30),
)


@pytest.mark.parametrize("rank", [0, -1, 2.0, True, "8"])
def test_a_rank_is_a_whole_number_from_1_on(rank):
    with pytest.raises(ValueError, match=r"rank of LoRA must be an int in \[1, inf\)\. Got"):
        LoRA(rank=rank)


@pytest.mark.parametrize("rank", [0, 2.5, None])
def test_a_rank_of_serial_adapters_too(rank):
    with pytest.raises(ValueError, match=r"rank of SerialAdapter must be an int in \[1, inf\)\. Got"):
        SerialAdapter(rank=rank)


def test_serial_adapters_leave_depthwise_kernels_alone():
    depthwise = WeightForm(KERNEL, 9, 30, depthwise=True)
    assert (SerialAdapter(4).rank_of(depthwise), LoRA(4).rank_of(depthwise)) == (0, 4)
    assert SerialAdapter(99).rank_of(KERNEL_FORM) == 30


@pytest.mark.parametrize("strength", [0, -0.1, float("inf"), float("nan"), "0.1", True])
def test_a_strength_is_positive(strength):
    with pytest.raises(ValueError, match=r"strength of L2SP must be a float in \(0, inf\)\. Got"):
        L2SP(strength)


@pytest.mark.parametrize(
    ("adapter", "ranks"), [(LoRA(4), [4, 0, 0, 0]), (LoRA(99), [20, 0, 0, 0]), (BitFit(), [0, 1, 1, 0])]
)
def test_each_adapter_takes_its_weights(adapter, ranks):
    assert [adapter.rank_of(form) for form in (KERNEL_FORM, BIAS_FORM, NORM_FORM, TABLE)] == ranks


def test_l2sp_takes_all_of_full_rank():
    assert [L2SP(0.1).rank_of(form) for form in (KERNEL_FORM, BIAS_FORM, TABLE)] == [20, 1, 30]
    assert (L2SP(0.1).penalty, LoRA().penalty, BitFit().penalty) == (0.1, 0, 0)


@pytest.mark.parametrize("adapter", [LoRA(3), SerialAdapter(2), BitFit(), L2SP(0.5)])
def test_what_is_written_is_read(adapter):
    assert restore_adapter(json.loads(json.dumps(adapter.as_plain())), "adapter") == adapter


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "IA3"}, "adapter.name must be one of LoRA, SerialAdapter, BitFit, L2SP. Got 'IA3'"),
        ({"name": "LoRA", "rank": 0}, "rank of LoRA must be"),
        ({"name": "LoRA"}, "adapter lacks the fields rank"),
        ({"name": "BitFit", "rank": 1}, "adapter has unknown fields: 'rank'"),
        ("LoRA", "adapter must be a dict"),
    ],
)
def test_what_is_none_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        restore_adapter(values, "adapter")
