"""Many classes: the same model, where the truth of an item is a class with a vote on it."""

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma, logsumexp

from reassess.aggregation import PinnedItems, aggregate, calibrate, fit_bcc, fit_dawid_skene, posterior
from reassess.aggregation.candidate_classes import CandidateFit
from reassess.aggregation.candidate_fits import (
    calibrate_on_candidates,
    fit_bcc_on_candidates,
    fit_dawid_skene_on_candidates,
    fit_one_accuracy_on_candidates,
)
from reassess.aggregation.dawid_skene import fit_one_accuracy_per_rater
from reassess.aggregation.em import normalize_rows
from reassess.aggregation.em_inputs import check_class_count, has_many_classes
from reassess.core import Classes, Votes
from reassess.core.class_votes import count_chosen_classes
from reassess.errors import ConvergenceWarning
from tests.aggregation.test_bcc import dirichlet_divergence
from tests.helpers import code_of, message

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FREE = np.full(60, -1)  # no pinned class, for 60 items


def cast_votes(
    seed: int, *, items: int, raters: int, classes: int, each: int, accuracy: float = 0.7
) -> tuple[Votes, Ints]:
    """Votes by raters of one accuracy, who otherwise answer at random; and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, items)
    item_ids = np.repeat(np.arange(items), each)
    is_correct = rng.random(item_ids.size) < accuracy
    answer_ids = np.where(is_correct, truth[item_ids], rng.integers(0, classes, item_ids.size))
    names = tuple(range(classes))
    rater_ids = rng.integers(0, raters, item_ids.size)
    return Votes.from_columns(range(items), item_ids, rater_ids, answer_ids, range(raters), names), truth


def with_every_class(seed: int) -> Votes:
    """Votes with at least one for each class on each item, so that all classes are candidates."""
    votes, _ = cast_votes(seed, items=60, raters=6, classes=3, each=5)
    items, classes = np.indices((60, 3)).reshape(2, -1)
    rng = np.random.default_rng(seed)
    return Votes.from_columns(
        votes.items,
        np.append(votes.item_ids, items),
        np.append(votes.rater_ids, rng.integers(0, 6, items.size)),
        np.append(votes.answer_ids, classes),
        votes.raters,
        votes.answers,
    )


def pin_some(votes: Votes, *, pin: bool) -> tuple[Ints, PinnedItems | None]:
    """The pinned class of each item, or -1, and the same as pinned items, for up to three classes."""
    pinned = np.full(len(votes.items), -1)
    if not pin:
        return pinned, None
    pinned[:5] = [0, 1, 2, 2, 1]
    return pinned, PinnedItems.from_truth_ids(pinned, n_truths=len(votes.answers))


def fit_quietly(votes: Votes, pinned: Ints | None = None, **options: Any) -> CandidateFit:
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        free = np.full(len(votes.items), -1)
        return fit_dawid_skene_on_candidates(votes, free if pinned is None else pinned, **options)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("smoothing", "pooling"), [(0, 4), (0, 0), (1, 0), (0.5, 2)])
@pytest.mark.parametrize("pin", [False, True])
def test_fit_equals_full_model_if_every_class_is_a_candidate(
    seed: int, smoothing: float, pooling: float, pin: bool
) -> None:
    votes = with_every_class(seed)
    pinned, pinned_items = pin_some(votes, pin=pin)
    few = fit_dawid_skene(votes, smoothing=smoothing, pooling=pooling, pinned=pinned_items)
    many = fit_quietly(votes, pinned, smoothing=smoothing, pooling=pooling)
    np.testing.assert_allclose(many.to_posterior(votes).values, few.posterior.values, atol=1e-5)
    np.testing.assert_allclose(many.prior, few.model.prior, atol=1e-5)
    assert many.objective_history[-1] == pytest.approx(few.objective, abs=1e-4)
    assert many.has_converged


def objective(votes: Votes, fit: CandidateFit, added: float) -> float:
    """Compute the objective of the model that an M-step makes from a posterior, without pooling."""
    pairs = zip(fit.candidates.item_of_candidate.tolist(), fit.candidates.class_of_candidate.tolist(), strict=True)
    q = dict(zip(pairs, fit.posterior.tolist(), strict=True))
    row_of, code = votes.raters.index, votes.answers.index
    votes_of_item = [[(row_of(r), code(a)) for r, a in votes.votes_on(i)] for i in range(len(votes.items))]
    classes = range(len(votes.answers))
    counts = {(r, t, a): added for r in range(len(votes.raters)) for t in classes for a in classes}
    prior = dict.fromkeys(classes, 0.0)
    for (i, t), share in q.items():
        prior[t] += share
        for r, a in votes_of_item[i]:
            counts[r, t, a] += share
    total = 0.0
    pi = {(r, t, a): n / sum(counts[r, t, b] for b in classes) for (r, t, a), n in counts.items()}
    for i, own in enumerate(votes_of_item):
        weights = [prior[t] * math.prod(pi[r, t, a] for r, a in own) for j, t in q if j == i]
        total += math.log(sum(weights) / sum(prior.values()))
    return total + added * sum(math.log(p) for p in pi.values())


@pytest.mark.parametrize("seed", range(3))
def test_objective_matches_loop_over_candidates(seed: int) -> None:
    votes, _ = cast_votes(seed, items=25, raters=4, classes=5, each=3)
    steps = [fit_quietly(votes, smoothing=0.5, pooling=0, max_iterations=n) for n in (3, 4)]
    assert steps[1].objective_history[-1] == pytest.approx(objective(votes, steps[0], 0.5), rel=1e-10)


@given(st.integers(0, 1_000), st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.5, 4.0]), st.booleans())
@settings(max_examples=40)
def test_objective_never_decreases_and_truths_are_candidates(
    seed: Any, smoothing: float, pooling: float, pin: bool
) -> None:
    votes, truth = cast_votes(seed, items=40, raters=6, classes=12, each=2)
    pinned = np.where(np.arange(40) < 7, truth, -1) if pin else np.full(40, -1)
    fit = fit_quietly(votes, pinned, smoothing=smoothing, pooling=pooling, max_iterations=40)
    assert np.isfinite(fit.objective_history).all()
    assert (np.diff(fit.objective_history) >= -1e-9 * np.abs(fit.objective_history[1:])).all()
    values = fit.to_posterior(votes).values
    np.testing.assert_allclose(values.sum(axis=1), 1)
    assert not (values[pinned < 0] > 0)[votes.counts()[pinned < 0] == 0].any()
    assert values[pinned >= 0].tolist() == np.eye(12)[truth[pinned >= 0]].tolist()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pin", [False, True])
def test_one_accuracy_and_ibcc_equal_full_models_if_every_class_is_a_candidate(seed: int, pin: bool) -> None:
    votes = with_every_class(seed)
    pinned, pinned_items = pin_some(votes, pin=pin)
    few_accuracies = fit_one_accuracy_per_rater(votes, votes.answers, pinned_items)
    many_accuracies = fit_one_accuracy_on_candidates(votes, pinned)
    np.testing.assert_allclose(many_accuracies.to_posterior(votes).values, few_accuracies.posterior.values, atol=1e-9)
    assert many_accuracies.objective_history[-1] == pytest.approx(few_accuracies.objective, rel=1e-12)
    for smoothing, pooling in ((0, 4), (1, 0), (0.5, 2)):
        few = fit_bcc(votes, smoothing=smoothing, pooling=pooling, pinned=pinned_items)
        many = fit_bcc_on_candidates(votes, pinned, smoothing=smoothing, pooling=pooling)
        np.testing.assert_allclose(many.to_posterior(votes).values, few.posterior.values, atol=1e-9)
        np.testing.assert_allclose(many.objective_history, few.bound_history, rtol=1e-12)
        np.testing.assert_allclose(many.prior, few.model.prior, atol=1e-9)


def reference_fits(
    votes: Votes, pinned: Ints, iterations: int, pooling: float
) -> tuple[Floats, Floats, list[float], list[float]]:
    """Compute onecoin and then iBCC with full arrays: posteriors and objectives."""
    n_items, raters, answers = len(votes.items), len(votes.raters), len(votes.answers)
    counts = np.zeros((n_items, raters, answers))
    np.add.at(counts, (votes.item_ids, votes.rater_ids, votes.answer_ids), 1)
    is_candidate = np.where(pinned[:, None] >= 0, np.eye(answers)[pinned], counts.sum(axis=1) > 0)
    is_counted, is_same = is_candidate.any(axis=1), np.eye(answers, dtype=bool)
    impossible = np.where(is_candidate, 0, -np.inf)[is_counted]
    shares = np.where(pinned[:, None] >= 0, np.eye(answers)[pinned], counts.sum(axis=1))[is_counted]
    shares, counts = shares / shares.sum(axis=1, keepdims=True), counts[is_counted]

    def update(log_prior: Floats, logs: Floats) -> tuple[Floats, float]:
        weights = log_prior + np.einsum("ira,rta->it", counts, logs) + impossible
        totals = logsumexp(weights, axis=1, keepdims=True)
        return np.exp(weights - totals), float(totals.sum())

    q, mean = shares, (1 + 1 / answers) / 2
    objectives: list[float] = []
    for group in (np.zeros(raters, int), np.arange(raters)):
        objectives.clear()
        for _ in range(300):
            votes_of, is_own = np.einsum("it,ira->rta", q, counts), np.arange(group.max() + 1)[:, None] == group
            correct = is_own @ votes_of[:, is_same].sum(axis=1) + 4 * mean
            p = correct / (is_own @ votes_of.sum(axis=(1, 2)) + 4)
            prior = (q.sum(axis=0) + 4 / answers) / (len(q) + 4)
            matrices = np.where(is_same, p[group, None, None], (1 - p[group, None, None]) / (answers - 1))
            new, likelihood = update(np.log(prior), np.log(matrices))
            density = 4 * (mean * np.log(p) + (1 - mean) * np.log((1 - p) / (answers - 1))).sum()
            objectives.append(likelihood + density + 4 / answers * np.log(prior).sum())
            change, q = np.abs(new - q).max(), new
            if change < 1e-4:
                break
        mean = p[0]
    one_accuracy, own = q, pooling * matrices
    q, bounds, prior_items = shares, [], np.full(answers, pooling / answers)
    for _ in range(iterations):
        alpha, items = own + np.einsum("it,ira->rta", q, counts), prior_items + q.sum(axis=0)
        bound = -dirichlet_divergence(items, prior_items)
        bound -= sum(dirichlet_divergence(alpha[cell], own[cell]) for cell in np.ndindex(raters, answers))
        logs = digamma(alpha) - digamma(alpha.sum(axis=2, keepdims=True))
        q, likelihood = update(digamma(items) - digamma(items.sum()), logs)
        bounds.append(bound + likelihood)
    values = np.tile(items / items.sum(), (n_items, 1))
    values[is_counted] = q
    return one_accuracy, values, objectives, bounds


@given(st.integers(0, 1_000), st.integers(1, 4), st.booleans(), st.sampled_from([0.5, 4.0]))
@settings(max_examples=40)
def test_one_accuracy_and_ibcc_equal_the_reference(seed: int, each: int, pin: bool, pooling: float) -> None:
    cast, _ = cast_votes(seed, items=20, raters=5, classes=7, each=each)
    votes = cast.without_votes_on(np.arange(4, 8))
    pinned, _ = pin_some(votes, pin=pin)
    one_accuracy, values, objectives, bounds = reference_fits(votes, pinned, 5, pooling)
    first = fit_one_accuracy_on_candidates(votes, pinned)
    has_candidates = np.unique(first.candidates.item_of_candidate)
    np.testing.assert_allclose(first.to_posterior(votes).values[has_candidates], one_accuracy, atol=1e-9)
    np.testing.assert_allclose(first.objective_history, objectives, rtol=1e-9)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        second = fit_bcc_on_candidates(votes, pinned, smoothing=0, pooling=pooling, max_iterations=5)
    np.testing.assert_allclose(second.objective_history, bounds[: second.objective_history.size], rtol=1e-9)
    if second.objective_history.size == 5:
        np.testing.assert_allclose(second.to_posterior(votes).values, values, atol=1e-9)


@given(st.integers(0, 1_000), st.integers(1, 4), st.sampled_from([(0.0, 0.5), (0.0, 4.0), (1.0, 0.0)]), st.booleans())
@settings(max_examples=20)
def test_bounds_never_fall(seed: int, each: int, options: tuple[float, float], pin: bool) -> None:
    votes, _ = cast_votes(seed, items=40, raters=6, classes=12, each=each)
    pinned, _ = pin_some(votes, pin=pin)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        bcc = fit_bcc_on_candidates(votes, pinned, smoothing=options[0], pooling=options[1], max_iterations=100)
    for fit in (fit_one_accuracy_on_candidates(votes, pinned), bcc):
        assert (np.diff(fit.objective_history) >= -1e-9 * np.abs(fit.objective_history[1:])).all()


@given(st.integers(0, 1_000))
@settings(max_examples=10)
def test_names_and_order_do_not_change_the_fits(seed: int) -> None:
    votes, _ = cast_votes(seed, items=40, raters=6, classes=12, each=3)
    rng = np.random.default_rng(seed)
    items, raters, answers = rng.permutation(40), rng.permutation(6), rng.permutation(12)
    order = rng.permutation(len(votes))
    columns = items[votes.item_ids[order]], raters[votes.rater_ids[order]], answers[votes.answer_ids[order]]
    other = Votes.from_columns(range(40), *columns, range(6), range(12))
    free, pooling = np.full(40, -1), {"smoothing": 0.0, "pooling": 4.0}
    fits: tuple[Callable[[Votes], CandidateFit], ...] = (
        lambda votes: fit_one_accuracy_on_candidates(votes, free),
        lambda votes: fit_bcc_on_candidates(votes, free, **pooling),
        lambda votes: fit_dawid_skene_on_candidates(votes, free, **pooling),
    )
    for fit_votes in fits:
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            first, second = fit_votes(votes), fit_votes(other)
        assert second.objective_history[-1] == pytest.approx(first.objective_history[-1], rel=1e-9)
        values = second.to_posterior(other).values[items][:, answers]
        np.testing.assert_allclose(values, first.to_posterior(votes).values, atol=1e-9)


def test_calibration_equals_full_model_among_candidates() -> None:
    """In the second case, only raters 6 and 7 have votes on items that are not golden."""
    votes, truth = cast_votes(0, items=60, raters=8, classes=6, each=4)
    golden, golden_truth = votes.select_items(np.arange(20)), np.where(np.arange(20) < 15, truth[:20], -1)
    item_ids, rater_ids, answer_ids = np.arange(20, 60).repeat(2), np.tile([0, 1], 40), np.tile([2, 3, 3, 1], 20)
    later = Votes.from_columns(votes.items, item_ids, rater_ids, answer_ids, votes.raters[6:], votes.answers)
    for cast, smoothing in ((votes, 0.5), (later, 0)):
        fit = calibrate_on_candidates(cast, golden, golden_truth, smoothing=smoothing, pooling=3)
        model = calibrate(golden, golden_truth, truths=votes.answers, smoothing=smoothing, pooling=3)
        expected = posterior(cast, model).values * (cast.counts() > 0)
        expected[cast.sizes == 0] = fit.prior
        np.testing.assert_allclose(fit.to_posterior(cast).values, normalize_rows(expected, 0.0), atol=1e-12)


def test_rater_with_only_golden_votes_counts_in_mean_matrix() -> None:
    votes, truth = cast_votes(0, items=60, raters=8, classes=6, each=4)
    golden = votes.select_items(np.arange(20))
    item_ids, rater_ids, answer_ids = np.arange(20, 60).repeat(2), np.tile([0, 1], 40), np.tile([2, 3, 3, 1], 20)
    later = Votes.from_columns(votes.items, item_ids, rater_ids, answer_ids, votes.raters[6:], votes.answers)
    fit = calibrate_on_candidates(later, golden, truth[:20], smoothing=0, pooling=3)
    model = calibrate(golden, truth[:20], truths=votes.answers, smoothing=0, pooling=3)
    expected = (posterior(later, model).values * (later.counts() > 0))[20:]
    np.testing.assert_allclose(fit.to_posterior(later).values[20:], normalize_rows(expected, 0.0), atol=1e-12)
    np.testing.assert_allclose(fit.to_posterior(later).values[:20], np.tile(fit.prior, (20, 1)))  # items without votes


def chosen_images(seed: int, *, classes: int, **options: Any) -> tuple[Votes, Ints]:
    """Votes for one class per image, and an image without votes."""
    votes, truth = cast_votes(seed, classes=classes, **options)
    names = tuple(f"c{i:03}" for i in range(classes))
    images = (*(f"{i:03}.png" for i in range(len(votes.items))), "unseen.png")
    columns = votes.item_ids, votes.rater_ids, votes.answer_ids
    return Votes.from_columns(images, *columns, votes.raters, names, classes=Classes.from_texts(names)), truth


@pytest.mark.filterwarnings("ignore:em gives no item the truth")
@pytest.mark.parametrize("method", ["em", "onecoin", "ibcc", "stacking"])
def test_scores_of_images_are_those_of_candidates(method: str) -> None:
    chosen, _ = chosen_images(2, items=50, raters=5, classes=300, each=3)
    result = aggregate(chosen, method)
    questions, _ = count_chosen_classes(chosen)
    assert (result.model, result.facts["without_votes"]) == (None, 1)
    assert result.scores.questions.class_ids.tolist() == questions.class_ids.tolist()
    sums = np.bincount(result.scores.questions.image_ids, result.scores.values)
    if method == "stacking":
        assert ((sums > 0.75) & (sums < 1)).all()  # majority keeps a quarter for them, with three votes
    else:
        np.testing.assert_allclose(sums, 1)


@pytest.mark.filterwarnings("ignore:em gives no item the truth")
def test_golden_items_keep_their_truth_by_every_rater_model() -> None:
    votes, truth = cast_votes(4, items=60, raters=5, classes=300, each=3)
    rows = np.arange(10)
    experts = Votes.from_columns(rows, rows, 0 * rows, truth[:10], ("e",), votes.answers)
    for method in ("em", "onecoin", "ibcc"):
        values = aggregate(votes, method, experts=experts).posterior.values
        assert values[:10].tolist() == np.eye(300)[truth[:10]].tolist()
        assert np.mean(values.argmax(axis=1) == truth) > 0.75


def test_vote_probabilities_equal_full_model_if_every_class_is_a_candidate() -> None:
    votes = with_every_class(0)
    few, many = fit_one_accuracy_per_rater(votes, votes.answers, None), fit_one_accuracy_on_candidates(votes, FREE)
    rng = np.random.default_rng(0)
    items, raters, answers = rng.integers(0, 60, 200), rng.integers(0, 6, 200), rng.integers(0, 3, 200)
    cells = few.model.matrices_of(votes.raters)[raters, :, answers]
    expected = (few.posterior.values[items] * cells).sum(axis=1)
    np.testing.assert_allclose(many.compute_vote_probabilities(items, raters, answers), expected, atol=1e-9)
    truths = few.posterior.values[items, answers]
    np.testing.assert_allclose(many.compute_truth_probabilities(items, answers), truths, atol=1e-9)
    other, own = fit_dawid_skene(votes), fit_dawid_skene_on_candidates(votes, FREE, smoothing=0, pooling=4)
    expected = (other.posterior.values[items] * other.model.matrices_of(votes.raters)[raters, :, answers]).sum(axis=1)
    np.testing.assert_allclose(own.compute_vote_probabilities(items, raters, answers), expected, atol=1e-5)


def test_vote_for_another_class_has_the_probability_of_this_class() -> None:
    votes = Votes.from_columns(range(3), np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([2, 2, 4]), "ab", range(9))
    fit = fit_one_accuracy_on_candidates(votes, np.full(3, -1))
    fit = replace(fit, posterior=np.array([0.8, 0.9]), other_probability=np.array([0.02, 0.03]))
    items, answers = np.array([0, 1, 2]), np.array([5, 6, 7])
    accuracy = fit.matrices.compute_probabilities(np.array([0]))[0]
    own, wrong = np.array([0.02, 0.03, fit.prior[7]]) * accuracy, np.array([0.8, 0.9, 0]) * (1 - accuracy) / 8
    np.testing.assert_allclose(fit.compute_vote_probabilities(items, 0 * items, answers), own + wrong)
    assert fit.compute_truth_probabilities(items, answers).tolist() == [0.02, 0.03, fit.prior[7]]


def test_stacking_weighs_methods_on_candidates() -> None:
    votes, truth = cast_votes(5, items=300, raters=12, classes=300, each=4)
    result = aggregate(votes)
    assert result.method == "stacking"
    assert list(result.facts["weights"]) == ["majority", "onecoin", "em"]
    values = result.posterior.values
    np.testing.assert_allclose(values.sum(axis=1), 1)
    assert values.max() < 1
    assert np.mean(values.argmax(axis=1) == truth) >= np.mean(votes.counts().argmax(axis=1) == truth)
    rows = np.arange(20)
    experts = Votes.from_columns(rows, rows, 0 * rows, truth[:20], ("e",), votes.answers)
    for rated in (votes, votes.without_votes_on(rows)):
        golden = aggregate(rated, "stacking", experts=experts, rater_golden=votes.select_items(rows[:1]))
        assert golden.posterior.values[:20].tolist() == np.eye(300)[truth[:20]].tolist()
        assert "calibrated" in golden.facts["weights"]
        assert golden.facts["predicted_golden_items"] == (20 if rated is votes else 0)


def test_stacking_of_single_votes_is_finite() -> None:
    rows = np.arange(300)
    votes = Votes.from_columns(range(300), rows, 0 * rows, rows, ("ann",), tuple(range(300)))
    values = aggregate(votes, "stacking").posterior.values
    assert values.argmax(axis=1).tolist() == rows.tolist()
    np.testing.assert_allclose(values.sum(axis=1), 1)


def test_ebcc_is_ibcc_with_many_classes() -> None:
    votes, _ = cast_votes(4, items=60, raters=5, classes=300, each=3)
    assert (aggregate(votes, "ebcc").posterior.values == aggregate(votes, "ibcc").posterior.values).all()


@pytest.mark.parametrize("classes", [256, 257])
def test_scores_are_exclusive_for_any_number_of_classes(classes: int) -> None:
    """Scores are exclusive, so a class without a score was rejected, not unasked."""
    chosen, truth = chosen_images(3, items=600, raters=3, classes=classes, each=3, accuracy=0.9)
    one = np.zeros(50, int)
    experts = Votes.from_columns(
        chosen.items[:50], np.arange(50), one, truth[:50], ("e",), chosen.answers, classes=chosen.classes
    )
    assert has_many_classes(chosen) == (classes > 256)
    with pytest.warns(match="em gives no item the truth"):
        em = aggregate(chosen, "em")
    for result in (em, aggregate(chosen, "calibrated", experts=experts)):
        assert result.posterior.is_exclusive
        assert result.scores.is_exclusive


def test_errors_name_class_limit_and_required_pooling() -> None:
    none = np.empty(0, np.int64)
    assert message(check_class_count, Votes.from_columns((), none, none, none, (), range(4_097))) == (
        "too many classes for a rater model\n  allowed: up to 4,096\n  found:   4,097\n"
        "  fix:     use majority, or split the items into groups with fewer answers"
    )
    votes, truth = cast_votes(0, items=4, raters=2, classes=300, each=2)
    assert message(calibrate_on_candidates, votes, votes, truth, smoothing=1, pooling=0) == (
        "pooling must be above 0 for this number of classes\n  allowed: above 0\n  found:   0, with 300 classes\n"
        "  fix:     remove pooling, to use the default"
    )
    nothing = np.full(4, -1)
    assert code_of(calibrate_on_candidates, votes, votes, nothing, smoothing=0, pooling=4) == "missing-golden"
    more, _ = cast_votes(0, items=40, raters=6, classes=12, each=2)
    with pytest.warns(ConvergenceWarning, match="EM did not converge: after 2 iterations"):
        fit = fit_dawid_skene_on_candidates(more, np.full(40, -1), smoothing=0, pooling=0, max_iterations=2)
    assert (fit.has_converged, fit.objective_history.size) == (False, 2)
