"""The progress of a campaign: counts of the database equal counts of the export."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update

from reassess.aggregation import golden_votes, rater_reliability
from reassess.annotation import (
    Campaign,
    GivenAnswer,
    Turn,
    add_person,
    begin_next_turn,
    create_sign_in_token,
    export_votes,
    measure_progress,
    pause,
    read_image_names_by_address,
    save_answers,
)
from reassess.annotation.store.own_progress import measure_own_progress
from reassess.annotation.store.practice import PracticeResult
from reassess.annotation.store.schema import answers
from reassess.numeric import BalancedAccuracy
from tests.annotation.campaigns import MAYBE, NOW, YES, answer_all, campaign_at, give, raters_of, turn_of, vote_on_all

HOUR = 3600.0


@pytest.fixture
def campaign(address: str | Path) -> Campaign:
    """A campaign with three questions, two raters and an expert."""
    campaign = campaign_at(address, (3,), raters=2, votes_per_question=2, golden_share=0.9)
    for rater in raters_of(2):
        create_sign_in_token(campaign, rater, NOW)
    return campaign


def test_practice_that_was_never_checked_is_no_image_left(address: str | Path) -> None:
    """The rater answered a practice image, closed the page before checking, and came back after the lease."""
    campaign = campaign_at(address, (1, 1), raters=1, votes_per_question=1, golden_share=0, n_practice_tasks=1)
    practice = turn_of(campaign, 2)
    give(campaign, 2, practice, YES, reveal_truths=False)
    answer_all(campaign, 2, YES, NOW + HOUR)
    own = measure_own_progress(campaign, 2)
    assert (own.n_finished_images, own.n_images_left) == (2, 0)
    assert own.answers is not None
    assert own.answers.n_answers == len(practice.questions) + 2


def test_new_campaign_needs_all_votes(campaign: Campaign) -> None:
    progress = measure_progress(campaign, NOW)
    assert (progress.n_questions, progress.n_open_questions, progress.n_votes, progress.max_votes_needed) == (
        3,
        3,
        0,
        6,
    )
    assert (progress.n_votes_last_hour, progress.n_votes_last_day, progress.expected_end, progress.is_paused) == (
        0,
        0,
        None,
        False,
    )
    assert (progress.n_golden_invalid, progress.n_golden_valid, progress.n_golden_unknown) == (3, 2, 0)
    expert, rater, _ = progress.people
    assert (expert.name, expert.role, expert.n_votes, expert.n_answers) == ("eve", "expert", 0, 5)
    assert (progress.n_golden, expert.last_answer_time) == (5, None)  # of imported answers
    assert (rater.name, rater.stage, rater.has_link, rater.n_votes, rater.median_seconds) == (
        "rater 2",
        "rating",
        True,
        0,
        None,
    )
    assert (rater.golden_accuracy, rater.practice_result, rater.flags, rater.last_answer_time) == (
        BalancedAccuracy(0, 0, 0, 0),
        None,
        (),
        None,
    )


def test_expected_end_follows_from_recent_votes(campaign: Campaign) -> None:
    """Three votes took 5 hours, so three further votes take 5 hours."""
    vote_on_all(campaign, raters=1, now=NOW)
    progress = measure_progress(campaign, NOW + 5 * HOUR)
    assert (progress.n_open_questions, progress.n_votes, progress.max_votes_needed) == (3, 3, 3)
    assert (progress.n_votes_last_hour, progress.n_votes_last_day, progress.expected_end) == (0, 3, NOW + 10 * HOUR)
    assert measure_progress(campaign, NOW + HOUR / 2).n_votes_last_hour == 3
    late = measure_progress(campaign, NOW + 25 * HOUR)
    assert (late.n_votes_last_day, late.expected_end) == (0, None)
    pause(campaign, NOW)
    vote_on_all(campaign, raters=2, now=NOW)
    assert measure_progress(campaign, NOW).is_paused


@pytest.mark.parametrize(("bar", "passed"), [(None, (None, None)), (0.5, (True, False))])
def test_practice_results_are_per_rater(path: Path, bar: float | None, passed: tuple[bool | None, bool | None]) -> None:
    """One rater is correct in two of four and answers maybe once, one is never correct, one answered half."""
    campaign = campaign_at(path, (1,), golden=(2, 2, 2), n_practice_tasks=2, practice_bar=bar)
    for name, values in {"ann": [0, 2, 1, 0], "bo": [2, 0, 2, 0], "cy": [0, 2]}.items():
        number = add_person(campaign, name)
        while values:
            turn = turn_of(campaign, number)
            rows = sorted(turn.questions, key=lambda row: row.class_id)
            save_answers(campaign, number, [GivenAnswer(row.question_id, values.pop(0)) for row in rows], NOW)
        if name != "cy":
            begin_next_turn(campaign, number, NOW)
    add_person(campaign, "di")
    ann, bo, cy, di = (
        rater.practice_result for rater in measure_progress(campaign, NOW).people if rater.role == "rater"
    )
    assert ann == PracticeResult(BalancedAccuracy(1.5, 1.0, 2, 2), passed[0])
    assert bo == PracticeResult(BalancedAccuracy(0.0, 0.0, 2, 2), passed[1])
    assert (cy, di) == (PracticeResult(BalancedAccuracy(1.0, 1.0, 1, 1), None), None)


@pytest.mark.parametrize(
    ("seconds", "median"), [(2.25, 2.3), (2.35, 2.4), (0.05, 0.1), (2.2499, 2.2), (2.2501, 2.3), (3600.5, 3600.0)]
)
def test_half_tenths_of_a_second_are_rounded_up(campaign: Campaign, seconds: float, median: float) -> None:
    vote_on_all(campaign, raters=1, seconds=seconds)
    assert measure_progress(campaign, NOW).people[1].median_seconds == median


def test_median_time_is_rounded_to_tenths_of_a_second(campaign: Campaign) -> None:
    vote_on_all(campaign, raters=1)
    with campaign.engine.begin() as connection:
        numbers = connection.scalars(select(answers.c.id).where(answers.c.person == 2)).all()
        for number, seconds in zip(numbers, (None, 0.26, 3.14, 1e7, 2.0, 9.0, 4.0, 8.0), strict=True):
            connection.execute(update(answers).where(answers.c.id == number).values(seconds=seconds))
    assert measure_progress(campaign, NOW).people[1].median_seconds == 4.0


def test_flags_equal_flags_of_export(path: Path) -> None:
    """Four raters: one knows the truth, one guesses, one answers yes except to golden questions, one answers few."""
    campaign = campaign_at(path, (6,) * 30, raters=4, golden=(6,) * 30, votes_per_question=4, golden_share=0.7)
    rng, names = np.random.default_rng(0), read_image_names_by_address(campaign)
    for number, most in zip(raters_of(4), (999, 999, 999, 12), strict=True):
        for _ in range(most):
            if not isinstance(turn := begin_next_turn(campaign, number, NOW), Turn):
                break
            truths = [YES * (row.class_id % 2) for row in turn.questions]
            says_yes = number == 4 and names[turn.image_address].startswith("m")
            guesses = rng.integers(3, size=len(truths)).tolist()
            give(campaign, number, turn, *(guesses if number == 3 else [YES] * len(truths) if says_yes else truths))
    exported = export_votes(campaign)
    measured = golden_votes(exported.golden_votes, exported.rater_golden_votes)
    expected = {rater.rater: rater.flags for rater in rater_reliability(exported.votes, measured).raters}
    flags_ = {
        f"rater {rater.id}": rater.flags for rater in measure_progress(campaign, NOW).people if rater.role == "rater"
    }
    assert flags_ == expected
    assert list(flags_.values()) == [(), ("uninformative",), ("one answer",), ("few",)]


def test_few_golden_answers_flag_nobody_as_uninformative(campaign: Campaign) -> None:
    answer_all(campaign, 2, MAYBE)
    exported = export_votes(campaign)
    measured = golden_votes(exported.golden_votes, exported.rater_golden_votes)
    (rater,) = rater_reliability(exported.votes, measured).raters
    assert rater.flags == ("uninformative", "few")
    assert measure_progress(campaign, NOW).people[1].flags == ("few",)


def test_without_golden_answers_only_one_answer_is_flagged(path: Path) -> None:
    campaign = campaign_at(path, (1,) * 30, golden=(2,), expert_votes=None)
    assert add_person(campaign, "ann") == 1
    add_person(campaign, "bo")
    vote_on_all(campaign, raters=1)
    progress = measure_progress(campaign, NOW)
    assert progress.n_golden_unknown == 2
    assert [rater.flags for rater in progress.people] == [(), ("one answer",)]
