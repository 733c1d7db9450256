"""Which form the tables of a campaign have, and how those of an earlier form get the one of today."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select

from reassess.annotation.addresses import is_server, shown_address
from reassess.annotation.store.backup import backup_campaign
from reassess.annotation.store.database import database_errors, open_engine, reading
from reassess.annotation.store.locking import only_process
from reassess.errors import DataError, MissingPackageError

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
    """Raise `DataError` unless the tables have the form of today."""
    found = _form(connection, address)
    if found != FORM:
        place = shown_address(address)
        raise DataError(
            f"the campaign was made by {'an earlier' if found < FORM else 'a later'} version of reassess",
            where=place,
            allowed=f"the form {FORM}",
            found=f"the form {found}",
            mend=f"reassess annotate upgrade {place}" if found < FORM else "install that version",
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
    if not inspect(connection).has_table(_forms.name):
        raise DataError(
            "this is no campaign", where=shown_address(address), mend="make one with reassess annotate create"
        )
    form: str = connection.execute(select(_forms.c.version_num)).scalar_one()
    return form
