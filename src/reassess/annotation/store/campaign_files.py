"""A campaign's file takes its place: never that of a campaign that is open."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reassess.annotation.store.database import UnavailableError
from reassess.errors import OutputError
from reassess.formats.files import writing

__all__ = ["writing_campaign"]


@contextmanager
def writing_campaign(path: Path, *, force: bool = False) -> Iterator[Path]:
    """As `writing`, of a campaign's file.

    Beside the file of a campaign that is open, or was not closed, lies a log with its newest answers. It would be taken
    for a part of the new file.

    Raises
    ------
    OutputError
        As `writing`; or there is such a log, also with `force`.
    """
    _refuse_open(path)
    with writing(path, force=force) as temporary:
        try:
            yield temporary
        except (sqlite3.Error, UnavailableError) as error:  # such as of a full disk
            raise OSError(str(getattr(error, "orig", error))) from error
        _refuse_open(path)


def _refuse_open(path: Path) -> None:
    log = Path(f"{path.resolve()}-wal")
    if log.exists():
        raise OutputError(
            "a campaign of that name is open, or was not closed",
            where=path,
            found=f"{log.name}, which holds its newest answers",
            mend="stop its server; reassess annotate status closes what a server left that was killed; or take another "
            "name",
        )
