"""Whether this process was forked from one in which polars was at work.

Its threads are not in the fork, where it would wait for them for ever.
"""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from reassess.errors import DataError

__all__ = ["refuse_fork"]

_THREADS = Path("/proc/self/task")  # of Linux; elsewhere processes are forked only where that is asked for
_OF_POLARS = re.compile(r"polars-\d")
_at_work = {"here": False, "before the fork": False}


def refuse_fork() -> None:
    """Raise `DataError` in a process that was forked after a table was read or written."""
    if _at_work["before the fork"]:
        raise DataError(
            "a table is read or written in a process that was forked after another table was",
            allowed="processes that are started anew",
            mend='multiprocessing.get_context("spawn"), or multiprocessing_context="spawn" of a DataLoader',
        )


def _look() -> None:
    """Note whether polars has threads; this runs before a fork."""
    paths = _THREADS.glob("*/comm") if "polars" in sys.modules else ()
    with suppress(OSError):  # of a thread that has ended by now
        _at_work["here"] = any(_OF_POLARS.match(path.read_text()) for path in paths)


def _remember() -> None:
    """In the fork, note what was so before it."""
    _at_work["before the fork"] |= _at_work["here"]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_look, after_in_child=_remember)
