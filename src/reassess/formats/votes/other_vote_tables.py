"""Votes in the tables of crowd-kit and cleanlab.

crowd-kit uses the columns task, worker and label, and cleanlab a matrix with a row per image and a column per rater.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reassess.core import Classes, Questions, Votes
from reassess.core.answers import are_known_answers
from reassess.core.checks import find_first_duplicate
from reassess.core.class_names import parse_class_id
from reassess.errors import DataError, OutputError
from reassess.formats.tables import describe_row_place, refuse_missing_values, to_integers

if TYPE_CHECKING:
    import polars as pl


_IMAGE, _TASK, _WORKER, _LABEL = "image", "task", "worker", "label"
_NO_HEADING = "column 1"  # of the index that pandas writes


def name_tasks_as_images(table: "pl.DataFrame", answer: str, classes: Classes | None) -> "pl.DataFrame":
    """Name the tasks of crowd-kit as images, if their labels are classes; otherwise return the same table.

    Without a column image, the labels must be names in a class list, since tasks can be anything.
    """
    if "class" in table.columns:
        return table
    labels = table[answer].drop_nulls().unique().cast(str).to_list()
    if _IMAGE in table.columns:
        return table if are_known_answers(labels) else table.drop(_TASK)
    are_classes = classes is not None and all(
        parse_class_id(text) is None and classes.has_class(text) for text in labels
    )
    return table.rename({_TASK: _IMAGE}) if are_classes else table


def has_rater_columns(table: "pl.DataFrame", classes: Classes | None) -> bool:
    """Return whether a table is a matrix with a row per image and a column per rater, instead of counts per class.

    The cells of a matrix are classes of a class list: names; or ids, if the headings are not classes, or if cells are
    empty, since counts are never missing.
    """
    import polars as pl

    is_other = table.columns[0] not in (_IMAGE, _NO_HEADING) or {"class", "count", "seconds"} & set(table.columns)
    if is_other or classes is None or table.width < 3:
        return False
    cells = table.drop(table.columns[0])
    known = [series for series in cells if series.null_count() < len(series)]
    if known and all(series.dtype == pl.String for series in known):  # a column without any class is not a rater's
        return all(any(map(classes.has_class, series.drop_nulls().unique())) for series in known)
    if not all(series.dtype.is_numeric() for series in known):
        return False
    headings = [name for name in cells.columns if classes.has_class(name)]
    are_numbers = all(parse_class_id(name) is not None for name in headings)
    return not headings or (are_numbers and any(series.null_count() for series in cells))


def unpivot_rater_columns(path: Path, table: "pl.DataFrame") -> "pl.DataFrame":
    """Convert a matrix to a table with a row per vote, and a row per image without votes."""
    import polars as pl

    table = table.rename({table.columns[0]: _IMAGE})
    refuse_missing_values(path, table[_IMAGE])
    if repeat := find_first_duplicate(table[_IMAGE].to_list()):
        raise DataError(
            "duplicate-image",
            "image is listed twice",
            where=describe_row_place(path, repeat[1]),
            found=table[_IMAGE][repeat[1]],
            fix="write votes with the columns image, rater and answer",
        )
    cells = [table[name] for name in table.columns[1:]]
    table = table.with_columns(
        (to_integers(path, series) if series.dtype.is_numeric() else series).cast(pl.String) for series in cells
    )
    rows = table.with_row_index("row").unpivot(index=["row", _IMAGE], variable_name="rater", value_name="answer")
    has_votes = rows.drop_nulls("answer")["row"].unique()
    empty = rows.unique("row", keep="first", maintain_order=True).filter(~pl.col("row").is_in(has_votes.implode()))
    empty = empty.with_columns(rater=pl.lit(None, pl.String))
    return pl.concat([rows.drop_nulls("answer"), empty]).sort("row", maintain_order=True).drop("row")


def make_crowdkit_table(votes: Votes, table: "pl.DataFrame") -> "pl.DataFrame":
    """Return a table of votes with the columns of crowd-kit; items without votes are not in it.

    The task of a question is its number, and the columns image and class have the question.
    """
    import polars as pl

    votes.require_raters("a table for crowd-kit")
    names = {"rater": _WORKER, "answer": _LABEL}
    if isinstance(votes.items, Questions):
        tasks = pl.Series(_TASK, np.repeat(np.arange(len(votes.items)), np.maximum(votes.sizes, 1)))
        table = table.insert_column(0, tasks)
    elif votes.classes is not None:
        table = table.insert_column(0, table[_IMAGE].alias(_TASK))
    else:
        names["item"] = _TASK
    return table.rename(names).drop_nulls(_LABEL)


def make_rater_columns(path: Path, votes: Votes) -> "pl.DataFrame":
    """Return cleanlab's matrix of class ids; `OutputError` if it cannot store the votes."""
    votes.require_raters("a matrix for cleanlab")
    if votes.classes is None:
        problem, found = "matrices for cleanlab store only one class per image and rater", None
    elif repeat := _find_repeated_vote(votes):
        problem, found = "matrices for cleanlab store one vote per rater and image", repeat
    else:
        return _make_matrix(votes)
    fix = "write a table for crowd-kit, such as votes.crowdkit.csv"
    raise OutputError("not-in-matrix", problem, where=path, found=found, fix=fix)


def _find_repeated_vote(votes: Votes) -> str | None:
    """Describe a vote by a rater on an item that the same rater voted on before; None if there is none."""
    cells = votes.item_ids * np.int64(max(len(votes.raters), 1)) + votes.rater_ids
    cells.sort()
    repeats = np.flatnonzero(cells[1:] == cells[:-1])
    if not repeats.size:
        return None
    item, rater = divmod(int(cells[repeats[0]]), len(votes.raters))
    return f"rater {votes.raters[rater]} on {votes.describe_item(item)}"


def _make_matrix(votes: Votes) -> "pl.DataFrame":
    import polars as pl

    ids = np.full((len(votes.items), len(votes.raters)), -1, np.int64)
    ids[votes.item_ids, votes.rater_ids] = votes.class_ids[votes.answer_ids]
    raters = np.flatnonzero((ids >= 0).any(axis=0)).tolist()
    columns = {str(votes.raters[rater]): pl.Series(ids[:, rater]).replace(-1, None) for rater in raters}
    table = pl.DataFrame({_IMAGE: pl.Series(votes.images, dtype=pl.String), **columns})
    return table.filter(pl.Series(votes.sizes > 0))
