"""Counts of votes by class, if each rater chooses one class per image."""

import numpy as np
import numpy.typing as npt

from reassess.core.classes import ID_ONLY_CLASSES
from reassess.core.questions import Questions
from reassess.core.votes import Votes


def count_chosen_classes(votes: Votes) -> tuple[Questions, npt.NDArray[np.int64]]:
    """Count the raters who chose each class of each image; return (image, class) questions and their counts.

    Questions are sorted by image and then by class id; images and classes without votes have no questions. Counts are
    int64, shape (questions,). `DataError` if answers are not classes.
    """
    cells, counts = np.unique(votes.item_ids << 32 | votes.class_ids[votes.answer_ids], return_counts=True)
    voted, image_ids = np.unique(cells >> 32, return_inverse=True)
    questions = Questions(
        images=tuple(votes.images[row] for row in voted.tolist()),
        image_ids=image_ids.astype(np.int32),
        class_ids=(cells & 0xFFFFFFFF).astype(np.int32),
        classes=votes.classes or ID_ONLY_CLASSES,
    )
    return questions, counts
