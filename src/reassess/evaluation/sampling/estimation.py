"""Estimates for all images from a sample, with intervals.

For its variance, a stratum has some answers more than were given, with the distribution of the whole sample. Otherwise,
a stratum without a mistake would count as certain. There are four such answers in all, as many as Agresti and Coull add
to a proportion. In a sample for differences, few images of settled strata are drawn, although these may contain most
images of the set. So for other estimates, a settled stratum gets four answers of its own.

The interval is Wilson's, with the number of images that has the same variance in a plain sample, and a quantile of
Student's t distribution (Satterthwaite's degrees of freedom). If most mistakes were seen in strata whose images count
little, an unseen mistake elsewhere would count much more. So one end of the interval is moved outwards: see
`intervals`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range, check_shape
from reassess.errors import DataError
from reassess.evaluation.sampling.anytime import anytime_quantile
from reassess.evaluation.sampling.drawing import ImageSample
from reassess.evaluation.sampling.image_weights import weights_and_factors
from reassess.evaluation.sampling.intervals import Interval

_Floats = npt.NDArray[np.float64]
_Numbers = npt.NDArray[np.integer] | npt.NDArray[np.floating] | npt.NDArray[np.bool_]

_PSEUDO_ANSWERS = 4.0  # in all unsettled strata together, and in each settled stratum
_SLOPE_PSEUDO_ANSWERS = 5.0  # in each stratum, for how fast the variance grows with the number of mistakes
_POOLED_PART = 0.5  # of variances, for degrees of freedom of shares: few mistakes do not tell where variance is
_NORMAL_QUANTILE = 1.959963984540054  # 97.5 % point of the standard normal distribution
_ROUNDING = 1e-12  # smaller variances are rounding errors


@dataclass(frozen=True)
class SampleEstimate:
    """An estimate for all images from a sample.

    Attributes
    ----------
    value
        The estimate; None if no image of the sample counts.
    low, high
        The 95 % interval; None without a value.
    standard_error
        Its standard error; None without a value.
    n
        Number of images that were used.
    p_value
        For a difference: the smallest significance level whose interval excludes 0, and at least 1e-10. None for other
        estimates, and for intervals that are valid after every image.
    plain_n
        Estimated number of images of a plain sample with the same standard error; None without a value.
    plain_half_width
        Estimated half width of the interval from a plain sample of n images; None without a value.
    """

    value: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    n: int
    p_value: float | None = None
    plain_n: int | None = None
    plain_half_width: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval; None without a value."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "standard_error": self.standard_error,
            "n": self.n,
            "plain_n": self.plain_n,
            "plain_half_width": self.plain_half_width,
        }


def estimate_ratio(
    sample: ImageSample,
    numerators: _Numbers,
    denominators: _Numbers,
    *,
    is_difference: bool = False,
    planned: int | None = None,
) -> SampleEstimate:
    """Estimate the sum of numerators / the sum of denominators over all images.

    For a share of all images, a numerator is 1 if the image counts, and all denominators are 1. For a difference of two
    models, the numerator is 1 or -1 if only the first or the second model is correct.

    Parameters
    ----------
    sample
        The images. Only the first images of the drawn order may be used, not whichever were answered first.
    numerators, denominators
        One number for each image of the sample, shape (n,); denominators in [0, 1], and 1 for a difference if strata
        are settled. Numerators are at most as large as the denominators, and negative only for differences; after
        `adjust_by_guesses`, some may be a little outside.
    is_difference
        Whether this is a difference of two models of a sample, which is 0 for images of settled strata.
    planned
        If a number of images, the interval is valid after every image, and narrowest near this number.

    Returns
    -------
    SampleEstimate
        The estimate with its 95 % interval. The interval has width 0 only if all images are in the sample.

    Raises
    ------
    DataError
        A shape is wrong, a number is not finite or out of range, or a batch has too few images of a stratum.

    Examples
    --------
    >>> strata, batches = np.repeat([0, 1], [60, 40]), np.zeros(100, int)
    >>> sample = ImageSample(np.arange(100), strata, batches, np.ones(100), np.array([9000, 1000]), np.zeros(2, bool))
    >>> correct = np.where(strata == 0, np.arange(100) != 7, np.arange(100) % 2)
    >>> estimate = estimate_ratio(sample, correct, np.ones(100))
    >>> round(estimate.value, 3), round(estimate.low, 3), round(estimate.high, 3)
    (0.935, 0.875, 0.964)
    """
    n = len(sample)
    check_shape(numerators, (n,), value_name="numerators")
    check_shape(denominators, (n,), value_name="denominators")
    check_range(numerators, value_name="numerator", where=lambda row: f"image {row + 1} of the sample")
    settled = sample.is_settled & is_difference
    check_range(
        denominators,
        int(settled.any()),
        1,
        value_name="denominator",
        where=lambda row: f"image {row + 1} of the sample",
    )
    if sample.is_settled.all():
        raise DataError("wrong-sample", "all strata are settled", fix="use the sample as `reassess sample` drew it")
    weights, factors = weights_and_factors(sample)
    mean = float(weights @ denominators)
    if not mean > 0:
        return SampleEstimate(None, None, None, None, n)
    value = float(weights @ numerators) / mean
    shares = sample.stratum_sizes / sample.stratum_sizes.sum()
    residuals = (numerators - value * denominators) / mean
    mixture = _Mixture(sample, weights, residuals, settled)
    scales = np.where(settled, 0, shares**2 * factors)
    parts = scales * mixture.moments(mixture.pseudo_answers)[0]
    pooled_part = 0.0 if is_difference else _POOLED_PART
    pooled_parts = pooled_part * scales * mixture.pooled_variance + (1 - pooled_part) * parts
    bound = float(shares[~settled].sum()) / mean if is_difference else 1.0
    # The variance, as a share of bound^2, if in unsettled strata each image with a valid class had residual 1 or -1.
    squares = np.bincount(sample.strata, weights=weights * np.square(denominators / mean), minlength=shares.size)
    worst = float((shares * factors * squares)[~settled].sum()) / bound**2
    variance = float(parts.sum())
    is_constant = variance <= _ROUNDING * worst * bound**2
    interval = Interval(
        value=value,
        variance=0.0 if is_constant else variance,
        slope=None if is_constant else mixture.slope(scales, shares * factors),
        freedom=_count_degrees_of_freedom(sample, pooled_parts),
        least=-bound if is_difference else 0.0,
        most=bound,
        worst=worst,
    )
    widening = 1.0 if planned is None else anytime_quantile(n, planned) / _NORMAL_QUANTILE
    low, high = interval.ends(widening=widening)
    low_as_plain, high_as_plain = interval._replace(slope=None).ends(widening=widening)  # equal weights, Wilson's slope
    error = interval.standard_error
    plain_n, plain_error = _plan_plain_sample(float(weights @ residuals**2), error, n, int(sample.stratum_sizes.sum()))
    return SampleEstimate(
        value,
        low,
        high,
        error,
        n,
        p_value=interval.p_value if is_difference and planned is None else None,
        plain_n=plain_n,
        plain_half_width=(high_as_plain - low_as_plain) / 2 * (plain_error / error if error > 0 else 1.0),
    )


def _plan_plain_sample(variance: float, error: float, n: int, total: int) -> tuple[int, float]:
    """Return the number of images of a plain sample with a standard error, and the standard error for n images."""
    if not variance > 0:
        return n, error
    plain_n = variance / (error**2 + variance / total)
    return min(max(round(plain_n), 1), total), math.sqrt(variance / n * (1 - n / total))


def _count_degrees_of_freedom(sample: ImageSample, parts: _Floats) -> float:
    """Return Satterthwaite's degrees of freedom of a variance with a part from each stratum."""
    squares = float((parts**2 / np.maximum(np.bincount(sample.strata, minlength=parts.size) - 1, 1)).sum())
    return max(float(parts.sum()) ** 2 / squares if squares > 0 else len(sample) - parts.size, 1.0)


class _Mixture:
    """The values of each stratum, mixed with some answers of the whole sample except settled strata."""

    def __init__(self, sample: ImageSample, weights: _Floats, values: _Numbers, settled: npt.NDArray[np.bool_]) -> None:
        n_strata = sample.stratum_sizes.size
        powers = np.stack([values, np.square(values), np.power(values, 3)])
        mass = np.bincount(sample.strata, weights=weights, minlength=n_strata)
        self._n = np.bincount(sample.strata, minlength=n_strata)
        self._of_strata = np.array([np.bincount(sample.strata, weights * row, n_strata) for row in powers]) / mass
        self._of_sample = powers[:, ~settled[sample.strata]].mean(axis=1)[:, None]
        self.pseudo_answers = np.where(
            sample.is_settled, _PSEUDO_ANSWERS, _PSEUDO_ANSWERS / np.count_nonzero(~sample.is_settled)
        )

    @property
    def pooled_variance(self) -> float:
        """Variance of the values in the whole sample."""
        return float(self._of_sample[1, 0] - self._of_sample[0, 0] ** 2)

    def moments(self, pseudo_answers: _Floats | float) -> tuple[_Floats, _Floats]:
        """Return the variance and the third central moment in each stratum, after adding answers."""
        part = pseudo_answers / (self._n + pseudo_answers)
        mean, square, cube = (1 - part) * self._of_strata + part * self._of_sample
        variances = np.maximum(square - mean**2, 0)
        return variances, cube - 3 * mean * square + 2 * mean**3

    def slope(self, scales: _Floats, image_scales: _Floats) -> float:
        """Return by how much the variance of the estimate grows with the estimate."""
        variances, thirds = self.moments(_SLOPE_PSEUDO_ANSWERS)
        variance = float(scales @ variances)
        return float((scales * image_scales) @ thirds) / variance if variance > 0 else 0.0
