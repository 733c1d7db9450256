"""How good is a model, judged by re-assessed labels: `evaluate(predictions, labels)` -> `Evaluation`.

Naming: an `*accuracy` and a `*recall` lie in [0, 1], higher is better; everything else is an integer count. Counts of
parts add up to the counts of the whole; ratios are derived once, from counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.accuracy import count_hits
from reassess.agreement import check_agreement
from reassess.errors import DataError
from reassess.intervals import Proportion
from reassess.labels import LabelSets
from reassess.names import Match, join
from reassess.outcomes import EMPTY, LABELLED, UNKNOWN, UNLABELLED, Outcomes, outcomes
from reassess.per_class import PerClass, count_classes
from reassess.predictions import Predictions
from reassess.scores import Scores

__all__ = ["BySize", "Evaluation", "Mistakes", "Soft", "evaluate", "summarize"]

_DEFAULT_TOPK = (1, 5)
_NONE_SCORED = "no image is scored"


@dataclass(frozen=True)
class BySize:
    """Images with label sets of one size: hits at each k, and valid classes found among as many first classes."""

    n: int
    hits: dict[int, int]
    overlap: int | None

    def __add__(self, other: "BySize") -> "BySize":
        overlap = None if self.overlap is None or other.overlap is None else self.overlap + other.overlap
        return BySize(self.n + other.n, {k: hits + other.hits[k] for k, hits in self.hits.items()}, overlap)


@dataclass(frozen=True)
class Soft:
    """Sums over images with a non-empty set: P(top-1 is valid), and the image's highest P (what an oracle gets)."""

    total: float
    ceiling_total: float
    n: int

    @property
    def accuracy(self) -> float | None:
        """Soft ReaL accuracy, in [0, 1]."""
        return self.total / self.n if self.n else None

    @property
    def ceiling(self) -> float | None:
        """Soft accuracy of an oracle that takes each image's most probable class."""
        return self.ceiling_total / self.n if self.n else None

    def __add__(self, other: "Soft") -> "Soft":
        return Soft(self.total + other.total, self.ceiling_total + other.ceiling_total, self.n + other.n)


@dataclass(frozen=True)
class Mistakes:
    """Top-1 classes outside a non-empty set, by what is known of them; `expert_rejected` is None without experts."""

    expert_rejected: int | None
    rejected: int
    never_proposed: int
    never_rated: int

    def __add__(self, other: "Mistakes") -> "Mistakes":
        known = self.expert_rejected is not None and other.expert_rejected is not None
        return Mistakes(
            (self.expert_rejected or 0) + (other.expert_rejected or 0) if known else None,
            self.rejected + other.rejected,
            self.never_proposed + other.never_proposed,
            self.never_rated + other.never_rated,
        )


@dataclass(frozen=True)
class Evaluation:
    """One model's result: integer counts, from which every ratio derives. Evaluations of disjoint images add up.

    Parameters
    ----------
    images
        Rows of the predictions: the scored ones, and `empty` (rated, no valid class), `unlabelled` (known, never
        rated) and `unknown` ones.
    scorable
        Images of the label sets that have a valid class, whether or not the model was shown them.
    real, original
        Hits among the top k by re-assessed and by original labels, by k; `original` is None without original labels.
    by_label_count
        By number of valid classes.
    per_class
        By class.
    soft, mistakes
        From scores; None without.
    reasons
        Why a part is missing, by its name.
    detected
        How the predictions were read and joined.
    """

    images: int
    empty: int
    unlabelled: int
    unknown: int
    scorable: int
    real: dict[int, Proportion]
    original: dict[int, Proportion] | None
    by_label_count: dict[int, BySize]
    per_class: PerClass
    soft: Soft | None
    mistakes: Mistakes | None
    reasons: dict[str, str] = field(default_factory=dict)
    detected: str = ""

    @property
    def scored(self) -> int:
        """Images with a valid class: the n of ReaL accuracy."""
        return sum(part.n for part in self.by_label_count.values())

    @property
    def recall_at_size(self) -> float | None:
        """Mean over scored images of the share of the n valid classes that are among the model's first n."""
        parts = self.by_label_count
        if not self.scored or any(part.overlap is None for part in parts.values()):
            return None
        return math.fsum((part.overlap or 0) / size for size, part in parts.items()) / self.scored

    def __add__(self, other: "Evaluation") -> "Evaluation":
        """The evaluation of both sets of images together, which must be judged by the same labels and the same k."""
        if self.scorable != other.scorable or self.real.keys() != other.real.keys():
            raise DataError("evaluations by other labels or of other k do not add up")
        sizes = sorted(self.by_label_count.keys() | other.by_label_count.keys())
        none = BySize(0, dict.fromkeys(self.real, 0), 0)
        both = self.original is not None and other.original is not None
        return Evaluation(
            images=self.images + other.images,
            empty=self.empty + other.empty,
            unlabelled=self.unlabelled + other.unlabelled,
            unknown=self.unknown + other.unknown,
            scorable=self.scorable,
            real=_added(self.real, other.real),
            original=_added(self.original or {}, other.original or {}) if both else None,
            by_label_count={s: self.by_label_count.get(s, none) + other.by_label_count.get(s, none) for s in sizes},
            per_class=self.per_class + other.per_class,
            soft=self.soft + other.soft if self.soft and other.soft else None,
            mistakes=self.mistakes + other.mistakes if self.mistakes and other.mistakes else None,
            reasons=self.reasons | other.reasons,
            detected=self.detected,
        )

    def __str__(self) -> str:
        lines = [f"{name:<16} {text}" for name, text in self._summary()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in self._summary())
        return f"<table>{rows}</table>"

    def _summary(self) -> list[tuple[str, str]]:
        left_out = f"{self.empty:,} empty, {self.unlabelled:,} unlabelled, {self.unknown:,} unknown"
        rows = [(f"ReaL top-{k}", _in_words(part)) for k, part in self.real.items()]
        rows += [(f"original top-{k}", _in_words(part)) for k, part in (self.original or {}).items()]
        if self.soft is not None and self.soft.accuracy is not None:
            rows.append(("soft ReaL", f"{self.soft.accuracy:.4f} (ceiling {self.soft.ceiling:.4f})"))
        if self.recall_at_size is not None:
            rows.append(("recall at size", f"{self.recall_at_size:.4f}"))
        rows.append(("scored", f"{self.scored:,} of {self.scorable:,} images with labels"))
        rows.append(("left out", left_out))
        return rows

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold; what is null has its reason beside it."""
        soft = None if self.soft is None or not self.soft.n else self.soft
        parts = {
            "original": None if self.original is None else _proportions(self.original),
            "soft": None if soft is None else {"accuracy": soft.accuracy, "ceiling": soft.ceiling},
            "recall_at_size": self.recall_at_size,
            "mistakes": None if self.mistakes is None else vars(self.mistakes),
        }
        return {
            "images": self.images,
            "scored": self.scored,
            "left_out": {"empty": self.empty, "unlabelled": self.unlabelled, "unknown": self.unknown},
            "scorable": self.scorable,
            "detected": self.detected,
            "real": _proportions(self.real),
            **parts,
            **{f"{name}_reason": self.reasons.get(name, _NONE_SCORED) for name, part in parts.items() if part is None},
            "by_label_count": [self._size_to_json(size, part) for size, part in self.by_label_count.items()],
        }

    def _size_to_json(self, size: int, part: BySize) -> dict[str, Any]:
        recall = None if part.overlap is None or not part.n else part.overlap / size / part.n
        real = {k: Proportion(hits, part.n) for k, hits in part.hits.items()}
        return {"labels": size, "n": part.n, "real": _proportions(real), "recall_at_size": recall}


def evaluate(
    predictions: Predictions | npt.NDArray[Any],
    labels: LabelSets,
    *,
    original: LabelSets | None = None,
    scores: Scores | None = None,
    experts: Scores | None = None,
    topk: Sequence[int] = _DEFAULT_TOPK,
    match: Match = "path",
    ignore_unknown: bool = False,
) -> Evaluation:
    """Measure one model against re-assessed labels.

    Parameters
    ----------
    predictions
        What the model said; an array of integers is ids, one of floats is scores, rows in the order of the labels.
    labels
        The valid classes of each image; images with none are left out and counted.
    original
        Original labels, for accuracy by them and for the check that rows and classes are in the right order.
    scores
        P(class valid) of each rated (image, class), for soft accuracy and for what is known of mistakes.
    experts
        Share of the experts who called a class valid, of the (image, class) pairs that they judged.
    topk
        For which k to count hits; by default 1 and 5, as far as the predictions reach.
    match
        How images are joined: by path, file name or stem; ImageNet's validation images are known by number in any case.
    ignore_unknown
        Count images that no file knows, instead of raising.

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        The predictions and the labels do not fit; agreement with the original labels is that of chance; a score is
        NaN; a given k is larger than the predictions reach. The message says where, and how to mend it.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [], [1]])
    >>> said = Predictions.from_ids([2, 0, 0], images=["a.png", "b.png", "c.png"])
    >>> evaluate(said, labels).real[1]
    Proportion(hits=1, n=2)

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 4.
    """
    given = _as_predictions(predictions)
    original = None if original is None else original.in_classes(labels.classes)
    found = outcomes(
        given,
        labels,
        original=original,
        also_known=() if scores is None else scores.questions.images,
        match=match,
        ignore_unknown=ignore_unknown,
    )
    if original is not None:
        check_agreement(found, original)
    return summarize(
        found,
        labels,
        topk=_available(topk, given.depth),
        depth=given.depth,
        original=original,
        scores=scores,
        experts=experts,
        detected=f"{given.detected}; {found.joined}{_without_output(given, labels)}",
        match=match,
    )


def summarize(
    found: Outcomes,
    labels: LabelSets,
    *,
    topk: tuple[int, ...],
    depth: int,
    original: LabelSets | None,
    scores: Scores | None,
    experts: Scores | None,
    detected: str,
    match: Match = "path",
) -> Evaluation:
    """Count what `outcomes` found; parameters as in `evaluate`, `depth` being the largest k that is known."""
    reasons: dict[str, str] = {}
    if original is None:
        reasons["original"] = "no original labels are at hand"
    if (labels.sizes[found.label_rows[found.state == LABELLED]] > depth).any():
        reasons["recall_at_size"] = f"some images have more labels than the file has ids for each ({depth})"
    soft, mistakes = None, None
    if scores is None:
        reasons["soft"] = reasons["mistakes"] = "no scores are at hand"
    else:
        rows = join(found.images, scores.questions.images, match=match, known_where="the scores")
        soft = _soft(found, scores, rows, reasons)
        mistakes = _mistakes(found, scores, experts, rows, match)
    original_ranks = found.original_rank[found.original_rows >= 0]
    return Evaluation(
        images=len(found),
        empty=int(np.count_nonzero(found.state == EMPTY)),
        unlabelled=int(np.count_nonzero(found.state == UNLABELLED)),
        unknown=int(np.count_nonzero(found.state == UNKNOWN)),
        scorable=len(labels) - labels.empty_images,
        real=_count(found.rank[found.state == LABELLED], topk),
        original=None if original is None else _count(original_ranks, topk),
        by_label_count=_by_size(found, labels, topk),
        per_class=count_classes(found, labels),
        soft=soft,
        mistakes=mistakes,
        reasons=reasons,
        detected=detected,
    )


def _as_predictions(given: Predictions | npt.NDArray[Any]) -> Predictions:
    if isinstance(given, Predictions):
        return given
    array = np.asarray(given)
    return Predictions.from_ids(array) if array.dtype.kind in "iu" else Predictions.from_scores(array)


def _without_output(predictions: Predictions, labels: LabelSets) -> str:
    """How many classes no output stands for, in words; nothing where there are none or that is not known."""
    columns, count = predictions.columns, labels.classes.count
    missing = 0 if columns is None or count is None else count - int(np.count_nonzero(columns >= 0))
    return f"; {missing:,} classes without an output" if missing else ""


def _available(topk: Sequence[int], depth: int) -> tuple[int, ...]:
    if topk is _DEFAULT_TOPK:
        return tuple(k for k in topk if k <= depth)
    bad = [k for k in topk if not 1 <= k <= depth]
    if bad:
        raise DataError(
            "k is out of range", allowed=f"1 to {depth}, as many as the predictions hold for each image", found=bad[0]
        )
    return tuple(sorted(set(topk)))


def _count(ranks: npt.NDArray[np.int32], topk: tuple[int, ...]) -> dict[int, Proportion]:
    return {k: Proportion(hits, len(ranks)) for k, hits in count_hits(ranks, topk).items()}


def _by_size(found: Outcomes, labels: LabelSets, topk: tuple[int, ...]) -> dict[int, BySize]:
    scored = found.state == LABELLED
    sizes = labels.sizes[found.label_rows[scored]]
    ranks, overlap = found.rank[scored], found.overlap[scored]
    n = np.bincount(sizes)
    hits = {k: np.bincount(sizes[ranks < k], minlength=len(n)) for k in topk}
    found_valid = np.bincount(sizes, weights=overlap)
    unknown = np.bincount(sizes[overlap < 0], minlength=len(n))
    return {
        size: BySize(
            int(n[size]),
            {k: int(of_k[size]) for k, of_k in hits.items()},
            None if unknown[size] else int(found_valid[size]),
        )
        for size in np.flatnonzero(n).tolist()
    }


def _soft(
    found: Outcomes,
    scores: Scores,
    score_rows: npt.NDArray[np.int64],
    reasons: dict[str, str],
) -> Soft | None:
    """P of the top-1 from the scores; where the image was never rated, 1 for its original label and 0 for any other."""
    scored = found.state == LABELLED
    rated = scored & (score_rows >= 0)
    unrated = scored & (score_rows < 0)
    without = unrated & (found.original_rows < 0)
    if without.any():
        image = found.images[int(np.argmax(without))]
        reasons["soft"] = f"image {image} was never rated, and its original label is not at hand"
        return None
    valid = np.nan_to_num(scores.at(score_rows[rated], found.top1[rated]))
    best = scores.highest()[score_rows[rated]]
    hits = int(np.count_nonzero(found.original_rank[unrated] == 0))
    return Soft(math.fsum(valid) + hits, math.fsum(best) + np.count_nonzero(unrated), int(np.count_nonzero(scored)))


def _mistakes(
    found: Outcomes, scores: Scores, experts: Scores | None, score_rows: npt.NDArray[np.int64], match: Match
) -> Mistakes:
    wrong = (found.state == LABELLED) & (found.rank > 0)
    rows, said = score_rows[wrong], found.top1[wrong]
    by_experts = np.zeros(len(rows), bool)
    if experts is not None:
        judged = join(found.images, experts.questions.images, match=match, known_where="the experts' answers")[wrong]
        by_experts = experts.at(judged, said) <= 0.5
    rejected = ~by_experts & (scores.questions.find(rows, said) >= 0)
    proposed = by_experts | rejected
    return Mistakes(
        int(np.count_nonzero(by_experts)) if experts is not None else None,
        int(np.count_nonzero(rejected)),
        int(np.count_nonzero(~proposed & (rows >= 0))),
        int(np.count_nonzero(~proposed & (rows < 0))),
    )


def _added(first: dict[int, Proportion], second: dict[int, Proportion]) -> dict[int, Proportion]:
    return {k: part + second[k] for k, part in first.items()}


def _proportions(parts: dict[int, Proportion]) -> dict[str, Any]:
    return {str(k): part.to_json() for k, part in parts.items()}


def _in_words(part: Proportion) -> str:
    if part.value is None or part.interval is None:
        return "- (no images)"
    low, high = part.interval
    return f"{part.value:.2%} [{low:.2%}, {high:.2%}] ({part.hits:,} of {part.n:,})"
