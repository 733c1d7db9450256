"""Accuracy and log loss of rater models with many classes, on simulated crowds; the options choose the table.

- `python benchmarks/many_classes.py` prints accuracy and log loss of each method.
- `python benchmarks/many_classes.py subtypes` prints them for ebcc by the number of subtypes of each class.

The classes are in groups of five similar classes, such as breeds of dogs. Most wrong answers are classes of the same
group. In some crowds, a third of the items are hard: all raters confuse such an item with the same class of the group.
"""

import sys
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess import Votes, aggregate
from reassess.aggregation import fit_bcc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Classes, raters, items, votes per item.
CROWDS = (
    (1_000, 1_000, 50_000, 5),
    (1_000, 20, 20_000, 5),
    (500, 200, 20_000, 3),
    (300, 30, 10_000, 5),
    (300, 10, 20_000, 10),
)
SMALLER_CROWDS = ((200, 20, 10_000, 5),)
HARD = (0.0, 0.3)  # share of hard items
GROUP = 5  # similar classes
SUBTYPES = (1, 2, 4)


def simulate_crowd(seed: int, classes: int, raters: int, items: int, per_item: int, hard: float) -> tuple[Votes, Ints]:
    """Simulate votes of raters who confuse similar classes; return them and the truth."""
    rng = np.random.default_rng(seed)
    truth, rows = rng.integers(0, classes, items), np.repeat(np.arange(items), per_item)
    rater_ids = np.argsort(rng.random((items, raters)), axis=1)[:, :per_item].ravel()
    true_class = truth[rows]
    usual_mistake = similar_class(rng, np.arange(classes))
    accuracy = rng.beta(7, 3, raters)[rater_ids] + rng.normal(0, 0.1, classes)[true_class]
    mistake = rng.choice(3, rows.size, p=(0.55, 0.25, 0.2))
    anything = rng.integers(0, classes, rows.size)
    wrong = np.choose(mistake, (usual_mistake[true_class], similar_class(rng, true_class), anything))
    answers = np.where(rng.random(rows.size) < np.clip(accuracy, 0.05, 0.98), true_class, wrong)
    confusion = (rng.random(items) < hard) * rng.uniform(0.3, 0.9, items)
    decoy = np.where(rng.random(items) < 0.7, usual_mistake[truth], similar_class(rng, truth))
    is_confused, is_decoy = rng.random(rows.size) < confusion[rows], rng.random(rows.size) < 0.5
    answers = np.where(is_confused, np.where(is_decoy, decoy[rows], true_class), answers)
    return Votes.from_columns(range(items), rows, rater_ids, answers, range(raters), range(classes)), truth


def similar_class(rng: np.random.Generator, classes: Ints) -> Ints:
    """Draw another class of the same group."""
    return classes // GROUP * GROUP + (classes % GROUP + rng.integers(1, GROUP, classes.size)) % GROUP


def describe(posterior: Floats, truth: Ints) -> str:
    """Format accuracy, where a tie of k classes counts 1 / k, and log loss."""
    best = posterior >= posterior.max(axis=1, keepdims=True) - 1e-12
    rows = np.arange(truth.size)
    loss = -np.log(np.clip(posterior[rows, truth], 1e-6, 1)).mean()
    return f"{np.mean(best[rows, truth] / best.sum(axis=1)):.4f} {loss:.2f}"


def main() -> None:
    """Print a table."""
    warnings.simplefilter("ignore")
    by_subtypes = "subtypes" in sys.argv[1:]
    methods = ("majority", "onecoin", "em", "ibcc", "stacking")
    header = ("em", *(f"ebcc, subtypes: {m}" for m in SUBTYPES)) if by_subtypes else methods
    print("| classes, raters, items, votes per item | hard | " + " | ".join(header) + " |")
    for crowd in SMALLER_CROWDS if by_subtypes else CROWDS:
        for hard in HARD:
            votes, truth = simulate_crowd(0, *crowd, hard)
            posteriors = [aggregate(votes, method).posterior.values for method in (("em",) if by_subtypes else methods)]
            if by_subtypes:
                limits: dict[str, Any] = {"tolerance": 1e-3, "max_iterations": 200}
                posteriors += [fit_bcc(votes, subtypes=m, **limits).posterior.values for m in SUBTYPES]
            cells = " | ".join(describe(values, truth) for values in posteriors)
            print(f"| {', '.join(f'{n:,}' for n in crowd)} | {hard:.0%} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
