"""Where campaigns of tests are kept: in files in memory, and on a PostgreSQL server that ends with the tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from reassess.annotation.store import campaigns
from reassess.annotation.store.database import open_engine
from tests.annotation.postgresql import new_database, running_server

_MEMORY = Path("/dev/shm")


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """An empty folder, in memory where the system has a folder that is."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server, to which the name of a database is to be put in place of NAME."""
    with running_server() as address:
        yield address


@pytest.fixture
def database(server: str) -> str:
    """The address of an empty database."""
    return new_database(server)


@pytest.fixture(params=["file", "server"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str | Path]:
    """Where a campaign can be made: in a file, and on a server. What is opened there is closed after the test."""
    opened: list[Engine] = []

    def open_noted(where: str | Path) -> Engine:
        opened.append(open_engine(where))
        return opened[-1]

    monkeypatch.setattr(campaigns, "open_engine", open_noted)
    yield tmp_path / "c.db" if request.param == "file" else str(request.getfixturevalue("database"))
    for engine in opened:
        engine.dispose()
