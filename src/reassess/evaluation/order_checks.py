"""Checks for costly mistakes: rows in another order, ids of another class list, numbers that are off by one.

A model's first classes agree with the original labels on more images than the same rows in random order would, unless
something of this kind is wrong. **The rule**, with the given numbers of images of each class:

- Another known reading of the predictions fits if it agrees well above chance, and if it is
  correct on more images: McNemar's exact test gives p < 0.0001. That is an error, which says how to read them.
- Otherwise they agree by chance if at least 1 in 100 random orders of the rows agrees on as many images. That is an
  error if there are enough images: even a model a little better than chance (Cohen's kappa 0.1) would agree on so few
  of them less than once in 10,000 times. It is a warning if that holds only for a fair model (kappa 0.5), and less than
  once in 100 times.

Cohen's kappa is 0 for agreement by chance, and 1 for agreement on every image.
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

_LEVEL = 1e-4  # of another reading, and of an error
_KAPPA = 0.1  # of a reading that fits, and of a model that the images must be able to tell from chance
_BY_CHANCE, _FAIR = 0.01, 0.5  # for a warning
_ORDERS = 999  # random ones
_OUTSIDE = 0.05  # of ids at most, if they are to be read as ids that count from another number
_NUMBERINGS = (
    ("", "", 0),
    (
        "with ids that count from 1",
        "subtract 1 from every class id (they count from 1, or class 0 is a background)",
        -1,
    ),
    ("with ids without the first class", "add 1 to every class id", 1),
)
_CHECK = "these are too few to tell, but check that its rows and its classes are in the right order"

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class _Reading:
    """A way to read the predictions: the class of each row, and the original label of its image; -1 for none."""

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
        """The predicted class and the original label of each image that has one."""
        named = self.truth >= 0
        return self.predicted[named], self.truth[named]

    @cached_property
    def _by_class(self) -> npt.NDArray[np.float64]:
        """For each class that occurs, the number of rows that predict it, and of images that have it; float64."""
        class_ids, places = np.unique(np.stack(self._pairs), return_inverse=True)
        here = places.reshape(2, -1)
        counts = np.array([np.bincount(part, minlength=class_ids.size) for part in here], np.float64)
        return counts[:, class_ids >= 0]

    @cached_property
    def chance(self) -> float:
        """The share of images on which both agree if the rows are in random order, on average."""
        predicted, actual = self._by_class
        return float(predicted @ actual) / max(self.n, 1) ** 2

    @property
    def kappa(self) -> float:
        """Cohen's kappa."""
        return (self.hits / self.n - self.chance) / (1 - self.chance) if self.n and self.chance < 1 else 0.0

    def is_by_chance(self) -> bool:
        """Whether at least 1 in 100 random orders of the rows agrees on as many images."""
        excess = self.hits - self.n * self.chance
        if excess > 0 and self.variance < _BY_CHANCE * (self.variance + excess**2):  # by Cantelli's inequality
            return False
        # Sorted, so that the draws do not depend on the order of the images.
        predicted, actual = map(np.sort, self._pairs)
        rng = np.random.default_rng(0)
        as_many = sum(int(np.count_nonzero(rng.permutation(predicted) == actual)) >= self.hits for _ in range(_ORDERS))
        return 1 + as_many >= _BY_CHANCE * (1 + _ORDERS)

    @property
    def variance(self) -> float:
        """Variance of the number of images on which both agree, over the orders of the rows."""
        predicted, actual = self._by_class
        together = predicted * actual
        pairs = together.sum() ** 2 - (together**2).sum() + (together * (predicted - 1) * (actual - 1)).sum()
        mean = together.sum() / self.n
        return float(pairs / (self.n * max(self.n - 1, 1)) + mean - mean**2)

    def is_unlikely(self, kappa: float, level: float) -> bool:
        """Whether a model with this kappa would agree on so few images with a probability below the level."""
        from scipy.special import bdtr

        return float(bdtr(self.hits, self.n, self.chance + kappa * (1 - self.chance))) < level

    def fits_better_than(self, other: "_Reading", level: float = _LEVEL) -> bool:
        """Whether this reading is clearly the correct one."""
        more, fewer = (
            int(np.count_nonzero(a & ~b)) for a, b in ((self.correct, other.correct), (other.correct, self.correct))
        )
        return self.kappa >= _KAPPA and more > fewer and mcnemar(more, fewer) < level

    def share(self) -> str:
        """The share of images with agreement, in words."""
        return f"{percent(self.hits / self.n)} % {self.name}"


def check_agreement(
    outcomes: Outcomes,
    labels: LabelSets,
    original: LabelSets,
    *,
    any_class_list: bool = False,
    called: str = "the model",
) -> None:
    """Raise if a model agrees with the original labels by chance, or far better if read otherwise; see the module."""
    named = outcomes.original_rows >= 0
    if not named.any():
        return
    truth = np.where(named, original.indices[outcomes.original_rows], -1).astype(np.int32)
    as_given = _Reading(name="as given", fix=Fix(""), predicted=outcomes.top1, truth=truth)
    best = max(_readings(outcomes, original, truth), key=lambda reading: reading.hits, default=as_given)
    by_chance = as_given.is_by_chance()
    if best.fits_better_than(as_given):
        raise _refused(as_given, by_chance, f"; {best.share()}", best.fix)
    if not by_chance:
        return
    other = find_class_list(outcomes, labels, original)
    if other is not None:
        if any_class_list:
            return
        order = "another order" if other.order is None else f"the order of {other.order}"
        chosen = "" if other.order else ", on the half of the images that did not choose it"
        instead = f"; {percent(other.after.value or 0)} % with the classes in {order}{chosen}"
        raise _refused(as_given, by_chance, instead, FIX_CLASS_LIST)
    if as_given.is_unlikely(_KAPPA, _LEVEL):
        fix = Fix(
            f"no known order of the images fits, and {no_list_in_words(outcomes, labels, original)}: check that the "
            "file belongs to these images and classes; to measure it anyway, do not use original labels: {original}",
            original="None",
        )
        raise _refused(as_given, by_chance, "", fix)
    # Without variance, every order of the rows agrees as often.
    if as_given.variance > 0 and as_given.is_unlikely(_FAIR, _BY_CHANCE):
        instead = f", and on {best.share()}" if best.fits_better_than(as_given, _BY_CHANCE) else ""
        warnings.warn(
            f"{called} agrees with the original labels on {as_given.hits:,} of {as_given.n:,} images, no better "
            f"than chance ({percent(as_given.chance)} %){instead}: {_CHECK}",
            ReassessWarning,
            stacklevel=4,
        )


def _refused(as_given: _Reading, by_chance: bool, instead: str, fix: Fix) -> DataError:
    how = "no better than chance" if by_chance else "far less than if read in another way"
    return DataError(
        "wrong-order",
        f"predictions agree with the original labels {how}",
        allowed=f"well above {percent(as_given.chance)} %",
        found=f"{percent(as_given.hits / as_given.n)} % as given ({as_given.hits:,} of {as_given.n:,}){instead}",
        fix=fix,
    )


def _readings(outcomes: Outcomes, original: LabelSets, truth: Ids) -> Iterator[_Reading]:
    """Every other known way to read the predictions."""
    top1 = outcomes.top1
    classes = original.classes.count or 1 + max(int(part.max(initial=-1)) for part in (top1, original.indices))
    for order, order_fix, truth_in_order in _orders(outcomes, original, truth):
        for ids, ids_fix, shift in _NUMBERINGS:
            name = " and ".join(part for part in (order, ids) if part)
            fix = Fix.join(", and ", order_fix, ids_fix)
            shifted = np.where(top1 < 0, -1, top1.astype(np.int64) + shift)
            outside = (top1 >= 0) & ((shifted < 0) | (shifted >= classes))
            if name and outside.mean() <= _OUTSIDE:
                yield _Reading(name=name, fix=fix, predicted=shifted, truth=truth_in_order)


def _orders(outcomes: Outcomes, original: LabelSets, truth: Ids) -> Iterator[tuple[str, Fix | str, Ids]]:
    """The order as given, and every other known one: its name, how to ask for it, and the truth of each row in it."""
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
            f"with image numbers that are {name} the right ones",
            f"{fix} the number in every image name (ImageNet's validation images count from 1)",
            truth_of_neighbour.astype(np.int32),
        )
