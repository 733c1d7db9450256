"""Multi-label accuracy: the reviewers' verdicts on a model's top-1 classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, LabelSets, Match, MultiLabels, Predictions
from reassess.core.checks import check_type
from reassess.core.multi_labels import encode_labels_as_numbers
from reassess.evaluation.measure import find_outcomes
from reassess.evaluation.outcomes import EMPTY, EXCLUDED, Outcomes
from reassess.numeric import Proportion
from reassess.numeric.arrays import encode_pairs
from reassess.text import Printable

VERDICTS = ("unknown", "problematic", "empty", "valid", "unclear", "wrong", "unreviewed")  # the first that applies
_UNSCORED_VERDICTS = VERDICTS[:3]
_SCORED_VERDICTS = VERDICTS[3:]


@dataclass(frozen=True, eq=False, repr=False)
class MultiLabelAccuracy(Printable):
    """Number of images by the reviewers' verdict on a model's top-1 class."""

    n_valid: int  # images whose top-1 class is valid
    n_unclear: int  # images whose top-1 class is unclear
    n_wrong: int  # images whose top-1 class is wrong
    n_unreviewed: int  # images whose top-1 class was not reviewed, or is not a class: counted as wrong
    n_problematic: int  # problematic images, not scored
    n_empty: int  # other images without a valid class, not scored
    n_unknown: int  # images without a review, not scored
    # Classes that are an original label of any image, sorted; int64, shape (classes,); None without original labels.
    class_ids: npt.NDArray[np.int64] | None = None
    # Images of each of these classes: with a valid top-1 class, with an unclear top-1 class, and all images; int64,
    # shape (classes, 3).
    counts_by_class: npt.NDArray[np.int64] | None = None

    @property
    def accuracy(self) -> Proportion:
        """Share of images with a valid top-1 class, without images whose top-1 class is unclear."""
        return Proportion(self.n_valid, self.n_valid + self.n_wrong + self.n_unreviewed)

    @property
    def lenient_accuracy(self) -> Proportion:
        """Share of images with a valid or unclear top-1 class."""
        return Proportion(self.n_valid + self.n_unclear, self.accuracy.n + self.n_unclear)

    @property
    def why_no_mean_class_accuracy(self) -> str | None:
        """Reason why `mean_class_accuracy` is missing; None if it is available."""
        if self.counts_by_class is None:
            return "original labels are missing"
        return "no image is left to average over" if self.mean_class_accuracy is None else None

    @property
    def mean_class_accuracy(self) -> float | None:
        """Mean of `accuracy` over classes, in [0, 1]; None without original labels, or without images."""
        return (
            None
            if self.counts_by_class is None
            else _mean_ratio(self.counts_by_class[:, 0], self.counts_by_class[:, 2] - self.counts_by_class[:, 1])
        )

    @property
    def mean_class_lenient_accuracy(self) -> float | None:
        """Mean of `lenient_accuracy` over classes; None without original labels, or without images."""
        return (
            None
            if self.counts_by_class is None
            else _mean_ratio(self.counts_by_class[:, :2].sum(axis=1), self.counts_by_class[:, 2])
        )

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        document = {
            **{name: getattr(self, f"n_{name}") for name in _SCORED_VERDICTS},
            "not_scored": {name: getattr(self, f"n_{name}") for name in _UNSCORED_VERDICTS},
            "unclear_excluded": self.accuracy.to_json() | {"mean_over_classes": self.mean_class_accuracy},
            "unclear_is_correct": self.lenient_accuracy.to_json()
            | {"mean_over_classes": self.mean_class_lenient_accuracy},
            "interval": "95 %, Wilson, over images",
        }
        return document | (
            {}
            if self.why_no_mean_class_accuracy is None
            else {"mean_over_classes_reason": self.why_no_mean_class_accuracy}
        )

    def classes_to_json(self, classes: Classes) -> list[dict[str, Any]]:
        """Return a dict for each class that is an original label of any image; [] without original labels."""
        if self.class_ids is None or self.counts_by_class is None:
            return []
        return [
            {
                **classes.id_and_name(i),
                "images": n,
                "valid": valid,
                "unclear": unclear,
                "unclear_excluded": Proportion(valid, n - unclear).value,
                "unclear_is_correct": Proportion(valid + unclear, n).value,
            }
            for i, (valid, unclear, n) in zip(self.class_ids.tolist(), self.counts_by_class.tolist(), strict=True)
        ]


def multi_label_accuracy(
    predictions: Predictions | npt.ArrayLike,
    labels: MultiLabels,
    *,
    original: LabelSets | None = None,
    match: Match = "path",
    ignore_unknown: bool = False,
) -> MultiLabelAccuracy:
    """Measure one model's multi-label accuracy by the reviewers' verdicts.

    Parameters
    ----------
    predictions, original, match, ignore_unknown
        As for `reassess.evaluate`. The mean over classes groups images by original label.
    labels
        The reviewers' verdicts on each image.

    Raises
    ------
    DataError
        As for `reassess.evaluate`.

    Examples
    --------
    >>> images = ["a.png", "b.png", "c.png"]
    >>> sets = [LabelSets.from_lists(images, lists) for lists in ([[0], [1, 2], [1]], [[1], [], []], [[2], [], []])]
    >>> reviewed = MultiLabels(*sets, np.array([False, False, True]))
    >>> multi_label_accuracy(np.array([1, 2, 0]), reviewed).lenient_accuracy
    Proportion(hits=2, n=2)

    Notes
    -----
    Source: Shankar et al., "Evaluating machine accuracy on ImageNet", ICML 2020. The authors count unclear classes as
    correct, and report the mean over classes.
    """
    check_type(MultiLabels, labels)
    outcomes = find_outcomes(
        predictions, labels.evaluation_labels, original=original, match=match, ignore_unknown=ignore_unknown
    )
    return multi_label_accuracy_of_outcomes(outcomes, labels, original)


def verdicts(outcomes: Outcomes, labels: MultiLabels) -> npt.NDArray[np.int8]:
    """Find the reviewers' verdict on the top-1 class of each image.

    The result is an index of `VERDICTS`: int8, shape (images,).
    The outcomes must be from the label sets `labels.evaluation_labels`.
    """
    rows, predicted = outcomes.label_rows, encode_pairs(outcomes.label_rows, outcomes.top1)
    conditions = [rows < 0, np.append(labels.is_problematic, False)[rows], outcomes.states == EMPTY]
    conditions += [
        np.isin(predicted, encode_labels_as_numbers(part)) for part in (labels.valid, labels.unclear, labels.wrong)
    ]
    return np.select(conditions, range(len(conditions)), len(conditions)).astype(np.int8)


def multi_label_accuracy_of_outcomes(
    outcomes: Outcomes, labels: MultiLabels, original: LabelSets | None
) -> MultiLabelAccuracy:
    """Compute multi-label accuracy from outcomes: the last step of `multi_label_accuracy`."""
    outcomes = outcomes.select_rows(np.flatnonzero(outcomes.states != EXCLUDED))
    verdict = verdicts(outcomes, labels)
    counts = dict(
        zip([f"n_{name}" for name in VERDICTS], np.bincount(verdict, minlength=len(VERDICTS)).tolist(), strict=True)
    )
    class_ids = by_class = None
    if original is not None:
        judged = np.flatnonzero((verdict >= len(_UNSCORED_VERDICTS)) & (outcomes.original_rows >= 0))
        original_ids = original.convert_to_classes(labels.valid.classes).indices[outcomes.original_rows[judged]]
        valid, unclear = (verdict[judged] == VERDICTS.index(name) for name in ("valid", "unclear"))
        class_ids, places = np.unique(original_ids.astype(np.int64), return_inverse=True)
        parts = (places[valid], places[unclear], places)
        by_class = np.stack([np.bincount(part, minlength=class_ids.size) for part in parts], axis=1)
    return MultiLabelAccuracy(**counts, class_ids=class_ids, counts_by_class=by_class)


def _mean_ratio(hits: npt.NDArray[np.int64], n: npt.NDArray[np.int64]) -> float | None:
    """Compute the mean of hits / n over the classes that have images; None without images."""
    has_images = n > 0
    if not has_images.any():
        return None
    return math.fsum(hits[has_images] / n[has_images]) / int(np.count_nonzero(has_images))
