"""The truth of golden items follows from the experts' votes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import GoldenVotesWithTruth, aggregate, golden_votes
from reassess.annotation.running_posterior import decide_truth
from reassess.core import Classes, Questions
from tests.helpers import fault_of, votes_of

QUESTIONS = Questions.from_columns(["a", "b", "c"], np.array([1, 1, 1]))
EXPERTS = (1, 2, 3, 4, 5)
ANSWERS = st.lists(st.lists(st.integers(0, 2), max_size=5), min_size=3, max_size=3)


def cast(by_item: Sequence[Sequence[int]], items: Any = QUESTIONS, **options: Any) -> Any:
    """Votes from answers to each item, each by another expert."""
    rows = [(item, expert, answer) for item, of_item in enumerate(by_item) for expert, answer in enumerate(of_item)]
    return votes_of(rows, items, EXPERTS, **options)


def truth_by(by_item: Sequence[Sequence[int]], items: Any = QUESTIONS, min_experts: Any = None, **options: Any) -> Any:
    """The experts' truth, if the experts are the raters too."""
    votes = cast(by_item, items, **options)
    golden: GoldenVotesWithTruth = golden_votes(votes, votes, min_experts=min_experts)
    assert golden.expert_truth.truth_ids.tolist() == golden.truth_ids.tolist()
    return golden.expert_truth


@given(ANSWERS)
def test_question_is_valid_if_more_than_half_of_experts_say_yes(answers: list[list[int]]) -> None:
    expected = [(1 if of_item.count(2) > len(of_item) / 2 else 0) if of_item else -1 for of_item in answers]
    truth = truth_by(answers)
    assert (truth.truth_ids.tolist(), truth.undecided_items) == (expected, ())


def test_at_least_applies_to_every_item() -> None:
    """ReaL's recipe needs 3 and 2 of 5 experts; fewer answers than needed decide nothing. By default one is enough."""
    answers = [[2, 2, 2, 0, 0], [2, 2, 0, 0, 0], [2]]
    for min_experts, expected in ((None, [1, 0, 1]), (3, [1, 0, -1]), (2, [1, 1, -1])):
        truth = truth_by(answers, min_experts=min_experts)
        assert truth.truth_ids.tolist() == expected
        by_campaign = [decide_truth(each, min_experts) for each in answers]
        assert [-1 if value is None else value for value in by_campaign] == expected
        assert (truth.note is None) is (min_experts is None)
    assert truth.note == "1 golden item undecided (too few experts): image c, class 1"
    assert truth_by(answers, min_experts=2).rule == "valid: at least 2 of 5 experts said yes"
    assert truth_by([[0], [0, 0], []], answers=("no",)).truth_ids.tolist() == [0, 0, -1]


@given(ANSWERS, st.sampled_from([None, 1, 2]))
def test_answer_needs_most_experts_and_enough(answers: list[list[int]], min_experts: int | None) -> None:
    sizes = [len(of_item) for of_item in answers]
    if min_experts is not None and min_experts > max(sizes):
        return
    expected = []
    for of_item in answers:
        counts = [of_item.count(answer) for answer in range(3)]
        enough = max(counts) > len(of_item) / 2 if min_experts is None else max(counts) >= min_experts
        is_unique = counts.count(max(counts)) == 1
        expected.append(counts.index(max(counts)) if of_item and enough and is_unique else -1)
    truth = truth_by(answers, ("x", "y", "z"), min_experts)
    assert truth.truth_ids.tolist() == expected
    assert truth.undecided_items == tuple(
        f"item {name}" for name, value, size in zip("xyz", expected, sizes, strict=True) if size and value < 0
    )


def test_undecided_items_are_counted_and_named() -> None:
    classes = Classes.from_texts(["cat", "dog", "eel"])
    answers, items = [[0, 1], [2, 2], [0, 1, 2]], ("a.png", "b.png", "c.png")
    truth = truth_by(answers, items, answers=classes.wnids_or_names, classes=classes)
    assert truth.truth_ids.tolist() == [-1, 2, -1]
    assert truth.note == (
        "2 golden items undecided (no answer of more than half of the experts): image a.png, image c.png"
    )
    assert truth.to_json() == {"rule": "answer of more than half of the experts", "items": 1, "undecided": 2}
    one_is_enough = truth_by(answers, items, 1, answers=classes.wnids_or_names, classes=classes)
    assert one_is_enough.note == (
        "2 golden items undecided (no answer of most experts, and of at least 1): image a.png, image c.png"
    )
    assert truth_by([[2], [2], [0]]).note is None


@pytest.mark.parametrize(
    ("answers", "yes"), [(("no", "yes"), "yes"), (("No", "YES"), "yes"), ((0, 1), 1), (("nein", "ja"), "ja")]
)
def test_experts_may_answer_on_any_scale(answers: tuple[Any, Any], yes: Any) -> None:
    truth = truth_by([[1, 1, 0], [1, 0], [0]], answers=answers)
    assert truth.truth_ids.tolist() == [1, 0, 0]
    assert truth.rule == f"valid: more than half of its experts said {yes}"


@pytest.mark.parametrize("items", [QUESTIONS, ("x", "y", "z")])
@pytest.mark.parametrize("min_experts", [0, 3])
def test_bad_number_of_experts_raises(items: Any, min_experts: int) -> None:
    votes = cast([[2, 2], [0], []], items)
    assert fault_of(golden_votes, votes, votes, min_experts=min_experts) == ("out-of-range", str(min_experts))


def test_answers_that_are_not_truths_raise() -> None:
    pets = cast([[0], [1], [1]], ("x", "y", "z"), answers=("cat", "dog"))
    birds = cast([[0], [0], [0]], ("x", "y", "z"), answers=("cat", "emu"))
    assert fault_of(golden_votes, pets, birds) == ("unknown-name", "'dog'")
    found = fault_of(aggregate, pets, "calibrated", experts=pets, truths_are_answers=False)
    assert found == ("unknown-name", "'yes'")
