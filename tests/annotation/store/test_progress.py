"""How far a campaign is: what is counted by the database equals what follows from the export."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update

from reassess.aggregation.golden_items import golden_votes
from reassess.aggregation.reliability import rater_reliability
from reassess.annotation.assignment import Rules
from reassess.annotation.plan import CampaignPlan
from reassess.annotation.store.campaigns import Campaign, open_campaign, pause
from reassess.annotation.store.creation import create_campaign
from reassess.annotation.store.export import export_votes
from reassess.annotation.store.people import add_person
from reassess.annotation.store.pictures import image_addresses
from reassess.annotation.store.progress import progress_of
from reassess.annotation.store.schema import answers
from reassess.annotation.store.turns import Turn, next_turn
from reassess.annotation.store.votes import GivenAnswer, cannot_judge, keep_answers, void_rater
from reassess.core.stop_rule import StopRule
from reassess.numeric.proportion import Proportion
from tests.annotation.campaigns import campaign_at, golden_of, tasks_of, vote_on_all

NOW = 1e9
HOUR = 3600.0


@pytest.fixture
def campaign(address: str | Path) -> Iterator[Campaign]:
    """A campaign of three questions for two raters, and an expert."""
    campaign = campaign_at(address, (3,), raters=2, votes=2, golden_rate=0.9)
    yield campaign
    campaign.close()


def test_a_campaign_that_was_just_made_wants_all_its_votes(campaign: Campaign) -> None:
    progress = progress_of(campaign, NOW)
    assert (progress.questions, progress.open, progress.votes, progress.wanted) == (3, 3, 0, 6)
    assert (progress.last_hour, progress.last_day, progress.ends, progress.paused) == (0, 0, None, False)
    assert (progress.golden_invalid, progress.golden_valid, progress.golden_unknown) == (3, 2, 0)
    expert, rater, _ = progress.raters
    assert (expert.name, expert.role, expert.votes, expert.given) == ("eve", "expert", 0, 5)
    assert (progress.golden, expert.last) == (5, None)  # of answers that came with the campaign
    assert (rater.name, rater.stage, rater.linked, rater.votes, rater.seconds) == ("rater 2", "rating", False, 0, None)
    assert (rater.golden, rater.flags, rater.last) == (Proportion(0, 0), (), None)


def test_votes_of_the_last_hour_and_day_give_the_end(campaign: Campaign) -> None:
    """Three votes in the 5 hours since the first one: three more take 5 hours."""
    vote_on_all(campaign, raters=1, now=NOW)
    progress = progress_of(campaign, NOW + 5 * HOUR)
    assert (progress.open, progress.votes, progress.wanted) == (3, 3, 3)
    assert (progress.last_hour, progress.last_day, progress.ends) == (0, 3, NOW + 10 * HOUR)
    assert progress_of(campaign, NOW + HOUR / 2).last_hour == 3
    late = progress_of(campaign, NOW + 25 * HOUR)
    assert (late.last_day, late.ends) == (0, None)
    pause(campaign, NOW)
    vote_on_all(campaign, raters=2, now=NOW)
    assert progress_of(campaign, NOW).paused


def test_raters_are_measured_on_golden_questions(campaign: Campaign) -> None:
    vote_on_all(campaign, raters=1)
    rater = progress_of(campaign, NOW).raters[1]
    assert rater.answers.tolist() == [2, 0, 1]
    assert rater.confusion.tolist() == [[3, 0, 0], [0, 0, 2]]
    assert rater.golden == Proportion(5, 5)
    assert (rater.votes, rater.given, rater.seconds, rater.last) == (3, 8, 2.0, NOW)
    assert rater.flags == ("few",)


def test_images_that_somebody_could_not_judge_are_named_by_how_many(campaign: Campaign) -> None:
    assert progress_of(campaign, NOW).unfit == ()
    named = Counter[str]()
    for person, pictures in ((2, 2), (3, 1)):
        for _ in range(pictures):
            turn = next_turn(campaign, person, NOW)
            assert isinstance(turn, Turn)
            named[image_addresses(campaign)[turn.image]] += 1
            cannot_judge(campaign, person, turn.task, NOW)
    unfit = progress_of(campaign, NOW).unfit
    assert dict(unfit) == named
    assert [times for _, times in unfit] == sorted(named.values(), reverse=True)
    void_rater(campaign, 2, NOW)
    assert [times for _, times in progress_of(campaign, NOW).unfit] == [1]


def test_a_voided_rater_has_no_votes_and_is_still_measured(campaign: Campaign) -> None:
    vote_on_all(campaign, raters=2)
    assert progress_of(campaign, NOW).closed_by_votes == 3
    void_rater(campaign, 2, NOW)
    progress = progress_of(campaign, NOW)
    voided = progress.raters[1]
    assert (voided.voided, voided.votes, voided.given, voided.golden) == (True, 0, 8, Proportion(5, 5))
    assert (progress.open, progress.closed_by_votes, progress.votes, progress.wanted) == (3, 0, 3, 3)


def test_questions_that_the_stop_rule_closed_want_no_votes(address: str | Path) -> None:
    campaign = campaign_at(address, (2, 1), raters=2, votes=5, golden_rate=0.9, stop=StopRule(0.2, 0.8))
    vote_on_all(campaign, raters=2)
    progress = progress_of(campaign, NOW)
    assert (progress.open, progress.closed_by_rule, progress.closed_by_votes, progress.wanted) == (0, 3, 0, 0)
    campaign.close()


def test_the_median_time_is_that_of_known_times_to_a_tenth_of_a_second(campaign: Campaign) -> None:
    vote_on_all(campaign, raters=1)
    with campaign.engine.begin() as connection:
        numbers = connection.scalars(select(answers.c.id).where(answers.c.person == 2)).all()
        for number, seconds in zip(numbers, (None, 0.26, 3.14, 1e7, 2.0, 9.0, 4.0, 8.0), strict=True):
            connection.execute(update(answers).where(answers.c.id == number).values(seconds=seconds))
    assert progress_of(campaign, NOW).raters[1].seconds == 4.0


def test_flags_are_those_of_raters_on_the_export(tmp_path: Path) -> None:
    """Four raters: one knows the truth, one guesses, one says yes to all but golden questions, one has answered few."""
    golden, experts = golden_of(*[6] * 30)
    create_campaign(
        tmp_path / "c.db",
        CampaignPlan(tasks_of(*[6] * 30), rules=Rules(votes=4, golden_rate=0.7), golden_tasks=golden, experts=experts),
    )
    campaign = open_campaign(tmp_path / "c.db")
    rng = np.random.default_rng(0)
    numbers = [add_person(campaign, name) for name in ("ann", "bo", "cy", "di")]
    for number, most in zip(numbers, (999, 999, 999, 12), strict=True):
        for _ in range(most):
            if not isinstance(turn := next_turn(campaign, number, NOW), Turn):
                break
            golden_rows = image_addresses(campaign)[turn.image].startswith("g")
            said = [
                int(rng.integers(3))
                if number == numbers[1]
                else 2
                if number == numbers[2] and not golden_rows
                else truth
                for truth in (2 * (row.class_id % 2) for row in turn.rows)
            ]
            given = [GivenAnswer(row.question, one) for row, one in zip(turn.rows, said, strict=True)]
            keep_answers(campaign, number, given, NOW)
    exported = export_votes(campaign)
    assert exported.golden is not None
    assert exported.rater_golden is not None
    measured = golden_votes(exported.golden, exported.rater_golden)
    expected = {one.rater: one.flags for one in rater_reliability(exported.votes, measured).raters}
    found = {f"rater {one.id}": one.flags for one in progress_of(campaign, NOW).raters if one.role == "rater"}
    assert found == expected
    assert list(found.values()) == [(), ("uninformative",), ("one answer",), ("few",)]
    campaign.close()


def test_by_few_golden_answers_nobody_is_called_uninformative(campaign: Campaign) -> None:
    while isinstance(turn := next_turn(campaign, 2, NOW), Turn):
        keep_answers(campaign, 2, [GivenAnswer(row.question, 1) for row in turn.rows], NOW)
    exported = export_votes(campaign)
    assert exported.golden is not None
    assert exported.rater_golden is not None
    measured = golden_votes(exported.golden, exported.rater_golden)
    (rater,) = rater_reliability(exported.votes, measured).raters
    assert rater.flags == ("uninformative", "one answer", "few")
    assert progress_of(campaign, NOW).raters[1].flags == ("one answer", "few")


def test_an_expert_who_answers_in_the_campaign_has_a_last_answer(campaign: Campaign) -> None:
    expert = add_person(campaign, "eva", "expert")
    turn = next_turn(campaign, expert, NOW)
    assert isinstance(turn, Turn)
    keep_answers(campaign, expert, [GivenAnswer(row.question, 2) for row in turn.rows], NOW)
    own = progress_of(campaign, NOW).raters[-1]
    assert (own.given, own.last) == (len(turn.rows), NOW)


def test_without_golden_answers_one_answer_alone_is_flagged(tmp_path: Path) -> None:
    golden, _ = golden_of(2)
    create_campaign(tmp_path / "c.db", CampaignPlan(tasks_of(*[1] * 30), golden_tasks=golden))
    campaign = open_campaign(tmp_path / "c.db")
    assert add_person(campaign, "ann") == 1
    add_person(campaign, "bo")
    vote_on_all(campaign, raters=1)
    progress = progress_of(campaign, NOW)
    assert progress.golden_unknown == 2
    assert [one.flags for one in progress.raters] == [(), ("one answer",)]
    campaign.close()


def test_the_document_is_json(campaign: Campaign) -> None:
    document = json.loads(json.dumps(progress_of(campaign, NOW).to_json(), allow_nan=False))
    assert (document["questions"], document["raters"][0]["votes"]) == (3, 0)
