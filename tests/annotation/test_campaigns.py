"""A campaign from its making to its votes: what is refused, what counts, and what is exported."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare
from sqlalchemy import event, select

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    NoTurn,
    Rules,
    Turn,
    add_person,
    admit,
    backup_campaign,
    create_campaign,
    exclude_rater,
    export_votes,
    image_addresses,
    include_rater,
    last_turn,
    next_turn,
    open_campaign,
    pause,
    progress_of,
    release,
    resume,
    save_answers,
    skip_task,
)
from reassess.annotation.store import given_answers as votes_module
from reassess.annotation.store.database import reading
from reassess.annotation.store.owner_lists import last_entries
from reassess.annotation.store.schema import golden_counts, images, tasks
from reassess.core import Classes, LabelSets, Questions, StopRule, Tasks, Votes
from reassess.errors import OutputError
from tests.annotation.app.sites import shape_tasks
from tests.annotation.campaigns import CLASSES, campaign_at, code_of, golden_of, tasks_of
from tests.annotation.invariants import State, check
from tests.annotation.random_campaign import KilledError
from tests.helpers import WORDS, message

NO, MAYBE, YES = range(3)
NOW = 1e9


def turn_of(campaign: Campaign, person: int, now: float = NOW, **options: Any) -> Turn:
    turn = next_turn(campaign, person, now, **options)
    assert isinstance(turn, Turn)
    return turn


def give(campaign: Campaign, person: int, turn: Turn, *said: int, now: float = NOW) -> None:
    """Answer the first rows of a turn."""
    rows = zip(turn.rows, said, strict=False)
    save_answers(campaign, person, [GivenAnswer(row.question, answer, 2.0) for row, answer in rows], now)


def why(campaign: Campaign, person: int, now: float = NOW, **options: Any) -> str:
    """Why nothing is shown."""
    nothing = next_turn(campaign, person, now, **options)
    assert isinstance(nothing, NoTurn)
    return nothing.reason


def address_of(campaign: Campaign, name: str) -> str:
    with reading(campaign.engine) as connection:
        return connection.execute(select(images.c.address).where(images.c.name == name)).scalar_one()


def exported(campaign: Campaign) -> list[tuple[str, int, list[tuple[str, str]]]]:
    """Of each question with votes: image, class, and who said what."""
    votes = export_votes(campaign, names=True).votes
    pairs = zip(votes.items.image_ids.tolist(), votes.items.class_ids.tolist(), strict=True)
    return [(votes.items.images[i], c, list(votes.on(row))) for row, (i, c) in enumerate(pairs)]


def test_each_question_gets_its_votes_of_different_raters_and_no_more(address: str | Path) -> None:
    campaign = campaign_at(address, (2,), raters=3, per_question=2, golden_share=0)
    for person in (2, 3):
        turn = turn_of(campaign, person)
        give(campaign, person, turn, *(NO if row.class_id else YES for row in turn.rows))
        assert why(campaign, person) == "finished"
    assert why(campaign, 4) == "finished"
    assert exported(campaign) == [
        ("m0.png", 0, [("rater 2", "yes"), ("rater 3", "yes")]),
        ("m0.png", 1, [("rater 2", "no"), ("rater 3", "no")]),
    ]


def test_a_place_is_kept_for_a_rater_until_the_lease_ends(address: str | Path) -> None:
    campaign = campaign_at(address, (1,), raters=2, per_question=1, golden_share=0, lease=60.0)
    turn = turn_of(campaign, 2)
    assert why(campaign, 3, NOW + 59) == "waiting"
    assert next_turn(campaign, 2, NOW + 59) == turn
    give(campaign, 3, turn_of(campaign, 3, NOW + 61), NO, now=NOW + 62)
    give(campaign, 2, turn, YES, now=NOW + 63)  # late: kept, and not counted
    undone = last_turn(campaign, 2)
    assert undone is not None
    assert undone.task == turn.task
    result = export_votes(campaign)
    assert (len(result.votes), result.not_needed, result.excluded) == (1, 1, 0)
    assert exported(campaign) == [("m0.png", 0, [("rater 3", "no")])]


def test_a_task_that_a_page_holds_is_not_shown_on_it_again_when_its_lease_has_ended(address: str | Path) -> None:
    campaign = campaign_at(address, (1, 1), raters=1, per_question=1, golden_share=0, lease=60.0)
    first = turn_of(campaign, 2)
    second = turn_of(campaign, 2, NOW + 100, held=[first.task])
    assert second.task != first.task
    give(campaign, 2, second, YES, now=NOW + 100)
    assert turn_of(campaign, 2, NOW + 100).task == first.task  # such as after the page was closed


def test_a_clock_that_is_set_back_keeps_no_place_for_ever(address: str | Path) -> None:
    campaign = campaign_at(address, (1,), raters=2, per_question=1, golden_share=0, lease=60.0)
    turn_of(campaign, 2)
    assert why(campaign, 3, NOW - 30) == "waiting"
    turn_of(campaign, 3, NOW - 3600)


def test_the_next_task_can_be_had_before_the_last_is_answered(address: str | Path) -> None:
    campaign = campaign_at(address, (1, 1, 1), raters=1, golden_share=0)
    first = turn_of(campaign, 2)
    second = next_turn(campaign, 2, NOW, held=[first.task])
    assert isinstance(second, Turn)
    assert second.task != first.task
    assert why(campaign, 2, held=[first.task, second.task]) == "waiting"
    give(campaign, 2, first, YES)
    assert isinstance(next_turn(campaign, 2, NOW, held=[second.task]), Turn)


def test_a_question_is_closed_once_its_probability_has_left_the_bounds(address: str | Path) -> None:
    """Two raters who know every golden question agree on one class and not on the other: that alone stays open."""
    campaign = campaign_at(address, (2,), raters=3, per_question=3, golden_share=0.9, stop=StopRule(0.1, 0.9))
    shown = address_of(campaign, "m0.png")
    for person, second in ((2, NO), (3, YES)):
        while isinstance(turn := next_turn(campaign, person, NOW), Turn):
            main = (YES, second) if turn.image == shown else (NO, YES, NO)
            give(campaign, person, turn, *(main[row.class_id] for row in turn.rows))
    left: list[Turn] = []
    while isinstance(turn := next_turn(campaign, 4, NOW), Turn):
        left += [turn] if turn.image == shown else []
        give(campaign, 4, turn, *[NO] * len(turn.rows))
    assert [[row.class_id for row in turn.rows] for turn in left] == [[1]]


def test_votes_of_an_excluded_rater_do_not_count_and_their_questions_open_again(address: str | Path) -> None:
    campaign = campaign_at(address, (1,), raters=3, per_question=2, golden_share=0)
    for person, said in ((2, YES), (3, NO)):
        give(campaign, person, turn_of(campaign, person), said)
    exclude_rater(campaign, 2, NOW)
    assert exported(campaign) == [("m0.png", 0, [("rater 3", "no")])]
    assert export_votes(campaign).excluded == 1
    assert why(campaign, 2) == "excluded"
    give(campaign, 4, turn_of(campaign, 4), MAYBE)
    include_rater(campaign, 2, NOW)
    assert exported(campaign) == [("m0.png", 0, [("rater 2", "yes"), ("rater 3", "no")])]
    assert export_votes(campaign).not_needed == 1


def kill_at(campaign: Campaign, change: Callable[[], object], transaction: int) -> None:
    """Make a change whose process is killed as a transaction of a number is to be kept."""
    begun = count()

    def kill(*_: object) -> None:
        if next(begun) == transaction:
            raise KilledError

    event.listen(campaign.engine, "commit", kill)
    with suppress(KilledError):
        change()
    event.remove(campaign.engine, "commit", kill)


@pytest.mark.parametrize("transaction", range(5))
@pytest.mark.parametrize("change", ["exclude", "include"])
def test_a_rater_is_excluded_at_once_and_included_again_and_what_a_kill_leaves_is_finished(
    address: str | Path, change: str, transaction: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their questions are counted anew a few in a transaction; all numbers are right meanwhile."""
    monkeypatch.setattr(votes_module, "_MOST_COUNTED", 2)
    campaign = campaign_at(address, (3, 3), raters=4, per_question=2, golden_share=0)
    for person in (2, 3):
        while isinstance(turn := next_turn(campaign, person, NOW), Turn):
            give(campaign, person, turn, *[YES] * len(turn.rows))
    if change == "include":
        exclude_rater(campaign, 2, NOW)
    kill_at(campaign, partial(exclude_rater if change == "exclude" else include_rater, campaign, 2, NOW), transaction)
    check(State.of(campaign), {})
    is_excluded = next(row for row in State.of(campaign).people.values() if row.id == 2).excluded
    assert is_excluded == ((transaction > 0) if change == "exclude" else (transaction == 0))
    progress = progress_of(campaign, NOW)
    votes = {one.id: one.votes for one in progress.raters}
    assert votes[3] == 6
    assert (votes[2] == 0) or not is_excluded
    assert progress.votes_needed == 2 * progress.open - votes_on_open(campaign)
    while isinstance(turn := next_turn(campaign, 4, NOW), Turn):  # of what is open by then
        give(campaign, 4, turn, *[NO] * len(turn.rows))
    check(State.of(campaign), {})
    exported_votes = export_votes(campaign)  # which finishes it
    check(State.of(campaign), {})
    assert not any(row.recounted for row in State.of(campaign).people.values())
    assert sum(row.votes for row in exported_votes.questions) == len(exported_votes.votes)
    assert exported_votes.excluded == (6 if is_excluded else 0)
    assert all(("rater 2", "yes") in said for _, _, said in exported(campaign)) == (not is_excluded)
    while isinstance(turn := next_turn(campaign, 5, NOW), Turn):
        give(campaign, 5, turn, *[NO] * len(turn.rows))
    assert {len(said) for _, _, said in exported(campaign)} == {2}


def votes_on_open(campaign: Campaign) -> int:
    """Number of votes of raters who are not excluded on open questions."""
    state = State.of(campaign)
    is_open = {row.id for row in state.questions.values() if row.ended is None and not row.golden}
    counted = [row for row in state.answers if row.counted and row.question in is_open]
    return sum(not state.people[row.person].excluded for row in counted)


def test_others_change_the_campaign_while_a_rater_is_excluded(
    address: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(votes_module, "_MOST_COUNTED", 1)
    campaign = campaign_at(address, (6,) * 5, raters=2, per_question=1, golden_share=0)
    while isinstance(turn := next_turn(campaign, 2, NOW), Turn):
        give(campaign, 2, turn, *[YES] * len(turn.rows))
    done: list[int] = []

    def answer(_: float) -> None:
        """Between two transactions."""
        if isinstance(turn := next_turn(campaign, 3, NOW), Turn):
            give(campaign, 3, turn, *[NO] * len(turn.rows))
            done.append(len(turn.rows))

    monkeypatch.setattr(votes_module, "sleep", answer)
    exclude_rater(campaign, 2, NOW)
    assert len(done) > 20
    check(State.of(campaign), {})
    assert [said for _, _, said in exported(campaign)] == [[("rater 3", "no")]] * sum(done)


def test_a_skipped_image_gets_no_vote_and_is_left_to_others(address: str | Path) -> None:
    campaign = campaign_at(address, (1,), raters=2, per_question=1, golden_share=0)
    skip_task(campaign, 2, turn_of(campaign, 2).task, NOW)
    assert why(campaign, 2) == "finished"
    turn_of(campaign, 3)
    assert len(export_votes(campaign).votes) == 0


def test_golden_answers_are_exported_apart_and_without_excluded_raters(address: str | Path) -> None:
    campaign = campaign_at(address, (3,), raters=2, golden_share=0.9)
    for person in (2, 3):
        while isinstance(turn := next_turn(campaign, person, NOW), Turn):
            give(campaign, person, turn, *[YES] * len(turn.rows))
    result = export_votes(campaign)
    assert result.golden is not None
    assert result.rater_golden is not None
    assert (len(result.votes), len(result.golden), len(result.rater_golden)) == (6, 5, 10)
    assert set(result.golden.raters) == {"expert 1"}
    assert result.golden.counts().tolist() == [[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1], [1, 0, 0]]
    exclude_rater(campaign, 3, NOW)
    assert export_votes(campaign, names=True).rater_golden.raters == ("rater 2",)


def test_what_was_not_asked_is_refused_and_nothing_of_the_call_is_kept(address: str | Path) -> None:
    campaign = campaign_at(address, (1, 1), raters=2, golden_share=0)
    turn = turn_of(campaign, 2)
    (row,) = turn.rows
    (other,) = turn_of(campaign, 3).rows  # of a task that begins before another does
    assert other == row
    (other,) = turn_of(campaign, 3, held=[turn.task]).rows
    given = [GivenAnswer(row.question, YES), GivenAnswer(other.question, YES)]
    assert message(save_answers, campaign, 2, given, NOW).startswith("rater was not shown this question")
    assert message(save_answers, campaign, 2, [GivenAnswer(99, YES)], NOW) == (
        "unknown question\n  found:   question 99"
    )
    assert len(export_votes(campaign).votes) == 0
    assert message(GivenAnswer, row.question, 3).startswith("answer out of range")
    assert message(skip_task, campaign, 1, turn.task, NOW).startswith("rater was not shown this task")


def test_an_answer_is_changed_by_one_of_a_higher_revision_alone(address: str | Path) -> None:
    campaign = campaign_at(address, (1,), raters=1, golden_share=0)
    turn = turn_of(campaign, 2)
    (row,) = turn.rows
    give(campaign, 2, turn, YES)
    give(campaign, 2, turn, NO)  # such as of another tab
    assert exported(campaign) == [("m0.png", 0, [("rater 2", "yes")])]
    undone = last_turn(campaign, 2)
    assert undone == replace(turn, rows=(replace(row, answer=YES, revision=1),))
    for _ in range(2):
        save_answers(campaign, 2, [GivenAnswer(row.question, MAYBE, revision=1)], NOW)
        give(campaign, 2, turn, YES)  # the first one, which was on its way
    assert exported(campaign) == [("m0.png", 0, [("rater 2", "maybe")])]


def test_a_revision_that_no_page_reaches_is_refused_so_that_an_answer_can_always_be_changed(
    address: str | Path,
) -> None:
    campaign = campaign_at(address, (2,), raters=1, golden_share=0)
    turn = turn_of(campaign, 2)
    row, other = turn.rows
    given = [GivenAnswer(other.question, YES), GivenAnswer(row.question, YES, revision=1001)]
    assert message(save_answers, campaign, 2, given, NOW) == (
        f"revision out of range\n  where:   question {row.question}\n  allowed: 0 to 1000\n  found:   1001"
    )
    assert exported(campaign) == []
    for revision, answer in ((1000, YES), (3, NO), (2000, NO), (1999, YES)):  # and one that was on its way
        save_answers(campaign, 2, [GivenAnswer(row.question, answer, revision=revision)], NOW)
    assert [said for _, _, said in exported(campaign)] == [[("rater 2", "no")]]
    assert message(save_answers, campaign, 2, [GivenAnswer(row.question, YES, revision=3001)], NOW).endswith("3001")


def test_a_changed_answer_opens_a_question_that_was_closed_by_it(address: str | Path) -> None:
    rules = {"per_question": 3, "stop": StopRule(0.2, 0.8), "golden_share": 0}
    campaign = campaign_at(address, (1,), raters=3, **rules)
    turns = {}
    for person in (2, 3):
        turns[person] = turn_of(campaign, person)
        give(campaign, person, turns[person], YES)
    assert why(campaign, 4) == "finished"
    save_answers(campaign, 3, [GivenAnswer(turns[3].rows[0].question, NO, revision=1)], NOW)
    assert turn_of(campaign, 4).task == turns[2].task


def plan_of_cut_images(practice: int, **options: Any) -> CampaignPlan:
    """A plan of three golden images, with one, two and three tasks of two classes each, of which one is known each."""
    names, classes = np.repeat(["g0.png", "g1.png", "g2.png"], [2, 4, 6]), [*range(2), *range(4), *range(6)]
    asked = Questions.from_columns(names.tolist(), np.array(classes), CLASSES)
    golden = Tasks(asked, np.arange(0, 13, 2), np.arange(6), ["some"] * 6)
    known = np.arange(0, 12, 2)
    experts = Votes.from_columns(asked, known, np.zeros(6, int), np.full(6, YES), ("eve",), WORDS)
    return CampaignPlan(tasks_of(2), golden_tasks=golden, experts=experts, practice=practice, **options)


def test_all_golden_tasks_of_an_image_are_for_practice_or_none() -> None:
    """So an image of which somebody was told what is right does not come again."""
    image_of, sizes = np.repeat([0, 1, 2], [1, 2, 3]), np.array([1, 2, 3])
    drawn = set()
    for seed in range(20):
        for practice in range(4):
            is_practice = plan_of_cut_images(practice, rules=Rules(seed=seed)).is_practice
            chosen = np.unique(image_of[is_practice])
            assert is_practice.tolist() == np.isin(image_of, chosen).tolist()
            assert is_practice.sum() >= practice
            assert practice == 0 or is_practice.sum() - sizes[chosen].max() < practice
            assert (practice == 0) <= (chosen.size == 0)
            drawn.add(tuple(chosen))
    assert drawn == {(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)}


def test_an_image_is_for_practice_if_something_is_known_in_each_of_its_tasks() -> None:
    plan = plan_of_cut_images(1)
    experts = plan.experts.restrict(np.array([0, 1, 3]))  # all of the first two images but the last task of each
    for seed in range(10):
        assert replace(plan, experts=experts, rules=Rules(seed=seed)).is_practice.tolist() == [True, *[False] * 5]


def test_an_image_that_is_voted_on_is_not_for_practice() -> None:
    """Of four golden images two are in tasks as well."""
    golden, experts = golden_of(1, 1, 1, 1)
    asked = Questions.from_columns(["g1.png", "g2.png"], np.array([5, 5]), CLASSES)
    tasks = Tasks(asked, np.arange(3), np.arange(2), ["all"] * 2)
    plan = CampaignPlan(tasks, golden_tasks=golden, experts=experts, practice=2)
    assert plan.is_practice.tolist() == [True, False, False, True]
    assert "\n  allowed: up to 2 practice tasks\n  found:   3\n" in message(replace, plan, practice=3)


def test_practice_tells_nothing_of_original_labels() -> None:
    """Of the golden images one is for practice, and its label alone is wrong."""
    golden, experts = golden_of(*[2] * 9)
    names = golden.questions.images
    plan = CampaignPlan(tasks_of(1), golden_tasks=golden, experts=experts, practice=1)
    practised = int(np.flatnonzero(plan.is_practice)[0])
    priors = []
    for label in (0, 1):
        labels = [[label] if image == practised else [1] for image in range(9)]
        original = LabelSets.from_lists([*names, "m0.png"], [*labels, [0]], CLASSES)
        priors.append(replace(plan, original=original, original_votes=True).priors(plan.tasks.questions))
    assert priors[0] == priors[1]


def test_an_invalid_plan_is_refused(tmp_path: Path) -> None:
    path, tasks, (golden, experts) = tmp_path / "c.db", tasks_of(1), golden_of(2)
    original = LabelSets(("m0.png",), np.array([0, 1]), np.array([0]), CLASSES)
    unmeasured: tuple[tuple[dict[str, Any], str], ...] = (
        ({"rules": Rules(stop=StopRule(0.1, 0.9))}, "a stop rule"),
        ({"practice": 1}, "a practice round"),
        ({"original": original, "original_votes": True}, "a vote of original labels"),
    )
    for options, what in unmeasured:
        assert message(CampaignPlan, tasks, **options) == (
            f"{what} needs golden questions\n"
            "  found:   no golden questions\n"
            f"  fix:     add golden questions, or remove {what}"
        )
    asked = golden.questions.in_classes(Classes(7, names=tuple("abcdefg")))
    other = Tasks(asked, golden.indptr, golden.numbers, golden.reasons)
    large = shape_tasks(["m0.png", "m1.png", "m2.png"], [1, 9, 12], Classes(12))
    two = LabelSets.from_lists(["m0.png", "x.png"], [[0], [1, 2]], CLASSES)
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        (
            {"golden_tasks": other, "experts": experts},
            "golden tasks and tasks have different class lists\n  fix:     use one class list for both",
        ),
        (
            {"golden_tasks": tasks_of(2)},
            "question is both golden and in the tasks\n  where:   image m0.png, class a\n"
            "  found:   1 of 2 golden questions\n"
            "  fix:     remove them from the tasks, or use golden questions about other images",
        ),
        (
            {"golden_tasks": golden, "experts": experts, "practice": 1},
            "no golden task is left for raters who passed practice\n  allowed: up to 0 practice tasks\n  found:   1\n"
            "  fix:     use golden questions on more images, or fewer practice tasks",
        ),
        (
            {"golden_tasks": golden_of(1, 1)[0], "practice": 1},
            "too few golden images for practice\n  allowed: up to 0 practice tasks\n  found:   1\n"
            "  fix:     add experts' answers on images without other tasks, or use fewer practice tasks",
        ),
        (
            {"golden_tasks": large},
            "task has more classes than a page shows\n  where:   task 1, image m1.png\n  allowed: up to 8 classes\n"
            "  found:   9 classes; 2 of 3 tasks are too large\n  fix:     reassess tasks --per-task 8",
        ),
        (
            {"golden_tasks": golden, "original_votes": True},
            "original labels are missing, so they cannot vote\n  fix:     add them, or do not let them vote",
        ),
    )
    for options, text in refused:
        assert message(CampaignPlan, tasks, **options) == text
    assert "\n  allowed: up to 3 practice tasks\n  found:   4\n" in message(plan_of_cut_images, 4)
    for wrong in ({"practice": -1}, {"practice": 0.5}, {"at_least": 10**30}, {"at_least": 0}, {"original": two}):
        code_of(CampaignPlan, tasks, golden_tasks=golden, **wrong)
    assert code_of(open_campaign, path) == "not-a-campaign"
    assert not list(tmp_path.iterdir())
    create_campaign(path, CampaignPlan(tasks))
    assert code_of(create_campaign, path, CampaignPlan(tasks)) == "output-exists"


def test_a_rater_with_more_votes_than_a_statement_can_hold_is_excluded(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (6,) * 200, raters=1, golden_share=0)
    while isinstance(turn := next_turn(campaign, 2, NOW), Turn):
        give(campaign, 2, turn, *[YES] * len(turn.rows))
    assert len(export_votes(campaign).votes) == 1_200
    exclude_rater(campaign, 2, NOW)
    assert len(export_votes(campaign).votes) == 0
    include_rater(campaign, 2, NOW)
    assert len(export_votes(campaign).votes) == 1_200


def test_answers_about_a_skipped_image_do_not_count(address: str | Path) -> None:
    campaign = campaign_at(address, (2,), raters=2, per_question=1, golden_share=0)
    turn = turn_of(campaign, 2)
    give(campaign, 2, turn, YES)
    skip_task(campaign, 2, turn.task, NOW)
    save_answers(campaign, 2, [GivenAnswer(turn.rows[1].question, YES)], NOW)  # which was on its way
    assert exported(campaign) == []
    assert last_turn(campaign, 2) is None
    give(campaign, 3, turn_of(campaign, 3), NO, NO)
    assert {said for _, _, votes in exported(campaign) for _, said in votes} == {"no"}


def test_a_skip_is_noted_after_the_lease_as_well(address: str | Path) -> None:
    campaign = campaign_at(address, (2,), raters=2, per_question=1, golden_share=0, lease=60.0)
    turn = turn_of(campaign, 2)
    give(campaign, 2, turn, YES)
    release(campaign, NOW + 100)
    for _ in range(2):  # of which the second was sent since the response was lost
        skip_task(campaign, 2, turn.task, NOW + 100)
    assert [entry.what for entry in last_entries(campaign, 9)].count("skip") == 1
    assert progress_of(campaign, NOW).skipped == (("m0.png", 1),)
    assert exported(campaign) == []
    assert export_votes(campaign).skipped == 1
    assert why(campaign, 2, NOW + 100) == "finished"
    assert len(turn_of(campaign, 3, NOW + 100).rows) == 2
    campaign.close()


def test_an_excluded_rater_may_skip(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (2,), raters=1, per_question=1, golden_share=0)
    turn = turn_of(campaign, 2)
    give(campaign, 2, turn, YES)
    exclude_rater(campaign, 2, NOW)
    skip_task(campaign, 2, turn.task, NOW)
    assert last_entries(campaign, 1)[0].what == "skip"
    include_rater(campaign, 2, NOW)
    assert exported(campaign) == []
    assert progress_of(campaign, NOW).skipped == (("m0.png", 1),)


@pytest.mark.parametrize("answered", [False, True])
def test_a_turn_ends_by_one_statement_if_its_image_is_skipped(address: str | Path, answered: bool) -> None:
    campaign = campaign_at(address, (1,), raters=1, golden_share=0)
    turn = turn_of(campaign, 2)
    if answered:
        give(campaign, 2, turn, YES)
    said: list[str] = []
    event.listen(campaign.engine, "before_cursor_execute", lambda *given: said.append(given[2].split(" SET")[0]))
    skip_task(campaign, 2, turn.task, NOW)
    assert said.count("UPDATE turns") == 1
    assert why(campaign, 2) == "finished"


def test_a_golden_answer_about_a_skipped_image_does_not_count(address: str | Path) -> None:
    campaign = campaign_at(address, (1,), raters=1, golden_share=0.9)
    while image_addresses(campaign)[(turn := turn_of(campaign, 2)).image].startswith("m"):
        give(campaign, 2, turn, YES)
    give(campaign, 2, turn, *[YES] * len(turn.rows))
    skip_task(campaign, 2, turn.task, NOW)
    with reading(campaign.engine) as connection:
        assert sum(connection.scalars(select(golden_counts.c.n))) == 0
    assert export_votes(campaign).rater_golden is None


def test_an_excluded_rater_is_shown_nothing_to_change(address: str | Path) -> None:
    campaign = campaign_at(address, (1, 1), raters=1, golden_share=0)
    give(campaign, 2, turn_of(campaign, 2), YES)
    assert last_turn(campaign, 2) is not None
    exclude_rater(campaign, 2, NOW)
    assert last_turn(campaign, 2) is None


def test_what_an_expert_says_twice_counts_once_and_two_answers_are_refused(address: str | Path) -> None:
    golden, _ = golden_of(1)
    item, expert, answer = np.array([[0, 0, NO], [0, 0, NO], [0, 1, NO], [0, 2, YES], [0, 2, YES], [0, 2, YES]]).T
    experts = Votes.from_columns(golden.questions, item, expert, answer, ("x", "y", "z"), WORDS)
    plan = CampaignPlan(tasks_of(1), golden_tasks=golden, experts=experts)
    answers = np.where(np.arange(6) == 1, YES, answer)
    other = Votes.from_columns(golden.questions, item, expert, answers, ("x", "y", "z"), WORDS)
    assert message(replace, plan, experts=other) == (
        "expert gives two answers to a golden question\n"
        "  where:   image g0.png, class a\n"
        "  found:   x: no, then yes\n"
        "  fix:     keep one of them"
    )
    assert plan.truth == (0,)
    create_campaign(address, plan)
    kept = export_votes(open_campaign(address), names=True).golden
    assert kept is not None
    assert sorted(kept.on(0)) == [("x", "no"), ("y", "no"), ("z", "yes")]


@pytest.mark.parametrize("force", [False, True])
def test_a_campaign_that_is_open_or_was_not_closed_is_not_overwritten(force: bool, tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    campaign = campaign_at(path, (1,), raters=1)
    turn_of(campaign, 2)
    backup_campaign(path, tmp_path / "copy.db")
    refused = (
        "a campaign with this name is open, or was not closed\n"
        f"  where:   {path}\n"
        "  found:   c.db-wal, with its newest answers\n"
        "  fix:     stop its server; after a kill, reassess status closes it; or choose another name"
    )
    with pytest.raises(OutputError) as created:
        create_campaign(path, CampaignPlan(tasks_of(1)), force=force)
    with pytest.raises(OutputError) as copied:
        backup_campaign(tmp_path / "copy.db", path, force=force)
    assert [str(created.value), str(copied.value)] == [refused, refused]
    with pytest.raises(OutputError, match="copy would replace the campaign"):
        backup_campaign(path, tmp_path / "." / "c.db", force=force)
    campaign.close()
    create_campaign(path, CampaignPlan(tasks_of(1)), force=True)


def test_a_campaign_in_which_people_have_answered_is_not_overwritten(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1,), raters=1, golden_share=0)
    give(campaign, 2, turn_of(campaign, 2), YES)
    campaign.close()
    with pytest.raises(OutputError, match="a campaign with answers"):
        create_campaign(tmp_path / "c.db", CampaignPlan(tasks_of(1)), force=True)
    assert len(export_votes(open_campaign(tmp_path / "c.db")).votes) == 1


def test_a_file_whose_answers_cannot_be_counted_is_not_overwritten(tmp_path: Path) -> None:
    campaign_at(tmp_path / "c.db", (1,), raters=1, golden_share=0).close()
    good = (tmp_path / "c.db").read_bytes()
    damaged = good[:4096] + bytes(range(256)) * ((len(good) - 4096) // 256)
    (tmp_path / "c.db").write_bytes(damaged)
    refused = message(create_campaign, tmp_path / "c.db", CampaignPlan(tasks_of(1)), force=True)
    assert refused.startswith("database of the campaign cannot be used\n")
    assert "  found:   database disk image is malformed\n" in refused
    assert (tmp_path / "c.db").read_bytes() == damaged


def test_a_file_that_is_no_campaign_is_overwritten_if_forced(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_text("of something else")
    create_campaign(tmp_path / "c.db", CampaignPlan(tasks_of(1)), force=True)
    open_campaign(tmp_path / "c.db").close()


def test_a_golden_task_shows_as_many_questions_as_the_main_task_in_whose_place_it_stands(address: str | Path) -> None:
    """Two raters who know the golden questions agree on two of three classes: others are asked for the third alone."""
    golden, experts = golden_of(*[6] * 20)
    rules = Rules(per_question=4, stop=StopRule(0.1, 0.9), golden_share=0.9)
    create_campaign(address, CampaignPlan(tasks_of(3), rules=rules, golden_tasks=golden, experts=experts))
    campaign = open_campaign(address)
    main, truth = address_of(campaign, "m0.png"), (NO, YES) * 3
    shown: list[list[int]] = []
    for third in (NO, YES, NO):
        person, sizes = add_person(campaign, f"rater {len(shown)}"), []
        while isinstance(turn := next_turn(campaign, person, NOW), Turn):
            sizes.append(len(turn.rows))
            said = (NO, YES, third) if turn.image == main else truth
            give(campaign, person, turn, *(said[row.class_id] for row in turn.rows))
        shown.append(sizes)
    assert [set(sizes) for sizes in shown] == [{3}, {3}, {1}]
    assert min(map(len, shown)) > 1


def test_a_golden_task_of_as_many_questions_goes_first_and_then_the_largest(address: str | Path) -> None:
    golden, experts = golden_of(2, 1, 3, 5, 2, 4)
    plan = CampaignPlan(tasks_of(*[3] * 40), rules=Rules(golden_share=0.9), golden_tasks=golden, experts=experts)
    create_campaign(address, plan)
    campaign = open_campaign(address)
    known, first = {address_of(campaign, f"g{number}.png") for number in range(6)}, set()
    for number in range(20):
        rater = add_person(campaign, f"rater {number}")
        shown: list[Turn] = []
        while len(shown) < len(known):
            turn = turn_of(campaign, rater)
            give(campaign, rater, turn, *[YES] * len(turn.rows))
            shown += [turn] if turn.image in known else []
        assert [len(turn.rows) for turn in shown] == [3, 3, 3, 2, 2, 1]
        first.add(shown[0].image)
    assert first == {address_of(campaign, f"g{number}.png") for number in (2, 3, 5)}
    campaign.close()


def test_golden_tasks_are_the_first_of_as_many_raters_each(tmp_path: Path) -> None:
    """Also where those of the practice round have places among theirs."""
    golden, experts = golden_of(*[2] * 30)
    tasks, rules = tasks_of(*[2] * 300), Rules(golden_share=0.9)
    plan = CampaignPlan(tasks, rules=rules, golden_tasks=golden, experts=experts, practice=20)
    create_campaign(tmp_path / "c.db", plan)
    campaign, first = open_campaign(tmp_path / "c.db"), Counter[str]()
    known = {address_of(campaign, f"g{number}.png") for number in range(30)}
    for number in range(120):
        rater = add_person(campaign, f"rater {number}")
        admit(campaign, rater, NOW)
        turn = turn_of(campaign, rater)
        if turn.image in known:
            first[turn.image] += 1
    assert len(first) == 10
    assert chisquare(list(first.values())).pvalue > 0.01
    campaign.close()


def lapse(campaign: Campaign, person: int, task: int, now: float) -> float:
    """The lease ends."""
    return now + 100


def lapse_and_give_way(campaign: Campaign, person: int, task: int, now: float) -> float:
    """The lease ends, and others answer all that they are asked, so that a main task has all of its votes."""
    for other in (3, 4):
        for _ in range(3):
            turn = turn_of(campaign, other, now + 100)
            give(campaign, other, turn, *[YES] * len(turn.rows), now=now + 100)
    return now + 200


def lapse_while_paused(campaign: Campaign, person: int, task: int, now: float) -> float:
    """The campaign is paused until the lease has ended."""
    pause(campaign, now)
    assert why(campaign, person, now + 100) == "paused"
    resume(campaign, now + 100)
    return now + 100


def lapse_on_two_pages(campaign: Campaign, person: int, task: int, now: float) -> float:
    """A page that has the image is shown the next one; its lease ends too."""
    assert turn_of(campaign, person, now, held=[task]).task != task
    return now + 100


def lapse_beside_another(campaign: Campaign, person: int, task: int, now: float) -> float:
    """The lease ends while the page has the image, and is shown the next one."""
    assert turn_of(campaign, person, now + 100, held=[task]).task != task
    return now + 200


def sign_in_again(campaign: Campaign, person: int, task: int, now: float) -> float:
    """Another page asks, which has nothing."""
    return now + 1


def exclude_and_include(campaign: Campaign, person: int, task: int, now: float) -> float:
    """The rater is excluded for a while."""
    exclude_rater(campaign, person, now)
    include_rater(campaign, person, now)
    return now


def skip(campaign: Campaign, person: int, task: int, now: float) -> float:
    """The rater skips the image."""
    skip_task(campaign, person, task, now)
    return now


_ENDINGS = [lapse, lapse_and_give_way, lapse_while_paused, lapse_on_two_pages, lapse_beside_another, sign_in_again]


@pytest.mark.parametrize("answered", [0, 1, 2])
@pytest.mark.parametrize("end", [*_ENDINGS, exclude_and_include, skip])
def test_an_image_that_was_begun_is_shown_again_golden_or_not(
    memory_folder: Path, end: Callable[[Campaign, int, int, float], float], answered: int
) -> None:
    """However its turn ended; so nobody learns from that which it was. A skipped one is not shown again."""
    golden, experts = golden_of(*[6] * 20)
    rules = Rules(per_question=2, stop=StopRule(0.1, 0.9), golden_share=0.5, lease=60.0)
    plan = CampaignPlan(tasks_of(*[3] * 90), rules=rules, golden_tasks=golden, experts=experts)
    create_campaign(memory_folder / "c.db", plan)
    campaign = open_campaign(memory_folder / "c.db")
    person, *_ = (add_person(campaign, name) for name in ("ann", "ben", "cy"))
    known = {address_of(campaign, f"g{number}.png") for number in range(20)}
    seen, now = Counter[bool](), NOW
    for _ in range(12):
        turn = turn_of(campaign, person, now)
        give(campaign, person, turn, *[YES] * answered, now=now)
        now = end(campaign, person, turn.task, now)
        again = turn_of(campaign, person, now)
        assert (again.task == turn.task) == (end is not skip)
        if again.task == turn.task:
            assert [row.answer for row in again.rows] == [YES] * answered + [None] * (3 - answered)
            assert replace(again, number=0, rows=()) == replace(turn, number=0, rows=())
        seen[turn.image in known] += 1
        given = [GivenAnswer(row.question, YES) for row in again.rows if row.answer is None]
        save_answers(campaign, person, given, now)
    assert min(seen.values()) > 2
    campaign.close()


@pytest.mark.parametrize("lapses", [False, True])
def test_who_answers_late_is_shown_as_many_golden_tasks(tmp_path: Path, lapses: bool) -> None:
    golden, experts = golden_of(*[3] * 40)
    rules = Rules(golden_share=0.3, lease=60.0)
    plan = CampaignPlan(tasks_of(*[3] * 60), rules=rules, golden_tasks=golden, experts=experts)
    create_campaign(tmp_path / "c.db", plan)
    campaign = open_campaign(tmp_path / "c.db")
    person, shown = add_person(campaign, "ann"), 0
    known = {address_of(campaign, f"g{number}.png") for number in range(40)}
    for number in range(30):
        turn = turn_of(campaign, person, NOW + 1000 * number)
        if lapses:
            release(campaign, NOW + 1000 * number + 100)
        give(campaign, person, turn, *[YES] * len(turn.rows), now=NOW + 1000 * number + 100)
        assert turn.number == number
        shown += turn.image in known
    assert shown == 7
    campaign.close()


def test_with_a_stop_rule_an_undecided_question_is_shown_to_one_more_rater_at_a_time(address: str | Path) -> None:
    campaign = campaign_at(
        address, (2,), raters=4, per_question=4, golden_share=0, stop=StopRule(0.001, 0.999), lease=60.0
    )
    first, second = turn_of(campaign, 2), turn_of(campaign, 3)
    assert (why(campaign, 4), why(campaign, 5)) == ("waiting", "waiting")
    give(campaign, 2, first, YES, YES)
    give(campaign, 3, second, NO)  # a row of theirs is not answered: all of the task waits for it
    assert why(campaign, 4) == "waiting"
    give(campaign, 3, second, NO, NO)
    third = turn_of(campaign, 4)
    assert len(third.rows) == 2
    assert why(campaign, 5) == "waiting"
    assert len(turn_of(campaign, 5, NOW + 61).rows) == 2  # the lease of the third has ended


def test_a_question_that_opens_again_is_asked_of_raters_who_have_had_the_others_of_its_task(
    address: str | Path,
) -> None:
    campaign = campaign_at(address, (2,), raters=3, per_question=2, golden_share=0, lease=60.0)
    one, other = turn_of(campaign, 2), turn_of(campaign, 3)
    give(campaign, 2, one, YES, YES)
    give(campaign, 3, other, YES)
    later = NOW + 61  # the second question lacks a vote
    give(campaign, 4, turn_of(campaign, 4, later), NO, now=later)
    assert why(campaign, 4, later) == "finished"
    exclude_rater(campaign, 2, later)
    first = turn_of(campaign, 4, later)
    assert [row.question for row in first.rows] == [other.rows[0].question]
    give(campaign, 4, first, NO, now=later)
    begun = turn_of(campaign, 3, later)  # as it was when its lease ended
    assert [(row.question, row.answer) for row in begun.rows] == [
        (row.question, answer) for row, answer in zip(other.rows, (YES, None), strict=True)
    ]
    save_answers(campaign, 3, [GivenAnswer(other.rows[1].question, NO)], later)
    assert {len(votes) for _, _, votes in exported(campaign)} == {2}


@pytest.mark.parametrize("stop", [None, StopRule(0.01, 0.99)])
def test_questions_that_are_begun_are_asked_before_others(address: str | Path, stop: StopRule | None) -> None:
    """Raters come in an order that is drawn: nobody begins a task while a begun one has a place for them."""
    campaign = campaign_at(address, (2,) * 12, raters=5, per_question=4, stop=stop, golden_share=0)
    rng, begun = np.random.default_rng(0), dict[int, set[int]]()
    held: dict[int, Turn] = {}
    for person in rng.integers(2, 7, 400).tolist():
        if (before := held.pop(person, None)) is not None:
            give(campaign, person, before, *rng.integers(0, 3, len(before.rows)).tolist())
            continue
        if not isinstance(turn := next_turn(campaign, person, NOW), Turn):
            continue
        if turn.task not in begun:
            with reading(campaign.engine) as connection:
                free = set(connection.scalars(select(tasks.c.id).where(tasks.c.free > 0)))
            assert not [task for task, had in begun.items() if task in free and person not in had]
        begun.setdefault(turn.task, set()).add(person)
        held[person] = turn
    assert len(begun) == 12
