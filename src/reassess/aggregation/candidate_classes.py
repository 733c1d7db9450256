"""Dawid and Skene's model of more classes than raters' matrices have room for.

What is computed is what `dawid_skene` and `calibration` say, but for one thing: an item can only be a class that
someone chose for it, or the class at which it is pinned. Of a thousand classes an item then has two or three
candidates, and of the cells of the matrices, a billion for a thousand raters, those are kept in which a vote meets a
candidate.
"""

import warnings
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import row_shares, typical_matrix
from reassess.aggregation.em_starts import check_fit
from reassess.core.items import take_items
from reassess.core.posterior import Posterior
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY
from reassess.core.votes import Votes
from reassess.errors import ConvergenceWarning, DataError

__all__ = ["Candidates", "ManyClassesFit", "calibrated_on_candidates", "fit_many_classes"]

_TOLERANCE = 1e-6
_MOST_ITERATIONS = 2_000

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """The classes that each item can be, and the cells of the raters' matrices in which votes meet them.

    Symbols: N items, A answers, which are the classes; P pairs of an item and a candidate; C cells; E entries, one for
    each vote and each candidate of its item.

    Parameters
    ----------
    items, classes
        int64, shape (P,): the item and the class of each pair, by item and then by class.
    starts
        int64: the first pair of each item that has one.
    pair, cell
        int32, shape (E,): the pair and the cell of each entry.
    cells
        int64, shape (C,): (rater * A + class) * A + answer of each cell, ascending.
    rows, row
        int64: rater * A + class of each row of a matrix that has a cell, ascending; the row of each cell, shape (C,).
    answers, raters
        A, and the number of raters.
    """

    items: Ints
    classes: Ints
    starts: Ints
    pair: npt.NDArray[np.int32]
    cell: npt.NDArray[np.int32]
    cells: Ints
    rows: Ints
    row: Ints
    answers: int
    raters: int

    @classmethod
    def of(cls, votes: Votes, pinned: Ints) -> "Candidates":
        """The candidates of votes; `pinned`, shape (N,), is the class at which an item is pinned, or -1."""
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
        """Of each pair, the share of the item's votes for the class; 1 for a pinned item; shape (P,)."""
        agree = self.cells // self.answers % self.answers == self.cells % self.answers
        votes = _sums(self.pair, agree[self.cell], len(self.items))
        votes[self._spread(self._sizes) == 1] = 1
        shares: Floats = votes / self._spread(np.add.reduceat(votes, self.starts))
        return shares

    def counts(self, posterior: Floats) -> Floats:
        """Expected votes of each cell, shape (C,), under the posterior of each pair."""
        return _sums(self.cell, posterior[self.pair], len(self.cells))

    def row_counts(self, counts: Floats) -> Floats:
        """Expected votes of each row, where those of its cells are all that it has; shape of `rows`."""
        return _sums(self.row, counts, len(self.rows))

    def class_counts(self, posterior: Floats) -> Floats:
        """Expected items of each class, shape (A,)."""
        return _sums(self.classes, posterior, self.answers)

    def mean_matrix(self, counts: Floats, pseudo_votes: Floats) -> Floats:
        """The matrix of all raters together, shape (A, A), `pseudo_votes` added to the counts of the cells."""
        together = _sums(self.cells % self.answers**2, counts, self.answers**2)
        return row_shares(together.reshape(pseudo_votes.shape), pseudo_votes)

    def log_matrices(self, counts: Floats, row_counts: Floats, pseudo_votes: Floats) -> Floats:
        """Log probability of each cell, shape (C,), `pseudo_votes` added to its counts and to those of its row."""
        added, added_to_row = self._added(pseudo_votes)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs: Floats = np.log(counts + added) - np.log(row_counts + added_to_row)[self.row]
        logs[np.isnan(logs)] = -np.log(self.answers)  # an empty row is uniform
        return logs

    def log_density(self, counts: Floats, pseudo_votes: Floats) -> float:
        """Sum over all raters and cells, also those without an entry, of the pseudo-votes times the log probability."""
        if not pseudo_votes.any():
            return 0.0
        added, added_to_row = self._added(pseudo_votes)
        empty = float((pseudo_votes * np.log(row_shares(pseudo_votes, 0.0))).sum())
        of_cells = float((added * np.log1p(counts / added)).sum())
        of_rows = float((added_to_row * np.log1p(self.row_counts(counts) / added_to_row)).sum())
        return self.raters * empty + of_cells - of_rows

    def posterior(self, prior: Floats, log_matrices: Floats) -> tuple[Floats, float]:
        """The probability of each pair, shape (P,), and the log likelihood of the votes."""
        with np.errstate(divide="ignore"):
            weights = np.log(prior)[self.classes]
        weights += _sums(self.pair, log_matrices[self.cell], len(self.items))
        highest = np.maximum.reduceat(weights, self.starts)
        weights = np.exp(weights - self._spread(highest))
        totals = np.add.reduceat(weights, self.starts)
        return weights / self._spread(totals), float((np.log(totals) + highest).sum())

    def highest(self, values: Floats) -> Floats:
        """Of each pair, the highest value among the pairs of its item."""
        return self._spread(np.maximum.reduceat(values, self.starts))

    @property
    def _sizes(self) -> Ints:
        """Of each item that has a pair, how many."""
        return np.diff(self.starts, append=len(self.items))

    def _spread(self, of_items: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What items have, for each of their pairs."""
        return np.repeat(of_items, self._sizes)

    def _added(self, pseudo_votes: Floats) -> tuple[Floats, Floats]:
        """The pseudo-votes of each cell and of each row."""
        cells = pseudo_votes.ravel()[self.cells % self.answers**2]
        return cells, pseudo_votes.sum(axis=1)[self.rows % self.answers]


@dataclass(frozen=True, eq=False)
class ManyClassesFit:
    """The posterior at which EM ended; shapes as for `Candidates`.

    Parameters
    ----------
    candidates
        The pairs of an item and a class.
    posterior
        float64, shape (P,).
    prior
        float64, shape (A,).
    history, converged
        See `DawidSkeneFit`.
    """

    candidates: Candidates
    posterior: Floats
    prior: Floats
    history: Floats
    converged: bool

    def of(self, votes: Votes) -> Posterior:
        """As the posterior of the votes' items: of images, whether each candidate is valid, for those that have one."""
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
    votes: Votes, pinned: Ints, *, smoothing: float, pooling: float, max_iterations: int = _MOST_ITERATIONS
) -> ManyClassesFit:
    """What `fit_dawid_skene` does, where the truths are the answers, among each item's candidates.

    Examples
    --------
    >>> item_ids, answer_ids = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 2, 1])
    >>> votes = Votes.from_columns(range(2), item_ids, np.array([0, 1, 2, 0, 2]), answer_ids, range(3), range(4))
    >>> fit = fit_many_classes(votes, np.array([-1, -1]), smoothing=0, pooling=4)
    >>> fit.candidates.classes[fit.posterior > 0.5]
    array([0, 2])
    """
    check_fit(votes, smoothing, pooling)
    answers = len(votes.answers)
    added, start = np.full((answers, answers), float(smoothing)), None
    if pooling:
        one = replace(votes, rater_ids=np.zeros_like(votes.rater_ids), raters=("all raters",))
        typical = added + pooling * typical_matrix(np.eye(answers))
        together = _iterate(Candidates.of(one, pinned), typical, pooling / answers, None, max_iterations)
        start, cells = together.posterior, together.candidates
        added = added + pooling * cells.mean_matrix(cells.counts(start), typical)
    fit = _iterate(Candidates.of(votes, pinned), added, pooling / answers, start, max_iterations)
    if not fit.converged:
        warnings.warn(
            f"EM was stopped after {max_iterations:,} iterations, before its posteriors changed by less than "
            f"{_TOLERANCE:g}: allow more pooling",
            ConvergenceWarning,
            stacklevel=2,
        )
    return fit


def _iterate(
    candidates: Candidates, pseudo_votes: Floats, pseudo_items: float, start: Floats | None, max_iterations: int
) -> ManyClassesFit:
    """EM from a posterior, by default from the shares of the votes."""
    posterior = candidates.shares() if start is None else start
    history: list[float] = []
    while True:
        prior = row_shares(candidates.class_counts(posterior), pseudo_items)
        counts = candidates.counts(posterior)
        logs = candidates.log_matrices(counts, candidates.row_counts(counts), pseudo_votes)
        density = candidates.log_density(counts, pseudo_votes)
        if pseudo_items:
            density += pseudo_items * float(np.log(prior).sum())
        before = posterior
        posterior, likelihood = candidates.posterior(prior, logs)
        history.append(likelihood + density)
        converged = bool(np.abs(posterior - before).max() < _TOLERANCE)
        if converged or len(history) == max_iterations:
            return ManyClassesFit(candidates, posterior, prior, np.array(history), converged)


def calibrated_on_candidates(
    votes: Votes, golden_votes: Votes, truth: Ints, *, smoothing: float, pooling: float
) -> ManyClassesFit:
    """What `calibrate` and then `posterior` do, where the truths are the answers, among each item's candidates.

    Examples
    --------
    >>> one = np.zeros(1, int)
    >>> golden = Votes.from_columns(("x",), one, one, one + 2, ("ann",), range(5))
    >>> two = np.arange(2)
    >>> votes = Votes.from_columns(("y",), 0 * two, two, two + 2, ("ann", "bo"), range(5))
    >>> fit = calibrated_on_candidates(votes, golden, np.array([2]), smoothing=0, pooling=4)
    >>> fit.candidates.classes[fit.posterior > 0.5]
    array([2])
    """
    if not pooling > 0:
        raise DataError(
            "needs-pooling", "this many classes need pooling", allowed="above 0", found=pooling, fix="leave pooling out"
        )
    answers, used = len(votes.answers), truth[golden_votes.item_ids] >= 0
    if not used.any():
        raise DataError(
            "no-golden-votes",
            "no golden item with a known truth has a vote",
            fix="check that both files name the items alike",
        )
    place = {name: row for row, name in enumerate(votes.raters)}
    raters = np.array([place.get(name, -1) for name in golden_votes.raters], np.int64)[golden_votes.rater_ids[used]]
    cells = truth[golden_votes.item_ids[used]] * answers + golden_votes.answer_ids[used]
    together = np.bincount(cells, minlength=answers**2).reshape(answers, answers)
    added = smoothing + pooling * row_shares(together + pooling * typical_matrix(np.eye(answers)), smoothing)
    candidates = Candidates.of(votes, np.full(len(votes.items), -1))
    own = (raters * answers**2 + cells)[raters >= 0]
    counts, row_counts = _tally(own, candidates.cells), _tally(own // answers, candidates.rows)
    prior = row_shares(np.bincount(truth[truth >= 0], minlength=answers), pooling / answers)
    values, likelihood = candidates.posterior(prior, candidates.log_matrices(counts, row_counts, added))
    return ManyClassesFit(candidates, values, prior, np.array([likelihood]), converged=True)


def _tally(found: Ints, wanted: Ints) -> Floats:
    """How often each of `wanted` is among `found`."""
    names, numbers = np.unique(found, return_counts=True)
    rows = np.searchsorted(names, wanted)
    return np.where(np.append(names, -1)[rows] == wanted, np.append(numbers, 0)[rows], 0).astype(np.float64)


def _sums(ids: npt.NDArray[np.integer], weights: npt.NDArray[Any], size: int) -> Floats:
    return np.bincount(ids, weights, size).astype(np.float64, copy=False)
