"""When a question has votes enough, how many more it can be shown to, and which tasks are golden."""

import pytest

from reassess.annotation import Rules
from reassess.core import StopRule
from tests.helpers import code_of


@pytest.mark.parametrize(
    ("votes", "valid", "expected"),
    [(0, 0.5, None), (1, 1.0, None), (2, 0.5, None), (2, 0.99, "rule"), (2, 0.01, "rule"), (3, 0.5, "votes")],
)
def test_a_question_ends_by_the_rule_or_with_its_last_vote(votes: int, valid: float, expected: str | None) -> None:
    assert Rules(per_question=3, stop=StopRule(0.01, 0.99)).ending(votes, valid) == expected


def test_without_a_rule_places_and_the_end_are_by_the_number_of_votes() -> None:
    assert [Rules(per_question=2).ending(votes, 1.0) for votes in range(3)] == [None, None, "votes"]
    free = [Rules(per_question=3).free(votes, reserved) for votes, reserved in ((0, 0), (1, 1), (2, 1), (2, 4))]
    assert free == [3, 1, 0, 0]


def test_golden_tasks_stand_at_random_places_that_a_seed_repeats() -> None:
    rules = Rules(golden_share=0.2)
    places = [[task for task in range(2_000) if rules.is_golden(rater, task)] for rater in range(3)]
    assert all(340 < len(each) < 460 for each in places)
    assert places[0] != places[1] != places[2]
    assert places[0] == [task for task in range(2_000) if Rules(golden_share=0.2).is_golden(0, task)]
    assert places[0] != [task for task in range(2_000) if Rules(golden_share=0.2, seed=1).is_golden(0, task)]


def test_each_of_some_golden_tasks_is_picked_as_often() -> None:
    sizes = [2, 3, 2, 5]
    picked = [Rules().pick(rater, task, sizes, 2) for rater in range(40) for task in range(50)]
    assert set(picked) == {0, 1, 2, 3}
    assert all(420 < picked.count(one) < 580 for one in range(4))


@pytest.mark.parametrize(("size", "places"), [(1, {0, 1, 2}), (3, {1, 2}), (4, {2}), (8, {2})])
def test_a_golden_task_is_as_large_as_the_main_task_in_its_place_if_there_is_one(size: int, places: set[int]) -> None:
    assert {Rules().pick(1, task, [2, 3, 5], size) for task in range(50)} == places


def test_with_a_stop_rule_no_more_raters_are_asked_at_once_than_can_be_needed() -> None:
    free = [
        [Rules(per_question=4, stop=StopRule(0.1, 0.9)).free(votes, shown) for shown in range(3)] for votes in range(5)
    ]
    assert free == [[2, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        *(({"per_question": one}, "out-of-range") for one in (0, 10**30)),
        ({"per_question": 2.5}, "not-a-number"),
        *((one, "out-of-range") for one in ({"golden_share": 1.0}, {"lease": 0}, {"seed": -1}, {"seed": 2**63})),
    ],
)
def test_invalid_rules_are_refused(options: dict[str, float], code: str) -> None:
    assert code_of(Rules, **options) == code
