"""Judged mistakes: wrong predictions that people sorted into categories, with a severity for each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length
from reassess.core.classes import Classes
from reassess.core.image_names import Match, match_images
from reassess.core.questions import Questions


@dataclass(frozen=True, eq=False)
class JudgedMistakes:
    """The category and severity of wrong predictions, judged by people who looked at the images.

    A judgement is about one predicted class of one image. It says nothing about other predictions for the image.

    Parameters
    ----------
    questions
        The image and the predicted class of each judgement.
    categories, severities
        The category and the severity of each judgement.

    Raises
    ------
    DataError
        There is not one category and one severity for each judgement.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "b.png"], np.array([7, 3]))
    >>> judged = JudgedMistakes(questions, ("Fine-grained error", "Spurious correlation"), ("Minor", "Major"))
    >>> judged
    JudgedMistakes(2 judgements, 2 images)
    >>> positions = judged.find_positions(["b.png", "c.png"], np.array([[3, 7], [3, 7]]))
    >>> positions.tolist(), judged.describe(1)
    ([[1, -1], [-1, -1]], 'Spurious correlation, Major')

    Notes
    -----
    Source: Vasudevan et al., "When does dough become a bagel?", arXiv 2205.04596.
    """

    questions: Questions
    categories: tuple[str, ...]
    severities: tuple[str, ...]

    def __post_init__(self) -> None:
        for values, plural_name in ((self.categories, "categories"), (self.severities, "severities")):
            check_length(len(values), len(self.questions), plural_name=plural_name, item_name="judgement")

    def __len__(self) -> int:
        return len(self.questions)

    def __repr__(self) -> str:
        return f"JudgedMistakes({len(self):,} judgements, {len(self.questions.images):,} images)"

    def with_images(self, images: Sequence[str]) -> "JudgedMistakes":
        """Replace the names of all images."""
        return replace(self, questions=self.questions.with_images(images))

    def convert_to_classes(self, classes: Classes) -> "JudgedMistakes":
        """Convert to another class list, by the rules of `LabelSets.convert_to_classes`."""
        return replace(self, questions=self.questions.convert_to_classes(classes))

    def find_positions(
        self, images: Sequence[str], class_ids: npt.NDArray[np.integer], *, match: Match = "path"
    ) -> npt.NDArray[np.int64]:
        """Return the position of the judgement of each predicted class, -1 without a judgement.

        Class ids have shape (images,) or (images, classes), and positions have the same shape.
        """
        rows = match_images(images, self.questions.images, match=match, known_where="the judged mistakes")
        rows = np.repeat(rows, math.prod(class_ids.shape[1:]))
        return self.questions.find_positions(rows, class_ids.ravel()).reshape(class_ids.shape)

    def describe(self, position: int) -> str | None:
        """Return the category and the severity of the judgement at a position, None for position -1."""
        return None if position < 0 else f"{self.categories[position]}, {self.severities[position]}"
