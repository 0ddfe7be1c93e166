"""A name for tensors, which neither Keras nor TensorFlow types."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""A tensor of TensorFlow's, or a symbolic one of Keras's; its shape and dtype stand in the docstring.

TensorFlow 2.21 ships no types for its operations and Keras 3.15 none for its own, so nothing narrower can be checked.
"""
