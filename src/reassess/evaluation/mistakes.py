"""What the scores and the experts know of the class that a model put first."""

import numpy as np
import numpy.typing as npt

from reassess.core.image_names import join
from reassess.core.items import as_questions
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.evaluation.outcomes import LABELLED, Outcomes

__all__ = ["KINDS", "mistake_kinds", "validity"]

KINDS = ("expert_rejected", "rejected", "never_proposed", "never_rated")
_EXPERT_REJECTED, _REJECTED, _NEVER_PROPOSED, _NEVER_RATED = range(len(KINDS))


def validity(outcomes: Outcomes, scores: Scores) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """P(top-1 is valid), and the highest P of any class, for each image; float64, shape (images,).

    A class that was not proposed for a rated image has 0. Of an image that was never rated the original label has 1 and
    any other class 0; without an original label both are NaN.
    """
    rows = _rows(outcomes, scores)
    rated, named = rows >= 0, outcomes.original_rows >= 0
    valid = np.where(named, (outcomes.original_rank == 0).astype(np.float64), np.nan)
    highest = np.where(named, 1.0, np.nan)
    valid[rated] = np.nan_to_num(scores.at(rows[rated], outcomes.top1[rated]))
    highest[rated] = scores.highest()[rows[rated]]
    return valid, highest


def mistake_kinds(outcomes: Outcomes, scores: Scores, experts: Votes | None) -> npt.NDArray[np.int8]:
    """What is known of each mistake: the first of `KINDS` that fits, as its position; -1 where there is no mistake.

    A mistake is a top-1 class outside a non-empty label set. Experts reject a class that at most half of them call
    valid, or choose for its image. A top-1 that is no class was never proposed.

    Returns
    -------
    int8, shape (images,).
    """
    rows = _rows(outcomes, scores)
    kinds = np.where(rows >= 0, _NEVER_PROPOSED, _NEVER_RATED).astype(np.int8)
    kinds[scores.questions.find(rows, outcomes.top1) >= 0] = _REJECTED
    if experts is not None:
        share = expert_share(experts)
        judged = _rows(outcomes, share)
        given = share.at(judged, outcomes.top1)
        kinds[(given <= 0.5) | (np.isnan(given) & (judged >= 0) & (experts.classes is not None))] = _EXPERT_REJECTED
    kinds[(outcomes.state != LABELLED) | (outcomes.rank <= 0)] = -1
    return kinds


def expert_share(experts: Votes) -> Scores:
    """Share of the experts who said yes of each question that they judged; or who chose each class of an image."""
    if experts.classes is not None:
        questions, counts = experts.counts_by_class()
        return Scores(questions, counts / np.bincount(questions.image_ids, counts)[questions.image_ids])
    as_questions(experts.items, what="the experts' votes")
    judged = experts.restrict(np.flatnonzero(experts.sizes))
    return Scores(as_questions(judged.items), judged.support() / judged.sizes)


def _rows(outcomes: Outcomes, scores: Scores) -> npt.NDArray[np.int64]:
    return join(outcomes.images, scores.questions.images, match=outcomes.match, known_where="the scores")
