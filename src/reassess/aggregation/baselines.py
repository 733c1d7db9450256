"""Methods without a rater model: the share of each answer, and the mean answer."""

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregation_result import Aggregation
from reassess.core import VALIDITY, Id, Posterior, Scores, Votes
from reassess.core.checks import check_type
from reassess.core.class_votes import count_chosen_classes
from reassess.core.items import StoredItems, take_items
from reassess.errors import DataError
from reassess.numeric.arrays import allocate_like
from reassess.text import join_first


def compute_class_shares_and_count_ties(votes: Votes) -> tuple[Scores, int]:
    """Compute the share of an image's votes for each class; count images where classes tie for most votes."""
    questions, counts = count_chosen_classes(votes)
    n_images = len(questions.images)
    highest_counts, totals = np.zeros(n_images, np.int64), np.zeros(n_images, np.int64)
    np.maximum.at(highest_counts, questions.image_ids, counts)
    np.add.at(totals, questions.image_ids, counts)
    n_leading = np.bincount(questions.image_ids[counts == highest_counts[questions.image_ids]], minlength=n_images)
    return Scores(questions, counts / totals[questions.image_ids], is_exclusive=True), int(
        np.count_nonzero(n_leading > 1)
    )


def aggregate_by_majority(votes: Votes) -> Aggregation:
    """Compute the share of an item's votes for each answer; count items where answers tie for most votes."""
    check_type(Votes, votes)
    if votes.classes is not None:
        return _aggregate_class_votes(votes)
    votes = votes.with_no_maybe_yes()
    shares = allocate_like(votes.indptr, (len(votes.items), len(votes.answers)), np.float64)
    ties = 0
    for rows, block in votes.split_into_blocks():
        counts = block.counts()
        is_leading = (counts == counts.max(axis=1, keepdims=True, initial=0)) & (counts > 0)
        ties += int(np.count_nonzero(np.count_nonzero(is_leading, axis=1) > 1))
        shares[rows] = block.answer_shares()
    return _aggregate_voted_items(votes, votes.answers, shares, {"ties": ties})


def aggregate_by_mean(votes: Votes) -> Aggregation:
    """Compute the mean answer of each item, where no counts 0, maybe 0.5 and yes 1.

    Other answers to questions have weights from 0 to 1 too: numbers are scaled, words are evenly spaced. If votes name
    a class of the image, the score is the share of each class.
    """
    check_type(Votes, votes)
    if votes.classes is not None:
        return _aggregate_class_votes(votes)
    weights, values = _answer_values(votes), allocate_like(votes.indptr, (len(votes.items), 2), np.float64)
    are_probabilities = True
    for rows, block in votes.split_into_blocks():
        values[rows, 1] = block.counts() @ weights / np.maximum(block.sizes, 1)
        values[rows, 0] = 1 - values[rows, 1]
        are_probabilities &= bool(((values[rows] >= 0) & (values[rows] <= 1)).all())
    if not are_probabilities:
        raise DataError(
            "no-mean",
            "the mean of these answers is not a probability",
            allowed="no, maybe, yes, or codes from 0 to 1",
            found=join_first(votes.answers),
            fix="use em or majority",
        )
    return _aggregate_voted_items(votes, VALIDITY, values, {})


def _aggregate_voted_items(
    votes: Votes, truths: tuple[Id, ...], values: npt.NDArray[np.float64], facts: dict[str, int]
) -> Aggregation:
    """Return the scores of items with votes, and count the items without votes."""
    has_votes = votes.indptr[1:] > votes.indptr[:-1]
    items, n_voted = votes.items, int(np.count_nonzero(has_votes))
    if n_voted < len(items):
        items = (
            items.keep_items(has_votes)
            if isinstance(items, StoredItems)
            else take_items(items, np.flatnonzero(has_votes))
        )
        values = values[has_votes]
    result = Posterior(items=items, truths=truths, values=values)
    return Aggregation(posterior=result, facts=facts | {"without_votes": len(votes.items) - n_voted})


def _answer_values(votes: Votes) -> npt.NDArray[np.float64]:
    """Return the value of each answer in the mean: 0 for no, 0.5 for maybe, 1 for yes; or the numeric answer."""
    weights = votes.answer_weights
    if weights is None and any(isinstance(answer, str) for answer in votes.answers):
        raise DataError(
            "no-mean",
            "the mean of these answers is not defined",
            allowed="no, maybe, yes, or integer codes",
            found=join_first(votes.answers),
            fix="use majority",
        )
    return np.array(votes.answers if weights is None else weights, np.float64)


def _aggregate_class_votes(votes: Votes) -> Aggregation:
    """Compute the share of an image's votes that each class has, for classes with a vote."""
    scores, ties = compute_class_shares_and_count_ties(votes)
    values = np.stack([1 - scores.values, scores.values], axis=1)
    result = Posterior(items=scores.questions, truths=VALIDITY, values=values, is_exclusive=True)
    return Aggregation(posterior=result, facts={"ties": ties, "without_votes": len(votes.items) - len(scores.images)})
