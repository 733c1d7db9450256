"""The effective number of raters equals a slow reference, covers the truth in simulations, and finds groups."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from reassess.aggregation import GoldenVotesWithTruth, rater_reliability
from reassess.aggregation.shared_errors import EffectiveNumber, SharedErrors, measure_shared_errors
from reassess.core import Questions, Votes

TRUTHS, ANSWERS = ("invalid", "valid"), ("no", "yes")
CORRECT = np.eye(2, dtype=bool)


def make_votes(
    errors: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None, images: int | None = None
) -> Votes:
    """Make votes of raters with the given errors, shape (items, raters); several questions per image if given."""
    n_items, n_raters = errors.shape
    rows, raters = np.nonzero(np.ones_like(errors, bool) if mask is None else mask)
    answers = np.where(errors, 1 - truth[:, None], truth[:, None])[rows, raters]
    keys = [(f"{item % images if images else item:04}.png", item if images else 0) for item in range(n_items)]
    items = Questions.from_columns([name for name, _ in keys], np.array([class_id for _, class_id in keys]))
    at = {(items.images[i], c): n for n, (i, c) in enumerate(zip(items.image_ids, items.class_ids, strict=True))}
    order = np.array([at[key] for key in keys])
    return Votes.from_columns(items, order[rows], raters, answers, [f"r{i}" for i in range(n_raters)], ANSWERS)


def draw_errors(rng: np.random.Generator, n: int, rates: np.ndarray, correlation: float) -> np.ndarray:
    """Draw errors by a Gaussian copula."""
    shared, own = rng.normal(size=(n, 1)), rng.normal(size=(n, rates.size))
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own < norm.ppf(rates)


def measure(votes: Votes, truth: np.ndarray) -> SharedErrors:
    result = measure_shared_errors(votes, truth, TRUTHS, CORRECT)
    assert result is not None
    return result


def slow_correlation(errors: np.ndarray, mask: np.ndarray) -> float:
    """Compute the mean correlation pair by pair, with loops."""
    raters = [r for r in range(errors.shape[1]) if mask[:, r].sum() >= 2]
    n = {r: int(mask[:, r].sum()) for r in raters}
    rate = {r: errors[mask[:, r], r].mean() for r in raters}
    deviation = {r: np.sqrt(rate[r] * (1 - rate[r]) * n[r] / (n[r] - 1)) for r in raters}
    products = scales = 0.0
    for r, s in combinations(raters, 2):
        common = [i for i in range(len(errors)) if mask[i, r] and mask[i, s]]
        share = 1 - 1 / n[r] - 1 / n[s] + len(common) / (n[r] * n[s])
        products += sum((errors[i, r] - rate[r]) * (errors[i, s] - rate[s]) for i in common) / share
        scales += len(common) * deviation[r] * deviation[s]
    return products / scales


@pytest.mark.parametrize("per_item", [2, 4, 7])
def test_correlation_equals_a_sum_over_pairs(per_item: int) -> None:
    rng = np.random.default_rng(per_item)
    errors = draw_errors(rng, 150, np.linspace(0.2, 0.5, 7), 0.4)
    mask = np.argsort(rng.random(errors.shape), axis=1) < per_item
    truth = np.arange(150) % 2
    result = measure(make_votes(errors, truth, mask), truth)
    for number, value in zip(result.effective, (0, 1), strict=True):
        rows = truth == value
        assert number.n_errors == (errors & mask)[rows].sum()
        assert number.votes_per_item == pytest.approx(per_item)
        expected = slow_correlation(errors[rows], mask[rows])
        assert number.correlation == pytest.approx(expected, abs=1e-12)
        assert number.value == pytest.approx(min(per_item / (1 + (per_item - 1) * expected), per_item))
        assert number.value_for(3) == pytest.approx(min(3 / (1 + 2 * expected), 3))


def true_number(rates: np.ndarray, correlation: float) -> float:
    pairs = list(combinations(range(rates.size), 2))
    quantiles, variances = norm.ppf(rates), rates * (1 - rates)
    both = [multivariate_normal.cdf(quantiles[list(pair)], cov=[[1, correlation], [correlation, 1]]) for pair in pairs]
    covariance = sum(p - rates[r] * rates[s] for p, (r, s) in zip(both, pairs, strict=True))
    mean = covariance / sum(np.sqrt(variances[r] * variances[s]) for r, s in pairs)
    return float(rates.size / (1 + (rates.size - 1) * mean))


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
def test_interval_covers_the_effective_number(correlation: float) -> None:
    """With coverage 0.93, 14 or more of 100 intervals miss the truth with a probability of 1 %."""
    rates, truth = np.linspace(0.08, 0.3, 9), np.zeros(250, int)
    expected = true_number(rates, correlation) if correlation else 9.0
    rng, missed, values = np.random.default_rng(5), 0, []
    for _ in range(100):
        number = measure(make_votes(draw_errors(rng, 250, rates, correlation), truth), truth).effective[0]
        assert number.interval is not None
        low, high = number.interval
        missed += not low <= expected <= high
        values.append(number.value)
    assert missed <= 13
    assert np.mean(values) == pytest.approx(expected, rel=0.06)


def test_nine_copies_count_as_one() -> None:
    rng = np.random.default_rng(0)
    errors = np.repeat(rng.random((400, 1)) < 0.2, 9, axis=1)
    number = measure(make_votes(errors, np.zeros(400, int)), np.zeros(400, int)).effective[0]
    assert number.value == pytest.approx(1)
    assert number.interval == pytest.approx((1, 1), abs=0.01)


def test_several_questions_of_an_image_make_the_interval_wider() -> None:
    rng = np.random.default_rng(1)
    one = draw_errors(rng, 100, np.full(5, 0.3), 0.4)
    errors, truth = np.tile(one, (4, 1)), np.zeros(400, int)
    (alone, _), (together, _) = (
        measure(make_votes(errors, truth, images=images), truth).effective for images in (400, 100)
    )
    assert alone.correlation == pytest.approx(together.correlation)
    widths = [np.log(number.interval[1] / number.interval[0]) for number in (alone, together)]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.05)


def test_fewer_than_20_errors_or_one_vote_per_item_give_no_number() -> None:
    truth = np.zeros(50, int)
    errors = np.zeros((50, 3), bool)
    errors[:19, 0] = True
    few = measure(make_votes(errors, truth), truth).effective
    assert few[0] == EffectiveNumber("all", "invalid", 50, 19, 3.0, None, None, None)
    assert few[1] == EffectiveNumber("all", "valid", 0, 0, 0.0, None, None, None)
    one_each = measure(make_votes(np.ones((50, 3), bool), truth, np.eye(3, dtype=bool)[np.arange(50) % 3]), truth)
    assert one_each.effective[0].value is None
    always = measure(make_votes(np.ones((50, 3), bool), truth), truth).effective[0]
    assert (always.n_errors, always.value) == (150, None)


def test_raters_that_err_together_are_named() -> None:
    rng = np.random.default_rng(2)
    truth = np.arange(600) % 2
    errors = np.hstack([draw_errors(rng, 600, np.full(3, 0.25), 0.8), rng.random((600, 4)) < 0.25])
    order = rng.permutation(7)
    result = measure(make_votes(errors[:, order], truth), truth)
    expected = {f"r{place}" for place in np.flatnonzero(order < 3)}
    assert [set(group.raters) for group in result.groups] == [expected]
    assert result.groups[0].correlation == pytest.approx(0.53, abs=0.08)
    independent = measure(make_votes(rng.random((600, 7)) < 0.25, truth), truth)
    assert independent.groups == ()


def test_order_of_votes_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    errors, truth = draw_errors(rng, 200, np.full(4, 0.3), 0.5), np.arange(200) % 2
    votes = make_votes(errors, truth)
    order = rng.permutation(len(votes))
    columns = votes.item_ids[order], votes.rater_ids[order], votes.answer_ids[order]
    assert measure(Votes.from_columns(votes.items, *columns, votes.raters, ANSWERS), truth) == measure(votes, truth)


def test_reliability_has_shared_errors_with_golden_answers_only() -> None:
    rng = np.random.default_rng(4)
    truth = np.arange(300) % 2
    votes = make_votes(draw_errors(rng, 300, np.full(5, 0.3), 0.5), truth)
    measured = rater_reliability(votes, GoldenVotesWithTruth(votes, truth))
    assert measured.shared_errors == measure(votes, truth)
    first = measured.to_json()["shared_errors"]["effective"][0]
    assert list(first) == [
        "raters",
        "truth",
        "items",
        "errors",
        "votes_per_item",
        "correlation",
        "value",
        "low",
        "high",
    ]
    assert rater_reliability(votes).shared_errors is None
    assert rater_reliability(votes).to_json()["shared_errors"] is None


def test_people_and_models_are_also_measured_separately() -> None:
    rng = np.random.default_rng(5)
    truth = np.arange(400) % 2
    errors = np.hstack([draw_errors(rng, 400, np.full(3, 0.3), c) for c in (0.1, 0.8)])
    mask = rng.random(errors.shape) < 0.8
    mask[:50, :3] = False  # items with votes of models only
    votes = make_votes(errors, truth, mask)
    people, machines = ("ann", "bob#1", "eve#1234567g"), ("m#0123abcd", "org/m#ffffffff", "a#b#00000000")
    columns = votes.item_ids, votes.rater_ids, votes.answer_ids
    result = measure(Votes.from_columns(votes.items, *columns, people + machines, ANSWERS), truth)
    assert [(n.kind, n.truth) for n in result.effective] == [
        (kind, name) for kind in ("all", "people", "models") for name in TRUTHS
    ]
    for start, slots in ((2, slice(0, 3)), (4, slice(3, 6))):
        alone = measure(make_votes(errors[:, slots], truth, mask[:, slots]), truth).effective
        assert [replace(n, kind="all") for n in result.effective[start : start + 2]] == list(alone)
    assert result.effective[2].n_items < result.effective[0].n_items
    only_machines = Votes.from_columns(votes.items, *columns, [f"m#{i:08x}" for i in range(6)], ANSWERS)
    assert [n.kind for n in measure(only_machines, truth).effective] == ["all", "all"]
