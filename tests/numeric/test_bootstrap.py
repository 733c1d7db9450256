"""The bootstrap over images: exact for two models, drawn for many; its coverage measured."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.numeric.bootstrap import (
    common_hits,
    mean_interval,
    normal_interval,
    normal_p_values,
    percentile_bounds,
    resampled_hits,
    times_drawn,
    times_drawn_again,
)
from reassess.numeric.proportions import mcnemar


@st.composite
def counted(draw: st.DrawFn, most: int = 60) -> tuple[dict[int, int], int]:
    """Images by their number, -2 to 2, and how many there are."""
    numbers = draw(st.lists(st.integers(0, most // 4), min_size=4, max_size=4))
    counts = dict(zip((-2, -1, 1, 2), numbers, strict=True))
    return counts, sum(numbers) + draw(st.integers(0 if sum(numbers) else 1, most))


def distribution(counts: dict[int, int], n: int) -> npt.NDArray[Any]:
    """Probability of each sum of a replicate, from -2 n to 2 n, by adding one draw after another."""
    step, total = np.array([counts.get(value, 0) for value in range(-2, 3)]) / n, np.ones(1)
    step[2] = 1 - step.sum() + step[2]
    for _ in range(n):
        total = np.convolve(total, step)
    return total


@given(counted())
def test_the_interval_of_a_mean_is_that_of_the_whole_bootstrap_distribution(given_: tuple[dict[int, int], int]) -> None:
    counts, n = given_
    below = np.cumsum(distribution(counts, n))
    above = np.cumsum(distribution(counts, n)[::-1])
    low = np.flatnonzero(below >= 0.025 - 1e-11)[0] - 2 * n
    high = 2 * n - np.flatnonzero(above >= 0.025 - 1e-11)[0]
    assert mean_interval(counts, n) == pytest.approx((low / n, high / n))


def test_sums_that_are_nearly_all_even_are_no_exception() -> None:
    """Without ones the characteristic function has a second peak, which must not be cut off."""
    for counts, n in (({2: 300, -2: 200}, 700), ({2: 300, -2: 200, 1: 3}, 700), ({1: 4, -1: 2, 2: 1}, 7)):
        below = np.cumsum(distribution(counts, n))
        assert mean_interval(counts, n)[0] * n == pytest.approx(np.flatnonzero(below >= 0.025 - 1e-11)[0] - 2 * n)
    assert [mean_interval(*nothing) for nothing in (({}, 0), ({}, 10), ({1: 10}, 10))] == [None, (0, 0), (1, 1)]


@given(counted(50_000))
def test_turning_the_numbers_round_turns_the_interval_round(given_: tuple[dict[int, int], int]) -> None:
    counts, n = given_
    low, high = mean_interval(counts, n)
    assert mean_interval({-value: count for value, count in counts.items()}, n) == (-high, -low)
    assert -2 <= low <= sum(value * count for value, count in counts.items()) / n <= high <= 2


@settings(max_examples=300)
@given(st.integers(0, 3_000), st.floats(1, 100))
def test_where_the_exact_test_is_sure_the_interval_leaves_out_0(only_b: int, times: float) -> None:
    """At the fewest images that only the other model gets right for which McNemar's p-value is below 0.05."""
    only_a = next(a for a in range(only_b, 10_000) if mcnemar(a, only_b) < 0.05)
    low, _ = mean_interval({1: only_a, -1: only_b}, round(times * (only_a + only_b)))
    assert low > 0


@pytest.mark.parametrize(("both", "only_a", "only_b"), [(0.7, 0.06, 0.04), (0.75, 0.1, 0.03), (0.6, 0.05, 0.05)])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(both: float, only_a: float, only_b: float) -> None:
    """At 500 images; the share of 4,000 samples is known to within 0.7 %."""
    shares = [both, only_a, only_b, 1 - both - only_a - only_b]
    samples = np.random.default_rng(5).multinomial(500, shares, 4000)
    drawn, times = np.unique(samples[:, 1:3], axis=0, return_counts=True)
    intervals = np.array([mean_interval({1: a, -1: b}, 500) for a, b in drawn.tolist()])
    # The bounds are numbers of images; the truth is not.
    covered = (intervals[:, 0] <= only_a - only_b + 1e-9) & (only_a - only_b - 1e-9 <= intervals[:, 1])
    assert 0.93 <= np.average(covered, weights=times) <= 0.97


def test_replicates_draw_the_same_images_for_all_models() -> None:
    rng = np.random.default_rng(2)
    hits = rng.random((3, 5000)) < 0.8
    drawn = resampled_hits(np.concatenate([hits, ~hits[:1], hits[2:]]), replicates=200, seed=3)
    assert (drawn[:, 0] + drawn[:, 3] == 5000).all(), "every image that is drawn is a hit or a miss"
    assert (drawn[:, 2] == drawn[:, 4]).all()
    assert drawn.dtype == np.int32
    assert drawn.mean(axis=0)[:3] == pytest.approx(hits.sum(axis=1), abs=4 * math.sqrt(5000 * 0.16 / 200))
    assert drawn[:, 0].std() == pytest.approx(math.sqrt(5000 * 0.16), rel=0.2)


def test_replicates_are_counts_of_images_drawn_one_by_one() -> None:
    """The seed decides; each model is counted by itself."""
    hits = np.random.default_rng(2).random((4, 9000)) < 0.5
    rng = np.random.default_rng(3)
    plain = [[int(model[chosen].sum()) for model in hits] for chosen in (rng.integers(0, 9000, 9000) for _ in range(3))]
    assert resampled_hits(hits, replicates=3, seed=3).tolist() == plain
    assert resampled_hits(hits[::-1], replicates=3, seed=3)[:, ::-1].tolist() == plain
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    assert times_drawn_again(one, 40, 3).tolist() == [times_drawn(other, 40).tolist() for _ in range(3)]


def test_hits_in_common_are_counted_for_every_two_models() -> None:
    hits = np.random.default_rng(4).random((8, 9000)) < 0.5
    hits[:3, :5000] = False
    assert common_hits(hits[:5], hits[5:]).tolist() == [[int((a & b).sum()) for b in hits[5:]] for a in hits[:5]]


def test_the_normal_interval_and_its_p_value_agree_and_stay_within_bounds() -> None:
    from scipy.stats import norm

    assert normal_interval(0.1, 0.05) == pytest.approx(norm.interval(0.95, 0.1, 0.05))
    assert normal_interval(0.97, 0.05, 0, 1) == (pytest.approx(norm.ppf(0.025, 0.97, 0.05)), 1)
    assert normal_p_values([0.1, -0.1], 0.05).tolist() == pytest.approx([2 * norm.sf(2)] * 2)
    assert normal_p_values([0, 0.1, 0.1], [0, 0, 0.01]).tolist() == [1, 1e-10, 1e-10]
    low, _ = normal_interval(0.1, 0.1 / 1.96)
    assert (low > 0) == (normal_p_values(0.1, 0.1 / 1.96) < 0.05)


@given(st.lists(st.integers(-5, 5), min_size=40, max_size=300))
def test_at_most_a_fortieth_of_the_samples_lie_beyond_either_bound(samples: list[int]) -> None:
    drawn = np.array(samples)
    low, high = percentile_bounds(drawn[:, None])
    assert np.count_nonzero(drawn < low) * 40 < len(samples) <= np.count_nonzero(drawn <= low) * 40
    assert np.count_nonzero(drawn > high) * 40 < len(samples) <= np.count_nonzero(drawn >= high) * 40
