"""Votes as a long table: a row a vote."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_known
from reassess.core.classes import Classes
from reassess.core.items import Id, Items, normal_id
from reassess.core.questions import Questions
from reassess.core.votes import Votes, ordered_answers
from reassess.errors import DataError
from reassess.formats.class_columns import ids_of_column
from reassess.formats.questions import columns_of_questions
from reassess.formats.tables import column, read_table, refuse_missing

if TYPE_CHECKING:
    import polars as pl

__all__ = ["coded_ids", "read_vote_table", "vote_table"]

_ITEM, _RATER, _ANSWER = ("item", "task", "question"), ("rater", "worker"), ("answer", "label")


def read_vote_table(path: Path, answers: Sequence[Id] | None, classes: Classes | None = None) -> Votes:
    """Votes of a long table. See `formats.votes.read_votes`."""
    table = read_table(path, text=("image", *_ITEM, *_RATER, *_ANSWER))
    items, item_ids = _items_of(path, table, classes)
    rater = table[column(path, table, *_RATER, thing="the rater")]
    answer = table[column(path, table, *_ANSWER, thing="the answer")]
    cast = _voted(path, rater, answer)
    raters, rater_ids = coded_ids(rater.filter(cast))
    answer_names, answer_ids = coded_ids(answer.filter(cast))
    voted = cast.to_numpy()
    order = tuple(answers) if answers else ordered_answers(answer_names)
    return Votes.from_columns(
        items,
        item_ids[voted],
        rater_ids,
        _placed(path, answer_names, order, answer_ids, np.flatnonzero(voted)),
        raters,
        order,
        seconds=_seconds_of(path, table, voted),
    )


def _items_of(path: Path, table: "pl.DataFrame", classes: Classes | None) -> tuple[Items, npt.NDArray[np.int64]]:
    """The items in the order in which they first come, and the position of each row's item."""
    if "image" in table.columns and "class" in table.columns:
        image = table["image"]
        refuse_missing(path, image)
        class_ids, classes = ids_of_column(path, table["class"], classes)
        _, image_ids = coded_ids(image)
        keys = (image_ids << 32) + class_ids
        _, first, ids = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rows = first[order]
        images = [str(name) for name in image.gather(rows).to_list()]
        return Questions.from_columns(images, class_ids[rows], classes), np.argsort(order)[ids]
    item = table[column(path, table, *_ITEM, thing="the item (or image and class)")]
    refuse_missing(path, item)
    return coded_ids(item)


def coded_ids(series: "pl.Series") -> tuple[tuple[Id, ...], npt.NDArray[np.int64]]:
    """The different ids of a column of text, in the order in which they first come, and each row's position there."""
    import polars as pl

    unique = series.unique(maintain_order=True)
    codes = series.replace_strict(unique, pl.int_range(len(unique), eager=True), return_dtype=pl.Int64)
    return tuple(normal_id(name) for name in unique.to_list()), codes.to_numpy()


def _voted(path: Path, rater: "pl.Series", answer: "pl.Series") -> "pl.Series":
    """Which rows are votes; the others name an item without votes."""
    refuse_missing(path, rater, needed=answer.is_not_null())
    refuse_missing(path, answer, needed=rater.is_not_null())
    voted = rater.is_not_null()
    if not voted.any():
        raise DataError("the table has no votes", where=path, mend="write it again")
    return voted


def _placed(
    path: Path,
    given: tuple[Id, ...],
    order: tuple[Id, ...],
    answer_ids: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Answers numbered as in `order`."""
    position = {answer: i for i, answer in enumerate(order)}
    check_known(
        given,
        position,
        thing="answer",
        where=lambda unknown: f"{path}, row {rows[np.argmax(answer_ids == unknown)]}",
    )
    return np.array([position[answer] for answer in given], np.int64)[answer_ids]


def _seconds_of(path: Path, table: "pl.DataFrame", voted: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64] | None:
    if "seconds" not in table.columns:
        return None
    seconds = table["seconds"]
    if not seconds.dtype.is_numeric():
        raise DataError("times are not numbers", where=f"{path}, column seconds", found=str(seconds.dtype))
    return seconds.cast(float).fill_null(np.nan).to_numpy()[voted]


def vote_table(votes: Votes) -> "pl.DataFrame":
    """A row a vote; an item without votes has one row with neither rater nor answer."""
    import polars as pl

    item_ids = np.repeat(np.arange(len(votes.items)), np.maximum(votes.sizes, 1))
    vote = np.full(item_ids.size, -1)
    vote[votes.sizes[item_ids] > 0] = np.arange(len(votes))
    vote_rows = pl.Series(vote).replace(-1, None)
    columns = {
        **_columns_of_items(votes.items, item_ids),
        "rater": _texts(votes.raters).gather(pl.Series(votes.rater_ids).gather(vote_rows)),
        "answer": _texts(votes.answers).gather(pl.Series(votes.answer_ids).gather(vote_rows)),
    }
    if votes.seconds is not None:
        columns["seconds"] = pl.Series(votes.seconds).fill_nan(None).gather(vote_rows)
    return pl.DataFrame(columns)


def _columns_of_items(items: Items, rows: npt.NDArray[np.int64]) -> "dict[str, pl.Series]":
    if isinstance(items, Questions):
        return columns_of_questions(items, rows)
    return {"item": _texts(items).gather(rows)}


def _texts(ids: Sequence[Id]) -> "pl.Series":
    import polars as pl

    if any(isinstance(name, str) for name in ids):
        return pl.Series([str(name) for name in ids], dtype=pl.String)
    return pl.Series(ids, dtype=pl.Int64)
