"""The names of candidates, and which weights are on this machine."""

import keras
import numpy as np
import pytest

import kzoo
from kzoo.choosing.candidates import is_here, name_candidates

TASK = kzoo.Classification((np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1]))


def test_a_name_that_occurs_again_is_numbered(backbone):
    named = name_candidates(TASK, [backbone, backbone, "kzoo_nano_image", backbone])
    assert list(named) == ["tiny", "tiny (2)", "kzoo_nano_image", "tiny (3)"]


def test_a_dict_names_them(backbone):
    assert list(name_candidates(TASK, {"mine": backbone})) == ["mine"]


def test_without_names_those_are_taken_whose_weights_are_here(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert list(name_candidates(TASK, None)) == ["kzoo_nano_image"]
    card = kzoo.get_card("mobilenet_v2_035")
    file = tmp_path / "models" / card.weight_file(card.size).name
    file.parent.mkdir()
    file.write_bytes(b"")
    assert list(name_candidates(TASK, None)) == ["kzoo_nano_image", "mobilenet_v2_035"]


def test_random_weights_are_not_here():
    assert not is_here(kzoo.get_card("ngrams"))


def test_no_model_is_refused():
    with pytest.raises(ValueError, match="at least one model"):
        name_candidates(TASK, [])


def test_one_model_is_a_list_of_one(backbone):
    assert list(name_candidates(TASK, backbone)) == ["tiny"]
    assert isinstance(name_candidates(TASK, backbone)["tiny"], keras.Model)


def test_candidates_for_several_inputs_are_named():
    task = kzoo.Classification({"photo": ["a.png"], "title": ["b"]}, image="photo", text="title")
    with pytest.raises(ValueError, match=r"are fusions\. Pass models=\[kzoo\.Fusion"):
        name_candidates(task, None)
