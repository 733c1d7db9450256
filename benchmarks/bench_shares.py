"""Time of `predict` and `scan` on two Dask workers and by default, against one process on one core.

Also what Dask costs with one worker.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from bench_predict import write_images

IMAGES = 10_000
MODELS = """
import numpy as np

LAYERS = np.random.default_rng(0).normal(0, 0.05, (2, 768, 768)).astype(np.float32)


def almost_nothing(images):
    return np.array([[np.asarray(image)[0, 0, 0], 100] for image in images], float)


def two_layers(images):
    return np.stack([compute_features(np.asarray(image)[:224, :224]) for image in images])


def compute_features(pixels):
    features = pixels.reshape(-1, 768) / np.float32(255)
    for layer in LAYERS:
        features = np.maximum(features @ layer, 0)
    return features.mean(axis=0)
"""
PREDICT = ["--images", "images", "-o", "out.npy", "--force"]
# The command, and the limit of the default: decoding images divides over all cores, the model computes in one process.
COMMANDS = {
    "predict, a model that does almost nothing": (["predict", "python:models:almost_nothing", *PREDICT], ">= 1.7"),
    "predict, a model of 5 ms an image": (["predict", "python:models:two_layers", *PREDICT], "<= 1.05"),
    "scan": (["scan", "images", "--near", "-o", "out.csv", "--force"], ">= 1.7"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs and two models."""
    folder = tmp_path_factory.mktemp("shares")
    write_images(folder / "images", IMAGES)
    (folder / "models.py").write_text(MODELS)
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
def test_two_cores_are_faster_than_one(row: Callable[..., None], folder: Path, name: str) -> None:
    command, limit_of_default = COMMANDS[name]
    times = [  # twice, since they differ by little
        [
            measure_seconds(folder, command, *options, n_cores=1)
            for options in (("--workers", "0"), ("--dask", "local:1"))
        ]
        for _ in range(2)
    ]
    one_core, one_worker = map(min, zip(*times, strict=True))
    two_workers = measure_seconds(folder, command, "--dask", "local:2", n_cores=2)
    default = measure_seconds(folder, command, n_cores=2)
    label, baseline = f"{name}, {IMAGES:,} JPEG of 500 x 375", "one process on one core"
    row(f"{label}, the default on two cores", default, baseline, one_core, limit_of_default)
    row(f"{label}, 2 Dask workers", two_workers, baseline, one_core, ">= 1.7")
    row(f"{label}, 2 Dask workers", two_workers, "the default, which uses both cores", default, "<= 1.2")
    row(f"{label}, 1 Dask worker on one core", one_worker, baseline, one_core, "<= 1.05")
