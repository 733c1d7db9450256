"""Ranks in a graph of JAX; equal scores rank by class id, as in `reassess.evaluation.class_ranks`.

Scores are compared as integers with the same order, with -0 equal to +0, since XLA flushes denormals to zero. Rows are
reduced by two operations at once, which XLA compiles to one fast loop on a CPU; a single reduction takes longer.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from reassess.evaluation.batch_targets import PADDING

_MAX_BLOCKS = 16  # largest number of blocks of a row


class _Reduction(NamedTuple):
    table: jax.Array
    operation: Callable[[jax.Array, jax.Array], jax.Array]
    start: int


class BestRanks(NamedTuple):
    """The rank of the best valid class of each image, and which images have invalid values; shape (images,)."""

    ranks: jax.Array
    is_empty: jax.Array  # no valid class
    is_nan: jax.Array  # a score is NaN
    is_target_invalid: jax.Array  # the target is neither multi-hot nor ids padded with -1


class _BestClasses(NamedTuple):
    """The best valid class of each image, and which images have invalid targets; shape (images,)."""

    keys: jax.Array  # key of the score
    tie_breaks: jax.Array  # number of the class in `_tie_break_numbers`
    is_empty: jax.Array
    is_target_invalid: jax.Array


def find_best_ranks(scores: jax.Array, target: jax.Array, is_multi_hot: bool) -> BestRanks:
    """Find the rank of the best valid class of each image, and images with invalid values."""
    best, tie_breaks, is_empty, is_target_invalid = (
        _best_classes_from_multi_hot if is_multi_hot else _best_classes_from_ids
    )(scores, target)
    keys, is_nan = _scores_as_sortable_integers(scores)
    is_earlier = _tie_break_numbers(scores.shape[1]) > tie_breaks[:, None]
    ranks, nans = _reduce_rows(
        _Reduction(keys > best[:, None] - is_earlier, lax.add, 0), _Reduction(is_nan, lax.add, 0)
    )
    return BestRanks(ranks, is_empty, nans > 0, is_target_invalid)


def _scores_as_bits(scores: jax.Array) -> jax.Array:
    """Return the bits of scores as integers of the same width."""
    return lax.bitcast_convert_type(scores, f"int{8 * scores.dtype.itemsize}")


def _scores_as_sortable_integers(scores: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Convert scores to integers that have the same order as the scores; also return whether each score is NaN."""
    bits, infinity = _scores_as_bits(scores), _scores_as_bits(jnp.array(jnp.inf, scores.dtype))
    limits = jnp.iinfo(bits.dtype)
    size, sign = bits & limits.max, bits >> (limits.bits - 1)
    return (size ^ sign) - sign, size > infinity


def _tie_break_numbers(n_classes: int) -> npt.NDArray[np.int32]:
    """Return a number for each class. If scores are equal, the class with the highest number ranks first."""
    # They descend, since XLA would compute an ascending range again for each row, at twice the cost.
    return np.arange(n_classes, 0, -1, dtype=np.int32)


def _best_classes_from_multi_hot(scores: jax.Array, target: jax.Array) -> _BestClasses:
    """Find each image's best valid class, images without a valid class, and images with an invalid target."""
    # First find the best score of each block of a row, then the tie break in the block with the best score of the row.
    # Bits have the order of the scores if a score is positive, else the reverse order. Keys of all scores are not
    # computed both here and in `find_best_ranks`, since XLA would write them to memory.
    images, classes = scores.shape
    blocks = max(n for n in range(1, _MAX_BLOCKS + 1) if classes % n == 0)
    width = classes // blocks
    scores, target = (table.reshape(images, blocks, width) for table in (scores, target))
    hot, bits = target.astype(bool), _scores_as_bits(scores)
    lowest = jnp.iinfo(bits.dtype).min
    most, least, odd = _reduce_rows(
        _Reduction(jnp.where(hot, bits, lowest), lax.max, lowest),
        _Reduction(jnp.where(hot, bits, -1), lax.min, -1),
        _Reduction(target != hot.astype(target.dtype), lax.add, 0),
    )
    keys, _ = _scores_as_sortable_integers(lax.bitcast_convert_type(jnp.where(most < 0, least, most), scores.dtype))
    keys = jnp.where(most < least, lowest, keys)  # blocks without a valid class; below the key of any valid NaN
    best, block = jnp.max(keys, axis=1), jnp.argmax(keys, axis=1)
    hot, scores = (_take_columns(table, block[:, None, None])[:, 0] for table in (hot, scores))
    is_best = hot & (_scores_as_sortable_integers(scores)[0] == best[:, None])
    tie_breaks = jnp.max(jnp.where(is_best, _tie_break_numbers(width), 0), axis=1)
    return _BestClasses(best, tie_breaks + (blocks - 1 - block) * width, best == lowest, jnp.any(odd, axis=1))


def _best_classes_from_ids(scores: jax.Array, target: jax.Array) -> _BestClasses:
    """Do the same as `_best_classes_from_multi_hot`, for targets that are padded ids."""
    classes = scores.shape[1]
    ids = target.astype(jnp.int64 if target.dtype.itemsize == 8 else jnp.int32)
    is_class = (ids >= 0) & (ids < classes)
    ordered = lax.sort(ids, dimension=1, is_stable=False)
    is_repeated = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != PADDING)
    is_target_invalid = jnp.any(~is_class & (ids != PADDING), axis=1) | jnp.any(is_repeated, axis=1)
    keys, _ = _scores_as_sortable_integers(_take_columns(scores, jnp.where(is_class, ids, 0)))
    best = jnp.max(keys, axis=1, where=is_class, initial=jnp.iinfo(keys.dtype).min)
    tie_breaks = jnp.max(classes - ids, axis=1, where=is_class & (keys == best[:, None]), initial=0)
    return _BestClasses(best, tie_breaks, tie_breaks == 0, is_target_invalid)


def _take_columns(table: jax.Array, columns: jax.Array) -> jax.Array:
    """Take columns from each row. Row i of `columns` has the column numbers for row i of `table`."""
    return jnp.take_along_axis(table, columns, axis=1, mode="promise_in_bounds")


def _reduce_rows(*reductions: _Reduction) -> tuple[jax.Array, ...]:
    """Reduce the last axis of several tables of the same shape in one pass, for example to sums or maxima."""
    tables, operations, starts = zip(*reductions, strict=True)
    tables = tuple(table.astype(jnp.int32) if table.dtype == bool else table for table in tables)
    reduced: tuple[jax.Array, ...] = lax.reduce(
        tables,
        tuple(jnp.array(start, table.dtype) for start, table in zip(starts, tables, strict=True)),
        lambda x, y: tuple(of(a, b) for of, a, b in zip(operations, x, y, strict=True)),
        (tables[0].ndim - 1,),
    )
    return reduced
