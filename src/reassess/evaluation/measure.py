"""Measure a model by reassessed labels: `evaluate(predictions, labels)` -> `Evaluation`.

Naming: an `*accuracy` and a `*recall` are in [0, 1], higher is better; everything else is an integer count. The counts
of disjoint images add up, and every ratio is computed once, from counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.core import Benchmark, LabelSets, Match, Predictions, Scores, Votes, find_predefined_benchmark
from reassess.core.checks import check_type
from reassess.core.image_names import match_images
from reassess.errors import DataError, MissingResult, add_error_place
from reassess.evaluation.class_ranks import normalize_top_k
from reassess.evaluation.mistakes import MISTAKE_KINDS, mistake_kinds, validity_probabilities
from reassess.evaluation.order_checks import check_agreement_with_original_labels
from reassess.evaluation.outcomes import EMPTY, EXCLUDED, LABELLED, UNKNOWN, UNLABELLED, Outcomes, join_and_rank
from reassess.evaluation.per_class import count_by_class
from reassess.evaluation.result import (
    Evaluation,
    HitsOnImagesWithNLabels,
    Mistakes,
    MistakesByOriginal,
    SoftAccuracy,
)
from reassess.numeric import Proportion
from reassess.numeric.arrays import convert_to_numpy

_DEFAULT_TOP_K = (1, 5)


def evaluate(
    predictions: Predictions | npt.ArrayLike,
    labels: LabelSets,
    *,
    original: LabelSets | None = None,
    scores: Scores | None = None,
    experts: Votes | None = None,
    benchmark: Benchmark | None = None,
    top_k: Sequence[int] | None = None,
    match: Match | None = None,
    ignore_unknown: bool = False,
    exclude: Sequence[str] = (),
) -> Evaluation:
    """Measure one model by reassessed labels.

    Parameters
    ----------
    predictions
        Predictions of the model. An array of integers contains class ids, an array of floats contains scores; its rows
        have the order of the labels. Arrays of numpy, PyTorch, TensorFlow, JAX and other libraries with DLPack are
        accepted, and are not copied if they are on the CPU. Predictions in another class list than the labels are
        matched by class name.
    labels
        The valid classes of each image. Images without a valid class are not scored, but counted.
    original
        Original labels: for accuracy by original labels, and to check the order of rows and classes.
    scores
        P(class valid) of each rated (image, class), for soft accuracy and kinds of mistakes.
    experts
        The experts' votes, for kinds of mistakes.
    benchmark
        The benchmark of the images. Its images that are not in the label sets count as unrated, not as unknown. By
        default, the known benchmark with these images, if there is one.
    top_k
        Count hits among the top k classes, for each k. None means 1, and also 5 if the predictions have as many classes
        and there are 10 classes or more.
    match
        Join images by path, file name or stem; by default as the benchmark says, or else by path. ImageNet's validation
        images are always joined by number.
    ignore_unknown
        Count unknown images instead of raising.
    exclude
        Names of images to exclude, such as duplicates of training images. They are counted.

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        Predictions and labels do not match, or the classes of the ids are unknown; the agreement with the original
        labels is at chance level; a score is NaN; or k is larger than the number of predicted classes. The message says
        where the problem is, and how to fix it.

    Warns
    -----
    ReassessWarning
        The agreement with the original labels is at chance level, but there are too few images to be sure.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [], [1]])
    >>> predictions = Predictions.from_ids([2, 0, 0], images=["a.png", "b.png", "c.png"])
    >>> evaluate(predictions, labels).real_accuracy[1]
    Proportion(hits=1, n=2)

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 4.
    """
    outcomes = find_outcomes(
        predictions,
        labels,
        original=original,
        scores=scores,
        benchmark=benchmark,
        match=match,
        ignore_unknown=ignore_unknown,
    ).mark_excluded(exclude)
    return summarize(outcomes, labels, scores=scores, experts=experts, top_k=top_k)


def find_outcomes(
    predictions: Predictions | npt.ArrayLike,
    labels: LabelSets,
    *,
    original: LabelSets | None = None,
    scores: Scores | None = None,
    benchmark: Benchmark | None = None,
    match: Match | None = None,
    ignore_unknown: bool = False,
    allow_other_class_list: bool = False,
    known_image_lists: Sequence[Sequence[str]] = (),
    name: str = "the model",
) -> Outcomes:
    """Find the outcome of each image: the first half of `evaluate`, with the same parameters and errors.

    With `allow_other_class_list`, predictions that agree with the original labels only by chance raise no error if
    `find_class_list` finds the class list of the ids. Images in any of `known_image_lists`, such as images of other
    label sets, count as known. `name` is the name of the model in warnings.
    """
    model = _as_predictions(predictions)
    check_type(LabelSets, labels)
    check_type(LabelSets, original, is_optional=True)
    check_type(Scores, scores, is_optional=True)
    check_type(Benchmark, benchmark, is_optional=True)
    with add_error_place("the predictions"):
        model = model.convert_to_classes(labels.classes)
    benchmark = find_predefined_benchmark(labels.images) if benchmark is None else benchmark
    match = match or benchmark.match or "path"
    original = None if original is None else original.convert_to_classes(labels.classes)
    outcomes = join_and_rank(
        model,
        labels,
        original=original,
        known_image_lists=[() if scores is None else scores.questions.images, benchmark.images, *known_image_lists],
        match=match,
        ignore_unknown=ignore_unknown,
    )
    if original is not None:
        check_agreement_with_original_labels(
            outcomes, labels, original, allow_other_class_list=allow_other_class_list, name=name
        )
    return outcomes


def summarize(
    outcomes: Outcomes,
    labels: LabelSets,
    *,
    scores: Scores | None = None,
    experts: Votes | None = None,
    top_k: Sequence[int] | None = None,
) -> Evaluation:
    """Evaluate outcomes: the second half of `evaluate`, with the same parameters and errors."""
    check_type(LabelSets, labels)
    check_type(Scores, scores, is_optional=True)
    check_type(Votes, experts, is_optional=True)
    ks = _choose_top_k(top_k, outcomes.max_k, labels.classes.count)
    scores = None if scores is None else scores.convert_to_classes(labels.classes)
    experts = None if experts is None else experts.convert_to_classes(labels.classes)
    scored, has_original = outcomes.states == LABELLED, outcomes.original_rows >= 0
    missing_reasons: dict[str, str] = {}
    if not outcomes.has_original:
        missing_reasons["original"] = "original labels are missing"
    if (labels.sizes[outcomes.label_rows[scored]] > outcomes.max_k).any():
        missing_reasons["recall_at_size"] = f"some images have more labels than predicted ids ({outcomes.max_k})"
    soft_accuracy = MissingResult("scores are missing") if scores is None else _measure_soft_accuracy(outcomes, scores)
    if isinstance(soft_accuracy, MissingResult):
        missing_reasons["soft"] = soft_accuracy.reason
    if scores is None:
        missing_reasons["mistakes"] = "scores are missing"
    return Evaluation(
        n_images=len(outcomes),
        n_empty=int(np.count_nonzero(outcomes.states == EMPTY)),
        n_unlabelled=int(np.count_nonzero(outcomes.states == UNLABELLED)),
        n_unknown=int(np.count_nonzero(outcomes.states == UNKNOWN)),
        n_scorable=len(labels) - labels.n_empty_images - _count_excluded_images_with_valid_class(outcomes, labels),
        real_accuracy=_count_top_k_hits(outcomes.best_ranks[scored], ks),
        original_accuracy=_count_top_k_hits(outcomes.original_ranks[has_original], ks)
        if outcomes.has_original
        else None,
        original_accuracy_on_scored=_count_top_k_hits(outcomes.original_ranks[has_original & scored], ks)
        if outcomes.has_original
        else None,
        by_label_count=_count_hits_by_label_set_size(outcomes, labels, ks),
        per_class=count_by_class(outcomes, labels),
        soft_accuracy=None if isinstance(soft_accuracy, MissingResult) else soft_accuracy,
        mistakes=None if scores is None else _count_mistakes(outcomes, scores, experts),
        missing_reasons=missing_reasons,
        detected_input=outcomes.detected_input,
        label_set=labels.title,
        unknown_classes=outcomes.unknown_classes,
        n_excluded=int(np.count_nonzero(outcomes.states == EXCLUDED)),
        mistakes_by_original=_count_mistakes_by_original(outcomes) if outcomes.has_original else None,
    )


def _count_mistakes_by_original(outcomes: Outcomes) -> MistakesByOriginal:
    """Count images whose top-1 class is not the original label, by which of the two classes are valid."""
    is_mistake = (outcomes.original_rows >= 0) & (outcomes.original_ranks > 0)
    is_scored = outcomes.states[is_mistake] == LABELLED
    is_valid, original_is_valid = outcomes.best_ranks[is_mistake] == 0, outcomes.is_original_valid[is_mistake]
    return MistakesByOriginal(
        n_only_prediction_valid=int(np.count_nonzero(is_scored & is_valid & ~original_is_valid)),
        n_both_valid=int(np.count_nonzero(is_scored & is_valid & original_is_valid)),
        n_only_original_valid=int(np.count_nonzero(is_scored & ~is_valid & original_is_valid)),
        n_neither_valid=int(np.count_nonzero(is_scored & ~is_valid & ~original_is_valid)),
        n_not_scored=int(np.count_nonzero(~is_scored)),
    )


def _count_excluded_images_with_valid_class(outcomes: Outcomes, labels: LabelSets) -> int:
    """Count the excluded images that have a valid class."""
    excluded = [outcomes.images[row] for row in np.flatnonzero(outcomes.states == EXCLUDED).tolist()]
    rows = match_images(excluded, labels.images, match=outcomes.match) if excluded else np.empty(0, np.int64)
    return int(np.count_nonzero(labels.sizes[rows[rows >= 0]]))


def _as_predictions(predictions: Predictions | npt.ArrayLike) -> Predictions:
    """Convert an array of class ids or scores to `Predictions`."""
    if isinstance(predictions, Predictions):
        return predictions
    if isinstance(predictions, str | Path | Mapping):
        raise DataError(
            "wrong-type",
            "not predictions",
            allowed="an array of class ids or of scores, or Predictions",
            found=repr(predictions) if isinstance(predictions, str | Path) else type(predictions).__name__,
            fix="read a file with reassess.read_predictions",
        )
    array, are_bits = convert_to_numpy(predictions)
    is_ids = array.dtype.kind in "iu" and not are_bits
    return Predictions.from_ids(array) if is_ids else Predictions.from_scores(predictions)


def _choose_top_k(top_k: Sequence[int] | None, max_k: int, n_classes: int | None) -> tuple[int, ...]:
    """Check the values of k; if `top_k` is None, choose default values that fit the predictions."""
    if top_k is None:
        return tuple(k for k in _DEFAULT_TOP_K if k <= max_k and (k == 1 or n_classes is None or 2 * k <= n_classes))
    return normalize_top_k(top_k, max_k)


def _count_top_k_hits(ranks: npt.NDArray[np.int32], top_k: tuple[int, ...]) -> dict[int, Proportion]:
    """Count ranks below k, for each k."""
    return {k: Proportion(int(np.count_nonzero(ranks < k)), len(ranks)) for k in top_k}


def _count_hits_by_label_set_size(
    outcomes: Outcomes, labels: LabelSets, top_k: tuple[int, ...]
) -> dict[int, HitsOnImagesWithNLabels]:
    """By number of valid classes, count the scored images, their hits, and the valid classes that were found."""
    scored = outcomes.states == LABELLED
    sizes = labels.sizes[outcomes.label_rows[scored]]
    ranks, overlap = outcomes.best_ranks[scored], outcomes.n_valid_found[scored]
    n = np.bincount(sizes)
    hits = {k: np.bincount(sizes[ranks < k], minlength=len(n)) for k in top_k}
    valid_in_first_n = np.bincount(sizes, weights=overlap)
    unknown = np.bincount(sizes[overlap < 0], minlength=len(n))
    return {
        size: HitsOnImagesWithNLabels(
            n_images=int(n[size]),
            hits_by_k={k: int(by_size[size]) for k, by_size in hits.items()},
            n_valid_found=None if unknown[size] else int(valid_in_first_n[size]),
        )
        for size in np.flatnonzero(n).tolist()
    }


def _measure_soft_accuracy(outcomes: Outcomes, scores: Scores) -> SoftAccuracy | MissingResult:
    """Sum P(top-1 is valid) over scored images; `MissingResult` if an image has no score."""
    scored = np.flatnonzero(outcomes.states == LABELLED)
    of_top1, highest = (p_valid[scored] for p_valid in validity_probabilities(outcomes, scores))
    unknown = np.isnan(of_top1)
    if unknown.any():
        image = outcomes.images[scored[int(np.argmax(unknown))]]
        return MissingResult(f"image {image} is unrated, and its original label is missing")
    return SoftAccuracy(p_valid_sum=math.fsum(of_top1), highest_p_valid_sum=math.fsum(highest), n_images=scored.size)


def _count_mistakes(outcomes: Outcomes, scores: Scores, experts: Votes | None) -> Mistakes:
    """Count mistakes by kind."""
    kinds = mistake_kinds(outcomes, scores, experts)
    counts = np.bincount(kinds[kinds >= 0], minlength=len(MISTAKE_KINDS)).tolist()
    n_by_kind = {f"n_{kind}": n for kind, n in zip(MISTAKE_KINDS, counts, strict=True)}
    return Mistakes(
        **n_by_kind | (dict.fromkeys(("n_expert_valid", "n_rejected_by_experts")) if experts is None else {})
    )
