"""The output of `reassess leaderboard`: tables, notes and JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from reassess.cli.command_run import CommandRun
from reassess.cli.screen import ResultTable, print_table
from reassess.comparison import Placement, Trend
from reassess.comparison.comparison_words import TOO_FEW_FAMILIES
from reassess.comparison.trends import TrendLine
from reassess.core import Leaderboard
from reassess.evaluation.evaluation_words import shorten_label_set_name
from reassess.formats.result_files import PrintedNumbers, format_count
from reassess.numeric import Estimate, Proportion
from reassess.text import count_noun, format_percentage, join_first

_MIN_PRINTED_P_VALUE = 0.0001  # smaller p-values are printed as "below 0.0001"
_NO_LABEL_ACCURACY_REASON = "original or reassessed labels are missing"


@dataclass(frozen=True)
class OriginalLabelAccuracy:
    """The accuracy of the original labels by the reassessed labels, measured like a model's accuracy."""

    proportion: Proportion  # of images whose original label is valid; not undefined
    source: str

    @property
    def percent(self) -> float:
        """The accuracy in percent."""
        return 100 * (self.proportion.hits / self.proportion.n)

    def count_rows_above_original_labels(self, board: Leaderboard) -> int:
        """Count the leaderboard's rows whose accuracy is higher than the original labels' accuracy."""
        return int((board.reassessed_accuracies > self.percent).sum())

    def to_json(self, board: Leaderboard) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "real": self.percent,
            "hits": self.proportion.hits,
            "n": self.proportion.n,
            "above": self.count_rows_above_original_labels(board),
        }


def to_json(
    trend: Trend, placements: Sequence[Placement], label_accuracy: OriginalLabelAccuracy | None
) -> dict[str, Any]:
    """Return the results for JSON."""
    board = trend.leaderboard
    ranks = zip(board.reassessed_ranks.tolist(), board.original_ranks.tolist(), strict=True)
    rows = [
        entry.to_json() | {"family": family, "real_rank": real, "original_rank": original}
        for entry, family, (real, original) in zip(board.entries, board.families, ranks, strict=True)
    ]
    return {
        "unit": "percent",
        "label_set": board.label_set,
        "rows": [rows[row] for row in board.rows_by_reassessed_accuracy],
        "models": board.n_models,
        "families": board.family_ids.max().item() + 1,
        "family_pattern": board.family_pattern.pattern,
        "without_family": board.n_models_without_family,
        "rows_dropped": board.dropped_row_counts,
        "kendall": trend.kendall_tau,
        "spearman": trend.spearman_correlation,
        **trend.to_json(),
        "level": None if label_accuracy is None else label_accuracy.to_json(board),
        **({"level_reason": _NO_LABEL_ACCURACY_REASON} if label_accuracy is None else {}),
        "place": [placement.to_json() for placement in placements],
    }


def print_leaderboard(
    run: CommandRun,
    trend: Trend,
    placements: Sequence[Placement],
    label_accuracy: OriginalLabelAccuracy | None,
    limit: int,
) -> None:
    """Print the best rows, the slopes of the trend, the rank changes, and the ranks of the user's models."""
    board = trend.leaderboard
    labels_heading = shorten_label_set_name(board.label_set)
    make_leaderboard_table(board, board.rows_by_reassessed_accuracy[:limit]).print()
    click.echo()
    _print_slopes(trend)
    changes = list(_make_slope_change_rows(trend))
    if changes:
        click.echo()
        print_table(["change of the slope", "by", "95 %", "p"], changes)
    click.echo()
    print_table(["original and reassessed order", ""], _make_rank_order_rows(trend, label_accuracy), n_text_columns=2)
    if placements:
        click.echo()
        headings = ["model", f"{labels_heading} %", "rank", "original %", "original rank"]
        headings += [f"expected {labels_heading} %", "95 %", "above expected"]
        print_table(headings, map(_make_placement_row, placements))
    for placement in placements:
        click.echo()
        _print_neighbouring_models(placement, labels_heading)
    run.print_line(f"{count_noun(len(board), 'row')} of {count_noun(board.n_models, 'model')}")
    for reason, count in board.dropped_row_counts.items():
        run.print_line(f"{count_noun(count, 'row')} dropped: {reason}")
    for line in _make_footnotes(trend, placements, label_accuracy):
        run.add_note(line)


def make_leaderboard_table(board: Leaderboard, rows: Sequence[int]) -> ResultTable:
    """Return a table of these rows of the leaderboard."""
    real_heading = f"{shorten_label_set_name(board.label_set)} %"
    columns = ["model", "image size", "parameters, M", real_heading, "rank", "original %", "original rank"]
    cells: list[list[object]] = []
    for row in rows:
        entry = board.entries[row]
        millions = None if entry.parameters is None else PrintedNumbers(f"{entry.parameters:,.1f}", entry.parameters)
        real = (
            PrintedNumbers(format_percentage(entry.reassessed_accuracy), entry.reassessed_accuracy),
            format_count(int(board.reassessed_ranks[row])),
        )
        original = (
            PrintedNumbers(format_percentage(entry.original_accuracy), entry.original_accuracy),
            format_count(int(board.original_ranks[row])),
        )
        cells.append([entry.model, entry.image_size, millions, *real, *original])
    return ResultTable(columns, cells)


def _print_slopes(trend: Trend) -> None:
    slope = f"slope of {shorten_label_set_name(trend.leaderboard.label_set)}"
    columns = ["original accuracy, %", "rows", "models", "families", slope, "95 %"]
    cells = [
        [name, f"{line.n_rows:,}", f"{line.n_models:,}", f"{line.n_families:,}", *_format_estimate_cells(line.slope)]
        for name, line in _iter_named_trend_lines(trend)
    ]
    print_table(columns, cells)


def _iter_named_trend_lines(trend: Trend) -> Iterator[tuple[str, TrendLine]]:
    """Yield the name of each trend line that has rows, and the line."""
    yield "all", trend.overall_line
    if trend.outliers.rows:
        yield f"all except {len(trend.outliers.rows):,} far out", trend.outliers.line_without_outliers
    yield from ((str(line), line) for line in trend.band_lines if line.n_rows)


def _format_estimate_cells(estimate: Estimate | None) -> list[str | None]:
    if estimate is None:
        return [None, None]
    return [f"{estimate.value:.3f}", "{:.3f} to {:.3f}".format(*estimate.interval)]


def _make_slope_change_rows(trend: Trend) -> Iterator[list[str | None]]:
    named_changes = [(f"{after} % minus {before} %", change) for before, after, change in trend.band_slope_changes]
    if trend.slope_change_per_point is not None:
        named_changes.append(("per percentage point of original accuracy, all bands", trend.slope_change_per_point))
    for name, change in named_changes:
        p = f"below {_MIN_PRINTED_P_VALUE}" if change.p_value < _MIN_PRINTED_P_VALUE else f"{change.p_value:.4f}"
        yield [name, *_format_estimate_cells(change), p]


def _make_rank_order_rows(trend: Trend, label_accuracy: OriginalLabelAccuracy | None) -> Iterator[list[str | None]]:
    board = trend.leaderboard
    for name, value in {"Kendall's tau": trend.kendall_tau, "Spearman's rho": trend.spearman_correlation}.items():
        yield [name, None if value is None else f"{value:.3f}"]
    rises = board.rank_gains
    for name, row in {
        "highest rise": _find_row_with_largest_change(board, rises),
        "deepest fall": _find_row_with_largest_change(board, -rises),
    }.items():
        if row is not None:
            ranks = f"rank {board.original_ranks[row]:,} to {board.reassessed_ranks[row]:,}"
            yield [f"{name} by {shorten_label_set_name(board.label_set)}", f"{board.entries[row]}, {ranks}"]
    if label_accuracy is not None:
        above_text = f"{label_accuracy.count_rows_above_original_labels(board):,} of {len(board):,}"
        yield [f"rows above the original labels ({format_percentage(label_accuracy.percent)} %)", above_text]


def _find_row_with_largest_change(board: Leaderboard, rank_changes: npt.NDArray[np.int64]) -> int | None:
    """Return the row with the largest rank change (in a tie, the better row); None if no change is above 0."""
    row = max(board.rows_by_reassessed_accuracy, key=lambda row: int(rank_changes[row]))
    return row if rank_changes[row] > 0 else None


def _make_placement_row(placement: Placement) -> list[str | None]:
    entry, expected = placement.model_row, placement.expected_accuracy
    total = f"of {placement.n_rows:,}"
    cells = [
        format_percentage(entry.reassessed_accuracy),
        f"{placement.real_rank:,} {total}",
        format_percentage(entry.original_accuracy),
    ]
    cells.append(f"{placement.original_rank:,} {total}")
    if expected is None:
        return [str(entry), *cells, None, None, None]
    interval = f"{format_percentage(expected.interval_low)} to {format_percentage(expected.interval_high)}"
    return [str(entry), *cells, format_percentage(expected.accuracy_on_line), interval, f"{expected.residual:+.2f}"]


def _print_neighbouring_models(placement: Placement, labels_heading: str) -> None:
    entry = placement.model_row
    rows = [
        [
            str(row),
            format_percentage(row.reassessed_accuracy),
            f"{row.reassessed_accuracy - entry.reassessed_accuracy:+.2f}",
            format_percentage(row.original_accuracy),
        ]
        for row in (*placement.better_rows, entry, *placement.worse_or_equal_rows)
    ]
    print_table([f"next to {entry}", f"{labels_heading} %", "difference", "original %"], rows)


def _make_footnotes(
    trend: Trend, placements: Sequence[Placement], label_accuracy: OriginalLabelAccuracy | None
) -> Iterator[str]:
    board = trend.leaderboard
    yield from _explain_slopes(trend)
    if label_accuracy is None:
        yield f"no accuracy of the original labels: {_NO_LABEL_ACCURACY_REASON}"
    else:
        valid = label_accuracy.proportion
        yield f"original labels: {valid.hits:,} of {valid.n:,} valid, {label_accuracy.source}"
    if any(placement.expected_accuracy for placement in placements):
        labels_heading = shorten_label_set_name(board.label_set)
        yield f"95 % of expected {labels_heading}: for models of new families with this original accuracy"
    row_names = set(map(str, board.entries))
    for placement in placements:
        if str(placement.model_row) in row_names:
            yield f"{placement.model_row}: the leaderboard has a row with this name; it counts as another model"
        yield from _explain_leaderboard_placement(placement)


def _explain_slopes(trend: Trend) -> Iterator[str]:
    board, far_out = trend.leaderboard, trend.outliers
    family_source = "the first word of the name"
    if board.family_pattern != Leaderboard.family_pattern:
        family_source = f"{board.family_pattern.pattern!r} in the name"
    yield f"95 % of a slope: over families of models; a family is {family_source} (--family PATTERN)"
    if models_without_family := board.n_models_without_family:
        subject, fix = "the pattern", ""
        if board.family_pattern.groups and board.has_model_with_empty_family:
            subject = "the first group of the pattern"
            fix = " (put alternatives into one group, such as (a|b))"
        models = count_noun(models_without_family, "model")
        yield f"{models} without a family, each taken as its own family: {subject} does not match the name{fix}"
    if far_out.rows:
        low, high = max(far_out.lower_fence, 0), min(far_out.upper_fence, 100)
        yield (
            f"far out: families with all rows outside {low:.1f} to {high:.1f} % (Tukey's outer fences): "
            f"{join_first(far_out.rows, max_items=3)}"
        )
    without = [name for name, line in _iter_named_trend_lines(trend) if line.fit is None]
    for name in without:
        yield f"no slope for {name}: {TOO_FEW_FAMILIES}"
    if without:
        yield "to take each model as a family: --family .+"
    if empty := [f"{line} %" for line in trend.band_lines if not line.n_rows]:
        yield f"no rows in {' or '.join(empty)}"


def _explain_leaderboard_placement(placement: Placement) -> Iterator[str]:
    entry, expected = placement.model_row, placement.expected_accuracy
    if expected is not None:
        yield (
            f"{entry}: expected value from the {expected.n_rows:,} rows with the closest original accuracy, of "
            f"{count_noun(expected.n_families, 'family', 'families')}; further above its expected value than "
            f"{100 * expected.share_of_rows_below:.0f} % of these rows"
        )
    if placement.caveat:
        yield f"{entry}: {placement.caveat}"
