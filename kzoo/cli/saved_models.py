"""Saved models, as commands take them."""

from __future__ import annotations

import kzoo


def load_saved(directory: str) -> kzoo.Adapted:
    """The model of a saved folder, which must have a head."""
    found = kzoo.load(directory)
    if not isinstance(found, kzoo.Adapted):
        raise ValueError(f"{directory} is a backbone without a head. Train a head with: kzoo adapt {directory} DATA")
    return found
