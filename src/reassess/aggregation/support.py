"""Whether votes support scores that decide against their majority.

A rater model that decides against the majority is compared with a simpler one, in which each rater has one accuracy.
The simpler model says how many fewer items are correct than by the majority. For each of these lost items, the rater
model must predict the votes better by 9 nats (by 2 where there are more answers than truths). Votes are split into five
folds, and each fold is predicted by what both models find in the other four.

A vote of answer a by rater r on item i has the probability sum over t of q[i, t] pi[r, t, a], with the posterior q and
the matrices pi of the other folds.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from reassess.aggregation.dawid_skene import Pinned, fit_alike
from reassess.aggregation.em_starts import answer_shares
from reassess.core.items import Id
from reassess.core.posterior import Posterior
from reassess.core.questions import Questions
from reassess.core.rater_model import RaterModel
from reassess.core.votes import Votes
from reassess.errors import ReassessWarning
from reassess.numeric.em_kernels import spread

__all__ = ["by_votes", "places_by_name", "warn_of_doubt"]

_AGAINST = 0.02  # scores that differ from the majority on fewer items cannot be worse by more
_LOST, _LEAST_LOST = 0.01, 1.5  # of the items, and items: the simpler model is not sure of fewer
_NATS = 9.0  # by which the votes must be predicted better for each lost item
_NATS_OF_SCALE = 2.0  # the same with answers such as maybe, for which one accuracy is a poor model
_MOST = 0.5  # of the items: if more have a single vote, nothing tells good raters from others
_FOLDS = 5
_ROUNDING = 1e-9
_TINY = np.finfo(float).tiny

Floats = npt.NDArray[np.float64]
Fit = Callable[[Votes], tuple[RaterModel, Posterior]]


def warn_of_doubt(votes: Votes, result: Posterior, known: npt.NDArray[np.integer], fit: Fit, *, method: str) -> None:
    """Warn where the votes do not support that a method decides against their majority.

    `known`, shape (items,), is the truth of golden items, else -1. `fit` applies the method to a part of the votes.
    """
    free = np.flatnonzero((known < 0) & (votes.sizes > 0))
    leading, best = by_votes(votes, result.truths), result.most_likely()
    against = free.size - float(leading[free, best[free]].sum())
    if against <= _AGAINST * free.size:
        return
    decides = f"the votes do not support {method}: it decides against their majority on {against:,.0f} of"
    if np.count_nonzero(votes.sizes[free] == 1) > _MOST * free.size:
        warnings.warn(
            f"{decides} {free.size:,} items, and most items have one vote: no vote can be compared with another. Take "
            "majority, or get more votes on each item",
            ReassessWarning,
            stacklevel=3,
        )
        return
    pinned = Pinned.to_truths(np.arange(known.size), known, truths=len(result.truths))

    def fit_simple(some: Votes) -> tuple[RaterModel, Posterior]:
        simple = fit_alike(some, result.truths, pinned)
        return simple.model, simple.posterior

    expected = fit_simple(votes)[1].values
    lost = float((expected[free] * leading[free]).sum() - expected[free, best[free]].sum())
    if lost <= max(_LOST * free.size, _LEAST_LOST):
        return
    gain = _log_predictions(votes, fit) - _log_predictions(votes, fit_simple)
    needed = _NATS if len(votes.answers) == len(result.truths) else _NATS_OF_SCALE
    if gain < needed * lost:
        warnings.warn(
            f"{decides} {free.size:,} items. A simpler model, with one accuracy for each rater, expects {lost:,.0f} "
            f"fewer items to be correct than by the majority, and {method} does not predict the votes much better. "
            "Take majority, or get more votes on each item",
            ReassessWarning,
            stacklevel=3,
        )


def by_votes(votes: Votes, truths: Sequence[Id]) -> Floats:
    """1 for the truth for which an item's votes speak most, shared by equals; shape (items, truths)."""
    shares = np.empty((len(votes.items), len(truths)))
    spread(votes.indptr, votes.answer_ids, answer_shares(votes, truths), shares)
    leading = shares >= shares.max(axis=1, keepdims=True) - _ROUNDING
    return np.asarray(leading / leading.sum(axis=1, keepdims=True))


def places_by_name(votes: Votes) -> npt.NDArray[np.int64]:
    """The place of each item's image, or of the plain item, among the sorted names: the rows' order does not count."""
    if isinstance(votes.items, Questions):
        return _places(votes.items.images)[votes.items.image_ids]
    return _places(votes.items)


def _places(names: Sequence[Id]) -> npt.NDArray[np.int64]:
    return np.argsort(np.argsort(np.array([str(name) for name in names], object), kind="stable"))


def _log_predictions(votes: Votes, fit: Fit) -> float:
    """The sum over the votes of the log probability of each, given those of the other folds."""
    rng = np.random.default_rng(0)
    of_items = rng.integers(0, _FOLDS, len(votes.items))[places_by_name(votes)]
    of_raters = rng.integers(0, _FOLDS, len(votes.raters))[_places(votes.raters)]
    folds = (of_items[votes.item_ids] + of_raters[votes.rater_ids]) % _FOLDS
    log_sum = 0.0
    for fold in range(_FOLDS):
        is_out = folds == fold
        items, raters, answers = votes.item_ids[is_out], votes.rater_ids[is_out], votes.answer_ids[is_out]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReassessWarning)
            model, found = fit(_votes_at(votes, ~is_out))
        tables, chances = model.matrices_of(votes.raters), np.zeros(items.size)
        for truth in range(len(model.truths)):
            chances += found.values[items, truth] * tables[raters, truth, answers]
        log_sum += float(np.log(np.maximum(chances, _TINY)).sum())
    return log_sum


def _votes_at(votes: Votes, is_kept: npt.NDArray[np.bool_]) -> Votes:
    """Some of the votes on the same items by the same raters."""
    return replace(
        votes,
        indptr=np.concatenate([[0], np.cumsum(is_kept)])[votes.indptr],
        rater_ids=votes.rater_ids[is_kept],
        answer_ids=votes.answer_ids[is_kept],
        seconds=None,
    )
