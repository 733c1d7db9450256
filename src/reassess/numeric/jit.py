"""Compiled loops, and where their machine code is kept."""

import os
from collections.abc import Callable
from typing import Any

from reassess.errors import DataError

_THREADS = "NUMBA_NUM_THREADS"
if not (given := os.environ.get(_THREADS, "1")).isdecimal() or int(given) < 1:  # numba dies of it, or is not quiet
    raise DataError(
        "out-of-range",
        "number of threads of compiled loops out of range",
        where=f"the environment variable {_THREADS}",
        allowed="1 or more",
        found=given or "an empty text",
        fix="unset it",
    )

import numba  # noqa: E402


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile, and keep the machine code for the next process where a folder can be written.

    Machine code that cannot be read or kept, since its file is damaged or the disk is full, is compiled anew.
    """
    try:
        kept = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder is writable
        return numba.njit(nogil=True)(function)
    cache = kept._cache  # type: ignore[attr-defined]
    for name in ("load_overload", "save_overload"):
        setattr(cache, name, _or_none(getattr(cache, name)))
    return kept


def thread_count() -> int:
    """How many threads numba may use: as many as there are cores, or as NUMBA_NUM_THREADS says."""
    return numba.get_num_threads()


def _or_none(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            return method(*arguments)
        except Exception:  # a damaged file can raise anything
            return None

    return call
