"""Golden questions predicted from raters' votes: slow references, and stop rules that golden answers test."""

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation import (
    GoldenPredictions,
    calibrate,
    measure_stop_errors,
    predict_golden_questions,
    replay_stops,
)
from reassess.core import Questions, RaterModel, StopRule, Votes
from tests.aggregation.closed_questions import count_closed_by_truth
from tests.helpers import WORDS, fault_of

Ints = npt.NDArray[np.int64]
RATERS = tuple("abcdefgh")


def golden_votes(seed: int = 0, *, images: int = 20, misleading: float = 0.0) -> tuple[Votes, Ints]:
    """Votes on 1 to 3 questions per image, and the truths; raters share mistakes on misleading questions."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, images)
    names = [f"{image}.png" for image in np.repeat(np.arange(images), sizes)]
    questions = Questions.from_columns(names, np.concatenate([np.arange(size) for size in sizes]))
    truth = (rng.random(len(names)) < 0.4).astype(np.int64)
    seen = np.where(rng.random(truth.size) < misleading, 1 - truth, truth)
    rows, raters = np.nonzero(rng.random((truth.size, len(RATERS))) < 0.8)
    answers = np.where(rng.random(rows.size) < 0.85, 2 * seen[rows], rng.integers(0, 3, rows.size))
    return Votes.from_columns(questions, rows, raters, answers, RATERS, WORDS), truth


def model_without(votes: Votes, truth: Ints, image: int) -> RaterModel:
    """Estimate the raters' matrices without the golden answers about an image."""
    return calibrate(votes, np.where(votes.items.image_ids == image, -1, truth))


@pytest.mark.parametrize("seed", range(3))
def test_votes_are_as_likely_as_by_a_model_without_the_image(seed: int) -> None:
    votes, truth = golden_votes(seed)
    truth[::7] = -1
    predictions = predict_golden_questions(votes, truth)
    known = np.flatnonzero((truth >= 0) & (votes.sizes > 0))
    assert predictions.truth_ids.tolist() == truth[known].tolist()
    vote = 0
    for row, question in enumerate(known.tolist()):
        model = model_without(votes, truth, int(votes.items.image_ids[question]))
        assert np.exp(predictions.log_priors[row]) == pytest.approx(model.prior)
        for rater, answer in votes.votes_on(question):
            expected = model.matrices_of([rater])[0][:, WORDS.index(answer)]
            assert np.exp(predictions.log_likelihoods[vote]) == pytest.approx(expected)
            vote += 1
    assert vote == len(predictions.log_likelihoods)


@pytest.mark.parametrize("misleading", [0.0, 0.3])
def test_power_maximizes_the_likelihood_of_truths(misleading: float) -> None:
    votes, truth = golden_votes(images=60, misleading=misleading)
    predictions = predict_golden_questions(votes, truth)
    powers = np.exp(np.linspace(np.log(0.1), np.log(3), 600))
    losses = np.log(powers) ** 2 / (2 * np.log(2) ** 2)  # the prior of the power
    for question in range(len(truth)):
        model = model_without(votes, truth, int(votes.items.image_ids[question]))
        likelihood = np.ones(2)
        for rater, answer in votes.votes_on(question):
            likelihood *= model.matrices_of([rater])[0][:, WORDS.index(answer)]
        tempered = model.prior * likelihood ** powers[:, None]
        losses -= np.log(tempered[:, truth[question]] / tempered.sum(axis=1))
    assert predictions.find_power(len(RATERS)) == pytest.approx(powers[losses.argmin()], rel=0.01)


def test_fewer_votes_count_more_if_raters_share_mistakes() -> None:
    predictions = predict_golden_questions(*golden_votes(images=300, misleading=0.2))
    powers = [predictions.find_power(n) for n in (1, 2, 8)]
    assert powers[0] > powers[1] > powers[2]
    assert powers[2] < 0.5
    assert predictions.find_power(2) == powers[1]


def test_priors_replace_the_share_of_valid_questions_where_they_are_given() -> None:
    votes, truth = golden_votes()
    priors = np.full(truth.size, np.nan)
    priors[3] = 0.9
    plain, changed = predict_golden_questions(votes, truth), predict_golden_questions(votes, truth, priors=priors)
    assert np.exp(changed.log_priors[3]) == pytest.approx([0.1, 0.9])
    others = np.arange(truth.size) != 3
    assert (changed.log_priors[others] == plain.log_priors[others]).all()


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_closed_questions_are_counted_as_by_a_slow_reference(power: float) -> None:
    votes, truth = golden_votes(images=12, misleading=0.1)
    predictions = predict_golden_questions(votes, truth)
    rule, orders = StopRule(0.1, 0.85), 30
    (errors,) = measure_stop_errors(predictions, [rule], power=power, max_votes_per_question=4, n_orders=orders)
    models = [
        (np.flatnonzero(votes.items.image_ids == image), model_without(votes, truth, image))
        for image in range(len(votes.images))
    ]
    slow = count_closed_by_truth(votes, truth == 1, models, rule=rule, power=power, max_votes=4, orders=orders) / orders
    fast = (
        (errors.closed_as_invalid - errors.valid_closed_as_invalid, errors.valid_closed_as_invalid),
        (errors.invalid_closed_as_valid, errors.closed_as_valid - errors.invalid_closed_as_valid),
    )
    assert np.array(fast) == pytest.approx(slow, abs=1)
    assert errors.n_closed == pytest.approx(slow.sum(), rel=0.05)
    assert errors.share_wrong == pytest.approx((slow[0, 1] + slow[1, 0]) / slow.sum(), abs=0.04)


def test_only_golden_questions_on_many_images_support_a_rule() -> None:
    rules = [StopRule(low, 1 - low) for low in (0.001, 0.05, 0.2)]
    supported = []
    for images in (20, 300):
        predictions = predict_golden_questions(*golden_votes(images=images))
        errors = measure_stop_errors(predictions, rules, power=1.0, max_votes_per_question=5)
        supported.append([each.is_supported for each in errors])
        assert errors[0].lowest_supported_error > 1 - 0.025 ** (1 / images)
    assert supported == [[False, False, False], [False, True, True]]


def test_rule_that_closes_nothing_has_no_error() -> None:
    predictions = predict_golden_questions(*golden_votes())
    (errors,) = measure_stop_errors(predictions, [StopRule(0, 1)], power=1.0, max_votes_per_question=5)
    assert (errors.n_closed, errors.share_wrong, errors.interval, errors.is_supported) == (0, None, None, False)


def test_replay_counts_votes_as_often_as_golden_answers_support() -> None:
    """With a power below 1, more votes are used; labels are made from the used votes as without tempering."""
    votes, truth = golden_votes(images=200, misleading=0.2)
    golden: GoldenPredictions = predict_golden_questions(votes, truth)
    model, rules = calibrate(votes, truth), [StopRule(0.05, 0.95), StopRule(0, 1)]
    (plain, _), (tempered, never) = (
        replay_stops(votes, model, rules, threshold=0.8, max_votes_per_question=6, golden=each)
        for each in (None, golden)
    )
    assert (plain.power, plain.golden_errors) == (1.0, None)
    assert tempered.power == golden.find_power(6) < 0.6
    assert (tempered.n_used_votes > plain.n_used_votes).all()
    assert tempered.golden_errors is not None
    assert tempered.golden_errors.to_json() == tempered.to_json()["golden"]
    all_used = replay_stops(votes, model, [StopRule(0, 1)], threshold=0.8, max_votes_per_question=6)[0]
    assert never.n_changed_labels.tolist() == all_used.n_changed_labels.tolist()


def test_running_probability_is_the_prior_times_the_likelihood_to_a_power() -> None:
    """A question with equal votes is closed by the first vote whose tempered probability is outside the bounds."""
    votes, truth = golden_votes(images=100, misleading=0.05)
    golden, model = predict_golden_questions(votes, truth), calibrate(votes, truth)
    questions, zeros = Questions.from_columns(["x.png"], np.array([0])), np.zeros(8, int)
    same = Votes.from_columns(questions, zeros, zeros, zeros, RATERS, WORDS)
    (replay,) = replay_stops(same, model, [StopRule(0.02, 0.98)], threshold=0.8, golden=golden)
    odds = model.prior[1] / model.prior[0]
    factor = np.divide(*model.matrices_of(["a"])[0][::-1, 0]) ** replay.power
    valid = [odds * factor**n / (1 + odds * factor**n) for n in range(9)]
    expected = next(n for n in range(2, 9) if valid[n] <= 0.02 or n == 8)
    assert 2 < expected < 8
    assert replay.n_used_votes.tolist() == [expected] * 10


def test_votes_on_plain_items_raise() -> None:
    votes = Votes.from_columns(("x", "y"), np.array([0, 1]), np.array([0, 0]), np.array([0, 2]), ("a",), WORDS)
    assert fault_of(predict_golden_questions, votes, np.array([0, 1]))[0] == "not-on-questions"
