"""Which form the tables of a campaign have."""

import re
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select

from reassess.annotation.addresses import shown_address
from reassess.annotation.store import schema
from reassess.annotation.store.database import RESTORE
from reassess.errors import DataError
from reassess.text import some

__all__ = ["FORM", "check_form", "form_of", "note_form"]

FORM = "0001"  # the last of those in the folder `migrations`
# As Alembic keeps it.
_forms = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def note_form(connection: Connection) -> None:
    """Note that the tables have the form of today, in which they were just made."""
    _forms.create(connection)
    connection.execute(_forms.insert().values(version_num=FORM))


def check_form(connection: Connection, address: str | Path) -> None:
    """Raise `DataError` unless the tables have the form of today, and all their columns."""
    found, place = form_of(connection, address), shown_address(address)
    if found != FORM:
        raise DataError(
            "other-version",
            f"campaign was created by {'an earlier' if found < FORM else 'a later'} version of reassess",
            where=place,
            allowed=f"the form {FORM}",
            found=f"the form {found}",
            fix=f"reassess annotate upgrade {place}" if found < FORM else "install that version",
        )
    tables = inspect(connection).get_multi_columns(filter_names=list(schema.metadata.tables))
    there = {f"{table}.{column['name']}" for (_, table), columns in tables.items() for column in columns}
    columns = [str(column) for table in schema.metadata.sorted_tables for column in table.columns]
    if lacking := [column for column in columns if column not in there]:
        raise DataError(
            "damaged-campaign",
            "tables of the campaign lack columns",
            where=place,
            found=f"no {some(lacking, most=3)}",
            fix=RESTORE,
        )


def form_of(connection: Connection, address: str | Path) -> str:
    """The form of the tables; `DataError` if they are of no campaign, or it is not known."""
    place, tables = shown_address(address), inspect(connection)
    if not all(tables.has_table(table.name) for table in (_forms, schema.campaign)):
        raise DataError("not-a-campaign", "not a campaign", where=place, fix="make one with reassess annotate create")
    forms: list[str] = list(connection.scalars(select(_forms.c.version_num)))
    if len(forms) != 1 or not re.fullmatch(r"(?!0000)\d{4}", str(forms[0])):
        raise DataError(
            "other-version",
            "version of the campaign is unknown",
            where=place,
            allowed=f"one form in the table {_forms.name}, from 0001 on",
            found=some([str(form) for form in forms]) or "none",
            fix=RESTORE,
        )
    return forms[0]
