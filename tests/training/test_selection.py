"""Which of several states is kept: by losses that are written down here, or of models that are known."""

import numpy as np
import pytest

from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.multi_label import MULTI_LABEL
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.selection import (
    WeightsState,
    beats,
    constant_losses,
    epoch_to_keep,
    is_better,
    judge,
    phase_to_keep,
    unmeasured,
)


def known(*losses, sound=True):
    return WeightsState(np.array(losses, float), {}, sound)


def binary(size, wrong, *, loss):
    """Logits (size, 2) of a model that has `wrong` examples wrong, the first, and this mean loss on targets of 0."""
    share = len(wrong) / size
    # The one confidence m that gives the loss: (1 - s) log(1 + exp(-m)) + s log(1 + exp(m)), by bisection.
    low, high = -np.log(share / (1 - share)), 1000.0
    for _ in range(100):
        middle = (low + high) / 2
        if (1 - share) * np.logaddexp(0, -middle) + share * np.logaddexp(0, middle) < loss:
            low = middle
        else:
            high = middle
    margins = np.where(np.isin(np.arange(size), wrong), -low, low)
    return np.stack([margins / 2, -margins / 2], axis=1)


def judged(logits, targets=None, kind=CLASSIFICATION):
    targets = np.eye(logits.shape[1])[np.zeros(len(logits), int)] if targets is None else targets
    train = np.tile(np.eye(logits.shape[1]), (5, 1))
    return judge(
        kind, logits, targets, constant=constant_losses(kind, targets, train=train, weights=np.ones(len(train)))
    )


@pytest.mark.parametrize("size", [25, 50, 100])
def test_fewer_errors_at_a_lower_loss_win(size):
    """0.92 at a loss of 0.30 against 0.88 at 1.6, which was kept: as the last epoch, and as the later phase."""
    few, more = round(0.08 * size), round(0.12 * size)
    good, bad = (judged(binary(size, range(n), loss=loss)) for n, loss in ((few, 0.30), (more, 1.6)))
    assert good.scores["val_loss"] == pytest.approx(0.30, abs=1e-6)
    assert bad.scores["val_loss"] == pytest.approx(1.6, abs=1e-6)
    assert epoch_to_keep(good, bad) is good
    assert phase_to_keep([good, bad]) == 0
    assert phase_to_keep([bad, good]) == 1


@pytest.mark.parametrize("seed", range(8))
def test_on_noise_the_calm_state_is_kept(seed):
    """Three classes by lot: a loss of about 3.3 was kept over one of 1.10, for a few more that were right by luck."""
    rng = np.random.default_rng(seed)
    targets = np.eye(3)[rng.integers(0, 3, 100)]
    calm, wild = (judged(size * rng.normal(size=(100, 3)), targets) for size in (0.05, 3.3))
    assert calm.scores["val_loss"] == pytest.approx(1.10, abs=0.02)
    assert wild.scores["val_loss"] > 2
    assert epoch_to_keep(calm, wild) is calm
    assert phase_to_keep([calm, wild]) == 0


def test_one_that_is_merely_too_sure_is_no_worse():
    rng = np.random.default_rng(0)
    targets = np.eye(3)[rng.integers(0, 3, 300)]
    logits = 2 * targets + rng.normal(size=(300, 3))
    fair, sure, unsure = (judged(size * logits, targets) for size in (1, 12, 0.5))
    assert sure.scores["val_loss"] > 2 * fair.scores["val_loss"]
    assert sure.loss == pytest.approx(fair.loss, rel=1e-4)
    assert unsure.loss == pytest.approx(fair.loss, rel=1e-4)
    assert sure.scores["val_calibrated"] == sure.loss


def test_one_standard_error_of_the_paired_difference():
    """Gains of 0, 0, 0, 1 have the mean 0.25 and the standard error 0.5 / sqrt(4) = 0.25."""
    assert not is_better(np.array([1.0, 1, 1, 0]), np.ones(4))
    assert is_better(np.array([1.0, 1, 1, 0]) - 0.001, np.ones(4))
    assert not is_better(np.array([1.0, 1, 1, 0]) - 0.001, np.ones(4), errors=2)
    assert not is_better(np.array([0.0]), np.array([1.0]))


def test_the_last_epoch_is_kept_unless_an_earlier_one_is_surely_better():
    best, last = known(0.9, 1.1, 0.9, 1.0), known(1.0, 1.0, 1.1, 1.0)
    assert epoch_to_keep(best, last) is last
    surely = known(0.5, 0.6, 0.5, 0.6)
    assert epoch_to_keep(surely, last) is surely
    assert epoch_to_keep(best, known(1.0, 1.0, 1.1, 1.0, sound=False)) is best


def test_of_phases_the_one_of_the_lowest_loss_and_of_equal_ones_the_later():
    assert phase_to_keep([known(3.0, 1.0), known(1.0, 1.0), known(1.0, 1.5)]) == 1
    assert phase_to_keep([known(1.0, 1.0), known(0.5, 1.5), known(2.0, 2.0)]) == 1
    assert phase_to_keep([known(2.0, 2.0), None]) == 0
    with pytest.raises(FloatingPointError, match="Lower the learning_rate"):
        phase_to_keep([None, None])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [CLASSIFICATION, MULTI_LABEL, REGRESSION])
def test_one_output_that_is_no_number_is_enough_not_to_be_sound(kind, value):
    logits = np.zeros((10, 2), np.float32)
    logits[3, 1] = value
    state = judged(logits, kind=kind)
    assert not state.sound
    assert np.isnan(state.scores["val_loss"])


@pytest.mark.parametrize(("size", "sound"), [(1.0, True), (80.0, True), (1e4, False), (1e20, False)])
def test_far_worse_than_a_guess_is_not_sound_and_sure_of_what_is_wrong_is(size, sound):
    """Logits of +-40, half of them wrong, are 40 nats where a guess has 0.69."""
    logits = size / 2 * np.stack([np.tile([1.0, -1], 50), np.tile([-1.0, 1], 50)], axis=1)
    assert judged(logits).sound == sound


def test_a_constant_prediction():
    train = np.eye(2)[[0] * 90 + [1] * 10]
    losses = constant_losses(CLASSIFICATION, np.eye(2), train=train, weights=np.ones(100))
    np.testing.assert_allclose(losses, [-np.log(0.9), -np.log(0.1)], atol=0.1)
    balanced = np.repeat([1 / 9, 1.0], [90, 10])
    losses = constant_losses(CLASSIFICATION, np.eye(2), train=train, weights=balanced)
    np.testing.assert_allclose(losses, np.log(2), atol=0.02)
    values = constant_losses(REGRESSION, np.array([[3.0]]), train=np.array([[0.0], [2.0]]), weights=np.ones(2))
    np.testing.assert_allclose(values, 4.0)
    labels = constant_losses(MULTI_LABEL, np.eye(2), train=train, weights=np.ones(100))
    np.testing.assert_allclose(labels, [-np.log(0.9), -np.log(0.1)], atol=1e-6)


def test_a_guess():
    assert CLASSIFICATION.guess_loss(10) == pytest.approx(np.log(10))
    assert (MULTI_LABEL.guess_loss(10), REGRESSION.guess_loss(3)) == (pytest.approx(np.log(2)), 1.0)


def answered(*wrong, loss, size=100):
    """A state with these answers wrong, and the same loss for each example."""
    hits = np.ones(size)
    hits[list(wrong)] = 0
    return WeightsState(np.full(size, loss), {}, True, hits)


def test_clearly_more_right_answers_win_at_whatever_loss():
    """10 answers of 100 that only one state has right are 3.3 standard errors; 4 are exactly 2.03, 3 are 1.75."""
    good, bad = answered(loss=0.7), answered(*range(10), loss=0.5)
    assert beats(good, bad)
    assert not beats(bad, good)
    assert epoch_to_keep(good, bad) is good
    assert epoch_to_keep(bad, good) is good
    assert phase_to_keep([good, bad]) == 0
    assert phase_to_keep([bad, good]) == 1
    assert beats(answered(loss=0.7), answered(*range(4), loss=0.5))


def test_where_answers_do_not_clearly_differ_the_loss_decides():
    close, calm = answered(loss=0.7), answered(*range(3), loss=0.5)
    assert beats(calm, close)
    assert epoch_to_keep(calm, close) is calm
    assert phase_to_keep([calm, close]) == 0


def test_where_nothing_was_learned_right_answers_are_luck():
    rng = np.random.default_rng(0)
    targets = np.eye(3)[rng.integers(0, 3, 100)]
    assert judged(rng.normal(size=(100, 3)), targets).hits is None
    learned = judged(2 * targets + rng.normal(size=(100, 3)), targets)
    assert learned.hits.mean() == learned.scores["val_accuracy"]


def test_without_validation_the_last_sound_state_is_kept():
    first, last = unmeasured([np.ones(3)]), unmeasured([np.zeros(3)])
    assert epoch_to_keep(first, last) is last
    assert not beats(first, last)
    assert phase_to_keep([first, last]) == 1
    assert phase_to_keep([first, None]) == 0
    assert unmeasured([np.ones(3), np.array([np.nan])]).sound is False
    assert first.scores == {}


def monitored(value, *losses, sound=True):
    return WeightsState(np.array(losses, float), {}, sound, monitored=value)


def test_what_is_monitored_selects_whatever_the_losses_say():
    low, high, equal = monitored(0.5, 0.1, 0.1), monitored(0.6, 9.0, 9.0), monitored(0.6, 5.0, 5.0)
    assert beats(high, low)
    assert not beats(equal, high)
    assert epoch_to_keep(high, low) is high
    assert epoch_to_keep(high, equal) is equal
    assert epoch_to_keep(low, monitored(0.9, 1.0, 1.0, sound=False)) is low
    assert phase_to_keep([high, low]) == 0
    assert phase_to_keep([low, high, equal]) == 2


def test_the_value_that_is_monitored_is_among_the_scores():
    logits, targets = np.array([[2.0, 0.0], [0.0, 1.0]]), np.eye(2)
    constant = np.full(2, 0.7)
    found = judge(CLASSIFICATION, logits, targets, constant=constant, monitor=lambda truth, found: found[0, 0])
    assert (found.monitored, found.scores["val_monitor"]) == (2.0, 2.0)
    assert judge(CLASSIFICATION, logits, targets, constant=constant).monitored is None
    with pytest.raises(ValueError, match=r"monitor gave nan on validation. It must be a finite number"):
        judge(CLASSIFICATION, logits, targets, constant=constant, monitor=lambda truth, found: np.nan)
    lost = judge(CLASSIFICATION, np.full((2, 2), np.inf), targets, constant=constant, monitor=lambda truth, found: 1.0)
    assert not lost.sound
