"""The class list of a model: are its ids those of another list, and of which class is each?

A devkit has an order of its own, folders sorted as text come as 0, 1, 10, 100, and a model may have been trained on a
list that nobody kept. All of them are one-to-one: each id stands for one class, only for which one was lost.

**The rule.** The images with one label are split in two halves, class by class, by a hash of their names, so that the
order of rows does not matter. The choosing half chooses the one-to-one assignment of classes to ids that makes most of
its images right; an order that has a name takes its place where it makes at least 95 % as many right. The other half,
which had no part in it, must confirm it against two rivals: the ids as they are given, and the runner-up, which is the
class that comes second for each id in the choosing half. Against each of them, the assignment must make at least twice
as many images right, must be better for at least 3 in 4 of the ids, and the exact test of the images that only one of
both makes right must give p < 0.0001.

**What it guarantees.** If the ids as they are given are right at least as often as any other list would be, the chance
of a false find is below 1 in 10,000 for each model, however many images and classes there are: the assignment was fixed
before the confirming half was looked at. Rows joined to wrong images are such a case, since no list is better than
another there. The images must be independent of one another, given their classes.

**What it does not.** A model that takes most classes for one certain other class, more than twice as often as it is
right, cannot be told from one with another class list. A list of which only some ids are wrong is not seen while the
ids as given are right more than half as often, or for more than 1 in 4 of the ids. Whole class folders that are joined
to one another's images look like another list. And what is confirmed is the list as a whole: of single classes, see
`ClassList.undecided`; two classes that the model itself exchanges more often than not come out exchanged.
"""

from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.core.image_names import image_keys
from reassess.core.labels import LabelSets
from reassess.core.predictions import Predictions
from reassess.evaluation.outcomes import LABELLED, Outcomes
from reassess.numeric.exact_tests import SMALLEST, mcnemar
from reassess.numeric.proportion import Proportion

__all__ = ["ClassList", "UndecidedClass", "find_class_list"]

_LEVEL = 1e-4  # of the confirmation
_TIMES = 2  # as many images right as each rival
_MOST_IDS = 0.75  # for which it must be better
_AS_GOOD = 0.95  # a named order takes the place of an assignment that fits the choosing half as closely as it can
_DOUBT = 0.01  # an id is undecided if a swap with another one explains the images with a higher p-value
_MOST_CLASSES = 5_000  # the confusion matrix is held whole
_FEWEST = 30  # half of fewer images cannot confirm anything at this level
_SORTED_AS_TEXT = "class numbers sorted as text: 0, 1, 10, 100"

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class UndecidedClass:
    """An id of which the images do not tell the class.

    Parameters
    ----------
    output
        The id, as the model gives it.
    class_id
        The class that stands for it in the list all the same, as the best guess.
    images
        Images of this class that the model gave this id.
    rival, rival_images
        The class of another id for which it might be exchanged, and images of that class that the model gave this id;
        None and 0 where there is no other.
    """

    output: int
    class_id: int
    images: int
    rival: int | None
    rival_images: int

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """The object that JSON documents hold."""
        rival = None if self.rival is None else classes.named(self.rival) | {"images": self.rival_images}
        return {"output": self.output, **classes.named(self.class_id), "images": self.images, "rival": rival}


@dataclass(frozen=True, eq=False)
class ClassList:
    """Another class list, which the images confirm.

    Parameters
    ----------
    class_of
        int64, shape (classes,): the class that each id stands for; every class once.
    order
        What the order is called, if it is a known one; else None.
    before, after
        Images of the confirming half that are right with the ids as given, and with the list that the other half chose.
    p_value
        Exact p-value of the confirmation: the higher one of those against the ids as given and the runner-up.
    undecided
        The ids of which the images do not tell the class: too few, or as good for another one. The list holds a best
        guess of them.
    """

    class_of: Ids
    order: str | None
    before: Proportion
    after: Proportion
    p_value: float
    undecided: tuple[UndecidedClass, ...]

    def __repr__(self) -> str:
        return (
            f"ClassList({self.order or 'an order without a name'}: right {self.after.value:.2%} instead of "
            f"{self.before.value:.2%}, {len(self.undecided):,} of {len(self.class_of):,} classes undecided)"
        )

    @property
    def moved(self) -> int:
        """Number of ids that stand for another class than their own."""
        return int(np.count_nonzero(self.class_of != np.arange(len(self.class_of))))

    def of_outputs(self, predictions: Predictions) -> Ids:
        """The class of each of a model's outputs, int64, shape (outputs,); -1 for an output that is no class."""
        if predictions.columns is not None:
            given = predictions.columns
        elif predictions.ids is not None:
            given = np.arange(max(len(self.class_of), int(predictions.ids.max(initial=0)) + 1))
        else:
            given = np.arange(predictions.depth)
        beyond = np.arange(len(self.class_of), int(given.max(initial=0)) + 1)
        return np.where(given < 0, -1, np.r_[self.class_of, beyond][given])

    def names(self, predictions: Predictions, classes: Classes) -> list[str]:
        """What each of a model's outputs is called, as `read_predictions` and ``--classes`` read it.

        Parameters
        ----------
        predictions
            The model's predictions as they were read.
        classes
            The classes of the benchmark.

        Returns
        -------
        A wnid, name or id for each output, as `Classes.in_one_line`; "-" for an output that is no class.

        Raises
        ------
        DataError
            A class has no name that fits a line, and no id.
        """
        nothing = next(mark for n in count(1) if classes.id_of(mark := "-" * n, where="") < 0)
        outputs = self.of_outputs(predictions).tolist()
        return [nothing if class_id < 0 else classes.in_one_line(class_id) for class_id in outputs]

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "order": self.order,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "p_value": self.p_value,
            "moved": self.moved,
            "class_of": self.class_of.tolist(),
            "undecided": [each.to_json(classes) for each in self.undecided],
        }


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Images with one label: the id that the model gave each, -1 for none, and its class."""

    given: Ids
    truth: Ids
    classes: int

    def __getitem__(self, rows: Ids) -> "_Pairs":
        return _Pairs(given=self.given[rows], truth=self.truth[rows], classes=self.classes)

    def counts(self) -> npt.NDArray[np.int32]:
        """How often each id goes with each class, shape (classes, classes)."""
        said = self.given >= 0
        keys = self.given[said] * self.classes + self.truth[said]
        counts = np.bincount(keys, minlength=self.classes**2).astype(np.int32)
        return counts.reshape(self.classes, self.classes)

    def right(self, class_of: Ids) -> npt.NDArray[np.bool_]:
        """Which images are right if each id stands for this class; -1 stands for none."""
        right: npt.NDArray[np.bool_] = (self.given >= 0) & (class_of[self.given] == self.truth)
        return right


def find_class_list(outcomes: Outcomes, labels: LabelSets, original: LabelSets | None = None) -> ClassList | None:
    """Find the class list that a model's ids belong to, if it is plainly another one; the module states the rule.

    Parameters
    ----------
    outcomes
        What happened to each image, by `find_outcomes`.
    labels, original
        The labels by which the outcomes were found. The original labels count where they are given; else the label sets
        of one class.

    Returns
    -------
    The list and how sure it is; None if no other list is confirmed. Of fewer than 30 images or more than 5,000 classes
    none is sought.

    Examples
    --------
    >>> from reassess.evaluation.measure import find_outcomes
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(200)], [[i % 20] for i in range(200)])
    >>> sorted_as_text = sorted(range(20), key=str)  # what a reader of folders 0 to 19 makes of them
    >>> said = [sorted_as_text.index(i % 20) for i in range(200)]
    >>> find_class_list(find_outcomes(said, labels), labels)
    ClassList(class numbers sorted as text: 0, 1, 10, 100: right 100.00% instead of 10.00%, 0 of 20 classes undecided)
    """
    pairs, images = _pairs(outcomes, labels, original)
    if len(images) < _FEWEST or pairs.classes > _MOST_CLASSES or not _may_be_another(pairs):
        return None
    first, second = _halves(images, pairs.truth)
    choosing, confirming = pairs[first], pairs[second]
    counts = choosing.counts()
    class_of, order = _choose(counts)
    after, before = confirming.right(class_of), confirming.right(np.arange(pairs.classes))
    rivals = before, confirming.right(_runner_up(counts, class_of))
    p_value = max(_p_value(after, rival) for rival in rivals)
    if p_value >= _LEVEL or not all(_is_plain(confirming.given, after, rival) for rival in rivals):
        return None
    undecided: tuple[UndecidedClass, ...] = ()
    if order is None:
        counts = pairs.counts()
        by_half, class_of = class_of, _assign(counts)
        undecided = _undecided(counts, class_of, class_of != by_half)
    return ClassList(
        class_of=class_of,
        order=order,
        before=Proportion(int(before.sum()), len(second)),
        after=Proportion(int(after.sum()), len(second)),
        p_value=p_value,
        undecided=undecided,
    )


def _pairs(outcomes: Outcomes, labels: LabelSets, original: LabelSets | None) -> tuple[_Pairs, tuple[str, ...]]:
    """The images that have one label, and their names."""
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
    images = image_keys(outcomes.images, outcomes.match)
    return _Pairs(given=given, truth=truth, classes=classes), tuple(images[row] for row in np.flatnonzero(named))


def _may_be_another(pairs: _Pairs) -> bool:
    """Whether any list could make as many images right as it must: each id may stand for the class that suits it."""
    said = pairs.given >= 0
    keys, counts = np.unique(pairs.given[said] * pairs.classes + pairs.truth[said], return_counts=True)
    best = np.zeros(pairs.classes, np.int64)
    np.maximum.at(best, keys // pairs.classes, counts)
    return bool(best.sum() >= _TIMES * np.count_nonzero(pairs.given == pairs.truth))


def _halves(images: tuple[str, ...], truth: Ids) -> tuple[Ids, Ids]:
    """Positions of the choosing and of the confirming half: every second image of each class, by a hash of its name."""
    hashes = b"".join(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in images)
    order = np.lexsort((np.frombuffer(hashes, np.uint64), truth))
    return order[::2], order[1::2]


def _choose(counts: npt.NDArray[np.int32]) -> tuple[Ids, str | None]:
    """The assignment that fits best, or a known order that fits as well; and the name of the order."""
    class_of, ids = _assign(counts), np.arange(len(counts))
    as_text = np.array(sorted(range(len(counts)), key=str))
    is_other = (as_text != ids).any()
    if is_other and counts[ids, as_text].sum() >= _AS_GOOD * counts[ids, class_of].sum():
        return as_text, _SORTED_AS_TEXT
    return class_of, None


def _p_value(after: npt.NDArray[np.bool_], rival: npt.NDArray[np.bool_]) -> float:
    return max(SMALLEST, mcnemar(int((after & ~rival).sum()), int((rival & ~after).sum())))


def _is_plain(given: Ids, after: npt.NDArray[np.bool_], rival: npt.NDArray[np.bool_]) -> bool:
    """Whether the assignment makes far more images right than a rival, and does so for most of the ids."""
    said = given >= 0
    gain = np.bincount(given[said], weights=after[said].astype(np.int64) - rival[said])
    return bool(after.sum() >= _TIMES * rival.sum() and (gain > 0).sum() >= _MOST_IDS * len(np.unique(given[said])))


def _assign(counts: npt.NDArray[np.int32]) -> Ids:
    """The one-to-one assignment of classes to ids with the most images.

    Where no image tells, an id keeps its own class if that is still free; the others take the free classes in order.
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
    """For each id the class that goes with it most often, but for the one that is assigned to it; -1 for none."""
    others = counts.copy()
    others[np.arange(len(counts)), class_of] = 0
    return np.where(others.any(axis=1), others.argmax(axis=1), -1)


def _undecided(
    counts: npt.NDArray[np.int32], class_of: Ids, unlike: npt.NDArray[np.bool_]
) -> tuple[UndecidedClass, ...]:
    """The ids for which a swap of classes with another id explains the images nearly as well, and those `unlike`.

    The assignment of two ids has so many images on its side, their swap so many on the other: the exact one-sided test
    that both are as likely must give at most 1 %. Ids are `unlike` that all images and the choosing half assign
    differently.
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
