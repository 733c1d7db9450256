"""Compiled loops work with a damaged or full cache, and the number of numba's threads is checked."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numba
import pytest

from reassess.numeric.jit import compile_cached
from tests.helpers import python


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return a function that prepares the compilation of a loop, as a new process would, with an empty cache."""
    (tmp_path / "doubling_loop.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    module = import_module("doubling_loop")
    monkeypatch.delitem(sys.modules, "doubling_loop")
    return lambda: compile_cached(module.double)


def cached_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("cache/**/*.nb[ci]"))


def test_damaged_cache_is_recompiled(compiled: Callable[[], Any], tmp_path: Path) -> None:
    def count_loads() -> int:
        double = compiled()
        assert double(21) == 42
        return sum(double.stats.cache_hits.values())

    assert (count_loads(), count_loads()) == (0, 1)
    for damage in (b"", b"\x80no pickle", b"\x80\x04\x95"):
        for path in cached_files(tmp_path):
            path.write_bytes(damage)
        assert count_loads() == 0


def test_unwritable_cache_is_ignored(
    compiled: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_index", full)
    assert compiled()(21) == 42
    assert not cached_files(tmp_path)


@pytest.mark.parametrize("count", ["-3", ""])
def test_invalid_number_of_threads_raises(count: str) -> None:
    result = python("-c", "import reassess.numeric.jit", code=1, NUMBA_NUM_THREADS=count)
    assert result.err.partition("DataError: ")[2] == (
        "the number of threads for compiled loops is out of range\n"
        "  where:   the environment variable NUMBA_NUM_THREADS\n"
        f"  allowed: 1 or more\n  found:   {count or 'an empty text'}\n  fix:     unset this variable\n"
    )
