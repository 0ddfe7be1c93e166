"""A dirty copy of TrashNet: everything that was planted and can be found is found, with few false alarms."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import kzoo
from kzoo.cli.main import main

pytestmark = pytest.mark.real

NEAR = "near duplicates across splits"


def copy_of(image, path, number):
    """A near duplicate: cropped by 2%, resized to 90%, and encoded with another quality; or one of these alone."""
    width, height = image.size
    cut = (round(0.02 * width), round(0.02 * height), width, height) if number % 4 in (0, 3) else (0, 0, width, height)
    image = image.crop(cut)
    if number % 4 in (1, 3):
        image = image.resize((round(0.9 * image.width), round(0.9 * image.height)))
    image.save(path, quality=50 if number % 4 in (2, 3) else 90)


@pytest.fixture(scope="module")
def dirty(shared, tmp_path_factory):
    """Train and test folders of 396 images, and by name what was planted."""
    root, rng = tmp_path_factory.mktemp("dirty") / "trash", np.random.default_rng(0)
    train = []
    for folder in sorted((shared / "data" / "trashnet").iterdir()):
        files = sorted(folder.glob("*.jpg"))
        for place, index in enumerate(rng.permutation(len(files))[:66].tolist()):
            target = root / ("test" if place % 6 == 0 else "train") / folder.name / files[index].name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(files[index], target)
            if place % 6:
                train.append(target)
    picked = [train[index] for index in rng.permutation(len(train))[:40].tolist()]
    planted = {"near": [], "turned": [], "tagged": [], "unreadable": []}
    for number, path in enumerate(picked[:20]):
        target = root / "test" / path.parent.name / f"again_{path.name}"
        copy_of(Image.open(path), target, number)
        planted["near"].append((str(path), str(target)))
    for path in picked[20:25]:
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path, quality=90)
        planted["turned"].append(str(path))
    for path in picked[25:30]:
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path, quality=90, exif=exif)
        planted["tagged"].append(str(path))
    for number, path in enumerate(picked[30:35]):
        data = path.read_bytes()
        path.write_bytes([b"", b"<html>not found</html>", data[:100], data[:300] + bytes(2_000), data[2:]][number])
        planted["unreadable"].append(str(path))
    return root, planted


@pytest.fixture(scope="module")
def found(dirty):
    return kzoo.doctor(dirty[0], verbose=0)


def test_every_near_duplicate_is_found(found, dirty):
    pairs = {frozenset((*each.names, *each.like)) for each in found.of_kind(NEAR)}
    print(found)
    assert {frozenset(pair) for pair in dirty[1]["near"]} <= pairs
    assert len(pairs) <= 20 + 4
    assert all("again_" in each.todo for each in found.of_kind(NEAR) if "again_" in each.like[0])


def test_every_unreadable_file_is_found(found, dirty):
    names = [name for each in found.of_kind("unreadable or empty") for name in each.names]
    assert sorted(names) == sorted(dirty[1]["unreadable"])
    assert found.unusable == 5


def test_images_that_are_turned_by_90_degrees_are_found(found, dirty):
    names = [each.names[0] for each in found.of_kind("rotation")]
    assert sorted(names) == sorted(dirty[1]["turned"] + dirty[1]["tagged"])


def test_the_rest_is_quiet(found):
    assert len(found.findings) <= 20 + 4 + 5 + 10 + 12


def test_the_command_says_so_and_writes_a_list(dirty, tmp_path, capsys):
    root, planted = dirty
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert main(["doctor", str(root), "--json", "--fix", str(tmp_path / "todo.csv")]) == 1
    values = json.loads(capsys.readouterr().out)
    assert values["serious"] >= 25
    lines = (tmp_path / "todo.csv").read_text().splitlines()
    assert lines[0] == "name,finding,suggestion"
    assert f"{planted['unreadable'][0]},unreadable or empty,remove" in lines
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
