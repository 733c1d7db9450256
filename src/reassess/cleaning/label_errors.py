"""Methods that find wrong labels by held-out predictions."""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from reassess.aggregation import Golden
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.cleaning.held_out import HeldOutPredictions, make_cleaning
from reassess.cleaning.posterior_rule import by_posterior
from reassess.core import Cleaning, Sample
from reassess.core.checks import check_known, check_number, check_type
from reassess.errors import DataError, importing

CleaningMethod = Literal["posterior", "consistent", "confident"]
LEAST_QUALITY = 0.5  # lowest quality of a kept label


def find_label_errors(
    held_out: HeldOutPredictions,
    method: CleaningMethod = "posterior",
    *,
    threshold: float | None = None,
    precision: float | None = None,
    at_least: int | None = None,
    checked: Golden | None = None,
    sample: Sample | None = None,
    seed: int = 0,
) -> Cleaning:
    """Find wrong labels by held-out predictions, and the images to keep for training.

    Parameters
    ----------
    held_out
        Held-out scores; for ``consistent``, ids are enough. With several repetitions or models, the logarithms of the
        probabilities are averaged.
    method
        ``posterior`` keeps labels that are probably correct. It estimates a matrix of mistakes, the shares of the true
        classes and a calibration of the model together. It assumes that mistakes of the model and of the labels are
        independent, except that both are pulled towards classes that an image looks like; `docs/cleaning.md` shows how
        far that holds. ``consistent`` keeps labels that equal the held-out top-1. ``confident`` keeps labels where
        cleanlab's confident learning finds no issue. The last two are for comparison.
    threshold
        For posterior: the lowest label quality of a kept label, in [0, 1]; by default 0.5.
    precision
        For posterior, instead of `threshold`: keep as many images as possible, the best labels first, such that this
        share of the kept labels is expected to be correct; in [0, 1].
    at_least
        For consistent: number of repetitions where the top-1 must be the label; by default more than half of them.
    checked
        For posterior: the labels that people checked, from `checked_truth`.
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
        class; or, without `checked`, the models look poor, or seem to be trained on the images that they predict.

    Examples
    --------
    >>> from reassess import LabelSets, Predictions
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(300)], [[i % 3] for i in range(300)])
    >>> scores = np.eye(3)[np.arange(300) % 3] * 0.9 + 0.1 / 3
    >>> scores[0] = [0.01, 0.01, 0.98]  # its label is 0
    >>> held_out = HeldOutPredictions.of({"model": Predictions.from_scores(scores, labels.images)}, labels)
    >>> cleaning = find_label_errors(held_out)
    >>> np.flatnonzero(~cleaning.is_kept), cleaning.suggested_class_ids[0]
    (array([0]), np.int32(2))
    >>> find_label_errors(held_out, "consistent")
    kept             299 of 300 images, 99.67 %

    Notes
    -----
    posterior: after Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm"
    (1979), where the model and the label are two raters; the calibration and the pull are new in reassess. consistent:
    Beyer et al., arXiv 2006.07159, section 6, with one repetition of ten folds. confident: Northcutt, Jiang and Chuang,
    "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021).
    """
    check_type(HeldOutPredictions, held_out, value_name="held-out predictions", fix="HeldOutPredictions.of(...)")
    check_known([method], get_args(CleaningMethod), value_name="method")
    _check_options(method, threshold=threshold, precision=precision, checked=checked, sample=sample, at_least=at_least)
    if method == "consistent":
        return _by_consistency(held_out, at_least=at_least)
    if method == "confident":
        return _by_confident_learning(held_out)
    least = LEAST_QUALITY if threshold is None else threshold
    check_number(least, 0, 1, value_name="threshold of label quality")
    if precision is not None:
        check_number(precision, 0, 1, value_name="precision of kept labels")
    if checked is not None:
        check_type(Golden, checked, value_name="checked labels", fix="checked_truth(ANSWERS)")
    check_type(Sample, sample, is_optional=True)
    check_number(seed, 0, value_name="seed", is_whole=True)
    return by_posterior(held_out, threshold=least, precision=precision, checked=checked, sample=sample, seed=seed)


def _check_options(method: CleaningMethod, **options: object) -> None:
    """Raise for options that belong to another method."""
    for name, value in options.items():
        owner = "consistent" if name == "at_least" else "posterior"
        if value is not None and method != owner:
            raise DataError("unused-option", f"{name} belongs to the method {owner}", found=f"method {method}")


def _by_consistency(held_out: HeldOutPredictions, *, at_least: int | None) -> Cleaning:
    """Keep an image if the held-out top-1 is its label in enough repetitions."""
    repetitions = held_out.repetitions
    needed = repetitions // 2 + 1 if at_least is None else at_least
    check_number(needed, 1, repetitions, value_name="number of repetitions", is_whole=True)
    best, labels = held_out.top1(), held_out.labels.indices
    agreements = (best == labels).sum(axis=0)
    words = [f"{n} of {repetitions} held-out predictions are the label" for n in range(repetitions + 1)]
    return make_cleaning(
        held_out,
        kept=agreements >= needed,
        label_quality=np.full(labels.size, np.nan),
        suggested=_most_frequent(best, labels, held_out.classes),
        reasons=tuple(words[n] for n in agreements.tolist()),
    )


def _most_frequent(best: npt.NDArray[np.int32], labels: npt.NDArray[np.int32], classes: int) -> npt.NDArray[np.int32]:
    """Return the most frequent top-1 of each image; ties go to the label, or else to the lowest id."""
    counts = np.stack([(best == row).sum(axis=0) for row in best])
    counts = np.where(best < 0, 0, 2 * counts + (best == labels))
    rank = counts.astype(np.int64) * (classes + 1) + (classes - best)
    chosen = np.take_along_axis(best, np.argmax(np.where(best < 0, -1, rank), axis=0)[None], axis=0)[0]
    return np.asarray(chosen, np.int32)


def _by_confident_learning(held_out: HeldOutPredictions) -> Cleaning:
    """Keep an image if cleanlab's confident learning finds no issue with its label."""
    with importing("cleanlab", extra="confident", purpose="confident learning"):
        from cleanlab.filter import find_label_issues
    probabilities = ClassCandidates.of(held_out, most=held_out.classes)
    rows = np.exp(probabilities.logs.astype(np.float64))
    rows /= rows.sum(axis=1, keepdims=True)
    labels = held_out.labels.indices
    if held_out.classes == 1:  # cleanlab raises for one class
        kept = np.ones(labels.size, np.bool_)
    else:
        kept = ~find_label_issues(labels.astype(np.int64), rows, n_jobs=1)
    return make_cleaning(
        held_out,
        kept=kept,
        label_quality=np.full(labels.size, np.nan),
        suggested=np.argmax(rows, axis=1).astype(np.int32),
        reasons=tuple("no issue by confident learning" if k else "an issue by confident learning" for k in kept),
    )
