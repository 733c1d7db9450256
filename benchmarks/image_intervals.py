"""How often intervals of differences hold the truth over images, and how far a seed moves those over raters.

`python -m benchmarks.image_intervals` prints two tables of docs/decisions/. The first is of drawn differences on 500
images, by how many images decide on average, and of what they say: -2 to 2. The second is of one study of
tests/studies.py, "as ReaL, 20,000 images": how wide the interval of one difference over images and raters is, by the
percentiles of the replicates and by their standard deviation, with several seeds.
"""

import numpy as np

from reassess import label_uncertainty
from reassess.comparison.differences import LEVEL, AccuracyChange
from tests.studies import DESIGNS, draw

IMAGES, DRAWS = 500, 2_000
DECIDING = (5, 10, 20, 50, 100, 250)
VALUES = (-2, -1, 1, 2)
EQUALS = {"alike": (0, 1 / 2, 1 / 2, 0), "alike, askew": (0, 2 / 3, 0, 1 / 3)}  # shares of the values; their mean is 0
UNLIKE = {"a lead": (0, 0.3, 0.7, 0), "a change": (0.05, 0.3, 0.5, 0.15)}
SEEDS, REPLICATES = range(12), (200, 1_000)


def print_coverage() -> None:
    """Shares of draws of which the interval holds the mean, and in which the test tells equals apart."""
    headings = (*EQUALS, *UNLIKE, *(f"{name}: told apart" for name in EQUALS))
    print("| images that decide | " + " | ".join(headings) + " |\n|---" + "|---" * len(headings) + "|")
    for deciding in DECIDING:
        rng = np.random.default_rng(deciding)
        held, told_apart = zip(*(_shares(rng, deciding, kind) for kind in (EQUALS | UNLIKE).values()), strict=True)
        cells = (*held, *told_apart[: len(EQUALS)])
        print(f"| {deciding} | " + " | ".join(f"{100 * share:.1f}" for share in cells) + " |", flush=True)


def _shares(rng: np.random.Generator, deciding: int, of_deciding: tuple[float, ...]) -> tuple[float, float]:
    """How often the interval holds the mean, and how often the p-value is below 0.05."""
    shares = deciding / IMAGES * np.array(of_deciding)
    truth, held, below = float(shares @ VALUES), 0, 0
    for counts in rng.multinomial(IMAGES, [*shares, 1 - shares.sum()], DRAWS)[:, :-1].tolist():
        change = AccuracyChange(IMAGES, dict(zip(VALUES, counts, strict=True)))
        low, high = change.interval or (0.0, 0.0)
        held += low - 1e-12 <= truth <= high + 1e-12
        below += (change.p_value or 0) < LEVEL
    return held / DRAWS, below / DRAWS


def print_seeds() -> None:
    """Least and greatest width of the interval of a difference over images and raters, in points, over seeds."""
    panel, relabelling, _ = draw(0, DESIGNS["as ReaL, 20,000 images"])
    print("\n| replicates | by percentiles | by the standard deviation |\n|---|---|---|")
    for replicates in REPLICATES:
        widths = []
        for seed in SEEDS:
            found = label_uncertainty(panel, relabelling, replicates=replicates, seed=seed)
            samples = found.hits[1:] / found.n[1:, None]
            percentiles = np.ptp(np.quantile(samples[:, 0] - samples[:, 1], (0.025, 0.975)))
            low, high = found.difference_interval("a", "b")
            widths.append([100 * percentiles, 100 * (high - low)])
        least, most = np.min(widths, axis=0), np.max(widths, axis=0)
        ranges = [f"{low:.2f} to {high:.2f}" for low, high in zip(least, most, strict=True)]
        print(f"| {replicates:,} | " + " | ".join(ranges) + " |", flush=True)


if __name__ == "__main__":
    print_coverage()
    print_seeds()
