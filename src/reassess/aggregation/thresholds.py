"""From scores to label sets."""

from typing import Any

import numpy as np

from reassess.core.checks import check_range
from reassess.core.class_lists import in_one_list
from reassess.core.kinds import check_kind
from reassess.core.labels import LabelSets
from reassess.core.scores import Scores

__all__ = ["label_sets"]


def label_sets(scores: Scores, threshold: float, *, original: LabelSets | None = None) -> LabelSets:
    """Label sets of the classes whose score reaches a threshold.

    Parameters
    ----------
    scores
        Scores of (image, class) questions.
    threshold
        In [0, 1]; a rated image keeps each class with score >= threshold.
    original
        Original labels: an image that was never rated keeps its own. Without, it is left out.

    Returns
    -------
    LabelSets of the images of `original`, then the other rated ones, in the classes of the scores or in those of both.

    Raises
    ------
    DataError
        The threshold is not in [0, 1]; or scores and original labels are not of the same classes.

    Examples
    --------
    >>> from reassess import Questions
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> scores = Scores(questions, np.array([0.9, 0.8, 0.3]))
    >>> dict(label_sets(scores, 0.8).sets())
    {'a.png': frozenset({1, 2}), 'b.png': frozenset()}

    Notes
    -----
    Source: Beyer et al., arXiv 2006.07159, section 3.2, which uses 0.8.
    """
    check_kind(Scores, scores)
    check_range(threshold, 0, 1, what="threshold")
    if original is not None:
        parts: dict[str, Any] = {"the scores": scores, "the original labels": original}
        scores, original = in_one_list(parts).values()
    questions = scores.questions
    kept = scores.values >= threshold
    image_ids, class_ids = questions.image_ids[kept].astype(np.int64), questions.class_ids[kept]
    if original is None:
        return LabelSets.from_pairs(questions.images, image_ids, class_ids, questions.classes)
    row_of = original.find(questions.images)
    new = np.flatnonzero(row_of < 0)
    row_of[new] = len(original) + np.arange(new.size)
    images = (*original.images, *(questions.images[row] for row in new.tolist()))
    unrated = np.ones(len(images), bool)
    unrated[row_of] = False
    keeps = unrated[original.image_ids]
    return LabelSets.from_pairs(
        images,
        np.concatenate([row_of[image_ids], original.image_ids[keeps]]),
        np.concatenate([class_ids, original.indices[keeps]]),
        original.classes,
    )
