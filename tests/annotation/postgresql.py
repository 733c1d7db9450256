"""A temporary PostgreSQL server, for tests and benchmarks."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from reassess.annotation.store.database import open_engine


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[str]:
    """Start a server, and yield its address; NAME in it stands for a database name.

    A `durable` server syncs each commit to the disk. Without PostgreSQL, the test is skipped.
    """
    found = [*map(Path, filter(None, [shutil.which("initdb")])), *Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    binaries = found[-1].parent
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL does not run as root
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir=memory if memory.is_dir() and not durable else None))
    if user:
        shutil.chown(folder, user)
    options = f"-k {folder} -c listen_addresses= -c fsync={'on' if durable else 'off'}"
    control = [binaries / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
    try:
        command = [binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres"]
        run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder)
        run(command)
        run([*control, "-o", options, "start"])
        try:
            yield f"postgresql://postgres@/NAME?host={folder}"
        finally:
            run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


def new_database(server: str) -> str:
    """Create an empty database, and return its address."""
    name = f"campaign_{uuid4().hex}"
    engine = open_engine(server.replace("NAME", "postgres"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.replace("NAME", name)


def clear_database(address: str) -> None:
    """End other sessions of a database, and delete its tables."""
    engine = open_engine(address)
    with engine.begin() as connection:
        is_other_session = "datname = current_database() AND pid != pg_backend_pid()"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {is_other_session}"))
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
