"""The output of `reassess labels` and `reassess evaluate` for several label sets."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from reassess.cli.command_run import CommandRun, format_interval_cell, format_percent_cell
from reassess.cli.screen import ResultTable, print_table, print_text
from reassess.comparison import AGREEMENTS, VERDICT_NAMES, LabelAgreement, LabelDiff, ModelOrders
from reassess.errors import MissingResult
from reassess.evaluation import Evaluation, ranks_by_model
from reassess.evaluation.result import describe_images_not_scored
from reassess.formats.result_files import format_count
from reassess.text import count_noun, group_files_with_same_text

if TYPE_CHECKING:
    import polars as pl


_MAX_PRINTED_CLASSES = 20
_Pair = tuple[str, str]


def comparison_to_json(
    agreements: Mapping[_Pair, LabelAgreement], diffs: Mapping[_Pair, LabelDiff | MissingResult]
) -> list[dict[str, Any]]:
    """Return the agreement and the changes between each pair of label sets, for JSON."""
    return [
        {"first": a, "second": b, **agreement.to_json(), **_diff_to_json(diffs[a, b])}
        for (a, b), agreement in agreements.items()
    ]


def _diff_to_json(diff: LabelDiff | MissingResult) -> dict[str, Any]:
    return {"diff": None, "diff_reason": diff.reason} if isinstance(diff, MissingResult) else {"diff": diff.to_json()}


def print_label_comparison(
    run: CommandRun,
    agreements: Mapping[_Pair, LabelAgreement],
    diffs: Mapping[_Pair, LabelDiff | MissingResult],
    *,
    label_sets_with_verdicts: Collection[str],
    by_class: bool,
) -> None:
    """Print how label sets agree, what changed between two label sets, and cross-tables of verdicts."""
    _print_agreements(run, agreements)
    for diff in diffs.values() if len(diffs) == 1 else ():
        if not isinstance(diff, MissingResult):
            click.echo()
            _print_diff(run, diff)
    for (a, b), agreement in agreements.items():
        if a in label_sets_with_verdicts or b in label_sets_with_verdicts:
            _print_verdict_table(a, b, agreement)
    for (a, b), agreement in agreements.items():
        if by_class:
            _print_class_agreement(run, f"{a} and {b}", agreement)


def _print_diff(run: CommandRun, diff: LabelDiff) -> None:
    """Print how many images and labels changed, and the changed classes."""
    rows: list[list[str | None]] = [
        ["images in both", f"{diff.n_images:,}"],
        ["images with changed labels", f"{len(diff.added_labels):,}"],
        ["became empty", f"{diff.n_emptied_label_sets:,}"],
        ["no longer empty", f"{diff.n_filled_label_sets:,}"],
        ["images only in the first", f"{len(diff.images_only_in_first):,}"],
        ["images only in the second", f"{len(diff.images_only_in_second):,}"],
        ["labels in both", f"{diff.n_common_labels:,}"],
        ["labels added", f"{diff.added_labels.indices.size:,}"],
        ["labels removed", f"{diff.removed_labels.indices.size:,}"],
        ["Jaccard index of the labels", None if diff.jaccard is None else f"{diff.jaccard:.4f}"],
    ]
    print_table(["from first to second", ""], rows)
    changes = diff.count_by_class()
    if changes:
        classes = diff.added_labels.classes
        click.echo()
        limit = run.limit_printed_rows(len(changes), _MAX_PRINTED_CLASSES, "classes")
        print_table(
            ["class", "name", "added", "removed"],
            [[i, classes.short_name(i), added, removed] for i, (added, removed) in islice(changes.items(), limit)],
            n_text_columns=2,
        )


def make_class_dataframe(agreements: Mapping[tuple[str, str], LabelAgreement]) -> "pl.DataFrame":
    """Return a data frame with a row for each pair of label sets and each class."""
    import polars as pl

    rows = [
        {"first": a, "second": b, **entry}
        for (a, b), agreement in agreements.items()
        for entry in agreement.to_json()["by_class"]
    ]
    schema = {"first": pl.String, "second": pl.String, "class": pl.Int64, "name": pl.String}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(AGREEMENTS[:-1], pl.Int64))


def _print_agreements(run: CommandRun, agreements: Mapping[tuple[str, str], LabelAgreement]) -> None:
    """Print a table of agreement, with a row for each pair of label sets."""
    headings = ["first", "second", "images", "equal", "overlap", "disjoint", "equal %"]
    rows: list[list[str | None]] = []
    for (a, b), agreement in agreements.items():
        counts = {name: f"{count:,}" for name, count in agreement.counts.items()}
        cells = [counts[name] for name in AGREEMENTS[:3]]
        unlabelled = [counts[name] for name in AGREEMENTS[3:]]
        rows.append(
            [a, b, f"{len(agreement):,}", *cells, format_percent_cell(agreement.share_of_equal_label_sets), *unlabelled]
        )
    print_table([*headings, "first unlabelled", "second unlabelled", "both unlabelled"], rows, n_text_columns=2)
    run.add_note("overlap: not equal, but with a common class; unlabelled: no valid class, or the image is missing")
    run.add_note("equal %: share of images with equal classes, among the images labelled in both")


def _print_verdict_table(first_name: str, second_name: str, agreement: LabelAgreement) -> None:
    """Print a cross-table of two label sets' verdicts on classes, without empty rows and columns."""
    counts = agreement.verdict_counts
    rows, columns = (
        [i for i in range(len(VERDICT_NAMES)) if totals[i]] for totals in (counts.sum(axis=1), counts.sum(axis=0))
    )
    words = [name.replace("_", " ") for name in VERDICT_NAMES]
    print_text(f"\nclasses by verdict, on images in both sets: {first_name} in rows, {second_name} in columns")
    print_table(
        ["", *(words[i] for i in columns)],
        [[words[row], *(f"{counts[row, column]:,}" for column in columns)] for row in rows],
    )


def _print_class_agreement(run: CommandRun, title: str, agreement: LabelAgreement) -> None:
    """Print the classes with the most images where two label sets are disjoint or overlap only partly."""
    entries = [entry for entry in agreement.to_json()["by_class"] if entry["disjoint"] or entry["overlap"]]
    entries.sort(key=lambda entry: (-entry["disjoint"], -entry["overlap"]))
    click.echo()
    limit = run.limit_printed_rows(len(entries), _MAX_PRINTED_CLASSES, "classes")
    print_table(
        ["class", "name", *(name.replace("_", " ") for name in AGREEMENTS[:-1])],
        [list(entry.values()) for entry in entries[:limit]],
        title=title,
        n_text_columns=2,
    )


def orders_to_json(orders: ModelOrders | MissingResult) -> dict[str, Any]:
    """Return the model orders for JSON, or null with the reason."""
    if isinstance(orders, MissingResult):
        return {"orders": None, "orders_reason": orders.reason}
    return {"orders": orders.to_json()}


def make_label_sets_table(
    evaluations_by_set: Mapping[str, Mapping[str, Evaluation]], *, has_ranks: bool
) -> ResultTable:
    """Return a table with a row for each model and label set."""
    models = list(next(iter(evaluations_by_set.values())))
    k = min(
        k
        for evaluations in evaluations_by_set.values()
        for result in evaluations.values()
        for k in result.real_accuracy
    )
    rank_of = {name: ranks_by_model(evaluations) for name, evaluations in evaluations_by_set.items()}
    rows = [
        _make_label_set_row(model, name, evaluations_by_set[name][model], [rank_of[name][model]] if has_ranks else [])
        for model in models
        for name in evaluations_by_set
    ]
    headings = ["file", "labels", "scored", f"top-{k} %", "95 %", *(["rank"] if has_ranks else [])]
    return ResultTable(headings, rows, n_text_columns=2)


def print_orders(
    run: CommandRun, evaluations_by_set: Mapping[str, Mapping[str, Evaluation]], orders: ModelOrders | MissingResult
) -> None:
    """Print how the order of models changes between label sets, and how the files were read."""
    print_text(f"model orders cannot be compared: {orders}" if isinstance(orders, MissingResult) else str(orders))
    for line in _describe_files(evaluations_by_set):
        run.print_line(line)
    for line in _make_footnotes(orders):
        run.add_note(line)


def _make_footnotes(orders: ModelOrders | MissingResult) -> Iterator[str]:
    """Explain which images a row counts, the intervals, and the test of changes in model order."""
    yield "table: each label set is used on its own scored images, so different label sets have different images"
    yield "95 %: Wilson intervals, with the images as a random sample"
    if isinstance(orders, ModelOrders) and len(orders.models) > 1:
        tests = sum(len(change.leads) for change in orders.order_changes)
        yield f"p: exact sign-flip test of the change of a lead; Holm: corrected for {count_noun(tests, 'lead')}"


def _describe_files(evaluations_by_set: Mapping[str, Mapping[str, Evaluation]]) -> Iterator[str]:
    models = next(iter(evaluations_by_set.values()))
    yield from group_files_with_same_text({model: result.detected_input for model, result in models.items()})
    for name, evaluations in evaluations_by_set.items():
        lines = group_files_with_same_text({model: describe_images_not_scored(evaluations[model]) for model in models})
        yield from (f"{name}: {line}" for line in lines)


def _make_label_set_row(model: str, label_set_name: str, result: Evaluation, rank_cells: list[int]) -> list[object]:
    first_accuracy = next(iter(result.real_accuracy.values()))
    return [
        model,
        label_set_name,
        format_count(result.n_scored),
        format_percent_cell(first_accuracy),
        format_interval_cell(first_accuracy),
        *rank_cells,
    ]
