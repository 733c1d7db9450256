"""Campaign files: the lock of the serving process, backups, and upgrades from an earlier version."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path

from sqlalchemy import Connection, inspect, select

from reassess.annotation.addresses import hide_password, is_server_address
from reassess.annotation.store import schema
from reassess.annotation.store.database import (
    ALLOW_WRITING_FIX,
    EXCLUSIVE_FILES,
    RESTORE_FIX,
    UnavailableError,
    check_campaign_exists,
    connect_for_reading,
    connect_to_file,
    convert_database_errors,
    describe_error,
    enable_wal,
    sqlite_uri,
    use_engine,
)
from reassess.annotation.store.schema import check_schema_version, metadata, read_schema_version, store_schema_version
from reassess.errors import DataError, OutputError, require_package
from reassess.formats.file_lock import LockedError, take_lock
from reassess.formats.files import exists, write_to_temporary
from reassess.text import count_noun

_SIDE_FILE_SUFFIXES = ("-wal", "-shm", "-journal", ".lock")
# Count answers of people. Unchanged answers of experts from the plan and answers of simulated raters do not count.
_COUNT_ANSWERS_SQL = """
SELECT count(*) FROM answers WHERE (revision > 0 OR at != (SELECT at FROM log ORDER BY id LIMIT 1))
AND person NOT IN (SELECT json_extract(detail, '$.person') FROM log WHERE what = 'simulate')
"""
_MISSING_FROM_REPLACEMENT_SQL = """
AND NOT EXISTS (
    SELECT 1 FROM replacement.answers AS same WHERE same.question = answers.question AND same.person = answers.person
    AND (same.revision > answers.revision
         OR same.revision = answers.revision AND same.answer = answers.answer AND same.at = answers.at)
)
"""


def check_replaceable(address: str | Path, replacement: Path | None = None) -> None:
    """Raise `OutputError` if the campaign at an address must not be replaced.

    A campaign cannot be replaced if it is open, has answers of people, or is on a server. `replacement` is the file of
    the new campaign; answers that it also contains would not be lost, so they are ignored.
    """
    if is_server_address(address):
        with convert_database_errors(address), use_engine(address) as engine:
            has_campaign = inspect(engine).has_table(schema.campaign.name)
        if has_campaign:
            raise OutputError(
                "output-is-campaign",
                "database already contains a campaign",
                where=hide_password(address),
                fix="use an empty database",
            )
        return
    path = Path(address)
    _check_campaign_path(path)
    count = 0
    if exists(path) and path.is_file():
        with convert_database_errors(path), connect_to_file(path) as connection:
            count = _count_lost_answers(connection, replacement)
    if count:
        raise OutputError(
            "output-is-campaign",
            "existing file is a campaign with answers, so it is not replaced",
            where=path,
            found=count_noun(count, "answer") + ("" if replacement is None else " that the new file does not contain"),
            fix="choose another name, or delete the existing file",
        )


def _count_lost_answers(connection: sqlite3.Connection, replacement: Path | None) -> int:
    """Count the answers in the open campaign file that the file `replacement` does not contain.

    If `replacement` is None, count all answers. Return 0 if the open file is not a campaign.
    """
    try:
        if replacement is not None:
            connection.execute("ATTACH ? AS replacement", (sqlite_uri(replacement),))
        (count,) = connection.execute(
            _COUNT_ANSWERS_SQL + ("" if replacement is None else _MISSING_FROM_REPLACEMENT_SQL)
        ).fetchone()
    except sqlite3.Error as error:
        if not any(text in str(error) for text in ("not a database", "no such table")):
            raise
        return 0
    return int(count)


@contextmanager
def temporary_campaign_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path for a campaign file, which replaces the old file after the `with` block.

    `OutputError` if the old file has a write-ahead log, a file beside it that ends in -wal. The log contains the newest
    answers of the old campaign, and SQLite would apply them to the new file.
    """
    _check_campaign_path(path)
    with write_to_temporary(path, force=force) as temporary:
        side_files = [Path(f"{temporary}{ending}") for ending in _SIDE_FILE_SUFFIXES]
        try:
            yield temporary
            # A remaining log means that SQLite could not move it into the file. SQLite reports no error.
            if any(map(exists, side_files)):
                raise OSError("the disk has no space to move the database log into the database file")
            check_replaceable(path, temporary)
        except (sqlite3.Error, UnavailableError) as error:  # for example a full disk
            raise OSError(describe_error(error)) from error
        finally:
            for file in side_files:
                file.unlink(missing_ok=True)


def _check_campaign_path(path: Path) -> None:
    for ending in _SIDE_FILE_SUFFIXES:
        if os.path.realpath(path).endswith(ending):
            raise OutputError(
                "reserved-name",
                f"campaign name cannot end in {ending}, the ending of files that SQLite writes next to a campaign",
                where=path,
                fix="choose another name",
            )
    log = Path(f"{os.path.realpath(path)}-wal")
    if exists(log):
        raise OutputError(
            "in-use",
            "a campaign with this name is being served, or its server was killed",
            where=path,
            found=f"the file {log.name}, which contains its newest answers",
            fix="stop its server (if it was killed, run `reassess status`), or choose another name",
        )


_LOCK_TIMEOUT = 1.0  # seconds; other processes hold the lock briefly during each change


@contextmanager
def lock_campaign_file(address: str | Path) -> Iterator[None]:
    """Lock an SQLite file during the `with` block, so that only this process serves or upgrades it.

    A database server needs no lock. The lock file is beside the real file, not beside a link to it.
    """
    if is_server_address(address):
        yield
        return
    path = os.path.realpath(check_campaign_exists(address))
    if (names := Path(path).stat().st_nlink) > 1:  # SQLite would keep a separate log of answers for each name
        raise DataError(
            "several-links",
            "campaign file has several names",
            where=address,
            allowed="1 name",
            found=f"{names} hard links",
            fix="delete the other names, or serve a copy made by `reassess annotate backup`",
        )
    with convert_database_errors(address), use_engine(address) as engine, connect_for_reading(engine) as connection:
        # Raises if this is not a campaign, before a lock file is created beside it.
        read_schema_version(connection, address)
    try:
        if not os.access(path, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
        lock = take_lock(Path(f"{path}.lock"), max_wait=_LOCK_TIMEOUT)
    except LockedError as error:
        raise DataError(
            "in-use",
            "campaign is used by another process",
            where=address,
            found=str(error),
            fix="stop that process, or use PostgreSQL",
        ) from error
    except OSError as error:
        raise DataError(
            "read-only-campaign",
            "campaign file is read-only, so it cannot be served or upgraded",
            where=address,
            found=error.strerror,
            fix=ALLOW_WRITING_FIX,
        ) from error
    with lock:
        EXCLUSIVE_FILES.add(path)
        try:
            yield
        finally:
            EXCLUSIVE_FILES.discard(path)


_ROWS_PER_STATEMENT = 10_000  # copied per statement


def backup_campaign(address: str | Path, backup_path: str | Path, *, force: bool = False) -> None:
    """Copy a campaign into an SQLite file, even while raters work.

    The copy contains all changes that were confirmed to raters before it began. With `force`, replace a file, unless it
    is a campaign with answers of people that the copy does not contain.
    """
    if is_server_address(address):
        _copy_from_server(str(address), Path(backup_path), force=force)
    else:
        _copy_file(Path(address), Path(backup_path), force=force)


def _copy_file(address: Path, backup_path: Path, *, force: bool) -> None:
    if os.path.realpath(backup_path) == os.path.realpath(address):
        raise OutputError(
            "output-is-input", "copy would replace the campaign", where=backup_path, fix="choose another name"
        )
    with convert_database_errors(address), connect_to_file(check_campaign_exists(address)) as source:
        source.execute("SELECT id FROM campaign")  # raises if the file is not a campaign
        with temporary_campaign_file(backup_path, force=force) as temporary, connect_to_file(temporary) as target:
            source.backup(target)
            (state,) = target.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise DataError(
                    "damaged-campaign", "campaign file is damaged", where=address, found=state, fix=RESTORE_FIX
                )


def _copy_from_server(address: str, backup_path: Path, *, force: bool) -> None:
    with convert_database_errors(address), use_engine(address) as server, connect_for_reading(server) as source:
        try:
            check_schema_version(source, address)
        except DataError as error:
            error.fix = "copy it with pg_dump, then run `reassess annotate backup ADDRESS --upgrade`"
            raise
        with temporary_campaign_file(backup_path, force=force) as temporary:
            enable_wal(temporary)
            with use_engine(temporary) as file, file.begin() as target:
                _copy_rows(source, target)


def _copy_rows(source: Connection, target: Connection) -> None:
    """Create the tables of a campaign, and copy all rows of another campaign."""
    metadata.create_all(target)
    store_schema_version(target)
    streaming = source.execution_options(stream_results=True)
    for table in metadata.sorted_tables:
        for rows in (
            streaming.execute(select(table).order_by(*table.primary_key)).mappings().partitions(_ROWS_PER_STATEMENT)
        ):
            target.execute(table.insert(), [dict(row) for row in rows])


_MIGRATIONS_FOLDER = Path(__file__).parent / "migrations"


def upgrade_campaign(
    address: str | Path, backup_path: str | Path | None = None, *, force: bool = False
) -> tuple[str, str]:
    """Upgrade the tables of a campaign; return the schema versions before and after.

    The tables get the schema version of this version of reassess. If `backup_path` is given, the campaign is first
    copied to this file; `force` lets the copy replace a file, as in `backup_campaign`. If the upgrade fails, nothing
    changes.
    """
    with require_package("alembic", extra="annotate", purpose="upgrading a campaign"):
        from alembic import command
        from alembic.config import Config
    with convert_database_errors(address), lock_campaign_file(address), use_engine(address) as engine:
        with connect_for_reading(engine) as connection:
            old_version = schema.read_schema_version(connection, address)
            if old_version >= schema.CURRENT_SCHEMA_VERSION:
                schema.check_schema_version(connection, address)
        if backup_path is not None:
            backup_campaign(address, backup_path, force=force)
        if old_version < schema.CURRENT_SCHEMA_VERSION:
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS_FOLDER).replace("%", "%%"))
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, schema.CURRENT_SCHEMA_VERSION)
    return old_version, schema.CURRENT_SCHEMA_VERSION
