"""Dependent raters: pairs who copy are reported, independent raters are not."""

import math
import statistics
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation import Dependence, fit_dawid_skene
from reassess.aggregation import agreement as module
from reassess.aggregation.agreement import find_dependent_raters
from reassess.core import Questions, Votes
from tests.helpers import WORDS

MATRICES = np.array([[0.85, 0.10, 0.05], [0.15, 0.65, 0.20], [0.05, 0.15, 0.80]])


def simulate(
    rng: np.random.Generator, *, raters: int = 20, items: int = 2_000, each: int = 5, copied: float = 0.0
) -> Votes:
    """Votes of `each` raters on each item; the last rater copies a share of the previous rater's answers."""
    truth = rng.choice(3, items, p=[0.6, 0.2, 0.2])
    answers = (rng.random((raters, items, 1)) > np.cumsum(MATRICES, axis=1)[truth][None, :, :-1]).sum(axis=-1)
    answers[-1] = np.where(rng.random(items) < copied, answers[max(raters - 2, 0)], answers[-1])
    cast = np.argsort(rng.random((items, raters)), axis=1)[:, :each]
    rows = np.repeat(np.arange(items), each)
    return Votes.from_columns(range(items), rows, cast.ravel(), answers[cast.ravel(), rows], range(raters), WORDS)


def test_copying_pair_is_reported_with_counts() -> None:
    result = find_dependent_raters(simulate(np.random.default_rng(0), copied=1))
    pair = result.pairs[0]
    assert [pair.raters for pair in result.pairs] == [(18, 19)]
    assert pair.n_agreements == pair.n_common == pair.n_clusters
    assert 0.4 * pair.n_common < pair.expected_agreements < 0.8 * pair.n_common
    assert pair.z > 5
    assert (result.n_tested, result.n_untested) == (190, 0)


def test_independent_raters_are_rarely_reported() -> None:
    alarms = [bool(find_dependent_raters(simulate(np.random.default_rng(seed), items=800)).pairs) for seed in range(40)]
    assert sum(alarms) <= 5  # with a false alarm rate of 5 %, the probability of at most 5 in 40 is 98.6 %
    half = find_dependent_raters(simulate(np.random.default_rng(1), items=8_000, copied=0.5))
    assert [pair.raters for pair in half.pairs] == [(18, 19)]


def hard_items(seed: int, *, raters: int = 15, items: int = 1_000, copied: float = 0.0) -> Votes:
    """Everyone votes on every item; three items in ten are hard, with 80 % guesses. The last rater may copy."""
    rng = np.random.default_rng(seed)
    truth, guess = rng.integers(0, 3, items), 0.8 * (rng.random(items) < 0.3)
    answers = np.where(rng.random((raters, items)) < 0.85, truth, (truth + rng.integers(1, 3, (raters, items))) % 3)
    answers = np.where(rng.random((raters, items)) < guess, rng.integers(0, 3, (raters, items)), answers)
    answers[-1] = np.where(rng.random(items) < copied, answers[-2], answers[-1])
    rows = np.indices(answers.shape).reshape(2, -1)
    return Votes.from_columns(range(items), rows[1], rows[0], answers.ravel(), range(raters), WORDS)


def test_hard_items_neither_raise_alarms_nor_hide_copiers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds = range(12)
    # With a false alarm rate of 5 %, the probability of at most 2 alarms is 98 %.
    assert sum(bool(find_dependent_raters(hard_items(seed)).pairs) for seed in seeds) <= 2
    copied = [find_dependent_raters(hard_items(seed, copied=0.5)) for seed in seeds]
    assert [[pair.raters for pair in result.pairs] for result in copied].count([(13, 14)]) >= 11
    assert all(result.median_excess_agreement > 0.3 for result in copied)
    monkeypatch.setattr(module, "_median_and_robust_spread", lambda _: (0.0, 1.0))
    assert sum(bool(find_dependent_raters(hard_items(seed)).pairs) for seed in seeds) >= 8


def reference(votes: Votes, model: Any) -> Iterator[tuple[Any, ...]]:
    """Compute common items, agreements, expected agreements and both variances of each pair in plain loops."""
    images = votes.items.image_ids.tolist() if isinstance(votes.items, Questions) else range(len(votes.items))
    row_of = {name: i for i, name in enumerate(votes.raters)}
    sums: dict[tuple[int, int], npt.NDArray[np.float64]] = {}
    residuals: dict[tuple[int, int, int], float] = {}
    for item, image in enumerate(images):
        on_item = [(row_of[r], votes.answers.index(a)) for r, a in votes.votes_on(item)]
        for i, (r, a) in enumerate(on_item):
            for s, b in on_item[i + 1 :]:
                weights = []
                for t, p in enumerate(model.prior):
                    others = [model.matrices[x, t, y] for x, y in on_item if x not in (r, s)]
                    weights.append(p * math.prod(others))
                agreement = [sum(model.matrices[r, t] * model.matrices[s, t]) for t in range(len(weights))]
                e = sum(w * x for w, x in zip(weights, agreement, strict=True)) / sum(weights)
                row = sums.setdefault((min(r, s), max(r, s)), np.zeros(4))
                row += [1, a == b, e, e * (1 - e)]
                key = min(r, s), max(r, s), image
                residuals[key] = residuals.get(key, 0) + (a == b) - e
    for (r, s), row in sums.items():
        squares = [x**2 for (rr, ss, _), x in residuals.items() if (rr, ss) == (r, s)]
        yield (votes.raters[r], votes.raters[s]), (*row, sum(squares), len(squares))


@pytest.mark.parametrize("shuffled", [False, True])
def test_pairs_match_loop_over_votes(monkeypatch: pytest.MonkeyPatch, shuffled: bool) -> None:
    rng = np.random.default_rng(3)
    votes = simulate(rng, raters=5, items=120, each=4)
    images = rng.permutation(np.arange(120) // 3) if shuffled else np.arange(120) // 3
    questions = Questions.from_columns([f"{i}.png" for i in images], np.arange(120))
    votes = Votes(questions, votes.indptr, votes.rater_ids, votes.answer_ids, votes.raters, WORDS)
    monkeypatch.setattr(module, "_select_significant", tuple)
    model = fit_dawid_skene(
        votes, truths=WORDS, answer_weights=np.eye(3), smoothing=0.1, pooling=0, tolerance=1e-4
    ).model
    pairs = {pair.raters: pair for pair in find_dependent_raters(votes).pairs}
    expected = dict(reference(votes, model))
    assert pairs.keys() == expected.keys()
    excesses = {raters: (row[1] - row[2]) / math.sqrt(max(row[3:5])) for raters, row in expected.items()}
    median = statistics.median(excesses.values())
    spread = 1.4826 * statistics.median(abs(z - median) for z in excesses.values())
    for raters, (common, agreed, e, _, _, clusters) in expected.items():
        pair = pairs[raters]
        assert (pair.n_common, pair.n_agreements, pair.n_clusters) == (common, agreed, clusters)
        assert pair.expected_agreements == pytest.approx(e)
        assert pair.z == pytest.approx((excesses[raters] - median) / max(spread, 1))


def test_first_vote_of_rater_on_item_counts() -> None:
    votes = simulate(np.random.default_rng(5), copied=1)
    assert find_dependent_raters(votes.append(votes)) == find_dependent_raters(votes)


def test_fewer_than_three_pairs_are_not_tested() -> None:
    """Two raters give the same answers on all 300 items, and thirty others vote on ten items each."""
    rng = np.random.default_rng(0)
    truth, items = rng.integers(0, 2, 300), np.arange(300)
    answers = np.where(rng.random((3, 300)) < 0.85, truth, 1 - truth)
    answers[1] = answers[0]
    raters = np.stack([0 * items, 1 + 0 * items, 2 + items % 30])
    votes = Votes.from_columns(items, np.tile(items, 3), raters.ravel(), answers.ravel(), range(32), ("no", "yes"))
    assert find_dependent_raters(votes) == Dependence(pairs=(), n_tested=0, n_untested=61)


@pytest.mark.parametrize(
    ("raters", "items", "tested", "untested"),
    [(6, 19, 0, 15), (6, 20, 15, 0), (2, 50, 0, 0), (1, 50, 0, 0), (6, 0, 0, 0)],
)
def test_few_raters_and_pairs_with_few_common_items_are_not_tested(
    raters: int, items: int, tested: int, untested: int
) -> None:
    result = find_dependent_raters(simulate(np.random.default_rng(7), raters=raters, items=items, each=raters))
    assert (result.n_tested, result.n_untested) == (tested, untested)


def test_too_many_raters_are_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    votes = simulate(np.random.default_rng(0), raters=4, items=100, each=4)
    result = find_dependent_raters(replace(votes, answer_ids=0 * votes.answer_ids))  # all answers are equal
    assert (result.pairs, result.n_tested) == ((), 6)
    monkeypatch.setattr(module, "_MAX_CELLS", 4**2 * 3 - 1)
    assert find_dependent_raters(votes).n_tested == 0
