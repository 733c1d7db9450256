"""Wrong answers among the golden questions that a stop rule closes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden_predictions import Floats, GoldenPredictions, Ints
from reassess.core import VALIDITY, StopRule
from reassess.core.items import require_questions
from reassess.numeric.proportions import share_interval
from reassess.text import Printable

_N_ORDERS = 10


@dataclass(frozen=True, eq=False, repr=False)
class StopErrors(Printable):
    """Golden questions that a stop rule closes correctly and wrongly; means over random orders of the votes."""

    rule: StopRule
    n_questions: int  # golden questions with votes
    closed_as_invalid: float  # number of questions
    closed_as_valid: float
    valid_closed_as_invalid: float
    invalid_closed_as_valid: float
    interval: tuple[float, float] | None  # 95 % interval of `share_wrong`, over images; None if no question is closed
    lowest_supported_error: float  # upper limit of the interval if all golden questions were closed correctly

    @property
    def n_closed(self) -> float:
        """Number of closed questions."""
        return self.closed_as_invalid + self.closed_as_valid

    @property
    def share_wrong(self) -> float | None:
        """Share of closed questions that are closed with a wrong answer; None if no question is closed."""
        return (self.valid_closed_as_invalid + self.invalid_closed_as_valid) / self.n_closed if self.n_closed else None

    @property
    def is_supported(self) -> bool:
        """Whether the upper limit of the share of wrong answers is at most the error that the rule allows."""
        return self.interval is not None and self.interval[1] <= max(self.rule.low, 1 - self.rule.high)

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        low, high = self.interval or (None, None)
        return {
            "questions": self.n_questions,
            "closed_as_invalid": self.closed_as_invalid,
            "closed_as_valid": self.closed_as_valid,
            "valid_closed_as_invalid": self.valid_closed_as_invalid,
            "invalid_closed_as_valid": self.invalid_closed_as_valid,
            "share_wrong": self.share_wrong,
            "low": low,
            "high": high,
            "supported": self.is_supported,
            "lowest_supported_error": self.lowest_supported_error,
        }


def measure_stop_errors(
    predictions: GoldenPredictions,
    rules: Sequence[StopRule],
    *,
    power: float,
    max_votes_per_question: int,
    n_orders: int = _N_ORDERS,
    seed: int = 0,
) -> tuple[StopErrors, ...]:
    """Close golden questions by stop rules, with their votes in random orders, and count wrong answers.

    Parameters
    ----------
    predictions
        The raters' votes on golden questions, see `predict_golden_questions`.
    rules
        Stop rules; each gives one result.
    power
        The number of times that each vote counts, see `GoldenPredictions.find_power`.
    max_votes_per_question
        Largest number of votes per question.
    n_orders, seed
        Number of random orders, and their seed.

    Examples
    --------
    >>> from reassess.aggregation import predict_golden_questions
    >>> from reassess.core import Questions, Votes
    >>> questions = Questions.from_columns([f"{row}.png" for row in range(20)], np.zeros(20, int))
    >>> valid, rows = np.arange(20) % 2, np.repeat(np.arange(20), 3)
    >>> votes = Votes.from_columns(questions, rows, np.tile(np.arange(3), 20), valid[rows], "abc", ("no", "yes"))
    >>> predictions = predict_golden_questions(votes, valid)
    >>> (errors,) = measure_stop_errors(predictions, [StopRule(0.1, 0.9)], power=1.0, max_votes_per_question=3)
    >>> errors.n_closed, errors.share_wrong, errors.is_supported
    (20.0, 0.0, False)
    """
    image_ids = require_questions(predictions.votes.items).image_ids
    counts = np.zeros((len(rules), len(VALIDITY), len(predictions)), np.int64)  # how often each question closes so
    for order in range(n_orders):
        probabilities, n_votes = _compute_running_probabilities(predictions, power, (seed, order))
        items = predictions.votes.item_ids
        for row, rule in enumerate(rules):
            closes = np.flatnonzero(rule.is_closed(probabilities, n_votes) & (n_votes <= max_votes_per_question))
            closed, first = np.unique(items[closes], return_index=True)
            counts[row, (probabilities[closes[first]] >= rule.high).astype(int), closed] += 1
    return tuple(
        _make_errors(rule, closed_as, predictions.truth_ids, image_ids, n_orders)
        for rule, closed_as in zip(rules, counts, strict=True)
    )


def _compute_running_probabilities(
    predictions: GoldenPredictions, power: float, seed: tuple[int, int]
) -> tuple[Floats, Ints]:
    """Compute the probability of valid after each vote, in a random order, and the number of votes so far."""
    votes, items = predictions.votes, predictions.votes.item_ids
    log_ratios = np.diff(predictions.log_likelihoods[predictions.draw_order(seed)])[:, 0]
    total = np.cumsum(log_ratios)
    before = np.append(0.0, total)[votes.indptr[:-1]]
    log_odds = np.diff(predictions.log_priors)[items, 0] + power * (total - before[items])
    return 1 / (1 + np.exp(-log_odds)), predictions.count_earlier_votes() + 1


def _make_errors(
    rule: StopRule, closed_as: Ints, truth_ids: Ints, image_ids: npt.NDArray[np.integer], n_orders: int
) -> StopErrors:
    as_invalid, as_valid = closed_as
    valid_as_invalid, invalid_as_valid = as_invalid * (truth_ids == 1), as_valid * (truth_ids == 0)
    wrong, closed, golden = (
        np.bincount(image_ids, weights).astype(np.int64)
        for weights in (valid_as_invalid + invalid_as_valid, as_invalid + as_valid, np.ones(truth_ids.size))
    )
    return StopErrors(
        rule=rule,
        n_questions=truth_ids.size,
        closed_as_invalid=float(as_invalid.sum()) / n_orders,
        closed_as_valid=float(as_valid.sum()) / n_orders,
        valid_closed_as_invalid=float(valid_as_invalid.sum()) / n_orders,
        invalid_closed_as_valid=float(invalid_as_valid.sum()) / n_orders,
        interval=share_interval(wrong, closed) if closed.any() else None,
        lowest_supported_error=share_interval(np.zeros_like(golden), golden)[1],
    )
