"""Values with their intervals, one below the other: a heading for each group, a line for each of its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reassess.report.figures import Drawing, Size
from reassess.report.style import GRID, INK, MUTED, SERIES, WIDTH, number, shortened

__all__ = ["Intervals", "Mark", "intervals_on", "size_of_intervals"]

_LINE = 0.185  # inches
_AROUND = 0.62  # inches of what stands above and below
_GAP = 0.35  # lines between groups
_HEADING = 1.0  # lines from a heading to its first value
_MARGIN = 0.05  # of what is drawn, beside it


@dataclass(frozen=True)
class Mark:
    """A value and its interval, which may not be known."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Intervals:
    """What is drawn.

    Parameters
    ----------
    groups
        Their headings.
    series
        By name, a mark for each group, or None.
    axis
        What the values are, and their unit.
    form
        How the value of a mark is written.
    reference
        A value to compare with, and what it is.
    chances
        For each group, a value to compare with, drawn as a cross line; and what they are.
    """

    groups: Sequence[str]
    series: Mapping[str, Sequence[Mark | None]]
    axis: str
    form: str
    reference: tuple[float, str] | None = None
    chances: tuple[Sequence[float | None], str] | None = None


def size_of_intervals(found: Intervals) -> Size:
    """Width and height, in inches."""
    entries = len(_entries(found))
    return WIDTH, _AROUND + _LINE * (_lines(found) + (entries if entries > 1 else 0))


def intervals_on(drawing: Drawing, found: Intervals) -> None:
    """Draw values with their intervals."""
    axes, step = drawing.axes, _step(found)
    for i, group in enumerate(found.groups):
        top = i * step
        drawing.above(top, shortened(group))
        for j, (name, marks) in enumerate(found.series.items()):
            if (mark := marks[i]) is not None:
                _draw_mark(drawing, mark, top + _HEADING + j, j, found.form)
                drawing.words.append(f"{group}, {name}: {_in_words(mark, found.form)}")
        if found.chances is not None and (chance := found.chances[0][i]) is not None:
            ends = top + _HEADING - 0.45, top + _HEADING + len(found.series) - 0.55
            axes.plot([chance, chance], ends, color=INK, linewidth=1.4, zorder=4)
            drawing.words.append(f"{group}, {found.chances[1]}: {number(chance, found.form)}")
    _finish(drawing, found)


def _draw_mark(drawing: Drawing, mark: Mark, y: float, series: int, form: str) -> None:
    axes, style = drawing.axes, SERIES[series % len(SERIES)]
    if mark.interval is not None:
        axes.plot(mark.interval, [y, y], "-", color=style.colour, linewidth=1.8, solid_capstyle="butt", zorder=3)
    axes.plot([mark.value], [y], style.marker, color=style.colour, markersize=5, markeredgecolor="white", zorder=5)
    transform = axes.get_yaxis_transform()
    axes.text(1.015, y, number(mark.value, form), color=style.colour, transform=transform, verticalalignment="center")


def _finish(drawing: Drawing, found: Intervals) -> None:
    axes = drawing.axes
    values = [bound for marks in found.series.values() for mark in marks if mark for bound in _extent(mark)]
    values += [] if found.reference is None else [found.reference[0]]
    values += [] if found.chances is None else [chance for chance in found.chances[0] if chance is not None]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    free = _MARGIN * (high - low) or 1.0
    axes.set(xlabel=found.axis, xlim=(low - free, high + free), ylim=(_lines(found) - 0.4, -0.7), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    if found.reference is not None:
        axes.axvline(found.reference[0], color=MUTED, linewidth=1, linestyle="--", zorder=2)
    _draw_key(drawing, found)


def _draw_key(drawing: Drawing, found: Intervals) -> None:
    from matplotlib.lines import Line2D

    entries = _entries(found)
    if len(entries) > 1:
        handles = [Line2D([], [], **style) for style in entries.values()]
        names = [shortened(name) for name in entries]
        drawing.key(handles, names)


def _entries(found: Intervals) -> dict[str, dict[str, Any]]:
    """What the key names, and how it is drawn."""
    styles = [SERIES[i % len(SERIES)] for i in range(len(found.series))]
    entries: dict[str, dict[str, Any]] = {
        name: {"color": style.colour, "marker": style.marker, "markeredgecolor": "white", "linewidth": 1.8}
        for name, style in zip(found.series, styles, strict=True)
    }
    if found.reference is not None:
        entries[found.reference[1]] = {"color": MUTED, "linestyle": "--", "linewidth": 1}
    if found.chances is not None:
        entries[found.chances[1]] = {"color": INK, "marker": "|", "markersize": 9, "linewidth": 0}
    return entries


def _step(found: Intervals) -> float:
    """Lines from one group to the next."""
    return _HEADING + len(found.series) + _GAP


def _lines(found: Intervals) -> float:
    return len(found.groups) * _step(found)


def _extent(mark: Mark) -> tuple[float, ...]:
    return (mark.value,) if mark.interval is None else (mark.value, *mark.interval)


def _in_words(mark: Mark, form: str) -> str:
    value = number(mark.value, form)
    if mark.interval is None:
        return value
    return f"{value} ({' to '.join(number(bound, form) for bound in mark.interval)})"
