"""Work on parts of a whole in other processes, ahead of the one that takes the results, which come in order."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import Any, TypeVar

from reassess.errors import DataError, Fix

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


def in_processes(
    work: Callable[[_Part], _Result], parts: Sequence[_Part], workers: int, *, ahead: int
) -> Generator[_Result, None, None]:
    """What comes of each part, in order; of no worker, in this process."""
    if workers == 0:
        yield from map(work, parts)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(work,))
    try:
        yield from _in_order(pool, parts, ahead)
    except BrokenProcessPool as error:
        raise DataError(
            "process-ended",
            "a process that decodes images was killed",
            fix=Fix(
                "use fewer workers, or none: {workers}; in a script, call this under if __name__ == '__main__'",
                workers=0,
            ),
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, parts: Sequence[_Part], ahead: int) -> Iterator[Any]:
    waiting: deque[Future[Any]] = deque()
    for part in parts:
        waiting.append(pool.submit(_work, part))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


_own: list[Callable[[Any], Any]] = []  # of a process that works


def _begin(work: Callable[[Any], Any]) -> None:
    """Make this process ready; it ends with the one that began it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _own.append(work)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(part: Any) -> Any:
    return _own[0](part)
