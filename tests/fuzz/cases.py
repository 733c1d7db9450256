"""One case by its target and number: the files, the call, and what may come of it."""

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
from tests.fuzz.damage import damaged

_CHOICES = 1 << 13  # bytes, of which Hypothesis makes its choices
_DAMAGED, _SPARSE = 0.15, 0.02  # of all cases
_SIZES = (1 << 31, 5 << 30, (8 << 30) + 1, 1 << 40)  # of sparse files


class Sparse(bytes):
    """The beginning of a file that goes on with zeros, which take no room on the disk."""

    size = 0


@dataclass(frozen=True)
class Case:
    """Files by their path, and a call that reads them in their folder."""

    files: Mapping[str, bytes]
    call: Callable[[], object]
    text: str


@dataclass(frozen=True)
class Target:
    """A reader or a command, and how cases of it are made."""

    cases: st.SearchStrategy[Case]
    share: int  # of all cases, in proportion to those of the other targets


def case_of(name: str, target: Target, number: int) -> Case:
    """The case of a number: what Hypothesis makes, of which a part has a file damaged byte by byte, or made sparse."""
    random = Random(f"{name} {number}")
    case = None
    while case is None:
        case = _maker(target.cases)(random.randbytes(_CHOICES))
    if case.files and random.random() < _DAMAGED:
        path = random.choice(sorted(case.files))
        case = replace(case, files={**case.files, path: damaged(case.files[path], random)})
    if case.files and random.random() < _SPARSE:
        path = random.choice(sorted(case.files))
        content = Sparse(case.files[path])
        content.size = random.choice(_SIZES)
        case = replace(case, files={**case.files, path: content}, text=f"{case.text}; {path}: {content.size:,} bytes")
    return case


@cache
def _maker(cases: st.SearchStrategy[Case]) -> Callable[[bytes], Case | None]:
    """Makes a case by choices that are bytes; none where Hypothesis needs more choices."""
    made: list[Case] = []

    @settings(database=None, deadline=None)
    @given(cases)
    def make(case: Case) -> None:
        made.append(case)

    fuzz: Any = make.hypothesis.fuzz_one_input  # type: ignore[attr-defined]

    def maker(choices: bytes) -> Case | None:
        made.clear()
        fuzz(choices)
        return made[-1] if made else None

    return maker


def run_case(case: Case, folder: Path) -> None:
    """Write the files into an empty folder and make the call there; whatever is not an error of ours is raised."""
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
            str(error).encode()  # and can be shown
