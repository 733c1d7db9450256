"""Subsets of models: all at once compared with single counts, and a greedy order compared with all."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.proposals import subset_search
from reassess.proposals.proposed_pairs import ImageClassPairs
from reassess.proposals.subset_search import SubsetSearch, sum_over_subsets


@given(st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_subset_sums_equal_a_loop(models: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(-5, 9, 2**models)
    expected = [sum(int(counts[t]) for t in range(2**models) if t & ~s == 0) for s in range(2**models)]
    assert sum_over_subsets(counts).tolist() == expected


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.booleans())
@settings(max_examples=40)
def test_counts_by_subset_equal_single_counts(seed: int, models: int, exact: bool) -> None:
    rng = np.random.default_rng(seed)
    members, sends = rng.random((2, 60, models)) < rng.random((2, 1, models))
    pairs = ImageClassPairs(members, sends)
    valid = pairs.take_rows(rng.random(60) < 0.5)
    found = found_in(pairs, valid, exact)
    assert (len(found.n_hits), found.is_exact) == (2**models - 1 if exact else models, exact)
    for row in range(len(found.n_hits)):
        subset = found.models_of_subset(row)
        assert (found.n_candidates[row], found.n_hits[row], found.subset_sizes[row]) == (
            pairs.count_proposed_by(subset),
            valid.count_proposed_by(subset),
            subset.sum(),
        )
    assert found.models_of_subset(len(found.n_hits) - 1).all()
    candidates, hits = found.n_candidates[found.frontier_rows].tolist(), found.n_hits[found.frontier_rows].tolist()
    assert (candidates, hits) == (sorted(set(candidates)), sorted(set(hits)))
    assert (candidates[-1], hits[-1]) == (
        found.n_candidates[found.n_hits == found.n_hits.max()].min(),
        found.n_hits.max(),
    )


def found_in(pairs: ImageClassPairs, valid: ImageClassPairs, exact: bool) -> SubsetSearch:
    return (subset_search._measure_all_subsets if exact else subset_search._measure_greedy_search)(pairs, valid)


def test_greedy_order_takes_copies_and_noisy_models_last() -> None:
    """24 models: one is correct, 3 are copies with some further candidates, and 20 propose random classes."""
    rng = np.random.default_rng(0)
    valid = rng.random(2_000) < 0.3
    right = valid | (rng.random(2_000) < 0.02)
    copies = [right | (rng.random(2_000) < 0.01) for _ in range(3)]
    noisy = [rng.random(2_000) < rng.uniform(0.5, 0.9) for _ in range(20)]
    members = np.column_stack([*noisy, *copies, right])
    pairs = ImageClassPairs(members, np.ones_like(members))
    found = found_in(pairs, pairs.take_rows(valid), False)
    assert np.flatnonzero(found.models_of_subset(int(found.frontier_rows[-1]))).tolist() == [23]
