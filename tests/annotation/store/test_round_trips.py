"""Statements that PostgreSQL executes in one round trip: errors, lost connections, and the number of round trips."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import bindparam, event, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from reassess.annotation import Campaign, GivenAnswer, Turn, take_back_expired_tasks
from reassess.annotation.store import round_trips
from reassess.annotation.store.database import UnavailableError, connect_for_reading
from reassess.annotation.store.given_answers import save_answers_and_begin_next_turn
from reassess.annotation.store.schema import people
from reassess.annotation.store.transactions import open_transaction
from tests.annotation.campaigns import NOW, YES, campaign_at, turn_of

_RENAME = update(people).where(people.c.id == bindparam("person")).values(name=bindparam("new_name"))
_SELECT_NAMES = select(people.c.name).where(people.c.id >= bindparam("least")).order_by(people.c.id)
NAMES = ["eve", "rater 2", "rater 3"]


@pytest.fixture
def campaign(database: str) -> Campaign:
    return campaign_at(database, (3,) * 8, raters=2, votes_per_question=2, golden_share=0)


def rename(campaign: Campaign, *new_names: str) -> list[str]:
    """Rename the first rater several times in one transaction; return all names before its end."""
    with open_transaction(campaign) as transaction:
        for new_name in new_names:
            transaction.execute(_RENAME, {"person": 2, "new_name": new_name})
        return [row.name for row in transaction.execute(_SELECT_NAMES, {"least": 1})]


@pytest.mark.parametrize(
    ("wrong_name", "error"), [("rater 3", "duplicate key value"), ("a\0b", "cannot contain NUL")], ids=["used", "NUL"]
)
def test_failing_change_undoes_the_transaction_and_keeps_the_connection(
    campaign: Campaign, wrong_name: str, error: str
) -> None:
    for _ in range(3):
        with pytest.raises(SQLAlchemyError, match=error):
            rename(campaign, "ann", wrong_name, "bob")
    assert rename(campaign) == NAMES
    assert rename(campaign, "ann", "cy") == ["eve", "cy", "rater 3"]
    with connect_for_reading(campaign.engine, is_single_statement=True) as connection:
        prepared = Counter(connection.scalars(text("SELECT statement FROM pg_prepared_statements")).all())
    assert set(prepared.values()) == {1}
    assert any(statement.startswith("UPDATE people") for statement in prepared)


def test_change_without_query_is_saved(campaign: Campaign) -> None:
    with open_transaction(campaign) as transaction:
        transaction.execute(_RENAME, {"person": 2, "new_name": "ann"})
    assert rename(campaign) == ["eve", "ann", "rater 3"]


def test_query_of_sqlalchemy_sees_earlier_changes(campaign: Campaign) -> None:
    with open_transaction(campaign) as transaction:
        transaction.execute(_RENAME, {"person": 2, "new_name": "ann"})
        assert transaction.connection.scalar(select(people.c.name).where(people.c.id == 2)) == "ann"


def test_lost_connection_is_replaced(campaign: Campaign) -> None:
    def rename_without_connection() -> None:
        with open_transaction(campaign) as transaction:
            own = transaction.connection.scalar(text("SELECT pg_backend_pid()"))
            with connect_for_reading(campaign.engine, is_single_statement=True) as other:
                assert other.scalar(text("SELECT pg_terminate_backend(:own, 5000)"), {"own": own})
            transaction.execute(_RENAME, {"person": 2, "new_name": "ann"})

    with pytest.raises(UnavailableError, match="terminat"):
        rename_without_connection()
    assert rename(campaign) == NAMES


def test_expired_tasks_are_locked_by_one_statement(campaign: Campaign) -> None:
    """Raters who lock them one after another could wait for each other."""
    first = turn_of(campaign, 2)
    second = turn_of(campaign, 2, loaded_task_ids=[first.task_id])
    take_back_expired_tasks(campaign, 2 * NOW)
    locked: list[list[int]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("SELECT tasks.id \nFROM tasks") and "FOR NO KEY UPDATE" in statement:
            locked.append(parameters[0])

    event.listen(campaign.engine, "before_cursor_execute", note)
    assert turn_of(campaign, 2).task_id == first.task_id
    assert locked == [sorted([first.task_id, second.task_id])]


def test_answers_and_next_task_take_few_round_trips(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    execute, n_statements = round_trips.execute_in_one_round_trip, []

    def count(connection: Any, statements: Any, **options: Any) -> Any:
        n_statements.append(len(statements))
        return execute(connection, statements, **options)

    first = turn_of(campaign, 2)
    second = turn_of(campaign, 2, loaded_task_ids=[first.task_id])
    monkeypatch.setattr(round_trips, "execute_in_one_round_trip", count)
    answers = [GivenAnswer(row.question_id, YES) for row in first.questions]
    _, third = save_answers_and_begin_next_turn(campaign, 2, answers, NOW, loaded_task_ids=[second.task_id])
    assert isinstance(third, Turn)
    assert len(n_statements) <= 10
    assert sum(n_statements) >= 2 * len(n_statements)
