"""Distillation: what a student learns follows from what its teacher says of the same versions."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

import kzoo
from kzoo.data.sources.unlabelled import read_unlabelled
from kzoo.distillation import features
from kzoo.training.callbacks import KeepBest
from kzoo.training.losses import Distillation

RNG = np.random.default_rng(0)
PHASE = kzoo.Phase("*", epochs=4, learning_rate=1e-2, batch_norm=True, batch_size=16, augmentation="light", views=2)


@pytest.fixture(scope="module")
def teacher(arrays, make_backbone):
    keras.utils.set_random_seed(0)
    task = kzoo.Classification(arrays, validation=0.2, test=0.2)
    return kzoo.adapt(make_backbone(), task, schedule=dataclasses.replace(PHASE, epochs=8))


@pytest.fixture
def student():
    return network()


def network():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(6, 3, strides=2, activation="relu")(x), name="student")


def pictures(count):
    pixels = RNG.integers(0, 100, (count, 16, 16, 3))
    pixels[np.arange(count), :, :, np.arange(count) % 3] += 120
    return pixels.astype(np.uint8)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_loss_is_hintons(temperature):
    said, found = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    targets = np.eye(3)[[0, 1, 2, 0, 1]]
    p, log_q = softmax(said / temperature, axis=1), log_softmax(found / temperature, axis=1)
    soft = temperature**2 * np.sum(p * (np.log(p) - log_q), axis=1)
    hard = -np.sum(targets * log_softmax(found, axis=1), axis=1)
    loss = Distillation("classification", temperature=temperature, alpha=0.3)
    value = loss.call(tf.constant(np.concatenate([targets, said], axis=1)), tf.constant(found))
    np.testing.assert_allclose(value, 0.7 * soft + 0.3 * hard, rtol=1e-6)


def test_the_loss_of_several_labels_is_that_of_each_by_itself():
    said, found = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    p, q = 1 / (1 + np.exp(-said / 2)), 1 / (1 + np.exp(-found / 2))
    wanted = 4 * np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)), axis=1)
    loss = Distillation("multi_label", temperature=2.0, alpha=0.0)
    value = loss.call(tf.constant(np.concatenate([np.zeros((5, 3)), said], axis=1)), tf.constant(found))
    np.testing.assert_allclose(value, wanted, rtol=1e-6)


def test_imitation_is_a_mean_square():
    said, found = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    loss = Distillation("regression", alpha=0.0)
    value = loss.call(tf.constant(np.concatenate([np.zeros((5, 3)), said], axis=1)), tf.constant(found))
    np.testing.assert_allclose(value, np.mean((said - found) ** 2, axis=1), rtol=1e-6)


@pytest.mark.slow
def test_a_student_learns_from_logits_and_is_kept_and_served(teacher, student, arrays, tmp_path):
    found = kzoo.distill(teacher, student, schedule=dataclasses.replace(PHASE, epochs=12))
    assert found.evaluate()["accuracy"] > 0.8  # of 3 classes
    assert found.record.distilled.teacher == teacher.card.name
    again = kzoo.load(found.save(tmp_path / "student"))
    np.testing.assert_array_equal(again.predict(arrays[0]).outputs, found.predict(arrays[0]).outputs)
    found.export(tmp_path / "served")


def test_the_student_hears_of_the_version_that_it_sees(teacher, student, monkeypatch):
    """The teacher's logits beside a version are those of the same crop, at the teacher's own size."""
    from kzoo.distillation import distill

    seen = {}

    def look(prepared, feed, taught, loss, **options):
        seen.update(feed=dataclasses.replace(feed, train=dataclasses.replace(feed.train, taught=taught)))
        raise InterruptedError

    monkeypatch.setattr(distill, "train_taught", look)
    with pytest.raises(InterruptedError):
        kzoo.distill(teacher, student, schedule=PHASE)
    train = seen["feed"].train
    assert train.taught["light"].shape == (len(train), 2, 3)
    own = teacher.splits().train
    from kzoo.data.modalities import MODALITIES

    reader = MODALITIES["image"].reader(own.columns["image"], teacher.preprocessor, digests=own.digests, seed=0)
    for index, number in ((0, 0), (5, 1)):
        version = reader.load(tf.constant(index, tf.int64), "light", [number])
        wanted = teacher.network(teacher.preprocessor.scale(version))[0]
        np.testing.assert_allclose(train.taught["light"][index, number], wanted, atol=1e-4)
        beside = train.beside(tf.zeros((1, 3)), tf.constant([index], tf.int64), "light", number)[0, 3:]
        np.testing.assert_allclose(beside, wanted, atol=1e-4)


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C in the second epoch of whatever is trained."""
    measure, count = KeepBest.on_epoch_end, []

    def ended(self, epoch, logs=None):
        count.append(epoch)
        if len(count) == 2:
            raise KeyboardInterrupt
        measure(self, epoch, logs)

    monkeypatch.setattr(KeepBest, "on_epoch_end", ended)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["logits", "features", "both"])
def test_ctrl_c_keeps_what_the_student_has_learned(teacher, student, interrupted, target):
    found = kzoo.distill(teacher, student, target=target, schedule=PHASE)
    assert isinstance(found, kzoo.Adapted if target == "logits" else kzoo.Pretrained)
    assert found.record.stopped.startswith("Stopped by Ctrl-C in phase 1 of 1, after 1 of ")
    assert found.record.stopped in str(found)


@pytest.mark.slow
def test_unlabelled_pictures_are_enough(teacher, student, arrays):
    more = np.concatenate([pictures(40), arrays[0]])
    found = kzoo.distill(teacher, student, more, schedule=dataclasses.replace(PHASE, epochs=12))
    assert found.evaluate()["accuracy"] > 0.8
    held = {*teacher.splits().test.digests, *teacher.splits().validation.digests}
    assert not held & set(found.splits().train.digests)
    assert found.record.distilled.alpha == 0.0
    assert any("left out" in note for note in found.record.notes)


@pytest.mark.slow
def test_nothing_that_the_teacher_was_tested_on_is_learned_from_in_either_part(teacher, student, arrays, monkeypatch):
    from kzoo.distillation import distill

    seen, plain = {}, distill.imitate_features

    def look(teacher, student, lesson, **options):
        seen.update(lesson=lesson)
        return plain(teacher, student, lesson, **{**options, "schedule": dataclasses.replace(PHASE, epochs=1)})

    monkeypatch.setattr(distill, "imitate_features", look)
    found = kzoo.distill(
        teacher,
        student,
        np.concatenate([pictures(10), arrays[0]]),
        target="both",
        schedule=dataclasses.replace(PHASE, epochs=1),
    )
    own = teacher.splits()
    assert seen["lesson"].train.digests == found.splits().train.digests
    assert not {*own.test.digests, *own.validation.digests} & {*seen["lesson"].train.digests}
    assert list(seen["lesson"].validation.digests) == list(own.validation.digests)


@pytest.mark.slow
def test_features_make_a_backbone_that_is_adapted(teacher, student, arrays, tmp_path):
    made = kzoo.distill(
        teacher, student, pictures(60), target="features", schedule=dataclasses.replace(PHASE, epochs=12)
    )
    assert made.record.unexplained_variance < 0.8  # 1 is the mean
    assert "distillation" in str(made)
    before = [weight.copy() for weight in made.backbone.get_weights()]
    adapted = kzoo.adapt(made.save(tmp_path / "made"), kzoo.Classification(arrays), schedule="linear_probe")
    for ours, theirs in zip(before, adapted.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_backbone_teaches_features_too_and_both_come_one_after_the_other(teacher, student, make_backbone):
    made = kzoo.distill(make_backbone(), student, pictures(30), target="features", schedule=PHASE)
    assert made.record.teacher == "tiny"
    both = kzoo.distill(teacher, student, target="both", schedule=PHASE)
    assert both.record.distilled.target == "both"


@pytest.mark.slow
def test_texts_are_distilled_from_one_tokenizer_to_another(text_task):
    large = dataclasses.replace(kzoo.get_card("text_cnn"), parameters=None)
    large = dataclasses.replace(large, arguments={"buckets": 1 << 15, "width": 8, "runs": 1 << 8, "run_width": 4})
    small = dataclasses.replace(kzoo.get_card("ngrams"), arguments={"buckets": 1 << 19, "width": 4}, parameters=None)
    phase = kzoo.Phase("*", epochs=6, learning_rate=1e-2, batch_size=16, batch_norm=True)
    teacher = kzoo.adapt(large, text_task, schedule=phase)
    assert kzoo.distill(teacher, small, schedule=phase).evaluate()["accuracy"] > 0.7


@pytest.mark.slow
def test_numbers_are_distilled_on_the_scale_of_the_task(student, arrays, make_backbone):
    task = kzoo.Regression((arrays[0], 100.0 + 5.0 * arrays[1]), validation=0.2, test=0.2)
    teacher = kzoo.adapt(make_backbone(), task, schedule=dataclasses.replace(PHASE, epochs=8))
    found = kzoo.distill(teacher, student, schedule=dataclasses.replace(PHASE, epochs=8))
    assert np.all(np.abs(found.predict(arrays[0]).outputs - 105) < 20)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"target": "soul"}, "target must be"),
        ({"temperature": 0.0}, "temperature must be"),
        ({"temperature": "2"}, "temperature must be a float"),
        ({"alpha": "0.1"}, "alpha must be a float"),
        ({"alpha": 2.0}, "alpha must be"),
    ],
)
def test_what_makes_no_sense_is_refused(teacher, student, arguments, error):
    with pytest.raises(ValueError, match=error):
        kzoo.distill(teacher, student, **arguments)


def test_an_argument_that_distill_does_not_have_is_named():
    with pytest.raises(TypeError, match=r"distill\(\) has no argument 'epochs'\. The arguments are: teacher, student"):
        kzoo.distill("teacher", "student", epochs="x")
    with pytest.raises(TypeError, match=r"has no argument 'temprature'\. Did you mean 'temperature'\?"):
        kzoo.distill("teacher", "student", temprature=3.0)


def test_a_teacher_of_logits_is_adapted_and_knows_the_labels(teacher, student, arrays):
    with pytest.raises(TypeError, match="target='features'"):
        kzoo.distill("mobilenet_v2_035", student, arrays[0])
    other = kzoo.Classification((arrays[0], [f"class {n}" for n in arrays[1]]))
    with pytest.raises(ValueError, match="The teacher was adapted to"):
        kzoo.distill(teacher, student, other)


@pytest.mark.slow
def test_unlabelled_data_is_read_from_whatever_holds_it(folder, tmp_path, text_task):
    found, audit = read_unlabelled(folder, "image")
    assert len(found) == 30
    assert not audit.set_aside
    with tf.io.TFRecordWriter(str(tmp_path / "some.tfrecord")) as writer:
        for path in sorted(folder.rglob("*.png"))[:4]:
            feature = {"image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[path.read_bytes()]))}
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    assert len(read_unlabelled(tmp_path, "image")[0]) == 4
    (tmp_path / "lines.txt").write_text("one\ntwo\n\none\n", encoding="utf-8")
    found, audit = read_unlabelled(tmp_path / "lines.txt", "text")
    assert list(found.columns["text"]) == ["one", "two"]
    assert len(audit.set_aside) == 1
    assert "1 duplicate is left out" in audit.notes
    (tmp_path / "table.csv").write_text("review,stars\nnice,5\nbad,1\n", encoding="utf-8")
    assert len(read_unlabelled(tmp_path / "table.csv", "text")[0]) == 2
    with pytest.raises(FileNotFoundError, match="There is no data"):
        read_unlabelled(tmp_path / "nowhere", "image")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no .*\.wav"):
        read_unlabelled(tmp_path / "empty", "audio")


@pytest.mark.slow
def test_what_the_teacher_has_seen_measures_no_student(teacher, student, arrays):
    other = kzoo.Classification(arrays, validation=0.2, test=0.2, seed=3)
    found = kzoo.distill(teacher, student, other, schedule=PHASE)
    assert not teacher.seen.sides(found.splits().test.digests).any()
    assert any("None of them is in test" in note for note in found.record.notes)


@pytest.mark.slow
def test_a_student_of_features_is_its_own_wherever_it_goes(teacher, tmp_path):
    made = kzoo.distill(teacher, "kzoo_nano_image", pictures(20), target="features", size=32, schedule=PHASE)
    assert made.card.size == 32
    card = made.register("nano_of_mine", tmp_path / "mine")
    from kzoo.setup.model_source import source_of

    built = source_of(card, weights="auto").build((32, 32, 3))
    for ours, theirs in zip(built.get_weights(), made.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_student_for_something_else_is_refused(teacher):
    with pytest.raises(ValueError, match="needs texts"):
        kzoo.distill(teacher, "ngrams", schedule=PHASE)


@pytest.mark.slow
@pytest.mark.parametrize(("target", "epoch", "left"), [("logits", 3, 2), ("features", 2, 3), ("both", 6, 3)])
def test_a_student_whose_training_was_killed_goes_on_bit_for_bit(
    teacher, killed, tmp_path, monkeypatch, target, epoch, left
):
    options = {"target": target, "schedule": PHASE, "seed": 3}
    # The first part of "both" has a schedule of its own.
    monkeypatch.setattr(features, "imitate", lambda card, **options: kzoo.Schedule((PHASE,), name="imitate"))
    whole = kzoo.distill(teacher, network(), **options)
    killed(epoch)
    with pytest.raises(RuntimeError, match="killed"):
        kzoo.distill(teacher, network(), directory=tmp_path / "run", **options)
    begun = killed(-1)
    again = kzoo.distill(teacher, network(), directory=tmp_path / "run", **options)
    networks = [each.network if isinstance(each, kzoo.Adapted) else each.backbone for each in (whole, again)]
    for one, other in zip(*(each.get_weights() for each in networks), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(begun) == left


@pytest.mark.slow
def test_a_directory_of_another_teacher_is_refused(teacher, student, arrays, make_backbone, tmp_path):
    options = {"schedule": dataclasses.replace(PHASE, epochs=1), "directory": tmp_path / "run"}
    kzoo.distill(teacher, student, **options)
    with pytest.raises(ValueError, match=r"different temperature \(2.0 there, 3.0 now\)"):
        kzoo.distill(teacher, network(), temperature=3.0, **options)
    other = dataclasses.replace(teacher, network=keras.models.clone_model(teacher.network))
    with pytest.raises(ValueError, match="different teacher's weights"):
        kzoo.distill(other, network(), **options)
