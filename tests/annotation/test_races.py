"""Real processes race for one campaign, on a server and on a file."""

import multiprocessing
import random
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from reassess.annotation.store.campaigns import open_campaign
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import people
from reassess.annotation.store.turns import Nothing, cannot_judge, next_turn
from reassess.annotation.store.votes import GivenAnswer, keep_answers, restore_rater, void_rater
from reassess.core.stop_rule import StopRule
from tests.annotation.campaigns import Simulation, campaign_at, raters_of

_RATERS = 4
_TURNS = 25


def rate(address: str | Path, rater: int) -> dict[tuple[int, int], tuple[int, int]]:
    """What a rater was told is kept, by rater and question; some answers are sent twice, some raters voided."""
    campaign, chance = open_campaign(address), random.Random(rater)
    kept: dict[tuple[int, int], tuple[int, int]] = {}
    for _ in range(_TURNS):
        turn = next_turn(campaign, rater, time.time())
        if isinstance(turn, Nothing):
            time.sleep(0.02)
            continue
        rows = turn.rows if chance.random() < 0.8 else turn.rows[:1]
        given = [GivenAnswer(row.question, chance.randrange(3)) for row in rows if row.answer is None]
        for _ in range(chance.choice([1, 1, 2])):
            keep_answers(campaign, rater, given, time.time())
        for one in given:
            kept.setdefault((rater, one.question), (0, one.answer))
        if chance.random() < 0.1:
            cannot_judge(campaign, rater, turn.task, time.time())
        if chance.random() < 0.1:
            change = chance.choice([void_rater, restore_rater, restore_rater])
            change(campaign, chance.choice(raters_of(_RATERS)), time.time())
    campaign.close()
    return kept


@pytest.mark.parametrize("where", ["server", "file"])
def test_what_must_hold_holds_where_processes_race(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue("database") if where == "server" else tmp_path / "campaign.db"
    sizes = tuple(random.Random(0).randint(1, 5) for _ in range(40))
    campaign = campaign_at(address, sizes, _RATERS, votes=3, stop=StopRule(0.05, 0.95), golden_rate=0.1, lease=60.0)
    with multiprocessing.get_context("spawn").Pool(_RATERS) as pool:
        kept = pool.starmap(rate, [(address, rater) for rater in raters_of(_RATERS)])
    with reading(campaign.engine) as connection:
        voided = set(connection.scalars(select(people.c.id).where(people.c.voided)))
    simulation = Simulation(address, random.Random(0), campaign, raters_of(_RATERS), now=time.time())
    simulation.voided = voided
    for each in kept:
        simulation.acknowledged |= each
    simulation.check()
    simulation.finish()
    simulation.check_end()
    campaign.close()
