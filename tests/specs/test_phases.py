"""Phases: values that are checked when they are made."""

import pytest

from kzoo.specs.phases import LinearProbe, Phase
from kzoo.specs.schedule import Schedule

GROUPS = ("stem", "stage1", "stage2", "stage3", "head")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("train", ()),
        ("epochs", 0),
        ("epochs", 1.5),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("optimizer", "adamm"),
        ("batch_size", 0),
        ("warmup", 1.0),
        ("warmup", -0.1),
        ("decay", "linear"),
        ("layer_decay", 0.0),
        ("layer_decay", 1.1),
        ("weight_decay", -1.0),
        ("label_smoothing", 1.0),
        ("label_smoothing", "some"),
        ("patience", 0),
        ("augmentation", "heavy"),
        ("views", 0),
    ],
)
def test_a_value_out_of_range_is_named_with_what_came(field, value):
    with pytest.raises(ValueError, match=rf"^{field} of a phase must be .*\. Got "):
        Phase(**({"train": "head"} | {field: value}))


def test_the_former_name_of_a_probe_says_the_new_one():
    with pytest.raises(ValueError, match=r"Use kzoo\.LinearProbe\(\)"):
        Phase("head", optimizer="lbfgs")


@pytest.mark.parametrize("strengths", [[], [0.0], [1.0, float("inf")], "1", [True]])
def test_strengths_of_a_probe_are_positive(strengths):
    with pytest.raises(ValueError, match=r"strengths of a linear probe must be floats in \(0, inf\)\. Got "):
        LinearProbe(strengths=strengths)


def test_a_probe_is_a_value_that_takes_no_steps():
    assert LinearProbe(strengths=[1, 0.1]) == LinearProbe(strengths=(0.1, 1.0))
    assert LinearProbe().groups(GROUPS) == ("head",)
    assert not Schedule(LinearProbe()).takes_steps
    with pytest.raises(TypeError, match="epochs"):
        LinearProbe(epochs=3)


def test_phases_are_comparable_values():
    assert Phase("head") == Phase(["head"])
    assert len({Phase("head"), Phase(("head",)), Phase("*")}) == 2
