"""Where campaigns of tests are kept: in files in memory, and on a PostgreSQL server that ends with the tests."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from reassess.annotation.store import campaigns
from reassess.annotation.store.database import open_engine

_MEMORY = Path("/dev/shm")


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """An empty folder, in memory where the system has a folder that is."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server, to which the name of a database is to be put in place of NAME."""
    found = [*map(Path, filter(None, [shutil.which("initdb")])), *Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    binaries = found[-1].parent
    user = "postgres" if os.geteuid() == 0 else None  # it does not run as root
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if user:
        shutil.chown(folder, user)
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    control = [binaries / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
    try:
        made = [binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres"]
        run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder)
        run(made)
        run([*control, "-o", options, "start"])
        yield f"postgresql://postgres@/NAME?host={folder}"
        run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def database(server: str) -> str:
    """The address of an empty database."""
    name = f"campaign_{uuid4().hex}"
    engine = open_engine(server.replace("NAME", "postgres"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.replace("NAME", name)


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
