"""The weights and the power of stacking: methods predict votes, and truths of golden items, that they have not seen."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em_inputs import Floats
from reassess.aggregation.vote_folds import N_FOLDS, assign_vote_folds, select_votes, split_into_folds_by_image
from reassess.core import Votes
from reassess.core.checks import check_known
from reassess.core.items import StoredItems, hash_names, take_items
from reassess.errors import DataError

CALIBRATED = "calibrated"
_MAX_FOLD_ITERATIONS = 60
_LOG_POWER_SD = np.log(2) / 2  # of the prior, if there are golden items: the power is uncertain by a factor of 1.4
_TINY = np.finfo(float).tiny
_PSEUDO_VOTES = 0.5  # per item, if majority has at least half of the weight
_MAX_NEWTON_STEPS = 100
_POWER = "power"  # the key of the power among known weights
_SUM_TOLERANCE = 1e-6  # of the sum of known weights
_MIN_WEIGHT = 1e-6  # a smaller weight becomes 0

Ints = npt.NDArray[np.int64]


class MethodFit(Protocol):
    """The fit of one of the methods to votes."""

    def compute_vote_probabilities(self, items: Ints, raters: Ints, answers: Ints) -> Floats:
        """Compute the probability of each vote: the sum over truths of P(truth | other votes) * P(answer | truth)."""

    def compute_truth_probabilities(self, items: Ints, truths: Ints) -> Floats:
        """Return the posterior of a truth of each item."""

    def without_matrices(self) -> Self:
        """Return only the posterior, which needs less memory."""


Fit = TypeVar("Fit", bound=MethodFit)


class StackedMethods(Protocol[Fit]):
    """The methods that are averaged. The first one is majority."""

    @property
    def names(self) -> tuple[str, ...]:
        """The methods, except calibrated."""

    @property
    def max_sampled_items(self) -> int:
        """About the largest number of items, besides golden items, that weights are chosen on."""

    def fit(self, votes: Votes, truth_ids: Ints, max_iterations: int) -> Mapping[str, Fit]:
        """Fit each method to votes, with known truths; calibrated only if there are known truths."""

    def average(
        self, votes: Votes, truth_ids: Ints, fits: Iterable[Fit], weights: Iterable[float], power: float
    ) -> Fit:
        """Compute the weighted mean of the posteriors, temper it by a power, and estimate the raters' matrices."""


@dataclass(frozen=True, eq=False)
class StackingWeights:
    """The weight of each method and the power of the tempering, and what they were chosen by."""

    by_method: Mapping[str, float]
    power: float
    n_predicted_votes: int  # votes that each method predicted without having seen them
    n_predicted_truths: int  # golden items whose truth each method predicted without having seen it

    @property
    def facts(self) -> dict[str, Any]:
        """The weights, the power, and what they were chosen by, for `Aggregation.facts`."""
        return {
            "weights": dict(self.by_method),
            "tempering_power": self.power,
            "predicted_votes": self.n_predicted_votes,
            "predicted_golden_items": self.n_predicted_truths,
        }


class _FoldFits(NamedTuple, Generic[Fit]):
    """Fits to the votes outside a fold, and their predictions of the fold's votes and of truths of golden items."""

    votes: Votes
    truth_ids: Ints
    fits: tuple[Fit, ...]  # without matrices
    unseen_votes: tuple[Ints, Ints, Ints]  # item, rater and answer of each vote
    unseen_truths: tuple[Ints, Ints]  # golden item and its truth
    vote_probabilities: Floats  # shape (unseen votes, methods)
    truth_probabilities: Floats  # shape (golden items, methods)


def check_weights(weights: object) -> None:
    """Raise `DataError` unless weights are an object with the weight of each method, and with the power."""
    values: dict[str, Any] = dict(weights) if isinstance(weights, Mapping) else {}
    are_numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in values.values())
    power = values.pop(_POWER, 0) if are_numbers else 0
    is_valid = (
        power > 0 and all(each >= 0 for each in values.values()) and abs(sum(values.values()) - 1) < _SUM_TOLERANCE
    )
    if not (are_numbers and is_valid):
        raise DataError(
            "wrong-weights",
            "weights of stacking do not fit",
            allowed='weights of methods with a sum of 1, and a power: {"majority": 0.6, "em": 0.4, "power": 1.5}',
            found=repr(weights),
        )


def find_weights(
    votes: Votes, truth_ids: Ints, methods: StackedMethods[Fit], known_weights: Mapping[str, float] | None = None
) -> StackingWeights:
    """Find the weight of each method, and the power of the tempering; with golden items, also of calibrated.

    `truth_ids`, shape (items,), is the position of each golden item's truth among the truths; -1 for other items. If
    the weights are known, they are only checked.
    """
    names = (*methods.names, CALIBRATED) if (truth_ids >= 0).any() else methods.names
    if known_weights is not None:
        check_weights(known_weights)
        check_known([name for name in known_weights if name != _POWER], names, value_name="method of stacking")
        by_method = {name: float(known_weights.get(name, 0)) for name in names}
        return StackingWeights(by_method, float(known_weights[_POWER]), 0, 0)
    rows = _sample_items(votes, truth_ids, methods.max_sampled_items)
    if rows is not None:
        votes, truth_ids = votes.select_items(rows), truth_ids[rows]
    folds = list(_fit_folds(votes, truth_ids, methods))
    none = np.zeros((0, len(names)))
    of_votes = np.concatenate([none, *(fold.vote_probabilities for fold in folds)])
    of_truths = np.concatenate([none, *(fold.truth_probabilities for fold in folds)])
    weights = choose_weights(of_votes, of_truths).tolist()
    power = _choose_power(folds, methods, weights)
    return StackingWeights(dict(zip(names, weights, strict=True)), power, len(of_votes), len(of_truths))


def choose_weights(vote_probabilities: Floats, truth_probabilities: Floats) -> Floats:
    """Choose the weight of each method; float64, shape (methods,), adds up to 1.

    The arguments are the probabilities of unseen votes, shape (votes, methods), and of unseen truths of golden items,
    shape (golden items, methods). The first method is majority.
    """
    n_methods = vote_probabilities.shape[1]
    majority = np.eye(n_methods)[0]
    none = np.zeros(n_methods)
    best = _maximize_log_sum(vote_probabilities, none) if len(vote_probabilities) else majority
    by_votes: Floats = (best + majority) / 2
    if not len(truth_probabilities):
        return by_votes
    return _maximize_log_sum(truth_probabilities, n_methods * by_votes)


def count_pseudo_votes(majority_weight: float) -> float:
    """Return the number of pseudo-votes per item: 0.5, or less if majority has less than half of the weight."""
    return min(_PSEUDO_VOTES, majority_weight)


def _maximize_log_sum(probabilities: Floats, pseudo_counts: Floats) -> Floats:
    """Find the weights that maximize the sum of log(probabilities @ weights) + pseudo_counts @ log(weights).

    The problem is concave. Newton's method keeps weights inside the simplex by a barrier, which decreases to 0.
    """
    n_methods, total = probabilities.shape[1], len(probabilities) + pseudo_counts.sum()
    probabilities, weights = np.maximum(probabilities, _TINY), np.full(n_methods, 1 / n_methods)

    def value(weights: Floats, counts: Floats) -> float:
        """Return the objective, with the barrier; minus infinity outside the simplex."""
        if (weights <= 0).any():
            return -np.inf
        return float(np.log(probabilities @ weights).sum() + counts @ np.log(weights))

    for barrier in total * np.array([1e-2, 1e-4, 1e-6, 1e-8]):
        counts = pseudo_counts + barrier
        for _ in range(_MAX_NEWTON_STEPS):
            ratios = probabilities / (probabilities @ weights)[:, None]
            gradient = ratios.sum(axis=0) + counts / weights
            system = np.ones((n_methods + 1, n_methods + 1))  # with a row for the sum of the weights
            system[:-1, :-1], system[-1, -1] = ratios.T @ ratios + np.diag(counts / weights**2), 0
            step = np.linalg.solve(system, np.append(gradient, 0))[:-1]
            gain = float(gradient @ step)
            if gain < 1e-12 * total:
                break
            before, size = value(weights, counts), 1.0
            while value(weights + size * step, counts) < before + 0.1 * size * gain and size > 1e-9:
                size /= 2
            weights = weights + size * step
            weights /= weights.sum()
    weights[weights < _MIN_WEIGHT] = 0
    return np.asarray(weights / weights.sum())


def _sample_items(votes: Votes, truth_ids: Ints, max_items: int) -> Ints | None:
    """Select the items that weights are chosen on: golden items, and about `max_items` random items; None for all."""
    if len(votes.items) <= max_items:
        return np.arange(len(votes.items)) if isinstance(votes.items, StoredItems) else None
    is_sampled = hash_names(votes.items) < np.uint64(max_items * 2**64 // len(votes.items))
    return np.flatnonzero(is_sampled | (truth_ids >= 0))


def _fit_folds(votes: Votes, truth_ids: Ints, methods: StackedMethods[Fit]) -> Iterator[_FoldFits[Fit]]:
    """For each fold, fit the methods without the fold's votes and truths, and predict these."""
    vote_folds, item_folds = assign_vote_folds(votes), _assign_golden_folds(votes, truth_ids)
    is_surplus = find_surplus_votes(votes, truth_ids)
    for fold in range(N_FOLDS):
        is_unseen, unseen_items = vote_folds == fold, np.flatnonzero(item_folds == fold)
        if is_unseen.all() or not (is_unseen.any() or unseen_items.size):
            continue
        seen_truth_ids = truth_ids.copy()
        seen_truth_ids[unseen_items] = -1
        is_kept = ~is_unseen & ~(is_surplus & (item_folds == fold)[votes.item_ids])
        seen_votes = select_votes(votes, is_kept)
        is_predicted = is_unseen & (seen_votes.sizes > 0)[votes.item_ids]  # the item's other votes predict its truth
        fits = tuple(methods.fit(seen_votes, seen_truth_ids, _MAX_FOLD_ITERATIONS).values())
        unseen_votes = votes.item_ids[is_predicted], votes.rater_ids[is_predicted], votes.answer_ids[is_predicted]
        unseen_truths = unseen_items, truth_ids[unseen_items]
        yield _FoldFits(
            seen_votes,
            seen_truth_ids,
            tuple(fit.without_matrices() for fit in fits),
            unseen_votes,
            unseen_truths,
            np.stack([fit.compute_vote_probabilities(*unseen_votes) for fit in fits], axis=1),
            np.stack([fit.compute_truth_probabilities(*unseen_truths) for fit in fits], axis=1),
        )


def _assign_golden_folds(votes: Votes, truth_ids: Ints) -> Ints:
    """Assign golden items with votes to folds, by item or image; -1 for other items, or if there are too few."""
    folds, golden = np.full(len(votes.items), -1), np.flatnonzero((truth_ids >= 0) & (votes.sizes > 0))
    for number, rows in enumerate(split_into_folds_by_image(votes, golden) or ()):
        folds[rows] = number
    return folds


def find_surplus_votes(votes: Votes, truth_ids: Ints) -> npt.NDArray[np.bool_]:
    """Find votes on golden items beyond the usual number of votes on other items; bool, shape (votes,).

    Methods predict the truth of a golden item without these votes, because their errors depend on the number of votes.
    The votes that are kept are chosen separately for each item, by hashes of the names of the item and of the raters.
    """
    is_surplus, golden = np.zeros(len(votes), np.bool_), np.flatnonzero(truth_ids >= 0)
    others = votes.sizes[(truth_ids < 0) & (votes.sizes > 0)]
    if not golden.size or not others.size:
        return is_surplus
    usual = int(np.ceil(others.mean()))
    crowded = golden[votes.sizes[golden] > usual]
    item_hashes, rater_hashes = hash_names(take_items(votes.items, crowded)), hash_names(votes.raters)
    for item, item_hash in zip(crowded.tolist(), item_hashes, strict=True):
        start, end = votes.indptr[item : item + 2]
        order = np.argsort(rater_hashes[votes.rater_ids[start:end]] ^ item_hash, kind="stable")
        is_surplus[start + order[usual:]] = True
    return is_surplus


# --- the power of the tempering ---------------------------------------------------------------------------------------


def _choose_power(folds: Sequence[_FoldFits[Fit]], methods: StackedMethods[Fit], weights: Sequence[float]) -> float:
    """Choose the power that probabilities are raised to: by unseen votes, and by truths of golden items."""

    def average(fold: _FoldFits[Fit], power: float) -> Fit:
        """Average the fits of a fold, with this power."""
        return methods.average(fold.votes, fold.truth_ids, fold.fits, weights, power)

    def loss_of_votes(power: float) -> float:
        """Return the negative log likelihood of unseen votes."""
        votes = (average(fold, power).compute_vote_probabilities(*fold.unseen_votes) for fold in folds)
        return -sum(map(_sum_logs, votes))

    log_power = np.log(_search_power(loss_of_votes)) / 2 if any(fold.unseen_votes[0].size for fold in folds) else 0.0

    def loss_with_truths(power: float) -> float:
        """Return the negative log likelihood of truths, and of the power's prior."""
        truths = [average(fold, power).compute_truth_probabilities(*fold.unseen_truths) for fold in folds]
        distance = (np.log(power) - log_power) / _LOG_POWER_SD
        return float(distance**2 / 2) - _sum_logs(np.concatenate(truths))

    if any(fold.unseen_truths[0].size for fold in folds):
        return _search_power(loss_with_truths)
    return float(np.exp(log_power))


def _search_power(loss: Callable[[float], float]) -> float:
    """Find the power with the lowest loss, among the powers 2**(j / 4) for j from -11 to 15."""
    losses: dict[int, float] = {}

    def look_up_loss(step: int) -> float:
        """Compute the loss of a power once."""
        if step not in losses:
            losses[step] = loss(2 ** (step / 4))
        return losses[step]

    best = min(range(-8, 13, 4), key=look_up_loss)
    for distance in (2, 1):
        best = min((best, best - distance, best + distance), key=look_up_loss)
    return float(2 ** (best / 4))


def _sum_logs(probabilities: Floats) -> float:
    """Sum the logarithms of probabilities."""
    return float(np.log(np.maximum(probabilities, _TINY)).sum())
