"""Speed and memory of `propose` with scores in files, and of choosing among all subsets of models."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from memory import peak_mib

from reassess import LabelSets, Predictions, choose_models, propose
from reassess.aggregation import GoldenQuestions
from reassess.core import ProposalResult, Questions
from reassess.proposals.proposed_pairs import find_golden_pairs
from reassess.proposals.subset_search import measure_model_subsets

MODELS, IMAGES, CLASSES = 19, 50_000, 1_000
GOLDEN = 256
NAMES = tuple(f"{number:05}.jpg" for number in range(IMAGES))
_PART = 5_000  # images written at a time


def write_models(folder: Path) -> None:
    """Write scores of models that agree on about half of the images, so that these need no question, as in ReaL."""
    rng = np.random.default_rng(0)
    truth, ease = rng.integers(0, CLASSES, IMAGES), rng.gamma(1.5, 4, IMAGES)
    np.save(folder / "truth", truth)
    files = [
        np.lib.format.open_memmap(folder / f"model-{m:02}.npy", mode="w+", dtype=np.float16, shape=(IMAGES, CLASSES))
        for m in range(MODELS)
    ]
    for start in range(0, IMAGES, _PART):
        rows = np.arange(start, start + _PART)
        shared = rng.standard_normal((_PART, CLASSES), dtype=np.float32)
        for file in files:
            scores = shared + 0.25 * rng.standard_normal((_PART, CLASSES), dtype=np.float32)
            scores[np.arange(_PART), truth[rows]] += ease[rows] + rng.standard_normal(_PART)
            file[rows] = scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    write_models(path)
    return path


class Models:
    """The models of a folder; one file is mapped at a time."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob("model-*.npy"))

    def __iter__(self) -> Iterator[tuple[str, Predictions]]:
        for file in self._files:
            yield file.stem, Predictions.from_scores(np.load(file, mmap_mode="r"), NAMES)


def propose_candidates(folder: Path) -> ProposalResult:
    original = LabelSets.from_pairs(NAMES, np.arange(IMAGES), np.load(folder / "truth.npy"))
    return propose(Models(folder), original)


def read_files(folder: Path) -> None:
    """Read every byte of the files."""
    for file in sorted(folder.glob("model-*.npy")):
        with file.open("rb", buffering=0) as stream:
            while stream.read(1 << 24):
                pass


def measure_seconds(work: Any, *arguments: Any) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def test_propose_takes_at_most_a_minute(row: Any, folder: Path) -> None:
    """`propose` runs in a new process, whose peak memory includes the pages of mapped files."""
    command = [sys.executable, str(Path(__file__)), str(folder)]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(3)]
    seconds, peak = median(run["seconds"] for run in runs), max(run["peak_mib"] for run in runs)
    name = f"candidates of {MODELS} x {IMAGES:,} x {CLASSES:,} float16"
    row(name, seconds, "60 s", 60, "<= 1", peak_mib=peak, max_mib=1024)
    reading = median(measure_seconds(read_files, folder) for _ in range(3))
    row(name, seconds, "reading the files once", reading, "<= 1000")
    row(name, seconds, "the softmax of every row in numpy, once", measure_seconds(compute_softmax, folder), "<= 6")


def compute_softmax(folder: Path) -> None:
    """Compute every probability once, which any comparison of classes between images has to do."""
    for file in sorted(folder.glob("model-*.npy")):
        scores = np.load(file, mmap_mode="r")
        for start in range(0, IMAGES, 1024):
            values = scores[start : start + 1024].astype(np.float64)
            weights = np.exp(values - values.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)


def draw_golden(result: ProposalResult) -> GoldenQuestions:
    """Draw images with random answers to all their candidates; the share of models is the probability of valid."""
    rng = np.random.default_rng(0)
    questions = result.candidates.questions
    images = rng.choice(len(questions.images), GOLDEN, replace=False)
    rows = np.flatnonzero(np.isin(questions.image_ids, images))
    share = result.candidates.is_proposed_by_source[rows].mean(axis=1)
    names = [questions.images[image] for image in questions.image_ids[rows].tolist()]
    return GoldenQuestions(Questions.from_columns(names, questions.class_ids[rows]), rng.random(rows.size) < share)


def test_choice_of_models_takes_at_most_20_seconds(row: Any, folder: Path) -> None:
    result = propose_candidates(folder)
    golden = draw_golden(result)
    choice = choose_models(result, golden)
    seconds = median(measure_seconds(choose_models, result, golden) for _ in range(5))
    name = f"{choice.n_subsets:,} subsets on {GOLDEN} golden images, chosen and checked"
    row(name, seconds, "20 s", 20, "<= 1")
    sample = np.random.default_rng(0).integers(1, 2**MODELS, 20)
    subsets = measure_model_subsets(result, find_golden_pairs(result, golden))
    expected = list(zip(subsets.n_candidates[sample - 1].tolist(), subsets.n_hits[sample - 1].tolist(), strict=True))
    assert measure_one_by_one(result, golden, sample) == expected
    one_by_one = measure_seconds(measure_one_by_one, result, golden, sample) / sample.size * choice.n_subsets
    row(name, seconds, "one subset after another, extrapolated", one_by_one, ">= 100")


def measure_one_by_one(result: ProposalResult, golden: GoldenQuestions, subsets: Any) -> list[tuple[int, int]]:
    """Count candidates and hits of some subsets in a plain loop, for models that predict all images."""
    questions, original, proposes = result.candidates.questions, result.is_original, result.is_proposed_by_model
    sends = result.is_sent_to_raters[questions.image_ids]
    valid = questions.find_positions(
        questions.rows_of(golden.questions.images)[golden.questions.image_ids], golden.questions.class_ids
    )
    valid = valid[golden.is_valid & (valid >= 0)]
    measured = []
    for subset in subsets.tolist():
        models = [model for model in range(MODELS) if subset >> model & 1]
        proposed = (proposes[:, models].any(axis=1) | original) & sends[:, models].any(axis=1)
        measured.append((int(proposed.sum()), int((proposed | original)[valid].sum())))
    return measured


if __name__ == "__main__":
    start = time.perf_counter()
    propose_candidates(Path(sys.argv[1]))
    print(json.dumps({"seconds": time.perf_counter() - start, "peak_mib": peak_mib()}))
