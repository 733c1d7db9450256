"""Estimates for all images from a sample, with intervals.

Let batch b draw n_bh of the images of stratum h that are left. Its unbiased estimate of the mean of all N images is

    T_b = sum over strata of (sum of the values seen before b + images left * mean of the batch's values) / N

and the estimate is the mean of the T_b, with weights that depend only on the sizes of the batches. With one batch, this
is the estimator of Horvitz and Thompson. Pooling the images of a stratum would be biased: if a stratum has no mistake
in the first batch, the next batch draws few of its images, and accuracy is overestimated (by 0.3 standard errors in
simulations).

For its variance, a stratum has some answers more than were given, with the distribution of all strata together.
Otherwise, a stratum without a mistake would count as certain. The interval is Wilson's, with the number of images that
has the same variance in a plain sample, and a quantile of Student's t distribution (Satterthwaite's degrees of
freedom).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_number, check_shape
from reassess.errors import DataError
from reassess.evaluation.sampling.anytime import anytime_quantile
from reassess.evaluation.sampling.drawing import MIN_IMAGES_PER_STRATUM, ImageSample

_Floats = npt.NDArray[np.float64]
_Numbers = npt.NDArray[np.integer] | npt.NDArray[np.floating] | npt.NDArray[np.bool_]

_PSEUDO_ANSWERS = 4.0  # in all unsettled strata together
_PSEUDO_ANSWERS_SETTLED = 2.0  # in each settled stratum
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


def count_usable(sample: ImageSample) -> int:
    """Count the images at the beginning of the sample that can be used.

    The first batch needs two images of each stratum, and a later batch one image of each stratum that has some left.

    Returns
    -------
    int
        The number of images; 0 if even the first batch is too small.

    Examples
    --------
    >>> from reassess.evaluation import Strata, draw_images
    >>> strata = Strata(np.repeat([0, 1], [900, 100]), np.array([0.04, 0.25]), np.zeros(2, int), np.zeros(2, bool), 0.1)
    >>> sample = draw_images(strata, 12, seed=0)
    >>> count_usable(sample), count_usable(sample.first(9))
    (12, 0)
    """
    counts = sample.counts()
    usable = 0
    left = sample.stratum_sizes.copy()
    for batch, drawn in enumerate(counts):
        needed = np.minimum(MIN_IMAGES_PER_STRATUM if batch == 0 else 1, left)
        if np.any(drawn < needed):
            break
        usable += int(drawn.sum())
        left -= drawn
    return usable


def image_weights(sample: ImageSample) -> _Floats:
    """Compute the weight of each image: weighted sums of values estimate means over all images without bias.

    Raises
    ------
    DataError
        A batch has too few images of a stratum.

    Examples
    --------
    Two strata of 900 and 100 images, of which 3 and 2 images were drawn.

    >>> strata = np.array([0, 0, 0, 1, 1])
    >>> nothing = np.zeros(5, int)
    >>> sample = ImageSample(np.arange(5), strata, nothing, np.ones(5), np.array([900, 100]), np.zeros(2, bool))
    >>> image_weights(sample).round(3)
    array([0.3 , 0.3 , 0.3 , 0.05, 0.05])
    """
    return _weights_and_factors(sample)[0]


def _weights_and_factors(sample: ImageSample) -> tuple[_Floats, _Floats]:
    """Return the weight of each image, and by what the variance in each stratum is multiplied; (n,), (strata,)."""
    if count_usable(sample) < len(sample) or not len(sample):
        raise DataError(
            "too-few-images",
            "the sample has too few images of a stratum",
            found=f"{len(sample):,} images",
            fix="answer more images, or use the first count_usable(sample) of them",
        )
    counts, sizes = sample.counts(), sample.stratum_sizes
    total = sizes.sum()
    before = np.cumsum(counts, axis=0) - counts
    left = sizes - before
    seen_after = np.cumsum(counts.sum(axis=1)) / total
    seen_before = seen_after - counts.sum(axis=1) / total
    if seen_after[-1] == 1:  # all images are known
        batch_weights = (np.arange(len(counts)) == len(counts) - 1).astype(float)
    else:
        batch_weights = counts.sum(axis=1) / ((1 - seen_before) * (1 - seen_after))
    batch_weights /= batch_weights.sum()
    drawn = np.maximum(counts, 1)
    own = batch_weights[:, None] * left / drawn / total  # weight in the estimate of the image's batch
    later = (np.cumsum(batch_weights[::-1])[::-1] - batch_weights) / total  # in the estimates of later batches
    weights = own[sample.batches, sample.strata] + later[sample.batches]
    rest = np.where(left > 0, left - counts, 0) / np.maximum(left, 1)
    factors = (batch_weights[:, None] ** 2 * (left / sizes) ** 2 / drawn * rest).sum(axis=0)
    return weights, factors


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
        A shape is wrong, or a batch has too few images of a stratum.

    Examples
    --------
    >>> strata, batches = np.repeat([0, 1], [60, 40]), np.zeros(100, int)
    >>> sample = ImageSample(np.arange(100), strata, batches, np.ones(100), np.array([9000, 1000]), np.zeros(2, bool))
    >>> correct = np.where(strata == 0, np.arange(100) != 7, np.arange(100) % 2)
    >>> estimate = estimate_ratio(sample, correct, np.ones(100))
    >>> round(estimate.value, 3), round(estimate.low, 3), round(estimate.high, 3)
    (0.935, 0.892, 0.962)
    """
    n = len(sample)
    check_shape(numerators, (n,), value_name="numerators")
    check_shape(denominators, (n,), value_name="denominators")
    weights, factors = _weights_and_factors(sample)
    mean = float(weights @ denominators)
    if not mean > 0:
        return SampleEstimate(None, None, None, None, n)
    value = float(weights @ numerators) / mean
    residuals = (numerators - value * denominators) / mean
    shares = sample.stratum_sizes / sample.stratum_sizes.sum()
    parts = (
        shares**2
        * factors
        * np.where(
            sample.is_settled,  # where only the denominators are unknown
            (value / mean) ** 2 * _mixed_variances(sample, weights, denominators, _PSEUDO_ANSWERS_SETTLED),
            _mixed_variances(sample, weights, residuals, _PSEUDO_ANSWERS / np.count_nonzero(~sample.is_settled)),
        )
    )
    variance = float(parts.sum())
    variance = variance if variance > _ROUNDING * float(shares**2 @ factors) else 0.0
    drawn = np.bincount(sample.strata, minlength=shares.size)
    squares = float((parts**2 / np.maximum(drawn - 1, 1)).sum())
    freedom = variance**2 / squares if variance > 0 else n - shares.size
    quantile = _student_quantile(max(freedom, 1.0))
    if planned is not None:
        quantile *= anytime_quantile(n, planned) / _NORMAL_QUANTILE
    unsettled_share = float(shares[~sample.is_settled].sum())
    # The variance if images of unsettled strata all had variance 1, as a share of what they can contribute.
    worst = float(((shares / unsettled_share) ** 2 * factors)[~sample.is_settled].sum())
    bound = unsettled_share / mean if is_difference else 1.0
    low, high = _wilson(value, variance, quantile, -bound if is_difference else 0.0, bound, worst)
    return SampleEstimate(value, low, high, variance**0.5, n)


def _student_quantile(freedom: float) -> float:
    """Return the 97.5 % point of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))


def _mixed_variances(sample: ImageSample, weights: _Floats, values: _Numbers, pseudo_answers: float) -> _Floats:
    """Estimate the variance of the values in each stratum, after adding some answers of all unsettled strata."""
    n_strata = sample.stratum_sizes.size
    n = np.bincount(sample.strata, minlength=n_strata)
    mass = np.bincount(sample.strata, weights=weights, minlength=n_strata)
    means = np.bincount(sample.strata, weights=weights * values, minlength=n_strata) / mass
    squares = weights * (values - means[sample.strata]) ** 2
    variances = np.bincount(sample.strata, weights=squares, minlength=n_strata) / mass
    shares = np.where(sample.is_settled, 0, sample.stratum_sizes) / sample.stratum_sizes[~sample.is_settled].sum()
    pool_mean = shares @ means
    pool_variance = shares @ (variances + (means - pool_mean) ** 2)
    part = pseudo_answers / (n + pseudo_answers)
    # A mixture of both distributions has this variance.
    return np.asarray((1 - part) * (variances + part * (means - pool_mean) ** 2) + part * pool_variance)


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


def adjust_by_guesses(
    sample: ImageSample,
    numerators: _Numbers,
    guesses: _Numbers,
    mean_guess: float,
    *,
    strength: float | None = None,
) -> tuple[_Floats, float]:
    """Use guesses of all images' numerators as a control variate (prediction-powered inference).

    The adjusted numerators estimate the same mean, with a smaller variance if the guesses are good. If the strata were
    made from the same guesses, little is left to gain.

    Parameters
    ----------
    sample
        The images.
    numerators
        What is estimated, for each image of the sample; shape (n,).
    guesses
        A guess of each numerator; shape (n,).
    mean_guess
        Mean of the guesses over all images of the set.
    strength
        How much the guesses count; None for the strength that makes the variance smallest (PPI++).

    Returns
    -------
    tuple
        The adjusted numerators, float64, shape (n,), and the strength.

    Examples
    --------
    >>> nothing = np.zeros(4, int)
    >>> sample = ImageSample(np.arange(4), nothing, nothing, np.ones(4), np.array([100]), np.zeros(1, bool))
    >>> adjust_by_guesses(sample, np.array([1.0, 1, 0, 0]), np.array([0.9, 0.8, 0.3, 0.2]), 0.6, strength=1.0)
    (array([0.7, 0.8, 0.3, 0.4]), 1.0)

    Source: Angelopoulos, Duchi and Zrnic (2023), PPI++: Efficient prediction-powered inference.
    """
    n = len(sample)
    check_shape(numerators, (n,), value_name="numerators")
    check_shape(guesses, (n,), value_name="guesses")
    check_number(mean_guess, value_name="mean of the guesses")
    if strength is None:
        strength = _best_strength(sample, numerators, guesses)
    return numerators - strength * (guesses - mean_guess), strength


def _best_strength(sample: ImageSample, numerators: _Numbers, guesses: _Numbers) -> float:
    """Return the covariance of outcomes and guesses / the variance of guesses, both of their estimated means."""
    weights, factors = _weights_and_factors(sample)
    shares = sample.stratum_sizes / sample.stratum_sizes.sum()
    n = np.bincount(sample.strata, minlength=shares.size)
    mass = np.bincount(sample.strata, weights=weights, minlength=shares.size)
    scale = (shares**2 * factors * n / np.maximum(n - 1, 1) / np.maximum(mass, 1e-300))[sample.strata] * weights

    def centre(values: _Numbers) -> _Floats:
        means = np.bincount(sample.strata, weights=weights * values, minlength=shares.size) / np.maximum(mass, 1e-300)
        return np.asarray(values - means[sample.strata])

    centred = centre(guesses)
    variance = float(scale @ centred**2)
    is_constant = variance <= _ROUNDING * float(scale @ np.square(guesses))
    return 0.0 if is_constant else float(scale @ (centred * centre(numerators))) / variance
