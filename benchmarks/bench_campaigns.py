"""A campaign as large as ImageNet ReaL's: making it, its status, its export, each against the time that it may take."""

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


def asked(count: int, prefix: str) -> Tasks:
    """Four questions on each image."""
    rows = np.arange(count)
    class_ids = rows % 4 + rows // 4 % 900
    return make_tasks(Questions.from_columns([f"{prefix}{row // 4}.png" for row in rows], class_ids, Classes(1000)))


@pytest.fixture(scope="module")
def plan() -> annotation.CampaignPlan:
    golden = asked(GOLDEN, "g")
    rows, none = np.arange(GOLDEN), np.zeros(GOLDEN, int)
    experts = Votes.from_columns(golden.questions, rows, none, 2 * (rows % 3 == 0), ("eve",), ("no", "maybe", "yes"))
    rules = annotation.Rules(per_question=6)
    return annotation.CampaignPlan(asked(QUESTIONS, ""), rules=rules, golden_tasks=golden, experts=experts)


@pytest.fixture(scope="module")
def campaign(plan: annotation.CampaignPlan, tmp_path_factory: pytest.TempPathFactory) -> annotation.Campaign:
    """One with a million votes of 30 raters, who have answered every golden question too."""
    path = tmp_path_factory.mktemp("campaign") / "c.db"
    annotation.create_campaign(path, plan)
    with annotation.using_campaign(path) as made:
        people = np.array([annotation.add_person(made, f"rater {number}") for number in range(RATERS)])
    fill(path, people)
    return annotation.open_campaign(path)


def fill(path: Path, people: np.ndarray) -> None:
    """Write votes as if they had been given, one after the other, to questions in turn."""
    rng = np.random.default_rng(0)
    with closing(sqlite3.connect(path)) as database:
        numbers = {golden: [] for golden in (False, True)}
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


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_making_a_campaign(row: Any, plan: annotation.CampaignPlan, tmp_path: Path) -> None:
    seconds = seconds_of(lambda: annotation.create_campaign(tmp_path / "c.db", plan))
    row(f"a campaign of {QUESTIONS:,} questions is made", seconds, "20 s", 20.0, "<= 1")


def test_status(row: Any, campaign: annotation.Campaign) -> None:
    annotation.progress_of(campaign, NOW)  # compiles what is measured
    seconds = seconds_of(lambda: annotation.progress_of(campaign, NOW))
    row(f"status of {VOTES:,} votes", seconds, "5 s", 5.0, "<= 1")


def test_export(row: Any, campaign: annotation.Campaign, tmp_path: Path) -> None:
    peak = anonymous_mib(lambda: annotation.export_campaign(campaign, tmp_path / "warm"))
    seconds = seconds_of(lambda: annotation.export_campaign(campaign, tmp_path / "rated"))
    row(f"export of {VOTES:,} votes", seconds, "20 s", 20.0, "<= 1", peak_mib=peak, must_mib=1024)
