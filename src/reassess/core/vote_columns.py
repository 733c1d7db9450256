"""The columns of votes: how they are checked, grouped by item, and joined."""

from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from reassess.core.answers import answer_dtype
from reassess.core.checks import check_range, check_shape
from reassess.core.items import Id, Items, describe_item
from reassess.errors import DataError

_MIN_VOTES_FOR_KERNEL = 1 << 17  # fewer votes are sorted without the compiled loop, which takes time to load


def check_columns(
    indptr: npt.NDArray[np.int64],
    n_items: int,
    rater_ids: npt.NDArray[np.int32],
    answer_ids: npt.NDArray[np.unsignedinteger],
    seconds: npt.NDArray[np.float64] | None,
) -> None:
    """Raise `DataError` if the shapes of the columns do not fit each other, or a duration is negative."""
    if indptr.size != n_items + 1 or indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        raise DataError(
            "wrong-indptr",
            "indptr does not fit the items",
            allowed=f"{n_items + 1} ascending entries from 0",
            found=f"{indptr.size} entries from {indptr[0] if indptr.size else None}",
        )
    for name, column in (("rater_ids", rater_ids), ("answer_ids", answer_ids), ("seconds", seconds)):
        if column is not None:
            check_shape(column, (int(indptr[-1]),), value_name=name)
    if seconds is not None:
        known = np.where(np.isnan(seconds), 0, seconds)
        check_range(known, 0, value_name="seconds of a vote", where=lambda vote: f"vote {vote}")


def check_ids(
    rater_ids: npt.NDArray[np.integer],
    answer_ids: npt.NDArray[np.integer],
    n_raters: int,
    n_answers: int,
    locate: Callable[[int], str],
) -> None:
    """Raise `DataError` unless each vote's rater id and answer id are positions in the lists of raters and answers."""
    check_range(rater_ids, 0 if n_raters else -1, n_raters - 1, value_name="rater of a vote", where=locate)
    check_range(answer_ids, 0, n_answers - 1, value_name="answer of a vote", where=locate)


class GroupedVotes(TypedDict):
    """Columns of votes grouped by item, as `Votes` takes them."""

    indptr: npt.NDArray[np.int64]
    rater_ids: npt.NDArray[np.int32]
    answer_ids: npt.NDArray[np.unsignedinteger]
    seconds: npt.NDArray[np.float64] | None


def group_votes(
    items: Items,
    item_ids: npt.ArrayLike,
    rater_ids: npt.ArrayLike,
    answer_ids: npt.ArrayLike,
    raters: Sequence[Id],
    answers: Sequence[Id],
    seconds: npt.ArrayLike | None,
) -> GroupedVotes:
    """Check columns of votes, whose rows can be in any order, and group the votes by item."""
    item_ids, rater_ids, answer_ids = np.asarray(item_ids), np.asarray(rater_ids), np.asarray(answer_ids)
    check_shape(item_ids, ("votes",), value_name="item_ids", kind="integers")
    for name, column in (("rater_ids", rater_ids), ("answer_ids", answer_ids)):
        check_shape(column, item_ids.shape, value_name=name, kind="integers")
    seconds = None if seconds is None else np.asarray(seconds)
    if seconds is not None:
        check_shape(seconds, item_ids.shape, value_name="seconds", kind="numbers")
    check_range(item_ids, 0, len(items) - 1, value_name="item of a vote", where="vote {}".format)
    # Check before the cast, which could turn an invalid id into a valid one.
    check_ids(rater_ids, answer_ids, len(raters), len(answers), lambda vote: describe_item(items, int(item_ids[vote])))
    indptr, order = _group_by_item(item_ids, len(items))
    return {
        "indptr": indptr,
        "rater_ids": rater_ids.astype(np.int32, copy=False)[order],
        "answer_ids": answer_ids.astype(answer_dtype(len(answers)), copy=False)[order],
        "seconds": None if seconds is None else seconds.astype(np.float64, copy=False)[order],
    }


def _group_by_item(
    item_ids: npt.NDArray[np.integer], n_items: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the order that groups votes by item, and `indptr` of the votes in this order."""
    if item_ids.size < _MIN_VOTES_FOR_KERNEL:
        ends = np.cumsum(np.bincount(item_ids, minlength=n_items))
        return np.concatenate([[0], ends]), np.argsort(item_ids, kind="stable")
    from reassess.numeric.vote_kernels import fill_order_by_id

    indptr, order = np.zeros(n_items + 1, np.int64), np.empty(item_ids.size, np.int64)
    fill_order_by_id(item_ids, indptr, order)
    return indptr, order


def join_seconds(
    columns: Sequence[npt.NDArray[np.float64] | None], lengths: Sequence[int]
) -> npt.NDArray[np.float64] | None:
    """Concatenate columns of seconds; a missing column becomes NaN, and the result is None if all are missing."""
    if all(column is None for column in columns):
        return None
    filled = [np.full(n, np.nan) if column is None else column for column, n in zip(columns, lengths, strict=True)]
    return np.concatenate(filled)
