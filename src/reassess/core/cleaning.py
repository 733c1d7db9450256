"""The quality of each label of a training set, and which images to keep."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length, check_range
from reassess.core.classes import Classes
from reassess.core.image_names import check_image_names
from reassess.numeric.arrays import freeze
from reassess.text import Printable, format_percent, format_percent_interval

_MAX_MISTAKES_IN_JSON = 20  # entries of the noise matrix in JSON
_MIN_EXPECTED_IMAGES = 0.5  # expected images of a mistake that is listed


@dataclass(frozen=True)
class CheckedLabels:
    """Numbers of labels that people checked, and the estimated share of wrong labels.

    The estimate uses only the checked labels that were drawn at random.
    """

    n_checked: int  # labels that people checked
    n_wrong: int  # wrong labels among them
    n_drawn: int  # checked labels that were drawn at random
    wrong_share_by_model: float  # share of wrong labels among all labels, estimated only by the model
    represented_share: float  # share of all labels that the drawn labels represent
    # `wrong_share_by_model`, corrected by its error on the drawn labels; None unless these represent all labels.
    corrected_wrong_share: float | None = None
    # 95 % confidence interval of `corrected_wrong_share` over draws, valid for any model. It counts one more wrong
    # label than was found, since a small sample may contain none.
    interval: tuple[float, float] | None = None
    n_other_answers: int = 0  # drawn images that have answers, but none about their label; above 0, there is no share
    is_model_share_plausible: bool | None = None  # whether the 99 % interval contains `wrong_share_by_model`

    def to_json(self) -> dict[str, Any]:
        """Return the counts and estimates as a dict for JSON output."""
        return {
            "checked": self.n_checked,
            "wrong": self.n_wrong,
            "drawn": self.n_drawn,
            "by_model": self.wrong_share_by_model,
            "covered": self.represented_share,
            "corrected": self.corrected_wrong_share,
            "interval": None if self.interval is None else list(self.interval),
            "other_answers": self.n_other_answers,
            "agree": self.is_model_share_plausible,
        }


class Mistake(NamedTuple):
    """A pair of a true class and a wrong label, with the estimated number of images."""

    true_class_id: int
    label: int
    n_images: float  # expected number
    share: float  # P(label | true class)


@dataclass(frozen=True, eq=False, repr=False)
class LabelNoise(Printable):
    """Estimated label noise: the share of wrong labels, and counts by true class and label."""

    wrong_share: float  # expected share of wrong labels, in [0, 1]
    # (classes, classes): expected number of images by true class (row) and label (column), estimated only by the model,
    # even if people checked labels.
    counts: npt.NDArray[np.float64]
    calibration_exponent: float  # power that calibrates the model's probabilities: above 1 for an underconfident model
    classes: Classes
    checked_labels: CheckedLabels | None = None  # None if people checked no labels

    def __post_init__(self) -> None:
        freeze(self, "counts")

    def _summary_lines(self) -> Iterator[tuple[str, str]]:
        yield "wrong labels", f"{format_percent(self.wrong_share)} %"
        if self.checked_labels is not None:
            if self.checked_labels.interval is not None:
                yield "95 %", f"{format_percent_interval(self.checked_labels.interval)} %"
            yield "checked", f"{self.checked_labels.n_checked:,} labels, {self.checked_labels.n_wrong:,} of them wrong"
        for truth, label, n_images, _ in self.most_frequent_mistakes(3):
            name = self.classes.short_name(label)
            yield f"{self.classes.short_name(truth)}", f"called {name}: {n_images:,.0f} images"

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """P(label | true class); float64, shape (classes, classes), rows add up to 1."""
        sums = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(self.counts, sums, out=np.eye(len(self.counts)), where=sums > 0))

    @property
    def prior(self) -> npt.NDArray[np.float64]:
        """Expected share of images of each true class; float64, shape (classes,)."""
        return np.asarray(self.counts.sum(axis=1) / self.counts.sum())

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output, with the 20 most frequent mistakes."""
        return {
            "share_wrong": self.wrong_share,
            "sharpening": self.calibration_exponent,
            "largest": [
                {"true_class": truth, "label": label, "images": n_images, "share": share}
                for truth, label, n_images, share in self.most_frequent_mistakes(_MAX_MISTAKES_IN_JSON)
            ],
            "checked": None if self.checked_labels is None else self.checked_labels.to_json(),
        }

    def most_frequent_mistakes(self, max_mistakes: int) -> list[Mistake]:
        """Return the most frequent mistakes, the most frequent first."""
        off = self.counts.copy()
        np.fill_diagonal(off, 0)
        rows, columns = np.unravel_index(np.argsort(-off, axis=None, kind="stable")[:max_mistakes], off.shape)
        pairs, matrix = zip(rows.tolist(), columns.tolist(), strict=True), self.matrix
        mistakes = [Mistake(*pair, float(off[pair]), float(matrix[pair])) for pair in pairs]
        return [mistake for mistake in mistakes if mistake.n_images >= _MIN_EXPECTED_IMAGES]


_MAX_DROPPED_SHARE = 1 / 3  # share of a class that can be dropped without a warning


class ClassCounts(NamedTuple):
    """How many images have a class as label, and how many of these images are dropped."""

    class_id: int
    n_images: int
    n_dropped: int


@dataclass(frozen=True, eq=False, repr=False)
class Cleaning(Printable):
    """Label quality of each training image, and whether to keep it, with the reason."""

    _THING = "cleaning"
    _HOW_TO_GET = "find_label_errors(HELD_OUT)"

    images: tuple[str, ...]  # distinct image names
    class_ids: npt.NDArray[np.int32]  # (images,): labels
    is_kept: npt.NDArray[np.bool_]  # (images,): whether the image is kept
    label_quality: npt.NDArray[np.float64]  # (images,): probability that the label is correct; NaN if unknown
    suggested_class_ids: npt.NDArray[np.int32]  # (images,): the most probable class; -1 if unknown
    reasons: tuple[str, ...]  # why each image is kept or dropped, in a few words
    classes: Classes
    noise: LabelNoise | None = None  # estimated label noise; None if it was not estimated

    def __post_init__(self) -> None:
        check_image_names(self.images, "the cleaned images")
        for name in ("class_ids", "is_kept", "label_quality", "suggested_class_ids", "reasons"):
            check_length(len(getattr(self, name)), len(self.images), plural_name=f"values of {name}", item_name="image")
        known = ~np.isnan(self.label_quality)
        check_range(self.label_quality[known], 0, 1, value_name="label quality")
        check_range(self.class_ids, 0, self.classes.largest_id, value_name="class id")
        check_range(self.suggested_class_ids, -1, self.classes.largest_id, value_name="suggested class id")
        freeze(self, "class_ids", "is_kept", "label_quality", "suggested_class_ids")

    def __len__(self) -> int:
        return len(self.images)

    def _summary_lines(self) -> Iterator[tuple[str, str]]:
        kept = int(np.count_nonzero(self.is_kept))
        yield "kept", f"{kept:,} of {len(self):,} images, {format_percent(kept / max(1, len(self)))} %"
        if self.noise is not None:
            yield "wrong labels", f"{format_percent(self.noise.wrong_share)} % of all (estimate)"

    @property
    def kept_images(self) -> tuple[str, ...]:
        """The kept images, in order."""
        return tuple(self.images[row] for row in np.flatnonzero(self.is_kept).tolist())

    @property
    def dropped_rows(self) -> npt.NDArray[np.int64]:
        """Rows of dropped images, lowest label quality first; int64, shape (dropped,)."""
        rows = np.flatnonzero(~self.is_kept)
        return rows[np.argsort(self.label_quality[rows], kind="stable")]

    def by_class(self) -> list[ClassCounts]:
        """Count the images and dropped images of each label. The label with the highest dropped share comes first."""
        present, positions, counts = np.unique(self.class_ids, return_inverse=True, return_counts=True)
        dropped = np.bincount(positions[~self.is_kept], minlength=present.size)
        order = np.lexsort((present, -dropped, -dropped / counts))
        columns = (column[order].tolist() for column in (present, counts, dropped))
        return [ClassCounts(*row) for row in zip(*columns, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """Return counts of kept and dropped images, and the label noise, as a dict for JSON output."""
        classes = [
            {**self.classes.id_and_name(class_id), "images": count, "dropped": dropped}
            for class_id, count, dropped in self.by_class()
        ]
        return {
            "images": len(self),
            "kept": int(np.count_nonzero(self.is_kept)),
            "classes": classes,
            "losing_much": [class_id for class_id, *_ in self.classes_with_many_dropped()],
            "noise": None if self.noise is None else self.noise.to_json(),
        }

    def classes_with_many_dropped(self) -> list[ClassCounts]:
        """Return the counts of each class that loses more than a third of its images."""
        return [counts for counts in self.by_class() if counts.n_dropped > _MAX_DROPPED_SHARE * counts.n_images]
