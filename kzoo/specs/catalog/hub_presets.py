"""The presets of KerasHub 0.32 as models, ``hub:PRESET``: `HUB_CATALOG`.

The names stand here, so that they are listed without importing Keras; a slow test compares them with KerasHub itself.
What is here: presets of the encoders of images, texts and sound. A backbone with which a task of KerasHub's generates,
segments, detects or estimates depth is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.hub_audio import AUDIO_CATALOG
from kzoo.specs.catalog.hub_text import TEXT_CATALOG

HUB = "hub:"
"""Prefix of the names of KerasHub's presets, and of folders of presets."""

IMAGE_ENCODER = "kzoo.models.hub.hub_images.image_encoder"
"""The constructor of KerasHub's image backbones."""

TEXT_ENCODER = "kzoo.models.zoo.text.encoder"
"""The constructor of KerasHub's text backbones."""

_IMAGES = {
    "CSPNetBackbone": """
        csp_darknet_53_ra_imagenet csp_resnet_50_ra_imagenet csp_resnext_50_ra_imagenet darknet_53_imagenet
    """,
    "CLIPBackbone": """
        clip_vit_b_32_laion2b_s34b_b79k clip_vit_base_patch16 clip_vit_base_patch32
        clip_vit_bigg_14_laion2b_39b_b160k clip_vit_g_14_laion2b_s12b_b42k clip_vit_h_14_laion2b_s32b_b79k
        clip_vit_large_patch14 clip_vit_large_patch14_336
    """,
    "DINOV2Backbone": """
        dinov2_base dinov2_giant dinov2_large dinov2_small dinov2_with_registers_base
        dinov2_with_registers_giant dinov2_with_registers_large dinov2_with_registers_small
    """,
    "DINOV3Backbone": """
        dinov3_vit_7b_lvd1689m dinov3_vit_7b_sat493m dinov3_vit_base_lvd1689m dinov3_vit_huge_plus_lvd1689m
        dinov3_vit_large_lvd1689m dinov3_vit_large_sat493m dinov3_vit_small_lvd1689m
        dinov3_vit_small_plus_lvd1689m
    """,
    "DeiTBackbone": """
        deit_base_distilled_patch16_224_imagenet deit_base_distilled_patch16_384_imagenet
        deit_small_distilled_patch16_224_imagenet deit_tiny_distilled_patch16_224_imagenet
    """,
    "DenseNetBackbone": """
        densenet_121_imagenet densenet_169_imagenet densenet_201_imagenet
    """,
    "EfficientNetBackbone": """
        efficientnet2_rw_m_agc_imagenet efficientnet2_rw_s_ra2_imagenet efficientnet2_rw_t_ra2_imagenet
        efficientnet_b0_ra4_e3600_r224_imagenet efficientnet_b0_ra_imagenet efficientnet_b1_ft_imagenet
        efficientnet_b1_ra4_e3600_r240_imagenet efficientnet_b2_ra_imagenet efficientnet_b3_ra2_imagenet
        efficientnet_b4_ra2_imagenet efficientnet_b5_sw_ft_imagenet efficientnet_b5_sw_imagenet
        efficientnet_el_ra_imagenet efficientnet_em_ra2_imagenet efficientnet_es_ra_imagenet
        efficientnet_lite0_ra_imagenet
    """,
    "HGNetV2Backbone": """
        hgnetv2_b4_ssld_stage2_ft_in1k hgnetv2_b5_ssld_stage1_in22k_in1k hgnetv2_b5_ssld_stage2_ft_in1k
        hgnetv2_b6_ssld_stage1_in22k_in1k hgnetv2_b6_ssld_stage2_ft_in1k
    """,
    "MetaCLIP2Backbone": """
        metaclip_2_vit_giant_patch14_224 metaclip_2_vit_giant_patch14_378 metaclip_2_vit_huge_patch14_224
        metaclip_2_vit_huge_patch14_378
    """,
    "MiTBackbone": """
        mit_b0_ade20k_512 mit_b0_cityscapes_1024 mit_b1_ade20k_512 mit_b1_cityscapes_1024 mit_b2_ade20k_512
        mit_b2_cityscapes_1024 mit_b3_ade20k_512 mit_b3_cityscapes_1024 mit_b4_ade20k_512
        mit_b4_cityscapes_1024 mit_b5_ade20k_640 mit_b5_cityscapes_1024
    """,
    "MobileNetBackbone": """
        mobilenet_v3_large_100_imagenet mobilenet_v3_large_100_imagenet_21k mobilenet_v3_small_050_imagenet
        mobilenet_v3_small_100_imagenet
    """,
    "MobileNetV5Backbone": """
        mobilenetv5_300m_enc_gemma3n
    """,
    "ResNetBackbone": """
        resnet_101_imagenet resnet_152_imagenet resnet_18_imagenet resnet_50_imagenet resnet_v2_101_imagenet
        resnet_v2_50_imagenet resnet_vd_101_imagenet resnet_vd_101_ssld_imagenet resnet_vd_152_imagenet
        resnet_vd_18_imagenet resnet_vd_200_imagenet resnet_vd_34_imagenet resnet_vd_50_imagenet
        resnet_vd_50_ssld_imagenet resnet_vd_50_ssld_v2_fix_imagenet resnet_vd_50_ssld_v2_imagenet
    """,
    "SigLIPBackbone": """
        medsiglip_900m_448 siglip2_base_patch16_224 siglip2_base_patch16_256 siglip2_base_patch16_384
        siglip2_base_patch32_256 siglip2_giant_opt_patch16_256 siglip2_giant_opt_patch16_384
        siglip2_large_patch16_256 siglip2_large_patch16_384 siglip2_large_patch16_512
        siglip2_so400m_patch14_224 siglip2_so400m_patch14_384 siglip2_so400m_patch16_256
        siglip2_so400m_patch16_384 siglip2_so400m_patch16_512 siglip_base_patch16_224 siglip_base_patch16_256
        siglip_base_patch16_256_multilingual siglip_base_patch16_384 siglip_base_patch16_512
        siglip_large_patch16_256 siglip_large_patch16_384 siglip_so400m_patch14_224 siglip_so400m_patch14_384
        siglip_so400m_patch16_256_i18n
    """,
    "SwinTransformerBackbone": """
        swin_base_patch4_window12_384 swin_base_patch4_window7_224 swin_large_patch4_window12_384
        swin_large_patch4_window7_224 swin_small_patch4_window7_224 swin_tiny_patch4_window7_224
    """,
    "VGGBackbone": """
        vgg_11_imagenet vgg_13_imagenet vgg_16_imagenet vgg_19_imagenet
    """,
    "ViTBackbone": """
        vit_base_patch16_224_imagenet vit_base_patch16_224_imagenet21k vit_base_patch16_384_imagenet
        vit_base_patch32_224_imagenet21k vit_base_patch32_384_imagenet vit_huge_patch14_224_imagenet21k
        vit_large_patch16_224_imagenet vit_large_patch16_224_imagenet21k vit_large_patch16_384_imagenet
        vit_large_patch32_224_imagenet21k vit_large_patch32_384_imagenet
    """,
    "XceptionBackbone": """
        xception_41_imagenet
    """,
}
_TEXTS = {
    "AlbertBackbone": """
        albert_base_en_uncased albert_extra_extra_large_en_uncased albert_extra_large_en_uncased
        albert_large_en_uncased
    """,
    "BertBackbone": """
        all_minilm_l12_v2_en all_minilm_l6_v1_en all_minilm_l6_v2_en bert_base_en bert_base_en_uncased
        bert_base_multi bert_base_zh bert_large_en bert_large_en_uncased bert_medium_en_uncased
        bert_small_en_uncased bert_tiny_en_uncased bert_tiny_en_uncased_sst2 bge_base_en bge_base_v1.5_en
        bge_base_v1.5_zh bge_base_zh bge_large_en bge_large_v1.5_en bge_large_v1.5_zh bge_large_zh
        bge_llm_embedder bge_small_en bge_small_v1.5_en bge_small_v1.5_zh msmarco_minilm_l12_cos_v5_en
        msmarco_minilm_l6_cos_v5_en multi_qa_minilm_l6_cos_v1_en multi_qa_minilm_l6_dot_v1_en
        multilingual_e5_small mxbai_embed_2d_large_v1_en mxbai_embed_large_v1_en mxbai_embed_xsmall_v1_en
        paraphrase_minilm_l12_v2_en paraphrase_minilm_l3_v2_en paraphrase_minilm_l6_v2_en
    """,
    "DebertaV3Backbone": """
        deberta_v3_base_en deberta_v3_base_multi deberta_v3_extra_small_en deberta_v3_large_en
        deberta_v3_small_en
    """,
    "DistilBertBackbone": """
        distil_bert_base_en distil_bert_base_en_uncased distil_bert_base_multi
    """,
    "ESMBackbone": """
        esm2_t12_35M esm2_t30_150M esm2_t33_650M esm2_t6_8M
    """,
    "ElectraBackbone": """
        electra_base_discriminator_uncased_en electra_base_generator_uncased_en
        electra_large_discriminator_uncased_en electra_large_generator_uncased_en
        electra_small_discriminator_uncased_en electra_small_generator_uncased_en
    """,
    "FNetBackbone": """
        f_net_base_en f_net_large_en
    """,
    "RobertaBackbone": """
        roberta_base_en roberta_large_en
    """,
    "XLMRobertaBackbone": """
        bge_m3 multilingual_e5_base multilingual_e5_large xlm_roberta_base_multi xlm_roberta_large_multi
    """,
}
_RECORDINGS = {
    "MoonshineBackbone": """
        moonshine_base_en moonshine_tiny_en
    """,
    "WhisperBackbone": """
        whisper_base_en whisper_base_multi whisper_large_multi whisper_large_multi_v2 whisper_medium_en
        whisper_medium_multi whisper_small_en whisper_small_multi whisper_tiny_en whisper_tiny_multi
    """,
}
"""Names of presets by the class of their backbone, of images, texts and sound."""


def image_card(preset: str, *, size: int, name: str = "") -> BackboneSpec:
    """The card of an image backbone of KerasHub's.

    Args:
        preset: its name, or an absolute path of its folder.
        size: height and width of the images, pixels.
        name: of the card; "": made from the preset.
    """
    return BackboneSpec(
        name=name or HUB + preset,
        constructor=IMAGE_ENCODER,
        arguments={"preset": preset},
        size=size,
        min_size=min(size, 32),
        licence="",
        source="keras_hub",
    )


def text_card(preset: str, *, size: int = 512, name: str = "") -> BackboneSpec:
    """The card of a text backbone of KerasHub's, read by the preset's tokenizer; arguments as of `image_card`."""
    # These were trained with the first token as the embedding of the text.
    pooling = "cls" if preset.startswith(("bge_", "mxbai_")) else "mean"
    return BackboneSpec(
        name=name or HUB + preset,
        constructor=TEXT_ENCODER,
        arguments={"preset": preset, "pooling": pooling},
        modality="text",
        size=size,
        min_size=min(size, 4),
        reads={"preset": preset},
        rate=5e-5,
        licence="",
        source="keras_hub",
    )


def _named_image_card(preset: str) -> BackboneSpec:
    # The size is in the preset's name. The preset is not opened here.
    size = re.search(r"_r?(240|256|336|378|384|448|512|640|1024)(?=_|$)", preset)
    return image_card(preset, size=int(size[1]) if size else 224)


def _names(families: Mapping[str, str]) -> Iterator[str]:
    return (preset for names in families.values() for preset in names.split())


def _named_text_card(preset: str) -> BackboneSpec:
    known = TEXT_CATALOG.get(preset)
    return text_card(preset) if known is None else replace(known, name=HUB + preset)


_CARDS = [
    *(_named_image_card(preset) for preset in _names(_IMAGES)),
    *(_named_text_card(preset) for preset in _names(_TEXTS)),
    *(replace(AUDIO_CATALOG[preset], name=HUB + preset) for preset in _names(_RECORDINGS)),
]

HUB_CATALOG = {card.name: card for card in _CARDS}
"""Cards by name."""
