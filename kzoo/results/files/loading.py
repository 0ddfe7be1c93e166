"""Loading: a saved folder, whichever kind of model it holds."""

from __future__ import annotations

from pathlib import Path

from kzoo.results.adapted import Adapted
from kzoo.results.alignment.aligned import Aligned, is_aligned, load_aligned
from kzoo.results.files.saving import read
from kzoo.results.pretrained import Pretrained


def load(directory: str | Path) -> Adapted | Pretrained | Aligned:
    """The model that `Adapted.save`, `Pretrained.save` or `Aligned.save` wrote. No code runs that is in the files.

    Args:
        directory: where it was saved.

    Returns:
        A `kzoo.Adapted` where the folder holds a model with a head, a `kzoo.Aligned` where it holds two towers, else a
        `kzoo.Pretrained`.

    Raises:
        FileNotFoundError: there is nothing.
        DamagedError: a file is missing, changed or foreign, or a newer kzoo wrote it.
    """
    if is_aligned(Path(directory)):
        return load_aligned(Path(directory))
    values = read(directory)
    if "head" in values:
        return Adapted(**values)
    return Pretrained(values["card"], values["network"], values["record"])
