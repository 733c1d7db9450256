"""That one process at a time serves or upgrades a campaign in a file."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path
from typing import TextIO

from reassess.annotation.addresses import is_server
from reassess.annotation.store.database import ALLOW_WRITING, ONLY_HERE, database_errors, existing, open_engine, reading
from reassess.annotation.store.versions import form_of
from reassess.errors import DataError

__all__ = ["only_process"]

_PATIENCE = 1.0  # seconds: each change by another process has the lock for a moment, to see whether there is a server


@contextmanager
def only_process(address: str | Path) -> Iterator[None]:
    """Be the only process that serves or upgrades a campaign in an SQLite file; on a database server there may be many.

    The lock stands beside the file itself, which may be opened by a link to it.

    Raises
    ------
    DataError
        There is no such file, it is no campaign or may not be written, another process serves or upgrades it, or it has
        a second name by which one could.
    """
    if is_server(address):
        yield
        return
    path = os.path.realpath(existing(address))
    lock = Path(f"{path}.lock")
    if (names := Path(path).stat().st_nlink) > 1:  # each of which would have a log of answers of its own
        raise DataError(
            "the campaign's file has several names",
            where=address,
            allowed="1",
            found=f"{names} hard links",
            mend="delete the other names, or serve a copy that reassess annotate backup made",
        )
    _refuse_other(address)
    try:
        if not os.access(path, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
        file = lock.open("a+")
    except OSError as error:
        raise DataError(
            "the campaign cannot be served or upgraded: it may not be written",
            where=address,
            found=error.strerror,
            mend=ALLOW_WRITING,
        ) from error
    with file:
        try:
            _lock(file)
        except BlockingIOError as error:
            file.seek(0)
            raise DataError(
                "another process serves or upgrades this campaign",
                where=address,
                found=f"process {file.read()}",
                mend="stop it first; for several servers, keep the campaign in PostgreSQL",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        ONLY_HERE.add(path)
        try:
            yield
        finally:
            ONLY_HERE.discard(path)


def _lock(file: TextIO) -> None:
    import fcntl

    last = time.monotonic() + _PATIENCE
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > last:
                raise
        time.sleep(_PATIENCE / 50)


def _refuse_other(address: str | Path) -> None:
    """`DataError` for a file that is no campaign, beside which no lock is left."""
    engine = open_engine(address)
    try:
        with database_errors(address), reading(engine) as connection:
            form_of(connection, address)
    finally:
        engine.dispose()
