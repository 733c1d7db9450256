"""The votes of a campaign, as files of votes hold them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
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
    tasks,
)
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.classes import Classes
from reassess.core.questions import Questions
from reassess.core.votes import Votes

__all__ = ["Exported", "export_votes"]


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
    late
        Number of answers that are kept and do not count, since the question had votes enough.
    voided
        Number of answers of voided raters.
    """

    votes: Votes
    golden: Votes | None
    rater_golden: Votes | None
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
        rater = people.c.name if names else func.concat(people.c.role, " ", people.c.id)
        said: Any = select(
            images.c.name, questions.c.class_id, rater.label("rater"), answers.c.answer, answers.c.seconds
        )
        said = (
            said.select_from(answers)
            .join(people, people.c.id == answers.c.person)
            .join(questions, questions.c.id == answers.c.question)
            .join(tasks, tasks.c.id == questions.c.task)
            .join(images, images.c.id == tasks.c.image)
            .order_by(images.c.id, questions.c.class_id, answers.c.id)
        )
        of_raters = people.c.role == RATER, ~people.c.voided
        counts = select(func.count()).select_from(answers.join(people).join(questions)).where(~questions.c.golden)
        return Exported(
            votes=_votes(connection, said.where(answers.c.counted), classes),
            golden=_some(_votes(connection, said.where(people.c.role == EXPERT), classes)),
            rater_golden=_some(_votes(connection, said.where(tasks.c.kind == GOLDEN, *of_raters), classes)),
            late=connection.scalar(counts.where(~answers.c.counted, *of_raters)) or 0,
            voided=connection.scalar(counts.where(people.c.voided)) or 0,
        )


def _some(votes: Votes) -> Votes | None:
    return votes if len(votes) else None


def _votes(connection: Connection, said: Select[Any], classes: Classes) -> Votes:
    rows = connection.execute(said).all()
    place: dict[tuple[str, int], int] = {}  # questions in the order in which they are exported
    item_ids = [place.setdefault((row.name, row.class_id), len(place)) for row in rows]
    raters = list(dict.fromkeys(str(row.rater) for row in rows))
    number = {rater: row for row, rater in enumerate(raters)}
    seconds = np.array([getattr(row, "seconds", None) for row in rows], np.float64)
    return Votes.from_columns(
        Questions.from_columns([name for name, _ in place], np.array([c for _, c in place], np.int64), classes),
        np.array(item_ids, np.int64),
        np.array([number[str(row.rater)] for row in rows], np.int64),
        np.array([row.answer for row in rows], np.int64),
        raters,
        KNOWN_ANSWERS,
        seconds=None if np.isnan(seconds).all() else seconds,
    )
