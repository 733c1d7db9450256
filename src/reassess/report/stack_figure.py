"""Stacked bars: one bar for each group, with the count written in each part that is wide enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reassess.report.figures import Drawing, Size
from reassess.report.style import GRID, KINDS, LONGEST, WIDTH
from reassess.text import shortened

__all__ = ["Stacks", "size_of_stacks", "stacks_on"]

_LINE = 0.185  # inches
_AROUND = 0.68
_STEP = 2.3  # lines from one bar to the next: a heading, and the bar
_DIGIT, _BESIDE = 0.0158, 0.008  # of the width of the axes, that a digit needs, and the edges of a part
_DARK = 0.5  # a colour of less lightness has white numbers


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
        coloured = zip(KINDS, self.parts.items(), strict=False)
        return {name: (colour, counts) for colour, (name, counts) in coloured if any(counts)}


def size_of_stacks(stacks: Stacks) -> Size:
    """Width and height, in inches."""
    legend_lines = -(-len(stacks.drawn) // _columns(stacks))
    return WIDTH, _AROUND + _LINE * (_STEP * len(stacks.groups) + legend_lines)


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
    _finish(drawing, stacks, longest)


def _finish(drawing: Drawing, stacks: Stacks, longest: int) -> None:
    axes = drawing.axes
    axes.set(xlabel=stacks.axis, xlim=(0, 1.02 * longest), ylim=(_STEP * len(stacks.groups) - 0.6, -0.6), yticks=[])
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    drawing.key(*axes.get_legend_handles_labels(), columns=_columns(stacks))


def _columns(stacks: Stacks) -> int:
    return 2 if max(map(len, stacks.drawn), default=0) < 26 else 1


def _lightness(colour: str) -> float:
    """Roughly, from 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.3 * red + 0.59 * green + 0.11 * blue
