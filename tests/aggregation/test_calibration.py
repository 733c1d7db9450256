"""Rater models measured on golden items, and posteriors from them."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import aggregate, calibrate, posterior
from reassess.core import Posterior, Questions, RaterModel, Votes
from tests.helpers import WORDS, code_of, message, votes_of

ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)
TRUTH = st.lists(st.integers(-1, 1), min_size=5, max_size=5)


def golden(rows: Sequence[Sequence[int]]) -> Votes:
    return votes_of(rows, items=tuple("vwxyz"), raters=(1, 2, 3))


@given(ROWS, TRUTH, st.sampled_from([0, 1, 0.5]), st.sampled_from([0, 4, 0.5]))
def test_calibration_matches_loop(rows: Any, truth: Any, smoothing: float, pooling: float) -> None:
    golden_rows = [row for row in rows if truth[row[0]] >= 0]
    if not golden_rows:
        return
    model = calibrate(golden(rows), np.array(truth), smoothing=smoothing, pooling=pooling)
    measured = [r for r in range(3) if any(row[1] == r for row in golden_rows)]
    assert model.raters == tuple(r + 1 for r in measured)

    def shares(counts: list[float]) -> list[float]:
        return [x / sum(counts) for x in counts] if sum(counts) else [1 / 3] * 3

    for t, typical in ((0, [1 / 2, 1 / 3, 1 / 6]), (1, [1 / 6, 1 / 3, 1 / 2])):
        everyone = [sum((truth[i], aa) == (t, a) for i, _, aa in golden_rows) for a in range(3)]
        mean = shares([smoothing + n + pooling * x for n, x in zip(everyone, typical, strict=True)])
        for matrix, r in zip(model.matrices, measured, strict=True):
            own = [sum((truth[i], rr, aa) == (t, r, a) for i, rr, aa in golden_rows) for a in range(3)]
            expected = shares([smoothing + n + pooling * x for n, x in zip(own, mean, strict=True)])
            assert matrix[t].tolist() == pytest.approx(expected)
        assert np.array_equal(model.matrices_of(["nobody"]), model.fallback_matrix[None])
        if pooling:
            assert model.fallback_matrix[t].tolist() == pytest.approx(shares([smoothing + pooling * x for x in mean]))
        else:
            np.testing.assert_allclose(model.fallback_matrix, model.matrices.mean(axis=0))
    known = truth.count(0) + truth.count(1)
    assert model.prior[1] == pytest.approx((truth.count(1) + pooling / 2) / (known + pooling))


VOTES = votes_of([(0, 0, 0)])
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "golden items without a vote": (lambda: calibrated([-1, 0, 1]), "missing-golden"),
    "truth of another length": (lambda: calibrated([1, 0]), "wrong-shape"),
    "unknown truth": (lambda: calibrated([1, 2, 0]), "out-of-range"),
    "smoothing": (lambda: calibrated([1, 0, -1], smoothing=math.inf), "out-of-range"),
    "pooling": (lambda: calibrated([1, 0, -1], pooling=-1), "out-of-range"),
    "shape of a model": (lambda: a_model(raters=("ann", "bo")), "wrong-shape"),
    "row of a model": (lambda: a_model(fallback_matrix=np.full((2, 3), 0.4)), "not-a-distribution"),
    "NaN in a model": (lambda: a_model(prior=np.array([math.nan, 1])), "not-a-distribution"),
    "answer of a model twice": (lambda: a_model(answers=("no", "no", "yes")), "duplicate-name"),
    "unknown answer": (lambda: posterior(votes_of([(0, 0, 0)], answers=("sure", "no")), a_model()), "unknown-name"),
    "prior": (lambda: posterior(VOTES, a_model(), prior=[1.5, -0.5]), "not-a-distribution"),
    "extra votes on other items": (lambda: with_extra(votes_of([(0, 0, 0)], items=("x", "z", "y"))), "different-items"),
    "extra votes of other truths": (lambda: with_extra(VOTES, truths=("no", "yes")), "different-classes"),
    "posterior of an unknown truth": (lambda: posterior(VOTES, a_model()).probabilities_of("sure"), "unknown-name"),
    "scores of plain items": (lambda: posterior(VOTES, a_model()).to_scores(), "not-on-questions"),
}


def calibrated(truth: Sequence[int], **options: Any) -> RaterModel:
    return calibrate(votes_of([(0, 0, 2)]), np.array(truth), **options)


def with_extra(votes: Votes, **changed: Any) -> Posterior:
    return posterior(VOTES, a_model(), extra_votes=votes, extra_model=a_model(**changed))


@pytest.mark.parametrize("name", BAD)
def test_bad_input_raises(name: str) -> None:
    call, code = BAD[name]
    assert code_of(call) == code


def a_model(**changed: Any) -> RaterModel:
    matrix = np.array([[0.8, 0.1, 0.1], [0.25, 0.25, 0.5]])
    parts = {"raters": ("ann",), "truths": ("invalid", "valid"), "answers": WORDS, "matrices": matrix[None]}
    return RaterModel(
        **{**parts, "fallback_matrix": np.full((2, 3), 1 / 3), "prior": np.array([0.75, 0.25]), **changed}
    )


@given(ROWS, st.integers(0, 1_000))
def test_posterior_matches_loop(rows: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    votes, truths = golden(rows), ("a", "b", "c")
    matrices = generator.dirichlet(np.ones(3), (2, 3))
    model = RaterModel((1, 2), truths, WORDS, matrices, generator.dirichlet(np.ones(3), 3), np.array([0.5, 0.3, 0.2]))
    values = posterior(votes, model).values
    for i in range(len(votes.items)):
        weights = [
            model.prior[t] * math.prod(model.matrices_of([r])[0, t, WORDS.index(a)] for r, a in votes.votes_on(i))
            for t in range(3)
        ]
        assert values[i].tolist() == pytest.approx([weight / sum(weights) for weight in weights])


def test_extra_rater_counts_like_any_rater() -> None:
    model, other = a_model(), a_model(raters=("label",), matrices=np.array([[[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]]))
    both = a_model(raters=("ann", "label"), matrices=np.concatenate([model.matrices, other.matrices]))
    votes = votes_of([(0, 0, 2), (1, 0, 1)], raters=("ann",))
    label = votes_of([(0, 0, 0), (2, 0, 2)], raters=("label",))
    expected = posterior(votes.append(label), both)
    np.testing.assert_allclose(posterior(votes, model, extra_votes=label, extra_model=other).values, expected.values)
    assert posterior(votes, model, prior=[0.5, 0.5]).values[2].tolist() == [0.5, 0.5]


def test_thousand_votes_on_an_item_do_not_underflow() -> None:
    votes = votes_of([(0, 0, 0)] * 1_000 + [(1, 0, 0)] * 499 + [(1, 0, 2)] * 500, raters=("ann",))
    model = a_model(matrices=np.array([[[0.6, 0.1, 0.3], [0.3, 0.1, 0.6]]]), prior=np.array([0.5, 0.5]))
    assert posterior(votes, model).probabilities_of("valid").tolist() == pytest.approx([0, 2 / 3, 0.5])


def test_tiny_probabilities_do_not_underflow() -> None:
    model = a_model(matrices=np.array([[[1 - 2e-200, 1e-200, 1e-200], [1 - 4e-200, 3e-200, 1e-200]]]))
    votes = votes_of([(0, 0, 1), (0, 0, 1)], raters=("ann",))
    assert posterior(votes, model).probabilities_of("valid")[0] == pytest.approx(0.25 * 9 / (0.75 + 0.25 * 9))


def test_impossible_votes_raise() -> None:
    model = a_model(matrices=np.array([[[1.0, 0, 0], [0, 0.5, 0.5]]]))
    assert message(posterior, votes_of([(1, 0, 0), (1, 0, 2)]), model) == (
        "votes on an item have probability 0 for every truth\n  where:   item y\n  found:   ann: no, ann: yes\n"
        "  fix:     measure the raters with pooling above 0"
    )


def test_posterior_of_questions_gives_scores() -> None:
    questions = Questions.from_columns(["a", "b"], np.array([1, 1]))
    result = Posterior(questions, ("invalid", "valid"), np.array([[0.2, 0.8], [0.9, 0.1]]))
    assert result.to_scores().values.tolist() == [0.8, 0.1]
    assert result.to_scores("invalid").values.tolist() == [0.2, 0.9]
    assert result.most_likely().tolist() == [1, 0]


@given(ROWS)
def test_majority_reports_ties_and_items_without_votes(rows: Any) -> None:
    result = aggregate(golden(rows), "majority")
    answers = [[row[2] for row in rows if row[0] == i] for i in range(5)]
    counts = [[of_item.count(a) for a in range(3)] for of_item in answers if of_item]
    assert result.posterior.values.tolist() == [[c / sum(row) for c in row] for row in counts]
    assert result.facts == {"ties": sum(row.count(max(row)) > 1 for row in counts), "without_votes": 5 - len(counts)}


def test_mean_takes_known_or_integer_weights() -> None:
    rows = [(0, 0, 2), (0, 1, 1), (1, 0, 0), (2, 0, 2)]
    assert aggregate(votes_of(rows), "mean").posterior.probabilities_of("valid").tolist() == [0.75, 0, 1]
    codes = votes_of([(0, 0, 1), (0, 1, 0), (1, 0, 1)], ("x", "y"), answers=(0, 1))
    assert aggregate(codes, "mean").posterior.probabilities_of("valid").tolist() == [0.5, 1]
    assert message(aggregate, votes_of([(0, 0, 0)], answers=("cat", "dog", "emu")), "mean") == (
        "the mean of these answers is not defined\n  allowed: no, maybe, yes, or integer codes\n"
        "  found:   cat, dog, emu\n  fix:     use majority"
    )
    assert message(aggregate, votes_of([(0, 0, 0), (1, 0, 1)], answers=(1, 2)), "mean") == (
        "the mean of these answers is not a probability\n  allowed: no, maybe, yes, or codes from 0 to 1\n"
        "  found:   1, 2\n  fix:     use em or majority"
    )
