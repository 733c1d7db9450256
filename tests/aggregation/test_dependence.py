"""Raters that err together count less: copies count as one, and probabilities agree better with the truth."""

import numpy as np
import pytest
from scipy.stats import norm

from reassess.aggregation import aggregate
from reassess.core import Classes, LabelSets, Posterior, Questions, Votes
from reassess.errors import DataError

ANSWERS = ("no", "yes")


def make_votes(answers: np.ndarray, prefix: str, raters: list[str]) -> Votes:
    questions = Questions.from_columns([f"{prefix}{i:04}" for i in range(len(answers))], np.zeros(len(answers), int))
    items, rater_ids = np.indices(answers.shape).reshape(2, -1)
    return Votes.from_columns(questions, items, rater_ids, answers.ravel(), raters, ANSWERS)


def make_experts(golden: Votes, truth: np.ndarray) -> Votes:
    return Votes.from_columns(golden.items, np.arange(truth.size), np.zeros(truth.size, int), truth, ("eve",), ANSWERS)


def draw(rng: np.random.Generator, n: int, rates: np.ndarray, correlation: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw truths, and answers of nine machines that share errors and of three people that do not."""
    truth = rng.integers(0, 2, n)
    machines = np.sqrt(correlation) * rng.normal(size=(n, 1)) + np.sqrt(1 - correlation) * rng.normal(size=(n, 9))
    errors = np.hstack([machines, rng.normal(size=(n, 3))]) < norm.ppf(rates)
    return truth, np.where(errors, 1 - truth[:, None], truth[:, None])


def measure(posterior: Posterior, truth: np.ndarray) -> tuple[float, float]:
    """Return the log loss and the calibration error."""
    valid = posterior.probabilities_of("valid")
    confidence, is_correct = np.maximum(valid, 1 - valid), (valid > 0.5) == truth
    bins = np.minimum((confidence * 10).astype(int), 9)
    error = np.abs(np.bincount(bins, confidence - is_correct, 10)).sum() / truth.size
    return float(-np.log(np.where(truth == 1, valid, 1 - valid).clip(1e-6)).mean()), float(error)


@pytest.mark.parametrize(("correlation", "n_runs"), [(0.6, 10), (0.0, 5)])
def test_machines_that_share_errors_count_less(correlation: float, n_runs: int) -> None:
    names = [*(f"machine {i}" for i in range(9)), "ann", "bo", "cy"]
    for seed in range(n_runs):
        rng = np.random.default_rng(seed)
        rates = rng.uniform(0.1, 0.3, 12)
        golden_truth, golden_answers = draw(rng, 500, rates, correlation)
        truth, answers = draw(rng, 2_000, rates, correlation)
        golden = make_votes(golden_answers, "golden", names)
        arguments = {"experts": make_experts(golden, golden_truth), "rater_golden": golden}
        plain, discounted = (
            aggregate(make_votes(answers, "item", names), "calibrated", dependence=dependence, **arguments)
            for dependence in (False, True)
        )
        before, after = (measure(result.posterior, truth) for result in (plain, discounted))
        if correlation:
            (group,) = discounted.facts["dependent_groups"]
            assert group["raters"] == names[:9]
            assert after[0] < before[0] / 2
            assert after[1] < before[1] / 2
        else:
            assert discounted.facts["dependent_groups"] == []
            assert after[0] < before[0] + 0.002


def test_copies_count_as_one_rater() -> None:
    rng = np.random.default_rng(0)
    truth, golden_truth = rng.integers(0, 2, 300), rng.integers(0, 2, 400)
    first, golden_first = (np.where(rng.random(t.size) < 0.2, 1 - t, t) for t in (truth, golden_truth))
    names = [f"copy {i}" for i in range(9)]
    values = []
    for n in (1, 9):
        golden = make_votes(np.tile(golden_first[:, None], n), "golden", names[:n])
        votes = make_votes(np.tile(first[:, None], n), "item", names[:n])
        experts = make_experts(golden, golden_truth)
        result = aggregate(votes, "calibrated", experts=experts, rater_golden=golden, dependence=True, pooling=0)
        values.append(result.posterior.values)
    assert values[1] == pytest.approx(values[0], abs=0.02)


def test_weights_equal_a_computation_with_loops() -> None:
    rng = np.random.default_rng(3)
    rates = np.full(12, 0.25)
    golden_truth, golden_answers = draw(rng, 600, rates, 0.7)
    answers = draw(rng, 50, rates, 0.7)[1]
    names = [*(f"machine {i}" for i in range(9)), "ann", "bo", "cy"]
    golden = make_votes(golden_answers, "golden", names)
    everything = make_votes(answers, "item", names)
    kept = np.flatnonzero(rng.random(len(everything)) < 0.6)
    columns = (column[kept] for column in (everything.item_ids, everything.rater_ids, everything.answer_ids))
    votes = Votes.from_columns(everything.items, *columns, names, ANSWERS)
    result = aggregate(
        votes, "calibrated", experts=make_experts(golden, golden_truth), rater_golden=golden, dependence=True
    )
    (group,) = result.facts["dependent_groups"]
    assert result.facts["weight_of_a_vote"] < 0.8
    for item in range(len(votes.items)):
        mine = [(names.index(rater), result.model.answers.index(answer)) for rater, answer in votes.votes_on(item)]
        n_of_group = sum(names[rater] in group["raters"] for rater, _ in mine)
        logs = np.log(result.model.prior)
        for rater, answer in mine:
            is_member = names[rater] in group["raters"]
            weight = 1 / (1 + (n_of_group - 1) * group["correlation"]) if is_member else 1.0
            logs = logs + weight * np.log(result.model.matrices_of(names)[rater, :, answer])
        expected = np.exp(logs - logs.max())
        assert result.posterior.values[item] == pytest.approx(expected / expected.sum())


def test_hundreds_of_votes_on_an_item_do_not_reverse_the_answer() -> None:
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 2, 250)
    shared, own = rng.normal(size=(250, 1)), rng.normal(size=(250, 400))
    errors = np.sqrt(0.1) * shared + np.sqrt(0.9) * own < norm.ppf(0.05)
    answers = np.where(errors, 1 - truth[:, None], truth[:, None])
    votes = make_votes(answers, "item", [f"model {i}" for i in range(400)])
    result = aggregate(votes, "calibrated", experts=make_experts(votes, truth), dependence=True)
    assert result.facts["weight_of_a_vote"] < 0.5
    assert (result.posterior.most_likely() == truth).mean() > 0.9


def test_original_labels_vote_too() -> None:
    rng = np.random.default_rng(7)
    truth, answers = draw(rng, 400, np.full(12, 0.3), 0.0)
    votes = make_votes(answers[:, 9:], "item", ["ann", "bo", "cy"])
    labels = np.where(rng.random(400) < 0.8, 1 - truth, truth)  # class 0 is the original label of valid questions
    original = LabelSets.from_lists(list(votes.images), [[int(label)] for label in labels])
    arguments = {"experts": make_experts(votes, truth), "original": original}
    plain, discounted = (aggregate(votes, "calibrated", dependence=used, **arguments) for used in (False, True))
    assert discounted.facts["weight_of_a_vote"] == 1
    assert discounted.posterior.values == pytest.approx(plain.posterior.values)
    without = aggregate(votes, "calibrated", experts=arguments["experts"])
    assert np.abs(without.posterior.values - plain.posterior.values).max() > 0.1


def test_dependence_is_an_option_of_calibrated_on_questions() -> None:
    rng = np.random.default_rng(1)
    truth, answers = draw(rng, 100, np.full(12, 0.2), 0.5)
    votes = make_votes(answers, "item", [f"r{i}" for i in range(12)])
    experts = make_experts(votes, truth)
    result = aggregate(votes, "calibrated", experts=experts, dependence=True)
    assert result.method == "calibrated, dependence=true"
    assert aggregate(votes, "calibrated", experts=experts, dependence=False).method == "calibrated"
    with pytest.raises(DataError, match="method em does not use dependence"):
        aggregate(votes, "em", experts=experts, dependence=True)
    with pytest.raises(DataError, match="needs golden answers"):
        aggregate(votes, "calibrated", dependence=True)
    classes = Classes.from_texts(ANSWERS)
    images = tuple(f"{i}.png" for i in range(100))
    by_class = Votes.from_columns(
        images, votes.item_ids, votes.rater_ids, votes.answer_ids, votes.raters, classes.wnids_or_names, classes=classes
    )
    own = Votes.from_columns(
        images, np.arange(100), np.zeros(100, int), truth, ("eve",), classes.wnids_or_names, classes=classes
    )
    with pytest.raises(DataError, match="dependence is not measured for votes on one class per image"):
        aggregate(by_class, "calibrated", experts=own, dependence=True)
