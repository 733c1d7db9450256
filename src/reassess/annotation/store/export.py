"""The votes of a campaign, as files of votes hold them, and what else people said."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, and_, exists, func, select
from sqlalchemy.exc import DBAPIError

from reassess.annotation.store.campaigns import Campaign, changing
from reassess.annotation.store.database import check_whole, forbids_writing, reading
from reassess.annotation.store.given_answers import finish_counting
from reassess.annotation.store.schema import (
    EXPERT,
    GOLDEN,
    PRACTICE,
    RATER,
    UNFIT,
    WITHDRAWN,
    answers,
    images,
    people,
    questions,
    suggestions,
    tasks,
    turns,
    unasked,
)
from reassess.annotation.store.shown_items import classes_of
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.classes import Classes
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.votes import Votes

__all__ = [
    "COUNTED",
    "JUDGED",
    "OF_RATERS",
    "AskedQuestion",
    "Exported",
    "Suggestion",
    "export_votes",
    "golden_votes_of",
    "note_export",
]

_ROWS = 100_000  # that are read at a time


@dataclass(frozen=True)
class Suggestion:
    """A class that people saw in an image and were not asked about.

    Parameters
    ----------
    image
        The image.
    class_id
        The class.
    people
        How many saw it.
    """

    image: str
    class_id: int
    people: int


@dataclass(frozen=True)
class AskedQuestion:
    """A question that raters vote on, as it stands.

    Parameters
    ----------
    image
        The image.
    class_id
        The class.
    votes
        Number of votes that count.
    ended
        ``"rule"`` if the stop rule closed it, ``"votes"`` if it has as many as it can get; None while it is open.
    valid
        The probability that the class is valid, by which it was closed, or by the votes so far.
    """

    image: str
    class_id: int
    votes: int
    ended: str | None
    valid: float


@dataclass(frozen=True)
class Exported:
    """What people said in a campaign.

    Parameters
    ----------
    votes
        The counted votes.
    golden
        The experts' votes on golden questions, without those for practice; None if there are none.
    rater_golden
        The raters' votes on golden questions; None if there are none.
    original
        The labels as they were, also of images that nobody was asked about; None if they are not known.
    suggestions
        What people saw and were not asked about, by image and class.
    questions
        How each question stands that raters vote on, by image and class, without those that were withdrawn.
    late
        Number of answers that are kept and do not count, since the question had votes enough.
    unfit
        Number of those that do not count since their rater could not judge the picture.
    withdrawn
        Number of those to questions that were withdrawn.
    voided
        Number of answers of voided raters.
    practice
        Number of experts' votes on questions for practice, which are used for nothing else.
    """

    votes: Votes
    golden: Votes | None
    rater_golden: Votes | None
    original: LabelSets | None
    suggestions: tuple[Suggestion, ...]
    questions: tuple[AskedQuestion, ...]
    late: int
    unfit: int
    withdrawn: int
    voided: int
    practice: int


def export_votes(campaign: Campaign, *, names: bool = False) -> Exported:
    """The votes of a campaign.

    Parameters
    ----------
    campaign
        The campaign.
    names
        Whether raters are called by their names; else by numbers, in the order in which they were invited.

    Raises
    ------
    DataError
        The campaign file is damaged.
    """
    finish_counting(campaign)
    classes = classes_of(campaign)
    with reading(campaign.engine) as connection:
        check_whole(connection, "integrity_check")
        said = _Said(connection, classes, names)
        golden, rater_golden = said.golden()
        every = select(func.count()).select_from(answers.join(people).join(questions).join(tasks))
        counts = every.where(~questions.c.golden)
        is_withdrawn = func.coalesce(questions.c.ended, "") == WITHDRAWN

        def uncounted(*why: Any) -> int:
            return connection.scalar(counts.where(~answers.c.counted, *OF_RATERS, *why)) or 0

        return Exported(
            votes=said.votes(COUNTED),
            golden=golden,
            rater_golden=rater_golden,
            original=_original(connection, classes),
            suggestions=tuple(Suggestion(*row) for row in connection.execute(_SUGGESTED)),
            questions=tuple(AskedQuestion(*row) for row in connection.execute(_ASKED)),
            late=uncounted(JUDGED, ~is_withdrawn),
            unfit=uncounted(~JUDGED),
            withdrawn=uncounted(JUDGED, is_withdrawn),
            voided=connection.scalar(counts.where(people.c.voided)) or 0,
            practice=connection.scalar(every.where(tasks.c.kind == PRACTICE, people.c.role == EXPERT, JUDGED)) or 0,
        )


def note_export(campaign: Campaign, now: float, by: int | None = None, *, names: bool) -> None:
    """Write into the log that the votes were exported.

    The command line exports a campaign that it can only read, too; then nothing is written.
    """
    try:
        with changing(campaign) as change:
            change.note(now, "export", by, names=names)
    except DBAPIError as error:
        if by is not None or not forbids_writing(error):
            raise


def golden_votes_of(campaign: Campaign, *, names: bool = False) -> tuple[Votes | None, Votes | None]:
    """The experts' votes on golden questions, and the raters', as `export_votes` gives them among others."""
    classes = classes_of(campaign)
    with reading(campaign.engine) as connection:
        return _Said(connection, classes, names).golden()


class _Said:
    """What was said, by image, class and the order in which it came."""

    def __init__(self, connection: Connection, classes: Classes, names: bool) -> None:
        self.connection, self.classes = connection, classes
        self.images = {row.id: row.name for row in connection.execute(select(images.c.id, images.c.name))}
        everybody = connection.execute(select(people.c.id, people.c.name, people.c.role))
        self.people = {row.id: row.name if names else f"{row.role} {row.id}" for row in everybody}

    def golden(self) -> tuple[Votes | None, Votes | None]:
        """Experts' and raters' votes on golden questions, without those for practice; None where there are none.

        Where experts have judged some, the raters' votes on others tell nothing yet, and are left out.
        """
        experts = self.votes(tasks.c.kind == GOLDEN, people.c.role == EXPERT, JUDGED)
        raters = self.votes(tasks.c.kind == GOLDEN, JUDGED, *OF_RATERS)
        if len(experts):
            raters = raters.restrict(np.flatnonzero(experts.find(raters.items) >= 0))
        return experts if len(experts) else None, raters if len(raters) else None

    def votes(self, *which: Any) -> Votes:
        """Some of the answers."""
        columns = _columns(self.connection, _ANSWERS.where(*which))
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


_ANSWERS = (
    select(tasks.c.image, questions.c.class_id, answers.c.id, answers.c.person, answers.c.answer, answers.c.seconds)
    .select_from(answers)
    .join(people, people.c.id == answers.c.person)
    .join(questions, questions.c.id == answers.c.question)
    .join(tasks, tasks.c.id == questions.c.task)
)
JUDGED = ~exists().where(turns.c.person == answers.c.person, turns.c.task == tasks.c.id, turns.c.state == UNFIT)
# That counts, also where the votes of a rater who was voided are still to be counted anew.
COUNTED = and_(answers.c.counted, answers.c.person.in_(select(people.c.id).where(~people.c.voided)))
OF_RATERS = people.c.role == RATER, ~people.c.voided
_SUGGESTED = (
    select(images.c.name, suggestions.c.class_id, func.count(suggestions.c.person.distinct()))
    .select_from(suggestions)
    .join(tasks, tasks.c.id == suggestions.c.task)
    .join(images, images.c.id == tasks.c.image)
    .join(people, people.c.id == suggestions.c.person)
    .where(~people.c.voided)
    .group_by(images.c.id, images.c.name, suggestions.c.class_id)
    .order_by(images.c.id, suggestions.c.class_id)
)
_ASKED = (
    select(images.c.name, questions.c.class_id, questions.c.votes, questions.c.ended, questions.c.valid)
    .select_from(questions)
    .join(tasks, tasks.c.id == questions.c.task)
    .join(images, images.c.id == tasks.c.image)
    .where(~questions.c.golden, questions.c.ended.is_distinct_from(WITHDRAWN))
    .order_by(images.c.id, questions.c.class_id)
)


def _columns(connection: Connection, said: Select[Any]) -> npt.NDArray[np.float64]:
    """The columns of a query, float64, shape (columns, rows); NaN for what is null."""
    parts = [np.empty((len(said.selected_columns), 0))]
    for rows in connection.execute(said).partitions(_ROWS):
        parts.append(np.array(list(zip(*rows, strict=True)), np.float64))
    return np.concatenate(parts, axis=1)


def _original(connection: Connection, classes: Classes) -> LabelSets | None:
    rows = [
        row
        for table in (images, unasked)
        for row in connection.execute(
            select(table.c.name, table.c.original).where(table.c.original.is_not(None)).order_by(table.c.id)
        )
    ]
    return LabelSets.from_lists([row.name for row in rows], [[row.original] for row in rows], classes) if rows else None
