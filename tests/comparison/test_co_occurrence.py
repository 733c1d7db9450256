"""Pairs of classes that are valid together, against a plain count; and what the real label sets hold."""

from collections import Counter
from itertools import combinations
from random import Random
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import co_occurrence
from reassess.comparison.taxonomy import OFTEN
from reassess.core import Classes, LabelSets
from tests.helpers import numbered_labels

SETS = st.lists(st.sets(st.integers(0, 6), max_size=5), max_size=12)


def plain(sets: list[set[int]]) -> Counter[tuple[int, int]]:
    return Counter(pair for ids in sets for pair in combinations(sorted(ids), 2))


@given(SETS, st.randoms(use_true_random=False))
def test_pairs_are_counted_and_ordered_whatever_the_order_of_the_images(sets: Any, random: Random) -> None:
    counts = co_occurrence(numbered_labels(sets))
    pairs = [tuple(pair) for pair in counts.pairs.tolist()]
    expected = plain(sets)
    assert dict(zip(pairs, counts.images.tolist(), strict=True)) == expected
    assert pairs == sorted(expected, key=lambda pair: (-expected[pair], pair))
    assert [tuple(p) for p in counts.at_least(2).tolist()] == [pair for pair in pairs if expected[pair] >= 2]
    random.shuffle(sets)
    assert co_occurrence(numbered_labels(sets)).pairs.tolist() == counts.pairs.tolist()


def test_the_json_names_the_most_frequent_pairs() -> None:
    labels = LabelSets.from_lists(["a", "b"], [[0, 1], [0, 1, 2]], Classes(3, names=("cup", "mug, beaker", "pot")))
    assert co_occurrence(labels).to_json(labels.classes, most=1) == [
        {"classes": [{"class": 0, "name": "cup"}, {"class": 1, "name": "mug, beaker"}], "images": 2}
    ]


def test_reals_most_frequent_pair_is_desktop_computer_and_monitor(real_labels: LabelSets) -> None:
    counts = co_occurrence(real_labels)
    assert counts.pairs[:3].tolist() == [[527, 664], [836, 837], [526, 664]]
    assert counts.images[:3].tolist() == [155, 153, 148]
    assert (len(counts), counts.images.sum(), len(counts.at_least(OFTEN))) == (5_883, 16_058, 1_060)


def test_of_pairs_on_three_images_of_a_half_of_real_three_quarters_are_found_in_the_other_half(
    real_labels: LabelSets,
) -> None:
    """From which on two classes co-occur often enough to explain a mistake is chosen by this."""
    rng, sets = np.random.default_rng(0), [ids for ids in real_labels.sets().values() if len(ids) > 1]
    again: dict[int, list[bool]] = {n: [] for n in (1, 2, 3)}
    for _ in range(4):
        half = rng.random(len(sets)) < 0.5
        one, other = (plain([ids for ids, here in zip(sets, part, strict=True) if here]) for part in (half, ~half))
        for pair, n in one.items():
            again.get(n, []).append(pair in other)
    assert [round(float(np.mean(again[n])), 1) for n in (1, 2, 3)] == [0.2, 0.6, 0.8]
    assert 0.74 < np.mean(again[OFTEN]) < 0.80
