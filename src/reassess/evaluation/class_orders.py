"""The orders of classes in which models are often trained; each is known before any prediction is looked at."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes

__all__ = ["known_orders"]

_TOO_HIGH = "ids that are one too high: they count from 1, or 0 is a background"
_TOO_LOW = "ids that are one too low: the first class is missing"
_FEWEST = 3  # of two classes, a shift of the ids is a swap


def known_orders(classes: Classes, count: int) -> dict[str, npt.NDArray[np.int64]]:
    """The known orders by what they are called: the class of each id, int64, shape (count,), every class once.

    Parameters
    ----------
    classes, count
        The classes, and how many there are. Orders by name need their names.

    Returns
    -------
    Each order once, but for that of the ids themselves. Where the ids are shifted by one, the id that is left over
    stands for the class that is left over.

    Examples
    --------
    >>> for name, class_of in known_orders(Classes(3, names=("dog 10", "dog 9", "cat")), 3).items():
    ...     print(class_of, name)
    [2 0 1] class names sorted as text
    [2 1 0] class names sorted with their numbers in order: 2 before 10
    [1 2 0] ids that are one too low: the first class is missing
    """
    ids = np.arange(count)
    orders = {ids.tobytes(): ""}
    for name, class_of in _orders(classes, ids):
        orders.setdefault(class_of.tobytes(), name)
    return {name: np.frombuffer(order, np.int64) for order, name in orders.items() if name}


def _orders(classes: Classes, ids: npt.NDArray[np.int64]) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    ordered = partial(_ordered, ids)
    if len(classes.names) == len(ids):
        yield "class names sorted as text", ordered(classes.label)
        yield "class names sorted without regard to capitals", ordered(lambda i: classes.label(i).casefold())
        yield "class names sorted with their numbers in order: 2 before 10", ordered(lambda i: _parts(classes.label(i)))
    yield "class numbers sorted as text: 0, 1, 10, 100", ordered(str)
    yield "class numbers from 1 sorted as text: 1, 10, 100", ordered(lambda i: str(i + 1))
    if len(ids) >= _FEWEST:
        yield _TOO_HIGH, np.roll(ids, 1)
        yield _TOO_LOW, np.roll(ids, -1)


def _ordered(ids: npt.NDArray[np.int64], key: Callable[[int], Any]) -> npt.NDArray[np.int64]:
    return np.array(sorted(ids.tolist(), key=key), np.int64)


def _parts(name: str) -> list[str | int]:
    """A name as texts and numbers in turn."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split("([0-9]+)", name))]
