"""Stacking: the tempered weighted mean of four methods, with weights from votes that the methods have not seen.

No single model of raters is best for all votes. Majority loses information about the raters. One accuracy per rater is
wrong if classes are unequally difficult, full matrices are wrong if there are few votes per cell, and all three are too
certain if raters make the same mistakes, which the subtypes of EBCC can explain. So all four are fitted:

1. Pairs of an item and a rater are divided into five folds. Each method is fitted to the votes of four folds, and
   predicts each vote of the other fold: p[v, m] is the sum over truths s of q[m, i, s] pi[m, r, s, a], for a vote v of
   rater r for answer a on item i, with the posterior q of method m from the item's other votes, and its matrices pi.
2. The weights w[m] maximize the mean of log(sum of w[m] p[v, m]) over the votes on items with other votes, so that the
   mixture predicts votes as well as possible. This is a convex problem. If each item has one vote, majority gets all
   weight.
3. Majority gets half of the weight, and the other half is divided as in w. Votes do not show mistakes that raters
   share: a method that predicts the votes best can still be wrong about the truth. Since majority has at least half of
   the weight, the other methods mostly decide where raters disagree.
4. With golden answers, calibrated is a fifth method. Methods also predict the truth of golden items that they have not
   seen, and the weights maximize the sum of the logarithms of the mixed probabilities. The weights of step 3 are the
   prior: they count as much as one golden item per method, so a few golden items change the weights little. With more
   golden items, majority can have less than half of the weight.
5. All methods are fitted to all votes, and the weighted mean of their posteriors is computed. Then half a pseudo-vote
   is added to the n votes on an item, and divided among all truths: it gets a share 0.5 / (n + 0.5) of the probability.
   So a few unanimous votes do not give a probability of 1. If golden answers show that majority needs less than half of
   the weight, w[majority] pseudo-votes are added instead. An item without votes has the mean prior of the other
   methods.
6. The mean is tempered: each probability is raised to a power k, and the probabilities of an item are divided by their
   sum. The power K that best predicts unseen votes is found, with matrices estimated from the tempered posterior. Votes
   do not show mistakes that raters share, so k is the square root of K, halfway to no tempering. With golden answers, k
   maximizes the likelihood of the truths of golden items; log k has a normal prior around log(K) / 2, with the
   standard deviation log(2) / 2.

Steps 5 and 6 do not change which truth of an item is most probable.

Source: steps 2 and 5 are stacking, Wolpert, Neural Networks 5 (1992), with the log score as in Yao, Vehtari, Simpson
and Gelman, Bayesian Analysis 13 (2018). Step 6 is temperature scaling, Guo et al., ICML 2017.
"""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.bcc import DEFAULT_SUBTYPES, fit_bcc
from reassess.aggregation.calibration import calibrate, posterior, rater_model_from_counts
from reassess.aggregation.dawid_skene import clip_low_probabilities, fit_dawid_skene, fit_one_accuracy_per_rater
from reassess.aggregation.em import rater_answer_codes, typical_confusion_matrix
from reassess.aggregation.em_inputs import DEFAULT_POOLING, Floats, PinnedItems, make_answer_weights
from reassess.aggregation.stacking_weights import CALIBRATED, StackingWeights, count_pseudo_votes, find_weights
from reassess.core import Id, Posterior, RaterModel, Votes
from reassess.errors import ConvergenceWarning
from reassess.numeric.arrays import allocate_like, split_rows

TOLERANCE, MAX_ITERATIONS = 1e-4, 300  # less exact than single methods, since the mean changes less than each of them
_MAX_COLUMNS = 128  # with more truths, EBCC has fewer subtypes of each, so that its time stays in proportion
MAX_SAMPLED_ITEMS = 1 << 16  # that weights are chosen on
_MAX_SAMPLED_PROBABILITIES = 1 << 21  # items * truths; a posterior of 16 MiB for each method and fold
_VOTES_PER_BLOCK = 1 << 16

Ints = npt.NDArray[np.int64]


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

    def without_matrices(self) -> "_MatrixFit":
        """Return only the posterior, which needs less memory."""
        return _MatrixFit(self.posterior, self.posterior, np.zeros((0, 0, 0)))


@dataclass(frozen=True, eq=False)
class StackingFit:
    """The weighted mean of several methods."""

    posterior: Posterior
    model: RaterModel  # estimated from the posterior
    weights: StackingWeights


def fit_stacking(
    votes: Votes, *, truths: tuple[Id, ...], truth_ids: Ints, known_weights: Mapping[str, float] | None = None
) -> StackingFit:
    """Fit all methods, and compute the weighted mean of their posteriors.

    `truth_ids`, shape (items,), is the position of each golden item's truth among `truths`; -1 for other items.
    """
    methods = _FullMatrices(truths)
    weights = find_weights(votes, truth_ids, methods, known_weights)
    fits = methods.fit(votes, truth_ids, MAX_ITERATIONS)
    values = methods.average_posteriors(votes, truth_ids, fits.values(), weights.by_method.values(), weights.power)
    classes = votes.classes if truths == votes.answers else None
    return StackingFit(
        posterior=Posterior(items=votes.items, truths=truths, values=values, classes=classes),
        model=_estimate_model(votes, truths, values),
        weights=weights,
    )


@dataclass(frozen=True)
class _FullMatrices:
    """The methods of stacking, with a full matrix per rater."""

    truths: tuple[Id, ...]
    names: tuple[str, ...] = ("majority", "onecoin", "em", "ebcc")

    @property
    def max_sampled_items(self) -> int:
        """The largest number of items that weights are chosen on; fewer with many truths."""
        return min(MAX_SAMPLED_ITEMS, _MAX_SAMPLED_PROBABILITIES // len(self.truths))

    def fit(self, votes: Votes, truth_ids: Ints, max_iterations: int) -> Mapping[str, _MatrixFit]:
        """Fit each method to votes, with known truths; calibrated only if there are known truths."""
        truths = self.truths
        pinned = PinnedItems.from_truth_ids(truth_ids, n_truths=len(truths)) if (truth_ids >= 0).any() else None
        limits: Any = {"pinned": pinned, "truths": truths, "tolerance": TOLERANCE, "max_iterations": max_iterations}
        subtypes = max(1, min(DEFAULT_SUBTYPES, _MAX_COLUMNS // len(truths)))
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            one_accuracy = fit_one_accuracy_per_rater(votes, truths, pinned)
            one_accuracy_matrices = clip_low_probabilities(one_accuracy.model.matrices_of(votes.raters))
            em = fit_dawid_skene(votes, **limits)
            ebcc = fit_bcc(votes, subtypes=subtypes, rater_prior=DEFAULT_POOLING * one_accuracy_matrices, **limits)
        fits = {
            "majority": self._make_fit(votes, _compute_vote_shares(votes, truths)),
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

    def average(
        self, votes: Votes, truth_ids: Ints, fits: Iterable[_MatrixFit], weights: Iterable[float], power: float
    ) -> _MatrixFit:
        """Average the posteriors, and estimate the raters' matrices from the mean."""
        return self._make_fit(votes, self.average_posteriors(votes, truth_ids, fits, weights, power))

    def average_posteriors(
        self, votes: Votes, truth_ids: Ints, fits: Iterable[_MatrixFit], weights: Iterable[float], power: float
    ) -> Floats:
        """Compute the weighted mean, add pseudo-votes, and temper the result; golden items keep their truth."""
        values = allocate_like(votes.indptr, (len(votes.items), len(self.truths)), np.float64)
        (majority_weight, majority), *others = zip(weights, fits, strict=True)
        has_others, n_pseudo_votes = sum(weight for weight, _ in others) > 0, count_pseudo_votes(majority_weight)
        for rows in split_rows(len(values)):
            block, n_votes = values[rows], np.diff(votes.indptr[rows.start : rows.stop + 1])[:, None]
            for weight, fit in others:
                block += weight * fit.posterior[rows]
            # Items without votes get the prior of the other methods.
            mean = block + np.where((n_votes > 0) | (not has_others), majority_weight, 0) * majority.posterior[rows]
            mean /= mean.sum(axis=1, keepdims=True)
            pseudo_share = np.where(n_votes > 0, n_pseudo_votes / (n_votes + n_pseudo_votes), 0)
            mean = (1 - pseudo_share) * mean + pseudo_share / len(self.truths)
            tempered = mean**power
            block[:] = np.where(n_votes > 0, tempered / tempered.sum(axis=1, keepdims=True), mean)
        golden = np.flatnonzero(truth_ids >= 0)
        values[golden] = np.eye(len(self.truths))[truth_ids[golden]]
        return values

    def _make_fit(self, votes: Votes, values: Floats) -> _MatrixFit:
        """Make a fit from a posterior, with matrices estimated from it."""
        return _MatrixFit(values, values, _estimate_model(votes, self.truths, values).matrices_of(votes.raters))


def _compute_vote_shares(votes: Votes, truths: tuple[Id, ...]) -> Floats:
    """Compute each truth's share of an item's votes; shape (items, truths)."""
    from reassess.numeric.em_kernels import fill_with_mean_truth_shares

    shares = allocate_like(votes.indptr, (len(votes.items), len(truths)), np.float64)
    fill_with_mean_truth_shares(votes.indptr, votes.answer_ids, make_answer_weights(votes, truths), shares)
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
