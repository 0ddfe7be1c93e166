"""`Signature`: a function of a loaded SavedModel with what it takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.serving.rest.request_error import RequestError


@dataclass(frozen=True, eq=False)
class Signature:
    """A signature.

    Args:
        inputs: specs, by name.
        call: from inputs to outputs, by name.
    """

    inputs: Mapping[str, tf.TensorSpec]
    call: Callable[..., Mapping[str, Tensor]]

    @property
    def batches(self) -> bool:
        """Whether requests can be joined along the first dimension of each input."""
        return all(spec.shape.rank and spec.shape[0] is None for spec in self.inputs.values())

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs, by name, in the order of names.

        Raises:
            RequestError: TensorFlow refuses the inputs, or fails.
        """
        tensors = {name: tf.constant(array, self.inputs[name].dtype) for name, array in inputs.items()}
        try:
            found = self.call(**tensors)
        except tf.errors.ResourceExhaustedError as error:
            raise RequestError(error.message, status=503) from error
        except (tf.errors.InvalidArgumentError, tf.errors.FailedPreconditionError, ValueError) as error:
            raise RequestError(getattr(error, "message", None) or str(error)) from error
        except tf.errors.OpError as error:
            raise RequestError(error.message, status=500) from error
        return {name: found[name].numpy() for name in sorted(found)}
