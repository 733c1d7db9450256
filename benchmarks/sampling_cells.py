"""Populations where all answers are known, and what is estimated from samples of them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from reassess.core import Questions, Scores
from reassess.evaluation import (
    add_scores_to_guesses,
    guess_correct,
    guess_label_valid,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Share of images where the model agrees with the original label, and accuracy of the model there and elsewhere.
AGREEMENTS = (
    (0.985, 0.999, 0.5),
    (0.985, 0.996, 0.5),
    (0.985, 0.98, 0.5),
    (0.95, 0.99, 0.5),
    (0.8, 0.9, 0.02),
    (0.9, 0.985, 0.3),
)


# Skill, own noise and confusion with unrelated classes. Original and ReaL accuracy: 72 and 78, 77 and 83, 77 and 83,
# 83 and 88, 87 and 91 %.
MODELS = {
    "weak": (4.6, 1.0, 1.5, 0.9),
    "medium": (5.6, 0.9, 1.5, 0.7),
    "medium 2": (5.6, 0.9, 1.5, 0.7),
    "strong": (7.6, 0.75, 1.5, 0.3),
    "best": (9.5, 0.65, 1.4, 0.1),
}


LIST_NOISES = (0.15, 0.3, 0.6)  # of lists of five classes


class Cell(NamedTuple):
    """A population where all answers are known."""

    name: str
    top1: Ints  # (models, images)
    confidences: Floats  # (models, images)
    original: Ints
    numerators: Floats  # (images,)
    denominators: Floats
    guesses: Floats | None = None  # (models, images); by default those of `guess_correct`
    label_guesses: Floats | None = None  # (images,); by default from `guess_label_valid`
    is_listed: npt.NDArray[np.bool_] | None = None  # (models, images): the original label is in a model's list

    @property
    def truth(self) -> float:
        return float(self.numerators.sum() / self.denominators.sum())


class Population(NamedTuple):
    """Images with labels, and what models predict."""

    original: Ints
    has_label: npt.NDArray[np.bool_]
    is_label_wrong: npt.NDArray[np.bool_]
    models: dict[str, tuple[Ints, Floats, npt.NDArray[np.bool_]]]  # top-1, confidence, is correct


def data_file(name: str) -> Path:
    """Find a file in the folders of REASSESS_DATA."""
    folders = map(Path, os.environ.get("REASSESS_DATA", "").split(os.pathsep))
    return next(folder / name for folder in folders if (folder / name).exists())


def simulate_imagenet() -> Population:
    """Simulate models on ReaL's label sets: a class's utility is its score, the label's bonus, and noise.

    Models share a part of the noise, so that they make the same mistakes. The confidence is the softmax of the
    utilities, with noise. Unrated images are clear, and have two unrelated classes beside their original label.
    """
    wnids = data_file("validation_labels.txt").read_text().split()
    ids = {wnid: number for number, wnid in enumerate(sorted(set(wnids)))}
    original = np.array([ids[wnid] for wnid in wnids])
    sets = [frozenset(labels) for labels in json.loads(data_file("real.json").read_text())]
    scores = np.load(data_file("scores.npz"))
    images = np.array([int(name[15:23]) - 1 for name in scores["info"][:, 0]])
    order, n = np.argsort(images, kind="stable"), original.size
    counts = np.bincount(images, minlength=n)
    place = np.arange(order.size) - np.repeat(np.cumsum(counts) - counts, counts)
    rng, rows = np.random.default_rng(0), np.arange(n)
    classes = np.full((n, counts.max() + 3), -1)
    quality = np.full(classes.shape, -np.inf)
    classes[images[order], place] = scores["info"][order, 1].astype(int)
    quality[images[order], place] = scores["tensor"][order]
    unrated = counts == 0
    classes[unrated, 0], quality[unrated, 0] = original[unrated], 1
    for extra in range(2):
        classes[rows, np.maximum(counts, 1) + extra] = rng.integers(0, 1000, n)
        quality[rows, np.maximum(counts, 1) + extra] = 0
    quality += 0.75 * (classes == original[:, None])
    clarity = np.where(unrated, rng.normal(1.05, 0.2, n), rng.normal(0.55, 0.25, n)).clip(0.1)
    shared = rng.gumbel(0, 1, classes.shape)
    models = {}
    for name, (skill, own, common, confusion) in MODELS.items():
        noise = common * shared + own * rng.gumbel(0, 1, classes.shape) + confusion * rng.normal(0, 1, classes.shape)
        utility = (skill * clarity[:, None] * quality + noise) / 1.3
        best = utility.argmax(axis=1)
        rest = np.exp(utility - utility.max(axis=1, keepdims=True)).sum(axis=1) - 1
        top1 = classes[rows, best]
        correct = np.array([label in labels for label, labels in zip(top1.tolist(), sets, strict=True)])
        models[name] = top1, 1 / (1 + rest * np.exp(rng.normal(0, 1.2, n))), correct
    has_label = np.array([bool(labels) for labels in sets])
    wrong = np.array([label not in labels for label, labels in zip(original.tolist(), sets, strict=True)])
    return Population(original, has_label, wrong, models)


def list_best_classes(original: Ints, noise: float, *, seed: int = 0) -> Ints:
    """Simulate lists of five classes on ReaL's images, best first: a class's score and noise; (images, 5)."""
    scores = np.load(data_file("scores.npz"))
    images = np.array([int(name[15:23]) - 1 for name in scores["info"][:, 0]])
    rng, n_classes = np.random.default_rng(seed), int(original.max()) + 1
    values = 0.3 * noise * rng.standard_normal((original.size, n_classes), np.float32) - 0.6
    noisy = (scores["tensor"] + noise * rng.standard_normal(images.size)).astype(np.float32)
    np.maximum.at(values, (images, scores["info"][:, 1].astype(int)), noisy)
    best = np.argpartition(-values, 5, axis=1)[:, :5]
    return np.take_along_axis(best, np.argsort(-np.take_along_axis(values, best, 1), axis=1), 1)


def read_cifar() -> Population:
    """Read CIFAR-10: the first rater's labels are the original labels; a network, and the same network with noise."""
    held_out = np.load(data_file("heldout-first-rater.npz"))
    columns = [pl.read_csv(data_file(name)) for name in ("train-original.csv", "train-first-rater.csv")]
    names = sorted(columns[0]["class"].unique().to_list())
    order = dict(zip(columns[0]["image"].to_list(), range(len(columns[0])), strict=True))
    rows = [order[image] for image in held_out["names"].tolist()]
    truth, first = (
        table.join(columns[0].select("image"), on="image", how="right")["class"]
        .replace_strict(names, range(10))
        .to_numpy()[rows]
        for table in columns
    )
    scores = held_out["scores"].astype(float)
    noisy = np.log(scores + 1e-4) + np.random.default_rng(1).gumbel(0, 0.7, scores.shape)
    noisy = np.exp(noisy) / np.exp(noisy).sum(axis=1, keepdims=True)
    models = {
        name: (values.argmax(axis=1), values.max(axis=1), values.argmax(axis=1) == truth)
        for name, values in {"network": scores, "network + noise": noisy}.items()
    }
    return Population(first, np.ones(truth.size, bool), first != truth, models)


def accuracy_cells(populations: dict[str, Population], *, of_labels: bool) -> Iterator[Cell]:
    """Yield a cell for each model; with `of_labels`, for the share of wrong original labels."""
    for data, population in populations.items():
        for name, (top1, confidences, correct) in population.models.items():
            numerators = (population.is_label_wrong if of_labels else correct).astype(float)
            ones = np.ones(correct.size)
            yield Cell(f"{data} {name}", top1[None], confidences[None], population.original, numerators, ones)
    if not of_labels:
        yield from _cells_without_scores(populations["ImageNet"])
    rng = np.random.default_rng(5)
    for accuracy in () if of_labels else (0.5, 0.85, 0.95, 0.98):
        correct = rng.random(50_000) < accuracy
        top1 = (rng.random((1, 50_000)) < 0.23).astype(int)
        yield Cell(
            f"noise {accuracy}", top1, rng.random((1, 50_000)), np.zeros(50_000, int), correct * 1.0, np.ones(50_000)
        )
    for share, agreeing, differing in () if of_labels else AGREEMENTS:
        agrees = rng.random(50_000) < share
        correct = rng.random(50_000) < np.where(agrees, agreeing, differing)
        yield Cell(
            f"agree {share} {agreeing} {differing}",
            np.where(agrees, 0, 1)[None],
            rng.random((1, 50_000)),
            np.zeros(50_000, int),
            correct * 1.0,
            np.ones(50_000),
        )


def _cells_without_scores(population: Population) -> Iterator[Cell]:
    """Yield cells of models without scores: only the first class is known, or the first five."""
    original, sets = population.original, json.loads(data_file("real.json").read_text())
    unknown, ones = np.zeros((1, original.size)), np.ones(original.size)
    for name, (top1, _, correct) in population.models.items():
        yield Cell(f"ImageNet {name}, first class", top1[None], unknown, original, correct * 1.0, ones)
    for noise in LIST_NOISES:
        lists = list_best_classes(original, noise)
        valid = np.array([class_id in labels for class_id, labels in zip(lists[:, 0].tolist(), sets, strict=True)])
        is_listed = (lists == original[:, None]).any(axis=1)[None]
        name = f"ImageNet, five classes, noise {noise}"
        yield Cell(name, lists[None, :, 0], unknown, original, valid * 1.0, ones, is_listed=is_listed)


def group_cells(populations: dict[str, Population]) -> Iterator[Cell]:
    """Yield cells for the share of wrong original labels in a large and a small group of classes."""
    for data, population in populations.items():
        name, (top1, confidences, _) = next(iter(population.models.items()))
        n_classes = int(population.original.max()) + 1
        for share in (0.5, 0.2, 0.1):
            is_in_group = population.original < share * n_classes
            wrong = (population.is_label_wrong & is_in_group).astype(float)
            cell = Cell(
                f"{data} {name}, {share:.0%} of classes",
                top1[None],
                confidences[None],
                population.original,
                wrong,
                is_in_group.astype(float),
            )
            yield cell


def score_cells(populations: dict[str, Population]) -> Iterator[Cell]:
    """Yield cells for the share of wrong original labels, guessed by the votes of models of several accuracies."""
    rng = np.random.default_rng(1)
    for data, population in populations.items():
        top1, confidences, _ = list(population.models.values())[-1]
        wrong = population.is_label_wrong.astype(float)
        for accuracy in (None, 0.75, 0.85, 0.95):
            guesses, name = guess_correct(top1[None], confidences[None], population.original), f"{data}, without votes"
            labels = guess_label_valid(top1[None], guesses, population.original)[None]
            if accuracy is not None:
                answers_wrong = np.where(rng.random(wrong.size) < accuracy, wrong, 1 - wrong)
                likelihoods = [np.where(answers_wrong == truth, accuracy, 1 - accuracy) for truth in (0, 1)]
                valid = (1 - wrong.mean()) * likelihoods[0]
                questions = Questions.from_columns(list(map(str, range(wrong.size))), population.original)
                scores = Scores(questions, valid / (valid + wrong.mean() * likelihoods[1]))
                guesses, labels = (
                    add_scores_to_guesses(values, scores, questions.images, population.original[None])[0]
                    for values in (guesses, labels)
                )
                name = f"{data}, {accuracy:.0%}"
            ones = np.ones(wrong.size)
            yield Cell(name, top1[None], confidences[None], population.original, wrong, ones, guesses, labels[0])


def difference_cells(populations: dict[str, Population]) -> Iterator[Cell]:
    """Yield a cell for each pair of models of a population."""
    for data, population in populations.items():
        names = list(population.models)
        for first, second in ((a, b) for i, a in enumerate(names) for b in names[i + 1 :]):
            (top_a, sure_a, a), (top_b, sure_b, b) = population.models[first], population.models[second]
            yield Cell(
                f"{data} {first} - {second}",
                np.stack([top_a, top_b]),
                np.stack([sure_a, sure_b]),
                population.original,
                a * 1.0 - b,
                np.ones(a.size),
            )
    rng = np.random.default_rng(3)
    top1, truth, original = rng.integers(0, 3, (2, 50_000)), rng.integers(0, 3, 50_000), rng.integers(0, 3, 50_000)
    first, second = (row == truth for row in top1)
    yield Cell("noise", top1, rng.random((2, 50_000)), original, first * 1.0 - second, np.ones(50_000))


def several_cells(populations: dict[str, Population], *, of: str) -> Iterator[Cell]:
    """Yield cells for samples for all models of ImageNet: accuracies, differences or wrong labels."""
    population = populations["ImageNet"]
    top1, confidences, corrects = (np.stack(rows) for rows in zip(*population.models.values(), strict=True))
    ones, names = np.ones(population.original.size), list(population.models)
    values: dict[str, dict[str, tuple[Floats, Floats]]] = {
        "accuracy": {name: (correct.astype(np.float64), ones) for name, correct in zip(names, corrects, strict=True)},
        "difference": {
            f"{names[i]} - {names[j]}": (corrects[i].astype(np.float64) - corrects[j], ones)
            for i in range(len(names))
            for j in range(i + 1, len(names))
        },
        "labels": {"wrong labels": (population.is_label_wrong.astype(np.float64), ones)},
    }
    for name, (numerators, denominators) in values[of].items():
        yield Cell(f"{of}: {name}", top1, confidences, population.original, numerators, denominators)


def other_cells(populations: dict[str, Population]) -> Iterator[Cell]:
    """Yield cells for what else a sample for the difference of two models can estimate."""
    population = populations["ImageNet"]
    ones = np.ones(population.original.size)
    for first, second in (("weak", "medium"), ("medium", "medium 2"), ("strong", "best")):
        rows = [population.models[name] for name in (first, second)]
        top1, confidences, corrects = (np.stack(values) for values in zip(*rows, strict=True))
        for name, numerators, denominators in (
            (f"accuracy of {first}", corrects[0] * 1.0, ones),
            ("wrong labels", population.is_label_wrong * 1.0, ones),
            ("without a valid class", 1.0 - population.has_label, ones),
        ):
            name = f"{first}, {second}: {name}"
            yield Cell(name, top1, confidences, population.original, numerators, denominators)
