"""Values with their intervals, one below the other, in the style of the charts of a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reassess.report.figures import Drawing, Size
from reassess.text import shortened

WIDTH = 4.5  # inches: letters of 9 points have 9 pixels on a screen of 360 pixels
SQUARE = (WIDTH, 4.3)
INK, MUTED = "#222222", "#666666"
MOST_DRAWN = 12  # models, or pairs of them; the table beside a chart has all
LONGEST = 42  # characters that fit into the width
# Colours of neighbouring parts of a bar; each differs in lightness from the one before.
_PART_COLOURS = ("#14406b", "#c9a227", "#5b8fbf", "#e8b7c8", "#8c2d19", "#d9d9d9", "#6e6e6e")
_LINE = 0.185  # inches
_INTERVALS_AROUND = 0.62  # inches of what stands above and below
_GAP = 0.35  # lines between groups
_HEADING = 1.0  # lines from a heading to its first value
_MARGIN = 0.05  # of what is drawn, beside it
_STACKS_AROUND = 0.68  # inches of what stands above and below stacked bars
_STEP = 2.3  # lines from one bar to the next: a heading, and the bar
_DIGIT, _BESIDE = 0.0158, 0.008  # of the width of the axes, that a digit needs, and the edges of a part
_DARK = 0.5  # a colour of less lightness has white numbers


class Series(NamedTuple):
    """How the values of one series are drawn."""

    colour: str
    marker: str


SERIES = (
    Series("#0060a0", "o"),
    Series("#b34700", "s"),
    Series("#000000", "D"),
    Series("#7b3294", "^"),
    Series("#4d7c0f", "v"),
    Series("#6e6e6e", "P"),
)


def number(value: float, form: str) -> str:
    """A number with the minus sign that the axes of charts use."""
    return format(value, form).replace("-", "\N{MINUS SIGN}")


def sentence(text: str) -> str:
    """Words that other outputs show in a line of their own, as a sentence of a page."""
    return f"{text[0].upper()}{text[1:]}."


@dataclass(frozen=True)
class Mark:
    """A value and its interval; None if the interval is not known."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Intervals:
    """What is drawn."""

    groups: Sequence[str]  # Their headings
    series: Mapping[str, Sequence[Mark | None]]  # By name, a mark for each group, or None
    axis: str  # What the values are, and their unit
    form: str  # How the value of a mark is written
    reference: tuple[float, str] | None = None  # A value to compare with, and what it is
    # For each group, a value to compare with, drawn as a cross line; and what they are
    chances: tuple[Sequence[float | None], str] | None = None


def size_of_intervals(intervals: Intervals) -> Size:
    """Width and height, in inches."""
    entries = len(_entries(intervals))
    return WIDTH, _INTERVALS_AROUND + _LINE * (_lines(intervals) + (entries if entries > 1 else 0))


def intervals_on(drawing: Drawing, intervals: Intervals) -> None:
    """Draw values with their intervals."""
    axes, step = drawing.axes, _step(intervals)
    for i, group in enumerate(intervals.groups):
        top = i * step
        drawing.above(top, shortened(group, LONGEST))
        for j, (name, marks) in enumerate(intervals.series.items()):
            if (mark := marks[i]) is not None:
                _draw_mark(drawing, mark, top + _HEADING + j, j, intervals.form)
                drawing.words.append(f"{group}, {name}: {_in_words(mark, intervals.form)}")
        if intervals.chances is not None and (chance := intervals.chances[0][i]) is not None:
            ends = top + _HEADING - 0.45, top + _HEADING + len(intervals.series) - 0.55
            axes.plot([chance, chance], ends, color=INK, linewidth=1.4, zorder=4)
            drawing.words.append(f"{group}, {intervals.chances[1]}: {number(chance, intervals.form)}")
    _finish_intervals(drawing, intervals)


def _draw_mark(drawing: Drawing, mark: Mark, y: float, series: int, form: str) -> None:
    axes, style = drawing.axes, SERIES[series % len(SERIES)]
    if mark.interval is not None:
        axes.plot(mark.interval, [y, y], "-", color=style.colour, linewidth=1.8, solid_capstyle="butt", zorder=3)
    axes.plot([mark.value], [y], style.marker, color=style.colour, markersize=5, markeredgecolor="white", zorder=5)
    transform = axes.get_yaxis_transform()
    axes.text(1.015, y, number(mark.value, form), color=style.colour, transform=transform, verticalalignment="center")


def _finish_intervals(drawing: Drawing, intervals: Intervals) -> None:
    axes = drawing.axes
    values = [
        bound
        for marks in intervals.series.values()
        for mark in marks
        if mark
        for bound in (mark.value, *(mark.interval or ()))
    ]
    values += [] if intervals.reference is None else [intervals.reference[0]]
    values += [] if intervals.chances is None else [chance for chance in intervals.chances[0] if chance is not None]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    free = _MARGIN * (high - low) or 1.0
    axes.set(xlabel=intervals.axis, xlim=(low - free, high + free), ylim=(_lines(intervals) - 0.4, -0.7), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    if intervals.reference is not None:
        axes.axvline(intervals.reference[0], color=MUTED, linewidth=1, linestyle="--", zorder=2)
    entries = _entries(intervals)
    if len(entries) > 1:
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], **style) for style in entries.values()]
        names = [shortened(name, LONGEST) for name in entries]
        drawing.key(handles, names)


def _entries(intervals: Intervals) -> dict[str, dict[str, Any]]:
    """The entries of the legend, and how each is drawn."""
    styles = [SERIES[i % len(SERIES)] for i in range(len(intervals.series))]
    entries: dict[str, dict[str, Any]] = {
        name: {"color": style.colour, "marker": style.marker, "markeredgecolor": "white", "linewidth": 1.8}
        for name, style in zip(intervals.series, styles, strict=True)
    }
    if intervals.reference is not None:
        entries[intervals.reference[1]] = {"color": MUTED, "linestyle": "--", "linewidth": 1}
    if intervals.chances is not None:
        entries[intervals.chances[1]] = {"color": INK, "marker": "|", "markersize": 9, "linewidth": 0}
    return entries


def _step(intervals: Intervals) -> float:
    """Lines from one group to the next."""
    return _HEADING + len(intervals.series) + _GAP


def _lines(intervals: Intervals) -> float:
    return len(intervals.groups) * _step(intervals)


def _in_words(mark: Mark, form: str) -> str:
    value = number(mark.value, form)
    if mark.interval is None:
        return value
    return f"{value} ({' to '.join(number(bound, form) for bound in mark.interval)})"


@dataclass(frozen=True, eq=False)
class Stacks:
    """What is drawn: for each group, a count by part; and what is counted.

    A part has the colour of its place among the parts; one that is zero everywhere is neither drawn nor named.
    """

    groups: Sequence[str]
    parts: Mapping[str, Sequence[int]]
    axis: str

    @property
    def drawn(self) -> dict[str, tuple[str, Sequence[int]]]:
        """By name, the colour and the counts of each part that is not zero everywhere."""
        coloured = zip(_PART_COLOURS, self.parts.items(), strict=False)
        return {name: (colour, counts) for colour, (name, counts) in coloured if any(counts)}


def size_of_stacks(stacks: Stacks) -> Size:
    """Width and height, in inches."""
    legend_lines = -(-len(stacks.drawn) // _columns(stacks))
    return WIDTH, _STACKS_AROUND + _LINE * (_STEP * len(stacks.groups) + legend_lines)


def stacks_on(drawing: Drawing, stacks: Stacks) -> None:
    """Draw bars of parts."""
    axes = drawing.axes
    totals = [sum(counts) for counts in zip(*stacks.parts.values(), strict=True)]
    longest = max([1, *totals])
    starts = [0] * len(stacks.groups)
    for name, (colour, counts) in stacks.drawn.items():
        bars = [_STEP * i + 1 for i in range(len(stacks.groups))]
        axes.barh(bars, counts, left=starts, height=0.92, color=colour, label=name, edgecolor="white", linewidth=0.7)
        for y, start, count in zip(bars, starts, counts, strict=True):
            if count > longest * (_DIGIT * len(f"{count:,}") + _BESIDE):
                ink = "#ffffff" if _lightness(colour) < _DARK else "#000000"
                axes.text(start + count / 2, y, f"{count:,}", color=ink, ha="center", va="center")
        starts = [start + count for start, count in zip(starts, counts, strict=True)]
    for i, (group, total) in enumerate(zip(stacks.groups, totals, strict=True)):
        drawing.above(_STEP * i, f"{shortened(group, LONGEST)}: {total:,}")
        parts = ", ".join(f"{counts[i]:,} {name}" for name, (_, counts) in stacks.drawn.items())
        drawing.words.append(f"{group}: {total:,}: {parts}")
    _finish_stacks(drawing, stacks, longest)


def _finish_stacks(drawing: Drawing, stacks: Stacks, longest: int) -> None:
    axes = drawing.axes
    axes.set(xlabel=stacks.axis, xlim=(0, 1.02 * longest), ylim=(_STEP * len(stacks.groups) - 0.6, -0.6), yticks=[])
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    drawing.key(*axes.get_legend_handles_labels(), columns=_columns(stacks))


def _columns(stacks: Stacks) -> int:
    return 2 if max(map(len, stacks.drawn), default=0) < 26 else 1


def _lightness(colour: str) -> float:
    """Roughly, from 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.3 * red + 0.59 * green + 0.11 * blue
