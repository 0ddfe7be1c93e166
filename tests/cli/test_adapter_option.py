"""``--adapter``, from the word to the phases."""

import argparse

import pytest

import kzoo
from kzoo.cli.adapter_option import adapter_argument, with_adapter
from kzoo.cli.options import build_parser


def parsed(*words):
    return build_parser().parse_args(["adapt", "m", "data/", *words])


def test_the_phases_of_a_named_schedule_have_it():
    found = parsed("--schedule", "lp_ft", "--adapter", "lora:4")
    schedule = with_adapter(found.schedule, found.adapter)
    assert isinstance(schedule, kzoo.Schedule)
    assert [phase.adapter for phase in schedule.phases] == [None, kzoo.LoRA(rank=4)]


def test_without_it_the_name_stays():
    assert with_adapter(parsed().schedule, parsed().adapter) == "auto"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("auto", r"adapter needs a named schedule, as schedule=fine_tune\. Got schedule=auto\."),
        ("linear_probe", "schedule 'linear_probe' trains the head alone"),
    ],
)
def test_a_schedule_that_cannot_have_it_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        with_adapter(name, kzoo.LoRA())


@pytest.mark.parametrize(
    ("text", "adapter"),
    [
        ("lora", kzoo.LoRA(8)),
        ("LoRA:4", kzoo.LoRA(4)),
        ("serialadapter:4", kzoo.SerialAdapter(4)),
        ("bitfit", kzoo.BitFit()),
        ("l2sp:0.1", kzoo.L2SP(0.1)),
        ("l2sp:1", kzoo.L2SP(1.0)),
    ],
)
def test_a_word_of_the_shell_is_an_adapter(text, adapter):
    assert adapter_argument(text) == adapter


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ia3", "adapter must be one of lora:8, serialadapter:8, bitfit or l2sp:0.01. Got 'ia3'"),
        ("lora:many", "adapter must be one of"),
        ("lora:1.5", "rank of LoRA must be an int"),
        ("bitfit:2", "'bitfit' takes no value. Got 'bitfit:2'"),
    ],
)
def test_another_word_is_refused(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        adapter_argument(text)
