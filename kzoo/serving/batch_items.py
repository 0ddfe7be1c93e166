"""Items of a served batch, read one by one, so that a bad one does not stop the others."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from kzoo.core.tensors import Tensor

AT_ONCE = 4
"""Items of a batch that are decoded at the same time; each may need as much memory as the limits allow."""

DAMAGED = "damaged"
"""The reason for an item that cannot be decoded."""

Read = Callable[[Tensor], tuple[Tensor, Tensor]]


def read_items(strings: Tensor, *, read: Read, spec: tf.TensorSpec) -> tuple[Tensor, Tensor]:
    """The results of `read` for the good items of a batch, and the reason against each other item.

    Args:
        strings: encoded items, string (B,).
        read: from one item (scalar string) to its features and an empty string, or the reason why it is bad; or it
            raises.
        spec: of the features.

    Returns:
        Features of the good items, in their order; and for each item an empty string, or a reason, string (B,).
    """
    count = tf.size(strings)

    def one(place: Tensor, encoded: Tensor) -> Tensor:
        features, reason = read(encoded)
        return place, tf.ensure_shape(tf.cast(features, spec.dtype), spec.shape), reason

    # One bad item is added, because a dataset without elements gives no batch.
    dataset = tf.data.Dataset.from_tensor_slices((tf.range(count + 1), tf.concat([strings, [""]], axis=0)))
    dataset = dataset.map(one, num_parallel_calls=AT_ONCE, deterministic=True).ignore_errors()
    options = tf.data.Options()
    # Autotuning starts a thread, and the end of each iteration waits for it (TensorFlow 2.21).
    options.autotune.enabled = False
    dataset = dataset.batch(tf.cast(count, tf.int64) + 1).with_options(options)
    places, features, reasons = dataset.get_single_element()
    errors = tf.tensor_scatter_nd_update(tf.fill([count + 1], DAMAGED), places[:, None], reasons)[:count]
    good = tf.where(reasons == "")[:, 0]
    features = tf.cond(tf.size(good) == count, lambda: features[:-1], lambda: tf.gather(features, good))
    return tf.ensure_shape(features, (None, *spec.shape)), errors


def reader(read: Read, spec: tf.TensorSpec) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """`read_items` as one function that all signatures call. It is traced, saved and loaded once."""
    strings = tf.TensorSpec((None,), tf.string)
    function = tf.function(
        lambda items: read_items(items, read=read, spec=spec), input_signature=[strings], autograph=False
    )
    return function.get_concrete_function()


def spread(outputs: Tensor, errors: Tensor) -> Tensor:
    """Outputs of the good items, float (M, K), as those of all, float (B, K): NaN where an item is bad.

    Args:
        outputs: of the good items, in their order.
        errors: of all items, string (B,), empty for the good ones.
    """
    shape = tf.stack([tf.size(errors), tf.shape(outputs)[1]])

    def with_gaps() -> Tensor:
        empty = tf.fill(shape, tf.constant(float("nan"), outputs.dtype))
        return tf.tensor_scatter_nd_update(empty, tf.where(errors == ""), outputs)

    return tf.cond(tf.shape(outputs)[0] == tf.size(errors), lambda: outputs, with_gaps)
