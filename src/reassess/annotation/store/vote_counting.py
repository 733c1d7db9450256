"""Which answers count as votes, and when a question has enough votes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Row, and_, bindparam, case, exists, func, or_, select, true, update

from reassess.annotation.running_posterior import current_model, probability_valid, truth_of
from reassess.annotation.store.campaigns import Transaction, in_parts
from reassess.annotation.store.schema import (
    WITHDRAWN,
    Kind,
    Role,
    State,
    answers,
    campaign,
    golden_counts,
    people,
    questions,
    turns,
)
from reassess.core import RaterModel

# An answer of a rater who is not excluded, about an image that they did not skip, to a question that they did not
# suggest. After an inclusion, it counts once its question is recounted.
_STANDING = and_(
    ~people.c.excluded,
    func.coalesce(people.c.recounted, questions.c.id) >= questions.c.id,
    ~exists().where(
        *(turns.c.person == answers.c.person, turns.c.task == questions.c.task),
        turns.c.state.in_([State.SKIPPED, State.SUGGESTED]),
    ),
)
_ANSWERS = (
    select(
        *questions.c["id", "golden", "prior"],
        *answers.c["person", "answer", "counted"],
        *(answers.c.id.label("number"), _STANDING.label("stands")),
    )
    .select_from(questions)
    .outerjoin(
        answers,
        and_(
            answers.c.question == questions.c.id,
            or_(~questions.c.golden, answers.c.person.between(bindparam("first"), bindparam("who"))),
        ),
    )
    .outerjoin(people, people.c.id == answers.c.person)
    .where(questions.c.id.in_(bindparam("numbers", expanding=True)), questions.c.ended.is_distinct_from(WITHDRAWN))
    .order_by(questions.c.id, answers.c.id)
)
_STATE = (
    update(questions)
    .where(questions.c.id == bindparam("question"))
    .values(
        votes=bindparam("counted"),
        valid=bindparam("probability"),
        ended=bindparam("why"),
        reserved=questions.c.reserved - bindparam("back"),
    )
)
_COUNT = (
    update(answers).where(answers.c.id.in_(bindparam("numbers", expanding=True))).values(counted=bindparam("counts"))
)
_RATER = case((golden_counts.c.person.in_(bindparam("raters", expanding=True)), golden_counts.c.person), else_=0)
_COUNTS = (
    select(_RATER.label("rater"), golden_counts.c.truth, golden_counts.c.answer, func.sum(golden_counts.c.n).label("n"))
    .join(people, people.c.id == golden_counts.c.person)
    .where(~people.c.excluded, golden_counts.c.n > 0)
    .group_by("rater", golden_counts.c.truth, golden_counts.c.answer)
    .subquery()
)
# Number of golden questions by truth, beside the raters' answers to them.
_GOLDEN_ANSWERS = select(campaign.c.golden_invalid, campaign.c.golden_valid, _COUNTS).outerjoin(_COUNTS, true())


class _Votes(NamedTuple):
    """Answers to a question in the order of arrival, and its prior probability."""

    prior: float | None
    golden: bool
    votes: Sequence[Row[Any]]

    def only(self, which: str) -> "_Votes":
        """The answers where a column is true."""
        return self._replace(votes=[vote for vote in self.votes if getattr(vote, which)])

    def valid(self, model: RaterModel, votes: int | None = None) -> float:
        """The probability by the first answers, or by all."""
        return probability_valid([(vote.person, vote.answer) for vote in self.votes[:votes]], model, self.prior)


class _Known(NamedTuple):
    """The rater model, and whether it is based on any golden question."""

    model: RaterModel
    golden: bool


def count_new(change: Transaction, person: int, asked: Sequence[int], *, places: Sequence[int]) -> None:
    """Count new votes of a rater on some questions, and free places on some of them.

    Golden questions have no votes, but take the same work, since the time would tell them.
    """
    by_question = _votes_on(change, asked, person)
    if any(vote.counted and not vote.stands for each in by_question.values() for vote in each.votes):
        change.reserve(places, -1)
        count_anew(change, asked)  # before the recount of an excluded rater comes to these questions
        return
    counted = {question: each if each.golden else each.only("counted") for question, each in by_question.items()}
    _settle(change, counted, _known(change, counted), places=places)


def count_anew(change: Transaction, asked: Sequence[int], person: int = 0) -> None:
    """Recount answers to questions in the order of arrival, until there are enough.

    Answers to withdrawn or golden questions do not count. Golden ones take the same work, as in `count_new`.
    """
    by_question = _votes_on(change, asked, person)
    before = {vote.number for each in by_question.values() for vote in each.votes if vote.counted or each.golden}
    standing = {question: each.only("stands") for question, each in by_question.items()}
    known = _known(change, standing)
    counted = {question: _enough(change, each, known) for question, each in standing.items()}
    after = {vote.number for each in counted.values() for vote in each.votes}
    for counts, numbers in ((False, before - after), (True, after - before)):
        for some in in_parts(sorted(numbers)):
            change.connection.execute(_COUNT, {"numbers": some, "counts": counts})
    _settle(change, counted, known)


def _enough(change: Transaction, all_votes: _Votes, known: _Known) -> _Votes:
    """The first votes until there are enough."""
    for votes in range(len(all_votes.votes)):
        if change.rules.ending(votes, all_votes.valid(known.model, votes), is_measured=known.golden) is not None:
            return all_votes._replace(votes=all_votes.votes[:votes])
    return all_votes


def _votes_on(change: Transaction, asked: Sequence[int], person: int) -> dict[int, _Votes]:
    """All answers to each question that is not withdrawn.

    Any number of raters can answer a golden question. So only answers of `person` and of a few raters before them are
    read: as many as another question has votes.
    """
    by_question = {}
    own = {"who": person, "first": person - change.rules.per_question + 1}
    found = change.connection.execute(_ANSWERS, {"numbers": asked, **own})
    for question, group in groupby(found, key=itemgetter(0)):
        rows = list(group)
        by_question[question] = _Votes(rows[0].prior, rows[0].golden, [row for row in rows if row.number is not None])
    return by_question


def _settle(change: Transaction, counted: Mapping[int, _Votes], known: _Known, *, places: Sequence[int] = ()) -> None:
    """Store the votes, probability and state of questions, and free some places."""
    states = []
    for question, votes_on in counted.items():
        valid = votes_on.valid(known.model)
        votes = 0 if votes_on.golden else len(votes_on.votes)
        why = None if votes_on.golden else change.rules.ending(votes, valid, is_measured=known.golden)
        back = int(question in places and not votes_on.golden)
        state = {"counted": votes, "probability": valid, "why": why, "back": back}
        states.append({"question": question, **state})
    if states:
        change.connection.execute(_STATE, states)


def _known(change: Transaction, by_question: Mapping[int, _Votes]) -> _Known:
    """The rater model by golden answers so far; other raters count together."""
    raters = sorted({vote.person for each in by_question.values() for vote in each.votes})
    rows = change.connection.execute(_GOLDEN_ANSWERS, {"raters": raters}).all()
    counts = [(row.rater, row.truth, row.answer, row.n) for row in rows if row.rater is not None]
    truths = rows[0].golden_invalid, rows[0].golden_valid
    return _Known(current_model(counts, truths, [0, *raters]), golden=any(truths))


_COUNT_GOLDEN = (
    update(golden_counts)
    .where(
        golden_counts.c.person == bindparam("who"),
        golden_counts.c.truth == bindparam("is"),
        golden_counts.c.answer == bindparam("with"),
    )
    .values(n=golden_counts.c.n + bindparam("more"))
)
_ANSWERS_TO = (
    select(answers.c.answer, answers.c.person, people.c.role)
    .select_from(answers.join(people).join(questions))
    .outerjoin(turns, and_(turns.c.task == questions.c.task, turns.c.person == answers.c.person))
    .where(answers.c.question == bindparam("of"), or_(turns.c.state.is_(None), turns.c.state != State.SKIPPED))
    .order_by(answers.c.id)
)


def count_golden(change: Transaction, changes: Iterable[tuple[int, int | None, int | None, int]]) -> None:
    """Add raters' answers to golden questions to their counts: rater, truth, answer, and +1, -1 or 0.

    Answers without a truth are skipped. 0 changes nothing, and takes the same time.
    """
    counts: Counter[tuple[int, int, int]] = Counter()
    for person, truth, answer, more in changes:
        if truth is not None and answer is not None:
            counts[person, truth, answer] += more
    rows = [
        {"who": person, "is": truth, "with": answer, "more": more}
        for (person, truth, answer), more in sorted(counts.items())
    ]
    if rows:
        change.connection.execute(_COUNT_GOLDEN, rows)


def renew_truth(change: Transaction, asked: Sequence[Row[Any]], kind: str) -> None:
    """Update the truth of golden questions after experts' answers, and the raters' counts by it."""
    for row in asked:
        rows = change.connection.execute(_ANSWERS_TO, {"of": row.id}).all()
        experts = [each.answer for each in rows if each.role == Role.EXPERT]
        truth = truth_of(experts, change.campaign.at_least)
        if truth == row.truth:
            continue
        change.connection.execute(update(questions).where(questions.c.id == row.id).values(truth=truth))
        if kind != Kind.GOLDEN:
            continue
        both = (row.truth, -1), (truth, +1)
        for value, more in both:
            if value is not None:
                column = (campaign.c.golden_invalid, campaign.c.golden_valid)[value]
                change.connection.execute(update(campaign).values({column: column + more}))
        raters = [each for each in rows if each.role == Role.RATER]
        count_golden(change, [(each.person, value, each.answer, more) for each in raters for value, more in both])
