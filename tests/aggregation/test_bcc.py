"""Bayesian classifier combination: an independent reference in plain numpy, and properties of every fit."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma, gammaln, logsumexp

from reassess.aggregation import PinnedItems, fit_bcc
from reassess.core import VALIDITY, Votes
from reassess.errors import ConvergenceWarning
from tests.helpers import RealFile, code_of, read_public_crowd

Floats = npt.NDArray[np.float64]


def dirichlet_divergence(counts: Floats, prior: Floats) -> float:
    """Kullback-Leibler divergence of one Dirichlet distribution from another."""
    total, prior_total = counts.sum(), prior.sum()
    constants = gammaln(total) - gammaln(counts).sum() - gammaln(prior_total) + gammaln(prior).sum()
    return float(constants + ((counts - prior) * (digamma(counts) - digamma(total))).sum())


def reference_bcc(
    votes: Votes, start: Floats, rater_prior: Floats, *, truth_prior: float, iterations: int, pinned: dict[int, int]
) -> tuple[Floats, list[float]]:
    """Return the posterior of truth and subtype, shape (items, truths, subtypes), and the bound at each E-step."""
    n_items, truths, subtypes = start.shape
    raters, answers = len(votes.raters), len(votes.answers)
    triples = [
        (i, votes.raters.index(rater), votes.answers.index(answer))
        for i in range(n_items)
        for rater, answer in votes.votes_on(i)
    ]
    counted = sorted({i for i, *_ in triples} | set(pinned))
    q = start.copy()
    for i, truth in pinned.items():
        within = q[i, truth] / q[i, truth].sum() if q[i, truth].sum() else np.full(subtypes, 1 / subtypes)
        q[i] = 0
        q[i, truth] = within
    bounds = []
    for _ in range(iterations):
        alpha = np.repeat(rater_prior[:, :, None, :], subtypes, axis=2)  # raters, truths, subtypes, answers
        for i, r, a in triples:
            alpha[r, :, :, a] += q[i]
        nu = truth_prior + q[counted].sum(axis=(0, 2))
        eta = 0.1 + q[counted].sum(axis=0)
        bound = -dirichlet_divergence(nu, np.full(truths, truth_prior))
        logs = np.zeros_like(q)
        for t in range(truths):
            bound -= dirichlet_divergence(eta[t], np.full(subtypes, 0.1))
            for m in range(subtypes):
                logs[:, t, m] += digamma(nu[t]) - digamma(nu.sum()) + digamma(eta[t, m]) - digamma(eta[t].sum())
                for r in range(raters):
                    bound -= dirichlet_divergence(alpha[r, t, m], rater_prior[r, t])
                for i, r, a in triples:
                    logs[i, t, m] += digamma(alpha[r, t, m, a]) - digamma(alpha[r, t, m].sum())
        for i in counted:
            row = np.full_like(logs[i], -np.inf) if i in pinned else logs[i]
            if i in pinned:
                row[pinned[i]] = logs[i, pinned[i]]
            total = logsumexp(row)
            bound += total
            q[i] = np.exp(row - total)
        bounds.append(bound)
    for i in set(range(n_items)) - set(counted):
        q[i] = (nu / nu.sum())[:, None] * eta / eta.sum(axis=1, keepdims=True)
    assert answers == rater_prior.shape[2]
    return q, bounds


@st.composite
def problems(draw: st.DrawFn) -> tuple[Votes, Floats, Floats, dict[int, int]]:
    """Draw votes, a start, a prior of each rater's matrix, and the truths of pinned items."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    items, raters, answers = draw(st.integers(1, 8)), draw(st.integers(1, 4)), draw(st.integers(2, 4))
    subtypes, n_votes = draw(st.integers(1, 3)), draw(st.integers(1, 25))
    columns = rng.integers(0, items, n_votes), rng.integers(0, raters, n_votes), rng.integers(0, answers, n_votes)
    votes = Votes.from_columns(range(items), *columns, range(raters), range(answers))
    start = rng.dirichlet(np.ones(answers * subtypes), items).reshape(items, answers, subtypes)
    prior = rng.uniform(0.1, 3, (raters, answers, answers))
    rows = rng.choice(items, draw(st.integers(0, items // 2)), replace=False)
    return votes, start, prior, {int(row): int(rng.integers(answers)) for row in rows}


def fit(votes: Votes, start: Floats, prior: Floats, truths: dict[int, int], **options: Any) -> Any:
    pinned = PinnedItems.from_truths(
        np.array([*truths], int), np.array([*truths.values()], int), n_truths=len(prior[0])
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit_bcc(votes, subtypes=start.shape[2], rater_prior=prior, start=start, pinned=pinned, **options)


@given(problems(), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=40)
def test_fit_equals_the_reference(problem: Any, iterations: int, threads: int) -> None:
    votes, start, prior, pinned = problem
    answers = len(votes.answers)
    expected, bounds = reference_bcc(votes, start, prior, truth_prior=4 / answers, iterations=iterations, pinned=pinned)
    result = fit(votes, start, prior, pinned, tolerance=1e-300, max_iterations=iterations, threads=threads)
    np.testing.assert_allclose(result.subtype_posterior, expected, atol=1e-9)
    np.testing.assert_allclose(result.bound_history, bounds[: len(result.bound_history)], rtol=1e-9, atol=1e-9)


@given(problems())
@settings(max_examples=40)
def test_bound_never_falls(problem: Any) -> None:
    bounds = fit(*problem, tolerance=1e-9, max_iterations=200).bound_history
    assert (np.diff(bounds) >= -1e-9 * np.abs(bounds[1:])).all()


@given(problems(), st.integers(0, 100))
@settings(max_examples=30)
def test_names_and_order_do_not_change_the_fit(problem: Any, seed: int) -> None:
    votes, start, prior, pinned = problem
    rng = np.random.default_rng(seed)
    items, raters, answers = (rng.permutation(n) for n in (len(votes.items), len(votes.raters), len(votes.answers)))
    order = rng.permutation(len(votes))
    columns = items[votes.item_ids[order]], raters[votes.rater_ids[order]], answers[votes.answer_ids[order]]
    other = Votes.from_columns(range(items.size), *columns, range(raters.size), range(answers.size))
    back = np.argsort(items), np.argsort(raters), np.argsort(answers)
    first = fit(votes, start, prior, pinned, tolerance=1e-300, max_iterations=20)
    second = fit(
        other,
        start[back[0]][:, back[2]],
        prior[back[1]][:, back[2]][:, :, back[2]],
        {int(items[row]): int(answers[truth]) for row, truth in pinned.items()},
        tolerance=1e-300,
        max_iterations=20,
    )
    np.testing.assert_allclose(second.posterior.values[items][:, answers], first.posterior.values, atol=1e-9)
    np.testing.assert_allclose(second.bound, first.bound, rtol=1e-9)


def simulate_blind_spot(seed: int = 0) -> tuple[Votes, npt.NDArray[np.int64]]:
    """Simulate good raters who nearly all fail on a fifth of the items."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 400)
    is_hard = rng.random(400) < 0.2
    answers = np.where(rng.random((400, 7)) < np.where(is_hard, 0.15, 0.9)[:, None], truth[:, None], 1 - truth[:, None])
    rows, raters = np.divmod(np.arange(2_800), 7)
    return Votes.from_columns(range(400), rows, raters, answers.ravel(), range(7), ("no", "yes")), truth


def test_subtypes_find_errors_that_raters_share(real_file: RealFile) -> None:
    votes, truth = read_public_crowd(real_file("zencrowd-us"))
    shares = [np.mean(fit_bcc(votes, subtypes=n).posterior.most_likely() == truth) for n in (1, 10)]
    assert shares[0] < 0.84 < 0.9 < shares[1]


def test_random_start_depends_on_the_seed_and_on_names_only() -> None:
    votes, _ = simulate_blind_spot()
    order = np.random.default_rng(1).permutation(400)
    values = fit_bcc(votes, subtypes=3, seed=5).posterior.values
    shuffled = fit_bcc(votes.select_items(order), subtypes=3, seed=5).posterior.values
    np.testing.assert_allclose(shuffled, values[order], atol=1e-9)
    assert (fit_bcc(votes, subtypes=3, seed=5).posterior.values == values).all()
    assert (fit_bcc(votes, subtypes=3, seed=6).posterior.values != values).any()


def test_best_of_several_starts_is_kept() -> None:
    votes, _ = simulate_blind_spot()
    bounds = [fit_bcc(votes, subtypes=3, seed=seed).bound for seed in range(3)]
    assert fit_bcc(votes, subtypes=3, restarts=3).bound == max(bounds)


def test_validity_is_the_truth_of_questions_with_three_answers() -> None:
    votes, truth = simulate_blind_spot()
    scale = votes.with_possible_answers(("no", "maybe", "yes"))
    values = fit_bcc(scale, truths=VALIDITY).posterior.probabilities_of("valid")
    assert np.mean((values > 0.5) == truth) > 0.75


def test_bad_options_are_refused() -> None:
    votes, _ = simulate_blind_spot()
    for options in (
        {"subtypes": 0},
        {"restarts": 0},
        {"tolerance": 0.0},
        {"threads": 0},
        {"pooling": 0.0},
        {"pooling": -1.0},
        {"rater_prior": np.zeros((2, 2))},
        {"rater_prior": np.full((2, 2), np.nan)},
        {"seed": -1},
        {"seed": 2**64},
    ):
        assert code_of(fit_bcc, votes, **options) == "out-of-range"
    for start in (np.full((400, 2, 1), 0.4), np.tile([[1.5], [-0.5]], (400, 1, 1))):
        assert code_of(fit_bcc, votes, start=start) == "not-a-distribution"
    for options in ({"rater_prior": np.ones((3, 2))}, {"start": np.ones((400, 2, 2)) / 4}):
        assert code_of(fit_bcc, votes, **options) == "wrong-shape"
    anonymous = replace(votes, rater_ids=np.full(len(votes), -1, np.int32), raters=())
    assert code_of(fit_bcc, anonymous) == "missing-raters"
    with pytest.warns(ConvergenceWarning):
        fit_bcc(votes, max_iterations=1)
