"""A campaign from its making to its votes: what is refused, what counts, and what is exported."""

from pathlib import Path

import numpy as np
import pytest

from reassess.annotation.assignment import Rules
from reassess.annotation.store.campaigns import Campaign, open_campaign
from reassess.annotation.store.creation import add_person, create_campaign
from reassess.annotation.store.export import export_votes
from reassess.annotation.store.turns import Turn, cannot_judge, next_turn
from reassess.annotation.store.votes import GivenAnswer, keep_answers, restore_rater, void_rater
from reassess.core.classes import Classes
from reassess.core.stop_rule import StopRule
from reassess.core.tasks import Tasks
from reassess.errors import OutputError
from tests.annotation.campaigns import CLASSES, campaign_at, golden_of, tasks_of
from tests.helpers import message

NO, MAYBE, YES = range(3)
NOW = 1e9


def turn_of(campaign: Campaign, person: int, now: float = NOW) -> Turn:
    turn = next_turn(campaign, person, now)
    assert turn is not None
    return turn


def give(campaign: Campaign, person: int, turn: Turn, *said: int, now: float = NOW) -> None:
    """Answer the first rows of a turn."""
    rows = zip(turn.rows, said, strict=False)
    keep_answers(campaign, person, [GivenAnswer(f"{person}/{q}", q, answer, 2.0) for (q, _), answer in rows], now)


def exported(campaign: Campaign) -> list[tuple[str, int, list[tuple[str, str]]]]:
    """Of each question with votes: image, class, and who said what."""
    votes = export_votes(campaign, CLASSES, names=True).votes
    pairs = zip(votes.items.image_ids.tolist(), votes.items.class_ids.tolist(), strict=True)
    return [(votes.items.images[i], c, list(votes.on(row))) for row, (i, c) in enumerate(pairs)]


def test_each_question_gets_its_votes_of_different_raters_and_no_more(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (2,), raters=3, votes=2, golden_rate=0)
    for person in (1, 2):
        turn = turn_of(campaign, person)
        assert [class_id for _, class_id in turn.rows] == [0, 1]
        give(campaign, person, turn, YES, NO)
        assert next_turn(campaign, person, NOW) is None
    assert next_turn(campaign, 3, NOW) is None
    assert exported(campaign) == [
        ("m0.png", 0, [("rater 1", "yes"), ("rater 2", "yes")]),
        ("m0.png", 1, [("rater 1", "no"), ("rater 2", "no")]),
    ]


def test_a_place_is_kept_for_a_rater_until_the_lease_ends(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1,), raters=2, votes=1, golden_rate=0, lease=60.0)
    turn = turn_of(campaign, 1)
    assert next_turn(campaign, 2, NOW + 59) is None
    assert next_turn(campaign, 1, NOW + 59) == turn
    give(campaign, 2, turn_of(campaign, 2, NOW + 61), NO, now=NOW + 62)
    give(campaign, 1, turn, YES, now=NOW + 63)  # late: kept, and not counted
    result = export_votes(campaign, CLASSES)
    assert (len(result.votes), result.late, result.voided) == (1, 1, 0)
    assert exported(campaign) == [("m0.png", 0, [("rater 2", "no")])]


def test_a_clock_that_is_set_back_keeps_no_place_for_ever(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1,), raters=2, votes=1, golden_rate=0, lease=60.0)
    turn_of(campaign, 1)
    assert next_turn(campaign, 2, NOW - 30) is None
    assert next_turn(campaign, 2, NOW - 3600) is not None


def test_the_next_task_can_be_had_before_the_last_is_answered(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1, 1, 1), raters=1, golden_rate=0)
    first = turn_of(campaign, 1)
    second = next_turn(campaign, 1, NOW, held=[first.task])
    assert second is not None
    assert second.task != first.task
    assert next_turn(campaign, 1, NOW, held=[first.task, second.task]) is None
    give(campaign, 1, first, YES)
    assert next_turn(campaign, 1, NOW, held=[second.task]) is not None


def test_a_page_that_is_loaded_again_shows_the_rows_that_are_left(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (3,), raters=1, golden_rate=0)
    turn = turn_of(campaign, 1)
    give(campaign, 1, turn, YES)
    assert next_turn(campaign, 1, NOW) == Turn(turn.task, turn.image, turn.rows[1:])


def test_a_question_is_closed_once_its_probability_has_left_the_bounds(tmp_path: Path) -> None:
    """Two raters who know every golden question agree on one class and not on the other: that alone stays open."""
    campaign = campaign_at(tmp_path / "c.db", (2,), raters=3, votes=3, golden_rate=0.9, stop=StopRule(0.1, 0.9))
    for person, second in ((1, NO), (2, YES)):
        while (turn := next_turn(campaign, person, NOW)) is not None:
            is_main = turn.task == 1
            said = (YES, second) if is_main else [YES if class_id % 2 else NO for _, class_id in turn.rows]
            give(campaign, person, turn, *said)
    left: list[Turn] = []
    while (turn := next_turn(campaign, 3, NOW)) is not None:
        left += [turn] if turn.task == 1 else []
        give(campaign, 3, turn, *[NO] * len(turn.rows))
    assert [[class_id for _, class_id in turn.rows] for turn in left] == [[1]]


def test_votes_of_a_voided_rater_do_not_count_and_their_questions_open_again(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1,), raters=3, votes=2, golden_rate=0)
    for person, said in ((1, YES), (2, NO)):
        give(campaign, person, turn_of(campaign, person), said)
    void_rater(campaign, 1, NOW)
    assert exported(campaign) == [("m0.png", 0, [("rater 2", "no")])]
    assert export_votes(campaign, CLASSES).voided == 1
    assert next_turn(campaign, 1, NOW) is None
    give(campaign, 3, turn_of(campaign, 3), MAYBE)
    restore_rater(campaign, 1, NOW)
    assert exported(campaign) == [("m0.png", 0, [("rater 1", "yes"), ("rater 2", "no")])]
    assert export_votes(campaign, CLASSES).late == 1


def test_a_picture_that_cannot_be_judged_is_no_vote_and_is_left_to_others(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1,), raters=2, votes=1, golden_rate=0)
    cannot_judge(campaign, 1, turn_of(campaign, 1).task)
    assert next_turn(campaign, 1, NOW) is None
    assert next_turn(campaign, 2, NOW) is not None
    assert len(export_votes(campaign, CLASSES).votes) == 0


def test_golden_answers_are_exported_apart_and_without_voided_raters(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1,), raters=2, golden_rate=0.9)
    for person in (1, 2):
        while (turn := next_turn(campaign, person, NOW)) is not None:
            give(campaign, person, turn, *[YES] * len(turn.rows))
    result = export_votes(campaign, CLASSES)
    assert result.golden is not None
    assert result.rater_golden is not None
    assert (len(result.votes), len(result.golden), len(result.rater_golden)) == (2, 5, 10)
    assert set(result.golden.raters) == {"eve"}
    assert result.golden.counts().tolist() == [[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1], [1, 0, 0]]
    void_rater(campaign, 2, NOW)
    assert export_votes(campaign, CLASSES, names=True).rater_golden.raters == ("rater 1",)


def test_what_was_not_asked_is_refused_and_nothing_of_the_call_is_kept(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1, 1), raters=2, golden_rate=0)
    turn = turn_of(campaign, 1)
    ((asked, _),) = turn.rows
    given = [GivenAnswer("a", asked, YES), GivenAnswer("b", 3 - asked, YES)]
    assert message(keep_answers, campaign, 1, given, NOW).startswith("the rater was not shown this task")
    assert message(keep_answers, campaign, 1, [GivenAnswer("a", 99, YES)], NOW) == (
        "there is no such question\n  found:   question 99"
    )
    assert len(export_votes(campaign, CLASSES).votes) == 0
    assert message(GivenAnswer, "a", asked, 3).startswith("answer out of range")
    assert message(cannot_judge, campaign, 2, turn.task).startswith("the rater was not shown this task")


def test_a_key_that_stands_for_another_answer_is_refused(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (2,), raters=1, golden_rate=0)
    (first, _), (second, _) = turn_of(campaign, 1).rows
    keep_answers(campaign, 1, [GivenAnswer("a", first, YES)], NOW)
    assert message(keep_answers, campaign, 1, [GivenAnswer("a", second, NO)], NOW) == (
        "a key stands for another answer\n  to mend: make a new key for each answer"
    )
    assert exported(campaign) == [("m0.png", 0, [("rater 1", "yes")])]


def test_a_campaign_that_cannot_be_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path, tasks, (golden, experts) = tmp_path / "c.db", tasks_of(1), golden_of(2)
    rules = Rules(stop=StopRule(0.1, 0.9))
    assert message(create_campaign, path, tasks, rules=rules) == (
        "a stop rule needs golden questions, by which the raters are measured\n"
        "  found:   no golden questions\n"
        "  to mend: give the experts' votes with golden, or leave the stop rule out"
    )
    few = experts.restrict(np.array([0]))
    assert message(create_campaign, path, tasks, golden=(golden, few)) == (
        "no truth follows from the experts' votes on a golden question\n"
        "  where:   image g0.png, class b\n"
        "  to mend: leave it out of the golden tasks"
    )
    asked = golden.questions.in_classes(Classes(7, names=tuple("abcdefg")))
    other = Tasks(asked, golden.indptr, golden.numbers, golden.reasons)
    assert message(create_campaign, path, tasks, golden=(other, experts)) == (
        "the golden tasks are in another list of classes than the tasks\n  to mend: make both with one list of classes"
    )
    assert message(open_campaign, path).startswith("there is no campaign\n")
    assert not list(tmp_path.iterdir())
    create_campaign(path, tasks)
    with pytest.raises(OutputError, match="exists"):
        create_campaign(path, tasks)
    campaign = open_campaign(path)
    add_person(campaign, "ann")
    assert message(add_person, campaign, "ann").startswith("there is somebody of that name\n")


def test_a_rater_with_more_votes_than_a_statement_can_hold_is_voided(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (6,) * 200, raters=1, golden_rate=0)
    while (turn := next_turn(campaign, 1, NOW)) is not None:
        give(campaign, 1, turn, *[YES] * len(turn.rows))
    assert len(export_votes(campaign, CLASSES).votes) == 1_200
    void_rater(campaign, 1, NOW)
    assert len(export_votes(campaign, CLASSES).votes) == 0
    restore_rater(campaign, 1, NOW)
    assert len(export_votes(campaign, CLASSES).votes) == 1_200
