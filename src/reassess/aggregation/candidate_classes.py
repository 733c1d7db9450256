"""Dawid and Skene's model of more classes than raters' matrices have room for.

It computes what `em` and `calibration` say, with one difference: an item can only be a class that someone chose for it,
or the class where it is pinned. Of a thousand classes an item then has two or three candidates. Matrices of a thousand
raters would have a billion cells; only the cells where a vote meets a candidate are kept.
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
    """The classes that each item can be, and the cells of the raters' matrices where votes meet them.

    Symbols: N items, A answers, which are the classes; P pairs of an item and a candidate; C cells; E entries, one for
    each vote and each candidate of its item.
    """

    items: Ints  # of each pair, shape (P,), ascending
    classes: Ints  # of each pair, ascending for one item
    starts: Ints  # the first pair of each item that has one
    pair: npt.NDArray[np.int32]  # of each entry, shape (E,)
    cell: npt.NDArray[np.int32]  # of each entry
    cells: Ints  # (rater * A + class) * A + answer of each cell, shape (C,), ascending
    rows: Ints  # rater * A + class of each matrix row that has a cell, ascending
    row: Ints  # the row of each cell
    answers: int  # A
    raters: int

    @classmethod
    def of(cls, votes: Votes, pinned: Ints) -> "CandidateVotes":
        """Find the candidates of votes; `pinned`, shape (N,), is the class where an item is pinned, or -1."""
        answers, item_ids = len(votes.answers), votes.item_ids
        free = pinned[item_ids] < 0
        fixed = np.flatnonzero(pinned >= 0)
        chosen = item_ids[free] * answers + votes.answer_ids[free]
        items, classes = np.divmod(np.unique(np.concatenate([chosen, fixed * answers + pinned[fixed]])), answers)
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
        """The share of the item's votes for the class of each pair; 1 for a pinned item; shape (P,)."""
        agree = self.cells // self.answers % self.answers == self.cells % self.answers
        votes = _sums(self.pair, agree[self.cell], len(self.items))
        votes[self.spread(self._sizes) == 1] = 1
        shares: Floats = votes / self.spread(np.add.reduceat(votes, self.starts))
        return shares

    def counts(self, posterior: Floats) -> ExpectedCounts:
        """Expected votes of each cell and expected items of each class, under the posterior of each pair."""
        votes = _sums(self.cell, posterior[self.pair], len(self.cells))
        items = _sums(self.classes, posterior, self.answers)
        return ExpectedCounts(votes[None], items[None], np.zeros(1), np.zeros(1))

    def highest(self, values: Floats) -> Floats:
        """For each pair, the highest value among the pairs of its item."""
        return self.spread(np.maximum.reduceat(values, self.starts))

    def spread(self, of_items: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Repeat a value of each item for each of its pairs."""
        return np.repeat(of_items, self._sizes)

    @property
    def _sizes(self) -> Ints:
        """The number of pairs of each item that has some."""
        return np.diff(self.starts, append=len(self.items))


@dataclass(frozen=True, eq=False)
class _CellParameters:
    """The parameters: log probability of each cell, the counts behind them, and the prior."""

    logs: Floats
    counts: Floats
    prior: Floats


@dataclass(frozen=True, eq=False)
class CellSteps:
    """Steps of EM on cells; the only block is the posterior of each pair, shape (P,)."""

    pairs: CandidateVotes
    pseudo_votes: Floats  # shape (A, A)
    pseudo_items: float

    def expect(self, block: Floats, parameters: _CellParameters) -> ExpectedCounts:
        """E-step."""
        posterior, log_likelihood = self.posterior(parameters)
        change = np.abs(posterior - block).max()
        block[:] = posterior
        return replace(self.pairs.counts(block), log_likelihood=np.array([log_likelihood]), change=np.array([change]))

    def maximize(self, votes: Floats, items: Floats) -> _CellParameters:
        """M-step."""
        return self.parameters(votes, self._row_counts(votes), row_shares(items, self.pseudo_items))

    def parameters(self, counts: Floats, row_counts: Floats, prior: Floats) -> _CellParameters:
        """Parameters of counted cells, whose rows may have votes in other cells too."""
        added, added_to_row = self._added
        with np.errstate(divide="ignore", invalid="ignore"):
            logs: Floats = np.log(counts + added) - np.log(row_counts + added_to_row)[self.pairs.row]
        logs[np.isnan(logs)] = -np.log(self.pairs.answers)  # an empty row is uniform
        return _CellParameters(logs, counts, prior)

    def bound(self, parameters: _CellParameters) -> float:
        """Log density of the priors, up to a constant."""
        density = 0.0
        if self.pseudo_votes.any():  # over all raters and cells, also those without an entry
            added, added_to_row = self._added
            empty = float((self.pseudo_votes * np.log(row_shares(self.pseudo_votes, 0.0))).sum())
            of_cells = float((added * np.log1p(parameters.counts / added)).sum())
            of_rows = float((added_to_row * np.log1p(self._row_counts(parameters.counts) / added_to_row)).sum())
            density = self.pairs.raters * empty + of_cells - of_rows
        if self.pseudo_items:
            density += self.pseudo_items * float(np.log(parameters.prior).sum())
        return density

    def posterior(self, parameters: _CellParameters) -> tuple[Floats, float]:
        """The probability of each pair, shape (P,), and the log likelihood of the votes."""
        pairs = self.pairs
        with np.errstate(divide="ignore"):
            weights = np.log(parameters.prior)[pairs.classes]
        weights += _sums(pairs.pair, parameters.logs[pairs.cell], len(pairs.items))
        highest = np.maximum.reduceat(weights, pairs.starts)
        weights = np.exp(weights - pairs.spread(highest))
        totals = np.add.reduceat(weights, pairs.starts)
        return weights / pairs.spread(totals), float((np.log(totals) + highest).sum())

    def mean_matrix(self, posterior: Floats) -> Floats:
        """The matrix of all raters together, shape (A, A), with the pseudo-votes added to the counts of the cells."""
        counts = self.pairs.counts(posterior).votes[0]
        together = _sums(self.pairs.cells % self.pairs.answers**2, counts, self.pairs.answers**2)
        return row_shares(together.reshape(self.pseudo_votes.shape), self.pseudo_votes)

    def _row_counts(self, counts: Floats) -> Floats:
        """Expected votes of each row, if those of its cells are all that it has."""
        return _sums(self.pairs.row, counts, len(self.pairs.rows))

    @cached_property
    def _added(self) -> tuple[Floats, Floats]:
        """The pseudo-votes of each cell and of each row."""
        answers = self.pairs.answers
        cells = self.pseudo_votes.ravel()[self.pairs.cells % answers**2]
        return cells, self.pseudo_votes.sum(axis=1)[self.pairs.rows % answers]


@dataclass(frozen=True, eq=False)
class CandidateFit:
    """The posterior at which EM ended; shapes as for `CandidateVotes`."""

    candidates: CandidateVotes
    posterior: Floats  # shape (P,)
    prior: Floats  # shape (A,)
    history: Floats  # as for `DawidSkeneFit`
    converged: bool

    def of(self, votes: Votes) -> Posterior:
        """The posterior of the votes' items; of images with candidates, whether each candidate is valid."""
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
        return Posterior(items=questions, truths=VALIDITY, values=values, exclusive=True)


def fit_many_classes(
    votes: Votes, pinned: Ints, *, smoothing: float, pooling: float, max_iterations: int = MAX_ITERATIONS
) -> CandidateFit:
    """Do what `fit_dawid_skene` does for truths that are the answers, among each item's candidates."""
    check_fit(votes, smoothing, pooling)
    answers = len(votes.answers)
    added, start = np.full((answers, answers), float(smoothing)), None
    if pooling:
        one = replace(votes, rater_ids=np.zeros_like(votes.rater_ids), raters=("all raters",))
        typical = added + pooling * typical_matrix(np.eye(answers))
        together = CellSteps(CandidateVotes.of(one, pinned), typical, pooling / answers)
        start = _fit(together, None, max_iterations).posterior
        added = added + pooling * together.mean_matrix(start)
    fit = _fit(CellSteps(CandidateVotes.of(votes, pinned), added, pooling / answers), start, max_iterations)
    warn_unless_converged(fit.converged, max_iterations, TOLERANCE, "allow more pooling")
    return fit


def _fit(steps: CellSteps, start: Floats | None, max_iterations: int) -> CandidateFit:
    """EM from a posterior, by default from the shares of the votes."""
    posterior = steps.pairs.shares() if start is None else start.copy()
    first = steps.pairs.counts(posterior)
    parameters = steps.maximize(first.votes[0], first.items[0])
    parameters, _, history, converged = iterate(steps, [posterior], parameters, max_iterations=max_iterations)
    return CandidateFit(steps.pairs, posterior, parameters.prior, history, converged)


def calibrated_on_candidates(
    votes: Votes, golden_votes: Votes, truth: Ints, *, smoothing: float, pooling: float
) -> CandidateFit:
    """Do what `calibrate` and then `posterior` do for truths that are the answers, among each item's candidates."""
    if not pooling > 0:
        raise DataError(
            "missing-option",
            "this many classes need pooling",
            allowed="above 0",
            found=pooling,
            fix="leave pooling out",
        )
    answers, used = len(votes.answers), truth[golden_votes.item_ids] >= 0
    if not used.any():
        raise no_golden_votes()
    place = {name: row for row, name in enumerate(votes.raters)}
    raters = np.array([place.get(name, -1) for name in golden_votes.raters], np.int64)[golden_votes.rater_ids[used]]
    cells = truth[golden_votes.item_ids[used]] * answers + golden_votes.answer_ids[used]
    together = np.bincount(cells, minlength=answers**2).reshape(answers, answers)
    added = smoothing + pooling * row_shares(together + pooling * typical_matrix(np.eye(answers)), smoothing)
    pairs = CandidateVotes.of(votes, np.full(len(votes.items), -1))
    own = (raters * answers**2 + cells)[raters >= 0]
    prior = row_shares(np.bincount(truth[truth >= 0], minlength=answers), pooling / answers)
    steps = CellSteps(pairs, added, 0.0)
    parameters = steps.parameters(_tally(own, pairs.cells), _tally(own // answers, pairs.rows), prior)
    values, likelihood = steps.posterior(parameters)
    return CandidateFit(pairs, values, prior, np.array([likelihood]), converged=True)


def _tally(found: Ints, wanted: Ints) -> Floats:
    """How often each of `wanted` is among `found`."""
    names, numbers = np.unique(found, return_counts=True)
    rows = np.searchsorted(names, wanted)
    return np.where(np.append(names, -1)[rows] == wanted, np.append(numbers, 0)[rows], 0).astype(np.float64)


def _sums(ids: npt.NDArray[np.integer], weights: npt.NDArray[Any], size: int) -> Floats:
    return np.bincount(ids, weights, size).astype(np.float64, copy=False)
