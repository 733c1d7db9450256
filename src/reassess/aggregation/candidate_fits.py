"""Fits of rater models to votes for many classes, where the truth of an item is one of its candidates.

The models are the same as in `dawid_skene`, `bcc` with one subtype, and `calibration`, see `candidate_steps`. With many
classes, a rater has only a few votes on the items of a class, too few to divide the class into subtypes.
"""

from dataclasses import replace

import numpy as np

from reassess.aggregation.candidate_classes import CandidateFit, CandidateVotes
from reassess.aggregation.candidate_matrices import CandidateMatrices, EqualMatrices, Ints, OneAccuracyMatrices
from reassess.aggregation.candidate_steps import CandidateBccSteps, CandidateEmSteps, OneAccuracySteps
from reassess.aggregation.dawid_skene import MIN_START_PROBABILITY, ONE_ACCURACY_MAX_ITERATIONS, ONE_ACCURACY_TOLERANCE
from reassess.aggregation.em import (
    MAX_ITERATIONS,
    TOLERANCE,
    normalize_rows,
    run_em,
    typical_confusion_matrix,
    warn_unless_converged,
)
from reassess.aggregation.em_inputs import (
    DEFAULT_POOLING,
    Floats,
    check_bcc_prior,
    check_em_inputs,
    no_golden_votes_error,
)
from reassess.core import Votes
from reassess.errors import DataError
from reassess.text import count_noun


def fit_dawid_skene_on_candidates(
    votes: Votes,
    pinned_classes: Ints,
    *,
    smoothing: float,
    pooling: float,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> CandidateFit:
    """Fit Dawid and Skene's model by EM, where the truth of an item is one of its candidate classes."""
    check_em_inputs(votes, smoothing, pooling)
    answers = len(votes.answers)
    added, start = np.full((answers, answers), float(smoothing)), None
    if pooling:
        typical = added + pooling * typical_confusion_matrix(np.eye(answers))
        pairs = CandidateVotes.from_votes(_pool_raters(votes), pinned_classes)
        mean_steps = CandidateEmSteps(pairs, EqualMatrices(typical), pooling / answers)
        start = _run_em(mean_steps, tolerance=tolerance, max_iterations=max_iterations).posterior
        added = added + pooling * mean_steps.compute_mean_matrix(start)
    steps = CandidateEmSteps(CandidateVotes.from_votes(votes, pinned_classes), EqualMatrices(added), pooling / answers)
    fit = _run_em(steps, start, tolerance=tolerance, max_iterations=max_iterations)
    warn_unless_converged(fit.has_converged, max_iterations, tolerance, "use more pooling")
    return fit


def fit_one_accuracy_on_candidates(votes: Votes, pinned_classes: Ints) -> CandidateFit:
    """Fit the model with one accuracy per rater by EM, where the truth of an item is one of its candidate classes."""
    check_em_inputs(votes, 0.0, 0.0)
    return _fit_one_accuracy(votes, pinned_classes, CandidateVotes.from_votes(votes, pinned_classes))[0]


def fit_bcc_on_candidates(
    votes: Votes, pinned_classes: Ints, *, smoothing: float, pooling: float, max_iterations: int = MAX_ITERATIONS
) -> CandidateFit:
    """Fit Bayesian classifier combination (iBCC), where the truth of an item is one of its candidate classes."""
    check_em_inputs(votes, smoothing, pooling)
    check_bcc_prior(smoothing, pooling)
    pairs = CandidateVotes.from_votes(votes, pinned_classes)
    _, matrices = _fit_one_accuracy(votes, pinned_classes, pairs)
    correct, wrong = (np.maximum(each, MIN_START_PROBABILITY) for each in (matrices.correct, matrices.wrong))
    sums = correct + (pairs.n_answers - 1) * wrong
    prior_votes = OneAccuracyMatrices(
        smoothing + pooling * correct / sums, smoothing + pooling * wrong / sums, pairs.n_answers
    )
    steps = CandidateBccSteps(pairs, prior_votes, (pooling or 1.0) / pairs.n_answers)
    fit = _run_em(steps, max_iterations=max_iterations)
    warn_unless_converged(fit.has_converged, max_iterations, TOLERANCE, "use more pooling")
    return fit


def _fit_one_accuracy(
    votes: Votes, pinned_classes: Ints, pairs: CandidateVotes
) -> tuple[CandidateFit, OneAccuracyMatrices]:
    """Fit one accuracy for all raters, and then one per rater; also return the raters' matrices."""
    answers, start = len(votes.answers), None
    correct, wrong = 0.5 + 0.5 / answers, 0.5 / answers  # as in `typical_confusion_matrix`
    matrices = OneAccuracyMatrices(np.array([correct]), np.array([wrong]), answers)
    for each in (CandidateVotes.from_votes(_pool_raters(votes), pinned_classes), pairs):
        added = OneAccuracyMatrices(
            np.full(each.n_raters, DEFAULT_POOLING * matrices.correct[0]),
            np.full(each.n_raters, DEFAULT_POOLING * matrices.wrong[0]),
            answers,
        )
        steps = OneAccuracySteps(each, added, DEFAULT_POOLING / answers)
        fit = _run_em(steps, start, tolerance=ONE_ACCURACY_TOLERANCE, max_iterations=ONE_ACCURACY_MAX_ITERATIONS)
        assert isinstance(fit.matrices.pseudo_votes, OneAccuracyMatrices)
        matrices, start = fit.matrices.pseudo_votes, fit.posterior
    return fit, matrices


def _pool_raters(votes: Votes) -> Votes:
    """Make all votes votes of one rater."""
    return replace(votes, rater_ids=np.zeros_like(votes.rater_ids), raters=("all raters",))


def _run_em(
    steps: CandidateEmSteps | OneAccuracySteps | CandidateBccSteps,
    start_posterior: Floats | None = None,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> CandidateFit:
    """Run EM; a candidate's posterior starts at `start_posterior`, or at its share of the item's votes."""
    posterior = steps.votes.compute_vote_shares() if start_posterior is None else start_posterior.copy()
    first_counts = steps.votes.compute_expected_counts(posterior)
    parameters = steps.run_m_step(first_counts.expected_votes[0], first_counts.expected_items[0])
    parameters, _, history, converged = run_em(
        steps, [posterior], parameters, tolerance=tolerance, max_iterations=max_iterations
    )
    prior = parameters.items / parameters.items.sum()
    return CandidateFit(steps.votes, posterior, steps.make_matrices(parameters), prior, history, converged)


def calibrate_on_candidates(
    votes: Votes, golden_votes: Votes, truth_ids: Ints, *, smoothing: float, pooling: float
) -> CandidateFit:
    """Measure raters on golden items, and compute the posterior of each candidate class of each item."""
    if not pooling > 0:
        raise DataError(
            "missing-option",
            "pooling must be above 0 for this number of classes",
            allowed="above 0",
            found=f"{pooling:g}, with {count_noun(len(votes.answers), 'class', 'classes')}",
            fix="remove pooling, to use the default",
        )
    if not (truth_ids[golden_votes.item_ids] >= 0).any():
        raise no_golden_votes_error()
    pairs = CandidateVotes.from_votes(votes, np.full(len(votes.items), -1))
    return measure_on_golden_items(pairs, votes, golden_votes, truth_ids, smoothing=smoothing, pooling=pooling)


def measure_on_golden_items(
    pairs: CandidateVotes,
    votes: Votes,
    golden_votes: Votes,
    truth_ids: Ints,
    *,
    smoothing: float = 0.0,
    pooling: float = DEFAULT_POOLING,
) -> CandidateFit:
    """Measure raters on golden items, if any has votes, and compute the posterior of each candidate."""
    answers, has_truth = len(votes.answers), truth_ids[golden_votes.item_ids] >= 0
    row_of = {name: row for row, name in enumerate(votes.raters)}
    raters = np.array([row_of.get(name, -1) for name in golden_votes.raters], np.int64)
    raters = raters[golden_votes.rater_ids[has_truth]]
    cells = truth_ids[golden_votes.item_ids[has_truth]] * answers + golden_votes.answer_ids[has_truth]
    totals = np.bincount(cells, minlength=answers**2).reshape(answers, answers)
    typical = typical_confusion_matrix(np.eye(answers))
    added = smoothing + pooling * normalize_rows(totals + pooling * typical, smoothing)
    own_cells, counts = np.unique((raters * answers**2 + cells)[raters >= 0], return_counts=True)
    matrices = CandidateMatrices(own_cells, counts.astype(np.float64), EqualMatrices(added), answers)
    prior = normalize_rows(np.bincount(truth_ids[truth_ids >= 0], minlength=answers), pooling / answers)
    logs = np.log(matrices.compute_probabilities(pairs.rater_class_answer_codes))
    values, likelihood = pairs.compute_posterior(logs, np.log(prior))
    return CandidateFit(pairs, values, matrices, prior, np.array([likelihood]), has_converged=True)
