"""Multi-label accuracy: by label sets that also say which classes are unclear or wrong, and which images are bad."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.arrays import freeze, pair_keys
from reassess.classes import Classes
from reassess.errors import DataError
from reassess.evaluation import examine
from reassess.intervals import Proportion
from reassess.labels import LabelSets
from reassess.names import Match
from reassess.outcomes import EMPTY, LABELLED
from reassess.predictions import Predictions

__all__ = ["MultiLabelAccuracy", "MultiLabels", "multi_label_accuracy"]


@dataclass(frozen=True, eq=False)
class MultiLabels:
    """What reviewers said of each image.

    Parameters
    ----------
    valid, unclear, wrong
        Label sets of the same images in the same order: classes that are valid, on which the reviewers did not agree,
        and that are not valid. A class is in at most one of them.
    problematic
        bool, shape (images,): images that should not judge a model.

    Raises
    ------
    DataError
        The four are not of the same images, or a class of an image is in two of the sets.

    Examples
    --------
    >>> images = ["a.png", "b.png"]
    >>> sets = [LabelSets.from_lists(images, lists) for lists in ([[0], [1, 2]], [[1], []], [[], [0]])]
    >>> MultiLabels(*sets, np.array([False, True]))
    MultiLabels(2 images, 3 valid labels, 1 unclear, 1 wrong, 1 problematic images)

    Notes
    -----
    Source: Shankar et al., "Evaluating machine accuracy on ImageNet", ICML 2020; Vasudevan et al., arXiv 2205.04596.
    """

    valid: LabelSets
    unclear: LabelSets
    wrong: LabelSets
    problematic: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        images = self.valid.images
        if not (images == self.unclear.images == self.wrong.images and self.problematic.shape == (len(images),)):
            raise DataError("the label sets of valid, unclear and wrong classes are not of the same images")
        keys = np.concatenate([_keys(part) for part in (self.valid, self.unclear, self.wrong)])
        twice, n = np.unique(keys, return_counts=True)
        if (n > 1).any():
            image, class_id = divmod(int(twice[np.argmax(n > 1)]), 2**32)
            raise DataError(
                "a class is named twice for one image",
                where=f"image {images[image]}",
                allowed="once, as valid, unclear or wrong",
                found=self.valid.classes.label(class_id),
            )
        freeze(self, "problematic")

    def __len__(self) -> int:
        return len(self.valid)

    def in_classes(self, classes: Classes) -> "MultiLabels":
        """The same in another list of classes; as `LabelSets.in_classes`."""
        parts = {kind: getattr(self, kind).in_classes(classes) for kind in ("valid", "unclear", "wrong")}
        return replace(self, **parts)

    def __repr__(self) -> str:
        labels = f"{self.valid.indices.size:,} valid labels, {self.unclear.indices.size:,} unclear"
        others = f"{self.wrong.indices.size:,} wrong, {np.count_nonzero(self.problematic):,} problematic images"
        return f"MultiLabels({len(self):,} images, {labels}, {others})"


@dataclass(frozen=True, eq=False)
class MultiLabelAccuracy:
    """A model's first classes by what reviewers said of them, on good images that have a valid class.

    Parameters
    ----------
    valid, unclear, wrong
        Number of images of which the first class is valid, unclear, or wrong.
    unreviewed
        Number of images of which no reviewer judged the first class: it counts as wrong.
    problematic, empty, unknown
        Images that are left out: problematic ones, others without a valid class, and images that nobody reviewed.
    by_class
        int64, shape (classes, 3): by the class that is the original label, images of which the first class is valid,
        images of which it is unclear, and all; None without original labels.

    Examples
    --------
    >>> found = MultiLabelAccuracy(valid=7, unclear=1, wrong=1, unreviewed=1, problematic=2, empty=0, unknown=0)
    >>> found.accuracy, found.lenient
    (Proportion(hits=7, n=9), Proportion(hits=8, n=10))
    """

    valid: int
    unclear: int
    wrong: int
    unreviewed: int
    problematic: int
    empty: int
    unknown: int
    by_class: npt.NDArray[np.int64] | None = None

    @property
    def accuracy(self) -> Proportion:
        """The first class is valid, of the images of which it is not unclear."""
        return Proportion(self.valid, self.valid + self.wrong + self.unreviewed)

    @property
    def lenient(self) -> Proportion:
        """The first class is valid or unclear, of all images."""
        return Proportion(self.valid + self.unclear, self.accuracy.n + self.unclear)

    @property
    def class_accuracy(self) -> float | None:
        """Mean over classes of `accuracy`, in [0, 1]; None without original labels, or without images."""
        return None if self.by_class is None else _mean(self.by_class[:, 0], self.by_class[:, 2] - self.by_class[:, 1])

    @property
    def class_lenient(self) -> float | None:
        """Mean over classes of `lenient`, in [0, 1]: the published convention; None as for `class_accuracy`."""
        return None if self.by_class is None else _mean(self.by_class[:, :2].sum(axis=1), self.by_class[:, 2])

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        counts = ("valid", "unclear", "wrong", "unreviewed")
        return {
            **{name: getattr(self, name) for name in counts},
            "left_out": {name: getattr(self, name) for name in ("problematic", "empty", "unknown")},
            "unclear_left_out": self.accuracy.to_json() | {"mean_over_classes": self.class_accuracy},
            "unclear_is_right": self.lenient.to_json() | {"mean_over_classes": self.class_lenient},
            "interval": "95 %, Wilson, over images",
        }


def multi_label_accuracy(
    predictions: Predictions | npt.ArrayLike,
    labels: MultiLabels,
    *,
    original: LabelSets | None = None,
    match: Match = "path",
    ignore_unknown: bool = False,
) -> MultiLabelAccuracy:
    """Measure one model against reviewed label sets.

    Parameters
    ----------
    predictions, original, match, ignore_unknown
        As for `reassess.evaluate`; by original label, images are grouped for the mean over classes.
    labels
        What reviewers said of each image.

    Raises
    ------
    DataError
        As for `reassess.evaluate`.

    Examples
    --------
    >>> images = ["a.png", "b.png", "c.png"]
    >>> sets = [LabelSets.from_lists(images, lists) for lists in ([[0], [1, 2], [1]], [[1], [], []], [[2], [], []])]
    >>> reviewed = MultiLabels(*sets, np.array([False, False, True]))
    >>> multi_label_accuracy(np.array([1, 2, 0]), reviewed).lenient
    Proportion(hits=2, n=2)

    Notes
    -----
    Source: Shankar et al., "Evaluating machine accuracy on ImageNet", ICML 2020, who count unclear classes as right and
    take the mean over classes.
    """
    found = examine(predictions, labels.valid, original=original, match=match, ignore_unknown=ignore_unknown)
    known = found.label_rows >= 0
    problematic = known & np.append(labels.problematic, False)[found.label_rows]
    judged = np.flatnonzero((found.state == LABELLED) & ~problematic)
    is_valid = found.rank[judged] == 0
    said = pair_keys(found.label_rows[judged], found.top1[judged])
    is_unclear, is_wrong = (np.isin(said, _keys(part)) for part in (labels.unclear, labels.wrong))
    by_class = None
    if original is not None:
        rows = found.original_rows[judged]
        own = original.in_classes(labels.valid.classes).indices[rows[rows >= 0]]
        parts = (part[rows >= 0] for part in (is_valid, is_unclear, np.ones(judged.size, bool)))
        by_class = np.stack([np.bincount(own[part], minlength=1 + own.max(initial=-1)) for part in parts], axis=1)
    valid, unclear, wrong = (int(np.count_nonzero(part)) for part in (is_valid, is_unclear, is_wrong))
    return MultiLabelAccuracy(
        valid,
        unclear,
        wrong,
        judged.size - valid - unclear - wrong,
        problematic=int(np.count_nonzero(problematic)),
        empty=int(np.count_nonzero((found.state == EMPTY) & ~problematic)),
        unknown=int(np.count_nonzero(~known)),
        by_class=by_class,
    )


def _keys(labels: LabelSets) -> npt.NDArray[np.int64]:
    """One number for each image and class of it."""
    return pair_keys(labels.image_ids, labels.indices)


def _mean(hits: npt.NDArray[np.int64], n: npt.NDArray[np.int64]) -> float | None:
    """Mean ratio over the classes that have images."""
    some = n > 0
    return math.fsum(hits[some] / n[some]) / int(np.count_nonzero(some)) if some.any() else None
