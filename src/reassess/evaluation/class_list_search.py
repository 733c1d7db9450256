"""Detect ids from another class list than the list of the labels, and find the class of each id.

The ImageNet devkit has its own order of classes. Folders sorted as text have the order 0, 1, 10, 100. A model may have
been trained on a class list that nobody kept. All these lists are one-to-one: each id is exactly one class.

**Predefined orders.** `predefined_class_orders` returns a few lists, such as folders sorted as text, or ids that
count from 1. They are tested on all images with one label, and a few images are enough. The predefined order with the
most correct images must beat the unchanged ids, and every other predefined order. Against each of these rivals:

- it must have at least twice as many correct images;
- it must be better for at least 3 in 4 of the ids where the two lists differ;
- McNemar's exact test, on the images that only one of the two lists makes correct, must give p < 0.00005 divided by the
  number of predefined orders.

**Any other order.** The images of each class are split into two halves by a hash of their names, so that the order of
the rows does not matter. The choosing half determines the one-to-one assignment of classes to ids with the most correct
images. The confirming half must confirm this assignment against two rivals: the unchanged ids, and the runner-up, which
gives each id its second most frequent class in the choosing half. Against each of the two, the assignment must have at
least twice as many correct images, must be better for at least 3 in 4 of all ids, and McNemar's exact test must give
p < 0.00005. If a predefined order is confirmed too, the assignment replaces that order only if the assignment is
significantly better on the confirming half.

**Guarantees.** Assume that the unchanged ids are correct at least as often as with any other list. Then the probability
of a false find is below 1 in 10,000 for each model, for any number of images and classes, because each list is fixed
before the images that confirm it are used. This includes rows that are joined to wrong images: then no list is better
than another. The images must be independent of each other, given their classes.

**Limits.** A model that confuses most classes with one other class, more than twice as often as it is correct, looks
like a model with another class list. A list where only some ids are wrong is not found if the unchanged ids are correct
on more than half as many images as the list, or if they are correct for more than 1 in 4 of the ids. Class folders
whose images are joined to the images of other folders look like another list. The list is confirmed as a whole, not for
each class: see `FoundClassList.undecided_classes`. If the model confuses two classes in more than half of their images,
the list swaps them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, LabelSets
from reassess.core.checks import check_all_valid, check_range, check_shape, check_type
from reassess.core.image_names import image_keys
from reassess.core.labels import check_one_label_each
from reassess.evaluation.class_list import FoundClassList, UndecidedClass
from reassess.evaluation.outcomes import LABELLED, Outcomes
from reassess.numeric import Proportion
from reassess.numeric.proportions import MIN_P_VALUE, mcnemar_p_value

MAX_SEARCHED_CLASSES = 5_000  # limited by memory: the confusion matrix has this number squared

_SIGNIFICANCE_LEVEL = 5e-5  # significance level of all predefined orders together, and of any other order
_MIN_CORRECT_RATIO = 2  # a list needs this many times the correct images of each rival
_MIN_BETTER_SHARE = 0.75  # share of ids where a list must be better than its rival
_SAME_LABELS_FIX = "pass the result of find_outcomes, and the same labels as to find_outcomes"
_MAX_SWAP_P_VALUE = 0.01  # an id is undecided if a swap with another id has a higher p-value

Ids = npt.NDArray[np.int64]
Hits = npt.NDArray[np.bool_]
_IDS_TOO_HIGH = "ids that are one too high: they count from 1, or 0 is a background"
_IDS_TOO_LOW = "ids that are one too low: the first class is missing"
_MIN_CLASSES_FOR_SHIFTS = 3  # with 2 classes, a shift of the ids would be a swap


@dataclass(frozen=True, eq=False)
class _LabelledPredictions:
    """Predictions on the images that have exactly one label."""

    predicted_ids: Ids  # -1 for no class
    label_ids: Ids
    rows: Ids  # rows of the images in the outcomes
    classes: Classes  # classes of the labels
    n_classes: int

    def __getitem__(self, selected: Ids) -> "_LabelledPredictions":
        columns = {name: getattr(self, name)[selected] for name in ("predicted_ids", "label_ids", "rows")}
        return replace(self, **columns)

    def count_confusions(self) -> npt.NDArray[np.int32]:
        """Count images by predicted id (row) and label (column); shape (classes, classes)."""
        is_class = self.predicted_ids >= 0
        keys = self.predicted_ids[is_class] * self.n_classes + self.label_ids[is_class]
        confusions = np.bincount(keys, minlength=self.n_classes**2).astype(np.int32)
        return confusions.reshape(self.n_classes, self.n_classes)

    def is_correct(self, class_of_id: Ids) -> npt.NDArray[np.bool_]:
        """Read the predicted ids by this class list, and return whether each is correct; -1 is never correct."""
        is_correct: npt.NDArray[np.bool_] = (self.predicted_ids >= 0) & (
            class_of_id[self.predicted_ids] == self.label_ids
        )
        return is_correct


def find_class_list(outcomes: Outcomes, labels: LabelSets, original: LabelSets | None = None) -> FoundClassList | None:
    """Find the class list of a model's ids, if it clearly differs from the class list of the labels.

    The rule is explained at the top of the module.

    Parameters
    ----------
    outcomes
        The outcome of each image, from `find_outcomes`.
    labels, original
        The labels of the outcomes. The search uses the original labels, or else the label sets with one class.

    Returns
    -------
    The list and its evidence; None if no other list is confirmed, or if there are more than 5,000 classes.

    Raises
    ------
    DataError
        The outcomes are from other labels, or have a wrong type or length.

    Examples
    --------
    >>> from reassess.evaluation.measure import find_outcomes
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(200)], [[i % 20] for i in range(200)])
    >>> sorted_as_text = sorted(range(20), key=str)  # the order of a folder reader
    >>> predicted = [sorted_as_text.index(i % 20) for i in range(200)]
    >>> print(find_class_list(find_outcomes(predicted, labels), labels).order_name)
    class numbers sorted as text: 0, 1, 10, 100
    """
    _check_outcomes(outcomes, labels, original)
    predictions = select_labelled_predictions(outcomes, labels, original)
    if predictions.n_classes > MAX_SEARCHED_CLASSES or not _may_have_other_class_list(predictions):
        return None
    images = image_keys(outcomes.images, outcomes.match)
    first, second = _split_into_halves([images[row] for row in predictions.rows.tolist()], predictions.label_ids)
    choosing, confirming = predictions[first].count_confusions(), predictions[second]
    predefined_order, assignment = _find_predefined_order(predictions), _assign_classes(choosing)
    rivals = [np.arange(predictions.n_classes), _find_runner_up_classes(choosing, assignment)]
    confirmed = _make_class_list_if_confirmed(confirming, assignment, rivals)
    if confirmed is None or (
        predefined_order is not None
        and not _has_significantly_more_hits(confirming, assignment, predefined_order.class_of_id)
    ):
        return None if predefined_order is None else replace(predefined_order, has_class_names=outcomes.has_class_names)
    counts = predictions.count_confusions()
    class_of_id = _assign_classes(counts)
    undecided = _find_undecided_classes(counts, class_of_id, class_of_id != assignment)
    return replace(
        confirmed, class_of_id=class_of_id, undecided_classes=undecided, has_class_names=outcomes.has_class_names
    )


def _check_outcomes(outcomes: Outcomes, labels: LabelSets, original: LabelSets | None) -> None:
    """Raise unless the outcomes were computed with these labels."""
    check_type(Outcomes, outcomes, value_name="outcomes", fix=_SAME_LABELS_FIX)
    for field in ("top1", "states", "label_rows", "original_rows"):
        value_name = f"the outcomes' {field}"
        check_shape(
            getattr(outcomes, field), (len(outcomes),), value_name=value_name, kind="integers", fix=_SAME_LABELS_FIX
        )
    _check_label_rows(labels, outcomes.label_rows, outcomes, "labels")
    check_range(
        outcomes.top1, -1, labels.classes.largest_id, value_name="class id", where="row {}".format, fix=_SAME_LABELS_FIX
    )
    if original is not None:
        _check_label_rows(original, outcomes.original_rows, outcomes, "original labels")
        check_one_label_each(original)


def _check_label_rows(labels: LabelSets, rows: npt.NDArray[np.int64], outcomes: Outcomes, labels_name: str) -> None:
    """Raise unless each outcome and its row in the labels have the same image."""
    check_type(LabelSets, labels, value_name=labels_name, fix=_SAME_LABELS_FIX)
    label_keys, keys = (
        np.array(image_keys(images, outcomes.match), object) for images in (labels.images, outcomes.images)
    )
    is_equal, is_joined = rows < len(label_keys), (rows >= 0) & (rows < len(label_keys))
    is_equal[is_joined] = label_keys[rows[is_joined]] == keys[is_joined]
    name_of = outcomes.images.__getitem__
    check_all_valid(
        is_equal, value_name=f"outcomes are from other {labels_name}", name_of=name_of, fix=_SAME_LABELS_FIX
    )


def _find_predefined_order(predictions: _LabelledPredictions) -> FoundClassList | None:
    """Return the predefined order of classes that the images confirm; None if they confirm no order."""
    orders = predefined_class_orders(predictions.classes, predictions.n_classes)
    if not orders:
        return None
    order = max(orders, key=lambda name: np.count_nonzero(predictions.is_correct(orders[name])))
    rivals = [np.arange(predictions.n_classes), *(class_of_id for name, class_of_id in orders.items() if name != order)]
    return _make_class_list_if_confirmed(predictions, orders[order], rivals, order_name=order, n_orders=len(orders))


def _make_class_list_if_confirmed(
    predictions: _LabelledPredictions,
    class_of_id: Ids,
    rivals: Sequence[Ids],
    *,
    order_name: str | None = None,
    n_orders: int = 1,
) -> FoundClassList | None:
    """Return the class list if it beats every rival, else None. The first rival is the labels' own class list."""
    after = predictions.is_correct(class_of_id)
    against = [predictions.is_correct(rival) for rival in rivals]
    p_value = n_orders * max(_mcnemar_p_value(after, rival) for rival in against)
    if p_value >= _SIGNIFICANCE_LEVEL or not all(
        _has_far_more_hits_than_rival(
            predictions.predicted_ids, after, rival, is_predefined_order=order_name is not None
        )
        for rival in against
    ):
        return None
    return FoundClassList(
        class_of_id=class_of_id,
        order_name=order_name,
        accuracy_without_list=Proportion(int(against[0].sum()), after.size),
        accuracy_with_list=Proportion(int(after.sum()), after.size),
        p_value=max(MIN_P_VALUE, p_value),
        undecided_classes=(),
    )


def _has_significantly_more_hits(predictions: _LabelledPredictions, class_of_id: Ids, rival: Ids) -> bool:
    """Return whether significantly more predictions are correct with a class list than with its rival."""
    after, before = predictions.is_correct(class_of_id), predictions.is_correct(rival)
    return bool(after.sum() > before.sum() and _mcnemar_p_value(after, before) < _SIGNIFICANCE_LEVEL)


def _mcnemar_p_value(is_correct: Hits, is_rival_correct: Hits) -> float:
    """Compute McNemar's p-value for two class lists on the same images."""
    return mcnemar_p_value(int((is_correct & ~is_rival_correct).sum()), int((is_rival_correct & ~is_correct).sum()))


def _has_far_more_hits_than_rival(
    predicted_ids: Ids, is_correct: Hits, is_rival_correct: Hits, *, is_predefined_order: bool
) -> bool:
    """Return whether a class list has at least twice its rival's hits, and beats the rival for most ids."""
    is_class = predicted_ids >= 0
    gain = np.bincount(
        predicted_ids[is_class], weights=is_correct[is_class].astype(np.int64) - is_rival_correct[is_class]
    )
    # With a predefined order, there can be few images of each id. So only ids with different hits are counted.
    ids = np.count_nonzero(gain) if is_predefined_order else len(np.unique(predicted_ids[is_class]))
    return bool(
        is_correct.sum() >= _MIN_CORRECT_RATIO * is_rival_correct.sum() and (gain > 0).sum() >= _MIN_BETTER_SHARE * ids
    )


def select_labelled_predictions(
    outcomes: Outcomes, labels: LabelSets, original: LabelSets | None
) -> _LabelledPredictions:
    """Select the predictions on images with one label: the original label, or else the only valid class."""
    if original is not None and outcomes.has_original:
        rows, used = outcomes.original_rows, original.convert_to_classes(labels.classes)
        has_label = rows >= 0
    else:
        rows, used = outcomes.label_rows, labels
        has_label = outcomes.states == LABELLED
        has_label[has_label] = labels.sizes[rows[has_label]] == 1
    label_ids = used.indices[used.indptr[rows[has_label]]].astype(np.int64)
    predicted_ids = outcomes.top1[has_label].astype(np.int64)
    n_classes = used.classes.count or 1 + max(int(ids.max(initial=-1)) for ids in (predicted_ids, label_ids))
    return _LabelledPredictions(predicted_ids, label_ids, np.flatnonzero(has_label), used.classes, n_classes)


def _may_have_other_class_list(predictions: _LabelledPredictions) -> bool:
    """Return whether any class list could have enough hits to be confirmed."""
    is_class = predictions.predicted_ids >= 0
    keys, counts = np.unique(
        predictions.predicted_ids[is_class] * predictions.n_classes + predictions.label_ids[is_class],
        return_counts=True,
    )
    _, places = np.unique(keys // predictions.n_classes, return_inverse=True)
    best = np.zeros(len(keys), np.int64)
    np.maximum.at(best, places, counts)
    return bool(
        best.sum() >= max(1, _MIN_CORRECT_RATIO * np.count_nonzero(predictions.predicted_ids == predictions.label_ids))
    )


def _split_into_halves(images: Sequence[str], label_ids: Ids) -> tuple[Ids, Ids]:
    """Split the images of each class into two halves by a hash of the name; return the positions of each half."""
    hashes = b"".join(blake2b(name.encode(), digest_size=8).digest() for name in images)
    order = np.lexsort((np.frombuffer(hashes, np.uint64), label_ids))
    return order[::2], order[1::2]


def _assign_classes(confusions: npt.NDArray[np.int32]) -> Ids:
    """Assign a class to each id, one-to-one, so that as many images as possible are correct."""
    from scipy.optimize import linear_sum_assignment

    ids, class_of_id = linear_sum_assignment(confusions, maximize=True)
    empty = confusions[ids, class_of_id] == 0
    # An id without images keeps its own class if that is free; other ids without images get the free classes in order.
    free = np.zeros(len(confusions), bool)
    free[class_of_id[empty]] = True
    own = empty & free
    class_of_id[own] = ids[own]
    free[own] = False
    class_of_id[empty & ~own] = np.flatnonzero(free)
    return np.asarray(class_of_id, np.int64)


def _find_runner_up_classes(confusions: npt.NDArray[np.int32], class_of_id: Ids) -> Ids:
    """For each id, return its most frequent class except the assigned class; -1 if there is none."""
    remaining = confusions.copy()
    remaining[np.arange(len(confusions)), class_of_id] = 0
    return np.where(remaining.any(axis=1), remaining.argmax(axis=1), -1)


def _find_undecided_classes(
    confusions: npt.NDArray[np.int32], class_of_id: Ids, has_changed: npt.NDArray[np.bool_]
) -> tuple[UndecidedClass, ...]:
    """List ids whose class is uncertain, because about as many images are correct after a swap with another id."""
    # For two ids, an exact one-sided test compares the images that fit their classes with the images that fit the
    # swapped classes. An id is undecided if p > 0.01 for any other id. It is also undecided if `has_changed`: its class
    # from all images is not its class from the choosing half.
    from scipy.special import betainc

    by_id = confusions[:, class_of_id]  # the diagonal has the images of each id and its class
    own = by_id.diagonal().astype(np.int64)
    undecided = []
    for output in np.arange(len(confusions)):
        unswapped, swapped = own + own[output], by_id[output].astype(np.int64) + by_id[:, output]
        p_values = np.where(unswapped == 0, 1.0, betainc(np.maximum(unswapped, 1), swapped + 1, 0.5))
        p_values[output] = 0
        rival = int(np.argmax(p_values))
        if p_values[rival] > _MAX_SWAP_P_VALUE or has_changed[output]:
            rival_images = int(by_id[output, rival])
            undecided.append(
                UndecidedClass(
                    output=int(output),
                    class_id=int(class_of_id[output]),
                    n_images=int(own[output]),
                    rival_class_id=int(class_of_id[rival]) if rival_images else None,
                    n_rival_images=rival_images,
                )
            )
    return tuple(undecided)


# --- predefined orders ------------------------------------------------------------------------------------------------


def predefined_class_orders(classes: Classes, n_classes: int) -> dict[str, npt.NDArray[np.int64]]:
    """Return predefined class orders by their description; entry i of an order is the class of id i."""
    ids = np.arange(n_classes)
    orders = {ids.tobytes(): ""}
    for name, class_of_id in _generate_orders(classes, ids):
        orders.setdefault(class_of_id.tobytes(), name)
    return {name: np.frombuffer(order, np.int64) for order, name in orders.items() if name}


def _generate_orders(classes: Classes, ids: npt.NDArray[np.int64]) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """For each predefined order of classes, yield its name and an array: entry i is the class of id i in this order."""
    ordered = partial(_sort_ids, ids)
    if len(classes.names) == len(ids):
        yield "class names sorted as text", ordered(classes.short_name)
        yield "class names sorted without regard to capitals", ordered(lambda i: classes.short_name(i).casefold())
        yield (
            "class names sorted with their numbers in order: 2 before 10",
            ordered(lambda i: _split_numbers(classes.short_name(i))),
        )
    yield "class numbers sorted as text: 0, 1, 10, 100", ordered(str)
    yield "class numbers from 1 sorted as text: 1, 10, 100", ordered(lambda i: str(i + 1))
    if len(ids) >= _MIN_CLASSES_FOR_SHIFTS:
        yield _IDS_TOO_HIGH, np.roll(ids, 1)
        yield _IDS_TOO_LOW, np.roll(ids, -1)


def _sort_ids(ids: npt.NDArray[np.int64], key: Callable[[int], Any]) -> npt.NDArray[np.int64]:
    """Return an array of the ids, sorted by a key."""
    return np.array(sorted(ids.tolist(), key=key), np.int64)


def _split_numbers(name: str) -> list[str | int]:
    """Split a name into texts and numbers; as a sort key, this puts 2 before 10."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split("([0-9]+)", name))]
