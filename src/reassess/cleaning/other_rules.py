"""The rules that are not posterior: agreement, as the paper did it, and cleanlab's."""

import warnings

import numpy as np
import numpy.typing as npt

from reassess.cleaning.class_candidates import ClassCandidates
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.core.checks import check_number, check_type
from reassess.core.cleaning import Cleaning, LabelNoise
from reassess.errors import DataError, MissingPackageError, ReassessWarning
from reassess.text import counted, some

__all__ = [
    "clean_by_confident_learning",
    "clean_by_consistency",
    "cleaning_of",
]


def cleaning_of(
    held_out: HeldOutPredictions,
    *,
    kept: npt.NDArray[np.bool_],
    p_right: npt.NDArray[np.float64],
    suggested: npt.NDArray[np.int32],
    reasons: tuple[str, ...],
    noise: LabelNoise | None = None,
) -> Cleaning:
    """The images that are kept and dropped, with what is known of each label."""
    labels = held_out.labels
    cleaning = Cleaning(labels.images, labels.indices, kept, p_right, suggested, reasons, labels.classes, noise)
    lost = [labels.classes.label(class_id) for class_id, count, dropped in cleaning.by_class() if dropped == count]
    if lost:
        raise DataError(
            "empty-class",
            "no image of a class is kept",
            allowed="some of each class",
            found=f"none of {some(lost, most=3)} ({counted(len(lost), 'class', 'classes')} of {held_out.classes:,})",
            fix="keep labels that are less certain, or take such classes out of the labels and of the predictions",
        )
    much = [labels.classes.label(class_id) for class_id, *_ in cleaning.losing_much()]
    if much:
        text = f"more than a third is dropped of {some(much, most=3)}: look at these before you train without them"
        warnings.warn(text, ReassessWarning, stacklevel=3)
    return cleaning


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
    check_type(HeldOutPredictions, held_out, what="held-out predictions", fix="HeldOutPredictions.of(...)")
    repetitions = held_out.repetitions
    needed = repetitions // 2 + 1 if at_least is None else at_least
    check_number(needed, 1, repetitions, what="number of repetitions in which the top-1 is the label", whole=True)
    best, labels = held_out.top1(), held_out.labels.indices
    agreeing = (best == labels).sum(axis=0)
    words = [f"{n} of {repetitions} held-out predictions are the label" for n in range(repetitions + 1)]
    return cleaning_of(
        held_out,
        kept=agreeing >= needed,
        p_right=np.full(labels.size, np.nan),
        suggested=_most_often(best, labels, held_out.classes),
        reasons=tuple(words[n] for n in agreeing.tolist()),
    )


def _most_often(best: npt.NDArray[np.int32], labels: npt.NDArray[np.int32], classes: int) -> npt.NDArray[np.int32]:
    """The class that is first in most repetitions; of equal ones the label, else the lowest id; -1 for none."""
    counts = np.stack([(best == row).sum(axis=0) for row in best])
    counts = np.where(best < 0, 0, 2 * counts + (best == labels))
    rank = counts.astype(np.int64) * (classes + 1) + (classes - best)
    chosen = np.take_along_axis(best, np.argmax(np.where(best < 0, -1, rank), axis=0)[None], axis=0)[0]
    return np.asarray(chosen, np.int32)


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
    check_type(HeldOutPredictions, held_out, what="held-out predictions", fix="HeldOutPredictions.of(...)")
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
    return cleaning_of(
        held_out,
        kept=kept,
        p_right=np.full(labels.size, np.nan),
        suggested=suggested,
        reasons=tuple("no issue by confident learning" if k else "an issue by confident learning" for k in kept),
    )
