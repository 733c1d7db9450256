"""The tempering power of a campaign: its value, when it is renewed, and the probabilities that it changes."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from reassess.annotation import (
    Campaign,
    Turn,
    begin_next_turn,
    exclude_rater,
    include_rater,
    measure_progress,
    open_campaign,
    read_image_names_by_address,
)
from reassess.annotation.running_posterior import GoldenAnswerCount, compute_valid_probability, estimate_rater_model
from reassess.annotation.store import schema, stop_power
from reassess.annotation.store.schema import Role, TaskKind
from reassess.annotation.store.stop_power import renew_power
from reassess.annotation.store.transactions import open_transaction
from reassess.core import StopRule
from tests.annotation.campaigns import NO, NOW, YES, campaign_at, give, raters_of
from tests.annotation.invariants import Stored

RATERS = 4


def make_campaign(address: str | Path, *, images: int = 20, **options: object) -> Campaign:
    """A campaign with two golden questions, and later two other questions, on each image."""
    settings = {"votes_per_question": 3, "stop_rule": StopRule(0.1, 0.9), "golden_share": 0.5, "seed": 1}
    return campaign_at(address, (2,) * images, RATERS, golden=(2,) * images, **settings | options)


def answer_task(campaign: Campaign, rater: int, *, misleading: int = 4) -> Turn | None:
    """Answer the rater's next task; raters are wrong about every image whose number is a multiple of `misleading`."""
    turn = begin_next_turn(campaign, rater, NOW)
    if not isinstance(turn, Turn):
        return None
    name = read_image_names_by_address(campaign)[turn.image_address]
    is_wrong = int(name.strip("gm.pn")) % misleading == 0
    give(campaign, rater, turn, *(YES if (row.class_id == 1) != is_wrong else NO for row in turn.questions))
    return turn


def answer_all_tasks(campaign: Campaign) -> None:
    for rater in raters_of(RATERS):
        while answer_task(campaign, rater) is not None:
            pass


def golden_answers(state: Stored) -> list[tuple[int, int, int, int, int]]:
    """Rater, image, question, truth and answer of each golden answer of an included rater."""
    found = []
    for row in state.countable:
        question = state.questions[row.question]
        if question.golden and state.people[row.person].role == Role.RATER:
            found.append((row.person, state.image(question), question.id, question.truth, row.answer))
    return found


def slow_power(state: Stored) -> float:
    """Find the power by a search over 600 powers, with a rater model for each image."""
    given = golden_answers(state)
    powers = np.exp(np.linspace(np.log(0.1), np.log(3), 600))
    losses = np.log(powers) ** 2 / (2 * np.log(2) ** 2)
    truths = {row.id: (row.truth, state.image(row)) for row in state.questions.values() if row.golden}
    for question in {number for _, _, number, _, _ in given}:
        truth, own_image = truths[question]
        counts = Counter((rater, true, answer) for rater, image, _, true, answer in given if image != own_image)
        n_by_truth = Counter(true for true, image in truths.values() if image != own_image)
        own = [(rater, answer) for rater, _, number, _, answer in given if number == question]
        model = estimate_rater_model(
            [GoldenAnswerCount(*cell, n) for cell, n in counts.items()],
            (n_by_truth[0], n_by_truth[1]),
            raters_of(RATERS),
        )
        valid, prior = compute_valid_probability(own, model), model.prior[1] / model.prior[0]
        odds = prior * (valid / (1 - valid) / prior) ** powers
        losses -= np.log(odds / (1 + odds) if truth else 1 / (1 + odds))
    return float(powers[losses.argmin()])


def test_power_of_all_golden_answers_is_as_by_a_slow_search(address: str | Path) -> None:
    campaign = make_campaign(address, images=12, votes_per_question=RATERS)
    answer_all_tasks(campaign)
    renew_power(campaign)
    state = Stored.of(campaign)
    assert state.settings.tempering_power == pytest.approx(slow_power(state), rel=0.01)
    assert state.settings.tempering_power < 0.8
    assert state.settings.tempering_answers == len(golden_answers(state)) == sum(row.n for row in state.golden_counts)
    assert state.settings.tempering_questions == len({number for _, _, number, _, _ in golden_answers(state)})
    progress = measure_progress(campaign, NOW)
    assert progress.tempering_power == state.settings.tempering_power
    assert progress.to_json()["tempering_questions"] == state.settings.tempering_questions
    campaign.close()


def test_power_is_renewed_after_every_20th_task_if_golden_answers_have_grown(
    address: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests with every 4th task, and 6 instead of 20 golden answers, to be faster."""
    monkeypatch.setattr(stop_power, "_N_TASKS_PER_CHECK", 4)
    monkeypatch.setattr(stop_power, "_MIN_NEW_ANSWERS", 6)
    campaign = make_campaign(address, images=9)
    assert Stored.of(campaign).settings.tempering_power == 1
    draws, counted_at, renewals = Counter[int](), 0, set()
    working = raters_of(RATERS)
    while working:
        for rater in list(working):
            if answer_task(campaign, rater) is None:
                working.remove(rater)
                continue
            draws[rater] += 1
            state = Stored.of(campaign)
            n_answers = len(golden_answers(state))
            is_due = (draws[rater] + rater) % 4 == 0 and n_answers - counted_at >= max(6, counted_at / 10)
            counted_at = n_answers if is_due else counted_at
            assert state.settings.tempering_answers == counted_at
            renewals.add(counted_at)
    assert len(renewals) > 3
    campaign.close()


def test_every_server_uses_the_stored_power(address: str | Path) -> None:
    campaign = make_campaign(address)
    other = open_campaign(address)
    for _ in range(8):
        answer_task(campaign, 2)
    with open_transaction(campaign) as transaction:
        transaction.connection.execute(update(schema.campaign).values(tempering_power=0.3))
    turn = None
    while turn is None or Stored.of(other).tasks[turn.task_id].kind != TaskKind.MAIN:
        turn = answer_task(other, 3)
    state = Stored.of(campaign)
    counts = [GoldenAnswerCount(row.person, row.truth, row.answer, row.n) for row in state.golden_counts]
    model = estimate_rater_model(counts, (20, 20), raters_of(RATERS))
    for row in turn.questions:
        votes = [(answer.person, answer.answer) for answer in state.answers if answer.question == row.question_id]
        valid = compute_valid_probability(votes, model, power=0.3)
        assert state.questions[row.question_id].valid == pytest.approx(valid)
        assert abs(valid - 0.5) < abs(compute_valid_probability(votes, model) - 0.5)
    other.close()
    campaign.close()


def test_lower_power_keeps_questions_closed_until_their_votes_are_recounted(address: str | Path) -> None:
    campaign = make_campaign(address, stop_rule=StopRule(0.3, 0.7))
    answer_all_tasks(campaign)
    closed = {row.id for row in Stored.of(campaign).main if row.ended == "rule"}
    with open_transaction(campaign) as transaction:
        transaction.connection.execute(update(schema.campaign).values(tempering_power=0.01))
    answer_all_tasks(campaign)
    assert closed
    assert {row.id for row in Stored.of(campaign).main if row.ended == "rule"} == closed
    exclude_rater(campaign, 2, NOW)
    state = Stored.of(campaign)
    assert state.settings.tempering_answers == len(golden_answers(state))
    assert not any(person == 2 for person, *_ in golden_answers(state))
    assert state.settings.tempering_power > 0.1
    include_rater(campaign, 2, NOW)
    assert Stored.of(campaign).settings.tempering_answers > state.settings.tempering_answers
    campaign.close()


@pytest.mark.parametrize("power", [1.0, 0.4, 0.0])
def test_probability_is_the_prior_times_the_likelihood_to_the_power(power: float) -> None:
    counts = [GoldenAnswerCount(7, 0, 0, 8), GoldenAnswerCount(7, 1, 2, 9), GoldenAnswerCount(8, 0, 1, 2)]
    model, votes = estimate_rater_model(counts, (10, 5), [7, 8]), [(7, 2), (8, 0), (9, 1)]
    invalid, valid = model.prior * np.prod(
        [model.matrices_of([rater])[0][:, answer] ** power for rater, answer in votes], axis=0
    )
    assert compute_valid_probability(votes, model, power=power) == pytest.approx(valid / (invalid + valid))
    odds = 0.9 / 0.1 * (valid / invalid) / (model.prior[1] / model.prior[0])
    assert compute_valid_probability(votes, model, 0.9, power=power) == pytest.approx(odds / (1 + odds))
