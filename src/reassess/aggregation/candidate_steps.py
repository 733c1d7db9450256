"""The E-steps and M-steps of rater models for many classes, on the matrix cells that have votes.

The equations are as in `em` and, with one subtype, `bcc_steps`. There is one difference: the truth of an item is
one of its candidates, see `candidate_classes`. The other classes have the probability 0.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.bcc_steps import dirichlet_divergence
from reassess.aggregation.candidate_classes import CandidateVotes
from reassess.aggregation.candidate_matrices import (
    CandidateMatrices,
    EqualMatrices,
    Ints,
    OneAccuracyMatrices,
    is_correct_cell,
    sum_by_id,
)
from reassess.aggregation.em import ExpectedCounts, normalize_rows
from reassess.aggregation.em_inputs import Floats


@dataclass(frozen=True, eq=False)
class CandidateParameters:
    """The parameters of a rater model; with variational Bayes, the logarithms are expected logarithms."""

    log_probabilities: Floats  # of each cell with votes, shape (C,)
    log_prior: Floats  # of each class, shape (A,)
    cell_votes: Floats  # expected votes of each cell, shape (C,)
    items: Floats  # expected items of each class, with pseudo-items, shape (A,)


@dataclass(frozen=True, eq=False)
class CandidateSteps:
    """The steps that the models share. All items are in one block, which contains the posterior of each candidate."""

    votes: CandidateVotes
    pseudo_votes: EqualMatrices | OneAccuracyMatrices
    pseudo_items: float  # of each class

    def run_e_step(self, block: Floats, parameters: CandidateParameters) -> ExpectedCounts:
        """Run the E-step: update each candidate's posterior, and return the expected counts."""
        posterior, log_likelihood = self.votes.compute_posterior(parameters.log_probabilities, parameters.log_prior)
        change = np.abs(posterior - block).max()
        block[:] = posterior
        return replace(
            self.votes.compute_expected_counts(block),
            log_likelihood=np.array([log_likelihood]),
            largest_change=np.array([change]),
        )

    def run_m_step(self, expected_votes: Floats, expected_items: Floats) -> CandidateParameters:
        """Run the M-step: estimate the parameters from the expected counts of votes and items."""
        items = expected_items + self.pseudo_items
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = self._log(expected_votes + self._added_to_cells)
            logs -= self._log(self._sum_by_row(expected_votes) + self._added_to_rows)[self.votes.matrix_row_of_cell]
            log_prior = self._log(items) - self._log(items.sum())
        logs[np.isnan(logs)] = -np.log(self.votes.n_answers)  # an empty row is uniform
        return CandidateParameters(logs, log_prior, expected_votes, items)

    def make_matrices(self, parameters: CandidateParameters) -> CandidateMatrices:
        """Make the raters' matrices, expected from the parameters."""
        codes = self.votes.rater_class_answer_codes
        return CandidateMatrices(codes, parameters.cell_votes, self.pseudo_votes, self.votes.n_answers)

    def _log(self, counts: Any) -> Any:
        """Return the logarithms of counts."""
        return np.log(counts)

    def _sum_by_row(self, cell_votes: Floats) -> Floats:
        """Sum the votes of the cells in each matrix row."""
        return sum_by_id(self.votes.matrix_row_of_cell, cell_votes, len(self.votes.rater_class_codes))

    @cached_property
    def _added_to_cells(self) -> Floats:
        """Pseudo-votes of each cell, shape (C,)."""
        return self.pseudo_votes.select_cells(self.votes.rater_class_answer_codes)

    @cached_property
    def _added_to_rows(self) -> Floats:
        """Pseudo-votes of each matrix row."""
        return self.pseudo_votes.sum_rows(self.votes.rater_class_codes)


@dataclass(frozen=True, eq=False)
class CandidateEmSteps(CandidateSteps):
    """The steps of EM with a matrix per rater."""

    pseudo_votes: EqualMatrices

    def log_prior_density(self, parameters: CandidateParameters) -> float:
        """Compute the log density of the priors, up to a constant."""
        density, matrix = 0.0, self.pseudo_votes.matrix
        if matrix.any():  # sum over all raters and cells, also cells without votes
            added, added_to_row = self._added_to_cells, self._added_to_rows
            empty_density = float((matrix * np.log(normalize_rows(matrix, 0.0))).sum())
            cell_density = float((added * np.log1p(parameters.cell_votes / added)).sum())
            row_density = float((added_to_row * np.log1p(self._sum_by_row(parameters.cell_votes) / added_to_row)).sum())
            density = self.votes.n_raters * empty_density + cell_density - row_density
        if self.pseudo_items:
            density += self.pseudo_items * float(parameters.log_prior.sum())
        return density

    def compute_mean_matrix(self, posterior: Floats) -> Floats:
        """Compute the confusion matrix of all raters together, with pseudo-votes; shape (A, A)."""
        matrix = self.pseudo_votes.matrix
        counts = self.votes.compute_expected_counts(posterior).expected_votes[0]
        totals = sum_by_id(self.votes.rater_class_answer_codes % matrix.size, counts, matrix.size)
        return normalize_rows(totals.reshape(matrix.shape), matrix)


@dataclass(frozen=True, eq=False)
class OneAccuracySteps(CandidateSteps):
    """The steps of EM with one accuracy per rater."""

    pseudo_votes: OneAccuracyMatrices

    def run_m_step(self, expected_votes: Floats, expected_items: Floats) -> CandidateParameters:
        """Run the M-step: estimate the accuracies and the prior from the expected counts of votes and items."""
        matrices, items = self.estimate_matrices(expected_votes), expected_items + self.pseudo_items
        logs = np.where(self._is_correct, np.log(matrices.correct)[self._raters], np.log(matrices.wrong)[self._raters])
        return CandidateParameters(logs, np.log(items / items.sum()), expected_votes, items)

    def estimate_matrices(self, cell_votes: Floats) -> OneAccuracyMatrices:
        """Estimate the raters' matrices from the expected votes of each cell."""
        added, raters = self.pseudo_votes, self.votes.n_raters
        correct = sum_by_id(self._raters, cell_votes * self._is_correct, raters) + added.correct
        correct /= sum_by_id(self._raters, cell_votes, raters) + added.sum_row_per_rater()
        return OneAccuracyMatrices(correct, (1 - correct) / (self.votes.n_answers - 1), self.votes.n_answers)

    def make_matrices(self, parameters: CandidateParameters) -> CandidateMatrices:
        """Make the raters' matrices, expected from the parameters."""
        matrices = self.estimate_matrices(parameters.cell_votes)
        return CandidateMatrices(np.zeros(0, np.int64), np.zeros(0), matrices, self.votes.n_answers)

    def log_prior_density(self, parameters: CandidateParameters) -> float:
        """Compute the log density of the priors, up to a constant."""
        added, matrices = self.pseudo_votes, self.estimate_matrices(parameters.cell_votes)
        density = added.correct * np.log(matrices.correct)
        density += (self.votes.n_answers - 1) * added.wrong * np.log(matrices.wrong)
        return float(density.sum() + self.pseudo_items * parameters.log_prior.sum())

    @cached_property
    def _raters(self) -> Ints:
        """The rater of each cell, shape (C,)."""
        return self.votes.rater_class_answer_codes // self.votes.n_answers**2

    @cached_property
    def _is_correct(self) -> npt.NDArray[np.bool_]:
        """Whether the answer of each cell is its class, shape (C,)."""
        return is_correct_cell(self.votes.rater_class_answer_codes, self.votes.n_answers)


@dataclass(frozen=True, eq=False)
class CandidateBccSteps(CandidateSteps):
    """The steps of variational Bayes: the logarithms of the parameters are expectations, see `bcc_steps`."""

    def log_prior_density(self, parameters: CandidateParameters) -> float:
        """Return the terms of the bound that do not depend on the votes: divergences of the parameters from priors."""
        from scipy.special import gammaln

        votes, added, added_to_row = parameters.cell_votes, self._added_to_cells, self._added_to_rows
        cells = gammaln(votes + added).sum() - gammaln(added).sum() - (votes * parameters.log_probabilities).sum()
        rows = gammaln(self._sum_by_row(votes) + added_to_row).sum() - gammaln(added_to_row).sum()
        prior_items = np.full_like(parameters.items, self.pseudo_items)
        return float(cells - rows) - dirichlet_divergence(parameters.items, prior_items, axis=0)

    def _log(self, counts: Any) -> Any:
        """Return the expected logarithms of probabilities, plus a term that depends only on the sum of the counts."""
        from scipy.special import digamma

        return digamma(counts)
