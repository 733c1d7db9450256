"""Rater models measured on golden items, of which the truth is known."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range, check_shape
from reassess.core.items import Id
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY, RaterModel
from reassess.core.votes import Votes
from reassess.errors import DataError

__all__ = ["calibrate", "natural_truths", "row_shares"]


def calibrate(
    golden_votes: Votes,
    truth: npt.NDArray[np.integer],
    *,
    truths: Sequence[Id] = VALIDITY,
    smoothing: float = 1.0,
) -> RaterModel:
    """Measure each rater on items of which the truth is known.

    Parameters
    ----------
    golden_votes
        The raters' votes on golden items.
    truth
        Integers, shape (items,): position in `truths` of each item's truth, -1 where it is not known.
    truths
        What an item can be.
    smoothing
        Added to each cell of each matrix's counts; a row without counts is then uniform, also at 0.

    Returns
    -------
    RaterModel
        With a matrix for each rater who voted on an item of known truth. The fallback is the mean of these matrices;
        the prior is the share of each truth among the items of known truth, not smoothed.

    Raises
    ------
    DataError
        No item of known truth has a vote, or votes are counts without raters; `truth` does not fit; `smoothing` is
        negative.

    Examples
    --------
    >>> votes = Votes.from_columns(
    ...     ("x", "y"), np.array([0, 1]), np.array([0, 0]), np.array([1, 0]), raters=("ann",), answers=("no", "yes")
    ... )
    >>> calibrate(votes, np.array([1, 0])).matrices.round(3).tolist()
    [[[0.667, 0.333], [0.333, 0.667]]]
    """
    check_range(smoothing, 0, what="smoothing")
    golden_votes.require_raters("a rater model")
    truth = np.asarray(truth)
    check_shape(truth, (len(golden_votes.items),), what="truth")
    check_range(truth, -1, len(truths) - 1, what="truth", where=golden_votes.at)
    known = truth >= 0
    shape = len(golden_votes.raters), len(truths), len(golden_votes.answers)
    item_ids = golden_votes.item_ids
    used = known[item_ids]
    cells = np.ravel_multi_index(
        (golden_votes.rater_ids[used], truth[item_ids[used]], golden_votes.answer_ids[used]), shape
    )
    counts = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)
    measured = np.flatnonzero(counts.any(axis=(1, 2)))
    if not measured.size:
        raise DataError("no golden item of known truth has a vote", mend="check that both files name the items alike")
    matrices = row_shares(counts[measured].astype(np.float64), smoothing)
    prior = np.bincount(truth[known], minlength=len(truths)) / np.count_nonzero(known)
    raters = tuple(golden_votes.raters[row] for row in measured.tolist())
    return RaterModel(
        raters=raters,
        truths=tuple(truths),
        answers=golden_votes.answers,
        matrices=matrices,
        fallback=matrices.mean(axis=0),
        prior=prior,
    )


def row_shares(counts: npt.NDArray[np.float64], smoothing: float) -> npt.NDArray[np.float64]:
    """Share of each answer (last axis), `smoothing` added to each count; uniform where nothing was counted.

    A uniform row tells nothing, and is what smoothing gives as it goes to 0.
    """
    smoothed = counts + smoothing
    sums = smoothed.sum(axis=-1, keepdims=True)
    shares = np.full_like(smoothed, 1 / counts.shape[-1])
    np.divide(smoothed, sums, out=shares, where=sums > 0)
    return shares


def natural_truths(votes: Votes) -> tuple[Id, ...]:
    """Invalid and valid for (image, class) questions; else one truth an answer."""
    return VALIDITY if isinstance(votes.items, Questions) else votes.answers
