"""Scores as arrays: floats of any size; bfloat16, which numpy lacks, as its bits in int16."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError
from reassess.numeric.arrays import as_array

__all__ = ["as_floats", "as_scores", "infinity_bits"]

_SCORE_BYTES = (2, 4, 8)


def as_scores(given: npt.ArrayLike) -> npt.NDArray[Any]:
    """Scores of any library's arrays as `Predictions` hold them, shape (N, outputs), and not copied.

    Raises
    ------
    DataError
        They are not floats, one row an image and one column a class.

    Examples
    --------
    >>> as_scores([[0.5, 0.25]])
    array([[0.5 , 0.25]])
    """
    array, are_bits = as_array(given)
    is_float = are_bits or (array.dtype.kind == "f" and array.dtype.itemsize in _SCORE_BYTES)
    if not is_float or array.ndim != 2 or not array.shape[1]:
        raise DataError(
            "scores must be floats, one row an image and one column a class",
            allowed="float16, bfloat16, float32 or float64 of shape (N, classes)",
            found=f"{'bfloat16' if are_bits else array.dtype} {array.shape}",
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def as_floats(scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Scores as numpy floats; the bits of bfloat16 are the upper half of a float32."""
    if scores.dtype == np.int16:
        return (scores.astype(np.int32) << 16).view(np.float32)
    return np.asarray(scores)


def infinity_bits(dtype: np.dtype[Any]) -> np.signedinteger[Any]:
    """The bits of +inf as an integer of the size of a score; those of a NaN, without its sign, are a larger number."""
    if dtype == np.int16:
        return np.int16(0x7F80)  # bfloat16
    return cast("np.signedinteger[Any]", np.array(np.inf, dtype).view(f"i{dtype.itemsize}")[()])
