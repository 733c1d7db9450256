"""Fixtures for tests of files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import write_files


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for property tests; each example overwrites the files of the last."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file with a name and content, and return its path."""

    def write(name: str, content: str | bytes) -> Path:
        return write_files(tmp_path, {name: content}) / name

    return write


class Trap:
    """An object that creates a file when it is unpickled, as proof that code ran."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    """An object that must not be unpickled."""
    return Trap(tmp_path / "code-ran")


@pytest.fixture(autouse=True)
def no_code_ran(tmp_path: Path) -> Iterator[None]:
    """Fail if a test ran code from a file."""
    yield
    assert not (tmp_path / "code-ran").exists()
