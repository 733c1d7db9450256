"""Krippendorff's alpha: published examples, a slow reference from the definition, and invariances."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import agreement as krippendorff
from reassess.aggregation.agreement import count_coincidences, default_metric, krippendorff_alpha
from reassess.core import Classes, Votes
from tests.helpers import votes_of

# Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), section C: 4 observers, 12 units.
FOUR_OBSERVERS = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
# The example of many textbooks and of Wikipedia: 3 coders, 15 units.
THREE_CODERS = """
. . . . . 3 4 1 2 1 1 3 3 . 3
1 . 2 1 3 3 4 3 . . . . . . .
. . 2 1 3 4 4 . 2 1 1 3 3 . 4
"""


def parse(text: str) -> Votes:
    cells = [line.split() for line in text.strip().splitlines()]
    rows = [(i, r, int(x) - 1) for r, line in enumerate(cells) for i, x in enumerate(line) if x != "."]
    return numbered_votes(rows, items=len(cells[0]), raters=len(cells), answers=5)


def numbered_votes(rows: Sequence[Sequence[int]], *, items: int, raters: int, answers: int) -> Votes:
    return votes_of(rows, range(items), range(raters), range(1, answers + 1))


@pytest.mark.parametrize(
    ("text", "metric", "published"),
    [
        (FOUR_OBSERVERS, "nominal", 0.743),
        (FOUR_OBSERVERS, "ordinal", 0.815),
        (THREE_CODERS, "nominal", 0.691),
        (THREE_CODERS, "ordinal", 0.807),
    ],
)
def test_alpha_equals_published_examples(text: Any, metric: str, published: float) -> None:
    assert krippendorff_alpha(parse(text), metric=metric) == pytest.approx(published, abs=5e-4)


def test_coincidences_equal_published_table() -> None:
    expected = [[7, 4 / 3, 1 / 3, 1 / 3, 0], [4 / 3, 10, 4 / 3, 1 / 3, 0], [1 / 3, 4 / 3, 8, 1 / 3, 0]]
    expected += [[1 / 3, 1 / 3, 1 / 3, 4, 0], [0, 0, 0, 0, 3]]
    np.testing.assert_allclose(count_coincidences(parse(FOUR_OBSERVERS)), expected)


def reference(rows: Sequence[Sequence[int]], metric: str) -> Fraction | None:
    """Compute alpha in exact fractions, over every ordered pair of votes on every item."""
    by_item: dict[int, list[int]] = {}
    for item, _, answer in rows:
        by_item.setdefault(item, []).append(answer)
    paired = [answers for answers in by_item.values() if len(answers) > 1]
    values = [answer for answers in paired for answer in answers]

    def distance(a: int, b: int) -> Fraction:
        low, high = sorted((a, b))
        if metric == "nominal":
            return Fraction(low != high)
        between = sum(values.count(g) for g in range(low, high + 1))
        return (between - Fraction(values.count(low) + values.count(high), 2)) ** 2 if low != high else Fraction(0)

    observed = sum(Fraction(sum(distance(a, b) for a, b in permutations(x, 2)), len(x) - 1) for x in paired)
    expected = Fraction(sum(distance(a, b) for a, b in permutations(values, 2)), max(len(values) - 1, 1))
    return None if expected == 0 else 1 - observed / expected


ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3)), max_size=25)


@given(ROWS, st.sampled_from(["nominal", "ordinal"]))
def test_alpha_matches_reference_with_missing_and_repeated_votes(rows: Any, metric: str) -> None:
    expected = reference(rows, metric)
    result = krippendorff_alpha(numbered_votes(rows, items=6, raters=4, answers=4), metric=metric)
    assert result == (None if expected is None else pytest.approx(float(expected), abs=1e-12))


@given(ROWS, st.permutations(range(6)))
def test_alpha_does_not_depend_on_block_size_or_item_order(rows: Any, order: list[int]) -> None:
    votes = numbered_votes(rows, items=6, raters=4, answers=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(krippendorff, "_COUNTS_PER_BLOCK", 4)
        small = count_coincidences(votes)
    np.testing.assert_array_equal(small, count_coincidences(votes))
    moved = [(order[item], rater, answer) for item, rater, answer in rows]
    assert krippendorff_alpha(numbered_votes(moved, items=6, raters=4, answers=4)) == krippendorff_alpha(votes)


def test_metric_is_ordinal_only_for_known_words_and_numbers() -> None:
    def metric(*answers: Any, **options: Any) -> str:
        return default_metric(votes_of([(0, 0, 0)], answers=answers, **options))

    assert metric("no", "maybe", "yes") == metric("no", "yes") == metric(1, 2, 5) == "ordinal"
    assert metric("bird", "cat") == metric(0, 1, classes=Classes(2)) == "nominal"
