"""Ranking of models: order, intervals of ranks, and differences by original labels that vanish."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.comparison import Panel, compare, rank_models
from reassess.core import LabelSets
from reassess.numeric.proportions import adjust_p_values
from tests.helpers import code_of, message

pytestmark = pytest.mark.filterwarnings("ignore:.* agrees with the original labels on")  # random models

KINDS = ("real_hits", "original_hits", "lead_change")
N = 400
IMAGES = [f"{i:03}.png" for i in range(N)]
LABELS = LabelSets.from_lists(IMAGES, [[0, 1] if i % 4 == 0 else [0] if i % 5 else [] for i in range(N)])
ORIGINAL = LabelSets.from_lists(IMAGES, [[1] if i % 4 == 0 else [0] for i in range(N)])


def panel_of(shares: list[float], seed: int = 0, original: LabelSets | None = ORIGINAL) -> Panel:
    """Models that predict class 0 on a share of images, and otherwise class 2."""
    rng = np.random.default_rng(seed)
    predicted = {f"model {i}": np.where(rng.random(N) < share, 0, 2) for i, share in enumerate(shares)}
    return Panel.from_predictions(predicted, LABELS, original=original)


def test_models_are_ranked_by_hits_and_ties_share_rank() -> None:
    correct = np.zeros(N, int)
    # "c" is correct only by original labels, on images with an empty label set.
    predicted = {
        "b": correct,
        "c": np.where(LABELS.sizes == 0, 0, 5 + 2 * (np.arange(N) % 2)),
        "a": correct,
        "half": np.where(np.arange(N) % 2, 0, 2),
    }
    ranking = rank_models(Panel.from_predictions(predicted, LABELS, original=ORIGINAL))
    assert ranking.models == ("a", "b", "half", "c")
    assert ranking.ranks.tolist() == [1, 1, 3, 4]
    assert (ranking.rank_low.tolist(), ranking.rank_high.tolist()) == ([1, 1, 3, 4], [1, 1, 3, 4])
    scored = N - N // 5 + N // 20
    assert [part.hits for part in ranking.real_accuracies] == [scored, scored, 160, 0]
    assert [part.n for part in ranking.real_accuracies] == [scored] * 4
    assert [part.hits for part in ranking.original_accuracies] == [300, 300, 200, 60]
    assert ranking.original_ranks.tolist() == [1, 1, 3, 4]
    assert str(ranking).splitlines()[2] == "    3 [3, 3]  47.06 % half"


def test_neighbours_have_holm_p_values() -> None:
    panel = panel_of([0.9, 0.5, 0.8, 0.85])
    ranking = rank_models(panel)
    pairs = list(pairwise(ranking.models))
    assert [(pair.model_a, pair.model_b) for pair in ranking.neighbours] == pairs
    every = [compare(panel, a, b) for a, b in combinations(ranking.models, 2)]
    by_holm = adjust_p_values([pair.real_hits.p_value for pair in every])
    corrected = dict(zip([(pair.model_a, pair.model_b) for pair in every], by_holm, strict=True))
    assert [pair.real_hits.holm_p_value for pair in ranking.neighbours] == [
        pytest.approx(corrected[pair]) for pair in pairs
    ]


def test_correction_for_all_pairs_applies_to_neighbours() -> None:
    """Each of ten models is correct on 7 more images than the next; p is 0.016, before correction for 45 tests."""
    predicted = {f"model {i}": np.where(np.arange(N) < 7 * i, 2, 0) for i in range(10)}
    labels = LabelSets.from_lists(IMAGES, [[0]] * N)
    ranking = rank_models(Panel.from_predictions(predicted, labels))
    assert all(pair.real_hits.p_value < 0.05 for pair in ranking.neighbours)
    assert all(pair.verdict.startswith("no significant difference between ") for pair in ranking.neighbours)
    assert ranking.gaps is None


@settings(max_examples=25)
@given(st.integers(0, 1000))
def test_gap_vanishes_if_only_original_labels_differ_significantly(seed: int) -> None:
    """On a quarter of the images, classes 0 and 1 are valid and the label is 1; models pick 1 at different rates."""
    rng = np.random.default_rng(seed)
    quarter = np.arange(N) % 4 == 0
    predicted = {}
    for i, (accuracy, original_share) in enumerate(rng.uniform((0.8, 0), (0.9, 1), (5, 2))):
        valid_class = np.where(quarter & (rng.random(N) < original_share), 1, 0)
        predicted[f"model {i}"] = np.where(rng.random(N) < accuracy, valid_class, 2)
    panel = Panel.from_predictions(predicted, LABELS, original=ORIGINAL)
    ranking = rank_models(panel, replicates=40)
    pairs = list(combinations(ranking.models, 2))
    uncorrected = [compare(panel, a, b) for a, b in pairs]
    verdicts = [
        replace(
            pair,
            **{kind: replace(getattr(pair, kind), holm_p_value=p) for kind, p in zip(KINDS, corrected, strict=True)},
        )
        for pair, *corrected in zip(
            uncorrected,
            *(adjust_p_values([getattr(pair, kind).p_value for pair in uncorrected]).tolist() for kind in KINDS),
            strict=True,
        )
    ]
    assert ranking.gaps.n_pairs == len(verdicts)
    assert ranking.gaps.n_by_original == sum(pair.original_hits.winner_sign != 0 for pair in verdicts)
    assert ranking.gaps.n_by_real == sum(pair.real_hits.winner_sign != 0 for pair in verdicts)
    expected = [
        (pair.model_a, pair.model_b) if pair.original_hits.winner_sign > 0 else (pair.model_b, pair.model_a)
        for pair in verdicts
        if pair.original_hits.winner_sign
        and not pair.real_hits.winner_sign
        and pair.lead_change.winner_sign == -pair.original_hits.winner_sign
    ]
    changed = [pair for pair in verdicts if pair.lead_change.winner_sign]
    gaining = {
        (pair.model_a, pair.model_b) if pair.lead_change.winner_sign > 0 else (pair.model_b, pair.model_a)
        for pair in changed
    }
    assert {(ranking.models[a], ranking.models[b]) for a, b in ranking.gaps.changed_pairs.tolist()} == gaining
    assert [tuple(ranking.models[i] for i in pair) for pair in ranking.gaps.vanished_pairs.tolist()] == expected
    opposite = [
        (pair.model_a, pair.model_b)
        for pair in verdicts
        if pair.original_hits.winner_sign * pair.real_hits.winner_sign < 0
    ]
    assert {frozenset(ranking.models[i] for i in pair) for pair in ranking.gaps.reversed_pairs.tolist()} == set(
        map(frozenset, opposite)
    )


def test_gap_may_be_reversed() -> None:
    quarter = np.arange(N) % 4 == 0
    predicted = {"real": np.where(quarter, 0, np.where(np.arange(N) % 8 == 1, 2, 0)), "orig": np.where(quarter, 1, 0)}
    predicted["orig"][1::4] = 2
    ranking = rank_models(Panel.from_predictions(predicted, LABELS, original=ORIGINAL))
    assert ranking.models == ("real", "orig")
    assert ranking.to_json()["gaps"] == {
        "pairs": 1,
        "significant_pairs": {"original": 1, "real": 1},
        "lead_changes": 1,
        "vanished": [],
        "reversed": [{"better_by_original": "orig", "other": "real"}],
    }


def test_ranking_depends_on_seed_but_not_on_order() -> None:
    panel = panel_of([0.8, 0.82, 0.84, 0.7])
    predicted = dict(zip(panel.models, panel.top1, strict=True))
    order = np.random.default_rng(1).permutation(N)
    labels = LabelSets.from_lists(*zip(*[(IMAGES[i], LABELS[IMAGES[i]]) for i in order], strict=True))
    shuffled = {name: ids[order] for name, ids in predicted.items()}
    expected = rank_models(panel, seed=3).to_json()
    for other in (
        Panel.from_predictions(dict(reversed(predicted.items())), LABELS, original=ORIGINAL),
        Panel.from_predictions(shuffled, labels, original=ORIGINAL),
        Panel.from_ids(panel.models, np.stack(list(shuffled.values())), labels, original=ORIGINAL),
    ):
        assert rank_models(other, seed=3).to_json() == expected
    assert len({str(rank_models(panel, replicates=40, seed=seed)) for seed in range(9)}) > 1


def test_rank_intervals_have_nominal_coverage() -> None:
    """Five models with shares 3 points apart; the true order is that of the shares."""
    shares = [0.9, 0.87, 0.84, 0.81, 0.78]
    covered = 0
    for seed in range(100):
        ranking = rank_models(panel_of(shares, seed=seed), replicates=200, seed=seed)
        true = np.array([int(name[-1]) + 1 for name in ranking.models])
        covered += int(((ranking.rank_low <= true) & (true <= ranking.rank_high)).sum())
    assert covered / 500 >= 0.93


def test_gaps_need_original_labels_and_neighbours_need_two_models() -> None:
    ranking = rank_models(panel_of([0.9, 0.8], original=None))
    document = ranking.to_json()
    assert (ranking.original_accuracies, document["gaps"]) == (None, None)
    assert [(entry["original"], entry["original_rank"]) for entry in document["models"]] == [(None, None)] * 2
    ranking = rank_models(panel_of([0.9]))
    assert (len(ranking), ranking.ranks.tolist(), ranking.neighbours, ranking.gaps.n_pairs) == (1, [1], (), 0)


def test_unscored_images_and_bad_replicates_raise() -> None:
    panel = Panel.from_predictions({"a": np.zeros(2, int)}, LabelSets.from_lists(["x", "y"], [[], []]))
    assert code_of(rank_models, panel) == "none-scored"
    assert message(rank_models, panel_of([0.9]), replicates=39) == (
        "too few replicates for a 95 % interval\n  allowed: 40 or more\n  found:   39"
    )
    assert message(rank_models, panel_of([0.9]), replicates=10**20) == (
        "too many replicates\n  allowed: up to 100,000\n  found:   100,000,000,000,000,000,000"
    )
