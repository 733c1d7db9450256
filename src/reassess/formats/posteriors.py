"""Posteriors of plain items as tables: item, answer, probability. (image, class) questions have scores instead."""

from pathlib import Path

import numpy as np

from reassess.core.checks import check_distribution
from reassess.core.posterior import Posterior
from reassess.core.questions import Questions
from reassess.errors import DataError
from reassess.formats.tables import column, numbers, read_table, write_table
from reassess.formats.votes.tables import coded_ids

__all__ = ["read_posterior", "write_posterior"]


def read_posterior(path: str | Path) -> Posterior:
    """The posterior of a table with a row for each item and answer.

    Raises
    ------
    DataError
        The table lacks a column, an item does not have each answer once, or its probabilities do not add up to 1.
    """
    path = Path(path)
    table = read_table(path, text=("item", "answer"))
    items, item_ids = coded_ids(table[column(path, table, "item", thing="the item")])
    answers, answer_ids = coded_ids(table[column(path, table, "answer", thing="the answer")])
    probability = table[column(path, table, "probability", thing="the probability")]
    counts = np.zeros((len(items), len(answers)), np.int64)
    np.add.at(counts, (item_ids, answer_ids), 1)
    if (counts != 1).any():
        item, answer = np.argwhere(counts != 1)[0].tolist()
        raise DataError(
            "an item does not have each answer once",
            where=f"{path}, item {items[item]}",
            allowed=f"one row for answer {answers[answer]}",
            found=f"{counts[item, answer]} rows",
        )
    values = np.empty(counts.shape)
    values[item_ids, answer_ids] = numbers(path, probability).to_numpy()
    check_distribution(values, what="the posterior of an item", where=lambda row: f"{path}, item {items[row]}")
    return Posterior(items, answers, values)


def write_posterior(path: str | Path, posterior: Posterior, *, force: bool = False) -> None:
    """Write a row for each item and answer."""
    import polars as pl

    if isinstance(posterior.items, Questions):
        raise DataError("(image, class) questions are written as scores", mend="write_scores(path, posterior.scores())")
    items, truths = ([str(name) for name in names] for names in (posterior.items, posterior.truths))
    table = pl.DataFrame(
        {
            "item": pl.Series(items, dtype=pl.String).gather(np.repeat(np.arange(len(items)), len(truths))),
            "answer": pl.Series(truths, dtype=pl.String).gather(np.tile(np.arange(len(truths)), len(items))),
            "probability": posterior.values.ravel(),
        }
    )
    write_table(Path(path), table, force=force)
