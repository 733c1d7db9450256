"""How well wrong labels are found: people's on CIFAR-10N, and labels of digits that are wrong on purpose.

`python -m benchmarks.label_noise` prints the tables of docs/cleaning.md and docs/decisions/ whose data are published or
made here, from labels that tests are made of too. Those of CIFAR-10 read `heldout-first-rater.npz`,
`train-first-rater.csv` and `train-original.csv` in one of the folders of REASSESS_DATA. The rows of other models on
CIFAR-10 need these trained, and are not made here.
"""

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from reassess import (
    Golden,
    HeldOutPredictions,
    Predictions,
    Questions,
    find_label_errors,
    read_original,
    read_predictions,
)
from reassess.cleaning import CleaningMethod
from reassess.cleaning import noise_model as posterior
from reassess.cleaning.checked_labels import DrawnLabels, correct_share, known_labels
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.core import Cleaning, Sample
from tests.cleaning.simulated import held_out_of, matrix_of, simulate, wrong_labels

_Bools = npt.NDArray[np.bool_]
METHODS: tuple[CleaningMethod, ...] = "posterior", "consistent", "confident"
CHECKED, DRAWS = (50, 100, 500, 2_000), 200
PULLS = 0, 0.1, 0.15, 0.2
EXCHANGED = 0.1  # images of which an unfair model says what it says of another one
MANY_CLASSES, OF_A_CLASS, SURENESS, WRONG = 1_000, 12, (2.5, 3.0), 0.175
SIZES, PARTS = (500, 1_000, 2_000, 5_000), 20
POINTS, DIMENSIONS, SPREAD, DRAWN_SURENESS = 10_000, 20, 1.0, 10.0
KINDS = "uniform", "pairs", "some pairs"
MODELS: Mapping[str, Any] = {
    "nearest neighbours": KNeighborsClassifier(15),
    "calibrated": CalibratedClassifierCV(KNeighborsClassifier(15), cv=5),
}


def found(name: str) -> Path:
    """A file in one of the folders of REASSESS_DATA."""
    folders = map(Path, os.environ.get("REASSESS_DATA", "").split(os.pathsep))
    return next(folder / name for folder in folders if (folder / name).exists())


def shares(dropped: _Bools, wrong: _Bools) -> tuple[float, float]:
    """Percent of the wrong labels that are dropped, and of the dropped labels that are wrong."""
    both = np.count_nonzero(dropped & wrong)
    return 100 * both / max(1, np.count_nonzero(wrong)), 100 * both / max(1, np.count_nonzero(dropped))


def average_precision(ranked: _Bools) -> float:
    """Of wrong labels, in order from the most suspicious one."""
    return float((np.cumsum(ranked) / np.arange(1, ranked.size + 1))[ranked].mean())


def best_f1(ranked: _Bools) -> float:
    """At the best cut of an order."""
    return float((2 * np.cumsum(ranked) / (np.arange(1, ranked.size + 1) + ranked.sum())).max())


def print_people() -> None:
    """The first rater of CIFAR-10N: how labels are ranked and dropped, and the share of wrong ones by a sample."""
    labels = read_original(found("train-first-rater.csv"))
    own = read_original(found("train-original.csv"), classes=labels.classes)
    truth = own.indices[own.find(labels.images)].astype(np.int64)
    wrong = truth != labels.indices
    predictions = read_predictions(found("heldout-first-rater.npz"), labels.classes)
    held_out = HeldOutPredictions.of({"held-out": predictions}, labels)
    unfair = HeldOutPredictions.of({"unfair": exchanged(predictions)}, labels)
    cleaning = find_label_errors(held_out)
    assert cleaning.noise is not None
    ranked = wrong[np.argsort(cleaning.label_quality, kind="stable")]
    off = np.abs(cleaning.noise.matrix - matrix_of(truth, labels.indices.astype(np.int64), 10)).mean()
    print("| average precision | F1 at the best cut | matrix is off by | share | truly |\n|---|---|---|---|---|")
    print(
        f"| {average_precision(ranked):.4f} | {best_f1(ranked):.4f} | {off:.4f} | {100 * cleaning.noise.share:.2f} % "
        f"| {100 * wrong.mean():.2f} % |\n"
    )
    print("| method | F1 as it is | wrong labels dropped % | dropped labels wrong % |\n|---|---|---|---|")
    for name in METHODS:
        recall, precision = shares(~find_label_errors(held_out, name).kept, wrong)
        print(
            f"| {name} | {2 * recall * precision / (recall + precision) / 100:.4f} | {recall:.1f} | {precision:.1f} |"
        )
    print_pulls(held_out)
    print_samples("the network", held_out, cleaning, wrong)
    print_samples("an unfair one", unfair, find_label_errors(unfair), wrong)


def print_pulls(held_out: HeldOutPredictions) -> None:
    """The share of wrong labels that is estimated with pulls other than the one that is fixed."""
    print("\n| pull | share % |\n|---|---|")
    for pull in PULLS:
        with patch.object(posterior, "PULL", pull):
            noise = find_label_errors(held_out).noise
        assert noise is not None
        print(f"| {pull} | {100 * noise.share:.2f} |", flush=True)


def exchanged(predictions: Predictions) -> Predictions:
    """A model that says of some images, drawn at random, what it says of others among them."""
    rng = np.random.default_rng(0)
    rows = np.flatnonzero(rng.random(len(predictions)) < EXCHANGED)
    assert predictions.scores is not None
    scores = predictions.scores.copy()
    scores[rows] = scores[rng.permutation(rows)]
    return replace(predictions, scores=scores)


def print_samples(model: str, held_out: HeldOutPredictions, cleaning: Cleaning, wrong: _Bools) -> None:
    """How near the share of wrong labels is with checked labels of a random sample, and what its interval holds."""
    labels, share = held_out.labels, wrong.mean()
    agree = (held_out.top1()[0] == labels.indices).mean()
    assert cleaning.noise is not None
    alone = f"{100 * cleaning.noise.share:.2f} % wrong by it alone"
    print(f"\n{model}: agrees with {100 * agree:.1f} % of the labels; {alone}")
    print("| checked labels | within 1.5 points % | off by, rms, points | interval of 95 % holds the share % |")
    print("|---|---|---|---|")
    for count in CHECKED:
        near, held, squares = 0, 0, 0.0
        for seed in range(DRAWS):
            rows = np.sort(np.random.default_rng(seed).permutation(len(labels))[:count])
            images = [labels.images[row] for row in rows.tolist()]
            pairs = Questions.from_columns(images, labels.indices[rows], labels.classes)
            known = known_labels(held_out, Golden(pairs, ~wrong[rows]))
            sample = Sample(tuple(images), np.full(count, count / len(labels)), ("",) * count)
            drawn = DrawnLabels.of(held_out, known, sample)
            label_quality, checked = correct_share(cleaning.label_quality, known, drawn)
            assert checked.interval is not None
            off = float(1 - label_quality.mean() - share)
            near, squares = near + (abs(off) <= 0.015), squares + off**2
            held += checked.interval[0] <= share <= checked.interval[1]
        rms = 100 * (squares / DRAWS) ** 0.5
        print(f"| {count:,} | {100 * near / DRAWS:.1f} | {rms:.1f} | {100 * held / DRAWS:.1f} |", flush=True)


def print_few_images() -> None:
    """Random parts of a set: the mean of what the share of wrong labels is off by, and of the absolute values."""
    print("\n| model and labels | model right % | " + " | ".join(f"{size:,}" for size in SIZES))
    print("|---|---" + "|---" * len(SIZES) + "|")
    labels = read_original(found("train-first-rater.csv"))
    own = read_original(found("train-original.csv"), classes=labels.classes)
    truth = own.indices[own.find(labels.images)].astype(np.int64)
    predictions = read_predictions(found("heldout-first-rater.npz"), labels.classes)
    held_out = HeldOutPredictions.of({"held-out": predictions}, labels)
    print_parts("first rater of CIFAR-10N", held_out, truth)
    assert predictions.scores is not None
    scores = predictions.scores[np.argsort(held_out.files[0].rows)]
    for name, changed in other_labels(labels.indices.astype(np.int64), truth):
        print_parts(f"the same network, {name}", held_out_of(scores, changed), truth)
    for model in ("simulated", "nearest neighbours", "forest"):
        for kind in KINDS:
            for share in (0.05, 0.1, 0.2):
                scores, truth, wrong = simulated_kind(model, kind, share)
                print_parts(f"{model}, {100 * share:.0f} %, {kind}", held_out_of(scores, wrong), truth)


def other_labels(people: npt.NDArray[np.int64], truth: npt.NDArray[np.int64]) -> Iterator[tuple[str, Any]]:
    """Labels of CIFAR-10's images that nobody gave: true labels, and wrong ones that depend only on the true class."""
    yield "none wrong", truth
    for share in (0.05, 0.1, 0.2):
        for kind in KINDS[:2]:
            yield f"{100 * share:.0f} %, {kind}", wrong_labels(truth, 10, share, kind, np.random.default_rng(0))
    chances = np.cumsum(matrix_of(truth, people, 10)[truth], axis=1)[:, :-1]
    yield "as often as people", (np.random.default_rng(0).random((truth.size, 1)) > chances).sum(axis=1)


def print_drawn_labels() -> None:
    """Labels that are drawn from a model's own probabilities, as the true classes are: nothing shows."""
    rng = np.random.default_rng(0)
    scores, truth = simulate(POINTS, 10, DRAWN_SURENESS, rng)
    labels = (rng.random((POINTS, 1)) > np.cumsum(scores, axis=1)[:, :-1]).sum(axis=1)
    noise = find_label_errors(held_out_of(scores, labels), threshold=0).noise
    assert noise is not None
    print(f"\ndrawn labels: {100 * (labels != truth).mean():.1f} % wrong, {100 * noise.share:.1f} % estimated")


def simulated_kind(model: str, kind: str, share: float) -> tuple[Any, Any, Any]:
    """Held-out probabilities, true classes and labels: probabilities are drawn, or a model learns points of classes."""
    rng = np.random.default_rng(0)
    if model == "simulated":
        scores, truth = simulate(POINTS, 10, 6.0, rng)
        softer = scores ** (1 / 1.5)  # as if the labels had made the model less sure
        return softer / softer.sum(axis=1, keepdims=True), truth, wrong_labels(truth, 10, share, kind, rng)
    centers = SPREAD * rng.normal(0, 1, (10, DIMENSIONS))
    centers[1::2] = centers[::2] + SPREAD * rng.normal(0, 0.6, (5, DIMENSIONS))  # pairs of classes look alike
    truth = rng.integers(0, 10, POINTS)
    points = centers[truth] + rng.normal(0, 1, (POINTS, DIMENSIONS))
    labels = wrong_labels(truth, 10, share, kind, rng)
    learner = {
        "nearest neighbours": KNeighborsClassifier(25),
        "forest": RandomForestClassifier(100, min_samples_leaf=3, random_state=0),
    }[model]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    with threadpool_limits(1):
        scores = cross_val_predict(learner, points, labels, cv=folds, method="predict_proba")
    return scores, truth, labels


def print_parts(name: str, held_out: HeldOutPredictions, truth: npt.NDArray[np.int64]) -> None:
    """A row of `print_few_images`."""
    images, wrong = ClassCandidates.of(held_out), truth != held_out.labels.indices
    cells = []
    for size in SIZES:
        off = []
        for seed in range(PARTS):
            rows = np.sort(np.random.default_rng(seed).permutation(len(images))[:size])
            _, fitted = posterior.fit_noise(images.of_rows(rows))
            off.append(100 * float(1 - fitted.correct.mean() - wrong[rows].mean()))
        cells.append(f"{np.mean(off):+.1f} ({np.abs(off).mean():.1f})")
    right = 100 * (held_out.top1()[0] == truth).mean()
    print(f"| {name} | {right:.0f} | {' | '.join(cells)} |", flush=True)


def print_many_classes() -> None:
    """Few images of each of many classes, and a calibrated model: the share of wrong labels that is estimated."""
    print("\n| in 16 classes % | model right % | truly wrong % | estimated % |\n|---|---|---|---|")
    for sureness in SURENESS:
        rng = np.random.default_rng(0)
        scores, truth = simulate(MANY_CLASSES * OF_A_CLASS, MANY_CLASSES, sureness, rng)
        labels = wrong_labels(truth, MANY_CLASSES, WRONG, "uniform", rng)
        noise = find_label_errors(held_out_of(scores, labels), threshold=0).noise
        assert noise is not None
        shares_in_16 = np.sort(scores, axis=1)[:, -16:].sum(axis=1)
        right, wrong = (scores.argmax(axis=1) == truth).mean(), (labels != truth).mean()
        print(
            "| " + " | ".join(f"{100 * part:.1f}" for part in (shares_in_16.mean(), right, wrong, noise.share)) + " |"
        )


def print_digits(model: str) -> None:
    """Labels of digits that are wrong on purpose: the share of wrong ones dropped, and of dropped ones wrong."""
    pixels, truth = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    print(f"\n| {model}: wrong | " + " | ".join(METHODS) + " | share |\n|---" + "|---" * (len(METHODS) + 1) + "|")
    for share in (0, 0.05, 0.1, 0.2, 0.4):
        for kind in ("uniform", "pairs"):
            labels = wrong_labels(truth, 10, share, kind, np.random.default_rng(0))
            with threadpool_limits(1):  # of neighbours at the same distance, threads choose
                scores = cross_val_predict(MODELS[model], pixels / 16, labels, cv=folds, method="predict_proba")
            held_out = held_out_of(scores, labels)
            cleanings = {name: find_label_errors(held_out, name) for name in METHODS}
            of_methods = [
                " / ".join(f"{value:.1f}" for value in shares(~cleaning.kept, labels != truth))
                + f" ({100 * (~cleaning.kept).mean():.1f} % dropped)"
                for cleaning in cleanings.values()
            ]
            noise = cleanings["posterior"].noise
            assert noise is not None
            print(f"| {100 * share:.0f} %, {kind} | {' | '.join(of_methods)} | {100 * noise.share:.1f} % |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print_people()
    print_few_images()
    print_drawn_labels()
    print_many_classes()
    for name in MODELS:
        print_digits(name)
