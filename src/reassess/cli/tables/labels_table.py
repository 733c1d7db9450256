"""What `reassess labels` prints: how far label sets agree, and what changed; and models by several label sets."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from reassess.cli.call import Call, percent, percents
from reassess.cli.result_table import ResultTable
from reassess.cli.screen import print_table, say
from reassess.comparison import AGREEMENTS, CROSSTAB, LabelAgreement, LabelDiff, ModelOrders
from reassess.errors import Missing
from reassess.evaluation import Evaluation, ranks_of
from reassess.evaluation.result import not_scored_in_words
from reassess.formats.result_files import printed_count
from reassess.text import counted, shared

if TYPE_CHECKING:
    import polars as pl


_MOST_CLASSES = 20
_Pair = tuple[str, str]


def comparison_to_json(
    agreements: Mapping[_Pair, LabelAgreement], diffs: Mapping[_Pair, LabelDiff | Missing]
) -> list[dict[str, Any]]:
    """An object for every two label sets: how far they agree, and what changed from the first to the second."""
    return [
        {"first": a, "second": b, **agreement.to_json(), **_diff_to_json(diffs[a, b])}
        for (a, b), agreement in agreements.items()
    ]


def _diff_to_json(diff: LabelDiff | Missing) -> dict[str, Any]:
    return {"diff": None, "diff_reason": diff.why} if isinstance(diff, Missing) else {"diff": diff.to_json()}


def print_comparison(
    call: Call,
    agreements: Mapping[_Pair, LabelAgreement],
    diffs: Mapping[_Pair, LabelDiff | Missing],
    *,
    reviewed: Collection[str],
    by_class: bool,
) -> None:
    """How far every two label sets agree; of two sets, what changed; of reviewed ones, what each says of classes."""
    _print_agreements(call, agreements)
    for diff in diffs.values() if len(diffs) == 1 else ():
        if not isinstance(diff, Missing):
            click.echo()
            _print_diff(call, diff)
    for (a, b), agreement in agreements.items():
        if a in reviewed or b in reviewed:
            _print_crosstab(a, b, agreement)
    for (a, b), agreement in agreements.items():
        if by_class:
            _print_classes(call, f"{a} and {b}", agreement)


def _print_diff(call: Call, diff: LabelDiff) -> None:
    """How many images and labels changed, and in which classes."""
    rows: list[list[str | None]] = [
        ["images in both", f"{diff.n_images:,}"],
        ["images whose set changed", f"{len(diff.added):,}"],
        ["became empty", f"{diff.n_emptied:,}"],
        ["no longer empty", f"{diff.n_filled:,}"],
        ["images in the first only", f"{len(diff.images_only_in_first):,}"],
        ["images in the second only", f"{len(diff.images_only_in_second):,}"],
        ["labels in both", f"{diff.n_common_labels:,}"],
        ["labels added", f"{diff.added.indices.size:,}"],
        ["labels removed", f"{diff.removed.indices.size:,}"],
        ["Jaccard index of the labels", None if diff.jaccard is None else f"{diff.jaccard:.4f}"],
    ]
    print_table(["from the first to the second", ""], rows)
    changes = diff.count_by_class()
    if changes:
        classes = diff.added.classes
        click.echo()
        shown = call.first_rows(len(changes), _MOST_CLASSES, "classes")
        print_table(
            ["class", "name", "added", "removed"],
            [[i, classes.label(i), added, removed] for i, (added, removed) in islice(changes.items(), shown)],
            text_columns=2,
        )


def class_table(agreements: Mapping[tuple[str, str], LabelAgreement]) -> "pl.DataFrame":
    """A row for each two label sets and class."""
    import polars as pl

    rows = [
        {"first": a, "second": b, **entry}
        for (a, b), agreement in agreements.items()
        for entry in agreement.to_json()["by_class"]
    ]
    schema = {"first": pl.String, "second": pl.String, "class": pl.Int64, "name": pl.String}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(AGREEMENTS[:-1], pl.Int64))


def _print_agreements(call: Call, agreements: Mapping[tuple[str, str], LabelAgreement]) -> None:
    """A row for each two label sets."""
    headings = ["first", "second", "images", "equal", "overlap", "disjoint", "equal %"]
    rows: list[list[str | None]] = []
    for (a, b), agreement in agreements.items():
        n = {name: f"{count:,}" for name, count in agreement.counts.items()}
        cells = [n[name] for name in AGREEMENTS[:3]]
        unlabelled = [n[name] for name in AGREEMENTS[3:]]
        rows.append([a, b, f"{len(agreement):,}", *cells, percent(agreement.share_equal), *unlabelled])
    print_table([*headings, "first unlabelled", "second unlabelled", "both unlabelled"], rows, text_columns=2)
    call.note("overlap: not equal, but with a common class; unlabelled: without a valid class, or missing")
    call.note("equal %: of the images that both label")


def _print_crosstab(first: str, second: str, agreement: LabelAgreement) -> None:
    """Cross-tabulate the classes that either label set names; rows and columns without a count are hidden."""
    counts = agreement.verdict_counts
    rows, columns = ([i for i in range(len(CROSSTAB)) if part[i]] for part in (counts.sum(axis=1), counts.sum(axis=0)))
    words = [name.replace("_", " ") for name in CROSSTAB]
    say(f"\nclasses on shared images by {first} (rows) and {second} (columns)")
    print_table(
        ["", *(words[i] for i in columns)],
        [[words[row], *(f"{counts[row, column]:,}" for column in columns)] for row in rows],
    )


def _print_classes(call: Call, title: str, agreement: LabelAgreement) -> None:
    """The classes of most images on which the two are disjoint or overlap."""
    entries = [entry for entry in agreement.to_json()["by_class"] if entry["disjoint"] or entry["overlap"]]
    entries.sort(key=lambda entry: (-entry["disjoint"], -entry["overlap"]))
    click.echo()
    shown = call.first_rows(len(entries), _MOST_CLASSES, "classes")
    print_table(
        ["class", "name", *(name.replace("_", " ") for name in AGREEMENTS[:-1])],
        [list(entry.values()) for entry in entries[:shown]],
        title=title,
        text_columns=2,
    )


def orders_to_json(orders: ModelOrders | Missing) -> dict[str, Any]:
    """The part of the JSON document beside the results; what is null has its reason beside it."""
    if isinstance(orders, Missing):
        return {"orders": None, "orders_reason": orders.why}
    return {"orders": orders.to_json()}


def label_sets_table(rankings: Mapping[str, Mapping[str, Evaluation]], *, ranked: bool) -> ResultTable:
    """A row for each model and label set."""
    models = list(next(iter(rankings.values())))
    k = min(k for ranking in rankings.values() for result in ranking.values() for k in result.real)
    rank_of = {name: ranks_of(ranking) for name, ranking in rankings.items()}
    rows = [
        _row(model, name, rankings[name][model], [rank_of[name][model]] if ranked else [])
        for model in models
        for name in rankings
    ]
    headings = ["file", "labels", "scored", f"top-{k} %", "95 %", *(["rank"] if ranked else [])]
    return ResultTable(headings, rows, text_columns=2)


def print_orders(call: Call, rankings: Mapping[str, Mapping[str, Evaluation]], orders: ModelOrders | Missing) -> None:
    """How the order of the models moves between label sets, and on which images each rests."""
    say(f"orders are not compared: {orders}" if isinstance(orders, Missing) else str(orders))
    for line in _read_and_not_scored(rankings):
        call.tell(line)
    for line in _footnotes(orders):
        call.note(line)


def _footnotes(orders: ModelOrders | Missing) -> Iterator[str]:
    """Of which images the table is, and how the change of a lead is tested."""
    yield ("table: each label set on its own scored images, so rows of different label sets are about different images")
    yield "95 %: Wilson intervals, over images"
    if isinstance(orders, ModelOrders) and len(orders.models) > 1:
        tests = sum(len(change.leads) for change in orders.order_changes)
        yield f"p: exact, either sign for the change on each image; Holm: for {counted(tests, 'lead')}"


def _read_and_not_scored(rankings: Mapping[str, Mapping[str, Evaluation]]) -> Iterator[str]:
    models = next(iter(rankings.values()))
    yield from shared({model: result.detected for model, result in models.items()})
    for name, ranking in rankings.items():
        lines = shared({model: not_scored_in_words(ranking[model]) for model in models})
        yield from (f"{name}: {line}" for line in lines)


def _row(model: str, name: str, result: Evaluation, rank: list[int]) -> list[object]:
    first = next(iter(result.real.values()))
    return [model, name, printed_count(result.scored), percent(first), percents(first), *rank]
