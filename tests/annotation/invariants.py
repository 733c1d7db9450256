"""Invariants of every campaign."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Row, select

from reassess.annotation import Campaign, Rules, export_votes, measure_progress
from reassess.annotation.running_posterior import decide_truth
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.owner_lists import list_golden_without_majority
from reassess.annotation.store.schema import (
    WITHDRAWN,
    RaterStage,
    Role,
    TaskKind,
    TurnState,
    answers,
    cursors,
    golden_counts,
    images,
    people,
    questions,
    suggestions,
    tasks,
    turns,
)
from reassess.annotation.store.schema import campaign as settings
from reassess.numeric import BalancedAccuracy

Acknowledged = Mapping[tuple[int, int], tuple[int, int]]  # revision and answer, by person and question
_DONE = (TurnState.SKIPPED, TurnState.SUGGESTED)  # final states: the task is not shown again


@dataclass(frozen=True)
class Stored:
    """The content of a campaign's database, by number, or by person and task or question."""

    rules: Rules
    settings: Row[Any]
    people: Mapping[int, Row[Any]]
    tasks: Mapping[int, Row[Any]]
    questions: Mapping[int, Row[Any]]
    turns: Mapping[tuple[int, int], Row[Any]]
    answers: Sequence[Row[Any]]
    golden_counts: Sequence[Row[Any]]
    positions: Mapping[int, int]
    images: Mapping[int, str]
    suggestions: Sequence[Row[Any]]

    @classmethod
    def of(cls, campaign: Campaign) -> "Stored":
        with connect_for_reading(campaign.engine) as connection:
            return cls(
                campaign.rules,
                connection.execute(select(settings)).one(),
                {row.id: row for row in connection.execute(select(people))},
                {row.id: row for row in connection.execute(select(tasks))},
                {row.id: row for row in connection.execute(select(questions))},
                {(row.person, row.task): row for row in connection.execute(select(turns))},
                connection.execute(select(answers)).all(),
                connection.execute(select(golden_counts).where(golden_counts.c.n > 0)).all(),
                {row.person: row.position for row in connection.execute(select(cursors))},
                {row.id: row.name for row in connection.execute(select(images))},
                connection.execute(select(suggestions)).all(),
            )

    @cached_property
    def kept(self) -> dict[tuple[int, int], Row[Any]]:
        """Answers by person and question."""
        return {(row.person, row.question): row for row in self.answers}

    @cached_property
    def countable(self) -> list[Row[Any]]:
        """Answers that can count: of included people, to images they did not skip and classes they did not suggest.

        For people who are being included again, only recounted answers.
        """
        valid = [row for row in self.answers if not (self.people[row.person].excluded or self.needs_recount(row))]
        return [row for row in valid if self._state_of(row) not in (TurnState.SKIPPED, TurnState.SUGGESTED)]

    def needs_recount(self, answer: Row[Any]) -> bool:
        """Return whether an answer must be recounted, since its rater was excluded or included again."""
        recounted = self.people[answer.person].recounted
        return recounted is not None and answer.question > recounted

    def is_skipped(self, answer: Row[Any]) -> bool:
        return self._state_of(answer) == TurnState.SKIPPED

    def _state_of(self, answer: Row[Any]) -> str | None:
        """Return the state of the turn of an answer; None for an imported answer."""
        turn = self.turns.get((answer.person, self.questions[answer.question].task))
        return None if turn is None else str(turn.state)

    def kind(self, question: Row[Any]) -> str:
        return str(self.tasks[question.task].kind)

    def image(self, question: Row[Any]) -> int:
        return int(self.tasks[question.task].image)

    @cached_property
    def main(self) -> list[Row[Any]]:
        """Questions that raters vote on."""
        return [row for row in self.questions.values() if not row.golden and row.ended != WITHDRAWN]

    @cached_property
    def expert_answers(self) -> dict[int, list[int]]:
        """Experts' answers by question, without answers about skipped images."""
        by_question: dict[int, list[int]] = {}
        for row in self.answers:
            if self.people[row.person].role == Role.EXPERT and not self.is_skipped(row):
                by_question.setdefault(row.question, []).append(row.answer)
        return by_question

    def is_done(self, person: int, question: Row[Any]) -> bool:
        """Return whether a person has answered a question, skipped its image, or suggested it."""
        turn = self.turns.get((person, question.task))
        return (person, question.id) in self.kept or (turn is not None and turn.state in _DONE)

    def has_had(self, person: int, question: Row[Any]) -> bool:
        """Return whether a person has answered a question, or cannot get it again."""
        turn = self.turns.get((person, question.task))
        return self.is_done(person, question) or (turn is not None and turn.state == TurnState.ASKED)


def check(state: Stored, acknowledged: Acknowledged) -> None:
    """Check what must hold at every moment."""
    _no_answer_is_lost_or_doubled(state, acknowledged)
    _only_what_may_count_counts(state)
    _no_question_has_too_many_votes(state)
    _places_are_those_of_turns(state)
    _truths_are_what_experts_say(state)
    _raters_are_measured_by_golden_answers(state)
    _everybody_is_shown_what_is_for_them(state)


def _no_answer_is_lost_or_doubled(state: Stored, acknowledged: Acknowledged) -> None:
    assert len(state.kept) == len(state.answers)
    for own, (revision, answer) in acknowledged.items():
        saved = state.kept[own]
        # The revision is higher if the response to a change was lost.
        assert (saved.revision, saved.answer) == (revision, answer) or saved.revision > revision


def _only_what_may_count_counts(state: Stored) -> None:
    """Only raters' answers to main questions that can count are counted."""
    countable = {row.id for row in state.countable}
    for row in state.answers:
        may_count = state.people[row.person].role == Role.RATER and (row.id in countable or state.needs_recount(row))
        assert not row.counted or (may_count and state.kind(state.questions[row.question]) == TaskKind.MAIN)


def _no_question_has_too_many_votes(state: Stored) -> None:
    """A question has at most the needed votes, and an open question counts all its votes."""
    counted = Counter(row.question for row in state.answers if row.counted)
    countable = Counter(row.question for row in state.countable)
    waits = {row.question for row in state.answers if row.counted and state.needs_recount(row)}
    most = state.rules.votes_per_question
    for row in state.questions.values():
        assert row.votes == counted[row.id] <= most
        assert not (row.golden and row.ended)
        assert row.ended != WITHDRAWN or not row.votes + row.reserved
        assert row.ended != "rule" or (
            state.rules.stop_rule is not None and row.votes >= state.rules.stop_rule.min_votes
        )
        assert (row.ended == "votes") <= (row.votes == most)
        assert (row.ended is None) <= (row.votes < most)
        assert row.ended is not None or row.golden or row.id in waits or row.votes == countable[row.id]


def _places_are_those_of_turns(state: Stored) -> None:
    """Exactly the current turns have a place on each unanswered question that they show."""
    places: Counter[int] = Counter()
    free: dict[int, int] = {}
    for turn in state.turns.values():
        if turn.state == TurnState.ASKED:
            assert turn.shown
            places.update(question for question in turn.shown if (turn.person, question) not in state.kept)
    for row in state.questions.values():
        assert row.reserved == (0 if row.golden else places[row.id])
        if row.ended is None and not row.golden:
            places_left = state.rules.count_raters_still_allowed(row.votes, row.reserved)
            free[row.task] = min(free.get(row.task, places_left), places_left)
    assert all((task.free > 0) == (free.get(task.id, 0) > 0) for task in state.tasks.values())


def _truths_are_what_experts_say(state: Stored) -> None:
    golden = [row for row in state.questions.values() if row.golden]
    assert all(
        row.truth == decide_truth(state.expert_answers.get(row.id, []), state.settings.at_least) for row in golden
    )
    truths = Counter(row.truth for row in golden if state.kind(row) == TaskKind.GOLDEN)
    assert (state.settings.golden_invalid, state.settings.golden_valid) == (truths[0], truths[1])


def _raters_are_measured_by_golden_answers(state: Stored) -> None:
    """Only golden answers with a known truth measure raters, not practice answers."""
    counts: Counter[tuple[int, int, int]] = Counter()
    for row in state.answers:
        question = state.questions[row.question]
        is_known = state.kind(question) == TaskKind.GOLDEN and question.truth is not None
        if is_known and state.people[row.person].role == Role.RATER and not state.is_skipped(row):
            counts[row.person, question.truth, row.answer] += 1
    assert {(row.person, row.truth, row.answer): row.n for row in state.golden_counts} == counts


def _everybody_is_shown_what_is_for_them(state: Stored) -> None:
    """Experts get golden questions, and new raters only practice questions."""
    for (person, task), turn in state.turns.items():
        who, kind = state.people[person], state.tasks[task].kind
        if turn.state != TurnState.SUGGESTED:
            assert who.role != Role.EXPERT or kind in (TaskKind.GOLDEN, TaskKind.PRACTICE)
            assert who.role != Role.RATER or who.stage == RaterStage.RATING or kind == TaskKind.PRACTICE


def check_cursors(state: Stored, raters: Sequence[int]) -> None:
    """Without parallel transactions, no cursor has passed a task that its rater can get."""
    for row in state.questions.values():
        task = state.tasks[row.task]
        if task.kind == TaskKind.MAIN and task.free and row.ended is None:
            for rater in raters:
                is_excluded = state.people[rater].excluded
                assert is_excluded or state.has_had(rater, row) or task.position >= state.positions[rater]


def check_end(state: Stored, at_work: Sequence[int]) -> None:
    """Nothing blocks forever: each question has enough votes or was shown to all; experts got all golden ones."""
    for person in at_work:
        who = state.people[person]
        for row in state.questions.values():
            if row.golden if who.role == Role.EXPERT else not row.golden and row.ended is None:
                assert (
                    who.excluded
                    or (who.role == Role.RATER and who.stage != RaterStage.RATING)
                    or state.has_had(person, row)
                )


def check_progress(state: Stored, campaign: Campaign, now: float) -> None:
    """The progress for owners follows from the stored rows."""
    progress, most = measure_progress(campaign, now), state.rules.votes_per_question
    ended = Counter(row.ended for row in state.main)
    counted = [row for row in state.answers if row.counted and not state.people[row.person].excluded]
    on_open = sum(state.questions[row.question].ended is None for row in counted)
    assert (progress.n_open_questions, progress.n_questions_closed_by_rule, progress.n_questions_closed_by_votes) == (
        *(ended[None], ended["rule"], ended["votes"]),
    )
    assert (progress.n_votes, progress.max_votes_needed) == (len(counted), most * progress.n_open_questions - on_open)
    can_rate = [person.id for person in state.people.values() if _can_rate(person)]
    is_open = [row for row in state.main if row.ended is None]
    assert progress.n_questions_without_rater == sum(
        all(state.is_done(one, row) for one in can_rate) for row in is_open
    )
    assert progress.expected_end is None or not progress.n_questions_without_rater
    truths = Counter(row.truth for row in state.questions.values() if row.golden)
    assert (progress.n_golden_invalid, progress.n_golden_valid, progress.n_golden_unknown) == tuple(
        truths[truth] for truth in (0, 1, None)
    )
    _experts_disagree(state, campaign, progress.n_golden_without_majority)
    skipped = Counter(
        state.tasks[turn.task].image
        for turn in state.turns.values()
        if turn.state == TurnState.SKIPPED and not state.people[turn.person].excluded
    )
    by_number = sorted(skipped.items(), key=lambda one: (-one[1], one[0]))
    assert progress.skipped_images == tuple((state.images[image], times) for image, times in by_number)
    votes, n_answers = Counter(row.person for row in counted), Counter(row.person for row in state.answers)
    points, golden = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    for row in state.golden_counts:
        golden[row.person, row.truth] += row.n
        points[row.person, row.truth] += row.n * (2 - abs(row.answer - 2 * row.truth))
    for rater in progress.people:
        assert (rater.n_votes, rater.n_answers, rater.is_excluded) == (
            votes[rater.id],
            n_answers[rater.id],
            state.people[rater.id].excluded,
        )
        halves = [points[rater.id, truth] / 2 for truth in (0, 1)]
        assert rater.golden_accuracy == BalancedAccuracy(*halves, *(golden[rater.id, truth] for truth in (0, 1)))


def _can_rate(person: Row[Any]) -> bool:
    """Return whether a person can still vote."""
    is_rater = person.role == Role.RATER and person.stage != RaterStage.FAILED
    return is_rater and person.token is not None and not person.excluded


def _experts_disagree(state: Stored, campaign: Campaign, count: int) -> None:
    """The list has the golden questions whose truth at most half of the experts answered, most disputed first."""
    expected = []
    for row in sorted(state.questions.values(), key=lambda row: row.id):
        expert_answers = state.expert_answers.get(row.id, [])
        agree = expert_answers.count(2 * row.truth) if row.truth is not None else len(expert_answers)
        if row.truth is not None and 2 * agree <= len(expert_answers):
            expected.append(
                (2 * agree - len(expert_answers), row.truth, tuple(expert_answers.count(answer) for answer in range(3)))
            )
    expected.sort(key=lambda one: one[0])
    assert [(row.truth, row.answer_counts) for row in list_golden_without_majority(campaign)] == [
        one[1:] for one in expected
    ]
    assert count == len(expected)


def check_export(state: Stored, campaign: Campaign) -> None:
    """The export has exactly the counted votes, and counts other answers by reason."""
    exported = export_votes(campaign)
    assert len(exported.votes) == sum(row.counted for row in state.answers)
    assert len(exported.rater_golden_votes or ()) == _golden_answers_of_raters(state)
    for golden in filter(None, (exported.golden_votes, exported.rater_golden_votes)):
        assert (exported.votes.find_positions(golden.items) < 0).all()
    why = Counter(_why_not_exported(state, row) for row in state.answers)
    assert [why[name] for name in _NOT_EXPORTED] == [getattr(exported, field) for field in _NOT_EXPORTED.values()]
    people = Counter(
        (state.tasks[row.task].image, row.class_id)
        for row in state.suggestions
        if not state.people[row.person].excluded
    )
    assert [
        (suggestion.image_name, suggestion.class_id, suggestion.n_people) for suggestion in exported.suggestions
    ] == [(state.images[image], class_id, count) for (image, class_id), count in sorted(people.items())]
    assert [
        (question.image_name, question.class_id, question.n_votes, question.close_reason, question.valid_probability)
        for question in exported.question_states
    ] == [
        (state.images[state.image(row)], row.class_id, row.votes, row.ended or _skipped_by_all(state, row), row.valid)
        for row in sorted(state.main, key=lambda row: (state.image(row), row.class_id))
    ]


def _skipped_by_all(state: Stored, question: Row[Any]) -> str | None:
    """Return "skipped" if all raters who can rate skipped the image of a question."""
    raters = [
        row.id
        for row in state.people.values()
        if row.role == Role.RATER and not row.excluded and row.stage != RaterStage.FAILED
    ]
    turns = [state.turns.get((rater, question.task)) for rater in raters]
    return "skipped" if turns and all(turn is not None and turn.state == "skipped" for turn in turns) else None


_NOT_EXPORTED = {  # field of the export, by reason
    "excluded": "n_excluded_answers",
    "practice": "n_practice_votes",
    "skipped": "n_skipped_answers",
    "withdrawn": "n_withdrawn_answers",
    "not_needed": "n_unneeded_answers",
}


def _why_not_exported(state: Stored, answer: Row[Any]) -> str | None:
    person, question = state.people[answer.person], state.questions[answer.question]
    if question.golden:
        is_practice = state.kind(question) == TaskKind.PRACTICE and person.role == Role.EXPERT
        return "practice" if is_practice and not state.is_skipped(answer) else None
    if person.excluded:
        return "excluded"
    if answer.counted:
        return None
    if state.is_skipped(answer):
        return "skipped"
    return "withdrawn" if question.ended == WITHDRAWN else "not_needed"


def _golden_answers_of_raters(state: Stored) -> int:
    """Count raters' answers to golden questions."""
    answered = [state.questions[row.question] for row in state.countable if state.people[row.person].role == Role.RATER]
    return sum(state.kind(row) == TaskKind.GOLDEN for row in answered)
