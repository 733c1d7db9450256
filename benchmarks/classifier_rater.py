"""Wrong labels on CIFAR-10N, from the votes of three people and the held-out predictions of a classifier.

`python benchmarks/classifier_rater.py FOLDER` prints a table. FOLDER contains train-votes.parquet (item, rater,
answer), train-original.csv (image, class) and heldout-first-rater.npz (scores, names), predictions of a classifier that
was trained on the labels of the first person. 500 random images are golden; all numbers are of the other images. Below
the table, the labels of stacking and CROWDLAB are compared for one draw of golden images.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
from cleanlab import multiannotator

from reassess import Classes, Predictions, Votes, aggregate, read_original_labels, read_predictions
from reassess.numeric.proportions import mcnemar_p_value

GOLDEN, SEEDS = 500, 3
Floats = npt.NDArray[np.float64]


def read_votes(folder: Path, classes: Classes) -> Votes:
    """Read the votes, for one class per image."""
    table = pl.read_parquet(folder / "train-votes.parquet")
    images, raters = (table[name].unique(maintain_order=True).to_list() for name in ("item", "rater"))
    columns = [
        table.select(pl.col(name).replace_strict({value: row for row, value in enumerate(values)}))
        .to_series()
        .to_numpy()
        for name, values in (("item", images), ("rater", raters), ("answer", classes.names))
    ]
    return Votes.from_columns(images, *columns, list(map(str, raters)), classes.names, classes=classes)


def fill_probabilities(votes: Votes, **options: Any) -> Floats:
    """Compute scores by stacking, as an array of shape (images, classes)."""
    scores = aggregate(votes, **options).scores
    assert votes.classes is not None
    values = np.zeros((len(votes.items), len(votes.classes.names)))
    values[votes.find_positions(scores.images)[scores.questions.image_ids], scores.questions.class_ids] = scores.values
    return values


def crowdlab(votes: Votes, predictions: Predictions) -> Floats:
    """Compute the probabilities of cleanlab's CROWDLAB. Its public function gives the same labels."""
    table = np.full((len(votes.items), len(votes.raters)), np.nan)
    table[votes.item_ids, votes.rater_ids] = votes.answer_ids
    rows = {image: row for row, image in enumerate(predictions.images or ())}
    probabilities = np.asarray(predictions.scores)[[rows[image] for image in votes.images]].astype(float)
    probabilities = np.maximum(probabilities, 1e-6)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    result = multiannotator.get_label_quality_multiannotator(pd.DataFrame(table), probabilities, verbose=False)
    quality = result["label_quality"]
    columns = [quality[name].to_numpy() for name in ("consensus_label", "num_annotations", "annotator_agreement")]
    # The public function returns labels, but no probabilities.
    values = np.asarray(
        multiannotator._get_post_pred_probs_and_weights(table, columns[0], probabilities, *columns[1:], verbose=False)[
            0
        ]
    )
    assert (values.argmax(axis=1) == columns[0]).mean() > 0.999
    return values


def measure(values: Floats, truth: npt.NDArray[np.int64]) -> list[float]:
    """Return wrong labels in %, log loss, and calibration error."""
    best, is_right = values.max(axis=1), values.argmax(axis=1) == truth
    bins = np.minimum((best * 10).astype(int), 9)
    gaps = np.abs(np.bincount(bins, best - is_right, 10)).sum() / truth.size
    log_loss = -np.log(np.maximum(values[np.arange(truth.size), truth], 1e-6)).mean()
    return [100 * float(1 - is_right.mean()), float(log_loss), float(gaps)]


def list_methods(votes: Votes, experts: Votes, predictions: Predictions) -> Iterator[tuple[str, Callable[[], Floats]]]:
    """Yield the name of each way to make labels, and a function that computes probabilities."""
    yield "majority", lambda: fill_probabilities(votes, method="majority")
    for method in ("em", "stacking"):
        yield method, lambda method=method: fill_probabilities(votes, method=method)
        yield f"{method}, classifier", lambda m=method: fill_probabilities(votes, method=m, classifier=predictions)
        yield f"{method}, golden", lambda m=method: fill_probabilities(votes, method=m, experts=experts)
        yield (
            f"{method}, golden, classifier",
            lambda m=method: fill_probabilities(votes, method=m, experts=experts, classifier=predictions),
        )
    yield "CROWDLAB", lambda: crowdlab(votes, predictions)


def main(folder: Path) -> None:
    """Print a row per way to make labels, with means over draws of golden images."""
    original = read_original_labels(folder / "train-original.csv")
    votes = read_votes(folder, original.classes)
    predictions = read_predictions(folder / "heldout-first-rater.npz", original.classes)
    truth = original.indices[original.indptr[original.find(votes.images)]].astype(np.int64)
    rows: dict[str, list[list[float]]] = {}
    correct: dict[str, npt.NDArray[np.bool_]] = {}  # for one draw
    for seed in range(SEEDS):
        golden = np.sort(np.random.default_rng(seed).choice(len(truth), GOLDEN, replace=False))
        others = np.setdiff1d(np.arange(len(truth)), golden)
        columns = np.arange(GOLDEN), np.zeros(GOLDEN, np.int64), truth[golden]
        images = [votes.images[row] for row in golden.tolist()]
        experts = Votes.from_columns(images, *columns, ["expert"], original.classes.names, classes=original.classes)
        for name, compute in list_methods(votes, experts, predictions):
            start = perf_counter()
            values = compute()
            rows.setdefault(name, []).append([*measure(values[others], truth[others]), perf_counter() - start])
            correct.setdefault(name, values[others].argmax(axis=1) == truth[others])
            print(seed, name, rows[name][-1], file=sys.stderr, flush=True)
    print("| labels by | wrong % | log loss | calibration error | seconds |\n|---|---|---|---|---|")
    for name, draws in rows.items():
        wrong, log_loss, error, seconds = np.mean(draws, axis=0)
        print(f"| {name} | {wrong:.2f} | {log_loss:.3f} | {error:.3f} | {seconds:.0f} |")
    for name in ("stacking, classifier", "stacking, golden, classifier"):
        first, second = (
            np.count_nonzero(correct[a] & ~correct[b]) for a, b in ((name, "CROWDLAB"), ("CROWDLAB", name))
        )
        print(f"only {name} is correct: {first}; only CROWDLAB: {second}; p = {mcnemar_p_value(first, second):.2f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
