"""Intervals that stay valid although somebody looks after each answer, and stops when the answer pleases.

The error of a stratified mean behaves like W(t) / t, for a Brownian motion W and the precision t, whatever the
allocation. A mixture of likelihood ratios bounds |W(t)| for all t together with probability 0.95 by
sqrt((t + r) log((t + r) / (0.05^2 r))), which is a normal interval with another quantile. It is narrowest near t = 8 r.

Source: Robbins (1970), Annals of Mathematical Statistics 41; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024),
Annals of Statistics 52 (asymptotic confidence sequences).
"""

import math

from reassess.core.checks import check_number

_ALPHA = 0.05
# t / r where the bound is narrowest: -W(-alpha^2 / e) - 1, for the lower branch W of Lambert's function.
_NARROWEST = 8.21


def anytime_quantile(n: int, planned: int) -> float:
    """Return what replaces the normal quantile 1.96 in an interval after n images that is valid after every image.

    Parameters
    ----------
    n
        Number of images of this look.
    planned
        Number of images where the interval should be narrowest; chosen before any answer is known.

    Raises
    ------
    DataError
        A number is not a whole number from 1.

    Examples
    --------
    >>> [round(anytime_quantile(n, 500), 2) for n in (50, 250, 500, 1000)]
    [3.82, 3.08, 3.04, 3.06]
    """
    check_number(n, 1, value_name="number of images", is_whole=True)
    check_number(planned, 1, value_name="planned number of images", is_whole=True)
    ratio = _NARROWEST * n / planned
    return math.sqrt((1 + 1 / ratio) * math.log((1 + ratio) / _ALPHA**2))
