"""Precision and recall at every threshold are those of plain counting, and the published scores give the published
figures."""

import math
from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import Curve, Golden, Point, golden_truth, precision_recall
from reassess.core import Questions, Scores, Votes
from reassess.errors import DataError
from reassess.numeric import Proportion

VALUES = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0])
PAIRS = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), VALUES), min_size=1, max_size=25).filter(
    lambda pairs: any(valid for _, valid, _ in pairs)
)


def curve_of(pairs: list[tuple[str, bool, float]]) -> Curve:
    """A curve of (image, valid, score); the classes of an image are numbered."""
    questions = Questions.from_columns([image for image, _, _ in pairs], np.arange(len(pairs)))
    golden = Golden(questions, np.array([valid for _, valid, _ in pairs]))
    return Curve(golden, np.array([value for _, _, value in pairs], float))


def counted(pairs: list[tuple[str, bool, float]], threshold: float) -> tuple[int, int]:
    """Hits and kept pairs, one by one."""
    kept = [valid for _, valid, value in pairs if value >= threshold]
    return sum(kept), len(kept)


@given(PAIRS)
def test_there_is_a_point_for_each_different_score_and_its_counts_are_those_of_a_plain_loop(pairs: list[Any]) -> None:
    curve = curve_of(pairs)
    thresholds = sorted({value for _, _, value in pairs}, reverse=True)
    assert curve.thresholds.tolist() == thresholds
    expected = [counted(pairs, threshold) for threshold in thresholds]
    assert list(zip(curve.hits.tolist(), curve.kept.tolist(), strict=True)) == expected
    valid = sum(valid for _, valid, _ in pairs)
    assert curve.precision.tolist() == [hits / kept for hits, kept in expected]
    assert curve.recall.tolist() == [hits / valid for hits, _ in expected]
    assert [curve.point(row) for row in range(len(thresholds))] == [
        Point(threshold, hits, kept, valid) for threshold, (hits, kept) in zip(thresholds, expected, strict=True)
    ]


@given(PAIRS, VALUES)
def test_any_threshold_keeps_what_a_plain_loop_keeps(pairs: list[Any], threshold: float) -> None:
    valid = sum(valid for _, valid, _ in pairs)
    assert curve_of(pairs).at(threshold) == Point(threshold, *counted(pairs, threshold), valid)


@given(PAIRS)
def test_average_precision_is_the_sum_of_steps_in_exact_fractions(pairs: list[Any]) -> None:
    valid, before, total = sum(valid for _, valid, _ in pairs), 0, Fraction(0)
    for threshold in sorted({value for _, _, value in pairs}, reverse=True):
        hits, kept = counted(pairs, threshold)
        total += Fraction(hits - before, valid) * Fraction(hits, kept)
        before = hits
    assert curve_of(pairs).average_precision == pytest.approx(float(total), abs=1e-12)


@given(PAIRS, st.randoms())
def test_the_order_of_the_pairs_does_not_matter_even_where_scores_are_equal(pairs: list[Any], random: Random) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)
    first, second = curve_of(pairs), curve_of(shuffled)
    assert first.average_precision == second.average_precision
    assert first.hits.tolist() == second.hits.tolist()


@given(PAIRS)
def test_a_growing_function_of_the_scores_changes_no_figure(pairs: list[Any]) -> None:
    ranks = {value: i for i, value in enumerate(sorted({value for _, _, value in pairs}))}
    moved = curve_of([(image, valid, ranks[value] / 100) for image, valid, value in pairs])
    assert moved.average_precision == curve_of(pairs).average_precision


def test_perfect_scores_reach_1_and_equal_scores_the_share_of_valid_pairs() -> None:
    assert curve_of([("a", True, 0.9), ("a", False, 0.1), ("b", True, 0.8)]).average_precision == 1
    assert curve_of([("a", True, 0.5), ("a", False, 0.5), ("b", False, 0.5)]).average_precision == 1 / 3


# --- operating points -----------------------------------------------------------------------------------------------


@given(PAIRS, st.floats(0, 1))
def test_with_precision_no_point_that_reaches_it_has_more_recall(pairs: list[Any], least: float) -> None:
    curve = curve_of(pairs)
    points = [curve.point(row) for row in range(curve.thresholds.size)]
    reaching = [point for point in points if point.precision.value >= least]
    if not reaching:
        best = max(points, key=lambda point: (point.precision.value, point.threshold))
        with pytest.raises(DataError) as caught:
            curve.with_precision(least)
        assert str(caught.value) == (
            "no threshold reaches this precision\n"
            f"  allowed: up to {best.precision.value}, at threshold {best.threshold}\n"
            f"  found:   {least}"
        )
        return
    assert curve.with_precision(least) == max(reaching, key=lambda point: (point.hits, -point.kept))


@given(PAIRS, st.floats(0, 1))
def test_with_recall_no_point_that_reaches_it_has_more_precision(pairs: list[Any], least: float) -> None:
    curve = curve_of(pairs)
    points = [curve.point(row) for row in range(curve.thresholds.size)]
    reaching = [point for point in points if point.recall.value >= least]
    assert curve.with_recall(least) == max(reaching, key=lambda point: (point.precision.value, point.hits))


@given(PAIRS)
def test_with_best_f1_no_point_has_a_higher_one(pairs: list[Any]) -> None:
    curve = curve_of(pairs)

    def f1(point: Point) -> Fraction:
        return Fraction(2 * point.hits, point.kept + point.valid)

    points = [curve.point(row) for row in range(curve.thresholds.size)]
    assert curve.with_best_f1() == max(points, key=lambda point: (f1(point), point.hits))


@pytest.mark.parametrize("bad", [-0.1, 1.5, math.nan, math.inf])
@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("at", "threshold out of range"),
        ("with_precision", "precision to reach out of range"),
        ("with_recall", "recall to reach out of range"),
    ],
)
def test_what_is_no_share_is_refused(method: str, what: str, bad: float) -> None:
    curve = curve_of([("a", True, 0.5)])
    with pytest.raises(DataError) as caught:
        getattr(curve, method)(bad)
    assert str(caught.value) == f"{what}\n  allowed: 0 to 1\n  found:   {bad}"


def test_where_nothing_is_kept_there_is_no_precision_and_a_recall_of_0() -> None:
    point = curve_of([("a", True, 0.5)]).at(0.9)
    assert (point.precision, point.recall) == (Proportion(0, 0), Proportion(0, 1))
    assert point.to_json() == {"threshold": 0.9, "precision": None, "recall": 0.0}


# --- bootstrap ------------------------------------------------------------------------------------------------------


@given(PAIRS, VALUES, st.integers(0, 3))
def test_intervals_are_those_of_drawing_images_one_by_one(pairs: list[Any], threshold: float, seed: int) -> None:
    images = list(dict.fromkeys(image for image, _, _ in pairs))
    draws = np.random.default_rng(seed).integers(len(images), size=(40, len(images)))
    precisions, recalls = [], []
    for draw in draws.tolist():
        again = [pair for i in draw for pair in pairs if pair[0] == images[i]]
        (hits, kept), valid = counted(again, threshold), sum(valid for _, valid, _ in again)
        precisions += [hits / kept] if kept else []
        recalls += [hits / valid] if valid else []
    bands = curve_of(pairs).bands(np.array([threshold]), replicates=40, seed=seed)
    for (interval,), shares in ((bands.precision, precisions), (bands.recall, recalls)):
        tail = -(-len(shares) // 40)  # of n values that were drawn, so many lie at or beyond each bound
        expected = (sorted(shares)[tail - 1], sorted(shares)[-tail]) if shares else None
        assert interval == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_intervals_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    pairs = [(f"{i % 31}", bool(rng.integers(2)), float(rng.random())) for i in range(120)]
    whole = curve_of(pairs).bands(np.array([0.2, 0.5, 0.9]), replicates=500)
    monkeypatch.setattr("reassess.aggregation.curves._BLOCK", 31 * 7)
    parts = curve_of(pairs).bands(np.array([0.2, 0.5, 0.9]), replicates=500)
    assert (whole.precision, whole.recall) == (parts.precision, parts.recall)


def test_the_same_seed_gives_the_same_intervals_and_another_others() -> None:
    rng = np.random.default_rng(3)
    curve = curve_of([(f"{i % 31}", bool(rng.integers(2)), float(rng.random())) for i in range(120)])
    first, again, other = (curve.bands(np.array([0.5]), replicates=200, seed=seed) for seed in (0, 0, 1))
    assert first.precision == again.precision != other.precision


def test_of_one_image_every_draw_is_the_same() -> None:
    bands = curve_of([("a", True, 0.9), ("a", False, 0.9), ("a", True, 0.1)]).bands(np.array([0.5]))
    assert (bands.precision, bands.recall) == (((0.5, 0.5),), ((0.5, 0.5),))


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, -0.5, 2.0])
def test_a_score_that_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(DataError) as caught:
        curve_of([("a", True, 0.5), ("b", True, value)])
    assert str(caught.value) == (
        f"score out of range\n  where:   image b, class 1\n  allowed: 0 to 1\n  found:   {value}"
    )


def test_golden_pairs_that_were_never_rated_are_refused() -> None:
    golden = Golden(Questions.from_columns(["a", "b", "b"], np.array([1, 1, 2])), np.array([True, False, True]))
    scores = Scores(Questions.from_columns(["b"], np.array([1])), np.array([0.5]))
    with pytest.raises(DataError) as caught:
        precision_recall(scores, golden)
    assert str(caught.value) == (
        "golden pairs that are not in the scores\n"
        "  found:   2 of 3: image a, class 1, image b, class 2\n"
        "  fix:     take both from one release, or leave these pairs out of the golden answers"
    )


# --- the published scores -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(real_scores: Scores, real_votes: Callable[[str], Votes]) -> Curve:
    return precision_recall(real_scores, golden_truth(real_votes("golden.npz")))


def test_the_published_scores_have_the_measured_average_precision(published: Curve) -> None:
    assert round(published.average_precision, 5) == 0.89324


@pytest.mark.parametrize(
    ("threshold", "digits", "precision", "recall"),
    [(0.8, 5, 0.89767, 0.77823), (0.5, 3, 0.842, 0.819), (0.95, 3, 0.922, 0.714)],
)
def test_the_published_scores_have_the_measured_precision_and_recall(
    published: Curve, threshold: float, digits: int, precision: float, recall: float
) -> None:
    point = published.at(threshold)
    assert (round(point.precision.value, digits), round(point.recall.value, digits)) == (precision, recall)


def test_the_published_counts_at_0_8(published: Curve) -> None:
    assert published.at(0.8) == Point(0.8, hits=193, kept=215, valid=248)


@pytest.mark.parametrize("seed", range(3))
def test_the_bootstrap_over_images_gives_the_measured_intervals(published: Curve, seed: int) -> None:
    bands = published.bands(np.array([0.8]), seed=seed)
    assert bands.precision[0] == pytest.approx((0.858, 0.934), abs=0.002)
    assert bands.recall[0] == pytest.approx((0.724, 0.830), abs=0.002)
