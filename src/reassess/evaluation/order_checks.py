"""Checks for costly mistakes: rows in another order, ids of another class list, ids or image numbers off by one.

A model's first classes usually agree with the original labels on far more images than in a random order of the rows. If
they do not, one of these mistakes is likely. A *reading* is a way to interpret the predictions: as given, or with
another known order of the rows, numbering of the ids or numbering of the images. **The rule:**

- Another reading is an error if Cohen's kappa of its agreement is at least 0.1, and if it is correct on significantly
  more images than the predictions as given (McNemar's exact test, p < 0.0001). The error says how to fix the file.
- Otherwise, the agreement as given is at chance level if at least 1 in 100 random orders of the rows agrees on as many
  images. This is an error if there are enough images: a model slightly better than chance (kappa 0.1) would agree on
  so few images with a probability below 1 in 10,000. It is a warning if a fair model (kappa 0.5) would agree on so few
  images with a probability below 1 in 100.

The tests are conditional on the number of images of each class, and on the number of predictions of each class. Cohen's
kappa is 0 for agreement at chance level, and 1 for agreement on all images.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, class_folder_order
from reassess.core.image_names import are_validation_images
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.evaluation.class_list_search import find_class_list
from reassess.evaluation.evaluation_words import FIX_CLASS_LIST, no_list_in_words
from reassess.evaluation.outcomes import Outcomes
from reassess.numeric.proportions import mcnemar
from reassess.text import percent

_LEVEL = 1e-4  # significance level of errors
_KAPPA = 0.1  # lowest kappa of another reading, and the kappa that is ruled out before an error
_CHANCE, _FAIR = 0.01, 0.5  # level and kappa of a warning
_ORDERS = 999  # number of random orders of the rows
_OUTSIDE = 0.05  # largest share of ids out of range, for a reading with shifted ids
_NUMBERINGS = (
    ("", "", 0),
    (
        "with ids that count from 1",
        "subtract 1 from every class id (ids count from 1, or class 0 is background)",
        -1,
    ),
    ("with ids without the first class", "add 1 to every class id", 1),
)
_CHECK = "these images are too few to be sure, but check the order of the rows and of the classes"

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class _Reading:
    """A way to read the predictions: class and original label of each row, -1 if unknown."""

    name: str
    fix: Fix
    predicted: Ids
    truth: Ids

    @cached_property
    def correct(self) -> npt.NDArray[np.bool_]:
        correct: npt.NDArray[np.bool_] = (self.predicted == self.truth) & (self.truth >= 0)
        return correct

    @cached_property
    def hits(self) -> int:
        return int(np.count_nonzero(self.correct))

    @cached_property
    def n(self) -> int:
        return int(np.count_nonzero(self.truth >= 0))

    @cached_property
    def _pairs(self) -> tuple[Ids, Ids]:
        """Predicted classes and original labels of the images that have a label."""
        has_label = self.truth >= 0
        return self.predicted[has_label], self.truth[has_label]

    @cached_property
    def _by_class(self) -> npt.NDArray[np.float64]:
        """For each class that occurs, the number of predictions and of labels; float64, shape (2, classes)."""
        class_ids, places = np.unique(np.stack(self._pairs), return_inverse=True)
        parts = places.reshape(2, -1)
        counts = np.array([np.bincount(part, minlength=class_ids.size) for part in parts], np.float64)
        return counts[:, class_ids >= 0]

    @cached_property
    def chance(self) -> float:
        """Expected share of images with agreement if the rows are in random order."""
        predicted, actual = self._by_class
        return float(predicted @ actual) / max(self.n, 1) ** 2

    @property
    def kappa(self) -> float:
        """Cohen's kappa."""
        return (self.hits / self.n - self.chance) / (1 - self.chance) if self.n and self.chance < 1 else 0.0

    def is_at_chance_level(self) -> bool:
        """Return whether at least 1 in 100 random orders of the rows agrees on as many images."""
        excess = self.hits - self.n * self.chance
        if excess > 0 and self.variance < _CHANCE * (self.variance + excess**2):  # by Cantelli's inequality
            return False
        # Sort first, so that the result does not depend on the order of the images.
        predicted, actual = map(np.sort, self._pairs)
        rng = np.random.default_rng(0)
        as_many = sum(int(np.count_nonzero(rng.permutation(predicted) == actual)) >= self.hits for _ in range(_ORDERS))
        return 1 + as_many >= _CHANCE * (1 + _ORDERS)

    @property
    def variance(self) -> float:
        """Variance of the number of images with agreement, over all orders of the rows."""
        predicted, actual = self._by_class
        together = predicted * actual
        pairs = together.sum() ** 2 - (together**2).sum() + (together * (predicted - 1) * (actual - 1)).sum()
        mean = together.sum() / self.n
        return float(pairs / (self.n * max(self.n - 1, 1)) + mean - mean**2)

    def is_unlikely(self, kappa: float, level: float) -> bool:
        """Return whether a model with this kappa agrees on so few images with a probability below the level."""
        from scipy.special import bdtr

        return float(bdtr(self.hits, self.n, self.chance + kappa * (1 - self.chance))) < level

    def is_better_than(self, other: "_Reading", level: float = _LEVEL) -> bool:
        """Return whether this reading agrees well above chance, and significantly more often."""
        more, fewer = (
            int(np.count_nonzero(a & ~b)) for a, b in ((self.correct, other.correct), (other.correct, self.correct))
        )
        return self.kappa >= _KAPPA and more > fewer and mcnemar(more, fewer) < level

    def share(self) -> str:
        """Return the share of images with agreement as text, with the name of the reading."""
        return f"{percent(self.hits / self.n)} % {self.name}"


def check_agreement(
    outcomes: Outcomes,
    labels: LabelSets,
    original: LabelSets,
    *,
    any_class_list: bool = False,
    name: str = "the model",
) -> None:
    """Raise if agreement with the original labels is at chance level, or far better in another reading."""
    has_label = outcomes.original_rows >= 0
    if not has_label.any():
        return
    truth = np.where(has_label, original.indices[outcomes.original_rows], -1).astype(np.int32)
    as_given = _Reading(name="as given", fix=Fix(""), predicted=outcomes.top1, truth=truth)
    best = max(_readings(outcomes, original, truth), key=lambda reading: reading.hits, default=as_given)
    at_chance = as_given.is_at_chance_level()
    if best.is_better_than(as_given):
        raise _wrong_order(as_given, at_chance, f"; {best.share()}", best.fix)
    if not at_chance:
        return
    class_list = find_class_list(outcomes, labels, original)
    if class_list is not None:
        if any_class_list:
            return
        order = "another order" if class_list.order is None else f"the order of {class_list.order}"
        half = "" if class_list.order else ", on the half of the images not used to find it"
        instead = f"; {percent(class_list.after.value or 0)} % with the classes in {order}{half}"
        raise _wrong_order(as_given, at_chance, instead, FIX_CLASS_LIST)
    if as_given.is_unlikely(_KAPPA, _LEVEL):
        fix = Fix(
            f"no known order of the images matches, and {no_list_in_words(outcomes, labels, original)}: check that the "
            "file belongs to these images and classes; to measure it anyway, do not use original labels: {original}",
            original="None",
        )
        raise _wrong_order(as_given, at_chance, "", fix)
    # Without variance, all orders of the rows have the same agreement.
    if as_given.variance > 0 and as_given.is_unlikely(_FAIR, _CHANCE):
        instead = f", and on {best.share()}" if best.is_better_than(as_given, _CHANCE) else ""
        warnings.warn(
            f"{name} agrees with the original labels on {as_given.hits:,} of {as_given.n:,} images, no better "
            f"than chance ({percent(as_given.chance)} %){instead}: {_CHECK}",
            ReassessWarning,
            stacklevel=4,
        )


def _wrong_order(as_given: _Reading, at_chance: bool, instead: str, fix: Fix) -> DataError:
    how = "no better than chance" if at_chance else "far less than in another reading"
    return DataError(
        "wrong-order",
        f"predictions agree with the original labels {how}",
        allowed=f"well above {percent(as_given.chance)} %",
        found=f"{percent(as_given.hits / as_given.n)} % as given ({as_given.hits:,} of {as_given.n:,}){instead}",
        fix=fix,
    )


def _readings(outcomes: Outcomes, original: LabelSets, truth: Ids) -> Iterator[_Reading]:
    """Yield all known readings of the predictions, except as given."""
    top1 = outcomes.top1
    classes = original.classes.count or 1 + max(int(part.max(initial=-1)) for part in (top1, original.indices))
    for order, order_fix, truth_in_order in _orders(outcomes, original, truth):
        for ids, ids_fix, shift in _NUMBERINGS:
            name = " and ".join(text for text in (order, ids) if text)
            fix = Fix.join(", and ", order_fix, ids_fix)
            shifted = np.where(top1 < 0, -1, top1.astype(np.int64) + shift)
            outside = (top1 >= 0) & ((shifted < 0) | (shifted >= classes))
            if name and outside.mean() <= _OUTSIDE:
                yield _Reading(name=name, fix=fix, predicted=shifted, truth=truth_in_order)


def _orders(outcomes: Outcomes, original: LabelSets, truth: Ids) -> Iterator[tuple[str, Fix | str, Ids]]:
    """Yield each known order of the rows: its name, its fix, and the label of each row; first as given."""
    yield "", "", truth
    if len(outcomes) == len(original) and (truth >= 0).all():
        by_folder = original.indices[class_folder_order(original)]
        yield (
            "in class-folder order",
            Fix("sort the rows with {class_folder_order} (for readers of class folders)", class_folder_order=None),
            by_folder,
        )
    if not are_validation_images(original.images):
        return
    for step, name, fix in ((1, "one below", "add 1 to"), (-1, "one above", "subtract 1 from")):
        shifted = outcomes.original_rows + step
        inside = (outcomes.original_rows >= 0) & (shifted >= 0) & (shifted < len(original))
        truth_of_neighbour = np.where(inside, original.indices[np.clip(shifted, 0, len(original) - 1)], -1)
        yield (
            f"with image numbers that are {name} the correct numbers",
            f"{fix} the number in every image name (ImageNet's validation images count from 1)",
            truth_of_neighbour.astype(np.int32),
        )
