"""The result of an evaluation: integer counts that add up over disjoint images, and ratios of these counts."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from reassess.core import UnknownClasses
from reassess.core.labels import DEFAULT_LABEL_SET_NAME
from reassess.errors import DataError
from reassess.evaluation.per_class import CountsByClass
from reassess.numeric import Proportion
from reassess.numeric.arrays import rank_descending
from reassess.text import Printable, count_noun, join_and

NONE_SCORED = "no image is scored"
_PARTS_BY_ORIGINAL = ("original_scored", "mistakes_by_original")


@dataclass(frozen=True, repr=False)
class HitsOnImagesWithNLabels(Printable):
    """Counts of images and hits, for images with the same number of valid classes."""

    n_images: int
    hits_by_k: dict[int, int]  # number of images with a valid class among the top k
    # For n valid classes, the number of valid classes among the model's first n, summed over images; None if the
    # predictions have fewer than n classes.
    n_valid_found: int | None

    def __add__(self, other: "HitsOnImagesWithNLabels") -> "HitsOnImagesWithNLabels":
        n_valid_found = (
            None
            if self.n_valid_found is None or other.n_valid_found is None
            else self.n_valid_found + other.n_valid_found
        )
        hits = {k: count + other.hits_by_k[k] for k, count in self.hits_by_k.items()}
        return HitsOnImagesWithNLabels(
            n_images=self.n_images + other.n_images, hits_by_k=hits, n_valid_found=n_valid_found
        )


@dataclass(frozen=True)
class SoftAccuracy:
    """The sums that soft accuracy is computed from, over the images that have a valid class."""

    p_valid_sum: float  # sum of P(top-1 is valid)
    highest_p_valid_sum: float  # sum of the highest P(valid) of any class of each image
    n_images: int

    @property
    def accuracy(self) -> float | None:
        """Mean probability that a top-1 class is valid; None without images."""
        return self.p_valid_sum / self.n_images if self.n_images else None

    @property
    def highest_possible_accuracy(self) -> float | None:
        """Soft accuracy of a model that always predicts the most probable class."""
        return self.highest_p_valid_sum / self.n_images if self.n_images else None

    def __add__(self, other: "SoftAccuracy") -> "SoftAccuracy":
        return SoftAccuracy(
            p_valid_sum=self.p_valid_sum + other.p_valid_sum,
            highest_p_valid_sum=self.highest_p_valid_sum + other.highest_p_valid_sum,
            n_images=self.n_images + other.n_images,
        )


@dataclass(frozen=True)
class Mistakes:
    """Number of images whose top-1 class is not valid, by kind of mistake; see `kinds_of_invalid_classes`."""

    n_no_class: int
    n_expert_valid: int | None  # None without experts
    n_rejected_by_experts: int | None  # None without experts
    n_asked_and_rejected: int
    n_not_asked: int
    n_never_rated: int

    @property
    def n_images_by_kind(self) -> dict[str, int | None]:
        """Number of images by kind, in the order of `MISTAKE_KINDS`."""
        return {name.removeprefix("n_"): n for name, n in vars(self).items()}

    def __add__(self, other: "Mistakes") -> "Mistakes":
        both = {name: (n, getattr(other, name)) for name, n in vars(self).items()}
        sums: dict[str, Any] = {name: None if None in counts else sum(counts) for name, counts in both.items()}
        return Mistakes(**sums)


@dataclass(frozen=True)
class MistakesByOriginal:
    """Number of images whose top-1 class is not the original label, by which of the two classes are valid.

    An original label that is not valid is a label error.
    """

    n_only_prediction_valid: int
    n_both_valid: int
    n_only_original_valid: int
    n_neither_valid: int  # another class is valid
    n_not_scored: int  # the label set is empty or missing

    @property
    def n_all(self) -> int:
        """Number of mistakes by original labels."""
        return sum(vars(self).values())

    @property
    def n_prediction_valid(self) -> int:
        """Number of mistakes by original labels whose top-1 class is valid."""
        return self.n_only_prediction_valid + self.n_both_valid

    def __add__(self, other: "MistakesByOriginal") -> "MistakesByOriginal":
        return MistakesByOriginal(**{name: n + getattr(other, name) for name, n in vars(self).items()})

    def to_json(self) -> dict[str, int]:
        """Return the counts by kind for JSON output, with their sums."""
        kinds = {name.removeprefix("n_"): n for name, n in vars(self).items()}
        return {"images": self.n_all, "prediction_valid": self.n_prediction_valid} | kinds


@dataclass(frozen=True, repr=False)
class Evaluation(Printable):
    """The result of one model: integer counts, and ratios of these counts.

    Evaluations of disjoint sets of images can be added with ``+``.

    Parameters
    ----------
    n_images
        Number of rows of the predictions: `n_scored` images are scored, and `n_empty`, `n_unlabelled`, `n_unknown` and
        `n_excluded` images are not.
    n_empty
        Number of rated images without a valid class.
    n_unlabelled
        Number of images of the benchmark that are not rated.
    n_unknown
        Number of images that are not in the benchmark.
    n_scorable
        Number of images that could be scored, with or without a prediction: images with a valid class that are not
        excluded.
    real_accuracy, original_accuracy
        Top-k accuracy by k, with reassessed labels and with original labels. `original_accuracy` is None without
        original labels.
    original_accuracy_on_scored
        Top-k accuracy with original labels, only on the scored images.
    by_label_count
        Counts by number of valid classes.
    per_class
        Counts by class.
    soft_accuracy, mistakes
        Soft accuracy and kinds of mistakes; None without scores.
    missing_reasons
        Reason why a result is missing, by the name of the result in JSON.
    detected_input
        How the predictions were read and joined, as text.
    label_set
        Name of the label sets.
    unknown_classes
        Predictions with unknown class names.
    n_excluded
        Number of excluded images.
    mistakes_by_original
        Images whose top-1 class is not the original label, by which of the two classes are valid; None without original
        labels.
    """

    n_images: int
    n_empty: int
    n_unlabelled: int
    n_unknown: int
    n_scorable: int
    real_accuracy: dict[int, Proportion]
    original_accuracy: dict[int, Proportion] | None
    original_accuracy_on_scored: dict[int, Proportion] | None
    by_label_count: dict[int, HitsOnImagesWithNLabels]
    per_class: CountsByClass
    soft_accuracy: SoftAccuracy | None
    mistakes: Mistakes | None
    missing_reasons: dict[str, str] = field(default_factory=dict)
    detected_input: str = ""
    label_set: str = DEFAULT_LABEL_SET_NAME
    unknown_classes: UnknownClasses = field(default_factory=UnknownClasses)
    n_excluded: int = 0
    mistakes_by_original: MistakesByOriginal | None = None

    @property
    def n_scored(self) -> int:
        """Number of images with a valid class: the n of ReaL accuracy."""
        return sum(part.n_images for part in self.by_label_count.values())

    @property
    def accuracy_at_smallest_k(self) -> float:
        """ReaL accuracy (0 to 1) at the smallest k, used to rank models; 0 without scored images."""
        return next(iter(self.real_accuracy.values())).value or 0.0

    @property
    def recall_at_size(self) -> float | None:
        """Mean recall over scored images: of an image's n valid classes, the share among the model's first n."""
        parts = self.by_label_count
        if not self.n_scored or any(part.n_valid_found is None for part in parts.values()):
            return None
        return math.fsum((part.n_valid_found or 0) / size for size, part in parts.items()) / self.n_scored

    def original_accuracy_at(self, k: int) -> Proportion | None:
        """Return top-k accuracy by original labels; None without original labels, or if k was not evaluated."""
        return None if self.original_accuracy is None else self.original_accuracy.get(k)

    def __add__(self, other: "Evaluation") -> "Evaluation":
        """Add the evaluation of other images. The two must have the same labels and the same k."""
        same = self.label_set == other.label_set and self.n_scorable == other.n_scorable
        if not same or self.real_accuracy.keys() != other.real_accuracy.keys():
            raise DataError("different-labels", "evaluations with different labels or different k cannot be added up")
        sizes = sorted(self.by_label_count.keys() | other.by_label_count.keys())
        none = HitsOnImagesWithNLabels(n_images=0, hits_by_k=dict.fromkeys(self.real_accuracy, 0), n_valid_found=0)
        summed = ("n_images", "n_empty", "n_unlabelled", "n_unknown", "n_excluded", "unknown_classes", "per_class")
        return replace(
            self,
            **{name: getattr(self, name) + getattr(other, name) for name in summed},
            real_accuracy={k: part + other.real_accuracy[k] for k, part in self.real_accuracy.items()},
            original_accuracy=_add_proportions_if_present(self.original_accuracy, other.original_accuracy),
            original_accuracy_on_scored=_add_proportions_if_present(
                self.original_accuracy_on_scored, other.original_accuracy_on_scored
            ),
            mistakes_by_original=self.mistakes_by_original + other.mistakes_by_original
            if self.mistakes_by_original and other.mistakes_by_original
            else None,
            by_label_count={s: self.by_label_count.get(s, none) + other.by_label_count.get(s, none) for s in sizes},
            soft_accuracy=self.soft_accuracy + other.soft_accuracy
            if self.soft_accuracy and other.soft_accuracy
            else None,
            mistakes=self.mistakes + other.mistakes if self.mistakes and other.mistakes else None,
            missing_reasons=self.missing_reasons | other.missing_reasons,
        )

    def _summary_lines(self) -> list[tuple[str, str]]:
        rows = [(f"{self.label_set} top-{k}", str(part)) for k, part in self.real_accuracy.items()]
        rows += [(f"original top-{k}", str(part)) for k, part in (self.original_accuracy or {}).items()]
        if self.original_accuracy_on_scored != self.original_accuracy:
            scored = (self.original_accuracy_on_scored or {}).items()
            rows += [(f"original top-{k}, scored", str(part)) for k, part in scored]
        if self.soft_accuracy is not None and self.soft_accuracy.accuracy is not None:
            rows.append(
                (
                    f"soft {self.label_set}",
                    f"{self.soft_accuracy.accuracy:.4f}; {describe_soft_accuracy_ceiling([self])}",
                )
            )
        if self.recall_at_size is not None:
            rows.append(("recall at size", f"{self.recall_at_size:.4f}"))
        if words := describe_mistakes_by_original(self):
            rows.append(("original labels", words))
        rows.append(("scored", f"{self.n_scored:,} of {self.n_scorable:,} images with labels"))
        rows.append(("not scored", describe_images_not_scored(self) or "none"))
        if self.unknown_classes.n_predictions:
            rows.append(("unknown classes", str(self.unknown_classes)))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output, with the reason for each missing result."""
        soft = None if self.soft_accuracy is None or not self.soft_accuracy.n_images else self.soft_accuracy
        parts = {
            "original": None if self.original_accuracy is None else _proportions_to_json(self.original_accuracy),
            "original_scored": None
            if self.original_accuracy_on_scored is None
            else _proportions_to_json(self.original_accuracy_on_scored),
            "soft": None if soft is None else {"accuracy": soft.accuracy, "ceiling": soft.highest_possible_accuracy},
            "recall_at_size": self.recall_at_size,
            "mistakes": None if self.mistakes is None else self.mistakes.n_images_by_kind,
            "mistakes_by_original": None if self.mistakes_by_original is None else self.mistakes_by_original.to_json(),
        }
        not_scored = {"empty": self.n_empty, "unlabelled": self.n_unlabelled, "unknown": self.n_unknown}
        return {
            "images": self.n_images,
            "scored": self.n_scored,
            "not_scored": not_scored | ({"excluded": self.n_excluded} if self.n_excluded else {}),
            "scorable": self.n_scorable,
            "detected": self.detected_input,
            "unknown_classes": self.unknown_classes.to_json(),
            "interval": "95 %, Wilson, over images",
            "label_set": self.label_set,
            "real": _proportions_to_json(self.real_accuracy),
            **parts,
            **{f"{name}_reason": self._missing_reason(name) for name, part in parts.items() if part is None},
            "by_label_count": [self._label_count_to_json(size, part) for size, part in self.by_label_count.items()],
        }

    def _missing_reason(self, result_name: str) -> str:
        """Return the reason why a result is missing."""
        return self.missing_reasons.get("original" if result_name in _PARTS_BY_ORIGINAL else result_name, NONE_SCORED)

    def _label_count_to_json(self, size: int, counts: HitsOnImagesWithNLabels) -> dict[str, Any]:
        n = counts.n_images
        recall = None if counts.n_valid_found is None or not n else counts.n_valid_found / size / n
        real = {k: Proportion(hits, n) for k, hits in counts.hits_by_k.items()}
        return {"labels": size, "n": n, "real": _proportions_to_json(real), "recall_at_size": recall}


def sort_by_accuracy(evaluations: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """Sort evaluations by ReaL accuracy at the smallest k, the highest first; ties by name."""
    return dict(sorted(evaluations.items(), key=lambda entry: (-entry[1].accuracy_at_smallest_k, entry[0])))


def ranks_by_model(evaluations: Mapping[str, Evaluation]) -> dict[str, int]:
    """Return the rank of each model: 1 plus the number of more accurate models; ties share a rank."""
    accuracies = np.array([evaluation.accuracy_at_smallest_k for evaluation in evaluations.values()])
    return dict(zip(evaluations, rank_descending(accuracies).tolist(), strict=True))


def describe_images_not_scored(evaluation: Evaluation) -> str:
    """Say how many images are not scored, why, and how many labelled images have no prediction."""
    parts = {
        "empty label set": evaluation.n_empty,
        "unrated": evaluation.n_unlabelled,
        "unknown": evaluation.n_unknown,
        "excluded": evaluation.n_excluded,
    }
    reasons = {reason: count for reason, count in parts.items() if count}
    words = []
    if reasons:
        reason = (
            next(iter(reasons)) if len(reasons) == 1 else ", ".join(f"{n:,} {reason}" for reason, n in reasons.items())
        )
        words.append(f"{count_noun(sum(reasons.values()), 'image')} not scored ({reason})")
    if missing := evaluation.n_scorable - evaluation.n_scored:
        words.append(f"{missing:,} of {count_noun(evaluation.n_scorable, 'labelled image')} without a prediction")
    return "; ".join(words)


def describe_mistakes_by_original(evaluation: Evaluation) -> str:
    """Say how many predictions that differ from the original label are valid; "" if no prediction differs."""
    counts = evaluation.mistakes_by_original
    if counts is None or not counts.n_all:
        return ""
    judge = evaluation.label_set if evaluation.label_set.startswith("ReaL") else f"{evaluation.label_set} labels"
    n, n_all = counts.n_prediction_valid, counts.n_all
    verb = "is" if 1 in (n, n_all) else "are"
    text = f"{n:,} of {count_noun(n_all, 'mistake')} by original labels {verb} correct by {judge}"
    if not n:
        return text
    parts = {
        "a label error (the original label is not valid)": counts.n_only_prediction_valid,
        "an original label that is valid too": counts.n_both_valid,
    }
    counted = [f"{count_noun(n, 'image')} with {what}" for what, n in parts.items() if n]
    return f"{text}: {join_and(counted)}"


def describe_soft_accuracy_ceiling(evaluations: Iterable[Evaluation]) -> str:
    """State the highest possible soft accuracy on these images; "" if it is unknown."""
    soft = [evaluation.soft_accuracy for evaluation in evaluations if evaluation.soft_accuracy is not None]
    highest = {part.highest_possible_accuracy for part in soft}
    ceilings = sorted({f"{accuracy:.4f}" for accuracy in highest if accuracy is not None})
    return f"no model can exceed {' or '.join(ceilings)}" if ceilings else ""


def _add_proportions_if_present(
    first: dict[int, Proportion] | None, second: dict[int, Proportion] | None
) -> dict[int, Proportion] | None:
    """Add the proportions of two dicts for each k; None if one of the dicts is None."""
    return None if first is None or second is None else {k: part + second[k] for k, part in first.items()}


def _proportions_to_json(proportions_by_k: dict[int, Proportion]) -> dict[str, Any]:
    return {str(k): proportion.to_json() for k, proportion in proportions_by_k.items()}
