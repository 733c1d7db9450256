"""How often the intervals over images and raters hold the truth: simulated studies of several designs.

`python -m benchmarks.bench_coverage [STUDIES]` prints the table of docs/decisions/; as a benchmark, a few studies each.
"""

import sys
import time
from typing import Any

import numpy as np
import pytest

from reassess import label_uncertainty
from tests.studies import DESIGNS, Design, draw, true_accuracies

REPLICATES = 200
NAMES = ("percentile", "moved back", "reflected", "printed", "difference")


def coverage(design: Design, studies: int) -> dict[str, float]:
    """Share of studies in which an interval holds the truth, and means over studies, in points.

    The accuracies are those of model a by percentiles of the replicates, moved back by their mean shift, reflected at
    the estimate, and as `LabelUncertainty.interval` prints it; the difference is that of a and c.
    """
    truth = true_accuracies(design)
    rows = []
    for seed in range(studies):
        panel, relabelling, _ = draw(seed, design)
        found = label_uncertainty(panel, relabelling, replicates=REPLICATES, seed=seed)
        samples = found.hits[:, 0] / found.n
        estimate, (low, high) = samples[0], np.quantile(samples[1:], (0.025, 0.975))
        shift = found.shift("a")
        intervals = (
            (low, high),
            (low - shift, high - shift),
            (2 * estimate - high, 2 * estimate - low),
            found.interval("a"),
        )
        of_difference = found.difference_interval("a", "c")
        held = [left <= truth[0] <= right for left, right in intervals]
        held.append(of_difference[0] <= truth[0] - truth[2] <= of_difference[1])
        width = found.interval("a")[1] - found.interval("a")[0]
        rows.append([*held, *(100 * np.array([estimate - truth[0], found.bias[0], shift, width]))])
    means = np.mean(rows, axis=0).tolist()
    return dict(zip((*NAMES, "error", "bias", "shift", "width"), means, strict=True))


@pytest.mark.parametrize("name", list(DESIGNS)[:-2])
def test_the_truth_is_held(name: str, row: Any) -> None:
    start = time.perf_counter()
    held = coverage(DESIGNS[name], 40)
    assert held["printed"] >= 0.9
    row(
        f"40 studies, {name}: {100 * held['printed']:.0f} % hold the truth",
        time.perf_counter() - start,
        "60 s",
        60,
        "<= 1",
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("| design | percentile | moved back | reflected | printed | difference | error | bias | shift | width |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for label, one in DESIGNS.items():
        numbers = coverage(one, count if one.images < 10_000 else count // 4)
        shares = " | ".join(f"{100 * numbers[key]:.1f}" for key in NAMES)
        points = " | ".join(f"{numbers[key]:+.2f}" for key in ("error", "bias", "shift", "width"))
        print(f"| {label} | {shares} | {points} |", flush=True)
