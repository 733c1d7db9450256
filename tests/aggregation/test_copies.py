"""Copies: groups of raters who copy are found and count as one; independent raters stay as they are."""

import warnings
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess import read_votes
from reassess.aggregation import Copies, aggregate, find_copies, merge_copies
from reassess.core import Questions, Votes
from reassess.errors import ReassessWarning
from reassess.numeric.vote_kernels import fill_order_by_id, list_rater_pairs
from tests.helpers import RealFile, code_of, read_public_crowd

Ints = npt.NDArray[np.int64]


def simulate(
    seed: int = 0,
    *,
    items: int = 1_000,
    raters: int = 30,
    per_item: int = 5,
    n_answers: int = 4,
    groups: tuple[range, ...] = (),
    leader: float = 0.5,
    copied: float = 1.0,
    hard: float = 0.1,
    prior: tuple[float, ...] | None = None,
    accuracies: npt.ArrayLike | None = None,
) -> tuple[Votes, Ints]:
    """Simulate raters; the first of each group has accuracy `leader`, and the others copy a share of their answers."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(n_answers, items, p=prior)
    accuracy = rng.beta(7, 3, raters) if accuracies is None else np.asarray(accuracies)
    for group in groups:
        accuracy[group[0]] = leader
    is_guess = rng.random(items) < hard
    is_correct = (rng.random((raters, items)) < accuracy[:, None]) & ~is_guess
    wrong = (truth + rng.integers(1, n_answers, (raters, items))) % n_answers
    answers = np.where(is_correct, truth, np.where(is_guess, rng.integers(0, n_answers, (raters, items)), wrong))
    for group in groups:
        for rater in group[1:]:
            answers[rater] = np.where(rng.random(items) < copied, answers[group[0]], answers[rater])
    rater_ids = np.argsort(rng.random((items, raters)), axis=1)[:, :per_item].ravel()
    rows = np.repeat(np.arange(items), per_item)
    votes = Votes.from_columns(
        range(items), rows, rater_ids, answers[rater_ids, rows], range(raters), tuple("abcdefghij"[:n_answers])
    )
    return votes, truth


def groups_of(copies: Copies) -> list[list[Any]]:
    return sorted(sorted(group) for group in copies.groups)


@pytest.mark.parametrize("copied", [1.0, 0.8])
def test_raters_who_copy_one_rater_are_one_group(copied: float) -> None:
    votes, _ = simulate(groups=(range(10),), copied=copied)
    copies = find_copies(votes)
    assert groups_of(copies) == [list(range(10))]
    assert copies.unclear == ()
    assert copies.group_share == np.isin(votes.rater_ids, range(10)).mean()
    counts = votes.counts_by_rater().sum(axis=1)[list(copies.groups[0])]
    assert (np.diff(counts) <= 0).all()


def test_two_groups_stay_apart() -> None:
    copies = find_copies(simulate(groups=(range(7), range(7, 14)), per_item=8)[0])
    assert groups_of(copies) == [list(range(7)), list(range(7, 14))]


def test_pair_is_found() -> None:
    copies = find_copies(simulate(groups=(range(2),), per_item=15)[0])
    assert groups_of(copies) == [[0, 1]]


def test_group_is_found_although_no_pair_has_ten_common_items() -> None:
    votes, _ = simulate(items=2_000, raters=200, groups=(range(66),))
    pairs = Counter()  # type: ignore[var-annotated]
    for row in range(len(votes.items)):
        raters = sorted(rater for rater, _ in votes.votes_on(row))
        pairs.update((a, b) for i, a in enumerate(raters) for b in raters[i + 1 :])
    assert max(pairs.values()) < 10
    found: set[Any] = set(*groups_of(find_copies(votes)))
    assert len(found & set(range(66))) >= 60
    assert not found - set(range(66))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hard": 0.5},
        {"n_answers": 2, "per_item": 15},
        {"n_answers": 2, "prior": (0.95, 0.05)},
        {"accuracies": np.full(30, 0.99)},
        {"accuracies": np.repeat([0.97, 0.6], [9, 21]), "per_item": 10},
        {"accuracies": np.repeat([0.9, 0.25], [15, 15]), "per_item": 7},
        {"per_item": 2},
    ],
)
def test_independent_raters_are_no_copies(options: dict[str, Any]) -> None:
    assert [find_copies(simulate(seed, **options)[0]).groups for seed in range(5)] == [()] * 5


def test_group_of_excellent_raters_is_unclear_if_the_others_guess() -> None:
    accuracies = np.repeat([0.9, 0.25], [10, 20])
    copies = find_copies(simulate(accuracies=accuracies, hard=0, per_item=10)[0])
    assert copies.groups == ()
    assert sorted(copies.unclear) == list(range(10))
    text = copies.describe_problem()
    assert text.startswith("10 raters with 33% of the votes can be copies, or can be better than the other raters: ")
    assert copies.describe_problem(has_golden=True) == ""


def test_group_with_most_votes_is_not_searched() -> None:
    copies = find_copies(simulate(groups=(range(20),), per_item=8)[0])
    assert not any(len(group) >= 15 for group in (*copies.groups, copies.unclear))


def test_order_and_names_do_not_matter() -> None:
    votes, _ = simulate(groups=(range(10),), copied=0.8)
    rng = np.random.default_rng(1)
    order = rng.permutation(len(votes))
    new_item, new_rater, new_answer = (rng.permutation(n) for n in (len(votes.items), len(votes.raters), 4))
    other = Votes.from_columns(
        tuple(f"item {i}" for i in range(len(votes.items))),
        new_item[votes.item_ids[order]],
        new_rater[votes.rater_ids[order]],
        new_answer[votes.answer_ids[order]],
        tuple(f"rater {r}" for r in range(len(votes.raters))),
        ("w", "x", "y", "z"),
    )
    first, second = find_copies(votes), find_copies(other)
    assert [sorted(f"rater {new_rater[rater]}" for rater in group) for group in first.groups] == groups_of(second)
    merged = [merge_copies(votes, first.groups), merge_copies(other, second.groups)]
    assert len(merged[0]) == len(merged[1])


def test_merging_copies_restores_accuracy() -> None:
    votes, truth = simulate(groups=(range(10),), items=500, per_item=8)
    merged = merge_copies(votes, find_copies(votes).groups)

    def accuracy(votes: Votes, method: str) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReassessWarning)
            return float((aggregate(votes, method).posterior.most_likely() == truth).mean())

    assert accuracy(votes, "em") < accuracy(votes, "majority") - 0.1
    assert accuracy(merged, "em") > accuracy(votes, "majority") + 0.05


def merge_in_loops(votes: Votes, groups: list[list[Any]]) -> list[list[tuple[Any, Any]]]:
    """Merge votes item by item, in plain Python."""
    total = Counter(votes.raters[rater] for rater in votes.rater_ids)
    result = []
    for row in range(len(votes.items)):
        cast = votes.votes_on(row)
        kept = [vote for vote in cast if not any(vote[0] in group for group in groups)]
        for group in groups:
            answers = Counter(answer for rater, answer in cast if rater in group)
            most_votes = {
                a: max(total[rater] for rater, answer in cast if rater in group and answer == a) for a in answers
            }
            if answers:
                best = max(answers, key=lambda a: (answers[a], most_votes[a], -votes.answers.index(a)))
                kept.append((group[0], best))
        result.append(sorted(kept))
    return result


def test_merged_votes_equal_a_plain_loop() -> None:
    votes, _ = simulate(items=300, raters=12, per_item=7, hard=0.5)
    groups = [[3, 1, 5, 8], [2, 11]]
    merged = merge_copies(votes, groups)
    assert [sorted(merged.votes_on(row)) for row in range(300)] == merge_in_loops(votes, groups)
    assert (merged.items, merged.raters, merged.answers) == (votes.items, votes.raters, votes.answers)
    assert merge_copies(votes, ()) is votes
    assert code_of(lambda: merge_copies(votes, [[0, "eve"]])) == "unknown-name"


def test_pairs_equal_a_plain_loop() -> None:
    votes, _ = simulate(items=40, raters=9, per_item=4)
    starts, order = np.zeros(10, np.int64), np.empty(len(votes), np.int64)
    fill_order_by_id(votes.rater_ids, starts, order)
    table = list_rater_pairs(order, starts, votes.item_ids, votes.indptr, votes.rater_ids, votes.answer_ids)
    expected = Counter()  # type: ignore[var-annotated]
    for row in range(40):
        cast = sorted(votes.votes_on(row))
        for i, (rater, answer) in enumerate(cast):
            for other, other_answer in cast[i + 1 :]:
                expected[rater, other] += 1 + 1_000 * (answer == other_answer)
    assert {(r, s): n + 1_000 * k for r, s, n, k in table.T.tolist()} == expected


def test_questions_about_one_image_are_not_independent() -> None:
    """Two raters agree on all ten questions of each of six images; this is less evidence than 60 images."""
    votes, _ = simulate(groups=(range(2),), items=60, raters=8, per_item=8, n_answers=2)
    images = (
        ([f"{i}.png" for i in range(60)], np.zeros(60, int)),
        ([f"{i // 10}.png" for i in range(60)], np.arange(60) % 10),
    )
    copies = []
    for names, class_ids in images:
        items = Questions.from_columns(names, class_ids)
        copies.append(find_copies(replace(votes, items=items, answers=("no", "yes"))).groups)
    assert [len(groups) for groups in copies] == [1, 0]


def test_votes_without_evidence_have_no_copies() -> None:
    votes, _ = simulate(groups=(range(10),), per_item=1)
    none = np.zeros(0, np.int64)
    counts_only = Votes(("x",), np.array([0, 2]), np.full(2, -1, np.int32), np.zeros(2, np.uint8), (), ("a", "b"))
    for few in (votes, votes.select_items(none), counts_only, simulate(raters=2, per_item=2)[0]):
        assert find_copies(few) == Copies((), (), 0.0, 0.0)
    assert find_copies(votes).describe_problem() == ""


def test_repeated_votes_count_once() -> None:
    votes, _ = simulate(items=100, raters=4, per_item=4)
    twice = votes.append(votes)
    assert find_copies(twice).groups == find_copies(votes).groups == ()


def test_warning_names_the_raters() -> None:
    copies = Copies((("ann", "bo"), ("cy", "di")), ("eve",), 0.25, 0.05)
    assert copies.describe_problem() == (
        "4 raters with 25% of the votes agree more than their accuracy explains, as if they copied from each other: "
        "ann, bo; cy, di. Each group counts as one rater. Without golden answers, no method is reliable on such votes: "
        "get golden answers, or remove these raters"
    )


@pytest.mark.parametrize("name", ["ms", "rte", "sp", "web", "zencrowd-us"])
def test_public_crowds_have_no_copies(name: str, real_file: RealFile) -> None:
    assert find_copies(read_public_crowd(real_file(name))[0]).groups == ()


def test_eight_raters_of_real_count_as_one_on_golden_questions(real_file: RealFile) -> None:
    copies = find_copies(read_votes(real_file("raters_golden.npz")))
    assert groups_of(copies) == [[112, 126, 136, 143, 172, 174, 177, 184]]
