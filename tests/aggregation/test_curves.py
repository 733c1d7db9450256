"""Precision and recall at every threshold match plain counts."""

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import Curve, GoldenQuestions, Point
from reassess.core import Questions
from reassess.numeric import Proportion
from tests.helpers import code_of, message

VALUES = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0])
PAIRS = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), VALUES), min_size=1, max_size=25).filter(
    lambda pairs: any(valid for _, valid, _ in pairs)
)


def curve_of(pairs: list[tuple[str, bool, float]]) -> Curve:
    """A curve of (image, valid, score) rows, each with its own class."""
    questions = Questions.from_columns([image for image, _, _ in pairs], np.arange(len(pairs)))
    golden = GoldenQuestions(questions, np.array([valid for _, valid, _ in pairs]))
    return Curve(golden, np.array([value for _, _, value in pairs], float))


def counted(pairs: list[tuple[str, bool, float]], threshold: float) -> tuple[int, int]:
    """Count hits and kept pairs."""
    kept = [valid for _, valid, value in pairs if value >= threshold]
    return sum(kept), len(kept)


@given(PAIRS, VALUES)
def test_points_match_loop_over_distinct_scores(pairs: list[Any], threshold: float) -> None:
    curve = curve_of(pairs)
    thresholds = sorted({value for _, _, value in pairs}, reverse=True)
    assert curve.thresholds.tolist() == thresholds
    expected = [counted(pairs, each) for each in thresholds]
    assert list(zip(curve.n_hits.tolist(), curve.n_kept_questions.tolist(), strict=True)) == expected
    valid = sum(valid for _, valid, _ in pairs)
    assert curve.precision.tolist() == [hits / kept for hits, kept in expected]
    assert curve.recall.tolist() == [hits / valid for hits, _ in expected]
    assert points_of(curve) == [
        Point(each, hits, kept, valid) for each, (hits, kept) in zip(thresholds, expected, strict=True)
    ]
    assert curve.point_at_threshold(threshold) == Point(threshold, *counted(pairs, threshold), valid)


def points_of(curve: Curve) -> list[Point]:
    return [curve.point_at_row(row) for row in range(curve.thresholds.size)]


@given(PAIRS)
def test_average_precision_matches_exact_fractions(pairs: list[Any]) -> None:
    valid, before, total = sum(valid for _, valid, _ in pairs), 0, Fraction(0)
    for threshold in sorted({value for _, _, value in pairs}, reverse=True):
        hits, kept = counted(pairs, threshold)
        total += Fraction(hits - before, valid) * Fraction(hits, kept)
        before = hits
    assert curve_of(pairs).average_precision == pytest.approx(float(total), abs=1e-12)


@given(PAIRS, st.floats(0, 1))
def test_chosen_point_is_best_that_reaches_goal(pairs: list[Any], least: float) -> None:
    curve = curve_of(pairs)
    points = points_of(curve)
    reaching = [point for point in points if point.recall.value >= least]
    assert curve.max_precision_at_recall(least) == max(
        reaching, key=lambda point: (point.precision.value, point.n_hits)
    )
    f1 = {point: Fraction(2 * point.n_hits, point.n_kept_questions + point.n_valid) for point in points}
    assert curve.max_f1_point() == max(points, key=lambda point: (f1[point], point.n_hits))
    reaching = [point for point in points if point.precision.value >= least]
    if reaching:
        assert curve.max_recall_at_precision(least) == max(
            reaching, key=lambda point: (point.n_hits, -point.n_kept_questions)
        )
        return
    best = max(points, key=lambda point: (point.precision.value, point.threshold))
    assert message(curve.max_recall_at_precision, least) == (
        "no threshold reaches this precision\n"
        f"  allowed: up to {best.precision.value}, at threshold {best.threshold}\n  found:   {least}"
    )


@pytest.mark.parametrize("bad", [-0.1, 1.5, math.nan, math.inf])
@pytest.mark.parametrize("method", ["point_at_threshold", "max_recall_at_precision", "max_precision_at_recall"])
def test_goals_and_scores_outside_0_to_1_raise(method: str, bad: float) -> None:
    assert code_of(getattr(curve_of([("a", True, 0.5)]), method), bad) == "out-of-range"
    assert code_of(curve_of, [("a", True, 0.5), ("b", True, bad)]) == "out-of-range"


def test_nothing_kept_has_no_precision_and_recall_0() -> None:
    point = curve_of([("a", True, 0.5)]).point_at_threshold(0.9)
    assert (point.precision, point.recall) == (Proportion(0, 0), Proportion(0, 1))
    assert point.to_json() == {"threshold": 0.9, "precision": None, "recall": 0.0}


@given(PAIRS, VALUES, st.integers(0, 3))
def test_intervals_match_images_drawn_one_by_one(pairs: list[Any], threshold: float, seed: int) -> None:
    images = list(dict.fromkeys(image for image, _, _ in pairs))
    draws = np.random.default_rng(seed).integers(len(images), size=(40, len(images)))
    precisions: list[float] = []
    recalls: list[float] = []
    for draw in draws.tolist():
        sample = [pair for i in draw for pair in pairs if pair[0] == images[i]]
        (hits, kept), valid = counted(sample, threshold), sum(valid for _, valid, _ in sample)
        precisions += [hits / kept] if kept else []
        recalls += [hits / valid] if valid else []
    bands = curve_of(pairs).bands(np.array([threshold]), replicates=40, seed=seed)
    kept_pairs = [pair for pair in pairs if pair[2] >= threshold]
    valid_pairs = [pair for pair in pairs if pair[1]]
    cases = (
        (bands.precision, precisions, kept_pairs, [pair[1] for pair in kept_pairs]),
        (bands.recall, recalls, valid_pairs, [pair[2] >= threshold for pair in valid_pairs]),
    )
    for (interval,), shares, of_share, are_hits in cases:
        if len(set(are_hits)) == 1:
            # Clopper and Pearson's interval, as if the pairs of an image were all hits or all misses.
            per_image = Counter(image for image, _, _ in of_share)
            bound = 0.025 ** (sum(n**2 for n in per_image.values()) / len(are_hits) ** 2)
            assert interval == pytest.approx((bound, 1) if are_hits[0] else (0, 1 - bound), abs=1e-9)
            continue
        tail = -(-len(shares) // 40)  # number of values at or beyond each bound
        expected = (sorted(shares)[tail - 1], sorted(shares)[-tail]) if shares else None
        assert interval == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_intervals_do_not_depend_on_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    pairs = [(f"{i % 31}", bool(rng.integers(2)), float(rng.random())) for i in range(120)]
    whole = curve_of(pairs).bands(np.array([0.2, 0.5, 0.9]), replicates=500)
    monkeypatch.setattr("reassess.aggregation.curves._IMAGES_PER_BLOCK", 31 * 7)
    parts = curve_of(pairs).bands(np.array([0.2, 0.5, 0.9]), replicates=500)
    assert (whole.precision, whole.recall) == (parts.precision, parts.recall)
