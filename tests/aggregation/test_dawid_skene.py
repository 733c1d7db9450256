"""EM: the published example, an independent reference in plain Python, and properties of every fit."""

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.aggregation import PinnedItems, fit_dawid_skene, posterior
from reassess.aggregation.dawid_skene import fit_one_accuracy_per_rater
from reassess.aggregation.em_inputs import make_answer_weights
from reassess.core import VALIDITY, Questions, Votes
from reassess.errors import ConvergenceWarning
from reassess.formats import read_score_file, read_vote_file
from tests.helpers import WORDS, RealFile, RealVotes, code_of, message, votes_of


def reference_em(
    votes: Votes,
    shares: npt.NDArray[Any],
    *,
    pseudo_votes: Any,
    iterations: int,
    pseudo_items: float = 0,
    pinned: Any = None,
    prior: Any = None,
    start: Any = None,
) -> Any:
    """Run EM in plain Python with logarithms; return posteriors, matrices, prior, and the objective of each step.

    `pseudo_votes` is a number, or has a row for each truth. `start` is a matrix for all raters, and a prior.
    """
    pinned = pinned or {}
    items = range(len(votes.items))
    raters, answers, truths = range(len(votes.raters)), range(len(votes.answers)), range(len(shares[0]))
    added = pseudo_votes if np.ndim(pseudo_votes) else [[pseudo_votes for _ in answers] for _ in truths]
    votes_of_item = [
        [(votes.raters.index(rater), votes.answers.index(answer)) for rater, answer in votes.votes_on(i)] for i in items
    ]
    q = [
        pinned.get(i) or [sum(shares[a][t] for _, a in votes_of_item[i]) / len(votes_of_item[i]) for t in truths]
        if votes_of_item[i] or i in pinned
        else [1 / len(truths) for t in truths]
        for i in items
    ]
    counted = [i for i in items if votes_of_item[i] or i in pinned]
    objectives: list[float] = []
    for step in range(iterations):
        matrices = []
        for r in raters:
            matrix = []
            for t in truths:
                row = [
                    added[t][a] + sum(q[i][t] for i in items for rr, aa in votes_of_item[i] if (rr, aa) == (r, a))
                    for a in answers
                ]
                matrix.append([x / sum(row) for x in row] if sum(row) > 0 else [1 / len(answers)] * len(answers))
            matrices.append(matrix)
        counts = [pseudo_items + sum(q[i][t] for i in counted) for t in truths]
        p = prior or [x / sum(counts) for x in counts]
        if start and step == 0:
            matrices, p = [start[0] for _ in raters], prior or start[1]
        objective = sum(added[t][a] * log(m[t][a]) for m in matrices for t in truths for a in answers if added[t][a])
        if pseudo_items and not prior:
            objective += pseudo_items * sum(math.log(x) for x in p)
        change = 0.0
        for i in items:
            logs = [log(p[t]) + sum(log(matrices[r][t][a]) for r, a in votes_of_item[i]) for t in truths]
            if i in pinned:
                objective += sum(x * y for x, y in zip(pinned[i], logs, strict=True) if x)
                continue
            total = math.log(sum(math.exp(x - max(logs)) for x in logs)) + max(logs)
            objective += total
            new = [math.exp(x - total) for x in logs]
            change = max(change, *(abs(x - y) for x, y in zip(new, q[i], strict=True)))
            q[i] = new
        objectives.append(objective)
        if change < 1e-6:
            break
    return np.array(q), np.array(matrices), np.array(p), objectives


def reference_pooled(
    votes: Votes, shares: npt.NDArray[Any], *, smoothing: float, pooling: float, iterations: int, **options: Any
) -> Any:
    """Run EM with all raters as one, with pseudo-votes half by the weights and half uniform; then with each rater."""
    answers, truths = range(len(votes.answers)), range(len(shares[0]))
    by_truth = [[shares[a][t] / sum(shares[b][t] for b in answers) for a in answers] for t in truths]
    typical = [[smoothing + pooling * (x + 1 / len(answers)) / 2 for x in row] for row in by_truth]
    options |= {"pseudo_items": pooling / len(truths), "iterations": iterations}
    one_rater = replace(votes, rater_ids=0 * votes.rater_ids, raters=("all",))
    _, ((mean,)), prior, _ = reference_em(one_rater, shares, pseudo_votes=typical, **options)
    added = [[smoothing + pooling * x for x in row] for row in mean.tolist()]
    start = mean.tolist(), prior.tolist()
    return reference_em(votes, shares, pseudo_votes=added, start=start, **options)


def log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def random_votes(seed: int, *, items: int = 30, raters: int = 5, answers: int = 3, most: int = 6) -> Votes:
    """Votes that are correct in two of three cases; raters may vote again on an item, and items may have no votes."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, answers, items)
    item_ids = np.repeat(np.arange(items), generator.integers(0, most, items))
    is_correct = generator.random(item_ids.size) < 2 / 3
    answer_ids = np.where(is_correct, truth[item_ids], generator.integers(0, answers, item_ids.size))
    rater_ids = generator.integers(0, raters, item_ids.size)
    return Votes.from_columns(
        tuple(range(items)), item_ids, rater_ids, answer_ids, tuple(range(raters)), tuple(range(answers))
    )


def fit_quietly(votes: Votes, **options: Any) -> Any:
    """Fit without the warning about convergence."""
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return fit_dawid_skene(votes, **options)


@pytest.mark.parametrize("smoothing", [0, 1])
@pytest.mark.parametrize(("answers", "truths", "seeds"), [(3, 3, 4), (4, 2, 4), (2, 3, 4), (17, 17, 1)])
@pytest.mark.parametrize("pin", [False, True])
@pytest.mark.parametrize("pooling", [0, 2.5])
def test_em_matches_reference(smoothing: int, answers: int, truths: int, seeds: int, pin: bool, pooling: float) -> None:
    pins = {0: [1.0] + [0.0] * (truths - 1), 7: [0.5, 0.5] + [0.0] * (truths - 2), 11: [1 / truths] * truths}
    pinned = PinnedItems(np.array(list(pins)), np.array(list(pins.values()))) if pin else None
    fixed_prior = [1 / truths] * truths if truths == 2 else None
    for seed in range(seeds):
        votes = random_votes(seed, answers=answers)
        shares = np.random.default_rng(seed).dirichlet(np.ones(truths), answers)
        result = fit_quietly(
            votes,
            truths=tuple(f"t{t}" for t in range(truths)),
            answer_weights=shares,
            smoothing=smoothing,
            pooling=pooling,
            pinned=pinned,
            max_iterations=12,
            prior=fixed_prior,
        )
        options = {"pinned": pins if pin else None, "prior": fixed_prior, "iterations": 12}
        q, matrices, prior, objectives = (
            reference_pooled(votes, shares.tolist(), smoothing=smoothing, pooling=pooling, **options)
            if pooling
            else reference_em(votes, shares.tolist(), pseudo_votes=smoothing, **options)
        )
        np.testing.assert_allclose(result.posterior.values, q, atol=1e-10)
        np.testing.assert_allclose(result.model.matrices_of(votes.raters), matrices, atol=1e-10)
        np.testing.assert_allclose(result.model.prior, prior, atol=1e-12)
        np.testing.assert_allclose(result.objective_history, objectives, rtol=1e-10)
        empty = (votes.sizes == 0) & ~np.isin(np.arange(len(votes.items)), list(pins))
        np.testing.assert_allclose(result.posterior.values[empty], [result.model.prior] * empty.sum(), atol=1e-12)


@pytest.mark.parametrize("smoothing", [0, 1])
@pytest.mark.parametrize("truths", [2, 20])
def test_many_votes_on_an_item_match_reference(smoothing: int, truths: int) -> None:
    """A product of this many probabilities would underflow."""
    generator = np.random.default_rng(0)
    rows = np.repeat(np.arange(3), [24, 25, 2_000])
    answer_ids = (generator.random(rows.size) < np.array([0.2, 0.7, 0.5])[rows]).astype(int)
    answers = tuple(range(truths))
    votes = Votes.from_columns((0, 1, 2), rows, generator.integers(0, 2, rows.size), answer_ids, (0, 1), answers)
    prior = [0.6, 0.4] if truths == 2 else [1 / truths] * truths
    result = fit_quietly(votes, smoothing=smoothing, pooling=0, max_iterations=3, prior=prior)
    q, _, _, objectives = reference_em(
        votes, np.eye(truths).tolist(), pseudo_votes=smoothing, iterations=result.iterations, prior=prior
    )
    np.testing.assert_allclose(result.posterior.values, q, atol=1e-9)
    np.testing.assert_allclose(result.objective_history, objectives, rtol=1e-10)


def test_example_of_1979_gives_published_numbers(real_file: RealFile) -> None:
    votes = read_vote_file(real_file("anesthesia-1979.csv"))
    result = fit_dawid_skene(votes, smoothing=0, pooling=0)
    assert result.model.prior.round(4).tolist() == [0.3996, 0.4220, 0.1118, 0.0667]
    assert round(result.objective, 5) == -192.89088
    assert result.model.matrices[0].round(3).tolist() == [
        [0.889, 0.111, 0, 0],
        [0.071, 0.876, 0.053, 0],
        [0, 0.339, 0.661, 0],
        [0, 0, 0.556, 0.444],
    ]


def test_em_on_released_votes_gives_known_numbers(real_file: RealFile, real_votes: RealVotes) -> None:
    votes = real_votes("raters.npz")
    published = read_score_file(real_file("scores.npz")).values >= 0.8

    def jaccard(scores: npt.NDArray[Any]) -> float:
        kept = scores >= 0.8
        return np.count_nonzero(kept & published) / np.count_nonzero(kept | published)

    plain = fit_dawid_skene(votes, smoothing=0, pooling=0)
    assert round(jaccard(plain.posterior.probabilities_of("valid")), 3) == 0.906
    three = fit_dawid_skene(votes, truths=WORDS, smoothing=0, pooling=0)
    assert round(jaccard(three.posterior.probabilities_of("yes")), 3) == 0.474
    assert three.has_converged
    assert (np.diff(three.objective_history) >= -1e-9 * abs(three.objective)).all()


def simulated(seed: int = 0, items: int = 20_000) -> tuple[Votes, npt.NDArray[Any], npt.NDArray[Any]]:
    generator = np.random.default_rng(seed)
    prior = np.array([0.5, 0.3, 0.2])
    matrices = 0.6 * np.eye(3) + 0.4 * generator.dirichlet(np.ones(3), (6, 3))
    truth = generator.choice(3, items, p=prior)
    item_ids = np.repeat(np.arange(items), 5)
    rater_ids = generator.integers(0, 6, item_ids.size)
    chances = matrices[rater_ids, truth[item_ids]].cumsum(axis=1)
    answer_ids = (generator.random((item_ids.size, 1)) > chances[:, :2]).sum(axis=1)
    votes = Votes.from_columns(tuple(range(items)), item_ids, rater_ids, answer_ids, tuple(range(6)), WORDS)
    return votes, prior, matrices


def test_simulated_matrices_are_recovered() -> None:
    """Within four standard errors for known truths, times 1.6 for the uncertainty of the posteriors."""
    votes, prior, matrices = simulated()
    result = fit_dawid_skene(votes, pooling=0)
    each = 5 * len(votes.items) / 6 * prior
    error = np.sqrt(matrices * (1 - matrices) / each[None, :, None])
    assert (np.abs(result.model.matrices_of(range(6)) - matrices) <= 4 * 1.6 * error + 1e-3).all()
    assert (np.abs(result.model.prior - prior) <= 4 * 1.6 * np.sqrt(prior * (1 - prior) / len(votes.items))).all()


SEEDS = st.integers(0, 10_000)
POOLINGS = st.sampled_from([0.0, 0.3, 4.0, 100.0])


@given(st.integers(0, 1_000), st.booleans())
@settings(max_examples=40)
def test_objective_with_one_accuracy_per_rater_never_decreases(seed: int, is_scale: bool) -> None:
    rng = np.random.default_rng(seed)
    n, answers = int(rng.integers(5, 120)), WORDS if is_scale else tuple(range(int(rng.integers(2, 6))))
    columns = rng.integers(0, 30, n), rng.integers(0, 6, n), rng.integers(0, len(answers), n) * (rng.random(n) < 0.6)
    votes = Votes.from_columns(range(30), *columns, range(6), answers)
    history = fit_one_accuracy_per_rater(votes, VALIDITY if is_scale else answers, None).objective_history
    assert (np.diff(history) >= -1e-9 * np.abs(history[1:])).all()


@given(SEEDS, st.sampled_from([0.0, 0.1, 1.0, 7.0]), POOLINGS, st.booleans(), st.booleans())
@settings(max_examples=100)
def test_objective_never_decreases(seed: Any, smoothing: float, pooling: float, pin: bool, fixed_prior: bool) -> None:
    votes = random_votes(seed, most=4)
    pinned = PinnedItems.from_truths(np.arange(6), np.array([0, 1, 2, 0, -1, 1]), n_truths=3) if pin else None
    prior = [0.5, 0.3, 0.2] if fixed_prior else None
    options = {"smoothing": smoothing, "pooling": pooling, "pinned": pinned, "prior": prior}
    history = fit_quietly(votes, max_iterations=40, **options).objective_history
    assert np.isfinite(history).all()
    assert (np.diff(history) >= -1e-9 * np.abs(history[1:])).all()


def test_runs_are_identical_for_any_number_of_threads() -> None:
    votes, *_ = simulated(items=4_000)
    runs = [fit_quietly(votes, max_iterations=20, threads=threads) for threads in (1, 2, 3, 2)]
    for run in runs[1:]:
        assert np.array_equal(run.posterior.values, runs[0].posterior.values)
        assert np.array_equal(run.objective_history, runs[0].objective_history)


@given(SEEDS, POOLINGS)
@settings(max_examples=30)
def test_posterior_of_fitted_model_equals_fit(seed: Any, pooling: float) -> None:
    votes = random_votes(seed)
    result = fit_quietly(votes, pooling=pooling, max_iterations=25)
    np.testing.assert_allclose(posterior(votes, result.model).values, result.posterior.values, atol=1e-9)


def test_continued_fit_equals_fit_of_all_votes() -> None:
    votes, *_ = simulated(items=3_000)
    rows = np.arange(len(votes.items))
    early, late = votes.select_items(rows[:2_000]), votes.select_items(rows[1_000:])
    everything = early.append(late)
    at_once = fit_dawid_skene(everything, tolerance=1e-9)
    result = fit_dawid_skene(everything, start_model=fit_dawid_skene(early).model, tolerance=1e-9)
    np.testing.assert_allclose(result.posterior.values, at_once.posterior.values, atol=1e-6)
    np.testing.assert_allclose(result.model.matrices, at_once.model.matrices, atol=1e-6)
    assert fit_dawid_skene(everything, start_model=at_once.model).iterations == 2


def test_continued_fit_escapes_probability_0() -> None:
    """The first fit has a probability of 0 for rater 0, and later votes contradict it."""
    early = random_votes(1, items=12)
    votes = early.append(random_votes(2, items=400))
    result = fit_dawid_skene(votes, start_model=fit_dawid_skene(early, pooling=0).model, pooling=0)
    assert np.isfinite(result.posterior.values).all()
    assert result.objective == pytest.approx(fit_dawid_skene(votes, pooling=0).objective, abs=1e-2)


def on_questions(rows: Sequence[Sequence[int]], pairs: int, answers: Sequence[str | int] = WORDS) -> Votes:
    questions = Questions.from_columns([f"{i}.png" for i in range(pairs)], np.zeros(pairs, int))
    return votes_of(rows, questions, ("ann", "bo", "cy"), answers)


def test_truth_with_higher_weights_stays_valid() -> None:
    rows = [(i, r, 2 if (i + (r == i % 7)) % 2 else 0) for i in range(60) for r in range(3)]
    upright = fit_dawid_skene(on_questions(rows, 60))
    assert upright.model.truths == ("invalid", "valid")
    assert (upright.posterior.probabilities_of("valid")[1::2] > 0.5).mean() > 0.9
    # Weights in reversed order start EM with reversed truths, which are swapped at the end.
    result = fit_dawid_skene(on_questions(rows, 60), answer_weights=[[0.4, 0.6], [0.5, 0.5], [0.6, 0.4]])
    assert result.model.matrices[0, 1, 0] > result.model.matrices[0, 0, 0]


@pytest.mark.parametrize("seed", [19, 68, 84, *range(6)])
@pytest.mark.parametrize("pooling", [0.3, 4])
def test_reversed_truths_are_swapped_back(seed: int, pooling: float) -> None:
    """With the first three seeds and a pooling of 0.3, EM converges to reversed truths."""
    votes, generator = random_votes(seed), np.random.default_rng(seed)
    weights = 0.5 + np.array([1, -1, 0.2]) * generator.random() / 4
    result = fit_dawid_skene(votes, truths=("a", "b"), answer_weights=weights, pooling=pooling)
    by_truth = np.array([np.bincount(votes.answer_ids, q, 3) for q in result.posterior.values[votes.item_ids].T])
    first, second = by_truth @ weights / by_truth.sum(axis=1)
    assert second >= first
    np.testing.assert_allclose(posterior(votes, result.model).values, result.posterior.values, atol=1e-4)


def on_two(rows: Sequence[Sequence[int]], answers: Sequence[str | int] = WORDS) -> Votes:
    return votes_of(rows, ("x", "y"), answers=answers)


@pytest.mark.parametrize("pooling", [0, 4])
@pytest.mark.parametrize(
    "votes",
    [
        pytest.param(on_two([(0, 0, 0), (0, 1, 2)]), id="item without votes"),
        pytest.param(on_two([(0, 0, 0), (1, 0, 2)]), id="one rater"),
        pytest.param(on_two([(0, 0, 1), (0, 1, 1), (1, 0, 1)]), id="all answers equal"),
        pytest.param(on_two([(0, 0, 0), (1, 0, 0), (1, 1, 2)]), id="answer without votes"),
        pytest.param(on_two([(0, 0, 0)], answers=("no",)), id="one answer"),
    ],
)
def test_degenerate_votes_give_finite_numbers(votes: Votes, pooling: int) -> None:
    result = fit_quietly(votes, pooling=pooling)
    assert np.allclose(result.posterior.values.sum(axis=1), 1)
    assert np.isfinite(result.model.matrices).all()
    assert result.model.raters == votes.raters[: len(set(votes.rater_ids.tolist()))]  # only raters with votes


def test_empty_row_is_uniform() -> None:
    """Ann never met a dog."""
    pinned = PinnedItems.from_truths(np.array([0, 1]), np.array([0, 1]), n_truths=2)
    votes = on_two([(0, 0, 0), (1, 1, 1), (1, 1, 1)], answers=("cat", "dog"))
    result = fit_dawid_skene(votes, pooling=0, pinned=pinned)
    assert result.model.matrices[0].tolist() == [[1, 0], [0.5, 0.5]]


def test_unconverged_fit_warns_and_is_marked() -> None:
    votes = on_two([(0, 0, 0), (1, 0, 2)])
    with pytest.warns(ConvergenceWarning) as caught:
        result = fit_dawid_skene(votes, max_iterations=1)
    assert str(caught[0].message) == (
        "EM did not converge: after 1 iterations, posteriors still change by 1e-06 or more: "
        "allow more iterations, or more pooling"
    )
    assert re.fullmatch(
        r"DawidSkeneFit\(RaterModel\(1 raters, truths no, maybe, yes, answers no, maybe, yes\), 1 iterations, "
        r"not converged, objective -[0-9.]+\)",
        repr(result),
    )


def pin(*rows: int, truths: int = 3) -> dict[str, PinnedItems]:
    return {"pinned": PinnedItems.from_truths(np.array(rows), np.zeros(len(rows), int), n_truths=truths)}


MANY = Votes.from_columns(("x",), np.array([0]), np.array([0]), np.array([0]), ("ann",), tuple(range(300)))
BAD = {
    "no votes": ({"votes": on_two(np.empty((0, 3), int))}, "missing-votes"),
    "smoothing": ({"smoothing": -1}, "out-of-range"),
    "NaN smoothing": ({"smoothing": math.nan}, "out-of-range"),
    "endless pooling": ({"pooling": math.inf}, "out-of-range"),
    "tiny pooling": ({"pooling": 1e-300}, "out-of-range"),
    "huge smoothing": ({"smoothing": 1e308}, "out-of-range"),
    "tolerance": ({"tolerance": 0}, "out-of-range"),
    "iterations": ({"max_iterations": 0}, "out-of-range"),
    "threads": ({"threads": 0}, "out-of-range"),
    "prior": ({"prior": [0.5, 0.2, 0.2]}, "not-a-distribution"),
    "a prior of 0": ({"prior": [0.5, 0.5, 0]}, "out-of-range"),
    "weights": ({"answer_weights": [0, 1], "truths": VALIDITY}, "wrong-shape"),
    "weights above 1": ({"answer_weights": [0, 0.5, 2], "truths": VALIDITY}, "not-a-distribution"),
    "NaN weights": ({"answer_weights": [0, math.nan, 1], "truths": VALIDITY}, "not-a-distribution"),
    "unknown weights": ({"votes": on_two([(0, 0, 0)], ("cat", "dog")), "truths": VALIDITY}, "unknown-answer-order"),
    "pinned twice": (pin(1, 1), "duplicate-item"),
    "pinned unknown": (pin(1, 2), "out-of-range"),
    "pinned to other truths": (pin(1, truths=2), "wrong-shape"),
    "pinned to no distribution": (
        {"pinned": PinnedItems(np.array([1]), np.array([[0.5, 0.1, 0.1]]))},
        "not-a-distribution",
    ),
    "too many truths": ({"votes": MANY}, "too-many"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_raises(name: Any) -> None:
    options, code = BAD[name]
    assert code_of(fit_dawid_skene, **{"votes": on_two([(0, 0, 0), (1, 1, 2)]), **options}) == code


def test_messages_name_fault_and_fix() -> None:
    """These faults occur only in EM."""
    votes = on_two([(0, 0, 0), (1, 1, 2)])
    assert message(fit_dawid_skene, votes, prior=[0.5, 0.5, 0]) == (
        "EM cannot use a prior of 0\n  found:   [0.5, 0.5, 0.0]\n  fix:     remove the truth whose prior is 0"
    )
    assert message(fit_dawid_skene, on_two([(0, 0, 0)], answers=("cat", "dog")), truths=VALIDITY) == (
        "order of the answers is unknown\n"
        "  allowed: two truths with the answers no, maybe, yes; or truths that are equal to the answers\n"
        "  found:   answers cat, dog; truths invalid, valid\n"
        "  fix:     give the weight of each answer"
    )
    assert message(fit_dawid_skene, votes, **pin(1, 1)) == "truth of an item is given twice\n  where:   item y"
    assert message(PinnedItems.from_truths, np.array([1]), np.array([4]), n_truths=3) == (
        "truth out of range\n  where:   pinned item 1\n  allowed: -1 to 2\n  found:   4"
    )
    assert message(fit_dawid_skene, MANY) == (
        "too many truths for a rater model\n  allowed: up to 256\n  found:   300\n"
        "  fix:     use majority, or split the items into groups with fewer answers"
    )


def test_default_weights_follow_answers() -> None:
    numbers = votes_of([], answers=(1, 2))
    assert make_answer_weights(votes_of([]), VALIDITY).tolist() == [[1, 0], [0.5, 0.5], [0, 1]]
    assert make_answer_weights(numbers, (1, 2)).tolist() == [[1, 0], [0, 1]]
    assert make_answer_weights(numbers, ("a", "b"), [0.25, 1]).tolist() == [[0.75, 0.25], [0, 1]]
    assert make_answer_weights(on_questions([], 2, answers=(1, 2, 5)), VALIDITY).tolist() == [
        [1, 0],
        [0.75, 0.25],
        [0, 1],
    ]
    assert make_answer_weights(on_questions([], 2, answers=("nein", "ja")), VALIDITY).tolist() == [[1, 0], [0, 1]]
