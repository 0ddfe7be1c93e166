"""Whether a model answers better by the mean over several views of each image: test-time augmentation."""

from __future__ import annotations

import keras
import numpy as np

from kzoo.data.file_changes import reading
from kzoo.data.seams import Preprocessor, views_of, with_tta
from kzoo.results.inference import Inference
from kzoo.setup.prepare import Prepared
from kzoo.training.feed import Feed
from kzoo.training.phase import constant_of
from kzoo.training.selection import WeightsState, has_clearly_more_hits, is_better, judge

LEAST = 20
"""Validation examples from which they can say whether several views are better."""


def choose_views(
    model: keras.Model, prepared: Prepared, feed: Feed, *, one: WeightsState | None
) -> tuple[WeightsState | None, str]:
    """What validation says of several views, and a note, where they are better; `one` and "" where one view is enough.

    It is enough where inputs have no views, or few examples are in that split.

    Several views are taken if they give clearly more right answers, or a loss that is lower by more than one standard
    error of the paired difference; where the user says what to monitor, if its value is higher as well.

    Args:
        model: from scaled images to logits, with the weights that were kept, not refitted on validation.
        prepared: the data and the preprocessor.
        feed: targets of validation, and what selects.
        one: what validation says of these weights with one view.
    """
    if not hasattr(prepared.preprocessor, "tta") or len(feed.validation) < LEAST or one is None:
        return one, ""
    reads = with_tta(prepared.preprocessor)
    several, count = _state(model, reads, prepared, feed), views_of(reads)
    better = has_clearly_more_hits(several, one) or is_better(several.losses, one.losses)
    if one.monitored is not None and several.monitored is not None:
        better = better and several.monitored > one.monitored
    if not better:
        return one, ""
    return several, (
        f"Answers are means over {count} views of each image (test-time augmentation): loss on validation "
        f"{one.loss:.3f} with one view, {several.loss:.3f} with {count}. predict(tta=False) takes one view, at "
        f"1/{count} of the cost"
    )


def _state(model: keras.Model, preprocessor: Preprocessor, prepared: Prepared, feed: Feed) -> WeightsState:
    examples = prepared.splits.validation
    inference = Inference(model, model, lambda logits: logits, preprocessor)
    with reading(examples):
        logits = inference.outputs(examples.columns[preprocessor.modality])
    return judge(
        feed.kind, np.asarray(logits), feed.validation.targets, constant=constant_of(feed), monitor=feed.monitor
    )
