"""A copy of a campaign, made while it is served."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from reassess.annotation.addresses import is_server
from reassess.annotation.store import versions
from reassess.annotation.store.campaign_files import only_process, writing_campaign
from reassess.annotation.store.database import (
    RESTORE,
    connect,
    database_errors,
    existing,
    keep_log,
    open_engine,
    reading,
)
from reassess.annotation.store.schema import metadata
from reassess.annotation.store.versions import check_form, note_form
from reassess.errors import DataError, MissingPackageError, OutputError

__all__ = [
    "Upgraded",
    "backup_campaign",
    "upgrade_campaign",
]

_ROWS = 10_000  # that are copied at a time


def backup_campaign(address: str | Path, path: str | Path, *, force: bool = False) -> None:
    """Copy a campaign into an SQLite file: all that was acknowledged when the copy begins. Nobody has to wait for it.

    Parameters
    ----------
    address
        The path of an SQLite file, or an address that begins with ``postgresql://``.
    path
        The copy, which is a campaign too.
    force
        Overwrite a file, unless it is a campaign with answers of people that the copy lacks.

    Raises
    ------
    DataError
        There is no such campaign; it is damaged; it is on a server and was made by another version; or the database
        cannot be used.
    OutputError
        The copy exists, is the campaign itself, that of a campaign that is open, or one with answers of people that the
        campaign lacks; or it cannot be written.
    """
    if is_server(address):
        _copy_from_server(str(address), Path(path), force=force)
    else:
        _copy_file(Path(address), Path(path), force=force)


def _copy_file(address: Path, path: Path, *, force: bool) -> None:
    if os.path.realpath(path) == os.path.realpath(address):
        raise OutputError("output-is-input", "copy would replace the campaign", where=path, fix="choose another name")
    with database_errors(address), connect(existing(address)) as source:
        source.execute("SELECT id FROM campaign")  # an error if it is none
        with writing_campaign(path, force=force) as temporary, connect(temporary) as target:
            source.backup(target)
            (state,) = target.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise DataError("damaged-campaign", "campaign file is damaged", where=address, found=state, fix=RESTORE)


def _copy_from_server(address: str, path: Path, *, force: bool) -> None:
    server = open_engine(address)
    try:
        with database_errors(address), reading(server) as source:
            check_form(source, address)
            with writing_campaign(path, force=force) as temporary:
                keep_log(temporary)
                file = open_engine(temporary)
                try:
                    with file.begin() as target:
                        _copy_rows(source, target)
                finally:
                    file.dispose()  # which brings what is in the write-ahead log into the file
    finally:
        server.dispose()


def _copy_rows(source: Connection, target: Connection) -> None:
    """Make the tables of a campaign, with all rows of another one."""
    metadata.create_all(target)
    note_form(target)
    streaming = source.execution_options(stream_results=True)
    for table in metadata.sorted_tables:
        for rows in streaming.execute(select(table).order_by(*table.primary_key)).mappings().partitions(_ROWS):
            target.execute(table.insert(), [dict(row) for row in rows])


_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class Upgraded:
    """What was done to a campaign.

    Parameters
    ----------
    before, after
        Its form.
    backup
        The copy of the file as it was; None if nothing was to be done, or if the campaign is on a server.
    """

    before: str
    after: str
    backup: Path | None


def upgrade_campaign(address: str | Path, *, force: bool = False) -> Upgraded:
    """Give a campaign of an earlier version the form of today. All of it is done, or nothing.

    Parameters
    ----------
    address
        The path of an SQLite file, of which a copy is kept beside it; or an address that begins with
        ``postgresql://``.
    force
        Overwrite a copy that is there, such as of an upgrade that failed.

    Raises
    ------
    DataError
        There is no campaign; it was made by a later version; it is in a file that is served; or the database cannot be
        used.
    OutputError
        The copy exists or cannot be written.
    MissingPackageError
        Alembic is not installed.
    """
    try:
        from alembic import command
        from alembic.config import Config
    except ImportError as error:
        raise MissingPackageError("alembic", extra="annotate", purpose="upgrading a campaign") from error
    with database_errors(address), only_process(address):
        engine = open_engine(address)
        try:
            with reading(engine) as connection:
                before = versions.form_of(connection, address)
                if before >= versions.FORM:
                    versions.check_form(connection, address)
                    return Upgraded(before, before, None)
            backup = None
            if not is_server(address):
                path = Path(address)
                backup = path.with_name(f"{path.stem}-{before}{path.suffix}")
                backup_campaign(path, backup, force=force)
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, versions.FORM)
        finally:
            engine.dispose()
    return Upgraded(before, versions.FORM, backup)
