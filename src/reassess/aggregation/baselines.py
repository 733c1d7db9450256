"""Methods without a rater model: the share of each answer, and the mean answer."""

import numpy as np
import numpy.typing as npt

from reassess.aggregation.methods import Aggregation
from reassess.core import VALIDITY, Posterior, Scores, Votes
from reassess.core.checks import check_type
from reassess.core.class_votes import count_chosen_classes
from reassess.core.items import take_items
from reassess.errors import DataError
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
    votes = votes.with_full_scale()
    voted_rows = np.flatnonzero(votes.sizes)
    counts = votes.counts()[voted_rows]
    is_leading = counts == counts.max(axis=1, keepdims=True, initial=0)
    shares = Posterior(
        items=take_items(votes.items, voted_rows), truths=votes.answers, values=votes.answer_shares()[voted_rows]
    )
    ties = int(np.count_nonzero(np.count_nonzero(is_leading, axis=1) > 1))
    return Aggregation(posterior=shares, facts={"ties": ties, "without_votes": len(votes.items) - voted_rows.size})


def aggregate_by_mean(votes: Votes) -> Aggregation:
    """Compute the mean answer of each item, where no counts 0, maybe 0.5 and yes 1.

    Other answers to questions have weights from 0 to 1 too: numbers are scaled, words are evenly spaced. If votes name
    a class of the image, the score is the share of each class.
    """
    check_type(Votes, votes)
    if votes.classes is not None:
        return _aggregate_class_votes(votes)
    voted_rows = np.flatnonzero(votes.sizes)
    used_votes = votes.restrict(voted_rows)
    values = used_votes.counts() @ _answer_weights(used_votes) / used_votes.sizes
    if not ((values >= 0) & (values <= 1)).all():
        raise DataError(
            "no-mean",
            "the mean of these answers is not a probability",
            allowed="no, maybe, yes, or codes from 0 to 1",
            found=join_first(votes.answers),
            fix="use em or majority",
        )
    result = Posterior(items=used_votes.items, truths=VALIDITY, values=np.stack([1 - values, values], axis=1))
    return Aggregation(posterior=result, facts={"without_votes": len(votes.items) - voted_rows.size})


def _answer_weights(votes: Votes) -> npt.NDArray[np.float64]:
    """Return the weight of each answer in the mean: its known weight, or the answer itself if it is a number."""
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
