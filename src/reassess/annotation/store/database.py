"""How a campaign's database is opened: an SQLite file, or PostgreSQL."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from reassess.annotation.addresses import is_server, shown_address
from reassess.annotation.store.log_file import LogFile, set_time_back
from reassess.errors import DataError, importing
from reassess.formats.file_lock import is_locked
from reassess.formats.files import exists

UnavailableError = exc.OperationalError
WaitedTooLongError = exc.TimeoutError

ALLOW_WRITING = "make the file and its folder writable"
RESTORE = "use a copy by reassess annotate backup"
_STOP = f"stop its server, and {RESTORE}"
ONLY_HERE: set[str] = set()  # real paths of files that only this process serves or upgrades
_CONNECTIONS = 8  # open connections of a process to a server; a new connection is slower than a request
_PATIENCE = 10_000  # milliseconds that a writer waits for another
_PAGES = 1_000  # size of a log that SQLite moves into the file
_CHANGES, _BYTES = 25, 8 << 20  # changes or size of a log that a serving process moves into the file


class Gate:
    """Lets one change of an SQLite file pass at a time, and none after the file or its log was replaced.

    SQLite would not notice that, and acknowledged changes would be lost. Only the process that serves the file moves
    the log into it. So the gate refuses changes once anything else has changed the size or time of the file, or the
    content of the log. It looks before each change, and again before the change is acknowledged.
    """

    def __init__(self, engine: Engine, path: str) -> None:
        self._engine, self._path, self._lock, self._changes = engine, path, Lock(), 0
        with closing(engine.raw_connection()) as connection:
            self._has_log = connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            if path in ONLY_HERE:  # wait for another process that is moving the log
                _, pages, _ = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        self._log = LogFile(f"{path}-wal", is_empty=not pages) if self._has_log and path in ONLY_HERE else None
        self._is_log_changed, self._rows, self._has_written = False, 0, False
        self._seen = self._look()
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "commit", self._commit)
        if self._log is not None:
            event.listen(engine, "engine_disposed", lambda _, log=self._log: log.close())

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=_PATIENCE / 1000):
            raise WaitedTooLongError("the database accepts no change of this process")
        try:
            self._check()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if error is None and self._log is not None:
                is_due = not self._changes % _CHANGES or self._log.end > _BYTES
                self._check(has_committed=self._has_written, thorough=is_due)
                if is_due:
                    self._move_log()
        finally:
            self._lock.release()

    def _look(self) -> "_Seen":
        file = _stat(self._path)
        if not self._has_log:  # such as a read-only file
            return _Seen(_inode(file), None, None)
        content = (file.st_size, file.st_mtime_ns) if file is not None and self._path in ONLY_HERE else None
        return _Seen(_inode(file), content, (_inode(_stat(f"{self._path}-wal")), _inode(_stat(f"{self._path}-shm"))))

    def _begin(self, connection: Connection) -> None:
        """Look again once the transaction may write."""
        if connection.get_execution_options().get("reading"):
            return
        self._check()
        self._rows, self._has_written = _changed_rows(connection), False
        self._changes += 1
        pages = 0 if self._path in ONLY_HERE or is_locked(f"{self._path}.lock") else _PAGES
        if connection.info.get("pages") != pages:
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint={pages}")
            connection.info["pages"] = pages

    def _commit(self, connection: Connection) -> None:
        if not connection.get_execution_options().get("reading"):
            self._has_written = _changed_rows(connection) != self._rows

    def _check(self, **how: bool) -> None:
        """Refuse a change if the file or its log was changed by others, and save what the log still has."""
        if self._log is not None:
            self._is_log_changed |= not self._log.is_kept(**how)
        found = self._look()
        if self._is_log_changed or found != self._seen:
            gone = sqlite3.OperationalError(f"{self._path} {found.fault(self._seen)}")
            self._move_log()
            if self._log is not None and self._is_log_changed and not self._log.has_lost_header():
                self._log.cut()
            raise UnavailableError("BEGIN IMMEDIATE", None, gone)

    def _move_log(self) -> None:
        """Move the log into the file; also a deleted log that this process still has open, unless replaced."""
        found, log = self._look(), _stat(f"{self._path}-wal")
        is_there = found == self._seen
        if is_there:  # SQLite would also move damaged pages
            may_move = self._log is None or not self._is_log_changed or self._log.has_lost_header()
        else:
            may_move = found._replace(log=self._seen.log) == self._seen and (log is None or not log.st_size)
        if may_move:
            with closing(self._engine.raw_connection()) as connection:
                connection.execute("PRAGMA wal_checkpoint")
            if is_there:
                set_time_back(self._path)
                self._seen = self._look()


class _Seen(NamedTuple):
    """The identity of an SQLite file and its log."""

    place: tuple[int, int] | None
    content: tuple[int, int] | None  # size and time; None if other processes may move the log into the file too
    log: tuple[Any, ...] | None

    def fault(self, before: "_Seen") -> str:
        """Return what has changed since."""
        if self.place != before.place:
            return "was moved, deleted or replaced since it was opened"
        if self.log != before.log:
            return "lost its log: a file beside it that ends in -wal or -shm was deleted or replaced"
        if self == before:
            return "has a log (-wal) that another program changed since it was opened"
        return "was changed by another program since it was opened"


def _changed_rows(connection: Connection) -> int:
    """Rows that a connection has changed since it was opened; SQLite writes nothing if there are none."""
    return int(connection.connection.dbapi_connection.total_changes)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - a third of the time
    except OSError:
        return None


def _inode(found: os.stat_result | None) -> tuple[int, int] | None:
    return found and (found.st_dev, found.st_ino)


def open_engine(campaign: str | Path) -> Engine:
    """Open the engine of a campaign.

    SQLite waits for the disk at each commit, so acknowledged changes survive a kill and a power failure. A writing
    transaction takes the right to write when it begins, and waits up to 10 seconds for it, so no two wait for each
    other.
    """
    text = str(campaign)
    if is_server(text):
        with importing("psycopg", extra="postgresql", purpose="campaigns on a server"):
            import psycopg  # noqa: F401
        try:
            url = make_url(text)
            if "@" in (url.host or ""):
                raise ValueError("the end of a password was taken for the host")
        except (ArgumentError, ValueError):  # it may contain a part of a password
            raise DataError(
                "wrong-address",
                "not the address of a database",
                where=shown_address(campaign),
                allowed="postgresql://USER@HOST/DATABASE, with %40 in place of an @ in the password",
            ) from None
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=_PATIENCE / 1000,
            connect_args={"options": f"-c lock_timeout={_PATIENCE}"},
            hide_parameters=True,
        )
    url = URL.create("sqlite", database=file_uri(text), query={"uri": "true"})
    engine = create_engine(url, json_deserializer=_from_json, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def opened(campaign: str | Path) -> Iterator[Engine]:
    """Open the engine of a campaign for a block. At its end SQLite moves the write-ahead log into the file."""
    engine = open_engine(campaign)
    try:
        yield engine
    finally:
        engine.dispose()


def connect(path: str | Path) -> "closing[sqlite3.Connection]":
    """Open a plain connection to an SQLite file."""
    return closing(sqlite3.connect(file_uri(path), uri=True))


def enable_wal(path: Path) -> None:
    """Enable SQLite's write-ahead log, so that reads do not wait for writes; the file remembers it."""
    with connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def existing(campaign: str | Path) -> str | Path:
    """Return the address of an existing campaign; `DataError` if the file is missing, since SQLite would create it."""
    if is_server(campaign) or os.path.isfile(campaign):  # noqa: PTH113 - of a name too long, a Path raises an error
        return campaign
    if exists(campaign):
        kind = "a folder" if Path(campaign).is_dir() else "a pipe or a device"
        raise DataError(
            "not-a-campaign",
            f"{kind} was given instead of a campaign",
            where=campaign,
            fix="choose the file of a campaign",
        )
    is_link = os.path.islink(campaign)  # noqa: PTH114
    raise DataError(
        "not-a-campaign",
        "campaign not found",
        where=campaign,
        found=f"a link to {Path(campaign).readlink()}, which does not exist" if is_link else None,
        fix="correct the link" if is_link else "check the path, or reassess annotate create",
    )


def reading(engine: Engine, *, once: bool = False) -> Connection:
    """Open a read-only connection to the state at its start; `once`: for one statement."""
    connection = engine.connect()
    if engine.dialect.name == "postgresql":  # otherwise each statement sees later commits
        connection = connection.execution_options(isolation_level="AUTOCOMMIT" if once else "REPEATABLE READ")
    return connection.execution_options(reading=True)


@contextmanager
def database_errors(campaign: str | Path) -> Iterator[None]:
    """Turn errors of a campaign's database into `DataError`."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        found = str(getattr(error, "orig", None) or error).strip()
        raise DataError(
            "database-failed",
            "database of the campaign cannot be used",
            where=shown_address(campaign),
            found=found,
            fix=next((fix for text, fix in _FIXES.items() if text in found), None),
        ) from error


def check_whole(connection: Connection, check: str) -> None:
    """Raise `DataError` if an SQLite file is damaged, by `quick_check` or the slower `integrity_check`."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(f"PRAGMA {check}(1)").scalar_one()
        if found != "ok":
            path = connection.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar()
            raise DataError("damaged-campaign", "campaign file is damaged", where=path, found=found, fix=RESTORE)


def forbids_writing(error: DBAPIError) -> bool:
    """Whether a database refused a change because it is read-only for this user."""
    return "readonly" in str(error.orig) or getattr(error.orig, "sqlstate", None) in _READ_ONLY


_READ_ONLY = ("25006", "42501")  # PostgreSQL: a read-only transaction, and a missing right
_FIXES = {
    "is locked": "try again once the other process has ended",
    "not a database": "choose the file of a campaign",
    "no such table": "choose the file of a campaign",
    "no such column": "choose the file of a campaign",
    "malformed": RESTORE,
    "since it was opened": _STOP,
    "lost its log": _STOP,
    "readonly": ALLOW_WRITING,
    "unable to open": ALLOW_WRITING,
    "full": "free space on the disk",
    "onnection": "check the address, and start the server",
    "does not exist": "check the name of the database",
}


def file_uri(path: str | Path) -> str:
    """The address of a file for SQLite.

    A read-only file cannot have a log, and is read as it is, unless another process keeps a log beside it.
    """
    file = Path(os.path.realpath(path))
    may_write = all(os.access(place, os.W_OK) for place in (file, file.parent))
    is_fixed = file.exists() and not may_write and not file.with_name(f"{file.name}-wal").exists()
    return f"file:{quote(os.fsencode(file))}{'?immutable=1' if is_fixed else ''}"


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError) as error:
        raise DataError(
            "damaged-campaign", "a value in the database is not JSON", found=repr(text), fix=RESTORE
        ) from error


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("reading"):
        connection.connection.cursor().execute("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin explicitly, not at the first change
    for setting in ("synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_PATIENCE}"):
        connection.execute(f"PRAGMA {setting}")
