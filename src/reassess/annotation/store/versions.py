"""Which form the tables of a campaign have."""

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select

from reassess.annotation.addresses import shown_address
from reassess.errors import DataError

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
    """Raise `DataError` unless the tables have the form of today."""
    found = form_of(connection, address)
    if found != FORM:
        place = shown_address(address)
        raise DataError(
            f"the campaign was made by {'an earlier' if found < FORM else 'a later'} version of reassess",
            where=place,
            allowed=f"the form {FORM}",
            found=f"the form {found}",
            mend=f"reassess annotate upgrade {place}" if found < FORM else "install that version",
        )


def form_of(connection: Connection, address: str | Path) -> str:
    """The form of the tables; `DataError` if they are of no campaign."""
    if not inspect(connection).has_table(_forms.name):
        raise DataError(
            "this is no campaign", where=shown_address(address), mend="make one with reassess annotate create"
        )
    form: str = connection.execute(select(_forms.c.version_num)).scalar_one()
    return form
