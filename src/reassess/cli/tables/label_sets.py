"""What `reassess evaluate` prints and writes of models judged by several label sets."""

from collections.abc import Iterator, Mapping
from typing import Any

from reassess.cli.common import Call, percent, percents
from reassess.cli.screen import print_table, say
from reassess.comparison.model_orders import ModelOrders
from reassess.core.missing import Missing
from reassess.evaluation.result import Evaluation, ranks_of
from reassess.evaluation.words import left_out_in_words
from reassess.text import counted, shared

__all__ = ["orders_to_json", "print_label_sets", "print_orders"]


def orders_to_json(orders: ModelOrders | Missing) -> dict[str, Any]:
    """The part of the JSON document beside the results; what is null has its reason beside it."""
    if isinstance(orders, Missing):
        return {"orders": None, "orders_reason": orders.why}
    return {"orders": orders.to_json()}


def print_label_sets(rankings: Mapping[str, Mapping[str, Evaluation]], *, ranked: bool) -> None:
    """A row for each model and label set.

    Parameters
    ----------
    rankings
        By the name of the label set and then of the model.
    ranked
        Whether to show ranks, which takes models on the same images.
    """
    models = list(next(iter(rankings.values())))
    k = min(k for ranking in rankings.values() for result in ranking.values() for k in result.real)
    rank_of = {name: ranks_of(ranking) for name, ranking in rankings.items()}
    rows = [
        _row(model, name, rankings[name][model], [rank_of[name][model]] if ranked else [])
        for model in models
        for name in rankings
    ]
    headings = ["file", "labels", "scored", f"top-{k} %", "95 %", *(["rank"] if ranked else [])]
    print_table(headings, rows, text_columns=2)


def print_orders(call: Call, rankings: Mapping[str, Mapping[str, Evaluation]], orders: ModelOrders | Missing) -> None:
    """How the order of the models moves between label sets, and on which images each rests.

    Parameters
    ----------
    call
        The command's call.
    rankings
        By the name of the label set and then of the model.
    orders
        The orders of the models, or why there are none.
    """
    say(f"the orders are not compared: {orders}" if isinstance(orders, Missing) else str(orders))
    for line in _read_and_left_out(rankings):
        call.tell(line)
    for line in _footnotes(orders):
        call.note(line)


def _footnotes(orders: ModelOrders | Missing) -> Iterator[str]:
    """Of which images the table is, and how the change of a lead is tested."""
    yield (
        "table: each label set on the images that it scores, so that rows of different label sets are not of the same "
        "images"
    )
    yield "95 %: Wilson intervals, over images"
    if isinstance(orders, ModelOrders) and len(orders.models) > 1:
        tests = sum(len(change.leads) for change in orders.changes)
        yield f"p: exact, either sign for the change on each image; Holm: for {counted(tests, 'lead')}"


def _read_and_left_out(rankings: Mapping[str, Mapping[str, Evaluation]]) -> Iterator[str]:
    models = next(iter(rankings.values()))
    yield from shared({model: result.detected for model, result in models.items()})
    for name, ranking in rankings.items():
        left_out = {model: left_out_in_words(ranking[model]) for model in models}
        told = shared({model: text and f"left out: {text}" for model, text in left_out.items()})
        yield from (f"{name}: {line}" for line in told)


def _row(model: str, name: str, result: Evaluation, rank: list[int]) -> list[object]:
    first = next(iter(result.real.values()))
    return [model, name, f"{result.scored:,}", percent(first.value), percents(first.interval), *rank]
