import numpy as np
import pytest

from reassess.errors import DataError
from reassess.evaluation import Strata, draw_images, estimate_ratio, find_sample_size, plan_sample, smallest_sample

SIZES = np.array([9000, 1000])
STRATA = Strata(np.repeat([0, 1], SIZES), np.array([0.02, 0.24]), np.arange(2), np.zeros(2, bool), 0.08)


def test_expected_half_width_is_met_when_the_guesses_are_correct() -> None:
    is_correct = np.random.default_rng(0).random(10_000) < np.array([0.98, 0.6])[STRATA.ids]
    sample = draw_images(STRATA, 1000, seed=0)
    estimate = estimate_ratio(sample, is_correct[sample.images], np.ones(1000))
    assert (estimate.high - estimate.low) / 2 == pytest.approx(plan_sample(STRATA, 1000).half_width, rel=0.15)


def test_plain_sample_of_the_named_size_is_as_precise() -> None:
    plan = plan_sample(STRATA, 500)
    assert plan.plain_n > 500
    error = np.sqrt(STRATA.plain_variance / plan.plain_n * (1 - plan.plain_n / 10_000))
    assert 1.96 * error == pytest.approx(plan.half_width, rel=0.01)


@pytest.mark.parametrize("half_width", [0.005, 0.01, 0.03])
def test_sample_size_is_the_smallest_that_reaches_the_half_width(half_width: float) -> None:
    plan = find_sample_size(STRATA, half_width)
    assert plan.half_width <= half_width < plan_sample(STRATA, plan.n - 1).half_width


def test_size_is_limited_by_the_strata_and_the_images() -> None:
    assert find_sample_size(STRATA, 10).n == smallest_sample(STRATA) == 4
    assert find_sample_size(STRATA, 1e-9).n == 10_000
    assert plan_sample(STRATA, 10_000).half_width == 0
    with pytest.raises(DataError, match="half width of the interval out of range"):
        find_sample_size(STRATA, 0)


def test_settled_stratum_needs_more_images() -> None:
    settled = Strata(STRATA.ids, STRATA.variances, STRATA.kinds, np.array([True, False]), 0.08)
    assert smallest_sample(settled) == 17
