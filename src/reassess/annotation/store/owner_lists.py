"""Lists on the owner page: golden questions with disagreement, uncertain questions, and the campaign's log."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, or_, select

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.export import IS_BY_INCLUDED_RATER, IS_COUNTED, IS_NOT_SKIPPED
from reassess.annotation.store.schema import Role, TaskKind, answers, images, log, people, questions, tasks


@dataclass(frozen=True)
class ListedQuestion:
    """A question in a list on the owner page, with its number of answers."""

    image_name: str
    image_address: str
    class_id: int
    truth: int | None  # 1 valid, 0 invalid; only for golden questions
    valid_probability: float  # probability that the class is valid, by counted votes; not for golden questions
    close_reason: str | None  # rule or votes; None while open
    n_no: int
    n_maybe: int
    n_yes: int

    @property
    def answer_counts(self) -> tuple[int, int, int]:
        """How many raters answered "no", "maybe" and "yes"."""
        return self.n_no, self.n_maybe, self.n_yes


@dataclass(frozen=True)
class LogEntry:
    """An entry of the campaign's log: who did what, and when."""

    time: float  # seconds
    person_id: int | None  # None for the command line
    action: str
    detail: dict[str, Any]  # objects of the action, such as the id of a person
    image_name: str | None = None  # only if the action is about an image
    class_ids: tuple[int, ...] = ()  # classes of the question or task, or the suggested class


def list_disputed_golden(campaign: Campaign, limit: int, offset: int = 0) -> list[ListedQuestion]:
    """List golden questions where fewer than half of the raters agree with the experts.

    The most disputed questions come first. Practice questions are not listed, since raters are still learning in
    practice.
    """
    golden = tasks.c.kind == TaskKind.GOLDEN, questions.c.truth.is_not(None)
    disputed = _select_questions(*golden, *IS_BY_INCLUDED_RATER, IS_NOT_SKIPPED).having(func.count() > 2 * _N_CORRECT)
    most_disputed = (func.count() - _N_CORRECT).desc(), questions.c.id
    return _read_questions(campaign, disputed.order_by(*most_disputed).limit(limit).offset(offset))


def list_golden_without_majority(campaign: Campaign, limit: int | None = None, offset: int = 0) -> list[ListedQuestion]:
    """List golden questions where at most half of the experts gave the answer that became the truth."""
    split = _select_questions(questions.c.truth.is_not(None), people.c.role == Role.EXPERT, IS_NOT_SKIPPED)
    split = split.having(func.count() >= 2 * _N_CORRECT)
    by_disagreement = 2 * _N_CORRECT - func.count(), questions.c.id
    return _read_questions(campaign, split.order_by(*by_disagreement).limit(limit).offset(offset))


def list_uncertain_questions(campaign: Campaign, limit: int, offset: int = 0) -> list[ListedQuestion]:
    """List questions with votes, starting with the most uncertain."""
    uncertainty = func.abs(questions.c.valid - 0.5), questions.c.id
    ids = select(questions.c.id).where(questions.c.votes > 0).order_by(*uncertainty).limit(limit).offset(offset)
    return _read_questions(campaign, _select_questions(questions.c.id.in_(ids), IS_COUNTED).order_by(*uncertainty))


def list_log_entries(campaign: Campaign, limit: int, offset: int = 0) -> list[LogEntry]:
    """List entries of the campaign's log, newest first."""
    with connect_for_reading(campaign.engine) as connection:
        rows = connection.execute(select(log).order_by(log.c.id.desc()).limit(limit).offset(offset)).all()
        ids = {kind: [row.detail[kind] for row in rows if kind in row.detail] for kind in ("question", "task")}
        is_mentioned = or_(questions.c.id.in_(ids["question"]), questions.c.task.in_(ids["task"]))
        mentioned = connection.execute(
            select(questions.c.id, questions.c.task, questions.c.class_id, images.c.name)
            .select_from(questions.join(tasks).join(images))
            .where(is_mentioned)
            .order_by(questions.c.class_id)
        ).all()
    entries = []
    for row in rows:
        own = [q for q in mentioned if row.detail.get("question") == q.id or row.detail.get("task") == q.task]
        image = next((question.name for question in own), None)
        suggested = row.detail.get("class_id")
        class_ids = tuple(question.class_id for question in own) if suggested is None else (suggested,)
        entries.append(LogEntry(row.at, row.person, row.what, row.detail, image, class_ids))
    return entries


_N_CORRECT = func.sum(case((answers.c.answer == 2 * questions.c.truth, 1), else_=0))


def _select_questions(*conditions: Any) -> Select[Any]:
    """Make a query for the questions that meet all conditions; it also counts the answers by kind."""
    image = images.c.name, images.c.address
    columns = *image, questions.c.class_id, questions.c.truth, questions.c.valid, questions.c.ended
    counts = (func.sum(case((answers.c.answer == answer, 1), else_=0)) for answer in range(3))
    return (
        select(*columns, *counts)
        .select_from(questions.join(answers).join(people).join(tasks).join(images))
        .where(*conditions)
        .group_by(questions.c.id, *columns)
    )


def _read_questions(campaign: Campaign, query: Select[Any]) -> list[ListedQuestion]:
    with connect_for_reading(campaign.engine) as connection:
        return [ListedQuestion(*row) for row in connection.execute(query)]
