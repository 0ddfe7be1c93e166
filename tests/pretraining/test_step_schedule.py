"""What a step of pretraining gets follows from its number."""

import numpy as np
import tensorflow as tf

from kzoo.pretraining.step_schedule import StepSchedule, questions
from kzoo.training.feed import Split


def asked(start, count):
    """Examples, version, target and seed of each of some steps: of ten examples, three at a time."""
    split = Split(
        load=lambda index, augmentation, numbers: (
            tf.stack([tf.fill((len(numbers),), tf.cast(index, tf.int32)), tf.cast(numbers, tf.int32)], axis=1)
            if isinstance(numbers, list)
            else tf.stack([tf.fill(tf.shape(numbers), tf.cast(index, tf.int32)), numbers], axis=1)
        ),
        finish=lambda *arguments, **options: arguments[:2],
        digests=[str(number) for number in range(10)],
        targets=np.arange(10, dtype=np.float32)[:, None],
    )
    course = StepSchedule(steps=9, every=9, batch_size=3, learning_rate=1e-3, ema=0.0, seed=5)
    made = questions(
        split,
        lambda examples, targets, seed: (tf.ensure_shape(examples, (None, 2)), targets, seed),
        course=course,
        views=2,
        augmentation="none",
        start=start,
    )
    return [tuple(part.numpy().tolist() for part in each) for each in made.take(count)]


def test_a_run_that_is_taken_up_again_gets_what_it_would_have_got():
    whole = asked(0, 9)
    for start in (1, 3, 5, 8):
        assert asked(start, 9 - start) == whole[start:]


def test_an_epoch_has_each_example_at_most_once_and_versions_of_its_own():
    whole = asked(0, 9)
    for epoch in range(3):
        steps = whole[3 * epoch : 3 * epoch + 3]
        examples = [row for found, _, _ in steps for row in found]
        assert len({index for index, _ in examples}) == 9
        assert {version for _, version in examples} == {2 * epoch, 2 * epoch + 1}
        assert [[index for index, _ in found[::2]] for found, _, _ in steps] == [
            [int(target) for (target,) in targets] for _, targets, _ in steps
        ]
    assert len({tuple(seed) for _, _, seed in whole}) == 9
    assert whole[0][0][::2] != whole[3][0][::2]
