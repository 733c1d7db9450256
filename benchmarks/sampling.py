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

import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.sampling_arrays import Kinds, check_against_package, draw_batches, estimate_all
from benchmarks.sampling_cells import (
    Cell,
    Population,
    accuracy_cells,
    difference_cells,
    group_cells,
    other_cells,
    read_cifar,
    score_cells,
    several_cells,
    simulate_imagenet,
)
from reassess.evaluation import (
    ImageSample,
    Strata,
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
LOOK_SIZE, LOOK_STEP, LOOK_BATCHES = 500, 20, (100, 200, 200)
NORMAL_QUANTILE = 1.959963984540054


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
        is_original_listed=cell.is_listed,
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
