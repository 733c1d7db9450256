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
from reassess.text import Printable, count_noun

NONE_SCORED = "no image is scored"
_PARTS_BY_ORIGINAL = ("original_scored", "label_errors")


@dataclass(frozen=True, repr=False)
class CountsBySize(Printable):
    """Counts for images with the same number of valid classes."""

    n: int  # images
    hits: dict[int, int]  # images with a valid class among the top k, by k
    overlap: int | None  # valid classes among as many first classes, in total; None if the predictions have fewer

    def __add__(self, other: "CountsBySize") -> "CountsBySize":
        overlap = None if self.overlap is None or other.overlap is None else self.overlap + other.overlap
        hits = {k: count + other.hits[k] for k, count in self.hits.items()}
        return CountsBySize(n=self.n + other.n, hits=hits, overlap=overlap)


@dataclass(frozen=True)
class SoftAccuracy:
    """Soft accuracy, as sums over images with a non-empty label set."""

    total: float  # sum of P(top-1 is valid)
    ceiling_total: float  # sum of the highest P of each image, which an oracle would reach
    n: int  # images

    @property
    def accuracy(self) -> float | None:
        """Mean probability that a top-1 class is valid; None without images."""
        return self.total / self.n if self.n else None

    @property
    def ceiling(self) -> float | None:
        """Soft accuracy of a model that always predicts the most probable class."""
        return self.ceiling_total / self.n if self.n else None

    def __add__(self, other: "SoftAccuracy") -> "SoftAccuracy":
        return SoftAccuracy(
            total=self.total + other.total, ceiling_total=self.ceiling_total + other.ceiling_total, n=self.n + other.n
        )


@dataclass(frozen=True)
class Mistakes:
    """Number of top-1 classes outside a non-empty label set, by kind; see `invalid_kinds`."""

    no_class: int
    expert_valid: int | None  # None without experts
    rejected_by_experts: int | None  # None without experts
    asked_and_rejected: int
    not_asked: int
    never_rated: int

    def __add__(self, other: "Mistakes") -> "Mistakes":
        both = {kind: (n, getattr(other, kind)) for kind, n in vars(self).items()}
        total: dict[str, Any] = {kind: None if None in counts else sum(counts) for kind, counts in both.items()}
        return Mistakes(**total)


@dataclass(frozen=True, repr=False)
class Evaluation(Printable):
    """The result of one model: integer counts, and ratios of these counts.

    Evaluations of disjoint images add up.

    Parameters
    ----------
    images
        Rows of the predictions: `scored` images, and images not scored because they are `empty` (rated, without a valid
        class), `unlabelled` (known, but unrated), `unknown` or `excluded`.
    scorable
        Images of the label sets with a valid class that are not excluded, with or without a prediction.
    real, original
        Hits among the top k, by k: by reassessed labels, and by original labels. `original` is None without original
        labels.
    original_scored
        Hits by original labels, only on the scored images.
    by_label_count
        Counts by number of valid classes.
    per_class
        Counts by class.
    soft, mistakes
        Soft accuracy and kinds of mistakes; None without scores.
    reasons
        Reason why a part is missing, by the name of the part.
    detected
        How the predictions were read and joined, as text.
    label_set
        Name of the label sets.
    unknown_classes
        Predictions with unknown class names.
    excluded
        Rows of excluded images.
    label_errors
        Mistakes by original labels, and how many of them are correct by the label sets; None without original labels.
    """

    images: int
    empty: int
    unlabelled: int
    unknown: int
    scorable: int
    real: dict[int, Proportion]
    original: dict[int, Proportion] | None
    original_scored: dict[int, Proportion] | None
    by_label_count: dict[int, CountsBySize]
    per_class: CountsByClass
    soft: SoftAccuracy | None
    mistakes: Mistakes | None
    reasons: dict[str, str] = field(default_factory=dict)
    detected: str = ""
    label_set: str = DEFAULT_LABEL_SET_NAME
    unknown_classes: UnknownClasses = field(default_factory=UnknownClasses)
    excluded: int = 0
    label_errors: Proportion | None = None

    @property
    def scored(self) -> int:
        """Number of images with a valid class: the n of ReaL accuracy."""
        return sum(part.n for part in self.by_label_count.values())

    @property
    def first_accuracy(self) -> float:
        """ReaL accuracy at the smallest k, in [0, 1], which ranks models; 0 without scored images."""
        return next(iter(self.real.values())).value or 0.0

    @property
    def recall_at_size(self) -> float | None:
        """Mean share of an image's n valid classes that are among the model's first n, over scored images."""
        parts = self.by_label_count
        if not self.scored or any(part.overlap is None for part in parts.values()):
            return None
        return math.fsum((part.overlap or 0) / size for size, part in parts.items()) / self.scored

    def original_accuracy(self, k: int) -> Proportion | None:
        """Return top-k accuracy by original labels; None without original labels, or for another k."""
        return None if self.original is None else self.original.get(k)

    def __add__(self, other: "Evaluation") -> "Evaluation":
        """Add the evaluation of other images; both must have the same labels and the same k."""
        same = self.label_set == other.label_set and self.scorable == other.scorable
        if not same or self.real.keys() != other.real.keys():
            raise DataError("different-labels", "evaluations with different labels or different k cannot be added up")
        sizes = sorted(self.by_label_count.keys() | other.by_label_count.keys())
        none = CountsBySize(n=0, hits=dict.fromkeys(self.real, 0), overlap=0)
        summed = ("images", "empty", "unlabelled", "unknown", "excluded", "unknown_classes", "per_class")
        return replace(
            self,
            **{name: getattr(self, name) + getattr(other, name) for name in summed},
            real={k: part + other.real[k] for k, part in self.real.items()},
            original=_add_if_present(self.original, other.original),
            original_scored=_add_if_present(self.original_scored, other.original_scored),
            label_errors=None
            if self.label_errors is None or other.label_errors is None
            else self.label_errors + other.label_errors,
            by_label_count={s: self.by_label_count.get(s, none) + other.by_label_count.get(s, none) for s in sizes},
            soft=self.soft + other.soft if self.soft and other.soft else None,
            mistakes=self.mistakes + other.mistakes if self.mistakes and other.mistakes else None,
            reasons=self.reasons | other.reasons,
        )

    def _summary_lines(self) -> list[tuple[str, str]]:
        rows = [(f"{self.label_set} top-{k}", str(part)) for k, part in self.real.items()]
        rows += [(f"original top-{k}", str(part)) for k, part in (self.original or {}).items()]
        if self.original_scored != self.original:
            scored = (self.original_scored or {}).items()
            rows += [(f"original top-{k}, scored", str(part)) for k, part in scored]
        if self.soft is not None and self.soft.accuracy is not None:
            rows.append((f"soft {self.label_set}", f"{self.soft.accuracy:.4f}; {ceiling_in_words([self])}"))
        if self.recall_at_size is not None:
            rows.append(("recall at size", f"{self.recall_at_size:.4f}"))
        if words := label_errors_in_words(self):
            rows.append(("label errors", words))
        rows.append(("scored", f"{self.scored:,} of {self.scorable:,} images with labels"))
        rows.append(("not scored", not_scored_in_words(self) or "none"))
        if self.unknown_classes.n_predictions:
            rows.append(("unknown classes", str(self.unknown_classes)))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output; the reason for each null has its own key."""
        soft = None if self.soft is None or not self.soft.n else self.soft
        parts = {
            "original": None if self.original is None else _proportions_to_json(self.original),
            "original_scored": None if self.original_scored is None else _proportions_to_json(self.original_scored),
            "soft": None if soft is None else {"accuracy": soft.accuracy, "ceiling": soft.ceiling},
            "recall_at_size": self.recall_at_size,
            "mistakes": None if self.mistakes is None else vars(self.mistakes),
            "label_errors": None
            if self.label_errors is None
            else {"mistakes_by_original": self.label_errors.n, "correct": self.label_errors.hits},
        }
        not_scored = {"empty": self.empty, "unlabelled": self.unlabelled, "unknown": self.unknown}
        return {
            "images": self.images,
            "scored": self.scored,
            "not_scored": not_scored | ({"excluded": self.excluded} if self.excluded else {}),
            "scorable": self.scorable,
            "detected": self.detected,
            "unknown_classes": self.unknown_classes.to_json(),
            "interval": "95 %, Wilson, over images",
            "label_set": self.label_set,
            "real": _proportions_to_json(self.real),
            **parts,
            **{f"{name}_reason": self._missing_reason(name) for name, part in parts.items() if part is None},
            "by_label_count": [self._size_to_json(size, part) for size, part in self.by_label_count.items()],
        }

    def _missing_reason(self, part: str) -> str:
        """Return the reason why a part of the result is missing."""
        return self.reasons.get("original" if part in _PARTS_BY_ORIGINAL else part, NONE_SCORED)

    def _size_to_json(self, size: int, part: CountsBySize) -> dict[str, Any]:
        recall = None if part.overlap is None or not part.n else part.overlap / size / part.n
        real = {k: Proportion(hits, part.n) for k, hits in part.hits.items()}
        return {"labels": size, "n": part.n, "real": _proportions_to_json(real), "recall_at_size": recall}


def sort_by_accuracy(evaluations: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """Sort evaluations, by model name, by descending ReaL accuracy at the smallest k, then by name."""
    return dict(sorted(evaluations.items(), key=lambda entry: (-entry[1].first_accuracy, entry[0])))


def ranks_of(evaluations: Mapping[str, Evaluation]) -> dict[str, int]:
    """Return the rank of each model: 1 plus the number of more accurate models; ties share a rank."""
    accuracies = np.array([evaluation.first_accuracy for evaluation in evaluations.values()])
    return dict(zip(evaluations, rank_descending(accuracies).tolist(), strict=True))


def not_scored_in_words(evaluation: Evaluation) -> str:
    """Say how many images are not scored, and why; and how many labelled images have no prediction."""
    parts = {
        "empty label set": evaluation.empty,
        "unrated": evaluation.unlabelled,
        "unknown": evaluation.unknown,
        "excluded": evaluation.excluded,
    }
    reasons = {why: count for why, count in parts.items() if count}
    words = []
    if reasons:
        why = next(iter(reasons)) if len(reasons) == 1 else ", ".join(f"{n:,} {why}" for why, n in reasons.items())
        words.append(f"{count_noun(sum(reasons.values()), 'image')} not scored ({why})")
    if missing := evaluation.scorable - evaluation.scored:
        words.append(f"{missing:,} of {count_noun(evaluation.scorable, 'labelled image')} without a prediction")
    return "; ".join(words)


def label_errors_in_words(evaluation: Evaluation) -> str:
    """Say how many mistakes by original labels are correct by the label sets; empty without such mistakes."""
    part = evaluation.label_errors
    if part is None or not part.n:
        return ""
    judge = evaluation.label_set if evaluation.label_set.startswith("ReaL") else f"{evaluation.label_set} labels"
    verb = "is" if 1 in (part.hits, part.n) else "are"
    return f"{part.hits:,} of {count_noun(part.n, 'mistake')} by original labels {verb} correct by {judge}"


def ceiling_in_words(evaluations: Iterable[Evaluation]) -> str:
    """Say which soft accuracy no model can exceed on these images; empty if it is unknown."""
    soft = [evaluation.soft for evaluation in evaluations if evaluation.soft is not None]
    ceilings = sorted({f"{part.ceiling:.4f}" for part in soft if part.ceiling is not None})
    return f"no model can exceed {' or '.join(ceilings)}" if ceilings else ""


def _add_if_present(
    first: dict[int, Proportion] | None, second: dict[int, Proportion] | None
) -> dict[int, Proportion] | None:
    """Add proportions by k; None if either is missing."""
    return None if first is None or second is None else {k: part + second[k] for k, part in first.items()}


def _proportions_to_json(parts: dict[int, Proportion]) -> dict[str, Any]:
    return {str(k): part.to_json() for k, part in parts.items()}
