"""Fixtures of the tests of files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import write_files


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the examples of one property, which overwrite each other's files."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file of a name and a content."""

    def write(name: str, content: str | bytes) -> Path:
        return write_files(tmp_path, {name: content}) / name

    return write


class Trap:
    """An object whose unpickling leaves a mark in a folder: proof that foreign code ran."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    """A trap, which must still be set at the end of the test."""
    return Trap(tmp_path / "code-ran")


@pytest.fixture(autouse=True)
def no_code_ran(tmp_path: Path) -> Iterator[None]:
    """No test of files ever runs code out of a file, unless it says so."""
    yield
    assert not (tmp_path / "code-ran").exists()
