"""A misspelt argument is told its name."""

import inspect

import pytest

from kzoo.core.keywords import suggests_names


@suggests_names
def verb(model, *, epochs: int = 1, batch_size: int = 2) -> tuple:
    """What a verb does."""
    return model, epochs, batch_size


def test_the_near_name_is_suggested():
    with pytest.raises(TypeError, match=r"^verb\(\) has no argument 'epcohs'\. Did you mean 'epochs'\?$"):
        verb(0, epcohs=3)


def test_without_a_near_name_all_are_listed():
    with pytest.raises(TypeError, match=r"has no argument 'zzz'\. The arguments are: model, epochs, batch_size\."):
        verb(0, zzz=3)


def test_known_names_and_the_signature_are_left_alone():
    assert verb(5, epochs=3) == (5, 3, 2)
    assert list(inspect.signature(verb).parameters) == ["model", "epochs", "batch_size"]
    assert verb.__doc__ == "What a verb does."
