"""Confusion matrices of raters for many classes, stored as a few numbers instead of a cell for each pair of classes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em_inputs import Floats

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EqualMatrices:
    """A matrix that is the same for all raters."""

    matrix: Floats  # shape (A, A)

    def select_cells(self, codes: Ints) -> Floats:
        """Return the value of each cell; the codes are (rater * A + class) * A + answer."""
        return np.asarray(self.matrix.ravel()[codes % self.matrix.size])

    def sum_rows(self, codes: Ints) -> Floats:
        """Return the sum of each matrix row; the codes are rater * A + class."""
        return np.asarray(self.matrix.sum(axis=1)[codes % len(self.matrix)])


@dataclass(frozen=True, eq=False)
class OneAccuracyMatrices:
    """Matrices with one value for the correct answers of a rater, and one for each wrong answer."""

    correct: Floats  # shape (raters,)
    wrong: Floats  # shape (raters,)
    n_answers: int  # A

    def select_cells(self, codes: Ints) -> Floats:
        """Return the value of each cell; the codes are (rater * A + class) * A + answer."""
        raters = codes // self.n_answers**2
        return np.where(is_correct_cell(codes, self.n_answers), self.correct[raters], self.wrong[raters])

    def sum_rows(self, codes: Ints) -> Floats:
        """Return the sum of each matrix row; the codes are rater * A + class."""
        return self.sum_row_per_rater()[codes // self.n_answers]

    def sum_row_per_rater(self) -> Floats:
        """Return the sum of a row of each rater's matrix, shape (raters,)."""
        return np.asarray(self.correct + (self.n_answers - 1) * self.wrong)


@dataclass(frozen=True, eq=False)
class CandidateMatrices:
    """The matrix of each rater: votes in some cells, and pseudo-votes in all cells."""

    cell_codes: Ints  # (rater * A + class) * A + answer, ascending, shape (C,)
    cell_votes: Floats  # shape (C,)
    pseudo_votes: EqualMatrices | OneAccuracyMatrices
    n_answers: int  # A

    def compute_probabilities(self, codes: Ints) -> Floats:
        """Compute the probability of the answer of each cell; the codes are (rater * A + class) * A + answer."""
        rows = codes // self.n_answers
        cells = look_up(codes, self.cell_codes, self.cell_votes) + self.pseudo_votes.select_cells(codes)
        return cells / (look_up(rows, *self._row_votes) + self.pseudo_votes.sum_rows(rows))

    @cached_property
    def _row_votes(self) -> tuple[Ints, Floats]:
        """The codes rater * A + class of the matrix rows that have votes, and the sums of their votes."""
        codes, row_of_cell = np.unique(self.cell_codes // self.n_answers, return_inverse=True)
        return codes, sum_by_id(row_of_cell, self.cell_votes, codes.size)


def is_correct_cell(codes: Ints, n_answers: int) -> npt.NDArray[np.bool_]:
    """Return whether the answer is the class; the codes are (rater * A + class) * A + answer."""
    return np.asarray(codes // n_answers % n_answers == codes % n_answers)


def sum_by_id(ids: npt.NDArray[np.integer], weights: npt.NDArray[Any], n_ids: int) -> Floats:
    """Sum the weights of each id from 0 to `n_ids` - 1; float64, shape (n_ids,)."""
    return np.bincount(ids, weights, n_ids).astype(np.float64, copy=False)


def look_up(ids: Ints, known_ids: Ints, values: Floats) -> Floats:
    """Return the value of each id, or 0 if it is not among `known_ids`, which are ascending."""
    rows = np.searchsorted(known_ids, ids)
    return np.where(np.append(known_ids, -1)[rows] == ids, np.append(values, 0.0)[rows], 0.0)
