"""Label sets from scores and a threshold, and the choice of the threshold."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reassess.aggregation.curves import Curve, Point
from reassess.core import LabelSets, Scores, align_classes
from reassess.core.checks import check_number, check_type
from reassess.errors import DataError
from reassess.text import Printable


def label_sets(scores: Scores, threshold: float, *, original: LabelSets | None = None) -> LabelSets:
    """Make label sets from the classes whose score reaches a threshold.

    Parameters
    ----------
    scores
        Scores of (image, class) questions.
    threshold
        In [0, 1]; a rated image keeps each class with score >= threshold.
    original
        Original labels, which unrated images keep. Without them, unrated images are not in the result.

    Returns
    -------
    LabelSets
        The images of `original`, then other rated images. The class list is taken from the scores, or from scores and
        original labels after alignment.

    Raises
    ------
    DataError
        The threshold is not in [0, 1], or the class lists of scores and original labels differ.

    Examples
    --------
    >>> from reassess import Questions
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> scores = Scores(questions, np.array([0.9, 0.8, 0.3]))
    >>> dict(label_sets(scores, 0.8).classes_by_image())
    {'a.png': frozenset({1, 2}), 'b.png': frozenset()}

    Notes
    -----
    Source: Beyer et al., arXiv 2006.07159, section 3.2, which uses 0.8.
    """
    check_type(Scores, scores)
    check_number(threshold, 0, 1, value_name="threshold")
    if original is not None:
        parts: dict[str, Any] = {"the scores": scores, "the original labels": original}
        scores, original = align_classes(parts).values()
    questions = scores.questions
    is_label = scores.values >= threshold
    image_ids, class_ids = questions.image_ids[is_label].astype(np.int64), questions.class_ids[is_label]
    if original is None:
        return LabelSets.from_pairs(questions.images, image_ids, class_ids, questions.classes)
    row_of = original.find(questions.images)
    new_images = np.flatnonzero(row_of < 0)
    row_of[new_images] = len(original) + np.arange(new_images.size)
    images = (*original.images, *(questions.images[row] for row in new_images.tolist()))
    is_unrated = np.ones(len(images), bool)
    is_unrated[row_of] = False
    is_kept = is_unrated[original.image_ids]
    return LabelSets.from_pairs(
        images,
        np.concatenate([row_of[image_ids], original.image_ids[is_kept]]),
        np.concatenate([class_ids, original.indices[is_kept]]),
        original.classes,
    )


@dataclass(frozen=True)
class Goal:
    """The criterion that chooses a threshold, such as precision=0.9."""

    # precision: the highest recall with at least this precision; recall: the reverse; f1: the highest F1; threshold: a
    # fixed threshold
    kind: str
    value: float | None = None  # in [0, 1]; None for f1

    @classmethod
    def parse(cls, text: str) -> "Goal":
        """Parse a goal, written as ``precision=0.9``, ``recall=0.8``, ``f1`` or ``threshold=0.8``."""
        kind, sign, number = text.partition("=")
        try:
            value = float(number) if sign else None
        except ValueError:
            value = np.nan
        if (kind == "f1" and sign) or kind not in ("f1", "precision", "recall", "threshold"):
            value = np.nan
        if (value is None and kind != "f1") or (value is not None and not 0 <= value <= 1):
            raise DataError(
                "unknown-name",
                "unknown way to choose a threshold",
                allowed="precision=P, recall=R or threshold=T, each from 0 to 1; or f1",
                found=text,
            )
        return cls(kind, value)

    def __str__(self) -> str:
        return self.kind if self.value is None else f"{self.kind}={self.value:g}"

    def find_point_at_goal(self, curve: Curve) -> Point:
        """Return the point of the curve that reaches the goal; `DataError` if no point reaches it."""
        if self.value is None:
            return curve.max_f1_point()
        choose = {
            "precision": curve.max_recall_at_precision,
            "recall": curve.max_precision_at_recall,
            "threshold": curve.point_at_threshold,
        }
        return choose[self.kind](self.value)


@dataclass(frozen=True, repr=False)
class OperatingPoint(Printable):
    """A chosen threshold, its precision and recall, and the number of labels at it."""

    point: Point
    # 95 %, bootstrap over images, at the chosen threshold; None if nothing is kept
    precision_interval: tuple[float, float] | None
    recall_interval: tuple[float, float] | None
    n_labels: int  # number of labels at the threshold
    n_empty_images: int  # number of rated images without a label

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        bounds = {"precision": self.precision_interval or (None, None), "recall": self.recall_interval or (None, None)}
        return self.point.to_json() | {
            "low": {name: interval[0] for name, interval in bounds.items()},
            "high": {name: interval[1] for name, interval in bounds.items()},
            "hits": self.point.n_hits,
            "kept": self.point.n_kept_questions,
            "valid": self.point.n_valid,
            "labels": self.n_labels,
            "empty_images": self.n_empty_images,
        }


def operating_point(
    curve: Curve, goal: Goal, scores: Scores, *, original: LabelSets | None = None, seed: int = 0
) -> OperatingPoint:
    """Choose the threshold of a curve that reaches a goal, and count labels on all images.

    `scores` are the scores of all questions. Unrated images keep their original labels, which are counted too.
    """
    point = goal.find_point_at_goal(curve)
    bands = curve.bands(np.array([point.threshold], np.float64), seed=seed)
    labels = label_sets(scores, float(bands.thresholds[0]), original=original)
    return OperatingPoint(
        point=point,
        precision_interval=bands.precision[0],
        recall_interval=bands.recall[0],
        n_labels=labels.indices.size,
        n_empty_images=labels.n_empty_images,
    )
