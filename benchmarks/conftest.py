"""Fixtures that time a piece of work against a baseline, and a table of the results.

Work and baseline run in turn, so a busy machine slows both: the ratio of their medians counts. No benchmark fails for
being slow.
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
    """A function that times work and a baseline in turn, and adds a row; see `add_row` for `limit`.

    A baseline that is too slow may do only a part of the work; its seconds are multiplied by `scale`.
    """

    def run(
        name: str,
        work: Callable[[], object],
        baseline: Callable[[], object],
        *,
        against: str,
        limit: str,
        rounds: int,
        scale: int = 1,
        peak_mib: float | None = None,
        max_mib: float | None = None,
    ) -> None:
        baseline_seconds: list[float] = []

        def time_baseline() -> None:
            start = time.perf_counter()
            baseline()
            baseline_seconds.append(time.perf_counter() - start)

        work()  # warms up
        benchmark.pedantic(work, setup=time_baseline, rounds=rounds)
        seconds = benchmark.stats.stats.median
        add_row(name, seconds, against, scale * median(baseline_seconds), limit, peak_mib, max_mib)

    return run


@pytest.fixture(scope="session")
def row() -> Callable[..., None]:
    """`add_row`, for times that `compare` does not measure."""
    return add_row


def add_row(
    name: str,
    seconds: float,
    baseline: str,
    baseline_seconds: float,
    limit: str,
    peak_mib: float | None = None,
    max_mib: float | None = None,
) -> None:
    """Add a row to the table.

    The limit "<= 3" means at most 3 times the baseline's seconds; ">= 15" means at least 15 times faster.
    """
    sign, bound = limit.split()
    is_speedup = sign == ">="
    ratio = baseline_seconds / seconds if is_speedup else seconds / baseline_seconds
    is_met = ratio >= float(bound) if is_speedup else ratio <= float(bound)
    if peak_mib is not None and max_mib is not None:
        is_met &= peak_mib <= max_mib
        limit += f", {max_mib:g} MiB"
    _ROWS.append(
        {
            "name": name,
            "seconds": seconds,
            "baseline": baseline,
            "baseline_seconds": baseline_seconds,
            "ratio": ratio,
            "limit": limit,
            "is_met": is_met,
            "peak_mib": peak_mib,
        }
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, and write it to results.json."""
    if not _ROWS:
        return
    headings = ("work", "seconds", "baseline", "seconds", "ratio", "limit", "met", "peak MiB")
    rows = [
        (
            row["name"],
            f"{row['seconds']:.4f}",
            row["baseline"],
            f"{row['baseline_seconds']:.4f}",
            f"{row['ratio']:.3g}",
            row["limit"],
            "yes" if row["is_met"] else "NO",
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
