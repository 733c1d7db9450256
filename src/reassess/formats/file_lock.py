"""Locks on files (flock). The system releases a lock when its process ends, also when it is killed."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_MAX_TRIES = 50  # while waiting for a lock


class LockedError(Exception):
    """The error that another process holds the lock. `holder` is the id of that process, empty if unknown."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        super().__init__(f"process {holder}")


def take_lock(path: Path, *, max_wait: float = 0.0, requires_lock_support: bool = True) -> TextIO:
    """Lock a file until the returned file object is closed; create the file if it is missing.

    Wait up to `max_wait` seconds, and write this process's id into the file. Raise `LockedError` if another process
    holds the lock. Raise `OSError` if the file cannot be written. If the file system has no locks, raise `OSError` too,
    or without `requires_lock_support`, return the file unlocked.
    """
    import fcntl

    end = time.monotonic() + max_wait
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read()
            file.close()
            if time.monotonic() >= end:
                raise LockedError(holder) from None
            time.sleep(max_wait / _MAX_TRIES)
            continue
        except OSError:
            if requires_lock_support:
                file.close()
                raise
        if os.fstat(file.fileno()).st_nlink:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            return file
        file.close()  # the former holder deleted it in the meantime


def is_locked(path: str | Path) -> bool:
    """Return whether another process holds the lock of a file; False if the file does not exist."""
    import fcntl

    try:
        with open(path) as file:  # noqa: PTH123 - faster than Path.open, and runs at every change of a campaign
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a folder during the block, and wait for other processes; do nothing if the folder cannot be locked."""
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # a missing folder raises a better error in the block
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
