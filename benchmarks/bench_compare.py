"""Speed and memory of comparisons: many models ranked with bootstrap intervals, and labels made of votes again."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from memory import peak_mib

from reassess import Panel, label_uncertainty, rank_models, read_labels, read_original, read_votes, relabel

CLASSES, MODELS = 1_000, 1_000


def test_many_models_are_ranked(row: Any) -> None:
    done = subprocess.run([sys.executable, str(Path(__file__))], check=True, capture_output=True, text=True)
    seconds, peak = map(float, done.stdout.split())
    row("1,000 models x 50,000 images ranked, 1,000 replicates", seconds, "60 s", 60, "<= 1", peak, 2048)


def test_raters_are_resampled(row: Any) -> None:
    labels, original = read_labels(), read_original()
    golden = (read_votes(f"imagenet-real-{name}") for name in ("raters", "golden", "raters-golden"))
    again = relabel(labels, *golden, original, threshold=0.8)
    panel = Panel.from_ids("ab", models(2), labels, original=original)
    start = time.perf_counter()
    label_uncertainty(panel, again)
    row("924,810 votes made into label sets 200 times", time.perf_counter() - start, "10 s", 10, "<= 1")


def models(count: int) -> np.ndarray:
    """Models that say the original label, or on 10 to 30 % of the images any class."""
    rng, ids = np.random.default_rng(0), read_original().indices
    said = np.empty((count, ids.size), np.int32)
    for each in said:
        each[:] = np.where(rng.random(ids.size) < rng.uniform(0.1, 0.3), rng.integers(0, CLASSES, ids.size), ids)
    return said


def measure() -> tuple[float, float]:
    """Seconds, and the highest memory of this process in MiB."""
    labels, original, said = read_labels(), read_original(), models(MODELS)
    start = time.perf_counter()
    rank_models(Panel.from_ids([str(i) for i in range(MODELS)], said, labels, original=original))
    return time.perf_counter() - start, peak_mib()


if __name__ == "__main__":
    print(*measure())
