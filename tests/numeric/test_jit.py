"""Compiled loops work with a damaged or full cache, and the number of numba's threads is checked."""

from pathlib import Path

import pytest

from tests.helpers import python

LOOP = (
    "import sys\nfrom pathlib import Path\nsys.path.insert(0, '.')\nfrom reassess.numeric.jit import compile_cached\n"
    "from loop import double\nfunction = compile_cached(double)\nprint(function(21))\n"
)


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    (tmp_path / "loop.py").write_text("def double(x):\n    return 2 * x\n")
    (tmp_path / "run.py").write_text(LOOP)
    return tmp_path


def cached_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("cache/**/*.nb[ci]"))


def test_damaged_cache_is_recompiled(loop: Path) -> None:
    def run() -> str:
        return python("run.py", cwd=loop, NUMBA_CACHE_DIR=str(loop / "cache")).out

    assert run() == "42\n"
    assert cached_files(loop)
    for damage in (b"", b"\x80no pickle", b"\x80\x04\x95"):
        for path in cached_files(loop):
            path.write_bytes(damage)
        assert run() == "42\n"
    assert run() == "42\n"


def test_unwritable_cache_is_ignored(loop: Path) -> None:
    (loop / "run.py").write_text(
        "import numba.core.caching as c\n\ndef full(*_):\n    raise OSError(28, 'No space left on device')\n\n"
        f"c.IndexDataCacheFile._save_index = full\n{LOOP}"
    )
    assert python("run.py", cwd=loop, NUMBA_CACHE_DIR=str(loop / "cache")).out == "42\n"
    assert not cached_files(loop)


@pytest.mark.parametrize("count", ["-3", ""])
def test_invalid_number_of_threads_raises(count: str) -> None:
    result = python("-c", "import reassess.numeric.jit", code=1, NUMBA_NUM_THREADS=count)
    assert result.err.partition("DataError: ")[2] == (
        "the number of threads for compiled loops is out of range\n"
        "  where:   the environment variable NUMBA_NUM_THREADS\n"
        f"  allowed: 1 or more\n  found:   {count or 'an empty text'}\n  fix:     unset this variable\n"
    )
