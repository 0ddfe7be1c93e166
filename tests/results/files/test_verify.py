"""What kzoo wrote is what it wrote, or the damage is named."""

import json

import pytest

import kzoo
from kzoo.core.storage import DamagedError, write_checksums
from kzoo.results.files.verify import check


def make(directory, names, *, sums="SHA256SUMS"):
    """Files of ten bytes, and their checksums."""
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("0123456789")
    write_checksums(directory, to=sums)
    return directory


def version(directory):
    return make(
        directory,
        ["saved_model.pb", "variables/variables.index", "assets.extra/labels.txt"],
        sums="assets.extra/SHA256SUMS",
    )


@pytest.fixture
def saved(tmp_path):
    directory = make(tmp_path / "saved", ["card.json", "network.keras"])
    (directory / "card.json").write_text(json.dumps({"head": {}}))
    write_checksums(directory)
    return directory


@pytest.fixture
def served(tmp_path):
    """Versions 2 and 10, and what a user put beside."""
    for name in ("10", "2"):
        version(tmp_path / "served" / name)
    (tmp_path / "served" / "notes").mkdir()
    return tmp_path / "served"


def kinds(directory):
    return [(row[1], row[2]) for row in kzoo.verify(directory).rows]


def test_what_is_whole_is_told_with_its_kind(saved, tmp_path):
    assert kinds(saved) == [("saved model", 2)]
    assert kinds(make(tmp_path / "made", ["card.json", "network.keras"])) == [("saved model", 2)]
    (tmp_path / "made" / "card.json").write_text("{}")
    write_checksums(tmp_path / "made")
    assert kinds(str(tmp_path / "made")) == [("pretrained backbone", 2)]
    assert kinds(make(tmp_path / "run", ["state.json", "variables.npz"])) == [("checkpoint", 2)]
    assert kinds(version(tmp_path / "version")) == [("exported version", 3)]


def test_versions_are_checked_in_their_order(served):
    table = kzoo.verify(served)
    assert [row[:3] for row in table.rows] == [(str(served / name), "exported version", 3) for name in ("2", "10")]
    assert "as it was written" in str(table)


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "assets.extra/labels.txt"])
@pytest.mark.parametrize("how", ["flipped", "gone"])
def test_each_file_of_a_version_is_covered(served, name, how):
    path = served / "10" / name
    if how == "gone":
        path.unlink()
    else:
        path.write_text("0123456788")
    with pytest.raises(
        DamagedError, match=f"10 is damaged .{'missing' if how == 'gone' else 'changed'}: {name}"
    ) as found:
        kzoo.verify(served)
    assert f"{served}/2" not in str(found.value)
    assert [bool(each.damage) for each in check(served)] == [False, True]


def test_a_file_that_was_added_is_damage(served):
    (served / "2" / "assets.extra" / "extra").write_text("")
    with pytest.raises(DamagedError, match=r"not in assets.extra/SHA256SUMS: assets.extra/extra"):
        kzoo.verify(served)


def test_what_has_no_checksums_cannot_be_verified(served, saved):
    (served / "3").mkdir()
    (served / "2" / "assets.extra" / "SHA256SUMS").unlink()
    (saved / "SHA256SUMS").unlink()
    assert [each.damage.partition(" has ")[2][:24] for each in check(served)] == ["no readable assets.extra"] * 2 + [""]
    with pytest.raises(DamagedError, match="saved has no readable SHA256SUMS"):
        kzoo.verify(saved)


@pytest.mark.parametrize(
    ("path", "error", "told"),
    [
        ("nowhere", FileNotFoundError, "There is no directory .*nowhere"),
        ("empty", ValueError, "empty contains nothing that kzoo wrote"),
        ("file", FileNotFoundError, "There is no directory .*file"),
    ],
)
def test_what_kzoo_did_not_write_is_told(tmp_path, path, error, told):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(error, match=told):
        kzoo.verify(tmp_path / path)


def test_an_empty_path_is_told():
    with pytest.raises(ValueError, match="verify needs the path of a directory"):
        kzoo.verify("")
