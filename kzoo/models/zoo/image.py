"""kzoo's own image backbones: from (B, S, S, 3) to a feature map (B, s, s, width)."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo.core.tensors import Tensor

L = keras.layers
_LEAST = 32


def compact_cnn(
    input_shape: tuple[int | None, ...], *, widths: Sequence[int], blocks: Sequence[int], expansion: int, width: int
) -> keras.Model:
    """A small residual network for any size from 32 pixels on: plain convolutions below, inverted residuals above.

    Where maps are large and channels few, plain convolutions cost little time on a CPU (fused blocks of EfficientNetV2,
    arXiv:2104.00298); above them, inverted residuals (MobileNetV2, arXiv:1801.04381) give more for their parameters.

    Args:
        input_shape: (S, S, 3), of pixels in [-1, 1].
        widths: channels of the stem and of three stages; each halves the sides.
        blocks: of each stage.
        expansion: of inverted residuals.
        width: channels of the output.

    Raises:
        ValueError: below 32 pixels.
    """
    if any(side is not None and side < _LEAST for side in input_shape[:2]):
        raise ValueError(f"compact_cnn takes images of a size of at least {_LEAST} pixels. Got {input_shape[:2]}.")
    pictures = keras.Input(input_shape, name="picture")
    x = _convolve(pictures, widths[0], 3, strides=2, name="stem")
    for stage, (channels, count) in enumerate(zip(widths[1:], blocks, strict=True), start=1):
        for number in range(1, count + 1):
            name, strides = f"stage{stage}_block{number}", 2 if number == 1 else 1
            x = _plain(x, channels, strides, name) if stage == 1 else _inverted(x, channels, strides, expansion, name)
    return keras.Model(pictures, _convolve(x, width, 1, name="top"), name="compact_cnn")


def _convolve(x: Tensor, channels: int, size: int, *, name: str, strides: int = 1, active: bool = True) -> Tensor:
    x = L.Conv2D(channels, size, strides=strides, padding="same", use_bias=False, name=name)(x)
    return _normal(x, name, active=active)


def _normal(x: Tensor, name: str, *, active: bool = True) -> Tensor:
    x = L.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return L.ReLU(name=f"{name}_relu")(x) if active else x


def _plain(x: Tensor, channels: int, strides: int, name: str) -> Tensor:
    y = _convolve(x, channels, 3, strides=strides, name=f"{name}_first")
    y = _convolve(y, channels, 3, active=False, name=f"{name}_second")
    if strides == 1:
        y = L.Add(name=f"{name}_add")([x, y])
    return L.ReLU(name=f"{name}_relu")(y)


def _inverted(x: Tensor, channels: int, strides: int, expansion: int, name: str) -> Tensor:
    y = _convolve(x, expansion * x.shape[-1], 1, name=f"{name}_expand")
    y = L.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise")(y)
    y = _convolve(_normal(y, f"{name}_depthwise"), channels, 1, active=False, name=f"{name}_project")
    return L.Add(name=f"{name}_add")([x, y]) if strides == 1 else y
