"""How likely is a number of hits by chance, where each image has its own chance: the Poisson binomial distribution."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["SMALLEST", "chance_p_value"]

SMALLEST = 1e-300  # a p-value of it stands for all that is smaller


def chance_p_value(hits: int, images: Mapping[int, int]) -> float:
    """Exact two-sided p-value of a number of hits, if on each image one of several classes was taken at random.

    Parameters
    ----------
    hits
        On how many images the class that was taken is the one in question.
    images
        Number of images by number of classes, each at least 1: of n classes, the one in question is taken with a
        chance of 1 / n.

    Returns
    -------
    Twice the probability of as many hits or more, or of as many or fewer, whichever is smaller; at most 1, and at least
    1e-300, which stands for all that is smaller.

    Examples
    --------
    >>> round(chance_p_value(9, {2: 10}), 9), chance_p_value(5, {2: 10})
    (0.021484375, 1.0)

    Notes
    -----
    The hits among the images of n classes are binomial; the sum of these is the Poisson binomial distribution, here
    their convolution. Nothing is subtracted, so that a small p-value is as accurate as a large one.
    """
    chances = np.ones(1)
    for classes, n in images.items():
        chances = np.convolve(chances, _binomial(n, 1 / classes))
    tail = min(math.fsum(chances[: hits + 1]), math.fsum(chances[hits:]))
    return min(1.0, max(SMALLEST, 2 * tail))


def _binomial(n: int, p: float) -> npt.NDArray[np.float64]:
    """The probability of 0 to n hits in n tries."""
    if p == 1:
        return np.append(np.zeros(n), 1.0)
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    k = np.arange(n + 1)
    ways = log_factorials[n] - log_factorials - log_factorials[::-1]
    return np.asarray(np.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p)))
