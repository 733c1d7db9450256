"""Time of `predict` and `scan` on two Dask workers, against one process on one core; and what Dask costs with one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from bench_predict import write_images

IMAGES = 10_000
MODEL = """
import numpy as np

def scores(images):
    return np.array([[np.asarray(image)[0, 0, 0], 100] for image in images], float)
"""
COMMANDS = {
    "predict": ["predict", "python:fast_model:scores", "--images", "images", "-o", "out.npy", "--force"],
    "scan": ["scan", "images", "--near", "-o", "out.csv", "--force"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs, and a model that takes almost no time, so that decoding is the work."""
    folder = tmp_path_factory.mktemp("shares")
    write_images(folder / "images", IMAGES)
    (folder / "fast_model.py").write_text(MODEL)
    return folder


def measure_seconds(folder: Path, command: Sequence[str], *options: str, n_cores: int) -> float:
    """Run a command on some cores, and return its seconds."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:n_cores]))
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}"}
    argv = ["taskset", "--cpu-list", cores, sys.executable, "-m", "reassess", *command, *options]
    start = time.perf_counter()
    subprocess.run(argv, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


@pytest.mark.parametrize("name", COMMANDS)
def test_two_workers_are_faster_than_one_core(row: Callable[..., None], folder: Path, name: str) -> None:
    command = COMMANDS[name]
    one_core = measure_seconds(folder, command, "--workers", "0", n_cores=1)
    one_worker = measure_seconds(folder, command, "--dask", "local:1", n_cores=1)
    two_workers = measure_seconds(folder, command, "--dask", "local:2", n_cores=2)
    default = measure_seconds(folder, command, n_cores=2)
    label = f"{name}, {IMAGES:,} JPEG of 500 x 375"
    row(f"{label}, 2 Dask workers", two_workers, "one process on one core", one_core, ">= 1.7")
    row(f"{label}, 2 Dask workers", two_workers, "the default, which uses both cores", default, "<= 1.2")
    row(f"{label}, 1 Dask worker on one core", one_worker, "one process on one core", one_core, "<= 1.05")
