"""How kzoo_nano_text is made: English from minilm_l6's vocabulary, Chinese from hotel reviews, in one table.

English: `kzoo.distill_static`, and of its entries the most frequent. Chinese: a table of characters, which learns to
guess those that were taken out of reviews, and then whether a guest was content. One review in five is kept out of it.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

import kzoo
from kzoo.data.splits import read
from kzoo.data.text.wordpiece import SPECIAL
from kzoo.models.zoo.text import ngram_bag
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.records.seen import Seen

WIDTH = 96
ENGLISH = 18_500
LEAST = 4
"""Times that a Chinese character is met, to be known."""


def make(data: Path, seed: int = 0) -> kzoo.Pretrained:
    """Makes it."""
    english = kzoo.distill_static("minilm_l6", width=WIDTH)
    known = english.card.reads["entries"].split("\n")
    kept = choose(known)
    vectors = table_of(english)[SPECIAL:][kept]
    train, _ = read_reviews(data)
    chinese = learn_characters(train, seed=seed)
    characters = chinese.card.reads["entries"].split("\n")
    own = table_of(chinese)[SPECIAL:]
    table = np.concatenate([np.zeros((SPECIAL, WIDTH)), vectors / vectors.std(), own / own.std()]).astype(np.float32)
    entries = "\n".join([*(known[place] for place in kept), *characters])
    card = dataclasses.replace(
        english.card,
        name="kzoo_nano_text",
        arguments={"buckets": len(table), "width": WIDTH},
        reads={"entries": entries, "lower": True},
        scripts=("Latn", "Hani"),
        parameters=table.size,
        source="kzoo",
    )
    static = ngram_bag((None,), buckets=len(table), width=WIDTH)
    static.get_layer("embedding").set_weights([table])
    record = PretrainedRecord(
        objective="static embeddings; masked_language, then supervised",
        teacher="minilm_l6",
        data=f"the vocabulary of minilm_l6; {len(characters)} characters of ChnSentiCorp, {len(train)} hotel reviews",
        entries=len(table) - SPECIAL,
        seconds=round(english.record.seconds + chinese.record.seconds, 1),
        seed=seed,
    )
    return kzoo.Pretrained(card, static, record)


def choose(known: list[str]) -> list[int]:
    """Places of the entries that are kept: in ASCII, no numbers of several digits, the first ones, all characters."""
    plain = [place for place, entry in enumerate(known) if entry.isascii() and not re.search(r"\d\d", entry)]
    single = {place for place in plain if len(known[place].removeprefix("##")) == 1}
    others = [place for place in plain if place not in single]
    return sorted([*single, *others[: ENGLISH - len(single)]])


def learn_characters(reviews: list[tuple[str, str]], *, seed: int) -> kzoo.Pretrained:
    """A table of the characters of reviews that are not ASCII."""
    met = Counter(letter for text, _ in reviews for letter in text if not letter.isascii() and not letter.isspace())
    characters = [letter for letter, times in met.most_common() if times >= LEAST]
    arguments = {"buckets": len(characters) + SPECIAL, "width": WIDTH}
    card = kzoo.BackboneSpec(
        name="characters",
        constructor="kzoo.models.zoo.text.ngram_bag",
        arguments=arguments,
        modality="text",
        size=512,
        min_size=4,
        reads={"entries": "\n".join(characters), "lower": True},
        rate=3e-3,
    )
    task = task_of(reviews)
    options = {"batch_size": 64, "probe": task, "seed": seed}
    guessed = kzoo.pretrain(card, [text for text, _ in reviews], objective="masked_language", steps=3_000, **options)
    print(guessed, flush=True)
    content = kzoo.pretrain(guessed, task, objective="supervised", steps=600, **options)
    print(content, flush=True)
    seconds = guessed.record.seconds + content.record.seconds
    return kzoo.Pretrained(content.card, content.backbone, dataclasses.replace(content.record, seconds=seconds))


def task_of(reviews: list[tuple[str, str]]) -> kzoo.Classification:
    """Whether a guest was content."""
    return kzoo.Classification(tuple(zip(*reviews, strict=True)), validation=0.1, test=0.02)


def seen(data: Path) -> Seen:
    """What its weights have seen: most reviews with their labels, the others without."""
    splits = read(task_of(read_reviews(data)[0]), "text")
    return Seen.of(trained=splits.train.digests, unlabelled=[*splits.validation.digests, *splits.test.digests])


def table_of(made: kzoo.Pretrained) -> np.ndarray:
    """The embeddings of a table, (entries, width)."""
    return made.backbone.get_layer("embedding").get_weights()[0]


def read_reviews(data: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Chinese reviews and their labels: those to learn from, and one in five that is kept out."""
    path = data / "chnsenticorp" / "ChnSentiCorp_htl_all.csv"
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = sorted({(row["review"].strip(), row["label"]) for row in csv.DictReader(file)} - {("", "0"), ("", "1")})
    learned, kept_out = train_test_split(rows, test_size=0.2, random_state=0, stratify=[label for _, label in rows])
    return learned, kept_out
