"""Scores are in-sample where their file and that of the golden answers are known to belong together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reassess.core.benchmark import IMAGENET, Benchmark
from reassess.data.in_sample import known_in_sample
from tests.helpers import write_files


def test_only_the_known_files_of_a_benchmark_are_known_to_be_in_sample(
    real_file: Callable[[str], Path], tmp_path: Path
) -> None:
    scores, golden = real_file("scores.npz"), real_file("golden.npz")
    copy = tmp_path / "mine.npz"
    copy.write_bytes(golden.read_bytes())
    assert known_in_sample(scores, copy) is True
    copy.write_bytes(golden.read_bytes() + b" ")
    assert known_in_sample(scores, copy) is None
    assert known_in_sample(copy, golden) is None
    assert known_in_sample(scores, golden, benchmark=Benchmark()) is None
    own = replace(IMAGENET, sources={"scores": "/mine/scores.npz", "golden": "imagenet-real-golden"})
    assert known_in_sample(scores, golden, benchmark=own) is None


@pytest.mark.parametrize(
    ("method", "expected"), [("em", True), ("calibrated", True), ("majority", False), ("mean", False), (None, None)]
)
def test_the_files_of_a_folder_are_known_by_its_method_however_their_paths_are_spelled(
    method: str | None, expected: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, {"scores.csv": "s", "golden.csv": "g", "copy.csv": "g", "other.csv": "o"})
    (tmp_path / "link.csv").symlink_to(tmp_path / "scores.csv")
    sources = {"scores": "scores.csv", "golden": "./golden.csv"}
    own = Benchmark(sources=sources, method=method, folder=Path())
    for scores in (Path("scores.csv"), tmp_path / "scores.csv", Path("link.csv")):
        for golden in (Path("golden.csv"), tmp_path / "golden.csv", Path("copy.csv")):
            assert known_in_sample(scores, golden, benchmark=own) is expected
    assert known_in_sample(Path("scores.csv"), Path("other.csv"), benchmark=own) is None
    assert known_in_sample(Path("other.csv"), Path("golden.csv"), benchmark=own) is None
    without = Benchmark(sources={"scores": "scores.csv"}, method=method, folder=Path())
    assert known_in_sample(Path("scores.csv"), Path("golden.csv"), benchmark=without) is None
