"""Loading: a folder is opened as the kind of model that it holds."""

import keras
import numpy as np
import pytest

import kzoo
from kzoo.core.storage import DamagedError
from kzoo.specs.records.pretrained_record import PretrainedRecord


@pytest.fixture(scope="module")
def adapted(folder):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    backbone = keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=2)(inputs), name="tiny")
    return kzoo.adapt(backbone, folder, schedule="linear_probe", scaling="tf")


def test_an_adapted_model_is_opened_as_one(adapted, folder, tmp_path):
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    assert isinstance(again, kzoo.Adapted)
    np.testing.assert_array_equal(again.predict(folder).outputs, adapted.predict(folder).outputs)


def test_a_pretrained_backbone_is_opened_as_one(adapted, tmp_path):
    made = kzoo.Pretrained(adapted.card, adapted.backbone, PretrainedRecord(objective="none"))
    again = kzoo.load(made.save(tmp_path / "saved"))
    assert isinstance(again, kzoo.Pretrained)
    assert again.card == made.card
    np.testing.assert_array_equal(again.backbone.get_weights()[0], made.backbone.get_weights()[0])


def test_a_path_of_either_kind_is_a_model(adapted, tmp_path):
    made = kzoo.Pretrained(adapted.card, adapted.backbone, PretrainedRecord(objective="none"))
    for number, each in enumerate((adapted, made)):
        path = each.save(tmp_path / str(number))
        assert [row[0] for row in kzoo.stages(path).rows] == ["stem"]


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no saved model"):
        kzoo.load(tmp_path / "nothing")
    with pytest.raises(DamagedError, match="not a saved kzoo model"):
        kzoo.load(tmp_path)
