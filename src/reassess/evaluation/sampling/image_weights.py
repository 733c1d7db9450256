"""Weights of the images of a sample, and a control variate that needs them.

Let batch b draw n_bh of the images of stratum h that are left. Its unbiased estimate of the mean of all N images is

    T_b = sum over strata of (sum of the values seen before b + images left * mean of the batch's values) / N

and the estimate is the mean of the T_b, with weights that depend only on the sizes of the batches. With one batch, this
is the estimator of Horvitz and Thompson. Pooling the images of a stratum would be biased: if a stratum has no mistake
in the first batch, the next batch draws few of its images, and accuracy is overestimated (by 0.3 standard errors in
simulations).
"""

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_number, check_shape
from reassess.errors import DataError
from reassess.evaluation.sampling.drawing import MIN_IMAGES_PER_STRATUM, ImageSample

_Floats = npt.NDArray[np.float64]
_Numbers = npt.NDArray[np.integer] | npt.NDArray[np.floating] | npt.NDArray[np.bool_]

_ROUNDING = 1e-12  # smaller variances are rounding errors


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
    >>> count_usable(sample), count_usable(sample.first(3))
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
    return weights_and_factors(sample)[0]


def weights_and_factors(sample: ImageSample) -> tuple[_Floats, _Floats]:
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
    left = sizes - (np.cumsum(counts, axis=0) - counts)
    batch_weights = _weigh_batches(counts, sizes)
    own = batch_weights[:, None] * left / np.maximum(counts, 1) / total  # weight in the estimate of the image's batch
    later = (np.cumsum(batch_weights[::-1])[::-1] - batch_weights) / total  # in the estimates of later batches
    weights = own[sample.batches, sample.strata] + later[sample.batches]
    return weights, variance_factors(counts, sizes)


def variance_factors(counts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> _Floats:
    """Return by what the variance in each stratum is multiplied, for images by batch and stratum; float64, (strata,).

    With one batch of n_h of N_h images, the factor is (1 - n_h / N_h) / n_h.
    """
    left = sizes - (np.cumsum(counts, axis=0) - counts)
    rest = np.where(left > 0, left - counts, 0) / np.maximum(left, 1)
    parts = (_weigh_batches(counts, sizes)[:, None] * left / sizes) ** 2 / np.maximum(counts, 1) * rest
    return np.asarray(parts.sum(axis=0))


def _weigh_batches(counts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> _Floats:
    """Return the weight of each batch's estimate; float64, shape (batches,)."""
    batch_shares = counts.sum(axis=1) / sizes.sum()
    seen_after = np.cumsum(batch_shares)
    if seen_after[-1] == 1:  # all images are known
        return np.asarray(np.arange(len(counts)) == len(counts) - 1, np.float64)
    weights = batch_shares / ((1 - (seen_after - batch_shares)) * (1 - seen_after))
    return np.asarray(weights / weights.sum())


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
    weights, factors = weights_and_factors(sample)
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
