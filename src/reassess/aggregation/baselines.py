"""Methods without a rater model: the share of each answer, and the mean answer."""

import numpy as np
import numpy.typing as npt

from reassess.aggregation.methods import Aggregation
from reassess.core import VALIDITY, Posterior, Scores, Votes
from reassess.core.checks import check_type
from reassess.core.class_votes import count_votes_by_class
from reassess.core.items import take_items
from reassess.errors import DataError
from reassess.text import join_first


def class_shares(votes: Votes) -> tuple[Scores, int]:
    """Compute the share of each class that someone chose for an image, and count images with a tie."""
    questions, counts = count_votes_by_class(votes)
    images = len(questions.images)
    most, totals = np.zeros(images, np.int64), np.zeros(images, np.int64)
    np.maximum.at(most, questions.image_ids, counts)
    np.add.at(totals, questions.image_ids, counts)
    leading = np.bincount(questions.image_ids[counts == most[questions.image_ids]], minlength=images)
    return Scores(questions, counts / totals[questions.image_ids], is_exclusive=True), int(
        np.count_nonzero(leading > 1)
    )


def by_majority(votes: Votes) -> Aggregation:
    """Compute the share of each answer, and count items with a tie."""
    check_type(Votes, votes)
    if votes.classes is not None:
        return _by_share(votes)
    votes = votes.with_full_scale()
    voted = np.flatnonzero(votes.sizes)
    counts = votes.counts()[voted]
    is_most = counts == counts.max(axis=1, keepdims=True, initial=0)
    shares = Posterior(items=take_items(votes.items, voted), truths=votes.answers, values=votes.answer_shares()[voted])
    ties = int(np.count_nonzero(np.count_nonzero(is_most, axis=1) > 1))
    return Aggregation(posterior=shares, facts={"ties": ties, "without_votes": len(votes.items) - voted.size})


def by_mean(votes: Votes) -> Aggregation:
    """Compute the mean answer: no 0, maybe 0.5, yes 1; a vote for a class is 1 for it, and 0 for other classes.

    Other answers to questions have weights from 0 to 1 too: numbers are scaled, words are evenly spaced.
    """
    check_type(Votes, votes)
    if votes.classes is not None:
        return _by_share(votes)
    voted = np.flatnonzero(votes.sizes)
    kept = votes.restrict(voted)
    values = kept.counts() @ _weights(kept) / kept.sizes
    if not ((values >= 0) & (values <= 1)).all():
        raise DataError(
            "no-mean",
            "the mean of these answers is not a probability",
            allowed="no, maybe, yes, or codes from 0 to 1",
            found=join_first(votes.answers),
            fix="use em or majority",
        )
    result = Posterior(items=kept.items, truths=VALIDITY, values=np.stack([1 - values, values], axis=1))
    return Aggregation(posterior=result, facts={"without_votes": len(votes.items) - voted.size})


def _weights(votes: Votes) -> npt.NDArray[np.float64]:
    """The weight of each answer: the known weight, or the answer itself if it is a number."""
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


def _by_share(votes: Votes) -> Aggregation:
    """The share of each class with a vote."""
    scores, ties = class_shares(votes)
    values = np.stack([1 - scores.values, scores.values], axis=1)
    result = Posterior(items=scores.questions, truths=VALIDITY, values=values, is_exclusive=True)
    return Aggregation(posterior=result, facts={"ties": ties, "without_votes": len(votes.items) - len(scores.images)})
