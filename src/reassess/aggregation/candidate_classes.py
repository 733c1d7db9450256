"""Dawid and Skene's model for many classes, without a full confusion matrix per rater.

The computation is that of `em` and `calibration`, with one difference: the truth of an item is one of its candidates.
These are the classes with a vote on the item; a pinned item has only its pinned class. Even with a thousand classes,
most items have two or three candidates. Full matrices of a thousand classes would have a million cells per rater. Here
only the cells for which there are votes are stored: the row is a candidate of the item, the column the rater's answer.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em import (
    MAX_ITERATIONS,
    TOLERANCE,
    ExpectedCounts,
    normalize_rows,
    run_em,
    typical_confusion_matrix,
    warn_unless_converged,
)
from reassess.aggregation.em_inputs import Floats, check_em_inputs, no_golden_votes_error
from reassess.core import VALIDITY, Posterior, Questions, Votes
from reassess.core.items import take_items
from reassess.errors import DataError
from reassess.text import count_noun

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CandidateVotes:
    """The candidate classes of each item, and the entries (cells) of the raters' matrices that have votes.

    Symbols: N items; A answers, which are the classes; P candidates (pairs of an item and a class); C matrix cells;
    V copies of votes: one copy of each vote for each candidate of its item.
    """

    item_of_candidate: Ints  # shape (P,), ascending
    class_of_candidate: Ints  # shape (P,), ascending within an item
    first_candidate_of_item: Ints  # for each item with candidates
    candidate_of_vote_copy: npt.NDArray[np.int32]  # shape (V,)
    cell_of_vote_copy: npt.NDArray[np.int32]  # matrix cell of each copy, shape (V,)
    rater_class_answer_codes: Ints  # (rater * A + class) * A + answer of each cell, shape (C,), ascending
    rater_class_codes: Ints  # rater * A + class of each matrix row with a cell, ascending
    matrix_row_of_cell: Ints  # matrix row of each cell, as a position in `rater_class_codes`, shape (C,)
    n_answers: int  # A
    n_raters: int

    @classmethod
    def from_votes(cls, votes: Votes, pinned_classes: Ints) -> "CandidateVotes":
        """Find the candidates of each item; `pinned_classes`, shape (N,), is the fixed class of an item, or -1."""
        answers, item_ids = len(votes.answers), votes.item_ids
        is_free = pinned_classes[item_ids] < 0
        pinned_items = np.flatnonzero(pinned_classes >= 0)
        voted = item_ids[is_free] * answers + votes.answer_ids[is_free]
        pinned = pinned_items * answers + pinned_classes[pinned_items]
        items, classes = np.divmod(np.unique(np.concatenate([voted, pinned])), answers)
        indptr = np.searchsorted(items, np.arange(len(votes.items) + 1))
        sizes = np.diff(indptr)[item_ids]
        ends = np.cumsum(sizes)
        candidate = (np.arange(ends[-1]) + np.repeat(indptr[item_ids] - ends + sizes, sizes)).astype(np.int32)
        codes = np.repeat(votes.rater_ids.astype(np.int64) * answers**2 + votes.answer_ids, sizes)
        codes += classes[candidate] * answers
        cells, cell = np.unique(codes, return_inverse=True)
        rows, row = np.unique(cells // answers, return_inverse=True)
        return cls(
            item_of_candidate=items,
            class_of_candidate=classes,
            first_candidate_of_item=np.flatnonzero(np.diff(items, prepend=-1)),
            candidate_of_vote_copy=candidate,
            cell_of_vote_copy=cell.astype(np.int32),
            rater_class_answer_codes=cells,
            rater_class_codes=rows,
            matrix_row_of_cell=row,
            n_answers=answers,
            n_raters=len(votes.raters),
        )

    def compute_vote_shares(self) -> Floats:
        """Compute each candidate's share of its item's votes, or 1 if the item's truth is fixed; shape (P,)."""
        is_agreement = (
            self.rater_class_answer_codes // self.n_answers % self.n_answers
            == self.rater_class_answer_codes % self.n_answers
        )
        votes = _sum_by_id(
            self.candidate_of_vote_copy, is_agreement[self.cell_of_vote_copy], len(self.item_of_candidate)
        )
        votes[self.repeat_for_candidates(self._candidates_per_item) == 1] = 1
        shares: Floats = votes / self.repeat_for_candidates(np.add.reduceat(votes, self.first_candidate_of_item))
        return shares

    def compute_expected_counts(self, posterior: Floats) -> ExpectedCounts:
        """Compute the expected number of votes in each confusion matrix cell, and of items of each class.

        `posterior` has the probability of each candidate class.
        """
        votes = _sum_by_id(
            self.cell_of_vote_copy, posterior[self.candidate_of_vote_copy], len(self.rater_class_answer_codes)
        )
        items = _sum_by_id(self.class_of_candidate, posterior, self.n_answers)
        return ExpectedCounts(votes[None], items[None], np.zeros(1), np.zeros(1))

    def max_over_candidates_of_item(self, values: Floats) -> Floats:
        """Return, for each candidate, the highest value among the candidates of the same item; shape (P,)."""
        return self.repeat_for_candidates(np.maximum.reduceat(values, self.first_candidate_of_item))

    def repeat_for_candidates(self, item_values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Repeat the value of each item for all candidates of the item; shape (P,)."""
        return np.repeat(item_values, self._candidates_per_item)

    @property
    def _candidates_per_item(self) -> Ints:
        """Number of candidates of each item; items without candidates are skipped."""
        return np.diff(self.first_candidate_of_item, append=len(self.item_of_candidate))


@dataclass(frozen=True, eq=False)
class _ConfusionCellParameters:
    """The parameters of EM: the probability of each cell of the confusion matrices, and the prior."""

    log_probabilities: Floats  # of each cell, shape (C,)
    expected_votes: Floats  # of each cell, shape (C,)
    prior: Floats  # shape (A,)


@dataclass(frozen=True, eq=False)
class CandidateEmSteps:
    """The E-step and the M-step of EM, for the confusion matrix cells that have votes.

    All items are in one block, which contains the posterior of each candidate.
    """

    candidate_votes: CandidateVotes
    pseudo_votes: Floats  # shape (A, A)
    pseudo_items: float

    def run_e_step(self, block: Floats, parameters: _ConfusionCellParameters) -> ExpectedCounts:
        """Run the E-step: update each candidate's posterior, and return the expected counts."""
        posterior, log_likelihood = self.compute_posterior(parameters)
        change = np.abs(posterior - block).max()
        block[:] = posterior
        return replace(
            self.candidate_votes.compute_expected_counts(block),
            log_likelihood=np.array([log_likelihood]),
            largest_change=np.array([change]),
        )

    def run_m_step(self, expected_votes: Floats, expected_items: Floats) -> _ConfusionCellParameters:
        """Run the M-step: estimate the parameters from the expected counts of votes and items."""
        return self.estimate_parameters(
            expected_votes,
            self._sum_cells_by_matrix_row(expected_votes),
            normalize_rows(expected_items, self.pseudo_items),
        )

    def estimate_parameters(self, cell_counts: Floats, row_counts: Floats, prior: Floats) -> _ConfusionCellParameters:
        """Estimate the parameters from counts per cell and per row of the matrices."""
        added, added_to_row = self._cell_and_row_pseudo_votes
        with np.errstate(divide="ignore", invalid="ignore"):
            logs: Floats = (
                np.log(cell_counts + added) - np.log(row_counts + added_to_row)[self.candidate_votes.matrix_row_of_cell]
            )
        logs[np.isnan(logs)] = -np.log(self.candidate_votes.n_answers)  # an empty row is uniform
        return _ConfusionCellParameters(logs, cell_counts, prior)

    def log_prior_density(self, parameters: _ConfusionCellParameters) -> float:
        """Compute the log density of the priors, up to a constant."""
        density = 0.0
        if self.pseudo_votes.any():  # sum over all raters and cells, also cells without votes
            added, added_to_row = self._cell_and_row_pseudo_votes
            empty_density = float((self.pseudo_votes * np.log(normalize_rows(self.pseudo_votes, 0.0))).sum())
            cell_density = float((added * np.log1p(parameters.expected_votes / added)).sum())
            row_density = float(
                (added_to_row * np.log1p(self._sum_cells_by_matrix_row(parameters.expected_votes) / added_to_row)).sum()
            )
            density = self.candidate_votes.n_raters * empty_density + cell_density - row_density
        if self.pseudo_items:
            density += self.pseudo_items * float(np.log(parameters.prior).sum())
        return density

    def compute_posterior(self, parameters: _ConfusionCellParameters) -> tuple[Floats, float]:
        """Compute the posterior of each candidate, shape (P,), and the log likelihood of the votes."""
        pairs = self.candidate_votes
        with np.errstate(divide="ignore"):
            weights = np.log(parameters.prior)[pairs.class_of_candidate]
        weights += _sum_by_id(
            pairs.candidate_of_vote_copy,
            parameters.log_probabilities[pairs.cell_of_vote_copy],
            len(pairs.item_of_candidate),
        )
        highest = np.maximum.reduceat(weights, pairs.first_candidate_of_item)
        weights = np.exp(weights - pairs.repeat_for_candidates(highest))
        totals = np.add.reduceat(weights, pairs.first_candidate_of_item)
        return weights / pairs.repeat_for_candidates(totals), float((np.log(totals) + highest).sum())

    def compute_mean_matrix(self, posterior: Floats) -> Floats:
        """Compute the confusion matrix of all raters together, with pseudo-votes; shape (A, A)."""
        counts = self.candidate_votes.compute_expected_counts(posterior).expected_votes[0]
        totals = _sum_by_id(
            self.candidate_votes.rater_class_answer_codes % self.candidate_votes.n_answers**2,
            counts,
            self.candidate_votes.n_answers**2,
        )
        return normalize_rows(totals.reshape(self.pseudo_votes.shape), self.pseudo_votes)

    def _sum_cells_by_matrix_row(self, cell_counts: Floats) -> Floats:
        """Sum the votes of the cells in each row."""
        pairs = self.candidate_votes
        return _sum_by_id(pairs.matrix_row_of_cell, cell_counts, len(pairs.rater_class_codes))

    @cached_property
    def _cell_and_row_pseudo_votes(self) -> tuple[Floats, Floats]:
        """Pseudo-votes of each cell, and of each row, of the confusion matrices."""
        answers = self.candidate_votes.n_answers
        cells = self.pseudo_votes.ravel()[self.candidate_votes.rater_class_answer_codes % answers**2]
        return cells, self.pseudo_votes.sum(axis=1)[self.candidate_votes.rater_class_codes % answers]


@dataclass(frozen=True, eq=False)
class CandidateFit:
    """The result of EM: the posterior of each candidate, and the prior."""

    candidates: CandidateVotes
    posterior: Floats  # shape (P,)
    prior: Floats  # shape (A,)
    objective_history: Floats  # as for `DawidSkeneFit`
    has_converged: bool

    def to_posterior(self, votes: Votes) -> Posterior:
        """Convert probabilities of candidates to a posterior over the truths of items or (image, class) questions."""
        rows = self.candidates.item_of_candidate[self.candidates.first_candidate_of_item]
        if votes.classes is None:
            values = np.tile(self.prior, (len(votes.items), 1))
            values[rows] = 0
            values[self.candidates.item_of_candidate, self.candidates.class_of_candidate] = self.posterior
            return Posterior(items=votes.items, truths=votes.answers, values=values)
        questions = Questions(
            images=cast("tuple[str, ...]", take_items(votes.items, rows)),
            image_ids=np.searchsorted(rows, self.candidates.item_of_candidate).astype(np.int32),
            class_ids=votes.classes.answers_to_ids(votes.answers)[self.candidates.class_of_candidate].astype(np.int32),
            classes=votes.classes,
        )
        values = np.stack([1 - self.posterior, self.posterior], axis=1)
        return Posterior(items=questions, truths=VALIDITY, values=values, is_exclusive=True)


def fit_dawid_skene_on_candidates(
    votes: Votes, pinned_classes: Ints, *, smoothing: float, pooling: float, max_iterations: int = MAX_ITERATIONS
) -> CandidateFit:
    """Fit Dawid and Skene's model by EM, where the truth of an item is one of its candidate classes."""
    check_em_inputs(votes, smoothing, pooling)
    answers = len(votes.answers)
    added, start = np.full((answers, answers), float(smoothing)), None
    if pooling:
        one_rater = replace(votes, rater_ids=np.zeros_like(votes.rater_ids), raters=("all raters",))
        typical = added + pooling * typical_confusion_matrix(np.eye(answers))
        mean_steps = CandidateEmSteps(CandidateVotes.from_votes(one_rater, pinned_classes), typical, pooling / answers)
        start = _run_em_on_candidates(mean_steps, None, max_iterations).posterior
        added = added + pooling * mean_steps.compute_mean_matrix(start)
    fit = _run_em_on_candidates(
        CandidateEmSteps(CandidateVotes.from_votes(votes, pinned_classes), added, pooling / answers),
        start,
        max_iterations,
    )
    warn_unless_converged(fit.has_converged, max_iterations, TOLERANCE, "use more pooling")
    return fit


def _run_em_on_candidates(steps: CandidateEmSteps, start_posterior: Floats | None, max_iterations: int) -> CandidateFit:
    """Run EM; a candidate's posterior starts at `start_posterior`, or at its share of the item's votes."""
    posterior = steps.candidate_votes.compute_vote_shares() if start_posterior is None else start_posterior.copy()
    first_counts = steps.candidate_votes.compute_expected_counts(posterior)
    parameters = steps.run_m_step(first_counts.expected_votes[0], first_counts.expected_items[0])
    parameters, _, history, converged = run_em(steps, [posterior], parameters, max_iterations=max_iterations)
    return CandidateFit(steps.candidate_votes, posterior, parameters.prior, history, converged)


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
    answers, has_truth = len(votes.answers), truth_ids[golden_votes.item_ids] >= 0
    if not has_truth.any():
        raise no_golden_votes_error()
    row_of = {name: row for row, name in enumerate(votes.raters)}
    raters = np.array([row_of.get(name, -1) for name in golden_votes.raters], np.int64)
    raters = raters[golden_votes.rater_ids[has_truth]]
    cells = truth_ids[golden_votes.item_ids[has_truth]] * answers + golden_votes.answer_ids[has_truth]
    totals = np.bincount(cells, minlength=answers**2).reshape(answers, answers)
    typical = typical_confusion_matrix(np.eye(answers))
    added = smoothing + pooling * normalize_rows(totals + pooling * typical, smoothing)
    pairs = CandidateVotes.from_votes(votes, np.full(len(votes.items), -1))
    own_cells = (raters * answers**2 + cells)[raters >= 0]
    prior = normalize_rows(np.bincount(truth_ids[truth_ids >= 0], minlength=answers), pooling / answers)
    steps = CandidateEmSteps(pairs, added, 0.0)
    parameters = steps.estimate_parameters(
        _count_occurrences(pairs.rater_class_answer_codes, own_cells),
        _count_occurrences(pairs.rater_class_codes, own_cells // answers),
        prior,
    )
    values, likelihood = steps.compute_posterior(parameters)
    return CandidateFit(pairs, values, prior, np.array([likelihood]), has_converged=True)


def _count_occurrences(ids: Ints, values: Ints) -> Floats:
    """Count how often each of `ids` occurs in `values`."""
    unique, counts = np.unique(values, return_counts=True)
    rows = np.searchsorted(unique, ids)
    return np.where(np.append(unique, -1)[rows] == ids, np.append(counts, 0)[rows], 0).astype(np.float64)


def _sum_by_id(ids: npt.NDArray[np.integer], weights: npt.NDArray[Any], n_ids: int) -> Floats:
    """Sum the weights of each id from 0 to `n_ids` - 1; float64, shape (n_ids,)."""
    return np.bincount(ids, weights, n_ids).astype(np.float64, copy=False)
