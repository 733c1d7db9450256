"""Information per vote: its definition, and the coverage of its interval in simulations."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.numeric import Information, information
from reassess.numeric.information import draw_resample_counts, measure_vote_information, mutual_information

SHARES = st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any).map(lambda x: [n / sum(x) for n in x])


def entropy(shares: npt.NDArray[Any]) -> float:
    return -sum(p * math.log2(p) for p in shares if p > 0)


@given(SHARES, st.tuples(SHARES, SHARES, SHARES))
def test_information_is_drop_in_entropy_after_a_vote(prior: Any, matrix: tuple[Any, Any, Any]) -> None:
    answers = [sum(prior[t] * matrix[t][a] for t in range(3)) for a in range(3)]
    remaining = sum(q * entropy([prior[t] * matrix[t][a] / q for t in range(3)]) for a, q in enumerate(answers) if q)
    assert float(mutual_information(matrix, prior)) == pytest.approx(entropy(prior) - remaining, abs=2e-6)


def test_information_of_perfect_and_uninformative_raters() -> None:
    prior = np.array([0.75, 0.25])
    assert float(mutual_information(np.eye(2), prior)) == pytest.approx(entropy(prior))
    # A rater who is always wrong is as informative.
    assert float(mutual_information(np.eye(2)[::-1], prior)) == pytest.approx(entropy(prior))
    assert mutual_information([[0.2, 0.3, 0.5]] * 2, prior) == 0
    assert mutual_information([[1, 0], [0, 1]], [1, 0]) == 0


MATRICES = {
    "good": [[0.93, 0.04, 0.03], [0.10, 0.15, 0.75]],
    "fair": [[0.84, 0.06, 0.10], [0.50, 0.15, 0.35]],
    "perfect": [[1, 0, 0], [0, 0, 1]],
    "at random": [[0.78, 0.07, 0.15]] * 2,
    "constant": [[0, 0, 1]] * 2,
}
PRIOR = np.array([0.78, 0.22])
IMAGES, QUESTIONS, DUPLICATES = 155, 7, 200


def simulate(
    matrix: npt.NDArray[Any], rng: np.random.Generator, *, images: int = IMAGES, questions: int = QUESTIONS
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Simulate a rater; return votes, shape (images, truths, answers), and questions by image and truth."""
    truth = rng.choice(2, (images, questions), p=PRIOR)
    answers = (rng.random(truth.shape)[..., None] > np.cumsum(matrix, axis=1)[truth][..., :-1]).sum(axis=-1)
    cells = np.eye(6)[truth * 3 + answers].sum(axis=1)
    return cells.reshape(images, 2, 3), np.stack([(truth == t).sum(axis=1) for t in (0, 1)], axis=1).astype(float)


def estimates(name: str, **size: Any) -> Any:
    rng = np.random.default_rng(1)
    weights = draw_resample_counts(size.get("images", IMAGES), n_resamples=500, seed=0)
    return [
        measure_vote_information(*simulate(np.array(MATRICES[name]), rng, **size), weights) for _ in range(DUPLICATES)
    ]


@pytest.mark.parametrize("name", ["good", "fair", "perfect"])
def test_interval_has_stated_coverage_and_estimate_is_unbiased(name: str) -> None:
    true = float(mutual_information(MATRICES[name], PRIOR))
    results = estimates(name)
    assert 0.90 <= np.mean([estimate.low <= true <= estimate.high for estimate in results]) <= 0.99
    bits = np.array([estimate.bits for estimate in results])
    assert abs(bits.mean() - true) < 3 * bits.std() / math.sqrt(DUPLICATES)
    assert all(0 < estimate.low <= estimate.bits <= estimate.high for estimate in results)


def test_interval_of_random_rater_includes_0() -> None:
    """Also on few questions; a rater whose answer never changes has exactly 0 bits."""
    results = estimates("at random")
    assert np.mean([estimate.low == 0 for estimate in results]) >= 0.97
    assert np.mean([estimate.bits for estimate in results]) < 0.001  # without correction it would be 0.0013
    assert np.mean([estimate.low == 0 for estimate in estimates("at random", images=40, questions=3)]) >= 0.90
    assert set(estimates("constant", images=20)) == {Information(0.0, 0.0, 0.0)}


@pytest.mark.parametrize("n", [1, 20, 200])
def test_information_is_at_most_the_entropy_of_the_truth(n: int) -> None:
    """Without this bound, the bias correction raises the estimate of a perfect rater."""
    counts = np.tile(np.eye(2), (n, 1, 1))
    weights = draw_resample_counts(n, n_resamples=400, seed=0)
    result = measure_vote_information(counts, np.ones((n, 2)), weights)
    assert (result.bits, result.high) == (1.0, 1.0)
    items = np.tile([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], (n, 1))  # two thirds of one truth
    counts = items[:, :, None] * np.eye(2)
    result = measure_vote_information(counts, items, draw_resample_counts(3 * n, n_resamples=400, seed=0))
    assert 0 <= result.low <= result.bits <= math.log2(3) - 2 / 3 <= result.high <= 1


def test_questions_of_one_image_are_not_independent() -> None:
    counts, items = simulate(np.array(MATRICES["good"]), np.random.default_rng(2), images=80, questions=1)
    weights = draw_resample_counts(80, n_resamples=2_000, seed=0)
    # Nine copies of a question carry as much information as one.
    assert measure_vote_information(9 * counts, 9 * items, weights) == measure_vote_information(counts, items, weights)


def test_truth_without_votes_gives_0_bits_without_nan() -> None:
    counts = np.zeros((5, 2, 3))
    counts[:, 0, 1] = 2
    assert measure_vote_information(
        counts, np.ones((5, 2)), draw_resample_counts(5, n_resamples=50, seed=0)
    ) == Information(0.0, 0.0, 0.0)


def test_interval_depends_on_seed_and_not_on_block_size() -> None:
    counts, items = simulate(np.array(MATRICES["fair"]), np.random.default_rng(3))
    weights = draw_resample_counts(IMAGES, n_resamples=300, seed=7)
    once = measure_vote_information(counts, items, weights)
    assert measure_vote_information(counts, items, draw_resample_counts(IMAGES, n_resamples=300, seed=7)) == once
    assert measure_vote_information(counts, items, draw_resample_counts(IMAGES, n_resamples=300, seed=8)) != once
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(information, "_CELLS_PER_BLOCK", 6)
        small = measure_vote_information(counts, items, weights)
    assert small.to_json() == pytest.approx(once.to_json())
