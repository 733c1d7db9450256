"""Fuzz cases: files and a call, reproducible from a target and a number."""

import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.errors import ReassessError, ReassessWarning
from tests.fuzz.damage import damage

_CHOICES = 1 << 13  # random bytes for the choices of Hypothesis
_DAMAGED, _SPARSE = 0.15, 0.02  # shares of all cases
_SIZES = (1 << 31, 5 << 30, (8 << 30) + 1, 1 << 40)  # of sparse files


class Sparse(bytes):
    """The start of a sparse file: zeros follow, which take no space on disk."""

    size = 0


@dataclass(frozen=True)
class Case:
    """Files by path, and a call that reads them in their folder."""

    files: Mapping[str, bytes]
    call: Callable[[], object]
    text: str


@dataclass(frozen=True)
class Target:
    """A reader or a command, and a strategy for its cases."""

    cases: st.SearchStrategy[Case]
    share: int  # of all cases, relative to other targets


def case_of(name: str, target: Target, number: int) -> Case:
    """Make the case with a number; in some cases, a file is then damaged or made sparse."""
    random = Random(f"{name} {number}")
    case = None
    while case is None:
        case = _case_maker(target.cases)(random.randbytes(_CHOICES))
    if case.files and random.random() < _DAMAGED:
        path = random.choice(sorted(case.files))
        case = replace(case, files={**case.files, path: damage(case.files[path], random)})
    if case.files and random.random() < _SPARSE:
        path = random.choice(sorted(case.files))
        content = Sparse(case.files[path])
        content.size = random.choice(_SIZES)
        case = replace(case, files={**case.files, path: content}, text=f"{case.text}; {path}: {content.size:,} bytes")
    return case


@cache
def _case_maker(cases: st.SearchStrategy[Case]) -> Callable[[bytes], Case | None]:
    """Return a function from random bytes to a case, or to None if Hypothesis needs more bytes."""
    cases_made: list[Case] = []

    @settings(database=None, deadline=None)
    @given(cases)
    def make(case: Case) -> None:
        cases_made.append(case)

    fuzz: Any = make.hypothesis.fuzz_one_input  # type: ignore[attr-defined]

    def make_from(choices: bytes) -> Case | None:
        cases_made.clear()
        fuzz(choices)
        return cases_made[-1] if cases_made else None

    return make_from


def run_case(case: Case, folder: Path) -> None:
    """Write the files into an empty folder and make the call there; only our own errors are allowed."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, content in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        if isinstance(content, Sparse):
            os.truncate(folder / name, content.size)
    with chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ReassessWarning)
        try:
            case.call()
        except ReassessError as error:
            str(error).encode()  # the message must be printable
