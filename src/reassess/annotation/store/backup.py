"""A copy of a campaign, made while it is served."""

from pathlib import Path

from reassess.annotation.addresses import is_server, shown_address
from reassess.annotation.store.campaign_files import writing_campaign
from reassess.annotation.store.database import connect, database_errors, existing
from reassess.errors import DataError, OutputError

__all__ = ["backup_campaign"]


def backup_campaign(address: str | Path, path: str | Path, *, force: bool = False) -> None:
    """Copy a campaign in an SQLite file: all that was acknowledged when the copy begins. Nobody has to wait for it.

    Parameters
    ----------
    address
        The file.
    path
        The copy, which is a campaign too.
    force
        Overwrite a file.

    Raises
    ------
    DataError
        There is no such file, it is no database, or the campaign is on a server, which has tools of its own.
    OutputError
        The copy exists, is the campaign itself, or that of a campaign that is open; or it cannot be written.
    """
    if is_server(address):
        raise DataError(
            "a campaign on a server is copied by the server's own tools",
            where=shown_address(address),
            mend="pg_dump --format=custom --file=FILE ADDRESS; and pg_restore",
        )
    if Path(path).resolve() == Path(address).resolve():
        raise OutputError("the copy would take the place of the campaign", where=path, mend="choose another name")
    with database_errors(address), connect(existing(address)) as source:
        source.execute("SELECT id FROM campaign")  # an error if it is none
        with writing_campaign(Path(path), force=force) as temporary, connect(temporary) as target:
            source.backup(target)
