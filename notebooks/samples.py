"""Data of the notebooks: real data where it is found (see CONTRIBUTING), else made up, with the same names.

With made-up data, of which there is less, the notebooks run and look the same, and their figures mean nothing.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import wavfile

SHARED = Path(os.environ.get("KZOO_SHARED", Path(__file__).parents[2] / "shared")).absolute()
REAL = (SHARED / "data").is_dir()
WEIGHTS = "imagenet" if REAL else None
"""Start weights of Keras's backbones: those of ImageNet, or random ones."""

MOBILENET = next((SHARED / "keras_home" / "models").glob("mobilenet_v2*0.35_224_no_top.h5"), None)
"""The file of `mobilenet_v2_035`'s ImageNet weights for images of 224 pixels, which serve other sizes too."""

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""Of CIFAR-10, in the order of its label numbers."""

VOICES = {"george": 1.0, "jackson": 1.05, "lucas": 1.1, "nicolas": 1.15, "theo": 1.2, "yweweler": 1.25}
"""Speakers of the Free Spoken Digit Dataset, and the pitch of their made-up tones."""

RNG = np.random.default_rng(0)


def use_keras_home(work: Path) -> None:
    """Makes Keras find the weights: in a copy, since Keras writes to its folder."""
    if REAL:
        shutil.copytree(SHARED / "keras_home", work / "keras_home")
        os.environ["KERAS_HOME"] = str(work / "keras_home")


def photographs(folder: Path) -> Path:
    """60 JPEG files of each of 6 classes, in a folder each: of TrashNet; or 20 of coloured noise."""
    for kind, name in enumerate(("cardboard", "glass", "metal", "paper", "plastic", "trash")):
        (folder / name).mkdir(parents=True)
        if REAL:
            for path in sorted((SHARED / "data" / "trashnet" / name).glob("*.jpg"))[:60]:
                shutil.copy(path, folder / name)
        else:
            for number in range(1, 21):
                _save_noise(folder / name / f"{name}{number}.jpg", hue=kind)
    return folder


def _save_noise(path: Path, *, hue: int) -> None:
    from PIL import Image

    pixels = RNG.uniform(0, 255, (12, 16, 3))
    pixels[..., hue % 3] *= 0.4 + 0.4 * (hue // 3)
    Image.fromarray(pixels.astype(np.uint8)).resize((512, 384)).save(path)


def spoil(folder: Path) -> None:
    """Adds to `photographs` what data of one's own has: a broken file, copies in another class, an empty image."""
    from PIL import Image

    whole = min((folder / "paper").glob("*.jpg"))
    (folder / "paper" / "broken.jpg").write_bytes(whole.read_bytes()[:2_000])
    for number, path in enumerate(sorted((folder / "glass").glob("*.jpg"))[:2]):
        image = Image.open(path)
        image.resize((image.width * 9 // 10, image.height * 9 // 10)).save(folder / "plastic" / f"copy{number}.jpg")
    Image.new("RGB", (512, 384), (250, 250, 250)).save(folder / "metal" / "empty.jpg")


def film_reviews() -> pd.DataFrame:
    """2,500 sentences in English, `text` and `label`: a part of SST-2; or 600 made-up ones."""
    if not REAL:
        return _sentences(
            ["the film is ", "a story that is "], ["lovely", "great", "moving"], ["dull", "awful", "flat"]
        )
    path = SHARED / "data" / "sst2" / "train.tsv"
    return _named(pd.read_csv(path, sep="\t", names=["text", "label"], quoting=3)[:2500])


def hotel_reviews() -> pd.DataFrame:
    """2,500 reviews in Chinese, `text` and `label`: a part of ChnSentiCorp; or 600 made-up ones."""
    if not REAL:
        return _sentences(["房间", "服务"], ["很好", "不错", "满意"], ["很差", "太旧", "失望"])
    table = pd.read_csv(SHARED / "data" / "chnsenticorp" / "ChnSentiCorp_htl_all.csv")
    return _named(table.rename(columns={"review": "text"}).sample(2500, random_state=0))


def dictionary() -> Path | dict[str, str]:
    """Chinese words and their English translations: CC-CEDICT; or those of the made-up reviews."""
    if REAL:
        return SHARED / "data" / "cedict" / "cedict.tsv"
    good, bad = {"很好": "good", "不错": "lovely", "满意": "great"}, {"很差": "bad", "太旧": "dull", "失望": "awful"}
    return {"房间": "room", "服务": "service", **good, **bad}


def _sentences(openings: list[str], good: list[str], bad: list[str]) -> pd.DataFrame:
    """Sentences of which one word tells the class, four times out of five."""
    label = np.arange(600) % 2
    told = np.where(RNG.random(600) < 0.8, label, 1 - label)
    text = [f"{RNG.choice(openings)}{RNG.choice(good if of else bad)} {n}" for n, of in enumerate(told)]
    return _named(pd.DataFrame({"text": text, "label": label}))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(label=table["label"].map({0: "negative", 1: "positive"}))


def spoken_digits(folder: Path) -> Path:
    """30 wav files of each digit and speaker, `7_theo_12.wav`: of the Free Spoken Digit Dataset; or 8 noisy tones."""
    folder.mkdir(parents=True)
    if REAL:
        for path in sorted((SHARED / "data" / "fsdd").glob("*.wav")):
            if int(path.stem.split("_")[2]) < 30:
                shutil.copy(path, folder)
        return folder
    for digit in range(10):
        for speaker, voice in VOICES.items():
            for number in range(8):
                seconds = np.arange(RNG.integers(2_000, 6_000)) / 8_000
                wave = np.sin(2 * np.pi * 200 * (1 + digit) * voice * seconds) + RNG.normal(0, 1, len(seconds))
                wavfile.write(folder / f"{digit}_{speaker}_{number}.wav", 8_000, (6_000 * wave).astype(np.int16))
    return folder


def small_images() -> tuple[list, tuple[list, list], tuple[list, list]]:
    """Images of 32 x 32 pixels of 10 classes: 6,000 without labels, 500 and 2,000 (test) with labels.

    Of CIFAR-10; or a tenth of that, of scikit-learn's digits, enlarged and noisy, with 200 that have labels.
    """
    if not REAL:
        images, labels = _digits(1000)
        return images[:600], (images[600:800], labels[600:800]), (images[800:], labels[800:])
    images, labels = _cifar10("train-00000-of-00004.tfrecord")
    tests = _cifar10("test-00000-of-00001.tfrecord")
    return images[:6000], (images[6000:6500], labels[6000:6500]), (tests[0][:2000], tests[1][:2000])


def _digits(count: int) -> tuple[list, list]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    chosen = RNG.integers(0, len(digits.images), count)
    images = np.repeat(np.repeat(digits.images[chosen], 4, axis=1), 4, axis=2)[..., None].repeat(3, axis=3)
    noisy = 12 * images + RNG.normal(30, 20, images.shape)
    return list(noisy.clip(0, 255).astype(np.uint8)), [CLASSES[target] for target in digits.target[chosen]]


def _cifar10(name: str) -> tuple[list, list]:
    """Encoded images and labels of a file of TFRecords."""
    import tensorflow as tf

    records = tf.data.TFRecordDataset(str(SHARED / "data" / "cifar10" / name)).as_numpy_iterator()
    features = [tf.train.Example.FromString(record).features.feature for record in records]
    return (
        [each["image"].bytes_list.value[0] for each in features],
        [CLASSES[each["label"].int64_list.value[0]] for each in features],
    )
