"""Speed and memory of EM and of reading votes, with the published votes of ImageNet ReaL."""

import json
import subprocess
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from many_classes import simulate_crowd
from memory import anonymous_mib, peak_mib
from scipy.sparse import csr_matrix
from scipy.special import digamma

from reassess.aggregation import aggregate, fit_bcc, fit_dawid_skene
from reassess.aggregation.em_inputs import DEFAULT_POOLING
from reassess.core import Votes
from reassess.data import fetch
from reassess.errors import ConvergenceWarning
from reassess.formats import read_vote_file, read_vote_folder

WORDS = ("no", "maybe", "yes")
THREADS = 2
FEW, MANY = 1, 101  # iterations; their difference excludes what EM does once
COPIES = 100
SIZE = "924,810 votes, 3 x 3"


@pytest.fixture(scope="module")
def path() -> Path:
    return fetch("imagenet-real-raters")


@pytest.fixture(scope="module")
def votes(path: Path) -> Votes:
    return read_vote_file(path)


def iterate(votes: Votes, iterations: int) -> None:
    """Run a number of iterations of maximum likelihood, converged or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit_dawid_skene(
            votes,
            truths=WORDS,
            smoothing=0,
            pooling=0,
            tolerance=1e-300,
            max_iterations=iterations,
            threads=THREADS,
        )


def measure_seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def seconds_per_iteration(run: Callable[[int], object], few: int, many: int, *, rounds: int) -> float:
    run(few)  # warms up
    differences = (measure_seconds(lambda: run(many)) - measure_seconds(lambda: run(few)) for _ in range(rounds))
    return median(differences) / (many - few)


@pytest.fixture(scope="module")
def crowd_kit(votes: Votes) -> float:
    """Seconds per iteration of crowd-kit's DawidSkene, which a tolerance of -inf keeps from stopping."""
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    table = pd.DataFrame({"task": votes.item_ids, "worker": votes.rater_ids, "label": votes.answer_ids})
    return seconds_per_iteration(lambda n: DawidSkene(n_iter=n, tol=float("-inf")).fit(table), 1, 4, rounds=3)


def test_iteration_is_faster_than_crowd_kit(row: Any, votes: Votes, crowd_kit: float) -> None:
    ours = seconds_per_iteration(lambda n: iterate(votes, n), FEW, MANY, rounds=7)
    row(f"one EM iteration, {SIZE}, {THREADS} threads", ours, "crowd-kit DawidSkene", crowd_kit, ">= 50")


@pytest.mark.parametrize("pooling", [0, DEFAULT_POOLING])
def test_em_converges_fast(row: Any, votes: Votes, crowd_kit: float, pooling: float) -> None:
    """With pooling, EM first fits one matrix for all raters; those iterations are timed, but not counted."""

    def run() -> int:
        return fit_dawid_skene(votes, truths=WORDS, smoothing=0, pooling=pooling, threads=THREADS).iterations

    iterations = run()
    ours = median(measure_seconds(run) for _ in range(5))
    name = f"EM to 1e-6, pooling {pooling}, {SIZE}, {iterations} iterations"
    row(name, ours, "1.5 s", 1.5, "<= 1")
    row(name, ours, f"crowd-kit, {iterations} iterations, extrapolated", iterations * crowd_kit, ">= 1")


def test_iterations_of_variational_bayes(row: Any, votes: Votes) -> None:
    """Dawid and Skene's model by variational Bayes, beside EM and beside numpy with sparse matrices."""
    em = seconds_per_iteration(lambda n: iterate(votes, n), FEW, MANY, rounds=5)
    sparse = seconds_per_iteration(partial(iterate_sparse_bcc, votes), 1, 6, rounds=5)
    for name, subtypes, limit in (("ibcc", 1, "<= 3"), ("ebcc with 10 subtypes", 10, "<= 10")):
        seconds = seconds_per_iteration(partial(iterate_bcc, votes, subtypes), 1, 31, rounds=5)
        row(f"one iteration of {name}, {SIZE}, {THREADS} threads", seconds, "one iteration of EM", em, limit)
        if subtypes == 1:
            row(
                f"one iteration of {name}, {SIZE}, {THREADS} threads", seconds, "numpy and scipy.sparse", sparse, ">= 5"
            )


def iterate_bcc(votes: Votes, subtypes: int, iterations: int) -> None:
    """Run a number of iterations of `fit_bcc`, converged or not."""
    limits: dict[str, Any] = {"tolerance": 1e-300, "max_iterations": iterations, "threads": THREADS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit_bcc(votes, truths=WORDS, subtypes=subtypes, rater_prior=np.ones((3, 3)), **limits)


def iterate_sparse_bcc(votes: Votes, iterations: int) -> None:
    """Run a number of iterations of iBCC with a sparse matrix of items and raters for each answer."""
    shape = len(votes.items), len(votes.raters)
    items = votes.item_ids
    of_answer = [
        csr_matrix((np.ones(rows.sum()), (items[rows], votes.rater_ids[rows])), shape)
        for rows in (votes.answer_ids == answer for answer in range(3))
    ]
    values = np.stack([np.asarray(matrix.sum(axis=1)).ravel() for matrix in of_answer], axis=1)
    values /= values.sum(axis=1, keepdims=True)
    for _ in range(iterations):
        counts = np.stack([matrix.T @ values for matrix in of_answer], axis=2) + 1  # shape (raters, truths, answers)
        log_matrices = digamma(counts) - digamma(counts.sum(axis=2, keepdims=True))
        totals = values.sum(axis=0) + 1
        logs = digamma(totals) - digamma(totals.sum())
        logs = logs + sum(matrix @ log_matrices[:, :, answer] for answer, matrix in enumerate(of_answer))
        values = np.exp(logs - logs.max(axis=1, keepdims=True))
        values /= values.sum(axis=1, keepdims=True)


def test_em_scales_to_92_million_votes(row: Any, path: Path) -> None:
    """EM runs in a new process, whose peak memory includes reading the votes."""
    command = [sys.executable, str(Path(__file__)), str(path)]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    tiled = result["votes"]
    mib = 16 * tiled / 2**20
    row(
        f"one EM iteration, {tiled:,} votes, 3 x 3, {THREADS} threads",
        result["seconds"],
        "400 million votes per second",
        tiled / 400e6,
        "<= 1",
        peak_mib=result["peak_mib"],
        max_mib=round(mib),
    )


def test_em_from_files_takes_at_most_twice_as_long_as_in_memory(row: Any, path: Path) -> None:
    """Both run in one new process. Anonymous memory excludes pages of mapped files, which the system may drop."""
    command = [sys.executable, str(Path(__file__)), str(path), "from-files"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    row(
        f"one EM iteration from files, {result['votes']:,} votes, {THREADS} threads",
        result["seconds"],
        "in memory",
        result["seconds_in_memory"],
        "<= 2",
        peak_mib=result["anonymous_mib"],
        max_mib=1024,
    )


def test_folder_of_votes_is_read_in_linear_time(row: Any, tmp_path: Path) -> None:
    """Ten times the votes take about ten times as long, and at most 1 GiB besides the page cache."""
    seconds, peaks = [], []
    for copies in (1, 10):
        folder = tmp_path / str(copies)
        folder.mkdir()
        for number in range(copies):
            write_folder_part(folder / f"{number:02}.parquet", number)
        start = time.perf_counter()
        peaks.append(anonymous_mib(lambda folder=folder: read_vote_folder(folder, temporary_folder=tmp_path)))
        seconds.append(time.perf_counter() - start)
    name, limit = "reading a folder of 10,000,000 votes", "<= 1.5"
    row(name, seconds[1], "10 times the seconds of 1,000,000", 10 * seconds[0], limit, peak_mib=peaks[1], max_mib=1024)


def write_folder_part(path: Path, number: int) -> None:
    """Write a file with 1,000,000 votes on 200,000 questions."""
    import polars as pl

    rng = np.random.default_rng(number)
    item = np.repeat(np.arange(200_000) + 200_000 * number, 5)
    table = pl.DataFrame({"image": item // 4, "class": item % 4, "rater": rng.integers(0, 200, item.size)})
    answers = pl.Series(WORDS).gather(rng.integers(0, 3, item.size)).alias("answer")
    table.with_columns(pl.format("images/{}.jpg", "image").alias("image"), answers).write_parquet(path)


def test_many_classes_fit_into_memory(row: Any) -> None:
    """All methods are fitted on the candidate classes of each item; full matrices would take 8 GB."""
    votes, _ = simulate_crowd(0, classes=1_000, raters=1_000, items=50_000, per_item=5, hard=0.3)
    seconds_of_em = 0.0
    for method in ("em", "onecoin", "ibcc", "stacking"):
        start = time.perf_counter()
        with warnings.catch_warnings(action="ignore"):
            peak = anonymous_mib(partial(aggregate, votes, method))
        seconds = time.perf_counter() - start
        seconds_of_em = seconds_of_em or seconds
        name = f"{method}, 250,000 votes of 1,000 raters for 1,000 classes"
        row(name, seconds, "em", seconds_of_em, "<= 20", peak_mib=peak, max_mib=1024)


def test_votes_are_read_almost_as_fast_as_they_are_inflated(compare: Any, path: Path) -> None:
    def inflate() -> None:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    while member.read(1 << 20):
                        pass

    read_vote_file(fetch("imagenet-real-golden"))
    peak = anonymous_mib(lambda: read_vote_file(path))
    compare(
        "reading raters.npz",
        lambda: read_vote_file(path),
        inflate,
        against="only inflating it",
        limit="<= 2",
        rounds=7,
        peak_mib=peak,
        max_mib=64,
    )


def tile(votes: Votes, copies: int) -> Votes:
    """Repeat all items and their votes."""
    steps = np.arange(copies)[:, None] * len(votes)
    indptr = np.append((steps + votes.indptr[:-1]).ravel(), copies * len(votes))
    rater_ids, answer_ids = np.tile(votes.rater_ids, copies), np.tile(votes.answer_ids, copies)
    return Votes(range(indptr.size - 1), indptr, rater_ids, answer_ids, votes.raters, votes.answers)


def measure_tiled(path: Path) -> dict[str, float]:
    votes = tile(read_vote_file(path), COPIES)
    seconds = seconds_per_iteration(lambda n: iterate(votes, n), 2, 12, rounds=3)
    return {"votes": len(votes), "seconds": seconds, "peak_mib": peak_mib()}


def measure_mapped(path: Path) -> dict[str, float]:
    """Measure EM on votes in memory, and on the same votes mapped from files."""
    from dataclasses import replace
    from tempfile import TemporaryDirectory

    from reassess.numeric.arrays import create_mapped_array

    votes = tile(read_vote_file(path), COPIES)
    in_memory = seconds_per_iteration(lambda n: iterate(votes, n), 2, 12, rounds=3)
    with TemporaryDirectory() as name:
        arrays = {}
        for field in ("indptr", "rater_ids", "answer_ids"):
            source = getattr(votes, field)
            arrays[field] = create_mapped_array(Path(name), source.shape, source.dtype)
            arrays[field][:] = source
        mapped = replace(votes, **arrays)
        seconds = seconds_per_iteration(lambda n: iterate(mapped, n), 2, 12, rounds=3)
        peak = anonymous_mib(lambda: iterate(mapped, 2))
    return {"votes": len(votes), "seconds": seconds, "seconds_in_memory": in_memory, "anonymous_mib": peak}


if __name__ == "__main__":
    measure = measure_mapped if sys.argv[2:] else measure_tiled
    print(json.dumps(measure(Path(sys.argv[1]))))
