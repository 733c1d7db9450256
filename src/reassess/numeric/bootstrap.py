"""Percentile bootstrap over images: exact for the difference of two models, by random resampling for ranks.

A replicate draws n of n images with replacement, and counts the hits of each model on them; all models see the same
images. Over all possible replicates, the difference of two models is the sum of n independent draws of +1 (only the
first model is correct), -1 (only the second) and 0, whose probabilities are the observed shares. The change of a
difference from one kind of labels to another has the same form, with draws from -2 to +2. This distribution is known,
so the interval is computed without drawing: it is the limit of a bootstrap with many replicates, and needs no seed.
The ranks of many models have no such form, so their replicates are drawn.
"""

import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError

_TAIL_SHARE = 0.025  # probability of each tail outside a 95 % interval
_NORMAL_QUANTILE = 1.959963984540054  # 97.5 % point of the standard normal distribution
MIN_NORMAL_P_VALUE = 1e-10  # floor of p-values from a normal approximation
_BLOCK = 4096  # images per matrix product; its sums are far below 2 ** 24, so float32 is exact
_BATCH = 64  # replicates drawn before their hits are counted
_MAX_REPLICATES = 100_000
_MIN_PARITY_ITEMS = 20  # with fewer even or fewer odd values, the sums have nearly always the same parity
_NEGLIGIBLE_AT = 12  # frequency, in inverse standard deviations, where the characteristic function is about 0
_Number = TypeVar("_Number", bound=np.generic)
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


def mean_interval(n_images_by_value: Mapping[int, int], n: int) -> tuple[float, float] | None:
    """Compute the exact 95 % percentile bootstrap interval of a mean of small integers; None if n is 0.

    `n_images_by_value` counts the images with each value; images that are not counted have the value 0.

    Source: Efron (1979), Annals of Statistics 7, section 2: the bootstrap distribution by direct calculation.
    """
    if n == 0:
        return None
    negated = {-value: count for value, count in n_images_by_value.items()}
    return _find_low_quantile_of_replicate_sum(n_images_by_value, n) / n, -_find_low_quantile_of_replicate_sum(
        negated, n
    ) / n


def draw_bootstrap_counts(rng: np.random.Generator, n_items: int) -> npt.NDArray[np.uint8]:
    """Draw `n_items` times from `n_items` items, with replacement; return how often each item was drawn.

    The probability that an item is drawn more than 255 times is below 1e-500.
    """
    from reassess.numeric.resampling_kernels import count_draws

    times = np.zeros(n_items, np.uint8)
    count_draws(rng.integers(0, n_items, n_items, np.int32), times)  # the same draws as with int64, in half the time
    return times


def draw_replicate_counts(rng: np.random.Generator, n_items: int, n_replicates: int) -> _Ints:
    """Return the same counts as `draw_bootstrap_counts` for many replicates; faster if `n_items` is small."""
    draws = rng.integers(0, n_items, (n_replicates, n_items)) + n_items * np.arange(n_replicates)[:, None]
    return np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)


def resample_hits(hits: npt.NDArray[np.bool_], *, replicates: int, seed: int) -> npt.NDArray[np.int32]:
    """Count the hits of each model in each bootstrap replicate of the images."""
    from reassess.numeric.resampling_kernels import add_weighted_hits

    hits, images = np.ascontiguousarray(hits), hits.shape[1]
    rng = np.random.default_rng(seed)
    totals = np.zeros((replicates, len(hits)), np.int32)
    times = np.empty((min(replicates, _BATCH), images), np.uint8)
    for start in range(0, replicates, _BATCH):
        block = times[: replicates - start]
        for row in block:
            row[:] = draw_bootstrap_counts(rng, images)
        add_weighted_hits(hits, block, totals[start : start + _BATCH])
    return totals


def count_common_hits(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> _Ints:
    """Count the images where two models are correct, for each pair of a model of `first` and of `second`."""
    total = np.zeros((len(first), len(second)), np.int64)
    for start in range(0, first.shape[1], _BLOCK):
        a, b = first[:, start : start + _BLOCK], second[:, start : start + _BLOCK]
        if a.any() and b.any():
            total += (a.astype(np.float32) @ b.T.astype(np.float32)).astype(np.int64)
    return total


def percentile_bounds(samples: npt.NDArray[_Number]) -> tuple[npt.NDArray[_Number], npt.NDArray[_Number]]:
    """Compute the 95 % percentile interval of each column of samples; the bounds are two of the samples."""
    below = math.ceil(_TAIL_SHARE * len(samples))
    ordered = np.sort(samples, axis=0)
    return ordered[below - 1], ordered[-below]


def normal_interval(
    value: float, deviation: float, low_limit: float = -1, high_limit: float = 1
) -> tuple[float, float]:
    """Compute a 95 % normal interval from a value and its standard deviation, clipped to the limits."""
    low, high = (float(np.clip(value + sign * _NORMAL_QUANTILE * deviation, low_limit, high_limit)) for sign in (-1, 1))
    return low, high


def normal_p_values(values: npt.ArrayLike, deviations: npt.ArrayLike) -> _Floats:
    """Compute two-sided p-values of normal values with known standard deviations; the null hypothesis is 0.

    The p-values are at least 1e-10: replicates do not show how far the tails of their distribution are normal.
    """
    from scipy.special import ndtr

    size, spread = np.abs(values), np.asarray(deviations)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size > 0, np.maximum(2 * ndtr(-size / spread), MIN_NORMAL_P_VALUE), 1.0)


def check_replicates(replicates: int) -> None:
    """Raise if there are too many bootstrap replicates, or too few for a 95 % interval."""
    fewest = math.ceil(1 / _TAIL_SHARE)
    if replicates < fewest:
        raise DataError(
            "too-few",
            "too few replicates for a 95 % interval",
            allowed=f"{fewest} or more",
            found=replicates,
        )
    if replicates > _MAX_REPLICATES:
        raise DataError(
            "too-many", "too many replicates", allowed=f"up to {_MAX_REPLICATES:,}", found=f"{replicates:,}"
        )


def _find_low_quantile_of_replicate_sum(n_images_by_value: Mapping[int, int], n: int) -> int:
    """Find the 2.5 % quantile of the sum of a bootstrap replicate: the lowest s with P(sum <= s) of at least 2.5 %."""
    values = np.array(list(n_images_by_value), np.float64)
    images = np.array(list(n_images_by_value.values()), np.float64)
    total = sum(value * count for value, count in n_images_by_value.items())
    deviation = math.sqrt(max(0.0, float(values**2 @ images) - total**2 / n))
    # By Cantelli's inequality, P(6.25 standard deviations or more below the mean) is less than 2.5 %.
    below = total - math.ceil(6.25 * deviation) - 1
    while total - below > 1:
        middle = (below + total) // 2
        if _sum_cdf(middle, values, images / n, n, deviation) >= _TAIL_SHARE:
            total = middle
        else:
            below = middle
    return total


def _sum_cdf(total: int, values: _Floats, shares: _Floats, n: int, deviation: float) -> float:
    """Compute P(sum of a bootstrap replicate <= total); `total` is within 8 standard deviations of the mean."""
    # The characteristic function of n draws, which is one draw's to the power of n, is inverted. The sum over
    # frequencies is exact, except for the probability of sums ten standard deviations or more from the mean.
    deviation = max(deviation, _NEGLIGIBLE_AT / np.pi)
    odd = n * shares[values % 2 == 1].sum()
    reach = np.pi if min(odd, n - odd) < _MIN_PARITY_ITEMS else _NEGLIGIBLE_AT / deviation
    nodes = math.ceil(reach * deviation * 20 / (2 * np.pi))
    t = reach * ((np.arange(nodes) + 0.5) / nodes)
    less, imaginary = shares @ (1 - np.cos(np.outer(values, t))), shares @ np.sin(np.outer(values, t))
    with np.errstate(divide="ignore"):  # the function may be 0
        size = np.exp(n / 2 * np.log1p(np.maximum(imaginary**2 + less**2 - 2 * less, -1)))
    waves = size * np.sin(n * np.arctan2(imaginary, 1 - less) - t * (total + 0.5)) / np.sin(t / 2)
    return float(0.5 - reach / nodes * waves.sum() / (2 * np.pi))
