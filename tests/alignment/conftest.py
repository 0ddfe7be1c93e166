"""Images of colours and texts that name them."""

from typing import Any

import numpy as np
import pytest

import kzoo

COLOURS = ("red", "green", "blue")
SAID = ("a {} square", "this looks {}", "{} paint", "something {} here", "the colour is {}")


def pairs_of(count: int, *, seed: int) -> dict[str, Any]:
    """Images uint8 (N, 12, 12, 3), texts that differ, and the colours of both."""
    rng = np.random.default_rng(seed)
    places = np.arange(count) % 3
    images = rng.integers(0, 60, (count, 12, 12, 3))
    images[np.arange(count), :, :, places] += 180
    colours = [COLOURS[place] for place in places]
    texts = [
        f"{SAID[number % len(SAID)].format(colour)} {seed * 1000 + number}" for number, colour in enumerate(colours)
    ]
    return {"image": images.astype(np.uint8), "text": texts, "colour": colours}


@pytest.fixture(scope="session")
def table() -> dict[str, Any]:
    """120 pairs."""
    made = pairs_of(120, seed=0)
    return {"image": list(made["image"]), "text": made["text"]}


@pytest.fixture(scope="session")
def aligned(table: dict[str, Any]) -> kzoo.Aligned:
    """Both nano backbones, aligned on them."""
    return kzoo.align("kzoo_nano_image", "kzoo_nano_text", table, verbose=0)
