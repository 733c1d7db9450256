"""When a question has votes enough."""

from collections.abc import Callable

import pytest

from reassess.core import StopRule
from tests.helpers import message


def test_a_probability_that_equals_a_bound_has_left_it() -> None:
    rule = StopRule(0.25, 0.75)
    assert [bool(rule.closes(p, 2)) for p in (0.25, 0.251, 0.749, 0.75)] == [True, False, False, True]


def test_no_question_is_closed_before_its_least_number_of_votes() -> None:
    assert rule_of("0.1,0.9").closes(1.0, [0, 1, 2, 3]).tolist() == [False, False, True, True]


def rule_of(text: str) -> StopRule:
    return StopRule.parse(text)


def test_a_rule_is_written_as_two_bounds() -> None:
    assert rule_of("0,1") == StopRule(0, 1, at_least=2)


@pytest.mark.parametrize("text", ["", "0.1", "0.9,0.1", "0.5,0.5", "-0.1,0.9", "0.1,1.1", "nan,0.9", "a,b", "0,0.5,1"])
def test_what_is_no_rule_is_refused(refused: Callable[..., str], text: str) -> None:
    assert refused(rule_of, text) == "wrong-stop-rule"


def test_a_question_gets_one_vote_at_least() -> None:
    assert message(StopRule, 0.1, 0.9, 0).splitlines()[0] == "least number of votes out of range"
