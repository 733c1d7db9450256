"""Posteriors of plain items as tables: item, answer, probability. (image, class) questions have scores instead."""

from pathlib import Path

import numpy as np

from reassess.core.checks import check_distribution
from reassess.core.posterior import Posterior
from reassess.core.questions import Questions
from reassess.errors import DataError
from reassess.formats.files import as_path
from reassess.formats.tables import column, numbers, read_table, refuse_missing, write_table
from reassess.formats.votes.vote_tables import coded_ids

__all__ = ["read_posterior", "write_posterior"]


def read_posterior(path: str | Path) -> Posterior:
    """The posterior of a table with a row for each item and answer.

    Raises
    ------
    DataError
        The table lacks a column, item does not have each answer once, or its probabilities do not add up to 1.
    """
    path = as_path(path)
    table = read_table(path, text=("item", "answer"))
    item, answer, probability = (
        table[column(path, table, name, thing=f"the {name}")] for name in ("item", "answer", "probability")
    )
    for series in (item, answer):
        refuse_missing(path, series)
    items, item_ids = coded_ids(item)
    answers, answer_ids = coded_ids(answer)
    cells, rows = np.unique(item_ids * len(answers) + answer_ids, return_counts=True)
    if (rows != 1).any() or len(cells) != len(items) * len(answers):  # before as many values are allocated
        odd = np.append((rows != 1) | (cells != np.arange(len(cells))), True)
        first = int(np.argmax(odd))  # each cell before it is there once
        n = int(rows[first]) if first < len(cells) and cells[first] == first else 0
        raise DataError(
            "missing-answers",
            "item does not have each answer once",
            where=f"{path}, item {items[first // len(answers)]}",
            allowed=f"one row for answer {answers[first % len(answers)]}",
            found=f"{n} rows",
        )
    values = np.empty((len(items), len(answers)))
    values[item_ids, answer_ids] = numbers(path, probability).to_numpy()
    check_distribution(values, what="the posterior of an item", where=lambda row: f"{path}, item {items[row]}")
    return Posterior(items, answers, values)


def write_posterior(path: str | Path, posterior: Posterior, *, force: bool = False) -> None:
    """Write a row for each item and answer."""
    import polars as pl

    if isinstance(posterior.items, Questions):
        raise DataError(
            "not-posterior",
            "(image, class) questions are written as scores",
            fix="write_scores(path, posterior.scores())",
        )
    items, truths = ([str(name) for name in names] for names in (posterior.items, posterior.truths))
    table = pl.DataFrame(
        {
            "item": pl.Series(items, dtype=pl.String).gather(np.repeat(np.arange(len(items)), len(truths))),
            "answer": pl.Series(truths, dtype=pl.String).gather(np.tile(np.arange(len(truths)), len(items))),
            "probability": posterior.values.ravel(),
        }
    )
    write_table(as_path(path), table, force=force)
