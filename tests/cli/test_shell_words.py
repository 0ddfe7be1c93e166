"""Messages in the shell's words."""

import argparse

import pytest

from kzoo.cli.shell_words import flags_of, in_shell_words

FLAGS = {name: f"--{name.replace('_', '-')}" for name in ("save", "size", "weights", "class_weight", "strict", "test")}


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("size must be an int. Got 3.5.", "--size must be an int. Got 3.5."),
        ("Inputs are square: pass size=224.", "Inputs are square: pass --size 224."),
        ("No weights: pass weights=None.", "No weights: pass --weights none."),
        ("strict=True, and 2 are not clean", "--strict, and 2 are not clean"),
        ("class_weight must be 'balanced'", "--class-weight must be 'balanced'"),
        ("There is no test split (test=0).", "There is no test split (--test 0)."),
        (
            "save needs the path of a directory, as in save('x'). Got ''.",
            "--save needs the path of a directory. Got ''.",
        ),
        ("Unknown model 'x'. All names: kzoo.list_models().", "Unknown model 'x'. All names: kzoo list."),
        ("test sets are small", "test sets are small"),
        ("say which: kzoo.adapt(NAME, task, weights=PATH).", "say which: kzoo.adapt(NAME, task, weights=PATH)."),
        ("Head(size=3) has 'size=3', my_size=3", "Head(size=3) has 'size=3', my_size=3"),
    ],
)
def test_arguments_become_options(message, wanted):
    assert in_shell_words(message, FLAGS) == wanted


def test_without_options_a_message_stays():
    assert in_shell_words("size=3", {}) == "size=3"


def test_flags_are_those_of_the_parser():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("model")
    parser.add_argument("--class-weight")
    assert flags_of(parser) == {"class_weight": "--class-weight"}
