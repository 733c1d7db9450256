"""Slow reference implementations, written only from definitions, without the package."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction


def ranking(scores: Iterable[float], class_of: Sequence[int] | None = None) -> list[int]:
    """Sort classes by score, and by id if scores are equal; outputs of class -1 are skipped."""
    pairs = enumerate(scores) if class_of is None else zip(class_of, scores, strict=True)
    return [class_id for class_id, _ in sorted(((c, s) for c, s in pairs if c >= 0), key=lambda p: (-p[1], p[0]))]


def published_snippet(predictions: Iterable[tuple[str, int]], lists: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Count hits and images with the snippet in the README of ReaL, with file names from 1 instead of 0."""
    real_labels = {f"ILSVRC2012_val_{i + 1:08d}.JPEG": labels for i, labels in enumerate(lists)}
    is_correct = [pred in real_labels[img] for img, pred in predictions if real_labels[img]]
    return sum(is_correct), len(is_correct)


def signed_sums(sizes: Iterable[int]) -> Counter[int]:
    """Count, for each sum, the ways to give each number a plus or minus sign."""
    sums = Counter({0: 1})
    for size in sizes:
        longer: Counter[int] = Counter()
        for total, ways in sums.items():
            longer[total + size] += ways
            longer[total - size] += ways
        sums = longer
    return sums


def average_precision(truth: Iterable[bool], scores: Iterable[float]) -> float:
    """Average the precision at each distinct score, weighted by its share of the valid questions."""
    by_score: dict[float, list[bool]] = {}
    for valid, score in zip(truth, scores, strict=True):
        by_score.setdefault(score, []).append(valid)
    total = hits = kept = 0.0
    for score in sorted(by_score, reverse=True):
        new_hits = sum(by_score[score])
        hits, kept = hits + new_hits, kept + len(by_score[score])
        total += new_hits * hits / kept
    return total / hits


@dataclass
class Tally:
    """The expected counts of an evaluation."""

    images: int = 0
    empty: int = 0
    unlabelled: int = 0
    unknown: int = 0
    real: dict[int, list[int]] = field(default_factory=dict)  # k: [hits, n]
    original: dict[int, list[int]] = field(default_factory=dict)
    # Size: [n, valid classes among the first `size` predictions].
    by_size: dict[int, list[int]] = field(default_factory=dict)
    recall: Fraction | None = None
    soft: Fraction | None = None
    ceiling: Fraction | None = None
    mistakes: Counter[str] = field(default_factory=Counter)
    mistakes_by_original: Counter[str] = field(default_factory=Counter)  # by `kind_of_mistake_by_original`
    of_class: dict[int, list[int]] = field(default_factory=dict)  # class: [images, hits, predictions of the class]
    instead: Counter[tuple[int, int]] = field(default_factory=Counter)  # (class, predicted class)


def tally(
    rankings: Mapping[str, Sequence[int]],
    sets: Mapping[str, frozenset[int]],
    *,
    top_k: Sequence[int],
    original: Mapping[str, int],
    scores: Mapping[str, Mapping[int, float]],
    experts: Mapping[str, Mapping[int, float]],
) -> Tally:
    """Measure a model image by image; `scores` has the score of each rated (image, class)."""
    total = Tally(real={k: [0, 0] for k in top_k}, original={k: [0, 0] for k in top_k})
    recalls, softs, ceilings = [], [], []
    for image, ranked in rankings.items():
        total.images += 1
        if image in original:
            for k in top_k:
                total.original[k][0] += original[image] in ranked[:k]
                total.original[k][1] += 1
            if ranked[0] != original[image]:
                total.mistakes_by_original[
                    kind_of_mistake_by_original(ranked[0], original[image], sets.get(image))
                ] += 1
        if image not in sets:
            is_known = image in original or image in scores
            total.unlabelled += is_known
            total.unknown += not is_known
        elif not sets[image]:
            total.empty += 1
        else:
            _score(total, image, ranked, sets[image])
            overlap = len(set(ranked[: len(sets[image])]) & sets[image])
            recalls.append(Fraction(overlap, len(sets[image])))
            valid = scores.get(image, {original.get(image, -1): 1.0})
            softs.append(Fraction(valid.get(ranked[0], 0.0)))
            ceilings.append(Fraction(max(valid.values())))
            if ranked[0] not in sets[image]:
                total.mistakes[_kind(image, ranked[0], scores, experts)] += 1
    if recalls:
        total.recall, total.soft, total.ceiling = (
            sum(part, Fraction()) / len(part) for part in (recalls, softs, ceilings)
        )
    return total


def kind_of_mistake_by_original(predicted: int, original: int, valid: Collection[int] | None) -> str:
    """Say which of two different classes are valid; an image without a valid class is not scored."""
    if not valid:
        return "not_scored"
    if predicted in valid:
        return "both_valid" if original in valid else "only_prediction_valid"
    return "only_original_valid" if original in valid else "neither_valid"


def _score(total: Tally, image: str, ranked: Sequence[int], valid: frozenset[int]) -> None:
    for k in total.real:
        total.real[k][0] += bool(valid & set(ranked[:k]))
        total.real[k][1] += 1
    size_counts = total.by_size.setdefault(len(valid), [0, 0])
    size_counts[0] += 1
    size_counts[1] += len(set(ranked[: len(valid)]) & valid)
    for class_id in valid:
        counts = total.of_class.setdefault(class_id, [0, 0, 0])
        counts[0] += 1
        counts[1] += ranked[0] in valid
        counts[2] += ranked[0] == class_id
        if ranked[0] not in valid:
            total.instead[class_id, ranked[0]] += 1


def _kind(
    image: str, predicted: int, scores: Mapping[str, Mapping[int, float]], experts: Mapping[str, Mapping[int, float]]
) -> str:
    if predicted in experts.get(image, {}):
        return "rejected_by_experts" if experts[image][predicted] <= 0.5 else "expert_valid"
    if predicted in scores.get(image, {}):
        return "asked_and_rejected"
    return "not_asked" if image in scores or image in experts else "never_rated"
