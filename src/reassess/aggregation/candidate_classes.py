"""Dawid and Skene's model for many classes, without a full confusion matrix per rater.

The computation is that of `em` and `calibration`, with one difference: the truth of an item is one of its candidates.
These are the classes with a vote on the item; a pinned item has only its pinned class. Even with a thousand classes,
most items have two or three candidates. Full matrices of a thousand classes would have a million cells per rater. Here
only the cells that votes use are stored: the row is a candidate of the item, the column the rater's answer.
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
    iterate,
    row_shares,
    typical_matrix,
    warn_unless_converged,
)
from reassess.aggregation.em_inputs import Floats, check_fit, no_golden_votes
from reassess.core import VALIDITY, Posterior, Questions, Votes
from reassess.core.items import take_items
from reassess.errors import DataError

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CandidateVotes:
    """The candidate classes of each item, and the cells of the raters' matrices that votes use.

    Symbols: N items; A answers, which are the classes; P pairs of an item and a candidate; C cells; E entries, one for
    each vote and each candidate of its item.
    """

    items: Ints  # item of each pair, shape (P,), ascending
    classes: Ints  # class of each pair, shape (P,), ascending within an item
    starts: Ints  # first pair of each item with candidates
    pair: npt.NDArray[np.int32]  # pair of each entry, shape (E,)
    cell: npt.NDArray[np.int32]  # cell of each entry, shape (E,)
    cells: Ints  # (rater * A + class) * A + answer of each cell, shape (C,), ascending
    rows: Ints  # rater * A + class of each matrix row with a cell, ascending
    row: Ints  # row of each cell, as a position in `rows`, shape (C,)
    answers: int  # A
    raters: int

    @classmethod
    def of(cls, votes: Votes, pinned: Ints) -> "CandidateVotes":
        """Find the candidates of each item; `pinned`, shape (N,), is the class of a pinned item, or -1."""
        answers, item_ids = len(votes.answers), votes.item_ids
        is_free = pinned[item_ids] < 0
        pinned_items = np.flatnonzero(pinned >= 0)
        from_votes = item_ids[is_free] * answers + votes.answer_ids[is_free]
        from_pins = pinned_items * answers + pinned[pinned_items]
        items, classes = np.divmod(np.unique(np.concatenate([from_votes, from_pins])), answers)
        indptr = np.searchsorted(items, np.arange(len(votes.items) + 1))
        sizes = np.diff(indptr)[item_ids]
        ends = np.cumsum(sizes)
        pair = (np.arange(ends[-1]) + np.repeat(indptr[item_ids] - ends + sizes, sizes)).astype(np.int32)
        codes = np.repeat(votes.rater_ids.astype(np.int64) * answers**2 + votes.answer_ids, sizes)
        codes += classes[pair] * answers
        cells, cell = np.unique(codes, return_inverse=True)
        rows, row = np.unique(cells // answers, return_inverse=True)
        return cls(
            items=items,
            classes=classes,
            starts=np.flatnonzero(np.diff(items, prepend=-1)),
            pair=pair,
            cell=cell.astype(np.int32),
            cells=cells,
            rows=rows,
            row=row,
            answers=answers,
            raters=len(votes.raters),
        )

    def shares(self) -> Floats:
        """Compute the share of the item's votes for the class of each pair, 1 if pinned; shape (P,)."""
        agree = self.cells // self.answers % self.answers == self.cells % self.answers
        votes = _sums(self.pair, agree[self.cell], len(self.items))
        votes[self.spread(self._sizes) == 1] = 1
        shares: Floats = votes / self.spread(np.add.reduceat(votes, self.starts))
        return shares

    def counts(self, posterior: Floats) -> ExpectedCounts:
        """Compute expected votes per cell and expected items per class, from the posterior of each pair."""
        votes = _sums(self.cell, posterior[self.pair], len(self.cells))
        items = _sums(self.classes, posterior, self.answers)
        return ExpectedCounts(votes[None], items[None], np.zeros(1), np.zeros(1))

    def highest(self, values: Floats) -> Floats:
        """Return the highest value among the pairs of the same item, for each pair."""
        return self.spread(np.maximum.reduceat(values, self.starts))

    def spread(self, of_items: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Repeat the value of each item for all its pairs."""
        return np.repeat(of_items, self._sizes)

    @property
    def _sizes(self) -> Ints:
        """Number of pairs of each item with candidates."""
        return np.diff(self.starts, append=len(self.items))


@dataclass(frozen=True, eq=False)
class _CellParameters:
    """The parameters: log probability and expected votes of each cell, and the prior."""

    logs: Floats
    counts: Floats
    prior: Floats


@dataclass(frozen=True, eq=False)
class CellSteps:
    """The EM steps for cells; the only block is the posterior of each pair, shape (P,)."""

    pairs: CandidateVotes
    pseudo_votes: Floats  # shape (A, A)
    pseudo_items: float

    def expect(self, block: Floats, parameters: _CellParameters) -> ExpectedCounts:
        """Run the E-step."""
        posterior, log_likelihood = self.posterior(parameters)
        change = np.abs(posterior - block).max()
        block[:] = posterior
        return replace(self.pairs.counts(block), log_likelihood=np.array([log_likelihood]), change=np.array([change]))

    def maximize(self, votes: Floats, items: Floats) -> _CellParameters:
        """Run the M-step."""
        return self.parameters(votes, self._row_counts(votes), row_shares(items, self.pseudo_items))

    def parameters(self, counts: Floats, row_counts: Floats, prior: Floats) -> _CellParameters:
        """Estimate parameters from counts per cell and per row; a row may have votes outside these cells."""
        added, added_to_row = self._added
        with np.errstate(divide="ignore", invalid="ignore"):
            logs: Floats = np.log(counts + added) - np.log(row_counts + added_to_row)[self.pairs.row]
        logs[np.isnan(logs)] = -np.log(self.pairs.answers)  # an empty row is uniform
        return _CellParameters(logs, counts, prior)

    def bound(self, parameters: _CellParameters) -> float:
        """Compute the log density of the priors, up to a constant."""
        density = 0.0
        if self.pseudo_votes.any():  # sum over all raters and cells, also cells without an entry
            added, added_to_row = self._added
            empty = float((self.pseudo_votes * np.log(row_shares(self.pseudo_votes, 0.0))).sum())
            of_cells = float((added * np.log1p(parameters.counts / added)).sum())
            of_rows = float((added_to_row * np.log1p(self._row_counts(parameters.counts) / added_to_row)).sum())
            density = self.pairs.raters * empty + of_cells - of_rows
        if self.pseudo_items:
            density += self.pseudo_items * float(np.log(parameters.prior).sum())
        return density

    def posterior(self, parameters: _CellParameters) -> tuple[Floats, float]:
        """Compute the posterior of each pair, shape (P,), and the log likelihood of the votes."""
        pairs = self.pairs
        with np.errstate(divide="ignore"):
            weights = np.log(parameters.prior)[pairs.classes]
        weights += _sums(pairs.pair, parameters.logs[pairs.cell], len(pairs.items))
        highest = np.maximum.reduceat(weights, pairs.starts)
        weights = np.exp(weights - pairs.spread(highest))
        totals = np.add.reduceat(weights, pairs.starts)
        return weights / pairs.spread(totals), float((np.log(totals) + highest).sum())

    def mean_matrix(self, posterior: Floats) -> Floats:
        """Compute the confusion matrix of all raters together, with pseudo-votes; shape (A, A)."""
        counts = self.pairs.counts(posterior).votes[0]
        totals = _sums(self.pairs.cells % self.pairs.answers**2, counts, self.pairs.answers**2)
        return row_shares(totals.reshape(self.pseudo_votes.shape), self.pseudo_votes)

    def _row_counts(self, counts: Floats) -> Floats:
        """Expected votes of each row, as the sum over its cells."""
        return _sums(self.pairs.row, counts, len(self.pairs.rows))

    @cached_property
    def _added(self) -> tuple[Floats, Floats]:
        """Pseudo-votes of each cell, and of each row."""
        answers = self.pairs.answers
        cells = self.pseudo_votes.ravel()[self.pairs.cells % answers**2]
        return cells, self.pseudo_votes.sum(axis=1)[self.pairs.rows % answers]


@dataclass(frozen=True, eq=False)
class CandidateFit:
    """The final posterior and prior of EM; shapes as for `CandidateVotes`."""

    candidates: CandidateVotes
    posterior: Floats  # shape (P,)
    prior: Floats  # shape (A,)
    history: Floats  # as for `DawidSkeneFit`
    converged: bool

    def of(self, votes: Votes) -> Posterior:
        """Return the posterior of each item; for images, the probability that each candidate is valid."""
        rows = self.candidates.items[self.candidates.starts]
        if votes.classes is None:
            values = np.tile(self.prior, (len(votes.items), 1))
            values[rows] = 0
            values[self.candidates.items, self.candidates.classes] = self.posterior
            return Posterior(items=votes.items, truths=votes.answers, values=values)
        questions = Questions(
            images=cast("tuple[str, ...]", take_items(votes.items, rows)),
            image_ids=np.searchsorted(rows, self.candidates.items).astype(np.int32),
            class_ids=votes.classes.ids_of_answers(votes.answers)[self.candidates.classes].astype(np.int32),
            classes=votes.classes,
        )
        values = np.stack([1 - self.posterior, self.posterior], axis=1)
        return Posterior(items=questions, truths=VALIDITY, values=values, is_exclusive=True)


def fit_many_classes(
    votes: Votes, pinned: Ints, *, smoothing: float, pooling: float, max_iterations: int = MAX_ITERATIONS
) -> CandidateFit:
    """Fit Dawid and Skene's model as `fit_dawid_skene` does, with the candidates of each item as its truths."""
    check_fit(votes, smoothing, pooling)
    answers = len(votes.answers)
    added, start = np.full((answers, answers), float(smoothing)), None
    if pooling:
        one_rater = replace(votes, rater_ids=np.zeros_like(votes.rater_ids), raters=("all raters",))
        typical = added + pooling * typical_matrix(np.eye(answers))
        mean_steps = CellSteps(CandidateVotes.of(one_rater, pinned), typical, pooling / answers)
        start = _fit(mean_steps, None, max_iterations).posterior
        added = added + pooling * mean_steps.mean_matrix(start)
    fit = _fit(CellSteps(CandidateVotes.of(votes, pinned), added, pooling / answers), start, max_iterations)
    warn_unless_converged(fit.converged, max_iterations, TOLERANCE, "use more pooling")
    return fit


def _fit(steps: CellSteps, start: Floats | None, max_iterations: int) -> CandidateFit:
    """Run EM from a posterior, by default from the shares of the votes."""
    posterior = steps.pairs.shares() if start is None else start.copy()
    first = steps.pairs.counts(posterior)
    parameters = steps.maximize(first.votes[0], first.items[0])
    parameters, _, history, converged = iterate(steps, [posterior], parameters, max_iterations=max_iterations)
    return CandidateFit(steps.pairs, posterior, parameters.prior, history, converged)


def calibrate_on_candidates(
    votes: Votes, golden_votes: Votes, truth: Ints, *, smoothing: float, pooling: float
) -> CandidateFit:
    """Compute `calibrate` and then `posterior`, with the candidates of each item as its truths."""
    if not pooling > 0:
        raise DataError(
            "missing-option",
            "this many classes need pooling",
            allowed="above 0",
            found=pooling,
            fix="remove pooling, to use the default",
        )
    answers, has_truth = len(votes.answers), truth[golden_votes.item_ids] >= 0
    if not has_truth.any():
        raise no_golden_votes()
    row_of = {name: row for row, name in enumerate(votes.raters)}
    raters = np.array([row_of.get(name, -1) for name in golden_votes.raters], np.int64)
    raters = raters[golden_votes.rater_ids[has_truth]]
    cells = truth[golden_votes.item_ids[has_truth]] * answers + golden_votes.answer_ids[has_truth]
    totals = np.bincount(cells, minlength=answers**2).reshape(answers, answers)
    added = smoothing + pooling * row_shares(totals + pooling * typical_matrix(np.eye(answers)), smoothing)
    pairs = CandidateVotes.of(votes, np.full(len(votes.items), -1))
    own = (raters * answers**2 + cells)[raters >= 0]
    prior = row_shares(np.bincount(truth[truth >= 0], minlength=answers), pooling / answers)
    steps = CellSteps(pairs, added, 0.0)
    parameters = steps.parameters(_count_each(pairs.cells, own), _count_each(pairs.rows, own // answers), prior)
    values, likelihood = steps.posterior(parameters)
    return CandidateFit(pairs, values, prior, np.array([likelihood]), converged=True)


def _count_each(ids: Ints, values: Ints) -> Floats:
    """How often each id occurs in `values`."""
    unique, counts = np.unique(values, return_counts=True)
    rows = np.searchsorted(unique, ids)
    return np.where(np.append(unique, -1)[rows] == ids, np.append(counts, 0)[rows], 0).astype(np.float64)


def _sums(ids: npt.NDArray[np.integer], weights: npt.NDArray[Any], size: int) -> Floats:
    return np.bincount(ids, weights, size).astype(np.float64, copy=False)
