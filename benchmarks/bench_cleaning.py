"""Speed and memory of cleaning at the scale of ImageNet's training images: held-out scores on the disk."""

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from memory import peak_mib

from reassess import (
    Classes,
    HeldOutPredictions,
    LabelSets,
    Predictions,
    ReassessWarning,
    find_label_errors,
)

IMAGES, CLASSES = 1_281_167, 1_000
SIZE = f"{IMAGES:,} x {CLASSES:,} float16"
METHODS = "consistent", "posterior"
_PART = 1 << 13


def write_scores(folder: Path) -> None:
    """Logits of which the softmax is calibrated but for a factor, and labels of which 6 % are wrong."""
    rng = np.random.default_rng(0)
    shape = (IMAGES, CLASSES)
    file = np.lib.format.open_memmap(folder / "scores.npy", mode="w+", dtype=np.float16, shape=shape)
    truth = np.empty(IMAGES, np.int64)
    noise = rng.standard_normal((64, CLASSES), dtype=np.float32)
    for start in range(0, IMAGES, _PART):
        rows = np.arange(start, min(start + _PART, IMAGES))
        logits = np.roll(noise[rng.integers(0, 64, rows.size)], int(rng.integers(CLASSES)), axis=1)
        likely = rng.integers(0, CLASSES, rows.size)
        logits[np.arange(rows.size), likely] += rng.gamma(4, 3, rows.size)
        for step in (1, 2, 3, 7, 19):
            logits[np.arange(rows.size), (likely + step) % CLASSES] += rng.normal(4, 2, rows.size)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        sums = np.cumsum(weights, axis=1)
        truth[rows] = (sums < rng.random((rows.size, 1)) * sums[:, -1:]).sum(axis=1).clip(max=CLASSES - 1)
        file[rows] = logits / 1.3
    wrong = rng.random(IMAGES) < 0.06
    np.save(folder / "labels", np.where(wrong, (truth + rng.choice([1, 2, 3, 50], IMAGES)) % CLASSES, truth))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("held-out")
    write_scores(path)
    return path


def given(folder: Path) -> tuple[LabelSets, Predictions]:
    """Labels, and held-out scores that are mapped from the disk."""
    names = tuple(f"{number:07}.jpg" for number in range(IMAGES))
    labels = LabelSets(names, np.arange(IMAGES + 1), np.load(folder / "labels.npy").astype(np.int32), Classes(CLASSES))
    return labels, Predictions.from_scores(np.load(folder / "scores.npy", mmap_mode="r"), names)


def read_whole(folder: Path) -> float:
    """Seconds to read the file into memory once, from the cache of the system."""
    start = time.perf_counter()
    np.load(folder / "scores.npy")
    return time.perf_counter() - start


def measured(folder: Path, method: str) -> dict[str, float]:
    """In a process of its own, of which the system tells the highest memory, with the pages of mapped files."""
    command = [sys.executable, str(Path(__file__)), str(folder), method]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def test_consistent(row: Any, folder: Path) -> None:
    runs = [(measured(folder, "consistent")["seconds"], read_whole(folder)) for _ in range(5)]
    seconds, once = (median(run[i] for run in runs) for i in (0, 1))
    row(f"consistent, {SIZE}", seconds, "reading the file into memory", once, "<= 1.5")


def test_posterior(row: Any, folder: Path) -> None:
    run = measured(folder, "posterior")
    row(f"posterior, {SIZE}", run["seconds"], "120 s", 120, "<= 1", peak_mib=run["peak_mib"], must_mib=1536)


if __name__ == "__main__":
    labels, scores = given(Path(sys.argv[1]))
    begin = time.perf_counter()
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        find_label_errors(HeldOutPredictions.of({"scores.npy": scores}, labels), sys.argv[2])
    print(json.dumps({"seconds": time.perf_counter() - begin, "peak_mib": peak_mib()}))
