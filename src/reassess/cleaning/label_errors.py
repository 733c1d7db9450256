"""Methods that find wrong labels with held-out predictions."""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from reassess.aggregation import GoldenQuestions
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.cleaning.held_out import HeldOutPredictions, make_cleaning_result
from reassess.cleaning.posterior_rule import clean_by_posterior
from reassess.core import Cleaning, Sample
from reassess.core.checks import check_known, check_number, check_type
from reassess.errors import DataError, require_package

CleaningMethod = Literal["posterior", "consistent", "confident"]
MIN_LABEL_QUALITY = 0.5  # lowest quality of a kept label


def find_label_errors(
    held_out: HeldOutPredictions,
    method: CleaningMethod = "posterior",
    *,
    threshold: float | None = None,
    precision: float | None = None,
    min_repetitions: int | None = None,
    checked_labels: GoldenQuestions | None = None,
    sample: Sample | None = None,
    seed: int = 0,
) -> Cleaning:
    """Find wrong labels with held-out predictions, and choose the images to keep for training.

    Parameters
    ----------
    held_out
        Held-out scores; for ``consistent``, ids are enough. With several repetitions or models, the logarithms of the
        probabilities are averaged.
    method
        ``posterior`` keeps labels that are probably correct. It estimates a matrix of mistakes, the shares of the true
        classes and a calibration of the model together. It assumes that mistakes of the model and of the labels are
        independent, except that both favour classes that an image looks like; `docs/cleaning.md` shows how far this
        assumption holds. ``consistent`` keeps labels that equal the held-out top-1. ``confident`` keeps labels where
        cleanlab's confident learning finds no issue. The last two are for comparison.
    threshold
        For posterior: the lowest label quality of a kept label, in [0, 1]; by default 0.5.
    precision
        For posterior, instead of `threshold`: keep as many images as possible, the best labels first, such that this
        share of the kept labels is expected to be correct; in [0, 1].
    min_repetitions
        For consistent: number of repetitions where the top-1 must be the label; by default more than half of them.
    checked_labels
        For posterior: the labels that people checked, from `decide_checked_labels`.
    sample
        For posterior: the checked images that were drawn at random, from `read_sample` or `draw_golden`. If they
        represent all images, they correct the estimated share of wrong labels, and give it an interval. Without a
        sample, the checked labels change nothing about other images.
    seed
        For posterior: seed of the sample of images that determines the calibration, if there are more than 50,000.

    Raises
    ------
    DataError
        An option belongs to another method, or is out of range; a file has only ids; no checked question is about the
        label of an image; the precision cannot be reached; or no image of a class is kept.
    MissingPackageError
        cleanlab is not installed, for ``confident``.

    Warns
    -----
    ReassessWarning
        A class loses more than a third of its images; scores look like outputs of sigmoids, or only contain the best
        class; or, without `checked_labels`, the models look poor, or seem to be trained on images that they predict.

    Examples
    --------
    >>> from reassess import LabelSets, Predictions
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(300)], [[i % 3] for i in range(300)])
    >>> scores = np.eye(3)[np.arange(300) % 3] * 0.9 + 0.1 / 3
    >>> scores[0] = [0.01, 0.01, 0.98]  # its label is 0
    >>> predictions = {"model": Predictions.from_scores(scores, labels.images)}
    >>> held_out = HeldOutPredictions.from_predictions(predictions, labels)
    >>> cleaning = find_label_errors(held_out)
    >>> np.flatnonzero(~cleaning.is_kept), cleaning.suggested_class_ids[0]
    (array([0]), np.int32(2))
    >>> find_label_errors(held_out, "consistent")
    kept             299 of 300 images, 99.67 %

    Notes
    -----
    posterior: after Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm"
    (1979), where the model and the label are two raters. New in reassess are the calibration, and that wrong labels
    prefer classes that the image looks like. consistent: Beyer et al., arXiv 2006.07159, section 6, with one repetition
    of ten folds. confident: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset
    Labels", JAIR 70 (2021).
    """
    check_type(
        HeldOutPredictions, held_out, value_name="held-out predictions", fix="HeldOutPredictions.from_predictions(...)"
    )
    check_known([method], get_args(CleaningMethod), value_name="method")
    _check_options(
        method,
        threshold=threshold,
        precision=precision,
        checked_labels=checked_labels,
        sample=sample,
        min_repetitions=min_repetitions,
    )
    if method == "consistent":
        return _clean_by_consistency(held_out, min_repetitions=min_repetitions)
    if method == "confident":
        return _clean_by_confident_learning(held_out)
    min_quality = MIN_LABEL_QUALITY if threshold is None else threshold
    check_number(min_quality, 0, 1, value_name="threshold of label quality")
    if precision is not None:
        check_number(precision, 0, 1, value_name="precision of kept labels")
    if checked_labels is not None:
        check_type(GoldenQuestions, checked_labels, value_name="checked labels", fix="decide_checked_labels(ANSWERS)")
    check_type(Sample, sample, is_optional=True)
    check_number(seed, 0, value_name="seed", is_whole=True)
    return clean_by_posterior(
        held_out, threshold=min_quality, precision=precision, golden=checked_labels, sample=sample, seed=seed
    )


def _check_options(method: CleaningMethod, **options: object) -> None:
    """Raise if an option of another method is used."""
    for name, value in options.items():
        owner = "consistent" if name == "min_repetitions" else "posterior"
        if value is not None and method != owner:
            raise DataError("unused-option", f"{name} works only with the method {owner}", found=f"method {method}")


def _clean_by_consistency(held_out: HeldOutPredictions, *, min_repetitions: int | None) -> Cleaning:
    """Keep an image if models that were not trained on this image predict its label in enough repetitions."""
    repetitions = held_out.n_repetitions
    needed = repetitions // 2 + 1 if min_repetitions is None else min_repetitions
    check_number(needed, 1, repetitions, value_name="number of repetitions", is_whole=True)
    top1_ids, labels = held_out.top1_ids(), held_out.labels.indices
    agreements = (top1_ids == labels).sum(axis=0)
    words = [f"{n} of {repetitions} held-out predictions are the label" for n in range(repetitions + 1)]
    return make_cleaning_result(
        held_out,
        is_kept=agreements >= needed,
        label_quality=np.full(labels.size, np.nan),
        suggested_ids=_most_frequent_top1(top1_ids, labels, held_out.n_classes),
        reasons=tuple(words[n] for n in agreements.tolist()),
    )


def _most_frequent_top1(
    top1_ids: npt.NDArray[np.int32], label_ids: npt.NDArray[np.int32], n_classes: int
) -> npt.NDArray[np.int32]:
    """Return the most frequent top-1 class of each image; the label wins ties, then the lowest id."""
    counts = np.stack([(top1_ids == row).sum(axis=0) for row in top1_ids])
    counts = np.where(top1_ids < 0, 0, 2 * counts + (top1_ids == label_ids))
    rank = counts.astype(np.int64) * (n_classes + 1) + (n_classes - top1_ids)
    most_frequent_ids = np.take_along_axis(top1_ids, np.argmax(np.where(top1_ids < 0, -1, rank), axis=0)[None], axis=0)[
        0
    ]
    return np.asarray(most_frequent_ids, np.int32)


def _clean_by_confident_learning(held_out: HeldOutPredictions) -> Cleaning:
    """Keep images where cleanlab's confident learning finds no issue with the label."""
    with require_package("cleanlab", extra="confident", purpose="confident learning"):
        from cleanlab.filter import find_label_issues
    probabilities = ClassCandidates.from_held_out(held_out, max_candidates=held_out.n_classes)
    rows = np.exp(probabilities.log_probabilities.astype(np.float64))
    rows /= rows.sum(axis=1, keepdims=True)
    labels = held_out.labels.indices
    if held_out.n_classes == 1:  # cleanlab raises for one class
        is_kept = np.ones(labels.size, np.bool_)
    else:
        is_kept = ~find_label_issues(labels.astype(np.int64), rows, n_jobs=1)
    return make_cleaning_result(
        held_out,
        is_kept=is_kept,
        label_quality=np.full(labels.size, np.nan),
        suggested_ids=np.argmax(rows, axis=1).astype(np.int32),
        reasons=tuple("no issue by confident learning" if k else "an issue by confident learning" for k in is_kept),
    )
