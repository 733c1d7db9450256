"""Experts answer golden questions in a campaign: truths and rater accuracy follow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from reassess.annotation import (
    Campaign,
    GivenAnswer,
    add_person,
    admit_rater,
    exclude_rater,
    export_votes,
    find_previous_turn,
    measure_progress,
    save_answers,
    skip_task,
    take_back_expired_tasks,
)
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.owner_lists import list_log_entries
from reassess.annotation.store.practice import PracticeResult
from reassess.annotation.store.schema import RaterStage, people, questions
from reassess.annotation.store.transactions import open_transaction
from reassess.cli.tables.status_table import describe_practice
from reassess.core import StopRule
from reassess.numeric import BalancedAccuracy
from tests.annotation.campaigns import MAYBE, NO, NOW, YES, answer_all, campaign_at, give, turn_of, why
from tests.helpers import message

LATER = NOW + 1e6


@pytest.fixture
def make_campaign(address: str | Path) -> Callable[..., Campaign]:
    """Create campaigns with golden tasks of some sizes, where the rater ann gets golden tasks if possible."""

    def make(*golden: int, **options: Any) -> Campaign:
        campaign = campaign_at(address, (2,), golden=golden, golden_share=0.9, **options)
        assert add_person(campaign, "ann") == (1 if "expert_votes" in options else 2)
        return campaign

    return make


def practised(campaign: Campaign) -> PracticeResult | None:
    """Return the practice result of ann."""
    (result,) = [rater.practice_result for rater in measure_progress(campaign, NOW).people if rater.name == "ann"]
    return result


def test_golden_questions_without_truth_are_not_asked(
    make_campaign: Callable[..., Campaign],
) -> None:
    campaign = make_campaign(1, 2, expert_votes=None)
    assert [len(turn.questions) for turn in answer_all(campaign, 1, YES)] == [2]
    expert = add_person(campaign, "kim", "expert")
    assert len(answer_all(campaign, expert, YES)) == 2
    exported = export_votes(campaign)
    assert (exported.votes.raters, len(exported.golden_votes), exported.golden_votes.raters) == (
        ("rater 1",),
        3,
        ("expert 2",),
    )
    assert message(exclude_rater, campaign, expert, NOW) == (
        "only raters can be excluded\n  found:   kim, of the role expert"
    )


@pytest.mark.parametrize(("value", "passes"), [(MAYBE, True), (NO, False)])
def test_practice_shows_truths_and_admits_raters_who_reach_bar(
    make_campaign: Callable[..., Campaign], value: int, passes: bool
) -> None:
    """The practice questions are about one image with a valid and an invalid class."""
    campaign = make_campaign(2, 2, 2, n_practice_tasks=2, practice_bar=0.5)
    for _ in range(2):
        turn = turn_of(campaign, 2)
        assert turn.is_practice
        values = [value if value == MAYBE else (YES, NO)[row.class_id] for row in turn.questions]
        first, second = [GivenAnswer(row.question_id, one) for row, one in zip(turn.questions, values, strict=True)]
        assert save_answers(campaign, 2, [first], NOW) == {}  # not before the whole task is answered
        truths = save_answers(campaign, 2, [second], NOW)
        assert truths == {row.question_id: row.class_id for row in turn.questions}
        assert save_answers(campaign, 2, [GivenAnswer(first.question_id, YES, revision=1)], NOW)
    if passes:
        assert not turn_of(campaign, 2).is_practice
    else:
        assert why(campaign, 2) == "failed"
        assert practised(campaign).has_passed is False
        admit_rater(campaign, 2, NOW)
        assert practised(campaign).has_passed is None
    answer_all(campaign, 2, YES)
    assert len(export_votes(campaign).rater_golden_votes) == 2  # the only golden task that is not for practice


def test_practice_answer_can_be_changed_before_truth_is_shown(make_campaign: Callable[..., Campaign]) -> None:
    campaign = make_campaign(2, 2, n_practice_tasks=1, practice_bar=1.0)
    turn = turn_of(campaign, 2)
    right = [2 * row.class_id for row in turn.questions]
    assert give(campaign, 2, turn, MAYBE, reveal_truths=False) == {}
    again = turn_of(campaign, 2)
    assert (again.task_id, [row.answer for row in again.questions]) == (turn.task_id, [MAYBE] * 2)
    assert give(campaign, 2, turn, *right, revision=1, reveal_truths=False) == {}
    truths = {row.question_id: row.class_id for row in turn.questions}
    assert give(campaign, 2, turn, *right, revision=1) == truths
    assert give(campaign, 2, turn, MAYBE, revision=2) == truths
    assert not turn_of(campaign, 2).is_practice


def test_practice_answer_can_be_changed_after_lease(make_campaign: Callable[..., Campaign]) -> None:
    campaign = make_campaign(2, 2, n_practice_tasks=1, practice_bar=1.0)
    turn = turn_of(campaign, 2)
    save_answers(campaign, 2, [GivenAnswer(turn.questions[0].question_id, MAYBE)], NOW)
    take_back_expired_tasks(campaign, LATER)
    assert len(give(campaign, 2, turn, *(2 * row.class_id for row in turn.questions), now=LATER, revision=1)) == 2
    assert not turn_of(campaign, 2, LATER).is_practice


def test_stop_rule_closes_nothing_before_expert_answers(address: str | Path) -> None:
    campaign = campaign_at(
        address,
        (1,),
        votes_per_question=9,
        golden_share=0,
        stop_rule=StopRule(0.3, 0.7),
        golden=(2,),
        expert_votes=None,
    )

    def ended_after(name: str, role: str = "rater") -> str | None:
        answer_all(campaign, add_person(campaign, name, role), YES)
        with connect_for_reading(campaign.engine) as connection:
            return connection.scalar(select(questions.c.ended).where(~questions.c.golden))

    assert [ended_after(f"rater {number}") for number in range(3)] == [None] * 3
    assert ended_after("eve", "expert") is None
    assert ended_after("rater 4") == "rule"


@pytest.mark.parametrize("bar", [0.5, 0])
def test_skipping_all_practice_images_fails(make_campaign: Callable[..., Campaign], bar: float) -> None:
    campaign = make_campaign(2, 2, n_practice_tasks=1, practice_bar=bar)
    skip_task(campaign, 2, turn_of(campaign, 2).task_id, NOW)
    assert why(campaign, 2) == "failed"
    assert practised(campaign) == PracticeResult(BalancedAccuracy(0.5, 0.5, 1, 1), False)


@pytest.mark.parametrize(("bar", "passes"), [(0.7, True), (0.8, False)])
def test_skipped_practice_image_counts_as_maybe(
    make_campaign: Callable[..., Campaign], bar: float, passes: bool
) -> None:
    """Also if some questions were answered."""
    campaign = make_campaign(2, 2, 2, n_practice_tasks=2, practice_bar=bar)
    broken = turn_of(campaign, 2)
    save_answers(campaign, 2, [GivenAnswer(broken.questions[0].question_id, MAYBE)], NOW)
    skip_task(campaign, 2, broken.task_id, NOW)
    turn = turn_of(campaign, 2)
    assert turn.is_practice
    give(campaign, 2, turn, *(2 * row.class_id for row in turn.questions))
    end = why(campaign, 2) if not passes else turn_of(campaign, 2)
    assert end
    assert practised(campaign) == PracticeResult(BalancedAccuracy(1.5, 1.5, 2, 2), passes)


def test_wrong_practice_answer_stays_after_truth_is_shown(make_campaign: Callable[..., Campaign]) -> None:
    campaign = make_campaign(2, 2, n_practice_tasks=1, practice_bar=0.5)
    turn = turn_of(campaign, 2)
    assert give(campaign, 2, turn, *(2 - 2 * row.class_id for row in turn.questions))
    skip_task(campaign, 2, turn.task_id, NOW)
    assert list_log_entries(campaign, 1)[0].action != "skip"
    assert why(campaign, 2) == "failed"
    assert practised(campaign) == PracticeResult(BalancedAccuracy(0.0, 0.0, 1, 1), False)


def test_truth_is_not_shown_for_excluded_or_skipped_turns(make_campaign: Callable[..., Campaign]) -> None:
    """Answers do not end such turns, and can still be changed."""
    campaign = make_campaign(2, 2, n_practice_tasks=1, practice_bar=0.5)
    turn = turn_of(campaign, 2)
    exclude_rater(campaign, 2, NOW)
    assert give(campaign, 2, turn, YES) == {}
    other = add_person(campaign, "bob")
    turn_of(campaign, other)
    skip_task(campaign, other, turn.task_id, NOW)
    assert give(campaign, other, turn, YES) == {}


@pytest.mark.parametrize("bar", [None, 0.7])
def test_practice_begins_after_experts_answer_or_skip_its_tasks(
    make_campaign: Callable[..., Campaign], bar: float | None
) -> None:
    campaign = make_campaign(2, 2, 2, n_practice_tasks=2, practice_bar=bar, expert_votes=None)
    assert why(campaign, 1) == "experts"
    assert "experts have not answered 2 of 2 practice tasks" in str(
        measure_progress(campaign, NOW).practice_round.reason_raters_cannot_begin
    )
    expert = add_person(campaign, "kim", "expert")
    seen: list[int] = []
    while why_waiting(campaign) and len(seen) < 3:
        turn = turn_of(campaign, expert)
        seen.append(turn.task_id)
        if len(seen) == 1:
            skip_task(campaign, expert, turn.task_id, NOW)
        else:
            give(campaign, expert, turn, *(YES * (row.class_id == 1) for row in turn.questions))
    assert turn_of(campaign, 1).is_practice
    answer_all(campaign, 1, lambda row: YES * (row.class_id == 1))
    result = practised(campaign)
    assert (result.accuracy.value, result.has_passed) == (1.0, None if bar is None else True)


def test_who_failed_by_the_rule_of_an_earlier_version_has_failed(make_campaign: Callable[..., Campaign]) -> None:
    campaign = make_campaign(2, 2, n_practice_tasks=1, practice_bar=0.7)
    answer_all(campaign, 2, lambda row: YES * (row.class_id == 1))
    assert practised(campaign).has_passed is True
    with open_transaction(campaign) as change:
        change.connection.execute(update(people).where(people.c.id == 2).values(stage=RaterStage.FAILED))
    assert practised(campaign).has_passed is False


def why_waiting(campaign: Campaign) -> str | None:
    return measure_progress(campaign, NOW).practice_round.reason_raters_cannot_begin


def test_impossible_practice_does_not_begin(make_campaign: Callable[..., Campaign]) -> None:
    """Experts answered yes to all questions. An owner can admit raters, or an expert can change an answer."""
    campaign = make_campaign(2, 2, n_practice_tasks=1, practice_bar=0.7, expert_votes=None)
    expert = add_person(campaign, "kim", "expert")
    turns = answer_all(campaign, expert, YES)
    assert why_waiting(campaign) == (
        "no practice question is invalid, so nobody can reach the pass mark; an owner can admit raters on the owner "
        "page"
    )
    assert why(campaign, 1) == "experts"
    bob = add_person(campaign, "bob")
    admit_rater(campaign, bob, NOW)
    assert not turn_of(campaign, bob).is_practice
    for turn in turns:
        give(campaign, expert, turn, *(YES * (row.class_id == 1) for row in turn.questions), revision=1)
    assert why_waiting(campaign) is None
    assert turn_of(campaign, 1).is_practice


@pytest.mark.parametrize("bar", [None, 0.7])
def test_status_says_that_experts_skipped_all_practice_tasks(
    make_campaign: Callable[..., Campaign], bar: float | None
) -> None:
    campaign = make_campaign(2, 2, 2, n_practice_tasks=2, practice_bar=bar, expert_votes=None)
    expert = add_person(campaign, "kim", "expert")
    for _ in range(2):
        assert not measure_progress(campaign, NOW).practice_round.is_skipped
        skip_task(campaign, expert, turn_of(campaign, expert).task_id, NOW)
    (line,) = describe_practice(measure_progress(campaign, NOW).practice_round)
    if bar is None:
        assert line == "experts skipped all practice tasks, so raters begin without practice"
        assert not turn_of(campaign, 1).is_practice
    else:
        assert line.startswith("raters cannot begin practice: no practice question is invalid or valid, so nobody")
        assert why(campaign, 1) == "experts"


def test_experts_answer_practice_tasks_as_golden_tasks(make_campaign: Callable[..., Campaign]) -> None:
    campaign = make_campaign(2, 2, n_practice_tasks=1)
    expert = add_person(campaign, "kim", "expert")
    for _ in range(2):
        turn = turn_of(campaign, expert)
        assert not turn.is_practice
        assert give(campaign, expert, turn, YES) == {}
        assert find_previous_turn(campaign, expert).task_id == turn.task_id
