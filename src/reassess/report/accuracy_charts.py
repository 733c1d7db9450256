"""Charts of accuracy: both accuracies, differences, by number of valid classes, and among public results."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations

from reassess.comparison import Comparison, Difference, Findings, Paired
from reassess.core.labels import UNNAMED
from reassess.errors import Missing
from reassess.evaluation import BySize
from reassess.evaluation.evaluation_words import heading
from reassess.evaluation.result import NONE_SCORED
from reassess.numeric import Proportion
from reassess.report.accuracy_figures import MOST_NAMED, Spot, leaderboard_on, scatter_on
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
    only_some,
    table,
)
from reassess.report.chart_figures import LONGEST, MOST_DRAWN, SERIES, SQUARE, Intervals, Mark
from reassess.text import counted, shortened

_EVERY_PAIR = 4  # models: every two of at most so many are compared
_LESS = " less "
_FEWEST, _FEW = 10, 100  # images: of the highest numbers of classes, those with fewer are drawn together
_Sizes = Mapping[int, BySize]


def scatter_chart(findings: Findings) -> Chart | Missing:
    """Models by both accuracies."""
    spots, rows = [], []
    for model, result in findings.evaluations.items():
        original, real = result.original_accuracy(1), result.real.get(1)
        across, up = mark(original), mark(real)
        if across is not None and up is not None:
            spots.append(Spot(name=model, original=across, real=up))
            rows.append([model, *cells(original), *cells(real)])
    if not spots:
        return Missing(f"no model has both accuracies: original labels are missing, or {NONE_SCORED}")
    judge = heading(findings.labels.title)
    columns = {"model": TEXT}
    for labels in ("original", judge):
        columns |= {f"{labels} %": PERCENT, f"{labels} 95 %": PERCENT, f"{labels} hits": COUNT, f"{labels} n": COUNT}
    numbers = table("scatter", f"{_title(judge)} accuracy over original accuracy", columns, rows)
    names_all = len(spots) <= MOST_NAMED
    note = "" if names_all else f"The chart names the {MOST_NAMED} best models; its table names all of them."
    draw = partial(scatter_on, spots=spots, level=findings.original_label_percent, label_set=judge)
    return Chart(draw, SQUARE, numbers, note)


def _title(judge: str) -> str:
    """What label sets are called at the beginning of a title; their own name stays as it is."""
    return judge.capitalize() if judge == UNNAMED else judge


def shown_pairs(findings: Findings) -> Sequence[Comparison] | Missing:
    """Every two of a few models compared, the better one first; of many, neighbours in the ranking."""
    if isinstance(findings.ranking, Missing):
        return findings.ranking
    if len(findings.models) > _EVERY_PAIR:
        return findings.ranking.neighbours
    return [findings.compare(a, b) for a, b in combinations(findings.ranking.models, 2)]


def difference_chart(findings: Findings) -> Chart | Missing:
    """Differences between pairs of models, by both kinds of labels."""
    pairs = shown_pairs(findings)
    if isinstance(pairs, Missing):
        return pairs
    rows, judge = [], heading(findings.labels.title)
    series: dict[str, list[Mark | None]] = {judge: [], "original": []}
    for i, pair in enumerate(pairs):
        if i < MOST_DRAWN:
            series[judge].append(_mark(pair.real))
            series["original"].append(_mark(pair.original))
        rows += [[pair.a, pair.b, *row] for name, part in pair.differences_by_name.items() for row in _rows(name, part)]
    groups = [_less(pair.a, pair.b) for pair in pairs[:MOST_DRAWN]]
    shown = {name: marks for name, marks in series.items() if any(marks)}
    axis = "difference in top-1 accuracy, points"
    columns = {"a": TEXT, "b": TEXT, "labels": TEXT, "a - b, points": POINTS, "95 %": POINTS, "p": P_VALUE}
    columns |= {"only a correct": COUNT, "only b correct": COUNT, "images": COUNT}
    numbers = table("differences", "Differences between models, on the same images", columns, rows)
    intervals = Intervals(groups=groups, series=shown, axis=axis, form=POINTS, reference=(0.0, "no difference"))
    return interval_chart(intervals, numbers, only_some(len(pairs), "pairs"))


def _less(a: str, b: str) -> str:
    """One model less another; only their names are shortened, a long one the less the shorter the other is."""
    room = LONGEST - len(_LESS)
    first = shortened(a, max(room // 2, room - len(b)) - 1)
    return f"{first}{_LESS}{shortened(b, max(room // 2, room - len(a)) - 1)}"


def _rows(name: str, part: Difference) -> Iterator[list[Cell]]:
    """A difference over images, and where raters are resampled over both."""
    only = [part.n_only_a, part.n_only_b] if isinstance(part, Paired) else [None, None]
    yield [name, in_percent(part.difference), bounds_in_percent(part.interval), part.p_value, *only, part.n]
    if part.standard_deviation is not None:
        wide = bounds_in_percent(part.raters_interval), part.raters_p_value
        yield [f"{name}, raters resampled", in_percent(part.difference), *wide, *only, part.n]


def _mark(part: Difference | None) -> Mark | None:
    """A difference with the interval that counts most: over raters too where these are resampled."""
    if part is None or part.difference is None:
        return None
    return Mark(100 * part.difference, bounds_in_percent(part.raters_interval or part.interval))


def label_count_chart(findings: Findings) -> Chart | Missing:
    """Accuracy by number of valid classes."""
    counts = {model: result.by_label_count for model, result in findings.evaluations.items()}
    sizes = sorted({size for parts in counts.values() for size in parts})
    if not sizes:
        return Missing(NONE_SCORED)
    rows = [[model, size, *cells(_hits(parts, [size]))] for size in sizes for model, parts in counts.items()]
    shown = {model: counts[model] for model in findings.models[: len(SERIES)]}
    pools = _pooled(sizes, shown)
    groups = [_pool_in_words(pool, shown) for pool in pools]
    series = {model: [mark(_hits(parts, pool)) for pool in pools] for model, parts in shown.items()}
    judge = heading(findings.labels.title)
    columns = {"model": TEXT, "valid classes": COUNT, f"{judge} top-1 %": PERCENT, "95 %": PERCENT, "hits": COUNT}
    numbers = table(
        "label-count", f"{_title(judge)} accuracy by number of valid classes", columns | {"images": COUNT}, rows
    )
    note = only_some(len(counts), most=len(SERIES))
    intervals = Intervals(groups=groups, series=series, axis=f"{judge} top-1 accuracy, %", form=".1f")
    return interval_chart(intervals, numbers, note)


def _hits(parts: _Sizes, sizes: Sequence[int]) -> Proportion:
    """Hits on images whose number of valid classes is one of `sizes`."""
    known = [parts[size] for size in sizes if size in parts]
    return Proportion(sum(part.hits[1] for part in known), sum(part.n for part in known))


def _pooled(sizes: list[int], counts: Mapping[str, _Sizes]) -> list[list[int]]:
    """Numbers of valid classes; the highest ones, of less than a hundredth of the images each, are pooled."""
    scored = min(_hits(parts, sizes).n for parts in counts.values())
    enough = min(max(scored // 100, _FEWEST), _FEW)
    many = [i for i, size in enumerate(sizes) if all(_hits(parts, [size]).n >= enough for parts in counts.values())]
    apart = 1 + max(many, default=0)
    return [[size] for size in sizes[:apart]] + ([sizes[apart:]] if sizes[apart:] else [])


def _pool_in_words(pool: list[int], counts: Mapping[str, _Sizes]) -> str:
    images = [_hits(parts, pool).n for parts in counts.values()]
    fewest, most = min(images), max(images)
    n = counted(most, "image") if fewest == most else f"{fewest:,} to {most:,} images"
    classes = "valid class" if pool == [1] else "valid classes"
    return f"{pool[0]}{' or more' if len(pool) > 1 else ''} {classes}: {n}"


def leaderboard_chart(findings: Findings) -> Chart | Missing:
    """The models among public results."""
    if isinstance(findings.trend, Missing):
        return findings.trend
    placements = findings.placements
    draw = partial(
        leaderboard_on, trend=findings.trend, placements=placements, level=findings.original_label_percent, brief=True
    )
    rows: list[list[Cell]] = []
    for one in placements:
        entry, expected = one.entry, one.expected
        places: list[Cell] = [entry.model, entry.real, one.real_rank, entry.original, one.original_rank, one.n_rows]
        line: list[Cell] = [None] * 3
        if expected is not None:
            line = [expected.real, (expected.low, expected.high), expected.residual]
        rows.append(places + line)
    own = Column("model"), Column(f"{heading(findings.labels.title)} %", PERCENT)  # labels called 95 give "95 %" twice
    others = {"rank": COUNT, "original %": PERCENT, "original rank": COUNT, "of": COUNT}
    others |= {f"expected {heading(findings.trend.board.label_set)} %": PERCENT}
    others |= {"95 %": PERCENT, "above it, points": POINTS}
    columns = (*own, *(Column(name, form) for name, form in others.items()))
    numbers = Table("leaderboard", "Where the models stand on the leaderboard", columns, rows)
    note = " ".join(f"{one.entry}: {one.caveat}." for one in placements if one.caveat)
    return Chart(draw, SQUARE, numbers, note)
