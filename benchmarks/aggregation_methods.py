"""Accuracy, log loss, calibration error and time of the methods of `aggregate`, on public crowds.

`python benchmarks/aggregation_methods.py FOLDER...` prints the tables of docs/aggregation.md. FOLDER is a public
dataset with label.csv and truth.csv.
"""

import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from crowds import Floats, Ints, accuracy, golden_draws, read_public

from reassess import Votes, aggregate

METHODS = ("majority", "onecoin", "em", "ibcc", "ebcc", "stacking")
BINS = 10  # of probabilities, for the calibration error
SURE = 0.99
LOWEST = 1e-6  # probabilities are clipped here, so that one item cannot decide the log loss


def log_loss(values: Floats, truth: Ints) -> float:
    """Return the mean negative logarithm (natural) of the probability of the truth."""
    return float(-np.log(values[np.arange(truth.size), truth].clip(LOWEST)).mean())


def calibration_error(values: Floats, truth: Ints) -> float:
    """Return the expected calibration error: the mean distance of confidence and accuracy over bins of items."""
    confidence, is_correct = values.max(axis=1), values.argmax(axis=1) == truth
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    differences = np.bincount(bins, confidence - is_correct, BINS)
    return float(np.abs(differences).sum() / truth.size)


def share_of_sure_items(values: Floats, truth: Ints) -> tuple[float, float]:
    """Return the share of items with a probability of at least 0.99, and the share of correct ones among them."""
    is_sure, is_correct = values.max(axis=1) >= SURE, values.argmax(axis=1) == truth
    return float(is_sure.mean()), float(is_correct[is_sure].mean()) if is_sure.any() else np.nan


def measure(votes: Votes, truth: Ints, method: str) -> list[float]:
    """Return accuracy, log loss, calibration error, shares of sure and correct items, and seconds of a method."""
    start = time.perf_counter()
    values = aggregate(votes, method).posterior.values
    seconds = time.perf_counter() - start
    is_judged = (truth >= 0) & (votes.sizes > 0)
    judged = values[is_judged], truth[is_judged]
    measures = accuracy(*judged), log_loss(*judged), calibration_error(*judged)
    return [*measures, *share_of_sure_items(*judged), seconds]


def print_methods(datasets: dict[str, tuple[Votes, Ints]]) -> None:
    """Print the accuracy of each method on each dataset, and a table of means over the datasets."""
    results = {name: [measure(*dataset, method) for method in METHODS] for name, dataset in datasets.items()}
    print_table(("dataset", *METHODS), ((name, *(f"{row[0]:.3f}" for row in rows)) for name, rows in results.items()))
    table = np.array(list(results.values()))  # shape (datasets, methods, measures)
    means, lead = np.nanmean(table, axis=0), table[:, :, 0] - table[:, :1, 0]
    measures = "accuracy", "lowest minus majority", "log loss", "calibration error"
    print_table(
        ("method", *measures, f"items at {SURE} or more", "these correct", "seconds"),
        (
            (method, f"{row[0]:.3f}", f"{worst:+.3f}", *(f"{value:.3f}" for value in row[1:5]), f"{row[5]:.2f}")
            for method, row, worst in zip(METHODS, means, lead.min(axis=0), strict=True)
        ),
    )


def print_golden(datasets: dict[str, tuple[Votes, Ints]]) -> None:
    """Print mean accuracy and log loss with golden items, measured on the other items."""
    methods = ("majority", "em", "em, tempered", "calibrated", "calibrated, tempered", "stacking")
    results: dict[int, list[list[tuple[float, float]]]] = {}
    for seed, (votes, truth) in enumerate(datasets.values()):
        for number, experts, judged in golden_draws(seed, votes, truth):
            row = []
            for method in methods:
                name, _, tempered = method.partition(", ")
                options = {} if experts is None or method == "majority" else {"experts": experts}
                options |= {"tempering": True} if tempered and options else {}
                name = "em" if name == "calibrated" and experts is None else name
                values = aggregate(votes, name, **options).posterior.values[judged]
                row.append((accuracy(values, truth[judged]), log_loss(values, truth[judged])))
            results.setdefault(number, []).append(row)
    rows = []
    for number, table in results.items():
        means = np.array(table).mean(axis=0)
        cells = (
            "-" if number == 0 and ("calibrated" in method or "tempered" in method) else f"{a:.3f}, {b:.3f}"
            for method, (a, b) in zip(methods, means, strict=True)
        )
        rows.append((str(number), str(len(table)), *cells))
    print_table(("golden items", "datasets", *methods), rows)


def print_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table in Markdown."""
    headings = tuple(headings)
    print("\n| " + " | ".join(headings) + " |\n" + "|---" * len(headings) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folders = {Path(folder).name: read_public(folder) for folder in sys.argv[1:]}
    print_methods(folders)
    print_golden(folders)
