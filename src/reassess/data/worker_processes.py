"""A map over items in worker processes, which compute later items while the caller uses results."""

import pickle
import signal
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import get_context
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import numpy as np

from reassess.errors import DataError, Fix

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Task = tuple[Future[Any], Any]  # an item, and the future of its result
_ALIGNMENT = 16  # bytes; arrays in a message begin at multiples of it


def map_in_processes(
    function: Callable[[_Item], _Result], items: Sequence[_Item], n_workers: int, *, max_pending: int
) -> Generator[_Result, None, None]:
    """Yield the result of a function for each item, in order.

    While this process would wait for a result, it computes an item too. With 0 workers, it computes all items.
    """
    if n_workers == 0:
        yield from map(function, items)
        return
    tasks: SimpleQueue[_Task | None] = SimpleQueue()
    workers: list[_Worker] = []
    try:
        for _ in range(n_workers):
            workers.append(_Worker(function, tasks))
        yield from _compute_in_order(function, items, tasks, max_pending)
    finally:
        for _ in workers:
            tasks.put(None)
        for worker in workers:
            worker.stop()


def _compute_in_order(
    function: Callable[[Any], Any], items: Sequence[Any], tasks: SimpleQueue[_Task | None], max_pending: int
) -> Iterator[Any]:
    """Submit up to `max_pending` items at a time, and yield the results in order."""
    pending: deque[_Task] = deque()
    waiting_items = iter(items)
    while True:
        while len(pending) < max_pending and (item := next(waiting_items, None)) is not None:
            pending.append((Future(), item))
            tasks.put(pending[-1])
        if not pending:
            return
        while not pending[0][0].done() and _compute_untaken_item(function, pending):
            pass
        yield pending.popleft()[0].result()


def _compute_untaken_item(function: Callable[[Any], Any], pending: deque[_Task]) -> bool:
    """Compute the first item that no worker has taken; return whether there is one."""
    for position, (future, item) in enumerate(pending):
        if future.cancel():
            done: Future[Any] = Future()
            done.set_result(function(item))
            pending[position] = done, item
            return True
    return False


class _Worker(Thread):
    """A process that computes items, and the thread that sends items to this process and receives the results."""

    def __init__(self, function: Callable[[Any], Any], tasks: SimpleQueue[_Task | None]) -> None:
        super().__init__(daemon=True)
        self._tasks = tasks
        self._connection, connection_of_process = socket.socketpair()
        with connection_of_process:
            arguments = (connection_of_process, function)
            self._process = get_context("spawn").Process(target=_serve, args=arguments, daemon=True)
            self._process.start()
        self.start()

    def run(self) -> None:
        """Take tasks, as soon as the process is ready."""
        with suppress(OSError):  # of a process that has ended; then, the first task fails too
            _receive(self._connection)
        for future, item in iter(self._tasks.get, None):
            if future.set_running_or_notify_cancel():
                try:
                    _send(self._connection, item)
                    result, error = _receive(self._connection)
                except OSError:
                    result, error = None, _process_ended_error()
                except Exception as raised:  # such as too little memory; without a result, the caller would wait
                    result, error = None, raised
                if error is None:
                    future.set_result(result)
                else:
                    future.set_exception(error)

    def stop(self) -> None:
        """End the process, and wait for the thread, which ends at the next task that is None."""
        self._process.kill()
        self._process.join()
        self.join()
        self._connection.close()


def _serve(connection: socket.socket, function: Callable[[Any], Any]) -> None:
    """Compute items in a worker process, which ignores Ctrl-C, until the main process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        _send(connection, None)  # this process is ready
        while True:
            item = _receive(connection)
            result, error = None, None
            try:
                result = function(item)
            except Exception as raised:
                error = raised
            _send(connection, (result, error))


def _send(connection: socket.socket, value: object) -> None:
    """Send a value. Its arrays are not copied into the pickle."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    frames = [memoryview(pickled), *(buffer.raw() for buffer in buffers)]
    sizes = np.array([frame.nbytes for frame in frames], np.int64)
    connection.sendall(np.int64(sizes.size).tobytes() + sizes.tobytes())
    for frame in frames:
        connection.sendall(frame)
        connection.sendall(bytes(-frame.nbytes % _ALIGNMENT))


def _receive(connection: socket.socket) -> Any:
    """Receive a value; raise `OSError` if the other process has ended."""
    (n_frames,) = _receive_bytes(connection, 8).view(np.int64).tolist()
    sizes = _receive_bytes(connection, 8 * n_frames).view(np.int64)
    starts = np.cumsum([0, *(sizes + -sizes % _ALIGNMENT)])
    message = _receive_bytes(connection, int(starts[-1]))  # in one call, so that this thread seldom waits for the GIL
    pickled, *buffers = (message[start : start + size] for start, size in zip(starts, sizes, strict=False))
    return pickle.loads(pickled, buffers=buffers)


def _receive_bytes(connection: socket.socket, n_bytes: int) -> Any:
    """Receive some bytes, as an array."""
    received: Any = np.empty(n_bytes, np.uint8)
    n_received = 0
    while n_received < n_bytes:
        n_new = connection.recv_into(received[n_received:], 0, socket.MSG_WAITALL)
        if n_new == 0:
            raise ConnectionResetError
        n_received += n_new
    return received


def _process_ended_error() -> DataError:
    return DataError(
        "process-ended",
        "worker process that decodes images was killed",
        fix=Fix(
            "use fewer workers, or none: {workers}; in a script, put the code that uses workers under if "
            "__name__ == '__main__'",
            workers=0,
        ),
    )
