"""Errors that raters share: how many independent votes the votes on an item are worth.

If K raters vote on an item and the mean correlation of their errors, given the truth, is r, then the mean of the errors
has the variance of K / (1 + (K - 1) r) independent votes with the same error rates. This is the *effective number* of
raters. r is the sum of the products of two raters' errors, centred at their error rates, over all pairs of votes on an
item, divided by the sum of the products of their standard deviations. Since the error rates are estimated from the same
votes, each product is divided by its expected share (with n and m votes of the raters, c of them on the same items:
1 - 1/n - 1/m + c/(n m)).

Source: Kish, Survey Sampling (1965), for the design effect 1 + (K - 1) r.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.agreement import image_or_item_ids, keep_first_votes
from reassess.core import Id, Votes
from reassess.numeric.arrays import split_rows
from reassess.numeric.proportions import adjust_p_values

MIN_ERRORS = 20  # with fewer errors, the correlation is not estimated
_MIN_CORRELATION = 0.3  # raters err together if the correlation of their errors is at least this, and significant
_LEVEL = 0.05  # of all pairs together
_MIN_COMMON = 20  # images with votes by both raters, to test a pair
_MAX_RATERS = 4_096  # for tables of all pairs
_ROWS_PER_BLOCK = 4_096
_MIN_DESIGN_EFFECT = 1e-3
_NORMAL_QUANTILE = 1.6448536269514722  # 95 % point of the standard normal distribution
MODEL_PATTERN = re.compile(r".+#[0-9a-f]{8}")  # raters whose votes come from `rate`

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EffectiveNumber:
    """How many independent votes the votes on an item are worth, for items of one truth."""

    kind: str  # of raters: "all", "people" or "models"
    truth: Id
    n_items: int  # golden items of this truth with votes
    n_errors: int  # wrong votes on them
    votes_per_item: float
    correlation: float | None  # mean correlation of two raters' errors; None with fewer than 20 errors
    value: float | None  # the effective number
    interval: tuple[float, float] | None  # 95 % interval over images

    def value_for(self, votes_per_item: float) -> float | None:
        """Return the effective number with another number of votes per item."""
        return None if self.correlation is None else _effective_number(votes_per_item, self.correlation)

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        low, high = self.interval or (None, None)
        return {
            "raters": self.kind,
            "truth": self.truth,
            "items": self.n_items,
            "errors": self.n_errors,
            "votes_per_item": self.votes_per_item,
            "correlation": self.correlation,
            "value": self.value,
            "low": low,
            "high": high,
        }


@dataclass(frozen=True)
class ErrorGroup:
    """Raters that err together."""

    raters: tuple[Id, ...]
    correlation: float  # mean correlation of two raters' errors, given the truth

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {"raters": list(self.raters), "correlation": self.correlation}


@dataclass(frozen=True)
class SharedErrors:
    """The effective number of raters for each truth, and groups of raters that err together."""

    effective: tuple[
        EffectiveNumber, ...
    ]  # for each truth: all raters; if both vote, then people and models separately
    groups: tuple[ErrorGroup, ...]
    between_groups: float  # correlation of the errors of raters who are not in the same group; 0 if not significant

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "effective": [number.to_json() for number in self.effective],
            "groups": [group.to_json() for group in self.groups],
            "between_groups": self.between_groups,
        }


class _Errors(NamedTuple):
    """The errors of raters with two votes or more on the items of a truth."""

    raters: npt.NDArray[np.int64]  # positions among all raters, shape (R,)
    has_vote: npt.NDArray[np.bool_]  # shape (items, R)
    centred: Floats  # 1 for an error and 0 otherwise, minus the rater's error rate; 0 without a vote; shape (items, R)
    rates: Floats  # shape (R,)
    n_votes: Floats  # shape (R,)
    images: npt.NDArray[np.int64]  # shape (items,)

    @property
    def deviations(self) -> Floats:
        """The standard deviation of each rater's errors, shape (R,)."""
        return np.sqrt(self.rates * (1 - self.rates) * self.n_votes / (self.n_votes - 1))

    def count_common(self) -> Floats:
        """Count the items that two raters voted on, shape (R, R)."""
        votes = self.has_vote.astype(np.float64)
        return np.asarray(votes.T @ votes)

    def weigh_products(self, common: Floats) -> Floats:
        """Return 1 / the expected share of each product of two raters' errors, shape (R, R)."""
        n = self.n_votes
        expected = 1 - 1 / n[:, None] - 1 / n + common / np.outer(n, n)
        return np.asarray(1 / np.maximum(expected, np.finfo(float).eps))


def measure_shared_errors(
    votes: Votes,
    truth_ids: npt.NDArray[np.integer],
    truths: Sequence[Id],
    is_correct: npt.NDArray[np.bool_],
) -> SharedErrors | None:
    """Measure the errors that raters share on golden items; None with more than 4,096 raters.

    `truth_ids`, shape (items,), is the position of each item's truth, or -1. `is_correct`, shape (truths, answers), is
    true for correct answers.
    """
    if len(votes.raters) > _MAX_RATERS:
        return None
    votes = keep_first_votes(votes)
    is_model = np.array([bool(MODEL_PATTERN.fullmatch(str(rater))) for rater in votes.raters], np.bool_)
    kinds = {"all": np.ones_like(is_model)}
    if is_model.any() and not is_model.all():
        kinds |= {"people": ~is_model, "models": is_model}
    by_kind = {
        kind: [_find_errors(votes, truth_ids == truth, is_correct[truth], is_kind) for truth in range(len(truths))]
        for kind, is_kind in kinds.items()
    }
    errors = by_kind["all"]
    groups = tuple(_find_groups(errors, votes.raters))
    return SharedErrors(
        effective=tuple(
            _measure_truth(kind, truth, each)
            for kind, errors_of_kind in by_kind.items()
            for truth, each in zip(truths, errors_of_kind, strict=True)
        ),
        groups=groups,
        between_groups=_measure_between_groups(errors, votes.raters, groups),
    )


def _find_errors(
    votes: Votes,
    is_selected: npt.NDArray[np.bool_],
    is_correct: npt.NDArray[np.bool_],
    is_counted: npt.NDArray[np.bool_],
) -> _Errors:
    """Find the errors of raters (`is_counted`) on items (`is_selected`)."""
    rows = np.flatnonzero(is_selected[votes.item_ids] & is_counted[votes.rater_ids])
    rater_ids, is_error = votes.rater_ids[rows], ~is_correct[votes.answer_ids[rows]]
    items, item_ids = np.unique(votes.item_ids[rows], return_inverse=True)
    n_votes = np.bincount(rater_ids, minlength=len(votes.raters)).astype(np.float64)
    rates = np.bincount(rater_ids, is_error, len(votes.raters)) / np.maximum(n_votes, 1)
    raters = np.flatnonzero(n_votes >= 2)
    has_vote = np.zeros((items.size, len(votes.raters)), np.bool_)
    centred = np.zeros(has_vote.shape)
    has_vote[item_ids, rater_ids] = True
    centred[item_ids, rater_ids] = is_error - rates[rater_ids]
    images = np.unique(image_or_item_ids(votes)[items], return_inverse=True)[1]
    return _Errors(raters, has_vote[:, raters], centred[:, raters], rates[raters], n_votes[raters], images)


def _measure_truth(kind: str, truth: Id, errors: _Errors) -> EffectiveNumber:
    n_items, n_votes = len(errors.images), float(errors.n_votes.sum())
    votes_per_item = n_votes / n_items if n_items else 0.0
    n_errors = round(float(errors.rates @ errors.n_votes))
    unknown = EffectiveNumber(kind, truth, n_items, n_errors, votes_per_item, None, None, None)
    if n_errors < MIN_ERRORS or votes_per_item <= 1:
        return unknown
    products, scales, influence = _sum_by_item(errors)
    if not scales.sum() > 0:
        return unknown
    correlation = float(products.sum() / scales.sum())
    by_image = np.bincount(errors.images, (products - correlation * scales - correlation * influence) / scales.sum())
    error = float(np.sqrt((by_image**2).sum() * by_image.size / max(by_image.size - 1, 1)))
    value = _effective_number(votes_per_item, correlation)
    from scipy.stats import t  # deferred import: slow

    # The interval is symmetric for the logarithm of the design effect.
    quantile = t.ppf(0.975, max(by_image.size - 1, 1))
    factor = float(np.exp(quantile * (votes_per_item - 1) * error * value / votes_per_item))
    interval = value / factor, min(value * factor, votes_per_item)
    return EffectiveNumber(kind, truth, n_items, n_errors, votes_per_item, correlation, value, interval)


def _effective_number(votes_per_item: float, correlation: float) -> float:
    effect = max(1 + (votes_per_item - 1) * correlation, _MIN_DESIGN_EFFECT)
    return min(votes_per_item / effect, votes_per_item)


def _sum_by_item(errors: _Errors, is_pair: npt.NDArray[np.bool_] | None = None) -> tuple[Floats, Floats, Floats]:
    """Sum over the pairs of votes on each item: products of errors, products of standard deviations, influence.

    The influence is that of the item's errors on the standard deviations, by the first derivative. `is_pair`, shape
    (R, R), says which pairs of raters count; by default all.
    """
    common, deviations, n = errors.count_common(), errors.deviations, errors.n_votes
    weights = errors.weigh_products(common)
    spreads = np.outer(deviations, deviations)
    if is_pair is not None:
        weights, spreads = weights * is_pair, spreads * is_pair
    np.fill_diagonal(weights, 0)
    np.fill_diagonal(spreads, 0)
    variances = deviations**2
    slopes = np.zeros(len(n))
    np.divide((common * spreads).sum(axis=1) * (1 - 2 * errors.rates), 2 * n * variances, slopes, where=variances > 0)
    products, scales = np.zeros(len(errors.images)), np.zeros(len(errors.images))
    for rows in split_rows(len(errors.images), _ROWS_PER_BLOCK):
        block, votes = errors.centred[rows], errors.has_vote[rows].astype(np.float64)
        products[rows] = ((block @ weights) * block).sum(axis=1) / 2
        scales[rows] = ((votes @ spreads) * votes).sum(axis=1) / 2
    return products, scales, errors.centred @ slopes


def _find_groups(errors: Sequence[_Errors], raters: Sequence[Id]) -> Iterator[ErrorGroup]:
    """Find groups of raters, linked by pairs whose errors are correlated, given the truth."""
    n_raters = len(raters)
    products, scales = np.zeros((n_raters, n_raters)), np.zeros((n_raters, n_raters))
    for each in errors:
        at = np.ix_(each.raters, each.raters)
        common = each.count_common()
        products[at] += (each.centred.T @ each.centred) * each.weigh_products(common)
        scales[at] += common * np.outer(each.deviations, each.deviations)
    correlations = products / np.maximum(scales, np.finfo(float).tiny)
    first, second = np.nonzero(np.triu((correlations >= _MIN_CORRELATION) & (scales > 0), 1))
    tested = [(r, s, z) for r, s in zip(first.tolist(), second.tolist(), strict=True) if (z := _test(errors, r, s))]
    n_tests = n_raters * (n_raters - 1) // 2
    from scipy.stats import norm  # deferred import: slow

    p_values = np.append(norm.sf([z for _, _, z in tested]), np.ones(n_tests - len(tested)))
    is_significant = adjust_p_values(p_values.tolist())[: len(tested)] < _LEVEL
    links = [(r, s) for (r, s, _), is_linked in zip(tested, is_significant.tolist(), strict=True) if is_linked]
    for group in _join_links(links):
        pairs = np.triu(np.ones((len(group), len(group))), 1)
        total, scale = (float((sums[np.ix_(group, group)] * pairs).sum()) for sums in (products, scales))
        yield ErrorGroup(tuple(raters[i] for i in group), total / scale)


def _measure_between_groups(errors: Sequence[_Errors], raters: Sequence[Id], groups: tuple[ErrorGroup, ...]) -> float:
    """Measure the correlation of the errors of raters in different groups; 0 if it is not significantly above 0."""
    group_of = {rater: number for number, group in enumerate(groups) for rater in group.raters}
    numbers = np.array([group_of.get(rater, len(groups) + i) for i, rater in enumerate(raters)], np.int64)
    total, scale, square = 0.0, 0.0, 0.0
    for each in errors:
        own = numbers[each.raters]
        products, scales, _ = _sum_by_item(each, own[:, None] != own)
        by_image = np.bincount(each.images, products) if products.size else products
        total, scale, square = total + by_image.sum(), scale + scales.sum(), square + (by_image**2).sum()
    is_significant = total > _NORMAL_QUANTILE * np.sqrt(square)
    return float(total / scale) if scale > 0 and is_significant else 0.0


def _test(errors: Sequence[_Errors], first: int, second: int) -> float | None:
    """Return the standardized sum of the products of two raters' errors; None with too few images."""
    sums = []
    for each in errors:
        columns = [np.flatnonzero(each.raters == rater) for rater in (first, second)]
        if all(column.size for column in columns):
            a, b = (each.centred[:, column[0]] for column in columns)
            is_common = each.has_vote[:, columns[0][0]] & each.has_vote[:, columns[1][0]]
            by_image = np.bincount(each.images[is_common], (a * b)[is_common])
            sums.append(by_image[np.unique(each.images[is_common])])
    total = np.concatenate(sums) if sums else np.zeros(0)
    return None if total.size < _MIN_COMMON or not total.any() else float(total.sum() / np.sqrt((total**2).sum()))


def _join_links(links: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Yield the groups of raters that are linked, directly or through others."""
    group_of: dict[int, set[int]] = {}
    for first, second in links:
        union = group_of.get(first, {first}) | group_of.get(second, {second})
        group_of |= dict.fromkeys(union, union)
    for group in {id(group): group for group in group_of.values()}.values():
        yield sorted(group)
