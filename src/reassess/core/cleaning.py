"""The quality of each label of a training set, and which images to keep."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length, check_range
from reassess.core.classes import Classes
from reassess.core.image_names import unique_images
from reassess.numeric.arrays import freeze
from reassess.text import Shown, percent, percents

_IN_JSON = 20
_LEAST = 0.5  # images that a mistake is expected on, to be named


@dataclass(frozen=True)
class CheckedLabels:
    """Labels that people checked, and the share of wrong labels by those that were drawn at random."""

    checked: int  # labels that people checked
    wrong: int  # wrong labels among them
    drawn: int  # checked labels that were drawn at random
    by_model: float  # the share of wrong labels among all, by the model only
    covered: float  # share of all labels that the drawn ones stand for
    # The share by the model, and what it is off by on the drawn labels; None unless they stand for all labels.
    corrected: float | None = None
    # 95 % confidence interval of `corrected`, over draws, whatever the model is worth; one wrong label more is counted
    # than was seen, since a small sample may show none.
    interval: tuple[float, float] | None = None
    agree: bool | None = None  # whether the 99 % interval holds `by_model`

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {**vars(self), "interval": None if self.interval is None else list(self.interval)}


@dataclass(frozen=True, eq=False, repr=False)
class LabelNoise(Shown):
    """The wrong labels of a set, as estimated."""

    share: float  # expected share of wrong labels, in [0, 1]
    # (classes, classes): expected number of images of a true class, the row, with a label, the column; by the model
    # only, also if people checked some of the labels.
    counts: npt.NDArray[np.float64]
    sharpening: float  # the power that calibrates the model's probabilities: above 1 if it is not sure enough
    classes: Classes  # the classes
    checked: CheckedLabels | None = None  # the result of people who checked some of the labels; None if nobody did

    def __post_init__(self) -> None:
        freeze(self, "counts")

    def _summary(self) -> Iterator[tuple[str, str]]:
        yield "wrong labels", f"{percent(self.share)} %"
        if self.checked is not None:
            if self.checked.interval is not None:
                yield "95 %", f"{percents(self.checked.interval)} %"
            yield "checked", f"{self.checked.checked:,} labels, {self.checked.wrong:,} of them wrong"
        for truth, label, count, _ in self.largest(3):
            yield f"{self.classes.label(truth)}", f"called {self.classes.label(label)}: {count:,.0f} images"

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """The probability of each label given the true class; float64, shape (classes, classes), rows add up to 1."""
        sums = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(self.counts, sums, out=np.eye(len(self.counts)), where=sums > 0))

    @property
    def prior(self) -> npt.NDArray[np.float64]:
        """The expected share of images of each true class; float64, shape (classes,)."""
        return np.asarray(self.counts.sum(axis=1) / self.counts.sum())

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold; classes by id, and the 20 largest entries of the matrix."""
        return {
            "share_wrong": self.share,
            "sharpening": self.sharpening,
            "largest": [
                {"true_class": truth, "label": label, "images": count, "share": share}
                for truth, label, count, share in self.largest(_IN_JSON)
            ],
            "checked": None if self.checked is None else self.checked.to_json(),
        }

    def largest(self, most: int) -> list[tuple[int, int, float, float]]:
        """The mistakes that are made most often: true class, label, expected number, and share of the true class."""
        off = self.counts.copy()
        np.fill_diagonal(off, 0)
        rows, columns = np.unravel_index(np.argsort(-off, axis=None, kind="stable")[:most], off.shape)
        pairs, matrix = zip(rows.tolist(), columns.tolist(), strict=True), self.matrix
        return [(t, y, float(off[t, y]), float(matrix[t, y])) for t, y in pairs if off[t, y] >= _LEAST]


_MOST_LOST = 1 / 3  # of a class, without a warning


@dataclass(frozen=True, eq=False, repr=False)
class Cleaning(Shown):
    """The quality of each label of a training set, which images to keep, and why."""

    _THING = "cleaning"
    _HOW_TO_GET = "find_label_errors(HELD_OUT)"

    images: tuple[str, ...]  # names of the images, no image twice
    class_ids: npt.NDArray[np.int32]  # (images,): the label of each
    kept: npt.NDArray[np.bool_]  # (images,): whether the image is kept
    # (images,): the probability that the label is correct, in [0, 1]; NaN where it is not known.
    label_quality: npt.NDArray[np.float64]
    suggested: npt.NDArray[np.int32]  # (images,): the most probable class; -1 where none is known
    reasons: tuple[str, ...]  # why each image is kept or not, in a few words
    classes: Classes  # the classes
    noise: LabelNoise | None = None  # the estimated mistakes of labels; None if they were not estimated

    def __post_init__(self) -> None:
        unique_images(self.images, "the cleaned images")
        for name in ("class_ids", "kept", "label_quality", "suggested", "reasons"):
            check_length(len(getattr(self, name)), len(self.images), things=f"values of {name}", each="image")
        known = ~np.isnan(self.label_quality)
        check_range(self.label_quality[known], 0, 1, what="label quality")
        check_range(self.class_ids, 0, self.classes.largest_id, what="class id")
        check_range(self.suggested, -1, self.classes.largest_id, what="class id that is suggested")
        freeze(self, "class_ids", "kept", "label_quality", "suggested")

    def __len__(self) -> int:
        return len(self.images)

    def _summary(self) -> Iterator[tuple[str, str]]:
        kept = int(np.count_nonzero(self.kept))
        yield "kept", f"{kept:,} of {len(self):,} images, {percent(kept / max(1, len(self)))} %"
        if self.noise is not None:
            yield "wrong labels", f"{percent(self.noise.share)} % of all, by estimate"

    @property
    def kept_images(self) -> tuple[str, ...]:
        """The images that are kept, in order."""
        return tuple(self.images[row] for row in np.flatnonzero(self.kept).tolist())

    @property
    def dropped_rows(self) -> npt.NDArray[np.int64]:
        """The rows of the images that are not kept, those with the worst labels first; int64, shape (dropped,)."""
        rows = np.flatnonzero(~self.kept)
        return rows[np.argsort(self.label_quality[rows], kind="stable")]

    def by_class(self) -> list[tuple[int, int, int]]:
        """Each class that is a label, its images, and how many of them are dropped; the highest share first."""
        present, places, counts = np.unique(self.class_ids, return_inverse=True, return_counts=True)
        dropped = np.bincount(places[~self.kept], minlength=present.size)
        order = np.lexsort((present, -dropped, -dropped / counts))
        return list(zip(*(part[order].tolist() for part in (present, counts, dropped)), strict=True))

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        classes = [
            {**self.classes.named(class_id), "images": count, "dropped": dropped}
            for class_id, count, dropped in self.by_class()
        ]
        return {
            "images": len(self),
            "kept": int(np.count_nonzero(self.kept)),
            "classes": classes,
            "losing_much": [class_id for class_id, *_ in self.losing_much()],
            "noise": None if self.noise is None else self.noise.to_json(),
        }

    def losing_much(self) -> list[tuple[int, int, int]]:
        """The classes of `by_class` that lose more than a third of their images."""
        return [(c, count, dropped) for c, count, dropped in self.by_class() if dropped > _MOST_LOST * count]
