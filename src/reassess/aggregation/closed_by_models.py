"""Questions that votes of models may answer alone, at an error that golden questions support.

The probability of valid comes from `aggregate` with the method calibrated and dependence. Golden questions are
predicted without the golden answers about their images, in 10 folds. A question is closed if its probability is at most
a limit, or at least 1 - limit. Ten limits are tried: those that close 10, 20, ..., 100 % of the golden questions. For
each, an upper bound of the share of wrong answers is computed at 99.5 %, so that all ten bounds hold together at 95 %
(Bonferroni). The largest limit whose bound is at most the allowed error is used.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregate import aggregate
from reassess.aggregation.golden import expert_truth
from reassess.aggregation.measured_curves import compute_out_of_sample_scores
from reassess.core import Items, Questions, Scores, Votes
from reassess.core.checks import check_range
from reassess.core.items import require_questions, take_items
from reassess.errors import DataError
from reassess.numeric.proportions import share_lower_bound
from reassess.text import join_first

_N_LIMITS = 10
_N_FOLDS = 10
_LEVEL = 0.05  # of all limits together

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClosedByModels:
    """Questions that votes of models answer alone, and the golden questions that support this."""

    is_closed: npt.NDArray[np.bool_]  # of each question
    allowed_error: float
    limit: float | None  # questions with a probability up to it, or from 1 - limit, are closed; None: no question
    n_golden: int  # golden questions with votes of models and a known truth
    n_golden_closed: int
    n_golden_wrong: int  # of the closed golden questions
    highest_error: float | None  # 95 % upper bound of the share of wrong answers; None without a limit
    lowest_supported_error: float  # the smallest allowed error that has a limit; 1 without golden questions

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "questions": int(self.is_closed.sum()),
            "error": self.allowed_error,
            "limit": self.limit,
            "golden": self.n_golden,
            "golden_closed": self.n_golden_closed,
            "golden_wrong": self.n_golden_wrong,
            "highest_error": self.highest_error,
            "lowest_supported_error": self.lowest_supported_error,
        }


def score_model_votes(votes: Votes, experts: Votes | None, questions: Questions) -> Scores:
    """Compute the probability of valid of questions with votes of models; models that err together count less.

    Raises
    ------
    DataError
        Golden answers are missing; no question has votes; a model voted twice on a question, or is an expert.
    """
    experts = _require_experts(experts)
    pairs = votes.item_ids * len(votes.raters) + votes.rater_ids
    if np.unique(pairs).size < pairs.size:
        raise DataError(
            "duplicate-vote",
            "model has several votes on one question",
            found=f"{len(votes) - np.unique(pairs).size:,} more votes than questions and models",
            fix="keep one vote of each model on a question",
        )
    if common := set(votes.raters) & set(experts.raters):
        raise DataError(
            "same-rater",
            "expert is also one of the models, whose votes golden answers must measure",
            found=join_first(sorted(map(str, common))),
            fix="remove the expert's answers from the votes of models",
        )
    rows = votes.find_positions(questions)
    if not votes.sizes[rows[rows >= 0]].any():
        raise DataError(
            "no-common-questions",
            "no question of the tasks has votes of models",
            fix="give votes on these questions, for example from `reassess rate`",
        )
    votes = votes.select_items(np.flatnonzero(votes.sizes))
    return aggregate(votes, "calibrated", experts=experts, dependence=True).scores


def close_by_models(votes: Votes, experts: Votes | None, questions: Questions, error: float) -> ClosedByModels:
    """Find the questions that votes of models may answer alone.

    Parameters
    ----------
    votes
        Votes of models on the questions and on golden questions.
    experts
        The experts' votes on golden questions.
    questions
        The questions to close, if they have votes of models.
    error
        Largest share of wrong answers among closed questions, above 0 and below 1. The share is at most this with
        95 % confidence, if the golden images are a random sample of the images.

    Raises
    ------
    DataError
        Golden answers are missing, or about fewer than two images with votes of models; a model has no votes on
        golden questions, or on the other questions; or an error of `score_model_votes`.

    Examples
    --------
    >>> questions = Questions.from_columns([f"{row:03}.png" for row in range(300)], np.zeros(300, int))
    >>> rows, valid = np.arange(300), np.arange(300) % 2
    >>> votes = Votes.from_columns(questions, rows, 0 * rows, valid, ("model",), ("no", "yes"))
    >>> golden = rows[:200]
    >>> experts = Votes.from_columns(questions, golden, 0 * golden, valid[golden], ("eve",), ("no", "yes"))
    >>> closed = close_by_models(votes, experts, questions, 0.05)
    >>> closed.n_golden, closed.n_golden_wrong, round(closed.highest_error, 4)
    (200, 0, 0.0261)
    """
    check_range(error, 0, 1, value_name="error")
    votes = votes.select_items(np.flatnonzero(votes.sizes))
    experts = _select_golden_with_votes(_require_experts(experts), votes)
    is_golden = experts.find_positions(questions) >= 0
    not_golden = cast("Questions", take_items(questions, np.flatnonzero(~is_golden)))
    scores = score_model_votes(votes, experts, not_golden)
    _check_models(votes, experts.items, not_golden)
    golden = require_questions(experts.items)
    left_out = compute_out_of_sample_scores(scores, votes, experts, None, None, min(_N_FOLDS, len(golden.images)))
    assert left_out is not None
    probabilities, truth_ids = _find_scores(left_out, golden), expert_truth(experts).truth_ids
    is_known = ~np.isnan(probabilities) & (truth_ids >= 0)
    distances = np.minimum(probabilities, 1 - probabilities)[is_known]
    is_wrong = ((probabilities >= 0.5) != truth_ids)[is_known]
    bounds = _bound_errors(distances, is_wrong, golden.image_ids[is_known])
    limit, highest_error = max(((tried, bound) for tried, bound in bounds if bound <= error), default=(None, None))
    reach = -1.0 if limit is None else limit
    own, is_golden_closed = _find_scores(scores, questions), distances <= reach
    return ClosedByModels(
        is_closed=np.minimum(own, 1 - own) <= reach,
        allowed_error=error,
        limit=limit,
        n_golden=distances.size,
        n_golden_closed=int(is_golden_closed.sum()),
        n_golden_wrong=int((is_golden_closed & is_wrong).sum()),
        highest_error=highest_error,
        lowest_supported_error=min((bound for _, bound in bounds), default=1.0),
    )


def _bound_errors(
    distances: Floats, is_wrong: npt.NDArray[np.bool_], images: npt.NDArray[np.integer]
) -> list[tuple[float, float]]:
    """Return ten limits, and an upper bound of the share of wrong answers for each."""
    bounds = []
    ranks = np.ceil(np.arange(1, _N_LIMITS + 1) / _N_LIMITS * distances.size).astype(int) - 1
    for limit in np.sort(distances)[ranks].tolist() if distances.size else []:
        is_closed = distances <= limit
        closed, right = (np.bincount(images, kept) for kept in (is_closed, is_closed & ~is_wrong))
        lowest = share_lower_bound(right.astype(int), closed.astype(int), confidence=1 - _LEVEL / _N_LIMITS)
        bounds.append((limit, 1 - lowest))
    return bounds


def _require_experts(experts: Votes | None) -> Votes:
    """Return the experts' votes; raise `DataError` if there are none."""
    if not experts:
        raise DataError(
            "missing-golden",
            "votes of models need golden answers, because the accuracy of the models is unknown",
            fix="give experts' answers to questions that the models answered too (--golden FILE)",
        )
    return experts


def _select_golden_with_votes(experts: Votes, votes: Votes) -> Votes:
    """Select golden questions with votes of experts and models; sort images, so that folds do not depend on order."""
    rows = np.flatnonzero((experts.sizes > 0) & (votes.find_positions(experts.items) >= 0))
    experts = experts.select_items(rows)
    items = require_questions(experts.items)
    if len(items.images) < 2:
        raise DataError(
            "too-few",
            "fewer than two golden images have votes of models",
            allowed="at least 2 golden images, each with answers of experts and votes of models",
            found=len(items.images),
            fix="add golden questions about more images",
        )
    order = np.argsort(np.array(items.images))
    ranks = np.argsort(order).astype(np.int32)
    images = tuple(items.images[row] for row in order.tolist())
    return replace(experts, items=replace(items, images=images, image_ids=ranks[items.image_ids]))


def _check_models(votes: Votes, golden: Items, not_golden: Questions) -> None:
    """Raise if a model has no votes on golden questions, or on other questions: then errors cannot be compared."""
    voted = []
    for items in (golden, not_golden):
        rows = votes.find_positions(items)
        voted.append(set(votes.select_items(rows[rows >= 0]).rater_ids.tolist()))
    if different := voted[0] ^ voted[1]:
        raise DataError(
            "different-raters",
            "model has votes on golden questions only, or on other questions only, so its errors are not comparable",
            found=join_first([str(votes.raters[rater]) for rater in sorted(different)]),
            fix="use models that answered both",
        )


def _find_scores(scores: Scores, questions: Questions) -> Floats:
    """Return the score of each question; NaN if it has none."""
    rows = scores.questions.rows_of(questions.images)[questions.image_ids]
    return scores.scores_of(rows, questions.class_ids)
