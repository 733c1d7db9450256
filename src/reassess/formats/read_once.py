"""Files that are read once, however often they are asked for, while a block of code runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

__all__ = ["reading_once", "remembered"]

_Given = ParamSpec("_Given")
_Read = TypeVar("_Read")
_held: ContextVar[dict[Any, Any] | None] = ContextVar("_held", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """What `remembered` functions return in the block is returned again where the same is asked of them."""
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def remembered(read: Callable[_Given, _Read]) -> Callable[_Given, _Read]:
    """A function that reads what does not change, such as a file into a noun, and takes what can be hashed."""

    @wraps(read)
    def call(*given: _Given.args, **options: _Given.kwargs) -> _Read:
        held = _held.get()
        if held is None:
            return read(*given, **options)
        key = read, given, tuple(sorted(options.items()))
        if key not in held:
            held[key] = read(*given, **options)
        found: _Read = held[key]
        return found

    return call
