"""Rater models measured on golden items, of which the truth is known."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em_starts import check_pseudo_votes, natural_shares
from reassess.core.checks import check_range, check_shape
from reassess.core.items import Id
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY, RaterModel
from reassess.core.votes import Votes
from reassess.errors import DataError

__all__ = [
    "POOLING",
    "calibrate",
    "fallback_of",
    "model_of_counts",
    "natural_truths",
    "row_shares",
    "typical_matrix",
]

POOLING = 4.0


def calibrate(
    golden_votes: Votes,
    truth: npt.NDArray[np.integer],
    *,
    truths: Sequence[Id] = VALIDITY,
    smoothing: float = 0.0,
    pooling: float = POOLING,
) -> RaterModel:
    """Measure each rater on items of which the truth is known.

    To each row of a rater's counts `pooling` votes are added that are shared out as in the mean matrix, which is that
    of all votes, whoever cast them: a rater with few golden answers has about the mean matrix, and one with many a
    matrix of their own. To the counts of the mean matrix as many are added, shared out as in `typical_matrix`.

    Parameters
    ----------
    golden_votes
        The raters' votes on golden items.
    truth
        Integers, shape (items,): position in `truths` of each item's truth, -1 where it is not known.
    truths
        What an item can be.
    smoothing
        Added to each cell of each matrix's counts.
    pooling
        Number of votes of the mean matrix that are added to each row. If both are 0, a row without counts is uniform.

    Returns
    -------
    RaterModel
        With a matrix for each rater who voted on an item of known truth. The fallback is the mean matrix; without
        pooling, it is the mean of the raters' matrices, each of which counts the same. The prior is the share of each
        truth among the items of known truth, and of `pooling` items that are shared out alike.

    Raises
    ------
    DataError
        No item of known truth has a vote, or votes are counts without raters; `truth` does not fit; `smoothing`
        or `pooling` is negative.

    Examples
    --------
    >>> votes = Votes.from_columns(
    ...     ("x", "y"), np.array([0, 1]), np.array([0, 0]), np.array([1, 0]), raters=("ann",), answers=("no", "yes")
    ... )
    >>> calibrate(votes, np.array([1, 0]), smoothing=1, pooling=0).matrices.round(3).tolist()
    [[[0.667, 0.333], [0.333, 0.667]]]
    >>> calibrate(votes, np.array([1, 0])).matrices.round(3).tolist()
    [[[0.84, 0.16], [0.16, 0.84]]]
    """
    check_pseudo_votes(smoothing, pooling)
    golden_votes.require_raters("a rater model")
    truth = np.asarray(truth)
    check_shape(truth, (len(golden_votes.items),), what="truth")
    check_range(truth, -1, len(truths) - 1, what="truth", where=golden_votes.at)
    known = truth >= 0
    shape = len(golden_votes.raters), len(truths) + 1, len(golden_votes.answers)
    rows = golden_votes.rater_ids * np.int64(shape[1]) + np.repeat(truth, golden_votes.sizes) + 1
    cells = np.bincount(rows * shape[2] + golden_votes.answer_ids, minlength=int(np.prod(shape)))
    counts = cells.reshape(shape)[:, 1:]  # without the votes on items of unknown truth
    if not counts.any():
        raise DataError(
            "no-golden-votes",
            "no golden item with a known truth has a vote",
            fix="check that both files name the items alike",
        )
    return model_of_counts(
        counts,
        np.bincount(truth[known], minlength=len(truths)),
        raters=golden_votes.raters,
        truths=truths,
        answers=golden_votes.answers,
        typical=typical_matrix(natural_shares(golden_votes, truths)),
        smoothing=smoothing,
        pooling=pooling,
    )


def model_of_counts(
    counts: npt.NDArray[np.integer],
    items: npt.NDArray[np.integer],
    *,
    raters: Sequence[Id],
    truths: Sequence[Id],
    answers: Sequence[Id],
    typical: npt.NDArray[np.float64],
    smoothing: float = 0.0,
    pooling: float = POOLING,
) -> RaterModel:
    """The rater model of `calibrate`, of counted answers to golden items.

    Examples
    --------
    >>> typical = typical_matrix(np.eye(2))
    >>> counts = np.array([[[8, 2], [1, 9]], [[0, 0], [0, 0]]])
    >>> names = {"raters": ("ann", "bo"), "truths": VALIDITY, "answers": ("no", "yes")}
    >>> model = model_of_counts(counts, np.array([10, 10]), typical=typical, **names)
    >>> model.raters, model.matrices.round(3).tolist()
    (('ann',), [[[0.796, 0.204], [0.112, 0.888]]])
    """
    measured = np.flatnonzero(counts.any(axis=(1, 2)))
    pseudo_votes = np.full(counts.shape[1:], float(smoothing))
    if pooling:
        pseudo_votes += pooling * row_shares(counts.sum(axis=0) + pooling * typical, smoothing)
    matrices = row_shares(counts[measured], pseudo_votes)
    return RaterModel(
        raters=tuple(raters[row] for row in measured.tolist()),
        truths=tuple(truths),
        answers=tuple(answers),
        matrices=matrices,
        fallback=fallback_of(matrices, pseudo_votes, pooled=pooling > 0),
        prior=row_shares(items, pooling / len(truths)),
    )


def row_shares(
    counts: npt.NDArray[np.floating | np.integer], pseudo_votes: npt.NDArray[np.float64] | float
) -> npt.NDArray[np.float64]:
    """Share of each answer (last axis), `pseudo_votes` added to the counts; uniform where there is nothing to share.

    A uniform row tells nothing, and is what equal pseudo-votes give as they go to 0.
    """
    smoothed = counts + pseudo_votes
    sums = smoothed.sum(axis=-1, keepdims=True)
    shares = np.full_like(smoothed, 1 / counts.shape[-1])
    np.divide(smoothed, sums, out=shares, where=sums > 0)
    return shares


def typical_matrix(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How a rater answers, as far as is known before any vote: half by the truth, half at random.

    Examples
    --------
    >>> typical_matrix(np.eye(2)).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    return (row_shares(shares.T, 0.0) + 1 / len(shares)) / 2


def fallback_of(
    matrices: npt.NDArray[np.float64], pseudo_votes: npt.NDArray[np.float64], *, pooled: bool
) -> npt.NDArray[np.float64]:
    """The matrix of a rater without votes: what the pseudo-votes alone give, or without pooling the mean matrix."""
    return row_shares(pseudo_votes, 0.0) if pooled else matrices.mean(axis=0)


def natural_truths(votes: Votes) -> tuple[Id, ...]:
    """Invalid and valid for (image, class) questions; else one truth an answer."""
    return VALIDITY if isinstance(votes.items, Questions) else votes.answers
