"""Explanations of images: a map over the pixels of each, and its figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kzoo.core import figures
from kzoo.data.image.placement import Original, open_original, place
from kzoo.results.explanation.grad_cam import make_locator, mean_grid
from kzoo.results.explanation.heat import as_jpeg, overlay
from kzoo.results.explanation.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL = 160
"""Pixels of the longer side of an image in a table of a notebook."""


@dataclass(frozen=True, eq=False, repr=False)
class ImageExplanation:
    """Where an image speaks for an output.

    Args:
        name: of the input.
        label: the output that is explained.
        output: its probability, or its value.
        method: ``"Grad-CAM"``, or ``"gradient x input"`` for a network without a feature map.
        view: float32 (S, S) in [0, 1], over the pixels that the network saw; of a fusion the mean over its members.
        grids: float32 (h, w) in [0, 1], of each feature map by name, as coarse as it is.
        original: the image, to draw on.
        resize: how the network's view was made of it: ``"crop"``, ``"pad"`` or ``"squash"``.
    """

    name: str
    label: str
    output: float
    method: str
    view: np.ndarray
    grids: Mapping[str, np.ndarray]
    original: Original
    resize: str
    error: str | None = None

    @cached_property
    def map(self) -> np.ndarray:
        """float32 (H, W) in [0, 1], over the pixels of the image, upright; 0 where the network did not see it."""
        return self._placed(self.view)

    @property
    def members(self) -> dict[str, np.ndarray]:
        """Maps like `map`, of each feature map by name: of the members of a fusion or an ensemble."""
        size = self.view.shape
        return {name: self._placed(mean_grid([grid], size[0], size[1])) for name, grid in self.grids.items()}

    @property
    def strongest(self) -> str:
        """Where the map is highest, in words."""
        if not self.view.any():
            return "nowhere"
        row, column = np.unravel_index(np.argmax(self.map), self.map.shape)
        return f"{column / self.map.shape[1]:.0%} from left, {row / self.map.shape[0]:.0%} from top"

    def overlay(self) -> np.ndarray:
        """The image under the colours of the map, uint8 (h, w, 3), the longer side at most 512 pixels."""
        return overlay(self.original.pixels, self.map)

    def thumbnail(self) -> bytes:
        """The overlay as a small JPEG."""
        return as_jpeg(self.overlay(), side=SMALL)

    def plot(self) -> Figure:
        """The image, the map over it, and of several members that of each, as a matplotlib figure (extra ``viz``)."""
        panels = [(self.original.pixels, self.name), (self.overlay(), f"{self.label} {self.output:.3g}")]
        if len(self.grids) > 1:
            panels += [(overlay(self.original.pixels, each), name) for name, each in self.members.items()]
        return draw_panels(panels, across=len(panels))

    def __str__(self) -> str:
        return f"{self.name}: {self.label} {self.output:.3f}, {self.method}, highest {self.strongest}"

    __repr__ = __str__

    def _placed(self, view: np.ndarray) -> np.ndarray:
        return place(view, height=self.original.height, width=self.original.width, resize=self.resize)


@figures.styled
def draw_panels(panels: Sequence[tuple[np.ndarray, str]], *, across: int) -> Figure:
    """Images, uint8 (h, w, 3), side by side, each with a title."""
    figure, axes = figures.panels(len(panels), width=2.6, height=2.8, across=across)
    for axis in axes:
        axis.axis("off")
    for axis, (image, title) in zip(axes, panels, strict=False):
        axis.imshow(image)
        axis.set_title(figures.shortened(title, 36), fontsize=9)
    return figure


def draw_images(explanations: Sequence[ImageExplanation]) -> Figure:
    """Each image, and beside it the map over it."""
    panels = []
    for each in explanations:
        panels += [(each.original.pixels, each.name), (each.overlay(), f"{each.label} {each.output:.3g}")]
    return draw_panels(panels, across=min(len(panels), 4))


def explain_images(subject: Subject) -> Callable[[np.ndarray, np.ndarray, Sequence[str]], list[ImageExplanation]]:
    """From values of a column, the same as the network takes them, and names to explanations."""
    locate = make_locator(subject)
    size, resize = subject.preprocessor.size, str(getattr(subject.preprocessor, "resize", "squash"))

    def explain(values: np.ndarray, examples: np.ndarray, names: Sequence[str]) -> list[ImageExplanation]:
        located = locate(examples)
        found = []
        for place_, (value, name, (label, output)) in enumerate(zip(values, names, located.answers, strict=True)):
            grids = {each: grid[place_] for each, grid in located.grids.items()}
            view = mean_grid(list(grids.values()), size, size)
            found.append(
                ImageExplanation(name, label, output, located.method, view, grids, open_original(value), resize)
            )
        return found

    return explain
