"""Folders of class folders."""

from __future__ import annotations

from pathlib import Path

from kzoo.data.examples import SPLIT_NAMES, Examples, Raw
from kzoo.data.modalities import Modality


def read_folder(root: Path, modality: Modality) -> Raw:
    """A folder of class folders, or of split folders of class folders; files at any depth below a class.

    Hidden files are passed over; files of other kinds are set aside.

    Raises:
        ValueError: there are no class folders, or nothing of the modality in them.
    """
    children = _folders(root)
    splits = {SPLIT_NAMES[child.name.lower()]: child for child in children if child.name.lower() in SPLIT_NAMES}
    if "train" in splits:
        found = {split: _read_classes(folder, modality) for split, folder in splits.items()}
        ignored = [child.name for child in children if child.name.lower() not in SPLIT_NAMES]
        notes = [f"Folders beside the splits are not used: {', '.join(ignored)}"] if ignored else []
    else:
        found, notes = {"all": _read_classes(root, modality)}, []
    merged = {split: examples for split, (examples, _, _) in found.items()}
    if not any(len(examples) for examples in merged.values()):
        kinds = ", ".join(modality.suffixes)
        raise ValueError(f"No {modality.noun}s in the class folders of {root}. Kinds: {kinds}.")
    for _, more, _ in found.values():
        notes += more
    return Raw(merged, None, notes, [x for _, _, aside in found.values() for x in aside])


def _read_classes(root: Path, modality: Modality) -> tuple[Examples, list[str], list[tuple[str, str]]]:
    """Examples, notes, and files set aside, of one folder of class folders."""
    classes, nouns = _folders(root), modality.noun + "s"
    loose = [path for path in root.iterdir() if path.suffix.lower() in modality.suffixes and path.is_file()]
    if not classes:
        kind = (
            f"{len(loose)} {nouns} but no class folders: they are unlabelled"
            if loose
            else f"neither class folders nor {nouns}"
        )
        raise ValueError(f"{root} holds {kind}. Put the {nouns} of each class into a folder named after it.")
    paths: list[Path] = []
    labels: list[str] = []
    notes = [f"{len(loose)} {nouns} directly in {root.name}/ have no label and are not used"] if loose else []
    set_aside: list[tuple[str, str]] = []
    for folder in classes:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
        found = [path for path in files if path.suffix.lower() in modality.suffixes]
        others = [path for path in files if path.suffix.lower() not in modality.suffixes]
        what = f"not a kind of {modality.noun} that is read"
        set_aside += [(str(path), f"{what}: {path.suffix or path.name}") for path in others]
        if not found:
            notes.append(f"Class folder {folder.name!r} in {root.name}/ has no {nouns} and is left out")
        paths += found
        labels += [folder.name] * len(found)
    column = modality.collect([modality.open(path) for path in paths])
    return Examples({modality.name: column}, labels, list(map(str, paths))), notes, set_aside


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
