"""Stacking: its weights, and properties of every fit."""

import warnings
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation import Aggregation, aggregate, parse_method
from reassess.aggregation import stacking as stacking_module
from reassess.aggregation.methods import add_weights, remove_weights
from reassess.aggregation.stacking_weights import choose_weights
from reassess.core import Questions, Votes
from reassess.core.items import find_items
from reassess.errors import ReassessWarning
from tests.helpers import code_of

Floats = npt.NDArray[np.float64]


def stack(votes: Votes, **options: Any) -> Aggregation:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReassessWarning)
        return aggregate(votes, "stacking", **options)


def simulate(seed: int = 0, *, items: int = 300, raters: int = 12, per_item: int = 5) -> tuple[Votes, Any]:
    """Simulate raters with different accuracies for three answers."""
    rng = np.random.default_rng(seed)
    truth, accuracy = rng.integers(0, 3, items), rng.uniform(0.4, 0.95, raters)
    rater_ids = np.argsort(rng.random((items, raters)), axis=1)[:, :per_item].ravel()
    rows = np.repeat(np.arange(items), per_item)
    is_correct = rng.random(rows.size) < accuracy[rater_ids]
    answers = np.where(is_correct, truth[rows], (truth[rows] + rng.integers(1, 3, rows.size)) % 3)
    return Votes.from_columns(range(items), rows, rater_ids, answers, range(raters), ("a", "b", "c")), truth


def experts_on(votes: Votes, truth: Any, rows: Any) -> Votes:
    columns = np.arange(len(rows)), np.zeros(len(rows), int), truth[rows]
    return Votes.from_columns(tuple(votes.items[row] for row in rows), *columns, ("eve",), votes.answers)


def log_loss(values: Floats, truth: Any) -> float:
    return float(-np.log(np.clip(values[np.arange(truth.size), truth], 1e-6, 1)).mean())


@pytest.mark.parametrize("seed", range(3))
def test_weights_equal_a_search_over_a_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    votes, golden = rng.beta(2, 1, (500, 3)), rng.beta(1, 1, (40, 3))
    grid = np.array([w for w in product(np.linspace(0, 1, 201), repeat=3) if abs(sum(w) - 1) < 1e-9])
    best = grid[np.argmax(np.log(np.maximum(grid @ votes.T, 1e-300)).mean(axis=1))]
    by_votes = choose_weights(votes, np.zeros((0, 3)))
    np.testing.assert_allclose(by_votes, (best + np.eye(3)[0]) / 2, atol=0.005)
    inner = grid[(grid > 0).all(axis=1)]
    best = inner[np.argmax(np.log(inner @ golden.T).sum(axis=1) + 3 * np.log(inner) @ by_votes)]
    np.testing.assert_allclose(choose_weights(votes, golden), best, atol=0.005)


@pytest.mark.parametrize("n_golden", [20, 200])
@pytest.mark.parametrize("seed", range(6))
def test_weights_equal_the_limit_of_em_steps(seed: int, n_golden: int) -> None:
    """Five methods, some of them nearly certain and wrong; EM steps never decrease the same objective."""
    rng = np.random.default_rng(seed)
    votes, golden = rng.beta(0.2, 0.1, (400, 5)), rng.beta(0.2, 0.1, (n_golden, 5))
    by_votes = choose_weights(votes, np.zeros((0, 5)))
    expected = by_votes
    for _ in range(20_000):
        shares = golden * expected
        shares /= shares.sum(axis=1, keepdims=True)
        expected = (shares.sum(axis=0) + 5 * by_votes) / (n_golden + 5)
    np.testing.assert_allclose(choose_weights(votes, golden), expected, atol=1e-4)


def test_majority_has_half_of_the_weight_or_more() -> None:
    assert choose_weights(np.zeros((0, 4)), np.zeros((0, 4))).tolist() == [1, 0, 0, 0]
    assert choose_weights(np.array([[0.1, 0.9], [0.2, 0.8]]), np.zeros((0, 2))).tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("per_item", [1, 2, 3])
@pytest.mark.parametrize("always_same", [False, True])
def test_unanimous_votes_are_never_overturned(per_item: int, always_same: bool) -> None:
    votes, _ = simulate(per_item=per_item)
    if always_same:  # each rater always gives the same answer
        columns = votes.item_ids, votes.rater_ids, votes.rater_ids % 3
        votes = Votes.from_columns(votes.items, *columns, votes.raters, votes.answers)
    counts = votes.counts()
    is_unanimous = counts.max(axis=1) == per_item
    assert is_unanimous.any()
    best = stack(votes).posterior.most_likely()
    assert (best == counts.argmax(axis=1))[is_unanimous].all()


def test_items_without_votes_have_the_prior_of_the_rater_models() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(400) < 0.9).astype(np.int64)
    raters = np.tile(np.arange(4), 300)
    rows = np.repeat(np.arange(300), 4)
    answers = np.where(rng.random(rows.size) < 0.9, truth[rows], 1 - truth[rows])
    votes = Votes.from_columns(range(400), rows, raters, answers, range(4), ("no", "yes"))
    of_rater_models = [aggregate(votes, method).posterior.values[300:, 1] for method in ("onecoin", "em", "ebcc")]
    values = stack(votes).posterior.values[300:, 1]
    assert (np.min(of_rater_models, axis=0) <= values).all()
    assert (values <= np.max(of_rater_models, axis=0)).all()


def calibration_error(values: Floats, truth: Any) -> float:
    """The mean distance of confidence and accuracy over ten bins, weighted by items."""
    confidence, is_correct = values.max(axis=1), values.argmax(axis=1) == truth
    bins = np.minimum((confidence * 10).astype(int), 9)
    return float(np.abs(np.bincount(bins, confidence - is_correct)).sum() / truth.size)


def power_of(result: Aggregation) -> float:
    return float(result.facts["tempering_power"])


def test_probabilities_of_independent_raters_become_more_certain() -> None:
    votes, truth = simulate(items=1_000, per_item=8)
    result = stack(votes)
    untempered = result.posterior.values ** (1 / power_of(result))
    untempered /= untempered.sum(axis=1, keepdims=True)
    assert power_of(result) > 1.2
    assert calibration_error(result.posterior.values, truth) < calibration_error(untempered, truth) / 2


def test_golden_answers_show_that_all_raters_make_the_same_mistakes() -> None:
    """On 30 % of the items, every rater sees the same wrong answer; only golden answers can show this."""
    votes, seen = simulate(items=1_000, per_item=8)
    rng = np.random.default_rng(1)
    truth = np.where(rng.random(1_000) < 0.3, (seen + 1) % 3, seen)
    without, rows = stack(votes), np.arange(200)
    with_golden = stack(votes, experts=experts_on(votes, truth, rows))
    assert power_of(with_golden) < 1 < power_of(without)
    others = slice(200, None)
    losses = [log_loss(result.posterior.values[others], truth[others]) for result in (with_golden, without)]
    assert losses[0] < losses[1] - 0.35


@pytest.mark.parametrize("n_golden", [0, 20])
def test_copies_count_as_one_rater(n_golden: int) -> None:
    """Five raters copy the answers of a rater who guesses."""
    votes, truth = simulate(raters=16, items=400, per_item=8)
    answers = votes.answer_ids.copy()
    guesses = np.random.default_rng(2).integers(0, 3, 400)
    is_copy = votes.rater_ids < 5
    answers[is_copy] = guesses[votes.item_ids[is_copy]]
    votes = Votes.from_columns(votes.items, votes.item_ids, votes.rater_ids, answers, votes.raters, votes.answers)
    options = {"experts": experts_on(votes, truth, np.arange(n_golden))} if n_golden else {}
    with pytest.warns(ReassessWarning, match="^5 raters with 32% of the votes agree more than their accuracy explains"):
        result = aggregate(votes, **options)
    shares = votes.answer_shares().argmax(axis=1) == truth
    assert np.mean(result.posterior.most_likely() == truth) > shares.mean() + 0.1


@pytest.mark.parametrize("on_questions", [False, True])
def test_order_of_items_does_not_matter(on_questions: bool) -> None:
    votes, _ = simulate()
    if on_questions:
        images = [f"{row // 2}.png" for row in range(len(votes.items))]
        items: Any = Questions.from_columns(images, np.arange(len(images)) % 2)
        columns = votes.item_ids, votes.rater_ids, votes.answer_ids
        votes = Votes.from_columns(items, *columns, votes.raters, ("no", "maybe", "yes"))
    order = np.random.default_rng(1).permutation(len(votes.items))
    shuffled = votes.select_items(order)
    first, second = stack(votes), stack(shuffled)
    rows = find_items(votes.items, shuffled.items)
    np.testing.assert_allclose(second.posterior.values, first.posterior.values[rows], atol=1e-6)
    assert list(first.facts["weights"].values()) == pytest.approx(list(second.facts["weights"].values()), abs=1e-6)


def test_weights_are_chosen_on_a_sample_of_many_items(monkeypatch: pytest.MonkeyPatch) -> None:
    votes, truth = simulate(items=1_000)
    monkeypatch.setattr(stacking_module, "MAX_SAMPLED_ITEMS", 200)
    result = stack(votes, experts=experts_on(votes, truth, np.arange(0, 1_000, 50)))
    assert result.facts["predicted_golden_items"] == 20
    assert 1_000 < result.facts["predicted_votes"] < 1_150  # 200 sampled items or a few more, with five votes each
    assert np.mean(result.posterior.most_likely() == truth) > 0.8


def test_golden_items_keep_their_truth_and_judge_the_methods() -> None:
    votes, truth = simulate()
    rows = np.arange(0, 300, 5)
    golden_truth = truth.copy()
    golden_truth[0] = (truth[0] + 1) % 3  # experts are right, also against all raters
    result = stack(votes, experts=experts_on(votes, golden_truth, rows))
    assert (result.posterior.values[rows] == np.eye(3)[golden_truth[rows]]).all()
    assert list(result.facts["weights"]) == ["majority", "onecoin", "em", "ebcc", "calibrated"]


@pytest.mark.parametrize("n_votes", [1, 2, 7])
def test_few_votes_give_probabilities(n_votes: int) -> None:
    rows = np.arange(n_votes)
    votes = Votes.from_columns(range(4), rows % 3, rows % 2, rows % 2, ("ann", "bo"), ("no", "yes"))
    values = stack(votes).posterior.values
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values.sum(axis=1), 1)


def test_golden_items_without_votes_do_not_measure_raters() -> None:
    votes, truth = simulate(items=60)
    experts = experts_on(votes, truth, np.arange(10))
    result = stack(
        votes.without_votes_on(np.arange(10)), experts=experts, rater_golden=votes.select_items(np.arange(1))
    )
    assert np.isfinite(result.posterior.values).all()


def test_too_many_classes_are_refused() -> None:
    rows = np.zeros(1, int)
    votes = Votes.from_columns(("item",), rows, rows, rows, ("ann",), tuple(range(4_097)))
    assert code_of(aggregate, votes, "stacking") == "too-many"


def rename_raters(votes: Votes) -> Votes:
    """Give the raters other names, in the reverse order."""
    return replace(votes, raters=tuple(f"r{99 - row}" for row in range(len(votes.raters))))


@pytest.mark.parametrize("n_golden", [0, 40])
def test_recorded_weights_give_the_same_probabilities_with_other_names(n_golden: int) -> None:
    votes, truth = simulate()
    options = {"experts": experts_on(votes, truth, np.arange(n_golden))} if n_golden else {}
    found = stack(votes, **options)
    method = add_weights("stacking", found.facts)
    weights = parse_method(method)[1]["weights"]
    again = stack(rename_raters(votes), weights=weights, **options)
    np.testing.assert_allclose(again.posterior.values, found.posterior.values, atol=1e-9)
    assert again.method == method
    assert remove_weights(method) == "stacking"
    assert add_weights("em, pooling=2", {}) == "em, pooling=2"


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        ({"majority": 0.5, "em": 0.5}, "wrong-weights"),  # no power
        ({"majority": 0.5, "em": 0.4, "power": 1}, "wrong-weights"),
        ({"majority": 1.5, "em": -0.5, "power": 1}, "wrong-weights"),
        ({"majority": 1, "power": 0}, "wrong-weights"),
        ({"majority": True, "power": 1}, "wrong-weights"),
        ([1], "wrong-weights"),
        ({"majority": 0.5, "median": 0.5, "power": 1}, "unknown-name"),
        ({"majority": 0.5, "calibrated": 0.5, "power": 1}, "unknown-name"),  # without golden answers
    ],
)
def test_wrong_weights_are_refused(weights: Any, code: str) -> None:
    assert code_of(stack, simulate(items=20)[0], weights=weights) == code
