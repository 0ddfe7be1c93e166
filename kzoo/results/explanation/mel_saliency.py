"""Explanations of recordings: a map over the times and frequencies of the spectrogram of each, and its figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from kzoo.core import figures
from kzoo.core.figures import PictureAxes
from kzoo.data.audio.column import open_recording
from kzoo.data.audio.preprocess import AudioPreprocessor
from kzoo.data.audio.reader import AudioReader
from kzoo.results.explanation.grad_cam import make_locator, mean_grid
from kzoo.results.explanation.heat import as_jpeg, overlay
from kzoo.results.explanation.subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL = 240
"""Pixels of the longer side of a spectrogram in a table of a notebook."""


@dataclass(frozen=True, eq=False, repr=False)
class RecordingExplanation:
    """When and at which frequencies a recording speaks for an output.

    Args:
        name: of the input.
        label: the output that is explained.
        output: its probability, or its value.
        method: ``"Grad-CAM"``, or ``"gradient x input"`` for a network without a feature map.
        map: float32 (steps, bands) in [0, 1]; an encoder that only knows times has the same value in all bands.
        spectrogram: float32 (steps, bands) in [0, 1], from 80 dB below the loudest to the loudest.
        times: seconds at the middle of each step, float32 (steps,), from the beginning of the window.
        frequencies: Hz at the middle of each band, float32 (bands,); numbers of bands for Whisper.
        grids: float32 (h, w) in [0, 1], of each feature map by name, as coarse as it is.
        axes: labels and marks for figures.
    """

    name: str
    label: str
    output: float
    method: str
    map: np.ndarray
    spectrogram: np.ndarray
    times: np.ndarray
    frequencies: np.ndarray
    grids: Mapping[str, np.ndarray]
    axes: PictureAxes
    error: str | None = None

    @property
    def strongest(self) -> str:
        """When, and at which frequency, the map is highest, in words."""
        if not self.map.any():
            return "nowhere"
        step, band = np.unravel_index(np.argmax(self.map), self.map.shape)
        at = f"at {self.times[step]:.2f} s"
        if np.ptp(self.map[step]) < 1e-6:
            return at
        return f"{at}, {self.frequencies[band]:,.0f} Hz" if "Hz" in self.axes.y else f"{at}, band {band}"

    def overlay(self) -> np.ndarray:
        """The spectrogram in grey under the colours of the map, uint8 (bands, steps, 3), low notes at the bottom."""
        grey = np.round(255 * upright(self.spectrogram)).astype(np.uint8)
        return overlay(np.repeat(grey[..., None], 3, axis=-1), upright(self.map))

    def thumbnail(self) -> bytes:
        """The overlay as a small JPEG."""
        factor = max(SMALL // max(self.map.shape), 1)
        return as_jpeg(self.overlay().repeat(factor, axis=0).repeat(factor, axis=1), side=SMALL)

    def plot(self) -> Figure:
        """The spectrogram, and the map over it, as a matplotlib figure (extra ``viz``)."""
        return draw_recordings([self])

    def __str__(self) -> str:
        return f"{self.name}: {self.label} {self.output:.3f}, {self.method}, highest {self.strongest}"

    __repr__ = __str__


def upright(features: np.ndarray) -> np.ndarray:
    """Values of steps and bands, (steps, bands), as an image of them, (bands, steps), low notes at the bottom."""
    return features.T[::-1]


@figures.styled
def draw_recordings(explanations: Sequence[RecordingExplanation]) -> Figure:
    """Each spectrogram, and beside it the map over it."""
    figure, places = figures.panels(
        2 * len(explanations), width=3.4, height=2.5, across=4 if len(explanations) > 1 else 2
    )
    for place in places[2 * len(explanations) :]:
        place.axis("off")
    for number, each in enumerate(explanations):
        heard, over = places[2 * number], places[2 * number + 1]
        extent = (0.0, each.axes.width, 0.0, 1.0)
        heard.imshow(upright(each.spectrogram), cmap="gray", vmin=0, vmax=1, aspect="auto", extent=extent)
        over.imshow(each.overlay(), aspect="auto", extent=extent)
        for axis, title in ((heard, each.name), (over, f"{each.label} {each.output:.3g}")):
            _mark(axis, each.axes, title)
    return figure


def _mark(axis: Axes, axes: PictureAxes, title: str) -> None:
    axis.grid(False)
    axis.set_title(figures.shortened(title, 36), fontsize=9)
    axis.set_yticks([at for at, _ in axes.ticks], [text for _, text in axes.ticks])
    axis.set(xlabel=axes.x, ylabel=axes.y)


def explain_recordings(
    subject: Subject,
) -> Callable[[np.ndarray, np.ndarray, Sequence[str]], list[RecordingExplanation]]:
    """From values of a column, the same as the network takes them, and names to explanations."""
    locate = make_locator(subject)
    preprocessor = cast(AudioPreprocessor, subject.preprocessor)

    def explain(values: np.ndarray, examples: np.ndarray, names: Sequence[str]) -> list[RecordingExplanation]:
        located = locate(examples)
        found = []
        for place, (value, name, (label, output)) in enumerate(zip(values, names, located.answers, strict=True)):
            grids = {each: grid[place] for each, grid in located.grids.items()}
            heard = spectrogram_of(value, preprocessor)
            steps, bands = heard.shape
            if preprocessor.edge:
                # The network saw an image of it: (bands, steps), low notes at the bottom.
                heat = mean_grid(list(grids.values()), bands, steps)[::-1].T
            else:
                heat = mean_grid(list(grids.values()), steps, bands)
            times = (np.arange(steps, dtype=np.float32) + 0.5) * np.float32(preprocessor.axes.width / steps)
            found.append(
                RecordingExplanation(
                    *(name, label, output, located.method, np.ascontiguousarray(heat), heard, times),
                    *(preprocessor.front.frequencies(), grids, preprocessor.axes),
                )
            )
        return found

    return explain


def spectrogram_of(recording: str | bytes, preprocessor: AudioPreprocessor) -> np.ndarray:
    """The spectrogram of the window of a recording that the network hears, float32 (steps, bands) in [0, 1].

    Raises:
        OSError: it cannot be read any more.
    """
    wav, reason = open_recording(recording)
    if reason:
        raise OSError(f"A recording cannot be read any more: {reason}")
    column = np.empty(1, dtype=object)
    column[0] = wav
    image = AudioReader(column, preprocessor).image(0, "none")
    return np.clip(image[::-1, :, 0].T / 255, 0, 1).astype(np.float32)
