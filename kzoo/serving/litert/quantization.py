"""The content of a LiteRT file of 8 bits that answers nearly as the model does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.serving.litert.activation_ranges import narrow_ranges
from kzoo.serving.litert.exact_head import find_head, logits_of, with_exact_head, with_shift


def calibrated(converter: Any, examples: np.ndarray) -> Any:
    """A ``QuantizationDebugger`` of a converter: the one way to leave operations out (TensorFlow 2.21).

    Args:
        converter: a `tf.lite.TFLiteConverter` with ``Optimize.DEFAULT``.
        examples: preprocessed (N, ...).
    """

    def calibration() -> Iterator[list[np.ndarray]]:
        return ([each[None]] for each in examples)

    converter.representative_dataset = calibration
    return tf.lite.experimental.QuantizationDebugger(converter=converter, debug_dataset=calibration)


def in_8_bits(debugger: Any, examples: np.ndarray) -> bytes:
    """The content of a file whose weights and activations are integers of 8 bits, except for the head.

    The head is left as it is, because the weights of a probe differ by powers of ten between features. What is lost in
    the trunk does not cancel out: it moves each logit by an amount that is about the same for all examples. The bias of
    the head is changed by the mean of this, a bias correction as in arXiv:1906.04721, section 4.2, at the last layer.

    Args:
        debugger: from `calibrated`.
        examples: by which it was calibrated.
    """
    debugger.calibrated_model = narrow_ranges(debugger.calibrated_model, examples)
    head = find_head(debugger.calibrated_model)
    if head is None:
        return debugger.get_nondebug_quantized_model()
    debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=list(head.outputs))
    content = with_exact_head(debugger.get_nondebug_quantized_model(), head)
    wanted, found = (logits_of(each, head, examples) for each in (debugger.calibrated_model, content))
    return with_shift(content, head, (wanted - found).mean(axis=0))
