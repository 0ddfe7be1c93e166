"""The cards of all backbones that kzoo knows by name: `CATALOG`.

A family of models shares its scaling, paper, licence and file names and is one call; a model is one row of it. Sizes,
widths, parameters, file names and hashes were measured on Keras 3.15.1, and
tests/specs/catalog/test_keras_applications.py measures them again.

Accuracies are those of https://keras.io/api/applications/, and for the MobileNets that this page leaves out those of
the tables in Keras's docstrings (tf.keras 2.9 for V1 and V2, Keras 3.15 for V3), all at the native size.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace

from kzoo.specs.card import BackboneSpec, WeightFile
from kzoo.specs.catalog.bundled import NANO_CATALOG
from kzoo.specs.catalog.hub_audio import AUDIO_CATALOG
from kzoo.specs.catalog.hub_text import TEXT_CATALOG
from kzoo.specs.catalog.keras_cv import CV_CATALOG
from kzoo.specs.catalog.recurrent_networks import RECURRENT_CATALOG
from kzoo.specs.catalog.row_networks import ROW_CATALOG

_BUCKET = "https://storage.googleapis.com/tensorflow/keras-applications/"


def _keras(
    name: str, constructor: str, *, scaling: str, paper: str, licence: str = "Apache-2.0", min_size: int = 32
) -> BackboneSpec:
    """The card that a family has in common; braces await the key of a row, and `paper` is a number on arXiv."""
    return BackboneSpec(
        name=name,
        constructor="keras.applications." + constructor,
        arguments={"include_top": False},
        min_size=min_size,
        scaling=scaling,
        licence=licence,
        paper="https://arxiv.org/abs/" + paper,
        source="keras",
    )


def _family(common: BackboneSpec, url: str, *rows: tuple, file: str | None = None) -> list[BackboneSpec]:
    """Cards of models with one file of weights each.

    Args:
        common: the family's card, from `_keras`.
        url: address of the weights, with `{}` for the key in lower case.
        *rows: (key, size, parameters, width, top1, top5, hash).
        file: name of the weights on disk where it is not the last part of `url`.
    """
    cards = []
    for key, size, parameters, width, top1, top5, digest in rows:
        address = url.format(key.lower())
        weights = WeightFile((file or url.rpartition("/")[2]).format(key.lower()), address, digest, size)
        cards.append(
            replace(
                common,
                name=common.name.format(key.lower()),
                constructor=common.constructor.format(key),
                size=size,
                parameters=parameters,
                width=width,
                top1=top1,
                top5=top5,
                weights=(weights,),
            )
        )
    return cards


def _widths(common: BackboneSpec, url: str, sizes: tuple[int, ...], *rows: tuple) -> list[BackboneSpec]:
    """Cards of one MobileNet at several width multipliers, with a file of weights for each of `sizes`.

    Args:
        common: the family's card, from `_keras`.
        url: address of the weights, with `{alpha}` and `{size}`.
        sizes: resolutions that weights exist for; the last one is the native one.
        *rows: (alpha in percent, alpha as file names spell it, parameters, width, top1, top5).
    """
    cards = []
    for percent, alpha, parameters, width, top1, top5 in rows:
        urls = [url.format(alpha=alpha, size=size) for size in sizes]
        cards.append(
            replace(
                common,
                name=common.name.format(percent),
                arguments={**common.arguments, "alpha": int(percent) / 100},
                size=sizes[-1],
                parameters=parameters,
                width=width,
                top1=top1,
                top5=top5,
                weights=tuple(WeightFile(u.rpartition("/")[2], u, None, s) for u, s in zip(urls, sizes, strict=True)),
            )
        )
    return cards


def _v3(variant: str, file: str, **arguments: float | bool) -> tuple[BackboneSpec, str]:
    """The card and the address that MobileNetV3 Small and Large have in common at one width."""
    common = _keras(f"mobilenet_v3_{{}}_{variant}", "MobileNetV3{}", scaling="none", paper="1905.02244")
    url = _BUCKET + f"mobilenet_v3/weights_mobilenet_v3_{{}}_{file}_float_no_top_v2.h5"
    return replace(common, arguments={**common.arguments, **arguments}), url


# Keras publishes SHA-256 for ConvNeXt where it has MD5 for the others; get_file tells them apart by their length.
_CONVNEXT = [
    ("Tiny", 224, 27_820_128, 768, 0.813, None, "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1"),
    ("Small", 224, 49_454_688, 768, 0.823, None, "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab"),
    ("Base", 224, 87_566_464, 1024, 0.853, None, "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45"),
    ("Large", 224, 196_230_336, 1536, 0.863, None, "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd"),
    ("XLarge", 224, 348_147_968, 2048, 0.867, None, "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05"),
]

_KERAS = [
    *_widths(
        _keras("mobilenet_v1_{}", "MobileNet", scaling="tf", paper="1704.04861"),
        _BUCKET + "mobilenet/mobilenet_{alpha}_{size}_tf_no_top.h5",
        (128, 160, 192, 224),
        ("025", "2_5", 218_544, 256, 0.506, None),
        ("050", "5_0", 829_536, 512, 0.637, None),
        ("075", "7_5", 1_832_976, 768, 0.684, None),
        ("100", "1_0", 3_228_864, 1024, 0.704, 0.895),
    ),
    *_widths(
        _keras("mobilenet_v2_{}", "MobileNetV2", scaling="tf", paper="1801.04381"),
        _BUCKET + "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}_no_top.h5",
        (96, 128, 160, 192, 224),
        ("035", "0.35", 410_208, 1280, 0.603, 0.829),
        ("050", "0.5", 706_224, 1280, 0.654, 0.864),
        ("075", "0.75", 1_382_064, 1280, 0.698, 0.896),
        ("100", "1.0", 2_257_984, 1280, 0.713, 0.901),
        ("130", "1.3", 3_766_048, 1664, 0.744, 0.921),
        ("140", "1.4", 4_363_712, 1792, 0.750, 0.925),
    ),
    *_family(
        *_v3("075", "224_0.75", alpha=0.75),
        ("Small", 224, 583_160, 432, 0.654, None, "ebdb5cc8e0b497cd13a7c275d475c819"),
        ("Large", 224, 1_808_736, 720, 0.733, None, "40af19a13ebea4e2ee0c676887f69a2e"),
    ),
    *_family(
        *_v3("100", "224_1.0", alpha=1.0),
        ("Small", 224, 939_120, 576, 0.681, None, "d3e8ec802a04aa4fc771ee12a9a9b836"),
        ("Large", 224, 2_996_352, 960, 0.756, None, "07fb09a5933dd0c8eaafa16978110389"),
    ),
    *_family(
        *_v3("minimal_100", "minimalistic_224_1.0", alpha=1.0, minimalistic=True),
        ("Small", 224, 441_000, 576, 0.619, None, "cde8136e733e811080d9fcd8a252f7e4"),
        ("Large", 224, 1_437_608, 960, 0.723, None, "ec5221f64a2f6d1ef965a614bdae7973"),
    ),
    *_family(
        _keras("resnet{}", "ResNet{}", scaling="caffe", licence="MIT", paper="1512.03385"),
        _BUCKET + "resnet/resnet{}_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ("50", 224, 23_587_712, 2048, 0.749, 0.921, "4d473c1dd8becc155b73f8504c6f6626"),
        ("101", 224, 42_658_176, 2048, 0.764, 0.928, "88cf7a10940856eca736dc7b7e228a21"),
        ("152", 224, 58_370_944, 2048, 0.766, 0.931, "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    ),
    *_family(
        _keras("resnet{}_v2", "ResNet{}V2", scaling="tf", licence="BSD-3-Clause", paper="1603.05027"),
        _BUCKET + "resnet/resnet{}v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ("50", 224, 23_564_800, 2048, 0.760, 0.930, "fac2f116257151a9d068a22e544a4917"),
        ("101", 224, 42_626_560, 2048, 0.772, 0.938, "c0ed64b8031c3730f411d2eb4eea35b5"),
        ("152", 224, 58_331_648, 2048, 0.780, 0.942, "ed17cf2e0169df9d443503ef94b23b33"),
    ),
    *_family(
        _keras("vgg{}", "VGG{}", scaling="caffe", licence="CC-BY-4.0", paper="1409.1556"),
        _BUCKET + "vgg{0}/vgg{0}_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ("16", 224, 14_714_688, 512, 0.713, 0.901, "6d6bbae143d832006294945121d1f1fc"),
        ("19", 224, 20_024_384, 512, 0.713, 0.900, "253f8cb515780f3b799900260a226db6"),
    ),
    *_family(
        _keras("densenet{}", "DenseNet{}", scaling="torch", licence="BSD-3-Clause", paper="1608.06993"),
        _BUCKET + "densenet/densenet{}_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ("121", 224, 7_037_504, 1024, 0.750, 0.923, "30ee3e1110167f948a6b9946edeeb738"),
        ("169", 224, 12_642_880, 1664, 0.762, 0.932, "b8c4d4c20dd625c148057b9ff1c1176b"),
        ("201", 224, 18_321_984, 1920, 0.773, 0.936, "c13680b51ded0fb44dff2d8f86ac8bb1"),
    ),
    *_family(
        _keras("xception", "Xception", scaling="tf", licence="MIT", min_size=71, paper="1610.02357"),
        _BUCKET + "xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ("", 299, 20_861_480, 2048, 0.790, 0.945, "b0042744bf5b25fce3cb969f33bebb97"),
    ),
    *_family(
        _keras("inception_v3", "InceptionV3", scaling="tf", min_size=75, paper="1512.00567"),
        _BUCKET + "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ("", 299, 21_802_784, 2048, 0.779, 0.937, "bcbd6486424b2319ff4ef7d526e38f63"),
    ),
    *_family(
        _keras("inception_resnet_v2", "InceptionResNetV2", scaling="tf", min_size=75, paper="1602.07261"),
        _BUCKET + "inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ("", 299, 54_336_736, 1536, 0.803, 0.953, "d19885ff4a710c122648d3b5c3b684e4"),
    ),
    *_family(
        _keras("nasnet_{}", "NASNet{}", scaling="tf", paper="1707.07012"),
        _BUCKET + "nasnet/NASNet-{}-no-top.h5",
        ("Mobile", 224, 4_269_716, 1056, 0.744, 0.919, "1ed92395b5b598bdda52abe5c0dbfd63"),
        ("Large", 331, 84_916_818, 4032, 0.825, 0.960, "d81d89dc07e6e56530c4e77faddd61b5"),
        file="nasnet_{}_no_top.h5",
    ),
    *_family(
        _keras("efficientnet_{}", "EfficientNet{}", scaling="none", paper="1905.11946"),
        "https://storage.googleapis.com/keras-applications/efficientnet{}_notop.h5",
        ("B0", 224, 4_049_571, 1280, 0.771, 0.933, "50bc09e76180e00e4465e1a485ddc09d"),
        ("B1", 240, 6_575_239, 1280, 0.791, 0.944, "74c4e6b3e1f6a1eea24c589628592432"),
        ("B2", 260, 7_768_569, 1408, 0.801, 0.949, "111f8e2ac8aa800a7a99e3239f7bfb39"),
        ("B3", 300, 10_783_535, 1536, 0.816, 0.957, "af6d107764bb5b1abb91932881670226"),
        ("B4", 380, 17_673_823, 1792, 0.829, 0.964, "ebc24e6d6c33eaebbd558eafbeedf1ba"),
        ("B5", 456, 28_513_527, 2048, 0.836, 0.967, "38879255a25d3c92d5e44e04ae6cec6f"),
        ("B6", 528, 40_960_143, 2304, 0.840, 0.968, "9ecce42647a20130c1f39a5d4cb75743"),
        ("B7", 600, 64_097_687, 2560, 0.843, 0.970, "cbcfe4450ddf6f3ad90b1b398090fe4a"),
    ),
    *_family(
        _keras("efficientnet_v2_{}", "EfficientNetV2{}", scaling="none", paper="2104.00298"),
        _BUCKET + "efficientnet_v2/efficientnetv2-{}_notop.h5",
        ("B0", 224, 5_919_312, 1280, 0.787, 0.943, "893217f2bb855e2983157299931e43ff"),
        ("B1", 240, 6_931_124, 1280, 0.798, 0.950, "0e80663031ca32d657f9caa404b6ec37"),
        ("B2", 260, 8_769_374, 1408, 0.805, 0.951, "1dfe2e7a5d45b6632553a8961ea609eb"),
        ("B3", 300, 12_930_622, 1536, 0.820, 0.958, "f6abf7b5849ac99a89b50dd3fd532856"),
        ("S", 384, 20_331_360, 1280, 0.839, 0.967, "af0682fb74e8c54910f2d4393339c070"),
        ("M", 480, 53_150_388, 1280, 0.853, 0.974, "1b8dc055df72dde80d614482840fe342"),
        ("L", 480, 117_746_848, 1280, 0.857, 0.975, "b0b66b5c863aef5b46e8608fe1711615"),
    ),
    *_family(
        _keras("convnext_{}", "ConvNeXt{}", scaling="none", licence="MIT", paper="2201.03545"),
        _BUCKET + "convnext/convnext_{}_notop.h5",
        *_CONVNEXT,
    ),
]


def _by_name(cards: Iterable[BackboneSpec]) -> Mapping[str, BackboneSpec]:
    """The cards sorted by name, each name once."""
    table: dict[str, BackboneSpec] = {}
    for card in cards:
        if card.name in table:
            both = f"{table[card.name].constructor} and {card.constructor}"
            raise ValueError(f"Two backbones are named {card.name!r}: {both}. Rename one.")
        table[card.name] = card
    return dict(sorted(table.items()))


CATALOG: Mapping[str, BackboneSpec] = _by_name(
    itertools.chain(
        _KERAS,
        *(
            each.values()
            for each in (CV_CATALOG, TEXT_CATALOG, AUDIO_CATALOG, ROW_CATALOG, RECURRENT_CATALOG, NANO_CATALOG)
        ),
    )
)
"""Every built-in backbone by its name, in alphabetical order."""
