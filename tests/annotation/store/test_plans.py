"""Requests of raters read a few rows of each table, for any number of answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from reassess.annotation import begin_next_turn
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.own_progress import measure_own_progress
from reassess.core import StopRule
from tests.annotation.campaigns import campaign_at, vote_on_all

# Tables that grow with images or answers, and their partial indexes.
_LARGE = ("answers", "images", "log", "questions", "tasks", "turns")
_FEW = ("ix_tasks_free", "ix_turns_asked", "ix_turns_expired")


def test_growing_tables_are_never_scanned(tmp_path: Path) -> None:
    campaign = campaign_at(
        tmp_path / "c.db", (3,) * 6, raters=3, votes_per_question=3, stop_rule=StopRule(0.1, 0.9), golden_share=0.3
    )
    sent: dict[str, Any] = {}

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent[statement] = parameters[0] if isinstance(parameters, list) else parameters

    event.listen(campaign.engine, "before_cursor_execute", note)
    vote_on_all(campaign, raters=3)
    begin_next_turn(campaign, 2, 1e9)
    event.remove(campaign.engine, "before_cursor_execute", note)
    assert len(sent) > 15
    with campaign.engine.connect() as connection:
        for statement, parameters in sent.items():
            if not statement.startswith(("BEGIN", "COMMIT")):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                assert scanned([row[-1] for row in plan]) == [], statement


def test_reading_keeps_prepared_statements(database: str) -> None:
    campaign = campaign_at(database, (3,) * 6, raters=3, votes_per_question=3, golden_share=0)
    vote_on_all(campaign, raters=3)
    measure_own_progress(campaign, 2)
    with connect_for_reading(campaign.engine) as connection:
        texts = connection.scalars(text("SELECT statement FROM pg_prepared_statements")).all()
    assert sum("INSERT INTO answers" in statement for statement in texts) == 1
    campaign.close()


def test_plans_for_small_tables_do_not_read_large_tables_whole(database: str) -> None:
    campaign = campaign_at(database, (2,) * 200, raters=2, votes_per_question=2, golden_share=0)
    vote_on_all(campaign, raters=2)  # the first of them prepare the statements
    campaign.close()  # reports the statistics of the sessions
    query = text("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'answers'")
    n_read = 0
    while not n_read:
        with connect_for_reading(campaign.engine, is_single_statement=True) as connection:
            n_read = connection.scalar(query)
    assert n_read / 400 < 100  # rows per task of a rater; there are 800 answers


def scanned(plan: Sequence[str]) -> list[str]:
    """Return the steps of a query plan that scan a growing table."""
    scans = [step for step in plan if step.startswith("SCAN ") and step.split()[1].partition("_")[0] in _LARGE]
    return [step for step in scans if not step.endswith(_FEW)]
