"""Intervals that hold although somebody looks after each answer, and stops when the answer pleases.

After n images, n times the error of the estimate behaves like a Brownian motion W whose time t grows with the number of
images: within a batch, the strata keep their proportions, and a later batch is drawn anew. So the error, divided by its
standard error, behaves like W(t) / sqrt(t). An interval with quantile q(t) holds at all times together if
|W(t)| / sqrt(t) < q(t) for all t with probability 0.95. With t = n / the planned n, we use q(t) = c / t^0.15 up to
t = 1, and q(t) = sqrt(c^2 + 2 log t) afterwards. The constant c was found by simulating 100,000 Brownian motions for t
from 0.001 to 1,000 (benchmarks/sampling.py).
"""

import math

from reassess.core.checks import check_number

_QUANTILE_AT_PLANNED = 2.71
_EARLY_EXPONENT = 0.15


def anytime_quantile(n: int, planned: int) -> float:
    """Return the quantile of an interval after n images that is valid after every image, instead of 1.96.

    Parameters
    ----------
    n
        Number of images of this look.
    planned
        Number of images for which the interval should be narrowest; chosen before any answer is known.

    Raises
    ------
    DataError
        A number is not a whole number from 1.

    Examples
    --------
    >>> [round(anytime_quantile(n, 500), 2) for n in (50, 250, 500, 1000)]
    [3.83, 3.01, 2.71, 2.95]
    """
    check_number(n, 1, value_name="number of images", is_whole=True)
    check_number(planned, 1, value_name="planned number of images", is_whole=True)
    if n <= planned:
        return _QUANTILE_AT_PLANNED * math.pow(planned / n, _EARLY_EXPONENT)
    return math.sqrt(_QUANTILE_AT_PLANNED**2 + 2 * math.log(n / planned))


def expect_images_needed(distance: float, margin: float, n: int, planned: int, *, most: int) -> int | None:
    """Estimate after how many images an interval for all times will exclude 0, if the estimate stays as it is.

    Parameters
    ----------
    distance
        Distance of the estimate from 0.
    margin
        Distance of the estimate from the end of the interval that is nearer to 0, after n images.
    n, planned
        As for `anytime_quantile`.
    most
        Number of images of the whole set.

    Returns
    -------
    int or None
        The number of images, at least n; None if the distance is 0.

    Examples
    --------
    >>> expect_images_needed(0.02, 0.03, 100, 500, most=10_000)
    186
    """

    def is_enough(later: int) -> bool:
        factor = anytime_quantile(later, planned) / anytime_quantile(n, planned)
        # The standard error is 0 if all images are answered.
        return margin * factor * math.sqrt(n / later * (1 - later / most) / max(1 - n / most, 1 / most)) < distance

    if not is_enough(most):
        return None
    low, high = n, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return low
