"""Stacking for many classes: the weighted mean of majority, onecoin and em, on the candidate classes of each item.

The weights are found as in `stacking`. EBCC is not one of the methods: with many classes, its weight would be about 0.
"""

import warnings
from collections.abc import Iterable, Mapping

import numpy as np

from reassess.aggregation.candidate_classes import CandidateFit, CandidateVotes
from reassess.aggregation.candidate_fits import (
    fit_dawid_skene_on_candidates,
    fit_one_accuracy_on_candidates,
    measure_on_golden_items,
)
from reassess.aggregation.candidate_matrices import CandidateMatrices, EqualMatrices, Ints
from reassess.aggregation.candidate_steps import CandidateEmSteps
from reassess.aggregation.em import typical_confusion_matrix
from reassess.aggregation.em_inputs import DEFAULT_POOLING, Floats
from reassess.aggregation.stacking import MAX_ITERATIONS, MAX_SAMPLED_ITEMS, TOLERANCE
from reassess.aggregation.stacking_weights import CALIBRATED, StackingWeights, count_pseudo_votes, find_weights
from reassess.core import Votes
from reassess.errors import ConvergenceWarning


def fit_stacking_on_candidates(
    votes: Votes, truth_ids: Ints, known_weights: Mapping[str, float] | None = None
) -> tuple[CandidateFit, StackingWeights]:
    """Fit all methods, and compute the weighted mean of their posteriors; also return the weights.

    `truth_ids`, shape (items,), is the class of each golden item; -1 for other items.
    """
    methods = _CandidateMethods()
    weights = find_weights(votes, truth_ids, methods, known_weights)
    fits = methods.fit(votes, truth_ids, MAX_ITERATIONS)
    return methods.average(votes, truth_ids, fits.values(), weights.by_method.values(), weights.power), weights


class _CandidateMethods:
    """The methods of stacking, on the candidate classes of each item."""

    names = ("majority", "onecoin", "em")
    max_sampled_items = MAX_SAMPLED_ITEMS

    def fit(self, votes: Votes, truth_ids: Ints, max_iterations: int) -> Mapping[str, CandidateFit]:
        """Fit each method to votes, with known truths; calibrated only if there are known truths."""
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            em = fit_dawid_skene_on_candidates(
                votes,
                truth_ids,
                smoothing=0.0,
                pooling=DEFAULT_POOLING,
                tolerance=TOLERANCE,
                max_iterations=max_iterations,
            )
        fits = {
            "majority": _compute_vote_shares(em.candidates),
            "onecoin": fit_one_accuracy_on_candidates(votes, truth_ids),
            "em": em,
        }
        golden = np.flatnonzero(truth_ids >= 0)
        if golden.size:
            fits[CALIBRATED] = measure_on_golden_items(
                em.candidates, votes, votes.select_items(golden), truth_ids[golden]
            )
        return fits

    def average(
        self, votes: Votes, truth_ids: Ints, fits: Iterable[CandidateFit], weights: Iterable[float], power: float
    ) -> CandidateFit:
        """Compute the tempered weighted mean of the posteriors, and estimate the raters' matrices from the mean."""
        fits, weights = list(fits), list(weights)

        def compute_mean(values: Iterable[Floats | float]) -> Floats:
            """Compute the weighted mean over the methods."""
            return np.asarray(sum(weight * value for weight, value in zip(weights, values, strict=True)))

        pairs = fits[0].candidates
        items = pairs.item_of_candidate[pairs.first_candidate_of_item]
        n_pseudo_votes = count_pseudo_votes(weights[0])
        pseudo_share = np.where(truth_ids[items] < 0, n_pseudo_votes / (votes.sizes[items] + n_pseudo_votes), 0)
        kept, added = 1 - pseudo_share, pseudo_share / pairs.n_answers
        candidates = compute_mean(fit.posterior for fit in fits) * pairs.repeat_for_candidates(kept)
        candidates = (candidates + pairs.repeat_for_candidates(added)) ** power
        others = (compute_mean(fit.other_probability for fit in fits) * kept + added) ** power
        totals = np.add.reduceat(candidates, pairs.first_candidate_of_item)
        totals += others * (pairs.n_answers - pairs.candidates_per_item)
        posterior = candidates / pairs.repeat_for_candidates(totals)
        posterior[truth_ids[pairs.item_of_candidate] >= 0] = 1
        prior = compute_mean(fit.prior for fit in fits)
        return _make_fit(pairs, posterior, others / totals, prior)


def _compute_vote_shares(pairs: CandidateVotes) -> CandidateFit:
    """Compute shares of an item's votes."""
    shares, prior = pairs.compute_vote_shares(), np.full(pairs.n_answers, 1 / pairs.n_answers)
    return _make_fit(pairs, shares, np.zeros(pairs.first_candidate_of_item.size), prior)


def _make_fit(pairs: CandidateVotes, posterior: Floats, other_probability: Floats, prior: Floats) -> CandidateFit:
    """Make a fit from a posterior, with matrices estimated from it."""
    answers = pairs.n_answers
    typical = DEFAULT_POOLING * typical_confusion_matrix(np.eye(answers))
    mean_matrix = CandidateEmSteps(pairs, EqualMatrices(typical), 0.0).compute_mean_matrix(posterior)
    votes, pseudo_votes = pairs.compute_expected_counts(posterior).expected_votes[0], DEFAULT_POOLING * mean_matrix
    return CandidateFit(
        candidates=pairs,
        posterior=posterior,
        matrices=CandidateMatrices(pairs.rater_class_answer_codes, votes, EqualMatrices(pseudo_votes), answers),
        prior=prior,
        objective_history=np.zeros(0),
        has_converged=True,
        other_probability=other_probability,
    )
