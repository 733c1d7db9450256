"""Targets that do what no reader may do, to test that fuzzing finds it."""

import os
import warnings
from collections.abc import Mapping

from hypothesis import strategies as st

from reassess.errors import DataError, ReassessWarning
from tests.fuzz.cases import Case, Target


def _refuse() -> None:
    raise DataError("code", "wrong")


def _raise() -> None:
    raise KeyError("wrong")


def _hang() -> None:
    while True:
        pass


def _take_memory() -> None:
    bytearray(4 << 30)


def _do_nothing() -> None:
    """Act like a reader of a valid file."""


_CALLS = {
    "good": _do_nothing,
    "refuses": _refuse,
    "warns": lambda: warnings.warn("ours", ReassessWarning, stacklevel=1),
    "raises": _raise,
    "warns of other things": lambda: warnings.warn("not ours", UserWarning, stacklevel=1),
    "aborts": os.abort,
    "exits": lambda: os._exit(3),
    "hangs": _hang,
    "takes memory": _take_memory,
}
TARGETS: Mapping[str, Target] = {name: Target(st.just(Case({}, call, name)), 1) for name, call in _CALLS.items()}
