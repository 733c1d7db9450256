"""Many classes: the same model, where the truth of an item is a class with a vote on it."""

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.aggregation import PinnedItems, aggregate, calibrate, fit_dawid_skene, posterior
from reassess.aggregation.candidate_classes import CandidateFit, calibrate_on_candidates, fit_dawid_skene_on_candidates
from reassess.aggregation.em import normalize_rows
from reassess.aggregation.em_inputs import check_class_count, has_many_classes
from reassess.core import Classes, Votes
from reassess.core.class_votes import count_chosen_classes
from reassess.errors import ConvergenceWarning
from tests.helpers import code_of, message

Ints = npt.NDArray[np.int64]


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
    pinned = np.full(60, -1)
    if pin:
        pinned[:5] = [0, 1, 2, 2, 1]
    few = fit_dawid_skene(
        votes,
        smoothing=smoothing,
        pooling=pooling,
        pinned=PinnedItems.from_truths(np.arange(60), pinned, n_truths=3) if pin else None,
    )
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
def test_scores_of_images_are_those_of_candidates() -> None:
    chosen, _ = chosen_images(2, items=50, raters=5, classes=300, each=3)
    result = aggregate(chosen, "em")
    questions, _ = count_chosen_classes(chosen)
    assert (result.model, result.facts["without_votes"], result.facts["converged"]) == (None, 1, True)
    assert result.scores.questions.class_ids.tolist() == questions.class_ids.tolist()
    np.testing.assert_allclose(np.bincount(result.scores.questions.image_ids, result.scores.values), 1)


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
