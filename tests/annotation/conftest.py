"""Where campaigns of tests are kept: in files in memory, and on a PostgreSQL server that ends with the tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from reassess.annotation.store import campaigns
from reassess.annotation.store.database import open_engine
from tests.annotation.postgresql import clear_database, new_database, running_server

_MEMORY = Path("/dev/shm")


@pytest.fixture(autouse=True)
def closed_campaigns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close after each test whatever campaign it has left open."""
    opened: list[Engine] = []

    def open_noted(where: str | Path) -> Engine:
        opened.append(open_engine(where))
        return opened[-1]

    monkeypatch.setattr(campaigns, "open_engine", open_noted)
    yield
    for engine in opened:
        engine.dispose()


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """An empty folder, in memory where the system has a folder that is."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def whole_database() -> Iterator[str]:
    """The address of a database on a server that ends with the tests."""
    with running_server() as server:
        yield new_database(server)


@pytest.fixture
def database(whole_database: str) -> str:
    """The address of an empty database."""
    clear_database(whole_database)
    return whole_database


@pytest.fixture
def path(memory_folder: Path) -> Path:
    """Where a campaign can be made in a file."""
    return memory_folder / "c.db"


@pytest.fixture(params=["file", "server"])
def address(request: pytest.FixtureRequest, memory_folder: Path) -> str | Path:
    """Where a campaign can be made: in a file, and on a server."""
    return memory_folder / "c.db" if request.param == "file" else str(request.getfixturevalue("database"))
