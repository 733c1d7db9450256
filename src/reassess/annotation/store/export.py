"""The votes of a campaign, as files of votes hold them, and what else people said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, func, select

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.class_list import classes_of
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import (
    EXPERT,
    GOLDEN,
    RATER,
    answers,
    images,
    people,
    questions,
    suggestions,
    tasks,
)
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.classes import Classes
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.votes import Votes

__all__ = ["Exported", "Suggestion", "export_votes"]

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
class Exported:
    """What people said in a campaign.

    Parameters
    ----------
    votes
        The counted votes.
    golden
        The experts' votes on golden questions; None if there are none.
    rater_golden
        The raters' votes on golden questions; None if there are none.
    original
        The labels as they were; None if they are not known.
    suggestions
        What people saw and were not asked about, by image and class.
    late
        Number of answers that are kept and do not count, since the question had votes enough.
    voided
        Number of answers of voided raters.
    """

    votes: Votes
    golden: Votes | None
    rater_golden: Votes | None
    original: LabelSets | None
    suggestions: tuple[Suggestion, ...]
    late: int
    voided: int


def export_votes(campaign: Campaign, *, names: bool = False) -> Exported:
    """The votes of a campaign.

    Parameters
    ----------
    campaign
        The campaign.
    names
        Whether raters are called by their names; else by numbers, which tell nothing of them.
    """
    classes = classes_of(campaign)
    with reading(campaign.engine) as connection:
        named = {row.id: row.name for row in connection.execute(select(images.c.id, images.c.name))}
        called = {row.id: row.name if names else f"{row.role} {row.id}" for row in connection.execute(select(people))}
        said = (
            select(tasks.c.image, questions.c.class_id, answers.c.id, answers.c.person, *_WHAT)
            .select_from(answers)
            .join(people, people.c.id == answers.c.person)
            .join(questions, questions.c.id == answers.c.question)
            .join(tasks, tasks.c.id == questions.c.task)
        )
        of_raters = people.c.role == RATER, ~people.c.voided

        def votes(*which: Any) -> Votes:
            return _votes(_columns(connection, said.where(*which)), named, called, classes)

        counts = select(func.count()).select_from(answers.join(people).join(questions)).where(~questions.c.golden)
        return Exported(
            votes=votes(answers.c.counted),
            golden=_some(votes(people.c.role == EXPERT)),
            rater_golden=_some(votes(tasks.c.kind == GOLDEN, *of_raters)),
            original=_original(connection, classes),
            suggestions=tuple(Suggestion(*row) for row in connection.execute(_SUGGESTED).all()),
            late=connection.scalar(counts.where(~answers.c.counted, *of_raters)) or 0,
            voided=connection.scalar(counts.where(people.c.voided)) or 0,
        )


_WHAT = answers.c.answer, answers.c.seconds
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


def _some(votes: Votes) -> Votes | None:
    return votes if len(votes) else None


def _columns(connection: Connection, said: Select[Any]) -> npt.NDArray[np.float64]:
    """The columns of a query, float64, shape (columns, rows); NaN for what is null."""
    parts = [np.empty((len(said.selected_columns), 0))]
    for rows in connection.execute(said).partitions(_ROWS):
        parts.append(np.array(list(zip(*rows, strict=True)), np.float64))
    return np.concatenate(parts, axis=1)


def _votes(
    columns: npt.NDArray[np.float64], images: Mapping[int, str], people: Mapping[int, str], classes: Classes
) -> Votes:
    """Votes by image, class and the order in which they came; image and person of each are numbers."""
    image, class_id, _, person, answer, seconds = columns[:, np.lexsort(columns[2::-1])]
    is_first = np.append(True, (np.diff(image) != 0) | (np.diff(class_id) != 0))[: image.size]
    raters, rater_ids = np.unique(person.astype(np.int64), return_inverse=True)
    names = [images[number] for number in image[is_first].astype(np.int64).tolist()]
    return Votes.from_columns(
        Questions.from_columns(names, class_id[is_first].astype(np.int64), classes),
        np.cumsum(is_first) - 1,
        rater_ids,
        answer.astype(np.int64),
        [people[number] for number in raters.tolist()],
        KNOWN_ANSWERS,
        seconds=None if np.isnan(seconds).all() else seconds,
    )


def _original(connection: Connection, classes: Classes) -> LabelSets | None:
    known = select(images.c.name, images.c.original).where(images.c.original.is_not(None)).order_by(images.c.id)
    rows = connection.execute(known).all()
    return LabelSets.from_lists([row.name for row in rows], [[row.original] for row in rows], classes) if rows else None
