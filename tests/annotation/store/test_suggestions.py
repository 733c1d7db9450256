"""Suggested classes become new questions for other raters."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from reassess.annotation import (
    Campaign,
    GivenAnswer,
    Turn,
    add_person,
    admit_rater,
    begin_next_turn,
    exclude_rater,
    export_votes,
    include_rater,
    measure_progress,
    open_campaign,
    save_answers,
    suggest_class,
    take_back_expired_tasks,
)
from reassess.annotation.store import schema
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.owner_lists import list_log_entries
from reassess.annotation.store.schema import questions, tasks
from reassess.annotation.store.transactions import open_transaction
from reassess.core import LabelSets
from tests.annotation.campaigns import (
    CLASSES,
    MAYBE,
    NOW,
    YES,
    answer_all,
    campaign_at,
    give,
    turn_of,
    votes_of,
    waiting,
    why,
)
from tests.helpers import code_of, message


def test_suggested_class_is_asked_to_others_only(path: Path) -> None:
    campaign = campaign_at(path, (2,), raters=3, votes_per_question=2, golden_share=0)
    turn = turn_of(campaign, 2)
    for class_id in (5, 5, 1):  # the last class is already a question
        suggest_class(campaign, 2, turn.task_id, class_id, NOW)
    assert set(states(campaign)) == {0, 1, 5}
    give(campaign, 2, turn, YES)
    assert why(campaign, 2) == "finished"
    for person in (3, 4):
        answer_all(campaign, person, YES)
    assert votes_of(campaign)[-1] == ("m0.png", 5, [("rater 3", "yes"), ("rater 4", "yes")])


def test_invalid_suggestions_raise(path: Path) -> None:
    campaign = campaign_at(path, (1, 1), raters=2, golden_share=0)
    turn = turn_of(campaign, 2)
    assert message(suggest_class, campaign, 2, turn.task_id, 6, NOW) == "unknown class\n  found:   class 6"
    assert code_of(suggest_class, campaign, 3, turn.task_id, 5, NOW) == "not-shown"


def states(campaign: Campaign) -> dict[int, str | None]:
    """Return why each main question ended, by class."""
    with connect_for_reading(campaign.engine) as connection:
        return {row.class_id: row.ended for row in connection.execute(select(questions).where(~questions.c.golden))}


def is_asked(campaign: Campaign, person: int, class_id: int) -> bool:
    """Return whether a person is asked about a class; they answer all other questions."""
    while isinstance(turn := begin_next_turn(campaign, person, NOW), Turn):
        if class_id in [row.class_id for row in turn.questions]:
            return True
        give(campaign, person, turn, YES)
    return False


def test_suggestion_of_excluded_rater_is_withdrawn_until_inclusion(
    address: str | Path,
) -> None:
    campaign = campaign_at(address, (2,), raters=2, votes_per_question=2, golden_share=0)
    turn = turn_of(campaign, 2)
    suggest_class(campaign, 2, turn.task_id, 5, NOW)
    exclude_rater(campaign, 2, NOW)
    assert states(campaign) == {0: None, 1: None, 5: "withdrawn"}
    assert not is_asked(campaign, 3, 5)
    assert why(campaign, 3) == "finished"
    assert measure_progress(campaign, NOW).n_questions == 2
    include_rater(campaign, 2, NOW)
    assert states(campaign)[5] is None
    assert is_asked(campaign, 3, 5)


def test_suggestion_of_others_or_begun_question_stays_open(address: str | Path) -> None:
    campaign = campaign_at(address, (2,), raters=4, votes_per_question=3, golden_share=0)
    turns_ = {person: begin_next_turn(campaign, person, NOW) for person in (2, 3)}
    suggest_class(campaign, 2, turns_[2].task_id, 4, NOW)
    suggest_class(campaign, 2, turns_[2].task_id, 5, NOW)
    assert is_asked(campaign, 4, 4)
    exclude_rater(campaign, 2, NOW)
    assert states(campaign) == {0: None, 1: None, 4: None, 5: "withdrawn"}  # one question is on a person's screen
    suggest_class(campaign, 3, turns_[3].task_id, 5, NOW)
    assert states(campaign)[5] is None
    exclude_rater(campaign, 3, NOW)
    assert states(campaign)[5] == "withdrawn"
    include_rater(campaign, 2, NOW)
    exclude_rater(campaign, 3, NOW)
    assert states(campaign)[5] is None


@pytest.mark.parametrize("excluded", [False, True])
def test_withdrawn_unanswered_question_can_be_suggested(address: str | Path, excluded: bool) -> None:
    campaign = campaign_at(address, (2,), raters=3, votes_per_question=2, golden_share=0, lease_seconds=60.0)
    first = turn_of(campaign, 2)
    suggest_class(campaign, 2, first.task_id, 5, NOW)
    assert is_asked(campaign, 3, 5)
    if excluded:
        exclude_rater(campaign, 3, NOW)
        include_rater(campaign, 3, NOW)
    take_back_expired_tasks(campaign, NOW + 100)
    exclude_rater(campaign, 2, NOW + 100)
    assert states(campaign)[5] == "withdrawn"
    suggest_class(campaign, 3, first.task_id, 5, NOW + 100)
    assert states(campaign)[5] is None
    assert not is_asked(campaign, 3, 5)
    assert is_asked(campaign, 4, 5)
    with connect_for_reading(campaign.engine) as connection:
        question = connection.scalar(select(questions.c.id).where(questions.c.class_id == 5))
    save_answers(campaign, 3, [GivenAnswer(question, 2)], NOW + 100)  # their page still had the task
    exclude_rater(campaign, 3, NOW + 100)
    include_rater(campaign, 3, NOW + 100)
    assert 5 not in export_votes(campaign).votes.items.class_ids


def test_suggestion_for_practice_image_is_logged_but_not_asked(path: Path) -> None:
    campaign = campaign_at(path, (2,), golden=(2, 2), n_practice_tasks=1, practice_bar=1.0)
    rater = add_person(campaign, "ann")
    turn = turn_of(campaign, rater)
    assert turn.is_practice
    suggest_class(campaign, rater, turn.task_id, 5, NOW)
    assert set(states(campaign)) == {0, 1}
    give(campaign, rater, turn, MAYBE)
    assert why(campaign, rater) == "failed"
    assert message(suggest_class, campaign, rater, turn.task_id, 4, NOW) == (
        "suggestions are not accepted\n  found:   a rater who did not reach the pass mark"
    )
    assert [(suggestion.class_id, suggestion.n_people) for suggestion in export_votes(campaign).suggestions] == [(5, 1)]


def test_log_has_every_person_who_suggests_a_class(path: Path) -> None:
    """Duplicates are logged once; suggestions of existing questions are logged, too."""
    campaign = campaign_at(path, (2,), raters=2, votes_per_question=2, golden_share=0)
    for person in (2, 3):
        turn = turn_of(campaign, person)
        for class_id in (1, 5, 5):
            suggest_class(campaign, person, turn.task_id, class_id, NOW)
    entries = [(entry.person_id, entry.image_name, entry.class_ids) for entry in list_log_entries(campaign, 4)]
    assert entries == [(person, "m0.png", (class_id,)) for person in (3, 2) for class_id in (5, 1)]


def test_task_created_by_another_transaction_is_locked_before_change(database: str) -> None:
    campaign = campaign_at(database, (2,), raters=2, votes_per_question=2, golden_share=0)
    turns_ = {person: begin_next_turn(campaign, person, NOW) for person in (2, 3)}
    locked: list[int] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "FROM tasks" in statement and statement.endswith("FOR NO KEY UPDATE"):
            locked.extend(parameters[0])

    other = open_campaign(database)
    event.listen(other.engine, "before_cursor_execute", note)
    with ThreadPoolExecutor(2) as pool:
        with open_transaction(campaign) as change:
            change.lock_campaign()
            first = pool.submit(suggest_class, campaign, 2, turns_[2].task_id, 5, NOW)
            waiting(campaign, 1)
            second = pool.submit(suggest_class, other, 3, turns_[3].task_id, 5, NOW)
            waiting(campaign, 2)
        first.result()
        second.result()
    with connect_for_reading(campaign.engine) as connection:
        (new_task,) = connection.scalars(select(questions.c.task).where(questions.c.class_id == 5))
    assert locked == [new_task]
    other.close()


@pytest.mark.parametrize("votes", [True, False])
def test_original_label_informs_suggested_classes_too(address: str | Path, votes: bool) -> None:
    images = ["g0.png", "g1.png", "m0.png", "m1.png"]
    original = LabelSets.from_lists(images, [[1], [0], [5], [0]], CLASSES)
    options = {
        "golden": (3, 3),
        "n_practice_tasks": 1,
        "golden_share": 0,
        "original_labels": original,
        "has_original_votes": votes,
    }
    campaign = campaign_at(address, (1, 1, 1), **options)
    rater = add_person(campaign, "ann")
    admit_rater(campaign, rater, NOW)
    for _ in range(3):
        turn = turn_of(campaign, rater)
        for class_id in (4, 5):
            suggest_class(campaign, rater, turn.task_id, class_id, NOW)
        give(campaign, rater, turn, 2)
    found = select(schema.images.c.name, questions.c.class_id, questions.c.prior, questions.c.valid)
    found = found.join(tasks, tasks.c.image == schema.images.c.id).join(questions, questions.c.task == tasks.c.id)
    with connect_for_reading(campaign.engine) as connection:
        of = {row[:2]: row[2:] for row in connection.execute(found.where(~questions.c.golden))}
    (no, _), (yes, _), _ = (of.pop((f"m{image}.png", 0)) for image in range(3))  # imported questions
    assert ((no, yes) == (None, None)) != votes
    priors = {(f"m{image}.png", c): (no, yes)[(image, c) == (0, 5)] for image in (0, 1) for c in (4, 5)}
    assert {key: prior for key, (prior, _) in of.items()} == priors | {("m2.png", 4): None, ("m2.png", 5): None}
    assert all(prior is None or valid == prior for prior, valid in of.values())
