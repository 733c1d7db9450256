"""A class that a rater sees is a new question for others."""

from pathlib import Path

from sqlalchemy import select

from reassess.annotation.store.database import reading
from reassess.annotation.store.export import export_votes
from reassess.annotation.store.schema import questions, suggestions
from reassess.annotation.store.suggestions import suggest
from reassess.annotation.store.turns import Nothing, Turn, next_turn
from reassess.annotation.store.votes import GivenAnswer, keep_answers
from tests.annotation.campaigns import campaign_at
from tests.helpers import message

NOW = 1e9


def test_others_are_asked_about_a_suggested_class_and_who_suggested_it_is_not(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (2,), raters=3, votes=2, golden_rate=0)
    turn = next_turn(campaign, 2, NOW)
    assert isinstance(turn, Turn)
    suggest(campaign, 2, turn.task, 5, NOW)
    suggest(campaign, 2, turn.task, 5, NOW)
    keep_answers(campaign, 2, [GivenAnswer(row.question, 2) for row in turn.rows], NOW)
    assert next_turn(campaign, 2, NOW) == Nothing("finished")
    for person in (3, 4):
        while isinstance(turn := next_turn(campaign, person, NOW), Turn):
            keep_answers(campaign, person, [GivenAnswer(row.question, 2) for row in turn.rows], NOW)
    votes = export_votes(campaign, names=True).votes
    row = votes.items.class_ids.tolist().index(5)
    assert list(votes.on(row)) == [("rater 3", "yes"), ("rater 4", "yes")]


def test_what_is_asked_already_is_no_new_question(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (2,), raters=1, golden_rate=0)
    turn = next_turn(campaign, 2, NOW)
    assert isinstance(turn, Turn)
    suggest(campaign, 2, turn.task, 1, NOW)
    with reading(campaign.engine) as connection:
        assert len(connection.execute(select(questions).where(~questions.c.golden)).all()) == 2
        assert [row.class_id for row in connection.execute(select(suggestions))] == [1]


def test_what_cannot_be_suggested_is_refused(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1, 1), raters=2, golden_rate=0)
    turn = next_turn(campaign, 2, NOW)
    assert isinstance(turn, Turn)
    assert message(suggest, campaign, 2, turn.task, 6, NOW) == "there is no such class\n  found:   class 6"
    assert message(suggest, campaign, 3, turn.task, 5, NOW) == (
        f"the rater was not shown this task\n  found:   task {turn.task}"
    )
