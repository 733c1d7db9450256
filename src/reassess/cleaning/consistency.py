"""The rule of the ReaL paper: an image is kept if what models say of it, held out, is its label."""

import numpy as np
import numpy.typing as npt

from reassess.cleaning.held_out import HeldOutPredictions
from reassess.cleaning.kept_images import cleaning_of
from reassess.core.checks import check_number, check_type
from reassess.core.cleaning import Cleaning

__all__ = ["clean_by_consistency"]


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
    check_type(held_out, HeldOutPredictions, what="the held-out predictions", mend="HeldOutPredictions.of(...)")
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
