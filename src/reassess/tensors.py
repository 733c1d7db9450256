"""Arrays of other libraries as numpy arrays: the same memory wherever the library lets numpy see it."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError

__all__ = ["as_array"]

_BFLOAT16 = "bfloat16"  # its name in every library; numpy has no such type, and is given its bits


def as_array(given: Any) -> tuple[npt.NDArray[Any], bool]:
    """Numpy's view of an array, and whether its int16 are the bits of bfloat16.

    Parameters
    ----------
    given
        A numpy array, memory-mapped or not; a tensor of PyTorch, TensorFlow or JAX; what speaks DLPack; or nested
        sequences. On the CPU nothing is copied; from another device the values are fetched.

    Raises
    ------
    DataError
        The array is not there yet, as within a compiled function, or numpy cannot read it.

    Examples
    --------
    >>> as_array([[0.5, 0.25]])
    (array([[0.5 , 0.25]]), False)
    """
    try:
        return _read(given)
    except Exception as error:  # each library raises its own
        raise DataError(
            "numpy cannot read this array",
            allowed="an array with its values, on the CPU or where they can be fetched from",
            found=f"{type(given).__module__}.{type(given).__qualname__}: {str(error).splitlines()[0]}",
            mend="within a compiled function (tf.function, jax.jit), use the functions of reassess.integrations",
        ) from error


def _read(given: Any) -> tuple[npt.NDArray[Any], bool]:
    if isinstance(given, np.ndarray):  # a map of a file stays one
        array = given
    elif (torch := sys.modules.get("torch")) is not None and isinstance(given, torch.Tensor):
        is_bfloat16 = given.dtype is torch.bfloat16
        return (given.view(torch.int16) if is_bfloat16 else given).numpy(force=True), is_bfloat16
    else:
        speaks_dlpack_alone = hasattr(given, "__dlpack__") and not hasattr(given, "__array__")
        array = np.from_dlpack(given) if speaks_dlpack_alone else np.asarray(given)
    return (array.view(np.int16), True) if array.dtype.kind == "V" and array.dtype.name == _BFLOAT16 else (array, False)
