"""Coverage of the intervals over images and raters, in simulated studies of several designs.

`python -m benchmarks.bench_coverage [STUDIES]` prints the table of docs/decisions/0014-intervals.md, with more
designs and the width of the intervals. As a benchmark, it runs fewer studies.
"""

import sys
import time
from typing import Any

import numpy as np
import pytest

from reassess import label_uncertainty
from tests.studies import DESIGNS, Design, draw, true_accuracies

REPLICATES = 200
NAMES = ("percentile", "shifted", "reflected", "printed", "difference")


def coverage(design: Design, studies: int) -> dict[str, float]:
    """Return the share of studies where an interval contains the truth, and means over studies in points.

    Intervals for the accuracy of model a: the percentiles of the replicates, the same shifted by the replicates' mean
    shift or reflected at the estimate, and the interval of `LabelUncertainty`. "difference" is the interval for a - c.
    """
    truth = true_accuracies(design)
    rows = []
    for seed in range(studies):
        panel, label_resampler, _ = draw(seed, design)
        result = label_uncertainty(panel, label_resampler, replicates=REPLICATES, seed=seed)
        samples = result.hits[:, 0] / result.n_scored
        estimate, (low, high) = samples[0], np.quantile(samples[1:], (0.025, 0.975))
        shift = result.mean_accuracy_change_in_replicates("a")
        intervals = (
            (low, high),
            (low - shift, high - shift),
            (2 * estimate - high, 2 * estimate - low),
            result.accuracy_interval("a"),
        )
        difference = result.difference_interval("a", "c")
        contained = [left <= truth[0] <= right for left, right in intervals]
        contained.append(difference[0] <= truth[0] - truth[2] <= difference[1])
        width = result.accuracy_interval("a")[1] - result.accuracy_interval("a")[0]
        rows.append([*contained, *(100 * np.array([estimate - truth[0], result.bias[0], shift, width]))])
    means = np.mean(rows, axis=0).tolist()
    return dict(zip((*NAMES, "error", "bias", "shift", "width"), means, strict=True))


@pytest.mark.parametrize("name", list(DESIGNS)[:-2])
def test_printed_interval_contains_the_truth(name: str, row: Any) -> None:
    start = time.perf_counter()
    shares = coverage(DESIGNS[name], 40)
    assert shares["printed"] >= 0.9
    seconds = time.perf_counter() - start
    row(f"40 studies, {name}: {100 * shares['printed']:.0f} % contain the truth", seconds, "60 s", 60, "<= 1")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("| design | percentile | shifted | reflected | printed | difference | error | bias | shift | width |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for label, design in DESIGNS.items():
        numbers = coverage(design, count if design.images < 10_000 else count // 4)
        shares = " | ".join(f"{100 * numbers[key]:.1f}" for key in NAMES)
        points = " | ".join(f"{numbers[key]:+.2f}" for key in ("error", "bias", "shift", "width"))
        print(f"| {label} | {shares} | {points} |", flush=True)
