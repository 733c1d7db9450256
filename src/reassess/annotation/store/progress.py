"""The progress of a campaign and of its people."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Integer, Row, and_, bindparam, case, cast, exists, func, select

from reassess.aggregation import golden_votes, rater_flags
from reassess.aggregation.reliability import correct_answers
from reassess.aggregation.reliability_result import FLAGS
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import check_whole, reading
from reassess.annotation.store.export import COUNTED, golden_votes_of
from reassess.annotation.store.owner_lists import split_golden
from reassess.annotation.store.practice import PracticeResult, practice_results
from reassess.annotation.store.schema import (
    Role,
    Stage,
    State,
    answers,
    golden_counts,
    images,
    log,
    people,
    questions,
    tasks,
    turns,
)
from reassess.core import KNOWN_ANSWERS, VALIDITY, Id
from reassess.core.answers import known_weights
from reassess.errors import DataError
from reassess.numeric import Proportion

_HOUR, _DAY, _CENTURY = 3600.0, 86_400.0, 3.2e9  # seconds
_TENTHS = 10  # of a second: the precision of times
_LONGEST = 3600.0  # seconds: longer times count as this


@dataclass(frozen=True, eq=False)
class RaterProgress:
    """The progress of a person."""

    id: int
    name: str
    role: str
    stage: str
    excluded: bool
    linked: bool
    answers: npt.NDArray[np.int64]  # counted votes: no, maybe, yes
    given: int
    seconds: float | None  # median time of an answer
    confusion: npt.NDArray[np.int64]
    golden: Proportion  # correct answers of all to golden questions; maybe is wrong
    practice: PracticeResult | None  # result of the practice round
    flags: tuple[str, ...]
    last: float | None

    @property
    def votes(self) -> int:
        """Number of counted votes."""
        return int(self.answers.sum())

    def to_json(self) -> dict[str, Any]:
        """The object in JSON documents."""
        return {
            **vars(self),
            "votes": self.votes,
            "answers": self.answers.tolist(),
            "confusion": self.confusion.tolist(),
            "golden": self.golden.to_json(),
            "practice": self.practice and vars(self.practice),
            "flags": list(self.flags),
        }


@dataclass(frozen=True, eq=False)
class Progress:
    """The progress of a campaign."""

    name: str  # raters see it at the top of the page
    paused: bool
    now: float  # seconds
    open: int
    closed_by_rule: int
    closed_by_votes: int
    votes: int  # counted votes
    votes_needed: int  # at most
    waiting: int  # open questions that nobody is left to answer
    last_hour: int  # votes of the last hour
    last_day: int  # votes of the last 24 hours
    ends: float | None
    skipped: tuple[tuple[str, int], ...]
    golden_invalid: int
    golden_valid: int
    golden_unknown: int  # too few experts have answered
    golden_split: int  # golden questions where experts disagree
    raters: tuple[RaterProgress, ...]  # all people, by number

    @property
    def questions(self) -> int:
        """Number of questions that raters vote on."""
        return self.open + self.closed_by_rule + self.closed_by_votes

    @property
    def golden(self) -> int:
        """Number of golden questions, with practice."""
        return self.golden_invalid + self.golden_valid + self.golden_unknown

    def to_json(self) -> dict[str, Any]:
        """The object in JSON documents."""
        return {**vars(self), "questions": self.questions, "raters": [one.to_json() for one in self.raters]}


def progress_of(campaign: Campaign, now: float) -> Progress:
    """Measure the progress of a campaign and of its people; `DataError` if its file is damaged."""
    with reading(campaign.engine) as connection:
        check_whole(connection, "quick_check")
        is_paused = bool(connection.scalar(select(schema.campaign.c.paused)))
        closed = {row.ended: row for row in connection.execute(_QUESTIONS)}
        truths = {row.truth: row.n for row in connection.execute(_TRUTHS)}
        skipped = tuple((row.name, row.n) for row in connection.execute(_SKIPPED))
        everybody = connection.execute(select(people).order_by(people.c.id)).all()
        waiting = connection.scalar(_WAITING) or 0
        uncounted = (connection.scalar(_EXCLUDED) or 0) if connection.scalar(_RECOUNTED) else 0
        answered, confusion = _answers_by_person(connection, everybody, now), _confusion(connection, everybody)
        practice = practice_results(connection, campaign.bar)
    raters = tuple(_raters(campaign, everybody, answered, confusion, practice))
    every = [row for rows in answered.values() for row in rows]
    votes_needed = (
        campaign.rules.per_question * closed[None].n - closed[None].votes + uncounted if None in closed else 0
    )
    return Progress(
        name=campaign.name,
        paused=is_paused,
        now=now,
        **{
            name: closed[why].n if why in closed else 0
            for name, why in (("open", None), ("closed_by_rule", "rule"), ("closed_by_votes", "votes"))
        },
        votes=sum(one.votes for one in raters),
        votes_needed=votes_needed,
        waiting=waiting,
        last_hour=sum(row.last_hour for row in every),
        last_day=sum(row.last_day for row in every),
        ends=None if waiting else _end(every, votes_needed, now),
        skipped=skipped,
        **{f"golden_{what}": truths.get(truth, 0) for what, truth in _GOLDEN},
        golden_split=len(split_golden(campaign)),
        raters=raters,
    )


def _answers_by_person(connection: Connection, everybody: Sequence[Row[Any]], now: float) -> dict[int, list[Row[Any]]]:
    """Each person's answers, by answer and time."""
    answered: dict[int, list[Row[Any]]] = {row.id: [] for row in everybody}
    created = connection.scalar(_CREATED)
    for row in connection.execute(_ANSWER_COUNTS, {"hour": now - _HOUR, "day": now - _DAY, "created": created}):
        answered[row.person].append(row)
    return answered


def _confusion(connection: Connection, everybody: Sequence[Row[Any]]) -> dict[int, npt.NDArray[np.int64]]:
    """Each person's answers to golden questions, by truth."""
    counts = np.zeros((len(everybody), len(VALIDITY), len(KNOWN_ANSWERS)), np.int64)
    confusion = {row.id: own for row, own in zip(everybody, counts, strict=True)}
    for row in connection.execute(select(golden_counts)):
        confusion[row.person][row.truth, row.answer] = row.n
    return confusion


def _raters(
    campaign: Campaign,
    everybody: Sequence[Row[Any]],
    answered: Mapping[int, Sequence[Row[Any]]],
    confusion: Mapping[int, npt.NDArray[np.int64]],
    practice: Mapping[int, PracticeResult],
) -> Iterator[RaterProgress]:
    answers_of = {number: _by_answer(rows) for number, rows in answered.items()}
    flags = _flags(campaign, {f"{row.role} {row.id}": answers_of[row.id] for row in everybody})
    for row in everybody:
        own = confusion[row.id]
        yield RaterProgress(
            **{name: getattr(row, name) for name in ("id", "name", "role", "stage", "excluded")},
            linked=row.token is not None,
            answers=answers_of[row.id],
            given=sum(one.given for one in answered[row.id]),
            seconds=_median(answered[row.id]),
            confusion=own,
            golden=Proportion(int(own[_CORRECT].sum()), int(own.sum())),
            practice=practice.get(row.id),
            flags=flags.get(f"{row.role} {row.id}", ()),
            last=max((one.last for one in answered[row.id] if one.last is not None), default=None),
        )


def _end(rows: Sequence[Row[Any]], needed: int, now: float) -> float | None:
    """When all needed votes are in, at the pace of the last day, or since the first vote."""
    last_day = sum(row.last_day for row in rows)
    begun = min((row.first for row in rows if row.first is not None), default=now)
    taken = min(max(now - begun, 1.0), _DAY)
    return now + needed * taken / last_day if last_day and needed * taken / last_day < _CENTURY else None


_GOLDEN = ("invalid", 0), ("valid", 1), ("unknown", None)
_CORRECT = correct_answers(VALIDITY, KNOWN_ANSWERS, known_weights(KNOWN_ANSWERS))
_QUESTIONS = (
    select(questions.c.ended, func.count().label("n"), func.sum(questions.c.votes).label("votes"))
    .where(~questions.c.golden)
    .group_by(questions.c.ended)
)
_CAN_RATE = people.c.role == Role.RATER, ~people.c.excluded, people.c.stage != Stage.FAILED, people.c.token.is_not(None)
_HAVE_HAD = (
    exists().where(answers.c.question == questions.c.id, answers.c.person == people.c.id),
    exists().where(
        turns.c.task == questions.c.task,
        turns.c.person == people.c.id,
        turns.c.state.in_([State.SKIPPED, State.SUGGESTED]),
    ),
)
_WAITING = (
    select(func.count())
    .select_from(questions)
    .where(~questions.c.golden, questions.c.ended.is_(None))
    .where(~exists().where(*_CAN_RATE, *(~one.correlate(questions, people) for one in _HAVE_HAD)))
)
_SKIPPED = (
    select(images.c.name, func.count().label("n"))
    .select_from(turns.join(tasks).join(images).join(people))
    .where(turns.c.state == State.SKIPPED, ~people.c.excluded)
    .group_by(images.c.id, images.c.name)
    .order_by(func.count().desc(), images.c.id)
)
# Votes of excluded raters on open questions, not recounted yet.
_RECOUNTED = select(exists().where(people.c.recounted.is_not(None)))
_EXCLUDED = (
    select(func.count())
    .select_from(answers.join(people).join(questions))
    .where(people.c.excluded, answers.c.counted, questions.c.ended.is_(None))
)
_TRUTHS = select(questions.c.truth, func.count().label("n")).where(questions.c.golden).group_by(questions.c.truth)
_CREATED = select(log.c.at).order_by(log.c.id).limit(1)
_LENGTH = case((answers.c.seconds > _LONGEST, _LONGEST), else_=answers.c.seconds) * _TENTHS
_NEAREST = func.round(_LENGTH)  # a half is rounded up by SQLite, and to an even number by PostgreSQL
_ROUNDED = case((_LENGTH - _NEAREST == 0.5, _NEAREST + 1), else_=_NEAREST)


def _sum(*conditions: Any) -> Any:
    return func.sum(case((and_(COUNTED, *conditions), 1), else_=0))


_ANSWER_COUNTS = select(
    answers.c.person,
    answers.c.answer,
    cast(_ROUNDED, Integer).label("tenths"),
    func.count().label("given"),
    _sum().label("counted"),
    _sum(answers.c.at > bindparam("hour")).label("last_hour"),
    _sum(answers.c.at > bindparam("day")).label("last_day"),
    func.min(case((COUNTED, answers.c.at))).label("first"),
    func.max(case((answers.c.at != bindparam("created"), answers.c.at))).label("last"),
).group_by(answers.c.person, answers.c.answer, "tenths")


def _by_answer(rows: Sequence[Row[Any]]) -> npt.NDArray[np.int64]:
    """Number of each answer in counted votes."""
    counts = np.zeros(len(KNOWN_ANSWERS), np.int64)
    for row in rows:
        counts[row.answer] += row.counted
    return counts


def _median(rows: Sequence[Row[Any]]) -> float | None:
    """Median time of answers, in seconds."""
    known = sorted((row.tenths, row.given) for row in rows if row.tenths is not None)
    if not known:
        return None
    tenths, counts = np.array(known).T
    return float(tenths[np.searchsorted(np.cumsum(counts), counts.sum() / 2)]) / _TENTHS


def _flags(campaign: Campaign, answers_of: Mapping[Id, npt.NDArray[np.int64]]) -> dict[Id, tuple[str, ...]]:
    """Flags by rater; a rater with few golden answers is not called uninformative."""
    experts, raters = golden_votes_of(campaign)
    found = rater_flags(None, answers_of)
    if experts is not None and raters is not None:
        with suppress(DataError):  # such as golden questions of one truth only
            found = rater_flags(golden_votes(experts, raters, at_least=campaign.at_least), answers_of)
    uninformative, _, few = FLAGS
    return {
        name: tuple(flag for flag in flags if flag != uninformative or few not in flags)
        for name, flags in found.items()
    }
