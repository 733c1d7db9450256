"""Kinds of mistakes: what raters and experts answered about classes that are not valid."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Match, Scores, Votes
from reassess.core.class_votes import count_chosen_classes
from reassess.core.image_names import match_images
from reassess.core.items import require_questions
from reassess.evaluation.outcomes import LABELLED, Outcomes

MISTAKE_KINDS = ("no_class", "expert_valid", "rejected_by_experts", "asked_and_rejected", "not_asked", "never_rated")
_NO_CLASS, _EXPERT_VALID, _REJECTED_BY_EXPERTS, _ASKED_AND_REJECTED, _NOT_ASKED, _NEVER_RATED = range(
    len(MISTAKE_KINDS)
)


def kinds_of_invalid_classes(
    images: Sequence[str],
    class_ids: npt.NDArray[np.integer],
    ratings: Scores | Votes,
    experts: Votes | None = None,
    *,
    match: Match = "path",
) -> npt.NDArray[np.int8]:
    """Return the kind of mistake of each class that is not valid for an image: an index of `MISTAKE_KINDS`.

    If several kinds apply, the first of these is returned:

    - no_class: the id is -1, which means no class.
    - expert_valid: more than half of the experts call it valid, or chose it.
    - rejected_by_experts: experts judged the class, but at most half call it valid, or chose it.
    - asked_and_rejected: raters were asked about the class. If raters choose one class per image, they were asked about
      every class.
    - not_asked: raters were asked about the image, but not about this class.
    - never_rated: nobody was asked about the image.
    """
    if isinstance(ratings, Votes):
        ratings = ratings.select_items(np.flatnonzero(ratings.sizes))
    shape = class_ids.shape
    per_image, class_ids = math.prod(shape[1:]), class_ids.ravel()
    rows = np.repeat(match_images(images, ratings.images, match=match, known_where="the ratings"), per_image)
    kinds = np.where(rows >= 0, _NOT_ASKED, _NEVER_RATED).astype(np.int8)
    kinds[ratings.is_asked(rows, class_ids)] = _ASKED_AND_REJECTED
    if experts is not None:
        share = scores_from_experts(experts)
        rows = np.repeat(match_images(images, share.images, match=match, known_where="the experts' answers"), per_image)
        kinds[(rows >= 0) & (kinds == _NEVER_RATED)] = _NOT_ASKED
        expert_shares = share.scores_of(rows, class_ids)
        kinds[expert_shares <= 0.5] = _REJECTED_BY_EXPERTS
        kinds[expert_shares > 0.5] = _EXPERT_VALID
    kinds[class_ids < 0] = _NO_CLASS
    return kinds.reshape(shape)


class ValidityProbabilities(NamedTuple):
    """For each image, the probability that a selected class is valid; float64, shape (images,)."""

    of_top1: npt.NDArray[np.float64]  # of the model's top-1 class
    highest: npt.NDArray[np.float64]  # highest probability of any class of the image


def validity_probabilities(outcomes: Outcomes, scores: Scores) -> ValidityProbabilities:
    """For each image, return the P(valid) of its top-1 class, and the highest P(valid) of all its classes.

    P(valid) is the probability that a class is valid: 0 for a class that raters were not asked about. For an unrated
    image, it is 1 for the original label and 0 for any other class; without an original label, both results are NaN.
    """
    rows = match_images(outcomes.images, scores.questions.images, match=outcomes.match, known_where="the scores")
    rated, has_original = rows >= 0, outcomes.original_rows >= 0
    valid = np.where(has_original, (outcomes.original_ranks == 0).astype(np.float64), np.nan)
    highest = np.where(has_original, 1.0, np.nan)
    valid[rated] = np.nan_to_num(scores.scores_of(rows[rated], outcomes.top1[rated]))
    highest[rated] = scores.highest_score_per_image()[rows[rated]]
    return ValidityProbabilities(valid, highest)


def mistake_kinds(outcomes: Outcomes, scores: Scores, experts: Votes | None) -> npt.NDArray[np.int8]:
    """Return the kind of each image's mistake, from `kinds_of_invalid_classes`; -1 without a mistake.

    A mistake is a top-1 class outside a non-empty label set. The result is int8, shape (images,).
    """
    kinds = kinds_of_invalid_classes(outcomes.images, outcomes.top1, scores, experts, match=outcomes.match)
    kinds[(outcomes.states != LABELLED) | (outcomes.best_ranks <= 0)] = -1
    return kinds


def scores_from_experts(experts: Votes) -> Scores:
    """Make scores from expert votes: the share of experts who answered yes, or who chose the class."""
    if experts.classes is not None:
        questions, counts = count_chosen_classes(experts)
        n_votes_of_image = np.bincount(questions.image_ids, counts)[questions.image_ids]
        return Scores(questions, counts / n_votes_of_image, is_exclusive=True)
    require_questions(experts.items, votes_name="the experts' votes")
    judged = experts.select_items(np.flatnonzero(experts.sizes))
    return Scores(require_questions(judged.items), judged.count_supporting_votes() / judged.sizes)
