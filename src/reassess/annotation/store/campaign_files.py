"""A campaign's file takes its place: never that of a campaign that is open."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path
from typing import TextIO

from sqlalchemy import inspect

from reassess.annotation.addresses import is_server, shown_address
from reassess.annotation.store import schema
from reassess.annotation.store.database import (
    ALLOW_WRITING,
    ONLY_HERE,
    UnavailableError,
    connect,
    database_errors,
    existing,
    file_uri,
    open_engine,
    reading,
)
from reassess.annotation.store.versions import form_of
from reassess.errors import DataError, OutputError
from reassess.formats.files import exists, writing
from reassess.text import counted

__all__ = [
    "only_process",
    "refuse_answered",
    "writing_campaign",
]

_BESIDE = ("-wal", "-shm", "-journal", ".lock")
# Answers that were neither brought along by experts, or have been changed since, nor given by the raters of reassess
# annotate simulate.
_GIVEN = """
SELECT count(*) FROM answers WHERE (revision > 0 OR at != (SELECT at FROM log ORDER BY id LIMIT 1))
AND person NOT IN (SELECT json_extract(detail, '$.person') FROM log WHERE what = 'simulate')
"""
_LACKING = """
AND NOT EXISTS (
    SELECT 1 FROM other.answers AS same WHERE same.question = answers.question AND same.person = answers.person
    AND (same.revision > answers.revision
         OR same.revision = answers.revision AND same.answer = answers.answer AND same.at = answers.at)
)
"""


def refuse_answered(address: str | Path, instead: Path | None = None) -> None:
    """Raise `OutputError` if a campaign may not take the place of what is there.

    That is the file of a campaign in which people have answered, or that is open; or any campaign on a server. Answers
    that the campaign `instead` has too, which is to take the place of the file, do not count. `DataError` if that
    cannot be known, since the database is locked or damaged, or server is not reachable.
    """
    if is_server(address):
        _refuse_held(address)
        return
    path = Path(address)
    _refuse_place(path)
    given = 0
    if exists(path) and path.is_file():
        with database_errors(path), connect(path) as connection:
            given = _answers(connection, instead)
    if given:
        raise OutputError(
            "output-is-campaign",
            "file is a campaign with answers, and is not replaced",
            where=path,
            found=counted(given, "answer") + ("" if instead is None else " that the new file lacks"),
            fix="choose another name, or delete the file",
        )


def _refuse_held(address: str | Path) -> None:
    engine = open_engine(address)
    try:
        with database_errors(address):
            is_held = inspect(engine).has_table(schema.campaign.name)
    finally:
        engine.dispose()
    if is_held:
        raise OutputError(
            "output-is-campaign",
            "database already contains a campaign",
            where=shown_address(address),
            fix="take another database",
        )


def _answers(connection: sqlite3.Connection, instead: Path | None) -> int:
    """How many answers people have given which another campaign lacks; 0 in a file that is no campaign."""
    try:
        if instead is not None:
            connection.execute("ATTACH ? AS other", (file_uri(instead),))
        (given,) = connection.execute(_GIVEN + ("" if instead is None else _LACKING)).fetchone()
    except sqlite3.Error as error:
        if not any(text in str(error) for text in ("not a database", "no such table")):
            raise
        return 0
    return int(given)


@contextmanager
def writing_campaign(path: Path, *, force: bool = False) -> Iterator[Path]:
    """As `writing`, of a campaign's file.

    Beside the file of a campaign that is open, or was not closed, lies a log with its newest answers. It would be taken
    for a part of the new file.
    """
    _refuse_place(path)
    with writing(path, force=force) as temporary:
        beside = [Path(f"{temporary}{ending}") for ending in _BESIDE]
        try:
            yield temporary
            if any(map(exists, beside)):  # SQLite says nothing if it closes a file and finds no room for its log
                raise OSError("no room for the log of the database in its file")
            refuse_answered(path, temporary)
        except (sqlite3.Error, UnavailableError) as error:  # such as of a full disk
            raise OSError(str(getattr(error, "orig", error))) from error
        finally:
            for left in beside:
                left.unlink(missing_ok=True)


def _refuse_place(path: Path) -> None:
    for ending in _BESIDE:
        if os.path.realpath(path).endswith(ending):
            raise OutputError(
                "reserved-name",
                f"campaign name cannot end in {ending}, like files beside a campaign",
                where=path,
                fix="choose another name",
            )
    log = Path(f"{os.path.realpath(path)}-wal")
    if exists(log):
        raise OutputError(
            "campaign-in-use",
            "a campaign with this name is open, or was not closed",
            where=path,
            found=f"{log.name}, which holds its newest answers",
            fix="stop its server; reassess annotate status closes what a server left that was killed; or take another "
            "name",
        )


_PATIENCE = 1.0  # seconds: each change by another process has the lock for a moment, to see whether there is a server


@contextmanager
def only_process(address: str | Path) -> Iterator[None]:
    """Be the only process that serves or upgrades a campaign in an SQLite file; on a database server there may be many.

    The lock stands beside the file itself, which may be opened by a link to it.

    Raises
    ------
    DataError
        The file is not found, is not a campaign, is read-only, is in use, or has a second name.
    """
    if is_server(address):
        yield
        return
    path = os.path.realpath(existing(address))
    lock = Path(f"{path}.lock")
    if (names := Path(path).stat().st_nlink) > 1:  # each of which would have a log of answers of its own
        raise DataError(
            "several-links",
            "campaign file has several names",
            where=address,
            allowed="1",
            found=f"{names} hard links",
            fix="delete the other names, or serve a copy that reassess annotate backup made",
        )
    _refuse_other(address)
    try:
        if not os.access(path, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
        file = lock.open("a+")
    except OSError as error:
        raise DataError(
            "read-only-campaign",
            "campaign file is read-only, so it cannot be served or upgraded",
            where=address,
            found=error.strerror,
            fix=ALLOW_WRITING,
        ) from error
    with file:
        try:
            _lock(file)
        except BlockingIOError as error:
            file.seek(0)
            raise DataError(
                "campaign-in-use",
                "campaign is in use",
                where=address,
                found=f"process {file.read()}",
                fix="stop it first; for several servers, keep the campaign in PostgreSQL",
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
