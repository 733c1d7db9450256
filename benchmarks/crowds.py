"""Accuracy of EM and of the default method, and errors of the check for dependent raters, on many crowds.

- `python benchmarks/crowds.py [VOTES ORIGINAL]` prints the accuracy of EM.
- `python benchmarks/crowds.py default [VOTES ORIGINAL] [FOLDER...]` prints the accuracy of the default method with
  golden items, and how often em warns.
- `python benchmarks/crowds.py dependence` prints how often dependent and independent raters are listed.
- `python benchmarks/crowds.py copies` prints how often a pair is listed if one rater copies the other.

VOTES and ORIGINAL are files of CIFAR-10N: a table of item, rater and answer, and the dataset's own labels. Its small
samples are crowds with few votes per rater. FOLDER is a public dataset with label.csv and truth.csv. The other crowds
are simulated.

The simulated crowds cover the range of public datasets: few or many raters, with few or many votes each; 2 to 100
classes, balanced or not; raters who are good, poor or biased towards a class, who answer at random or always the same;
and items that are hard for all raters.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from crowdkit.aggregation import DawidSkene

from reassess import (
    ReassessWarning,
    Votes,
    aggregate,
    fit_dawid_skene,
    read_original_labels,
    read_votes,
)
from reassess.aggregation import agreement as checks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Items, raters, votes per item, classes, options. `accuracy` has the parameters of the raters' beta distribution.
CROWDS: dict[str, tuple[int, int, int, int, dict[str, Any]]] = {
    "everyone votes on everything": (108, 39, 39, 2, {"accuracy": (4, 2.2), "biased": 0.3, "hard": 0.2}),
    "ten votes, some spammers": (800, 164, 10, 2, {"spam": 0.12, "hard": 0.1}),
    "ten votes, few items": (462, 76, 10, 2, {"spam": 0.15, "hard": 0.1}),
    "five votes, poor raters": (4_000, 400, 5, 2, {"accuracy": (4, 2.5), "spam": 0.2, "hard": 0.3}),
    "ten votes, 4 classes": (807, 109, 10, 4, {"accuracy": (7, 3), "hard": 0.2}),
    "five votes, good raters": (4_999, 203, 5, 2, {"hard": 0.1}),
    "three votes, 12 % valid": (5_000, 176, 3, 2, {"prior": (0.88, 0.12), "biased": 0.1, "hard": 0.1}),
    "six votes, poor raters, 5 classes": (
        2_665,
        177,
        6,
        5,
        {"accuracy": (3, 2.5), "spam": 0.1, "biased": 0.2, "hard": 0.1},
    ),
    "four votes, skewed, 4 classes": (
        3_000,
        270,
        4,
        4,
        {"accuracy": (6, 3), "prior": (0.6, 0.2, 0.12, 0.08), "hard": 0.3},
    ),
    "nine votes, hard items, 4 classes": (584, 27, 9, 4, {"accuracy": (4, 3), "hard": 0.4}),
    "five votes, 20 % valid, spammers": (2_040, 25, 5, 2, {"accuracy": (5, 2.5), "prior": (0.8, 0.2), "spam": 0.2}),
    "six votes, 20 % valid": (2_040, 74, 6, 2, {"prior": (0.8, 0.2), "hard": 0.1}),
    "twenty votes": (1_000, 85, 20, 2, {}),
    "six votes per rater, 8 classes": (1_200, 600, 3, 8, {"accuracy": (7, 3), "hard": 0.1}),
    "six votes per rater, 20 classes": (1_000, 500, 3, 20, {"hard": 0.1}),
    "forty votes per rater, 50 classes": (2_000, 200, 4, 50, {"accuracy": (7, 3)}),
    "five votes, 100 classes": (3_000, 60, 5, 100, {"accuracy": (7, 3)}),
    "two votes, 30 classes": (1_000, 50, 2, 30, {"spam": 0.1}),
    "one coin, 10 classes": (1_500, 150, 5, 10, {"accuracy": (5, 4), "coin": True}),
    "half are spammers": (1_000, 100, 7, 4, {"accuracy": (9, 2), "spam": 0.5}),
    "a third always say the same": (1_000, 60, 7, 3, {"constant": 0.35}),
    "85 % of one class": (2_500, 120, 5, 5, {"prior": (0.85, 0.08, 0.04, 0.02, 0.01), "hard": 0.1}),
    "3 % valid": (3_000, 60, 3, 2, {"accuracy": (9, 2), "prior": (0.97, 0.03)}),
    "two votes per rater": (400, 900, 5, 4, {"accuracy": (7, 3)}),
    "30 items": (30, 8, 4, 3, {}),
    "60 items, 5 classes": (60, 10, 3, 5, {"accuracy": (7, 3)}),
}
# Crowds whose votes hardly support a rater model, and raters who oppose the others or always give the same answer.
HARD: dict[str, tuple[int, int, int, int, dict[str, Any]]] = {
    "one vote, 10 classes": (500, 10, 1, 10, {"accuracy": (28, 12), "coin": True}),
    "one vote, 10 classes, 40 raters": (2_000, 40, 1, 10, {"accuracy": (28, 12), "coin": True}),
    "five votes, 2 % valid": (1_000, 20, 5, 2, {"accuracy": (750, 250), "coin": True, "prior": (0.98, 0.02)}),
    "three votes, 2 % valid": (1_000, 20, 3, 2, {"accuracy": (750, 250), "coin": True, "prior": (0.98, 0.02)}),
    "five votes, half are spammers": (1_000, 40, 5, 2, {"spam": 0.5}),
    "five votes, a third oppose": (1_000, 40, 5, 3, {"against": 0.3}),
    "two votes, half always say valid": (800, 18, 2, 2, {"prior": (0.63, 0.37), "constant": 0.5, "favourite": 1}),
    "three votes, half always say valid": (800, 18, 3, 2, {"prior": (0.63, 0.37), "constant": 0.5, "favourite": 1}),
    "five votes, half always say valid": (800, 18, 5, 2, {"prior": (0.63, 0.37), "constant": 0.5, "favourite": 1}),
    "three votes, half always say one of 4": (800, 22, 3, 4, {"constant": 0.5, "favourite": 0}),
    "three votes, 10 % valid, a third always say the same": (
        1_000,
        20,
        3,
        2,
        {"accuracy": (750, 250), "coin": True, "prior": (0.9, 0.1), "constant": 0.35},
    ),
}
SEEDS, MORE_SEEDS = range(1), range(20)
GOLDEN = (0, 5, 20, 100)
BELOW = 0.02
SAMPLES = {50: 20, 100: 20, 300: 20, 1_000: 10, 3_000: 5, 10_000: 2, 50_000: 1}  # images of CIFAR-10N: repeats
STOP: dict[str, Any] = {"tolerance": 1e-4, "max_iterations": 300}
# Raters, items, votes per item, classes, raters in the group that copies, share of copied answers.
DESIGNS = [
    (20, 2_000, 20, 2, 2, 0.5),
    (20, 2_000, 20, 3, 2, 0.3),
    (30, 1_000, 30, 3, 2, 0.4),
    (40, 4_000, 10, 3, 2, 0.5),
    (20, 500, 20, 2, 2, 1.0),
    (10, 500, 10, 2, 2, 1.0),
    (5, 500, 5, 2, 2, 1.0),
]
REPEATS = 12
# A rater and their copier, by the number of common items: 20 raters, 10 votes per item, 2 classes.
COPIED, COPY_REPEATS = 0.6, 15
COMMON = {20: 85, 55: 230, 100: 420, 200: 840, 500: 2_110}  # items in common: all items
_NOISE = (0.0, 1.0, 0.98, 0.4)  # share of answers independent of the truth, for each kind of rater except "against"


def draw_confusions(rng: np.random.Generator, classes: int) -> Floats:
    """Draw which few classes each class is confused with; rows sum to 1, the diagonal is 0."""
    shares = rng.dirichlet(np.full(classes, 0.3), classes) + 1e-12
    np.fill_diagonal(shares, 0)
    return shares / shares.sum(axis=1, keepdims=True)


def draw_matrices(
    rng: np.random.Generator, raters: int, base: Floats, prior: Floats, options: dict[str, Any]
) -> Floats:
    """Draw confusion matrices, shape (raters, classes, classes)."""
    classes = len(base)
    matrices = np.empty((raters, classes, classes))
    kinds = rng.choice(5, raters, p=_kind_shares(options))
    skills = rng.beta(*options.get("accuracy", (8, 2)), raters)
    for matrix, kind, skill in zip(matrices, kinds, skills, strict=True):
        coin = options.get("coin", False)
        diagonal = np.full(classes, skill) if coin else np.clip(skill + rng.normal(0, 0.08, classes), 0.02, 0.995)
        errors = np.ones((classes, classes)) - np.eye(classes)
        if not coin:
            errors = 0.7 * base + 0.3 * draw_confusions(rng, classes)
        matrix[:] = errors / errors.sum(axis=1, keepdims=True) * (1 - diagonal)[:, None] + np.diag(diagonal)
        favourite = np.eye(classes)[options.get("favourite", rng.choice(classes, p=prior))]
        if kind == len(_NOISE):
            matrix[:] = (1 - matrix) / (classes - 1)
        elif kind:
            noise = (np.full(classes, 1 / classes), favourite, favourite)[kind - 1]
            share = _NOISE[kind]
            matrix[:] = share * noise + (1 - share) * matrix
    return matrices


def _kind_shares(options: dict[str, Any]) -> list[float]:
    """Shares of raters: normal, random, always the same answer, biased towards one, opposed to the truth."""
    shares = [options.get(kind, 0.0) for kind in ("spam", "constant", "biased", "against")]
    return [1 - sum(shares), *shares]


def simulate_crowd(
    seed: int, items: int, raters: int, per_item: int, classes: int, options: dict[str, Any]
) -> tuple[Votes, Ints]:
    """Simulate votes, where some raters vote far more often than others; return them and the truth."""
    rng = np.random.default_rng(seed)
    prior = np.array(options.get("prior", np.full(classes, 1 / classes)))
    truth, base = rng.choice(classes, items, p=prior), draw_confusions(rng, classes)
    matrices = draw_matrices(rng, raters, base, prior, options)
    activity = np.log(rng.permutation(np.arange(1.0, raters + 1)) ** -0.8)
    rater_ids = np.argsort(-(activity + rng.gumbel(size=(items, raters))), axis=1)[:, :per_item].ravel()
    rows = np.repeat(np.arange(items), per_item)
    probabilities = matrices[rater_ids, truth[rows]]
    decoy = np.array([rng.choice(classes, p=base[t]) for t in truth])
    blur = (rng.random(items) < options.get("hard", 0)) * rng.uniform(0.3, 1, items)
    hard = (np.eye(classes)[truth] + np.eye(classes)[decoy]) / 2
    probabilities = (1 - blur[rows])[:, None] * probabilities + blur[rows][:, None] * hard[rows]
    answers = (rng.random((rows.size, 1)) > probabilities.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return Votes.from_columns(range(items), rows, rater_ids, answers, range(raters), range(classes)), truth


def accuracy(posterior: Floats, truth: Ints) -> float:
    """Return the share of items whose most probable class is the truth; a tie of k classes counts 1 / k."""
    best = posterior >= posterior.max(axis=1, keepdims=True) - 1e-12
    return float(np.mean(best[np.arange(truth.size), truth] / best.sum(axis=1)))


def crowd_kit(votes: Votes) -> Floats:
    """Compute crowd-kit's posterior after 40 iterations; a class without votes has probability 0."""
    table = pd.DataFrame({"task": votes.item_ids, "worker": votes.rater_ids, "label": votes.answer_ids})
    posterior = DawidSkene(n_iter=40, tol=-np.inf).fit_predict_proba(table).sort_index()
    return posterior.reindex(columns=range(len(votes.answers)), fill_value=0.0).to_numpy()


METHODS: dict[str, Callable[[Votes], Floats]] = {
    "majority": lambda votes: votes.answer_shares(),
    "em": lambda votes: fit_dawid_skene(votes, **STOP).posterior.values,
    "em, pooling 0, smoothing 1": lambda votes: fit_dawid_skene(votes, pooling=0, smoothing=1, **STOP).posterior.values,
    "crowd-kit DawidSkene": crowd_kit,
}


def cifar_samples(votes_file: str, original_file: str) -> Iterator[tuple[str, list[tuple[Votes, Ints]]]]:
    """Yield the name of each sample size of CIFAR-10N, with the votes and the truth of each sample."""
    votes, original = read_votes(votes_file), read_original_labels(original_file)
    assert votes.answers == original.classes.names
    truth = original.indices[original.indptr[original.find(votes.items)]]
    rng = np.random.default_rng(0)
    for size, repeats in SAMPLES.items():
        samples = [np.sort(rng.choice(len(votes.items), size, replace=False)) for _ in range(repeats)]
        yield f"CIFAR-10N, {size:,} images", [(votes.select_items(rows), truth[rows]) for rows in samples]


def simulated_crowds(
    crowds: dict[str, tuple[int, int, int, int, dict[str, Any]]], seeds: range
) -> Iterator[tuple[str, list[tuple[Votes, Ints]]]]:
    """Yield the name of each crowd, with the votes and the truth for each seed."""
    for number, (name, parameters) in enumerate(crowds.items()):
        yield name, [simulate_crowd(1_000 * number + seed, *parameters) for seed in seeds]


def print_crowds(crowds: Iterator[tuple[str, list[tuple[Votes, Ints]]]]) -> None:
    """Print the mean accuracy of each method on each crowd."""
    print("\n| crowd | " + " | ".join(METHODS) + " |\n|---" + "|---" * len(METHODS) + "|")
    rows = []
    for name, sets in crowds:
        rows.append([np.mean([accuracy(method(votes), truth) for votes, truth in sets]) for method in METHODS.values()])
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in rows[-1]) + " |", flush=True)
    table = np.array(rows)
    print("| mean | " + " | ".join(f"{value:.3f}" for value in table.mean(axis=0)) + " |")
    lowest = (table - table[:, :1]).min(axis=0)
    print("| lowest difference from majority | " + " | ".join(f"{value:+.3f}" for value in lowest) + " |")


def read_public(folder: str) -> tuple[Votes, Ints]:
    """Read the votes of a public dataset, and the truth of each item; -1 if unknown."""
    votes = read_votes(f"{folder}/label.csv")
    truth_table = pd.read_csv(f"{folder}/truth.csv", dtype=str)
    names = {str(answer): row for row, answer in enumerate(votes.answers)}
    items = {str(item): row for row, item in enumerate(votes.items)}
    truth = np.full(len(votes.items), -1)
    for item, answer in truth_table.itertuples(index=False):
        if item in items:
            truth[items[item]] = names[answer]
    return votes, truth


def golden_draws(seed: int, votes: Votes, truth: Ints) -> Iterator[tuple[int, Votes | None, npt.NDArray[np.bool_]]]:
    """Yield numbers of golden items, an expert's answers on random items, and the mask of the other items."""
    has_truth = (truth >= 0) & (votes.sizes > 0)
    for number in GOLDEN:
        if number < has_truth.sum() / 2:
            chosen = np.sort(np.random.default_rng(seed).choice(np.flatnonzero(has_truth), number, replace=False))
            is_judged = has_truth.copy()
            is_judged[chosen] = False
            items, rows = tuple(votes.items[row] for row in chosen), np.arange(number)
            columns = rows, 0 * rows, truth[chosen]
            experts = Votes.from_columns(items, *columns, ("expert",), votes.answers) if number else None
            yield number, experts, is_judged


def try_methods(votes: Votes, truth: Ints, experts: Votes | None, judged: npt.NDArray[np.bool_]) -> list[float]:
    """Return the accuracy of majority, em, calibrated and the default; then whether em warned."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        em = aggregate(votes, "em", experts=experts)
    warned = any(w.category is ReassessWarning and "do not support" in str(w.message) for w in caught)
    calibrated = em if experts is None else aggregate(votes, "calibrated", experts=experts)
    posteriors = (result.posterior.values for result in (em, calibrated, aggregate(votes, experts=experts)))
    return [*(accuracy(values[judged], truth[judged]) for values in (votes.answer_shares(), *posteriors)), warned]


def print_default(crowds: Iterator[tuple[str, list[tuple[Votes, Ints]]]]) -> None:
    """Print the accuracy of the default method for each crowd, and how often em warns when majority is better."""
    print("\n| crowds | golden | sets | majority | em | calibrated | default |", end="")
    print(" default minus majority, mean and lowest | em warned if worse | em warned otherwise |\n" + "|---" * 10 + "|")
    rows: dict[int, list[list[float]]] = {number: [] for number in GOLDEN}
    for name, sets in crowds:
        crowd_rows: dict[int, list[list[float]]] = {number: [] for number in GOLDEN}
        for seed, (votes, truth) in enumerate(sets):
            for number, experts, judged in golden_draws(seed, votes, truth):
                crowd_rows[number].append(try_methods(votes, truth, experts, judged))
        for number, results in crowd_rows.items():
            print_row(name, number, results)
            rows[number] += results
    for number, results in rows.items():
        print_row("all", number, results)


def print_row(name: str, number: int, results: list[list[float]]) -> None:
    """Print a row of the table of the default method."""
    if results:
        table = np.array(results)
        lead, is_worse, has_warned = table[:, 3] - table[:, 0], table[:, 1] - table[:, 0] < -BELOW, table[:, 4] > 0
        cells = [name, str(number), str(len(table)), *(f"{value:.3f}" for value in table[:, :4].mean(axis=0))]
        cells += [f"{lead.mean():+.3f}, {lead.min():+.3f}", f"{(has_warned & is_worse).sum()} of {is_worse.sum()}"]
        print(
            "| " + " | ".join([*cells, f"{(has_warned & ~is_worse).sum()} of {(~is_worse).sum()}"]) + " |", flush=True
        )


def simulate_copiers(
    seed: int, raters: int, items: int, per_item: int, classes: int, group: int, copied: float, *, hard: str
) -> Votes:
    """Simulate raters who err independently, except a group that copies some answers of the last rater."""
    rng = np.random.default_rng(seed)
    truth, skill = rng.integers(0, classes, items), rng.beta(8, 2, raters).clip(0.35, 0.98)[:, None]
    guess = {"no": 0 * truth, "some": 0.8 * (rng.random(items) < 0.3), "all": rng.beta(0.7, 0.7, items)}[hard]
    is_correct = rng.random((raters, items)) < (1 - guess) * skill + guess / classes
    answers = np.where(is_correct, truth, (truth + rng.integers(1, classes, (raters, items))) % classes)
    for copier in range(raters - group, raters - 1):
        answers[copier] = np.where(rng.random(items) < copied, answers[-1], answers[copier])
    rater_ids = np.argsort(rng.random((items, raters)), axis=1)[:, :per_item].ravel()
    rows = np.repeat(np.arange(items), per_item)
    return Votes.from_columns(range(items), rows, rater_ids, answers[rater_ids, rows], range(raters), range(classes))


def check_pairs(design: tuple[int, int, int, int, int, float], hard: str) -> Iterator[tuple[bool, bool, bool]]:
    """Yield per repeat: independent raters are listed; if some copy, exactly these are listed; others are listed."""
    raters, *_, group, copied = design
    for seed in range(REPEATS):
        independent = checks.find_dependent_raters(simulate_copiers(seed, *design[:5], 0.0, hard=hard)).pairs
        dependent = checks.find_dependent_raters(simulate_copiers(seed, *design[:5], copied, hard=hard)).pairs
        listed = {pair.raters for pair in dependent}
        copiers = {(a, b) for b in range(raters - group, raters) for a in range(raters - group, b)}
        yield bool(independent), listed == copiers, bool(listed - copiers)


def print_dependence() -> None:
    """Print how often pairs are listed, correctly and wrongly, without and with the estimated null distribution."""
    headings = ("independent raters listed", "exactly the copiers listed", "others listed")
    print("\n| raters, items, votes, classes, copied | hard items | " + " | ".join(headings) + " |")
    print("|---|---|---|---|---|")
    null = checks._median_and_robust_spread
    for design in DESIGNS:
        for hard in ("no", "some", "all"):
            shares = []
            for estimate in (lambda _: (0.0, 1.0), null):
                checks._median_and_robust_spread = estimate  # type: ignore[assignment]
                shares.append(np.mean(list(check_pairs(design, hard)), axis=0))
            sizes = ", ".join(f"{size:,}" for size in design[:4])
            cells = [f"{raw:.0%} without null, {corrected:.0%} with" for raw, corrected in zip(*shares, strict=True)]
            print(f"| {sizes}, {design[5]:.0%} | {hard} | " + " | ".join(cells) + " |", flush=True)


def print_copies() -> None:
    """Print how often a rater and their copier are listed, by the number of items in common."""
    print(f"\n| items in common | hard items | pair listed, of {COPY_REPEATS} | others listed |\n|---|---|---|---|")
    for common, items in COMMON.items():
        for hard in ("no", "some", "all"):
            copiers_listed, others_listed = 0, 0
            for seed in range(COPY_REPEATS):
                votes = simulate_copiers(seed, 20, items, 10, 2, 2, COPIED, hard=hard)
                listed = {pair.raters for pair in checks.find_dependent_raters(votes).pairs}
                copiers_listed += (18, 19) in listed
                others_listed += bool(listed - {(18, 19)})
            print(f"| {common} | {hard} | {copiers_listed} | {others_listed} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["dependence"]:
        print_dependence()
    elif sys.argv[1:] == ["copies"]:
        print_copies()
    elif sys.argv[1:2] == ["default"]:
        files = [path for path in sys.argv[2:] if Path(path).is_file()]
        datasets = [(Path(path).name, read_public(path)) for path in sys.argv[2:] if path not in files]
        if datasets:
            print_default((name, [dataset]) for name, dataset in datasets)
        if files:
            print_default((name, samples[:2]) for name, samples in cifar_samples(*files))
        print_default(simulated_crowds(HARD, MORE_SEEDS))
        print_default(simulated_crowds(CROWDS, MORE_SEEDS))
    else:
        if sys.argv[1:]:
            print_crowds(cifar_samples(*sys.argv[1:]))
        print_crowds(simulated_crowds(CROWDS, SEEDS))
