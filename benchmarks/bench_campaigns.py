"""Time to create, to summarize and to export a campaign as large as ImageNet ReaL's, each against a limit."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory import anonymous_mib

from reassess import annotation
from reassess.core import Classes, Questions, Tasks, Votes
from reassess.proposals import make_tasks

QUESTIONS, GOLDEN, RATERS, VOTES = 185_000, 2_000, 30, 1_000_000
NOW = 1e9


def draw_tasks(count: int, prefix: str) -> Tasks:
    """Make tasks of four questions each, about one image."""
    rows = np.arange(count)
    class_ids = rows % 4 + rows // 4 % 900
    return make_tasks(Questions.from_columns([f"{prefix}{row // 4}.png" for row in rows], class_ids, Classes(1000)))


@pytest.fixture(scope="module")
def plan() -> annotation.CampaignPlan:
    golden = draw_tasks(GOLDEN, "g")
    rows, eve = np.arange(GOLDEN), np.zeros(GOLDEN, int)
    experts = Votes.from_columns(golden.questions, rows, eve, 2 * (rows % 3 == 0), ("eve",), ("no", "maybe", "yes"))
    rules = annotation.Rules(votes_per_question=6)
    return annotation.CampaignPlan(draw_tasks(QUESTIONS, ""), rules=rules, golden_tasks=golden, expert_votes=experts)


@pytest.fixture(scope="module")
def campaign(plan: annotation.CampaignPlan, tmp_path_factory: pytest.TempPathFactory) -> annotation.Campaign:
    """A campaign with a million votes by 30 raters, who also answered every golden question."""
    path = tmp_path_factory.mktemp("campaign") / "c.db"
    annotation.create_campaign(path, plan)
    with annotation.use_campaign(path) as campaign:
        people = np.array([annotation.add_person(campaign, f"rater {number}") for number in range(RATERS)])
    fill(path, people)
    return annotation.open_campaign(path)


def fill(path: Path, people: np.ndarray) -> None:
    """Write votes into the database, as if raters had answered the questions in turn."""
    rng = np.random.default_rng(0)
    with closing(sqlite3.connect(path)) as database:
        numbers: dict[bool, list[int]] = {False: [], True: []}
        for number, golden in database.execute("SELECT id, golden FROM questions ORDER BY id"):
            numbers[bool(golden)].append(number)
        first = rng.integers(0, RATERS, QUESTIONS)
        place = np.arange(VOTES)
        question, turn = place % QUESTIONS, place // QUESTIONS
        columns = [
            np.concatenate([np.array(numbers[False])[question], np.repeat(numbers[True], RATERS)]),
            np.concatenate([people[(first[question] + turn) % RATERS], np.tile(people, GOLDEN)]),
            rng.integers(0, 3, VOTES + RATERS * GOLDEN),
            rng.exponential(3.0, VOTES + RATERS * GOLDEN),
            np.concatenate([np.ones(VOTES, int), np.zeros(RATERS * GOLDEN, int)]),
        ]
        insert = (
            "INSERT INTO answers (question, person, revision, answer, seconds, at, counted) "
            f"VALUES (?, ?, 0, ?, ?, {NOW}, ?)"
        )
        database.executemany(insert, zip(*(column.tolist() for column in columns), strict=True))
        counts = "SELECT count(*) FROM answers WHERE question = questions.id AND counted"
        database.execute(f"UPDATE questions SET votes = ({counts}) WHERE NOT golden")
        database.commit()


def measure_seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_creation_takes_at_most_20_seconds(row: Any, plan: annotation.CampaignPlan, tmp_path: Path) -> None:
    seconds = measure_seconds(lambda: annotation.create_campaign(tmp_path / "c.db", plan))
    row(f"creating a campaign of {QUESTIONS:,} questions", seconds, "20 s", 20.0, "<= 1")


def test_status_takes_at_most_5_seconds(row: Any, campaign: annotation.Campaign) -> None:
    annotation.measure_progress(campaign, NOW)  # compiles the SQL statements
    seconds = measure_seconds(lambda: annotation.measure_progress(campaign, NOW))
    row(f"status of {VOTES:,} votes", seconds, "5 s", 5.0, "<= 1")


def test_export_takes_at_most_20_seconds(row: Any, campaign: annotation.Campaign, tmp_path: Path) -> None:
    peak = anonymous_mib(lambda: annotation.export_campaign(campaign, tmp_path / "warm"))
    seconds = measure_seconds(lambda: annotation.export_campaign(campaign, tmp_path / "rated"))
    row(f"export of {VOTES:,} votes", seconds, "20 s", 20.0, "<= 1", peak_mib=peak, max_mib=1024)
