"""A map over items in worker processes, which compute later items while the caller uses results."""

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

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_processes(
    function: Callable[[_Item], _Result], items: Sequence[_Item], n_workers: int, *, max_pending: int
) -> Generator[_Result, None, None]:
    """Yield the result of a function for each item, in order. With 0 workers, compute in this process."""
    if n_workers == 0:
        yield from map(function, items)
        return
    pool = ProcessPoolExecutor(n_workers, get_context("spawn"), initializer=_start_worker, initargs=(function,))
    try:
        yield from _submit_in_order(pool, items, max_pending)
    except BrokenProcessPool as error:
        raise DataError(
            "process-ended",
            "worker process that decodes images was killed",
            fix=Fix(
                "use fewer workers, or none: {workers}; in a script, put the code that uses workers under if "
                "__name__ == '__main__'",
                workers=0,
            ),
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _submit_in_order(pool: ProcessPoolExecutor, items: Sequence[_Item], max_pending: int) -> Iterator[Any]:
    """Submit items to a process pool, up to `max_pending` at a time; yield the results in order."""
    futures: deque[Future[Any]] = deque()
    for item in items:
        futures.append(pool.submit(_call_worker_function, item))
        if len(futures) >= max_pending:
            yield futures.popleft().result()
    while futures:
        yield futures.popleft().result()


_worker_function: list[Callable[[Any], Any]] = []  # the function of this worker process


def _start_worker(function: Callable[[Any], Any]) -> None:
    """Prepare a worker process: it ignores Ctrl-C, and ends when its parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker_function.append(function)
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    """Wait for the end of the parent process, then end this process."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _call_worker_function(item: Any) -> Any:
    return _worker_function[0](item)
