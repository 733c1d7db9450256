"""Discount for raters that err together: their votes count less, so that nine copies of one rater count as one.

Bayes' rule multiplies the probabilities of all votes, as if raters erred independently. For a group of raters whose
errors have the mean correlation r, given the truth, k votes of the group on an item count like k / (1 + (k - 1) r)
votes: each log-likelihood is multiplied by 1 / (1 + (k - 1) r). If raters in different groups share errors too, with
the correlation b, then the m votes that are left in this way count like m / (1 + (m - 1) b). A rater without a group is
a group. Groups and correlations come from golden items, see `measure_shared_errors`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregation_result import Aggregation
from reassess.aggregation.calibration import posterior
from reassess.aggregation.golden_items import select_golden_votes
from reassess.aggregation.reliability import find_correct_answers
from reassess.aggregation.shared_errors import SharedErrors, measure_shared_errors
from reassess.core import RaterModel, Votes
from reassess.errors import DataError

_TINY = np.finfo(float).tiny

Floats = npt.NDArray[np.float64]


def compute_with_discount(compute: Callable[..., Aggregation], votes: Votes, **options: Any) -> Aggregation:
    """Compute the result of a method with Bayes' rule, with a discount for raters that err together.

    Raises
    ------
    DataError
        The votes are about classes of images, or no answer is correct for a truth.
    """
    if votes.classes is not None:
        raise DataError(
            "not-on-questions",
            "dependence is not measured for votes on one class per image",
            fix="use votes on (image, class) questions, or remove the option",
        )
    result = compute(votes, **options)
    assert result.model is not None
    shared = _measure_shared_errors(result, votes, options)
    weights = _compute_weights(votes, shared)
    logs = _compute_log_priors(result, votes) + _sum_log_likelihoods(votes, result.model, weights)
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    values /= values.sum(axis=1, keepdims=True)
    worth = float(weights.sum() / max(len(votes), 1))
    groups = [] if shared is None else [group.to_json() for group in shared.groups]
    facts = {"weight_of_a_vote": worth, "dependent_groups": groups}
    return replace(result, posterior=replace(result.posterior, values=values), facts=result.facts | facts)


def _measure_shared_errors(result: Aggregation, votes: Votes, options: Mapping[str, Any]) -> SharedErrors | None:
    """Measure the errors that raters share on golden items."""
    experts, truth, model = result.expert_votes, result.expert_truth, result.model
    assert experts is not None
    assert truth is not None
    assert model is not None
    golden = select_golden_votes(votes, experts, options.get("rater_golden"))
    rows = experts.find_positions(golden.items)
    truth_ids = np.where(rows >= 0, truth.truth_ids[rows], -1)
    is_correct = find_correct_answers(model.truths, golden.answers, golden.answer_weights)
    if is_correct is None:
        raise DataError(
            "missing-answer",
            "a truth has no correct answer, so errors cannot be counted",
            allowed="an answer for each truth",
            fix="remove the option",
        )
    return measure_shared_errors(golden, truth_ids, model.truths, is_correct)


def _compute_weights(votes: Votes, shared: SharedErrors | None) -> Floats:
    """Compute the number of votes that each vote counts as; shape (votes,)."""
    weights = np.ones(len(votes))
    if shared is None:
        return weights
    groups = {rater: number for number, group in enumerate(shared.groups) for rater in group.raters}
    number_of_rater = np.array([groups.get(rater, -1) for rater in votes.raters], np.int64)
    numbers, items = number_of_rater[votes.rater_ids], votes.item_ids
    for number, group in enumerate(shared.groups):
        chosen = np.flatnonzero(numbers == number)
        n_votes = np.bincount(items[chosen], minlength=len(votes.items))[items[chosen]]
        weights[chosen] = 1 / (1 + (n_votes - 1) * group.correlation)
    left = np.bincount(items, weights, len(votes.items))[items]
    return np.asarray(weights / (1 + np.maximum(left - 1, 0) * shared.between_groups))


def _compute_log_priors(result: Aggregation, votes: Votes) -> Floats:
    """Compute the logarithm of each truth's probability before the raters' votes; shape (items, truths)."""
    assert result.model is not None
    priors = np.tile(np.asarray(result.model.prior, np.float64), (len(votes.items), 1))
    if result.original_label_votes is not None:
        rows = result.original_label_votes.find_positions(votes.items)
        by_label = posterior(result.original_label_votes, result.model).values
        priors[rows >= 0] = by_label[rows[rows >= 0]]
    return np.asarray(np.log(np.maximum(priors, _TINY)))


def _sum_log_likelihoods(votes: Votes, model: RaterModel, weights: Floats) -> Floats:
    """Sum weight * log-likelihood over the votes on each item; shape (items, truths)."""
    logs = np.log(np.maximum(model.matrices_of(votes.raters), _TINY))
    answers = np.array([model.answers.index(answer) for answer in votes.answers])[votes.answer_ids]
    columns = [
        np.bincount(votes.item_ids, weights * logs[votes.rater_ids, truth, answers], len(votes.items))
        for truth in range(len(model.truths))
    ]
    return np.stack(columns, axis=1)
