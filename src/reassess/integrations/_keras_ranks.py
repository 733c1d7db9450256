"""Compute the ranks of scores inside a Keras graph, on any backend; equal scores rank by class id.

Scores are compared as integers with the same order, with -0 equal to +0, since backends may flush denormals to zero.
Operations on all scores are arithmetic where possible, which backends compile to faster loops than conditions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops
from keras.backend import standardize_dtype

from reassess.evaluation.batch_targets import PADDING
from reassess.numeric.arrays import infinity_bits

_MAX_BLOCKS = 16  # largest number of blocks of a row
_MAX_IDS_IN_PAIRS = (
    16  # up to this number, ids are compared in pairs, which is faster than a sort; more pairs take too much memory
)
_Tensor = Any  # a tensor of the backend


class BestRanks(NamedTuple):
    """The rank of the best valid class of each image, and which images have invalid values; shape (images,)."""

    ranks: _Tensor
    is_empty: _Tensor  # no valid class
    is_nan: _Tensor  # a score is NaN
    is_target_invalid: _Tensor  # the target is neither multi-hot nor ids padded with -1


class _BestClasses(NamedTuple):
    """The best valid class of each image."""

    keys: _Tensor  # key of the score; shape (images, 1)
    tie_breaks: _Tensor  # number of the class in `_tie_break_numbers`, 0 without a valid class; shape (images, 1)
    is_target_invalid: _Tensor  # shape (images,)


class _ScoreBits(NamedTuple):
    """Scores as integers, which can be compared exactly."""

    bits: _Tensor  # the bits of each score, as a signed integer
    magnitude_mask: _Tensor  # all bits except the sign bit
    infinity: _Tensor  # the bits of +inf


def find_best_ranks(scores: _Tensor, target: _Tensor, is_multi_hot: bool) -> BestRanks:
    """Find the rank of the best valid class of each image, and images with invalid values."""
    best, tie_breaks, is_target_invalid = (_best_classes_from_multi_hot if is_multi_hot else _best_classes_from_ids)(
        scores, target
    )
    classes = scores.shape[1]
    bits, magnitude_mask, infinity = _scores_as_bits(scores)
    keys, magnitudes = _scores_as_sortable_integers(bits, magnitude_mask)
    is_before = keys > best - ops.cast(_tie_break_numbers(classes) > tie_breaks, keys.dtype)
    n_before, nans = (
        _reduce_row_blocks(ops.sum, ops.cast(is_before, "int32")),
        _reduce_row_blocks(ops.max, ops.cast(magnitudes > infinity, "int32")),
    )
    ranks, is_nan = ops.sum(ops.cast(n_before, "float32"), axis=1), ops.max(ops.cast(nans, "float32"), axis=1) > 0
    return BestRanks(ranks, tie_breaks[:, 0] == 0, is_nan, is_target_invalid)


def _scores_as_bits(scores: _Tensor) -> _ScoreBits:
    """Return the bits of scores as signed integers."""
    dtype = standardize_dtype(scores.dtype)
    infinity = infinity_bits(np.dtype("int16" if dtype == "bfloat16" else dtype))
    bits = ops.view(scores, infinity.dtype.name)
    if infinity.itemsize == 2:
        bits = ops.cast(bits, "int32")  # backends have few kernels for int16
    magnitude_mask = np.iinfo(infinity.dtype).max
    return _ScoreBits(bits, *(ops.convert_to_tensor(int(number), bits.dtype) for number in (magnitude_mask, infinity)))


def _scores_as_sortable_integers(bits: _Tensor, magnitude_mask: _Tensor) -> tuple[_Tensor, _Tensor]:
    """Convert the bits of scores to integers that have the same order as the scores; also return the magnitudes."""
    width = np.iinfo(standardize_dtype(bits.dtype)).bits - 1
    magnitudes = ops.bitwise_and(bits, magnitude_mask)
    sign = ops.right_shift(bits, ops.convert_to_tensor(width, bits.dtype))
    return ops.bitwise_xor(magnitudes, sign) - sign, magnitudes


def _tie_break_numbers(n_classes: int) -> _Tensor:
    """Return a number for each class. If scores are equal, the class with the highest number ranks first."""
    # They descend, since XLA would compute an ascending range again for each row, at twice the cost.
    return ops.convert_to_tensor(np.arange(n_classes, 0, -1, dtype=np.int32))


def _reduce_row_blocks(reduction: Callable[..., _Tensor], table: _Tensor) -> _Tensor:
    """Reduce each block of each row. The caller reduces the results again, since XLA is faster in two steps."""
    classes = table.shape[1]
    blocks = max(n for n in range(1, _MAX_BLOCKS + 1) if classes % n == 0)
    return reduction(ops.reshape(table, (-1, blocks, classes // blocks)), axis=1)


def _best_classes_from_multi_hot(scores: _Tensor, target: _Tensor) -> _BestClasses:
    """Find each image's best valid class, and images with an invalid target."""
    # The tie break is found with the bits of the best score. Keys of all scores are not computed both here and in
    # `find_best_ranks`, since XLA would write them to memory.
    is_valid = ops.cast(target, "bool")
    bits, magnitude_mask, _ = _scores_as_bits(scores)
    best = ~ops.min(~_best_valid_scores_of_row_blocks(bits, is_valid, magnitude_mask), axis=1, keepdims=True)
    best_bits = ops.where(best < 0, ~magnitude_mask - best, best)
    mask = ops.where(best == 0, magnitude_mask, ~ops.zeros_like(best))  # the sign of 0 is ignored
    is_best = is_valid & (ops.bitwise_and(ops.bitwise_xor(bits, best_bits), mask) == 0)
    in_blocks = _reduce_row_blocks(ops.max, ops.cast(is_best, "int32") * _tie_break_numbers(scores.shape[1]))
    tie_breaks = ops.cast(ops.max(ops.cast(in_blocks, "float32"), axis=1, keepdims=True), "int32")
    if standardize_dtype(target.dtype) == "bool":
        return _BestClasses(best, tie_breaks, ops.zeros_like(tie_breaks[:, 0], dtype="bool"))
    is_odd = ops.cast(ops.not_equal(target, ops.cast(is_valid, target.dtype)), "int32")
    is_target_invalid = ops.max(ops.cast(_reduce_row_blocks(ops.max, is_odd), "float32"), axis=1) > 0
    return _BestClasses(best, tie_breaks, is_target_invalid)


def _best_valid_scores_of_row_blocks(bits: _Tensor, is_valid: _Tensor, magnitude_mask: _Tensor) -> _Tensor:
    """Find the highest score of a valid class in each block of columns, for each row.

    The result has integers in the same order as the scores, as from `_scores_as_sortable_integers`.
    """
    masked = ops.bitwise_or(bits, ops.cast(is_valid, bits.dtype) - 1)
    return _reduce_row_blocks(ops.max, _scores_as_sortable_integers(masked, magnitude_mask)[0])


def _best_classes_from_ids(scores: _Tensor, target: _Tensor) -> _BestClasses:
    """Do the same as `_best_classes_from_multi_hot`, for targets that are padded ids."""
    classes = scores.shape[1]
    is_wide = standardize_dtype(target.dtype).endswith("64")
    ids = ops.pad(ops.cast(target, "int64" if is_wide else "int32"), [[0, 0], [0, 1]], constant_values=PADDING)
    is_valid = (ids >= 0) & (ids < classes)
    bits, magnitude_mask, _ = _scores_as_bits(scores)
    bits = ops.take_along_axis(bits, ops.where(is_valid, ids, 0), axis=1)
    keys = ops.where(is_valid, _scores_as_sortable_integers(bits, magnitude_mask)[0], ~magnitude_mask)
    best = ops.max(keys, axis=1, keepdims=True)
    tie_breaks = ops.where(is_valid & (keys == best), ops.cast(classes - ids, "int32"), 0)
    is_target_invalid = ops.any(~is_valid & (ids != PADDING), axis=1) | _has_duplicate_id(ids)
    return _BestClasses(best, ops.max(tie_breaks, axis=1, keepdims=True), is_target_invalid)


def _has_duplicate_id(ids: _Tensor) -> _Tensor:
    """Return whether each row contains an id twice, ignoring the padding."""
    if ids.shape[1] is None or ids.shape[1] > _MAX_IDS_IN_PAIRS:
        ids = ops.sort(ids, axis=1)
        return ops.any((ids[:, 1:] == ids[:, :-1]) & (ids[:, 1:] != PADDING), axis=1)
    is_id = ids != PADDING
    is_same = (ids[:, :, None] == ids[:, None, :]) & is_id[:, None]  # each id equals itself, and its repetitions
    pairs, count = (ops.sum(ops.cast(t, "int32"), axis=a) for t, a in ((is_same, (1, 2)), (is_id, 1)))
    return pairs != count
