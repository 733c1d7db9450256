"""The search for subsets of too many models: its counts one by one, and what it finds against all subsets."""

import math
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.proposals.local_search import Changes, local_search
from reassess.proposals.proposed_pairs import Pairs
from tests.proposals.simulated_pairs import of_every_subset, simulated

Bools = npt.NDArray[np.bool_]
MODELS = 10
RECALLS = (0.8, 0.9, 0.95, 0.99)


def changed(subset: Bools, drop: int, add: int) -> Bools:
    """One after the last model is none."""
    models = (set(np.flatnonzero(subset).tolist()) - {drop}) | ({add} if add < subset.size else set())
    return np.isin(np.arange(subset.size), list(models))


@given(st.integers(0, 2**32 - 1), st.integers(1, 11))
@settings(max_examples=40)
def test_every_change_is_counted_as_a_subset_of_its_own(seed: int, models: int) -> None:
    rng = np.random.default_rng(seed)
    members, sends = rng.random((2, 60, models)) < rng.random((2, 1, models))
    pairs, subset = Pairs(members, sends), rng.random(models) < rng.random()
    counts = Changes(pairs)(subset)
    for drop, add in product(range(models + 1), repeat=2):
        assert counts[drop, add] == pairs.count(changed(subset, drop, add)), (drop, add)


def least(proposals: Pairs, hits: Pairs, need: int) -> tuple[int, Bools]:
    """What the search finds."""
    found = [s for s in local_search(Changes(proposals), Changes(hits), need) if hits.count(s) >= need]
    best = min(found, key=proposals.count)
    return proposals.count(best), best


def test_it_finds_nearly_the_fewest_proposals_of_all_subsets() -> None:
    """Of 80 cases with copies of models and with noisy ones; the docs have more of them, of more models."""
    ratios = []
    for seed in range(20):
        proposals, hits = simulated(seed, MODELS, 200, copies=seed % 5, noisy=seed % 4)
        counts, reached = of_every_subset(proposals), of_every_subset(hits)
        for recall in RECALLS:
            need = math.ceil(recall * int(reached.max()))
            ratios.append(least(proposals, hits, need)[0] / counts[reached >= need].min())
    assert min(ratios) == 1
    assert np.mean(np.array(ratios) == 1) >= 0.95
    assert max(ratios) < 1.05


@pytest.mark.parametrize("seed", range(4))
def test_no_change_of_one_model_or_of_one_for_another_is_better(seed: int) -> None:
    proposals, hits = simulated(seed, 30, 60, copies=8, noisy=4)
    need = math.ceil(0.95 * hits.count(np.ones(30, bool)))
    fewest, best = least(proposals, hits, need)
    for drop, add in product(range(31), repeat=2):
        other = changed(best, drop, add)
        assert hits.count(other) < need or proposals.count(other) >= fewest


def test_a_copy_or_a_noisy_model_is_not_chosen() -> None:
    """Of 24 models: one that is right, 3 copies of it that say a little more, and 20 that say anything of any image."""
    rng = np.random.default_rng(0)
    valid = rng.random(2_000) < 0.3
    right = valid | (rng.random(2_000) < 0.02)
    copies = [right | (rng.random(2_000) < 0.01) for _ in range(3)]
    noisy = [rng.random(2_000) < rng.uniform(0.5, 0.9) for _ in range(20)]
    members = np.column_stack([*noisy, *copies, right])
    pairs = Pairs(members, np.ones_like(members))
    assert np.flatnonzero(least(pairs, pairs.part(valid), int(valid.sum()))[1]).tolist() == [23]


def test_two_models_that_help_only_together_are_found() -> None:
    """One proposes what is valid and sends no image, another sends all images and proposes nothing."""
    members, sends = np.zeros((2, 40, 4), bool)
    members[:20, 0] = True
    sends[:, 2] = True
    members[20:, 3] = True
    pairs = Pairs(members, sends)
    count, best = least(pairs, pairs.part(np.arange(20)), 20)
    assert (count, best.tolist()) == (20, [True, False, True, False])


def test_a_need_that_no_subset_reaches_gives_the_most_hits() -> None:
    proposals, hits = simulated(3, MODELS, 60, copies=3, noisy=2)
    found = local_search(Changes(proposals), Changes(hits), 10**6)
    most = hits.count(np.ones(MODELS, bool))
    reached = of_every_subset(hits)
    best = min((s for s in found if hits.count(s) == most), key=proposals.count)
    assert proposals.count(best) == of_every_subset(proposals)[reached == most].min()


def test_it_comes_by_all_models_and_by_each_subset_once() -> None:
    proposals, hits = simulated(5, 12, 80, copies=4, noisy=3)
    found = local_search(Changes(proposals), Changes(hits), 30)
    assert any(subset.all() for subset in found)
    assert all(subset.any() for subset in found)
    assert len({subset.tobytes() for subset in found}) == len(found) > 12
    again = local_search(Changes(proposals), Changes(hits), 30)
    assert [s.tolist() for s in found] == [s.tolist() for s in again]
