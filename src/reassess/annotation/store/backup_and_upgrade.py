"""Copies of a campaign while it is served, and upgrades of one from an earlier version."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from reassess.annotation.addresses import is_server
from reassess.annotation.store import schema
from reassess.annotation.store.campaign_files import only_process, writing_campaign
from reassess.annotation.store.database import RESTORE, connect, database_errors, enable_wal, existing, opened, reading
from reassess.annotation.store.schema import check_form, metadata, note_form
from reassess.errors import DataError, MissingPackageError, OutputError

_ROWS = 10_000  # copied at a time


def backup_campaign(address: str | Path, path: str | Path, *, force: bool = False) -> None:
    """Copy a campaign into an SQLite file: everything that was acknowledged before. Nobody has to wait.

    With `force`, replace a file, unless it is a campaign with answers of people that the copy does not have.
    """
    if is_server(address):
        _copy_from_server(str(address), Path(path), force=force)
    else:
        _copy_file(Path(address), Path(path), force=force)


def _copy_file(address: Path, path: Path, *, force: bool) -> None:
    if os.path.realpath(path) == os.path.realpath(address):
        raise OutputError("output-is-input", "copy would replace the campaign", where=path, fix="choose another name")
    with database_errors(address), connect(existing(address)) as source:
        source.execute("SELECT id FROM campaign")  # an error if it is not a campaign
        with writing_campaign(path, force=force) as temporary, connect(temporary) as target:
            source.backup(target)
            (state,) = target.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise DataError("damaged-campaign", "campaign file is damaged", where=address, found=state, fix=RESTORE)


def _copy_from_server(address: str, path: Path, *, force: bool) -> None:
    with database_errors(address), opened(address) as server, reading(server) as source:
        try:
            check_form(source, address)
        except DataError as error:
            error.fix = "copy it with pg_dump, then reassess annotate backup ADDRESS --upgrade"
            raise
        with writing_campaign(path, force=force) as temporary:
            enable_wal(temporary)
            with opened(temporary) as file, file.begin() as target:
                _copy_rows(source, target)


def _copy_rows(source: Connection, target: Connection) -> None:
    """Create the tables of a campaign, and copy all rows of another one."""
    metadata.create_all(target)
    note_form(target)
    streaming = source.execution_options(stream_results=True)
    for table in metadata.sorted_tables:
        for rows in streaming.execute(select(table).order_by(*table.primary_key)).mappings().partitions(_ROWS):
            target.execute(table.insert(), [dict(row) for row in rows])


_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class Upgraded:
    """The form of the tables before and after an upgrade."""

    before: str
    after: str


def upgrade_campaign(address: str | Path, backup: str | Path | None = None, *, force: bool = False) -> Upgraded:
    """Copy a campaign, then give it the tables of this version, completely or not at all.

    Without a `backup` no copy is made. `force` is that of `backup_campaign`.
    """
    try:
        from alembic import command
        from alembic.config import Config
    except ImportError as error:
        raise MissingPackageError("alembic", extra="annotate", purpose="upgrading a campaign") from error
    with database_errors(address), only_process(address), opened(address) as engine:
        with reading(engine) as connection:
            before = schema.form_of(connection, address)
            if before >= schema.FORM:
                schema.check_form(connection, address)
        if backup is not None:
            backup_campaign(address, backup, force=force)
        if before < schema.FORM:
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, schema.FORM)
    return Upgraded(before, schema.FORM)
