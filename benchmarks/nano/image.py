"""How kzoo_nano_image is made: by imitation of MobileNetV2 0.35's ImageNet features on small images and on crops.

Images: the 50,000 training images of CIFAR-10, without their labels, and random crops of one image of each
ImageNet class. First at 64 pixels, where steps are cheap, then at 112 and 128; last at 160, of crops and of mixtures of
them: a teacher has features for those as well, and a thousand images become many (arXiv:2106.05237).
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf

import kzoo
from kzoo.specs.records.seen import Seen

CARD = dataclasses.replace(kzoo.get_card("kzoo_nano_image"), inside="")

FIRST = kzoo.Phase(
    "*", epochs=6, learning_rate=3e-3, batch_norm=True, batch_size=128, augmentation="medium", views=2, warmup=0.03
)
SECOND = kzoo.Phase(
    "*", epochs=8, learning_rate=1e-3, batch_norm=True, batch_size=64, augmentation="medium", views=4, warmup=0.03
)

THIRD = dataclasses.replace(SECOND, epochs=6, views=3)
FOURTH = dataclasses.replace(SECOND, epochs=8, views=4)


def make(data: Path, seed: int = 0) -> kzoo.Pretrained:
    """Trains it."""
    teacher = kzoo.get_card("mobilenet_v2_035")
    # Its weights for 224 pixels do as well at 160, in half of the time.
    files = tuple(file for file in teacher.weights if file.size == 224)
    teacher = dataclasses.replace(teacher, size=160, weights=files)
    small, large = read_small(data / "cifar10"), sorted((data / "imagenet_sample").glob("*.JPEG"))
    first = kzoo.distill(
        teacher,
        CARD,
        [*small, *crops(large, 20, seed=seed)],
        target="features",
        schedule=FIRST,
        weights=None,
        size=64,
        seed=seed,
    )
    print(first, flush=True)
    second = kzoo.distill(
        teacher,
        first,
        [*small[:5_000], *crops(large, 20, seed=seed + 1)],
        target="features",
        schedule=SECOND,
        size=112,
        seed=seed,
    )
    print(second, flush=True)
    third = kzoo.distill(
        dataclasses.replace(teacher, size=192),
        second,
        crops(large, 26, seed=seed + 2),
        target="features",
        schedule=THIRD,
        size=128,
        seed=seed,
    )
    print(third, flush=True)
    fourth = finish(teacher, third, large, seed=seed)
    print(fourth, flush=True)
    seconds = sum(each.record.seconds for each in (first, second, third, fourth))
    origin = "CIFAR-10 (training split, without labels) and one image of each ImageNet class"
    return kzoo.Pretrained(
        CARD, fourth.backbone, dataclasses.replace(fourth.record, seconds=round(seconds, 1), data=origin)
    )


def seen(data: Path) -> Seen:
    """What its weights have seen, without labels; of each ImageNet image crops, for which the image stands."""
    pictures = [
        *read_small(data / "cifar10"),
        *(each.read_bytes() for each in (data / "imagenet_sample").glob("*.JPEG")),
    ]
    return Seen.of(unlabelled=[hashlib.sha256(each).hexdigest() for each in pictures])


def finish(teacher: kzoo.BackboneSpec, third: kzoo.Pretrained, large: list[Path], *, seed: int) -> kzoo.Pretrained:
    """The last part: larger images again, crops and mixtures of them."""
    cut = crops(large, 20, seed=seed + 3)
    data = [*cut, *mixtures(cut, len(cut), seed=seed + 3)]
    teacher = dataclasses.replace(teacher, size=224)
    return kzoo.distill(teacher, third, data, target="features", schedule=FOURTH, size=160, seed=seed)


def read_small(folder: Path) -> list[bytes]:
    """The training images of CIFAR-10, encoded."""
    found: list[bytes] = []
    for path in sorted(folder.glob("*train*.tfrecord*")):
        records = map(tf.train.Example.FromString, tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        found += [record.features.feature["image"].bytes_list.value[0] for record in records]
    return found


def crops(paths: list[Path], count: int, *, seed: int) -> list[bytes]:
    """Random crops of each image, of a tenth of it to all of it, as JPEG."""
    rng = np.random.default_rng(seed)
    found = []
    for path in paths:
        picture = tf.io.decode_jpeg(path.read_bytes(), channels=3).numpy()
        height, width = picture.shape[:2]
        for _ in range(count):
            area, ratio = rng.uniform(0.1, 1.0), np.exp(rng.uniform(-0.3, 0.3))
            tall = int(min(height, np.sqrt(height * width * area / ratio)))
            wide = int(min(width, np.sqrt(height * width * area * ratio)))
            top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
            found.append(tf.io.encode_jpeg(picture[top : top + tall, left : left + wide], quality=92).numpy())
    return found


def mixtures(pictures: list[bytes], count: int, *, seed: int, size: int = 192) -> list[bytes]:
    """Pairs of images: one pasted into the other (CutMix, arXiv:1905.04899), or both blended (arXiv:1710.09412)."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        pair = [pictures[int(choice)] for choice in rng.integers(0, len(pictures), 2)]
        below, above = (tf.image.resize(tf.io.decode_jpeg(each, channels=3), (size, size)).numpy() for each in pair)
        if number % 2:
            tall, wide = (int(size * side) for side in rng.uniform(0.4, 0.8, 2))
            top, left = rng.integers(0, size - tall + 1), rng.integers(0, size - wide + 1)
            below[top : top + tall, left : left + wide] = above[top : top + tall, left : left + wide]
        else:
            share = rng.uniform(0.3, 0.7)
            below = share * below + (1 - share) * above
        found.append(tf.io.encode_jpeg(np.clip(below, 0, 255).astype("uint8"), quality=92).numpy())
    return found
