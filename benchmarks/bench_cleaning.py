"""Speed and memory of cleaning labels at the scale of ImageNet's training images, with held-out scores in a file."""

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
_PART = 1 << 13  # images written at a time


def write_scores(folder: Path) -> None:
    """Write logits of a calibrated model, divided by 1.3, and labels that are wrong for 6 % of the images."""
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


def read_inputs(folder: Path) -> tuple[LabelSets, Predictions]:
    """Read labels, and map held-out scores from the file."""
    names = tuple(f"{number:07}.jpg" for number in range(IMAGES))
    labels = LabelSets(names, np.arange(IMAGES + 1), np.load(folder / "labels.npy").astype(np.int32), Classes(CLASSES))
    return labels, Predictions.from_scores(np.load(folder / "scores.npy", mmap_mode="r"), names)


def time_reading(folder: Path) -> float:
    """Return the seconds to read the whole file into memory, from the system's cache."""
    start = time.perf_counter()
    np.load(folder / "scores.npy")
    return time.perf_counter() - start


def measure(folder: Path, method: str) -> dict[str, float]:
    """Clean in a new process, whose peak memory includes the pages of mapped files."""
    command = [sys.executable, str(Path(__file__)), str(folder), method]
    process = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(process.stdout))


def test_consistent_is_little_slower_than_reading(row: Any, folder: Path) -> None:
    runs = [(measure(folder, "consistent")["seconds"], time_reading(folder)) for _ in range(5)]
    seconds, reading = (median(run[i] for run in runs) for i in (0, 1))
    row(f"consistent, {SIZE}", seconds, "reading the file into memory", reading, "<= 1.5")


def test_posterior_takes_at_most_two_minutes(row: Any, folder: Path) -> None:
    run = measure(folder, "posterior")
    row(f"posterior, {SIZE}", run["seconds"], "120 s", 120, "<= 1", peak_mib=run["peak_mib"], max_mib=1536)


if __name__ == "__main__":
    labels, scores = read_inputs(Path(sys.argv[1]))
    begin = time.perf_counter()
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        find_label_errors(HeldOutPredictions.from_predictions({"scores.npy": scores}, labels), sys.argv[2])
    print(json.dumps({"seconds": time.perf_counter() - begin, "peak_mib": peak_mib()}))
