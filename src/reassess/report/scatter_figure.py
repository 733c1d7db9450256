"""Models by their two accuracies, each with both intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reassess.report.figures import Drawing, along
from reassess.report.interval_figure import Mark
from reassess.report.leaderboard_figure import draw_levels, frame_accuracies
from reassess.report.style import LONGEST, MUTED, SERIES, Series
from reassess.text import percentage, shortened

__all__ = ["MOST_NAMED", "Spot", "scatter_on"]

MOST_NAMED = 10
_OTHERS = Series(MUTED, ".")
_SAMPLES = 24  # places along an interval that names should not cover


@dataclass(frozen=True)
class Spot:
    """A model, and its accuracies by original and by re-assessed labels, in percent."""

    name: str
    original: Mark
    real: Mark


def scatter_on(drawing: Drawing, spots: Sequence[Spot], level: float | None, label_set: str) -> None:
    """Draw models by their accuracies, and the level of the original labels themselves.

    The first few have names, and if there are no more of them than colours, their accuracies beside these.
    """
    for i, spot in enumerate(spots):
        style = SERIES[i] if i < len(SERIES) else _OTHERS
        at = np.array([[spot.original.value, spot.real.value]])
        for axis, part in enumerate((spot.original, spot.real)):
            ends = np.repeat(at, 2, axis=0)
            ends[:, axis] = part.interval or part.value
            drawing.axes.plot(*ends.T, "-", color=style.colour, linewidth=1.2, zorder=4)
            drawing.drawn.append(along(ends, _SAMPLES))
        drawing.axes.plot(*at.T, style.marker, color=style.colour, markersize=6, markeredgecolor="white", zorder=5)
        values = f"{percentage(spot.original.value)}, {label_set} {percentage(spot.real.value)}"
        drawing.words.append(f"{spot.name}: original {values}")
        if i < MOST_NAMED:
            name = shortened(spot.name, LONGEST)
            text = name if len(spots) > len(SERIES) else f"{name}\n{values}"
            drawing.name(text, at, color=style.colour)
    frame_accuracies(drawing, label_set)
    draw_levels(drawing, level)
