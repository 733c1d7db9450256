"""Rules: when a question closes, how many raters can get it, and which tasks are golden."""

import pytest

from reassess.annotation import Rules
from reassess.core import StopRule
from tests.helpers import code_of


@pytest.mark.parametrize(
    ("votes", "valid", "expected"),
    [(0, 0.5, None), (1, 1.0, None), (2, 0.5, None), (2, 0.99, "rule"), (2, 0.01, "rule"), (3, 0.5, "votes")],
)
def test_question_closes_by_stop_rule_or_with_all_votes(votes: int, valid: float, expected: str | None) -> None:
    assert Rules(votes_per_question=3, stop_rule=StopRule(0.01, 0.99)).find_close_reason(votes, valid) == expected


def test_without_stop_rule_only_votes_close_questions() -> None:
    assert [Rules(votes_per_question=2).find_close_reason(votes, 1.0) for votes in range(3)] == [None, None, "votes"]
    free = [
        Rules(votes_per_question=3).count_raters_still_allowed(votes, reserved)
        for votes, reserved in ((0, 0), (1, 1), (2, 1), (2, 4))
    ]
    assert free == [3, 1, 0, 0]


def test_golden_positions_are_random_and_depend_on_seed() -> None:
    rules = Rules(golden_share=0.2)
    places = [[task for task in range(2_000) if rules.is_golden_task(rater, task)] for rater in range(3)]
    assert all(340 < len(each) < 460 for each in places)
    assert places[0] != places[1] != places[2]
    assert places[0] == [task for task in range(2_000) if Rules(golden_share=0.2).is_golden_task(0, task)]
    assert places[0] != [task for task in range(2_000) if Rules(golden_share=0.2, seed=1).is_golden_task(0, task)]


def test_golden_tasks_are_picked_equally_often() -> None:
    sizes = [2, 3, 2, 5]
    picked = [Rules().choose_golden_task(rater, task, sizes, 2) for rater in range(40) for task in range(50)]
    assert set(picked) == {0, 1, 2, 3}
    assert all(420 < picked.count(one) < 580 for one in range(4))


@pytest.mark.parametrize(("size", "places"), [(1, {0, 1, 2}), (3, {1, 2}), (4, {2}), (8, {2})])
def test_picked_golden_task_has_size_of_main_task_if_possible(size: int, places: set[int]) -> None:
    assert {Rules().choose_golden_task(1, task, [2, 3, 5], size) for task in range(50)} == places


def test_stop_rule_limits_raters_who_have_a_question_at_a_time() -> None:
    free = [
        [
            Rules(votes_per_question=4, stop_rule=StopRule(0.1, 0.9)).count_raters_still_allowed(votes, reserved)
            for reserved in range(3)
        ]
        for votes in range(5)
    ]
    assert free == [[2, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        *(({"votes_per_question": one}, "out-of-range") for one in (0, 10**30)),
        ({"votes_per_question": 2.5}, "not-a-number"),
        *(
            (one, "out-of-range")
            for one in ({"golden_share": 1.0}, {"lease_seconds": 0}, {"seed": -1}, {"seed": 2**63})
        ),
    ],
)
def test_invalid_rules_raise(options: dict[str, float], code: str) -> None:
    assert code_of(Rules, **options) == code
