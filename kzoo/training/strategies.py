"""Strategies of tf.distribute: where training runs."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import keras
import tensorflow as tf

NAMES = ("auto", "one", "mirrored")


def get_strategy(name: str | tf.distribute.Strategy = "auto") -> tf.distribute.Strategy:
    """A `tf.distribute.Strategy`.

    Args:
        name: ``"one"``: the default device; ``"mirrored"``: all GPUs, or all logical CPUs, of this machine;
            ``"auto"``: mirrored where there is more than one GPU; or a strategy, which is used as it is.

    Raises:
        ValueError: the name is none of these, or the strategy is one that Keras 3 does not train rightly with.
    """
    if isinstance(name, tf.distribute.Strategy):
        return _checked(name)
    if name not in NAMES:
        raise ValueError(f"strategy must be one of {', '.join(NAMES)}, or a tf.distribute.Strategy. Got {name!r}.")
    devices = tf.config.list_logical_devices("GPU")
    if name == "one" or (name == "auto" and len(devices) < 2):
        return tf.distribute.get_strategy()
    devices = devices or tf.config.list_logical_devices("CPU")
    return _mirrored(tuple(device.name for device in devices))


@functools.lru_cache(maxsize=1)
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """One strategy for all runs of a process: two would count their collective operations alike (TensorFlow 2.21)."""
    return tf.distribute.MirroredStrategy(list(devices))


def whole_batch(batch_size: int, examples: int, strategy: tf.distribute.Strategy) -> int:
    """The global batch size that leaves no replica without examples: at most `examples`, a multiple of the replicas.

    A replica with an empty batch computes nonsense on CPU (TensorFlow 2.21), so remainders are left out.

    Raises:
        ValueError: `batch_size` is not a multiple of the replicas, or there are too few examples.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(f"batch_size is global and must be a multiple of the {replicas} replicas. Got {batch_size}.")
    batch = min(batch_size, examples - examples % replicas)
    if batch < replicas:
        raise ValueError(f"{examples} training examples are too few for {replicas} replicas.")
    return batch


def refuse_unsynchronized(
    batch_norms: Sequence[keras.layers.BatchNormalization], strategy: tf.distribute.Strategy
) -> None:
    """Raises where BatchNorm would train on several replicas without sharing its statistics.

    Keras 3.15 then keeps the moving statistics of one replica, and a reloaded model differs from the live one.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    alone = [layer.name for layer in batch_norms if not getattr(layer, "synchronized", False)]
    if alone:
        raise ValueError(
            f"batch_norm=True on {strategy.num_replicas_in_sync} replicas needs BatchNormalization(synchronized=True); "
            f"{len(alone)} layers are not ({alone[0]}, ...). Keep batch_norm=False, or train on one device."
        )


def _checked(strategy: tf.distribute.Strategy) -> tf.distribute.Strategy:
    wrong = {
        "CentralStorageStrategy": "runs under Keras 3 but trains wrongly",
        "CentralStorageStrategyV1": "runs under Keras 3 but trains wrongly",
        "ParameterServerStrategy": "is refused by Keras 3's fit",
        "ParameterServerStrategyV2": "is refused by Keras 3's fit",
        "MultiWorkerMirroredStrategy": "is broken in Keras 3.15 (keras#20585)",
        "CollectiveAllReduceStrategy": "is broken in Keras 3.15 (keras#20585)",
    }
    name = type(strategy).__name__
    if name in wrong:
        raise ValueError(f"{name} {wrong[name]}: use 'mirrored' or 'one'.")
    return strategy
