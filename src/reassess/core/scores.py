"""The probability that a class is valid for an image, for every question that was scored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range, check_shape
from reassess.core.classes import Classes
from reassess.core.questions import Questions
from reassess.numeric.arrays import freeze

__all__ = ["Scores"]


@dataclass(frozen=True, eq=False)
class Scores:
    """A probability for each (image, class) question.

    Parameters
    ----------
    questions
        The scored questions; an image that is in none of them was never rated.
    values
        float64, shape (questions,), each in [0, 1].

    Raises
    ------
    DataError
        A value is NaN or outside [0, 1], or there is not one value a question.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([7, 3]))
    >>> Scores(questions, np.array([0.9, 0.2]))
    Scores(2 questions, 1 images)
    """

    questions: Questions
    values: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        check_shape(self.values, (len(self.questions),), what="the scores")
        check_range(self.values, 0, 1, what="score", where=self.questions.at)
        freeze(self, "values")

    def __len__(self) -> int:
        return len(self.questions)

    def __repr__(self) -> str:
        return f"Scores({len(self):,} questions, {len(self.questions.images):,} images)"

    @property
    def images(self) -> tuple[str, ...]:
        """The images of the questions."""
        return self.questions.images

    def renamed(self, images: Sequence[str]) -> "Scores":
        """The same scores with other names for the images, one for each."""
        return replace(self, questions=self.questions.renamed(images))

    def in_classes(self, classes: Classes) -> "Scores":
        """The same scores in another list of classes, as `LabelSets.in_classes`."""
        return replace(self, questions=self.questions.in_classes(classes))

    def at(self, image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Score of each (image, class), NaN where it was not scored; image rows as in `Questions.find`."""
        rows = self.questions.find(image_rows, class_ids)
        return np.where(rows >= 0, self.values[rows] if len(self) else np.nan, np.nan)

    def highest(self) -> npt.NDArray[np.float64]:
        """The highest score of each image, float64, shape (images,)."""
        best = np.zeros(len(self.questions.images))
        np.maximum.at(best, self.questions.image_ids, self.values)
        return best
