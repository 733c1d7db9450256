"""Locks on files (flock). The system releases them when the process ends, also when it is killed."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_TRIES = 50  # during the patience


class LockedError(Exception):
    """Another process holds the lock; `holder` is its number, or empty if it has not written it yet."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        super().__init__(f"process {holder}")


def take_lock(path: Path, *, patience: float = 0.0, is_optional: bool = False) -> TextIO:
    """Take the lock of a file, which is created if needed; the lock is held until the returned file is closed.

    It waits up to `patience` seconds, and writes the number of this process into the file. Raise `LockedError` if
    another process holds the lock, and `OSError` if the file cannot be written, or its file system has no locks. An
    optional lock is not taken there.
    """
    import fcntl

    last = time.monotonic() + patience
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read()
            file.close()
            if time.monotonic() >= last:
                raise LockedError(holder) from None
            time.sleep(patience / _TRIES)
            continue
        except OSError:
            if not is_optional:
                file.close()
                raise
        if os.fstat(file.fileno()).st_nlink:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            return file
        file.close()  # its holder has ended meanwhile, and deleted it


def is_locked(path: str | Path) -> bool:
    """Whether another process holds the lock of a file; False if the file does not exist."""
    import fcntl

    try:
        with open(path) as file:  # noqa: PTH123 - faster than a Path, and called with every change of a campaign
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def only_in_folder(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for this folder; at once where folders have no locks."""
    try:
        import fcntl

        place = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # what the block does with the folder says what is wrong
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)
