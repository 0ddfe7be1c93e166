"""Outputs that a probe leaves as they are, while it solves those beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from kzoo.training.probes.linear_probe import ProbeSolution


def hide_targets(targets: np.ndarray, count: int) -> np.ndarray:
    """Targets (N, outputs) in which those of the first outputs are missing, so that nothing is solved for them."""
    if not count:
        return targets
    found = np.array(targets)
    found[:, :count] = np.nan
    return found


def with_kept_outputs(solution: ProbeSolution, layers: Sequence[keras.layers.Layer], count: int) -> ProbeSolution:
    """A solution with the first outputs as the layers have them.

    Args:
        solution: of all outputs.
        layers: of a linear head, the one that standardises and the dense one.
        count: outputs to keep.
    """
    if not count:
        return solution
    mean, deviation = layers[0].get_weights()
    kernel, bias = (each[..., :count] for each in layers[1].get_weights())
    # The same function of features that are standardised otherwise.
    kept = kernel * (solution.deviation / deviation)[:, None]
    shifted = bias + ((solution.mean - mean) / deviation) @ kernel
    return replace(
        solution,
        kernel=np.concatenate([kept, solution.kernel[:, count:]], axis=1),
        bias=np.concatenate([shifted, solution.bias[count:]]),
    )
