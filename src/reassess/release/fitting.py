"""Checks that the parts of a release fit together: images, labels and scores, scores and votes."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from reassess.aggregation import METHODS, Aggregation, label_sets, parse_method, recompute_scores, with_golden_votes
from reassess.aggregation.golden import expert_truth
from reassess.aggregation.measured_curves import is_made_with_golden, is_method_known
from reassess.aggregation.methods import add_weights
from reassess.core import LabelSets, Scores
from reassess.core.image_names import image_keys
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import DataError, add_error_place
from reassess.release.anonymous_names import make_anonymous
from reassess.release.release_parts import ReleaseParts
from reassess.text import count_noun, join_first

_MAX_ATTEMPTS = 10
_SCORE_TOLERANCE = 1e-6  # rounding errors of sums in another order are far smaller


@dataclass(frozen=True)
class Fit:
    """What the parts of a release were checked for, and how to make its labels again."""

    keeps_original: bool  # whether unrated images keep their original label
    max_score_difference: float | None = None  # of scores made again from the released votes; None if they were not
    reason_scores_not_checked: str | None = None


class FittingParts(NamedTuple):
    """The anonymous parts of a release, and what was checked."""

    parts: ReleaseParts
    fit: Fit


def make_fitting_parts(parts: ReleaseParts, *, hash_names: bool) -> FittingParts:
    """Make the parts of a release anonymous, so that readers can make the labels again from the votes.

    Stacking finds its weights by folds that depend on the names of raters and images. So its weights are added to the
    method of the scores. Ebcc also starts from random choices that depend on the names of images. If hashes change a
    label, they are drawn again, a few times.

    Raises
    ------
    DataError
        Parts are about images that the benchmark does not have; the scores give other labels at the threshold; the
        votes give other scores; or other names change the labels.
    """
    _check_images(parts)
    if parts.scores is None:
        fit = Fit(keeps_original=True, reason_scores_not_checked="scores are missing")
        return FittingParts(make_anonymous(parts, hash_names=hash_names), fit)
    keeps_original = _check_labels(parts, parts.scores)
    with add_error_place(f"{parts.paths['scores']}, the method"):
        reason = _find_reason_not_to_check(parts, parts.scores)
    if reason is not None:
        fit = Fit(keeps_original, reason_scores_not_checked=reason)
        return FittingParts(make_anonymous(parts, hash_names=hash_names), fit)
    method = add_weights(parts.scores.method, _check_scores(parts, parts.scores).facts)
    parts = replace(parts, scores=replace(parts.scores, method=method))
    for attempt in range(_MAX_ATTEMPTS if hash_names else 1):
        anonymous = make_anonymous(parts, hash_names=hash_names, attempt=attempt)
        assert anonymous.scores is not None
        assert anonymous.votes is not None
        rebuilt = _recompute(anonymous).scores_with_experts(anonymous.votes)
        made = label_sets(rebuilt, parts.threshold, original=anonymous.original if keeps_original else None)
        if not (different := find_different_images(anonymous.labels, made)):
            return FittingParts(anonymous, Fit(keeps_original, _compare_scores(anonymous.scores, rebuilt)))
    raise DataError(
        "different-labels",
        "labels made again from the anonymous votes differ",
        where=f"{parts.paths['scores']} and {parts.paths['votes']}",
        found=f"other labels for {count_noun(len(different), 'image')}: random choices of the method depend on names",
        fix="keep the names of images, or make scores with --method em, then labels",
    )


def _find_reason_not_to_check(parts: ReleaseParts, scores: Scores) -> str | None:
    """Return why the scores cannot be computed again from the votes; None if they can."""
    if parts.votes is None:
        return "votes are missing"
    if scores.method == UNKNOWN_METHOD:
        return "the scores do not say which method made them"
    if not is_method_known(scores):
        return f"the method {scores.method} is not a method of reassess"
    if parse_method(scores.method)[1].get("classifier"):
        return "the scores were also made with a classifier, which is not a part of the benchmark"
    if parts.golden is None and is_made_with_golden(scores):
        return "the scores were made with golden answers, which are missing"
    return None


def _check_images(parts: ReleaseParts) -> None:
    """Raise `DataError` if a part is about an image that the benchmark does not have."""
    known = set(image_keys(parts.known_images))
    named = {"labels": parts.labels, "original": parts.original, "scores": parts.scores, **parts.votes_by_part}
    for part, data in named.items():
        images = () if data is None else data.images
        keys = image_keys(images)
        unknown = [name for name, image_key in zip(images, keys, strict=True) if image_key not in known]
        if unknown:
            raise DataError(
                "unknown-image",
                f"{part} are about images that the benchmark does not have",
                where=parts.paths.get(part, parts.benchmark.folder),
                allowed=f"{count_noun(len(known), 'image')} of {parts.benchmark.name}",
                found=f"{count_noun(len(unknown), 'image')}: {join_first(unknown, max_items=3)}",
                fix="correct the names, or remove these rows",
            )


def _check_labels(parts: ReleaseParts, scores: Scores) -> bool:
    """Return whether unrated images keep their original label; `DataError` if scores do not give these labels."""
    differences = []
    for original in (parts.original, None) if parts.original is not None else (None,):
        made = label_sets(scores, parts.threshold, original=original)
        different = find_different_images(parts.labels, made)
        if not different:
            return original is not None
        differences.append(different)
    different = min(differences, key=len)
    raise DataError(
        "different-labels",
        f"scores give other labels at threshold {parts.threshold:g}",
        where=f"{parts.paths['labels']} and {parts.paths['scores']}",
        found=f"other labels for {count_noun(len(different), 'image')}: {join_first(different, max_items=3)}",
        fix="make the labels again (`reassess labels`), or write their threshold into benchmark.json",
    )


def find_different_images(labels: LabelSets, other_labels: LabelSets) -> list[str]:
    """Return the images whose label sets differ, or that have a label set in only one of the two."""
    first, second = (
        dict(zip(image_keys(sets.images), sets.classes_by_image().items(), strict=True))
        for sets in (labels, other_labels.convert_to_classes(labels.classes))
    )
    keys = dict.fromkeys((*first, *second))
    return [
        (first.get(key) or second[key])[0]
        for key in keys
        if key not in first or key not in second or first[key][1] != second[key][1]
    ]


def _recompute(parts: ReleaseParts) -> Aggregation:
    """Compute the scores again from votes and golden answers, by the method that the scores record."""
    scores, golden = parts.scores, parts.golden
    assert scores is not None
    assert parts.votes is not None
    recompute = partial(recompute_scores, original=parts.original)
    if "experts" in METHODS[parse_method(scores.method)[0]].options and not is_made_with_golden(scores):
        votes = with_golden_votes(parts.votes, parts.rater_golden)  # as with --golden none
        result = recompute(scores, votes, experts=None, rater_golden=None)
    elif golden is None or parts.has_rated_golden:
        result = recompute(scores, parts.votes_with_golden, experts=golden, rater_golden=parts.rater_golden)
    else:
        # Only experts answered golden questions: they decide their images, and say nothing about raters.
        result = recompute(replace(scores, is_golden=None), parts.votes_with_golden, experts=None, rater_golden=None)
        if scores.is_golden is not None:
            result = replace(result, expert_votes=golden, expert_truth=expert_truth(golden))
    return result


def _compare_scores(scores: Scores, rebuilt: Scores) -> float | None:
    """Return the largest difference of two sets of scores; None if they have different questions."""
    rows = rebuilt.questions.find_positions(
        rebuilt.questions.rows_of(scores.images)[scores.questions.image_ids], scores.questions.class_ids
    )
    if len(scores) != len(rebuilt) or (rows < 0).any():
        return None
    return float(np.abs(rebuilt.values[rows] - scores.values).max(initial=0))


def _check_scores(parts: ReleaseParts, scores: Scores) -> Aggregation:
    """Compute the scores again, and return the result; `DataError` if the votes give other scores."""
    assert parts.votes is not None
    result = _recompute(parts)
    difference = _compare_scores(scores, result.scores_with_experts(parts.votes))
    if difference is not None and difference <= _SCORE_TOLERANCE:
        return result
    raise DataError(
        "different-scores",
        "votes give other scores",
        where=f"{parts.paths['scores']} and {parts.paths['votes']}",
        allowed=f"the scores that method {scores.method} makes from these votes and golden answers",
        found="other questions" if difference is None else f"scores that differ by up to {difference:.2g}",
        fix="make scores and labels again (`reassess aggregate`, then `reassess labels`)",
    )
