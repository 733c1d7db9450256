"""Scores: the probability that a class of an image is valid, per question."""

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

_SUM_TOLERANCE = 0.01  # tolerance for sums of rounded probabilities


@dataclass(frozen=True, eq=False)
class Scores:
    """A probability for each (image, class) question.

    Parameters
    ----------
    questions
        The scored questions; images without questions are unrated.
    values
        float64, shape (questions,), in [0, 1].
    is_exclusive
        Whether raters chose one class per image. Then the scores of an image add up to 1, and other classes of a rated
        image have score 0.
    is_golden
        bool, shape (questions,): whether golden answers to the question, or on its image, were used for the scores;
        None if unknown.
    method
        How the scores were made: the name of a method of `aggregate`, with options that are not the defaults; or
        "unknown".

    Raises
    ------
    DataError
        A value is NaN or outside [0, 1], the number of values is wrong, or exclusive scores of an image add up to more
        than 1.

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
    is_exclusive: bool = False
    is_golden: npt.NDArray[np.bool_] | None = None
    method: str = UNKNOWN_METHOD

    def __post_init__(self) -> None:
        check_shape(self.values, (len(self.questions),), value_name="the scores")
        check_range(self.values, 0, 1, value_name="score", where=self.questions.describe_question)
        if self.is_golden is not None:
            check_shape(self.is_golden, (len(self.questions),), value_name="golden")
        if self.is_exclusive:
            self._check_probability_sums()
        freeze(self, "values", "is_golden")

    def __len__(self) -> int:
        return len(self.questions)

    def __repr__(self) -> str:
        return f"Scores({len(self):,} questions, {len(self.questions.images):,} images)"

    @property
    def images(self) -> tuple[str, ...]:
        """The images of the questions."""
        return self.questions.images

    def with_images(self, images: Sequence[str]) -> "Scores":
        """Replace the names of all images."""
        return replace(self, questions=self.questions.with_images(images))

    def convert_to_classes(self, classes: Classes) -> "Scores":
        """Convert to another class list, by the rules of `LabelSets.convert_to_classes`."""
        return replace(self, questions=self.questions.convert_to_classes(classes))

    def is_asked(
        self, image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.bool_]:
        """Return whether raters were asked about each (image, class).

        If raters chose one class per image, they count as asked about every class. Image rows are as in
        `Questions.find_positions`. Class id -1 is not a class, so it is not asked about.
        """
        if self.is_exclusive:
            return (np.asarray(image_rows) >= 0) & (np.asarray(class_ids) >= 0)
        return self.questions.find_positions(image_rows, class_ids) >= 0

    def scores_of(
        self, image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.float64]:
        """Return the score of each (image, class), NaN if raters were not asked about it.

        Image rows are as in `Questions.find_positions`.
        """
        rows = self.questions.find_positions(image_rows, class_ids)
        default = np.where(self.is_asked(image_rows, class_ids), 0.0, np.nan)
        return np.where(rows >= 0, self.values[rows] if len(self) else np.nan, default)

    def highest_score_per_image(self) -> npt.NDArray[np.float64]:
        """Return the highest score of each image; float64, shape (images,)."""
        best = np.zeros(len(self.questions.images))
        np.maximum.at(best, self.questions.image_ids, self.values)
        return best

    def _check_probability_sums(self) -> None:
        sums = np.bincount(self.questions.image_ids, self.values, len(self.questions.images))
        if (sums > 1 + _SUM_TOLERANCE).any():
            row = int(np.argmax(sums))
            raise DataError(
                "not-a-distribution",
                "class probabilities of an image add up to more than 1",
                where=f"image {self.questions.images[row]}",
                found=float(sums[row].round(6)),
                fix="if an image can have several classes, these are scores: rename the column to score",
            )
