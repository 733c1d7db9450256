"""Simulated pages rate, with lost connections and a server that is killed."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from sqlalchemy import select

from benchmarks.annotation_load import LoadRater, rate
from reassess.annotation import Campaign, Rules
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import answers, images, questions, tasks
from tests.annotation.app.serving import Server
from tests.annotation.app.sites import make_site

_KILLS = int(os.environ.get("REASSESS_KILLS", "3"))
_RATERS = tuple(f"rater {number}" for number in range(8))


def saved(campaign: Campaign, ids: dict[str, int], names: tuple[str, ...]) -> list[tuple[int, str, int, int]]:
    """Read the saved answers: position of the rater's name, address of the image, class and answer."""
    place = {ids[name]: number for number, name in enumerate(names)}
    found = select(answers.c.person, images.c.address, questions.c.class_id, answers.c.answer).select_from(answers)
    found = found.join(questions, questions.c.id == answers.c.question).join(tasks, tasks.c.id == questions.c.task)
    with connect_for_reading(campaign.engine) as connection:
        rows = connection.execute(found.join(images, images.c.id == tasks.c.image)).all()
    return [(place[person], *rest) for person, *rest in rows if person in place]


def test_acknowledged_answers_survive_kills(tmp_path: Path) -> None:
    """The server is killed after about every hundred answers, while raters work."""
    rules = Rules(votes_per_question=8, golden_share=0, lease_seconds=5.0)
    site = make_site(tmp_path, sizes=(4,) * 6 * _KILLS, raters=_RATERS, rules=rules)
    server = Server(tmp_path)
    server.start()
    tokens, chance = [site.tokens[name] for name in _RATERS], Random(0)
    raters = [LoadRater(think=0.02, drop=0.05)] * len(_RATERS)
    acknowledged: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(
            *(rate, server.address, tokens, raters, lambda *_: True),
            seconds=60.0 * _KILLS,
            acknowledge=lambda _, saved: acknowledged.append(len(saved)),
        )
        for kill in range(_KILLS):
            while sum(acknowledged) < 180 * kill + chance.randint(20, 160) and not working.done():
                time.sleep(0.01)
            server.kill()
            server.start()
        result = working.result()
    server.stop()
    found = saved(site.campaign, site.ids, _RATERS)
    assert result.answers == len(found) == len({row[:3] for row in found}) == 6 * _KILLS * 4 * 8
    assert result.statuses.keys() == {200}
