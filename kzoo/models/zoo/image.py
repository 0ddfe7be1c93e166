"""kzoo's own image backbones: images (B, S, S, 3) in, a feature map (B, s, s, width) out."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo.core.tensors import Tensor

L = keras.layers
_LEAST = 32


def compact_cnn(
    input_shape: tuple[int | None, ...], *, widths: Sequence[int], blocks: Sequence[int], expansion: int, width: int
) -> keras.Model:
    """A small residual network for images of at least 32 pixels.

    Early stages use plain convolutions, which are fast on a CPU while maps are large and channels few (as the fused
    blocks of EfficientNetV2, arXiv:2104.00298). Later stages use inverted residuals (MobileNetV2, arXiv:1801.04381),
    which need fewer parameters.

    Args:
        input_shape: (S, S, 3). Pixels are in [-1, 1].
        widths: channels of the stem and of the three stages; each halves height and width.
        blocks: number of blocks of each stage.
        expansion: expansion factor of the inverted residuals.
        width: output channels.

    Raises:
        ValueError: the size is below 32 pixels.
    """
    if any(side is not None and side < _LEAST for side in input_shape[:2]):
        raise ValueError(f"compact_cnn needs images of at least {_LEAST} x {_LEAST} pixels. Got {input_shape[:2]}.")
    images = keras.Input(input_shape, name="picture")
    x = _convolve(images, widths[0], 3, strides=2, name="stem")
    for stage, (channels, count) in enumerate(zip(widths[1:], blocks, strict=True), start=1):
        for number in range(1, count + 1):
            name, strides = f"stage{stage}_block{number}", 2 if number == 1 else 1
            x = _plain(x, channels, strides, name) if stage == 1 else _inverted(x, channels, strides, expansion, name)
    return keras.Model(images, _convolve(x, width, 1, name="top"), name="compact_cnn")


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
