"""Coverage of the interval for a difference of two models, and how its width depends on the seed.

`python -m benchmarks.image_intervals` prints two tables for docs/decisions/0014-intervals.md:

1. The coverage of intervals for a difference on 500 images, by the mean number of images that decide. Each deciding
   image adds -2, -1, 1 or 2 to the difference.
2. The width of the interval for a difference when images and raters are resampled, with several seeds: by percentiles
   of the replicates, and by their standard deviation. The study is "as ReaL, 20,000 images" of tests/studies.py.
"""

import numpy as np

from reassess import label_uncertainty
from reassess.comparison.differences import SIGNIFICANCE_LEVEL, LeadChange
from tests.studies import DESIGNS, draw

IMAGES, DRAWS = 500, 2_000
DECIDING = (5, 10, 20, 50, 100, 250)
VALUES = (-2, -1, 1, 2)
# Shares of the values.
NO_DIFFERENCE = {"equal": (0, 1 / 2, 1 / 2, 0), "equal, skewed": (0, 2 / 3, 0, 1 / 3)}
DIFFERENCE = {"a lead": (0, 0.3, 0.7, 0), "a change": (0.05, 0.3, 0.5, 0.15)}
SEEDS, REPLICATES = range(12), (200, 1_000)


def print_coverage() -> None:
    """Print how often the interval contains the mean, and how often an equal pair differs significantly."""
    headings = (*NO_DIFFERENCE, *DIFFERENCE, *(f"{name}: significant" for name in NO_DIFFERENCE))
    print("| deciding images | " + " | ".join(headings) + " |\n|---" + "|---" * len(headings) + "|")
    for deciding in DECIDING:
        rng = np.random.default_rng(deciding)
        kinds = (NO_DIFFERENCE | DIFFERENCE).values()
        coverage, significant = zip(*(_draw_shares(rng, deciding, shares) for shares in kinds), strict=True)
        cells = (*coverage, *significant[: len(NO_DIFFERENCE)])
        print(f"| {deciding} | " + " | ".join(f"{100 * share:.1f}" for share in cells) + " |", flush=True)


def _draw_shares(rng: np.random.Generator, deciding: int, shares: tuple[float, ...]) -> tuple[float, float]:
    """Return how often the interval contains the mean, and how often the p-value is below 0.05."""
    probabilities = deciding / IMAGES * np.array(shares)
    truth, contained, significant = float(probabilities @ VALUES), 0, 0
    for counts in rng.multinomial(IMAGES, [*probabilities, 1 - probabilities.sum()], DRAWS)[:, :-1].tolist():
        change = LeadChange(IMAGES, dict(zip(VALUES, counts, strict=True)))
        low, high = change.interval or (0.0, 0.0)
        contained += low - 1e-12 <= truth <= high + 1e-12
        significant += (change.p_value or 0) < SIGNIFICANCE_LEVEL
    return contained / DRAWS, significant / DRAWS


def print_seeds() -> None:
    """Print the smallest and the largest width of the interval over the seeds, in points."""
    panel, label_resampler, _ = draw(0, DESIGNS["as ReaL, 20,000 images"])
    print("\n| replicates | by percentiles | by the standard deviation |\n|---|---|---|")
    for replicates in REPLICATES:
        widths = []
        for seed in SEEDS:
            result = label_uncertainty(panel, label_resampler, replicates=replicates, seed=seed)
            samples = result.hits[1:] / result.n_scored[1:, None]
            percentiles = np.ptp(np.quantile(samples[:, 0] - samples[:, 1], (0.025, 0.975)))
            low, high = result.difference_interval("a", "b")
            widths.append([100 * percentiles, 100 * (high - low)])
        narrowest, widest = np.min(widths, axis=0), np.max(widths, axis=0)
        ranges = [f"{low:.2f} to {high:.2f}" for low, high in zip(narrowest, widest, strict=True)]
        print(f"| {replicates:,} | " + " | ".join(ranges) + " |", flush=True)


if __name__ == "__main__":
    print_coverage()
    print_seeds()
