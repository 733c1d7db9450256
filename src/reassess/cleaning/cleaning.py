"""Which images to keep: by what models say of them when they are held out."""

import math
import warnings
from typing import Literal

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden import Golden
from reassess.cleaning.candidates import ClassCandidates
from reassess.cleaning.checked_labels import corrected, known_labels
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.cleaning.posterior import fit_noise
from reassess.core.checks import check_range
from reassess.core.cleaning import Cleaning
from reassess.core.image_names import image_keys
from reassess.core.label_noise import LabelNoise
from reassess.errors import DataError, MissingPackageError, ReassessWarning
from reassess.text import counted, some

__all__ = ["USUAL_KEEP", "CleaningMethod", "clean_by_confident_learning", "clean_by_consistency", "clean_by_posterior"]

CleaningMethod = Literal["posterior", "consistent", "confident"]
USUAL_KEEP = 0.5
_FEW = 0.5  # images of which the label is first: of fewer, mistakes of the models were seen to count as wrong labels
_Floats = npt.NDArray[np.float64]


def clean_by_consistency(held_out: HeldOutPredictions, *, at_least: int | None = None) -> Cleaning:
    """Keep an image if the held-out top-1 is its label, in enough repetitions.

    Parameters
    ----------
    held_out
        Scores or ids.
    at_least
        In how many repetitions; by default in more than half of them.

    Returns
    -------
    The suggested class is the one that is first most often; of equal ones the label if it is among them, else the one
    with the lowest id. The probability that a label is right is not known.

    Raises
    ------
    DataError
        `at_least` is not from 1 to the number of repetitions, or no image of a class is kept.

    Warns
    -----
    ReassessWarning
        A class loses more than a third of its images.

    Examples
    --------
    >>> from reassess import LabelSets, Predictions
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0], [1], [1]])
    >>> model = Predictions.from_ids([0, 1, 1], images=labels.images)
    >>> clean_by_consistency(HeldOutPredictions.of({"model": model}, labels))
    kept             3 of 3 images, 100.0 %

    Notes
    -----
    Source: Beyer et al., arXiv 2006.07159, section 6, with one repetition of ten folds.
    """
    repetitions = held_out.repetitions
    needed = repetitions // 2 + 1 if at_least is None else at_least
    check_range(needed, 1, repetitions, what="number of repetitions in which the top-1 is the label")
    best, labels = held_out.top1(), held_out.labels.indices
    agreeing = (best == labels).sum(axis=0)
    words = [f"{n} of {repetitions} held-out predictions are the label" for n in range(repetitions + 1)]
    return _cleaning(
        held_out,
        kept=agreeing >= needed,
        p_right=np.full(labels.size, np.nan),
        suggested=_most_often(best, labels, held_out.classes),
        reasons=tuple(words[n] for n in agreeing.tolist()),
    )


def clean_by_posterior(
    held_out: HeldOutPredictions,
    *,
    keep: float = USUAL_KEEP,
    precision: float | None = None,
    checked: Golden | None = None,
    seed: int = 0,
) -> Cleaning:
    """Keep an image if its label is probably right.

    A matrix of mistakes, the shares of the true classes, and a calibration of the model are estimated together; it is
    assumed that the model's mistakes and those of the labels are independent, but for a pull of both towards what an
    image looks like. See `docs/cleaning.md` for how far that holds.

    Parameters
    ----------
    held_out
        Scores; of several repetitions or models, the mean logarithm of the probabilities counts.
    keep
        The least probability that the label is right, in [0, 1].
    precision
        In place of `keep`: keep as many images as possible, the likeliest labels first, so that this share of the kept
        labels is expected to be right; in [0, 1].
    checked
        Whether the label of an image, as a pair of image and class, is valid: of a random sample of images that people
        looked at. The estimated share of wrong labels is then corrected by it, and gets an interval.
    seed
        Of the sample of images on which the calibration is found, where there are more than 50,000.

    Raises
    ------
    DataError
        A file holds ids alone; a number is out of range; no checked pair is the label of an image; the precision cannot
        be reached; or no image of a class is kept.

    Warns
    -----
    ReassessWarning
        A class loses more than a third of its images; or, without `checked`, the models name few of the labels first.

    Examples
    --------
    >>> from reassess import LabelSets, Predictions
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(300)], [[i % 3] for i in range(300)])
    >>> says = np.eye(3)[np.arange(300) % 3] * 0.9 + 0.1 / 3
    >>> says[0] = [0.01, 0.01, 0.98]  # which is labelled 0
    >>> held_out = HeldOutPredictions.of({"model": Predictions.from_scores(says, labels.images)}, labels)
    >>> cleaning = clean_by_posterior(held_out)
    >>> np.flatnonzero(~cleaning.kept), cleaning.suggested[0]
    (array([0]), np.int32(2))

    Notes
    -----
    After Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm" (1979), with
    the model in the place of one rater and the label of the other; the calibration and the pull are our own.
    """
    check_range(keep, 0, 1, what="least probability that a label is right")
    by_name = np.array(sorted(range(len(held_out.labels)), key=image_keys(held_out.labels.images).__getitem__))
    images = ClassCandidates.of(held_out).of_rows(by_name)  # so that the order of the labels changes nothing
    known = known_labels(held_out, checked)
    if checked is None:
        _warn_of_poor_models(images)
    model, found = fit_noise(images, seed=seed)
    p_right, suggested = np.empty(by_name.size), np.empty(by_name.size, np.int32)
    p_right[by_name], suggested[by_name] = found.right, found.likeliest
    of_checked = None
    if checked is not None:
        p_right, of_checked = corrected(p_right, known)
        labels = held_out.labels.indices
        suggested = np.where(known > 0, labels, np.where((known < 0) & (suggested == labels), -1, suggested))
    least = keep if precision is None else _least_for(precision, p_right)
    kept = p_right >= least
    return _cleaning(
        held_out,
        kept=kept,
        p_right=p_right,
        suggested=suggested,
        reasons=_reasons(held_out, known, kept, suggested),
        noise=LabelNoise(
            share=float(1 - p_right.mean()),
            counts=found.counts,
            sharpening=model.sharpening,
            has_biases=bool(model.biases.any()),
            classes=held_out.labels.classes,
            checked=of_checked,
        ),
    )


def _warn_of_poor_models(images: ClassCandidates) -> None:
    share = float((np.argmax(images.logs, axis=1) == images.place).mean())
    if share < _FEW:
        text = f"the label is the most probable class of {100 * share:.1f} % of the images only"
        advice = "the mistakes of a poor model are taken for wrong labels: have people check a sample of the labels"
        warnings.warn(f"{text}; {advice}", ReassessWarning, stacklevel=3)


def clean_by_confident_learning(held_out: HeldOutPredictions) -> Cleaning:
    """Keep an image if cleanlab's confident learning does not call its label an issue; for comparison.

    Raises
    ------
    MissingPackageError
        cleanlab is not installed.
    DataError
        As for `clean_by_posterior`.

    Notes
    -----
    Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021).
    """
    try:
        from cleanlab.filter import find_label_issues
    except ImportError as error:
        raise MissingPackageError("cleanlab", extra="confident", purpose="confident learning") from error
    probabilities = ClassCandidates.of(held_out, most=held_out.classes)
    rows = np.exp(probabilities.logs.astype(np.float64))
    rows /= rows.sum(axis=1, keepdims=True)
    labels = held_out.labels.indices
    if held_out.classes == 1:  # of which it knows none
        kept = np.ones(labels.size, np.bool_)
    else:
        kept = ~find_label_issues(labels.astype(np.int64), rows, n_jobs=1)
    suggested = np.argmax(rows, axis=1).astype(np.int32)
    return _cleaning(
        held_out,
        kept=kept,
        p_right=np.full(labels.size, np.nan),
        suggested=suggested,
        reasons=tuple("no issue by confident learning" if k else "an issue by confident learning" for k in kept),
    )


def _cleaning(
    held_out: HeldOutPredictions,
    *,
    kept: npt.NDArray[np.bool_],
    p_right: _Floats,
    suggested: npt.NDArray[np.int32],
    reasons: tuple[str, ...],
    noise: LabelNoise | None = None,
) -> Cleaning:
    labels = held_out.labels
    cleaning = Cleaning(labels.images, labels.indices, kept, p_right, suggested, reasons, labels.classes, noise)
    lost = [labels.classes.label(class_id) for class_id, count, dropped in cleaning.by_class() if dropped == count]
    if lost:
        raise DataError(
            "no image of a class is kept",
            allowed="some of each class",
            found=f"none of {some(lost, most=3)} ({counted(len(lost), 'class', 'classes')} of {held_out.classes:,})",
            mend="keep labels that are less certain, or take such classes out of the labels and of the predictions",
        )
    much = [labels.classes.label(class_id) for class_id, *_ in cleaning.losing_much()]
    if much:
        text = f"more than a third is dropped of {some(much, most=3)}: look at these before you train without them"
        warnings.warn(text, ReassessWarning, stacklevel=3)
    return cleaning


def _most_often(best: npt.NDArray[np.int32], labels: npt.NDArray[np.int32], classes: int) -> npt.NDArray[np.int32]:
    """The class that is first in most repetitions; of equal ones the label, else the lowest id; -1 for none."""
    counts = np.stack([(best == row).sum(axis=0) for row in best])
    counts = np.where(best < 0, 0, 2 * counts + (best == labels))
    rank = counts.astype(np.int64) * (classes + 1) + (classes - best)
    chosen = np.take_along_axis(best, np.argmax(np.where(best < 0, -1, rank), axis=0)[None], axis=0)[0]
    return np.asarray(chosen, np.int32)


def _least_for(precision: float, p_right: _Floats) -> float:
    """The least probability of the longest list, the likeliest first, whose mean reaches a precision."""
    check_range(precision, 0, 1, what="share of right labels among the kept ones")
    ordered = np.sort(p_right)[::-1]
    reached = np.cumsum(ordered) / np.arange(1, ordered.size + 1) >= precision
    last = np.append(ordered[1:] != ordered[:-1], True)  # equal ones are kept together
    rows = np.flatnonzero(reached & last)
    if not rows.size:
        raise DataError(
            "not even the most certain labels are right as often",
            allowed=f"a precision of up to {math.floor(1e4 * ordered[0]) / 1e4:.4f}",
            found=precision,
            mend="ask for less",
        )
    return float(ordered[rows[-1]])


def _reasons(
    held_out: HeldOutPredictions,
    known: npt.NDArray[np.int8],
    kept: npt.NDArray[np.bool_],
    suggested: npt.NDArray[np.int32],
) -> tuple[str, ...]:
    words = (
        "another class is likelier",
        "the label is not likely enough",
        "likely enough, though another class is likelier",
        "the label is likely",
        "checked by people",
    )
    is_label = suggested == held_out.labels.indices
    reason = np.where(known != 0, 4, 2 * kept.astype(np.int64) + is_label)
    return tuple(words[number] for number in reason.tolist())
