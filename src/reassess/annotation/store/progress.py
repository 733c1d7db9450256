"""Measure the progress of a campaign and of its people."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Integer, Row, and_, bindparam, case, cast, exists, func, select

from reassess.aggregation import golden_votes, rater_flags
from reassess.aggregation.reliability_result import FLAGS
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import check_integrity, connect_for_reading
from reassess.annotation.store.export import IS_COUNTED, read_golden_votes
from reassess.annotation.store.owner_lists import list_golden_without_majority
from reassess.annotation.store.practice import PracticeResult, compute_practice_results, read_practice_round
from reassess.annotation.store.progress_result import Progress, RaterProgress
from reassess.annotation.store.schema import (
    RaterStage,
    Role,
    TurnState,
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
from reassess.errors import DataError
from reassess.numeric import BalancedAccuracy

_HOUR, _DAY, _CENTURY = 3600.0, 86_400.0, 3.2e9  # seconds
_TENTHS_PER_SECOND = 10  # per second: the precision of times
_MAX_SECONDS = 3600.0  # per answer; longer times count as this


def measure_progress(campaign: Campaign, now: float) -> Progress:
    """Measure the progress of a campaign and of its people; raise `DataError` if its file is damaged."""
    with connect_for_reading(campaign.engine) as connection:
        check_integrity(connection, "quick_check")
        state = connection.execute(_SELECT_CAMPAIGN_STATE).one()
        counts_by_reason = {row.ended: row for row in connection.execute(_SELECT_QUESTION_COUNTS)}
        truths = {row.truth: row.n for row in connection.execute(_SELECT_TRUTH_COUNTS)}
        skipped_images = tuple((row.name, row.n) for row in connection.execute(_SELECT_SKIPPED_IMAGES))
        person_rows = connection.execute(select(people).order_by(people.c.id)).all()
        n_without_rater = connection.scalar(_COUNT_WITHOUT_RATER) or 0
        excluded_votes = (connection.scalar(_COUNT_EXCLUDED_VOTES) or 0) if connection.scalar(_IS_RECOUNTING) else 0
        answer_rows = _count_answers_by_person(connection, person_rows, now)
        confusion = _count_confusion(connection, person_rows)
        practice_results = compute_practice_results(connection, campaign.practice_bar)
        practice_round = read_practice_round(connection, campaign.practice_bar)
    progress_of_people = tuple(_measure_people(campaign, person_rows, answer_rows, confusion, practice_results))
    all_answer_rows = [row for rows in answer_rows.values() for row in rows]
    max_votes_needed = (
        campaign.rules.votes_per_question * counts_by_reason[None].n - counts_by_reason[None].votes + excluded_votes
        if None in counts_by_reason
        else 0
    )
    return Progress(
        name=campaign.name,
        is_paused=state.paused,
        now=now,
        **{
            name: counts_by_reason[reason].n if reason in counts_by_reason else 0
            for name, reason in (
                ("n_open_questions", None),
                ("n_questions_closed_by_rule", "rule"),
                ("n_questions_closed_by_votes", "votes"),
            )
        },
        n_votes=sum(person.n_votes for person in progress_of_people),
        max_votes_needed=max_votes_needed,
        n_questions_without_rater=n_without_rater,
        n_votes_last_hour=sum(row.last_hour for row in all_answer_rows),
        n_votes_last_day=sum(row.last_day for row in all_answer_rows),
        expected_end=None if n_without_rater else _estimate_end_of_voting(all_answer_rows, max_votes_needed, now),
        skipped_images=skipped_images,
        **{f"n_golden_{name}": truths.get(truth, 0) for name, truth in _TRUTH_NAMES},
        n_golden_without_majority=len(list_golden_without_majority(campaign)),
        tempering_power=state.tempering_power,
        n_tempering_questions=state.tempering_questions,
        practice_round=practice_round,
        people=progress_of_people,
    )


def _count_answers_by_person(
    connection: Connection, person_rows: Sequence[Row[Any]], now: float
) -> dict[int, list[Row[Any]]]:
    """Count each person's answers by answer and response time, in steps of 0.1 s; return rows by person id."""
    rows_by_person: dict[int, list[Row[Any]]] = {row.id: [] for row in person_rows}
    created = connection.scalar(_SELECT_CREATION_TIME)
    for row in connection.execute(_SELECT_ANSWER_COUNTS, {"hour": now - _HOUR, "day": now - _DAY, "created": created}):
        rows_by_person[row.person].append(row)
    return rows_by_person


def _count_confusion(connection: Connection, person_rows: Sequence[Row[Any]]) -> dict[int, npt.NDArray[np.int64]]:
    """Count the answers of each person to golden questions; int64, shape (truths, answers), by person id."""
    counts = np.zeros((len(person_rows), len(VALIDITY), len(KNOWN_ANSWERS)), np.int64)
    confusion = {row.id: matrix for row, matrix in zip(person_rows, counts, strict=True)}
    for row in connection.execute(select(golden_counts)):
        confusion[row.person][row.truth, row.answer] = row.n
    return confusion


def _measure_people(
    campaign: Campaign,
    person_rows: Sequence[Row[Any]],
    answer_rows: Mapping[int, Sequence[Row[Any]]],
    confusion: Mapping[int, npt.NDArray[np.int64]],
    practice_results: Mapping[int, PracticeResult],
) -> Iterator[RaterProgress]:
    vote_counts = {number: _count_votes_by_answer(rows) for number, rows in answer_rows.items()}
    flags = _compute_flags_of_people(campaign, {f"{row.role} {row.id}": vote_counts[row.id] for row in person_rows})
    for row in person_rows:
        matrix = confusion[row.id]
        yield RaterProgress(
            **{name: getattr(row, name) for name in ("id", "name", "role", "stage")},
            is_excluded=row.excluded,
            has_link=row.token is not None,
            vote_counts=vote_counts[row.id],
            n_answers=sum(group.n for group in answer_rows[row.id]),
            median_seconds=_compute_median_seconds(answer_rows[row.id]),
            confusion=matrix,
            golden_accuracy=BalancedAccuracy.from_confusion(matrix),
            practice_result=practice_results.get(row.id),
            flags=flags.get(f"{row.role} {row.id}", ()),
            last_answer_time=max((group.last for group in answer_rows[row.id] if group.last is not None), default=None),
        )


def _estimate_end_of_voting(rows: Sequence[Row[Any]], n_votes_needed: int, now: float) -> float | None:
    """Estimate when raters will have given all needed votes; None if unknown."""
    # Raters are assumed to continue as in the last 24 hours.
    last_day = sum(row.last_day for row in rows)
    begin = min((row.first for row in rows if row.first is not None), default=now)
    elapsed = min(max(now - begin, 1.0), _DAY)
    return (
        now + n_votes_needed * elapsed / last_day
        if last_day and n_votes_needed * elapsed / last_day < _CENTURY
        else None
    )


_SELECT_CAMPAIGN_STATE = select(schema.campaign.c["paused", "tempering_power", "tempering_questions"])
_TRUTH_NAMES = ("invalid", 0), ("valid", 1), ("unknown", None)
_SELECT_QUESTION_COUNTS = (
    select(questions.c.ended, func.count().label("n"), func.sum(questions.c.votes).label("votes"))
    .where(~questions.c.golden)
    .group_by(questions.c.ended)
)
_CAN_RATE = (
    people.c.role == Role.RATER,
    ~people.c.excluded,
    people.c.stage != RaterStage.FAILED,
    people.c.token.is_not(None),
)
_HAS_HAD = (
    exists().where(answers.c.question == questions.c.id, answers.c.person == people.c.id),
    exists().where(
        turns.c.task == questions.c.task,
        turns.c.person == people.c.id,
        turns.c.state.in_([TurnState.SKIPPED, TurnState.SUGGESTED]),
    ),
)
_COUNT_WITHOUT_RATER = (
    select(func.count())
    .select_from(questions)
    .where(~questions.c.golden, questions.c.ended.is_(None))
    .where(~exists().where(*_CAN_RATE, *(~condition.correlate(questions, people) for condition in _HAS_HAD)))
)
_SELECT_SKIPPED_IMAGES = (
    select(images.c.name, func.count().label("n"))
    .select_from(turns.join(tasks).join(images).join(people))
    .where(turns.c.state == TurnState.SKIPPED, ~people.c.excluded)
    .group_by(images.c.id, images.c.name)
    .order_by(func.count().desc(), images.c.id)
)
# Votes of excluded raters on open questions that are not recounted yet.
_IS_RECOUNTING = select(exists().where(people.c.recounted.is_not(None)))
_COUNT_EXCLUDED_VOTES = (
    select(func.count())
    .select_from(answers.join(people).join(questions))
    .where(people.c.excluded, answers.c.counted, questions.c.ended.is_(None))
)
_SELECT_TRUTH_COUNTS = (
    select(questions.c.truth, func.count().label("n")).where(questions.c.golden).group_by(questions.c.truth)
)
_SELECT_CREATION_TIME = select(log.c.at).order_by(log.c.id).limit(1)
_ANSWER_TENTHS = case((answers.c.seconds > _MAX_SECONDS, _MAX_SECONDS), else_=answers.c.seconds) * _TENTHS_PER_SECOND
_ROUNDED_HALF_EITHER = func.round(_ANSWER_TENTHS)  # SQLite rounds a half up, PostgreSQL to an even number
_ROUNDED_HALF_UP = case(
    (_ANSWER_TENTHS - _ROUNDED_HALF_EITHER == 0.5, _ROUNDED_HALF_EITHER + 1), else_=_ROUNDED_HALF_EITHER
)


def _make_count_expression(*conditions: Any) -> Any:
    """Make an SQL expression that counts the votes that meet all conditions."""
    return func.sum(case((and_(IS_COUNTED, *conditions), 1), else_=0))


_SELECT_ANSWER_COUNTS = select(
    answers.c.person,
    answers.c.answer,
    cast(_ROUNDED_HALF_UP, Integer).label("tenths"),
    func.count().label("n"),
    _make_count_expression().label("counted"),
    _make_count_expression(answers.c.at > bindparam("hour")).label("last_hour"),
    _make_count_expression(answers.c.at > bindparam("day")).label("last_day"),
    func.min(case((IS_COUNTED, answers.c.at))).label("first"),
    func.max(case((answers.c.at != bindparam("created"), answers.c.at))).label("last"),
).group_by(answers.c.person, answers.c.answer, "tenths")


def _count_votes_by_answer(rows: Sequence[Row[Any]]) -> npt.NDArray[np.int64]:
    """Count the no, maybe and yes answers among counted votes; int64, shape (3,)."""
    counts = np.zeros(len(KNOWN_ANSWERS), np.int64)
    for row in rows:
        counts[row.answer] += row.counted
    return counts


def _compute_median_seconds(rows: Sequence[Row[Any]]) -> float | None:
    """Compute the median time of answers, in seconds."""
    times = sorted((row.tenths, row.n) for row in rows if row.tenths is not None)
    if not times:
        return None
    tenths, counts = np.array(times).T
    return float(tenths[np.searchsorted(np.cumsum(counts), counts.sum() / 2)]) / _TENTHS_PER_SECOND


def _compute_flags_of_people(
    campaign: Campaign, vote_counts: Mapping[Id, npt.NDArray[np.int64]]
) -> dict[Id, tuple[str, ...]]:
    """Compute the flags of each person; keys are the role and id, as in "rater 7".

    A person with few golden answers does not get the flag "uninformative".
    """
    experts, raters = read_golden_votes(campaign)
    flags_of = rater_flags(None, vote_counts)
    if experts is not None and raters is not None:
        with suppress(DataError):  # for example golden questions of only one truth
            flags_of = rater_flags(golden_votes(experts, raters, min_experts=campaign.min_experts), vote_counts)
    uninformative, _, few_votes = FLAGS
    return {
        name: tuple(flag for flag in flags if flag != uninformative or few_votes not in flags)
        for name, flags in flags_of.items()
    }
