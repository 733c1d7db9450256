"""Figures of precision and recall, of stop rules, and of choices of models, which can be read in grey."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.aggregation import Curve, MeasuredCurve, OperatingPoint, Rule, StopReplay
from reassess.core import ModelChoice, ModelSubset
from reassess.report.figures import Drawing, along, save_figure
from reassess.text import counted

_COLOURS = ("#000000", "#0072b2", "#c46a10", "#6e6e6e")  # of different lightness, too
_DASHES = ("-", "--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)))
_MARKERS = ("o", "x", "^", "D")
_Dashes = str | tuple[int, tuple[float, ...]]
_BAND_POINTS = 150
_STEADY = 20  # pairs kept: with fewer, precision jumps too much to set the scale
_SAMPLES = 250  # places along a curve that names should not cover
_ANCHORS = 36  # places along a curve that its name may point at
_CLOUD = 8  # a rule with more variants is drawn as a cloud with one name
_STOP_COLOURS = ("#0072b2", "#000000", "#c46a10", "#6e6e6e")
_STOP_SAMPLES = 200  # places along a line that names should not cover
_BEST, _CHOSEN, _ALL = "#0072b2", "#000000", "#6e6e6e"
_PLACES = 200  # places along the line that names should not cover


def draw_curves(path: Path, lines: Sequence[MeasuredCurve], rules: Sequence[Rule] = (), *, force: bool = False) -> None:
    """Draw curves and rules into one figure."""
    save_figure(path, partial(curves_on, lines=lines, rules=rules), title="Precision and recall", force=force)


def curves_on(drawing: Drawing, lines: Sequence[MeasuredCurve], rules: Sequence[Rule] = ()) -> None:
    """Draw what `draw_curves` draws."""
    for i, line in enumerate(lines):
        others = [other for other in lines if other is not line]
        _draw_line(drawing, line, others, _COLOURS[i % len(_COLOURS)], _DASHES[i % len(_DASHES)])
    for i, rule in enumerate(rules):
        _draw_rule(drawing, rule, _MARKERS[i % len(_MARKERS)])
    _finish_axes(drawing, lines, rules)


def _draw_line(
    drawing: Drawing, line: MeasuredCurve, others: Sequence[MeasuredCurve], colour: str, dashes: _Dashes
) -> None:
    curve, at = line.curve, _path(line.curve)
    drawing.line(at, places=_SAMPLES, linestyle=dashes, color=colour, linewidth=1.6, zorder=3)
    rows = np.unique(np.linspace(0, len(at) - 1, _BAND_POINTS).astype(np.int64))
    bands = curve.bands(curve.thresholds[rows])
    low, high = np.array([interval or (np.nan, np.nan) for interval in bands.precision]).T
    drawing.axes.fill_between(curve.recall[rows], low, high, color=colour, alpha=0.12, linewidth=0, zorder=1)
    text = f"{line.name}\naverage precision {curve.average_precision:.3f}"
    drawing.name(text, _apart(along(at[_steady(curve)], _ANCHORS), others), color=colour)
    if line.chosen is not None:
        _draw_chosen(drawing, line.chosen, colour)


def _draw_chosen(drawing: Drawing, chosen: OperatingPoint, colour: str) -> None:
    """The chosen threshold, with the intervals of precision and recall as a cross."""
    precision, recall = chosen.point.precision.value, chosen.point.recall.value
    if precision is None or recall is None:
        return
    for interval, other, axis in ((chosen.recall_interval, precision, 0), (chosen.precision_interval, recall, 1)):
        if interval is not None:
            ends = np.full((2, 2), other)
            ends[:, axis] = interval
            drawing.line(ends, "-", places=16, color=colour, linewidth=1.2, zorder=4)
    at = np.array([[recall, precision]])
    drawing.axes.plot(*at.T, "*", color=colour, markersize=15, markeredgecolor="white", zorder=6)
    text = f"threshold {chosen.point.threshold:.3g}\nprecision {precision:.3f}\nrecall {recall:.3f}"
    drawing.name(text, at, color=colour, fontweight="bold")


def _draw_rule(drawing: Drawing, rule: Rule, marker: str) -> None:
    at = np.array([(point.recall.value, point.precision.value) for point in rule.points], np.float64)
    is_cloud = len(at) > _CLOUD
    size, colour, fill = (3.5, "#9a9a9a", "none") if is_cloud else (6.5, "#333333", "white")
    drawing.line(at, marker, markersize=size, markerfacecolor=fill, color=colour, zorder=2 if is_cloud else 5)
    if is_cloud:
        middle = np.argsort(np.abs(at - np.median(at, axis=0)).sum(axis=1))[: len(at) // 2]
        drawing.name(f"{rule.name} ({len(at)} raters)", at[middle], color="#5a5a5a")
        return
    for variant, point in zip(rule.variants, at, strict=True):
        drawing.name(str(variant), point[None], color="#333333")


def _finish_axes(drawing: Drawing, lines: Sequence[MeasuredCurve], rules: Sequence[Rule]) -> None:
    axes = drawing.axes
    lowest = [line.curve.precision[_steady(line.curve)].min() for line in lines]
    lowest += [point.precision.value for rule in rules for point in rule.points]
    axes.set(
        xlabel="recall: of the valid golden pairs, the share that is kept",
        ylabel="precision: of the kept golden pairs, the share that is valid",
        xlim=(-0.01, 1.01),
        ylim=(np.floor(10 * min(lowest)) / 10 - 0.01, 1.01),
    )
    axes.grid()
    golden = lines[0].curve.golden
    drawing.heading(
        f"{len(golden):,} golden pairs on {len(golden.questions.images):,} images, {golden.positives:,} of them valid; "
        "bands and crosses: 95 %, bootstrap over images"
    )


def _path(curve: Curve) -> npt.NDArray[np.float64]:
    return np.column_stack([curve.recall, curve.precision])


def _steady(curve: Curve) -> npt.NDArray[np.bool_]:
    """The points that keep enough pairs, or all of them."""
    return curve.kept >= min(_STEADY, len(curve.golden))


def _apart(anchors: npt.NDArray[np.float64], others: Sequence[MeasuredCurve]) -> npt.NDArray[np.float64]:
    """The half of the anchors that is farthest from other curves, where a name is least ambiguous."""
    if not others:
        return anchors
    taken = np.concatenate([along(_path(other.curve), _SAMPLES) for other in others])
    gaps = np.hypot(*(anchors[:, None] - taken).transpose(2, 0, 1)).min(axis=1)
    return anchors[np.argsort(-gaps, kind="stable")[: len(anchors) // 2]]


def draw_replays(path: Path, replays: Mapping[str, Sequence[StopReplay]], *, force: bool = False) -> None:
    """Draw the share of votes that rules take against the labels that both they and all votes keep."""
    save_figure(path, partial(_replays_on, replays=replays), title="Votes that a stop rule saves", force=force)


def _replays_on(drawing: Drawing, replays: Mapping[str, Sequence[StopReplay]]) -> None:
    for number, (file, each) in enumerate(replays.items()):
        colour = _STOP_COLOURS[number % len(_COLOURS)]
        at = np.array([(100 * one.share_taken, 100 * one.labels_in_common) for one in each])
        at = at[np.argsort(at[:, 0])]
        drawing.line(at, "o-", places=_STOP_SAMPLES, color=colour, linewidth=1.4, markersize=5, zorder=3)
        if len(replays) > 1:
            drawing.name(file, at[len(at) // 2 :][:1], color=colour, fontweight="bold")
        for one in each:
            place = np.array([[100 * one.share_taken, 100 * one.labels_in_common]])
            drawing.name(f"{one.rule.low:g}, {one.rule.high:g}", place, color=colour)
    first = next(iter(replays.values()))[0]
    drawing.axes.set(
        xlabel="votes taken, % of all votes",
        ylabel="labels kept by all votes and by those taken, % of those kept by either",
    )
    drawing.axes.grid()
    drawing.heading(
        f"{counted(first.votes, 'vote')} on {counted(first.questions, 'question')}, replayed in {first.taken.size} "
        "random orders; a question is closed once the probability of its class leaves the bounds beside each point, "
        f"after at least {first.rule.at_least} votes; labels kept at {first.threshold:g}"
    )


def draw_choice(path: Path, choice: ModelChoice, *, force: bool = False) -> None:
    """Draw what the best subsets of models reach, and the chosen one with the recall that is shown for it.

    Where no models are chosen, the others are drawn.
    """
    save_figure(path, partial(_choice_on, choice=choice), title="Models to propose labels", force=force)


def _choice_on(drawing: Drawing, choice: ModelChoice) -> None:
    line = np.array([_at(subset) for subset in choice.frontier])
    steps = np.column_stack([np.repeat(line[:, 0], 2)[1:], np.repeat(line[:, 1], 2)[:-1]])
    drawing.axes.plot(*steps.T, color=_BEST, linewidth=1.6, zorder=3)
    drawing.axes.plot(*line.T, ".", color=_BEST, markersize=4, zorder=3)
    if len(line) > 1:
        drawing.drawn += [along(part, _PLACES // len(line) + 2) for part in np.stack([steps[:-1], steps[1:]], axis=1)]
    best = "best subset" if choice.exact else "best subset found"
    drawing.name(best, line[len(line) // 2 :][:1], color=_BEST)
    named = [(choice.all_models, "all models", _ALL)]
    named += [] if choice.chosen is None else [(choice.chosen, "chosen", _CHOSEN)]
    for subset, title, colour in named:
        at = np.array([_at(subset)])
        drawing.line(at, "o", color=colour, markersize=7, markeredgecolor="white", zorder=5)
        text = f"{title}: {counted(len(subset.models), 'model')}\nrecall {subset.recall.value or 0:.3f}"
        drawing.name(text, at, color=colour)
    _draw_bound(drawing, choice)
    drawing.axes.axhline(choice.target_recall, color=_ALL, linewidth=0.8, linestyle=":", zorder=2)
    drawing.axes.set(
        xlabel="candidates for all images that the models send to raters",
        ylabel="recall: of the valid golden pairs, the share that is proposed",
        ylim=(None, 1.01),
    )
    drawing.axes.grid()
    drawing.axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    drawing.heading(
        f"{counted(choice.subsets, 'subset')} of {counted(len(choice.all_models.models), 'model')}, {choice.search} "
        f"search; {choice.recall.n:,} valid golden pairs, of which {choice.not_candidates:,} are neither proposed by a "
        f"model nor original; recall on {counted(choice.check_images, 'golden image')} without a part in the search"
        f"{'' if choice.chosen is None else '; bar: down to the recall that is shown, with 90 % confidence'}"
    )


def _draw_bound(drawing: Drawing, choice: ModelChoice) -> None:
    """The recall that is shown for the chosen models."""
    if choice.chosen is None or choice.recall_bound is None:
        return
    candidates, recall = choice.chosen.candidates, choice.bounded_recall.value or 0.0
    ends = np.array([[candidates, choice.recall_bound], [candidates, recall]])
    drawing.line(ends, "-", places=16, color=_CHOSEN, linewidth=1.2, zorder=4)


def _at(subset: ModelSubset) -> tuple[float, float]:
    return subset.candidates, subset.recall.value or 0.0
