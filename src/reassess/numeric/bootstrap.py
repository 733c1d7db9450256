"""Percentile bootstrap over images: of the difference of two models exactly, of many models by replicates.

A replicate draws as many images as there are, with replacement, and counts the hits of each model on them; all models
see the same images. Over all replicates that there can be, the difference of two models is the sum of n independent
draws of +1 (only the first is right), -1 (only the second) and 0, with the observed shares for probabilities. So is the
change of a difference from one kind of labels to another, of -2 to +2. That distribution is known, so the interval is
computed, not drawn: it is what a bootstrap of ever more replicates tends to, and needs no seed. Ranks of many models
have no such form and are drawn.
"""

import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError

_TAIL = 0.025  # of a 95 % interval, at either end
_NORMAL = 1.959963984540054  # standard deviations from the mean, beyond which a tail of the normal distribution lies
SUREST = 1e-10  # the lowest p-value that is taken from a normal distribution: it stands for all that is lower
_BLOCK = 4096  # images in one matrix product, whose sums are exact in float32: they are far below 2 ** 24
_AT_ONCE = 64  # replicates that are drawn before their hits are counted
_MOST_REPLICATES = 100_000
_FEW = 20  # with fewer images of even or of odd numbers, nearly all sums are odd or nearly all even, or the reverse
_VANISHED = 12  # the characteristic function of a sum, at so many times the inverse of its standard deviation
_Number = TypeVar("_Number", bound=np.generic)
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


def mean_interval(counts: Mapping[int, int], n: int) -> tuple[float, float] | None:
    """95 % percentile bootstrap interval over images of the mean of a small whole number; None if n is 0.

    Source: Efron (1979), Annals of Statistics 7, section 2: the bootstrap distribution by direct calculation.
    """
    if n == 0:
        return None
    turned = {-value: count for value, count in counts.items()}
    return _lowest(counts, n) / n, -_lowest(turned, n) / n


def times_drawn(rng: np.random.Generator, count: int) -> npt.NDArray[np.uint8]:
    """How often each of some things is drawn, if as many are drawn with replacement; uint8, shape (count,).

    That one is drawn more than 255 times has a probability below 1e-500.
    """
    from reassess.numeric.resampling_kernels import add_drawn

    times = np.zeros(count, np.uint8)
    add_drawn(rng.integers(0, count, count, np.int32), times)  # the same draws as of int64, in half the time
    return times


def times_drawn_again(rng: np.random.Generator, count: int, replicates: int) -> _Ints:
    """What so many calls of `times_drawn` give, one a row; faster where things are few."""
    drawn = rng.integers(0, count, (replicates, count)) + count * np.arange(replicates)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)


def resampled_hits(hits: npt.NDArray[np.bool_], *, replicates: int, seed: int) -> npt.NDArray[np.int32]:
    """Number of hits of each model in each bootstrap replicate of the images."""
    from reassess.numeric.resampling_kernels import add_weighted

    hits, images = np.ascontiguousarray(hits), hits.shape[1]
    rng = np.random.default_rng(seed)
    totals = np.zeros((replicates, len(hits)), np.int32)
    times = np.empty((min(replicates, _AT_ONCE), images), np.uint8)
    for start in range(0, replicates, _AT_ONCE):
        block = times[: replicates - start]
        for row in block:
            row[:] = times_drawn(rng, images)
        add_weighted(hits, block, totals[start : start + _AT_ONCE])
    return totals


def common_hits(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> _Ints:
    """On how many images both of two models are right, for every model of one list and every model of another."""
    total = np.zeros((len(first), len(second)), np.int64)
    for start in range(0, first.shape[1], _BLOCK):
        ours, theirs = first[:, start : start + _BLOCK], second[:, start : start + _BLOCK]
        if ours.any() and theirs.any():
            total += (ours.astype(np.float32) @ theirs.T.astype(np.float32)).astype(np.int64)
    return total


def percentile_bounds(samples: npt.NDArray[_Number]) -> tuple[npt.NDArray[_Number], npt.NDArray[_Number]]:
    """95 % percentile interval of each column: values that were drawn, beyond which at most 2.5 % lie at either end."""
    below = math.ceil(_TAIL * len(samples))
    ordered = np.sort(samples, axis=0)
    return ordered[below - 1], ordered[-below]


def normal_interval(value: float, deviation: float, least: float = -1, most: float = 1) -> tuple[float, float]:
    """95 % interval of a value between two bounds whose standard deviation over replicates is known."""
    low, high = (float(np.clip(value + sign * _NORMAL * deviation, least, most)) for sign in (-1, 1))
    return low, high


def normal_p_values(values: npt.ArrayLike, deviations: npt.ArrayLike) -> _Floats:
    """Two-sided p-values of values whose standard deviations over replicates are known, if the true ones are 0.

    None is below 1e-10, since replicates tell nothing of how far the tails of their distribution are normal.
    """
    from scipy.special import ndtr

    size, spread = np.abs(values), np.asarray(deviations)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size > 0, np.maximum(2 * ndtr(-size / spread), SUREST), 1.0)


def check_replicates(replicates: int) -> None:
    """Raise `DataError` if replicates are too many, or too few for 95 %, beyond which one lies at either end."""
    fewest = math.ceil(1 / _TAIL)
    if replicates < fewest:
        raise DataError(
            "too-few",
            "too few replicates for a 95 % interval",
            allowed=f"{fewest} or more",
            found=replicates,
        )
    if replicates > _MOST_REPLICATES:
        raise DataError(
            "too-many", "too many replicates", allowed=f"up to {_MOST_REPLICATES:,}", found=f"{replicates:,}"
        )


def _lowest(counts: Mapping[int, int], n: int) -> int:
    """The lowest sum at or below which lies at least the tail of the bootstrap distribution."""
    values, images = np.array(list(counts), np.float64), np.array(list(counts.values()), np.float64)
    total = sum(value * count for value, count in counts.items())
    deviation = math.sqrt(max(0.0, float(values**2 @ images) - total**2 / n))
    # By Cantelli's inequality, less than the tail lies 6.25 standard deviations or more below the mean.
    below = total - math.ceil(6.25 * deviation) - 1
    while total - below > 1:
        middle = (below + total) // 2
        if _at_most(middle, values, images / n, n, deviation) >= _TAIL:
            total = middle
        else:
            below = middle
    return total


def _at_most(total: int, values: _Floats, shares: _Floats, n: int, deviation: float) -> float:
    """Probability that the sum of a replicate is at most so large, no more than 8 deviations off.

    By inversion of the characteristic function, which is that of one draw to the power of n. The sum over frequencies
    is exact but for what lies ten standard deviations or more from the mean.
    """
    deviation = max(deviation, _VANISHED / np.pi)
    odd = n * shares[values % 2 == 1].sum()
    reach = np.pi if min(odd, n - odd) < _FEW else _VANISHED / deviation
    nodes = math.ceil(reach * deviation * 20 / (2 * np.pi))
    t = reach * ((np.arange(nodes) + 0.5) / nodes)
    less, imaginary = shares @ (1 - np.cos(np.outer(values, t))), shares @ np.sin(np.outer(values, t))
    with np.errstate(divide="ignore"):  # the function may be 0
        size = np.exp(n / 2 * np.log1p(np.maximum(imaginary**2 + less**2 - 2 * less, -1)))
    waves = size * np.sin(n * np.arctan2(imaginary, 1 - less) - t * (total + 0.5)) / np.sin(t / 2)
    return float(0.5 - reach / nodes * waves.sum() / (2 * np.pi))
