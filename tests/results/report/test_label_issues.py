"""Label errors that were planted in real data."""

import dataclasses

import numpy as np
import pytest

import kzoo

FILE = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"


@pytest.mark.real
def test_flipped_labels_of_trashnet_are_found(shared):
    """A twentieth of the labels of 1,265 images are flipped: at a precision of 50%, 70% of them or more are found."""
    rng = np.random.default_rng(0)
    folders = sorted(path for path in (shared / "data" / "trashnet").iterdir() if path.is_dir())
    files = [path for folder in folders for path in sorted(folder.glob("*.jpg"))[::2]]
    labels = [path.parent.name for path in files]
    names = sorted(set(labels))
    flipped = rng.choice(len(files), len(files) // 20, replace=False)
    for place in flipped:
        labels[place] = str(rng.choice([name for name in names if name != labels[place]]))
    weights = shared / "keras_home" / "models" / FILE
    task = kzoo.Classification(([str(path) for path in files], labels))
    adapted = kzoo.adapt("mobilenet_v2_035", task, weights=str(weights), schedule="linear_probe")
    report = dataclasses.replace(adapted, tta=False).report()
    planted = {str(files[place]) for place in flipped}
    hits = np.asarray([issue.name in planted for issue in report.issues.rows])
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    length = np.flatnonzero(precision >= 0.5)[-1] + 1
    print(f"{hits[:length].sum()} of {len(flipped)} among the first {length}; {hits.sum()} among {len(hits)}")
    assert hits[:length].sum() >= 0.7 * len(flipped)
    assert {issue.split for issue in report.issues.rows} == {"train", "validation", "test"}
    first = report.issues.rows[0]
    assert first.confidence < first.alternative
