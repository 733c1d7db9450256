"""Check whether votes or golden answers support scores that decide against the majority of the votes.

A rater model that decides against the majority is compared with a simpler model, where each rater has one accuracy.
By the simpler model, the decisions have fewer correct items than the majority; the difference is the number of lost
items. For each lost item, the rater model must predict the votes better by 9 nats, or by 2 nats if there are more
answers than truths. Predictions are cross-validated: votes are split into five folds, and both models predict each fold
after a fit to the other four.

The probability of answer a by rater r on item i is the sum over t of q[i, t] pi[r, t, a], with the posterior q and the
confusion matrices pi of the other folds.

A single accuracy is a poor model of a rater who always gives the same answer. So if the rater model predicts the votes
better, but not by enough, both models are compared again without uninformative raters. A rater is uninformative if the
rater's votes do not depend on the truth, and are correct less often than by chance.

If the votes do not support the method, a cross-validation on golden items can still show that it is better than the
majority.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.dawid_skene import fit_one_accuracy_per_rater
from reassess.aggregation.em_inputs import PinnedItems, make_answer_weights
from reassess.aggregation.golden_items import count_votes_on, split_into_folds
from reassess.aggregation.vote_folds import (
    N_FOLDS,
    assign_vote_folds,
    rank_items_by_image_name,
    select_evenly_spaced_rows,
    select_votes,
)
from reassess.core import Id, Posterior, RaterModel, Votes
from reassess.core.items import StoredItems, find_items, take_items
from reassess.errors import ReassessWarning

_MIN_SHARE_AGAINST = 0.02  # decisions against the majority on a smaller share of items are not checked
_MIN_SHARE_WITH_OTHERS = 0.5  # if fewer items have votes by informative raters, these votes do not count
_MAX_SHARE_AGAINST_OTHERS = 0.3  # if a larger share is against the informative raters, these do not support the method
# Loss of correct items, as a share and as a number; the simpler model is too uncertain about a smaller loss.
_MIN_LOST_SHARE, _MIN_LOST_ITEMS = 0.01, 1.5
_MIN_NATS_PER_ITEM = 9.0  # required gain in predicting the votes, per lost item
_MIN_NATS_PER_ITEM_ON_SCALE = (
    2.0  # the same if there are more answers than truths, because one accuracy is then a poor model
)
_NATS_PER_FREE_CELL = 2.0  # gain per free cell of a matrix that overfitting can explain
_MAX_SINGLE_VOTE_SHARE = 0.5  # if a larger share of items has one vote, good and bad raters cannot be distinguished
_MAX_GOLDEN_FOLDS = 10  # one fit of em per fold; a fold per golden image would need hundreds of fits
_MIN_GOLDEN_UNITS = 2  # golden images, or plain items, needed to leave one out
_MIN_STANDARD_ERRORS = 3  # a lead on golden items above this number of standard errors outweighs the votes
_ROUNDING_TOLERANCE = 1e-9
_MAX_CELLS = 1 << 22  # matrix cells in memory at a time
_TINY = np.finfo(float).tiny

_Floats = npt.NDArray[np.float64]
FitModel = Callable[[Votes], tuple[RaterModel, Posterior]]


def is_supported_by_golden(
    votes: Votes,
    experts: Votes,
    golden: Votes,
    truths: Sequence[Id],
    truth_ids: npt.NDArray[np.int64],
    compute_posterior: Callable[[Votes], Posterior],
) -> bool:
    """Return whether em is correct on more golden items than the majority, by more than three standard errors.

    This is measured by cross-validation: `compute_posterior` runs em with the experts' votes on the other folds.
    `truth_ids` is the position of each item's truth, or -1 if it is unknown. The standard error of the difference comes
    from the paired differences of the images (or of the items, if they have no images).
    """
    rows = np.flatnonzero(
        (truth_ids >= 0) & (count_votes_on(experts.items, votes) > 0) & (count_votes_on(experts.items, golden) > 0)
    )
    units = rank_items_by_image_name(experts)
    distinct_units, unit_of_row = np.unique(units[rows], return_inverse=True)
    folds = min(_MAX_GOLDEN_FOLDS, distinct_units.size)
    if folds < _MIN_GOLDEN_UNITS:
        return False
    fold, leads = split_into_folds(distinct_units.size, folds), np.zeros(rows.size)
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        for number in range(folds):
            others = experts.without_votes_on(np.flatnonzero(np.isin(units, distinct_units[fold == number])))
            out_positions = np.flatnonzero(fold[unit_of_row] == number)
            fold_votes = votes.select_items(votes.find_positions(take_items(experts.items, rows[out_positions])))
            fold_truth = truth_ids[rows[out_positions]]
            leads[out_positions] = _find_correct_items(compute_posterior(others), fold_votes, fold_truth)
            leads[out_positions] -= _majority_truths(fold_votes, truths)[np.arange(out_positions.size), fold_truth]
    differences = np.bincount(unit_of_row, leads)
    lead, n = differences.sum(), differences.size
    # The sample variance has n - 1 in its denominator. Squared on both sides, so that integers stay exact.
    min_squared = _MIN_STANDARD_ERRORS**2
    return bool(lead > 0 and lead**2 * (n - 1 + min_squared) > min_squared * n * (differences**2).sum())


def warn_if_unreliable(
    votes: Votes,
    result: Posterior,
    truth_ids: npt.NDArray[np.integer],
    fit: FitModel,
    *,
    is_supported_by_golden: Callable[[], bool] | None,
) -> None:
    """Warn if em decides against the majority, and neither votes nor golden answers support this.

    `truth_ids`, shape (items,), is the truth of golden items, and -1 for other items. `fit` applies em to some of the
    votes. `is_supported_by_golden` compares em with the majority on golden items; it runs only if the votes do not
    support em.
    """
    warn_unless_golden_supports_em(
        _explain_why_votes_contradict_em(votes, result, truth_ids, fit), is_supported_by_golden
    )


class CheckedItems(NamedTuple):
    """The items to check: their votes, the method's result, and their truth if it is golden, otherwise -1."""

    votes: Votes
    result: Posterior
    truth_ids: npt.NDArray[np.int64]


def sample_items_for_checks(votes: Votes, result: Posterior, truth_ids: npt.NDArray[np.int64]) -> CheckedItems:
    """Return the items for the checks: all items, or a sample at even distances if they are stored in a file."""
    if not isinstance(votes.items, StoredItems):
        return CheckedItems(votes, result, truth_ids)
    rows = select_evenly_spaced_rows(len(votes.items))
    sample = votes.select_items(rows)
    return CheckedItems(sample, replace(result, items=sample.items, values=result.values[rows]), truth_ids[rows])


def warn_unless_golden_supports_em(warning_text: str, is_supported_by_golden: Callable[[], bool] | None) -> None:
    """Warn with `warning_text`, unless it is empty or em is better than the majority on golden items."""
    if warning_text and (is_supported_by_golden is None or not is_supported_by_golden()):
        warnings.warn(warning_text, ReassessWarning, stacklevel=5)


def _explain_why_votes_contradict_em(
    votes: Votes, result: Posterior, truth_ids: npt.NDArray[np.integer], fit: FitModel
) -> str:
    """Return why the votes contradict em, as the text of a warning; empty if they support it."""
    rated_rows, n_against = _find_rated_rows_and_count_contradictions(votes, result, truth_ids)
    if n_against <= _MIN_SHARE_AGAINST * rated_rows.size:
        return ""
    start = f"the votes do not support em: it decides against their majority on {n_against:,.0f} of"
    if np.count_nonzero(votes.sizes[rated_rows] == 1) > _MAX_SINGLE_VOTE_SHARE * rated_rows.size:
        return (
            f"{start} {rated_rows.size:,} items, and most items have one vote, so votes cannot be compared. Use "
            "majority, or get more votes per item"
        )
    needed = _MIN_NATS_PER_ITEM if len(votes.answers) == len(result.truths) else _MIN_NATS_PER_ITEM_ON_SCALE
    n_lost, gain = _compare_with_one_accuracy_model(votes, result, truth_ids, fit)
    if gain >= needed * n_lost:
        return ""
    if gain >= _MIN_NATS_PER_ITEM and _is_supported_by_other_raters(votes, result, truth_ids, fit, needed):
        return ""
    return (
        f"{start} {rated_rows.size:,} items. By a simpler model, with one accuracy per rater, {n_lost:,.0f} fewer "
        f"items are correct than by majority, and em does not predict the votes much better. Use majority, or get more "
        "votes per item"
    )


def _is_supported_by_other_raters(
    votes: Votes, result: Posterior, truth_ids: npt.NDArray[np.integer], fit: FitModel, min_nats_per_lost_item: float
) -> bool:
    """Return whether the votes support the result after uninformative raters are removed."""
    is_uninformative = _find_uninformative_raters(votes, result)
    if not is_uninformative.any():
        return False
    others = select_votes(votes, ~is_uninformative[votes.rater_ids])
    rated_rows, n_against = _find_rated_rows_and_count_contradictions(others, result, truth_ids)
    n_items = np.count_nonzero((truth_ids < 0) & (votes.sizes > 0))
    if rated_rows.size <= _MIN_SHARE_WITH_OTHERS * n_items or n_against > _MAX_SHARE_AGAINST_OTHERS * rated_rows.size:
        return False
    n_lost, gain = _compare_with_one_accuracy_model(others, result, truth_ids, fit)
    return gain >= min_nats_per_lost_item * n_lost


def _find_rated_rows_and_count_contradictions(
    votes: Votes, result: Posterior, truth_ids: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], float]:
    """Find rated items that are not golden, and count the items decided against the majority of their votes."""
    rated_rows = np.flatnonzero((truth_ids < 0) & (votes.sizes > 0))
    return rated_rows, rated_rows.size - float(
        _majority_truths(votes, result.truths)[rated_rows, result.most_likely()[rated_rows]].sum()
    )


def _compare_with_one_accuracy_model(
    votes: Votes, result: Posterior, truth_ids: npt.NDArray[np.integer], fit: FitModel
) -> tuple[float, float]:
    """Compare the method with a simpler model; return its loss of correct items, and its gain in log likelihood.

    Loss: if the simpler model is true, the method decides this many fewer items correctly than the majority.
    Gain: how much better than the simpler model the method predicts the votes. Return (0, 0) if the method decides too
    few items against the majority, or loses too few items.
    """
    rated_rows, n_against = _find_rated_rows_and_count_contradictions(votes, result, truth_ids)
    if n_against <= _MIN_SHARE_AGAINST * rated_rows.size:
        return 0.0, 0.0
    pinned = PinnedItems.from_truth_ids(truth_ids, n_truths=len(result.truths))

    def fit_one_accuracy_model(votes: Votes) -> tuple[RaterModel, Posterior]:
        """Fit the simpler model, with one accuracy per rater."""
        simple = fit_one_accuracy_per_rater(votes, result.truths, pinned)
        return simple.model, simple.posterior

    expected = fit_one_accuracy_model(votes)[1].values[rated_rows]
    leading, best = _majority_truths(votes, result.truths)[rated_rows], result.most_likely()[rated_rows]
    n_lost = float((expected * leading).sum() - expected[np.arange(rated_rows.size), best].sum())
    if n_lost <= max(_MIN_LOST_SHARE * rated_rows.size, _MIN_LOST_ITEMS):
        return 0.0, 0.0
    return n_lost, _cross_validated_log_likelihood(votes, fit) - _cross_validated_log_likelihood(
        votes, fit_one_accuracy_model
    )


def _find_uninformative_raters(votes: Votes, result: Posterior) -> npt.NDArray[np.bool_]:
    """Return which raters are uninformative: their votes ignore the truth, and are worse than random votes."""
    step = max(1, _MAX_CELLS // (len(result.truths) * len(votes.answers)))
    by_rater = np.argsort(votes.rater_ids, kind="stable")
    edges = np.searchsorted(votes.rater_ids[by_rater], np.arange(0, len(votes.raters) + step, step))
    shares = make_answer_weights(votes, result.truths)
    raters = [min(step, len(votes.raters) - first) for first in range(0, len(votes.raters), step)]
    parts = [
        _find_uninformative_raters_in_block(votes, result, by_rater[start:end], first * step, count, shares)
        for first, (start, end, count) in enumerate(zip(edges[:-1], edges[1:], raters, strict=True))
    ]
    return np.concatenate(parts)


def _find_uninformative_raters_in_block(
    votes: Votes,
    result: Posterior,
    rows: npt.NDArray[np.int64],
    first_rater: int,
    n_raters: int,
    weights_by_truth: _Floats,
) -> npt.NDArray[np.bool_]:
    """Find uninformative raters in a block of raters, whose votes are at `rows`."""
    truths, answers = len(result.truths), len(votes.answers)
    counts = np.empty((n_raters, truths, answers))
    cells = (votes.rater_ids[rows] - np.int64(first_rater)) * answers + votes.answer_ids[rows]
    for truth in range(truths):
        weights = result.values[votes.item_ids[rows], truth]
        counts[:, truth] = np.bincount(cells, weights, minlength=n_raters * answers).reshape(n_raters, answers)
    sizes = counts.sum(axis=(1, 2))
    # Log likelihood of the rater's votes by their own matrix, and by the overall shares of their answers.
    by_matrix = (_sum_n_log_n(counts) - _sum_n_log_n(counts.sum(axis=2)[..., None])).sum(axis=1)
    by_shares = _sum_n_log_n(counts.sum(axis=1)) - _sum_n_log_n(sizes[:, None])
    nats = _NATS_PER_FREE_CELL * (truths - 1) * (answers - 1)
    correct = (counts * weights_by_truth.T).sum(axis=(1, 2))
    return np.asarray((by_matrix - by_shares < nats) & (correct * truths < sizes - _ROUNDING_TOLERANCE))


def _majority_truths(votes: Votes, truths: Sequence[Id]) -> _Floats:
    """Return 1 for the truth with most votes of each item, divided among tied truths; shape (items, truths)."""
    from reassess.numeric.em_kernels import fill_with_mean_truth_shares

    shares = np.empty((len(votes.items), len(truths)))
    fill_with_mean_truth_shares(votes.indptr, votes.answer_ids, make_answer_weights(votes, truths), shares)
    leading = shares >= shares.max(axis=1, keepdims=True) - _ROUNDING_TOLERANCE
    return np.asarray(leading / leading.sum(axis=1, keepdims=True))


def _cross_validated_log_likelihood(votes: Votes, fit: FitModel) -> float:
    """Compute the cross-validated log likelihood of the votes, summed over folds."""
    folds = assign_vote_folds(votes)
    log_sum = 0.0
    for fold in range(N_FOLDS):
        is_out = folds == fold
        items, raters, answers = votes.item_ids[is_out], votes.rater_ids[is_out], votes.answer_ids[is_out]
        with warnings.catch_warnings(action="ignore", category=ReassessWarning):
            model, result = fit(select_votes(votes, ~is_out))
        matrices, probabilities = model.matrices_of(votes.raters), np.zeros(items.size)
        for truth in range(len(model.truths)):
            probabilities += result.values[items, truth] * matrices[raters, truth, answers]
        log_sum += float(np.log(np.maximum(probabilities, _TINY)).sum())
    return log_sum


def _sum_n_log_n(counts: _Floats) -> _Floats:
    """Compute the sum of n log n over the last axis."""
    return np.asarray((counts * np.log(np.maximum(counts, _TINY))).sum(axis=-1))


def _find_correct_items(result: Posterior, votes: Votes, truth: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return whether the most likely truth of each item is its golden truth; bool, shape (items,)."""
    if votes.classes is None:
        best = result.most_likely()[find_items(result.items, votes.items)]
        return np.asarray(best == truth)
    scores = result.to_scores(result.truths[-1])
    order = np.lexsort((-scores.questions.class_ids, scores.values, scores.questions.image_ids))
    last = np.searchsorted(scores.questions.image_ids[order], scores.questions.rows_of(votes.images), side="right") - 1
    return np.asarray(scores.questions.class_ids[order[last]] == votes.class_ids[truth])
