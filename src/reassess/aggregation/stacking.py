"""Stacking: the weighted mean of four methods, with weights from votes that the methods have not seen.

No single model of raters is best for all votes. Majority loses information about the raters. One accuracy per rater is
wrong if classes are unequally difficult, full matrices are wrong if there are few votes per cell, and all three are too
certain if raters make the same mistakes, which the subtypes of EBCC can explain. So all four are fitted:

1. Pairs of an item and a rater are divided into five folds. Each method is fitted to the votes of four folds, and
   predicts each vote of the other fold: p[v, m] is the sum over truths s of q[m, i, s] pi[m, r, s, a], for a vote v of
   rater r for answer a on item i, with the posterior q of method m from the item's other votes, and its matrices pi.
2. The weights w[m] maximise the mean of log(sum of w[m] p[v, m]) over all votes, so that the mixture predicts votes as
   well as possible. This is a convex problem.
3. Majority gets half of the weight, and the other half is divided as in w. Votes do not show mistakes that raters
   share: a method that predicts the votes best can still be wrong about the truth. Since majority has at least half of
   the weight, the other methods mostly decide where raters disagree.
4. With golden answers, calibrated is a fifth method. Methods also predict the truth of golden items that they have not
   seen, and the weights maximise the sum of the logarithms of the mixed probabilities. The weights of step 3 are the
   prior: they count as much as one golden item per method, so a few golden items change the weights little. With more
   golden items, majority can have less than half of the weight.
5. All methods are fitted to all votes. The result is the weighted mean of their posteriors.

The posterior of majority is (n[s] + 1/T) / (n + 1), if n[s] of an item's n votes are for truth s, and there are T
truths. So a few unanimous votes do not give a probability of 1.

Source: steps 2 and 5 are stacking, Wolpert, Neural Networks 5 (1992), with the log score as in Yao, Vehtari, Simpson
and Gelman, Bayesian Analysis 13 (2018).
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from reassess.aggregation.bcc import DEFAULT_SUBTYPES, fit_bcc
from reassess.aggregation.calibration import calibrate, posterior, rater_model_from_counts
from reassess.aggregation.dawid_skene import clip_low_probabilities, fit_dawid_skene, fit_one_accuracy_per_rater
from reassess.aggregation.em import rater_answer_codes, typical_confusion_matrix
from reassess.aggregation.em_inputs import DEFAULT_POOLING, Floats, PinnedItems, make_answer_weights
from reassess.aggregation.golden_items import split_into_folds
from reassess.aggregation.support import N_FOLDS, assign_vote_folds, rank_items_by_image_name, select_votes
from reassess.core import Id, Posterior, RaterModel, Votes
from reassess.core.items import StoredItems, hash_names, rank_names
from reassess.errors import ConvergenceWarning
from reassess.numeric.arrays import allocate_like, split_rows
from reassess.text import count_noun

TOLERANCE, MAX_ITERATIONS = 1e-4, 300  # less exact than single methods, since the mean changes less than each of them
_MAX_FOLD_ITERATIONS = 60
_METHODS = ("majority", "onecoin", "em", "ebcc")
CALIBRATED = "calibrated"
_MAX_COLUMNS = 128  # with more truths, EBCC has fewer subtypes of each, so that its time stays in proportion
_MAX_SAMPLED_ITEMS = 1 << 16  # that weights are chosen on
_VOTES_PER_BLOCK = 1 << 16
_TINY = np.finfo(float).tiny

Ints = npt.NDArray[np.int64]


class MethodFit(Protocol):
    """The fit of one of the methods to votes."""

    def compute_vote_probabilities(self, items: Ints, raters: Ints, answers: Ints) -> Floats:
        """Compute the probability of each vote: the sum over truths of P(truth | other votes) * P(answer | truth)."""

    def compute_truth_probabilities(self, items: Ints, truths: Ints) -> Floats:
        """Return the posterior of a truth of each item."""


FitMethods = Callable[[Votes, Ints, int], Mapping[str, MethodFit]]  # from votes, truths, and the number of iterations


class _MatrixFit(NamedTuple):
    """The fit of one of the methods, with full matrices."""

    posterior: Floats  # shape (items, truths)
    column_posterior: Floats  # shape (items, columns); a column is a truth, or a subtype of a truth
    matrices: Floats  # shape (raters, columns, answers)

    def compute_vote_probabilities(self, items: Ints, raters: Ints, answers: Ints) -> Floats:
        """Compute the probability of each vote; columns take the place of truths."""
        probabilities = np.empty(items.size)
        for rows in split_rows(items.size, _VOTES_PER_BLOCK):
            cells = self.matrices[raters[rows], :, answers[rows]]
            probabilities[rows] = (self.column_posterior[items[rows]] * cells).sum(axis=1)
        return probabilities

    def compute_truth_probabilities(self, items: Ints, truths: Ints) -> Floats:
        """Return the posterior of a truth of each item."""
        return self.posterior[items, truths]


@dataclass(frozen=True, eq=False)
class StackingWeights:
    """The weight of each method, and what the weights were chosen by."""

    by_method: Mapping[str, float]
    n_predicted_votes: int  # votes that each method predicted without having seen them
    n_predicted_truths: int  # golden items whose truth each method predicted without having seen it

    def describe(self) -> str:
        """Describe the weights, and what they were chosen by."""
        weights = ", ".join(f"{method} {weight:.2f}" for method, weight in self.by_method.items())
        golden = f" and {count_noun(self.n_predicted_truths, 'golden item')}" if self.n_predicted_truths else ""
        return f"{weights} (by predictions of {count_noun(self.n_predicted_votes, 'unseen vote')}{golden})"


@dataclass(frozen=True, eq=False)
class StackingFit:
    """The weighted mean of several methods."""

    posterior: Posterior
    model: RaterModel  # estimated from the posterior
    weights: StackingWeights


def fit_stacking(votes: Votes, *, truths: tuple[Id, ...], truth_ids: Ints) -> StackingFit:
    """Fit all methods, and compute the weighted mean of their posteriors.

    `truth_ids`, shape (items,), is the position of each golden item's truth among `truths`; -1 for other items.
    """
    fit_methods = partial(_fit_methods, truths=truths)
    weights = find_weights(votes, truth_ids, _METHODS, fit_methods)
    fits = fit_methods(votes, truth_ids, MAX_ITERATIONS)
    values = allocate_like(votes.indptr, (len(votes.items), len(truths)), np.float64)
    for block in split_rows(len(values)):
        for method, fit in fits.items():
            values[block] += weights.by_method[method] * fit.posterior[block]
    golden = np.flatnonzero(truth_ids >= 0)
    values[golden] = np.eye(len(truths))[truth_ids[golden]]
    classes = votes.classes if truths == votes.answers else None
    return StackingFit(
        posterior=Posterior(items=votes.items, truths=truths, values=values, classes=classes),
        model=_estimate_model(votes, truths, values),
        weights=weights,
    )


def find_weights(votes: Votes, truth_ids: Ints, methods: tuple[str, ...], fit_methods: FitMethods) -> StackingWeights:
    """Find the weight of each method; with golden items, also of calibrated.

    `truth_ids` is as in `fit_stacking`. The first method is majority.
    """
    names = (*methods, CALIBRATED) if (truth_ids >= 0).any() else methods
    rows = _sample_items(votes, truth_ids)
    if rows is not None:
        votes, truth_ids = votes.select_items(rows), truth_ids[rows]
    of_votes, of_truths = _predict_unseen(votes, truth_ids, len(names), fit_methods)
    weights = choose_weights(of_votes, of_truths).tolist()
    return StackingWeights(dict(zip(names, weights, strict=True)), len(of_votes), len(of_truths))


def choose_weights(vote_probabilities: Floats, truth_probabilities: Floats) -> Floats:
    """Choose the weight of each method; float64, shape (methods,), adds up to 1.

    The arguments are the probabilities of unseen votes, shape (votes, methods), and of unseen truths of golden items,
    shape (golden items, methods). The first method is majority.
    """
    n_methods = vote_probabilities.shape[1]
    equal, majority = np.full(n_methods, 1 / n_methods), np.eye(n_methods)[0]
    best = _maximize_mean_log(vote_probabilities, equal) if len(vote_probabilities) else equal
    by_votes: Floats = (best + majority) / 2
    if not len(truth_probabilities):
        return by_votes
    return _maximize_mean_log(truth_probabilities, by_votes, n_prior=n_methods, prior=by_votes)


def _maximize_mean_log(
    probabilities: Floats, start: Floats, *, n_prior: float = 0.0, prior: Floats | None = None
) -> Floats:
    """Find the weights of the methods that maximise the sum of the logarithms of the mixed probabilities.

    With a prior, the sum has `n_prior` further terms: the logarithm of the weight of each method, times `prior`.
    """
    from scipy.optimize import minimize

    probabilities = np.maximum(probabilities, _TINY)
    factors = np.zeros_like(start) if prior is None else n_prior * prior
    total = len(probabilities) + factors.sum()

    def loss(weights: Floats) -> tuple[float, Floats]:
        """Return the negative mean logarithm, and its gradient."""
        weights = np.maximum(weights, _TINY)
        mixed = probabilities @ weights
        value = np.log(mixed).sum() + factors @ np.log(weights)
        gradient = (probabilities / mixed[:, None]).sum(axis=0) + factors / weights
        return -value / total, -gradient / total

    ones = np.ones_like(start)
    adds_up = {"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda _: ones}
    result = minimize(
        loss,
        start,
        jac=True,
        bounds=[(0, 1)] * start.size,
        constraints=[adds_up],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    weights = np.clip(result.x, 0, 1)
    return np.asarray(weights / weights.sum())


def _sample_items(votes: Votes, truth_ids: Ints) -> Ints | None:
    """Select the items that weights are chosen on: golden items, and random other items; None for all."""
    if len(votes.items) <= _MAX_SAMPLED_ITEMS:
        return np.arange(len(votes.items)) if isinstance(votes.items, StoredItems) else None
    hashes = hash_names(votes.items)
    is_sampled = hashes <= np.partition(hashes, _MAX_SAMPLED_ITEMS)[_MAX_SAMPLED_ITEMS]
    return np.flatnonzero(is_sampled | (truth_ids >= 0))


def _predict_unseen(votes: Votes, truth_ids: Ints, n_methods: int, fit_methods: FitMethods) -> tuple[Floats, Floats]:
    """Predict each vote, and the truth of each golden item, by methods that were fitted without it.

    Return the probability of each vote, shape (votes, methods), and of each golden item's truth, shape (golden items,
    methods).
    """
    vote_folds, item_folds = assign_vote_folds(votes), _assign_golden_folds(votes, truth_ids)
    is_surplus = _find_surplus_votes(votes, truth_ids)
    of_votes, of_truths = [np.zeros((0, n_methods))], [np.zeros((0, n_methods))]
    for fold in range(N_FOLDS):
        is_unseen, unseen_items = vote_folds == fold, np.flatnonzero(item_folds == fold)
        if is_unseen.all() or not (is_unseen.any() or unseen_items.size):
            continue
        seen_truth_ids = truth_ids.copy()
        seen_truth_ids[unseen_items] = -1
        is_kept = ~is_unseen & ~(is_surplus & (item_folds == fold)[votes.item_ids])
        fits = fit_methods(select_votes(votes, is_kept), seen_truth_ids, _MAX_FOLD_ITERATIONS).values()
        unseen = votes.item_ids[is_unseen], votes.rater_ids[is_unseen], votes.answer_ids[is_unseen]
        of_votes.append(np.stack([fit.compute_vote_probabilities(*unseen) for fit in fits], axis=1))
        unseen_truths = unseen_items, truth_ids[unseen_items]
        of_truths.append(np.stack([fit.compute_truth_probabilities(*unseen_truths) for fit in fits], axis=1))
    return np.concatenate(of_votes), np.concatenate(of_truths)


def _assign_golden_folds(votes: Votes, truth_ids: Ints) -> Ints:
    """Assign golden items with votes to folds, by item or image; -1 for other items, or if there are too few."""
    folds = np.full(len(votes.items), -1)
    golden = np.flatnonzero((truth_ids >= 0) & (votes.sizes > 0))
    units, unit = np.unique(rank_items_by_image_name(votes)[golden], return_inverse=True)
    if units.size >= N_FOLDS:
        folds[golden] = split_into_folds(units.size, N_FOLDS)[unit]
    return folds


def _find_surplus_votes(votes: Votes, truth_ids: Ints) -> npt.NDArray[np.bool_]:
    """Find votes on golden items beyond the usual number of votes on other items; bool, shape (votes,).

    Methods predict the truth of a golden item without these votes, because their errors depend on the number of votes.
    """
    is_surplus, golden = np.zeros(len(votes), np.bool_), np.flatnonzero(truth_ids >= 0)
    others = votes.sizes[(truth_ids < 0) & (votes.sizes > 0)]
    if not golden.size or not others.size:
        return is_surplus
    usual = int(np.ceil(others.mean()))
    random = np.random.default_rng(0).random(len(votes.raters))[rank_names(votes.raters)]
    for item in golden[votes.sizes[golden] > usual].tolist():
        start, end = votes.indptr[item : item + 2]
        order = np.argsort(random[votes.rater_ids[start:end]], kind="stable")
        is_surplus[start + order[usual:]] = True
    return is_surplus


def _fit_methods(
    votes: Votes, truth_ids: Ints, max_iterations: int, *, truths: tuple[Id, ...]
) -> Mapping[str, _MatrixFit]:
    """Fit each method to votes, with known truths; calibrated only if there are known truths."""
    pinned = PinnedItems.from_truth_ids(truth_ids, n_truths=len(truths)) if (truth_ids >= 0).any() else None
    limits: Any = {"pinned": pinned, "truths": truths, "tolerance": TOLERANCE, "max_iterations": max_iterations}
    subtypes = max(1, min(DEFAULT_SUBTYPES, _MAX_COLUMNS // len(truths)))
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        one_accuracy = fit_one_accuracy_per_rater(votes, truths, pinned)
        one_accuracy_matrices = clip_low_probabilities(one_accuracy.model.matrices_of(votes.raters))
        em = fit_dawid_skene(votes, **limits)
        ebcc = fit_bcc(votes, subtypes=subtypes, rater_prior=DEFAULT_POOLING * one_accuracy_matrices, **limits)
    shares = _compute_vote_shares(votes, truths)
    fits = {
        "majority": _MatrixFit(shares, shares, _estimate_model(votes, truths, shares).matrices_of(votes.raters)),
        "onecoin": _MatrixFit(one_accuracy.posterior.values, one_accuracy.posterior.values, one_accuracy_matrices),
        "em": _MatrixFit(em.posterior.values, em.posterior.values, em.model.matrices_of(votes.raters)),
        "ebcc": _MatrixFit(
            ebcc.posterior.values,
            ebcc.subtype_posterior.reshape(len(votes.items), len(truths) * subtypes),
            ebcc.subtype_matrices,
        ),
    }
    if pinned is not None:
        model = _calibrate(votes, truths, truth_ids)
        values = posterior(votes, model).values
        fits[CALIBRATED] = _MatrixFit(values, values, model.matrices_of(votes.raters))
    return fits


def _compute_vote_shares(votes: Votes, truths: tuple[Id, ...]) -> Floats:
    """Compute each truth's share of an item's votes and of a pseudo-vote for all truths; shape (items, truths)."""
    from reassess.numeric.em_kernels import fill_with_mean_truth_shares

    shares = allocate_like(votes.indptr, (len(votes.items), len(truths)), np.float64)
    fill_with_mean_truth_shares(votes.indptr, votes.answer_ids, make_answer_weights(votes, truths), shares)
    for rows in split_rows(len(shares)):
        n_votes = np.diff(votes.indptr[rows.start : rows.stop + 1])[:, None]
        shares[rows] = (shares[rows] * n_votes + 1 / len(truths)) / (n_votes + 1)
    return shares


def _estimate_model(votes: Votes, truths: tuple[Id, ...], truth_probabilities: Floats) -> RaterModel:
    """Estimate the raters' matrices from probabilities of the truths, pooled as in `calibrate`."""
    counts, item_counts = np.zeros((len(votes.raters) * len(votes.answers), len(truths))), np.zeros(len(truths))
    for rows, block in votes.split_into_blocks():
        codes = rater_answer_codes(block)
        item_counts += truth_probabilities[rows][block.sizes > 0].sum(axis=0)
        for truth in range(len(truths)):
            weights = np.repeat(truth_probabilities[rows, truth], block.sizes)
            counts[:, truth] += np.bincount(codes, weights, len(counts))
    by_rater = counts.reshape(len(votes.raters), len(votes.answers), len(truths))
    return rater_model_from_counts(
        by_rater.transpose(0, 2, 1),
        item_counts,
        raters=votes.raters,
        truths=truths,
        answers=votes.answers,
        base_matrix=typical_confusion_matrix(make_answer_weights(votes, truths)),
    )


def _calibrate(votes: Votes, truths: tuple[Id, ...], truth_ids: Ints) -> RaterModel:
    """Measure raters on the golden items; without votes on these items, all raters have the typical matrix."""
    rows = np.flatnonzero(truth_ids >= 0)
    golden_votes = votes.select_items(rows)
    if len(golden_votes):
        return calibrate(golden_votes, truth_ids[rows], truths=truths)
    typical = typical_confusion_matrix(make_answer_weights(votes, truths))
    prior = np.full(len(truths), 1 / len(truths))
    return RaterModel((), truths, votes.answers, np.zeros((0, *typical.shape)), typical, prior)
