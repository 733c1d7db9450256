"""A campaign from creation to votes: who gets which task, which answers count, and kills."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare
from sqlalchemy import event, select

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    Turn,
    add_people,
    add_person,
    admit_rater,
    backup_campaign,
    begin_next_turn,
    create_campaign,
    exclude_rater,
    export_votes,
    find_previous_turn,
    include_rater,
    measure_progress,
    open_campaign,
    pause,
    read_image_names_by_address,
    resume,
    save_answers,
    skip_task,
    take_back_expired_tasks,
)
from reassess.annotation.store import excluding, transactions
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.owner_lists import list_log_entries
from reassess.annotation.store.schema import images, tasks
from reassess.core import StopRule, Votes
from tests.annotation.campaigns import (
    NO,
    NOW,
    YES,
    answer_all,
    campaign_at,
    give,
    golden_of,
    tasks_of,
    turn_of,
    votes_of,
    why,
)
from tests.annotation.invariants import Stored, check
from tests.annotation.random_campaign import KilledError
from tests.helpers import WORDS, code_of, message

LATER = NOW + 100
CLOSING = StopRule(0.1, 0.9)


def addresses_of(campaign: Campaign, letter: str) -> set[str]:
    """Return the addresses of golden images (g) or of main images (m)."""
    with connect_for_reading(campaign.engine) as connection:
        return set(connection.scalars(select(images.c.address).where(images.c.name.startswith(letter))))


def test_place_is_reserved_until_lease_ends(address: str | Path) -> None:
    campaign = campaign_at(address, (1,), raters=2, votes_per_question=1, golden_share=0, lease_seconds=60.0)
    turn = turn_of(campaign, 2)
    assert [why(campaign, 3, NOW + seconds) for seconds in (59, -30)] == ["waiting"] * 2
    assert begin_next_turn(campaign, 2, NOW + 59) == turn
    # The clock was set back, but no place is reserved forever.
    assert turn_of(campaign, 3, NOW - 3600).task_id == turn.task_id
    give(campaign, 3, turn_of(campaign, 3, LATER), NO, now=LATER)
    give(campaign, 2, turn, YES, now=LATER)  # late: saved, but not counted
    assert find_previous_turn(campaign, 2).task_id == turn.task_id
    result = export_votes(campaign)
    assert (votes_of(campaign), result.n_unneeded_answers) == ([("m0.png", 0, [("rater 3", "no")])], 1)


def test_page_gets_one_task_ahead_and_no_task_twice(address: str | Path) -> None:
    campaign = campaign_at(address, (1, 1, 1), raters=1, votes_per_question=1, golden_share=0, lease_seconds=60.0)
    first = turn_of(campaign, 2)
    second = turn_of(campaign, 2, loaded_task_ids=[first.task_id])
    assert second.task_id != first.task_id
    assert why(campaign, 2, loaded_task_ids=[first.task_id, second.task_id]) == "waiting"
    give(campaign, 2, first, YES)
    third = turn_of(campaign, 2, LATER, loaded_task_ids=[second.task_id])  # its lease has ended
    assert third.task_id not in (first.task_id, second.task_id)
    give(campaign, 2, third, YES, now=LATER)
    assert turn_of(campaign, 2, LATER).task_id == second.task_id  # for example after the page was closed


def test_question_closes_when_probability_leaves_thresholds(address: str | Path) -> None:
    """Two raters who know all golden questions agree on one class only; the other class stays open."""
    campaign = campaign_at(address, (2,), raters=4, votes_per_question=4, golden_share=0.9, stop_rule=CLOSING)
    (main,) = addresses_of(campaign, "m")
    turns: dict[int, Turn] = {}
    for person, second in ((2, NO), (3, YES)):
        while isinstance(turn := begin_next_turn(campaign, person, NOW), Turn):
            values = (YES, second) if turn.image_address == main else (NO, YES, NO)
            give(campaign, person, turn, *(values[row.class_id] for row in turn.questions))
            turns |= {person: turn} if turn.image_address == main else {}
    open_turns = [turn for turn in answer_all(campaign, 4, NO) if turn.image_address == main]
    assert [[row.class_id for row in turn.questions] for turn in open_turns] == [[1]]
    new_answers = [GivenAnswer(row.question_id, NO, revision=1) for row in turns[3].questions if row.class_id == 0]
    save_answers(campaign, 3, new_answers, NOW)  # a changed answer reopens its question
    class_ids = [
        row.class_id for turn in answer_all(campaign, 5, NO) if turn.image_address == main for row in turn.questions
    ]
    assert 0 in class_ids


def kill_at(campaign: Campaign, change: Callable[[], object], transaction: int) -> None:
    """Make a change whose process is killed at the commit of a given transaction."""
    begun = count()

    def kill(*_: object) -> None:
        if next(begun) == transaction:
            raise KilledError

    event.listen(campaign.engine, "commit", kill)
    with suppress(KilledError):
        change()
    event.remove(campaign.engine, "commit", kill)


@pytest.mark.parametrize(("place", "transaction"), [*(("path", number) for number in range(6)), ("database", 4)])
@pytest.mark.parametrize("change", [exclude_rater, include_rater])
def test_exclusion_is_immediate_and_finished_after_a_kill(
    change: Callable[..., object],
    place: str,
    transaction: int,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """A few questions are recounted per transaction; all numbers are correct meanwhile."""
    monkeypatch.setattr(excluding, "_MAX_QUESTIONS", 2)
    monkeypatch.setattr(transactions, "_MAX_STATEMENT_VALUES", 1)  # so that one statement is not enough
    campaign = campaign_at(request.getfixturevalue(place), (3, 3), raters=4, votes_per_question=2, golden_share=0)
    for person in (2, 3):
        answer_all(campaign, person, YES)
    if change is include_rater:
        exclude_rater(campaign, 2, NOW)
    kill_at(campaign, partial(change, campaign, 2, NOW), transaction)
    state = Stored.of(campaign)
    check(state, {})
    is_excluded = state.people[2].excluded
    assert is_excluded == ((transaction > 0) == (change is exclude_rater))
    progress = measure_progress(campaign, NOW)
    votes = {rater.id: rater.n_votes for rater in progress.people}
    assert votes[3] == 6
    assert (votes[2] == 0) or not is_excluded
    is_open = {row.id for row in state.questions.values() if row.ended is None and not row.golden}
    counted = [row for row in state.answers if row.counted and row.question in is_open]
    on_open = sum(not state.people[row.person].excluded for row in counted)
    assert progress.max_votes_needed == 2 * progress.n_open_questions - on_open
    answer_all(campaign, 4, NO)  # the open questions at this point
    check(Stored.of(campaign), {})
    exported = export_votes(campaign)  # the export finishes the recount
    check(Stored.of(campaign), {})
    assert not any(row.recounted for row in Stored.of(campaign).people.values())
    assert sum(row.n_votes for row in exported.question_states) == len(exported.votes)
    assert exported.n_excluded_answers == (6 if is_excluded else 0)
    assert all(("rater 2", "yes") in rater_votes for _, _, rater_votes in votes_of(campaign)) == (not is_excluded)
    answer_all(campaign, 5, NO)
    assert {len(rater_votes) for _, _, rater_votes in votes_of(campaign)} == {2}


def test_answer_to_unshown_question_raises_and_saves_nothing(address: str | Path) -> None:
    campaign = campaign_at(address, (1, 1), raters=2, golden_share=0)
    turn = turn_of(campaign, 2)
    turn_of(campaign, 3)
    (row,), (other,) = turn.questions, turn_of(campaign, 3, loaded_task_ids=[turn.task_id]).questions
    new_answers = [GivenAnswer(row.question_id, YES), GivenAnswer(other.question_id, YES)]
    assert message(save_answers, campaign, 2, new_answers, NOW).startswith("rater was not shown this question\n")
    assert message(save_answers, campaign, 2, [new_answers[0], GivenAnswer(99, YES)], NOW) == (
        "unknown question\n  found:   question 99"
    )
    assert len(export_votes(campaign).votes) == 0
    assert code_of(GivenAnswer, row.question_id, 3) == "out-of-range"
    assert message(skip_task, campaign, 1, turn.task_id, NOW).startswith("rater was not shown this task\n")


def test_huge_revision_raises(
    address: str | Path,
) -> None:
    campaign = campaign_at(address, (2,), raters=1, golden_share=0)
    row, other = turn_of(campaign, 2).questions
    new_answers = [GivenAnswer(other.question_id, YES), GivenAnswer(row.question_id, YES, revision=1001)]
    assert message(save_answers, campaign, 2, new_answers, NOW) == (
        f"revision out of range\n  where:   question {row.question_id}\n  allowed: 0 to 1000\n  found:   1001"
    )
    assert votes_of(campaign) == []
    for revision, answer in ((1000, YES), (3, NO), (2000, NO), (1999, YES)):  # and an answer that was on its way
        save_answers(campaign, 2, [GivenAnswer(row.question_id, answer, revision=revision)], NOW)
    assert [votes for _, _, votes in votes_of(campaign)] == [[("rater 2", "no")]]
    assert message(save_answers, campaign, 2, [GivenAnswer(row.question_id, YES, revision=3001)], NOW).endswith("3001")


@pytest.mark.parametrize("lapses", [False, True])
def test_skipped_image_is_logged_once_and_its_answers_do_not_count(address: str | Path, lapses: bool) -> None:
    """Also after the lease. The turn ends by one statement, answered or not."""
    campaign = campaign_at(address, (2,), raters=2, votes_per_question=1, golden_share=0, lease_seconds=60.0)
    turn = turn_of(campaign, 2)
    give(campaign, 2, turn, *[YES] * (1 + lapses))
    if lapses:
        take_back_expired_tasks(campaign, LATER)
    statements: list[str] = []
    event.listen(campaign.engine, "before_cursor_execute", lambda *given: statements.append(given[2].split(" SET")[0]))
    for _ in range(2):  # the second request was sent because the response was lost
        skip_task(campaign, 2, turn.task_id, LATER)
    assert statements.count("UPDATE turns") == 1
    give(campaign, 2, turn, YES)  # the answer was on its way
    assert [entry.action for entry in list_log_entries(campaign, 9)].count("skip") == 1
    assert measure_progress(campaign, NOW).skipped_images == (("m0.png", 1),)
    assert (votes_of(campaign), export_votes(campaign).n_skipped_answers) == ([], 2)
    assert find_previous_turn(campaign, 2) is None
    assert why(campaign, 2, LATER) == "finished"
    give(campaign, 3, turn_of(campaign, 3, LATER), NO)
    assert {statements for _, _, votes in votes_of(campaign) for _, statements in votes} == {"no"}


def test_excluded_rater_gets_no_task_but_can_skip(address: str | Path) -> None:
    campaign = campaign_at(address, (2,), raters=1, votes_per_question=1, golden_share=0)
    turn = turn_of(campaign, 2)
    give(campaign, 2, turn, YES)
    assert find_previous_turn(campaign, 2) is not None
    exclude_rater(campaign, 2, NOW)
    assert find_previous_turn(campaign, 2) is None
    skip_task(campaign, 2, turn.task_id, NOW)
    assert list_log_entries(campaign, 1)[0].action == "skip"
    include_rater(campaign, 2, NOW)
    assert votes_of(campaign) == []
    assert measure_progress(campaign, NOW).skipped_images == (("m0.png", 1),)


def test_duplicate_expert_answer_counts_once_and_contradicting_answers_raise(address: str | Path) -> None:
    golden, _ = golden_of(1)
    item, expert, answer = np.array([[0, 0, NO], [0, 0, NO], [0, 1, NO], [0, 2, YES], [0, 2, YES], [0, 2, YES]]).T
    experts = Votes.from_columns(golden.questions, item, expert, answer, ("x", "y", "z"), WORDS)
    plan = CampaignPlan(tasks_of(1), golden_tasks=golden, expert_votes=experts)
    answers = np.where(np.arange(6) == 1, YES, answer)
    other = Votes.from_columns(golden.questions, item, expert, answers, ("x", "y", "z"), WORDS)
    assert message(replace, plan, expert_votes=other) == (
        "expert gives two answers to a golden question\n"
        "  where:   image g0.png, class a\n"
        "  found:   x: no, then yes\n"
        "  fix:     keep one of the two answers"
    )
    assert plan.truths == (0,)
    create_campaign(address, plan)
    golden_votes_ = export_votes(open_campaign(address), with_rater_names=True).golden_votes
    assert sorted(golden_votes_.votes_on(0)) == [("x", "no"), ("y", "no"), ("z", "yes")]


@pytest.mark.parametrize("force", [False, True])
def test_open_campaign_is_not_replaced(force: bool, path: Path) -> None:
    campaign = campaign_at(path, (1,), raters=1)
    turn_of(campaign, 2)
    copy = path.with_name("copy.db")
    backup_campaign(path, copy)
    refused = (
        "a campaign with this name is being served, or its server was killed\n"
        f"  where:   {path}\n"
        "  found:   the file c.db-wal, which contains its newest answers\n"
        "  fix:     stop its server (if it was killed, run `reassess status`), or choose another name"
    )
    assert message(create_campaign, path, CampaignPlan(tasks_of(1)), force=force) == refused
    assert message(backup_campaign, copy, path, force=force) == refused
    assert code_of(backup_campaign, path, path.parent / "." / "c.db", force=force) == "output-is-input"
    campaign.close()
    create_campaign(path, CampaignPlan(tasks_of(1)), force=True)
    damaged = path.read_bytes()[:4096] + bytes(range(256)) * 64  # so that its answers cannot be counted
    path.write_bytes(damaged)
    assert "  found:   database disk image is malformed\n" in message(
        create_campaign, path, CampaignPlan(tasks_of(1)), force=True
    )
    assert path.read_bytes() == damaged


def test_golden_task_shows_as_many_questions_as_replaced_main_task(address: str | Path) -> None:
    """Two raters who know the golden questions agree on two of three classes; others get only the third."""
    golden = [6] * 20
    campaign = campaign_at(address, (3,), golden=golden, votes_per_question=4, stop_rule=CLOSING, golden_share=0.9)
    (main,) = addresses_of(campaign, "m")
    class_ids: list[list[int]] = []
    for third in (NO, YES, NO):
        person, sizes = add_person(campaign, f"rater {len(class_ids)}"), []
        while isinstance(turn := begin_next_turn(campaign, person, NOW), Turn):
            sizes.append(len(turn.questions))
            values = (NO, YES, third) if turn.image_address == main else (NO, YES) * 3
            give(campaign, person, turn, *(values[row.class_id] for row in turn.questions))
        class_ids.append(sizes)
    assert [set(sizes) for sizes in class_ids] == [{3}, {3}, {1}]
    assert min(map(len, class_ids)) > 1


def test_golden_task_of_same_size_is_preferred_then_largest(path: Path) -> None:
    sizes = (2, 1, 3, 5, 2, 4)
    campaign = campaign_at(path, (3,) * 40, golden=sizes, golden_share=0.9)
    golden, first = addresses_of(campaign, "g"), set()
    for number in range(20):
        rater = add_person(campaign, f"rater {number}")
        turns: list[Turn] = []
        while len(turns) < len(golden):
            turn = turn_of(campaign, rater)
            give(campaign, rater, turn, YES)
            turns += [turn] if turn.image_address in golden else []
        assert [len(turn.questions) for turn in turns] == [3, 3, 3, 2, 2, 1]
        first.add(turns[0].image_address)
    names = read_image_names_by_address(campaign)
    assert {names[image] for image in first} == {"g2.png", "g3.png", "g5.png"}


def test_golden_tasks_are_first_for_equally_many_raters(path: Path) -> None:
    """Also if practice tasks have positions between them."""
    campaign, first = (
        campaign_at(path, (2,) * 300, golden=[2] * 30, golden_share=0.9, n_practice_tasks=20),
        Counter[str](),
    )
    golden = addresses_of(campaign, "g")
    for rater in add_people(campaign, [f"rater {number}" for number in range(120)]):
        admit_rater(campaign, rater, NOW)
        turn = turn_of(campaign, rater)
        first[turn.image_address] += turn.image_address in golden
    first = +first
    assert len(first) == 10
    assert chisquare(list(first.values())).pvalue > 0.01


def lapse(campaign: Campaign, person: int, task: int, now: float) -> float:
    """Let the lease end."""
    return now + 100


def lapse_and_give_way(campaign: Campaign, person: int, task: int, now: float) -> float:
    """Let the lease end, and others answer all tasks, so that main tasks have all votes."""
    for other in (3, 4):
        for _ in range(3):
            give(campaign, other, turn_of(campaign, other, now + 100), YES, now=now + 100)
    return now + 200


def lapse_while_paused(campaign: Campaign, person: int, task: int, now: float) -> float:
    """Pause the campaign until the lease has ended."""
    pause(campaign, now)
    assert why(campaign, person, now + 100) == "paused"
    resume(campaign, now + 100)
    return now + 100


def lapse_on_two_pages(campaign: Campaign, person: int, task: int, now: float) -> float:
    """Give the page the next task, too, and let both leases end."""
    assert turn_of(campaign, person, now, loaded_task_ids=[task]).task_id != task
    return now + 100


def lapse_beside_another(campaign: Campaign, person: int, task: int, now: float) -> float:
    """Let the lease end while the page has the image and gets the next task."""
    return lapse_on_two_pages(campaign, person, task, now + 100)


def sign_in_again(campaign: Campaign, person: int, task: int, now: float) -> float:
    """Request a task from another page, without tasks."""
    return now + 1


def exclude_and_include(campaign: Campaign, person: int, task: int, now: float) -> float:
    """Exclude the rater for a while."""
    exclude_rater(campaign, person, now)
    include_rater(campaign, person, now)
    return now


def skip(campaign: Campaign, person: int, task: int, now: float) -> float:
    """Skip the image."""
    skip_task(campaign, person, task, now)
    return now


_ENDINGS = [lapse, lapse_and_give_way, lapse_while_paused, lapse_on_two_pages, lapse_beside_another, sign_in_again]


@pytest.mark.parametrize("answered", [0, 2])
@pytest.mark.parametrize("end", [*_ENDINGS, exclude_and_include, skip])
def test_begun_image_is_shown_again_golden_or_not(
    path: Path, end: Callable[[Campaign, int, int, float], float], answered: int
) -> None:
    """However its turn ended, so that this does not reveal golden tasks. Skipped images do not come again."""
    rules = {"votes_per_question": 2, "stop_rule": CLOSING, "golden_share": 0.5, "lease_seconds": 60.0}
    campaign = campaign_at(path, (3,) * 90, raters=3, golden=[6] * 20, **rules)
    golden, seen, now = addresses_of(campaign, "g"), Counter[bool](), NOW
    for _ in range(12):
        turn = turn_of(campaign, 2, now)
        give(campaign, 2, turn, *[YES] * answered, now=now)
        now = end(campaign, 2, turn.task_id, now)
        again = turn_of(campaign, 2, now)
        assert (again.task_id == turn.task_id) == (end is not skip)
        if again.task_id == turn.task_id:
            assert [row.answer for row in again.questions] == [YES] * answered + [None] * (3 - answered)
            assert replace(again, turn_number=0, questions=()) == replace(turn, turn_number=0, questions=())
        seen[turn.image_address in golden] += 1
        new_answers = [GivenAnswer(row.question_id, YES) for row in again.questions if row.answer is None]
        save_answers(campaign, 2, new_answers, now)
    assert min(seen.values()) > 2


@pytest.mark.parametrize("lapses", [False, True])
def test_late_answers_do_not_change_share_of_golden_tasks(path: Path, lapses: bool) -> None:
    campaign = campaign_at(path, (3,) * 60, raters=1, golden=[3] * 40, golden_share=0.3, lease_seconds=60.0)
    golden, n_golden = addresses_of(campaign, "g"), 0
    for number in range(30):
        now = NOW + 1000 * number
        turn = turn_of(campaign, 2, now)
        if lapses:
            take_back_expired_tasks(campaign, now + 100)
        give(campaign, 2, turn, YES, now=now + 100)
        assert turn.turn_number == number
        n_golden += turn.image_address in golden
    assert n_golden == 7


@pytest.mark.parametrize("stop", [None, StopRule(0.01, 0.99)])
def test_begun_questions_are_asked_first(path: Path, stop: StopRule | None) -> None:
    """In a random order of raters, nobody begins a new task while a begun task has a place for them."""
    campaign = campaign_at(path, (2,) * 12, raters=5, votes_per_question=4, stop_rule=stop, golden_share=0)
    rng, begun = np.random.default_rng(0), dict[int, set[int]]()
    open_turns: dict[int, Turn] = {}
    for person in rng.integers(2, 7, 400).tolist():
        if (before := open_turns.pop(person, None)) is not None:
            give(campaign, person, before, *rng.integers(0, 3, len(before.questions)).tolist())
            continue
        if not isinstance(turn := begin_next_turn(campaign, person, NOW), Turn):
            continue
        if turn.task_id not in begun:
            with connect_for_reading(campaign.engine) as connection:
                free = set(connection.scalars(select(tasks.c.id).where(tasks.c.free > 0)))
            assert not [task for task, had in begun.items() if task in free and person not in had]
        begun.setdefault(turn.task_id, set()).add(person)
        open_turns[person] = turn
    assert len(begun) == 12
