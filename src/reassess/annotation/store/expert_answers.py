"""What experts say of golden questions: the truth follows from it, and from the truth what is known of raters."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, or_, select, update

from reassess.annotation.judging import truth_of
from reassess.annotation.store.campaigns import Change
from reassess.annotation.store.schema import (
    EXPERT,
    GOLDEN,
    RATER,
    UNFIT,
    answers,
    campaign,
    golden_counts,
    people,
    questions,
    turns,
)

__all__ = ["count_golden", "renew_truth"]

_COUNT = (
    update(golden_counts)
    .where(
        golden_counts.c.person == bindparam("who"),
        golden_counts.c.truth == bindparam("is"),
        golden_counts.c.answer == bindparam("said"),
    )
    .values(n=golden_counts.c.n + bindparam("more"))
)
_SAID = (
    select(answers.c.answer, answers.c.person, people.c.role)
    .select_from(answers)
    .join(people, people.c.id == answers.c.person)
    .join(questions, questions.c.id == answers.c.question)
    .outerjoin(turns, and_(turns.c.task == questions.c.task, turns.c.person == answers.c.person))
    .where(answers.c.question == bindparam("of"), or_(turns.c.state.is_(None), turns.c.state != UNFIT))
    .order_by(answers.c.id)
)


def count_golden(change: Change, said: Iterable[tuple[int, int | None, int | None, int]]) -> None:
    """Count answers of raters to golden questions, or take them away: rater, truth, answer, and +1 or -1 of each.

    What has no truth or no answer counts nothing. A 0 changes nothing, and takes as long.
    """
    counts: Counter[tuple[int, int, int]] = Counter()
    for person, truth, answer, more in said:
        if truth is not None and answer is not None:
            counts[person, truth, answer] += more
    rows = [
        {"who": person, "is": truth, "said": answer, "more": more}
        for (person, truth, answer), more in sorted(counts.items())
    ]
    if rows:
        change.connection.execute(_COUNT, rows)


def renew_truth(change: Change, asked: Sequence[Row[Any]], kind: str) -> None:
    """Note the truth of golden questions after experts have answered them, and count the raters' answers by it."""
    for row in asked:
        said = change.connection.execute(_SAID, {"of": row.id}).all()
        experts = [each.answer for each in said if each.role == EXPERT]
        truth = truth_of(experts, change.campaign.at_least)
        if truth == row.truth:
            continue
        change.connection.execute(update(questions).where(questions.c.id == row.id).values(truth=truth))
        if kind != GOLDEN:
            continue
        both = (row.truth, -1), (truth, +1)
        for value, more in both:
            _count_question(change, value, more)
        raters = [each for each in said if each.role == RATER]
        count_golden(change, [(each.person, value, each.answer, more) for each in raters for value, more in both])


def _count_question(change: Change, truth: int | None, more: int) -> None:
    if truth is not None:
        column = (campaign.c.golden_invalid, campaign.c.golden_valid)[truth]
        change.connection.execute(update(campaign).values({column: column + more}))
