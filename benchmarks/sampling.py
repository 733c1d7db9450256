"""Coverage and width of estimates from samples of images: tables for docs, from data where all labels are known.

- `python -m benchmarks.sampling accuracy [SAMPLES] [CELL]`, `difference`, `labels`, `groups` or `scores`: coverage and
  mean width of intervals, with a pilot from 300 images on (`groups`: never). The width is compared with a plain
  sample's Wilson interval (differences: normal interval). `groups` is the share of wrong labels in a group of classes,
  and `scores` the share of wrong labels if guesses use votes of a machine. CELL is a part of the names of cells. The
  last columns are about 500 images: the plain sample that is as good, and what `plan_sample` expects before the pilot:
  the half width, divided by the measured one, and the plain sample.
- `python -m benchmarks.sampling several [SAMPLES]`: samples for five models, without a pilot.
- `python -m benchmarks.sampling other [SAMPLES]`: samples for another purpose, without a pilot.
- `python -m benchmarks.sampling looks [SAMPLES]`: coverage over all looks of intervals that are valid at all times.
- `python -m benchmarks.sampling boundary`: the constant of `anytime_quantile`, by simulation of Brownian motions.

ReaL's label sets are the truth of simulated models, and CIFAR-10's labels the truth of a network and of its first
rater's labels. Both are files in folders of REASSESS_DATA. In the cells "noise", nothing that is known of an image says
whether a prediction is correct. In the cells "agree", only agreement with the original label says something.

All samples of a cell are drawn and estimated at once (benchmarks/sampling_arrays.py). The estimates of the first 20 are
compared with the package's.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.sampling_arrays import Kinds, check_against_package, draw_batches, estimate_all
from reassess.core import Questions, Scores
from reassess.evaluation import (
    ImageSample,
    Strata,
    add_scores_to_guesses,
    anytime_quantile,
    count_usable,
    draw_images,
    estimate_ratio,
    guess_correct,
    guess_label_valid,
    image_weights,
    make_strata,
    plan_sample,
    rescale_variances,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BATCHES = ((100,), (60, 240), (100, 400), (400, 1600))  # the first is a pilot
PLAIN_COLUMN = 2  # of BATCHES
# Share of images where the model agrees with the original label, and accuracy of the model there and elsewhere.
AGREEMENTS = (
    (0.985, 0.999, 0.5),
    (0.985, 0.996, 0.5),
    (0.985, 0.98, 0.5),
    (0.95, 0.99, 0.5),
    (0.8, 0.9, 0.02),
    (0.9, 0.985, 0.3),
)
LOOK_SIZE, LOOK_STEP, LOOK_BATCHES = 500, 20, (100, 200, 200)
NORMAL_QUANTILE = 1.959963984540054
# Skill, own noise and confusion with unrelated classes. Original and ReaL accuracy: 72 and 78, 77 and 83, 77 and 83,
# 83 and 88, 87 and 91 %.
MODELS = {
    "weak": (4.6, 1.0, 1.5, 0.9),
    "medium": (5.6, 0.9, 1.5, 0.7),
    "medium 2": (5.6, 0.9, 1.5, 0.7),
    "strong": (7.6, 0.75, 1.5, 0.3),
    "best": (9.5, 0.65, 1.4, 0.1),
}


class Cell(NamedTuple):
    """A population where all answers are known."""

    name: str
    top1: Ints  # (models, images)
    confidences: Floats  # (models, images)
    original: Ints
    numerators: Floats  # (images,)
    denominators: Floats
    guesses: Floats | None = None  # (models, images); by default those of `guess_correct`
    label_guesses: Floats | None = None  # (images,); by default those of `guess_label_valid`

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
            denominators = np.ones(correct.size) if of_labels else population.has_label.astype(float)
            yield Cell(f"{data} {name}", top1[None], confidences[None], population.original, numerators, denominators)
    rng = np.random.default_rng(5)
    for accuracy in () if of_labels else (0.5, 0.85, 0.95, 0.98):
        valid = rng.random(50_000) < 0.94
        correct = valid & (rng.random(50_000) < accuracy)
        top1 = (rng.random((1, 50_000)) < 0.23).astype(int)
        yield Cell(
            f"noise {accuracy}", top1, rng.random((1, 50_000)), np.zeros(50_000, int), correct * 1.0, valid * 1.0
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
    """Yield cells for the share of wrong original labels, guessed by the votes of machines of several accuracies."""
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
                population.has_label.astype(float),
            )
    rng = np.random.default_rng(3)
    top1, truth, original = rng.integers(0, 3, (2, 50_000)), rng.integers(0, 3, 50_000), rng.integers(0, 3, 50_000)
    valid = (rng.random(50_000) < 0.94) * 1.0
    first, second = (row == truth for row in top1)
    yield Cell("noise", top1, rng.random((2, 50_000)), original, (first * 1.0 - second) * valid, valid)


def draw(cell: Cell, strata: Strata, sizes: tuple[int, ...], seed: int) -> ImageSample:
    """Draw batches; each corrects the variances of the next."""
    sample = draw_images(strata, sizes[0], seed=seed)
    for size in sizes[1:]:
        weights, y, e = image_weights(sample), cell.numerators[sample.images], cell.denominators[sample.images]
        residuals = y - (weights @ y) / (weights @ e) * e
        corrected = rescale_variances(strata, sample.strata, residuals[None])
        sample = draw_images(corrected, size, seed=seed, earlier=sample)
    return sample


def plain_width(cell: Cell, n: int, is_difference: bool) -> float:
    """Return the mean width of the interval of a plain sample: Wilson's, or normal for a difference."""
    kinds, counts = np.unique(np.stack([cell.numerators, cell.denominators]), axis=1, return_counts=True)
    drawn = np.random.default_rng(n).multivariate_hypergeometric(counts, n, size=20_000)
    scored, total, squares = drawn @ kinds[1], drawn @ kinds[0], drawn @ kinds[0] ** 2
    share = total / scored
    if is_difference:
        return float(2 * NORMAL_QUANTILE * np.sqrt((squares / scored - share**2) / scored).mean())
    z2 = NORMAL_QUANTILE**2
    return float((2 * NORMAL_QUANTILE * np.sqrt(scored * share * (1 - share) + z2 / 4) / (scored + z2)).mean())


def several_cells(populations: dict[str, Population], *, of: str) -> Iterator[Cell]:
    """Yield cells for samples for all models of ImageNet: accuracies, differences or wrong labels."""
    population = populations["ImageNet"]
    top1, confidences, corrects = (np.stack(rows) for rows in zip(*population.models.values(), strict=True))
    valid, names = population.has_label * 1.0, list(population.models)
    values: dict[str, dict[str, tuple[Floats, Floats]]] = {
        "accuracy": {name: (correct.astype(np.float64), valid) for name, correct in zip(names, corrects, strict=True)},
        "difference": {
            f"{names[i]} - {names[j]}": (corrects[i].astype(np.float64) - corrects[j], valid)
            for i in range(len(names))
            for j in range(i + 1, len(names))
        },
        "labels": {"wrong labels": (population.is_label_wrong.astype(np.float64), np.ones(valid.size))},
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
            (f"accuracy of {first}", corrects[0] * 1.0, population.has_label * 1.0),
            ("wrong labels", population.is_label_wrong * 1.0, ones),
            ("without a valid class", 1.0 - population.has_label, ones),
        ):
            name = f"{first}, {second}: {name}"
            yield Cell(name, top1, confidences, population.original, numerators, denominators)


def print_coverage(
    cells: Iterator[Cell], purpose: str, samples: int, *, has_pilots: bool = True, is_difference: bool = False
) -> None:
    """Print coverage, relative width, and the plain sample that is as good as 500 images, for each cell."""
    sizes = [sum(batches) for batches in BATCHES]
    columns = ["cell", "truth", *(f"{n:,} images" for n in sizes), *(f"width, {n:,}" for n in sizes)]
    columns += ["plain", "expected half width", "expected plain"]
    print(f"| {' | '.join(columns)} |" + "\n" + "|---" * len(columns) + "|")
    for cell in cells:
        strata = make_cell_strata(cell, purpose)
        kinds = Kinds.of_images(strata, cell.numerators, cell.denominators)
        coverage, widths = [], []
        for batches in BATCHES if has_pilots else tuple((n,) for n in sizes):
            drawn = draw_batches(np.random.default_rng(0), strata, kinds, batches, samples)
            estimates = estimate_all(strata, kinds, drawn, is_difference=is_difference)
            check_against_package(strata, kinds, drawn, estimates, is_difference=is_difference)
            is_contained = (estimates.low <= cell.truth) & (cell.truth <= estimates.high)
            is_known = ~np.isnan(estimates.value)
            coverage.append(f"{100 * is_contained[is_known].mean():.1f}")
            widths.append(float((estimates.high - estimates.low)[is_known].mean()))
        ratios = [width / plain_width(cell, n, is_difference) for width, n in zip(widths, sizes, strict=True)]
        n, column = sizes[PLAIN_COLUMN], PLAIN_COLUMN
        plan = plan_sample(strata, n)
        numbers = [f"{100 * cell.truth:.1f}", *coverage, *(f"{ratio:.3f}" for ratio in ratios)]
        numbers += [f"{n / ratios[column] ** 2:,.0f}", f"{2 * plan.half_width / widths[column]:.2f}"]
        print(f"| {cell.name} | {' | '.join(numbers)} | {plan.plain_n:,} |", flush=True)


def make_cell_strata(cell: Cell, purpose: str) -> Strata:
    """Make the strata of a cell."""
    guesses = guess_correct(cell.top1, cell.confidences, cell.original) if cell.guesses is None else cell.guesses
    labels = guess_label_valid(cell.top1, guesses, cell.original) if cell.label_guesses is None else cell.label_guesses
    return make_strata(
        cell.top1,
        guesses,
        cell.original,
        purpose=purpose,  # type: ignore[arg-type]
        label_guesses=labels,
    )


def print_looks(cells: Iterator[Cell], samples: int) -> None:
    """Print how often the intervals of all looks contain the truth, and when a difference is decided."""
    print("| cell | coverage over all looks % | decided % | median images |\n|---|---|---|---|")
    for cell in cells:
        guesses = guess_correct(cell.top1, cell.confidences, cell.original)
        strata = make_strata(cell.top1, guesses, cell.original, purpose="difference")
        contained, decided = 0, []
        for seed in range(samples):
            sample = draw(cell, strata, LOOK_BATCHES, seed)
            y, e = cell.numerators[sample.images], cell.denominators[sample.images]
            usable = {count_usable(sample.first(n)) for n in range(LOOK_STEP, LOOK_SIZE + 1, LOOK_STEP)} - {0}
            looks = [
                estimate_ratio(sample.first(n), y[:n], e[:n], is_difference=True, planned=LOOK_SIZE)
                for n in sorted(usable)
            ]
            contained += all(look.low <= cell.truth <= look.high for look in looks)
            decided += [look.n for look in looks if look.low > 0 or look.high < 0][:1]
        shares = f"{100 * contained / samples:.1f} | {100 * len(decided) / samples:.0f}"
        print(f"| {cell.name} | {shares} | {np.median(decided) if decided else 0:.0f} |", flush=True)


def print_boundary() -> None:
    """Print the constant of `anytime_quantile` for two grids of looks, and its limit for continuous looks."""
    exponent = np.log(anytime_quantile(1, 10) / anytime_quantile(10, 10)) / np.log(10)
    constants = []
    for step in (0.004, 0.001):  # of log t
        rng, paths = np.random.default_rng(5), 100_000
        needed, position, keep = np.zeros(paths), rng.standard_normal(paths), np.exp(-step / 2)
        for log_t in np.arange(np.log(1e-3), np.log(1e3), step):  # position is W(t) / sqrt(t)
            early = np.abs(position) * np.exp(exponent * log_t)
            needed = np.maximum(needed, early if log_t <= 0 else np.sqrt(np.maximum(position**2 - 2 * log_t, 0)))
            position = keep * position + np.sqrt(1 - keep**2) * rng.standard_normal(paths)
        constants.append(float(np.quantile(needed, 0.95)))
    coarse, fine = constants
    # The error falls with the square root of the step, so a quarter of the step halves it.
    print(f"step 0.004: {coarse:.3f}, step 0.001: {fine:.3f}, continuous: {2 * fine - coarse:.3f}")


def main() -> None:
    task, samples = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    part = sys.argv[3] if len(sys.argv) > 3 else ""
    if task == "boundary":
        print_boundary()
        return
    populations = {"ImageNet": simulate_imagenet(), "CIFAR-10": read_cifar()}
    if task in ("several", "other"):
        print_other_samples(populations, task, samples)
        return
    if task in ("looks", "difference"):
        cells = difference_cells(populations)
    elif task == "scores":
        cells = score_cells(populations)
    elif task == "groups":
        cells = group_cells(populations)
    else:
        cells = accuracy_cells(populations, of_labels=task == "labels")
    cells = (cell for cell in cells if part in cell.name)
    if task == "looks":
        print_looks(cells, samples)
        return
    purpose = task if task in ("accuracy", "difference") else "labels"
    print_coverage(cells, purpose, samples, has_pilots=task != "groups", is_difference=task == "difference")


def print_other_samples(populations: dict[str, Population], task: str, samples: int) -> None:
    """Print tables for samples for five models, or for samples for another purpose."""
    if task == "several":
        for of, purpose in (("accuracy",) * 2, ("difference",) * 2, ("difference", "accuracy"), ("labels",) * 2):
            print(f"\n{of}, from a sample for {purpose}\n")
            cells = several_cells(populations, of=of)
            print_coverage(cells, purpose, samples, has_pilots=False, is_difference=of == "difference")
        return
    print_coverage(other_cells(populations), "difference", samples, has_pilots=False)


if __name__ == "__main__":
    main()
