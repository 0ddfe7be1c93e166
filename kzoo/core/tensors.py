"""Names for what Keras and TensorFlow pass on without a type: tensors, shapes, configurations, logs."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

Tensor: TypeAlias = Any
"""A tensor of TensorFlow's, or a symbolic one of Keras's; its shape and dtype stand in the docstring.

TensorFlow 2.21 ships no types for its operations and Keras 3.15 none for its own, so nothing narrower can be checked.
"""

Shape: TypeAlias = tuple[int | None, ...]
"""The shape of one tensor, as Keras gives it to `build` and `compute_output_shape`; None is an unknown size."""

Config: TypeAlias = dict[str, Any]
"""A configuration, as `get_config` returns and `from_config` takes it: a value of any type for each argument."""

Logs: TypeAlias = Mapping[str, float]
"""Losses and metrics by name, as Keras gives them to a callback."""

Batch: TypeAlias = np.ndarray | Sequence[str] | Sequence[bytes]
"""Inputs of a model or of a signature: numbers (B, ...), paths or texts, encoded files."""
