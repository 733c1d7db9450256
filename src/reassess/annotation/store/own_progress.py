"""The progress of one person, for their own page.

It reveals nothing about golden questions. The number of images left falls by one after each image, golden or not.
Answers are compared with the experts' answers only in practice. With any other comparison, a rater could change an
answer, look again, and see whether the question is golden.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Any

from sqlalchemy import and_, bindparam, case, distinct, exists, func, or_, select, true

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
from reassess.annotation.store.statements import constant, execute
from reassess.annotation.store.transactions import IS_EXPIRED_AND_OPEN

_N_RECENT_TURNS = 30  # latest tasks of a rater, which measure the pace
_MIN_TURNS = 3  # answered tasks needed to measure a pace
_MAX_SECONDS = 120.0  # per answer; longer times, such as breaks, count as this


@dataclass(frozen=True)
class OwnAnswers:
    """Numbers of a person's answers."""

    n_answers: int
    total_seconds: float | None  # of all answers, without breaks; None if unknown
    practice_score: float  # number of practice answers that agree with the experts; maybe counts as half an answer
    n_practice_answers: int


@dataclass(frozen=True)
class OwnProgress:
    """What a person has done, and how many images are left for them."""

    n_finished_images: int  # images that they answered or skipped
    n_images_left: (
        int  # images left, at most, including images on their page; other raters may answer some of them first
    )
    seconds_per_image: float | None  # at the recent pace; None for fewer than three images
    answers: OwnAnswers | None  # None while images are left: it takes long to read all answers

    def to_json(self) -> dict[str, Any]:
        """Return the progress as a dict for JSON output."""
        document: dict[str, Any] = {"done": self.n_finished_images, "left": self.n_images_left}
        document["pace"] = self.seconds_per_image
        if self.answers is not None:
            document |= {"answers": self.answers.n_answers, "seconds": self.answers.total_seconds}
            document |= {"agreed": self.answers.practice_score, "practised": self.answers.n_practice_answers}
        return document


def measure_own_progress(campaign: Campaign, person_id: int) -> OwnProgress:
    """Measure the progress of one person, without revealing golden questions."""
    with connect_for_reading(campaign.engine, is_single_statement=True) as connection:
        (row,) = execute(connection, (_SELECT_PROGRESS, {"person_id": person_id}))
    n_images_left = row.begun + _count_tasks_left(campaign, row)
    return OwnProgress(
        n_finished_images=row.finished,
        n_images_left=n_images_left,
        seconds_per_image=row.recent_seconds / row.recent_turns if row.recent_turns >= _MIN_TURNS else None,
        answers=None if n_images_left else _count_answers(campaign, person_id),
    )


def _count_answers(campaign: Campaign, person_id: int) -> OwnAnswers:
    with connect_for_reading(campaign.engine, is_single_statement=True) as connection:
        (row,) = execute(connection, (_SELECT_ANSWER_COUNTS, {"person_id": person_id}))
    return OwnAnswers(row.answers, row.seconds, (row.half_agreements or 0) / 2, row.practised)


def _count_tasks_left(campaign: Campaign, row: Any) -> int:
    """Count the tasks that a person can still get."""
    if row.excluded or row.stage == RaterStage.FAILED:
        return 0
    if row.role == Role.EXPERT:
        return int(row.unanswered)
    practice = row.practice if row.stage == RaterStage.PRACTICE else 0
    main, golden, draw = row.main, row.golden, row.draws + practice
    turns_left = practice
    while main and golden:
        if campaign.rules.is_golden_task(row.id, draw):
            golden -= 1
        else:
            main -= 1
        draw += 1
        turns_left += 1
    return int(turns_left + main)


_IS_OWN = turns.c.person == bindparam("person_id")
_IS_FINISHED = turns.c.state.in_([constant(TurnState.DONE), constant(TurnState.SKIPPED)])
_IS_BEGUN = or_(turns.c.state == constant(TurnState.ASKED), IS_EXPIRED_AND_OPEN)
_TURN_COUNTS = select(
    func.count().filter(_IS_FINISHED).label("finished"), func.count().filter(_IS_BEGUN).label("begun")
).where(_IS_OWN)
_LIMITED_SECONDS = case((answers.c.seconds > constant(_MAX_SECONDS), constant(_MAX_SECONDS)), else_=answers.c.seconds)
_IS_RECENT = and_(turns.c.number >= cursors.c.turns - constant(_N_RECENT_TURNS), answers.c.seconds.is_not(None))
_OWN_ANSWERS = and_(answers.c.question == questions.c.id, answers.c.person == turns.c.person)
_SELECT_OWN_ANSWERS = (
    select()
    .select_from(turns.join(cursors, cursors.c.person == turns.c.person))
    .join(questions, questions.c.task == turns.c.task)
    .join(answers, _OWN_ANSWERS)
    .where(_IS_OWN)
)
_RECENT_COUNTS = _SELECT_OWN_ANSWERS.where(_IS_RECENT).add_columns(
    func.sum(_LIMITED_SECONDS).label("recent_seconds"), func.count(distinct(turns.c.task)).label("recent_turns")
)
_ANSWER_COUNTS = _SELECT_OWN_ANSWERS.add_columns(
    func.count().label("answers"), func.sum(_LIMITED_SECONDS).label("seconds")
)
# Answers in practice tasks whose truths the person has seen.
_HALF_AGREEMENTS = case(
    (answers.c.answer == constant(2) * questions.c.truth, constant(2)),
    (answers.c.answer == constant(1), constant(1)),
    else_=constant(0),
)
_PRACTICE_COUNTS = (
    select(func.sum(_HALF_AGREEMENTS).label("half_agreements"), func.count().label("practised"))
    .select_from(turns.join(tasks).join(questions).join(people))
    .join(answers, _OWN_ANSWERS)
    .where(_IS_OWN, turns.c.state == constant(TurnState.DONE), tasks.c.kind == constant(TaskKind.PRACTICE))
    .where(people.c.role == constant(Role.RATER), questions.c.truth.is_not(None))
)
_IS_OWN_AND_NOT_EXCLUDED = and_(_IS_OWN, turns.c.state != constant(TurnState.EXCLUDED))
_HAS_HAD = exists().where(_IS_OWN_AND_NOT_EXCLUDED, turns.c.task == tasks.c.id)
_IS_FREE_MAIN = and_(tasks.c.kind == constant(TaskKind.MAIN), tasks.c.free > constant(0))
_FREE_MAIN_COUNT = select(func.count()).select_from(tasks).where(_IS_FREE_MAIN).scalar_subquery()
_OWN_FREE_MAIN_COUNT = (
    select(func.count()).select_from(turns.join(tasks)).where(_IS_OWN_AND_NOT_EXCLUDED, _IS_FREE_MAIN).scalar_subquery()
)
# Main tasks that the person has not had, and can get: all free tasks are counted, without a search for each.
_MAIN_COUNT = select((_FREE_MAIN_COUNT - _OWN_FREE_MAIN_COUNT).label("main"))
_IS_NOT_MAIN = tasks.c.kind.in_([constant(TaskKind.GOLDEN), constant(TaskKind.PRACTICE)])
_IS_KNOWN = exists().where(questions.c.task == tasks.c.id, questions.c.truth.is_not(None))
_KNOWN_COUNTS = select(
    func.count().filter(tasks.c.kind == constant(TaskKind.GOLDEN)).label("golden"),
    func.count().filter(tasks.c.kind == constant(TaskKind.PRACTICE)).label("practice"),
).where(~_HAS_HAD, _IS_NOT_MAIN, _IS_KNOWN)
_IS_ANSWERED = exists().where(answers.c.question == questions.c.id, answers.c.person == bindparam("person_id"))
_IS_EXPERT = exists().where(people.c.id == bindparam("person_id"), people.c.role == constant(Role.EXPERT))
_UNANSWERED_COUNT = select(func.count().label("unanswered")).where(
    *(_IS_EXPERT, ~_HAS_HAD, _IS_NOT_MAIN, exists().where(questions.c.task == tasks.c.id, ~_IS_ANSWERED))
)
_COUNTS = [
    counts.subquery() for counts in (_TURN_COUNTS, _RECENT_COUNTS, _MAIN_COUNT, _KNOWN_COUNTS, _UNANSWERED_COUNT)
]
_SELECT_PROGRESS = (
    select(*people.c["id", "role", "stage", "excluded"], cursors.c.draws, *_COUNTS)
    .select_from(reduce(lambda joined, counts: joined.join(counts, true()), _COUNTS, people.join(cursors)))
    .where(people.c.id == bindparam("person_id"))
)
_ALL_ANSWERS, _PRACTICE_ANSWERS = _ANSWER_COUNTS.subquery(), _PRACTICE_COUNTS.subquery()
_SELECT_ANSWER_COUNTS = select(_ALL_ANSWERS, _PRACTICE_ANSWERS).select_from(
    _ALL_ANSWERS.join(_PRACTICE_ANSWERS, true())
)
