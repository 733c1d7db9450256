"""Exporting the votes of a campaign, and the suggested classes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, and_, exists, func, select
from sqlalchemy.exc import DBAPIError

from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import check_integrity, connect_for_reading, is_read_only_error
from reassess.annotation.store.excluding import finish_recounting
from reassess.annotation.store.schema import (
    WITHDRAWN,
    RaterStage,
    Role,
    TaskKind,
    TurnState,
    answers,
    images,
    people,
    questions,
    suggestions,
    tasks,
    turns,
    unasked,
)
from reassess.annotation.store.shown_items import read_classes
from reassess.annotation.store.transactions import open_transaction
from reassess.core import KNOWN_ANSWERS, Classes, LabelSets, Questions, Sample, Tasks, Votes
from reassess.formats.task_files import parse_tasks

_ROWS_PER_READ = 100_000  # to read at a time


@dataclass(frozen=True)
class Suggestion:
    """A class that people suggested for an image, with the number of people."""

    image_name: str
    class_id: int
    n_people: int


@dataclass(frozen=True)
class QuestionState:
    """Votes and state of a question that raters vote on."""

    image_name: str
    class_id: int
    n_votes: int  # counted votes
    close_reason: str | None  # rule, votes, or skipped: all raters skipped the image
    valid_probability: float  # probability that the class is valid, after the last vote


class GoldenVotes(NamedTuple):
    """The votes of experts and of raters on golden questions; None if there are none."""

    expert_votes: Votes | None
    rater_votes: Votes | None


@dataclass(frozen=True)
class CampaignExport:
    """The votes, golden votes and labels of a campaign, with counts of answers that are not exported."""

    votes: Votes  # counted votes
    golden_votes: Votes | None  # experts' votes on golden questions, also those for practice and those without a vote
    rater_golden_votes: Votes | None  # raters' votes on golden questions, without practice
    sample: Sample | None  # golden images that were drawn at random
    original_labels: LabelSets | None
    suggestions: tuple[Suggestion, ...]  # sorted by image and class
    question_states: tuple[QuestionState, ...]
    n_unneeded_answers: int  # answers to questions that already had enough votes
    n_skipped_answers: int  # answers about images that their rater skipped
    n_withdrawn_answers: int  # answers to withdrawn questions
    n_excluded_answers: int  # answers of excluded raters
    n_practice_votes: int  # experts' votes on practice questions, which are in `golden_votes`
    n_unrated_golden_questions: int  # golden questions on images without any vote
    n_unrated_images: int  # images of these questions
    sample_tasks: Tasks | None = None  # of reassess sample, also of earlier batches

    @property
    def has_rater_votes_on_golden(self) -> bool:
        """Whether raters voted on golden questions that experts answered."""
        if self.golden_votes is None or self.rater_golden_votes is None:
            return False
        return bool(self.golden_votes.sizes[self.golden_votes.find_positions(self.rater_golden_votes.items)].any())


def export_votes(campaign: Campaign, *, with_rater_names: bool = False) -> CampaignExport:
    """Read everything to export from a campaign.

    With `with_rater_names`, raters keep their names instead of numbers.
    """
    finish_recounting(campaign)
    classes = read_classes(campaign)
    with connect_for_reading(campaign.engine) as connection:
        check_integrity(connection, "integrity_check")
        reader = _AnswerReader(connection, classes, with_rater_names=with_rater_names)
        golden, rater_golden = reader.read_golden_votes()
        all_answers = select(func.count()).select_from(answers.join(people).join(questions).join(tasks))
        is_withdrawn = func.coalesce(questions.c.ended, "") == WITHDRAWN

        def count_answers(*conditions: Any) -> int:
            number: int = connection.execute(all_answers.where(*conditions)).scalar_one()
            return number

        count_uncounted_answers = partial(count_answers, ~questions.c.golden, ~answers.c.counted, *IS_BY_INCLUDED_RATER)
        votes = reader.read_votes(IS_COUNTED)
        rated = {*votes.images, *_find_images_answered_by_experts(golden)}
        unrated = [row.n for row in connection.execute(_SELECT_GOLDEN_COUNTS) if row.name not in rated]
        return CampaignExport(
            votes=votes,
            golden_votes=golden,
            rater_golden_votes=rater_golden,
            sample=_read_sample(connection, golden),
            original_labels=_read_original_labels(connection, classes),
            suggestions=tuple(Suggestion(*row) for row in connection.execute(_SELECT_SUGGESTIONS)),
            question_states=tuple(_read_question_states(connection)),
            n_unneeded_answers=count_uncounted_answers(IS_NOT_SKIPPED, ~is_withdrawn),
            n_skipped_answers=count_uncounted_answers(~IS_NOT_SKIPPED),
            n_withdrawn_answers=count_uncounted_answers(IS_NOT_SKIPPED, is_withdrawn),
            n_excluded_answers=count_answers(~questions.c.golden, people.c.excluded),
            n_practice_votes=count_answers(
                tasks.c.kind == TaskKind.PRACTICE, people.c.role == Role.EXPERT, IS_NOT_SKIPPED
            ),
            n_unrated_golden_questions=sum(unrated),
            n_unrated_images=len(unrated),
            sample_tasks=_read_sample_tasks(connection, classes),
        )


def log_export(campaign: Campaign, now: float, actor_id: int | None = None, *, with_rater_names: bool) -> None:
    """Log an export, unless the command line exports a read-only campaign."""
    try:
        with open_transaction(campaign) as transaction:
            transaction.log_action(now, "export", actor_id, names=with_rater_names)
    except DBAPIError as error:
        if actor_id is not None or not is_read_only_error(error):
            raise


def read_golden_votes(campaign: Campaign) -> GoldenVotes:
    """Read the experts' and the raters' votes on golden questions."""
    classes = read_classes(campaign)
    with connect_for_reading(campaign.engine) as connection:
        return _AnswerReader(connection, classes, with_rater_names=False).read_golden_votes()


class _AnswerReader:
    """A reader that returns answers as votes, sorted by image, class and time."""

    def __init__(self, connection: Connection, classes: Classes, *, with_rater_names: bool) -> None:
        self.connection, self.classes = connection, classes
        self.images = {row.id: row.name for row in connection.execute(select(images.c.id, images.c.name))}
        everybody = connection.execute(select(people.c.id, people.c.name, people.c.role))
        self.people = {row.id: row.name if with_rater_names else f"{row.role} {row.id}" for row in everybody}

    def read_golden_votes(self) -> GoldenVotes:
        """Read the experts' and the raters' votes on golden questions.

        Votes of raters in practice are not included. If experts have answered only some golden questions, the experts'
        votes also list the remaining questions, without votes.
        """
        experts = self.read_votes(questions.c.golden, people.c.role == Role.EXPERT, IS_NOT_SKIPPED)
        raters = self.read_votes(tasks.c.kind == TaskKind.GOLDEN, IS_NOT_SKIPPED, *IS_BY_INCLUDED_RATER)
        if not len(experts):
            return GoldenVotes(None, raters if len(raters) else None)
        image, class_id = zip(*self.connection.execute(_SELECT_GOLDEN_QUESTIONS), strict=True)
        golden = Questions.from_columns([self.images[number] for number in image], np.array(class_id), self.classes)
        no_rows = np.zeros(0, np.int64)
        experts = experts.append(Votes.from_columns(golden, no_rows, no_rows, no_rows, (), KNOWN_ANSWERS))
        return GoldenVotes(experts, raters if len(raters) else None)

    def read_votes(self, *conditions: Any) -> Votes:
        """Read the answers that meet all conditions, as votes."""
        columns = _read_columns(self.connection, _SELECT_ANSWERS.where(*conditions))
        image, class_id, _, person, answer, seconds = columns[:, np.lexsort(columns[2::-1])]
        is_first = np.append(True, (np.diff(image) != 0) | (np.diff(class_id) != 0))[: image.size]
        raters, rater_ids = np.unique(person.astype(np.int64), return_inverse=True)
        names = [self.images[number] for number in image[is_first].astype(np.int64).tolist()]
        return Votes.from_columns(
            Questions.from_columns(names, class_id[is_first].astype(np.int64), self.classes),
            np.cumsum(is_first) - 1,
            rater_ids,
            answer.astype(np.int64),
            [self.people[number] for number in raters.tolist()],
            KNOWN_ANSWERS,
            seconds=None if np.isnan(seconds).all() else seconds,
        )


_SELECT_ANSWERS = select(
    tasks.c.image, questions.c.class_id, answers.c.id, answers.c.person, answers.c.answer, answers.c.seconds
).select_from(answers.join(people).join(questions).join(tasks))
IS_NOT_SKIPPED = ~exists().where(
    turns.c.person == answers.c.person, turns.c.task == tasks.c.id, turns.c.state == TurnState.SKIPPED
)
# Answers that count; answers of an excluded rater may not be recounted yet.
IS_COUNTED = and_(answers.c.counted, answers.c.person.in_(select(people.c.id).where(~people.c.excluded)))
IS_BY_INCLUDED_RATER = people.c.role == Role.RATER, ~people.c.excluded
_SELECT_SUGGESTIONS = (
    select(images.c.name, suggestions.c.class_id, func.count(suggestions.c.person.distinct()))
    .select_from(suggestions.join(tasks).join(images).join(people))
    .where(~people.c.excluded)
    .group_by(images.c.id, images.c.name, suggestions.c.class_id)
    .order_by(images.c.id, suggestions.c.class_id)
)
_SELECT_GOLDEN_COUNTS = (
    select(images.c.name, func.count().label("n"))
    .select_from(questions.join(tasks).join(images))
    .where(questions.c.golden)
    .group_by(images.c.id, images.c.name)
)
_SELECT_QUESTION_STATES = (
    select(images.c.name, *questions.c["class_id", "votes", "ended", "valid", "task"])
    .select_from(questions.join(tasks).join(images))
    .where(~questions.c.golden, questions.c.ended.is_distinct_from(WITHDRAWN))
    .order_by(images.c.id, questions.c.class_id)
)

_IS_ACTIVE_RATER = and_(people.c.role == Role.RATER, ~people.c.excluded, people.c.stage != RaterStage.FAILED)
_SELECT_TASKS_SKIPPED_BY_ALL = (
    select(turns.c.task)
    .select_from(turns.join(people))
    .where(_IS_ACTIVE_RATER, turns.c.state == TurnState.SKIPPED)
    .group_by(turns.c.task)
    .having(
        func.count()
        == select(func.count()).select_from(people).where(_IS_ACTIVE_RATER).correlate(None).scalar_subquery()
    )
)
_SELECT_GOLDEN_QUESTIONS = (
    select(tasks.c.image, questions.c.class_id)
    .select_from(questions.join(tasks))
    .where(questions.c.golden)
    .order_by(tasks.c.image, questions.c.class_id)
)
_SELECT_DRAWN_IMAGES = (
    select(images.c.name, tasks.c.probability, tasks.c.stratum)
    .select_from(tasks.join(images))
    .where(tasks.c.kind.in_([TaskKind.GOLDEN, TaskKind.PRACTICE]), tasks.c.probability.is_not(None))
    .order_by(images.c.id)
)


def _read_columns(connection: Connection, query: Select[Any]) -> npt.NDArray[np.float64]:
    """Read the result of a query as float64, shape (columns, rows), with NaN for null."""
    parts = [np.empty((len(query.selected_columns), 0))]
    for rows in connection.execute(query).partitions(_ROWS_PER_READ):
        parts.append(np.array(list(zip(*rows, strict=True)), np.float64))
    return np.concatenate(parts, axis=1)


def _find_images_answered_by_experts(golden_votes: Votes | None) -> set[str]:
    """Return the golden images whose questions all have answers of experts."""
    if golden_votes is None or not isinstance(golden_votes.items, Questions):
        return set()
    is_open = np.zeros(len(golden_votes.images), bool)
    is_open[golden_votes.items.image_ids[golden_votes.sizes == 0]] = True
    return {image for image, has_open in zip(golden_votes.images, is_open.tolist(), strict=True) if not has_open}


def _read_sample(connection: Connection, golden_votes: Votes | None) -> Sample | None:
    """Read the golden images that were drawn at random; None if there are none."""
    rows = {row.name: row for row in connection.execute(_SELECT_DRAWN_IMAGES)}
    if not rows or golden_votes is None:
        return None
    return Sample(
        images=tuple(rows),
        probabilities=np.array([row.probability for row in rows.values()], np.float64),
        strata=tuple(row.stratum or "" for row in rows.values()),
    )


def _read_question_states(connection: Connection) -> Iterator[QuestionState]:
    """Read the questions that raters vote on; open questions are closed if all raters skipped their image."""
    skipped = set(connection.scalars(_SELECT_TASKS_SKIPPED_BY_ALL))
    for row in connection.execute(_SELECT_QUESTION_STATES):
        reason = "skipped" if row.ended is None and row.task in skipped else row.ended
        yield QuestionState(row.name, row.class_id, row.votes, reason, row.valid)


def _read_sample_tasks(connection: Connection, classes: Classes) -> Tasks | None:
    """Read the tasks of a sample of images; None if the campaign is not about a sample."""
    text = connection.scalar(select(schema.campaign.c.sample))
    return None if text is None else parse_tasks(text.split("\n"), classes, Path("the sample of the campaign"))


def _read_original_labels(connection: Connection, classes: Classes) -> LabelSets | None:
    """Read the original labels of all images; None if there are none."""
    rows = [
        row
        for table in (images, unasked)
        for row in connection.execute(
            select(table.c.name, table.c.original).where(table.c.original.is_not(None)).order_by(table.c.id)
        )
    ]
    return LabelSets.from_lists([row.name for row in rows], [[row.original] for row in rows], classes) if rows else None
