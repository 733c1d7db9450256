"""The progress of one person, for their own page.

It reveals nothing about golden questions. The number of images left falls by one after each image, golden or not.
Answers are compared with the experts' answers only in practice. With any other comparison, a rater could change an
answer, look again, and see whether the question is golden.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, distinct, exists, func, or_, select

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import (
    RaterStage,
    Role,
    TaskKind,
    TurnState,
    answers,
    cursors,
    people,
    questions,
    tasks,
    turns,
)

_N_RECENT_TURNS = 30  # latest tasks of a rater, which measure the pace
_MIN_TURNS = 3  # answered tasks needed to measure a pace
_MAX_SECONDS = 120.0  # per answer; longer times, such as breaks, count as this


@dataclass(frozen=True)
class OwnProgress:
    """What a person has done, and how many images are left for them."""

    n_finished_images: int  # images that they answered or skipped
    n_images_left: (
        int  # images left, at most, including images on their page; other raters may answer some of them first
    )
    seconds_per_image: float | None  # at the recent pace; None for fewer than three images
    n_answers: int
    total_seconds: float | None  # of all answers, without breaks; None if unknown
    practice_score: float  # number of practice answers that agree with the experts; maybe counts as half an answer
    n_practice_answers: int

    def to_json(self) -> dict[str, Any]:
        """Return the progress as a dict for JSON output."""
        return {
            "done": self.n_finished_images,
            "left": self.n_images_left,
            "pace": self.seconds_per_image,
            "answers": self.n_answers,
            "seconds": self.total_seconds,
            "agreed": self.practice_score,
            "practised": self.n_practice_answers,
        }


def measure_own_progress(campaign: Campaign, person_id: int) -> OwnProgress:
    """Measure the progress of one person, without revealing golden questions."""
    with connect_for_reading(campaign.engine) as connection:
        row = connection.execute(_SELECT_PERSON, {"person_id": person_id}).one()
        states = {state.state: state.n for state in connection.execute(_SELECT_STATE_COUNTS, {"person_id": person_id})}
        counts = connection.execute(
            _SELECT_ANSWER_COUNTS, {"person_id": person_id, "recent": row.turns - _N_RECENT_TURNS}
        ).one()
        turns_left = _count_tasks_left(connection, campaign, row)
        practice = connection.execute(_SELECT_PRACTICE_COUNTS, {"person_id": person_id}).one()
    return OwnProgress(
        n_finished_images=states.get(TurnState.DONE, 0) + states.get(TurnState.SKIPPED, 0),
        n_images_left=states.get(TurnState.ASKED, 0) + states.get(TurnState.EXPIRED, 0) + turns_left,
        seconds_per_image=counts.recent_seconds / counts.recent_turns if counts.recent_turns >= _MIN_TURNS else None,
        n_answers=counts.answers,
        total_seconds=counts.seconds,
        practice_score=practice.agreed or 0.0,
        n_practice_answers=practice.practised,
    )


def _count_tasks_left(connection: Connection, campaign: Campaign, person: Row[Any]) -> int:
    """Count the tasks that a person can still get."""
    if person.excluded or person.stage == RaterStage.FAILED:
        return 0
    free = {row.kind: row.n for row in connection.execute(_SELECT_FREE_COUNTS, {"person_id": person.id})}
    if person.role == Role.EXPERT:
        return connection.scalar(_COUNT_UNANSWERED, {"person_id": person.id}) or 0
    practice = free.get(TaskKind.PRACTICE, 0) if person.stage == RaterStage.PRACTICE else 0
    main, golden, draw = free.get(TaskKind.MAIN, 0), free.get(TaskKind.GOLDEN, 0), person.draws + practice
    turns_left = practice
    while main and golden:
        if campaign.rules.is_golden_task(person.id, draw):
            golden -= 1
        else:
            main -= 1
        draw += 1
        turns_left += 1
    return turns_left + int(main)


_SELECT_PERSON = (
    select(people.c.id, people.c.role, people.c.stage, people.c.excluded, cursors.c.turns, cursors.c.draws)
    .join(cursors)
    .where(people.c.id == bindparam("person_id"))
)
_IS_OWN = turns.c.person == bindparam("person_id")
_SELECT_STATE_COUNTS = select(turns.c.state, func.count().label("n")).where(_IS_OWN).group_by(turns.c.state)
_LIMITED_SECONDS = case((answers.c.seconds > _MAX_SECONDS, _MAX_SECONDS), else_=answers.c.seconds)
_IS_RECENT = and_(turns.c.number >= bindparam("recent"), answers.c.seconds.is_not(None))
_SELECT_ANSWER_COUNTS = (
    select(
        func.count().label("answers"),
        func.sum(_LIMITED_SECONDS).label("seconds"),
        func.sum(case((_IS_RECENT, _LIMITED_SECONDS))).label("recent_seconds"),
        func.count(distinct(case((_IS_RECENT, turns.c.task)))).label("recent_turns"),
    )
    .select_from(turns.join(questions, questions.c.task == turns.c.task))
    .join(answers, and_(answers.c.question == questions.c.id, answers.c.person == turns.c.person))
    .where(_IS_OWN)
)
# Answers in practice tasks whose truths the person has seen.
_SELECT_PRACTICE_COUNTS = (
    select(
        func.sum(case((answers.c.answer == 2 * questions.c.truth, 1.0), (answers.c.answer == 1, 0.5), else_=0.0)).label(
            "agreed"
        ),
        func.count().label("practised"),
    )
    .select_from(turns.join(tasks).join(questions).join(people))
    .join(answers, and_(answers.c.question == questions.c.id, answers.c.person == turns.c.person))
    .where(_IS_OWN, turns.c.state == TurnState.DONE, tasks.c.kind == TaskKind.PRACTICE, people.c.role == Role.RATER)
    .where(questions.c.truth.is_not(None))
)
# Tasks that the person has not had, and can get.
_HAS_HAD = exists().where(_IS_OWN, turns.c.task == tasks.c.id, turns.c.state != TurnState.EXCLUDED)
_IS_KNOWN = exists().where(questions.c.task == tasks.c.id, questions.c.truth.is_not(None))
_SELECT_FREE_COUNTS = (
    select(tasks.c.kind, func.count().label("n"))
    .where(~_HAS_HAD, or_(tasks.c.free > 0, and_(tasks.c.kind != TaskKind.MAIN, _IS_KNOWN)))
    .group_by(tasks.c.kind)
)
_IS_ANSWERED = exists().where(answers.c.question == questions.c.id, answers.c.person == bindparam("person_id"))
_COUNT_UNANSWERED = select(func.count()).where(
    tasks.c.kind != TaskKind.MAIN, ~_HAS_HAD, exists().where(questions.c.task == tasks.c.id, ~_IS_ANSWERED)
)
