"""Fixtures: places for campaigns, in memory files and on a temporary PostgreSQL server."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from reassess.annotation.store import campaigns
from reassess.annotation.store.database import open_engine
from tests.annotation.postgresql import DatabaseServer, clear_database, new_database, running_server

_MEMORY = Path("/dev/shm")


class _Statements(dict[tuple[Any, ...], Any]):
    """Compiled statements of all engines for a kind of database; else each engine compiles its own."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), value)


_STATEMENTS = _Statements()


@pytest.fixture(autouse=True)
def closed_campaigns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close all campaigns that a test has left open."""
    opened: list[Engine] = []

    def open_noted(where: str | Path) -> Engine:
        opened.append(open_engine(where))
        opened[-1].update_execution_options(compiled_cache=_STATEMENTS)
        return opened[-1]

    monkeypatch.setattr(campaigns, "open_engine", open_noted)
    yield
    for engine in opened:
        engine.dispose()


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """An empty folder, in memory if the system has such a folder."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    """A temporary database server; a test that stops it starts it again."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def whole_database(database_server: DatabaseServer) -> str:
    """The address of a database on a temporary server."""
    return new_database(database_server)


@pytest.fixture
def database(whole_database: str) -> str:
    """Create an empty database, and return its address."""
    clear_database(whole_database)
    return whole_database


@pytest.fixture
def path(memory_folder: Path) -> Path:
    """A path for a campaign file."""
    return memory_folder / "c.db"


@pytest.fixture(params=["file", "server"])
def address(request: pytest.FixtureRequest, memory_folder: Path) -> str | Path:
    """A place for a campaign: a file, and a server."""
    return memory_folder / "c.db" if request.param == "file" else str(request.getfixturevalue("database"))
