"""Pure functions on arrays: the rank that a model gives each target class, and the model's top-1 class.

`targets` are the classes to rank, a ragged array over rows: row i has ``targets[indptr[i]:indptr[i + 1]]``. A *rank*
counts from 0, so a target is among the top k if its rank is below k. One pass gives the ranks, and the ranks give the
accuracy for every k.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess import numeric  # it imports rank_kernels, with numba, at the first use; later uses take no time
from reassess.core import Predictions
from reassess.core.checks import check_range, check_shape
from reassess.core.predictions import raise_nan_error
from reassess.errors import DataError
from reassess.numeric import Proportion
from reassess.numeric.arrays import infinity_bits

_KEY_ALIGNMENT = 64  # a multiple of any vector width, so that loops over the keys have no remainder
Ints = npt.NDArray[np.integer[Any]]


class _ScoresAsIntegers(NamedTuple):
    """The bits of float scores as integers, with two constants for comparing them in the scores' order."""

    bits: Any  # the scores, viewed as integers of the same width
    lowest_integer: Any  # the lowest integer of the type
    infinity: Any  # the bits of +inf


def ranks_and_top1(
    predictions: Predictions, rows: Ints, indptr: Ints, targets: Ints, images: Sequence[str] | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the rank of each target class, and the top-1 class, for rows of a model's predictions."""
    if predictions.ids is not None:
        is_whole = len(rows) == len(predictions) and (rows == np.arange(len(rows))).all()
        ids = predictions.class_ids if is_whole else predictions.class_ids[rows]
        return ranks_in_top_ids(ids, indptr, targets), ids[:, 0]
    assert predictions.scores is not None
    return _ranks_of_scores(predictions, rows, indptr, targets, images or predictions.images)


def ranks_in_top_ids(top_ids: npt.NDArray[np.int32], indptr: Ints, targets: Ints) -> npt.NDArray[np.int32]:
    """Return the rank of each target among the k predicted ids of its row; k if the target is missing."""
    row_of = np.repeat(np.arange(len(top_ids)), np.diff(indptr))
    ranks = np.full(len(targets), top_ids.shape[1], np.int32)
    for rank in range(top_ids.shape[1]):
        ranks[top_ids[:, rank][row_of] == targets] = rank
    return ranks


def best_ranks_of_scores(
    scores: npt.NDArray[Any],
    starts: Ints,
    ends: Ints,
    targets: Ints,
    get_image_name: Callable[[int], str] | None = None,
) -> npt.NDArray[np.int32]:
    """For each row, return the best rank of its targets, in one pass over the scores of a batch."""
    ranks = np.empty(len(scores), np.int32)
    if scores.dtype.itemsize > 2:
        failed = numeric.rank_kernels.rank_best_targets(scores, starts, ends, targets, ranks)
    else:
        keys = np.empty(scores.shape[1], np.int16)
        failed = numeric.rank_kernels.rank_best_targets_from_bits(
            *_view_scores_as_integers(scores), starts, ends, targets, ranks, keys
        )
    if failed >= 0:
        raise_nan_error(Predictions(scores=scores), failed, None if get_image_name is None else get_image_name(failed))
    return ranks


def best_ranks(ranks: npt.NDArray[np.int32], indptr: Ints) -> npt.NDArray[np.int32]:
    """For each row, return the best rank of its targets; every row must have a target."""
    return np.minimum.reduceat(ranks, indptr[:-1]) if len(indptr) > 1 else ranks[:0]


def normalize_top_k(top_k: Sequence[int], max_k: int | None = None) -> tuple[int, ...]:
    """Check that each k is a whole number from 1 to `max_k`; return each k once, ascending."""
    is_sequence = isinstance(top_k, Sequence) and not isinstance(top_k, str)
    if not is_sequence or not top_k or not all(isinstance(k, int) for k in top_k):
        raise DataError("wrong-type", "top_k must be whole numbers", allowed="such as (1, 5)", found=repr(top_k))
    check_range(
        top_k,
        1,
        math.inf if max_k is None else max_k,
        value_name="k",
        high_name="the number of classes that the predictions contain for each image",
    )
    return tuple(sorted(set(top_k)))


def count_hits(ranks: npt.NDArray[np.int32], top_k: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Count the ranks below each k; the last number counts all ranks. Negative ranks are skipped."""
    counts: npt.NDArray[np.int64] = numeric.rank_kernels.count_ranks_below(ranks, np.array(top_k))
    return counts


def hit_proportions(hits: npt.NDArray[np.int64], top_k: tuple[int, ...]) -> dict[int, Proportion]:
    """Convert the counts of `count_hits` to proportions by k."""
    *hits_at, n = hits.tolist()
    return {k: Proportion(hits_at_k, n) for k, hits_at_k in zip(top_k, hits_at, strict=True)}


def top1_hits(top1: Ints, indptr: Ints, targets: Ints) -> npt.NDArray[np.bool_]:
    """Return whether the top-1 class of each image is one of its targets, for one or many models at once.

    Parameters
    ----------
    top1
        Class ids, shape (N,) or (models, N).
    indptr, targets
        The targets of image i are ``targets[indptr[i]:indptr[i + 1]]``.

    Returns
    -------
    Array of bool, of the shape of `top1`; False for an image without targets.

    Examples
    --------
    >>> top1_hits(np.array([[4, 1], [2, 0]]), np.array([0, 2, 3]), np.array([2, 4, 0]))
    array([[ True, False],
           [ True,  True]])
    """
    top1, targets, sizes = np.asarray(top1), np.asarray(targets), np.diff(indptr)
    check_shape(top1, (*["models"] * (top1.ndim - 1), sizes.size), value_name="top1")
    has_targets = np.flatnonzero(sizes)
    # The type must be wide enough for both, so that no id wraps around to another class.
    dtype = np.result_type(top1.dtype, targets.dtype, np.int8)
    first = np.full(sizes.size, -1, dtype)
    first[has_targets] = targets[indptr[has_targets]]
    further = np.ones(len(targets), bool)
    further[indptr[has_targets]] = False
    row_of, rest = np.repeat(np.arange(sizes.size), sizes)[further], targets[further].astype(dtype)
    hits = np.empty(top1.shape, bool)
    for predicted, hit in zip(np.atleast_2d(top1), np.atleast_2d(hits), strict=True):
        np.equal(predicted, first, out=hit)
        hit[row_of[predicted[row_of] == rest]] = True
    return hits


def _ranks_of_scores(
    predictions: Predictions, rows: Ints, indptr: Ints, targets: Ints, images: Sequence[str] | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the rank of each target class, and the top-1 class, from scores."""
    assert predictions.scores is not None
    ranks, top1 = np.empty(len(targets), np.int32), np.empty(len(rows), np.int32)
    bits = _view_scores_as_integers(predictions.scores)
    columns, places = np.empty(0, np.int64), np.asarray(targets, np.int32)
    ids, keys = None, predictions.scores.shape[1]
    if predictions.output_class_ids is not None:
        # Only classes with an output take memory, whatever their ids are. Classes without an output share the last key.
        ids = np.unique(predictions.output_class_ids[predictions.output_class_ids >= 0])
        columns = np.where(predictions.output_class_ids < 0, -1, np.searchsorted(ids, predictions.output_class_ids))
        lower = np.searchsorted(ids, targets)
        is_missing = np.append(ids, -1)[lower] != targets
        places, keys = np.where(is_missing, ids.size, lower).astype(np.int32), ids.size + 1
    failed = numeric.rank_kernels.rank_targets(
        *bits,
        columns,
        np.asarray(rows, np.int64),
        np.asarray(indptr, np.int64),
        places,
        ranks,
        top1,
        np.full(-(-keys // _KEY_ALIGNMENT) * _KEY_ALIGNMENT, bits.lowest_integer, bits.bits.dtype),
    )
    if failed >= 0:
        row = int(rows[failed])
        raise_nan_error(predictions, row, None if images is None else images[row])
    if ids is None:
        return ranks, top1
    ranks[is_missing] += (targets - lower)[is_missing]
    return ranks, ids[top1].astype(np.int32)


def _view_scores_as_integers(scores: npt.NDArray[Any]) -> _ScoresAsIntegers:
    """Return the bits of scores as integers of the same width."""
    bits = np.asarray(scores).view(f"i{scores.dtype.itemsize}")
    return _ScoresAsIntegers(bits, bits.dtype.type(np.iinfo(bits.dtype).min), infinity_bits(scores.dtype))
