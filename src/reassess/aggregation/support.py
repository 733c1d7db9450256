"""Whether votes support scores that decide against their majority.

A rater model that decides against the majority is compared with a simpler one, in which each rater has one accuracy.
The simpler model says how many fewer items are correct than by the majority. For each of these lost items, the rater
model must predict the votes better by 8 nats (by 2 where there are more answers than truths); each vote is predicted
from the other votes on its item.

Symbols: N items, R raters, T truths, A answers, V votes; q[i, t] the posterior, pi[r, t, a] the matrices, m[t, a] the
mean matrix, n[r, t] the expected votes of a rater on items of a truth, K the pooling.

- A vote of answer a by rater r on item i has the probability sum over t of q'[t] pi'[t, a]. Here q' is q[i] without the
  vote, proportional to q[i, t] / pi[r, t, a], and pi' is the rater's matrix without the vote.
- A matrix that was fitted to the votes contains the vote, and so does m. The vote added u[t] to the cell of a, and w[t]
  to its row; both are q[i, t] for full matrices. Without the vote, pi'[t, a] is
  (pi[r, t, a] (n[r, t] + K) - u[t] (1 + K / sum over r of n[r, t])) / (n[r, t] + K - w[t]), and never less than what m
  holds before any vote.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import POOLING
from reassess.aggregation.dawid_skene import Pinned, fit_alike
from reassess.aggregation.em_starts import answer_shares
from reassess.core.items import Id
from reassess.core.posterior import Posterior
from reassess.core.rater_model import RaterModel
from reassess.core.votes import Votes
from reassess.errors import ReassessWarning
from reassess.numeric.em_kernels import spread

__all__ = ["by_votes", "warn_of_doubt"]

_AGAINST = 0.02  # scores that differ from the majority on fewer items cannot be worse by more
_LOST, _LEAST_LOST = 0.01, 1.5  # of the items, and items: the simpler model is not sure of fewer
_NATS = 8.0  # by which the votes must be predicted better for each lost item
_NATS_OF_SCALE = 2.0  # the same with answers such as maybe, for which one accuracy is a poor model
_ROUNDING = 1e-9
_TINY = np.finfo(float).tiny
_CELLS = 2**22  # of votes and truths at a time

Floats = npt.NDArray[np.float64]


def warn_of_doubt(
    votes: Votes,
    result: Posterior,
    model: RaterModel,
    known: npt.NDArray[np.integer],
    *,
    method: str,
    fitted_with: tuple[float, float] | None = None,
) -> None:
    """Warn where the votes do not support that a method decides against their majority.

    `known`, shape (items,), is the truth of golden items, else -1. `fitted_with` is the pooling and smoothing, for a
    model that was fitted to these votes.
    """
    free = np.flatnonzero((known < 0) & (votes.sizes > 0))
    leading, best = by_votes(votes, result.truths), result.most_likely()
    against = free.size - float(leading[free, best[free]].sum())
    if against <= _AGAINST * free.size:
        return
    pinned = Pinned.to_truths(np.arange(known.size), known, truths=len(result.truths))
    simple = fit_alike(votes, result.truths, pinned)
    expected = simple.posterior.values
    lost = float((expected[free] * leading[free]).sum() - expected[free, best[free]].sum())
    if lost <= max(_LOST * free.size, _LEAST_LOST):
        return
    gain = _log_predictions(votes, result.values, model, known, fitted_with)
    gain -= _log_predictions(votes, expected, simple.model, known, (POOLING, 0.0), alike=True)
    needed = _NATS if len(votes.answers) == len(result.truths) else _NATS_OF_SCALE
    if gain < needed * lost:
        warnings.warn(
            f"the votes do not support {method}: it decides against their majority on {against:,.0f} of "
            f"{free.size:,} items. A simpler model, with one accuracy for each rater, expects {lost:,.0f} fewer items "
            f"to be correct than by the majority, and {method} predicts the votes hardly better. Take majority, or get "
            "more votes on each item",
            ReassessWarning,
            stacklevel=3,
        )


def by_votes(votes: Votes, truths: Sequence[Id]) -> Floats:
    """1 for the truth for which an item's votes speak most, shared by equals; shape (items, truths)."""
    shares = np.empty((len(votes.items), len(truths)))
    spread(votes.indptr, votes.answer_ids, answer_shares(votes, truths), shares)
    leading = shares >= shares.max(axis=1, keepdims=True) - _ROUNDING
    return np.asarray(leading / leading.sum(axis=1, keepdims=True))


def _log_predictions(
    votes: Votes,
    posterior: Floats,
    model: RaterModel,
    known: npt.NDArray[np.integer],
    fitted_with: tuple[float, float] | None,
    *,
    alike: bool = False,
) -> float:
    """The sum over the votes of the log probability of each, given the others."""
    items, (truths, answers) = votes.item_ids, model.matrices.shape[1:]
    tables, least_log = model.matrices_of(votes.raters), np.log(_TINY)
    rows = np.empty((len(votes.raters), truths))
    for truth in range(truths):
        rows[:, truth] = np.bincount(votes.rater_ids, posterior[items, truth], len(votes.raters))
    if alike:
        rows[:] = rows.sum(axis=1, keepdims=True)
    total, step, log_sum = rows.sum(axis=0), max(1, _CELLS // truths), 0.0
    for first in range(0, len(votes), step):
        chunk = slice(first, first + step)
        raters, given, of_items = votes.rater_ids[chunk], votes.answer_ids[chunk], posterior[items[chunk]]
        cells = tables[raters, :, given]
        others = np.log(np.maximum(of_items, _TINY)) - np.log(np.maximum(cells, _TINY))
        others = np.exp(others - others.max(axis=1, keepdims=True))
        others /= others.sum(axis=1, keepdims=True)
        is_known = known[items[chunk]] >= 0
        others[is_known] = of_items[is_known]
        if fitted_with is not None:
            pooling, smoothing = fitted_with
            in_cell, in_row = _added_by(of_items, given, answers, alike=alike, is_scale=model.truths != votes.answers)
            sums, of_mean = rows[raters] + pooling + smoothing * answers, np.maximum(total + pooling, _TINY)
            least = smoothing + pooling**2 / (2 * answers) / of_mean
            cells = np.maximum(cells * sums - in_cell * (1 + pooling / of_mean), least)
            cells /= np.maximum(sums - in_row, _TINY)
        with np.errstate(divide="ignore"):
            log_sum += float(np.maximum(np.log((others * cells).sum(axis=1)), least_log).sum())
    return log_sum


def _added_by(
    of_items: Floats, given: npt.NDArray[np.integer], answers: int, *, alike: bool, is_scale: bool
) -> tuple[Floats, Floats | float]:
    """What each vote added to the counts of its answer, for each truth, and to all counts of the truth."""
    if not alike:
        return of_items, of_items
    if is_scale:
        in_middle = 2 * given[:, None] == answers - 1
        return of_items + in_middle * of_items[:, ::-1], 1.0
    rows = np.arange(given.size)
    correct = of_items[rows, given]
    in_cell = np.repeat((1 - correct[:, None]) / (of_items.shape[1] - 1), of_items.shape[1], axis=1)
    in_cell[rows, given] = correct
    return in_cell, 1.0
