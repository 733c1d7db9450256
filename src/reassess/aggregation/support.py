"""Check whether votes or golden answers support scores that decide against the majority of the votes.

A rater model that decides against the majority is compared with a simpler model, where each rater has one accuracy.
By the simpler model, the decisions have fewer correct items than the majority; the difference is the number of lost
items. For each lost item, the rater model must predict the votes better by 9 nats, or by 2 nats if there are more
answers than truths. Predictions are cross-validated: votes are split into five folds, and both models predict each fold
after a fit to the other four.

The probability of answer a by rater r on item i is the sum over t of q[i, t] pi[r, t, a], with the posterior q and the
confusion matrices pi of the other folds.

A single accuracy is a poor model of a rater who always gives the same answer. So if the rater model predicts the votes
better, but not by enough, both models are compared again without misleading raters. A rater is misleading if their
votes do not depend on the truth, and are correct less often than by chance.

If the votes do not support the method, a cross-validation on golden items can still show that it is better than the
majority.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.aggregation.dawid_skene import fit_one_accuracy
from reassess.aggregation.em_inputs import Pinned, answer_weights
from reassess.aggregation.golden_items import image_folds, votes_on
from reassess.core import Id, Posterior, Questions, RaterModel, Votes
from reassess.core.items import find_items, take_items
from reassess.errors import ReassessWarning

_AGAINST = 0.02  # decisions against the majority on a smaller share of items are not checked
_AGAINST_OTHERS = 0.3  # if a larger share is against the raters who do not mislead, these do not support the method
_LOST, _LEAST_LOST = 0.01, 1.5  # share and number of lost items; the simpler model is too uncertain about fewer
_NATS = 9.0  # required gain in predicting the votes, per lost item
_NATS_OF_SCALE = 2.0  # the same if there are more answers than truths, because one accuracy is then a poor model
_NATS_OF_CELL = 2.0  # gain per free cell of a matrix that overfitting can explain
_MOST = 0.5  # if a larger share of items has one vote, good and bad raters cannot be distinguished
_FOLDS = 5
_GOLDEN_FOLDS = 10  # one fit of em per fold; a fold per golden image would need hundreds of fits
_FEWEST = 2  # golden images, or plain items, needed to leave one out
_CLEAR = 3  # a lead on golden items above this number of standard errors outweighs the votes
_ROUNDING = 1e-9
_MOST_CELLS = 1 << 22  # matrix cells in memory at a time
_TINY = np.finfo(float).tiny

Floats = npt.NDArray[np.float64]
Fit = Callable[[Votes], tuple[RaterModel, Posterior]]


@dataclass(frozen=True)
class GoldenTrial:
    """Results of cross-validation on golden items."""

    correct: Mapping[str, Floats]  # by method: whether each golden item is correct, 0 to 1, shape (golden items,)
    unit: npt.NDArray[np.int64]  # image of each golden item, or the plain item itself, shape (golden items,)
    folds: int  # 0 if there are too few images or items
    has_images: bool

    def is_better(self, method: str, baseline: str, *, errors: int) -> bool:
        """Return whether a method leads the baseline by more than `errors` standard errors.

        The lead is the number of correct items, and the standard error is that of paired differences over images.
        """
        differences = np.bincount(self.unit, self.correct[method] - self.correct[baseline])
        lead, units = differences.sum(), differences.size
        # The sample variance has n - 1 in its denominator. Squared on both sides, so that integers stay exact.
        return bool(lead > 0 and lead**2 * (units - 1 + errors**2) > errors**2 * units * (differences**2).sum())


def try_on_golden(
    votes: Votes,
    experts: Votes,
    golden: Votes,
    truths: Sequence[Id],
    truth: npt.NDArray[np.int64],
    methods: Mapping[str, Callable[[Votes, Votes], Posterior]],
) -> GoldenTrial:
    """Cross-validate methods and the majority on golden items.

    `truth` is the truth of each item of `experts`, or -1. A method takes the votes on the golden items of a fold, and
    the golden answers of the other folds.
    """
    rows = np.flatnonzero((truth >= 0) & (votes_on(experts.items, votes) > 0) & (votes_on(experts.items, golden) > 0))
    units = _ranks_by_name(experts)
    numbers, unit = np.unique(units[rows], return_inverse=True)
    correct = {method: np.zeros(rows.size) for method in (*methods, "majority")}
    folds = min(_GOLDEN_FOLDS, numbers.size)
    if folds < _FEWEST:
        return GoldenTrial(correct, unit, 0, bool(experts.images))
    fold = image_folds(numbers.size, folds)
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        for number in range(folds):
            others = experts.without_items(np.flatnonzero(np.isin(units, numbers[fold == number])))
            out = np.flatnonzero(fold[unit] == number)
            fold_votes = votes.restrict(votes.find(take_items(experts.items, rows[out])))
            fold_truth = truth[rows[out]]
            for name, method in methods.items():
                correct[name][out] = _is_correct(method(fold_votes, others), fold_votes, fold_truth)
            correct["majority"][out] = _by_votes(fold_votes, truths)[np.arange(out.size), fold_truth]
    return GoldenTrial(correct, unit, folds, bool(experts.images))


def warn_of_doubt(
    votes: Votes,
    result: Posterior,
    item_truth: npt.NDArray[np.integer],
    fit: Fit,
    *,
    method: str,
    trial: Callable[[], GoldenTrial] | None,
) -> None:
    """Warn if a method decides against the majority, and neither votes nor golden answers support this.

    `item_truth`, shape (items,), is the truth of golden items, and -1 for other items. `fit` applies the method to some
    of the votes. `trial` cross-validates it on golden items; it runs only if the votes do not support the method.
    """
    warn_unless_clear(_doubt(votes, result, item_truth, fit, method), method, trial)


def warn_unless_clear(doubt: str, method: str, trial: Callable[[], GoldenTrial] | None) -> None:
    """Warn of a doubt, unless it is empty or golden answers clearly show that the method beats the majority."""
    if doubt and (trial is None or not trial().is_better(method, "majority", errors=_CLEAR)):
        warnings.warn(doubt, ReassessWarning, stacklevel=5)


def _doubt(votes: Votes, result: Posterior, item_truth: npt.NDArray[np.integer], fit: Fit, method: str) -> str:
    """The text of the warning; empty if the votes support the method."""
    free, against = _count_against(votes, result, item_truth)
    if against <= _AGAINST * free.size:
        return ""
    start = f"the votes do not support {method}: it decides against their majority on {against:,.0f} of"
    if np.count_nonzero(votes.sizes[free] == 1) > _MOST * free.size:
        return (
            f"{start} {free.size:,} items, and most items have one vote, so votes cannot be compared. Use majority, "
            "or get more votes per item"
        )
    needed = _NATS if len(votes.answers) == len(result.truths) else _NATS_OF_SCALE
    lost, gain = _compare(votes, result, item_truth, fit)
    if gain >= needed * lost:
        return ""
    if gain >= _NATS and _is_supported_by_others(votes, result, item_truth, fit, needed):
        return ""
    return (
        f"{start} {free.size:,} items. By a simpler model, with one accuracy per rater, {lost:,.0f} fewer items are "
        f"correct than by majority, and {method} does not predict the votes much better. Use majority, or get more "
        "votes per item"
    )


def _is_supported_by_others(
    votes: Votes, result: Posterior, item_truth: npt.NDArray[np.integer], fit: Fit, needed: float
) -> bool:
    """Whether raters who do not mislead voted on most items, and their votes support the result."""
    is_misleading = _is_misleading(votes, result)
    if not is_misleading.any():
        return False
    others = _select_votes(votes, ~is_misleading[votes.rater_ids])
    free, against = _count_against(others, result, item_truth)
    n_items = np.count_nonzero((item_truth < 0) & (votes.sizes > 0))
    if free.size <= _MOST * n_items or against > _AGAINST_OTHERS * free.size:
        return False
    lost, gain = _compare(others, result, item_truth, fit)
    return gain >= needed * lost


def _count_against(
    votes: Votes, result: Posterior, item_truth: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], float]:
    """The rows of items that have votes and are not golden, and the number decided against the majority."""
    free = np.flatnonzero((item_truth < 0) & (votes.sizes > 0))
    return free, free.size - float(_by_votes(votes, result.truths)[free, result.most_likely()[free]].sum())


def _compare(votes: Votes, result: Posterior, item_truth: npt.NDArray[np.integer], fit: Fit) -> tuple[float, float]:
    """The lost items by the simpler model, and the gain in nats over it; both 0 if there is nothing to check."""
    free, against = _count_against(votes, result, item_truth)
    if against <= _AGAINST * free.size:
        return 0.0, 0.0
    pinned = Pinned.to_truths(np.arange(item_truth.size), item_truth, truths=len(result.truths))

    def fit_simple(votes: Votes) -> tuple[RaterModel, Posterior]:
        simple = fit_one_accuracy(votes, result.truths, pinned)
        return simple.model, simple.posterior

    expected = fit_simple(votes)[1].values[free]
    leading, best = _by_votes(votes, result.truths)[free], result.most_likely()[free]
    lost = float((expected * leading).sum() - expected[np.arange(free.size), best].sum())
    if lost <= max(_LOST * free.size, _LEAST_LOST):
        return 0.0, 0.0
    return lost, _cross_validated_log_likelihood(votes, fit) - _cross_validated_log_likelihood(votes, fit_simple)


def _is_misleading(votes: Votes, result: Posterior) -> npt.NDArray[np.bool_]:
    """Whether each rater is misleading: votes independent of the truth, and worse than chance."""
    step = max(1, _MOST_CELLS // (len(result.truths) * len(votes.answers)))
    by_rater = np.argsort(votes.rater_ids, kind="stable")
    edges = np.searchsorted(votes.rater_ids[by_rater], np.arange(0, len(votes.raters) + step, step))
    shares = answer_weights(votes, result.truths)
    raters = [min(step, len(votes.raters) - first) for first in range(0, len(votes.raters), step)]
    parts = [
        _are_misleading(votes, result, by_rater[start:end], first * step, count, shares)
        for first, (start, end, count) in enumerate(zip(edges[:-1], edges[1:], raters, strict=True))
    ]
    return np.concatenate(parts)


def _are_misleading(
    votes: Votes, result: Posterior, rows: npt.NDArray[np.int64], first: int, raters: int, shares: Floats
) -> npt.NDArray[np.bool_]:
    """`_is_misleading` for a block of raters from `first` on, whose votes are at `rows`."""
    truths, answers = len(result.truths), len(votes.answers)
    counts = np.empty((raters, truths, answers))
    cells = (votes.rater_ids[rows] - np.int64(first)) * answers + votes.answer_ids[rows]
    for truth in range(truths):
        weights = result.values[votes.item_ids[rows], truth]
        counts[:, truth] = np.bincount(cells, weights, minlength=raters * answers).reshape(raters, answers)
    sizes = counts.sum(axis=(1, 2))
    # Log likelihood of the rater's votes by their own matrix, and by the overall shares of their answers.
    by_matrix = (_sum_n_log_n(counts) - _sum_n_log_n(counts.sum(axis=2)[..., None])).sum(axis=1)
    by_shares = _sum_n_log_n(counts.sum(axis=1)) - _sum_n_log_n(sizes[:, None])
    nats = _NATS_OF_CELL * (truths - 1) * (answers - 1)
    correct = (counts * shares.T).sum(axis=(1, 2))
    return np.asarray((by_matrix - by_shares < nats) & (correct * truths < sizes - _ROUNDING))


def _by_votes(votes: Votes, truths: Sequence[Id]) -> Floats:
    """1 for the truth with the most votes on each item, divided equally among ties; shape (items, truths)."""
    from reassess.numeric.em_kernels import write_mean_shares

    shares = np.empty((len(votes.items), len(truths)))
    write_mean_shares(votes.indptr, votes.answer_ids, answer_weights(votes, truths), shares)
    leading = shares >= shares.max(axis=1, keepdims=True) - _ROUNDING
    return np.asarray(leading / leading.sum(axis=1, keepdims=True))


def _ranks_by_name(votes: Votes) -> npt.NDArray[np.int64]:
    """The rank of each item's image (or plain item) by name, so that the order of rows does not matter."""
    if isinstance(votes.items, Questions):
        return _ranks(votes.items.images)[votes.items.image_ids]
    return _ranks(votes.items)


def _ranks(names: Sequence[Id]) -> npt.NDArray[np.int64]:
    return np.argsort(np.argsort(np.array([str(name) for name in names], object), kind="stable"))


def _cross_validated_log_likelihood(votes: Votes, fit: Fit) -> float:
    """The cross-validated log likelihood of the votes, summed over folds."""
    rng = np.random.default_rng(0)
    of_items = rng.integers(0, _FOLDS, len(votes.items))[_ranks_by_name(votes)]
    of_raters = rng.integers(0, _FOLDS, len(votes.raters))[_ranks(votes.raters)]
    folds = (of_items[votes.item_ids] + of_raters[votes.rater_ids]) % _FOLDS
    log_sum = 0.0
    for fold in range(_FOLDS):
        is_out = folds == fold
        items, raters, answers = votes.item_ids[is_out], votes.rater_ids[is_out], votes.answer_ids[is_out]
        with warnings.catch_warnings(action="ignore", category=ReassessWarning):
            model, result = fit(_select_votes(votes, ~is_out))
        matrices, probabilities = model.matrices_of(votes.raters), np.zeros(items.size)
        for truth in range(len(model.truths)):
            probabilities += result.values[items, truth] * matrices[raters, truth, answers]
        log_sum += float(np.log(np.maximum(probabilities, _TINY)).sum())
    return log_sum


def _select_votes(votes: Votes, is_kept: npt.NDArray[np.bool_]) -> Votes:
    """Some of the votes, with all items and raters."""
    return replace(
        votes,
        indptr=np.concatenate([[0], np.cumsum(is_kept)])[votes.indptr],
        rater_ids=votes.rater_ids[is_kept],
        answer_ids=votes.answer_ids[is_kept],
        seconds=None,
    )


def _sum_n_log_n(counts: Floats) -> Floats:
    """The sum of n log n over the last axis."""
    return np.asarray((counts * np.log(np.maximum(counts, _TINY))).sum(axis=-1))


def _is_correct(result: Posterior, votes: Votes, truth: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether the most likely truth of each item of `votes` is its truth."""
    if votes.classes is None:
        best = result.most_likely()[find_items(result.items, votes.items)]
        return np.asarray(best == truth)
    scores = result.to_scores(result.truths[-1])
    order = np.lexsort((-scores.questions.class_ids, scores.values, scores.questions.image_ids))
    last = np.searchsorted(scores.questions.image_ids[order], scores.questions.rows_of(votes.images), side="right") - 1
    return np.asarray(scores.questions.class_ids[order[last]] == votes.class_ids[truth])
