"""Ranks within a graph of Keras, on any backend, by the rule of `reassess.accuracy`: equal scores rank by class id.

Scores are compared as integers that order as the numbers do, with -0 equal to +0: backends may take denormals for zero.
"""

from typing import Any

import numpy as np
from keras import ops
from keras.backend import standardize_dtype

from reassess.predictions import infinity_bits
from reassess.targets import PADDING

__all__ = ["rank_best"]

_Tensor = Any  # of the backend
_Classes = tuple[_Tensor, _Tensor, _Tensor]


def rank_best(scores: _Tensor, target: _Tensor, is_hot: bool) -> tuple[_Tensor, _Tensor, _Tensor, _Tensor]:
    """Rank of each image's best valid class, and of which images there is none, a NaN, or an ill-formed target.

    Parameters
    ----------
    scores
        Floats, shape (images, classes).
    target
        Multi-hot, shape (images, classes), or integers, ids padded with -1, shape (images, width).
    is_hot
        Which of the two.

    Returns
    -------
    int32, shape (images,), of no meaning for an image without a valid class; and three of bool, shape (images,).
    """
    keys, is_nan = _keys(scores)
    classes = scores.shape[1]
    lowest = ops.convert_to_tensor(np.iinfo(standardize_dtype(keys.dtype)).min, keys.dtype)
    (valid_keys, ids, is_valid), is_ill_formed = (_read_hot if is_hot else _read_ids)(keys, target)
    valid_keys = ops.where(is_valid, valid_keys, lowest)
    best = ops.max(valid_keys, axis=1, keepdims=True)
    first = ops.min(ops.where(is_valid & (valid_keys == best), ids, classes), axis=1, keepdims=True)
    before = (keys > best) | ((keys == best) & (ops.arange(classes) < first))
    return ops.sum(ops.cast(before, "int32"), axis=1), first[:, 0] == classes, is_nan, is_ill_formed


def _keys(scores: _Tensor) -> tuple[_Tensor, _Tensor]:
    """Integers that order as the scores do, and whether a score of the image is NaN."""
    dtype = standardize_dtype(scores.dtype)
    infinity = infinity_bits(np.dtype("int16" if dtype == "bfloat16" else dtype))
    bits = ops.view(scores, infinity.dtype.name)
    if infinity.itemsize == 2:
        bits = ops.cast(bits, "int32")  # backends have few kernels for int16
    magnitude, shift = np.iinfo(infinity.dtype).max, 8 * infinity.itemsize - 1
    size = ops.bitwise_and(bits, ops.convert_to_tensor(magnitude, bits.dtype))
    sign = ops.right_shift(bits, ops.convert_to_tensor(shift, bits.dtype))
    return ops.bitwise_xor(size, sign) - sign, ops.max(size, axis=1) > int(infinity)


def _read_hot(keys: _Tensor, target: _Tensor) -> tuple[_Classes, _Tensor]:
    """Keys and ids of classes, and whether they are valid; and whether the target of an image is ill-formed."""
    is_valid = ops.cast(target, "bool")
    is_odd = ops.not_equal(target, ops.cast(is_valid, target.dtype))
    return (keys, ops.arange(keys.shape[1])[None], is_valid), ops.any(is_odd, axis=1)


def _read_ids(keys: _Tensor, target: _Tensor) -> tuple[_Classes, _Tensor]:
    """The same from padded ids; one more is added, since a tensor without columns has no maximum."""
    ids = ops.pad(ops.cast(target, "int32"), [[0, 0], [0, 1]], constant_values=PADDING)
    is_valid = (ids >= 0) & (ids < keys.shape[1])
    ordered = ops.sort(ids, axis=1)
    is_twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != PADDING)
    is_ill_formed = ops.any(~is_valid & (ids != PADDING), axis=1) | ops.any(is_twice, axis=1)
    return (ops.take_along_axis(keys, ops.where(is_valid, ids, 0), axis=1), ids, is_valid), is_ill_formed
