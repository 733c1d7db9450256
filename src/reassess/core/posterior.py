"""The probability of each truth, for each item."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_known
from reassess.core.items import Id, Items, as_questions
from reassess.core.scores import Scores
from reassess.numeric.arrays import freeze
from reassess.text import some

__all__ = ["Posterior"]


@dataclass(frozen=True, eq=False)
class Posterior:
    """The probability of each truth, for each item.

    Parameters
    ----------
    items
        The items.
    truths
        What an item can be.
    values
        float64, shape (items, truths); each row adds up to 1.

    Examples
    --------
    >>> result = Posterior(("x", "y"), ("invalid", "valid"), np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> result
    Posterior(2 items, truths invalid, valid)
    >>> result.of("valid"), result.most_likely()
    (array([0.1, 0.8]), array([0, 1]))
    """

    items: Items
    truths: tuple[Id, ...]
    values: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        freeze(self, "values")

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Posterior({len(self):,} items, truths {some(self.truths)})"

    def of(self, truth: Id) -> npt.NDArray[np.float64]:
        """The probability of one truth, float64, shape (items,)."""
        check_known([truth], self.truths, thing="truth")
        position = self.truths.index(truth)
        return self.values[:, position].copy()

    def most_likely(self) -> npt.NDArray[np.int64]:
        """Position in `truths` of the most likely truth, the first of equals; int64, shape (items,)."""
        best: npt.NDArray[np.int64] = np.argmax(self.values, axis=1)
        return best

    def scores(self, truth: Id = "valid") -> Scores:
        """The probability of one truth as scores of (image, class) questions; `DataError` for plain items."""
        return Scores(as_questions(self.items), self.of(truth))
