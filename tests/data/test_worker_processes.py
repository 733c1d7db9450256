"""A map over parts in worker processes keeps their order, and starts only as many parts as `ahead` allows."""

from collections.abc import Iterator

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
