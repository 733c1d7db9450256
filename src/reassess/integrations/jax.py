"""ReaL accuracy in JAX: a pure function from the arrays of a batch to integer counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from reassess.core.checks import check_shape
from reassess.errors import DataError, require_package
from reassess.evaluation.class_ranks import normalize_top_k
from reassess.integrations._compiled import (
    check_batch_and_detect_multi_hot,
    raise_if_dtype_was_narrowed,
    raise_if_invalid,
)

with require_package("jax", extra="jax", purpose="counting hits in JAX"):
    import jax
    import jax.numpy as jnp

from reassess.integrations._jax_ranks import find_best_ranks

__all__ = ["Counts", "accuracy", "count_hits"]


@partial(jax.tree_util.register_dataclass, data_fields=["stacked_counts"], meta_fields=["top_k"])
@dataclass(frozen=True)
class Counts:
    """Counts of images, as a pytree with one int32 array. Add counts with ``+`` or `jax.lax.psum`.

    Parameters
    ----------
    top_k
        The values of k, ascending; static.
    stacked_counts
        Shape (len(top_k) + 4,): all properties of this class, in their order. One array is faster than several arrays.
    """

    top_k: tuple[int, ...]
    stacked_counts: jax.Array

    @property
    def hits(self) -> jax.Array:
        """Number of images where one of the k classes with the highest scores is valid; shape (len(top_k),)."""
        return self.stacked_counts[..., :-4]

    @property
    def n(self) -> jax.Array:
        """Number of images with a valid class."""
        return self.stacked_counts[..., -4]

    @property
    def n_without_valid_class(self) -> jax.Array:
        """Number of images without a valid class; `hits` and `n` do not include these images."""
        return self.stacked_counts[..., -3]

    @property
    def n_nan(self) -> jax.Array:
        """Number of images with a NaN score."""
        return self.stacked_counts[..., -2]

    @property
    def n_with_invalid_target(self) -> jax.Array:
        """Number of images whose target has a duplicate id, an id out of range, or a number other than 0 or 1."""
        return self.stacked_counts[..., -1]

    def __add__(self, other: "Counts") -> "Counts":
        if self.top_k != other.top_k:
            raise DataError("different-k", "hits are counted for different k", allowed=self.top_k, found=other.top_k)
        return jax.tree.map(jnp.add, self, other)


def count_hits(
    scores: jax.Array, valid_classes: jax.Array, *, mask: jax.Array | None = None, top_k: Sequence[int] = (1, 5)
) -> Counts:
    """Count the images of a batch where one of the k classes with the highest scores is valid.

    The function works in `jax.jit` and `vmap`, and with sharded arrays.

    Parameters
    ----------
    scores
        bfloat16, float16, float32 or, with 64 bits enabled, float64, shape (B, classes). The highest score ranks first,
        ties by class id.
    valid_classes
        The valid classes. With as many columns as the scores: multi-hot, 0 or 1 for each class. Otherwise integers,
        shape (B, most classes of an image): class ids, padded with -1; this form is faster. Unless 64 bits are enabled,
        JAX truncates integers to 32 bits before the call.
    mask
        bool, shape (B,): True for an image, False for a row to ignore, such as the padding of the last batch.
    top_k
        The values of k.

    Raises
    ------
    DataError
        A shape or type is wrong. Invalid values are only counted here; `accuracy` then raises.

    Examples
    --------
    >>> scores = jnp.array([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4], [0.2, 0.2, 0.6]])
    >>> counts = count_hits(scores, jnp.array([[1, 2], [2, -1], [-1, -1]]), top_k=(1, 2))
    >>> counts.hits.tolist(), int(counts.n), int(counts.n_without_valid_class)
    ([1, 2], 2, 1)
    >>> accuracy(counts + counts)
    {1: 0.5, 2: 1.0}

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 4.
    """
    table, target = jnp.asarray(scores), jnp.asarray(valid_classes)
    is_multi_hot = check_batch_and_detect_multi_hot(table.shape, table.dtype.name, target.shape, target.dtype.name)
    raise_if_dtype_was_narrowed(str(getattr(scores, "dtype", table.dtype)).removeprefix("torch."), table.dtype.name)
    images, classes = table.shape
    is_not_padding = jnp.ones(images, bool) if mask is None else jnp.asarray(mask)
    check_shape(is_not_padding, (images,), value_name="the mask")
    return _count_images(table, target, is_not_padding.astype(bool), is_multi_hot, normalize_top_k(top_k, classes))


def accuracy(counts: Counts) -> dict[int, float | None]:
    """Compute ReaL accuracy at each k, in [0, 1]; None if no image has a valid class.

    Raises
    ------
    DataError
        A score was NaN, valid classes were invalid, or the counts were not summed over batches or devices.
    """
    totals = jax.device_get(counts)
    if np.ndim(totals.n):
        raise DataError(
            "no-count",
            "counts must be summed over batches and devices first",
            allowed="n as a single number",
            found=f"n as an array of shape {np.shape(totals.n)}",
        )
    raise_if_invalid(int(totals.n_nan), int(totals.n_with_invalid_target))
    return {
        k: int(hits) / int(totals.n) if totals.n else None for k, hits in zip(totals.top_k, totals.hits, strict=True)
    }


@partial(jax.jit, static_argnums=(3, 4))
def _count_images(
    scores: jax.Array, target: jax.Array, is_not_padding: jax.Array, is_multi_hot: bool, top_k: tuple[int, ...]
) -> Counts:
    """Count the hits of a batch, and its images with a NaN score or an invalid target."""
    ranks, is_empty, is_nan, is_target_invalid = find_best_ranks(scores, target, is_multi_hot)
    hits = [~is_empty & (ranks < k) for k in top_k]
    flags = jnp.stack([*hits, ~is_empty, is_empty, is_nan, is_target_invalid], axis=1)
    return Counts(top_k, jnp.sum(flags & is_not_padding[:, None], axis=0, dtype=jnp.int32))
