"""Campaign files: a new one never replaces a campaign with answers, and only one process serves a file."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path

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
    opened,
    reading,
)
from reassess.annotation.store.schema import form_of
from reassess.errors import DataError, OutputError
from reassess.formats.file_lock import LockedError, take_lock
from reassess.formats.files import exists, writing
from reassess.text import counted

_BESIDE = ("-wal", "-shm", "-journal", ".lock")
# Answers of people, except experts' answers from the plan that were not changed; programs of `simulate` are not people.
_GIVEN = """
SELECT count(*) FROM answers WHERE (revision > 0 OR at != (SELECT at FROM log ORDER BY id LIMIT 1))
AND person NOT IN (SELECT json_extract(detail, '$.person') FROM log WHERE what = 'simulate')
"""
_MISSING = """
AND NOT EXISTS (
    SELECT 1 FROM other.answers AS same WHERE same.question = answers.question AND same.person = answers.person
    AND (same.revision > answers.revision
         OR same.revision = answers.revision AND same.answer = answers.answer AND same.at = answers.at)
)
"""


def refuse_answered(address: str | Path, instead: Path | None = None) -> None:
    """Raise `OutputError` if a new campaign cannot replace the one at an address.

    That is a campaign that is open, or has answers of people, or is on a server. Answers that the campaign `instead`,
    which will replace it, also has do not count.
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
            found=counted(given, "answer") + ("" if instead is None else " missing from the new file"),
            fix="choose another name, or delete the file",
        )


def _refuse_held(address: str | Path) -> None:
    with database_errors(address), opened(address) as engine:
        is_held = inspect(engine).has_table(schema.campaign.name)
    if is_held:
        raise OutputError(
            "output-is-campaign",
            "database already contains a campaign",
            where=shown_address(address),
            fix="use an empty database",
        )


def _answers(connection: sqlite3.Connection, instead: Path | None) -> int:
    """Number of answers of people that another campaign does not have; 0 if the file is not a campaign."""
    try:
        if instead is not None:
            connection.execute("ATTACH ? AS other", (file_uri(instead),))
        (given,) = connection.execute(_GIVEN + ("" if instead is None else _MISSING)).fetchone()
    except sqlite3.Error as error:
        if not any(text in str(error) for text in ("not a database", "no such table")):
            raise
        return 0
    return int(given)


@contextmanager
def writing_campaign(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Write a campaign file, as `writing` does.

    A campaign that is open, or was not closed, has its newest answers in a log beside its file. The new file would take
    over that log.
    """
    _refuse_place(path)
    with writing(path, force=force) as temporary:
        beside = [Path(f"{temporary}{ending}") for ending in _BESIDE]
        try:
            yield temporary
            if any(map(exists, beside)):  # SQLite reports nothing if it closes a file and cannot move its log into it
                raise OSError("no room for the log of the database in its file")
            refuse_answered(path, temporary)
        except (sqlite3.Error, UnavailableError) as error:  # such as a full disk
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
            found=f"{log.name}, with its newest answers",
            fix="stop its server; after a kill, reassess status closes it; or choose another name",
        )


_PATIENCE = 1.0  # seconds: other processes hold the lock for a moment with each change


@contextmanager
def only_process(address: str | Path) -> Iterator[None]:
    """Be the only process that serves or upgrades an SQLite file; on a database server there may be several.

    The lock is beside the real file, not beside a link to it.
    """
    if is_server(address):
        yield
        return
    path = os.path.realpath(existing(address))
    if (names := Path(path).stat().st_nlink) > 1:  # each would have its own log of answers
        raise DataError(
            "several-links",
            "campaign file has several names",
            where=address,
            allowed="1",
            found=f"{names} hard links",
            fix="delete the other names, or serve a copy by reassess annotate backup",
        )
    _refuse_other(address)
    try:
        if not os.access(path, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
        lock = take_lock(Path(f"{path}.lock"), patience=_PATIENCE)
    except LockedError as error:
        raise DataError(
            "campaign-in-use", "campaign is in use", where=address, found=str(error), fix="stop it, or use PostgreSQL"
        ) from error
    except OSError as error:
        raise DataError(
            "read-only-campaign",
            "campaign file is read-only, so it cannot be served or upgraded",
            where=address,
            found=error.strerror,
            fix=ALLOW_WRITING,
        ) from error
    with lock:
        ONLY_HERE.add(path)
        try:
            yield
        finally:
            ONLY_HERE.discard(path)


def _refuse_other(address: str | Path) -> None:
    """Raise `DataError` if a file is not a campaign, before a lock is created beside it."""
    with database_errors(address), opened(address) as engine, reading(engine) as connection:
        form_of(connection, address)
