"""Folders with one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from kzoo.data.examples import SPLIT_NAMES, Examples, RawData
from kzoo.data.groups import find_groups, of_paths
from kzoo.data.modalities import MODALITIES
from kzoo.data.seams import Modality
from kzoo.data.sources.source_query import SourceQuery
from kzoo.data.text.encoding import decode_text


def read_folder(root: Path, wanted: SourceQuery) -> RawData:
    """A folder of class folders, or of split folders of class folders; files at any depth below a class.

    Hidden files are ignored; other kinds of files are set aside. With a function for the label, files may be anywhere
    below the folder.

    Raises:
        ValueError: there are no class folders, or no examples of the modality in them.
    """
    wanted.refuse_parts("a folder")
    children, modality = _folders(root), wanted.modality
    splits = {SPLIT_NAMES[child.name.lower()]: child for child in children if child.name.lower() in SPLIT_NAMES}
    if "train" in splits:
        found = {split: _read_classes(folder, wanted) for split, folder in splits.items()}
        ignored = [child.name for child in children if child.name.lower() not in SPLIT_NAMES]
        notes = [f"Folders beside the split folders are not used: {', '.join(ignored)}"] if ignored else []
    else:
        found, notes = {"all": _read_classes(root, wanted)}, []
    merged = {split: examples for split, (examples, _, _) in found.items()}
    if not any(len(examples) for examples in merged.values()):
        kinds = ", ".join(modality.suffixes)
        raise ValueError(f"No {modality.noun}s in the class folders of {root}. Accepted files: {kinds}.")
    for _, more, _ in found.values():
        notes += more
    return RawData(merged, None, notes, [x for _, _, aside in found.values() for x in aside])


def _read_classes(root: Path, wanted: SourceQuery) -> tuple[Examples, list[str], list[tuple[str, str]]]:
    """Examples, notes, and files set aside, of one folder of class folders."""
    modality = wanted.modality
    if callable(wanted.label):
        return _read_files(root, wanted, wanted.label)
    classes, nouns = _folders(root), modality.noun + "s"
    loose = [path for path in root.iterdir() if path.suffix.lower() in modality.suffixes and path.is_file()]
    if not classes:
        kind = (
            f"{len(loose)} {nouns} but no class folders, so they have no labels"
            if loose
            else f"neither class folders nor {nouns}"
        )
        raise ValueError(f"{root} contains {kind}. {_hint(root, modality)}")
    paths: list[Path] = []
    labels: list[str] = []
    notes = [f"{len(loose)} {nouns} directly in {root.name}/ have no label and are not used"] if loose else []
    set_aside: list[tuple[str, str]] = []
    for folder in classes:
        found, others = _files(folder, wanted)
        set_aside += others
        if not found:
            notes.append(f"Class folder {folder.name!r} in {root.name}/ has no {nouns} and is not used")
        paths += found
        labels += [_label_of(folder)] * len(found)
    return _examples(paths, labels, wanted, root), notes, set_aside


def read_files(root: Path, wanted: SourceQuery) -> RawData | None:
    """All files of the modality below a folder, at any depth, without labels; None where there are none."""
    wanted.refuse_parts("a folder")
    files = sorted(
        each for each in root.rglob("*") if each.suffix.lower() in wanted.modality.suffixes and each.is_file()
    )
    if not files:
        return None
    return RawData({"all": _examples(files, [None] * len(files), wanted, root)})


def _label_of(folder: Path) -> str:
    """The name of a folder. Its bytes may have any encoding."""
    return decode_text(os.fsencode(folder.name))[0]


def _read_files(
    root: Path, wanted: SourceQuery, label: Callable[[Path], object]
) -> tuple[Examples, list[str], list[tuple[str, str]]]:
    """All files below a folder, with the labels that a user's function gives them."""
    paths, set_aside = _files(root, wanted)
    return _examples(paths, of_paths(label, paths, what="label", source=str(root)), wanted, root), [], set_aside


def _files(folder: Path, wanted: SourceQuery) -> tuple[list[Path], list[tuple[str, str]]]:
    """Files of the modality below a folder, in order; and the others, with a reason."""
    modality = wanted.modality
    # Path.rglob ignores folders without permission to read.
    below = (Path(root, name) for root, _, names in os.walk(folder, onerror=_raise) for name in names)
    files = [path for path in sorted(below) if path.is_file() and not path.name.startswith(".")]
    what = f"not a supported {modality.noun} file"
    found = [path for path in files if path.suffix.lower() in modality.suffixes]
    others = [path for path in files if path.suffix.lower() not in modality.suffixes]
    return found, [(str(path), f"{what}: {path.suffix or path.name}") for path in others]


def _raise(error: OSError) -> None:
    raise error


def _examples(paths: list[Path], labels: Sequence[object], wanted: SourceQuery, root: Path) -> Examples:
    column = wanted.modality.collect([wanted.modality.open(path) for path in paths])
    groups = find_groups(wanted, columns={}, paths=paths, source=f"The folder {root.name}")
    return Examples({wanted.modality.name: column}, labels, list(map(str, paths)), groups=groups)


def _hint(root: Path, modality: Modality) -> str:
    hint = (
        f"Put the {modality.noun}s of each class into a folder with its name, or pass label= as a function of a path."
    )
    files = [path for path in root.rglob("*") if path.is_file()]
    for other in MODALITIES.values():
        found = [path for path in files if path.suffix.lower() in other.suffixes]
        if other is not modality and found:
            hint += f" It has {other.noun}s, such as {found[0].name}. To use them, pass {other.name}=."
    return hint


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
