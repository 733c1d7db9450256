"""Tempering: probabilities are moved towards the prior, or away from it, as much as golden answers support.

Most methods assume that raters err independently, so their probabilities are too close to 0 and 1. The tempered
probability is q'[i, s] ∝ p[s] (q[i, s] / p[s])**k, with the prior p of the truths and a power k: the votes on an item
count k times. With more than 256 classes, p is equal for all classes.

The power maximizes the likelihood of the truths of golden items. Each golden item is predicted without its golden
answers, from as many votes as other items have. The logarithm of k has a normal prior with mean 0 and standard
deviation log 2, so a few golden items change k little.

Source: for classifiers, Guo et al., "On calibration of modern neural networks", ICML 2017 (temperature scaling).
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregation_result import Aggregation, convert_to_question_posterior_and_count_unrated
from reassess.aggregation.golden_items import (
    align_with_golden,
    count_votes_on,
    find_truth_of_items,
    select_golden_votes,
    with_golden_votes,
)
from reassess.aggregation.stacking_weights import find_surplus_votes
from reassess.aggregation.vote_folds import N_FOLDS, select_votes, split_into_folds_by_image
from reassess.core import Items, Posterior, RaterModel, Votes
from reassess.core.items import find_items, take_items
from reassess.errors import DataError, ReassessWarning

_LOG_POWER_SD = np.log(2)  # of the prior: the power is uncertain by a factor of two
_LOG2_POWERS = -10, 6  # powers from 2**-10 to 2**5 are tried first
_MIN_PROBABILITY = 1e-6  # of a truth: with lower ones, a golden item whose truth nobody chose would decide the power
_TINY = np.finfo(float).tiny

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class TruthOdds(NamedTuple):
    """The possible truths of items, before the votes on the item and after them."""

    log_prior: Floats  # shape (truths,), or (items, truths) if items have different priors
    log_ratios: Floats  # log(posterior / prior), shape (items, truths)

    def compute_probabilities(self, power: float) -> Floats:
        """Compute the tempered probability of each truth; shape (items, truths)."""
        logs = self.log_prior + power * self.log_ratios
        values = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(values / values.sum(axis=1, keepdims=True))


class GoldenPrediction(NamedTuple):
    """Golden items, predicted without their golden answers."""

    items: Items
    truth_ids: Ints  # position of each item's truth
    odds: TruthOdds


def find_power(odds: Sequence[TruthOdds], truth_ids: Sequence[Ints]) -> float:
    """Find the power that best predicts the truths of some groups of items; `truth_ids` are positions of truths.

    >>> log_prior = np.log([0.5, 0.5])
    >>> odds = TruthOdds(log_prior, np.tile(np.log([0.9, 0.1]) - log_prior, (10, 1)))
    >>> seven_of_ten = (np.arange(10) >= 7).astype(int)
    >>> round(find_power([odds], [seven_of_ten]), 2)
    0.59
    """
    from scipy.optimize import minimize_scalar

    def loss(log_power: float) -> float:
        """Return the negative log likelihood of the truths, and of the power's prior."""
        total = (log_power / _LOG_POWER_SD) ** 2 / 2
        for group, group_truth_ids in zip(odds, truth_ids, strict=True):
            probabilities = group.compute_probabilities(np.exp(log_power))
            of_truths = np.take_along_axis(probabilities, group_truth_ids[:, None], 1)
            total -= np.log(np.maximum(of_truths, _MIN_PROBABILITY)).sum()
        return float(total)

    start = min(np.log(2) * np.arange(*_LOG2_POWERS), key=loss)  # the loss can have several minima
    bounds = start - np.log(2), start + np.log(2)
    result = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(result.x))


def compute_tempered(compute: Callable[..., Aggregation], votes: Votes, options: Mapping[str, Any]) -> Aggregation:
    """Compute the result of a method, and temper it; `compute` runs the method with votes and options."""
    if votes.classes is not None:
        return compute_for_all_classes(partial(compute_tempered, compute), votes, options)
    result = compute(votes, **options)
    predictions = list(predict_golden_truths(compute, votes, options, result))
    power = find_power([each.odds for each in predictions], [each.truth_ids for each in predictions])
    n_golden = sum(len(each.items) for each in predictions)
    fact = {"tempering_power": power, "predicted_golden_items": n_golden}
    values = make_odds(result.posterior, result.model).compute_probabilities(power)
    return replace(result, posterior=replace(result.posterior, values=values), facts=result.facts | fact)


def compute_for_all_classes(
    compute: Callable[[Votes, Mapping[str, Any]], Aggregation], votes: Votes, options: Mapping[str, Any]
) -> Aggregation:
    """Compute the probabilities of all classes of each image; then omit classes with low probabilities.

    `compute` takes votes whose answers are not classes, and options.
    """
    experts, golden = options.get("experts"), options.get("rater_golden")
    if experts is not None:
        votes, experts, golden, _ = align_with_golden(votes, experts, golden, True)
        plain_golden = {"experts": replace(experts, classes=None), "rater_golden": replace(golden, classes=None)}
        options = {**options, **plain_golden}
    result = compute(replace(votes, classes=None), options)
    posterior = replace(result.posterior, classes=votes.classes)
    posterior, counts = convert_to_question_posterior_and_count_unrated(votes, posterior, experts)
    return replace(result, posterior=posterior, facts=result.facts | counts, expert_votes=experts)


def predict_golden_truths(
    compute: Callable[..., Aggregation], votes: Votes, options: Mapping[str, Any], result: Aggregation
) -> Iterator[GoldenPrediction]:
    """Predict the golden items of each fold without their golden answers; `result` is the result with all of them."""
    experts, truth = result.expert_votes, result.expert_truth
    assert experts is not None
    assert truth is not None
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):  # were shown with the result
        golden = select_golden_votes(votes, experts, options.get("rater_golden"))
        votes = with_golden_votes(votes, options.get("rater_golden"), experts)
        votes = select_votes(votes, ~find_surplus_votes(votes, find_truth_of_items(votes, experts, truth.truth_ids)))
        for rows in _split_golden_rows(votes, experts, truth.truth_ids):
            others = {**options, "experts": experts.without_votes_on(rows), "rater_golden": golden}
            fold_result = compute(votes, **others)
            items = take_items(experts.items, rows)
            posterior_rows = find_items(fold_result.posterior.items, items)
            odds = make_odds(fold_result.posterior, fold_result.model)
            odds = odds._replace(log_ratios=odds.log_ratios[posterior_rows])
            yield GoldenPrediction(items, truth.truth_ids[rows], odds)


def _split_golden_rows(votes: Votes, experts: Votes, truth_ids: Ints) -> list[Ints]:
    """Split the golden items with votes and a known truth into folds, by image."""
    rows = np.flatnonzero((truth_ids >= 0) & (count_votes_on(experts.items, votes) > 0))
    folds = split_into_folds_by_image(experts, rows)
    if folds is None:
        raise DataError(
            "too-few",
            "too few golden images, or golden items, for tempering",
            allowed=f"at least {N_FOLDS} with raters' votes",
            fix="get more golden answers",
        )
    return folds


def make_odds(posterior: Posterior, model: RaterModel | None) -> TruthOdds:
    """Return the possible truths of all items of a posterior; without a model, the prior is uniform."""
    log_prior = np.log(np.full(len(posterior.truths), 1 / len(posterior.truths)) if model is None else model.prior)
    return TruthOdds(log_prior, np.log(np.maximum(posterior.values, _TINY)) - log_prior)
