"""Charts of accuracy: by original and reassessed labels, differences, by number of valid classes, leaderboard."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations

from reassess.comparison import Comparison, Difference, Findings, PairedHits
from reassess.core.labels import DEFAULT_LABEL_SET_NAME
from reassess.errors import Missing
from reassess.evaluation import BySize
from reassess.evaluation.evaluation_words import label_set_heading
from reassess.evaluation.result import NONE_SCORED
from reassess.numeric import Proportion
from reassess.report.accuracy_figures import MOST_NAMED, ModelPoint, plot_leaderboard, plot_scatter
from reassess.report.chart import (
    COUNT,
    P_VALUE,
    PERCENT,
    POINTS,
    TEXT,
    Cell,
    Chart,
    Column,
    Table,
    bounds_in_percent,
    cells,
    in_percent,
    interval_chart,
    mark,
    note_hidden,
    table,
)
from reassess.report.chart_figures import LONGEST, MOST_DRAWN, SERIES, SQUARE, Intervals, Mark
from reassess.text import count_noun, shorten

_MOST_FOR_ALL_PAIRS = 4  # models; with more, only neighbours in the ranking are compared
_MINUS = " minus "
_FEWEST_IMAGES, _FEW_IMAGES = 10, 100  # the highest numbers of classes are pooled if they have fewer
_Sizes = Mapping[int, BySize]


def scatter_chart(findings: Findings) -> Chart | Missing:
    """Chart the accuracy by reassessed labels over the accuracy by original labels."""
    points, rows = [], []
    for model, result in findings.evaluations.items():
        original, real = result.original_accuracy(1), result.real.get(1)
        original_mark, real_mark = mark(original), mark(real)
        if original_mark is not None and real_mark is not None:
            points.append(ModelPoint(name=model, original=original_mark, real=real_mark))
            rows.append([model, *cells(original), *cells(real)])
    if not points:
        return Missing(f"no model has both accuracies: original labels are missing, or {NONE_SCORED}")
    judge = label_set_heading(findings.labels.title)
    columns = {"model": TEXT}
    for labels in ("original", judge):
        columns |= {f"{labels} %": PERCENT, f"{labels} 95 %": PERCENT, f"{labels} hits": COUNT, f"{labels} n": COUNT}
    numbers = table("scatter", f"{_capitalize(judge)} accuracy over original accuracy", columns, rows)
    note = ""
    if len(points) > MOST_NAMED:
        note = f"The chart names the {MOST_NAMED} best models; its table names all models."
    draw = partial(plot_scatter, points=points, level=findings.original_label_percent, label_set=judge)
    return Chart(draw, SQUARE, numbers, note)


def _capitalize(judge: str) -> str:
    """Capitalize the word for label sets without a name."""
    return judge.capitalize() if judge == DEFAULT_LABEL_SET_NAME else judge


def select_pairs(findings: Findings) -> Sequence[Comparison] | Missing:
    """Compare all pairs of a few models, the better model first; of many models, neighbours in the ranking."""
    if isinstance(findings.ranking, Missing):
        return findings.ranking
    if len(findings.models) > _MOST_FOR_ALL_PAIRS:
        return findings.ranking.neighbours
    return [findings.compare(a, b) for a, b in combinations(findings.ranking.models, 2)]


def difference_chart(findings: Findings) -> Chart | Missing:
    """Chart the differences between pairs of models, by reassessed and by original labels."""
    pairs = select_pairs(findings)
    if isinstance(pairs, Missing):
        return pairs
    rows, judge = [], label_set_heading(findings.labels.title)
    series: dict[str, list[Mark | None]] = {judge: [], "original": []}
    for i, pair in enumerate(pairs):
        if i < MOST_DRAWN:
            series[judge].append(_mark(pair.real))
            series["original"].append(_mark(pair.original))
        rows += [[pair.a, pair.b, *row] for name, part in pair.differences_by_name.items() for row in _rows(name, part)]
    groups = [_minus(pair.a, pair.b) for pair in pairs[:MOST_DRAWN]]
    series = {name: marks for name, marks in series.items() if any(marks)}
    axis = "difference in top-1 accuracy, points"
    columns = {"a": TEXT, "b": TEXT, "labels": TEXT, "a - b, points": POINTS, "95 %": POINTS, "p": P_VALUE}
    columns |= {"only a correct": COUNT, "only b correct": COUNT, "images": COUNT}
    numbers = table("differences", "Differences between models, on the same images", columns, rows)
    intervals = Intervals(groups=groups, series=series, axis=axis, form=POINTS, reference=(0.0, "no difference"))
    return interval_chart(intervals, numbers, note_hidden(len(pairs), "pairs"))


def _minus(a: str, b: str) -> str:
    """Write "a minus b", with names shortened to fit; a short name leaves more room for the other."""
    room = LONGEST - len(_MINUS)
    first = shorten(a, max(room // 2, room - len(b)) - 1)
    return f"{first}{_MINUS}{shorten(b, max(room // 2, room - len(a)) - 1)}"


def _rows(name: str, part: Difference) -> Iterator[list[Cell]]:
    """Yield a row for the difference over images, and one with raters resampled, if available."""
    only = [part.n_only_a, part.n_only_b] if isinstance(part, PairedHits) else [None, None]
    yield [name, in_percent(part.difference), bounds_in_percent(part.interval), part.p_value, *only, part.n]
    if part.standard_deviation is not None:
        with_raters = bounds_in_percent(part.raters_interval), part.raters_p_value
        yield [f"{name}, raters resampled", in_percent(part.difference), *with_raters, *only, part.n]


def _mark(part: Difference | None) -> Mark | None:
    """The difference, with the interval that includes the raters if they are resampled."""
    if part is None or part.difference is None:
        return None
    return Mark(100 * part.difference, bounds_in_percent(part.raters_interval or part.interval))


def label_count_chart(findings: Findings) -> Chart | Missing:
    """Chart the accuracy by number of valid classes."""
    counts = {model: result.by_label_count for model, result in findings.evaluations.items()}
    sizes = sorted({size for parts in counts.values() for size in parts})
    if not sizes:
        return Missing(NONE_SCORED)
    rows = [[model, size, *cells(_sum_hits(parts, [size]))] for size in sizes for model, parts in counts.items()]
    drawn = {model: counts[model] for model in findings.models[: len(SERIES)]}
    pools = _pool_sizes(sizes, drawn)
    groups = [_describe_pool(pool, drawn) for pool in pools]
    series = {model: [mark(_sum_hits(parts, pool)) for pool in pools] for model, parts in drawn.items()}
    judge = label_set_heading(findings.labels.title)
    columns = {"model": TEXT, "valid classes": COUNT, f"{judge} top-1 %": PERCENT, "95 %": PERCENT, "hits": COUNT}
    numbers = table(
        "label-count", f"{_capitalize(judge)} accuracy by number of valid classes", columns | {"images": COUNT}, rows
    )
    note = note_hidden(len(counts), most=len(SERIES))
    intervals = Intervals(groups=groups, series=series, axis=f"{judge} top-1 accuracy, %", form=".1f")
    return interval_chart(intervals, numbers, note)


def _sum_hits(parts: _Sizes, sizes: Sequence[int]) -> Proportion:
    """Sum the hits on images whose number of valid classes is in `sizes`."""
    available = [parts[size] for size in sizes if size in parts]
    return Proportion(sum(part.hits[1] for part in available), sum(part.n for part in available))


def _pool_sizes(sizes: list[int], counts: Mapping[str, _Sizes]) -> list[list[int]]:
    """Pool the highest numbers of valid classes, if each has less than a hundredth of the images."""
    scored = min(_sum_hits(parts, sizes).n for parts in counts.values())
    enough = min(max(scored // 100, _FEWEST_IMAGES), _FEW_IMAGES)
    many = [i for i, size in enumerate(sizes) if all(_sum_hits(parts, [size]).n >= enough for parts in counts.values())]
    single = 1 + max(many, default=0)
    return [[size] for size in sizes[:single]] + ([sizes[single:]] if sizes[single:] else [])


def _describe_pool(pool: list[int], counts: Mapping[str, _Sizes]) -> str:
    images = [_sum_hits(parts, pool).n for parts in counts.values()]
    fewest, most = min(images), max(images)
    n = count_noun(most, "image") if fewest == most else f"{fewest:,} to {most:,} images"
    classes = "valid class" if pool == [1] else "valid classes"
    return f"{pool[0]}{' or more' if len(pool) > 1 else ''} {classes}: {n}"


def leaderboard_chart(findings: Findings) -> Chart | Missing:
    """Chart the models among published models."""
    if isinstance(findings.trend, Missing):
        return findings.trend
    placements = findings.placements
    draw = partial(
        plot_leaderboard, trend=findings.trend, placements=placements, level=findings.original_label_percent, brief=True
    )
    rows: list[list[Cell]] = []
    for placement in placements:
        entry, expected = placement.entry, placement.expected
        ranks = (
            entry.reassessed_accuracy,
            placement.real_rank,
            entry.original_accuracy,
            placement.original_rank,
            placement.n_rows,
        )
        expectation: list[Cell] = [None] * 3
        if expected is not None:
            expectation = [expected.real, (expected.low, expected.high), expected.residual]
        rows.append([entry.model, *ranks, *expectation])
    # Not a dictionary: label sets named 95 have a column "95 %", and so does the interval.
    columns = (
        *(Column("model"), Column(f"{label_set_heading(findings.labels.title)} %", PERCENT), Column("rank", COUNT)),
        *(Column("original %", PERCENT), Column("original rank", COUNT), Column("of", COUNT)),
        *(Column(f"expected {label_set_heading(findings.trend.board.label_set)} %", PERCENT), Column("95 %", PERCENT)),
        Column("above expected, points", POINTS),
    )
    numbers = Table("leaderboard", "Models of this report among published models", columns, rows)
    note = " ".join(f"{placement.entry}: {placement.caveat}." for placement in placements if placement.caveat)
    return Chart(draw, SQUARE, numbers, note)
