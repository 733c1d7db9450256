"""How each rater answers, given the truth: confusion matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_distribution, check_shape, check_unique
from reassess.core.items import Id
from reassess.numeric.arrays import freeze
from reassess.text import some

VALIDITY = ("invalid", "valid")


@dataclass(frozen=True, eq=False)
class RaterModel:
    """A confusion matrix for each rater, one for every other rater, and how common each truth is."""

    raters: tuple[Id, ...]  # R raters with a matrix of their own
    truths: tuple[Id, ...]  # T values that an item can have
    answers: tuple[Id, ...]  # A answers, in order
    matrices: npt.NDArray[np.float64]  # shape (R, T, A): probability of an answer given the truth
    fallback: npt.NDArray[np.float64]  # shape (T, A): the matrix of every other rater
    prior: npt.NDArray[np.float64]  # shape (T,): probability of each truth

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
