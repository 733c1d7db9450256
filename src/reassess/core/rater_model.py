"""The rater model with P(answer | truth) of each rater, and the posterior with P(truth | answers) of each item."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_distribution, check_known, check_shape, check_unique
from reassess.core.classes import Classes
from reassess.core.items import Id, Items, require_questions
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import join_first

VALIDITY = ("invalid", "valid")


@dataclass(frozen=True, eq=False)
class RaterModel:
    """A confusion matrix of each rater, a fallback matrix for unknown raters, and the prior of each truth."""

    raters: tuple[Id, ...]  # R raters with their own matrix
    truths: tuple[Id, ...]  # T possible truths of an item
    answers: tuple[Id, ...]  # A answers, in order
    matrices: npt.NDArray[np.float64]  # shape (R, T, A): P(answer | truth)
    fallback_matrix: npt.NDArray[np.float64]  # shape (T, A): the matrix of all other raters
    prior: npt.NDArray[np.float64]  # shape (T,): probability of each truth

    def __post_init__(self) -> None:
        for ids, value_name in ((self.raters, "a rater"), (self.truths, "a truth"), (self.answers, "an answer")):
            check_unique(ids, value_name=value_name)
        shape = len(self.truths), len(self.answers)
        for name, allowed in (
            ("matrices", (len(self.raters), *shape)),
            ("fallback_matrix", shape),
            ("prior", shape[:1]),
        ):
            check_shape(getattr(self, name), allowed, value_name=name)
            check_distribution(getattr(self, name), value_name=f"a row of {name}", where=_locate_row)
        freeze(self, "matrices", "fallback_matrix", "prior")

    def __repr__(self) -> str:
        return (
            f"RaterModel({len(self.raters):,} raters, truths {join_first(self.truths)}, answers "
            f"{join_first(self.answers)})"
        )

    def matrices_of(self, raters: Sequence[Id]) -> npt.NDArray[np.float64]:
        """Return the matrix of each rater; float64, shape (raters, T, A).

        Unknown raters get the fallback matrix.
        """
        position = {name: row for row, name in enumerate(self.raters)}
        rows = np.array([position.get(name, len(position)) for name in raters], np.int64)
        return np.concatenate([self.matrices, self.fallback_matrix[None]])[rows]


def _locate_row(*position: int) -> str | None:
    return f"row {position}" if position else None


_MIN_PROBABILITY = 1e-6  # a class with a lower probability becomes a question only if a rater chose it


@dataclass(frozen=True, eq=False)
class Posterior:
    """The probability of each possible truth of each item."""

    items: Items
    truths: tuple[Id, ...]  # the possible truths of an item
    values: npt.NDArray[np.float64]  # shape (items, truths); rows add up to 1
    classes: Classes | None = None  # the class list of the truths, if the items are images
    is_exclusive: bool = False  # whether exactly one (image, class) question of each image is valid

    def __post_init__(self) -> None:
        freeze(self, "values")

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Posterior({len(self):,} items, truths {join_first(self.truths)})"

    def probabilities_of(self, truth: Id) -> npt.NDArray[np.float64]:
        """Return the probability of a truth; float64, shape (items,)."""
        check_known([truth], self.truths, value_name="truth")
        position = self.truths.index(truth)
        return self.values[:, position].copy()

    def most_likely(self) -> npt.NDArray[np.int64]:
        """Return the position of the most probable truth of each item (the first, if tied); int64, shape (items,)."""
        best: npt.NDArray[np.int64] = np.argmax(self.values, axis=1)
        return best

    def to_question_posterior(self, *, is_always_asked: npt.NDArray[np.bool_] | None = None) -> "Posterior":
        """Convert class probabilities of each image to P(valid) of (image, class) questions.

        Classes with a probability below 1e-6 are omitted, unless `is_always_asked` is true for them. It is a bool array
        of shape (items, truths).
        """
        if self.classes is None:
            raise DataError(
                "not-classes",
                "cannot make (image, class) questions, because the possible truths are not classes",
                found=join_first(self.truths),
            )
        is_included = self.values >= _MIN_PROBABILITY
        if is_always_asked is not None:
            check_shape(is_always_asked, self.values.shape, value_name="classes to include")
            is_included |= is_always_asked
        image_ids, truth_ids = np.nonzero(is_included)
        questions = Questions(
            images=cast("tuple[str, ...]", self.items),
            image_ids=image_ids.astype(np.int32),
            class_ids=self.classes.answers_to_ids(self.truths)[truth_ids].astype(np.int32),
            classes=self.classes,
        )
        valid = self.values[is_included]
        return Posterior(
            items=questions, truths=VALIDITY, values=np.stack([1 - valid, valid], axis=1), is_exclusive=True
        )

    def to_scores(self, truth: Id = "valid") -> Scores:
        """Return scores of (image, class) questions: P(truth) of each question.

        If items are images, the questions are made from their classes, and the score is P(class).
        """
        if self.classes is not None:
            return self.to_question_posterior().to_scores()
        return Scores(require_questions(self.items), self.probabilities_of(truth), is_exclusive=self.is_exclusive)
