"""A map over parts in worker processes keeps their order, and starts only as many parts as `ahead` allows."""

import os
from collections.abc import Iterator
from functools import partial
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.data.worker_processes import map_in_processes


def double(part: int) -> int:
    return 2 * part


@pytest.mark.parametrize("ahead", [1, 3, 50])
def test_results_have_the_order_of_the_parts(ahead: int) -> None:
    assert list(map_in_processes(double, range(20), 2, max_pending=ahead)) == [2 * part for part in range(20)]
    assert list(map_in_processes(double, [], 2, max_pending=ahead)) == []


@pytest.mark.parametrize(("workers", "started"), [(0, 1), (1, 4)])
def test_parts_start_at_most_ahead_of_results(workers: int, started: int) -> None:
    started_parts: list[int] = []

    class Parts(list[int]):
        def __iter__(self) -> Iterator[int]:
            for part in range(9):
                started_parts.append(part)
                yield part

    results = map_in_processes(double, Parts(), workers, max_pending=4)
    assert next(results) == 0
    assert len(started_parts) == started
    results.close()


def meet(pipe: Path, part: int) -> tuple[bool, Any]:
    """Wait until the other process computes a part too; return whether this is the main process, and arrays."""
    is_main = parent_process() is None
    with pipe.open("w" if is_main else "r"):
        return is_main, [np.arange(part + 1, dtype=np.uint8), np.array(["a", "bc"]), np.arange(part) / 3]


def test_both_processes_compute_parts_and_arrays_arrive_unchanged(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    results = list(map_in_processes(partial(meet, tmp_path / "pipe"), range(2), 1, max_pending=2))
    assert {is_main for is_main, _ in results} == {False, True}
    for part, (_, arrays) in enumerate(results):
        assert [array.tolist() for array in arrays] == [[*range(part + 1)], ["a", "bc"], [n / 3 for n in range(part)]]
        assert all(array.flags.aligned for array in arrays)


class Unreadable:
    """An object that can be sent, but not received."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


def fail_in_worker(pipe: Path, error: str, part: int) -> Any:
    if meet(pipe, part)[0]:
        return None
    if error == "LookupError":
        raise LookupError(part)
    return Unreadable()


@pytest.mark.parametrize("error", ["LookupError", "ValueError"])
def test_errors_of_a_worker_and_of_its_result_are_raised(tmp_path: Path, error: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises((LookupError, ValueError)) as raised:
        list(map_in_processes(partial(fail_in_worker, tmp_path / "pipe", error), range(2), 1, max_pending=2))
    assert raised.typename == error
