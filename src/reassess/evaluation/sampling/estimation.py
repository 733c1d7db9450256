"""Estimates for all images from a sample, with intervals.

For its variance, a stratum has some answers more than were given, with the distribution of the whole sample. Otherwise,
a stratum without a mistake would count as certain. There are four such answers in all, as many as Agresti and Coull add
to a proportion. The interval is Wilson's, with the number of images that has the same variance in a plain sample, and a
quantile of Student's t distribution (Satterthwaite's degrees of freedom).
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range, check_shape
from reassess.evaluation.sampling.anytime import anytime_quantile
from reassess.evaluation.sampling.drawing import ImageSample
from reassess.evaluation.sampling.image_weights import weights_and_factors

_Floats = npt.NDArray[np.float64]
_Numbers = npt.NDArray[np.integer] | npt.NDArray[np.floating] | npt.NDArray[np.bool_]

_PSEUDO_ANSWERS = 4.0  # in all unsettled strata together
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
    """

    value: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    n: int


def estimate_ratio(
    sample: ImageSample,
    numerators: _Numbers,
    denominators: _Numbers,
    *,
    is_difference: bool = False,
    planned: int | None = None,
) -> SampleEstimate:
    """Estimate the sum of numerators / the sum of denominators over all images.

    For accuracy, a numerator is 1 if the prediction is correct, and a denominator is 1 if the image has a valid class.
    For a difference of two models, the numerator is 1 or -1 if only the first or the second model is correct.

    Parameters
    ----------
    sample
        The images. Only the first images of the drawn order may be used, not whichever were answered first.
    numerators, denominators
        One number for each image of the sample; denominators in [0, 1], numerators at most as large, and negative only
        for differences. Shape (n,).
    is_difference
        Whether the estimate may be negative.
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
    (0.935, 0.886, 0.964)
    """
    n = len(sample)
    check_shape(numerators, (n,), value_name="numerators")
    check_shape(denominators, (n,), value_name="denominators")
    check_range(numerators, value_name="numerator", where=lambda row: f"image {row + 1} of the sample")
    check_range(denominators, 0, 1, value_name="denominator", where=lambda row: f"image {row + 1} of the sample")
    if not is_difference:  # equal predictions settle differences only
        sample = replace(sample, is_settled=np.zeros_like(sample.is_settled))
    weights, factors = weights_and_factors(sample)
    mean = float(weights @ denominators)
    if not mean > 0:
        return SampleEstimate(None, None, None, None, n)
    value = float(weights @ numerators) / mean
    shares, settled = sample.stratum_sizes / sample.stratum_sizes.sum(), sample.is_settled
    variances = _mixed_variances(sample, weights, (numerators - value * denominators) / mean)
    parts = np.where(settled, 0, shares**2 * factors * variances)
    bound = float(shares[~settled].sum()) / mean if is_difference else 1.0
    # The variance, as a share of bound^2, if in unsettled strata each image with a valid class had residual 1 or -1.
    squares = np.bincount(sample.strata, weights=weights * np.square(denominators / mean), minlength=shares.size)
    worst = float((shares * factors * squares)[~settled].sum()) / bound**2
    variance = float(parts.sum())
    variance = variance if variance > _ROUNDING * worst * bound**2 else 0.0
    widening = 1.0 if planned is None else anytime_quantile(n, planned) / _NORMAL_QUANTILE
    quantile = widening * _student_quantile(sample, parts)
    low, high = _wilson(value, variance, quantile, -bound if is_difference else 0.0, bound, worst)
    if settled.any() and np.any(denominators != 1):
        of_settled = _SettledDenominators.measure(sample, weights, factors, denominators)
        low, high = of_settled.widen(value, low, high, mean, widening * _NORMAL_QUANTILE)
        variance += (value / mean) ** 2 * of_settled.share**2 * of_settled.variance
    return SampleEstimate(value, low, high, variance**0.5, n)


class _SettledDenominators(NamedTuple):
    """The denominators of settled strata, where all numerators of a difference are 0."""

    share: float  # of all images
    mean: float
    worst: float  # the inverse of the number of images that counts

    @classmethod
    def measure(
        cls, sample: ImageSample, weights: _Floats, factors: _Floats, denominators: _Numbers
    ) -> "_SettledDenominators":
        """Measure the denominators of the sample."""
        sizes = np.where(sample.is_settled, sample.stratum_sizes, 0)
        images = sample.is_settled[sample.strata]
        share = float(sizes.sum() / sample.stratum_sizes.sum())
        mean = float(weights[images] @ denominators[images]) / share
        return cls(share, min(max(mean, 0.0), 1.0), float((sizes / sizes.sum()) ** 2 @ factors))

    @property
    def variance(self) -> float:
        """Variance of the mean."""
        return self.mean * (1 - self.mean) * self.worst

    def widen(self, value: float, low: float, high: float, mean: float, quantile: float) -> tuple[float, float]:
        """Widen the interval of a ratio, by the ratios at both ends of Wilson's interval of the mean.

        `mean` is the mean of all denominators. Source: Zou and Donner (2008), Statistics in Medicine 27 (MOVER).
        """
        ends = _wilson(self.mean, self.variance, quantile, 0.0, 1.0, self.worst)
        rest = mean - self.share * self.mean
        ratios = [value * mean / (rest + self.share * end) for end in ends if rest + self.share * end > 0] + [value]
        return value - math.hypot(value - low, value - min(ratios)), value + math.hypot(
            high - value, max(ratios) - value
        )


def _student_quantile(sample: ImageSample, parts: _Floats) -> float:
    """Return the 97.5 % point of Student's t distribution, for a variance with a part from each stratum."""
    from scipy.special import stdtrit

    squares = float((parts**2 / np.maximum(np.bincount(sample.strata, minlength=parts.size) - 1, 1)).sum())
    freedom = float(parts.sum()) ** 2 / squares if squares > 0 else len(sample) - parts.size
    return float(stdtrit(max(freedom, 1.0), 0.975))


def _mixed_variances(sample: ImageSample, weights: _Floats, values: _Numbers) -> _Floats:
    """Estimate the variance of the values in each stratum, after adding some answers of the whole sample."""
    n_strata = sample.stratum_sizes.size
    n = np.bincount(sample.strata, minlength=n_strata)
    mass = np.bincount(sample.strata, weights=weights, minlength=n_strata)
    means = np.bincount(sample.strata, weights=weights * values, minlength=n_strata) / mass
    squares = weights * (values - means[sample.strata]) ** 2
    variances = np.bincount(sample.strata, weights=squares, minlength=n_strata) / mass
    all_values = values[~sample.is_settled[sample.strata]]
    pseudo_answers = _PSEUDO_ANSWERS / np.count_nonzero(~sample.is_settled)
    part = pseudo_answers / (n + pseudo_answers)
    # A mixture of both distributions has this variance.
    between = part * (1 - part) * (means - all_values.mean()) ** 2
    return np.asarray((1 - part) * variances + part * all_values.var() + between)


def _wilson(
    value: float, variance: float, quantile: float, least: float, most: float, worst: float
) -> tuple[float, float]:
    """Compute Wilson's interval of a value between `least` and `most` with a given variance.

    `worst` is the inverse of the number of images that counts if no difference was seen.
    """
    if worst == variance == 0:
        return value, value
    scale = most - least
    share = min(max((value - least) / scale, 0.0), 1.0)
    margin = max(worst, variance / scale**2) / 2
    spread = min(max(share, margin), 1 - margin)
    n = spread * (1 - spread) * scale**2 / variance if variance > 0 else 1 / worst
    centre = (share + quantile**2 / (2 * n)) / (1 + quantile**2 / n)
    half = quantile / (1 + quantile**2 / n) * (share * (1 - share) / n + quantile**2 / (4 * n**2)) ** 0.5
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return least + scale * low, least + scale * high
