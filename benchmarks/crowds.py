"""EM on crowds, the default method with golden items, and the check of raters' dependence on simulated raters.

- `python benchmarks/crowds.py [VOTES ORIGINAL]` prints the tables of EM.
- `python benchmarks/crowds.py default [VOTES ORIGINAL] [FOLDER...]` prints those of the default method and its warning,
  and how often items with a high probability are correct.
- `python benchmarks/crowds.py dependence` prints the table of raters who are not independent.
- `python benchmarks/crowds.py copies` prints how often a pair is named where one copies the other.

VOTES and ORIGINAL are CIFAR-10N's: a table of item, rater and answer, and the data set's own labels. Parts of it are
crowds with few votes a rater. A FOLDER is a public set with label.csv and truth.csv. The other crowds are simulated.

Crowds span what public sets are like: few and many raters, with few votes each or many; 2 to 100 classes, even or
skewed; raters who are good, poor, biased to a class, or who always say one thing or anything; items that all find hard.
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
    read_original,
    read_votes,
)
from reassess.aggregation import agreement as checks
from reassess.aggregation.methods import by_em

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Items, raters, votes an item, classes; then what is special. `accuracy` is that of a rater's beta distribution.
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
    "six votes a rater, 8 classes": (1_200, 600, 3, 8, {"accuracy": (7, 3), "hard": 0.1}),
    "six votes a rater, 20 classes": (1_000, 500, 3, 20, {"hard": 0.1}),
    "forty votes a rater, 50 classes": (2_000, 200, 4, 50, {"accuracy": (7, 3)}),
    "five votes, 100 classes": (3_000, 60, 5, 100, {"accuracy": (7, 3)}),
    "two votes, 30 classes": (1_000, 50, 2, 30, {"spam": 0.1}),
    "one coin, 10 classes": (1_500, 150, 5, 10, {"accuracy": (5, 4), "coin": True}),
    "half are spammers": (1_000, 100, 7, 4, {"accuracy": (9, 2), "spam": 0.5}),
    "a third always say the same": (1_000, 60, 7, 3, {"constant": 0.35}),
    "85 % of one class": (2_500, 120, 5, 5, {"prior": (0.85, 0.08, 0.04, 0.02, 0.01), "hard": 0.1}),
    "3 % valid": (3_000, 60, 3, 2, {"accuracy": (9, 2), "prior": (0.97, 0.03)}),
    "two votes a rater": (400, 900, 5, 4, {"accuracy": (7, 3)}),
    "30 items": (30, 8, 4, 3, {}),
    "60 items, 5 classes": (60, 10, 3, 5, {"accuracy": (7, 3)}),
}
# Crowds whose votes hardly support a rater model, and raters who work against the others or always say the same.
HARD: dict[str, tuple[int, int, int, int, dict[str, Any]]] = {
    "one vote, 10 classes": (500, 10, 1, 10, {"accuracy": (28, 12), "coin": True}),
    "one vote, 10 classes, 40 raters": (2_000, 40, 1, 10, {"accuracy": (28, 12), "coin": True}),
    "five votes, 2 % valid": (1_000, 20, 5, 2, {"accuracy": (750, 250), "coin": True, "prior": (0.98, 0.02)}),
    "three votes, 2 % valid": (1_000, 20, 3, 2, {"accuracy": (750, 250), "coin": True, "prior": (0.98, 0.02)}),
    "five votes, half are spammers": (1_000, 40, 5, 2, {"spam": 0.5}),
    "five votes, a third are against": (1_000, 40, 5, 3, {"against": 0.3}),
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
SEEDS, MORE_SEEDS = range(1), range(8)
GOLDEN = (0, 5, 20, 100)
BELOW, SURE = 0.02, 0.99
PARTS = {50: 20, 100: 20, 300: 20, 1_000: 10, 3_000: 5, 10_000: 2, 50_000: 1}  # images drawn of CIFAR-10N, how often
STOP: dict[str, Any] = {"tolerance": 1e-4, "max_iterations": 300}
# Raters, items, votes an item, classes, raters in the group that copies, share copied.
DESIGNS = [
    (20, 2_000, 20, 2, 2, 0.5),
    (20, 2_000, 20, 3, 2, 0.3),
    (30, 1_000, 30, 3, 2, 0.4),
    (40, 4_000, 10, 3, 2, 0.5),
    (20, 500, 20, 2, 2, 1.0),
    (10, 500, 10, 2, 2, 1.0),
    (5, 500, 5, 2, 2, 1.0),
]
DUPLICATES = 12
# Of two raters who copy, by how many items they have in common: 20 raters, 10 votes an item, 2 classes.
COPIED, COPY_REPEATS = 0.6, 15
COMMON = {20: 85, 55: 230, 100: 420, 200: 840, 500: 2_110}  # items in common, items in all
_NOISE = (0.0, 1.0, 0.98, 0.4)  # the share of answers that do not depend on the truth, for each kind but the last


def confusions(rng: np.random.Generator, classes: int) -> Floats:
    """Which other class each is taken for: a few of them."""
    shares = rng.dirichlet(np.full(classes, 0.3), classes) + 1e-12
    np.fill_diagonal(shares, 0)
    return shares / shares.sum(axis=1, keepdims=True)


def raters_of(rng: np.random.Generator, raters: int, base: Floats, prior: Floats, special: dict[str, Any]) -> Floats:
    """Confusion matrices, shape (raters, classes, classes)."""
    classes = len(base)
    matrices = np.empty((raters, classes, classes))
    kinds = rng.choice(5, raters, p=_kinds(special))
    for matrix, kind, right in zip(matrices, kinds, rng.beta(*special.get("accuracy", (8, 2)), raters), strict=True):
        coin = special.get("coin", False)
        each = np.full(classes, right) if coin else np.clip(right + rng.normal(0, 0.08, classes), 0.02, 0.995)
        other = np.ones((classes, classes)) - np.eye(classes) if coin else 0.7 * base + 0.3 * confusions(rng, classes)
        matrix[:] = other / other.sum(axis=1, keepdims=True) * (1 - each)[:, None] + np.diag(each)
        favourite = np.eye(classes)[special.get("favourite", rng.choice(classes, p=prior))]
        if kind == len(_NOISE):
            matrix[:] = (1 - matrix) / (classes - 1)
        elif kind:
            noise = (np.full(classes, 1 / classes), favourite, favourite)[kind - 1]
            share = _NOISE[kind]
            matrix[:] = share * noise + (1 - share) * matrix
    return matrices


def _kinds(special: dict[str, Any]) -> list[float]:
    """Shares of raters who look, say anything, always say one thing, are biased to one, or are against the truth."""
    others = [special.get(kind, 0.0) for kind in ("spam", "constant", "biased", "against")]
    return [1 - sum(others), *others]


def crowd(seed: int, items: int, raters: int, each: int, classes: int, special: dict[str, Any]) -> tuple[Votes, Ints]:
    """Votes by raters of whom some vote far more than others, and the truth."""
    rng = np.random.default_rng(seed)
    prior = np.array(special.get("prior", np.full(classes, 1 / classes)))
    truth, base = rng.choice(classes, items, p=prior), confusions(rng, classes)
    matrices = raters_of(rng, raters, base, prior, special)
    activity = np.log(rng.permutation(np.arange(1.0, raters + 1)) ** -0.8)
    cast = np.argsort(-(activity + rng.gumbel(size=(items, raters))), axis=1)[:, :each].ravel()
    rows = np.repeat(np.arange(items), each)
    chances = matrices[cast, truth[rows]]
    decoy = np.array([rng.choice(classes, p=base[t]) for t in truth])
    blur = (rng.random(items) < special.get("hard", 0)) * rng.uniform(0.3, 1, items)
    hard = (np.eye(classes)[truth] + np.eye(classes)[decoy]) / 2
    chances = (1 - blur[rows])[:, None] * chances + blur[rows][:, None] * hard[rows]
    answers = (rng.random((rows.size, 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return Votes.from_columns(range(items), rows, cast, answers, range(raters), range(classes)), truth


def right(shares: Floats, truth: Ints) -> float:
    """The share of items whose most probable class is the truth; equals share the point."""
    best = shares >= shares.max(axis=1, keepdims=True) - 1e-12
    return float(np.mean(best[np.arange(truth.size), truth] / best.sum(axis=1)))


def crowd_kit(votes: Votes) -> Floats:
    """crowd-kit's posterior after 40 iterations; a class that nobody chose has none."""
    table = pd.DataFrame({"task": votes.item_ids, "worker": votes.rater_ids, "label": votes.answer_ids})
    found = DawidSkene(n_iter=40, tol=-np.inf).fit_predict_proba(table).sort_index()
    return found.reindex(columns=range(len(votes.answers)), fill_value=0.0).to_numpy()


WAYS: dict[str, Callable[[Votes], Floats]] = {
    "majority": lambda votes: votes.fractions(),
    "em": lambda votes: fit_dawid_skene(votes, **STOP).posterior.values,
    "em, pooling 0, smoothing 1": lambda votes: fit_dawid_skene(votes, pooling=0, smoothing=1, **STOP).posterior.values,
    "crowd-kit DawidSkene": crowd_kit,
}


def parts(votes_file: str, original_file: str) -> Iterator[tuple[str, list[tuple[Votes, Ints]]]]:
    """Parts of CIFAR-10N by name, drawn at random: votes of the raters who voted on them, and the truth."""
    votes, original = read_votes(votes_file), read_original(original_file)
    assert votes.answers == original.classes.names
    truth = original.indices[original.indptr[original.find(votes.items)]]
    rng = np.random.default_rng(0)
    for size, times in PARTS.items():
        rows = [np.sort(rng.choice(len(votes.items), size, replace=False)) for _ in range(times)]
        yield f"CIFAR-10N, {size:,} images", [(votes.restrict(part), truth[part]) for part in rows]


def simulated(
    crowds: dict[str, tuple[int, int, int, int, dict[str, Any]]], seeds: range
) -> Iterator[tuple[str, list[tuple[Votes, Ints]]]]:
    """Simulated crowds by name: votes, and the truth."""
    for number, (name, (*sizes, special)) in enumerate(crowds.items()):
        yield name, [crowd(1_000 * number + seed, *sizes, special) for seed in seeds]


def print_crowds(crowds: Iterator[tuple[str, list[tuple[Votes, Ints]]]]) -> None:
    """The mean accuracy of each way on the sets of each kind."""
    print("\n| crowd | " + " | ".join(WAYS) + " |\n|---" + "|---" * len(WAYS) + "|")
    rows = []
    for name, sets in crowds:
        rows.append([np.mean([right(way(votes), truth) for votes, truth in sets]) for way in WAYS.values()])
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in rows[-1]) + " |", flush=True)
    table = np.array(rows)
    print("| mean | " + " | ".join(f"{value:.3f}" for value in table.mean(axis=0)) + " |")
    print("| least against majority | " + " | ".join(f"{v:+.3f}" for v in (table - table[:, :1]).min(axis=0)) + " |")


def public(folder: str) -> tuple[Votes, Ints]:
    """The votes of a public set, and the truth of each item; -1 where it is not known."""
    votes = read_votes(f"{folder}/label.csv")
    known = pd.read_csv(f"{folder}/truth.csv", dtype=str)
    names = {str(answer): row for row, answer in enumerate(votes.answers)}
    items = {str(item): row for row, item in enumerate(votes.items)}
    truth = np.full(len(votes.items), -1)
    for item, answer in known.itertuples(index=False):
        if item in items:
            truth[items[item]] = names[answer]
    return votes, truth


def golden_draws(seed: int, votes: Votes, truth: Ints) -> Iterator[tuple[int, Votes | None, npt.NDArray[np.bool_]]]:
    """For each number of golden items: one expert's answers on some items, and which other items are judged."""
    judged = (truth >= 0) & (votes.sizes > 0)
    for number in GOLDEN:
        if number < judged.sum() / 2:
            chosen = np.sort(np.random.default_rng(seed).choice(np.flatnonzero(judged), number, replace=False))
            others = judged.copy()
            others[chosen] = False
            items, rows = tuple(votes.items[row] for row in chosen), np.arange(number)
            columns = rows, 0 * rows, truth[chosen]
            yield number, Votes.from_columns(items, *columns, ("expert",), votes.answers) if number else None, others


def tried(votes: Votes, truth: Ints, experts: Votes | None, judged: npt.NDArray[np.bool_]) -> list[float]:
    """Accuracy of majority, em, calibrated and the default, whether that is calibrated, and whether it warned."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        default = aggregate(votes, experts=experts)
    em = by_em(votes, experts=experts)
    calibrated = em if experts is None else aggregate(votes, "calibrated", experts=experts)
    results = (each.posterior.values for each in (em, calibrated, default))
    doubts = [each for each in caught if each.category is ReassessWarning and "do not support" in str(each.message)]
    accuracies = [right(values[judged], truth[judged]) for values in (votes.fractions(), *results)]
    return [*accuracies, default.facts["method"] == "calibrated", bool(doubts)]


def print_default(crowds: Iterator[tuple[str, list[tuple[Votes, Ints]]]]) -> None:
    """How the default method does against the majority, and whether it warns where it is worse; a row for each kind."""
    print("\n| crowds | golden | sets | majority | em | calibrated | default | calibrated chosen |", end="")
    print(" worst against majority | warned of those below | of the others |\n" + "|---" * 11 + "|")
    rows: dict[int, list[list[float]]] = {number: [] for number in GOLDEN}
    for name, sets in crowds:
        of_kind: dict[int, list[list[float]]] = {number: [] for number in GOLDEN}
        for seed, (votes, truth) in enumerate(sets):
            for number, experts, judged in golden_draws(seed, votes, truth):
                of_kind[number].append(tried(votes, truth, experts, judged))
        for number, found in of_kind.items():
            print_row(name, number, found)
            rows[number] += found
    for number, found in rows.items():
        print_row("all", number, found)


def print_row(name: str, number: int, found: list[list[float]]) -> None:
    """A row of the table of the default method."""
    if found:
        table = np.array(found)
        means, against, warned = table.mean(axis=0), table[:, 3] - table[:, 0], table[:, 5] > 0
        below = against < -BELOW
        cells = [
            name,
            str(number),
            str(len(table)),
            *(f"{value:.3f}" for value in means[:4]),
            f"{table[:, 4].sum():.0f}",
        ]
        cells += [f"{against.min():+.3f}", f"{(warned & below).sum()} of {below.sum()}"]
        print("| " + " | ".join([*cells, f"{(warned & ~below).sum()} of {(~below).sum()}"]) + " |", flush=True)


def print_sure(sets: list[tuple[str, tuple[Votes, Ints]]]) -> None:
    """How often the items with a high probability are correct."""
    print(f"\n| set | em correct | items at {SURE} or more | of these correct |\n|---|---|---|---|")
    rows = []
    for name, (votes, truth) in sets:
        values = aggregate(votes, "em").posterior.values
        judged = (truth >= 0) & (votes.sizes > 0)
        correct, sure = (values.argmax(axis=1) == truth)[judged], (values.max(axis=1) >= SURE)[judged]
        rows.append((correct.mean(), sure.mean(), correct[sure].mean()))
        print(f"| {name} | " + " | ".join(f"{100 * value:.1f} %" for value in rows[-1]) + " |", flush=True)
    print("| mean | " + " | ".join(f"{100 * value:.1f} %" for value in np.mean(rows, axis=0)) + " |")


def rated(
    seed: int, raters: int, items: int, each: int, classes: int, group: int, copied: float, *, hard: str
) -> Votes:
    """Votes of raters who are independent given the truth and how hard an item is, but that the last few copy."""
    rng = np.random.default_rng(seed)
    truth, skill = rng.integers(0, classes, items), rng.beta(8, 2, raters).clip(0.35, 0.98)[:, None]
    guess = {"no": 0 * truth, "some": 0.8 * (rng.random(items) < 0.3), "all": rng.beta(0.7, 0.7, items)}[hard]
    right = rng.random((raters, items)) < (1 - guess) * skill + guess / classes
    answers = np.where(right, truth, (truth + rng.integers(1, classes, (raters, items))) % classes)
    for copier in range(raters - group, raters - 1):
        answers[copier] = np.where(rng.random(items) < copied, answers[-1], answers[copier])
    cast = np.argsort(rng.random((items, raters)), axis=1)[:, :each].ravel()
    rows = np.repeat(np.arange(items), each)
    return Votes.from_columns(range(items), rows, cast, answers[cast, rows], range(raters), range(classes))


def alarms(design: tuple[int, int, int, int, int, float], hard: str) -> Iterator[tuple[bool, bool, bool]]:
    """For each repeat: whether independent raters were named; where some copy, whether they alone; whether others."""
    raters, *_, group, copied = design
    for seed in range(DUPLICATES):
        independent = checks.dependence(rated(seed, *design[:5], 0.0, hard=hard)).pairs
        found = {pair.raters for pair in checks.dependence(rated(seed, *design[:5], copied, hard=hard)).pairs}
        copiers = {(a, b) for b in range(raters - group, raters) for a in range(raters - group, b)}
        yield bool(independent), found == copiers, bool(found - copiers)


def print_dependence() -> None:
    """How often independent raters are named, and copiers or others where two copy: without the null and with it."""
    headings = ("named though independent", "copiers alone named", "others named")
    print("\n| raters, items, votes, classes, copied | hard items | " + " | ".join(headings) + " |")
    print("|---|---|---|---|---|")
    null = checks._null
    for design in DESIGNS:
        for hard in ("no", "some", "all"):
            shares = []
            for estimate in (lambda _: (0.0, 1.0), null):
                checks._null = estimate  # type: ignore[assignment]
                shares.append(np.mean(list(alarms(design, hard)), axis=0))
            sizes = ", ".join(f"{size:,}" for size in design[:4])
            cells = [f"{before:.0%} before, {now:.0%}" for before, now in zip(*shares, strict=True)]
            print(f"| {sizes}, {design[5]:.0%} | {hard} | " + " | ".join(cells) + " |", flush=True)


def print_copies() -> None:
    """How often two raters of whom one copies the other are named, by the number of items in common."""
    print(f"\n| items in common | hard items | pair named, of {COPY_REPEATS} | others named |\n|---|---|---|---|")
    for common, items in COMMON.items():
        for hard in ("no", "some", "all"):
            found = [
                {pair.raters for pair in checks.dependence(rated(seed, 20, items, 10, 2, 2, COPIED, hard=hard)).pairs}
                for seed in range(COPY_REPEATS)
            ]
            named, others = (
                sum(map(bool, of)) for of in ([f & {(18, 19)} for f in found], [f - {(18, 19)} for f in found])
            )
            print(f"| {common} | {hard} | {named} | {others} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["dependence"]:
        print_dependence()
    elif sys.argv[1:] == ["copies"]:
        print_copies()
    elif sys.argv[1:2] == ["default"]:
        files = [each for each in sys.argv[2:] if Path(each).is_file()]
        sets = [(Path(each).name, public(each)) for each in sys.argv[2:] if each not in files]
        if sets:
            print_sure(sets)
            print_default((name, [pair]) for name, pair in sets)
        if files:
            print_default((name, draws[:2]) for name, draws in parts(*files))
        print_default(simulated(HARD, MORE_SEEDS))
        print_default(simulated(CROWDS, MORE_SEEDS[:2]))
    else:
        if sys.argv[1:]:
            print_crowds(parts(*sys.argv[1:]))
        print_crowds(simulated(CROWDS, SEEDS))
