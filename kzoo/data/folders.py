"""Folders of class folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kzoo.data.examples import SPLIT_NAMES, Examples, Raw
from kzoo.data.image import SUFFIXES


def read_folder(root: Path) -> Raw:
    """A folder of class folders, or of split folders of class folders; pictures at any depth below a class.

    Hidden files are passed over; files of other kinds are set aside.

    Raises:
        ValueError: there are no class folders, or no pictures.
    """
    children = _folders(root)
    splits = {SPLIT_NAMES[child.name.lower()]: child for child in children if child.name.lower() in SPLIT_NAMES}
    if "train" in splits:
        found = {split: _read_classes(folder) for split, folder in splits.items()}
        ignored = [child.name for child in children if child.name.lower() not in SPLIT_NAMES]
        notes = [f"Folders beside the splits are not used: {', '.join(ignored)}"] if ignored else []
    else:
        found, notes = {"all": _read_classes(root)}, []
    merged = {split: examples for split, (examples, _, _) in found.items()}
    if not any(len(examples) for examples in merged.values()):
        raise ValueError(f"No pictures in the class folders of {root}. Kinds: {', '.join(SUFFIXES)}.")
    for _, more, _ in found.values():
        notes += more
    return Raw(merged, None, notes, [x for _, _, aside in found.values() for x in aside])


def _read_classes(root: Path) -> tuple[Examples, list[str], list[tuple[str, str]]]:
    """Examples, notes, and files set aside, of one folder of class folders."""
    classes = _folders(root)
    loose = [path for path in root.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not classes:
        kind = (
            f"{len(loose)} pictures but no class folders: they are unlabelled"
            if loose
            else "neither class folders nor pictures"
        )
        raise ValueError(f"{root} holds {kind}. Put the pictures of each class into a folder named after it.")
    paths: list[str] = []
    labels: list[str] = []
    notes = [f"{len(loose)} pictures directly in {root.name}/ have no label and are not used"] if loose else []
    set_aside: list[tuple[str, str]] = []
    for folder in classes:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
        pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
        others = [path for path in files if path.suffix.lower() not in SUFFIXES]
        set_aside += [(str(path), f"not a kind of picture that is read: {path.suffix or path.name}") for path in others]
        if not pictures:
            notes.append(f"Class folder {folder.name!r} in {root.name}/ has no pictures and is left out")
        paths += map(str, pictures)
        labels += [folder.name] * len(pictures)
    return Examples({"image": _objects([os.path.abspath(path) for path in paths])}, labels, paths), notes, set_aside


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))


def _objects(values: list[str]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
