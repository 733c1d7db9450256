"""Computing shards in an executor, whose workers may be on other machines."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from functools import partial
from typing import Any, TypeVar

from reassess.errors import DataError, ReassessError

_MAX_PENDING = 256  # tasks that are sent before results are needed
_SECONDS_TO_WAIT = 1  # for a result, before Ctrl-C is noticed even if another thread received it
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_executor(
    executor: Executor, function: Callable[[Any], _Result], items: Sequence[_Item], make_task: Callable[[_Item], Any]
) -> Generator[tuple[_Item, _Result], None, None]:
    """Yield each item and the result of ``function(make_task(item))``, in the order in which the results arrive.

    Raise the `ReassessError` of a task, and a `DataError` if the executor or its workers fail.
    """
    waiting_items = iter(items)
    pending: dict[Future[_Result | ReassessError], _Item] = {}
    task_function = partial(_return_error, function)
    try:
        while True:
            while len(pending) < _MAX_PENDING and (item := next(waiting_items, None)) is not None:
                pending[executor.submit(task_function, make_task(item))] = item
            if not pending:
                return
            done, _ = wait(pending, timeout=_SECONDS_TO_WAIT, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=_has_failed):  # keep all results before an error is raised
                result = future.result()
                if isinstance(result, ReassessError):
                    raise result
                yield pending.pop(future), result
    except (ReassessError, MemoryError, GeneratorExit, KeyboardInterrupt):
        raise
    except (Exception, CancelledError) as error:  # executors raise many types of errors
        if isinstance(error.__context__, KeyboardInterrupt):  # for example of a lock that Ctrl-C left open
            raise KeyboardInterrupt from error
        raise DataError(
            "worker-failed",
            "worker of the executor failed",
            found="tasks were cancelled, as when a scheduler ends"
            if isinstance(error, CancelledError)
            else f"{type(error).__name__}: {error}".rstrip(": "),
            fix="check that the cluster runs, and that its workers have the same packages; then run the command again",
        ) from error
    finally:
        for future in pending:
            future.cancel()


def _return_error(function: Callable[[Any], _Result], task: Any) -> _Result | ReassessError:
    """Compute a task. Return a `ReassessError` as a value, since an executor may repeat a task that raises."""
    try:
        return function(task)
    except ReassessError as error:
        return error


def _has_failed(future: Future[Any]) -> bool:
    return future.cancelled() or future.exception() is not None or isinstance(future.result(), ReassessError)
