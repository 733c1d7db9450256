"""Leases: files that show which processes work in a folder, also on other machines that share the folder.

A process holds a lease file as long as it works. It keeps the file locked (flock), and renews its modification time. On
the same machine, the lock tells whether the process has ended. Locks may not be visible on other machines, so there a
lease ends if it was not renewed for two minutes, by the clock of the file system.
"""

import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reassess.formats.files import TEMPORARY_PREFIX

_RENEWAL_SECONDS = 15.0
_EXPIRY_SECONDS = 120.0  # file systems of several machines can show a new modification time a minute late
LEASE_SUFFIX = ".lease"


@dataclass(frozen=True)
class LeaseHolder:
    """The process that holds a lease."""

    lease_name: str  # such as "share 0 of 4"
    machine: str
    process_id: int
    seconds_since_renewal: float

    def __str__(self) -> str:
        seconds = f"{self.seconds_since_renewal:,.0f} s"
        return f"{self.lease_name}: process {self.process_id} on {self.machine}, active {seconds} ago"


@contextmanager
def hold_lease(folder: Path, name: str) -> Iterator[None]:
    """Hold the lease with this name during the block; raise `FileExistsError` if another process holds it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name.replace(' ', '-')}{LEASE_SUFFIX}"
    descriptor = _create_lease(path, name)
    has_ended = threading.Event()
    renewal = threading.Thread(target=_renew_until, args=(path, descriptor, has_ended), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        has_ended.set()
        renewal.join()
        if _is_same_file(path, descriptor):
            path.unlink(missing_ok=True)
        os.close(descriptor)


def list_lease_holders(folder: Path) -> list[LeaseHolder]:
    """List the processes that hold a lease in a folder, sorted by the name of the lease."""
    holders = (_find_holder(path) for path in sorted(folder.glob(f"[!.]*{LEASE_SUFFIX}")))
    return [holder for holder in holders if holder is not None]


def _create_lease(path: Path, name: str) -> int:
    """Create and lock a lease file, and return its descriptor; replace the lease of an ended process."""
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")
    content = {"name": name, "machine": socket.gethostname(), "process": os.getpid()}
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        content["locked"] = _try_to_lock(descriptor)
        with open(descriptor, "wb", closefd=False) as file:  # unlike os.write, it writes all or raises an error
            file.write(json.dumps(content).encode())
        while True:
            try:
                _move_unless_exists(temporary, path)
                return descriptor
            except FileExistsError:
                if _find_holder(path) is not None:
                    raise
                with suppress(FileNotFoundError):
                    path.unlink()
    except BaseException:
        os.close(descriptor)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _move_unless_exists(temporary: Path, path: Path) -> None:
    """Give a file its final name; raise `FileExistsError` if another file has this name."""
    try:
        os.link(temporary, path)  # unlike a rename, it never replaces a file
    except FileExistsError:
        raise
    except OSError:  # the file system has no hard links
        path.touch(exist_ok=False)
        temporary.replace(path)


def _try_to_lock(descriptor: int) -> bool:
    """Lock an open file; return False if the file system has no locks."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _renew_until(path: Path, descriptor: int, has_ended: threading.Event) -> None:
    """Renew a lease regularly, until the work of its process has ended."""
    while not has_ended.wait(_RENEWAL_SECONDS):
        with suppress(OSError):  # for example a network file system that does not answer
            if _is_same_file(path, descriptor):
                os.utime(path)


def _is_same_file(path: Path, descriptor: int) -> bool:
    """Return whether the file at a path is the open file, and no other process has replaced it."""
    return path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino


def _find_holder(path: Path) -> LeaseHolder | None:
    """Return the process that holds a lease; None if the lease has ended."""
    import fcntl

    try:
        with path.open("rb") as file:
            content = _parse_lease(file.read())
            renewal_time = os.fstat(file.fileno()).st_mtime
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                is_locked = False
            except BlockingIOError:
                is_locked = True
            except OSError:
                is_locked = False
    except FileNotFoundError:
        return None
    age = _read_file_system_clock(path.parent) - renewal_time
    is_on_this_computer = content["machine"] == socket.gethostname() and content["locked"]
    if not is_locked and (is_on_this_computer or age > _EXPIRY_SECONDS):
        return None
    return LeaseHolder(content["name"], content["machine"], content["process"], max(age, 0.0))


def _parse_lease(text: bytes) -> dict[str, Any]:
    """Parse the content of a lease; a damaged lease belongs to an unknown process."""
    unknown = {"name": "a lease", "machine": "an unknown computer", "process": -1, "locked": False}
    try:
        return {**unknown, **json.loads(text)}
    except (ValueError, TypeError):
        return unknown


def _read_file_system_clock(folder: Path) -> float:
    """Return the time of a folder's file system, which may differ from the time of this computer."""
    probe = folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)
