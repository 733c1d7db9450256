"""Small campaigns, and raters who are driven by one seed."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import numpy as np
from sqlalchemy import event, select, text

from reassess.annotation.assignment import Rules
from reassess.annotation.plan import CampaignPlan
from reassess.annotation.store.campaigns import Campaign, open_campaign
from reassess.annotation.store.creation import create_campaign
from reassess.annotation.store.database import reading
from reassess.annotation.store.people import add_person
from reassess.annotation.store.schema import (
    ASKED,
    EXPERT,
    MAIN,
    SUGGESTED,
    UNFIT,
    WITHDRAWN,
    answers,
    cursors,
    golden_counts,
    people,
    questions,
    tasks,
    turns,
)
from reassess.annotation.store.schema import campaign as settings
from reassess.annotation.store.suggestions import suggest
from reassess.annotation.store.turns import Nothing, Turn, last_turn, next_turn
from reassess.annotation.store.votes import GivenAnswer, cannot_judge, keep_answers, restore_rater, void_rater
from reassess.core.classes import Classes
from reassess.core.questions import Questions
from reassess.core.stop_rule import StopRule
from reassess.core.tasks import Tasks
from reassess.core.votes import Votes
from tests.helpers import WORDS

CLASSES = Classes(6, names=tuple("abcdef"))


def tasks_of(*sizes: int, prefix: str = "m") -> Tasks:
    """Tasks with so many classes, each on an image of its own."""
    images = [f"{prefix}{task}.png" for task, size in enumerate(sizes) for _ in range(size)]
    class_ids = np.array([class_id for size in sizes for class_id in range(size)])
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    return Tasks(
        Questions.from_columns(images, class_ids, CLASSES), indptr, np.arange(len(sizes)), ["all"] * len(sizes)
    )


def golden_of(*sizes: int) -> tuple[Tasks, Votes]:
    """Golden tasks, of which every other question is valid, and one expert."""
    tasks = tasks_of(*sizes, prefix="g")
    count = len(tasks.questions)
    answers = np.where(np.arange(count) % 2, 2, 0)
    experts = Votes.from_columns(tasks.questions, np.arange(count), np.zeros(count, int), answers, ("eve",), WORDS)
    return tasks, experts


def campaign_at(address: str | Path, sizes: tuple[int, ...], raters: int, **rules: Any) -> Campaign:
    """A campaign with golden tasks, and raters of the numbers 2, 3 and so on; 1 is the expert."""
    golden, experts = golden_of(2, 3)
    plan = CampaignPlan(tasks_of(*sizes), rules=Rules(**rules), golden_tasks=golden, experts=experts)
    create_campaign(address, plan)
    campaign = open_campaign(address)
    for number in raters_of(raters):
        assert add_person(campaign, f"rater {number}") == number
    return campaign


def raters_of(count: int) -> list[int]:
    """Their numbers."""
    return list(range(2, count + 2))


def vote_on_all(campaign: Campaign, *, raters: int, now: float = 1e9, seconds: float = 2.0) -> None:
    """Let raters say yes to questions on class 1, and no to others, until nothing is left for them."""
    for rater in raters_of(raters):
        while isinstance(turn := next_turn(campaign, rater, now), Turn):
            given = [GivenAnswer(row.question, 2 * (row.class_id == 1), seconds) for row in turn.rows]
            keep_answers(campaign, rater, given, now)


def waiting(campaign: Campaign, count: int) -> None:
    """Wait until so many transactions wait for a lock."""
    is_blocked = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(1000):
        with reading(campaign.engine, once=True) as connection:
            if connection.scalar(is_blocked) >= count:
                return
        sleep(0.01)
    raise AssertionError


class KilledError(Exception):
    """The server is killed in the middle of a transaction."""


@dataclass
class Simulation:
    """Raters, the clock, retries, crashes and restarts, all by one seed.

    A rater keeps the answers that were not acknowledged, and sends them again. What was acknowledged is noted.
    """

    address: str | Path
    random: Random
    campaign: Campaign
    raters: list[int]
    now: float = 1e9
    # Revision and answer, by rater and question.
    acknowledged: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    voided: set[int] = field(default_factory=set)
    waiting: dict[int, list[GivenAnswer]] = field(default_factory=dict)
    shown: dict[int, list[Turn]] = field(default_factory=dict)

    @classmethod
    def begun(cls, address: str | Path, seed: int) -> "Simulation":
        """A simulation of a campaign that depends on nothing but the seed."""
        random = Random(seed)
        sizes = tuple(random.randint(1, 5) for _ in range(random.randint(3, 12)))
        raters = random.randint(2, 7)
        stop = None if random.random() < 0.3 else StopRule(0.1, 0.9)
        rules = {"votes": random.randint(1, raters), "stop": stop, "golden_rate": 0.2, "lease": 60.0, "seed": seed}
        campaign = campaign_at(address, sizes, raters, **rules)
        return cls(address, random, campaign, raters_of(raters))

    def step(self) -> None:
        """One thing happens."""
        self.now += self.random.expovariate(1 / 3)
        happens = self.random.choices(_EVENTS, _WEIGHTS)[0]
        happens(self, self.random.choice(self.raters))

    def ask(self, rater: int) -> None:
        """A rater's page asks for what is next, and the response may be lost."""
        shown = self.shown.setdefault(rater, [])
        turn = next_turn(self.campaign, rater, self.now, held=[turn.task for turn in shown])
        if isinstance(turn, Turn) and self.random.random() < 0.9:
            shown.append(turn)

    def undo(self, rater: int) -> None:
        """A rater goes back to their last task, and changes what they said."""
        turn = last_turn(self.campaign, rater)
        if turn is not None:
            self.shown.setdefault(rater, []).insert(0, turn)

    def suggest(self, rater: int) -> None:
        """A rater sees something else in a picture."""
        if (shown := self.shown.get(rater)) and rater not in self.voided:
            suggest(self.campaign, rater, shown[0].task, self.random.randrange(len(CLASSES.names)), self.now)

    def answer(self, rater: int) -> None:
        """A rater answers some rows, which wait to be sent."""
        if shown := self.shown.get(rater):
            rows = shown[0].rows
            some = rows if self.random.random() < 0.7 else rows[: self.random.randint(0, len(rows))]
            given = [GivenAnswer(row.question, self.random.randrange(3), revision=row.revision) for row in some]
            self.waiting.setdefault(rater, []).extend(given)
            if some == rows:
                shown.pop(0)

    def send(self, rater: int) -> None:
        """The outbox is sent: it is acknowledged, or the response is lost, or the server is killed meanwhile."""
        if not (waiting := self.waiting.get(rater)):
            return
        given = waiting[: self.random.randint(1, len(waiting))] * self.random.choice([1, 1, 1, 2])
        try:
            with self.killed_at(self.random.randint(1, 40) if self.random.random() < 0.2 else None):
                keep_answers(self.campaign, rater, given, self.now)
        except KilledError:
            self.restart(rater)
            return
        if self.random.random() < 0.8:
            for one in given:
                own = rater, one.question
                before = self.acknowledged.get(own)
                if before is None or before[0] < one.revision:
                    self.acknowledged[own] = one.revision, one.answer
            self.waiting[rater] = [one for one in waiting if one not in given]

    @contextmanager
    def killed_at(self, statement: int | None) -> Iterator[None]:
        """Kill the server before the statement of a number, if the block has so many."""
        left = [statement]

        def count(*_: Any) -> None:
            if left[0] is not None:
                left[0] -= 1
                if left[0] == 0:
                    raise KilledError

        event.listen(self.campaign.engine, "before_cursor_execute", count)
        try:
            yield
        finally:
            event.remove(self.campaign.engine, "before_cursor_execute", count)

    def restart(self, _: int) -> None:
        """The server is started anew."""
        self.campaign.close()
        self.campaign = open_campaign(self.address)

    def reload(self, rater: int) -> None:
        """A rater closes the page, and loses what is on it, but not what waits to be sent."""
        self.shown[rater] = []

    def refuse(self, rater: int) -> None:
        """A rater cannot judge a picture."""
        if shown := self.shown.get(rater):
            cannot_judge(self.campaign, rater, shown.pop(0).task, self.now)

    def jump(self, _: int) -> None:
        """The clock jumps, forwards or back."""
        self.now += self.random.choice([70.0, 1000.0, -30.0, -5000.0])

    def judge(self, rater: int) -> None:
        """The keeper voids a rater, or restores them."""
        change, other = (restore_rater, self.voided.discard) if rater in self.voided else (void_rater, self.voided.add)
        change(self.campaign, rater, self.now)
        other(rater)

    def finish(self) -> None:
        """All raters work until nothing is left for them."""
        self.now += 10_000
        idle = 0
        while idle < len(self.raters):
            idle = 0
            for rater in self.raters:
                self.waiting[rater] = []
                self.shown[rater] = []
                turn = next_turn(self.campaign, rater, self.now)
                if isinstance(turn, Nothing):
                    idle += 1
                    continue
                left = [row for row in turn.rows if row.answer is None]
                given = [GivenAnswer(row.question, self.random.randrange(3)) for row in left]
                keep_answers(self.campaign, rater, given, self.now)

    def check(self) -> None:
        """What must always be so."""
        votes = self.campaign.rules.votes
        with reading(self.campaign.engine) as connection:
            said = connection.execute(select(answers)).all()
            asked = {row.id: row for row in connection.execute(select(questions))}
            turned = connection.execute(select(turns)).all()
            places = connection.execute(select(tasks)).all()
            golden = connection.execute(select(golden_counts).where(golden_counts.c.n > 0)).all()
            truths = connection.execute(select(settings.c.golden_invalid, settings.c.golden_valid)).one()
            experts = set(connection.scalars(select(people.c.id).where(people.c.role == EXPERT)))
        assert all(turn.shown for turn in turned if turn.state == ASKED)
        unfit = {(turn.person, turn.task) for turn in turned if turn.state == UNFIT}
        assert not [row for row in said if row.counted and (row.person, asked[row.question].task) in unfit]
        known = Counter(
            (row.person, asked[row.question].truth, row.answer)
            for row in said
            if asked[row.question].truth is not None
            and row.person not in experts
            and (row.person, asked[row.question].task) not in unfit
        )
        assert {(row.person, row.truth, row.answer): row.n for row in golden} == known
        of_truth = Counter(row.truth for row in asked.values() if row.truth is not None)
        assert tuple(truths) == (of_truth[0], of_truth[1])
        kept = {(row.person, row.question): (row.revision, row.answer) for row in said}
        assert len(kept) == len(said)
        for own, (revision, answer) in self.acknowledged.items():
            assert kept[own] == (revision, answer) or kept[own][0] > revision  # changed, and the response was lost
        counted = Counter(row.question for row in said if row.counted)
        standing = Counter(
            row.question
            for row in said
            if row.person not in self.voided and (row.person, asked[row.question].task) not in unfit
        )
        assert not [row for row in said if row.counted and (row.person in self.voided or asked[row.question].golden)]
        held = Counter(
            question
            for turn in turned
            if turn.state == ASKED
            for question in turn.shown
            if (turn.person, question) not in kept and not asked[question].golden
        )
        rules = self.campaign.rules
        free: dict[int, int] = {}
        for row in asked.values():
            assert row.votes == counted[row.id] <= votes
            assert row.reserved == held[row.id]
            assert not (row.golden and row.ended)
            assert row.ended != WITHDRAWN or not row.votes + row.reserved
            assert (row.ended == "votes") <= (row.votes == votes)
            assert (row.ended is None) <= (row.votes < votes)
            if row.ended is None and not row.golden:
                assert row.votes == standing[row.id]  # none is left out until there are enough
                places_left = rules.free(row.votes, row.reserved)
                free[row.task] = min(free.get(row.task, places_left), places_left)
        assert all(task.free == free.get(task.id, 0) for task in places)

    def check_cursors(self) -> None:
        """No rater has passed a task that they can be shown, since no two transactions are at work at a time."""
        with reading(self.campaign.engine) as connection:
            passed = {row.person: row.position for row in connection.execute(select(cursors))}
            had = {(row.person, row.task) for row in connection.execute(select(turns).where(turns.c.state.in_(_HAD)))}
            kept = {(row.person, row.question) for row in connection.execute(select(answers))}
            found = select(questions.c.id, questions.c.task, tasks.c.position).join(
                tasks, tasks.c.id == questions.c.task
            )
            is_free = tasks.c.kind == MAIN, tasks.c.free > 0, questions.c.ended.is_(None)
            for row in connection.execute(found.where(*is_free)):
                for rater in set(self.raters) - self.voided:
                    is_asked = (rater, row.id) in kept or (rater, row.task) in had
                    assert is_asked or row.position >= passed[rater]

    def check_end(self) -> None:
        """Each question has votes enough, or had every rater."""
        self.check()
        with reading(self.campaign.engine) as connection:
            is_open = questions.c.ended.is_(None), ~questions.c.golden
            left = connection.execute(select(questions).where(*is_open)).all()
            had = {(row.person, row.task) for row in connection.execute(select(turns).where(turns.c.state.in_(_HAD)))}
            kept = {(row.person, row.question) for row in connection.execute(select(answers))}
        for row in left:
            for rater in set(self.raters) - self.voided:
                assert (rater, row.task) in had or (rater, row.id) in kept


_HAD = (ASKED, UNFIT, SUGGESTED)  # turns after which nothing of the task is asked again
_EVENTS = (
    *(Simulation.ask, Simulation.answer, Simulation.send, Simulation.reload, Simulation.restart),
    *(Simulation.refuse, Simulation.jump, Simulation.judge, Simulation.undo, Simulation.suggest),
)
_WEIGHTS = (30, 30, 30, 3, 2, 2, 2, 1, 4, 1)
