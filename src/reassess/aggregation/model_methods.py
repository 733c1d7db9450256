"""Scores by other models of raters, and by stacking."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from reassess.aggregation.aggregation_result import Aggregation
from reassess.aggregation.bcc import fit_bcc
from reassess.aggregation.candidate_fits import fit_bcc_on_candidates, fit_one_accuracy_on_candidates
from reassess.aggregation.candidate_stacking import fit_stacking_on_candidates
from reassess.aggregation.constant_raters import ConstantRaters, find_constant_raters
from reassess.aggregation.copies import Copies, find_copies, merge_copies
from reassess.aggregation.dawid_skene import (
    ONE_ACCURACY_MAX_ITERATIONS,
    ONE_ACCURACY_TOLERANCE,
    fit_one_accuracy_per_rater,
)
from reassess.aggregation.em import warn_unless_converged
from reassess.aggregation.em_inputs import DEFAULT_POOLING, check_matrix_size
from reassess.aggregation.prepared_votes import (
    make_aggregation,
    make_candidate_aggregation,
    make_em_facts,
    prepare_votes,
)
from reassess.aggregation.stacking import fit_stacking
from reassess.aggregation.vote_folds import select_evenly_spaced_rows
from reassess.core import Votes
from reassess.core.items import StoredItems
from reassess.errors import ReassessWarning


def aggregate_by_one_accuracy(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
) -> Aggregation:
    """Estimate one accuracy per rater and the truths from the votes by EM; golden items keep the experts' truth."""
    prepared = prepare_votes(votes, experts, rater_golden, truths_are_answers, min_experts)
    if prepared.uses_candidates:
        candidate_fit = fit_one_accuracy_on_candidates(prepared.votes, prepared.truth_ids)
        _warn_unless_one_accuracy_converged(candidate_fit.has_converged)
        return make_candidate_aggregation(prepared, candidate_fit)
    check_matrix_size(prepared.votes, prepared.truths)
    fit = fit_one_accuracy_per_rater(prepared.votes, prepared.truths, prepared.pinned_items)
    _warn_unless_one_accuracy_converged(fit.has_converged)
    facts = make_em_facts(fit.objective_history, fit.has_converged)
    return make_aggregation(prepared, fit.posterior, fit.model, facts)


def _warn_unless_one_accuracy_converged(has_converged: bool) -> None:
    """Warn if EM for one accuracy per rater stopped before it converged."""
    warn_unless_converged(has_converged, ONE_ACCURACY_MAX_ITERATIONS, ONE_ACCURACY_TOLERANCE, "use another method")


def aggregate_by_bcc(
    votes: Votes,
    *,
    subtypes: int,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
    smoothing: float = 0.0,
    pooling: float = DEFAULT_POOLING,
) -> Aggregation:
    """Estimate raters and truths by variational Bayes, see `fit_bcc`; golden items keep the experts' truth.

    With many classes, each truth has only one subtype, see `candidate_fits`.
    """
    prepared = prepare_votes(votes, experts, rater_golden, truths_are_answers, min_experts)
    if prepared.uses_candidates:
        candidate_fit = fit_bcc_on_candidates(prepared.votes, prepared.truth_ids, smoothing=smoothing, pooling=pooling)
        return make_candidate_aggregation(prepared, candidate_fit)
    check_matrix_size(prepared.votes, prepared.truths)
    fit = fit_bcc(
        prepared.votes,
        subtypes=subtypes,
        truths=prepared.truths,
        pinned=prepared.pinned_items,
        smoothing=smoothing,
        pooling=pooling,
    )
    facts = make_em_facts(fit.bound_history, fit.has_converged)
    return make_aggregation(prepared, fit.posterior, fit.model, facts)


def aggregate_by_stacking(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
    weights: Mapping[str, float] | None = None,
) -> Aggregation:
    """Compute the weighted mean of several methods, see `fit_stacking`; golden items keep the experts' truth.

    Votes of raters who always give the same answer are not used, see `find_constant_raters`. Raters who copy from each
    other count as one rater, see `find_copies`.
    """
    prepared = prepare_votes(votes, experts, rater_golden, truths_are_answers, min_experts)
    checked = _select_items_to_check(prepared.votes)
    constant = find_constant_raters(checked)
    copies = find_copies(merge_copies(checked, (), excluded=constant.raters))
    merged = merge_copies(prepared.votes, copies.groups, excluded=constant.raters)
    if prepared.uses_candidates:
        candidate_fit, found = fit_stacking_on_candidates(merged, prepared.truth_ids, weights)
        result = make_candidate_aggregation(prepared, candidate_fit, found.facts)
    else:
        check_matrix_size(merged, prepared.truths)
        fit = fit_stacking(merged, truths=prepared.truths, truth_ids=prepared.truth_ids, known_weights=weights)
        result = make_aggregation(prepared, fit.posterior, fit.model, fit.weights.facts)
    return replace(result, warn_if_unreliable=partial(_warn_about_raters, constant, copies, experts is not None))


def _select_items_to_check(votes: Votes) -> Votes:
    """Select the items to search for copies: all, or a sample at even distances if they are stored in a file."""
    if not isinstance(votes.items, StoredItems):
        return votes
    return votes.select_items(select_evenly_spaced_rows(len(votes.items)))


def _warn_about_raters(constant: ConstantRaters, copies: Copies, has_golden: bool) -> None:
    """Warn about raters whose votes are not used, or who seem to copy from each other."""
    for problem in (constant.describe_problem(), copies.describe_problem(has_golden=has_golden)):
        if problem:
            warnings.warn(problem, ReassessWarning, stacklevel=3)
