"""The bootstrap over images: exact for two models, drawn for many; its coverage measured."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.numeric import bootstrap
from reassess.numeric.bootstrap import apart, common_hits, difference_interval, percentile_bounds, resampled_hits


def distribution(only_a: int, only_b: int, n: int) -> npt.NDArray[Any]:
    """Probability of each difference in hits of a replicate, from -n to n, by summing one draw after another."""
    step, total = np.array([only_b, n - only_a - only_b, only_a]) / n, np.ones(1)
    for _ in range(n):
        total = np.convolve(total, step)
    return total


@st.composite
def counts(draw: st.DrawFn, most: int = 60) -> tuple[int, int, int]:
    n = draw(st.integers(1, most))
    only_a = draw(st.integers(0, n))
    return only_a, draw(st.integers(0, n - only_a)), n


@given(counts())
def test_the_interval_of_a_difference_is_that_of_the_whole_bootstrap_distribution(given_: tuple[int, int, int]) -> None:
    n = given_[2]
    below = np.cumsum(distribution(*given_))
    above = np.cumsum(distribution(*given_)[::-1])
    low = np.flatnonzero(below >= 0.025 - 1e-11)[0] - n
    high = n - np.flatnonzero(above >= 0.025 - 1e-11)[0]
    assert difference_interval(*given_) == pytest.approx((low / n, high / n))


@given(counts(50_000))
def test_swapping_the_models_turns_the_interval_round(given_: tuple[int, int, int]) -> None:
    only_a, only_b, n = given_
    low, high = difference_interval(only_a, only_b, n)
    assert difference_interval(only_b, only_a, n) == (-high, -low)
    assert -1 <= low <= (only_a - only_b) / n <= high <= 1


@given(counts(5_000))
def test_two_models_are_apart_if_the_interval_leaves_out_0(given_: tuple[int, int, int]) -> None:
    only_a, only_b, n = given_
    low, high = difference_interval(only_a, only_b, n)
    assert apart(np.array([only_a, 0]), np.array([only_b, 0]), n).tolist() == [int(low > 0) - int(high < 0), 0]


def test_many_pairs_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = np.arange(200), np.arange(200)[::-1].copy()
    whole = apart(a, b, 1000)
    monkeypatch.setattr(bootstrap, "_NODES", 500)
    assert apart(a, b, 1000).tolist() == whole.tolist()
    assert sorted(set(whole.tolist())) == [-1, 0, 1]


@pytest.mark.parametrize(
    ("only_a", "only_b", "n"), [(60, 40, 1000), (9, 1, 300), (1500, 1400, 20_000), (200, 299, 500)]
)
def test_the_interval_agrees_with_scipys_bootstrap(
    needs: Callable[[str], None], only_a: int, only_b: int, n: int
) -> None:
    needs("scipy")
    from scipy.stats import bootstrap as reference

    a = np.repeat([1.0, 0.0, 0.0], [only_a, only_b, n - only_a - only_b])
    b = np.repeat([0.0, 1.0, 0.0], [only_a, only_b, n - only_a - only_b])
    result = reference(
        (a, b),
        lambda x, y, axis: (x - y).mean(axis=axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=4000,
        batch=200,
        rng=np.random.default_rng(1),
    )
    error = 5 * result.standard_error / math.sqrt(4000 * 0.05)  # of a percentile that is drawn
    interval = result.confidence_interval
    assert difference_interval(only_a, only_b, n) == pytest.approx((interval.low, interval.high), abs=error + 1 / n)


@pytest.mark.parametrize(("both", "only_a", "only_b"), [(0.7, 0.06, 0.04), (0.75, 0.1, 0.03), (0.6, 0.05, 0.05)])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(both: float, only_a: float, only_b: float) -> None:
    """At 500 images; the share of 4,000 samples is known to within 0.7 %."""
    shares = [both, only_a, only_b, 1 - both - only_a - only_b]
    samples = np.random.default_rng(5).multinomial(500, shares, 4000)
    drawn, times = np.unique(samples[:, 1:3], axis=0, return_counts=True)
    intervals = np.array([difference_interval(a, b, 500) for a, b in drawn.tolist()])
    # The bounds are numbers of images; the truth is not.
    covered = (intervals[:, 0] <= only_a - only_b + 1e-9) & (only_a - only_b - 1e-9 <= intervals[:, 1])
    assert 0.93 <= np.average(covered, weights=times) <= 0.97


def test_no_image_has_no_interval_and_models_that_always_agree_differ_by_0() -> None:
    assert difference_interval(0, 0, 0) is None
    assert difference_interval(0, 0, 10) == (0, 0)
    assert difference_interval(10, 0, 10) == (1, 1)


def test_replicates_draw_the_same_images_for_all_models() -> None:
    rng = np.random.default_rng(2)
    hits = rng.random((3, 5000)) < 0.8
    drawn = resampled_hits(np.concatenate([hits, ~hits[:1], hits[2:]]), replicates=200, seed=3)
    assert (drawn[:, 0] + drawn[:, 3] == 5000).all(), "every image that is drawn is a hit or a miss"
    assert (drawn[:, 2] == drawn[:, 4]).all()
    assert drawn.dtype == np.int32
    assert drawn.mean(axis=0)[:3] == pytest.approx(hits.sum(axis=1), abs=4 * math.sqrt(5000 * 0.16 / 200))
    assert drawn[:, 0].std() == pytest.approx(math.sqrt(5000 * 0.16), rel=0.2)


def test_replicates_depend_on_the_seed_alone_and_each_model_is_counted_by_itself() -> None:
    hits = np.random.default_rng(2).random((4, 300)) < 0.5
    drawn = resampled_hits(hits, replicates=50, seed=3)
    assert (drawn == resampled_hits(hits, replicates=50, seed=3)).all()
    assert (drawn[:, ::-1] == resampled_hits(hits[::-1], replicates=50, seed=3)).all()
    assert (drawn != resampled_hits(hits, replicates=50, seed=4)).any()


def test_replicates_are_counts_of_images_drawn_one_by_one() -> None:
    hits = np.random.default_rng(2).random((4, 9000)) < 0.5
    rng = np.random.default_rng(3)
    plain = [[int(model[chosen].sum()) for model in hits] for chosen in (rng.integers(0, 9000, 9000) for _ in range(3))]
    assert resampled_hits(hits, replicates=3, seed=3).tolist() == plain


def test_hits_in_common_are_counted_for_every_two_models() -> None:
    hits = np.random.default_rng(4).random((5, 9000)) < 0.5
    assert common_hits(hits).tolist() == [[int((a & b).sum()) for b in hits] for a in hits]


@given(st.lists(st.integers(-5, 5), min_size=40, max_size=300))
def test_at_most_a_fortieth_of_the_samples_lie_beyond_either_bound(samples: list[int]) -> None:
    drawn = np.array(samples)
    low, high = percentile_bounds(drawn[:, None])
    assert np.count_nonzero(drawn < low) * 40 < len(samples) <= np.count_nonzero(drawn <= low) * 40
    assert np.count_nonzero(drawn > high) * 40 < len(samples) <= np.count_nonzero(drawn >= high) * 40
