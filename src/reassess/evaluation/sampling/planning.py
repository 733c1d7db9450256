"""What a sample is expected to say, before anybody answers: from guessed variances only."""

import math
from dataclasses import dataclass

import numpy as np

from reassess.core.checks import check_number
from reassess.errors import DataError
from reassess.evaluation.sampling.drawing import ImageSample, allocate, count_available, smallest_sample
from reassess.evaluation.sampling.image_weights import variance_factors
from reassess.evaluation.sampling.strata import Strata

_NORMAL_QUANTILE = 1.959963984540054  # 97.5 % point of the standard normal distribution


@dataclass(frozen=True)
class SamplePlan:
    """The expected precision of a sample.

    Attributes
    ----------
    n
        Number of images.
    half_width
        Expected half width of the 95 % interval; for several models, a mean.
    plain_n
        Number of images of a plain sample with the same half width.
    """

    n: int
    half_width: float
    plain_n: int


def plan_sample(strata: Strata, n: int, *, earlier: ImageSample | None = None) -> SamplePlan:
    """Compute the expected half width of the interval from n images; `earlier` are batches among these images.

    Raises
    ------
    DataError
        n is smaller than two images for each stratum, or larger than the number of images.

    Examples
    --------
    >>> strata = Strata(np.repeat([0, 1], [9000, 1000]), np.array([0.04, 0.25]), np.arange(2), np.zeros(2, bool), 0.13)
    >>> plan = plan_sample(strata, 500)
    >>> round(plan.half_width, 4), plan.plain_n
    (0.0198, 1125)
    """
    n_earlier = 0 if earlier is None else len(earlier)
    available = count_available(strata, earlier)
    counts = allocate(strata, n - n_earlier, available=available, has_pilot=earlier is not None)[None]
    if earlier is not None:
        counts = np.concatenate([earlier.counts(), counts])
    variance = float((strata.shares**2 * strata.variances * variance_factors(counts, strata.sizes)).sum())
    half_width = _NORMAL_QUANTILE * math.sqrt(variance)
    total = strata.ids.size
    # Solve plain_variance / plain_n * (1 - plain_n / total) = variance.
    plain_n = strata.plain_variance / (variance + strata.plain_variance / total) if strata.plain_variance > 0 else n
    return SamplePlan(n, half_width, min(max(round(plain_n), 1), total))


def find_sample_size(strata: Strata, half_width: float, *, earlier: ImageSample | None = None) -> SamplePlan:
    """Find the smallest sample with at most the given expected half width of the interval.

    Raises
    ------
    DataError
        The half width is not above 0.

    Examples
    --------
    >>> strata = Strata(np.repeat([0, 1], [9000, 1000]), np.array([0.04, 0.25]), np.arange(2), np.zeros(2, bool), 0.13)
    >>> find_sample_size(strata, 0.01).n > 4 * find_sample_size(strata, 0.025).n
    True
    """
    check_number(half_width, value_name="half width of the interval")
    if not half_width > 0:
        raise DataError("out-of-range", "half width of the interval out of range", allowed="above 0", found=half_width)
    low, high = smallest_sample(strata, earlier), strata.ids.size
    while low < high:
        middle = (low + high) // 2
        is_enough = plan_sample(strata, middle, earlier=earlier).half_width <= half_width
        low, high = (low, middle) if is_enough else (middle + 1, high)
    return plan_sample(strata, low, earlier=earlier)
