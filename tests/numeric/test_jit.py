"""Compiled loops: a damaged or full cache costs time and nothing else, and numba's threads are checked."""

from pathlib import Path

import pytest

from tests.helpers import python

LOOP = (
    "import sys\nfrom pathlib import Path\nsys.path.insert(0, '.')\nfrom reassess.numeric.jit import compiled\n"
    "from loop import double\nfunction = compiled(double)\nprint(function(21))\n"
)


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    (tmp_path / "loop.py").write_text("def double(x):\n    return 2 * x\n")
    (tmp_path / "run.py").write_text(LOOP)
    return tmp_path


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("kept/**/*.nb[ci]"))


def test_a_damaged_cache_is_compiled_anew(loop: Path) -> None:
    def run() -> str:
        return python("run.py", cwd=loop, NUMBA_CACHE_DIR=str(loop / "kept")).out

    assert run() == "42\n"
    assert kept(loop)
    for damage in (b"", b"\x80no pickle", b"\x80\x04\x95"):
        for path in kept(loop):
            path.write_bytes(damage)
        assert run() == "42\n"
    assert run() == "42\n"


def test_a_cache_that_cannot_be_written_is_done_without(loop: Path) -> None:
    (loop / "run.py").write_text(
        "import numba.core.caching as c\n\ndef full(*_):\n    raise OSError(28, 'No space left on device')\n\n"
        f"c.IndexDataCacheFile._save_index = full\n{LOOP}"
    )
    assert python("run.py", cwd=loop, NUMBA_CACHE_DIR=str(loop / "kept")).out == "42\n"
    assert not kept(loop)


@pytest.mark.parametrize("count", ["-3", ""])
def test_a_number_of_threads_that_numba_dies_of_is_refused(count: str) -> None:
    result = python("-c", "import reassess.numeric.jit", code=1, NUMBA_NUM_THREADS=count)
    assert result.err.partition("DataError: ")[2] == (
        "number of threads of compiled loops out of range\n"
        "  where:   the environment variable NUMBA_NUM_THREADS\n"
        f"  allowed: 1 or more\n  found:   {count or 'an empty text'}\n  fix:     unset it\n"
    )
