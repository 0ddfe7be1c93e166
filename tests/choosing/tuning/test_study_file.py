"""The trials of a search on the disk."""

import numpy as np
import pytest

from kzoo.choosing.tuning.study_file import STUDY, Study, StudyFile
from kzoo.choosing.tuning.tuning_record import COMPLETE, FAILED, Trial
from kzoo.core.intervals import Metric
from kzoo.core.storage import DamagedError

PARAMS = {"train": "last:1", "epochs": 12, "learning_rate": 3e-4}
TRIALS = [
    Trial(
        0,
        PARAMS,
        COMPLETE,
        1.5,
        loss=0.1,
        score=Metric(0.5, 0.25, 0.75),
        rungs={1: 0.3, 2: 0.2},
        noted={"completed_rung_0": 0.3},
        losses=np.asarray([0.1, 0.1]),
        hits=np.asarray([0.0, 1.0]),
        merits=np.asarray([0.0, 1.0]),
    ),
    Trial(1, {}, FAILED, 0.5, reason="no room"),
]


def test_what_was_kept_comes_back(tmp_path):
    file = StudyFile(tmp_path / "study", {"seed": 0})
    assert file.load() == Study()
    file.save(Study(TRIALS, 2.0, {"chosen": 0}))
    found = file.load()
    assert (list(found.trials), found.spent, found.result) == (TRIALS, 2.0, {"chosen": 0})
    np.testing.assert_array_equal(found.trials[0].losses, TRIALS[0].losses)
    np.testing.assert_array_equal(found.trials[0].hits, TRIALS[0].hits)
    assert found.trials[1].losses is None


def test_without_a_directory_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = StudyFile(None, {})
    file.save(Study(TRIALS))
    assert file.load() == Study()
    assert file.model is None
    assert not list(tmp_path.iterdir())


def test_another_search_is_refused(tmp_path):
    StudyFile(tmp_path / "study", {"data": "a", "seed": 0}).save(Study(TRIALS))
    with pytest.raises(ValueError, match="contains a search with a different seed"):
        StudyFile(tmp_path / "study", {"data": "a", "seed": 1}).load()


def test_foreign_and_damaged_files_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="contains files that are not a search"):
        StudyFile(tmp_path, {}).load()
    file = StudyFile(tmp_path / "study", {})
    file.save(Study(TRIALS))
    path = tmp_path / "study" / STUDY
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DamagedError, match=r"is damaged: .* Delete .*study to start again"):
        file.load()
