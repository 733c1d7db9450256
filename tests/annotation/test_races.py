"""Real processes change one campaign at the same time, on a server and in a file."""

import multiprocessing
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from reassess.annotation import (
    Campaign,
    GivenAnswer,
    Turn,
    add_person,
    begin_next_turn,
    exclude_rater,
    find_previous_turn,
    include_rater,
    open_campaign,
    save_answers,
    skip_task,
    suggest_class,
)
from reassess.annotation.store.given_answers import save_answers_and_begin_next_turn
from reassess.annotation.store.schema import questions
from reassess.annotation.store.transactions import open_transaction
from reassess.core import StopRule
from reassess.errors import DataError
from tests.annotation.campaigns import CLASSES, NOW, YES, campaign_at, raters_of, waiting
from tests.annotation.invariants import Stored, check, check_end
from tests.annotation.random_campaign import Simulation

_RATERS = 4
_TURNS = 25


def rate(address: str | Path, rater: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Let raters rate; return acknowledged answers. Some answers are sent twice, and some raters are excluded."""
    campaign, chance = open_campaign(address), random.Random(rater)
    acknowledged: dict[tuple[int, int], tuple[int, int]] = {}
    for _ in range(_TURNS):
        turn = begin_next_turn(campaign, rater, time.time())
        if not isinstance(turn, Turn):
            time.sleep(0.02)
            continue
        rows = turn.questions if chance.random() < 0.8 else turn.questions[:1]
        new_answers = [GivenAnswer(row.question_id, chance.randrange(3)) for row in rows if row.answer is None]
        for _ in range(chance.choice([1, 1, 2])):
            save = chance.choice([save_answers, save_answers_and_begin_next_turn])
            save(campaign, rater, new_answers, time.time())
        for answer in new_answers:
            acknowledged.setdefault((rater, answer.question_id), (0, answer.answer))
        if chance.random() < 0.2:
            with suppress(DataError):  # the rater is excluded
                suggest_class(campaign, rater, turn.task_id, chance.randrange(len(CLASSES.names)), time.time())
        if chance.random() < 0.2 and (undone := find_previous_turn(campaign, rater)) is not None:
            revise(campaign, rater, undone, chance, acknowledged)
        if chance.random() < 0.1:
            skip_task(campaign, rater, turn.task_id, time.time())
        if chance.random() < 0.1:
            change = chance.choice([exclude_rater, include_rater, include_rater])
            change(campaign, chance.choice(raters_of(_RATERS)), time.time())
    campaign.close()
    return acknowledged


def revise(campaign: Campaign, person: int, turn: Turn, chance: random.Random, acknowledged: dict[Any, Any]) -> None:
    """Let a person change answers."""
    new_answers = [GivenAnswer(row.question_id, chance.randrange(3), revision=row.revision) for row in turn.questions]
    save_answers(campaign, person, new_answers, time.time())
    acknowledged |= {(person, answer.question_id): (answer.revision, answer.answer) for answer in new_answers}


def answer_as_expert(address: str | Path, expert: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Let an expert answer golden questions and change answers, so that truths change while raters work."""
    campaign, chance = open_campaign(address), random.Random(expert)
    acknowledged: dict[tuple[int, int], tuple[int, int]] = {}
    turns = []
    while isinstance(turn := begin_next_turn(campaign, expert, time.time()), Turn):
        turns.append(turn)
        revise(campaign, expert, turn, chance, acknowledged)
    for again in range(1, _TURNS):
        chosen_turn = chance.choice(turns)
        revise(
            campaign,
            expert,
            replace(chosen_turn, questions=[replace(row, revision=again) for row in chosen_turn.questions]),
            chance,
            acknowledged,
        )
    campaign.close()
    return acknowledged


@pytest.mark.parametrize("where", ["server", "file"])
def test_racing_processes_keep_invariants(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue("database") if where == "server" else tmp_path / "campaign.db"
    sizes = tuple(random.Random(0).randint(1, 5) for _ in range(40))
    campaign = campaign_at(
        address,
        sizes,
        _RATERS,
        votes_per_question=3,
        stop_rule=StopRule(0.05, 0.95),
        golden_share=0.1,
        lease_seconds=60.0,
    )
    expert = add_person(campaign, "kim", "expert")
    with multiprocessing.get_context("spawn").Pool(_RATERS + 1) as pool:
        judging = pool.apply_async(answer_as_expert, (address, expert))
        results = [*pool.starmap(rate, [(address, rater) for rater in raters_of(_RATERS)]), judging.get()]
    acknowledged = {key: answer for result in results for key, answer in result.items()}
    check(Stored.of(campaign), acknowledged)
    simulation = Simulation(address, random.Random(0), campaign, raters_of(_RATERS), [1, expert], now=time.time())
    simulation.finish()
    check(Stored.of(campaign), acknowledged)
    check_end(Stored.of(campaign), simulation.at_work)
    campaign.close()


def test_answers_that_waited_for_another_transaction_see_its_changes(database: str) -> None:
    campaign = campaign_at(database, (2,), raters=1, votes_per_question=2, golden_share=0)
    turn = begin_next_turn(campaign, 2, NOW)
    answers = [GivenAnswer(row.question_id, YES) for row in turn.questions]
    with ThreadPoolExecutor(1) as pool:
        with open_transaction(campaign) as other:
            other.lock_tasks([turn.task_id])
            saving = pool.submit(save_answers, campaign, 2, answers, NOW)
            waiting(campaign, 1)
            is_first = questions.c.id == answers[0].question_id
            other.connection.execute(update(questions).where(is_first).values(ended="votes"))
        saving.result()
    counted = {row.question: row.counted for row in Stored.of(campaign).answers if row.person == 2}
    assert counted == {answers[0].question_id: False, answers[1].question_id: True}
    campaign.close()
