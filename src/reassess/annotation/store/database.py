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

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import OperationalError as UnavailableError
from sqlalchemy.exc import TimeoutError as WaitedTooLongError

from reassess.annotation.addresses import is_server, shown_address
from reassess.annotation.store.log_file import LogFile, set_time_back
from reassess.errors import DataError, MissingPackageError
from reassess.formats.files import exists

__all__ = [
    "ALLOW_WRITING",
    "ONLY_HERE",
    "RESTORE",
    "Gate",
    "UnavailableError",
    "WaitedTooLongError",
    "check_whole",
    "connect",
    "database_errors",
    "existing",
    "file_uri",
    "forbids_writing",
    "is_server",
    "keep_log",
    "open_engine",
    "reading",
]

ALLOW_WRITING = "allow that the file and its folder are written"
RESTORE = "take a copy that reassess annotate backup made"
_STOP = f"stop its server, and {RESTORE}"
ONLY_HERE: set[str] = set()  # real paths of the files that this process alone serves or upgrades
_CONNECTIONS = 8  # of a process to a server, which stay open: a new one takes longer than what is asked of it
_PATIENCE = 10_000  # milliseconds that one writer waits for another
_PAGES = 1_000  # of a log, after which SQLite moves it into the file
_CHANGES, _BYTES = 25, 8 << 20  # after which a process that serves a file does


class Gate:
    """Lets one change of an SQLite file pass at a time, and none after somebody has replaced the file or its log.

    SQLite would not notice, and what is acknowledged then would be lost. The process that serves the file is the only
    one that moves the log into it. So it refuses changes once anything else has altered the size or time of the file,
    or what is in the log. It looks before each change, and before the change is acknowledged.
    """

    def __init__(self, engine: Engine, path: str) -> None:
        self._engine, self._path, self._lock, self._changes = engine, path, Lock(), 0
        with closing(engine.raw_connection()) as connection:
            self._has_log = connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            if path in ONLY_HERE:  # whoever is moving the log ends first
                connection.execute("PRAGMA wal_checkpoint(FULL)")
        self._log = LogFile(f"{path}-wal") if self._has_log and path in ONLY_HERE else None
        self._is_log_changed, self._rows, self._has_written = False, 0, False
        self._seen = self._look()
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "commit", self._commit)
        if self._log is not None:
            event.listen(engine, "engine_disposed", lambda _, log=self._log: log.close())

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=_PATIENCE / 1000):
            raise WaitedTooLongError("the database takes no change of this process")
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
        if not self._has_log:  # such as where the file may only be read
            return _Seen(_place(file), None, None)
        content = (file.st_size, file.st_mtime_ns) if file is not None and self._path in ONLY_HERE else None
        return _Seen(_place(file), content, (_place(_stat(f"{self._path}-wal")), _place(_stat(f"{self._path}-shm"))))

    def _begin(self, connection: Connection) -> None:
        """What is looked at again once the transaction has the right to write."""
        if connection.get_execution_options().get("reading"):
            return
        self._check()
        self._rows, self._has_written = _changed_rows(connection), False
        self._changes += 1
        pages = 0 if self._path in ONLY_HERE or _is_served(self._path) else _PAGES
        if connection.info.get("pages") != pages:
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint={pages}")
            connection.info["pages"] = pages

    def _commit(self, connection: Connection) -> None:
        if not connection.get_execution_options().get("reading"):
            self._has_written = _changed_rows(connection) != self._rows

    def _check(self, **how: bool) -> None:
        """Refuse a change if the file or its log is not as it was left, and save what the log still has."""
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
        """Move the log into the file, also a deleted one, which this process still has, if no other is in its place."""
        found, log = self._look(), _stat(f"{self._path}-wal")
        is_there = found == self._seen
        if is_there:  # SQLite would move damaged pages too
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
    """What tells an SQLite file and its log from others that have taken their place."""

    place: tuple[int, int] | None
    content: tuple[int, int] | None  # size and time; None where other processes may move the log into the file too
    log: tuple[Any, ...] | None

    def fault(self, before: "_Seen") -> str:
        """What has happened since."""
        if self.place != before.place:
            return "was moved, deleted or replaced since it was opened"
        if self.log != before.log:
            return "lost its log: a file beside it that ends in -wal or -shm was deleted or replaced"
        if self == before:
            return "has a log (-wal) that another program changed since it was opened"
        return "was changed by another program since it was opened"


def _changed_rows(connection: Connection) -> int:
    """Of a connection since it was opened: SQLite writes nothing if a transaction changes none."""
    return int(connection.connection.dbapi_connection.total_changes)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - a third of the time
    except OSError:
        return None


def _place(found: os.stat_result | None) -> tuple[int, int] | None:
    return found and (found.st_dev, found.st_ino)


def _is_served(path: str) -> bool:
    """Whether another process serves or upgrades a file: it holds a lock beside it."""
    try:
        with open(f"{path}.lock") as lock:  # noqa: PTH123
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def open_engine(campaign: str | Path) -> Engine:
    """The engine of a campaign.

    Notes
    -----
    SQLite waits for the disk at each commit, so that what was acknowledged survives a kill and a power failure. A
    transaction that changes something takes the right to write at its beginning, for which it waits 10 seconds at most:
    so no two wait for one another.
    """
    text = str(campaign)
    if is_server(text):
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise MissingPackageError("psycopg", extra="postgresql", purpose="a campaign on a server") from error
        try:
            url = make_url(text)
            if "@" in (url.host or ""):
                raise ValueError("the end of a password was taken for the host")
        except (ArgumentError, ValueError):  # which may hold a part of a password
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


def connect(path: str | Path) -> "closing[sqlite3.Connection]":
    """A connection to an SQLite file, without what `open_engine` sets."""
    return closing(sqlite3.connect(file_uri(path), uri=True))


def keep_log(path: Path) -> None:
    """Let whoever writes to an SQLite file from now on keep a write-ahead log, beside which others can read.

    The file itself says so, and each copy that `backup_campaign` makes of it.
    """
    with connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def existing(campaign: str | Path) -> str | Path:
    """The address of a campaign, of which a file is there; `DataError` if it is not, since SQLite would make one."""
    if is_server(campaign) or os.path.isfile(campaign):  # noqa: PTH113 - of a name too long, a Path raises an error
        return campaign
    if exists(campaign):
        kind = "a folder" if Path(campaign).is_dir() else "a pipe or a device"
        raise DataError(
            "not-a-campaign",
            f"{kind} was given instead of a campaign",
            where=campaign,
            fix="name the file of a campaign",
        )
    is_link = os.path.islink(campaign)  # noqa: PTH114
    raise DataError(
        "not-a-campaign",
        "campaign not found",
        where=campaign,
        found=f"a link to {Path(campaign).readlink()}, which is not there" if is_link else None,
        fix="fix the link" if is_link else "make one with reassess annotate create",
    )


def reading(engine: Engine, *, once: bool = False) -> Connection:
    """A connection that reads what was there when it began, by one statement if `once`, and writes nothing."""
    connection = engine.connect()
    if engine.dialect.name == "postgresql":  # where else each statement sees what was committed meanwhile
        connection = connection.execution_options(isolation_level="AUTOCOMMIT" if once else "REPEATABLE READ")
    return connection.execution_options(reading=True)


@contextmanager
def database_errors(campaign: str | Path) -> Iterator[None]:
    """What the database of a campaign refuses, as an error of this package."""
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
    """Raise `DataError` if an SQLite file is damaged, by its `quick_check`, or its slower `integrity_check`."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(f"PRAGMA {check}(1)").scalar_one()
        if found != "ok":
            path = connection.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar()
            raise DataError("damaged-campaign", "campaign file is damaged", where=path, found=found, fix=RESTORE)


def forbids_writing(error: DBAPIError) -> bool:
    """Whether a database refused a change since it may only be read, by whoever asked."""
    return "readonly" in str(error.orig) or getattr(error.orig, "sqlstate", None) in _READ_ONLY


_READ_ONLY = ("25006", "42501")  # of PostgreSQL: a transaction that only reads, and a right that was not granted
_FIXES = {
    "is locked": "wait until the other process has written, and try again",
    "not a database": "name the file of a campaign",
    "no such table": "name the file of a campaign",
    "no such column": "name the file of a campaign",
    "malformed": RESTORE,
    "since it was opened": _STOP,
    "lost its log": _STOP,
    "readonly": ALLOW_WRITING,
    "unable to open": ALLOW_WRITING,
    "full": "make room on the disk",
    "onnection": "check the address, and that the server runs",
    "does not exist": "name the database of a campaign",
}


def file_uri(path: str | Path) -> str:
    """The address by which SQLite opens a file.

    Where it may not write, it can keep no log, and reads the file as it is: unless somebody else keeps one beside it.
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
    connection.isolation_level = None  # transactions begin where they are begun, not at the first change
    for setting in ("synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_PATIENCE}"):
        connection.execute(f"PRAGMA {setting}")
