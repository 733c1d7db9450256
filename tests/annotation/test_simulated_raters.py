"""Simulated raters work through the pages' own requests, over lost connections and a server that is killed."""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pytest
from reassess.annotation.simulated_raters import AT_RANDOM, CAREFUL, SimulatedRater, rate
from sqlalchemy import select

from reassess.annotation.assignment import Rules
from reassess.annotation.simulation import truth_of_campaign
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import answers, images, questions, tasks
from reassess.annotation.store.shown_items import image_addresses
from reassess.core.labels import LabelSets
from tests.annotation.app.serving import Server
from tests.annotation.app.sites import CLASSES, make_site
from tests.helpers import message

_KILLS = int(os.environ.get("REASSESS_KILLS", "5"))
_RATERS = tuple(f"rater {number}" for number in range(8))


def kept(campaign: Campaign) -> list[tuple[int, str, int, int]]:
    """Of each answer that is kept: rater, address of the image, class and answer."""
    found = select(answers.c.person, images.c.address, questions.c.class_id, answers.c.answer).select_from(answers)
    found = found.join(questions, questions.c.id == answers.c.question).join(tasks, tasks.c.id == questions.c.task)
    with reading(campaign.engine) as connection:
        return [tuple(row) for row in connection.execute(found.join(images, images.c.id == tasks.c.image))]


def of_raters(campaign: Campaign, ids: dict[str, int], names: tuple[str, ...]) -> list[tuple[int, str, int, int]]:
    """Of each kept answer of a rater: the place of the rater among the names, and the rest."""
    place = {ids[name]: number for number, name in enumerate(names)}
    return [(place[person], *rest) for person, *rest in kept(campaign) if person in place]


def test_every_answer_is_kept_once_and_is_what_the_rater_says(tmp_path: Path) -> None:
    site = make_site(tmp_path, sizes=(4, 3, 5, 2), raters=_RATERS[:3], rules=Rules(per_question=3))
    server = Server(tmp_path)
    server.start()
    truth, raters = truth_of_campaign(site.campaign), [SimulatedRater(drop=0.5), SimulatedRater(AT_RANDOM)] * 2
    result = rate(server.address, [site.tokens[name] for name in _RATERS[:3]], raters[:3], truth, seed=7)
    server.stop()
    said = of_raters(site.campaign, site.ids, _RATERS[:3])
    assert result.answers == len(said) == len({row[:3] for row in said})
    assert result.lost > 0
    assert result.statuses.keys() == {200}
    for number, address, class_id, answer in said:
        own = Random(f"7 {number} {address} {class_id}")
        assert answer == raters[number].answer(truth(address, class_id), own)
    with reading(site.campaign.engine) as connection:
        counted = Counter(connection.scalars(select(answers.c.question).where(answers.c.counted)))
    assert set(counted.values()) == {3}


def test_of_a_server_that_is_killed_every_answer_that_was_acknowledged_is_there_once(tmp_path: Path) -> None:
    """It is killed after every hundred answers or so, which is while raters work, however fast they are."""
    site = make_site(
        tmp_path, sizes=(4,) * 6 * _KILLS, raters=_RATERS, rules=Rules(per_question=8, golden_share=0, lease=5.0)
    )
    server = Server(tmp_path)
    server.start()
    tokens, chance = [site.tokens[name] for name in _RATERS], Random(0)
    raters = [SimulatedRater(think=0.02, drop=0.05)] * len(_RATERS)
    acknowledged: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(
            *(rate, server.address, tokens, raters, lambda *_: True),
            seconds=60.0 * _KILLS,
            progress=acknowledged.append,
        )
        for kill in range(_KILLS):
            while sum(acknowledged) < 180 * kill + chance.randint(20, 160) and not working.done():
                time.sleep(0.01)
            server.kill()
            server.start()
        result = working.result()
    server.stop()
    said = of_raters(site.campaign, site.ids, _RATERS)
    assert result.answers == len(said) == len({row[:3] for row in said})
    assert result.answers == 6 * _KILLS * 4 * 8
    assert result.statuses.keys() == {200}


def test_labels_say_what_is_true(tmp_path: Path) -> None:
    site = make_site(tmp_path, sizes=(3, 2))
    names = tuple(image_addresses(site.campaign).values())
    labels = LabelSets(names, np.arange(len(names) + 1), np.full(len(names), 2), CLASSES)
    truth = truth_of_campaign(site.campaign, labels)
    assert {truth(address, class_id) for address in image_addresses(site.campaign) for class_id in (0, 1)} == {False}
    assert {truth(address, 2) for address in image_addresses(site.campaign)} == {True}
    few = LabelSets(names[:1], np.arange(2), np.array([2]), CLASSES)
    assert message(truth_of_campaign, site.campaign, few) == (
        f"image of the campaign is not in the labels\n  found:   {names[1]}\n  fix:     give the labels of all images"
    )


def test_without_labels_golden_questions_are_as_experts_say_and_others_as_often_valid(tmp_path: Path) -> None:
    site = make_site(tmp_path, sizes=(6,) * 200)
    truth = truth_of_campaign(site.campaign, seed=3)
    again = truth_of_campaign(site.campaign, seed=3)
    main = [address for address, name in image_addresses(site.campaign).items() if name.startswith("main")]
    said = [truth(address, class_id) for address in main for class_id in range(6)]
    assert said == [again(address, class_id) for address in main for class_id in range(6)]
    assert 0.4 < np.mean(said) < 0.6


@pytest.mark.parametrize("matrix", [((1, 0, 0),), ((0.5, 0.5, 0.5), (0, 0, 1)), ((-1, 1, 1), (0, 0, 1))])
def test_a_matrix_that_is_none_is_refused(matrix: tuple[tuple[float, ...], ...]) -> None:
    assert message(SimulatedRater, matrix).startswith("not a confusion matrix of a rater\n  allowed: 2 rows")


def test_wrong_numbers_and_links_are_refused(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    server = Server(tmp_path)
    server.start()
    assert message(rate, server.address, [], [SimulatedRater(CAREFUL)], lambda *_: True) == (
        "number of links differs from the number of raters\n  allowed: 1\n  found:   0"
    )
    refused = message(rate, server.address, ["none"], [SimulatedRater()], lambda *_: True)
    assert refused.startswith(f"server rejects a sign-in link\n  where:   {server.address}\n")
    server.stop()
    away = message(rate, server.address, [site.tokens["ann"]], [SimulatedRater()], lambda *_: True)
    assert away.startswith(f"server is not reachable\n  where:   {server.address}\n")
    assert message(SimulatedRater, drop=1.0).startswith("probability of a lost connection out of range")
    assert message(SimulatedRater, think=-1.0).startswith("seconds of think time out of range")
