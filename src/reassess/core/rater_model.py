"""How each rater answers, given the truth, and the probability of each truth, given the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_distribution, check_known, check_shape, check_unique
from reassess.core.classes import Classes
from reassess.core.items import Id, Items, as_questions
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.errors import DataError
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


_LEAST = 1e-6  # a class of a lower probability is no question, unless someone chose it


@dataclass(frozen=True, eq=False)
class Posterior:
    """The probability of each truth, for each item; each row adds up to 1."""

    items: Items
    truths: tuple[Id, ...]  # the values that an item can have
    values: npt.NDArray[np.float64]  # shape (items, truths)
    classes: Classes | None = None  # the classes that the truths are, if the items are images
    exclusive: bool = False  # whether one of the (image, class) questions of each image is valid

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

    def on_questions(self, *, asked: npt.NDArray[np.bool_] | None = None) -> "Posterior":
        """Of images that can be one of some classes, whether each class is valid, as (image, class) questions."""
        if self.classes is None:
            raise DataError("not-classes", "truths are not classes", found=some(self.truths))
        kept = self.values >= _LEAST
        if asked is not None:
            check_shape(asked, self.values.shape, what="the asked classes")
            kept |= asked
        image_ids, truth_ids = np.nonzero(kept)
        questions = Questions(
            images=cast("tuple[str, ...]", self.items),
            image_ids=image_ids.astype(np.int32),
            class_ids=self.classes.ids_of_answers(self.truths)[truth_ids].astype(np.int32),
            classes=self.classes,
        )
        valid = self.values[kept]
        return Posterior(items=questions, truths=VALIDITY, values=np.stack([1 - valid, valid], axis=1), exclusive=True)

    def scores(self, truth: Id = "valid") -> Scores:
        """The probability of one truth as scores of (image, class) questions; of classes, that of each class."""
        if self.classes is not None:
            return self.on_questions().scores()
        return Scores(as_questions(self.items), self.of(truth), exclusive=self.exclusive)
