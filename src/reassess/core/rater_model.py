"""How each rater answers, given the truth: confusion matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_distribution, check_shape, check_unique
from reassess.core.items import Id
from reassess.numeric.arrays import freeze
from reassess.text import some

__all__ = ["VALIDITY", "RaterModel"]

VALIDITY = ("invalid", "valid")


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
            check_unique(ids, thing=thing)
        shape = len(self.truths), len(self.answers)
        for name, allowed in (("matrices", (len(self.raters), *shape)), ("fallback", shape), ("prior", shape[:1])):
            check_shape(getattr(self, name), allowed, what=name)
            check_distribution(getattr(self, name), what=f"a row of {name}", where=_row)
        freeze(self, "matrices", "fallback", "prior")

    def __repr__(self) -> str:
        return f"RaterModel({len(self.raters):,} raters, truths {some(self.truths)}, answers {some(self.answers)})"

    def matrices_of(self, raters: Sequence[Id]) -> npt.NDArray[np.float64]:
        """Matrix of each of `raters`, the fallback for those that have none; float64, shape (raters, T, A)."""
        position = {name: row for row, name in enumerate(self.raters)}
        rows = np.array([position.get(name, len(position)) for name in raters], np.int64)
        return np.concatenate([self.matrices, self.fallback[None]])[rows]


def _row(*position: int) -> str | None:
    return f"row {position}" if position else None
