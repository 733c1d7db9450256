"""The charts of a page, each with the table of its numbers; `reassess plot` draws the same ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from reassess.intervals import Proportion
from reassess.report.curve_figure import curves_on
from reassess.report.figures import Draw, Size
from reassess.report.findings import Findings
from reassess.report.interval_figure import Intervals, Mark, intervals_on, size_of_intervals
from reassess.report.leaderboard_figure import leaderboard_on
from reassess.report.look import WIDTH
from reassess.report.scatter_figure import Spot, scatter_on
from reassess.report.stack_figure import Stacks, size_of_stacks, stacks_on
from reassess.report.tables import COUNT, PERCENT, POINTS, SHARE, Cell, Column, Table
from reassess.taxonomy import ERROR_KINDS

__all__ = ["CHARTS", "KINDS_IN_WORDS", "Chart"]

KINDS_IN_WORDS = {
    "collapsed": "another name for a valid class",
    "co_occurring": "often valid together",
    "same_group": "of the same group",
    "never_proposed": "never proposed",
    "never_rated": "image never rated",
    "remaining": "rated and rejected",
}
_SQUARE: Size = (WIDTH, 4.1)
_WIDE: Size = (WIDTH, 4.6)
_MOST_SERIES = 6  # models that a chart tells apart
_MOST_GROUPS = 30


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart: what it is called, how it is drawn, and its numbers."""

    key: str
    title: str
    draw: Draw
    size: Size
    table: Table


def _of_intervals(key: str, title: str, found: Intervals, table: Table) -> Chart:
    return Chart(key, title, partial(intervals_on, found=found), size_of_intervals(found), table)


def _percents(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def _mark(part: Proportion | None) -> Mark | None:
    return None if part is None or part.value is None else Mark(100 * part.value, _percents(part.interval))


def _cells(part: Proportion | None) -> list[Cell]:
    """Accuracy, its interval, hits and n."""
    if part is None:
        return [None] * 4
    value = None if part.value is None else 100 * part.value
    return [value, _percents(part.interval), part.hits, part.n]


def _scatter(found: Findings) -> Chart | str:
    spots, rows = [], []
    for model, result in found.evaluations.items():
        original, real = (result.original or {}).get(1), result.real.get(1)
        across, up = _mark(original), _mark(real)
        if across is not None and up is not None and across.interval is not None and up.interval is not None:
            spots.append(Spot(model, across.value, up.value, across.interval, up.interval))
            rows.append([model, *_cells(original), *_cells(real)])
    if not spots:
        return "no model has both accuracies: original labels are not at hand, or no image is scored"
    names = [("original %", PERCENT), ("original 95 %", PERCENT), ("original hits", COUNT), ("original n", COUNT)]
    names += [("ReaL %", PERCENT), ("ReaL 95 %", PERCENT), ("ReaL hits", COUNT), ("ReaL n", COUNT)]
    columns = (Column("model"), *(Column(*name) for name in names))
    title = "ReaL accuracy over original accuracy"
    level = None if found.level is None or found.level.value is None else 100 * found.level.value
    draw = partial(scatter_on, spots=spots, level=level)
    return Chart("scatter", title, draw, _SQUARE, Table("scatter", title, columns, rows))


def _differences(found: Findings) -> Chart | str:
    if isinstance(found.pairs, str):
        return found.pairs
    groups, real, original, rows = [], [], [], []
    for pair in found.pairs:
        groups.append(f"{pair.a} less {pair.b}")
        for part, marks in ((pair.real, real), (pair.original, original)):
            known = part is not None and part.difference is not None
            marks.append(Mark(100 * part.difference, _percents(part.interval)) if known else None)
        for name, part in (("ReaL", pair.real), ("original", pair.original)):
            if part is not None and part.difference is not None:
                interval = _percents(part.interval)
                rows.append([pair.a, pair.b, name, 100 * part.difference, interval, part.p_value, part.only_a, part.only_b, part.n])
    title = "Differences between models, on the same images"
    series = {"ReaL": real} | ({"original": original} if any(original) else {})
    axis = "difference in top-1 accuracy, points"
    intervals = Intervals(groups, series, axis, POINTS, reference=(0.0, "no difference"))
    names = [("labels",), ("a − b, points", POINTS), ("95 %", POINTS), ("McNemar p", ".2g")]
    names += [("only a right", COUNT), ("only b right", COUNT), ("images", COUNT)]
    columns = (Column("a"), Column("b"), *(Column(*name) for name in names))
    return _of_intervals("differences", title, intervals, Table("differences", title, columns, rows))


def _label_count(found: Findings) -> Chart | str:
    models = found.models[:_MOST_SERIES]
    sizes = sorted({size for model in models for size in found.evaluations[model].by_label_count})
    if not sizes:
        return "no image is scored"
    rows: list[Sequence[Cell]] = []
    series: dict[str, list[Mark | None]] = {model: [] for model in models}
    groups = []
    for size in sizes:
        parts = {model: found.evaluations[model].by_label_count.get(size) for model in found.models}
        for model, part in parts.items():
            hits = None if part is None or 1 not in part.hits else Proportion(part.hits[1], part.n)
            rows.append([model, size, *_cells(hits)])
            if model in series:
                series[model].append(_mark(hits))
        n = max(part.n for part in parts.values() if part is not None)
        groups.append(f"{size} valid class{'es' if size > 1 else ''}: {n:,} images")
    title = "ReaL accuracy by number of valid classes"
    columns = (Column("model"), Column("valid classes", COUNT), Column("ReaL top-1 %", PERCENT), Column("95 %", PERCENT))
    columns += (Column("hits", COUNT), Column("images", COUNT))
    intervals = Intervals(groups, series, "ReaL top-1 accuracy, %", ".1f")
    return _of_intervals("label-count", title, intervals, Table("label-count", title, columns, rows))


def _taxonomy(found: Findings) -> Chart | str:
    kinds = [kind for kind in ERROR_KINDS if any(one.counts[kind] is not None for one in found.taxonomies)]
    parts = {KINDS_IN_WORDS[kind]: [one.counts[kind] or 0 for one in found.taxonomies] for kind in kinds}
    rows = [
        [one.model, KINDS_IN_WORDS[kind], one.counts[kind], 100 * (one.counts[kind] or 0) / len(one) if len(one) else None]
        for one in found.taxonomies
        for kind in kinds
    ]
    title = "Mistakes by kind"
    columns = (Column("model"), Column("kind"), Column("mistakes", COUNT), Column("of its mistakes, %", ".1f"))
    stacks = Stacks([one.model for one in found.taxonomies][:_MOST_GROUPS], {k: v[:_MOST_GROUPS] for k, v in parts.items()}, "mistakes, images")
    return Chart("taxonomy", title, partial(stacks_on, found=stacks), size_of_stacks(stacks), Table("taxonomy", title, columns, rows))


def _model_or_label(found: Findings) -> Chart | str:
    if isinstance(found.preferences, str):
        return found.preferences
    groups, rows, verdicts = [], [], []
    for one in found.preferences:
        for where, part in {"all": one.total, **one.by_group}.items():
            for source, verdict in (("the scores", part.by_scores), ("the raters alone", part.by_raters)):
                if verdict is None:
                    continue
                share = verdict.preferred
                value = None if share.value is None else 100 * share.value
                rows.append([one.model, where, source, part.images, share.n, verdict.model, verdict.tied, verdict.label, value, _percents(share.interval)])
                if where == "all":
                    groups.append(f"{one.model}, by {source}")
                    verdicts.append(verdict)
    parts = {
        "the model's class": [verdict.model for verdict in verdicts],
        "both alike": [verdict.tied for verdict in verdicts],
        "the original label": [verdict.label for verdict in verdicts],
    }
    title = "Model or label: which class do the raters find more valid?"
    names = [("disagreements", COUNT), ("compared", COUNT), ("model", COUNT), ("both alike", COUNT), ("label", COUNT)]
    names += [("model's class preferred, %", ".1f"), ("95 %", ".1f")]
    columns = (Column("model"), Column("classes"), Column("by"), *(Column(*name) for name in names))
    stacks = Stacks(groups, parts, "images on which model and original label disagree")
    return Chart("model-or-label", title, partial(stacks_on, found=stacks), size_of_stacks(stacks), Table("model-or-label", title, columns, rows))


def _labelling_bias(found: Findings) -> Chart | str:
    if isinstance(found.biases, str):
        return found.biases
    marks = [_mark(one.original_chosen) for one in found.biases]
    chances = [None if one.chance is None else 100 * one.chance for one in found.biases]
    rows = [
        [one.model, *_cells(one.original_chosen), chance, one.p_value]
        for one, chance in zip(found.biases, chances, strict=True)
    ]
    title = "Fitting to the labelling: how often the original label is chosen"
    columns = (Column("model"), Column("original label chosen, %", PERCENT), Column("95 %", PERCENT), Column("chosen", COUNT))
    columns += (Column("images", COUNT), Column("by chance, %", PERCENT), Column("p", ".2g"))
    axis = "original label chosen among the valid classes, %"
    expected = (chances, "any valid class at random")
    intervals = Intervals(found.models, {"the model": marks}, axis, ".1f", chances=expected)
    return _of_intervals("labelling-bias", title, intervals, Table("labelling-bias", title, columns, rows))


def _curve(found: Findings) -> Chart | str:
    if isinstance(found.curve, str):
        return found.curve
    curve = found.curve.curve
    title = "Precision and recall of the labels"
    columns = (Column("threshold", SHARE), Column("precision", SHARE), Column("recall", SHARE), Column("kept", COUNT))
    rows = list(zip(curve.thresholds.tolist(), curve.precision.tolist(), curve.recall.tolist(), curve.kept.tolist(), strict=True))
    return Chart("curve", title, partial(curves_on, lines=[found.curve]), _SQUARE, Table("curve", title, columns, rows))


def _leaderboard(found: Findings) -> Chart | str:
    if isinstance(found.trend, str):
        return found.trend
    level = None if found.level is None or found.level.value is None else 100 * found.level.value
    draw = partial(leaderboard_on, trend=found.trend, placements=found.placements, level=level)
    title = "Where the models stand on the leaderboard"
    names = [("ReaL %", PERCENT), ("rank", COUNT), ("original %", PERCENT), ("original rank", COUNT), ("of", COUNT)]
    names += [("expected ReaL %", PERCENT), ("95 %", PERCENT), ("above it, points", POINTS)]
    rows: list[list[Cell]] = []
    for one in found.placements:
        cells: list[Cell] = [one.entry.model, one.entry.real, one.real_rank, one.entry.original, one.original_rank, one.of]
        expected = one.expected
        more: list[Cell] = [None] * 3 if expected is None else [expected.real, (expected.low, expected.high), expected.residual]
        rows.append(cells + more)
    columns = (Column("model"), *(Column(*name) for name in names))
    return Chart("leaderboard", title, draw, _WIDE, Table("leaderboard", title, columns, rows))


CHARTS: dict[str, Callable[[Findings], Chart | str]] = {
    "scatter": _scatter,
    "leaderboard": _leaderboard,
    "differences": _differences,
    "label-count": _label_count,
    "taxonomy": _taxonomy,
    "model-or-label": _model_or_label,
    "labelling-bias": _labelling_bias,
    "curve": _curve,
}
