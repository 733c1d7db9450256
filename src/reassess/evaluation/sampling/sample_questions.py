"""The questions about the images of a sample: one rule for all images, so that answers mean the same for each."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, QuestionFacts, Questions
from reassess.core.checks import check_shape
from reassess.core.image_names import Match, match_images
from reassess.errors import DataError
from reassess.numeric.arrays import concatenate_ranges
from reassess.text import count_noun

_RULE = ("top-1", "original")
_RULE_WITH_CANDIDATES = (*_RULE, "candidates")


def list_sample_questions(
    positions: npt.NDArray[np.integer],
    images: Sequence[str],
    top1: npt.NDArray[np.integer],
    original: npt.NDArray[np.integer],
    *,
    classes: Classes | None = None,
    candidates: Questions | None = None,
    match: Match = "path",
) -> tuple[Questions, tuple[str, ...]]:
    """List the questions about the images of a sample: each model's top-1 class, the original label, and candidates.

    Parameters
    ----------
    positions
        The images of the sample, as positions among all images, in drawn order; shape (n,).
    images
        The names of all images.
    top1
        The predicted class of each model for each image, or -1; shape (models, images).
    original
        The original label of each image; shape (images,).
    classes
        The classes of the ids.
    candidates
        More questions, in the same classes. Only questions about images of the sample are used, and each of these
        images needs one.
    match
        How images of the candidates are matched by name.

    Returns
    -------
    tuple
        The questions, with images in drawn order, and the rule, see `SampleDesign`.

    Raises
    ------
    DataError
        An image of the sample has no candidates.

    Examples
    --------
    >>> top1, original = np.array([[0, 1, 2], [0, 2, 1]]), np.array([0, 1, 0])
    >>> questions, rule = list_sample_questions(np.array([2, 0]), ["a.png", "b.png", "c.png"], top1, original)
    >>> questions.images, questions.image_ids, questions.class_ids, rule
    (('c.png', 'a.png'),
     array([0, 0, 0, 1], dtype=int32),
     array([0, 1, 2, 0], dtype=int32),
     ('top-1', 'original'))
    """
    check_shape(top1, ("models", len(images)), value_name="predicted classes")
    check_shape(original, (len(images),), value_name="original labels")
    names = [images[position] for position in positions.tolist()]
    rows, ids = (
        [np.tile(np.arange(len(names)), len(top1) + 1)],
        [np.append(top1[:, positions].ravel(), original[positions])],
    )
    if candidates is not None:
        order = np.argsort(candidates.image_ids, kind="stable")
        sizes = np.append(np.bincount(candidates.image_ids, minlength=len(candidates.images)), 0)
        found = match_images(names, candidates.images, match=match, known_where="the candidates")
        if (without := np.flatnonzero(found < 0)).size:
            raise DataError(
                "missing-candidates",
                "image of the sample has no candidates",
                where=f"image {names[without[0]]}",
                found=f"{count_noun(without.size, 'image')} of {len(names):,} without candidates",
                fix="list candidates of all images, or draw the sample without candidates",
            )
        starts = np.cumsum(sizes) - sizes
        rows.append(np.repeat(np.arange(len(names)), sizes[found]))
        ids.append(candidates.class_ids[order[concatenate_ranges(starts[found], sizes[found])]])
    all_rows, all_ids = np.concatenate(rows), np.concatenate(ids)
    pairs = np.unique(np.stack([all_rows, all_ids])[:, all_ids >= 0], axis=1)
    questions = Questions.from_columns([names[row] for row in pairs[0].tolist()], pairs[1], classes)
    return questions, _RULE if candidates is None else _RULE_WITH_CANDIDATES


def find_question_facts(
    questions: Questions,
    positions: npt.NDArray[np.integer],
    models: Sequence[str],
    top1: npt.NDArray[np.integer],
    original: npt.NDArray[np.integer],
) -> QuestionFacts:
    """Find which models predict the class of each question, and whether it is the original label.

    Parameters
    ----------
    questions
        Questions about the images of a sample, see `list_sample_questions`.
    positions
        The images of `questions`, as positions among all images; shape (images of questions,).
    models
        Names of the models.
    top1, original
        As for `list_sample_questions`.

    Examples
    --------
    >>> questions = Questions.from_columns(["c.png", "c.png", "a.png"], np.array([1, 2, 0]))
    >>> top1, original = np.array([[0, 1, 2], [0, 2, 1]]), np.array([0, 1, 0])
    >>> facts = find_question_facts(questions, np.array([2, 0]), ["vit", "resnet"], top1, original)
    >>> facts.is_predicted.tolist(), facts.is_original.tolist()
    ([[False, True], [True, False], [True, True]], [False, False, True])
    """
    check_shape(positions, (len(questions.images),), value_name="positions")
    image = positions[questions.image_ids]
    return QuestionFacts(
        models=tuple(models),
        is_predicted=(top1[:, image] == questions.class_ids).T,
        is_original=original[image] == questions.class_ids,
        answers=np.full(len(questions), -1, np.int8),
    )
