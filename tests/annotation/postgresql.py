"""A temporary PostgreSQL server, for tests and benchmarks."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from reassess.annotation.store.database import open_engine


@dataclass
class DatabaseServer:
    """A PostgreSQL server in a temporary folder, which can be stopped and started again."""

    binaries: Path
    folder: Path
    user: str | None  # who runs the server; None: the user who runs the tests
    options: str

    @property
    def address(self) -> str:
        """The address of a database; NAME in it stands for its name."""
        return f"postgresql://postgres@/NAME?host={self.folder}"

    def start(self) -> None:
        self._control("-o", self.options, "start")

    def stop(self) -> None:
        """Stop the server at once, with all its connections."""
        self._control("-m", "immediate", "stop")

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run a program of PostgreSQL."""
        command = [self.binaries / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self.user, cwd=self.folder)

    def _control(self, *arguments: str) -> None:
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", *arguments)


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[DatabaseServer]:
    """Start a server, whose user `guest` needs a password.

    A `durable` server syncs each commit to the disk. Without PostgreSQL, the test is skipped.
    """
    found = [*map(Path, filter(None, [shutil.which("initdb")])), *Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL does not run as root
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir=memory if memory.is_dir() and not durable else None))
    if user:
        shutil.chown(folder, user)
    options = f"-k {folder} -c listen_addresses= -c fsync={'on' if durable else 'off'}"
    server = DatabaseServer(found[-1].parent, folder, user, options)
    try:
        server.run("initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres")
        access = folder / "data" / "pg_hba.conf"
        access.write_text(f"local all guest scram-sha-256\n{access.read_text()}")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def new_database(server: DatabaseServer) -> str:
    """Create an empty database, and return its address."""
    name = f"campaign_{uuid4().hex}"
    engine = open_engine(server.address.replace("NAME", "postgres"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.address.replace("NAME", name)


def clear_database(address: str) -> None:
    """End other sessions of a database, and delete its tables."""
    engine = open_engine(address)
    with engine.begin() as connection:
        is_other_session = "datname = current_database() AND pid != pg_backend_pid()"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {is_other_session}"))
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
