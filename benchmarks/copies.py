"""Raters who copy: how often they are found, and the accuracy of stacking with and without merged copies.

- `python benchmarks/copies.py [SEEDS]` simulates crowds where raters copy, and prints how many votes of copiers are
  in groups and how accurate majority and stacking are.
- `python benchmarks/copies.py independent [SEEDS]` simulates independent raters, and prints how often groups are found.
- `python benchmarks/copies.py public FOLDER...` prints the accuracy on public datasets with label.csv and truth.csv.
"""

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from crowds import CROWDS, HARD, Ints, accuracy, draw_confusions, draw_matrices, read_public, simulate_crowd

from reassess import Votes
from reassess.aggregation import find_copies, merge_copies
from reassess.aggregation.stacking import fit_stacking

# Raters, items, votes per item, answers, accuracy of each leader (None: as others), share of raters who copy, groups,
# copied share of answers.
KINDS: list[tuple[int, int, int, int, float | None, float, int, float]] = [
    (30, 1_000, 1, 4, 0.55, 1 / 3, 1, 1.0),
    (30, 1_000, 3, 4, 0.55, 1 / 3, 1, 1.0),
    (30, 1_000, 3, 4, 0.55, 1 / 3, 1, 0.8),
    (30, 1_000, 3, 4, 0.85, 1 / 3, 1, 1.0),
    (60, 1_000, 5, 2, 0.55, 1 / 3, 1, 1.0),
    (60, 1_000, 5, 2, 0.55, 1 / 3, 1, 0.8),
    (60, 1_000, 5, 2, 0.85, 1 / 3, 1, 1.0),
    (60, 1_000, 5, 4, 0.55, 1 / 3, 1, 1.0),
    (60, 1_000, 5, 4, 0.55, 1 / 3, 1, 0.8),
    (60, 1_000, 5, 4, 0.85, 1 / 3, 1, 1.0),
    (60, 1_000, 5, 4, None, 1 / 2, 2, 1.0),
    (200, 2_000, 5, 4, 0.55, 1 / 3, 1, 1.0),
    (60, 1_000, 5, 10, 0.55, 1 / 3, 1, 1.0),
    (60, 1_000, 5, 10, 0.55, 1 / 3, 1, 0.8),
    (30, 1_000, 10, 2, 0.55, 1 / 3, 1, 1.0),
    (30, 1_000, 10, 2, 0.55, 1 / 3, 1, 0.8),
    (30, 1_000, 10, 4, 0.55, 1 / 3, 1, 1.0),
    (30, 1_000, 10, 4, 0.85, 1 / 3, 1, 1.0),
    (30, 1_000, 10, 10, None, 1 / 2, 2, 1.0),
    (30, 1_000, 10, 4, None, 1 / 15, 1, 1.0),
]
OPTIONS: dict[str, Any] = {"accuracy": (7, 3), "hard": 0.1}


def simulate_copied_crowd(
    seed: int,
    raters: int,
    items: int,
    per_item: int,
    answers: int,
    leader: float | None,
    share: float,
    n_groups: int,
    copied: float,
) -> tuple[Votes, Ints, list[Ints]]:
    """Simulate raters where some copy the first rater of their group; return votes, truth and groups."""
    rng = np.random.default_rng(seed)
    truth, base = rng.integers(0, answers, items), draw_confusions(rng, answers)
    matrices = draw_matrices(rng, raters, base, np.full(answers, 1 / answers), OPTIONS)
    members = rng.permutation(raters)[: round(share * raters)]
    groups = [members[number::n_groups] for number in range(n_groups)]
    if leader is not None:
        for group in groups:
            matrix = matrices[group[0]]
            np.fill_diagonal(matrix, 0)
            matrix *= (1 - leader) / matrix.sum(axis=1, keepdims=True)
            np.fill_diagonal(matrix, leader)
    decoy = np.array([rng.choice(answers, p=base[t]) for t in truth])
    blur = ((rng.random(items) < OPTIONS["hard"]) * rng.uniform(0.3, 1, items))[:, None]
    hard = (np.eye(answers)[truth] + np.eye(answers)[decoy]) / 2
    probabilities = matrices[:, truth] * (1 - blur) + blur * hard
    given = (rng.random((raters, items, 1)) > probabilities.cumsum(axis=2)[..., :-1]).sum(axis=2)
    for group in groups:
        for rater in group[1:]:
            given[rater] = np.where(rng.random(items) < copied, given[group[0]], given[rater])
    activity = np.log(rng.permutation(np.arange(1.0, raters + 1)) ** -0.8)
    rater_ids = np.argsort(-(activity + rng.gumbel(size=(items, raters))), axis=1)[:, :per_item].ravel()
    rows = np.repeat(np.arange(items), per_item)
    votes = Votes.from_columns(range(items), rows, rater_ids, given[rater_ids, rows], range(raters), range(answers))
    return votes, truth, groups


def stack(votes: Votes, truth: Ints) -> float:
    """Return the accuracy of stacking on the items with a known truth."""
    fit = fit_stacking(votes, truths=votes.answers, truth_ids=np.full(len(votes.items), -1))
    return accuracy(fit.posterior.values[truth >= 0], truth[truth >= 0])


def found_share(votes: Votes, groups: list[Ints], found: tuple[tuple[Any, ...], ...]) -> tuple[float, bool]:
    """Return the share of the copiers' votes in found groups, and whether a found group contains other raters."""
    counts = votes.counts_by_rater().sum(axis=1)
    copiers = [set(group.tolist()) for group in groups]
    is_wrong = any(not any(set(group) <= members for members in copiers) for group in found)
    inside = {rater for group in found for rater in group}
    total = sum(counts[group].sum() for group in groups)
    return sum(counts[rater] for members in copiers for rater in members & inside) / max(total, 1), is_wrong


def measure_kind(kind: tuple[Any, ...], seeds: range) -> Iterator[tuple[float, ...]]:
    """Yield per seed: share found, others found, has unclear raters, accuracies of majority, stacking, and merged."""
    for seed in seeds:
        votes, truth, groups = simulate_copied_crowd(seed, *kind)
        copies = find_copies(votes)
        share, is_wrong = found_share(votes, groups, copies.groups)
        plain = stack(votes, truth)
        merged = stack(merge_copies(votes, copies.groups), truth) if copies.groups else plain
        warns = bool(copies.describe_problem())
        yield share, is_wrong, warns, accuracy(votes.answer_shares(), truth), plain, merged


def print_kinds(seeds: range) -> None:
    """Print means over seeds for each kind of crowd with copiers."""
    print(
        "| raters, items, votes, answers, leader, copiers, groups, copied | found | others | warned | majority ", end=""
    )
    print("| stacking | merged | lowest seed |\n" + "|---" * 8 + "|")
    for kind in KINDS:
        table = np.array(list(measure_kind(kind, seeds)), float)
        share, wrong, warned, majority, plain, merged = table.mean(axis=0)
        name = ", ".join(f"{value:.2g}" if isinstance(value, float) else f"{value}" for value in kind)
        print(f"| {name} | {share:.0%} | {wrong:.0%} | {warned:.0%} | {majority:.3f} | ", end="")
        lowest = (table[:, 5] - table[:, 3]).min()
        print(f"{100 * (plain - majority):+.1f} | {100 * (merged - majority):+.1f} | {100 * lowest:+.1f} |", flush=True)


def print_independent(seeds: range) -> None:
    """Print how often groups and unclear raters are found among independent raters."""
    print("| crowd | groups found | unclear raters |\n|---|---|---|")
    for number, (name, parameters) in enumerate({**CROWDS, **HARD}.items()):
        found = [find_copies(simulate_crowd(1_000 * number + seed, *parameters)[0]) for seed in seeds]
        n_groups = sum(bool(copies.groups) for copies in found)
        n_unclear = sum(bool(copies.describe_problem()) and not copies.groups for copies in found)
        print(f"| {name} | {n_groups} | {n_unclear} |", flush=True)


def print_public(folders: list[str]) -> None:
    """Print the groups in public datasets, and the accuracy of stacking with and without merged copies."""
    print("| dataset | sizes of groups | unclear raters | their votes | stacking | merged |\n|---|---|---|---|---|---|")
    for folder in folders:
        votes, truth = read_public(folder)
        copies = find_copies(votes)
        plain = stack(votes, truth)
        merged = stack(merge_copies(votes, copies.groups), truth) if copies.groups else plain
        cells = [[len(group) for group in copies.groups], len(copies.unclear), f"{copies.unclear_share:.0%}"]
        print(f"| {folder} | {' | '.join(map(str, cells))} | {plain:.4f} | {merged:.4f} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["public"]:
        print_public(sys.argv[2:])
    elif sys.argv[1:2] == ["independent"]:
        print_independent(range(int(sys.argv[2]) if sys.argv[2:] else 20))
    else:
        print_kinds(range(int(sys.argv[1]) if sys.argv[1:] else 20))
