"""Accuracy of the search for wrong labels: those of people on CIFAR-10N, and digits with labels changed at random.

`python -m benchmarks.label_noise` prints the tables of docs/cleaning.md and docs/decisions/, except the rows of models
on CIFAR-10 that would have to be trained. The tables of CIFAR-10 need `heldout-first-rater.npz`,
`train-first-rater.csv` and `train-original.csv` in a folder of REASSESS_DATA.
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
import polars as pl
from cleanlab.rank import get_label_quality_scores
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from reassess import (
    GoldenQuestions,
    HeldOutPredictions,
    LabelSets,
    Predictions,
    Questions,
    find_label_errors,
    read_original_labels,
    read_predictions,
)
from reassess.cleaning import CleaningMethod
from reassess.cleaning import noise_model as posterior
from reassess.cleaning.checked_labels import DrawnLabels, adjust_to_checked_labels, find_label_verdicts
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.core import Cleaning, Sample
from tests.cleaning.simulated import held_out_of, matrix_of, simulate, wrong_labels

_Bools = npt.NDArray[np.bool_]
METHODS: tuple[CleaningMethod, ...] = "posterior", "consistent", "confident"
CHECKED, DRAWS = (50, 100, 500, 2_000), 200
SIMILARITY_EXPONENTS = 0, 0.1, 0.15, 0.2
EXCHANGED = 0.1  # share of images whose predictions are exchanged with those of other images
MANY_CLASSES, IMAGES_PER_CLASS, SURENESS, WRONG = 1_000, 12, (2.5, 3.0), 0.175
SIZES, SAMPLES = (500, 1_000, 2_000, 5_000), 20  # samples of each size
POINTS, DIMENSIONS, SPREAD, DRAWN_SURENESS = 10_000, 20, 1.0, 10.0
KINDS = "uniform", "pairs", "some pairs"
CLEANLAB_SCORES = "self_confidence", "normalized_margin", "confidence_weighted_entropy"
NOISES, NOISE_SHARES = ("uniform", "pairs", "by class", "second class", "a person"), (0.05, 0.2, 0.4)
MODELS: Mapping[str, Any] = {
    "nearest neighbours": KNeighborsClassifier(15),
    "calibrated": CalibratedClassifierCV(KNeighborsClassifier(15), cv=5),
}


def find_file(name: str) -> Path:
    """Find a file in the folders of REASSESS_DATA."""
    folders = map(Path, os.environ.get("REASSESS_DATA", "").split(os.pathsep))
    return next(folder / name for folder in folders if (folder / name).exists())


def recall_and_precision(dropped: _Bools, wrong: _Bools) -> tuple[float, float]:
    """Return the percentage of wrong labels that are dropped, and of dropped labels that are wrong."""
    both = np.count_nonzero(dropped & wrong)
    return 100 * both / max(1, np.count_nonzero(wrong)), 100 * both / max(1, np.count_nonzero(dropped))


def average_precision(is_wrong: _Bools) -> float:
    """Return the average precision of labels in order, the most suspicious first."""
    return float((np.cumsum(is_wrong) / np.arange(1, is_wrong.size + 1))[is_wrong].mean())


def best_f1(is_wrong: _Bools) -> float:
    """Return the highest F1 score over all thresholds of labels in order, the most suspicious first."""
    return float((2 * np.cumsum(is_wrong) / (np.arange(1, is_wrong.size + 1) + is_wrong.sum())).max())


def print_people() -> None:
    """Print results for the first rater of CIFAR-10N: ranking, dropped labels, and the share of wrong labels."""
    labels = read_original_labels(find_file("train-first-rater.csv"))
    own = read_original_labels(find_file("train-original.csv"), classes=labels.classes)
    truth = own.indices[own.find(labels.images)].astype(np.int64)
    wrong = truth != labels.indices
    predictions = read_predictions(find_file("heldout-first-rater.npz"), labels.classes)
    held_out = HeldOutPredictions.from_predictions({"held-out": predictions}, labels)
    exchanged = HeldOutPredictions.from_predictions({"exchanged": exchange_images(predictions)}, labels)
    cleaning = find_label_errors(held_out)
    assert cleaning.noise is not None
    is_wrong = wrong[np.argsort(cleaning.label_quality, kind="stable")]
    matrix_error = np.abs(cleaning.noise.matrix - matrix_of(truth, labels.indices.astype(np.int64), 10)).mean()
    ranking = f"{average_precision(is_wrong):.4f} | {best_f1(is_wrong):.4f}"
    shares = f"{100 * cleaning.noise.wrong_share:.2f} % | {100 * wrong.mean():.2f} %"
    print("| average precision | F1 at the best threshold | matrix error | wrong, estimated | wrong |")
    print(f"|---|---|---|---|---|\n| {ranking} | {matrix_error:.4f} | {shares} |\n")
    print("| method | F1 | wrong labels dropped % | dropped labels wrong % |\n|---|---|---|---|")
    for name in METHODS:
        recall, precision = recall_and_precision(~find_label_errors(held_out, name).is_kept, wrong)
        print(
            f"| {name} | {2 * recall * precision / (recall + precision) / 100:.4f} | {recall:.1f} | {precision:.1f} |"
        )
    print_shares_by_exponent(held_out)
    print_samples("the network", held_out, cleaning, wrong)
    print_samples("the network, with exchanged images", exchanged, find_label_errors(exchanged), wrong)


def print_noises() -> None:
    """Print average precision beside cleanlab's best score, and estimated shares, for five kinds of noise."""
    print(
        "\n| data and model | wrong labels | average precision | cleanlab | score | wrong % | estimated % | warning |"
    )
    print("|---|---|---|---|---|---|---|---|")
    labels = read_original_labels(find_file("train-first-rater.csv"))
    own = read_original_labels(find_file("train-original.csv"), classes=labels.classes)
    truth = own.indices[own.find(labels.images)].astype(np.int64)
    predictions = read_predictions(find_file("heldout-first-rater.npz"), labels.classes)
    held_out = HeldOutPredictions.from_predictions({"held-out": predictions}, labels)
    assert predictions.scores is not None
    scores = predictions.scores[np.argsort(held_out.files[0].label_rows)].astype(np.float64)
    scores /= scores.sum(axis=1, keepdims=True)
    for noise in NOISES:
        for share in NOISE_SHARES:
            changed = make_noise(truth, noise, share, scores)
            if noise == "a person":
                changed = answer_of_person(labels, truth, share)
            print_noise("CIFAR-10, network", noise, scores, changed, truth)
    pixels, truth = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    learners = {
        "neighbours": KNeighborsClassifier(15),
        "regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1)),
        "forest": RandomForestClassifier(100, min_samples_leaf=3, random_state=0),
    }
    with threadpool_limits(1):
        for name, learner in learners.items():
            of_truth = cross_val_predict(learner, pixels, truth, cv=folds, method="predict_proba")
            for noise in NOISES[:-1]:
                for share in NOISE_SHARES:
                    changed = make_noise(truth, noise, share, of_truth)
                    scores = cross_val_predict(learner, pixels, changed, cv=folds, method="predict_proba")
                    print_noise(f"digits, {name}", noise, scores, changed, truth)


def make_noise(truth: npt.NDArray[np.int64], noise: str, share: float, scores: Any) -> npt.NDArray[np.int64]:
    """Make a share of labels wrong; `scores` are a model's probabilities, for the second-likeliest class."""
    rng = np.random.default_rng(1)
    if noise in KINDS:
        return wrong_labels(truth, 10, share, noise, rng)
    wrong = rng.permutation(truth.size) < round(share * truth.size)
    others = scores.copy()
    if noise == "by class":  # each class has its own share of wrong labels, and its own frequent wrong labels
        wrong = rng.random(truth.size) < share * rng.permutation(np.linspace(0.25, 1.75, 10))[truth]
        others = rng.dirichlet(np.full(10, 0.3), 10)[truth] * rng.exponential(1, scores.shape) ** -1
    others[np.arange(truth.size), truth] = -1
    return np.asarray(np.where(wrong, others.argmax(axis=1), truth))


def answer_of_person(labels: LabelSets, truth: npt.NDArray[np.int64], share: float) -> npt.NDArray[np.int64]:
    """Return answers of CIFAR-10N: the first rater's, partly corrected, or wrong ones of three people."""
    answers = labels.indices.astype(np.int64)
    rng = np.random.default_rng(1)
    if share < 0.1:
        wrong = rng.permutation(np.flatnonzero(answers != truth))[: round(share * truth.size)]
        return np.asarray(np.where(np.isin(np.arange(truth.size), wrong), answers, truth))
    if share > 0.3:
        votes = pl.read_parquet(find_file("train-votes.parquet")).sample(fraction=1, shuffle=True, seed=1)
        rows = labels.find(votes["item"].to_list())
        ids = {name: number for number, name in enumerate(labels.classes.names or ())}
        given = np.array([ids[name] for name in votes["answer"].to_list()])
        is_wrong = given != truth[rows]
        answers = truth.copy()
        answers[rows[is_wrong]] = given[is_wrong]
    return answers


def print_noise(name: str, noise: str, scores: Any, labels: npt.NDArray[np.int64], truth: Any) -> None:
    """Print a row of `print_noises`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cleaning = find_label_errors(held_out_of(scores, labels), threshold=0)
    assert cleaning.noise is not None
    wrong = labels != truth
    by_score = {
        score: average_precision(
            wrong[np.argsort(get_label_quality_scores(labels, scores, method=score), kind="stable")]
        )
        for score in CLEANLAB_SCORES
    }
    best = max(CLEANLAB_SCORES, key=by_score.__getitem__)
    own = average_precision(wrong[np.argsort(cleaning.label_quality, kind="stable")])
    shares = f"{100 * wrong.mean():.1f} | {100 * cleaning.noise.wrong_share:.1f}"
    text = str(caught[0].message) if caught else ""
    print(f"| {name} | {noise} | {own:.3f} | {by_score[best]:.3f} | {best} | {shares} | {text} |", flush=True)


def print_shares_by_exponent(held_out: HeldOutPredictions) -> None:
    """Print the estimated share of wrong labels for other values of `MEASURED_EXPONENT`."""
    print("\n| similarity exponent | share % |\n|---|---|")
    for exponent in SIMILARITY_EXPONENTS:
        with patch.object(posterior, "MEASURED_EXPONENT", exponent):
            noise = find_label_errors(held_out).noise
        assert noise is not None
        print(f"| {exponent} | {100 * noise.wrong_share:.2f} |", flush=True)


def exchange_images(predictions: Predictions) -> Predictions:
    """Exchange the predictions of some images at random."""
    rng = np.random.default_rng(0)
    rows = np.flatnonzero(rng.random(len(predictions)) < EXCHANGED)
    assert predictions.scores is not None
    scores = predictions.scores.copy()
    scores[rows] = scores[rng.permutation(rows)]
    return replace(predictions, scores=scores)


def print_samples(model: str, held_out: HeldOutPredictions, cleaning: Cleaning, wrong: _Bools) -> None:
    """Print the error of the share of wrong labels when random labels are checked, and its interval's coverage."""
    labels, share = held_out.labels, wrong.mean()
    agree = (held_out.top1_ids()[0] == labels.indices).mean()
    assert cleaning.noise is not None
    estimate = f"{100 * cleaning.noise.wrong_share:.2f} % wrong, estimated without checked labels"
    print(f"\n{model}: agrees with {100 * agree:.1f} % of the labels; {estimate}")
    print("| checked labels | error below 1.5 points % | rms error, points | 95 % interval contains the share % |")
    print("|---|---|---|---|")
    for count in CHECKED:
        near, contained, squares = 0, 0, 0.0
        for seed in range(DRAWS):
            rows = np.sort(np.random.default_rng(seed).permutation(len(labels))[:count])
            images = [labels.images[row] for row in rows.tolist()]
            pairs = Questions.from_columns(images, labels.indices[rows], labels.classes)
            known = find_label_verdicts(held_out, GoldenQuestions(pairs, ~wrong[rows]))
            sample = Sample(tuple(images), np.full(count, count / len(labels)), ("",) * count)
            drawn = DrawnLabels.from_sample(held_out, known, sample)
            label_quality, checked = adjust_to_checked_labels(cleaning.label_quality, known, drawn)
            assert checked.interval is not None
            error = float(1 - label_quality.mean() - share)
            near, squares = near + (abs(error) <= 0.015), squares + error**2
            contained += checked.interval[0] <= share <= checked.interval[1]
        rms = 100 * (squares / DRAWS) ** 0.5
        print(f"| {count:,} | {100 * near / DRAWS:.1f} | {rms:.1f} | {100 * contained / DRAWS:.1f} |", flush=True)


def print_few_images() -> None:
    """Print the mean error and the mean absolute error of the share of wrong labels, in random samples of images."""
    print("\n| model and labels | model correct % | " + " | ".join(f"{size:,}" for size in SIZES))
    print("|---|---" + "|---" * len(SIZES) + "|")
    labels = read_original_labels(find_file("train-first-rater.csv"))
    own = read_original_labels(find_file("train-original.csv"), classes=labels.classes)
    truth = own.indices[own.find(labels.images)].astype(np.int64)
    predictions = read_predictions(find_file("heldout-first-rater.npz"), labels.classes)
    held_out = HeldOutPredictions.from_predictions({"held-out": predictions}, labels)
    print_errors("first rater of CIFAR-10N", held_out, truth)
    assert predictions.scores is not None
    scores = predictions.scores[np.argsort(held_out.files[0].label_rows)]
    for name, changed in change_labels(labels.indices.astype(np.int64), truth):
        print_errors(f"the same network, {name}", held_out_of(scores, changed), truth)
    for model in ("simulated", "nearest neighbours", "forest"):
        for kind in KINDS:
            for share in (0.05, 0.1, 0.2):
                scores, truth, wrong = simulate_kind(model, kind, share)
                print_errors(f"{model}, {100 * share:.0f} %, {kind}", held_out_of(scores, wrong), truth)


def change_labels(people: npt.NDArray[np.int64], truth: npt.NDArray[np.int64]) -> Iterator[tuple[str, Any]]:
    """Yield simulated labels of CIFAR-10's images: the true ones, and wrong ones that depend only on the true class."""
    yield "none wrong", truth
    for share in (0.05, 0.1, 0.2):
        for kind in KINDS[:2]:
            yield f"{100 * share:.0f} %, {kind}", wrong_labels(truth, 10, share, kind, np.random.default_rng(0))
    chances = np.cumsum(matrix_of(truth, people, 10)[truth], axis=1)[:, :-1]
    yield "as often as people", (np.random.default_rng(0).random((truth.size, 1)) > chances).sum(axis=1)


def print_drawn_labels() -> None:
    """Print the estimated share of wrong labels if labels and truth are drawn from the model's own probabilities."""
    rng = np.random.default_rng(0)
    scores, truth = simulate(POINTS, 10, DRAWN_SURENESS, rng)
    labels = (rng.random((POINTS, 1)) > np.cumsum(scores, axis=1)[:, :-1]).sum(axis=1)
    noise = find_label_errors(held_out_of(scores, labels), threshold=0).noise
    assert noise is not None
    wrong = f"{100 * (labels != truth).mean():.1f} % wrong, {100 * noise.wrong_share:.1f} % estimated"
    print(f"\nlabels drawn from the model: {wrong}")


def simulate_kind(model: str, kind: str, share: float) -> tuple[Any, Any, Any]:
    """Return held-out probabilities, true classes and labels; the model is simulated, or learns random points."""
    rng = np.random.default_rng(0)
    if model == "simulated":
        scores, truth = simulate(POINTS, 10, 6.0, rng)
        softer = scores ** (1 / 1.5)  # as if wrong labels had made the model less certain
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


def print_errors(name: str, held_out: HeldOutPredictions, truth: npt.NDArray[np.int64]) -> None:
    """Print a row of `print_few_images`."""
    images, wrong = ClassCandidates.from_held_out(held_out), truth != held_out.labels.indices
    cells = []
    for size in SIZES:
        errors = []
        for seed in range(SAMPLES):
            rows = np.sort(np.random.default_rng(seed).permutation(len(images))[:size])
            _, fitted = posterior.fit_noise_model(images.select_rows(rows))
            errors.append(100 * float(1 - fitted.label_quality.mean() - wrong[rows].mean()))
        cells.append(f"{np.mean(errors):+.1f} ({np.abs(errors).mean():.1f})")
    correct = 100 * (held_out.top1_ids()[0] == truth).mean()
    print(f"| {name} | {correct:.0f} | {' | '.join(cells)} |", flush=True)


def print_many_classes() -> None:
    """Print the estimated share of wrong labels with many classes of few images, for a calibrated model."""
    print(
        "\n| probability in 16 classes % | model correct % | labels wrong % | wrong, estimated % |\n|---|---|---|---|"
    )
    for sureness in SURENESS:
        rng = np.random.default_rng(0)
        scores, truth = simulate(MANY_CLASSES * IMAGES_PER_CLASS, MANY_CLASSES, sureness, rng)
        labels = wrong_labels(truth, MANY_CLASSES, WRONG, "uniform", rng)
        noise = find_label_errors(held_out_of(scores, labels), threshold=0).noise
        assert noise is not None
        in_16 = np.sort(scores, axis=1)[:, -16:].sum(axis=1).mean()
        correct, wrong = (scores.argmax(axis=1) == truth).mean(), (labels != truth).mean()
        print("| " + " | ".join(f"{100 * share:.1f}" for share in (in_16, correct, wrong, noise.wrong_share)) + " |")


def print_digits(model: str) -> None:
    """Print recall and precision for digits whose labels were changed at random."""
    pixels, truth = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    print(
        f"\n| {model}: wrong | "
        + " | ".join(METHODS)
        + " | wrong, estimated |\n|---"
        + "|---" * (len(METHODS) + 1)
        + "|"
    )
    for share in (0, 0.05, 0.1, 0.2, 0.4):
        for kind in ("uniform", "pairs"):
            labels = wrong_labels(truth, 10, share, kind, np.random.default_rng(0))
            with threadpool_limits(1):  # ties between neighbours depend on the number of threads
                scores = cross_val_predict(MODELS[model], pixels / 16, labels, cv=folds, method="predict_proba")
            held_out = held_out_of(scores, labels)
            cleanings = {name: find_label_errors(held_out, name) for name in METHODS}
            cells = [
                " / ".join(f"{value:.1f}" for value in recall_and_precision(~cleaning.is_kept, labels != truth))
                + f" ({100 * (~cleaning.is_kept).mean():.1f} % dropped)"
                for cleaning in cleanings.values()
            ]
            noise = cleanings["posterior"].noise
            assert noise is not None
            print(
                f"| {100 * share:.0f} %, {kind} | {' | '.join(cells)} | {100 * noise.wrong_share:.1f} % |", flush=True
            )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print_people()
    print_noises()
    print_few_images()
    print_drawn_labels()
    print_many_classes()
    for name in MODELS:
        print_digits(name)
