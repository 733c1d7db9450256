"""Search for the class list of a model: are its ids from another list, and which class is each id?

A devkit has its own order, folders sorted as text come as 0, 1, 10, 100, and a model may have been trained on a list
that nobody kept. All these lists are one-to-one: each id is one class, but it is lost which one.

**Known orders.** Folders sorted as text, ids that count from 1 and the like, see `known_orders`, are a handful of
lists, fixed beforehand: all images with one label test them, and few are enough. The order that makes most images
correct must beat the ids as given, and every other known order: against each, it must make at least twice as many
images correct, be better for at least 3 in 4 of the ids where the two differ, and the exact test on the images that
only one of them makes correct must give p < 0.00005 divided by the number of known orders.

**Any other order.** The images are split in two halves, class by class, by a hash of their names, so that the order of
rows does not matter. The choosing half chooses the one-to-one assignment of classes to ids that makes most of its
images correct. The other half must confirm it against two rivals: the ids as given, and the runner-up, the class that
comes second for each id in the choosing half. Against each of them, the assignment must make at least twice as many
images correct, be better for at least 3 in 4 of all ids, and the exact test
must give p < 0.00005. Where a known order is confirmed too, the assignment takes its place only if the exact test of
the confirming half prefers it.

**What it guarantees.** If the ids as they are given are right at least as often as any other list would be, the chance
of a false find is below 1 in 10,000 for each model, however many images and classes there are: each list was fixed
before the images that confirm it were looked at. Rows joined to wrong images are such a case, since no list is better
than another. The images must be independent of one another, given their classes.

**What it does not guarantee.** A model that mistakes most classes for one other class, more than twice as often as it
is correct, looks like a model with another class list. A list with only some wrong ids is not seen while the ids as
given are correct more than half as often, or for more than 1 in 4 of the ids. Whole class folders joined to the images
of other folders look like another list. And the list is confirmed as a whole: for single classes, see
`ClassList.undecided`; two classes that the model itself exchanges more often than not come out exchanged.
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
from reassess.core.checks import check_all, check_range, check_shape, check_type
from reassess.core.image_names import image_keys
from reassess.core.labels import check_original
from reassess.evaluation.class_list import ClassList, UndecidedClass
from reassess.evaluation.outcomes import LABELLED, Outcomes
from reassess.numeric import Proportion
from reassess.numeric.proportions import SMALLEST, mcnemar

MOST_SEARCHED_CLASSES = 5_000  # the whole confusion matrix is in memory

_LEVEL = 5e-5  # of all known orders together, and of any other order
_TIMES = 2  # as many correct images as each rival
_MOST_IDS = 0.75  # share of ids where it must be better
_AGAIN = "give what find_outcomes returns, and the labels that it was given"
_DOUBT = 0.01  # an id is undecided if a swap with another id has a higher p-value

Ids = npt.NDArray[np.int64]
Hits = npt.NDArray[np.bool_]
_TOO_HIGH = "ids that are one too high: they count from 1, or 0 is a background"
_TOO_LOW = "ids that are one too low: the first class is missing"
_FEWEST = 3  # of two classes, a shift of the ids is a swap


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Images with one label: the predicted id, -1 for none, and the class."""

    given: Ids
    truth: Ids
    classes: int

    def __getitem__(self, rows: Ids) -> "_Pairs":
        return _Pairs(given=self.given[rows], truth=self.truth[rows], classes=self.classes)

    def counts(self) -> npt.NDArray[np.int32]:
        """How often each id goes with each class, shape (classes, classes)."""
        known = self.given >= 0
        keys = self.given[known] * self.classes + self.truth[known]
        counts = np.bincount(keys, minlength=self.classes**2).astype(np.int32)
        return counts.reshape(self.classes, self.classes)

    def correct(self, class_of: Ids) -> npt.NDArray[np.bool_]:
        """Which images are correct if each id is this class; -1 is no class."""
        correct: npt.NDArray[np.bool_] = (self.given >= 0) & (class_of[self.given] == self.truth)
        return correct


def find_class_list(outcomes: Outcomes, labels: LabelSets, original: LabelSets | None = None) -> ClassList | None:
    """Find the class list of a model's ids, if it is clearly another list; the module states the rule.

    Parameters
    ----------
    outcomes
        What happened to each image, by `find_outcomes`.
    labels, original
        The labels of the outcomes. Original labels are used if they are given; otherwise label sets of one class.

    Returns
    -------
    The list and its evidence; None if no other list is confirmed, or with more than 5,000 classes.

    Raises
    ------
    DataError
        The outcomes are from other labels; types or lengths are wrong.

    Examples
    --------
    >>> from reassess.evaluation.measure import find_outcomes
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(200)], [[i % 20] for i in range(200)])
    >>> sorted_as_text = sorted(range(20), key=str)  # what a reader of folders 0 to 19 makes of them
    >>> predicted = [sorted_as_text.index(i % 20) for i in range(200)]
    >>> print(find_class_list(find_outcomes(predicted, labels), labels).order)
    class numbers sorted as text: 0, 1, 10, 100
    """
    _check(outcomes, labels, original)
    pairs, rows, classes = labelled_pairs(outcomes, labels, original)
    if pairs.classes > MOST_SEARCHED_CLASSES or not _may_be_another(pairs):
        return None
    images = image_keys(outcomes.images, outcomes.match)
    first, second = _halves([images[row] for row in rows.tolist()], pairs.truth)
    choosing, confirming = pairs[first].counts(), pairs[second]
    known, by_half = _known(pairs, classes), _assign(choosing)
    other = _confirmed(confirming, by_half, [np.arange(pairs.classes), _runner_up(choosing, by_half)])
    if other is None or (known is not None and not _is_better(confirming, by_half, known.class_of)):
        return None if known is None else replace(known, by_name=outcomes.by_name)
    counts = pairs.counts()
    class_of = _assign(counts)
    undecided = _undecided(counts, class_of, class_of != by_half)
    return replace(other, class_of=class_of, undecided=undecided, by_name=outcomes.by_name)


def _check(outcomes: Outcomes, labels: LabelSets, original: LabelSets | None) -> None:
    """Raise unless the outcomes were found by these labels."""
    check_type(Outcomes, outcomes, what="outcomes", fix=_AGAIN)
    for field in ("top1", "state", "label_rows", "original_rows"):
        what = f"the outcomes' {field}"
        check_shape(getattr(outcomes, field), (len(outcomes),), what=what, kind="integers", fix=_AGAIN)
    _check_found_by(labels, outcomes.label_rows, outcomes, "labels")
    check_range(outcomes.top1, -1, labels.classes.largest_id, what="class id", where="row {}".format, fix=_AGAIN)
    if original is not None:
        _check_found_by(original, outcomes.original_rows, outcomes, "original labels")
        check_original(original)


def _check_found_by(labels: LabelSets, rows: npt.NDArray[np.int64], outcomes: Outcomes, what: str) -> None:
    check_type(LabelSets, labels, what=what, fix=_AGAIN)
    known, keys = (np.array(image_keys(one.images, outcomes.match), object) for one in (labels, outcomes))
    fits, found = rows < len(known), (rows >= 0) & (rows < len(known))
    fits[found] = known[rows[found]] == keys[found]
    name_of = outcomes.images.__getitem__
    check_all(fits, what=f"the outcomes were not found by these {what}", name_of=name_of, fix=_AGAIN)


def _known(pairs: _Pairs, classes: Classes) -> ClassList | None:
    """The known order that the images confirm, if there is one."""
    orders = known_orders(classes, pairs.classes)
    if not orders:
        return None
    order = max(orders, key=lambda name: np.count_nonzero(pairs.correct(orders[name])))
    rivals = [np.arange(pairs.classes), *(class_of for name, class_of in orders.items() if name != order)]
    return _confirmed(pairs, orders[order], rivals, order=order, of_orders=len(orders))


def _confirmed(
    pairs: _Pairs, class_of: Ids, rivals: Sequence[Ids], *, order: str | None = None, of_orders: int = 1
) -> ClassList | None:
    """A list that beats all its rivals, the first being the ids as given; `order` is one of `of_orders` known ones."""
    after = pairs.correct(class_of)
    against = [pairs.correct(rival) for rival in rivals]
    p_value = of_orders * max(_p_value(after, rival) for rival in against)
    if p_value >= _LEVEL or not all(
        _is_plain(pairs.given, after, rival, is_known=order is not None) for rival in against
    ):
        return None
    return ClassList(
        class_of=class_of,
        order=order,
        before=Proportion(int(against[0].sum()), after.size),
        after=Proportion(int(after.sum()), after.size),
        p_value=max(SMALLEST, p_value),
        undecided=(),
    )


def _is_better(pairs: _Pairs, class_of: Ids, rival: Ids) -> bool:
    """Whether a list makes significantly more images correct than another."""
    after, before = pairs.correct(class_of), pairs.correct(rival)
    return bool(after.sum() > before.sum() and _p_value(after, before) < _LEVEL)


def _p_value(after: Hits, rival: Hits) -> float:
    return mcnemar(int((after & ~rival).sum()), int((rival & ~after).sum()))


def _is_plain(given: Ids, after: Hits, rival: Hits, *, is_known: bool) -> bool:
    """Whether a list makes far more images correct than a rival, for most of the ids.

    For a known order, ids where the two do not differ are ignored: there may be few images of each.
    """
    known = given >= 0
    gain = np.bincount(given[known], weights=after[known].astype(np.int64) - rival[known])
    ids = np.count_nonzero(gain) if is_known else len(np.unique(given[known]))
    return bool(after.sum() >= _TIMES * rival.sum() and (gain > 0).sum() >= _MOST_IDS * ids)


def labelled_pairs(
    outcomes: Outcomes, labels: LabelSets, original: LabelSets | None
) -> tuple[_Pairs, npt.NDArray[np.int64], Classes]:
    """The images that have one label, their positions among the outcomes, and the classes."""
    if original is not None and outcomes.has_original:
        rows, of = outcomes.original_rows, original.in_classes(labels.classes)
        named = rows >= 0
    else:
        rows, of = outcomes.label_rows, labels
        named = outcomes.state == LABELLED
        named[named] = labels.sizes[rows[named]] == 1
    truth = of.indices[of.indptr[rows[named]]].astype(np.int64)
    given = outcomes.top1[named].astype(np.int64)
    classes = of.classes.count or 1 + max(int(part.max(initial=-1)) for part in (given, truth))
    return _Pairs(given=given, truth=truth, classes=classes), np.flatnonzero(named), of.classes


def _may_be_another(pairs: _Pairs) -> bool:
    """Whether any list could make enough images correct, if each id may be the class that fits best."""
    known = pairs.given >= 0
    keys, counts = np.unique(pairs.given[known] * pairs.classes + pairs.truth[known], return_counts=True)
    _, places = np.unique(keys // pairs.classes, return_inverse=True)
    best = np.zeros(len(keys), np.int64)
    np.maximum.at(best, places, counts)
    return bool(best.sum() >= max(1, _TIMES * np.count_nonzero(pairs.given == pairs.truth)))


def _halves(images: Sequence[str], truth: Ids) -> tuple[Ids, Ids]:
    """Positions of the choosing and of the confirming half: every second image of each class, by a hash of its name."""
    hashes = b"".join(blake2b(name.encode(), digest_size=8).digest() for name in images)
    order = np.lexsort((np.frombuffer(hashes, np.uint64), truth))
    return order[::2], order[1::2]


def _assign(counts: npt.NDArray[np.int32]) -> Ids:
    """The one-to-one assignment of classes to ids with the most images.

    An id without images keeps its own class if that is free; the others take the free classes in order.
    """
    from scipy.optimize import linear_sum_assignment

    ids, class_of = linear_sum_assignment(counts, maximize=True)
    empty = counts[ids, class_of] == 0
    free = np.zeros(len(counts), bool)
    free[class_of[empty]] = True
    own = empty & free
    class_of[own] = ids[own]
    free[own] = False
    class_of[empty & ~own] = np.flatnonzero(free)
    return np.asarray(class_of, np.int64)


def _runner_up(counts: npt.NDArray[np.int32], class_of: Ids) -> Ids:
    """For each id its most frequent class, except the assigned one; -1 for none."""
    others = counts.copy()
    others[np.arange(len(counts)), class_of] = 0
    return np.where(others.any(axis=1), others.argmax(axis=1), -1)


def _undecided(
    counts: npt.NDArray[np.int32], class_of: Ids, unlike: npt.NDArray[np.bool_]
) -> tuple[UndecidedClass, ...]:
    """The ids where a swap of classes with another id explains the images nearly as well, and those `unlike`.

    The exact one-sided test compares the images that fit the assignment of two ids with those that fit the swap: it
    must give at most 1 %. Ids are `unlike` if all images and the choosing half assign them differently.
    """
    from scipy.special import betainc

    by_id = counts[:, class_of]  # the diagonal holds the images of each id and its class
    own = by_id.diagonal().astype(np.int64)
    undecided = []
    for output in np.arange(len(counts)):
        kept, swapped = own + own[output], by_id[output].astype(np.int64) + by_id[:, output]
        p_values = np.where(kept == 0, 1.0, betainc(np.maximum(kept, 1), swapped + 1, 0.5))
        p_values[output] = 0
        rival = int(np.argmax(p_values))
        if p_values[rival] > _DOUBT or unlike[output]:
            in_doubt = int(by_id[output, rival])
            undecided.append(
                UndecidedClass(
                    output=int(output),
                    class_id=int(class_of[output]),
                    images=int(own[output]),
                    rival=int(class_of[rival]) if in_doubt else None,
                    rival_images=in_doubt,
                )
            )
    return tuple(undecided)


# --- known orders -----------------------------------------------------------------------------------------------------


def known_orders(classes: Classes, count: int) -> dict[str, npt.NDArray[np.int64]]:
    """The known orders by name: the class of each id, int64, shape (count,), every class once."""
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
