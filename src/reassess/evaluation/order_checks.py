"""The traps in which people lose a day: rows in another order, ids of another class list, numbers that are off by one.

When a model agrees with the original labels no more than chance would, something of the kind is wrong; every known
way of it is tried, and the error says which one fits.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.benchmark import class_folder_order
from reassess.core.labels import LabelSets
from reassess.errors import DataError
from reassess.evaluation.class_list_search import find_class_list
from reassess.evaluation.outcomes import Outcomes
from reassess.evaluation.words import MEND_CLASS_LIST, no_list_in_words

__all__ = ["check_agreement"]

_FEWEST = 100  # with fewer images or classes, a poor model cannot be told from a wrong order
_BY_CHANCE = "no more than chance would"
_BETTER = 5  # a reading fits if it agrees this many times as often
_MANY = 50  # and on one image in so many: of ten readings, one may look better by chance

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Reading:
    """Another way to read the predictions."""

    name: str
    mend: str
    predicted: Ids
    truth: Ids

    @property
    def hits(self) -> int:
        return int(np.count_nonzero((self.predicted == self.truth) & (self.truth >= 0)))


def check_agreement(outcomes: Outcomes, original: LabelSets, *, any_class_list: bool = False) -> None:
    """Raise `DataError` if the top-1 classes agree with the original labels by chance, or far better read otherwise.

    Parameters
    ----------
    outcomes
        The model's outcomes.
    original
        Original labels: one class an image.
    any_class_list
        Let a model pass of which the images confirm another class list, see `find_class_list`.
    """
    named = outcomes.original_rows >= 0
    n, classes = int(np.count_nonzero(named)), original.classes.count or int(original.indices.max(initial=-1)) + 1
    if n < _FEWEST or classes < _FEWEST:
        return
    truth = np.where(named, original.indices[outcomes.original_rows], -1).astype(np.int32)
    as_given = _Reading(name="as given", mend="", predicted=outcomes.top1, truth=truth)
    by_chance = n / classes + 4 * np.sqrt(n / classes) + 1
    if as_given.hits > max(by_chance, n / 10):
        return
    best = max(_readings(outcomes, original, truth), key=lambda reading: reading.hits)
    if best.hits > max(_BETTER * as_given.hits, by_chance, n / _MANY):
        how = _BY_CHANCE if as_given.hits <= by_chance else "far less than when they are read in another way"
        _refuse(as_given, how, best.mend, n, classes, f"; {best.hits / n:.2%} {best.name}")
    if as_given.hits <= by_chance:
        other = find_class_list(outcomes, original, original)
        if other is not None:
            if any_class_list:
                return
            order = "another order" if other.order is None else f"the order of {other.order}"
            chosen = "" if other.order else ", on the half of the images that did not choose it"
            instead = f"; {other.after.value:.2%} with the classes in {order}{chosen}"
            _refuse(as_given, _BY_CHANCE, MEND_CLASS_LIST, n, classes, instead)
        mend = (
            f"no known order of the images fits, and {no_list_in_words(outcomes, original, original)}: check that the "
            "file belongs to these images and classes; to measure it all the same, leave the original labels out "
            "(--original none)"
        )
        _refuse(as_given, _BY_CHANCE, mend, n, classes, "")


def _refuse(as_given: _Reading, how: str, mend: str, n: int, classes: int, instead: str) -> None:
    raise DataError(
        f"the predictions agree with the original labels {how}",
        allowed=f"well above {1 / classes:.2%}",
        found=f"{as_given.hits / n:.2%} as given ({as_given.hits:,} of {n:,}){instead}",
        mend=mend,
    )


def _readings(outcomes: Outcomes, original: LabelSets, truth: Ids) -> Iterator[_Reading]:
    for order, order_mend, truth_in_order in _orders(outcomes, original, truth):
        for ids, ids_mend, shift in (
            ("", "", 0),
            (
                "with ids that count from 1",
                "subtract 1 from every class id (they count from 1, or class 0 is a background)",
                -1,
            ),
            ("with ids that lack the first class", "add 1 to every class id", 1),
        ):
            name = " and ".join(part for part in (order, ids) if part)
            mend = ", and ".join(part for part in (order_mend, ids_mend) if part)
            if name:
                shifted = np.where(outcomes.top1 < 0, -1, outcomes.top1 + shift).astype(np.int32)
                yield _Reading(name=name, mend=mend, predicted=shifted, truth=truth_in_order)


def _orders(outcomes: Outcomes, original: LabelSets, truth: Ids) -> Iterator[tuple[str, str, Ids]]:
    """The order as given, and every other known one: its name, how to ask for it, and the truth of each row in it."""
    yield "", "", truth
    if len(outcomes) == len(original) and (np.diff(outcomes.original_rows) == 1).all():
        by_folder = original.indices[class_folder_order(original)]
        yield "in class-folder order", "pass --order class-folder (what a reader of class folders yields)", by_folder
    for step, name, mend in ((1, "one below", "add 1 to"), (-1, "one above", "subtract 1 from")):
        shifted = outcomes.original_rows + step
        inside = (outcomes.original_rows >= 0) & (shifted >= 0) & (shifted < len(original))
        truth_of_neighbour = np.where(inside, original.indices[np.clip(shifted, 0, len(original) - 1)], -1)
        yield (
            f"with image numbers that are {name} the right ones",
            f"{mend} the number in every image name (ImageNet's validation images count from 1)",
            truth_of_neighbour.astype(np.int32),
        )
