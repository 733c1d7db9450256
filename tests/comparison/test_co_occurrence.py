"""Pairs of classes that are valid together match a plain count; and known pairs of the ReaL label sets."""

from collections import Counter
from itertools import combinations
from random import Random
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import co_occurrence
from reassess.comparison.mistake_kinds import MIN_CO_OCCURRENCES
from reassess.core import Classes, LabelSets
from tests.helpers import numbered_labels

SETS = st.lists(st.sets(st.integers(0, 6), max_size=5), max_size=12)


def count_pairs(sets: list[set[int]]) -> Counter[tuple[int, int]]:
    return Counter(pair for ids in sets for pair in combinations(sorted(ids), 2))


@given(SETS, st.randoms(use_true_random=False))
def test_pairs_do_not_depend_on_order_of_images(sets: Any, random: Random) -> None:
    counts = co_occurrence(numbered_labels(sets))
    pairs = [tuple(pair) for pair in counts.class_pairs.tolist()]
    expected = count_pairs(sets)
    assert dict(zip(pairs, counts.image_counts.tolist(), strict=True)) == expected
    assert pairs == sorted(expected, key=lambda pair: (-expected[pair], pair))
    assert [tuple(p) for p in counts.select_frequent_pairs(2).tolist()] == [
        pair for pair in pairs if expected[pair] >= 2
    ]
    random.shuffle(sets)
    assert co_occurrence(numbered_labels(sets)).class_pairs.tolist() == counts.class_pairs.tolist()


def test_json_contains_most_frequent_pairs() -> None:
    labels = LabelSets.from_lists(["a", "b"], [[0, 1], [0, 1, 2]], Classes(3, names=("cup", "mug, beaker", "pot")))
    assert co_occurrence(labels).to_json(labels.classes, max_pairs=1) == [
        {"classes": [{"class": 0, "name": "cup"}, {"class": 1, "name": "mug, beaker"}], "images": 2}
    ]


def test_most_frequent_pair_of_real_is_desktop_computer_and_monitor(real_labels: LabelSets) -> None:
    counts = co_occurrence(real_labels)
    assert counts.class_pairs[:3].tolist() == [[527, 664], [836, 837], [526, 664]]
    assert counts.image_counts[:3].tolist() == [155, 153, 148]
    assert (len(counts), counts.image_counts.sum(), len(counts.select_frequent_pairs(MIN_CO_OCCURRENCES))) == (
        5_883,
        16_058,
        1_060,
    )


def test_three_quarters_of_pairs_on_three_images_recur_in_other_half(
    real_labels: LabelSets,
) -> None:
    """The threshold for classes that often co-occur was chosen by this result."""
    rng, sets = np.random.default_rng(0), [ids for ids in real_labels.classes_by_image().values() if len(ids) > 1]
    recurs: dict[int, list[bool]] = {n: [] for n in (1, 2, 3)}
    for _ in range(4):
        half = rng.random(len(sets)) < 0.5
        halves = ([ids for ids, is_in in zip(sets, part, strict=True) if is_in] for part in (half, ~half))
        first, second = map(count_pairs, halves)
        for pair, n in first.items():
            recurs.get(n, []).append(pair in second)
    assert [round(float(np.mean(recurs[n])), 1) for n in (1, 2, 3)] == [0.2, 0.6, 0.8]
    assert 0.74 < np.mean(recurs[MIN_CO_OCCURRENCES]) < 0.80
