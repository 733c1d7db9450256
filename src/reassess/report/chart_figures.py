"""Plots of values with intervals, and of stacked bars, in the style of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reassess.report.figures import Drawing, FigureSize
from reassess.text import shorten

FIGURE_WIDTH = 4.5  # inches; letters of 9 points then have 9 pixels on a screen 360 pixels wide
SQUARE_SIZE = (FIGURE_WIDTH, 4.3)
INK_COLOUR, MUTED_COLOUR = "#222222", "#666666"
MAX_DRAWN = 12  # models, or pairs of models, in a chart; its table has all
MAX_NAME_LENGTH = 42  # characters that fit into the width
# Neighbouring parts of a bar differ in lightness.
_PART_COLOURS = ("#14406b", "#c9a227", "#5b8fbf", "#e8b7c8", "#8c2d19", "#d9d9d9", "#6e6e6e")
_LINE_HEIGHT = 0.185  # inches
_INTERVALS_MARGIN_HEIGHT = 0.62  # inches above and below the lines, together
_GROUP_GAP = 0.35  # lines of text between groups
_HEADING_LINES = 1.0  # lines from a heading to its first value
_RELATIVE_MARGIN = 0.05  # of the range of values, on each side
_STACKS_MARGIN_HEIGHT = 0.68  # inches above and below the bars, together
_BAR_STEP = 2.3  # lines from one bar to the next, including its heading
_DIGIT_WIDTH, _EDGES_WIDTH = 0.0158, 0.008  # widths of a digit and of the edges of a part, as shares of the axes' width
_MAX_DARK_LIGHTNESS = 0.5  # numbers are white on colours below this lightness


class SeriesStyle(NamedTuple):
    """Colour and marker of a series."""

    colour: str
    marker: str


SERIES_STYLES = (
    SeriesStyle("#0060a0", "o"),
    SeriesStyle("#b34700", "s"),
    SeriesStyle("#000000", "D"),
    SeriesStyle("#7b3294", "^"),
    SeriesStyle("#4d7c0f", "v"),
    SeriesStyle("#6e6e6e", "P"),
)


def format_number(value: float, number_format: str) -> str:
    """Format a number with the minus sign that matplotlib writes on axes, not a hyphen."""
    return format(value, number_format).replace("-", "\N{MINUS SIGN}")


def as_sentence(text: str) -> str:
    """Make a sentence of a line of output: capitalize it, and add a full stop."""
    return f"{text[0].upper()}{text[1:]}."


@dataclass(frozen=True)
class MeasuredValue:
    """A value with its confidence interval."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Intervals:
    """A plot of values with intervals: groups of rows, with one value of each series in each group."""

    groups: Sequence[str]  # headings
    series: Mapping[str, Sequence[MeasuredValue | None]]  # a value or None for each group, by name of the series
    axis_title: str  # title of the axis, with the unit
    number_format: str  # number format of the values
    reference_line: tuple[float, str] | None = None  # a value to compare with, and its name
    # The value by chance in each group, drawn as a vertical line, and the name of these values.
    chance_markers: tuple[Sequence[float | None], str] | None = None


def compute_intervals_size(intervals: Intervals) -> FigureSize:
    """Compute the width and height of a plot of intervals, in inches."""
    entries = len(_legend_entries(intervals))
    return FIGURE_WIDTH, _INTERVALS_MARGIN_HEIGHT + _LINE_HEIGHT * (
        _compute_total_height(intervals) + (entries if entries > 1 else 0)
    )


def plot_intervals(drawing: Drawing, intervals: Intervals) -> None:
    """Plot values with their intervals."""
    axes, group_step = drawing.axes, _compute_group_height(intervals)
    for i, group in enumerate(intervals.groups):
        top = i * group_step
        drawing.write_text(top, shorten(group, MAX_NAME_LENGTH))
        for j, (name, marks) in enumerate(intervals.series.items()):
            if (mark := marks[i]) is not None:
                _draw_value(drawing, mark, top + _HEADING_LINES + j, j, intervals.number_format)
                drawing.descriptions.append(f"{group}, {name}: {_format_value(mark, intervals.number_format)}")
        if intervals.chance_markers is not None and (chance := intervals.chance_markers[0][i]) is not None:
            ends = top + _HEADING_LINES - 0.45, top + _HEADING_LINES + len(intervals.series) - 0.55
            axes.plot([chance, chance], ends, color=INK_COLOUR, linewidth=1.4, zorder=4)
            drawing.descriptions.append(
                f"{group}, {intervals.chance_markers[1]}: {format_number(chance, intervals.number_format)}"
            )
    _set_axes_of_intervals(drawing, intervals)


def _draw_value(drawing: Drawing, mark: MeasuredValue, y: float, series_index: int, number_format: str) -> None:
    axes, style = drawing.axes, SERIES_STYLES[series_index % len(SERIES_STYLES)]
    if mark.interval is not None:
        axes.plot(mark.interval, [y, y], "-", color=style.colour, linewidth=1.8, solid_capstyle="butt", zorder=3)
    axes.plot([mark.value], [y], style.marker, color=style.colour, markersize=5, markeredgecolor="white", zorder=5)
    text, transform = format_number(mark.value, number_format), axes.get_yaxis_transform()
    axes.text(1.015, y, text, color=style.colour, transform=transform, verticalalignment="center")


def _set_axes_of_intervals(drawing: Drawing, intervals: Intervals) -> None:
    """Set the limits, titles and reference line of the axes, so that all intervals are visible."""
    axes = drawing.axes
    values = [
        bound
        for marks in intervals.series.values()
        for mark in marks
        if mark
        for bound in (mark.value, *(mark.interval or ()))
    ]
    values += [] if intervals.reference_line is None else [intervals.reference_line[0]]
    values += (
        []
        if intervals.chance_markers is None
        else [chance for chance in intervals.chance_markers[0] if chance is not None]
    )
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = _RELATIVE_MARGIN * (high - low) or 1.0
    axes.set(
        xlabel=intervals.axis_title,
        xlim=(low - margin, high + margin),
        ylim=(_compute_total_height(intervals) - 0.4, -0.7),
        yticks=[],
    )
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    if intervals.reference_line is not None:
        axes.axvline(intervals.reference_line[0], color=MUTED_COLOUR, linewidth=1, linestyle="--", zorder=2)
    entries = _legend_entries(intervals)
    if len(entries) > 1:
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], **style) for style in entries.values()]
        names = [shorten(name, MAX_NAME_LENGTH) for name in entries]
        drawing.draw_legend(handles, names)


def _legend_entries(intervals: Intervals) -> dict[str, dict[str, Any]]:
    """Return the names in the legend, and the style of each."""
    styles = [SERIES_STYLES[i % len(SERIES_STYLES)] for i in range(len(intervals.series))]
    entries: dict[str, dict[str, Any]] = {
        name: {"color": style.colour, "marker": style.marker, "markeredgecolor": "white", "linewidth": 1.8}
        for name, style in zip(intervals.series, styles, strict=True)
    }
    if intervals.reference_line is not None:
        entries[intervals.reference_line[1]] = {"color": MUTED_COLOUR, "linestyle": "--", "linewidth": 1}
    if intervals.chance_markers is not None:
        entries[intervals.chance_markers[1]] = {"color": INK_COLOUR, "marker": "|", "markersize": 9, "linewidth": 0}
    return entries


def _compute_group_height(intervals: Intervals) -> float:
    """Compute the height of a group and the gap below it, in lines of text."""
    return _HEADING_LINES + len(intervals.series) + _GROUP_GAP


def _compute_total_height(intervals: Intervals) -> float:
    """Compute the height of all groups, in lines of text."""
    return len(intervals.groups) * _compute_group_height(intervals)


def _format_value(mark: MeasuredValue, number_format: str) -> str:
    value = format_number(mark.value, number_format)
    if mark.interval is None:
        return value
    return f"{value} ({' to '.join(format_number(bound, number_format) for bound in mark.interval)})"


class BarSeries(NamedTuple):
    """A series of a stacked bar chart: one segment in each bar."""

    colour: str
    counts: Sequence[int]  # the count in each bar


@dataclass(frozen=True, eq=False)
class Stacks:
    """A plot of stacked bars of counts.

    The colour of a part depends only on its position. A part that is zero in all bars is not shown.
    """

    groups: Sequence[str]  # headings of the bars
    counts_by_part: Mapping[str, Sequence[int]]  # the count in each bar, by name of the part
    axis_title: str  # title of the axis

    @property
    def visible_bar_series(self) -> dict[str, BarSeries]:
        """The parts of the bars that have a count above zero, by name."""
        with_colours = zip(_PART_COLOURS, self.counts_by_part.items(), strict=False)
        return {name: BarSeries(colour, counts) for colour, (name, counts) in with_colours if any(counts)}


def compute_stacks_size(stacks: Stacks) -> FigureSize:
    """Compute the width and height of a plot of stacked bars, in inches."""
    legend_lines = -(-len(stacks.visible_bar_series) // _count_legend_columns(stacks))
    return FIGURE_WIDTH, _STACKS_MARGIN_HEIGHT + _LINE_HEIGHT * (_BAR_STEP * len(stacks.groups) + legend_lines)


def plot_stacks(drawing: Drawing, stacks: Stacks) -> None:
    """Plot stacked bars."""
    axes = drawing.axes
    totals = [sum(counts) for counts in zip(*stacks.counts_by_part.values(), strict=True)]
    max_total = max([1, *totals])
    starts = [0] * len(stacks.groups)
    for name, (colour, counts) in stacks.visible_bar_series.items():
        bars = [_BAR_STEP * i + 1 for i in range(len(stacks.groups))]
        axes.barh(bars, counts, left=starts, height=0.92, color=colour, label=name, edgecolor="white", linewidth=0.7)
        for y, start, count in zip(bars, starts, counts, strict=True):
            if count > max_total * (_DIGIT_WIDTH * len(f"{count:,}") + _EDGES_WIDTH):
                ink = "#ffffff" if _compute_lightness(colour) < _MAX_DARK_LIGHTNESS else "#000000"
                axes.text(start + count / 2, y, f"{count:,}", color=ink, ha="center", va="center")
        starts = [start + count for start, count in zip(starts, counts, strict=True)]
    for i, (group, total) in enumerate(zip(stacks.groups, totals, strict=True)):
        drawing.write_text(_BAR_STEP * i, f"{shorten(group, MAX_NAME_LENGTH)}: {total:,}")
        parts = ", ".join(f"{counts[i]:,} {name}" for name, (_, counts) in stacks.visible_bar_series.items())
        drawing.descriptions.append(f"{group}: {total:,}: {parts}")
    _finish_stacks(drawing, stacks, max_total)


def _finish_stacks(drawing: Drawing, stacks: Stacks, max_total: int) -> None:
    axes = drawing.axes
    axes.set(
        xlabel=stacks.axis_title,
        xlim=(0, 1.02 * max_total),
        ylim=(_BAR_STEP * len(stacks.groups) - 0.6, -0.6),
        yticks=[],
    )
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    drawing.draw_legend(*axes.get_legend_handles_labels(), columns=_count_legend_columns(stacks))


def _count_legend_columns(stacks: Stacks) -> int:
    return 2 if max(map(len, stacks.visible_bar_series), default=0) < 26 else 1


def _compute_lightness(colour: str) -> float:
    """Compute the approximate lightness of a colour, from 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.3 * red + 0.59 * green + 0.11 * blue
