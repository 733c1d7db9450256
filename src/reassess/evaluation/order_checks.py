"""Checks for costly mistakes: rows in another order, ids of another class list, ids or image numbers off by one.

A model's top-1 classes usually agree with the original labels on far more images than in a random order of the rows. If
they do not, one of these mistakes is likely. An *interpretation* of the predictions is either their unchanged rows and
ids, or another predefined order of the rows, numbering of the ids or numbering of the images. **The rule:**

- Another interpretation is an error if Cohen's kappa of its agreement is at least 0.1, and if it is correct on
  significantly more images than the unchanged predictions (McNemar's exact test, p < 0.0001). The error says how to fix
  the file.
- Otherwise, the agreement of the unchanged predictions is at chance level if at least 1 in 100 random orders of the
  rows agrees on at least as many images. This is an error if there are enough images: a model slightly better than
  chance (kappa 0.1) would agree on this few images with a probability below 1 in 10,000. It is a warning if a fair
  model (kappa 0.5) would agree on this few images with a probability below 1 in 100.

The tests are conditional on the number of images of each class, and on the number of predictions of each class. Cohen's
kappa is 0 for agreement at chance level, and 1 for agreement on all images.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, class_folder_order
from reassess.core.image_names import are_validation_images
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.evaluation.class_list_search import find_class_list
from reassess.evaluation.evaluation_words import FIX_CLASS_LIST, describe_ruled_out_class_lists
from reassess.evaluation.outcomes import Outcomes
from reassess.numeric.proportions import mcnemar_p_value
from reassess.text import format_percent

_ERROR_LEVEL = 1e-4  # significance level of errors
_MIN_KAPPA = 0.1  # lowest kappa of another interpretation, and the kappa that is ruled out before an error
_WARNING_LEVEL, _FAIR_KAPPA = 0.01, 0.5  # level and kappa of a warning
_N_RANDOM_ORDERS = 999  # number of random orders of the rows
_MAX_SHARE_OUT_OF_RANGE = 0.05  # largest share of ids out of range, for an interpretation with shifted ids
_ID_NUMBERINGS = (
    ("", "", 0),
    (
        "with ids that count from 1",
        "subtract 1 from every class id (ids count from 1, or class 0 is background)",
        -1,
    ),
    ("with ids without the first class", "add 1 to every class id", 1),
)
_TOO_FEW_IMAGES = "these images are too few to be sure, but check the order of the rows and of the classes"

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class _Interpretation:
    """An interpretation of the predictions: the class and the original label of each row, -1 if unknown."""

    name: str
    fix: Fix
    predicted_ids: Ids
    label_ids: Ids

    @cached_property
    def is_correct(self) -> npt.NDArray[np.bool_]:
        """Whether the predicted class is the original label; bool, shape (rows,)."""
        is_correct: npt.NDArray[np.bool_] = (self.predicted_ids == self.label_ids) & (self.label_ids >= 0)
        return is_correct

    @cached_property
    def n_hits(self) -> int:
        """Number of rows whose predicted class is the original label."""
        return int(np.count_nonzero(self.is_correct))

    @cached_property
    def n_images(self) -> int:
        """Number of rows with an original label."""
        return int(np.count_nonzero(self.label_ids >= 0))

    @cached_property
    def _predictions_and_labels(self) -> tuple[Ids, Ids]:
        """Predicted classes and original labels of the rows that have a label."""
        has_label = self.label_ids >= 0
        return self.predicted_ids[has_label], self.label_ids[has_label]

    @cached_property
    def _counts_by_class(self) -> npt.NDArray[np.float64]:
        """Number of predictions and of labels of each class; float64, shape (2, classes)."""
        class_ids, places = np.unique(np.stack(self._predictions_and_labels), return_inverse=True)
        parts = places.reshape(2, -1)
        counts = np.array([np.bincount(part, minlength=class_ids.size) for part in parts], np.float64)
        return counts[:, class_ids >= 0]

    @cached_property
    def chance_agreement(self) -> float:
        """Expected share of hits if the rows are in random order."""
        predicted_ids, actual = self._counts_by_class
        return float(predicted_ids @ actual) / max(self.n_images, 1) ** 2

    @property
    def kappa(self) -> float:
        """Cohen's kappa of predictions and original labels."""
        return (
            (self.n_hits / self.n_images - self.chance_agreement) / (1 - self.chance_agreement)
            if self.n_images and self.chance_agreement < 1
            else 0.0
        )

    def is_at_chance_level(self) -> bool:
        """Permutation test: return whether at least 1 % of random row orders reach the number of hits."""
        excess = self.n_hits - self.n_images * self.chance_agreement
        # By Cantelli's inequality.
        if excess > 0 and self.agreement_variance < _WARNING_LEVEL * (self.agreement_variance + excess**2):
            return False
        # Sort first, so that the result does not depend on the order of the images.
        predicted_ids, actual = map(np.sort, self._predictions_and_labels)
        rng = np.random.default_rng(0)
        n_orders = sum(
            int(np.count_nonzero(rng.permutation(predicted_ids) == actual)) >= self.n_hits
            for _ in range(_N_RANDOM_ORDERS)
        )
        return 1 + n_orders >= _WARNING_LEVEL * (1 + _N_RANDOM_ORDERS)

    @property
    def agreement_variance(self) -> float:
        """Variance of the number of hits over all orders of the rows."""
        predicted_ids, actual = self._counts_by_class
        together = predicted_ids * actual
        pairs = together.sum() ** 2 - (together**2).sum() + (together * (predicted_ids - 1) * (actual - 1)).sum()
        mean = together.sum() / self.n_images
        return float(pairs / (self.n_images * max(self.n_images - 1, 1)) + mean - mean**2)

    def has_too_few_hits_for(self, model_kappa: float, significance_level: float) -> bool:
        """Test if the number of hits is too low for a model with this kappa; True if p is below the level."""
        from scipy.special import bdtr

        model_accuracy = self.chance_agreement + model_kappa * (1 - self.chance_agreement)
        return float(bdtr(self.n_hits, self.n_images, model_accuracy)) < significance_level

    def is_better_than(self, reference: "_Interpretation", level: float = _ERROR_LEVEL) -> bool:
        """Return whether there are clearly more hits than by chance, and clearly more than `reference` has."""
        more, fewer = (
            int(np.count_nonzero(a & ~b))
            for a, b in ((self.is_correct, reference.is_correct), (reference.is_correct, self.is_correct))
        )
        return self.kappa >= _MIN_KAPPA and more > fewer and mcnemar_p_value(more, fewer) < level

    def format_agreement(self) -> str:
        """Format the share of hits and the interpretation's name, such as "78.1 % in class-folder order"."""
        return f"{format_percent(self.n_hits / self.n_images)} % {self.name}"


def check_agreement_with_original_labels(
    outcomes: Outcomes,
    labels: LabelSets,
    original: LabelSets,
    *,
    allow_other_class_list: bool = False,
    name: str = "the model",
) -> None:
    """Raise if predictions agree with the original labels only by chance, or far better in another row order."""
    has_label = outcomes.original_rows >= 0
    if not has_label.any():
        return
    truth = np.where(has_label, original.indices[outcomes.original_rows], -1).astype(np.int32)
    unchanged = _Interpretation(name="unchanged", fix=Fix(""), predicted_ids=outcomes.top1, label_ids=truth)
    best = max(_other_interpretations(outcomes, original, truth), key=lambda other: other.n_hits, default=unchanged)
    at_chance = unchanged.is_at_chance_level()
    if best.is_better_than(unchanged):
        raise _wrong_order_error(unchanged, at_chance, f"; {best.format_agreement()}", best.fix)
    if not at_chance:
        return
    class_list = find_class_list(outcomes, labels, original)
    if class_list is not None:
        if allow_other_class_list:
            return
        order = "another order" if class_list.order_name is None else f"the order of {class_list.order_name}"
        half = "" if class_list.order_name else ", on the half of the images not used to find it"
        instead = f"; {format_percent(class_list.accuracy_with_list.value or 0)} % with the classes in {order}{half}"
        raise _wrong_order_error(unchanged, at_chance, instead, FIX_CLASS_LIST)
    if unchanged.has_too_few_hits_for(_MIN_KAPPA, _ERROR_LEVEL):
        fix = Fix(
            "no predefined order of the images matches, and "
            f"{describe_ruled_out_class_lists(outcomes, labels, original)}: "
            "check that the file belongs to these images and classes; to measure it anyway, do not use original "
            "labels: {original}",
            original="None",
        )
        raise _wrong_order_error(unchanged, at_chance, "", fix)
    # Without variance, all orders of the rows have the same agreement.
    if unchanged.agreement_variance > 0 and unchanged.has_too_few_hits_for(_FAIR_KAPPA, _WARNING_LEVEL):
        instead = f", and on {best.format_agreement()}" if best.is_better_than(unchanged, _WARNING_LEVEL) else ""
        warnings.warn(
            f"{name} agrees with the original labels on {unchanged.n_hits:,} of {unchanged.n_images:,} images, no "
            f"better than chance ({format_percent(unchanged.chance_agreement)} %){instead}: {_TOO_FEW_IMAGES}",
            ReassessWarning,
            stacklevel=4,
        )


def _wrong_order_error(interpretation: _Interpretation, is_at_chance: bool, alternative: str, fix: Fix) -> DataError:
    """Create the error for rows or classes in a wrong order."""
    how = "no better than chance" if is_at_chance else "far less than in another order"
    return DataError(
        "wrong-order",
        f"predictions agree with the original labels {how}",
        allowed=f"well above chance ({format_percent(interpretation.chance_agreement)} %)",
        found=f"{format_percent(interpretation.n_hits / interpretation.n_images)} % "
        f"({interpretation.n_hits:,} of {interpretation.n_images:,}){alternative}",
        fix=fix,
    )


def _other_interpretations(outcomes: Outcomes, original: LabelSets, label_ids: Ids) -> Iterator[_Interpretation]:
    """Yield other interpretations of the predictions: each predefined row order with each numbering of classes."""
    top1 = outcomes.top1
    classes = original.classes.count or 1 + max(int(part.max(initial=-1)) for part in (top1, original.indices))
    for order in _make_possible_row_orders(outcomes, original, label_ids):
        for ids, ids_fix, shift in _ID_NUMBERINGS:
            name = " and ".join(text for text in (order.name, ids) if text)
            fix = Fix.join(", and ", order.fix, ids_fix)
            shifted = np.where(top1 < 0, -1, top1.astype(np.int64) + shift)
            outside = (top1 >= 0) & ((shifted < 0) | (shifted >= classes))
            if name and outside.mean() <= _MAX_SHARE_OUT_OF_RANGE:
                yield _Interpretation(name=name, fix=fix, predicted_ids=shifted, label_ids=order.label_ids)


class _PossibleRowOrder(NamedTuple):
    """An order that the rows of predictions might have, such as by class folder."""

    name: str
    fix: Fix | None
    label_ids: Ids  # original label of each row


def _make_possible_row_orders(outcomes: Outcomes, original: LabelSets, label_ids: Ids) -> Iterator[_PossibleRowOrder]:
    """Yield orders that the rows of predictions might have, the unchanged order first."""
    yield _PossibleRowOrder("", None, label_ids)
    if len(outcomes) == len(original) and (label_ids >= 0).all():
        by_folder = original.indices[class_folder_order(original)]
        yield _PossibleRowOrder(
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
        yield _PossibleRowOrder(
            f"with image numbers that are {name} the correct numbers",
            Fix(f"{fix} the number in every image name (ImageNet's validation images count from 1)"),
            truth_of_neighbour.astype(np.int32),
        )
