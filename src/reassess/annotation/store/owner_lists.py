"""What a keeper looks at: golden questions on which people differ, open questions, and the log."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, or_, select

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import reading
from reassess.annotation.store.export import COUNTED, JUDGED, OF_RATERS
from reassess.annotation.store.schema import EXPERT, GOLDEN, answers, images, log, people, questions, tasks

__all__ = ["ListedQuestion", "LogEntry", "disputed_golden", "last_entries", "split_golden", "uncertain_questions"]


@dataclass(frozen=True)
class ListedQuestion:
    """A question as a keeper sees it.

    Parameters
    ----------
    image
        Name of its image.
    address
        Address of its image.
    class_id
        The class that is asked about.
    truth
        Of a golden question: 1 valid, 0 invalid; None of another.
    valid
        The probability that the class is valid, by the counted votes; it is of no use for a golden question.
    ended
        ``"rule"`` or ``"votes"``; None while it is open.
    said
        How many said no, maybe and yes: experts or raters; of a question that is not golden, in votes that count.
    """

    image: str
    address: str
    class_id: int
    truth: int | None
    valid: float
    ended: str | None
    said: tuple[int, int, int]


@dataclass(frozen=True)
class LogEntry:
    """Who did what.

    Parameters
    ----------
    at
        When, in seconds.
    who
        The number of the person; None for the command line.
    what
        What they did.
    detail
        To whom or what.
    image
        Name of the image of the question or task that it is about; None if it is about none.
    class_ids
        The classes that are asked about there, or the one that was suggested.
    """

    at: float
    who: int | None
    what: str
    detail: dict[str, Any]
    image: str | None = None
    class_ids: tuple[int, ...] = ()


def disputed_golden(campaign: Campaign, most: int, skip: int = 0) -> list[ListedQuestion]:
    """Golden questions that fewer than half of the raters answered as the experts did, the most disputed first.

    So many at most, after those that are skipped. Those of the practice round are left out: who answers them is still
    learning.
    """
    golden = tasks.c.kind == GOLDEN, questions.c.truth.is_not(None)
    found = _questions(*golden, *OF_RATERS, JUDGED).having(func.count() > 2 * _RIGHT)
    most_disputed = (func.count() - _RIGHT).desc(), questions.c.id
    return _listed(campaign, found.order_by(*most_disputed).limit(most).offset(skip))


def split_golden(campaign: Campaign) -> list[ListedQuestion]:
    """Golden questions whose truth no more than half of their experts said, the fewest first."""
    found = _questions(questions.c.truth.is_not(None), people.c.role == EXPERT, JUDGED)
    found = found.having(func.count() >= 2 * _RIGHT)
    return _listed(campaign, found.order_by(2 * _RIGHT - func.count(), questions.c.id))


def uncertain_questions(campaign: Campaign, most: int, skip: int = 0) -> list[ListedQuestion]:
    """Questions with votes, those first of which it is least known whether the class is valid.

    So many at most, after those that are skipped.
    """
    least = func.abs(questions.c.valid - 0.5), questions.c.id
    few = select(questions.c.id).where(questions.c.votes > 0).order_by(*least).limit(most).offset(skip)
    return _listed(campaign, _questions(questions.c.id.in_(few), COUNTED).order_by(*least))


def last_entries(campaign: Campaign, most: int, skip: int = 0) -> list[LogEntry]:
    """The last entries of the log, the latest first: so many at most, after those that are skipped."""
    with reading(campaign.engine) as connection:
        rows = connection.execute(select(log).order_by(log.c.id.desc()).limit(most).offset(skip)).all()
        about = {kind: [row.detail[kind] for row in rows if kind in row.detail] for kind in ("question", "task")}
        which = or_(questions.c.id.in_(about["question"]), questions.c.task.in_(about["task"]))
        asked = connection.execute(
            select(questions.c.id, questions.c.task, questions.c.class_id, images.c.name)
            .join(tasks, tasks.c.id == questions.c.task)
            .join(images, images.c.id == tasks.c.image)
            .where(which)
            .order_by(questions.c.class_id)
        ).all()
    entries = []
    for row in rows:
        of = [one for one in asked if row.detail.get("question") == one.id or row.detail.get("task") == one.task]
        image = next((one.name for one in of), None)
        suggested = row.detail.get("class_id")
        class_ids = tuple(one.class_id for one in of) if suggested is None else (suggested,)
        entries.append(LogEntry(row.at, row.person, row.what, row.detail, image, class_ids))
    return entries


_RIGHT = func.sum(case((answers.c.answer == 2 * questions.c.truth, 1), else_=0))


def _questions(*which: Any) -> Select[Any]:
    """Questions, with how often each answer was given, of some answers."""
    shown = questions.c.id, questions.c.class_id, questions.c.truth, questions.c.valid, questions.c.ended
    image = images.c.name, images.c.address
    said = (func.sum(case((answers.c.answer == answer, 1), else_=0)).label(f"said_{answer}") for answer in range(3))
    return (
        select(*shown, *image, *said)
        .select_from(questions)
        .join(answers, answers.c.question == questions.c.id)
        .join(people, people.c.id == answers.c.person)
        .join(tasks, tasks.c.id == questions.c.task)
        .join(images, images.c.id == tasks.c.image)
        .where(*which)
        .group_by(*shown, *image)
    )


def _listed(campaign: Campaign, found: Select[Any]) -> list[ListedQuestion]:
    with reading(campaign.engine) as connection:
        return [
            ListedQuestion(
                image=row.name,
                address=row.address,
                class_id=row.class_id,
                truth=row.truth,
                valid=row.valid,
                ended=row.ended,
                said=(row.said_0, row.said_1, row.said_2),
            )
            for row in connection.execute(found)
        ]
