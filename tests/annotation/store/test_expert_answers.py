"""Experts answer golden questions in the page: the truth follows, and what is known of raters follows from it."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    NoTurn,
    Rules,
    Turn,
    add_person,
    admit,
    create_campaign,
    exclude_rater,
    export_votes,
    last_turn,
    next_turn,
    open_campaign,
    progress_of,
    release,
    save_answers,
    skip_task,
)
from reassess.annotation.store.campaigns import changing
from reassess.annotation.store.database import reading
from reassess.annotation.store.owner_lists import last_entries
from reassess.annotation.store.practice import PracticeResult
from reassess.annotation.store.schema import campaign as settings
from reassess.annotation.store.schema import golden_counts, questions
from reassess.core import StopRule
from tests.annotation.campaigns import golden_of, tasks_of
from tests.helpers import message

NO, MAYBE, YES = range(3)
NOW = 1e9


def made(address: str | Path, **options: Any) -> Campaign:
    """A campaign in which all that is asked of raters is golden, as long as there is any."""
    create_campaign(address, CampaignPlan(tasks_of(2), rules=Rules(golden_share=0.9), **options))
    return open_campaign(address)


def in_practice(address: str | Path, bar: float) -> tuple[Campaign, int, Turn]:
    """A campaign with one practice task of two classes, and a rater who is shown it."""
    golden, experts = golden_of(2, 2)
    campaign = made(address, golden_tasks=golden, experts=experts, practice=1, bar=bar)
    rater = add_person(campaign, "ann")
    turn = next_turn(campaign, rater, NOW)
    assert isinstance(turn, Turn)
    return campaign, rater, turn


def answer_all(campaign: Campaign, person: int, said: int) -> list[Turn]:
    """Answer whatever is shown."""
    shown = []
    while isinstance(turn := next_turn(campaign, person, NOW), Turn):
        save_answers(campaign, person, [GivenAnswer(row.question, said) for row in turn.rows], NOW)
        shown.append(turn)
    return shown


def known(campaign: Campaign) -> tuple[list[int | None], tuple[int, int], dict[int, list[tuple[int, int, int]]]]:
    """The truths, how many golden questions are of each, and what is counted of raters."""
    with reading(campaign.engine) as connection:
        truths = connection.scalars(select(questions.c.truth).where(questions.c.golden).order_by(questions.c.class_id))
        counts = connection.execute(select(settings.c.golden_invalid, settings.c.golden_valid)).one()
        cells: dict[int, list[tuple[int, int, int]]] = {}
        for row in connection.execute(select(golden_counts).where(golden_counts.c.n > 0).order_by(*golden_counts.c)):
            cells.setdefault(row.person, []).append((row.truth, row.answer, row.n))
        return list(truths), (counts[0], counts[1]), cells


def test_the_truth_follows_from_the_experts_and_counts_for_raters_who_have_answered(address: str | Path) -> None:
    golden, experts = golden_of(2)  # the expert of the file says no and yes
    campaign = made(address, golden_tasks=golden, experts=experts)
    rater, other = add_person(campaign, "ann"), add_person(campaign, "kim", "expert")
    answer_all(campaign, rater, YES)
    assert known(campaign) == ([0, 1], (1, 1), {rater: [(0, YES, 1), (1, YES, 1)]})
    answer_all(campaign, other, NO)  # of two experts one says yes: not more than half
    assert known(campaign) == ([0, 0], (2, 0), {rater: [(0, YES, 2)]})


def test_an_expert_is_shown_golden_questions_alone_and_no_vote_of_theirs_counts(address: str | Path) -> None:
    campaign = made(address, golden_tasks=golden_of(2, 3)[0])
    expert = add_person(campaign, "kim", "expert")
    assert known(campaign)[:2] == ([None] * 5, (0, 0))
    shown = answer_all(campaign, expert, YES)
    assert sorted(len(turn.rows) for turn in shown) == [2, 3]
    assert known(campaign)[:2] == ([1] * 5, (0, 5))
    exported = export_votes(campaign)
    assert exported.golden is not None
    assert (len(exported.votes), len(exported.golden)) == (0, 5)


def test_a_golden_question_without_truth_is_asked_of_no_rater(address: str | Path) -> None:
    campaign = made(address, golden_tasks=golden_of(2)[0])
    rater = add_person(campaign, "ann")
    assert [len(turn.rows) for turn in answer_all(campaign, rater, YES)] == [2]


def test_a_changed_answer_of_an_expert_changes_the_truth(address: str | Path) -> None:
    campaign = made(address, golden_tasks=golden_of(1)[0])
    expert = add_person(campaign, "kim", "expert")
    (turn,) = answer_all(campaign, expert, YES)
    save_answers(campaign, expert, [GivenAnswer(turn.rows[0].question, NO, revision=1)], NOW)
    assert known(campaign)[:2] == ([0], (1, 0))


def test_the_votes_of_experts_are_not_excluded(address: str | Path) -> None:
    campaign = made(address, golden_tasks=golden_of(1)[0])
    expert = add_person(campaign, "kim", "expert")
    assert message(exclude_rater, campaign, expert, NOW) == (
        "only raters can be excluded\n  found:   kim, of the role expert"
    )


@pytest.mark.parametrize(("said", "passes"), [(MAYBE, True), (NO, False)])
def test_a_practice_round_shows_what_is_right_and_lets_those_begin_who_reach_the_bar(
    address: str | Path, said: int, passes: bool
) -> None:
    """All practice questions are of one image of which the one class is invalid, and the other valid."""
    golden, experts = golden_of(2, 2, 2)
    campaign = made(address, golden_tasks=golden, experts=experts, practice=2, bar=0.5)
    rater = add_person(campaign, "ann")
    for _ in range(2):
        turn = next_turn(campaign, rater, NOW)
        assert isinstance(turn, Turn)
        assert turn.practice
        wrong = {0: YES, 1: NO}
        given = [GivenAnswer(row.question, said if said == MAYBE else wrong[row.class_id]) for row in turn.rows]
        assert save_answers(campaign, rater, given[:1], NOW) == {}  # not before all of it is answered
        truths = save_answers(campaign, rater, given[1:], NOW)
        assert truths == {row.question: row.class_id for row in turn.rows}
        assert save_answers(campaign, rater, [GivenAnswer(turn.rows[0].question, YES, revision=1)], NOW)
    assert known(campaign)[2] == {}
    turn = next_turn(campaign, rater, NOW)
    if passes:
        assert isinstance(turn, Turn)
        assert not turn.practice
    else:
        assert turn == NoTurn("failed")
        admit(campaign, rater, NOW)
        assert isinstance(next_turn(campaign, rater, NOW), Turn)
    answer_all(campaign, rater, YES)
    exported = export_votes(campaign)
    assert exported.rater_golden is not None
    assert len(exported.rater_golden) == 2  # of the one golden task that is not for practice


def test_until_what_is_right_is_told_a_practice_answer_can_be_changed(address: str | Path) -> None:
    campaign, rater, turn = in_practice(address, bar=1.0)
    right = [GivenAnswer(row.question, 2 * row.class_id, revision=1) for row in turn.rows]
    wrong = [GivenAnswer(row.question, MAYBE) for row in turn.rows]
    assert save_answers(campaign, rater, wrong, NOW, reveal=False) == {}
    again = next_turn(campaign, rater, NOW)
    assert isinstance(again, Turn)
    assert (again.task, [row.answer for row in again.rows]) == (turn.task, [MAYBE] * 2)
    assert save_answers(campaign, rater, right, NOW, reveal=False) == {}
    truths = {row.question: row.class_id for row in turn.rows}
    assert save_answers(campaign, rater, right, NOW) == truths
    late = [GivenAnswer(row.question, MAYBE, revision=2) for row in turn.rows]
    assert save_answers(campaign, rater, late, NOW) == truths
    following = next_turn(campaign, rater, NOW)
    assert isinstance(following, Turn)
    assert not following.practice
    campaign.close()


def test_a_practice_answer_can_be_changed_after_the_lease_has_ended(address: str | Path) -> None:
    campaign, rater, turn = in_practice(address, bar=1.0)
    save_answers(campaign, rater, [GivenAnswer(turn.rows[0].question, MAYBE)], NOW)
    release(campaign, NOW + 1e6)
    right = [GivenAnswer(row.question, 2 * row.class_id, revision=1) for row in turn.rows]
    assert len(save_answers(campaign, rater, right, NOW + 1e6)) == 2
    following = next_turn(campaign, rater, NOW + 1e6)
    assert isinstance(following, Turn)
    assert not following.practice
    campaign.close()


def test_a_stop_rule_closes_nothing_before_an_expert_has_answered(address: str | Path) -> None:
    rules = Rules(per_question=9, golden_share=0, stop=StopRule(0.3, 0.7))
    create_campaign(address, CampaignPlan(tasks_of(1), rules=rules, golden_tasks=golden_of(2)[0]))
    campaign = open_campaign(address)
    ended = select(questions.c.ended).where(~questions.c.golden)
    for rater in range(3):
        answer_all(campaign, add_person(campaign, f"rater {rater}"), YES)
        with reading(campaign.engine) as connection:
            assert connection.scalar(ended) is None
    answer_all(campaign, add_person(campaign, "eve", role="expert"), YES)
    answer_all(campaign, add_person(campaign, "rater 4"), YES)
    with reading(campaign.engine) as connection:
        assert connection.scalar(ended) == "rule"
    campaign.close()


def practised(campaign: Campaign) -> PracticeResult | None:
    """How the last person answered in the practice round."""
    return progress_of(campaign, NOW).raters[-1].practice


@pytest.mark.parametrize("bar", [0.5, 0])
def test_who_skips_all_practice_images_does_not_reach_the_bar(address: str | Path, bar: float) -> None:
    campaign, rater, turn = in_practice(address, bar=bar)
    skip_task(campaign, rater, turn.task, NOW)
    assert next_turn(campaign, rater, NOW) == NoTurn("failed")
    assert practised(campaign) == PracticeResult(0.0, 0, False)


def test_a_skipped_practice_image_does_not_count(address: str | Path) -> None:
    """Also if some of it was answered."""
    golden, experts = golden_of(2, 2, 2)
    campaign = made(address, golden_tasks=golden, experts=experts, practice=2, bar=1.0)
    rater = add_person(campaign, "ann")
    broken = next_turn(campaign, rater, NOW)
    assert isinstance(broken, Turn)
    save_answers(campaign, rater, [GivenAnswer(broken.rows[0].question, MAYBE)], NOW)
    skip_task(campaign, rater, broken.task, NOW)
    turn = next_turn(campaign, rater, NOW)
    assert isinstance(turn, Turn)
    assert turn.practice
    save_answers(campaign, rater, [GivenAnswer(row.question, 2 * row.class_id) for row in turn.rows], NOW)
    assert isinstance(next_turn(campaign, rater, NOW), Turn)
    assert practised(campaign) == PracticeResult(2.0, 2, True)


def test_nobody_gets_rid_of_a_wrong_practice_answer_when_what_is_right_was_told(address: str | Path) -> None:
    campaign, rater, turn = in_practice(address, bar=0.5)
    assert save_answers(campaign, rater, [GivenAnswer(row.question, 2 - 2 * row.class_id) for row in turn.rows], NOW)
    skip_task(campaign, rater, turn.task, NOW)
    assert last_entries(campaign, 1)[0].what != "skip"
    assert next_turn(campaign, rater, NOW) == NoTurn("failed")
    assert practised(campaign) == PracticeResult(0.0, 2, False)


def test_the_truth_is_not_told_of_a_turn_that_was_excluded_or_skipped(address: str | Path) -> None:
    """Their answers do not end it, and could be changed after."""
    campaign, rater, turn = in_practice(address, bar=0.5)
    said = [GivenAnswer(row.question, YES) for row in turn.rows]
    exclude_rater(campaign, rater, NOW)
    assert save_answers(campaign, rater, said, NOW) == {}
    other = add_person(campaign, "bob")
    assert isinstance(next_turn(campaign, other, NOW), Turn)
    skip_task(campaign, other, turn.task, NOW)
    assert save_answers(campaign, other, said, NOW) == {}


def test_who_can_be_asked_nothing_for_practice_begins(address: str | Path) -> None:
    """The truth of the practice question is not known any more."""
    golden, experts = golden_of(1, 1)
    campaign = made(address, golden_tasks=golden, experts=experts, practice=1, bar=0.5)
    with changing(campaign) as change:
        change.connection.execute(update(questions).where(questions.c.golden).values(truth=None))
    assert isinstance(next_turn(campaign, add_person(campaign, "ann"), NOW), Turn)


def test_to_an_expert_practice_tasks_are_golden_ones_and_nothing_is_told(address: str | Path) -> None:
    golden, experts = golden_of(2, 2)
    campaign = made(address, golden_tasks=golden, experts=experts, practice=1)
    expert = add_person(campaign, "kim", "expert")
    for _ in range(2):
        turn = next_turn(campaign, expert, NOW)
        assert isinstance(turn, Turn)
        assert not turn.practice
        assert save_answers(campaign, expert, [GivenAnswer(row.question, YES) for row in turn.rows], NOW) == {}
        again = last_turn(campaign, expert)
        assert again is not None
        assert again.task == turn.task


def test_an_expert_answer_about_a_skipped_image_makes_no_truth(address: str | Path) -> None:
    campaign = made(address, golden_tasks=golden_of(1)[0])
    expert = add_person(campaign, "kim", "expert")
    (turn,) = answer_all(campaign, expert, YES)
    assert known(campaign)[:2] == ([1], (0, 1))
    skip_task(campaign, expert, turn.task, NOW)
    assert known(campaign)[:2] == ([None], (0, 0))
    assert export_votes(campaign).golden is None
