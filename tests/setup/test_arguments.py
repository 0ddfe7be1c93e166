"""What is asked for and cannot be done is refused; what is changed is said."""

import inspect
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.modalities import MODALITIES
from kzoo.models.assembly import assemble
from kzoo.setup.arguments import as_size, check_callbacks, check_head, check_resize, notes_on_batches, notes_on_mixing
from kzoo.specs.head import Head
from kzoo.specs.recipes import lp_ft
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.regression import REGRESSION


@pytest.mark.parametrize("size", [(224, 192), (224, 224, 3), "224", 224.0, True])
def test_size_is_an_int(size):
    with pytest.raises(ValueError, match=r"size must be an int, or None\. Got "):
        as_size(size)


def test_a_pair_of_sizes_is_told_what_to_pass():
    with pytest.raises(ValueError, match=r"Inputs are square: pass size=224\."):
        as_size((224, 192))


def test_a_square_is_a_size(backbone, arrays):
    assert as_size((224, 224)) == as_size([224, 224]) == 224
    assert as_size(None) is None
    assert "16" in kzoo.plan(backbone, kzoo.Classification(arrays), size=(16, 16)).title


def test_layers_are_no_head(backbone, arrays):
    with pytest.raises(TypeError, match=r"head must be a kzoo\.Head, .*Got Dense.*kzoo\.register_head"):
        kzoo.plan(backbone, kzoo.Classification(arrays), head=keras.layers.Dense(3))


def test_early_stopping_on_val_monitor_needs_a_monitor():
    stop = keras.callbacks.EarlyStopping(monitor="val_monitor")
    assert check_callbacks(stop, lp_ft(), kind=CLASSIFICATION, monitored=True) == [stop]
    with pytest.raises(ValueError, match=r"Give adapt\(monitor="):
        check_callbacks(stop, lp_ft(), kind=CLASSIFICATION)


@pytest.mark.parametrize(("modality", "noun"), [("text", "texts"), ("audio", "recordings")])
def test_only_images_are_resized(modality, noun):
    assert as_size(np.int64(8)) == 8
    with pytest.raises(ValueError, match=rf"resize is for images; the data are {noun}\. Got 'pad'"):
        check_resize(MODALITIES[modality], "pad")


def test_an_unknown_way_to_resize_is_named():
    with pytest.raises(ValueError, match=r"resize must be one of crop, pad, squash\. Got 'fit'"):
        check_resize(MODALITIES["image"], "fit")


def test_texts_of_a_task_are_not_resized(text_task):
    with pytest.raises(ValueError, match=r"resize is for images; the data are texts"):
        kzoo.plan("kzoo_nano_text", text_task, resize="crop")


@pytest.mark.parametrize(
    ("head", "shape", "message"),
    [
        (Head(kind="own", pooling="max", hidden=3), (4, 4, 2), r"Head\(kind='own'\) takes no pooling, hidden"),
        (Head(pooling="max"), (2,), r"pools over space or time; .* is pooled already"),
        (Head(levels="all"), (2,), r"levels='all'\) needs a backbone with feature maps"),
    ],
)
def test_options_of_a_head_that_would_do_nothing_are_refused(head, shape, message):
    inputs = keras.Input(shape)
    backbone = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    assembled = assemble(backbone, head=Head(), outputs=2)
    check_head(Head(), backbone, assembled)
    with pytest.raises(ValueError, match=message):
        check_head(head, backbone, assembled)


def test_batches_that_differ_from_what_was_asked_are_said():
    class Two:
        num_replicas_in_sync = 2

    wanted = kzoo.Schedule((*lp_ft().phases, kzoo.Phase("*", batch_size=21)))
    plain = tf.distribute.get_strategy()
    assert notes_on_batches(wanted, wanted, examples=100, strategy=plain) == []
    assert notes_on_batches(wanted, wanted, examples=30, strategy=plain) == [
        "Phase 2 takes batches of 30, not 32; there are 30 training examples"
    ]
    assert notes_on_batches(wanted, wanted.with_batches_of(2), examples=25, strategy=Two()) == [
        "Phase 2 takes batches of 24, a multiple of the 2 replicas, not 32; there are 25 training examples",
        "Phase 3 takes batches of 20, a multiple of the 2 replicas, not 21",
    ]


def test_it_is_said_where_examples_are_not_mixed():
    strong, light = (kzoo.Schedule(kzoo.Phase("*", augmentation=name)) for name in ("strong", "light"))
    image, text = MODALITIES["image"], MODALITIES["text"]
    said = ["Augmentation 'strong' mixes no examples here: targets are numbers"]
    assert notes_on_mixing(strong, image, kind=REGRESSION) == said
    others = [(light, image, REGRESSION), (strong, image, CLASSIFICATION), (strong, text, REGRESSION)]
    assert [notes_on_mixing(one, two, kind=kind) for one, two, kind in others] == [[], [], []]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augmentation": "heavy"}, r"augmentation must be one of none, light, medium, strong\. Got 'heavy'"),
        ({"augmentation": "light"}, r"augmentation='light' would have no effect"),
        ({"schedule": ["lp_ft"]}, r"schedule must be 'auto', .* or a kzoo.Schedule"),
        ({"schedule": kzoo.Phase("last:9")}, r"needs 9 stages. There are 3. The groups are: "),
        ({"class_weight": {"purple": 2.0}}, r"class_weight must be "),
    ],
)
def test_a_plan_refuses_what_an_adaptation_would(backbone, arrays, options, message):
    with pytest.raises(ValueError, match=message):
        kzoo.plan(backbone, kzoo.Classification(arrays), **({"schedule": "linear_probe"} | options))


def test_numbers_have_no_label_smoothing(backbone, arrays):
    task = kzoo.Regression((arrays[0], arrays[1].astype(float)))
    with pytest.raises(ValueError, match=r"label_smoothing is for classes"):
        kzoo.plan(backbone, task, schedule=kzoo.Phase("head", label_smoothing=0.1))
    assert kzoo.plan(backbone, task, schedule="lp_ft")


def test_callbacks_that_would_never_run_are_refused(backbone, arrays):
    with pytest.raises(ValueError, match=r"callbacks would never run: schedule 'linear_probe' is a probe alone"):
        kzoo.adapt(
            backbone, kzoo.Classification(arrays), schedule="linear_probe", callbacks=[keras.callbacks.CSVLogger("x")]
        )


def test_a_plan_takes_the_arguments_of_an_adaptation():
    adapt, plan = (inspect.signature(each).parameters for each in (kzoo.adapt, kzoo.plan))
    assert dict(plan) == dict(adapt)


def test_a_plan_shows_class_weights_and_what_happens_to_views_and_batches(backbone, arrays):
    phase = kzoo.Phase("last:1", epochs=3, batch_size=100, augmentation="light", views=2)
    plan = kzoo.plan(backbone, kzoo.Classification(arrays), schedule=phase, class_weight={"1": 2.5})
    assert "Class weights: 0 1, 1 2.5, 2 1." in plan.notes
    assert "Phase 1 repeats 2 views of each example over 3 epochs." in plan.notes
    assert "Phase 1 takes batches of 48, not 100; there are 48 training examples" in plan.as_dict()["notes"]
    assert plan.phases.rows[0][3:5] == (3, 48)


def draws():
    """Of Python, NumPy, TensorFlow and Keras, each from its global state."""
    return (random.random(), np.random.rand(), float(tf.random.uniform(())), float(keras.random.uniform(())))


def test_a_plan_leaves_the_random_state_of_the_process_alone(backbone, arrays):
    def run(between):
        keras.utils.set_random_seed(7)
        first = draws()
        between()
        return first, draws()

    plain = run(lambda: None)
    planned = run(lambda: kzoo.plan(backbone, kzoo.Classification(arrays), schedule="lp_ft", seed=3))
    assert plain == planned
    assert plain[0] != plain[1]
