r"""Student's t distribution: p-values, and the factor of 95 % intervals.

P(\|T\| > t) is the share of the integral of ``sin(u) ** (df - 1)`` from 0 to pi / 2 that lies below
``atan(sqrt(df) / t)``. Nothing is subtracted, so that a small p-value is as accurate as a large one.
"""

import math
from functools import cache

import numpy as np

__all__ = ["critical", "two_sided"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(60)
_PEAK = 10.0  # half-widths of the integrand's peak, below which nothing counts


def two_sided(t: float, df: int) -> float:
    r"""P(\|T\| > \|t\|), in [0, 1].

    Parameters
    ----------
    t
        Any number, or infinity.
    df
        Degrees of freedom, at least 1.

    Examples
    --------
    >>> round(two_sided(2.0, 10), 6)
    0.073388
    """
    return _below(math.atan2(math.sqrt(df), abs(t)), df) / _below(math.pi / 2, df)


@cache
def critical(df: int) -> float:
    """The t that is exceeded, on either side, with a probability of 5 %.

    >>> round(critical(10), 6)
    2.228139
    """
    low, high = 0.0, 16.0  # of one degree of freedom, it is 12.7
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if two_sided(middle, df) > 0.05 else (low, middle)
    return middle


def _below(end: float, df: int) -> float:
    """Integral of sin(u) ** (df - 1) from 0 to `end`."""
    start = max(0.0, end - _PEAK / math.sqrt(df))
    middle, half = (start + end) / 2, (end - start) / 2
    return half * float(_WEIGHTS @ np.sin(middle + half * _NODES) ** (df - 1))
