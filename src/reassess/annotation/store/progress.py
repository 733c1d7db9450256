"""How far a campaign is, and how each of its people does."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Integer, Row, and_, bindparam, case, cast, exists, func, select

from reassess.aggregation.golden_items import golden_votes
from reassess.aggregation.reliability import rater_flags, right_answers
from reassess.aggregation.reliability_result import FLAGS
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import check_whole, reading
from reassess.annotation.store.export import COUNTED, golden_votes_of
from reassess.annotation.store.owner_lists import split_golden
from reassess.annotation.store.practice import PracticeResult, practice_results
from reassess.annotation.store.schema import (
    FAILED,
    RATER,
    SUGGESTED,
    UNFIT,
    answers,
    golden_counts,
    images,
    log,
    people,
    questions,
    tasks,
    turns,
)
from reassess.core.answers import KNOWN_ANSWERS, known_weights
from reassess.core.items import Id
from reassess.core.rater_model import VALIDITY
from reassess.errors import DataError
from reassess.numeric.proportion import Proportion

__all__ = ["Progress", "RaterProgress", "progress_of"]

_HOUR, _DAY, _CENTURY = 3600.0, 86_400.0, 3.2e9  # seconds
_TENTHS = 10  # of a second, to which times are read
_LONGEST = 3600.0  # seconds, which longer times count as


@dataclass(frozen=True, eq=False)
class RaterProgress:
    """How a rater, expert or keeper does.

    Parameters
    ----------
    id, name, role, stage, voided, linked
        As of `Person`.
    answers
        int64, shape (3,): how often they said no, maybe and yes in votes that count.
    given
        Number of all their answers: also to golden questions, and those that do not count. Experts answer golden
        questions alone.
    seconds
        Median time of an answer; None if no time is known.
    confusion
        int64, shape (2, 3): how often they gave each answer to golden questions that are invalid, and valid.
    golden
        Right answers, of all to golden questions; a maybe is never right.
    practice
        How a rater answered in the practice round; None if they have had none.
    flags
        As of `reassess.Rater`, by golden questions; who has answered few of them is not called uninformative yet.
    last
        When they gave their last answer; None if they gave none but those with which the campaign was made.
    """

    id: int
    name: str
    role: str
    stage: str
    voided: bool
    linked: bool
    answers: npt.NDArray[np.int64]
    given: int
    seconds: float | None
    confusion: npt.NDArray[np.int64]
    golden: Proportion
    practice: PracticeResult | None
    flags: tuple[str, ...]
    last: float | None

    @property
    def votes(self) -> int:
        """Number of their votes that count."""
        return int(self.answers.sum())

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
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
    """How far a campaign is.

    Parameters
    ----------
    name
        What raters read above the page.
    paused
        Whether nothing is asked now.
    now
        The time, in seconds.
    open, closed_by_rule, closed_by_votes
        Number of questions that are open, that the stop rule closed, and that have as many votes as they can get.
    votes
        Number of counted votes.
    wanted
        Number of votes that are still wanted, at most.
    waiting
        Number of open questions that wait for another rater: all who can enter and rate have had them.
    last_hour, last_day
        Number of those of the last hour, and of the last 24 hours.
    ends
        When all of them are in at the pace of the last 24 hours, or since the first vote; None if there was
        none, if it would take a century, or if questions wait for another rater.
    unfit
        Images that somebody could not judge who is not voided, the most often named first, and by how many people.
    golden_invalid, golden_valid, golden_unknown
        Number of golden questions of each truth, and of which experts have not said enough.
    golden_split
        Number of those whose truth no more than half of their experts said.
    raters
        The people, in the order in which they were added.
    """

    name: str
    paused: bool
    now: float
    open: int
    closed_by_rule: int
    closed_by_votes: int
    votes: int
    wanted: int
    waiting: int
    last_hour: int
    last_day: int
    ends: float | None
    unfit: tuple[tuple[str, int], ...]
    golden_invalid: int
    golden_valid: int
    golden_unknown: int
    golden_split: int
    raters: tuple[RaterProgress, ...]

    @property
    def questions(self) -> int:
        """Number of questions that raters vote on."""
        return self.open + self.closed_by_rule + self.closed_by_votes

    @property
    def golden(self) -> int:
        """Number of golden questions, those of the practice round among them."""
        return self.golden_invalid + self.golden_valid + self.golden_unknown

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {**vars(self), "questions": self.questions, "raters": [one.to_json() for one in self.raters]}


def progress_of(campaign: Campaign, now: float) -> Progress:
    """How far a campaign is, and how each of its people does.

    Parameters
    ----------
    campaign
        The campaign.
    now
        The time, in seconds.

    Raises
    ------
    DataError
        The campaign file is damaged.
    """
    with reading(campaign.engine) as connection:
        check_whole(connection, "quick_check")
        is_paused = bool(connection.scalar(select(schema.campaign.c.paused)))
        closed = {row.ended: row for row in connection.execute(_QUESTIONS)}
        truths = {row.truth: row.n for row in connection.execute(_TRUTHS)}
        unfit = tuple((row.name, row.n) for row in connection.execute(_UNFIT))
        everybody = connection.execute(select(people).order_by(people.c.id)).all()
        waiting = connection.scalar(_WAITING) or 0
        uncounted = (connection.scalar(_VOIDED) or 0) if connection.scalar(_RECOUNTED) else 0
        said, confusion = _said(connection, everybody, now), _confusion(connection, everybody)
        practice = practice_results(connection, campaign.bar)
    raters = tuple(_raters(campaign, everybody, said, confusion, practice))
    every = [row for rows in said.values() for row in rows]
    wanted = campaign.rules.votes * closed[None].n - closed[None].votes + uncounted if None in closed else 0
    return Progress(
        name=campaign.name,
        paused=is_paused,
        now=now,
        **{
            name: closed[why].n if why in closed else 0
            for name, why in (("open", None), ("closed_by_rule", "rule"), ("closed_by_votes", "votes"))
        },
        votes=sum(one.votes for one in raters),
        wanted=wanted,
        waiting=waiting,
        last_hour=sum(row.last_hour for row in every),
        last_day=sum(row.last_day for row in every),
        ends=None if waiting else _end(every, wanted, now),
        unfit=unfit,
        **{f"golden_{what}": truths.get(truth, 0) for what, truth in _GOLDEN},
        golden_split=len(split_golden(campaign)),
        raters=raters,
    )


def _said(connection: Connection, everybody: Sequence[Row[Any]], now: float) -> dict[int, list[Row[Any]]]:
    """What each person said, by answer and time that it took."""
    said: dict[int, list[Row[Any]]] = {row.id: [] for row in everybody}
    created = connection.scalar(_CREATED)
    for row in connection.execute(_SAID, {"hour": now - _HOUR, "day": now - _DAY, "created": created}):
        said[row.person].append(row)
    return said


def _confusion(connection: Connection, everybody: Sequence[Row[Any]]) -> dict[int, npt.NDArray[np.int64]]:
    """How each person answered golden questions of each truth."""
    counts = np.zeros((len(everybody), len(VALIDITY), len(KNOWN_ANSWERS)), np.int64)
    confusion = {row.id: own for row, own in zip(everybody, counts, strict=True)}
    for row in connection.execute(select(golden_counts)):
        confusion[row.person][row.truth, row.answer] = row.n
    return confusion


def _raters(
    campaign: Campaign,
    everybody: Sequence[Row[Any]],
    said: Mapping[int, Sequence[Row[Any]]],
    confusion: Mapping[int, npt.NDArray[np.int64]],
    practice: Mapping[int, PracticeResult],
) -> Iterator[RaterProgress]:
    answers_of = {number: _by_answer(rows) for number, rows in said.items()}
    flags = _flags(campaign, {f"{row.role} {row.id}": answers_of[row.id] for row in everybody})
    for row in everybody:
        own = confusion[row.id]
        yield RaterProgress(
            **{name: getattr(row, name) for name in ("id", "name", "role", "stage", "voided")},
            linked=row.token is not None,
            answers=answers_of[row.id],
            given=sum(one.given for one in said[row.id]),
            seconds=_median(said[row.id]),
            confusion=own,
            golden=Proportion(int(own[_RIGHT].sum()), int(own.sum())),
            practice=practice.get(row.id),
            flags=flags.get(f"{row.role} {row.id}", ()),
            last=max((one.last for one in said[row.id] if one.last is not None), default=None),
        )


def _end(said: Sequence[Row[Any]], wanted: int, now: float) -> float | None:
    """When all votes that are wanted are in, at the pace of the last day, or since the first vote."""
    last_day = sum(row.last_day for row in said)
    begun = min((row.first for row in said if row.first is not None), default=now)
    taken = min(max(now - begun, 1.0), _DAY)
    return now + wanted * taken / last_day if last_day and wanted * taken / last_day < _CENTURY else None


_GOLDEN = ("invalid", 0), ("valid", 1), ("unknown", None)
_RIGHT = right_answers(VALIDITY, KNOWN_ANSWERS, known_weights(KNOWN_ANSWERS))
_QUESTIONS = (
    select(questions.c.ended, func.count().label("n"), func.sum(questions.c.votes).label("votes"))
    .where(~questions.c.golden)
    .group_by(questions.c.ended)
)
_CAN_RATE = people.c.role == RATER, ~people.c.voided, people.c.stage != FAILED, people.c.token.is_not(None)
_HAVE_HAD = (
    exists().where(answers.c.question == questions.c.id, answers.c.person == people.c.id),
    exists().where(
        turns.c.task == questions.c.task, turns.c.person == people.c.id, turns.c.state.in_([UNFIT, SUGGESTED])
    ),
)
_WAITING = (
    select(func.count())
    .select_from(questions)
    .where(~questions.c.golden, questions.c.ended.is_(None))
    .where(~exists().where(*_CAN_RATE, *(~one.correlate(questions, people) for one in _HAVE_HAD)))
)
_UNFIT = (
    select(images.c.name, func.count().label("n"))
    .select_from(turns)
    .join(tasks, tasks.c.id == turns.c.task)
    .join(images, images.c.id == tasks.c.image)
    .join(people, people.c.id == turns.c.person)
    .where(turns.c.state == UNFIT, ~people.c.voided)
    .group_by(images.c.id, images.c.name)
    .order_by(func.count().desc(), images.c.id)
)
# Votes on open questions of raters who were voided, which are still to be counted anew.
_RECOUNTED = select(exists().where(people.c.recounted.is_not(None)))
_VOIDED = (
    select(func.count())
    .select_from(answers)
    .join(people, people.c.id == answers.c.person)
    .join(questions, questions.c.id == answers.c.question)
    .where(people.c.voided, answers.c.counted, questions.c.ended.is_(None))
)
_TRUTHS = select(questions.c.truth, func.count().label("n")).where(questions.c.golden).group_by(questions.c.truth)
_CREATED = select(log.c.at).order_by(log.c.id).limit(1)
_LENGTH = case((answers.c.seconds > _LONGEST, _LONGEST), else_=answers.c.seconds) * _TENTHS
_NEAREST = func.round(_LENGTH)  # of a half, the larger number in SQLite, and the even one in PostgreSQL
_ROUNDED = case((_LENGTH - _NEAREST == 0.5, _NEAREST + 1), else_=_NEAREST)


def _sum(*conditions: Any) -> Any:
    return func.sum(case((and_(COUNTED, *conditions), 1), else_=0))


_SAID = select(
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
    """How often each answer was given in votes that count."""
    counts = np.zeros(len(KNOWN_ANSWERS), np.int64)
    for row in rows:
        counts[row.answer] += row.counted
    return counts


def _median(rows: Sequence[Row[Any]]) -> float | None:
    """The median time of answers, of those whose time is known, in seconds."""
    known = sorted((row.tenths, row.given) for row in rows if row.tenths is not None)
    if not known:
        return None
    tenths, counts = np.array(known).T
    return float(tenths[np.searchsorted(np.cumsum(counts), counts.sum() / 2)]) / _TENTHS


def _flags(campaign: Campaign, answers_of: Mapping[Id, npt.NDArray[np.int64]]) -> dict[Id, tuple[str, ...]]:
    """The flags of raters, by role and number; by few golden answers nobody is called uninformative."""
    experts, raters = golden_votes_of(campaign)
    found = rater_flags(None, answers_of)
    if experts is not None and raters is not None:
        with suppress(DataError):  # such as of one truth alone
            found = rater_flags(golden_votes(experts, raters, at_least=campaign.at_least), answers_of)
    uninformative, _, few = FLAGS
    return {
        name: tuple(flag for flag in flags if flag != uninformative or few not in flags)
        for name, flags in found.items()
    }
