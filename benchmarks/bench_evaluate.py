"""Speed and memory of `evaluate` on one thread, with ReaL labels and random scores."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from memory import anonymous_mib

from reassess import LabelSets, Predictions, evaluate, read_labels, read_original_labels
from reassess.core.image_names import validation_image_names
from reassess.data import fetch
from reassess.evaluation import top1_hits
from reassess.evaluation.class_ranks import best_ranks, ranks_and_top1

CLASSES, IMAGES, MODELS, BATCH = 1_000, 50_000, 2_000, 256
SIZE = "50,000 x 1,000"
Floats = npt.NDArray[np.floating[Any]]


@pytest.fixture(scope="module")
def labels() -> LabelSets:
    return read_labels("imagenet-real")


@pytest.fixture(scope="module")
def scores() -> Floats:
    return np.random.default_rng(0).standard_normal((IMAGES, CLASSES), np.float32)


@pytest.fixture(scope="module")
def tied(scores: Floats) -> Floats:
    """Scores with ties in every row."""
    return np.round(scores * 4)


def every_k(scores: Floats, labels: LabelSets) -> npt.NDArray[np.int64]:
    """Count ReaL hits at every k, from 1 to the number of classes."""
    ranks, _ = ranks_and_top1(Predictions.from_scores(scores), np.arange(len(scores)), labels.indptr, labels.indices)
    starts = np.append(labels.indptr[:-1][labels.sizes > 0], labels.indptr[-1])
    return np.cumsum(np.bincount(best_ranks(ranks, starts), minlength=CLASSES))


@pytest.fixture(scope="module")
def with_timm(scores: Floats) -> Callable[[], dict[int, float]]:
    """A function that evaluates the scores with timm, in batches of 256."""
    import torch
    from timm.data import RealLabelsImagenet

    torch.set_num_threads(1)
    names, path = list(validation_image_names()), str(fetch("imagenet-real"))
    batches = [torch.from_numpy(scores[start : start + BATCH]) for start in range(0, IMAGES, BATCH)]
    evaluators = [RealLabelsImagenet(names, path) for _ in range(30)]

    def run() -> dict[int, float]:
        evaluator = evaluators.pop()  # an evaluator accumulates, so each run needs a new one, made in advance
        for batch in batches:
            evaluator.add_result(batch)
        accuracy: dict[int, float] = evaluator.get_accuracy()
        return accuracy

    return run


@pytest.mark.parametrize(
    ("name", "work", "limit"), [("hits at every k", every_k, ">= 7"), ("whole evaluation", evaluate, ">= 5")]
)
def test_evaluation_is_faster_than_timm(
    compare: Any, labels: LabelSets, scores: Floats, with_timm: Any, name: str, work: Any, limit: str
) -> None:
    """timm takes 21 times as long as `scores.sum()`, so the limits are 3 and 4 times the sum."""
    hits, n = every_k(scores, labels), int(np.count_nonzero(labels.sizes))
    assert {k: round(n * accuracy / 100) for k, accuracy in with_timm().items()} == {1: hits[0], 5: hits[4]}
    compare(
        f"{name}, {SIZE} float32",
        lambda: work(scores, labels),
        with_timm,
        against="timm RealLabelsImagenet",
        limit=limit,
        rounds=9,
    )


@pytest.mark.parametrize(("ties", "limit"), [("", "<= 3"), (", ties in every row", "<= 4")])
def test_hits_take_few_times_as_long_as_a_sum(
    compare: Any, labels: LabelSets, scores: Floats, tied: Floats, ties: str, limit: str
) -> None:
    values = tied if ties else scores
    compare(
        f"hits at every k, {SIZE} float32{ties}",
        lambda: every_k(values, labels),
        values.sum,
        against="scores.sum()",
        limit=limit,
        rounds=25,
    )


def test_memory_mapped_scores_need_little_memory(
    compare: Any, labels: LabelSets, scores: Floats, tmp_path: Path
) -> None:
    np.save(tmp_path / "scores.npy", scores.astype(np.float16))
    mapped = np.load(tmp_path / "scores.npy", mmap_mode="r")
    command = [sys.executable, str(Path(__file__)), str(tmp_path / "scores.npy")]
    peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    compare(
        f"hits at every k, {SIZE} float16, memory-mapped",
        lambda: every_k(mapped, labels),
        scores.sum,
        against="sum() of the float32 array",
        limit="<= 4",
        peak_mib=peak,
        max_mib=64,
        rounds=25,
    )


def test_many_models_are_evaluated_at_once(compare: Any, labels: LabelSets) -> None:
    ids = np.random.default_rng(1).integers(0, CLASSES, (MODELS, IMAGES), np.int32)
    real = json.loads(fetch("imagenet-real").read_bytes())
    few_models = ids[: MODELS // 100].tolist()

    def published() -> list[float]:
        return [
            float(np.mean([class_id in valid for class_id, valid in zip(model, real, strict=True) if valid]))
            for model in few_models
        ]

    compare(
        "top-1 hits of 2,000 models x 50,000 ids",
        lambda: top1_hits(ids, labels.indptr, labels.indices),
        published,
        against="published list comprehension, 20 models x 100",
        scale=100,
        limit=">= 20",
        rounds=3,
    )


def test_commands_start_fast(row: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "ids.npy", read_original_labels("imagenet-original").indices)
    reassess = str(Path(sys.executable).parent / "reassess")
    python = _seconds(sys.executable, "-c", "")
    ours, numpy = (_seconds(sys.executable, "-c", f"import {name}") - python for name in ("reassess", "numpy"))
    row("import reassess", ours, "import numpy", numpy, "<= 2")
    row("reassess --help, cold", _seconds(reassess, "--help"), "0.2 s", 0.2, "<= 1")
    cold = _seconds(reassess, "evaluate", str(tmp_path / "ids.npy"))
    row("reassess evaluate, 50,000 ids, cold", cold, "1.5 s", 1.5, "<= 1")


def measure_mapped(path: Path) -> float:
    """Return the anonymous memory in MiB that an evaluation adds to that of a small one; use a new process."""
    mapped, labels = np.load(path, mmap_mode="r"), read_labels("imagenet-real")
    few = LabelSets.from_lists(labels.images[:BATCH], [labels[name] or () for name in labels.images[:BATCH]])
    evaluate(mapped[:BATCH], few)
    return anonymous_mib(lambda: evaluate(mapped, labels))


def _seconds(*command: str) -> float:
    """Return the median wall-clock time of a whole process."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return median(times)


if __name__ == "__main__":
    print(measure_mapped(Path(sys.argv[1])))
