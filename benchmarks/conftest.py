"""The fixture `compare`: time a piece of work against a baseline in turn, in one run, and keep a row of the table.

A busy machine slows both sides, so the ratio of medians is what counts; nothing here fails because of a time.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

RESULTS = Path(__file__).parent / "results.json"
_ROWS: list[dict[str, Any]] = []


@pytest.fixture
def compare(benchmark: Any) -> Callable[..., None]:
    """Time some work and a baseline in turn, and keep a row; see `add_row` for `must`.

    `times` is how many times as much work as the baseline does it stands for, where all of it would take too long.
    """

    def run(
        name: str,
        work: Callable[[], object],
        baseline: Callable[[], object],
        *,
        against: str,
        must: str,
        rounds: int,
        times: int = 1,
        peak_mib: float | None = None,
        must_mib: float | None = None,
    ) -> None:
        baseline_seconds: list[float] = []

        def time_baseline() -> None:
            start = time.perf_counter()
            baseline()
            baseline_seconds.append(time.perf_counter() - start)

        work()  # warms up
        benchmark.pedantic(work, setup=time_baseline, rounds=rounds)
        seconds = benchmark.stats.stats.median
        add_row(name, seconds, against, times * median(baseline_seconds), must, peak_mib, must_mib)

    return run


@pytest.fixture(scope="session")
def row() -> Callable[..., None]:
    """Keep a row that was measured in another way than `compare` does."""
    return add_row


def add_row(
    name: str,
    seconds: float,
    baseline: str,
    baseline_seconds: float,
    must: str,
    peak_mib: float | None = None,
    must_mib: float | None = None,
) -> None:
    """Keep one row: "<= 3" holds seconds / baseline seconds, ">= 15" how many times faster than the baseline it is."""
    sign, limit = must.split()
    faster = sign == ">="
    ratio = baseline_seconds / seconds if faster else seconds / baseline_seconds
    holds = ratio >= float(limit) if faster else ratio <= float(limit)
    if peak_mib is not None and must_mib is not None:
        holds &= peak_mib <= must_mib
        must += f", {must_mib:g} MiB"
    _ROWS.append(
        {
            "name": name,
            "seconds": seconds,
            "baseline": baseline,
            "baseline_seconds": baseline_seconds,
            "ratio": ratio,
            "must": must,
            "holds": holds,
            "peak_mib": peak_mib,
        }
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, and write it to results.json."""
    if not _ROWS:
        return
    headings = ("work", "seconds", "baseline", "seconds", "ratio", "must", "holds", "peak MiB")
    rows = [
        (
            row["name"],
            f"{row['seconds']:.4f}",
            row["baseline"],
            f"{row['baseline_seconds']:.4f}",
            f"{row['ratio']:.3g}",
            row["must"],
            "yes" if row["holds"] else "NO",
            "-" if row["peak_mib"] is None else f"{row['peak_mib']:.1f}",
        )
        for row in _ROWS
    ]
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
    terminalreporter.write_line("")
    for row in (headings, *rows):
        terminalreporter.write_line(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    RESULTS.write_text(json.dumps(_ROWS, indent=2) + "\n")
