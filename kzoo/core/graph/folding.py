"""BatchNorm folding: BatchNorm with moving statistics becomes part of the convolution before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np

from kzoo.core.tensors import Shape, Tensor

INLINE_BYTES = 512 << 20
"""Most bytes of folded kernels that become constants of a graph, whose file cannot exceed 2 GB (Protocol Buffers)."""


def fold(model: keras.Model, *, live: bool = False) -> keras.Model:
    """The same function as `model`, to about 1e-5 relative, with fewer operations.

    With scale ``s = gamma / sqrt(variance + epsilon)``, a BatchNorm after a convolution without activation is the
    convolution with kernel ``s * kernel`` and bias ``beta + s * (bias - mean)`` (arXiv:1712.05877, section 3.2). It is
    folded only where the convolution has no other consumer and computes in float32.

    Args:
        model: functional; its layers and their weights are shared, not copied, and its graph is left alone.
        live: False: kernels are folded once, now, and become constants. True: they are folded in each call from the
            current weights, so the result can be trained and follows every change of weights.

    Returns:
        A model of the same inputs, outputs and trainable variables; `model` itself where there is nothing to fold.
    """
    pairs = _pairs(model, trained=live)
    if not pairs:
        return model
    inline = sum(4 * int(np.prod(convolution.kernel.shape)) for convolution, _ in pairs.values()) <= INLINE_BYTES
    norms = {id(norm) for _, norm in pairs.values()}

    def replace(layer: keras.Operation) -> keras.Operation:
        if id(layer) in pairs:
            return FoldedBatchNorm(*pairs[id(layer)], live=live or not inline)
        return PassThrough(None if id(layer) in norms else layer) if isinstance(layer, keras.Layer) else layer

    return keras.models.clone_model(model, clone_function=replace)


class FoldedBatchNorm(keras.Layer):
    """A convolution, or a dense layer, and the BatchNorm after it, in one operation.

    Args:
        convolution: the layer.
        norm: the BatchNormalization.
        live: True: the kernel is folded in each call. False: it is folded once, now, and neither layer is kept.
    """

    def __init__(self, convolution: keras.Layer, norm: keras.layers.BatchNormalization, *, live: bool) -> None:
        super().__init__(name=convolution.name)
        self.convolution, self.norm = (convolution, norm) if live else (None, None)
        self.folded = None if live else tuple(np.array(value) for value in folded(convolution, norm))
        self.apply = _application(convolution)
        # A function, not the layer: Keras would track it, and a SavedModel would hold its weights as well.
        self.shape_of = lambda shape: convolution.compute_output_shape(shape)

    def call(self, inputs: Tensor) -> Tensor:
        """The output of the two layers, one after the other."""
        kernel, shift = folded(self.convolution, self.norm) if self.folded is None else self.folded
        outputs = self.apply(inputs, keras.ops.convert_to_tensor(kernel))
        return keras.ops.add(outputs, keras.ops.convert_to_tensor(shift))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the convolution."""
        return self.shape_of(input_shape)


def folded(convolution: keras.Layer, norm: keras.layers.BatchNormalization) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a convolution with the BatchNorm after it."""
    ops, kernel = keras.ops, convolution.kernel
    scale = 1.0 / ops.sqrt(norm.moving_variance + norm.epsilon)
    if norm.scale:
        scale = scale * norm.gamma
    shift = -norm.moving_mean * scale
    if norm.center:
        shift = shift + norm.beta
    if convolution.use_bias:
        shift = shift + convolution.bias * scale
    # A depthwise kernel is (h, w, channels, multiplier); its outputs run over the multiplier fastest.
    shape = kernel.shape[-2:] if isinstance(convolution, keras.layers.DepthwiseConv2D) else kernel.shape[-1:]
    return kernel * ops.reshape(scale, shape), shift


def _application(layer: keras.Layer) -> Callable[[Tensor, Tensor], Tensor]:
    """The operation of a layer as a function of its inputs and a kernel, without a reference to the layer."""
    if isinstance(layer, keras.layers.Dense):
        return keras.ops.matmul
    convolve = keras.ops.depthwise_conv if isinstance(layer, keras.layers.DepthwiseConv2D) else keras.ops.conv
    options = {"strides": tuple(layer.strides), "padding": layer.padding, "dilation_rate": layer.dilation_rate}
    return lambda inputs, kernel: convolve(inputs, kernel, data_format="channels_last", **options)


class PassThrough(keras.Layer):
    """Calls a layer unchanged, without a node of its own in this graph; without a layer, returns its input."""

    def __init__(self, layer: keras.Layer | None) -> None:
        super().__init__(**({} if layer is None else {"name": layer.name, "dtype": layer.dtype_policy}))
        self.layer = layer

    def call(self, *inputs: Tensor, **arguments: object) -> Tensor:
        """The output of the layer; the input where there is no layer."""
        if self.layer is None:
            return inputs[0]
        return self.layer(*inputs, **arguments)

    def compute_output_spec(self, *inputs: Tensor, **arguments: object) -> Tensor:
        """The output spec of the layer. Keras would infer sparse tensors for some outputs (3.15, in MobileNetV3)."""
        if self.layer is None:
            return keras.KerasTensor(inputs[0].shape, dtype=inputs[0].dtype)
        return self.layer.compute_output_spec(*inputs, **arguments)


def _pairs(model: keras.Model, *, trained: bool) -> Mapping[int, tuple[keras.Layer, keras.layers.BatchNormalization]]:
    """Convolution and BatchNorm of each pair that can be folded, by identity of the convolution.

    Where the model trains, a BatchNorm that is not frozen uses the statistics of the batch and is not folded.
    """
    config = model.get_config()
    calls: dict[str, list[list[str]]] = {}
    for layer in config.get("layers", ()):
        # The inputs of each call of the layer in this model. A layer's own attributes describe its first call only.
        calls[layer["config"].get("name")] = [sorted(set(_sources(call))) for call in layer.get("inbound_nodes", ())]
    users = Counter(source for each in calls.values() for call in each for source in call)
    users.update(_sources({"keras_history": config.get("output_layers", ())}))
    layers = {operation.name: operation for operation in model.operations}
    pairs = {}
    for name, each in calls.items():
        norm = layers.get(name)
        if len(each) != 1 or len(each[0]) != 1 or (trained and getattr(norm, "trainable", True)):
            continue
        convolution = layers.get(each[0][0])
        if users[each[0][0]] == 1 and len(calls[each[0][0]]) == 1 and _is_foldable(convolution) and _is_norm(norm):
            pairs[id(convolution)] = (convolution, norm)
    return pairs


def _sources(value: object) -> Iterator[str]:
    """Names of the layers whose outputs a part of a model's configuration refers to."""
    if isinstance(value, dict):
        if "keras_history" in value:
            yield from _names(value["keras_history"])
        else:
            for each in value.values():
                yield from _sources(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _sources(each)


def _names(history: object) -> Iterator[str]:
    """The names in ``[name, node, tensor]``, or in a nest of such."""
    if isinstance(history, dict):
        history = list(history.values())
    if isinstance(history, list | tuple):
        if len(history) == 3 and isinstance(history[0], str):
            yield history[0]
        else:
            for each in history:
                yield from _names(each)


def _is_foldable(operation: keras.Operation) -> bool:
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    return (
        type(operation) in kinds
        and operation.activation is keras.activations.linear
        and operation.compute_dtype == "float32"
        and not getattr(operation, "lora_enabled", False)
        and getattr(operation, "quantization_mode", None) is None
        and getattr(operation, "data_format", "channels_last") == "channels_last"
    )


def _is_norm(norm: keras.Operation) -> bool:
    return (
        type(norm) is keras.layers.BatchNormalization
        and norm.compute_dtype == "float32"
        and norm.axis in (-1, len(norm.input.shape) - 1)
    )
