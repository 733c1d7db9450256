"""The bootstrap over images: exact for two models, by replicates for many; its coverage is measured."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.numeric.bootstrap import (
    count_common_hits,
    draw_bootstrap_counts,
    draw_replicate_counts,
    mean_interval,
    normal_interval,
    normal_p_values,
    percentile_bounds,
    resample_hits,
)
from reassess.numeric.proportions import mcnemar_p_value


@st.composite
def value_counts(draw: st.DrawFn, most: int = 60) -> tuple[dict[int, int], int]:
    """Numbers of images by value, -2 to 2 except 0, and the number of all images."""
    numbers = draw(st.lists(st.integers(0, most // 4), min_size=4, max_size=4))
    counts = dict(zip((-2, -1, 1, 2), numbers, strict=True))
    return counts, sum(numbers) + draw(st.integers(0 if sum(numbers) else 1, most))


def distribution(counts: dict[int, int], n: int) -> npt.NDArray[Any]:
    """Compute the probability of each sum of a replicate, from -2 n to 2 n, by one convolution per draw."""
    step, total = np.array([counts.get(value, 0) for value in range(-2, 3)]) / n, np.ones(1)
    step[2] = 1 - step.sum() + step[2]
    for _ in range(n):
        total = np.convolve(total, step)
    return total


@given(value_counts())
def test_interval_of_mean_equals_percentiles_of_exact_distribution(sample: tuple[dict[int, int], int]) -> None:
    counts, n = sample
    below = np.cumsum(distribution(counts, n))
    above = np.cumsum(distribution(counts, n)[::-1])
    low = np.flatnonzero(below >= 0.025 - 1e-11)[0] - 2 * n
    high = 2 * n - np.flatnonzero(above >= 0.025 - 1e-11)[0]
    assert mean_interval(counts, n) == pytest.approx((low / n, high / n))


def test_interval_is_exact_if_nearly_all_sums_are_even() -> None:
    """Without ones the characteristic function has a second peak, which must be included."""
    for counts, n in (({2: 300, -2: 200}, 700), ({2: 300, -2: 200, 1: 3}, 700), ({1: 4, -1: 2, 2: 1}, 7)):
        below = np.cumsum(distribution(counts, n))
        assert mean_interval(counts, n)[0] * n == pytest.approx(np.flatnonzero(below >= 0.025 - 1e-11)[0] - 2 * n)
    assert [mean_interval(*sample) for sample in (({}, 0), ({}, 10), ({1: 10}, 10))] == [None, (0, 0), (1, 1)]


@given(value_counts(50_000))
def test_negated_values_negate_the_interval(sample: tuple[dict[int, int], int]) -> None:
    counts, n = sample
    low, high = mean_interval(counts, n)
    assert mean_interval({-value: count for value, count in counts.items()}, n) == (-high, -low)
    assert -2 <= low <= sum(value * count for value, count in counts.items()) / n <= high <= 2


@settings(max_examples=300)
@given(st.integers(0, 3_000), st.floats(1, 100))
def test_interval_excludes_0_if_the_exact_test_rejects(only_b: int, times: float) -> None:
    """`only_a` is the smallest number of images whose McNemar p-value is below 0.05."""
    only_a = next(a for a in range(only_b, 10_000) if mcnemar_p_value(a, only_b) < 0.05)
    low, _ = mean_interval({1: only_a, -1: only_b}, round(times * (only_a + only_b)))
    assert low > 0


@pytest.mark.parametrize(("both", "only_a", "only_b"), [(0.7, 0.06, 0.04), (0.75, 0.1, 0.03), (0.6, 0.05, 0.05)])
def test_interval_covers_true_difference_in_95_percent_of_samples(both: float, only_a: float, only_b: float) -> None:
    """With 500 images; the coverage over 4,000 samples is accurate to within 0.7 points."""
    shares = [both, only_a, only_b, 1 - both - only_a - only_b]
    samples = np.random.default_rng(5).multinomial(500, shares, 4000)
    pairs, times = np.unique(samples[:, 1:3], axis=0, return_counts=True)
    intervals = np.array([mean_interval({1: a, -1: b}, 500) for a, b in pairs.tolist()])
    # The bounds are multiples of 1 / 500, and the true difference is not exactly one in floating point.
    covered = (intervals[:, 0] <= only_a - only_b + 1e-9) & (only_a - only_b - 1e-9 <= intervals[:, 1])
    assert 0.93 <= np.average(covered, weights=times) <= 0.97


def test_replicates_draw_same_images_for_all_models() -> None:
    rng = np.random.default_rng(2)
    hits = rng.random((3, 5000)) < 0.8
    totals = resample_hits(np.concatenate([hits, ~hits[:1], hits[2:]]), replicates=200, seed=3)
    assert (totals[:, 0] + totals[:, 3] == 5000).all(), "each drawn image is a hit or a miss"
    assert (totals[:, 2] == totals[:, 4]).all()
    assert totals.dtype == np.int32
    assert totals.mean(axis=0)[:3] == pytest.approx(hits.sum(axis=1), abs=4 * math.sqrt(5000 * 0.16 / 200))
    assert totals[:, 0].std() == pytest.approx(math.sqrt(5000 * 0.16), rel=0.2)


def test_replicates_equal_hits_of_images_drawn_with_the_same_seed() -> None:
    """The order of models does not matter."""
    hits = np.random.default_rng(2).random((4, 9000)) < 0.5
    rng = np.random.default_rng(3)
    plain = [[int(model[chosen].sum()) for model in hits] for chosen in (rng.integers(0, 9000, 9000) for _ in range(3))]
    assert resample_hits(hits, replicates=3, seed=3).tolist() == plain
    assert resample_hits(hits[::-1], replicates=3, seed=3)[:, ::-1].tolist() == plain
    first, second = np.random.default_rng(5), np.random.default_rng(5)
    assert draw_replicate_counts(first, 40, 3).tolist() == [
        draw_bootstrap_counts(second, 40).tolist() for _ in range(3)
    ]


def test_common_hits_are_counted_for_each_pair_of_models() -> None:
    hits = np.random.default_rng(4).random((8, 9000)) < 0.5
    hits[:3, :5000] = False
    assert count_common_hits(hits[:5], hits[5:]).tolist() == [[int((a & b).sum()) for b in hits[5:]] for a in hits[:5]]


def test_normal_interval_and_p_value_agree_and_are_bounded() -> None:
    from scipy.stats import norm

    assert normal_interval(0.1, 0.05) == pytest.approx(norm.interval(0.95, 0.1, 0.05))
    assert normal_interval(0.97, 0.05, 0, 1) == (pytest.approx(norm.ppf(0.025, 0.97, 0.05)), 1)
    assert normal_p_values([0.1, -0.1], 0.05).tolist() == pytest.approx([2 * norm.sf(2)] * 2)
    assert normal_p_values([0, 0.1, 0.1], [0, 0, 0.01]).tolist() == [1, 1e-10, 1e-10]
    low, _ = normal_interval(0.1, 0.1 / 1.96)
    assert (low > 0) == (normal_p_values(0.1, 0.1 / 1.96) < 0.05)


@given(st.lists(st.integers(-5, 5), min_size=40, max_size=300))
def test_fewer_than_one_in_40_samples_are_outside_each_percentile_bound(samples: list[int]) -> None:
    values = np.array(samples)
    low, high = percentile_bounds(values[:, None])
    assert np.count_nonzero(values < low) * 40 < len(samples) <= np.count_nonzero(values <= low) * 40
    assert np.count_nonzero(values > high) * 40 < len(samples) <= np.count_nonzero(values >= high) * 40
