"""How a campaign's database is opened: an SQLite file, or PostgreSQL."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError as UnavailableError

from reassess.errors import MissingPackageError

__all__ = ["UnavailableError", "is_server", "open_engine", "reading"]

_PATIENCE = 10_000  # milliseconds that one writer waits for another


def is_server(campaign: str | Path) -> bool:
    """Whether a campaign is in a database that a server keeps."""
    return str(campaign).startswith("postgresql")


def open_engine(campaign: str | Path) -> Engine:
    """The engine of a campaign.

    Parameters
    ----------
    campaign
        The path of an SQLite file, or an address that begins with ``postgresql://``.

    Raises
    ------
    MissingPackageError
        psycopg, which a server needs, is not installed.

    Notes
    -----
    SQLite keeps a write-ahead log and waits for the disk at each commit, so that what was acknowledged survives a kill
    and a power failure. Each transaction takes the right to write at its beginning: two never wait for one another.
    """
    text = str(campaign)
    if is_server(text):
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise MissingPackageError("psycopg", extra="postgresql", purpose="a campaign on a server") from error
        return create_engine(make_url(text).set(drivername="postgresql+psycopg"))
    engine = create_engine(URL.create("sqlite", database=text))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def reading(engine: Engine) -> Connection:
    """A connection that reads what was there when it began, and writes nothing."""
    return engine.connect().execution_options(reading=True)


def _begin(connection: Connection) -> None:
    is_reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")


def _prepare(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where they are begun, not at the first change
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_PATIENCE}"):
        connection.execute(f"PRAGMA {setting}")
