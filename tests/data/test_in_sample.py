"""Scores are in-sample where their file and that of the golden answers are known to belong together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reassess.core import IMAGENET, Benchmark
from reassess.data import known_in_sample


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
