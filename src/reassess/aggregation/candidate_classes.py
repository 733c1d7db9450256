"""Votes for many classes, without a full confusion matrix per rater: the truth of an item is one of its candidates.

The candidates of an item are the classes with a vote on the item; a pinned item has only its pinned class. Even with a
thousand classes, most items have two or three candidates. Full matrices of a thousand classes would have a million
cells per rater. Here only the cells that have votes are stored: the row is a candidate of the item, the
column the rater's answer. The module `candidate_steps` has the steps of rater models on these cells, and
`candidate_fits` the fits.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from reassess.aggregation.candidate_matrices import CandidateMatrices, Ints, is_correct_cell, look_up, sum_by_id
from reassess.aggregation.em import ExpectedCounts
from reassess.aggregation.em_inputs import Floats
from reassess.core import VALIDITY, Posterior, Questions, Votes
from reassess.core.items import take_items
from reassess.numeric.arrays import concatenate_ranges, split_rows

_VOTES_PER_BLOCK = 1 << 16


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
        is_agreement = is_correct_cell(self.rater_class_answer_codes, self.n_answers)
        votes = sum_by_id(
            self.candidate_of_vote_copy, is_agreement[self.cell_of_vote_copy], len(self.item_of_candidate)
        )
        votes[self.repeat_for_candidates(self.candidates_per_item) == 1] = 1
        shares: Floats = votes / self.repeat_for_candidates(np.add.reduceat(votes, self.first_candidate_of_item))
        return shares

    def compute_expected_counts(self, posterior: Floats) -> ExpectedCounts:
        """Compute the expected number of votes in each confusion matrix cell, and of items of each class.

        `posterior` has the probability of each candidate class.
        """
        votes = sum_by_id(
            self.cell_of_vote_copy, posterior[self.candidate_of_vote_copy], len(self.rater_class_answer_codes)
        )
        items = sum_by_id(self.class_of_candidate, posterior, self.n_answers)
        return ExpectedCounts(votes[None], items[None], np.zeros(1), np.zeros(1))

    def compute_posterior(self, log_probabilities: Floats, log_prior: Floats) -> tuple[Floats, float]:
        """Compute the posterior of each candidate, shape (P,), and the log likelihood of the votes.

        The arguments are the logarithms of the probabilities of each cell's answer and of each class.
        """
        weights = log_prior[self.class_of_candidate] + sum_by_id(
            self.candidate_of_vote_copy, log_probabilities[self.cell_of_vote_copy], len(self.item_of_candidate)
        )
        highest = np.maximum.reduceat(weights, self.first_candidate_of_item)
        weights = np.exp(weights - self.repeat_for_candidates(highest))
        totals = np.add.reduceat(weights, self.first_candidate_of_item)
        return weights / self.repeat_for_candidates(totals), float((np.log(totals) + highest).sum())

    def max_over_candidates_of_item(self, values: Floats) -> Floats:
        """Return, for each candidate, the highest value among the candidates of the same item; shape (P,)."""
        return self.repeat_for_candidates(np.maximum.reduceat(values, self.first_candidate_of_item))

    def repeat_for_candidates(self, item_values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Repeat the value of each item for all candidates of the item; shape (P,)."""
        return np.repeat(item_values, self.candidates_per_item)

    @property
    def candidates_per_item(self) -> Ints:
        """Number of candidates of each item; items without candidates are skipped."""
        return np.diff(self.first_candidate_of_item, append=len(self.item_of_candidate))


@dataclass(frozen=True, eq=False)
class CandidateFit:
    """The result of EM: the posterior of each candidate, the raters' matrices, and the prior."""

    candidates: CandidateVotes
    posterior: Floats  # shape (P,)
    matrices: CandidateMatrices
    prior: Floats  # shape (A,)
    objective_history: Floats  # as for `DawidSkeneFit`
    has_converged: bool
    other_probability: Floats | float = 0.0  # of each class that is not a candidate, for each item with candidates

    def compute_vote_probabilities(self, items: Ints, raters: Ints, answers: Ints) -> Floats:
        """Compute the probability of each vote: the sum of P(class) * P(answer | class).

        The sum is over the candidates and the class that the answer names.
        """
        pairs, probabilities = self.candidates, np.zeros(items.size)
        for rows in split_rows(items.size, _VOTES_PER_BLOCK):
            starts = np.searchsorted(pairs.item_of_candidate, items[rows])
            sizes = np.searchsorted(pairs.item_of_candidate, items[rows], side="right") - starts
            candidates, vote = concatenate_ranges(starts, sizes), np.repeat(np.arange(sizes.size), sizes)
            codes = raters[rows].astype(np.int64) * pairs.n_answers**2 + answers[rows]
            cells = codes[vote] + pairs.class_of_candidate[candidates] * pairs.n_answers
            values = self.posterior[candidates] * self.matrices.compute_probabilities(cells)
            probabilities[rows] = sum_by_id(vote, values, sizes.size)
            of_answer, is_candidate = self._look_up_classes(items[rows], answers[rows])
            correct = self.matrices.compute_probabilities(codes + answers[rows].astype(np.int64) * pairs.n_answers)
            probabilities[rows] += np.where(is_candidate, 0, of_answer * correct)
        return probabilities

    def compute_truth_probabilities(self, items: Ints, truths: Ints) -> Floats:
        """Return the posterior of a class of each item."""
        return self._look_up_classes(items, truths)[0]

    def without_matrices(self) -> "CandidateFit":
        """Return only the posterior, which needs less memory."""
        none = CandidateMatrices(
            np.zeros(0, np.int64), np.zeros(0), self.matrices.pseudo_votes, self.candidates.n_answers
        )
        return replace(self, matrices=none)

    def _look_up_classes(self, items: Ints, classes: Ints) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the posterior of a class of each item, and whether the class is a candidate."""
        pairs = self.candidates
        known = pairs.item_of_candidate * pairs.n_answers + pairs.class_of_candidate
        codes, rated = items * pairs.n_answers + classes, pairs.item_of_candidate[pairs.first_candidate_of_item]
        is_candidate = look_up(codes, known, np.ones(known.size)) > 0
        is_rated = look_up(items, rated, np.ones(rated.size)) > 0
        others = look_up(items, rated, np.broadcast_to(self.other_probability, rated.size))
        others = np.where(is_rated, others, self.prior[classes])
        return np.where(is_candidate, look_up(codes, known, self.posterior), others), is_candidate

    def to_posterior(self, votes: Votes) -> Posterior:
        """Convert probabilities of candidates to a posterior over the truths of items or (image, class) questions."""
        rows = self.candidates.item_of_candidate[self.candidates.first_candidate_of_item]
        if votes.classes is None:
            values = np.tile(self.prior, (len(votes.items), 1))
            values[rows] = np.reshape(self.other_probability, (-1, 1))
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
