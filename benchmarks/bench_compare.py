"""Speed and memory of comparing models: a ranking with bootstrap intervals, and label sets from resampled raters."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from memory import peak_mib

from reassess import (
    Panel,
    find_label_resampler,
    label_uncertainty,
    rank_models,
    read_labels,
    read_original_labels,
    read_votes,
)

CLASSES, MODELS = 1_000, 1_000


def test_many_models_are_ranked_in_a_minute(row: Any) -> None:
    process = subprocess.run([sys.executable, str(Path(__file__))], check=True, capture_output=True, text=True)
    seconds, peak = map(float, process.stdout.split())
    row("ranking 1,000 models x 50,000 images, 1,000 replicates", seconds, "60 s", 60, "<= 1", peak, 2048)


def test_raters_are_resampled_in_10_seconds(row: Any) -> None:
    labels, original = read_labels(), read_original_labels()
    votes, experts, rater_golden = (
        read_votes(f"imagenet-real-{name}") for name in ("raters", "golden", "raters-golden")
    )
    label_resampler = find_label_resampler(labels, votes, experts, rater_golden, original, threshold=0.8)
    panel = Panel.from_ids("ab", draw_models(2), labels, original=original)
    start = time.perf_counter()
    label_uncertainty(panel, label_resampler)
    row("computing label sets from 924,810 votes 200 times", time.perf_counter() - start, "10 s", 10, "<= 1")


def draw_models(count: int) -> np.ndarray:
    """Draw models that predict the original label, except a random class on 10 to 30 % of the images."""
    rng, original = np.random.default_rng(0), read_original_labels().indices
    ids = np.empty((count, original.size), np.int32)
    for row in ids:
        is_random = rng.random(original.size) < rng.uniform(0.1, 0.3)
        row[:] = np.where(is_random, rng.integers(0, CLASSES, original.size), original)
    return ids


def measure() -> tuple[float, float]:
    """Rank models; return the seconds, and the peak memory of this process in MiB."""
    labels, original, ids = read_labels(), read_original_labels(), draw_models(MODELS)
    start = time.perf_counter()
    rank_models(Panel.from_ids([str(i) for i in range(MODELS)], ids, labels, original=original))
    return time.perf_counter() - start, peak_mib()


if __name__ == "__main__":
    print(*measure())
