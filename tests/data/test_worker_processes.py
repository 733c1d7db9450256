"""Parts are worked on in order, in this process or in others, of which no more are begun than is asked for."""

from collections.abc import Iterator

import pytest

from reassess.data.worker_processes import in_processes


def double(part: int) -> int:
    return 2 * part


@pytest.mark.parametrize("ahead", [1, 3, 50])
def test_results_come_in_the_order_of_the_parts(ahead: int) -> None:
    assert list(in_processes(double, range(20), 2, ahead=ahead)) == [2 * part for part in range(20)]
    assert list(in_processes(double, [], 2, ahead=ahead)) == []


@pytest.mark.parametrize(("workers", "begun"), [(0, 1), (1, 4)])
def test_no_more_parts_are_begun_than_may_be_ahead(workers: int, begun: int) -> None:
    taken: list[int] = []

    class Parts(list[int]):
        def __iter__(self) -> Iterator[int]:
            for part in range(9):
                taken.append(part)
                yield part

    results = in_processes(double, Parts(), workers, ahead=4)
    assert next(results) == 0
    assert len(taken) == begun
    results.close()
