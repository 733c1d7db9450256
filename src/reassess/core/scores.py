"""The probability that a class is valid for an image, for every question that was scored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range, check_shape
from reassess.core.classes import Classes
from reassess.core.questions import Questions
from reassess.errors import DataError
from reassess.numeric.arrays import freeze

UNKNOWN_METHOD = "unknown"

_ROUNDING = 0.01  # by which the sum of probabilities in a table may be off


@dataclass(frozen=True, eq=False)
class Scores:
    """A probability for each (image, class) question.

    Parameters
    ----------
    questions
        The scored questions; an image that is in none of them was never rated.
    values
        float64, shape (questions,), each in [0, 1].
    exclusive
        Whether they are of people who chose one class of all for each image: the scores of an image then add up to 1,
        and a class without a score, of an image that has some, has 0.
    golden
        bool, shape (questions,): whether experts' answers to the question, or on its image, made the scores; None where
        that is not known.
    method
        How they were made: the name of a method of `aggregate`, and options that are not as usual; or "unknown".

    Raises
    ------
    DataError
        A value is NaN or outside [0, 1], or there is not one value a question; exclusive scores of an image add up to
        more than 1.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([7, 3]))
    >>> Scores(questions, np.array([0.9, 0.2]))
    Scores(2 questions, 1 images)
    """

    _THING = "scores"
    _HOW_TO_GET = "read_scores(FILE), or aggregate(VOTES).scores"

    questions: Questions
    values: npt.NDArray[np.float64]
    exclusive: bool = False
    golden: npt.NDArray[np.bool_] | None = None
    method: str = UNKNOWN_METHOD

    def __post_init__(self) -> None:
        check_shape(self.values, (len(self.questions),), what="the scores")
        check_range(self.values, 0, 1, what="score", where=self.questions.at)
        if self.golden is not None:
            check_shape(self.golden, (len(self.questions),), what="what is golden of the scores")
        if self.exclusive:
            self._check_sums()
        freeze(self, "values", "golden")

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

    def asked(self, image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Whether people were asked about each (image, class): where they could choose any class, about all.

        Image rows are those of `Questions.find`; nobody was asked about what is no class, of id -1.
        """
        if self.exclusive:
            return (np.asarray(image_rows) >= 0) & (np.asarray(class_ids) >= 0)
        return self.questions.find(image_rows, class_ids) >= 0

    def at(self, image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Score of each (image, class), NaN where nobody was asked about it; image rows as in `Questions.find`."""
        rows = self.questions.find(image_rows, class_ids)
        without = np.where(self.asked(image_rows, class_ids), 0.0, np.nan)
        return np.where(rows >= 0, self.values[rows] if len(self) else np.nan, without)

    def highest(self) -> npt.NDArray[np.float64]:
        """The highest score of each image, float64, shape (images,)."""
        best = np.zeros(len(self.questions.images))
        np.maximum.at(best, self.questions.image_ids, self.values)
        return best

    def _check_sums(self) -> None:
        sums = np.bincount(self.questions.image_ids, self.values, len(self.questions.images))
        if (sums > 1 + _ROUNDING).any():
            row = int(np.argmax(sums))
            raise DataError(
                "not-a-distribution",
                "class probabilities of an image add up to more than 1",
                where=f"image {self.questions.images[row]}",
                found=float(sums[row].round(6)),
                fix="call the column score if an image can be of several classes",
            )
