"""Curves of scores, and of scores made again without the golden answers that measure them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reassess import aggregation
from reassess.aggregation import (
    Curve,
    Goal,
    GoldenQuestions,
    MeasuredCurve,
    MeasuredRule,
    Point,
    aggregate,
    curve_points,
    golden_truth,
    measure_curves,
    operating_point,
)
from reassess.aggregation.golden_items import split_into_folds
from reassess.core import Classes, LabelSets, Questions, Scores, Votes
from tests.helpers import CURVE, WORDS, code_of, message, votes_of

TWO = Questions.from_columns(["a", "b"], np.array([1, 1]))
OF_TWO = Curve(GoldenQuestions(TWO, np.array([True, False])), np.array([0.9, 0.25]), in_sample=True)


def chosen(goal: str) -> MeasuredCurve:
    point = operating_point(OF_TWO, Goal.parse(goal), Scores(TWO, OF_TWO.golden_scores))
    return MeasuredCurve(
        file="s.npz", curve=OF_TWO, out_of_sample_description="each image left out", operating_point=point
    )


def test_columns_have_an_entry_for_each_point() -> None:
    point = Point(threshold=None, n_hits=0, n_kept_questions=0, n_valid=1)
    rule = MeasuredRule(name="one rater: yes", point_names=(7,), points=(point,), file="rg.npz")
    columns = curve_points([chosen("f1")], [rule])
    assert {name: column.tolist() for name, column in columns.items() if column.dtype != np.float64} == {
        "file": ["s.npz", "s.npz", "rg.npz"],
        "rule": [None, None, "one rater: yes"],
        "variant": [None, None, "7"],
        "left_out": ["each image left out", "each image left out", None],
        "in_sample": [True, True, False],
        "chosen": [True, False, False],
        "hits": [1, 1, 0],
        "kept": [1, 2, 0],
        "valid": [1, 1, 1],
    }
    figures = [columns[name] for name in ("threshold", "precision", "recall")]
    np.testing.assert_array_equal(figures, [[0.9, 0.25, np.nan], [1, 0.5, np.nan], [1, 1, 0]])
    assert {name: (len(column), column.dtype) for name, column in curve_points([]).items()} == {
        name: (0, column.dtype) for name, column in columns.items()
    }


@pytest.mark.parametrize(("threshold", "row"), [(1.0, 0), (0.5, 1), (0.1, 2)])
def test_chosen_threshold_between_scores_has_own_row(threshold: float, row: int) -> None:
    columns = curve_points([chosen(f"threshold={threshold}")])
    assert columns["threshold"].tolist() == sorted([0.9, 0.25, threshold], reverse=True)
    assert np.flatnonzero(columns["chosen"]).tolist() == [row]


@pytest.mark.parametrize(
    ("golden", "in_sample", "expected"),
    [
        (None, None, None),
        (None, True, True),
        ([True, False, False], None, True),
        ([True, False, False], False, True),
        ([False, False, False], True, False),
    ],
)
def test_golden_record_of_scores_decides_in_sample(
    golden: list[bool] | None, in_sample: bool | None, expected: bool | None
) -> None:
    scores = Scores(CURVE.golden.questions, CURVE.golden_scores, is_golden=None if golden is None else np.array(golden))
    (curve,) = measure_curves("mine", scores, CURVE.golden, in_sample=in_sample)
    assert curve.curve.in_sample is expected


NAMES = ("ant", "bee", "cow")
IMAGES = tuple(f"{i}.png" for i in range(16))
CLASSES = Classes.from_texts(NAMES)
# Three raters choose a class for each image, and are correct in three of four cases; an expert answers nine images.
RNG = np.random.default_rng(1)
TRUTH = RNG.integers(0, 3, 16)
CHOICES = [
    (i, r, int(TRUTH[i]) if RNG.random() < 0.75 else int(RNG.integers(0, 3))) for i in range(16) for r in range(3)
]
GOLDEN = [(i, 0, int(TRUTH[i])) for i in range(9)]
RATERS = ("ann", "bo", "cy")


def choices(rows: Sequence[Sequence[int]], raters: Sequence[str] = RATERS) -> Votes:
    return votes_of(rows, IMAGES, raters, NAMES, classes=CLASSES)


def expert(rows: Sequence[Sequence[int]]) -> Votes:
    """One expert's class of some images; other images are not in the votes."""
    answers = [(image, 0, answer) for image, (_, _, answer) in enumerate(rows)]
    return votes_of(answers, tuple(IMAGES[i] for i, _, _ in rows), ("eve",), NAMES, classes=CLASSES)


def on_questions(rows: Sequence[Sequence[int]], images: Sequence[int], raters: Sequence[str]) -> Votes:
    """The same votes on three questions per image: yes to one class, and no to the others."""
    questions = Questions.from_columns(
        [IMAGES[i] for i in images for _ in NAMES], np.tile(np.arange(3), len(images)), CLASSES
    )
    row_of = {image: row for row, image in enumerate(images)}
    votes = [(3 * row_of[i] + c, r, 2 * (c == class_id)) for i, r, class_id in rows for c in range(3)]
    return votes_of(votes, questions, raters, WORDS)


def expert_on_questions(rows: Sequence[Sequence[int]]) -> Votes:
    """One expert's answers on all classes of some images."""
    return on_questions(rows, [i for i, _, _ in rows], ("eve",))


SINGLE = (choices(CHOICES), expert)
ON_QUESTIONS = (on_questions(CHOICES, range(16), RATERS), expert_on_questions)
OF_IMAGES = LabelSets.from_lists(IMAGES, [[int(t)] for t in np.roll(TRUTH, 1)], CLASSES)
OTHERS = {name: method for name, method in aggregation.METHODS.items() if name != "imagenet-real"}
METHODS: Mapping[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {"min_experts": 1} if method.required_options else {}) for name, method in OTHERS.items()},
    "calibrated, other numbers": ("calibrated", {"pooling": 1.5, "smoothing": 0.25}),
    "calibrated, original labels": ("calibrated", {"original": OF_IMAGES}),
    "em with golden items": ("em", {"min_experts": 1}),
}
BY_GOLDEN = ("calibrated", "calibrated, other numbers", "calibrated, original labels", "em with golden items")


@pytest.mark.filterwarnings("ignore:em gives no item the truth", "ignore:the votes do not support")
@pytest.mark.parametrize(
    ("world", "name"),
    [
        *(pytest.param(SINGLE, name, id=f"single, {name}") for name in METHODS if "original" not in name),
        *(pytest.param(ON_QUESTIONS, name, id=f"questions, {name}") for name in METHODS),
    ],
)
def test_left_out_scores_equal_scores_from_other_golden_answers(world: Any, name: str) -> None:
    """The reference runs the method for each golden image, with golden answers that never contained the image."""
    votes, experts_of = world
    method, options = METHODS[name]

    def score(rows: Sequence[Sequence[int]]) -> Scores:
        golden = {"experts": experts_of(rows)} if name in BY_GOLDEN else {}
        return aggregate(votes, method, **golden, **options).scores

    scores, experts = score(GOLDEN), experts_of(GOLDEN)
    golden = golden_truth(experts)
    folds: list[int] = []

    def track(numbers: Sequence[int]) -> Sequence[int]:
        folds.extend(numbers)
        return numbers

    parts = {"votes": votes, "experts": experts, "original": options.get("original"), "show_progress": track}
    for leave_out, fold_of in (("image", np.arange(9)), (3, split_into_folds(9, 3))):
        folds.clear()
        first, *second = measure_curves("mine", scores, golden, leave_out=leave_out, **parts)
        if name not in BY_GOLDEN:
            assert (second, first.out_of_sample_description, first.curve.in_sample) == ([], None, False)
            continue
        assert folds == list(range(fold_of.max() + 1))
        expected = np.empty(len(golden))
        for fold in folds:
            others = [row for row, number in zip(GOLDEN, fold_of, strict=True) if number != fold]
            is_in_fold = fold_of[golden.questions.image_ids] == fold
            expected[is_in_fold] = golden.scores_of_questions(score(others))[is_in_fold]
        assert second[0].curve.golden_scores == pytest.approx(expected, abs=1e-12)
        assert second[0].curve.golden_scores != pytest.approx(first.curve.golden_scores, abs=1e-9)


def test_second_curve_names_what_is_left_out() -> None:
    votes, experts_of = ON_QUESTIONS
    experts = experts_of(GOLDEN)
    scores, golden = aggregate(votes, "calibrated", experts=experts).scores, golden_truth(experts)
    goal = Goal("threshold", 0.5)
    first, each = measure_curves("mine", scores, golden, votes=votes, experts=experts, leave_out="image", goal=goal)
    assert (first.name, each.name) == ("mine, in-sample", "mine, each image left out")
    assert first.operating_point.point.threshold == 0.5
    _, halves = measure_curves("mine", scores, golden, votes=votes, experts=experts, leave_out=2)
    assert (halves.out_of_sample_description, halves.operating_point) == ("2 folds left out", None)


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("unknown", {}, "unknown-method"),
        ("magic", {}, "unknown-method"),
        ("calibrated, magic=1", {}, "unknown-name"),
        ("calibrated, pooling", {}, "unknown-method"),
        ("calibrated, pooling=[1]", {}, "not-a-number"),
        ("calibrated, pooling=-1", {}, "out-of-range"),
        ("calibrated, smoothing=true", {}, "not-a-number"),
        ("calibrated, pooling=1, pooling=2", {}, "duplicate-name"),
        ("calibrated, tempering=1", {}, "wrong-type"),
        ("calibrated, original=1", {}, "wrong-type"),
        ("calibrated, min_experts=1.5", {}, "not-a-number"),
        ("calibrated, experts=1", {}, "unknown-name"),
        ("em, rater_golden=true", {}, "unknown-name"),
        ("calibrated, original=true", {}, "missing-original"),
        ("calibrated", {"votes": None}, "missing-votes"),
        ("calibrated", {"leave_out": 1}, "out-of-range"),
        ("calibrated", {"leave_out": 10}, "out-of-range"),
        ("calibrated", {"experts": ON_QUESTIONS[1](GOLDEN[:1])}, "out-of-range"),
    ],
)
def test_scores_that_cannot_be_repeated_raise(method: str, options: dict[str, Any], expected: str) -> None:
    votes, experts_of = ON_QUESTIONS
    experts = experts_of(GOLDEN)
    scores = replace(aggregate(votes, "majority").scores, method=method)
    arguments = {"votes": votes, "experts": experts, "leave_out": "image"} | options
    assert code_of(measure_curves, "mine", scores, golden_truth(experts), **arguments) == expected


@pytest.mark.parametrize("options", [{"votes": [1]}, {"rater_golden": "a"}, {"original": {}}, {"goal": "f1"}])
def test_argument_of_wrong_type_raises(options: dict[str, Any]) -> None:
    votes, experts_of = ON_QUESTIONS
    experts = experts_of(GOLDEN)
    scores = aggregate(votes, "calibrated", experts=experts).scores
    arguments = {"votes": votes, "experts": experts, "leave_out": "image"} | options
    assert code_of(measure_curves, "mine", scores, golden_truth(experts), **arguments) == "wrong-type"


def test_tempering_with_few_golden_images_can_leave_out_fewer_images() -> None:
    votes, experts_of = ON_QUESTIONS
    experts = experts_of(GOLDEN[:8])
    scores = aggregate(votes, "calibrated", experts=experts, tempering=True).scores
    arguments = {"votes": votes, "experts": experts}
    text = message(measure_curves, "mine", scores, golden_truth(experts), leave_out=2, **arguments)
    assert text.endswith('fix:     get more golden answers, or leave out fewer images at a time (leave_out="image")')
    assert len(measure_curves("mine", scores, golden_truth(experts), leave_out="image", **arguments)) == 2


def test_warnings_of_em_are_not_repeated_for_each_image() -> None:
    few = choices([(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 0, 0)], ("ann",))
    experts = expert([(0, 0, 0), (1, 0, 0)])
    with pytest.warns(match="em gives no item the truth"):
        scores = aggregate(few, "em", experts=experts).scores
    measure_curves("mine", scores, golden_truth(experts), votes=few, experts=experts, leave_out="image")


def test_class_named_only_by_left_out_expert_stays_a_class() -> None:
    votes = votes_of([row for row in CHOICES if row[2] < 2], IMAGES, RATERS, NAMES[:2], classes=CLASSES)
    experts = expert([(0, 0, 2), (1, 0, 1), (4, 0, 0), (5, 0, 0), (7, 0, 1)])
    scores = aggregate(votes, "calibrated", experts=experts).scores
    golden = golden_truth(experts)
    parts = {"votes": votes, "experts": experts, "rater_golden": votes}
    _, second = measure_curves("mine", scores, golden, leave_out="image", **parts)
    values = second.curve.golden_scores[golden.questions.image_ids == 0]
    assert golden.questions.images[0] == IMAGES[0]
    assert 0 < values[2] < 0.02  # no other golden image has this class, so only pseudo-items support it
    assert values.sum() == pytest.approx(1)


def test_folds_are_even_and_seeded() -> None:
    folds = split_into_folds(155, 10)
    assert sorted(np.bincount(folds).tolist()) == [15] * 5 + [16] * 5
    assert (folds != split_into_folds(155, 10, seed=1)).any()
