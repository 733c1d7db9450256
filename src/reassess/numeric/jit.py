"""Compilation of loops with numba, and a cache of the machine code."""

import os
from collections.abc import Callable
from typing import Any

from reassess.errors import DataError

_THREADS = "NUMBA_NUM_THREADS"
if not (_threads := os.environ.get(_THREADS, "1")).isdecimal() or int(_threads) < 1:  # numba would crash or print
    raise DataError(
        "out-of-range",
        "the number of threads for compiled loops is out of range",
        where=f"the environment variable {_THREADS}",
        allowed="1 or more",
        found=_threads or "an empty text",
        fix="unset this variable",
    )

import numba  # noqa: E402


def compile_cached(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a function, and cache its machine code if numba finds a writable folder.

    If the cache cannot be read or written (a damaged file, a full disk), the function is compiled again.
    """
    try:
        dispatcher = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder is writable
        return numba.njit(nogil=True, **options)(function)
    cache = dispatcher._cache
    for name in ("load_overload", "save_overload"):
        setattr(cache, name, _ignore_errors(getattr(cache, name)))
    return dispatcher


def thread_count() -> int:
    """Return the number of threads of numba: NUMBA_NUM_THREADS, or by default one per core."""
    return numba.get_num_threads()


def _ignore_errors(method: Callable[..., Any]) -> Callable[..., Any]:
    def call_or_return_none(*arguments: Any) -> Any:
        try:
            return method(*arguments)
        except Exception:  # a damaged file can raise anything
            return None

    return call_or_return_none
