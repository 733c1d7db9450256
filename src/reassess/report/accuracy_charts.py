"""Charts of accuracy: by both kinds of labels, by number of valid classes, in pairs of models, on a leaderboard."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations

from reassess.comparison import Comparison, Difference, Findings, PairedHits
from reassess.core.labels import DEFAULT_LABEL_SET_NAME
from reassess.errors import MissingResult
from reassess.evaluation import HitsOnImagesWithNLabels
from reassess.evaluation.evaluation_words import shorten_label_set_name
from reassess.evaluation.result import NONE_SCORED
from reassess.numeric import Proportion
from reassess.report.accuracy_figures import MAX_NAMED_MODELS, ModelPoint, plot_leaderboard, plot_scatter
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
    hidden_items_note,
    interval_to_percent,
    make_interval_chart,
    make_table,
    proportion_cells,
    proportion_to_percent,
    to_percent,
)
from reassess.report.chart_figures import (
    MAX_DRAWN,
    MAX_NAME_LENGTH,
    SERIES_STYLES,
    SQUARE_SIZE,
    Intervals,
    MeasuredValue,
)
from reassess.text import count_noun, shorten

_MAX_MODELS_FOR_ALL_PAIRS = 4  # with more models, only neighbours in the ranking are compared
_MINUS_WORD = " minus "
# The highest numbers of classes are pooled if fewer images have them; the limit is between these two.
_MIN_GROUP_LIMIT, _MAX_GROUP_LIMIT = 10, 100
_ResultsBySize = Mapping[int, HitsOnImagesWithNLabels]


def scatter_chart(findings: Findings) -> Chart | MissingResult:
    """Create a scatter chart of models: accuracy by reassessed labels (y) against accuracy by original labels (x)."""
    points, rows = [], []
    for model, result in findings.evaluations.items():
        original, real = result.original_accuracy_at(1), result.real_accuracy.get(1)
        original_mark, real_mark = proportion_to_percent(original), proportion_to_percent(real)
        if original_mark is not None and real_mark is not None:
            points.append(ModelPoint(name=model, original_accuracy=original_mark, reassessed_accuracy=real_mark))
            rows.append([model, *proportion_cells(original), *proportion_cells(real)])
    if not points:
        return MissingResult(f"no model has both accuracies: original labels are missing, or {NONE_SCORED}")
    label_set = shorten_label_set_name(findings.labels.title)
    columns = {"model": TEXT}
    for heading in ("original", label_set):
        columns |= {
            f"{heading} %": PERCENT,
            f"{heading} 95 %": PERCENT,
            f"{heading} hits": COUNT,
            f"{heading} n": COUNT,
        }
    numbers = make_table(
        "scatter", f"{_capitalize_default_name(label_set)} accuracy over original accuracy", columns, rows
    )
    note = ""
    if len(points) > MAX_NAMED_MODELS:
        note = f"The chart names the {MAX_NAMED_MODELS} best models; its table names all models."
    draw = partial(
        plot_scatter, points=points, original_label_percent=findings.original_label_percent, label_set=label_set
    )
    return Chart(draw, SQUARE_SIZE, numbers, note)


def _capitalize_default_name(label_set: str) -> str:
    """Capitalize the default name "reassessed" of a label set; return any other name unchanged."""
    return label_set.capitalize() if label_set == DEFAULT_LABEL_SET_NAME else label_set


def select_pairs(findings: Findings) -> Sequence[Comparison] | MissingResult:
    """Compare all pairs of models, or if there are many, only neighbours in the ranking; the better model is first."""
    if isinstance(findings.ranking, MissingResult):
        return findings.ranking
    if len(findings.models) > _MAX_MODELS_FOR_ALL_PAIRS:
        return findings.ranking.neighbours
    return [findings.compare(a, b) for a, b in combinations(findings.ranking.models, 2)]


def difference_chart(findings: Findings) -> Chart | MissingResult:
    """Create a chart of the differences in accuracy between pairs of models."""
    pairs = select_pairs(findings)
    if isinstance(pairs, MissingResult):
        return pairs
    rows, label_set = [], shorten_label_set_name(findings.labels.title)
    series: dict[str, list[MeasuredValue | None]] = {label_set: [], "original": []}
    for i, pair in enumerate(pairs):
        if i < MAX_DRAWN:
            series[label_set].append(_difference_in_points(pair.real_hits))
            series["original"].append(_difference_in_points(pair.original_hits))
        rows += [
            [pair.model_a, pair.model_b, *row]
            for name, difference in pair.differences_by_name.items()
            for row in _difference_rows(name, difference)
        ]
    groups = [_format_pair(pair.model_a, pair.model_b) for pair in pairs[:MAX_DRAWN]]
    series = {name: marks for name, marks in series.items() if any(marks)}
    axis = "difference in top-1 accuracy, points"
    columns = {"a": TEXT, "b": TEXT, "labels": TEXT, "a - b, points": POINTS, "95 %": POINTS, "p": P_VALUE}
    columns |= {"only a correct": COUNT, "only b correct": COUNT, "images": COUNT}
    numbers = make_table("differences", "Differences between models, on the same images", columns, rows)
    intervals = Intervals(
        groups=groups, series=series, axis_title=axis, number_format=POINTS, reference_line=(0.0, "no difference")
    )
    return make_interval_chart(intervals, numbers, hidden_items_note(len(pairs), "pairs"))


def _format_pair(first_name: str, second_name: str) -> str:
    """Format a pair of models as "first minus second"; shorten names that do not fit."""
    room = MAX_NAME_LENGTH - len(_MINUS_WORD)
    first = shorten(first_name, max(room // 2, room - len(second_name)) - 1)
    return f"{first}{_MINUS_WORD}{shorten(second_name, max(room // 2, room - len(first_name)) - 1)}"


def _difference_rows(name: str, difference: Difference) -> Iterator[list[Cell]]:
    """Yield a table row for a difference, and if raters were resampled, a row with the interval from resampling."""
    only = [difference.n_only_a, difference.n_only_b] if isinstance(difference, PairedHits) else [None, None]
    yield [
        name,
        to_percent(difference.mean_difference),
        interval_to_percent(difference.interval),
        difference.p_value,
        *only,
        difference.n_images,
    ]
    if difference.standard_error is not None:
        with_raters = interval_to_percent(difference.interval_over_raters), difference.p_value_over_raters
        mean_difference = to_percent(difference.mean_difference)
        yield [f"{name}, raters resampled", mean_difference, *with_raters, *only, difference.n_images]


def _difference_in_points(difference: Difference | None) -> MeasuredValue | None:
    """Return a difference in percentage points, with its interval, which includes raters' errors if available."""
    if difference is None or difference.mean_difference is None:
        return None
    interval = difference.interval_over_raters or difference.interval
    return MeasuredValue(100 * difference.mean_difference, interval_to_percent(interval))


def label_count_chart(findings: Findings) -> Chart | MissingResult:
    """Create a chart of accuracy by number of valid classes."""
    counts = {model: result.by_label_count for model, result in findings.evaluations.items()}
    sizes = sorted({size for results in counts.values() for size in results})
    if not sizes:
        return MissingResult(NONE_SCORED)
    rows = [
        [model, size, *proportion_cells(_compute_accuracy(results, [size]))]
        for size in sizes
        for model, results in counts.items()
    ]
    drawn_results = {model: counts[model] for model in findings.models[: len(SERIES_STYLES)]}
    label_count_groups = _group_label_counts(sizes, drawn_results)
    groups = [_describe_label_count_group(label_counts, drawn_results) for label_counts in label_count_groups]
    series = {
        model: [proportion_to_percent(_compute_accuracy(results, label_counts)) for label_counts in label_count_groups]
        for model, results in drawn_results.items()
    }
    label_set = shorten_label_set_name(findings.labels.title)
    columns = {"model": TEXT, "valid classes": COUNT, f"{label_set} top-1 %": PERCENT, "95 %": PERCENT, "hits": COUNT}
    numbers = make_table(
        "label-count",
        f"{_capitalize_default_name(label_set)} accuracy by number of valid classes",
        columns | {"images": COUNT},
        rows,
    )
    note = hidden_items_note(len(counts), max_shown=len(SERIES_STYLES))
    intervals = Intervals(
        groups=groups, series=series, axis_title=f"{label_set} top-1 accuracy, %", number_format=".1f"
    )
    return make_interval_chart(intervals, numbers, note)


def _compute_accuracy(results: _ResultsBySize, label_counts: Sequence[int]) -> Proportion:
    """Compute the accuracy on images whose number of valid classes is in `label_counts`."""
    available = [results[size] for size in label_counts if size in results]
    return Proportion(sum(part.hits_by_k[1] for part in available), sum(part.n_images for part in available))


def _group_label_counts(label_counts: list[int], results_by_model: Mapping[str, _ResultsBySize]) -> list[list[int]]:
    """Group images by their number of valid classes; high numbers with few images share a group."""
    scored = min(_compute_accuracy(parts, label_counts).n for parts in results_by_model.values())
    min_images = min(max(scored // 100, _MIN_GROUP_LIMIT), _MAX_GROUP_LIMIT)
    large_positions = [
        i
        for i, size in enumerate(label_counts)
        if all(_compute_accuracy(parts, [size]).n >= min_images for parts in results_by_model.values())
    ]
    n_single = 1 + max(large_positions, default=0)
    return [[size] for size in label_counts[:n_single]] + ([label_counts[n_single:]] if label_counts[n_single:] else [])


def _describe_label_count_group(label_counts: list[int], results_by_model: Mapping[str, _ResultsBySize]) -> str:
    """Describe a group of numbers of valid classes, such as "3 or more valid classes: 12 images"."""
    images = [_compute_accuracy(parts, label_counts).n for parts in results_by_model.values()]
    fewest, most = min(images), max(images)
    n = count_noun(most, "image") if fewest == most else f"{fewest:,} to {most:,} images"
    classes = "valid class" if label_counts == [1] else "valid classes"
    return f"{label_counts[0]}{' or more' if len(label_counts) > 1 else ''} {classes}: {n}"


def leaderboard_chart(findings: Findings) -> Chart | MissingResult:
    """Create a chart of a leaderboard of published models, with the report's models."""
    if isinstance(findings.trend, MissingResult):
        return findings.trend
    placements = findings.leaderboard_placements
    draw = partial(
        plot_leaderboard,
        trend=findings.trend,
        placements=placements,
        original_label_percent=findings.original_label_percent,
        is_brief=True,
    )
    rows: list[list[Cell]] = []
    for placement in placements:
        entry, expected = placement.model_row, placement.expected_accuracy
        ranks = (
            entry.reassessed_accuracy,
            placement.real_rank,
            entry.original_accuracy,
            placement.original_rank,
            placement.n_rows,
        )
        expectation: list[Cell] = [None] * 3
        if expected is not None:
            interval = expected.interval_low, expected.interval_high
            expectation = [expected.accuracy_on_line, interval, expected.residual]
        rows.append([entry.model, *ranks, *expectation])
    # Not a dictionary: label sets named 95 have a column "95 %", and so does the interval.
    columns = (
        *(
            Column("model"),
            Column(f"{shorten_label_set_name(findings.labels.title)} %", PERCENT),
            Column("rank", COUNT),
        ),
        *(Column("original %", PERCENT), Column("original rank", COUNT), Column("of", COUNT)),
        *(
            Column(f"expected {shorten_label_set_name(findings.trend.leaderboard.label_set)} %", PERCENT),
            Column("95 %", PERCENT),
        ),
        Column("above expected, points", POINTS),
    )
    numbers = Table("leaderboard", "Models of this report among published models", columns, rows)
    note = " ".join(f"{placement.model_row}: {placement.caveat}." for placement in placements if placement.caveat)
    return Chart(draw, SQUARE_SIZE, numbers, note)
