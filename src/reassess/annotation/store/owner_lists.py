"""Lists for the owner: golden questions where people disagree, uncertain questions, and the log."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, or_, select

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import reading
from reassess.annotation.store.export import COUNTED, NOT_SKIPPED, OF_RATERS
from reassess.annotation.store.schema import Kind, Role, answers, images, log, people, questions, tasks


@dataclass(frozen=True)
class ListedQuestion:
    """A question in a list of the owner page."""

    image: str  # name of the image
    address: str  # of the image
    class_id: int
    truth: int | None  # of a golden question: 1 valid, 0 invalid
    valid: float  # probability that the class is valid, by counted votes; meaningless for a golden question
    ended: str | None  # rule or votes; None while open
    no: int  # number of this answer
    maybe: int
    yes: int

    @property
    def counts(self) -> tuple[int, int, int]:
        """Number of each answer."""
        return self.no, self.maybe, self.yes


@dataclass(frozen=True)
class LogEntry:
    """An entry of the log."""

    at: float  # seconds
    who: int | None  # number of the person; None for the command line
    what: str  # the action
    detail: dict[str, Any]  # its objects, such as the number of a person
    image: str | None = None  # name of the image, if there is one
    class_ids: tuple[int, ...] = ()  # classes of the question or task, or the suggested one


def disputed_golden(campaign: Campaign, most: int, skip: int = 0) -> list[ListedQuestion]:
    """Golden questions that fewer than half of the raters answered like the experts, the most disputed first.

    Practice questions are not listed, since their raters are still learning.
    """
    golden = tasks.c.kind == Kind.GOLDEN, questions.c.truth.is_not(None)
    found = _questions(*golden, *OF_RATERS, NOT_SKIPPED).having(func.count() > 2 * _CORRECT)
    most_disputed = (func.count() - _CORRECT).desc(), questions.c.id
    return _listed(campaign, found.order_by(*most_disputed).limit(most).offset(skip))


def split_golden(campaign: Campaign) -> list[ListedQuestion]:
    """Golden questions where no more than half of the experts gave the answer that became the truth."""
    found = _questions(questions.c.truth.is_not(None), people.c.role == Role.EXPERT, NOT_SKIPPED)
    found = found.having(func.count() >= 2 * _CORRECT)
    return _listed(campaign, found.order_by(2 * _CORRECT - func.count(), questions.c.id))


def uncertain_questions(campaign: Campaign, most: int, skip: int = 0) -> list[ListedQuestion]:
    """Questions with votes, the most uncertain first."""
    least = func.abs(questions.c.valid - 0.5), questions.c.id
    few = select(questions.c.id).where(questions.c.votes > 0).order_by(*least).limit(most).offset(skip)
    return _listed(campaign, _questions(questions.c.id.in_(few), COUNTED).order_by(*least))


def last_entries(campaign: Campaign, most: int, skip: int = 0) -> list[LogEntry]:
    """The latest entries of the log, the latest first."""
    with reading(campaign.engine) as connection:
        rows = connection.execute(select(log).order_by(log.c.id.desc()).limit(most).offset(skip)).all()
        about = {kind: [row.detail[kind] for row in rows if kind in row.detail] for kind in ("question", "task")}
        which = or_(questions.c.id.in_(about["question"]), questions.c.task.in_(about["task"]))
        asked = connection.execute(
            select(questions.c.id, questions.c.task, questions.c.class_id, images.c.name)
            .select_from(questions.join(tasks).join(images))
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


_CORRECT = func.sum(case((answers.c.answer == 2 * questions.c.truth, 1), else_=0))


def _questions(*which: Any) -> Select[Any]:
    """Questions with the number of each answer."""
    image = images.c.name, images.c.address
    shown = *image, questions.c.class_id, questions.c.truth, questions.c.valid, questions.c.ended
    counts = (func.sum(case((answers.c.answer == answer, 1), else_=0)) for answer in range(3))
    return (
        select(*shown, *counts)
        .select_from(questions.join(answers).join(people).join(tasks).join(images))
        .where(*which)
        .group_by(questions.c.id, *shown)
    )


def _listed(campaign: Campaign, found: Select[Any]) -> list[ListedQuestion]:
    with reading(campaign.engine) as connection:
        return [ListedQuestion(*row) for row in connection.execute(found)]
