"""Counting answers as votes, until each question has enough votes."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from sqlalchemy import Row, and_, bindparam, case, exists, func, or_, select, true, update

from reassess.annotation.running_posterior import (
    GoldenAnswerCount,
    compute_valid_probability,
    decide_truth,
    estimate_rater_model,
)
from reassess.annotation.store.schema import (
    WITHDRAWN,
    Role,
    TaskKind,
    TurnState,
    answers,
    campaign,
    golden_counts,
    people,
    questions,
    turns,
)
from reassess.annotation.store.statements import constant, is_in_list
from reassess.annotation.store.transactions import Transaction, split_into_chunks
from reassess.core import RaterModel

# Whether an answer can count as a vote: its rater is not excluded, did not skip the image, and did not suggest the
# question. After a rater is included again, the answer can count once its question is recounted.
_CAN_COUNT = and_(
    ~people.c.excluded,
    func.coalesce(people.c.recounted, questions.c.id) >= questions.c.id,
    ~exists().where(
        *(turns.c.person == answers.c.person, turns.c.task == questions.c.task),
        turns.c.state.in_([constant(TurnState.SKIPPED), constant(TurnState.SUGGESTED)]),
    ),
)
_SELECT_ANSWERS = (
    select(
        *questions.c["id", "golden", "prior"],
        *answers.c["person", "answer", "counted"],
        *(answers.c.id.label("number"), _CAN_COUNT.label("can_count")),
    )
    .select_from(questions)
    .outerjoin(
        answers,
        and_(
            answers.c.question == questions.c.id,
            or_(~questions.c.golden, answers.c.person.between(bindparam("first"), bindparam("person_id"))),
        ),
    )
    .outerjoin(people, people.c.id == answers.c.person)
    .where(is_in_list(questions.c.id, "numbers"), questions.c.ended.is_distinct_from(constant(WITHDRAWN)))
    .order_by(questions.c.id, answers.c.id)
)
_UPDATE_QUESTION = (
    update(questions)
    .where(questions.c.id == bindparam("question"))
    .values(
        votes=bindparam("counted"),
        valid=bindparam("probability"),
        ended=bindparam("ending"),
        reserved=questions.c.reserved - bindparam("freed"),
    )
)
_UPDATE_COUNTED = update(answers).where(is_in_list(answers.c.id, "numbers")).values(counted=bindparam("counts"))
_RATER_OR_ZERO = case((is_in_list(golden_counts.c.person, "raters"), golden_counts.c.person), else_=constant(0))
_GOLDEN_COUNTS_BY_RATER = (
    select(
        _RATER_OR_ZERO.label("rater"),
        golden_counts.c.truth,
        golden_counts.c.answer,
        func.sum(golden_counts.c.n).label("n"),
    )
    .where(golden_counts.c.n > constant(0), golden_counts.c.person.not_in(select(people.c.id).where(people.c.excluded)))
    .group_by("rater", golden_counts.c.truth, golden_counts.c.answer)
    .subquery()
)
# The raters' counts of golden answers, each with the numbers of golden questions by truth and the tempering power.
_SELECT_GOLDEN_COUNTS = select(
    campaign.c["golden_invalid", "golden_valid", "tempering_power"], _GOLDEN_COUNTS_BY_RATER
).outerjoin(_GOLDEN_COUNTS_BY_RATER, true())


class _QuestionVotes(NamedTuple):
    """The votes on a question in the order of arrival, and its prior probability of being valid."""

    prior: float | None
    is_golden: bool
    votes: Sequence[Row[Any]]

    def select_votes_where(self, bool_column: Literal["counted", "can_count"]) -> "_QuestionVotes":
        """Return a copy that keeps only the votes where the boolean column is true."""
        return self._replace(votes=[vote for vote in self.votes if getattr(vote, bool_column)])

    def compute_valid_probability_from_votes(
        self, raters: "_RaterEstimates", n_first_votes: int | None = None
    ) -> float:
        """Compute the probability that the class is valid, from the first `n_first_votes` votes or all votes."""
        votes = [(vote.person, vote.answer) for vote in self.votes[:n_first_votes]]
        return compute_valid_probability(votes, raters.model, self.prior, power=raters.power)


class _RaterEstimates(NamedTuple):
    """A rater model, how often each vote counts, and whether golden questions have measured the accuracy of raters."""

    model: RaterModel
    power: float
    is_rater_accuracy_known: bool


def store_new_votes_and_counts(
    transaction: Transaction, person_id: int, question_ids: Sequence[int], *, reserved_question_ids: Sequence[int]
) -> None:
    """Store new votes of a rater, and release the rater's reserved votes on `reserved_question_ids`.

    Golden questions get no votes, but the same queries run for them, so that response times do not reveal which
    questions are golden.
    """
    votes_by_question = _read_question_votes(transaction, question_ids, person_id)
    if any(vote.counted and not vote.can_count for question in votes_by_question.values() for vote in question.votes):
        transaction.release_one_vote_per_question(reserved_question_ids)
        recount_votes(transaction, question_ids)  # an excluded rater's votes are not recounted here yet
        return
    counted_votes = {
        id_: votes if votes.is_golden else votes.select_votes_where("counted")
        for id_, votes in votes_by_question.items()
    }
    _store_vote_counts(
        transaction,
        counted_votes,
        _estimate_raters(transaction, counted_votes),
        reserved_question_ids=reserved_question_ids,
    )


def recount_votes(transaction: Transaction, question_ids: Sequence[int], person_id: int = 0) -> None:
    """Recount answers as votes, in the order of arrival, until each question has enough votes.

    Answers to withdrawn or golden questions do not count. The same queries run for golden questions, as in
    `store_new_votes_and_counts`.
    """
    votes_by_question = _read_question_votes(transaction, question_ids, person_id)
    counted_before = {
        vote.number for votes in votes_by_question.values() for vote in votes.votes if vote.counted or votes.is_golden
    }
    countable = {id_: votes.select_votes_where("can_count") for id_, votes in votes_by_question.items()}
    raters = _estimate_raters(transaction, countable)
    counted_votes = {id_: _keep_needed_votes(transaction, votes, raters) for id_, votes in countable.items()}
    counted_after = {vote.number for votes in counted_votes.values() for vote in votes.votes}
    for counts, numbers in ((False, counted_before - counted_after), (True, counted_after - counted_before)):
        for chunk in split_into_chunks(sorted(numbers)):
            transaction.execute(_UPDATE_COUNTED, {"numbers": chunk, "counts": counts})
    _store_vote_counts(transaction, counted_votes, raters)


def _keep_needed_votes(
    transaction: Transaction, question_votes: _QuestionVotes, raters: _RaterEstimates
) -> _QuestionVotes:
    """Keep the first votes on a question, until there are enough to close it."""
    for n in range(len(question_votes.votes)):
        if (
            transaction.rules.find_close_reason(
                n,
                question_votes.compute_valid_probability_from_votes(raters, n),
                is_rater_accuracy_known=raters.is_rater_accuracy_known,
            )
            is not None
        ):
            return question_votes._replace(votes=question_votes.votes[:n])
    return question_votes


def _read_question_votes(
    transaction: Transaction, question_ids: Sequence[int], person_id: int
) -> dict[int, _QuestionVotes]:
    """Read the answers to each question that is not withdrawn, by question id."""
    # Any number of raters can answer a golden question. So only answers of `person_id` and of the people just before
    # them are read, as many as a main question has votes.
    votes_by_question = {}
    params = {
        "numbers": question_ids,
        "person_id": person_id,
        "first": person_id - transaction.rules.votes_per_question + 1,
    }
    for question, group in groupby(transaction.execute(_SELECT_ANSWERS, params), key=itemgetter(0)):
        rows = list(group)
        votes = [row for row in rows if row.number is not None]
        votes_by_question[question] = _QuestionVotes(rows[0].prior, rows[0].golden, votes)
    return votes_by_question


def _store_vote_counts(
    transaction: Transaction,
    counted_votes: Mapping[int, _QuestionVotes],
    raters: _RaterEstimates,
    *,
    reserved_question_ids: Sequence[int] = (),
) -> None:
    """Store each question's votes, probability and state; release reserved votes on `reserved_question_ids`."""
    states = []
    for id_, question in counted_votes.items():
        valid = question.compute_valid_probability_from_votes(raters)
        votes = 0 if question.is_golden else len(question.votes)
        ending = (
            None
            if question.is_golden
            else transaction.rules.find_close_reason(
                votes, valid, is_rater_accuracy_known=raters.is_rater_accuracy_known
            )
        )
        freed = int(id_ in reserved_question_ids and not question.is_golden)
        states.append({"question": id_, "counted": votes, "probability": valid, "ending": ending, "freed": freed})
    if states:
        transaction.execute(_UPDATE_QUESTION, states)


def _estimate_raters(transaction: Transaction, votes_by_question: Mapping[int, _QuestionVotes]) -> _RaterEstimates:
    """Estimate a rater model from golden answers; raters without votes on these questions share one matrix."""
    raters = sorted({vote.person for question in votes_by_question.values() for vote in question.votes})
    rows = transaction.execute(_SELECT_GOLDEN_COUNTS, {"raters": raters})
    counts = [GoldenAnswerCount(row.rater, row.truth, row.answer, row.n) for row in rows if row.rater is not None]
    truths = rows[0].golden_invalid, rows[0].golden_valid
    return _RaterEstimates(
        estimate_rater_model(counts, truths, [0, *raters]),
        power=rows[0].tempering_power,
        is_rater_accuracy_known=any(truths),
    )


_SELECT_ANSWERS_TO_QUESTION = (
    select(answers.c.answer, answers.c.person, people.c.role)
    .select_from(answers.join(people).join(questions))
    .outerjoin(turns, and_(turns.c.task == questions.c.task, turns.c.person == answers.c.person))
    .where(
        answers.c.question == bindparam("question_id"), or_(turns.c.state.is_(None), turns.c.state != TurnState.SKIPPED)
    )
    .order_by(answers.c.id)
)


class GoldenCountChange(NamedTuple):
    """A change of one rater's counts on golden questions: the truth, the answer, and the number to add."""

    rater_id: int
    truth: int | None
    answer: int | None
    increment: int  # +1, -1 or 0


def update_golden_counts(transaction: Transaction, changes: Iterable[GoldenCountChange]) -> None:
    """Update how often each rater gave each answer to golden questions, by truth, when the transaction ends.

    Changes whose truth or answer is None are skipped. An increment of 0 changes nothing, but takes the same time.
    """
    for person, truth, answer, increment in changes:
        if truth is not None and answer is not None:
            transaction.golden_count_changes[person, truth, answer] += increment


def update_truths(transaction: Transaction, golden_rows: Sequence[Row[Any]], task_kind: str) -> None:
    """Update the truths of golden questions and the counts of raters, after answers of experts."""
    for row in golden_rows:
        rows = transaction.execute(_SELECT_ANSWERS_TO_QUESTION, {"question_id": row.id})
        experts = [answer.answer for answer in rows if answer.role == Role.EXPERT]
        truth = decide_truth(experts, transaction.campaign.min_experts)
        if truth == row.truth:
            continue
        transaction.connection.execute(update(questions).where(questions.c.id == row.id).values(truth=truth))
        if task_kind != TaskKind.GOLDEN:
            continue
        truth_changes = (row.truth, -1), (truth, +1)
        for value, increment in truth_changes:
            if value is not None:
                column = (campaign.c.golden_invalid, campaign.c.golden_valid)[value]
                transaction.connection.execute(update(campaign).values({column: column + increment}))
        raters = [answer for answer in rows if answer.role == Role.RATER]
        update_golden_counts(
            transaction,
            [
                GoldenCountChange(a.person, value, a.answer, increment)
                for a in raters
                for value, increment in truth_changes
            ],
        )
