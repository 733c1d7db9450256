"""Opening the database of a campaign: an SQLite file, or PostgreSQL."""

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

from reassess.annotation.addresses import hide_password, is_server_address
from reassess.annotation.store.write_ahead_log import WriteAheadLog, make_file_1_ns_older
from reassess.errors import DataError, require_package
from reassess.formats.file_lock import is_locked
from reassess.formats.files import exists

UnavailableError = exc.OperationalError
WaitedTooLongError = exc.TimeoutError

ALLOW_WRITING_FIX = "make the file and its folder writable"
RESTORE_FIX = "use a copy made by `reassess annotate backup`"
_STOP_SERVER_FIX = f"stop its server, and {RESTORE_FIX}"
EXCLUSIVE_FILES: set[str] = set()  # real paths of files that this process has locked to serve or upgrade them
_MAX_CONNECTIONS = 8  # kept open to a database server, since a new connection takes longer than a request
_LOCK_TIMEOUT_MS = 10_000  # milliseconds that a writer waits for another writer
# Limits for a database server that does not answer; an address can set its own. Without the second one (milliseconds),
# requests would hang for minutes if the machine of the database disappears.
_SERVER_TIMEOUTS = {"connect_timeout": "10", "tcp_user_timeout": "10000"}
# Statements of raters' requests read a few rows by indexes. By default, PostgreSQL plans some of them for each request,
# and keeps plans that scan whole tables or indexes, which were made when the tables were small.
_WHOLE_TABLE_SETTINGS = (
    *("enable_seqscan", "enable_mergejoin", "enable_hashjoin", "enable_material"),
    "enable_indexonlyscan",  # it would read the tables too, in a slower way, since they change all the time
)
_PLAN_SETTINGS = "-c plan_cache_mode=force_generic_plan -c jit=off " + " ".join(
    f"-c {name}=off" for name in _WHOLE_TABLE_SETTINGS
)
_USUAL_PLANS = "SELECT set_config('plan_cache_mode', 'auto', true), " + ", ".join(
    f"set_config('{name}', 'on', true)" for name in _WHOLE_TABLE_SETTINGS
)
_MAX_LOG_PAGES = 1_000  # SQLite moves a log of this size into the file
# The serving process moves a log into the file after this number of changes or bytes.
_MAX_LOG_CHANGES, _MAX_LOG_BYTES = 25, 8 << 20


class CheckedWriteLock:
    """A lock for changes of an SQLite file, which also detects changes by other programs.

    Only one thread changes the file at a time. The lock checks the file before each change, and again before the
    change is confirmed. It refuses changes in two cases:

    - The file or its log was deleted or replaced. SQLite does not notice this, and confirmed changes would be lost.
    - Another program has changed the file or the log. While a process serves the file, no other program should write
      to it: only this process moves commits from the log into the file.
    """

    def __init__(self, engine: Engine, path: str) -> None:
        self._engine, self._path, self._lock, self._changes = engine, path, Lock(), 0
        with closing(engine.raw_connection()) as connection:
            self._has_log = connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            if path in EXCLUSIVE_FILES:  # waits for another process that is moving the log
                _, pages, _ = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        self._log = (
            WriteAheadLog(f"{path}-wal", is_empty=not pages) if self._has_log and path in EXCLUSIVE_FILES else None
        )
        self._is_log_changed, self._rows, self._has_written = False, 0, False
        self._state = self._read_state()
        event.listen(engine, "begin", self._check_file_before_writing)
        event.listen(engine, "commit", self._remember_commit)
        if self._log is not None:
            event.listen(engine, "engine_disposed", lambda _, log=self._log: log.close())

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT_MS / 1000):
            raise WaitedTooLongError("another change by this process has locked the database for too long")
        try:
            self._raise_if_changed_by_other_program()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if error is None and self._log is not None:
                is_due = (
                    not self._changes % _MAX_LOG_CHANGES or self._log.log_position_after_own_commits > _MAX_LOG_BYTES
                )
                self._raise_if_changed_by_other_program(has_new_commit=self._has_written, must_reread_pages=is_due)
                if is_due:
                    self._move_wal_into_file()
        finally:
            self._lock.release()

    def _read_state(self) -> "_FileState":
        """Read the current state of the SQLite file and its write-ahead log."""
        file = _stat_file(self._path)
        if not self._has_log:  # for example a read-only file
            return _FileState(_device_and_inode(file), None, None)
        content = (file.st_size, file.st_mtime_ns) if file is not None and self._path in EXCLUSIVE_FILES else None
        return _FileState(
            _device_and_inode(file),
            content,
            (_device_and_inode(_stat_file(f"{self._path}-wal")), _device_and_inode(_stat_file(f"{self._path}-shm"))),
        )

    def _check_file_before_writing(self, connection: Connection) -> None:
        """Check that nobody has changed the file, now that the transaction has the right to write."""
        if connection.get_execution_options().get("reading"):
            return
        self._raise_if_changed_by_other_program()
        self._rows, self._has_written = _count_changed_rows(connection), False
        self._changes += 1
        pages = 0 if self._path in EXCLUSIVE_FILES or is_locked(f"{self._path}.lock") else _MAX_LOG_PAGES
        if connection.info.get("pages") != pages:
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint={pages}")
            connection.info["pages"] = pages

    def _remember_commit(self, connection: Connection) -> None:
        """Store whether the transaction has changed any row, for the check after the commit."""
        if not connection.get_execution_options().get("reading"):
            self._has_written = _count_changed_rows(connection) != self._rows

    def _raise_if_changed_by_other_program(
        self, *, has_new_commit: bool = False, must_reread_pages: bool = False
    ) -> None:
        """Raise an error if another program has changed the SQLite file or its write-ahead log.

        Before that, the intact commits of the log are moved into the file. The arguments are those of
        `contains_all_commits_of_this_process`.
        """
        if self._log is not None:
            self._is_log_changed |= not self._log.contains_all_commits_of_this_process(
                has_new_commit=has_new_commit, must_reread_pages=must_reread_pages
            )
        state = self._read_state()
        if self._is_log_changed or state != self._state:
            error = sqlite3.OperationalError(f"{self._path} {state.describe_change(self._state)}")
            self._move_wal_into_file()
            if self._log is not None and self._is_log_changed and not self._log.is_only_header_changed():
                self._log.truncate_after_last_valid_commit()
            raise UnavailableError(statement="BEGIN IMMEDIATE", params=None, orig=error)

    def _move_wal_into_file(self) -> None:
        """Move commits from the write-ahead log into the database, unless one of the files was replaced."""
        state, log = self._read_state(), _stat_file(f"{self._path}-wal")
        is_unchanged = state == self._state
        if is_unchanged:  # SQLite would also move damaged pages
            may_move = self._log is None or not self._is_log_changed or self._log.is_only_header_changed()
        else:
            may_move = state._replace(log_inodes=self._state.log_inodes) == self._state and (
                log is None or not log.st_size
            )
        if may_move:
            with closing(self._engine.raw_connection()) as connection:
                connection.execute("PRAGMA wal_checkpoint")
            if is_unchanged:
                make_file_1_ns_older(self._path)
                self._state = self._read_state()


class _FileState(NamedTuple):
    """The inode, size and time of an SQLite file, and the inodes of its write-ahead log."""

    inode: tuple[int, int] | None
    size_and_time: tuple[int, int] | None  # None if other processes may move the log into the file too
    log_inodes: tuple[Any, ...] | None

    def describe_change(self, earlier: "_FileState") -> str:
        """Describe how the SQLite file and its write-ahead log have changed since an earlier state."""
        if self.inode != earlier.inode:
            return "was moved, deleted or replaced since it was opened"
        if self.log_inodes != earlier.log_inodes:
            return "lost its log: a file beside it that ends in -wal or -shm was deleted or replaced"
        if self == earlier:
            return "has a log (-wal) that another program changed since it was opened"
        return "was changed by another program since it was opened"


def _count_changed_rows(connection: Connection) -> int:
    """Return how many rows a connection has changed so far."""
    return int(connection.connection.dbapi_connection.total_changes)


def _stat_file(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - three times as fast as Path.stat
    except OSError:
        return None


def _device_and_inode(stat: os.stat_result | None) -> tuple[int, int] | None:
    """Return the device and inode that identify a file; None without a file."""
    return stat and (stat.st_dev, stat.st_ino)


def open_engine(address: str | Path) -> Engine:
    """Create the SQLAlchemy engine of a campaign.

    SQLite syncs each commit to the disk, so confirmed changes survive a kill and a power failure. A writing
    transaction takes the write lock at its start, and waits up to 10 seconds for it, so there are no deadlocks.
    """
    text = str(address)
    if is_server_address(text):
        with require_package("psycopg", extra="postgresql", purpose="campaigns on a server"):
            import psycopg  # noqa: F401
        try:
            url = make_url(text)
            if "@" in (url.host or ""):
                raise ValueError("the host contains a part of the password: write @ in the password as %40")
        except (ArgumentError, ValueError):  # the error may contain a part of a password
            raise DataError(
                "wrong-address",
                "not the address of a database",
                where=hide_password(address),
                allowed="postgresql://USER@HOST/DATABASE, with %40 for an @ in the password",
            ) from None
        engine = create_engine(
            url.set(drivername="postgresql+psycopg", query=_SERVER_TIMEOUTS | url.query),
            pool_size=_MAX_CONNECTIONS,
            max_overflow=0,
            pool_timeout=_LOCK_TIMEOUT_MS / 1000,
            connect_args={
                "options": f"-c lock_timeout={_LOCK_TIMEOUT_MS} {_PLAN_SETTINGS}",
                "prepare_threshold": None,  # else psycopg deletes all prepared statements after a rollback
            },
            hide_parameters=True,
        )
        event.listen(engine, "begin", _use_usual_plans_for_reading)
        return engine
    url = URL.create("sqlite", database=sqlite_uri(text), query={"uri": "true"})
    engine = create_engine(url, json_deserializer=_parse_json, hide_parameters=True)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_transaction)
    return engine


@contextmanager
def use_engine(address: str | Path) -> Iterator[Engine]:
    """Yield an SQLAlchemy engine. When it is closed, SQLite moves its write-ahead log into the database file."""
    engine = open_engine(address)
    try:
        yield engine
    finally:
        engine.dispose()


def connect_to_file(path: str | Path) -> "closing[sqlite3.Connection]":
    """Open a plain connection to an SQLite file."""
    return closing(sqlite3.connect(sqlite_uri(path), uri=True))


def enable_wal(path: Path) -> None:
    """Enable SQLite's write-ahead log in a file, so that reads do not wait for writes."""
    with connect_to_file(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def check_campaign_exists(address: str | Path) -> str | Path:
    """Raise `DataError` if the file of a campaign does not exist; otherwise return the address."""
    # SQLite would create a missing file.
    if is_server_address(address) or os.path.isfile(address):  # noqa: PTH113 - Path.is_file raises for a name that is too long
        return address
    if exists(address):
        kind = "a folder" if Path(address).is_dir() else "a pipe or a device"
        raise DataError(
            "not-a-campaign",
            f"path is {kind}, not a campaign",
            where=address,
            fix="choose the file of a campaign",
        )
    is_link = os.path.islink(address)  # noqa: PTH114
    raise DataError(
        "not-a-campaign",
        "campaign not found",
        where=address,
        found=f"a link to {Path(address).readlink()}, which does not exist" if is_link else None,
        fix="correct the link" if is_link else "check the path, or create a campaign: reassess annotate create",
    )


@contextmanager
def connect_for_reading(engine: Engine, *, is_single_statement: bool = False) -> Iterator[Connection]:
    """Yield a connection whose statements all read the same state of the database.

    With `is_single_statement`, the caller runs only one statement, so the connection needs no transaction.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # by default, each statement would see the latest commits
            connection.execution_options(isolation_level="AUTOCOMMIT" if is_single_statement else "REPEATABLE READ")
        yield connection.execution_options(reading=True)


@contextmanager
def convert_database_errors(address: str | Path) -> Iterator[None]:
    """Raise `DataError` if the code inside the `with` block causes an error of the campaign's database."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = describe_error(error)
        raise DataError(
            "database-failed",
            "database of the campaign cannot be used",
            where=hide_password(address),
            found=cause,
            fix=next((fix for text, fix in _FIXES_BY_ERROR_TEXT.items() if text in cause), None),
        ) from error


def describe_error(error: Exception) -> str:
    """Return the text of a database error in one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def check_integrity(connection: Connection, pragma: str) -> None:
    """Raise `DataError` if an SQLite file is damaged; `pragma` is ``quick_check`` or ``integrity_check``."""
    if connection.dialect.name == "sqlite":
        result = connection.exec_driver_sql(f"PRAGMA {pragma}(1)").scalar_one()
        if result != "ok":
            path = connection.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar()
            raise DataError("damaged-campaign", "campaign file is damaged", where=path, found=result, fix=RESTORE_FIX)


def is_read_only_error(error: DBAPIError) -> bool:
    """Return whether an error means that the database is read-only for this user."""
    return "readonly" in str(error.orig) or getattr(error.orig, "sqlstate", None) in _READ_ONLY_CODES


_READ_ONLY_CODES = ("25006", "42501")  # PostgreSQL: a read-only transaction, a missing permission
_FIXES_BY_ERROR_TEXT = {
    "is locked": "try again once the other process has ended",
    "not a database": "choose the file of a campaign",
    "no such table": "choose the file of a campaign",
    "no such column": "choose the file of a campaign",
    "malformed": RESTORE_FIX,
    "since it was opened": _STOP_SERVER_FIX,
    "lost its log": _STOP_SERVER_FIX,
    "readonly": ALLOW_WRITING_FIX,
    "unable to open": ALLOW_WRITING_FIX,
    "full": "free space on the disk",
    "password": "correct the password in the address, in PGPASSWORD or in ~/.pgpass",
    "does not exist": "check the names of the user and the database",
    "onnection": "check the address, and start the server",
    "resolve host": "check the address",
}


def sqlite_uri(path: str | Path) -> str:
    """Return the URI of a file for SQLite.

    SQLite cannot create a log beside a read-only file. So a read-only file is opened as immutable, unless it already
    has a log from another process.
    """
    file = Path(os.path.realpath(path))
    is_writable = all(os.access(path, os.W_OK) for path in (file, file.parent))
    is_immutable = file.exists() and not is_writable and not file.with_name(f"{file.name}-wal").exists()
    return f"file:{quote(os.fsencode(file))}{'?immutable=1' if is_immutable else ''}"


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError) as error:
        raise DataError(
            "damaged-campaign", "a value in the database is not JSON", found=repr(text), fix=RESTORE_FIX
        ) from error


def _begin_transaction(connection: Connection) -> None:
    if connection.get_execution_options().get("reading"):
        connection.connection.cursor().execute("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _use_usual_plans_for_reading(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") == "REPEATABLE READ":
        connection.exec_driver_sql(_USUAL_PLANS)


def _set_pragmas(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions start with an explicit BEGIN
    for setting in ("synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_LOCK_TIMEOUT_MS}"):
        connection.execute(f"PRAGMA {setting}")
