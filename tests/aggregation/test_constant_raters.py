"""Raters who nearly always give the same answer: stacking does not use their votes."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation import aggregate
from reassess.aggregation.constant_raters import ConstantRaters, find_constant_raters
from reassess.core import Votes
from reassess.errors import ReassessWarning
from tests.helpers import RealFile, read_public_crowd

Ints = npt.NDArray[np.int64]


def simulate(
    seed: int = 0,
    *,
    items: int = 400,
    per_item: int = 4,
    raters: int = 20,
    constant: int = 0,
    share: float = 1.0,
    valid: float = 0.5,
    accuracy: float = 0.8,
) -> tuple[Votes, Ints]:
    """Votes on items; the first raters give the last answer with probability `share`, whatever the truth."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(items) < valid).astype(np.int64)
    rater_ids = np.concatenate([rng.choice(raters, per_item, replace=False) for _ in range(items)])
    rows = np.repeat(np.arange(items), per_item)
    answers = np.where(rng.random(rows.size) < accuracy, truth[rows], 1 - truth[rows])
    answers = np.where(rater_ids < constant, (rng.random(rows.size) < share).astype(np.int64), answers)
    names = [f"rater {number:02}" for number in range(raters)]
    return Votes.from_columns(range(items), rows, rater_ids, answers, names, ("no", "yes")), truth


@pytest.mark.parametrize("share", [1.0, 0.97])
@pytest.mark.parametrize("constant", [1, 6, 11])
def test_constant_raters_are_found(constant: int, share: float) -> None:
    found = find_constant_raters(simulate(constant=constant, share=share, raters=22, items=1_000)[0])
    assert sorted(map(str, found.raters)) == [f"rater {number:02}" for number in range(constant)]
    assert found.vote_share == pytest.approx(constant / 22, abs=0.03)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"constant": 4, "share": 0.5},  # guessing is not constant
        {"valid": 0.03, "accuracy": 0.95},
        {"valid": 0.98, "accuracy": 0.9, "items": 2_000},
        {"per_item": 1, "constant": 8},
        {"items": 20, "constant": 3, "per_item": 2},  # too few votes to know
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_other_raters_are_not_constant(options: dict[str, Any], seed: int) -> None:
    assert find_constant_raters(simulate(seed, **options)[0]) == ConstantRaters((), 0.0)


def test_rater_with_rare_but_correct_answers_is_not_constant() -> None:
    """Few items are valid. The others are often wrong, so a good rater says no more often than they do."""
    votes, truth = simulate(items=1_000, valid=0.04, accuracy=0.75, per_item=5)
    answers = np.where(votes.rater_ids == 3, truth[votes.item_ids], votes.answer_ids)
    good = Votes.from_columns(votes.items, votes.item_ids, votes.rater_ids, answers, votes.raters, votes.answers)
    assert not find_constant_raters(good).raters


def test_nobody_is_constant_if_most_items_would_lose_all_votes() -> None:
    votes, _ = simulate(constant=19, per_item=2)
    assert not find_constant_raters(votes).raters


def test_order_and_names_do_not_matter() -> None:
    votes, _ = simulate(constant=5)
    rng = np.random.default_rng(1)
    raters = rng.permutation(len(votes.raters))
    columns = votes.item_ids, raters[votes.rater_ids], votes.answer_ids
    order = rng.permutation(len(votes))
    names = [f"x{number}" for number in range(len(votes.raters))]
    other = Votes.from_columns(votes.items, *(column[order] for column in columns), names, votes.answers)
    expected = {f"x{raters[number]}" for number in range(5)}
    assert set(find_constant_raters(other).raters) == expected


def test_stacking_does_not_use_their_votes() -> None:
    votes, truth = simulate(constant=10, per_item=3, valid=0.4)
    without = votes.rater_ids >= 10
    columns = (votes.item_ids[without], votes.rater_ids[without], votes.answer_ids[without])
    rest = Votes.from_columns(votes.items, *columns, votes.raters, votes.answers)
    with pytest.warns(ReassessWarning, match=r"10 raters with \d+% of the votes nearly always give the same answer"):
        result = aggregate(votes)
    np.testing.assert_allclose(result.posterior.values, aggregate(rest).posterior.values, atol=1e-12)
    shares = votes.answer_shares().argmax(axis=1)
    assert (result.posterior.most_likely() == truth).mean() > (shares == truth).mean() + 0.1


@pytest.mark.parametrize(
    ("name", "expected"), [("fact-eval", 0), ("ms", 0), ("rte", 0), ("sentiment", 1), ("sp", 0), ("web", 1)]
)
def test_few_raters_of_public_crowds_are_constant(name: str, expected: int, real_file: RealFile) -> None:
    assert len(find_constant_raters(read_public_crowd(real_file(name))[0]).raters) == expected
