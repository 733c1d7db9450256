"""The steps of variational Bayes for Bayesian classifier combination. The module `bcc` describes the model and symbols.

- Variational Bayes replaces the posterior of all unknowns by a product: q for the items, and a Dirichlet distribution
  for p, for each row of u, and for each row of pi. Each step improves one factor, given the others.
- E-step: q[i, t, m] is exp(E log p[t] + E log u[t, m] + sum of E log pi[r, t, m, a] over the item's votes), normalised.
  The expectations are over the Dirichlet distributions: E log pi[a] is digamma(alpha[a]) - digamma(sum of alpha).
- M-step: the counts of a Dirichlet distribution are the counts of its prior plus the expected votes or items.
- Bound: the sum of the logarithms of the normalisers of q, minus the Kullback-Leibler divergences of the Dirichlet
  distributions from their priors. It is a lower bound of the log evidence of the votes, and never decreases.

The E-step is that of `em`, with exp(E log pi) as matrices, and one column for each subtype.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em import ExpectedCounts, MatrixEmSteps, MatrixParameters, VoteBlock
from reassess.aggregation.em_inputs import Floats

_SUBTYPE_PSEUDO_ITEMS = 0.1  # prior of each subtype's share, as in the publication of EBCC


@dataclass(frozen=True, eq=False)
class BccParameters(MatrixParameters):
    """The Dirichlet distributions; `matrices` and `prior` are exp(E log) of their probabilities.

    `prior` is normalised, so that items without votes do not change the bound.
    """

    log_normalizer: float  # logarithm of the sum of `prior` before it was normalised
    votes: Floats  # alpha, shape (raters, answers, truths, subtypes)
    expected_logs: Floats  # of the matrices, in the shape of `votes`
    items: Floats  # of the truths' shares, shape (truths,)
    subtype_items: Floats  # of the subtypes' shares, shape (truths, subtypes)


@dataclass(frozen=True, eq=False)
class PinnedVotes:
    """The votes on pinned items, whose truth is fixed, but not their subtype."""

    rows: npt.NDArray[np.int64]  # ascending
    truth_probabilities: Floats  # shape (pinned, truths)
    indptr: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BccSteps(MatrixEmSteps):
    """The E-step and the M-step of variational Bayes; the columns of the kernels are the subtypes of the truths."""

    prior_votes: Floats  # shape (raters, answers, truths, 1)
    subtypes: int
    pinned_votes: PinnedVotes | None
    n_counted_items: int  # items with votes, and pinned items

    def run_e_step(self, block: VoteBlock, parameters: MatrixParameters) -> ExpectedCounts:
        """Run the E-step: update the posteriors of a block, and return the expected counts."""
        entropy = self._update_pinned_subtypes(block, parameters)
        counts = super().run_e_step(block, parameters)
        counts.log_likelihood[0] += entropy
        return counts

    def run_m_step(self, expected_votes: Floats, expected_items: Floats) -> BccParameters:
        """Run the M-step: add expected votes and items to the priors."""
        truths = self.prior_votes.shape[2]
        votes = expected_votes.reshape(self.n_raters, -1, truths, self.subtypes) + self.prior_votes
        items = expected_items.reshape(truths, self.subtypes)
        truth_items = items.sum(axis=1) + self.pseudo_items
        subtype_items = items + _SUBTYPE_PSEUDO_ITEMS
        prior = np.exp(_expected_log(truth_items, axis=0)[:, None] + _expected_log(subtype_items, axis=1)).ravel()
        expected_logs = _expected_log(votes, axis=1)
        return BccParameters(
            matrices=np.exp(expected_logs).reshape(-1, items.size),
            prior=prior / prior.sum(),
            log_normalizer=math.log(prior.sum()),
            votes=votes,
            expected_logs=expected_logs,
            items=truth_items,
            subtype_items=subtype_items,
        )

    def log_prior_density(self, parameters: MatrixParameters) -> float:
        """Return the terms of the bound that do not depend on the votes: divergences, and the normaliser of `prior`."""
        assert isinstance(parameters, BccParameters)
        of_votes = _sum_log_normalizers(parameters.votes, axis=1) - self._prior_log_normalizers
        of_votes += float(((parameters.votes - self.prior_votes) * parameters.expected_logs).sum())
        return self.n_counted_items * parameters.log_normalizer - (
            of_votes
            + dirichlet_divergence(parameters.items, np.full_like(parameters.items, self.pseudo_items), axis=0)
            + dirichlet_divergence(
                parameters.subtype_items, np.full_like(parameters.subtype_items, _SUBTYPE_PSEUDO_ITEMS), axis=1
            )
        )

    @cached_property
    def _prior_log_normalizers(self) -> float:
        """The sum of the logarithms of the normalisers of the matrices' priors."""
        return self.subtypes * _sum_log_normalizers(self.prior_votes, axis=1)

    def _update_pinned_subtypes(self, block: VoteBlock, parameters: MatrixParameters) -> float:
        """Update the subtypes of the pinned items of a block; return the entropy of their subtypes."""
        from reassess.numeric.em_kernels import make_zero_per_truth, multiply_by_likelihood

        pinned = self.pinned_votes
        if pinned is None or self.subtypes == 1:
            return 0.0
        first, last = np.searchsorted(pinned.rows, block.part_bounds[[0, -1]]).tolist()
        values, columns = np.tile(parameters.prior, (last - first, 1)), parameters.prior.size
        multiply_by_likelihood(
            pinned.indptr[first : last + 1],
            pinned.codes,
            parameters.matrices,
            values,
            np.empty(columns),
            make_zero_per_truth(columns),
        )
        values = values.reshape(last - first, columns // self.subtypes, self.subtypes)
        sums = values.sum(axis=2, keepdims=True)
        shares = np.full_like(values, 1 / self.subtypes)
        np.divide(values, sums, out=shares, where=sums > 0)
        values = shares * pinned.truth_probabilities[first:last, :, None]
        block.posterior[pinned.rows[first:last]] = values.reshape(last - first, columns)
        return float(-(values * np.log(np.maximum(shares, np.finfo(float).tiny))).sum())


def _expected_log(counts: Floats, *, axis: int) -> Floats:
    """Return the expected logarithms of probabilities with a Dirichlet distribution along an axis."""
    from scipy.special import digamma

    return np.asarray(digamma(counts) - digamma(counts.sum(axis=axis, keepdims=True)))


def dirichlet_divergence(counts: Floats, prior_counts: Floats, *, axis: int) -> float:
    """Return the Kullback-Leibler divergence of Dirichlet distributions along an axis from their priors, summed."""
    own, prior = (_sum_log_normalizers(each, axis=axis) for each in (counts, prior_counts))
    return own - prior + float(((counts - prior_counts) * _expected_log(counts, axis=axis)).sum())


def _sum_log_normalizers(counts: Floats, *, axis: int) -> float:
    """Sum the logarithms of the normalisers of Dirichlet distributions along an axis."""
    from scipy.special import gammaln

    return float((gammaln(counts.sum(axis=axis)) - gammaln(counts).sum(axis=axis)).sum())


def normalize_along(counts: Floats, *, axis: int) -> Floats:
    """Divide counts by their sum along an axis."""
    return np.asarray(counts / counts.sum(axis=axis, keepdims=True))
