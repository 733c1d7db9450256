"""Scores by Dawid and Skene's EM, with warnings if they cannot be trusted."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregation_result import Aggregation, convert_to_question_posterior_and_count_unrated
from reassess.aggregation.candidate_classes import CandidateFit
from reassess.aggregation.candidate_fits import fit_dawid_skene_on_candidates
from reassess.aggregation.dawid_skene import DawidSkeneFit, fit_dawid_skene
from reassess.aggregation.em_inputs import DEFAULT_POOLING, PinnedItems
from reassess.aggregation.prepared_votes import make_candidate_aggregation, make_em_facts, prepare_votes
from reassess.aggregation.support import (
    is_supported_by_golden,
    sample_items_for_checks,
    warn_if_unreliable,
    warn_unless_golden_supports_em,
)
from reassess.core import VALIDITY, Id, Posterior, RaterModel, Votes
from reassess.errors import ReassessWarning
from reassess.text import join_first

_MIN_CONTRADICTED_SHARE = 0.2  # warn if em decides against this share of the clear majorities, with many classes
_CHECK_TOLERANCE, _CHECK_MAX_ITERATIONS = 1e-4, 300  # for fits that only check the result
_MIN_EXPECTED_ITEMS = 0.5  # EM has dropped a truth if it expects fewer items with it


def aggregate_by_em(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
    smoothing: float = 0.0,
    pooling: float = DEFAULT_POOLING,
) -> Aggregation:
    """Estimate the raters' matrices and the truths from the votes by EM; golden items keep the experts' truth."""
    prepared = prepare_votes(votes, experts, rater_golden, truths_are_answers, min_experts)
    votes, truths, truth_ids, experts, truth, *_ = prepared
    is_supported = None
    if experts is not None and truth is not None and prepared.rater_golden is not None:
        options: dict[str, Any] = {"smoothing": smoothing, "pooling": pooling, "min_experts": min_experts}
        options |= {"rater_golden": prepared.rater_golden, "truths_are_answers": truths != VALIDITY}
        em = partial(aggregate_by_em, prepared.ordinary_votes, **options)
        is_supported = partial(
            is_supported_by_golden,
            prepared.ordinary_votes,
            experts,
            prepared.rater_golden,
            truths,
            truth.truth_ids,
            lambda others: em(experts=others).posterior,
        )
    if prepared.uses_candidates:
        candidate_fit = fit_dawid_skene_on_candidates(votes, truth_ids, smoothing=smoothing, pooling=pooling)
        check_candidates = partial(_warn_if_candidates_are_unreliable, votes, candidate_fit, truth_ids, is_supported)
        return replace(make_candidate_aggregation(prepared, candidate_fit), warn_if_unreliable=check_candidates)
    has_experts = experts is not None

    def fit_votes(votes: Votes, truth_ids: npt.NDArray[np.int64], **limits: Any) -> DawidSkeneFit:
        """Fit the model to votes on items, some of them with a known truth."""
        pinned = PinnedItems.from_truth_ids(truth_ids, n_truths=len(truths)) if has_experts else None
        return fit_dawid_skene(votes, truths=truths, smoothing=smoothing, pooling=pooling, pinned=pinned, **limits)

    fit = fit_votes(votes, truth_ids)
    values, counts = convert_to_question_posterior_and_count_unrated(votes, fit.posterior, experts)
    facts = make_em_facts(fit.objective_history, fit.has_converged) | counts

    def warn_if_em_is_unreliable() -> None:
        """Warn if some truth has no items after EM, or if neither votes nor golden answers support EM's decisions."""
        expected_items = sum(
            fit.posterior.values[rows][block.sizes > 0].sum(axis=0) for rows, block in votes.split_into_blocks()
        )
        _warn_about_truths_without_items(truths, np.asarray(expected_items))
        checked = sample_items_for_checks(votes, fit.posterior, truth_ids)

        def fit_coarsely(votes: Votes) -> tuple[RaterModel, Posterior]:
            """Fit the model to the votes with a coarse tolerance."""
            coarse = fit_votes(
                votes, checked.truth_ids, tolerance=_CHECK_TOLERANCE, max_iterations=_CHECK_MAX_ITERATIONS
            )
            return coarse.model, coarse.posterior

        warn_if_unreliable(*checked, fit_coarsely, is_supported_by_golden=is_supported)

    return Aggregation(
        values, fit.model, facts, expert_votes=experts, expert_truth=truth, warn_if_unreliable=warn_if_em_is_unreliable
    )


def _warn_if_candidates_are_unreliable(
    votes: Votes,
    fit: CandidateFit,
    truth_ids: npt.NDArray[np.int64],
    is_supported: Callable[[], bool] | None,
) -> None:
    """Warn if some class has no items after EM, or if EM decides against many clear majorities."""
    classes = np.unique(fit.candidates.class_of_candidate)
    names = [votes.answers[i] for i in classes.tolist()]
    expected_items = fit.candidates.compute_expected_counts(fit.posterior).expected_items[0]
    _warn_about_truths_without_items(names, expected_items[classes])
    n_against, n_clear = _count_contradictions(votes, fit, truth_ids)
    if n_against and n_against >= _MIN_CONTRADICTED_SHARE * n_clear:
        doubt = (
            f"em decides against more than half of the votes on {n_against:,} of the {n_clear:,} items with such a "
            "majority: look at some of these items; if em is wrong there, use majority or more pooling"
        )
        warn_unless_golden_supports_em(doubt, is_supported)


def _warn_about_truths_without_items(truths: Sequence[Id], expected_items: npt.NDArray[np.float64]) -> None:
    """Warn about truths that EM gives to almost no item."""
    lost = [
        str(truth) for truth, count in zip(truths, expected_items.tolist(), strict=True) if count < _MIN_EXPECTED_ITEMS
    ]
    if lost:
        warnings.warn(
            f"em gives no item the truth {join_first(lost)}: it explains all votes for this truth as mistakes. Golden "
            "items prevent this",
            ReassessWarning,
            stacklevel=4,
        )


def _count_contradictions(votes: Votes, fit: CandidateFit, truth_ids: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Count items where EM contradicts a clear majority of the votes, and all items with a clear majority."""
    candidates = fit.candidates
    is_clear = (
        (candidates.compute_vote_shares() > 1 / 2)
        & (votes.sizes[candidates.item_of_candidate] > 1)
        & (truth_ids[candidates.item_of_candidate] < 0)
    )
    is_against = is_clear & (fit.posterior < candidates.max_over_candidates_of_item(fit.posterior))
    return int(np.count_nonzero(is_against)), int(np.count_nonzero(is_clear))
