"""Which form the tables of a campaign have, and how those of an earlier form get the one of today."""

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select

from reassess.annotation.addresses import is_server, shown_address
from reassess.annotation.store import schema
from reassess.annotation.store.backup import backup_campaign
from reassess.annotation.store.database import RESTORE, database_errors, open_engine, reading
from reassess.annotation.store.locking import only_process
from reassess.errors import DataError, MissingPackageError
from reassess.text import some

__all__ = ["FORM", "Upgraded", "check_form", "note_form", "upgrade_campaign"]

FORM = "0001"  # the last of those in the folder `migrations`
_MIGRATIONS = Path(__file__).parent / "migrations"
# As Alembic keeps it.
_forms = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


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


def note_form(connection: Connection) -> None:
    """Note that the tables have the form of today, in which they were just made."""
    _forms.create(connection)
    connection.execute(_forms.insert().values(version_num=FORM))


def check_form(connection: Connection, address: str | Path) -> None:
    """Raise `DataError` unless the tables have the form of today, and all their columns."""
    found, place = _form(connection, address), shown_address(address)
    if found != FORM:
        raise DataError(
            f"the campaign was made by {'an earlier' if found < FORM else 'a later'} version of reassess",
            where=place,
            allowed=f"the form {FORM}",
            found=f"the form {found}",
            mend=f"reassess annotate upgrade {place}" if found < FORM else "install that version",
        )
    tables = inspect(connection).get_multi_columns(filter_names=list(schema.metadata.tables))
    there = {f"{table}.{column['name']}" for (_, table), columns in tables.items() for column in columns}
    columns = [str(column) for table in schema.metadata.sorted_tables for column in table.columns]
    if lacking := [column for column in columns if column not in there]:
        raise DataError(
            "the tables of the campaign lack columns", where=place, found=f"no {some(lacking, most=3)}", mend=RESTORE
        )


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
                before = _form(connection, address)
                if before >= FORM:
                    check_form(connection, address)
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
                command.upgrade(config, FORM)
        finally:
            engine.dispose()
    return Upgraded(before, FORM, backup)


def _form(connection: Connection, address: str | Path) -> str:
    place, tables = shown_address(address), inspect(connection)
    if not all(tables.has_table(table.name) for table in (_forms, schema.campaign)):
        raise DataError("this is no campaign", where=place, mend="make one with reassess annotate create")
    forms: list[str] = list(connection.scalars(select(_forms.c.version_num)))
    if len(forms) != 1 or not re.fullmatch(r"(?!0000)\d{4}", str(forms[0])):
        raise DataError(
            "it is not known by which version of reassess the campaign was made",
            where=place,
            allowed=f"one form in the table {_forms.name}, from 0001 on",
            found=some([str(form) for form in forms]) or "none",
            mend=RESTORE,
        )
    return forms[0]
