"""Models by their two accuracies, each with both intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reassess.report.figures import Drawing, along
from reassess.report.leaderboard_figure import draw_levels, frame_accuracies
from reassess.report.look import SERIES

__all__ = ["Spot", "scatter_on"]

_SAMPLES = 24  # places along an interval that names should not cover


@dataclass(frozen=True)
class Spot:
    """A model: its accuracies by original and by re-assessed labels, and their intervals, in percent."""

    name: str
    original: float
    real: float
    original_interval: tuple[float, float]
    real_interval: tuple[float, float]


def scatter_on(drawing: Drawing, spots: Sequence[Spot], level: float | None) -> None:
    """Draw models by their accuracies, and the level of the original labels themselves, in percent."""
    for i, spot in enumerate(spots):
        style = SERIES[i % len(SERIES)]
        at = np.array([[spot.original, spot.real]])
        for interval, axis in ((spot.original_interval, 0), (spot.real_interval, 1)):
            ends = np.repeat(at, 2, axis=0)
            ends[:, axis] = interval
            drawing.axes.plot(*ends.T, "-", color=style.colour, linewidth=1.2, zorder=4)
            drawing.drawn.append(along(ends, _SAMPLES))
        size = {"markersize": 6, "markeredgecolor": "white"}
        drawing.axes.plot(*at.T, style.marker, color=style.colour, zorder=5, **size)
        drawing.name(f"{spot.name}\n{spot.original:.2f}, ReaL {spot.real:.2f}", at, color=style.colour)
    frame_accuracies(drawing)
    draw_levels(drawing, level)
