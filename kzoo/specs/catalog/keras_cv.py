"""The cards of keras-cv's image backbones: `CV_CATALOG`.

keras-cv's presets ask the network for their configuration even for random weights, so the configurations are spelt out
here: they are those of the presets of keras-cv 0.9.0. All scale their pixels themselves (``include_rescaling=True``),
and none has a file of weights that Keras could fetch.

ViTDet is left out: its position tables make the number of parameters depend on the input size.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kzoo.core.tensors import Config
from kzoo.specs.card import Arguments, BackboneSpec


def _keras_cv(
    name: str, constructor: str, *, paper: str, min_size: int = 1, multiple: int = 1, **arguments: Any
) -> BackboneSpec:
    """The card that a family has in common; braces in `name` await the key of a row."""
    return BackboneSpec(
        name="cv_" + name,
        constructor="keras_cv.models." + constructor,
        arguments={"include_rescaling": True, **arguments},
        min_size=min_size,
        multiple=multiple,
        scaling="none",
        paper=paper,
        source="keras_cv",
    )


def _family(common: BackboneSpec, *rows: tuple[str, int, int, int, Arguments]) -> list[BackboneSpec]:
    """Cards of a family; a row is (key, size, parameters, width, arguments of its own)."""
    return [
        replace(
            common,
            name=common.name.format(key),
            # keras-cv writes its arguments into the saved configuration, where its own presets have lists.
            arguments={k: list(v) if isinstance(v, tuple) else v for k, v in {**common.arguments, **arguments}.items()},
            size=size,
            parameters=parameters,
            width=width,
        )
        for key, size, parameters, width, arguments in rows
    ]


_RESNET: Config = {"stackwise_filters": (64, 128, 256, 512), "stackwise_strides": (1, 2, 2, 2)}
_EFFICIENTNET: Config = {
    "stackwise_kernel_sizes": (3, 3, 5, 3, 5, 5, 3),
    "stackwise_num_repeats": (1, 2, 2, 3, 3, 4, 1),
    "stackwise_input_filters": (32, 16, 24, 40, 80, 112, 192),
    "stackwise_output_filters": (16, 24, 40, 80, 112, 192, 320),
    "stackwise_expansion_ratios": (1, 6, 6, 6, 6, 6, 6),
    "stackwise_strides": (1, 2, 2, 2, 1, 2, 1),
}
_EFFICIENTNET_V2_SIX: Config = {
    "stackwise_kernel_sizes": (3, 3, 3, 3, 3, 3),
    "stackwise_expansion_ratios": (1, 4, 4, 4, 6, 6),
    "stackwise_squeeze_and_excite_ratios": (0, 0, 0, 0.25, 0.25, 0.25),
    "stackwise_strides": (1, 2, 2, 2, 1, 2),
    "stackwise_conv_types": ("fused",) * 3 + ("unfused",) * 3,
}
_EFFICIENTNET_V2_SEVEN: Config = {
    "stackwise_kernel_sizes": (3, 3, 3, 3, 3, 3, 3),
    "stackwise_expansion_ratios": (1, 4, 4, 4, 6, 6, 6),
    "stackwise_squeeze_and_excite_ratios": (0, 0, 0, 0.25, 0.25, 0.25, 0.25),
    "stackwise_strides": (1, 2, 2, 2, 1, 2, 1),
    "stackwise_conv_types": ("fused",) * 3 + ("unfused",) * 4,
}
_EFFICIENTNET_V2_B = _EFFICIENTNET_V2_SIX | {
    "stackwise_num_repeats": (1, 2, 2, 3, 5, 8),
    "stackwise_input_filters": (32, 16, 32, 48, 96, 112),
    "stackwise_output_filters": (16, 32, 48, 96, 112, 192),
}
_EFFICIENTNET_V2_S = _EFFICIENTNET_V2_SIX | {
    "stackwise_num_repeats": (2, 4, 4, 6, 9, 15),
    "stackwise_input_filters": (24, 24, 48, 64, 128, 160),
    "stackwise_output_filters": (24, 48, 64, 128, 160, 256),
}
_EFFICIENTNET_V2_M = _EFFICIENTNET_V2_SEVEN | {
    "stackwise_num_repeats": (3, 5, 5, 7, 14, 18, 5),
    "stackwise_input_filters": (24, 24, 48, 80, 160, 176, 304),
    "stackwise_output_filters": (24, 48, 80, 160, 176, 304, 512),
}
_EFFICIENTNET_V2_L = _EFFICIENTNET_V2_SEVEN | {
    "stackwise_num_repeats": (4, 7, 7, 10, 19, 25, 7),
    "stackwise_input_filters": (32, 32, 64, 96, 192, 224, 384),
    "stackwise_output_filters": (32, 64, 96, 192, 224, 384, 640),
}
_MOBILENET_V3_SMALL: Config = {
    "stackwise_expansion": (1, 72 / 16, 88 / 24, 4, 6, 6, 3, 3, 6, 6, 6),
    "stackwise_filters": (16, 24, 24, 40, 40, 40, 48, 48, 96, 96, 96),
    "stackwise_kernel_size": (3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5),
    "stackwise_stride": (2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1),
    "stackwise_se_ratio": (0.25, None, None) + (0.25,) * 8,
    "stackwise_activation": ("relu",) * 3 + ("hard_swish",) * 8,
}
_MOBILENET_V3_LARGE: Config = {
    "stackwise_expansion": (1, 4, 3, 3, 3, 3, 6, 2.5, 2.3, 2.3, 6, 6, 6, 6, 6),
    "stackwise_filters": (16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160),
    "stackwise_kernel_size": (3, 3, 3, 5, 5, 5, 3, 3, 3, 3, 3, 3, 5, 5, 5),
    "stackwise_stride": (1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1),
    "stackwise_se_ratio": (None,) * 3 + (0.25,) * 3 + (None,) * 4 + (0.25,) * 5,
    "stackwise_activation": ("relu",) * 6 + ("hard_swish",) * 9,
}


def _scale(width: float, depth: float) -> dict[str, float]:
    """EfficientNet's compound scaling."""
    return {"width_coefficient": width, "depth_coefficient": depth}


def _blocks(*blocks: int, kind: str = "block") -> Config:
    """A ResNet's blocks per stack; 18 and 34 layers have basic blocks, the deeper ones bottlenecks."""
    return {"stackwise_blocks": blocks, "block_type": kind}


def _stages(channels: tuple[int, ...], depth: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """A DarkNet's channels and blocks per stage."""
    return {"stackwise_channels": channels, "stackwise_depth": depth}


_CARDS = [
    *_family(
        _keras_cv("resnet{}", "ResNetBackbone", paper="https://arxiv.org/abs/1512.03385", **_RESNET),
        ("18", 224, 11_186_112, 512, _blocks(2, 2, 2, 2, kind="basic_block")),
        ("34", 224, 21_301_696, 512, _blocks(3, 4, 6, 3, kind="basic_block")),
        ("50", 224, 23_561_152, 2048, _blocks(3, 4, 6, 3)),
        ("101", 224, 42_605_504, 2048, _blocks(3, 4, 23, 3)),
        ("152", 224, 58_295_232, 2048, _blocks(3, 8, 36, 3)),
    ),
    *_family(
        _keras_cv("resnet{}_v2", "ResNetV2Backbone", paper="https://arxiv.org/abs/1603.05027", **_RESNET),
        ("18", 224, 11_183_488, 512, _blocks(2, 2, 2, 2, kind="basic_block")),
        ("34", 224, 21_299_072, 512, _blocks(3, 4, 6, 3, kind="basic_block")),
        ("50", 224, 23_564_800, 2048, _blocks(3, 4, 6, 3)),
        ("101", 224, 42_626_560, 2048, _blocks(3, 4, 23, 3)),
        ("152", 224, 58_331_648, 2048, _blocks(3, 8, 36, 3)),
    ),
    *_family(
        _keras_cv(
            "csp_darknet_{}", "CSPDarkNetBackbone", min_size=2, multiple=2, paper="https://arxiv.org/abs/1911.11929"
        ),
        ("tiny", 224, 2_380_416, 384, _stages((48, 96, 192, 384), (1, 3, 3, 1))),
        ("s", 224, 4_223_488, 512, _stages((64, 128, 256, 512), (1, 3, 3, 1))),
        ("m", 224, 12_374_400, 768, _stages((96, 192, 384, 768), (2, 6, 6, 2))),
        ("l", 224, 27_111_424, 1024, _stages((128, 256, 512, 1024), (3, 9, 9, 3))),
        ("xl", 224, 56_837_970, 1360, _stages((170, 340, 680, 1360), (4, 12, 12, 4))),
    ),
    # YOLOv8 has no paper; this is its authors' code.
    *_family(
        _keras_cv("yolo_v8_{}", "YOLOV8Backbone", paper="https://github.com/ultralytics/ultralytics"),
        ("xs", 640, 1_277_680, 256, _stages((32, 64, 128, 256), (1, 2, 2, 1))),
        ("s", 640, 5_089_760, 512, _stages((64, 128, 256, 512), (1, 2, 2, 1))),
        ("m", 640, 11_872_464, 576, _stages((96, 192, 384, 576), (2, 4, 4, 2))),
        ("l", 640, 19_831_744, 512, _stages((128, 256, 512, 512), (3, 6, 6, 3))),
        ("xl", 640, 30_972_080, 640, _stages((160, 320, 640, 640), (3, 6, 6, 3))),
    ),
    *_family(
        _keras_cv("densenet{}", "DenseNetBackbone", min_size=29, paper="https://arxiv.org/abs/1608.06993"),
        ("121", 224, 7_037_504, 1024, {"stackwise_num_repeats": (6, 12, 24, 16)}),
        ("169", 224, 12_642_880, 1664, {"stackwise_num_repeats": (6, 12, 32, 32)}),
        ("201", 224, 18_321_984, 1920, {"stackwise_num_repeats": (6, 12, 48, 32)}),
    ),
    *_family(
        _keras_cv(
            "efficientnet_{}",
            "EfficientNetV1Backbone",
            paper="https://arxiv.org/abs/1905.11946",
            stackwise_squeeze_and_excite_ratios=(0.25,) * 7,
            **_EFFICIENTNET,
        ),
        ("b0", 224, 4_049_564, 1280, _scale(1.0, 1.0)),
        ("b1", 240, 6_575_232, 1280, _scale(1.0, 1.1)),
        ("b2", 260, 7_768_562, 1408, _scale(1.1, 1.2)),
        ("b3", 300, 10_783_528, 1536, _scale(1.2, 1.4)),
        ("b4", 380, 17_673_816, 1792, _scale(1.4, 1.8)),
        ("b5", 456, 28_513_520, 2048, _scale(1.6, 2.2)),
        ("b6", 528, 40_960_136, 2304, _scale(1.8, 2.6)),
        ("b7", 600, 64_097_680, 2560, _scale(2.0, 3.1)),
    ),
    *_family(
        _keras_cv(
            "efficientnet_lite_{}",
            "EfficientNetLiteBackbone",
            paper="https://arxiv.org/abs/1905.11946",
            **_EFFICIENTNET,
        ),
        ("b0", 224, 3_413_024, 1280, _scale(1.0, 1.0)),
        ("b1", 240, 4_189_344, 1280, _scale(1.0, 1.1)),
        ("b2", 260, 4_869_168, 1280, _scale(1.1, 1.2)),
        ("b3", 280, 6_992_768, 1280, _scale(1.2, 1.4)),
        ("b4", 300, 11_837_936, 1280, _scale(1.4, 1.8)),
    ),
    *_family(
        _keras_cv("efficientnet_v2_{}", "EfficientNetV2Backbone", paper="https://arxiv.org/abs/2104.00298"),
        ("b0", 224, 5_919_312, 1280, _EFFICIENTNET_V2_B | _scale(1.0, 1.0)),
        ("b1", 240, 6_931_124, 1280, _EFFICIENTNET_V2_B | _scale(1.0, 1.1)),
        ("b2", 260, 8_769_374, 1408, _EFFICIENTNET_V2_B | _scale(1.1, 1.2)),
        ("b3", 300, 12_930_622, 1536, _EFFICIENTNET_V2_B | _scale(1.2, 1.4)),
        ("s", 384, 20_331_360, 1280, _EFFICIENTNET_V2_S | _scale(1.0, 1.0)),
        ("m", 480, 53_150_388, 1280, _EFFICIENTNET_V2_M | _scale(1.0, 1.0)),
        ("l", 480, 117_746_848, 1280, _EFFICIENTNET_V2_L | _scale(1.0, 1.0)),
    ),
    *_family(
        _keras_cv("mobilenet_v3_{}", "MobileNetV3Backbone", paper="https://arxiv.org/abs/1905.02244"),
        ("small", 224, 939_120, 576, _MOBILENET_V3_SMALL),
        ("large", 224, 2_996_352, 960, _MOBILENET_V3_LARGE),
    ),
    # MiT rounds the size of each stage down where its convolution rounds up, and its reshape then fails, or (at 48 or
    # 80) builds with a wrong width: multiples of 32 from 64 up are sound.
    *_family(
        _keras_cv("mit_{}", "MiTBackbone", min_size=64, multiple=32, paper="https://arxiv.org/abs/2105.15203"),
        ("b0", 224, 3_319_392, 256, {"depths": (2, 2, 2, 2), "embedding_dims": (32, 64, 160, 256)}),
        ("b1", 224, 13_151_424, 512, {"depths": (2, 2, 2, 2), "embedding_dims": (64, 128, 320, 512)}),
        ("b2", 224, 24_196_288, 512, {"depths": (3, 4, 6, 3), "embedding_dims": (64, 128, 320, 512)}),
        ("b3", 224, 44_072_128, 512, {"depths": (3, 4, 18, 3), "embedding_dims": (64, 128, 320, 512)}),
        ("b4", 224, 60_842_688, 512, {"depths": (3, 8, 27, 3), "embedding_dims": (64, 128, 320, 512)}),
        ("b5", 224, 81_443_008, 512, {"depths": (3, 6, 40, 3), "embedding_dims": (64, 128, 320, 512)}),
    ),
    *_family(
        _keras_cv("vgg{}", "VGG16Backbone", min_size=32, paper="https://arxiv.org/abs/1409.1556", include_top=False),
        ("16", 224, 14_714_688, 512, {}),
    ),
]

CV_CATALOG: dict[str, BackboneSpec] = {card.name: card for card in _CARDS}
"""keras-cv's image backbones by name."""
