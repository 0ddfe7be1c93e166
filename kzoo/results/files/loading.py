"""Loading: a saved folder, whichever kind of model it holds."""

from __future__ import annotations

from pathlib import Path

from kzoo.results.adapted import Adapted
from kzoo.results.files.saving import read
from kzoo.results.pretrained import Pretrained


def load(directory: str | Path) -> Adapted | Pretrained:
    """The model that `Adapted.save` or `Pretrained.save` wrote. No code runs that is in the files.

    Args:
        directory: where it was saved.

    Returns:
        A `kzoo.Adapted` where the folder holds a model with a head, else a `kzoo.Pretrained`.

    Raises:
        FileNotFoundError: there is nothing.
        DamagedError: a file is missing, changed or foreign, or a newer kzoo wrote it.
    """
    values = read(directory)
    if "head" in values:
        return Adapted(**values)
    return Pretrained(values["card"], values["network"], values["record"])
