"""A copy of a campaign, made while it is served."""

import os
from pathlib import Path

from sqlalchemy import Connection, select

from reassess.annotation.addresses import is_server
from reassess.annotation.store.campaign_files import writing_campaign
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
from reassess.errors import DataError, OutputError

__all__ = ["backup_campaign"]

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
        raise OutputError("the copy would take the place of the campaign", where=path, mend="choose another name")
    with database_errors(address), connect(existing(address)) as source:
        source.execute("SELECT id FROM campaign")  # an error if it is none
        with writing_campaign(path, force=force) as temporary, connect(temporary) as target:
            source.backup(target)
            (state,) = target.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise DataError("the campaign is damaged", where=address, found=state, mend=RESTORE)


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
