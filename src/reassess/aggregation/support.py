"""Whether votes, or golden answers, support scores that decide against their majority.

A rater model that decides against the majority is compared with a simpler one, in which each rater has one accuracy.
The simpler model says how many fewer items are correct than by the majority. For each of these lost items, the rater
model must predict the votes better by 9 nats (by 2 where there are more answers than truths). Votes are split into five
folds, and each fold is predicted by what both models find in the other four.

A vote of answer a by rater r on item i has the probability sum over t of q[i, t] pi[r, t, a], with the posterior q and
the matrices pi of the other folds.

One accuracy is a poor model of a rater who always gives the same answer. So if the rater model predicts the votes
better, but not enough, both models are compared again without misleading raters. Their votes do not depend on the
truth, and are correct less often than by chance.

Where votes do not support the method, golden items that are left out can show that it is better than the majority.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.aggregation.dawid_skene import fit_alike
from reassess.aggregation.em_inputs import Pinned, answer_shares
from reassess.aggregation.golden_items import image_folds, votes_on
from reassess.core import Id, Posterior, Questions, RaterModel, Votes
from reassess.core.items import find_items, take_items
from reassess.errors import ReassessWarning

_AGAINST = 0.02  # scores that differ from the majority on fewer items cannot be worse by more
_AGAINST_OTHERS = 0.3  # of the items with votes by raters who do not mislead: if more, they do not support it either
_LOST, _LEAST_LOST = 0.01, 1.5  # of the items, and items: the simpler model is not sure of fewer
_NATS = 9.0  # by which the votes must be predicted better for each lost item
_NATS_OF_SCALE = 2.0  # the same with answers such as maybe, for which one accuracy is a poor model
_NATS_OF_A_CELL = 2.0  # for each free cell of a matrix: it predicts the votes better than their shares by chance
_MOST = 0.5  # of the items: if more have a single vote, nothing tells good raters from others
_FOLDS = 5
_GOLDEN_FOLDS = 10  # em is fitted once for each: a fold per golden image would take hundreds of fits
_FEWEST = 2  # golden images, or plain items, so that some are left when one is left out
_CLEAR = 3  # standard errors: golden answers that show a larger lead than this outweigh the votes
_ROUNDING = 1e-9
_MOST_CELLS = 1 << 22  # of some raters' matrices, that are held at once
_TINY = np.finfo(float).tiny

Floats = npt.NDArray[np.float64]
Fit = Callable[[Votes], tuple[RaterModel, Posterior]]


@dataclass(frozen=True)
class GoldenTrial:
    """On which golden items each method is correct when their golden answers are left out.

    `correct` holds numbers from 0 to 1, shape (golden items,), by method; `unit` is the image of each, or the item.
    """

    correct: Mapping[str, Floats]
    unit: npt.NDArray[np.int64]
    folds: int
    of_images: bool

    def is_better(self, method: str, other: str, *, errors: int) -> bool:
        """Whether a method is correct on more, by more than `errors` standard errors of the paired difference."""
        differences = np.bincount(self.unit, self.correct[method] - self.correct[other])
        more, units = differences.sum(), differences.size
        # That of a sum whose variance has n - 1 in its denominator, without its root: whole numbers stay whole.
        return bool(more > 0 and more**2 * (units - 1 + errors**2) > errors**2 * units * (differences**2).sum())


def try_on_golden(
    votes: Votes,
    experts: Votes,
    golden: Votes,
    truths: Sequence[Id],
    truth: npt.NDArray[np.int64],
    methods: Mapping[str, Callable[[Votes, Votes], Posterior]],
) -> GoldenTrial:
    """Methods, and the majority, on golden items of a known truth `truth`, in folds.

    A method takes the votes on the golden items of a fold, and the golden answers of the other folds.
    """
    rows = np.flatnonzero((truth >= 0) & (votes_on(experts.items, votes) > 0) & (votes_on(experts.items, golden) > 0))
    units = _places_by_name(experts)
    numbers, unit = np.unique(units[rows], return_inverse=True)
    correct = {method: np.zeros(rows.size) for method in (*methods, "majority")}
    folds = min(_GOLDEN_FOLDS, numbers.size)
    if folds < _FEWEST:
        return GoldenTrial(correct, unit, 0, bool(experts.images))
    fold = image_folds(numbers.size, folds)
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        for number in range(folds):
            others = experts.without(np.flatnonzero(np.isin(units, numbers[fold == number])))
            out = np.flatnonzero(fold[unit] == number)
            judged, known = votes.restrict(votes.find(take_items(experts.items, rows[out]))), truth[rows[out]]
            for method, judge in methods.items():
                correct[method][out] = _is_correct(judge(judged, others), judged, known)
            correct["majority"][out] = _by_votes(judged, truths)[np.arange(out.size), known]
    return GoldenTrial(correct, unit, folds, bool(experts.images))


def warn_of_doubt(
    votes: Votes,
    result: Posterior,
    known: npt.NDArray[np.integer],
    fit: Fit,
    *,
    method: str,
    trial: Callable[[], GoldenTrial] | None,
) -> None:
    """Warn where neither votes nor golden answers support that a method decides against the votes' majority.

    `known`, shape (items,), is the truth of golden items, else -1. `fit` applies the method to a part of the votes.
    `trial` tries it on golden items, and is called only where the votes do not support it.
    """
    warn_unless_clear(_doubt(votes, result, known, fit, method), method, trial)


def warn_unless_clear(doubt: str, method: str, trial: Callable[[], GoldenTrial] | None) -> None:
    """Warn of a doubt, if there is one, unless golden answers clearly show that the method beats the majority."""
    if doubt and (trial is None or not trial().is_better(method, "majority", errors=_CLEAR)):
        warnings.warn(doubt, ReassessWarning, stacklevel=5)


def _doubt(votes: Votes, result: Posterior, known: npt.NDArray[np.integer], fit: Fit, method: str) -> str:
    """What to warn of; empty where the votes support the method."""
    free, against = _against(votes, result, known)
    if against <= _AGAINST * free.size:
        return ""
    decides = f"the votes do not support {method}: it decides against their majority on {against:,.0f} of"
    if np.count_nonzero(votes.sizes[free] == 1) > _MOST * free.size:
        return (
            f"{decides} {free.size:,} items, and most items have one vote: no vote can be compared with another. Take "
            "majority, or get more votes on each item"
        )
    needed = _NATS if len(votes.answers) == len(result.truths) else _NATS_OF_SCALE
    lost, gain = _compare(votes, result, known, fit)
    if gain >= needed * lost:
        return ""
    if gain >= _NATS and _is_supported_by_others(votes, result, known, fit, needed):
        return ""
    return (
        f"{decides} {free.size:,} items. A simpler model, with one accuracy for each rater, expects {lost:,.0f} "
        f"fewer items to be correct than by the majority, and {method} does not predict the votes much better. "
        "Take majority, or get more votes on each item"
    )


def _is_supported_by_others(
    votes: Votes, result: Posterior, known: npt.NDArray[np.integer], fit: Fit, needed: float
) -> bool:
    """Whether the votes of raters who do not mislead are on most items, and support the result."""
    is_misleading = _is_misleading(votes, result)
    if not is_misleading.any():
        return False
    others = _votes_at(votes, ~is_misleading[votes.rater_ids])
    free, against = _against(others, result, known)
    if free.size <= _MOST * np.count_nonzero((known < 0) & (votes.sizes > 0)) or against > _AGAINST_OTHERS * free.size:
        return False
    lost, gain = _compare(others, result, known, fit)
    return gain >= needed * lost


def _against(votes: Votes, result: Posterior, known: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int64], float]:
    """The items with votes that are not golden, and on how many of them the result is not the majority."""
    free = np.flatnonzero((known < 0) & (votes.sizes > 0))
    return free, free.size - float(_by_votes(votes, result.truths)[free, result.most_likely()[free]].sum())


def _compare(votes: Votes, result: Posterior, known: npt.NDArray[np.integer], fit: Fit) -> tuple[float, float]:
    """The items that a simpler model expects to lose, and by how many nats the votes are predicted better than by it.

    Both are 0 where the result is the majority on nearly all items, or the simpler model expects to lose hardly any.
    """
    free, against = _against(votes, result, known)
    if against <= _AGAINST * free.size:
        return 0.0, 0.0
    pinned = Pinned.to_truths(np.arange(known.size), known, truths=len(result.truths))

    def fit_simple(some: Votes) -> tuple[RaterModel, Posterior]:
        simple = fit_alike(some, result.truths, pinned)
        return simple.model, simple.posterior

    expected = fit_simple(votes)[1].values[free]
    leading, best = _by_votes(votes, result.truths)[free], result.most_likely()[free]
    lost = float((expected * leading).sum() - expected[np.arange(free.size), best].sum())
    if lost <= max(_LOST * free.size, _LEAST_LOST):
        return 0.0, 0.0
    return lost, _log_predictions(votes, fit) - _log_predictions(votes, fit_simple)


def _is_misleading(votes: Votes, result: Posterior) -> npt.NDArray[np.bool_]:
    """Whether each rater's votes do not depend on the truth, and are correct less often than by chance."""
    step = max(1, _MOST_CELLS // (len(result.truths) * len(votes.answers)))
    by_rater = np.argsort(votes.rater_ids, kind="stable")
    edges = np.searchsorted(votes.rater_ids[by_rater], np.arange(0, len(votes.raters) + step, step))
    shares = answer_shares(votes, result.truths)
    raters = [min(step, len(votes.raters) - first) for first in range(0, len(votes.raters), step)]
    parts = [
        _are_misleading(votes, result, by_rater[start:end], first * step, count, shares)
        for first, (start, end, count) in enumerate(zip(edges[:-1], edges[1:], raters, strict=True))
    ]
    return np.concatenate(parts)


def _are_misleading(
    votes: Votes, result: Posterior, rows: npt.NDArray[np.int64], first: int, raters: int, shares: Floats
) -> npt.NDArray[np.bool_]:
    """Whether some raters, from the first on, mislead; the votes at `rows` are theirs. Few of their matrices fit."""
    truths, answers = len(result.truths), len(votes.answers)
    counts = np.empty((raters, truths, answers))
    cells = (votes.rater_ids[rows] - np.int64(first)) * answers + votes.answer_ids[rows]
    for truth in range(truths):
        weights = result.values[votes.item_ids[rows], truth]
        counts[:, truth] = np.bincount(cells, weights, minlength=raters * answers).reshape(raters, answers)
    sizes = counts.sum(axis=(1, 2))
    # Log likelihoods of the rater's votes, by their matrix and by the shares of their answers.
    by_matrix = (_log_shares(counts) - _log_shares(counts.sum(axis=2)[..., None])).sum(axis=1)
    by_shares = _log_shares(counts.sum(axis=1)) - _log_shares(sizes[:, None])
    nats = _NATS_OF_A_CELL * (truths - 1) * (answers - 1)
    correct = (counts * shares.T).sum(axis=(1, 2))
    return np.asarray((by_matrix - by_shares < nats) & (correct * truths < sizes - _ROUNDING))


def _by_votes(votes: Votes, truths: Sequence[Id]) -> Floats:
    """1 for the truth for which an item's votes speak most, shared by equals; shape (items, truths)."""
    from reassess.numeric.em_kernels import spread

    shares = np.empty((len(votes.items), len(truths)))
    spread(votes.indptr, votes.answer_ids, answer_shares(votes, truths), shares)
    leading = shares >= shares.max(axis=1, keepdims=True) - _ROUNDING
    return np.asarray(leading / leading.sum(axis=1, keepdims=True))


def _places_by_name(votes: Votes) -> npt.NDArray[np.int64]:
    """The place of each item's image, or of the plain item, among the sorted names: the rows' order does not count."""
    if isinstance(votes.items, Questions):
        return _places(votes.items.images)[votes.items.image_ids]
    return _places(votes.items)


def _places(names: Sequence[Id]) -> npt.NDArray[np.int64]:
    return np.argsort(np.argsort(np.array([str(name) for name in names], object), kind="stable"))


def _log_predictions(votes: Votes, fit: Fit) -> float:
    """The sum over the votes of the log probability of each, given those of the other folds."""
    rng = np.random.default_rng(0)
    of_items = rng.integers(0, _FOLDS, len(votes.items))[_places_by_name(votes)]
    of_raters = rng.integers(0, _FOLDS, len(votes.raters))[_places(votes.raters)]
    folds = (of_items[votes.item_ids] + of_raters[votes.rater_ids]) % _FOLDS
    log_sum = 0.0
    for fold in range(_FOLDS):
        is_out = folds == fold
        items, raters, answers = votes.item_ids[is_out], votes.rater_ids[is_out], votes.answer_ids[is_out]
        with warnings.catch_warnings(action="ignore", category=ReassessWarning):
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


def _log_shares(counts: Floats) -> Floats:
    """The sum of n log n over the last axis."""
    return np.asarray((counts * np.log(np.maximum(counts, _TINY))).sum(axis=-1))


def _is_correct(result: Posterior, judged: Votes, truth: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether the most probable truth of each judged item is its truth."""
    if judged.classes is None:
        best = result.most_likely()[find_items(result.items, judged.items)]
        return np.asarray(best == truth)
    scores = result.scores(result.truths[-1])
    order = np.lexsort((-scores.questions.class_ids, scores.values, scores.questions.image_ids))
    last = np.searchsorted(scores.questions.image_ids[order], scores.questions.rows_of(judged.images), side="right") - 1
    return np.asarray(scores.questions.class_ids[order[last]] == judged.class_ids[truth])
