"""Leases, which show what processes work in a folder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reassess.data import leases
from reassess.data.leases import hold_lease, list_lease_holders

HOLD = """
import sys, time
from pathlib import Path
from reassess.data.leases import hold_lease
with hold_lease(Path(sys.argv[1]), "share 1 of 2"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lease_is_held_once_and_until_the_end_of_its_block(tmp_path: Path) -> None:
    with hold_lease(tmp_path, "share 0 of 2"), hold_lease(tmp_path, "share 1 of 2"):
        assert [holder.lease_name for holder in list_lease_holders(tmp_path)] == ["share 0 of 2", "share 1 of 2"]
        with pytest.raises(FileExistsError), hold_lease(tmp_path, "share 1 of 2"):
            pass
        assert len(list_lease_holders(tmp_path)) == 2
    assert not list_lease_holders(tmp_path)
    assert not [*tmp_path.iterdir()]


def test_lease_needs_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    with hold_lease(tmp_path, "run"):
        assert [holder.lease_name for holder in list_lease_holders(tmp_path)] == ["run"]
        with pytest.raises(FileExistsError), hold_lease(tmp_path, "run"):
            pass
    assert not [*tmp_path.iterdir()]


def test_lease_of_a_killed_process_ends_at_once_on_the_same_machine(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        (holder,) = list_lease_holders(tmp_path)
        assert holder.process_id == process.pid
        with pytest.raises(FileExistsError), hold_lease(tmp_path, "share 1 of 2"):
            pass
        process.send_signal(signal.SIGKILL)
    assert not list_lease_holders(tmp_path)
    with hold_lease(tmp_path, "share 1 of 2"):
        assert [holder.process_id for holder in list_lease_holders(tmp_path)] == [os.getpid()]


@pytest.mark.parametrize(("age", "is_held"), [(60, True), (180, False)])
def test_lease_of_another_machine_ends_without_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: int, is_held: bool
) -> None:
    path = tmp_path / "share-0-of-2.lease"
    path.write_text('{"name": "share 0 of 2", "machine": "node7", "process": 12, "locked": true}')
    os.utime(path, (time.time() - age,) * 2)
    holders = [str(holder).partition(", active")[0] for holder in list_lease_holders(tmp_path)]
    assert holders == ["share 0 of 2: process 12 on node7"] * is_held


def test_held_lease_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_RENEWAL_SECONDS", 0.001)
    with hold_lease(tmp_path, "run"):
        (path,) = tmp_path.iterdir()
        os.utime(path, (0, 0))
        while path.stat().st_mtime == 0:
            time.sleep(0.001)


@pytest.mark.parametrize("content", ["", "[]", '{"name": 3}'])
def test_damaged_lease_counts_until_it_expires(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.lease"
    path.write_text(content)
    assert len(list_lease_holders(tmp_path)) == 1
    os.utime(path, (0, 0))
    assert not list_lease_holders(tmp_path)
