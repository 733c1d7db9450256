"""Percentile bootstrap over images: of the difference of two models exactly, of many models by replicates.

A replicate draws as many images as there are, with replacement, and counts the hits of each model on them; all models
see the same images. Over all replicates that there can be, the difference of two models is the sum of n independent
draws of +1 (only the first is right), -1 (only the second) and 0, with the observed shares for probabilities. That
distribution is known, so the interval of a difference is computed, not drawn: it is what a bootstrap of ever more
replicates tends to, and needs no seed. Ranks of many models have no such form and are drawn.
"""

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError

__all__ = [
    "apart",
    "check_replicates",
    "common_hits",
    "difference_interval",
    "percentile_bounds",
    "resampled_hits",
    "times_drawn",
]

_TAIL = 0.025  # of a 95 % interval, at either end
_BLOCK = 4096  # images in one matrix product, whose sums are exact in float32: they are far below 2 ** 24
_NODES = 1 << 22  # frequencies looked at together
_FEW = 20  # with fewer images on which the models agree, nearly all differences are even, or nearly all odd
_VANISHED = 12  # the characteristic function of a sum, at so many times the inverse of its standard deviation
_Number = TypeVar("_Number", bound=np.generic)
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


def difference_interval(only_a: int, only_b: int, n: int) -> tuple[float, float] | None:
    """95 % percentile bootstrap interval over images of the difference in accuracy of two models; None if n is 0.

    Parameters
    ----------
    only_a, only_b
        Number of images that only the one, or only the other, gets right.
    n
        Number of images.

    Returns
    -------
    Bounds of a - b, in [-1, 1]: below and above them lies at most 2.5 % of the bootstrap distribution.

    Examples
    --------
    >>> difference_interval(60, 40, 1000)
    (0.001, 0.04)

    Notes
    -----
    Source: Efron (1979), Annals of Statistics 7, section 2: the bootstrap distribution by direct calculation.
    """
    if n == 0:
        return None
    return _lowest(only_a, only_b, n) / n, -_lowest(only_b, only_a, n) / n


def apart(only_a: _Ints, only_b: _Ints, n: int) -> npt.NDArray[np.int8]:
    """Whether the interval of a difference leaves out 0, for many pairs of models: 1 if a is better, -1 if b is, or 0.

    Parameters
    ----------
    only_a, only_b
        int64, shape (pairs,): see `difference_interval`.
    n
        Number of images.

    Examples
    --------
    >>> apart(np.array([60, 50, 3]), np.array([40, 50, 90]), 1000)
    array([ 1,  0, -1], dtype=int8)
    """
    more, fewer = np.maximum(only_a, only_b), np.minimum(only_a, only_b)
    better = np.sign(only_a - only_b).astype(np.int8)
    # By Chernoff's bound, P(difference <= 0) is at most exp(-gap): most pairs of a long list need no more.
    gap = (np.sqrt(more) - np.sqrt(fewer)) ** 2
    close = np.flatnonzero(np.exp(-gap) >= _TAIL)
    better[close[_at_most(0, more[close], fewer[close], n) >= _TAIL]] = 0
    return np.asarray(better)


def times_drawn(rng: np.random.Generator, count: int) -> _Ints:
    """How often each of some things is drawn, if as many are drawn with replacement; int64, shape (count,).

    >>> times_drawn(np.random.default_rng(0), 5)
    array([0, 2, 1, 1, 1])
    """
    return np.bincount(rng.integers(0, count, count), minlength=count)


def resampled_hits(hits: npt.NDArray[np.bool_], *, replicates: int, seed: int) -> npt.NDArray[np.int32]:
    """Number of hits of each model in each bootstrap replicate of the images.

    Parameters
    ----------
    hits
        bool, shape (models, images).
    replicates
        How many to draw.
    seed
        Of the draws.

    Returns
    -------
    int32, shape (replicates, models).

    Examples
    --------
    >>> resampled_hits(np.array([[True, True], [False, True]]), replicates=3, seed=0)
    array([[2, 2],
           [2, 1],
           [2, 0]], dtype=int32)
    """
    models, images = hits.shape
    rng = np.random.default_rng(seed)
    # How often each image is drawn; that one is drawn more than 255 times has a probability below 1e-500.
    times = np.empty((replicates, images), np.uint8)
    for row in times:
        row[:] = times_drawn(rng, images)
    total = np.zeros((replicates, models), np.int32)
    for start in range(0, images, _BLOCK):
        part = slice(start, start + _BLOCK)
        total += (times[:, part].astype(np.float32) @ hits[:, part].T.astype(np.float32)).astype(np.int32)
    return total


def common_hits(hits: npt.NDArray[np.bool_]) -> _Ints:
    """On how many images both of two models are right, for every two.

    Parameters
    ----------
    hits
        bool, shape (models, images).

    Returns
    -------
    int64, shape (models, models); the diagonal holds each model's hits.

    Examples
    --------
    >>> common_hits(np.array([[True, True, False], [False, True, True]]))
    array([[2, 1],
           [1, 2]])
    """
    total = np.zeros((len(hits), len(hits)), np.int64)
    for start in range(0, hits.shape[1], _BLOCK):
        part = hits[:, start : start + _BLOCK].astype(np.float32)
        total += (part @ part.T).astype(np.int64)
    return total


def percentile_bounds(samples: npt.NDArray[_Number]) -> tuple[npt.NDArray[_Number], npt.NDArray[_Number]]:
    """95 % percentile interval of each column: values that were drawn, beyond which at most 2.5 % lie at either end.

    Parameters
    ----------
    samples
        Shape (replicates, ...).

    Examples
    --------
    >>> percentile_bounds(np.arange(1000)[::-1])
    (np.int64(24), np.int64(975))
    """
    below = math.ceil(_TAIL * len(samples))
    ordered = np.sort(samples, axis=0)
    return ordered[below - 1], ordered[-below]


def check_replicates(replicates: int) -> None:
    """Raise `DataError` if replicates are too few for a 95 % interval, beyond which one lies at either end."""
    fewest = math.ceil(1 / _TAIL)
    if replicates < fewest:
        raise DataError("too few replicates for a 95 % interval", allowed=f"{fewest} or more", found=replicates)


def _lowest(only_a: int, only_b: int, n: int) -> int:
    """The lowest difference in hits at or below which lies at least the tail of the bootstrap distribution."""
    a, b = np.array([only_a]), np.array([only_b])
    # By Cantelli's inequality, less than the tail lies 6.25 standard deviations or more below the mean.
    difference = only_a - only_b
    below = difference - math.ceil(6.25 * _deviation(a, b, n)[0]) - 1
    while difference - below > 1:
        middle = (below + difference) // 2
        if _at_most(middle, a, b, n)[0] >= _TAIL:
            difference = middle
        else:
            below = middle
    return difference


def _deviation(only_a: _Ints, only_b: _Ints, n: int) -> _Floats:
    """Standard deviation of the difference in hits of a replicate."""
    a, b = only_a / n, only_b / n
    return np.asarray(np.sqrt(n * (a + b - (a - b) ** 2)))


def _at_most(difference: int, only_a: _Ints, only_b: _Ints, n: int) -> _Floats:
    """Probability that the difference in hits of a replicate is at most so large, no more than 8 deviations off.

    By inversion of the characteristic function, which is that of one draw to the power of n. The sum over frequencies
    is exact but for what lies ten standard deviations or more from the mean.

    Parameters
    ----------
    difference
        The difference in hits.
    only_a, only_b
        int64, shape (pairs,).
    n
        Number of images.
    """
    deviation = np.maximum(_deviation(only_a, only_b, n), _VANISHED / np.pi)
    reach = np.where(n - only_a - only_b < _FEW, np.pi, _VANISHED / deviation)
    nodes = math.ceil((reach * deviation).max(initial=1) * 20 / (2 * np.pi))
    result = np.empty(len(reach))
    step = max(1, _NODES // nodes)
    for start in range(0, len(reach), step):
        part = slice(start, start + step)
        t = reach[part, None] * ((np.arange(nodes) + 0.5) / nodes)
        a, b = only_a[part, None] / n, only_b[part, None] / n
        less, imaginary = (a + b) * (1 - np.cos(t)), (a - b) * np.sin(t)
        with np.errstate(divide="ignore"):  # the function may be 0
            size = np.exp(n / 2 * np.log1p(np.maximum(imaginary**2 + less**2 - 2 * less, -1)))
        waves = size * np.sin(n * np.arctan2(imaginary, 1 - less) - t * (difference + 0.5)) / np.sin(t / 2)
        result[part] = 0.5 - reach[part] / nodes * waves.sum(axis=1) / (2 * np.pi)
    return result
