"""Classes in another order in one file, or in all: most images of one are called another, in a circle."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from reassess.numeric.exact_tests import mcnemar

__all__ = ["exchanged_classes"]

_LEVEL = 1e-6  # of a sign test on the images of the exchanged classes; files have thousands of pairs of classes
_Counts = Any  # a sparse array: scipy has no types


def exchanged_classes(
    labels: Sequence[npt.NDArray[np.integer]], predicted: Sequence[npt.NDArray[np.integer]], classes: int
) -> tuple[int | None, dict[int, int]] | None:
    """The number of a file that calls classes by one another's names, and what it calls each of these.

    In such a file more images of a class are called another one than by its own name, and of that one again, until the
    first comes round; in the other files together it is not so. Both are tested. If it is so in all files together, the
    labels may be exchanged as well as the outputs, and no file is named.

    Parameters
    ----------
    labels, predicted
        For each file the label and the most probable class of each image, -1 for none; int, shape (N,).
    classes
        Number of classes.

    Returns
    -------
    None if no classes are exchanged; the number is None if they are so in all files together.

    Examples
    --------
    >>> truth = np.arange(60) % 3
    >>> exchanged_classes([truth, truth], [truth, np.array([1, 0, 2])[truth]], 3)
    (1, {0: 1, 1: 0})
    """
    of_files = [_counts(*columns, classes) for columns in zip(labels, predicted, strict=True)]
    total = sum(of_files[1:], start=of_files[0])
    for number, own in enumerate(of_files):
        others = total - own
        for circle in _circles(_called(own)):
            if _is_plain(_called_so(own, circle), _called_rightly(own, circle)) and _is_plain(
                _called_rightly(others, circle), _called_so(others, circle)
            ):
                return number, circle
    circles = _circles(_called(total))
    plain = (circle for circle in circles if _is_plain(_called_so(total, circle), _called_rightly(total, circle)))
    return next(((None, circle) for circle in plain), None)


def _counts(labels: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer], classes: int) -> _Counts:
    """How many images of a label, the row, are called each class."""
    named = predicted >= 0
    pairs = (labels[named], predicted[named])
    return sparse.csr_array((np.ones(len(pairs[0]), np.int64), pairs), shape=(classes, classes))


def _called(counts: _Counts) -> dict[int, int]:
    """The classes of which most images have another name than their own, and that name."""
    most = np.asarray(counts.argmax(axis=1)).ravel()
    at_most = counts[np.arange(most.size), most]
    return {a: int(most[a]) for a in np.flatnonzero(at_most > counts.diagonal()).tolist()}


def _circles(called: Mapping[int, int]) -> list[dict[int, int]]:
    """Those that are called by one another's names."""
    circles, seen = [], set[int]()
    for start in called:
        path: list[int] = []
        at: int | None = start
        while at is not None and at not in seen:
            seen.add(at)
            path.append(at)
            at = called.get(at)
        if at in path:
            circles.append({a: called[a] for a in path[path.index(at) :]})
    return circles


def _called_so(counts: _Counts, circle: Mapping[int, int]) -> int:
    return sum(int(counts[a, b]) for a, b in circle.items())


def _called_rightly(counts: _Counts, circle: Iterable[int]) -> int:
    return sum(int(counts[a, a]) for a in circle)


def _is_plain(more: int, fewer: int) -> bool:
    return more > fewer and mcnemar(more, fewer) < _LEVEL
