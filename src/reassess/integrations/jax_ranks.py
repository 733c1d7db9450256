"""Ranks within a graph of JAX, by the rule of `reassess.accuracy`: equal scores rank by class id.

Scores are compared as integers that order as the numbers do, with -0 equal to +0, since XLA takes denormals for zero.
Reductions of rows go in pairs, of which XLA makes one fast loop on a CPU; one alone takes it longer than two.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from reassess.targets import PADDING

__all__ = ["rank_best"]

_Reduction = tuple[jax.Array, Callable[[jax.Array, jax.Array], jax.Array], int]  # table, operation, start


def rank_best(scores: jax.Array, target: jax.Array, is_hot: bool) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Rank of each image's best valid class, and of which images there is none, a NaN, or an ill-formed target.

    Parameters
    ----------
    scores
        Floats, shape (B, classes).
    target
        Multi-hot, shape (B, classes), or integers, ids padded with -1, shape (B, width).
    is_hot
        Which of the two.

    Returns
    -------
    int32, shape (B,), of no meaning for an image without a valid class; and three of bool, shape (B,).
    """
    classes = scores.shape[1]
    best, first, ill_formed = (_best_of_hot if is_hot else _best_of_ids)(scores, target)
    keys, is_nan = _keys(scores)
    before = (keys > best[:, None]) | ((keys == best[:, None]) & (_ids(classes) < first[:, None]))
    rank, nans = _reduce_rows((before, lax.add, 0), (is_nan, lax.add, 0))
    return rank, first == classes, nans > 0, ill_formed


def _keys(scores: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Integers that order as the scores do, above the lowest of their type; and whether each score is NaN."""
    bits = lax.bitcast_convert_type(scores, f"int{8 * scores.dtype.itemsize}")
    limits = jnp.iinfo(bits.dtype)
    infinity = lax.bitcast_convert_type(jnp.array(jnp.inf, scores.dtype), bits.dtype)
    size, sign = bits & limits.max, bits >> (limits.bits - 1)
    return (size ^ sign) - sign, size > infinity


def _best_of_hot(scores: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Key of each image's best valid class, its id, or the number of classes if there is none; what is ill-formed."""
    keys, _ = _keys(scores)
    classes, lowest = keys.shape[1], jnp.iinfo(keys.dtype).min
    hot = target != 0
    best, odd = _reduce_rows((jnp.where(hot, keys, lowest), lax.max, lowest), (hot & (target != 1), lax.add, 0))
    is_best = hot & (keys == best[:, None])
    first, _ = _reduce_rows((jnp.where(is_best, _ids(classes), classes), lax.min, classes), (is_best, lax.add, 0))
    return best, first, odd > 0


def _best_of_ids(scores: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The same from padded ids."""
    classes = scores.shape[1]
    ids = target.astype(jnp.promote_types(target.dtype, jnp.int32))
    given = (ids >= 0) & (ids < classes)
    ordered = jnp.sort(ids, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != PADDING)
    ill_formed = jnp.any(~given & (ids != PADDING), axis=1) | jnp.any(twice, axis=1)
    keys, _ = _keys(jnp.take_along_axis(scores, jnp.where(given, ids, 0), axis=1))
    lowest = jnp.iinfo(keys.dtype).min
    best = jnp.max(keys, axis=1, where=given, initial=lowest)
    first = jnp.min(ids, axis=1, where=given & (keys == best[:, None]), initial=classes)
    return best, first, ill_formed


def _reduce_rows(*pair: _Reduction) -> tuple[jax.Array, jax.Array]:
    """Two reductions of rows in one pass; of bool, counts."""
    (a, of_a, start_a), (b, of_b, start_b) = pair
    a, b = (table.astype(jnp.int32) if table.dtype == bool else table for table in (a, b))
    starts = jnp.array(start_a, a.dtype), jnp.array(start_b, b.dtype)
    found: tuple[jax.Array, jax.Array] = lax.reduce(
        (a, b), starts, lambda x, y: (of_a(x[0], y[0]), of_b(x[1], y[1])), (1,)
    )
    return found


def _ids(classes: int) -> jax.Array:
    return jnp.arange(classes, dtype=jnp.int32)
