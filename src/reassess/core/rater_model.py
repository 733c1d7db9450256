"""How each rater answers, given the truth: confusion matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.items import Id, unique_ids
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import some

__all__ = ["VALIDITY", "RaterModel"]

VALIDITY = ("invalid", "valid")
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class RaterModel:
    """A confusion matrix for each rater, one for every other rater, and how common each truth is.

    Symbols: R raters, T truths, A answers.

    Parameters
    ----------
    raters
        Id of each rater that has a matrix of its own.
    truths, answers
        What an item can be, and what a rater can say, in order.
    matrices
        float64, shape (R, T, A): probability of an answer given the truth; each row adds up to 1.
    fallback
        float64, shape (T, A): the matrix of a rater without one.
    prior
        float64, shape (T,): probability of each truth.

    Raises
    ------
    DataError
        A rater, truth or answer stands twice; the shapes do not fit; a row is not a distribution.

    Examples
    --------
    >>> matrix = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> model = RaterModel(("ann",), ("invalid", "valid"), ("no", "yes"), matrix[None], matrix, np.array([0.7, 0.3]))
    >>> model
    RaterModel(1 raters, truths invalid, valid, answers no, yes)

    Notes
    -----
    Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", 1979.
    """

    raters: tuple[Id, ...]
    truths: tuple[Id, ...]
    answers: tuple[Id, ...]
    matrices: npt.NDArray[np.float64]
    fallback: npt.NDArray[np.float64]
    prior: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        for ids, thing in ((self.raters, "a rater"), (self.truths, "a truth"), (self.answers, "an answer")):
            unique_ids(ids, thing)
        shape = len(self.truths), len(self.answers)
        _check_rows("matrices", self.matrices, (len(self.raters), *shape))
        _check_rows("fallback", self.fallback, shape)
        _check_rows("prior", self.prior, shape[:1])
        freeze(self, "matrices", "fallback", "prior")

    def __repr__(self) -> str:
        return f"RaterModel({len(self.raters):,} raters, truths {some(self.truths)}, answers {some(self.answers)})"

    def matrices_of(self, raters: Sequence[Id]) -> npt.NDArray[np.float64]:
        """Matrix of each of `raters`, the fallback for those that have none; float64, shape (raters, T, A)."""
        position = {name: row for row, name in enumerate(self.raters)}
        rows = np.array([position.get(name, len(position)) for name in raters], np.int64)
        return np.concatenate([self.matrices, self.fallback[None]])[rows]


def _check_rows(name: str, rows: npt.NDArray[np.float64], shape: tuple[int, ...]) -> None:
    if rows.shape != shape:
        raise DataError(f"{name} does not fit raters, truths and answers", allowed=f"shape {shape}", found=rows.shape)
    # Written so that NaN fails.
    fits = (rows >= 0).all(axis=-1) & (np.abs(rows.sum(axis=-1) - 1) <= _SUM_TOLERANCE)
    if not fits.all():
        where = tuple(int(i) for i in np.argwhere(~fits)[0])
        raise DataError(
            f"a row of {name} is not a distribution",
            where=f"row {where}" if where else None,
            allowed="0 or more, adding up to 1",
            found=rows[where].tolist(),
        )
