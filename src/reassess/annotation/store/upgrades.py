"""How the tables of a campaign of an earlier form get the one of today."""

from dataclasses import dataclass
from pathlib import Path

from reassess.annotation.addresses import is_server
from reassess.annotation.store import versions
from reassess.annotation.store.backup import backup_campaign
from reassess.annotation.store.database import database_errors, open_engine, reading
from reassess.annotation.store.locking import only_process
from reassess.errors import MissingPackageError

__all__ = ["Upgraded", "upgrade_campaign"]

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
