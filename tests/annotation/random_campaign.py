"""A random campaign: everything that happens depends on one seed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from sqlalchemy import event, select

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    Rules,
    Turn,
    add_person,
    admit_rater,
    begin_next_turn,
    create_campaign,
    create_sign_in_token,
    delete_person,
    exclude_rater,
    find_previous_turn,
    include_rater,
    list_people,
    open_campaign,
    pause,
    resume,
    save_answers,
    skip_task,
    suggest_class,
)
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.excluding import finish_recounting
from reassess.annotation.store.given_answers import save_answers_and_begin_next_turn
from reassess.annotation.store.schema import RaterStage, Role, TaskKind, TurnState, questions, tasks, turns
from reassess.annotation.store.turns import NoTaskReason
from reassess.core import LabelSets, StopRule
from reassess.errors import DataError
from tests.annotation import invariants
from tests.annotation.campaigns import CLASSES, golden_of, tasks_of
from tests.annotation.invariants import Stored

_KILLED = 1 / 300  # number of statements until the server is killed


class KilledError(Exception):
    """The simulated kill of the server in the middle of a transaction."""


def plan_by(random: Random) -> CampaignPlan:
    """Make a random plan: with or without imported experts, unanswered golden questions, and practice."""
    sizes = tuple(random.randint(1, 5) for _ in range(random.randint(3, 12)))
    unanswered = tuple(random.randint(1, 4) for _ in range(random.randint(0, 2)))
    is_answered = random.random() < 0.7
    tasks, golden = tasks_of(*sizes), tasks_of(2, 3, *unanswered, prefix="g")
    images = tuple(dict.fromkeys((*tasks.questions.images, *golden.questions.images)))
    labels = np.array([random.randrange(CLASSES.count) for _ in images])
    rules = Rules(
        votes_per_question=random.randint(1, 7),
        stop_rule=None if random.random() < 0.3 else StopRule(0.1, 0.9),
        golden_share=0.2,
        lease_seconds=60.0,
        seed=random.randrange(1 << 32),
    )
    return CampaignPlan(
        tasks,
        rules=rules,
        golden_tasks=golden,
        expert_votes=golden_of(2, 3)[1] if is_answered else None,
        min_experts=random.choice([None, 1]) if is_answered else None,
        n_practice_tasks=int(random.random() < 0.5),
        practice_bar=random.choice([None, 0.5]),
        original_labels=LabelSets(images, np.arange(len(images) + 1), labels, CLASSES),
        has_original_votes=random.random() < 0.5,
    )


@dataclass
class Simulation:
    """People, clock, retries, crashes and restarts by one seed.

    Each person keeps unacknowledged answers, and sends them again. Acknowledged answers are recorded.
    """

    address: str | Path
    random: Random
    campaign: Campaign
    raters: list[int]
    experts: list[int] = field(default_factory=list)
    now: float = 1e9
    # Revision and answer, by person and question.
    acknowledged: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    revealed: set[tuple[int, int]] = field(default_factory=set)  # people who know the truth of a question
    final: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # their answers at that time
    excluded: set[int] = field(default_factory=set)
    paused: bool = False
    waiting: dict[int, list[GivenAnswer]] = field(default_factory=dict)
    turns_of: dict[int, list[Turn]] = field(default_factory=dict)

    @classmethod
    def begun(cls, address: str | Path, seed: int) -> "Simulation":
        """Start a simulation that depends only on the seed."""
        random = Random(seed)
        create_campaign(address, plan_by(random))
        campaign = open_campaign(address)
        for number in range(random.randint(0, 2)):
            add_person(campaign, f"expert {number}", Role.EXPERT)
        for number in range(random.randint(2, 7)):
            add_person(campaign, f"rater {number}")
        for person in list_people(campaign):
            if random.random() < 0.8:
                create_sign_in_token(campaign, person.id, 0.0)
        of_role = {
            role: [person.id for person in list_people(campaign) if person.role == role]
            for role in (Role.RATER, Role.EXPERT)
        }
        return cls(address, random, campaign, of_role[Role.RATER], of_role[Role.EXPERT])

    @property
    def at_work(self) -> list[int]:
        """People who can sign in."""
        return [*self.raters, *self.experts]

    def step(self) -> None:
        """Do one random action, or kill the server during it."""
        self.now += self.random.expovariate(1 / 3)
        happens = self.random.choices(_EVENTS, _WEIGHTS)[0]
        try:
            with self.killed_at_times():
                happens(self, self.random.choice(self.at_work))
        except KilledError:
            self.restart(0)
            # They may be saved or not.
            self.excluded = {person.id for person in list_people(self.campaign) if person.is_excluded}

    @contextmanager
    def killed_at_times(self) -> Iterator[None]:
        """Let the server be killed before any statement or commit."""

        def kill(*_: Any) -> None:
            if self.random.random() < _KILLED:
                raise KilledError

        engine = self.campaign.engine
        for moment in ("before_cursor_execute", "commit"):
            event.listen(engine, moment, kill)
        try:
            yield
        finally:
            for moment in ("before_cursor_execute", "commit"):
                event.remove(engine, moment, kill)

    def restart(self, _: int) -> None:
        """Restart the server."""
        self.campaign.close()
        self.campaign = open_campaign(self.address)

    def go_on(self, _: int) -> None:
        """Finish the work of a killed process."""
        finish_recounting(self.campaign)

    def ask(self, person: int) -> None:
        """Request the next task of a person; the response may be lost."""
        turn = begin_next_turn(self.campaign, person, self.now, loaded_task_ids=self._loaded_task_ids(person))
        if self.random.random() < 0.9:
            self._receive(person, turn)

    def _loaded_task_ids(self, person: int) -> list[int]:
        return [turn.task_id for turn in self.turns_of.get(person, [])]

    def _receive(self, person: int, turn: Turn | NoTaskReason) -> None:
        if isinstance(turn, Turn):
            assert not self.paused
            assert person not in self.excluded
            self.turns_of.setdefault(person, []).append(turn)

    def go_back(self, person: int) -> None:
        """Let a person go back to their last task, and change answers."""
        turn = find_previous_turn(self.campaign, person)
        if turn is not None:
            self.turns_of.setdefault(person, []).insert(0, turn)

    def suggest(self, person: int) -> None:
        """Let a person suggest a class."""
        if turns := self.turns_of.get(person):
            with suppress(DataError):  # the campaign is paused, or the rater is excluded
                suggest_class(
                    self.campaign, person, turns[0].task_id, self.random.randrange(len(CLASSES.names)), self.now
                )

    def answer(self, person: int) -> None:
        """Let a person answer some rows, without sending them."""
        if turns := self.turns_of.get(person):
            rows = turns[0].questions
            some = rows if self.random.random() < 0.7 else rows[: self.random.randint(0, len(rows))]
            new_answers = [
                GivenAnswer(row.question_id, self.random.randrange(3), revision=row.revision) for row in some
            ]
            self.waiting.setdefault(person, []).extend(new_answers)
            if some == rows:
                turns.pop(0)

    def send(self, person: int) -> None:
        """Send the outbox, sometimes with a request for the next task; the response may be lost."""
        if not (waiting := self.waiting.get(person)):
            return
        sent = waiting[: self.random.randint(1, len(waiting))] * self.random.choice([1, 1, 1, 2])
        arguments = self.campaign, person, sent, self.now
        turn: Turn | NoTaskReason = "waiting"
        if self.random.random() < 0.5:
            truths = save_answers(*arguments, reveal_truths=self.random.random() < 0.7)
        else:
            loaded = self._loaded_task_ids(person)
            truths, turn = save_answers_and_begin_next_turn(
                *arguments, reveal_truths=self.random.random() < 0.7, loaded_task_ids=loaded
            )
        if self.random.random() < 0.8:
            self._receive(person, turn)
            for answer in sent:
                own = person, answer.question_id
                before = self.acknowledged.get(own)
                if own not in self.revealed and (before is None or before[0] < answer.revision):
                    self.acknowledged[own] = answer.revision, answer.answer
            self.waiting[person] = [answer for answer in waiting if answer not in sent]
        ended = self._ended_practice(person)
        assert truths.keys() <= ended
        self.revealed |= {(person, question) for question in ended}

    def _ended_practice(self, person: int) -> set[int]:
        """Return questions of finished practice tasks, whose answers cannot be changed."""
        own = turns.c.person == person, turns.c.state == TurnState.DONE, tasks.c.kind == TaskKind.PRACTICE
        query = select(questions.c.id).select_from(turns.join(tasks).join(questions)).where(*own)
        with connect_for_reading(self.campaign.engine) as connection:
            return set(connection.scalars(query)) if person in self.raters else set()

    def reload(self, person: int) -> None:
        """Let a person close the page: shown tasks are lost, unsent answers stay."""
        self.turns_of[person] = []

    def skip(self, person: int) -> None:
        """Let a person skip an image."""
        if turns := self.turns_of.get(person):
            skip_task(self.campaign, person, turns.pop(0).task_id, self.now)

    def jump(self, _: int) -> None:
        """Move the clock forwards or back."""
        self.now += self.random.choice([70.0, 1000.0, -30.0, -5000.0])

    def judge(self, person: int) -> None:
        """Exclude a rater, or include them again."""
        if person in self.raters:
            is_excluded = person in self.excluded
            change, then = (include_rater, self.excluded.discard) if is_excluded else (exclude_rater, self.excluded.add)
            change(self.campaign, person, self.now)
            then(person)

    def pause(self, _: int) -> None:
        """Pause the campaign."""
        pause(self.campaign, self.now)
        self.paused = True

    def resume(self, _: int) -> None:
        """Resume the campaign."""
        resume(self.campaign, self.now)
        self.paused = False

    def admit(self, _: int) -> None:
        """Admit raters who have failed or still practise."""
        for person in list_people(self.campaign):
            if person.role == Role.RATER and person.stage in (RaterStage.FAILED, RaterStage.PRACTICE):
                admit_rater(self.campaign, person.id, self.now)

    def delete(self, person: int) -> None:
        """Delete a rater, who can no longer sign in; their unsent answers are lost."""
        if len(self.raters) > 1 and person in self.raters:
            delete_person(self.campaign, person, self.now)
            self.raters.remove(person)

    def finish(self) -> None:
        """Let all people work until no task is left."""
        self.resume(0)
        self.go_on(0)
        self.now += 10_000
        idle = 0
        while idle < len(self.at_work):
            idle = 0
            for person in self.at_work:
                turn = begin_next_turn(self.campaign, person, self.now)
                if not isinstance(turn, Turn):
                    idle += 1
                    continue
                new_answers = [
                    GivenAnswer(row.question_id, self.random.randrange(3), revision=row.revision)
                    for row in turn.questions
                ]
                save_answers(self.campaign, person, new_answers, self.now)

    def check(self) -> None:
        """Check the invariants."""
        state = Stored.of(self.campaign)
        invariants.check(state, self.acknowledged)
        invariants.check_cursors(state, self.raters)
        self._check_owner(state)
        self._check_revealed(state)

    def _check_owner(self, state: Stored) -> None:
        """Check that actions of owners last."""
        assert state.settings.paused == self.paused
        assert {person for person, row in state.people.items() if row.excluded} == self.excluded
        deleted = {person for person, row in state.people.items() if row.name.startswith("deleted ")}
        assert deleted == state.people.keys() - self.at_work

    def _check_revealed(self, state: Stored) -> None:
        """Check that people who know a truth cannot change an answer that measures them."""
        for own in self.revealed:
            answer = state.kept[own]
            current = answer.revision, answer.answer
            assert state.is_skipped(answer) or self.final.setdefault(own, current) == current

    def check_progress(self) -> None:
        """Check the progress for the owner."""
        invariants.check_progress(Stored.of(self.campaign), self.campaign, self.now)

    def check_end(self) -> None:
        """Check the invariants at the end."""
        self.check()
        self.check_progress()
        state = Stored.of(self.campaign)
        invariants.check_end(state, self.at_work)
        invariants.check_export(state, self.campaign)


_EVENTS = (
    *(Simulation.ask, Simulation.answer, Simulation.send, Simulation.reload, Simulation.restart),
    *(Simulation.skip, Simulation.jump, Simulation.judge, Simulation.go_back, Simulation.suggest),
    *(Simulation.pause, Simulation.resume, Simulation.admit, Simulation.delete, Simulation.go_on),
)
_WEIGHTS = (30, 30, 30, 3, 1, 2, 2, 1, 4, 1, 0.3, 1, 0.3, 0.2, 0.2)
