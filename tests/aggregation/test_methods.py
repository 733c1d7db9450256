from typing import Any

import numpy as np
import pytest

from reassess.aggregation import (
    METHODS,
    Aggregation,
    Method,
    aggregate,
    calibrated_recipe,
    golden_truth,
    imagenet_real_scores,
    likely_recipes,
    measure_curves,
)
from reassess.aggregation.baselines import aggregate_by_majority
from reassess.core import KNOWN_ANSWERS, REAL_RECIPE, Items, LabelSets, Questions, ScoreRecipe, Votes
from reassess.errors import ReassessWarning
from tests.helpers import code_of, votes_of, warned

ITEMS = ("w", "x", "y", "z")
NO, MAYBE, YES = range(3)


def votes_on(items: Items, rows: list[tuple[int, int, int]], answers: tuple[str | int, ...] = KNOWN_ANSWERS) -> Votes:
    """Votes from rows of (item, rater, answer) positions."""
    raters = [f"rater {i}" for i in range(max(rater for _, rater, _ in rows) + 1)]
    return votes_of(rows, items, raters, answers)


ORIGINAL = LabelSets.from_lists(["a", "b"], [[0], [1]])
PLAIN = votes_of([(0, 0, YES), (1, 0, NO)], ITEMS)
PAIRS = Questions.from_columns(["a", "a", "b", "b"], np.array([0, 1, 0, 1]))
VOTES = votes_on(PAIRS, [(0, 0, YES), (0, 1, YES), (1, 0, NO), (1, 1, MAYBE), (2, 0, NO), (2, 1, YES), (3, 1, YES)])
EXPERTS = votes_on(PAIRS, [(0, 0, YES), (0, 1, YES), (0, 2, NO), (1, 0, NO), (1, 1, NO), (1, 2, YES)])
GOLDEN = EXPERTS.select_items(np.array([0, 1]))


def test_majority_of_questions_is_share_of_yes_with_ties_counted() -> None:
    result = aggregate(VOTES, "majority")
    assert result.scores.values.tolist() == [1.0, 0.0, 0.5, 1.0]
    assert result.facts == {"ties": 2, "without_votes": 0}
    assert aggregate(VOTES, "mean").scores.values.tolist() == [1.0, 0.25, 0.5, 1.0]


def test_calibrated_uses_golden_items_among_votes_by_default() -> None:
    golden = VOTES.select_items(np.array([0, 1]))
    rules = ScoreRecipe(2, min_experts_on_original=2, n_classes_with_original_vote=None, smoothing=0.0, pooling=4.0)
    expected = imagenet_real_scores(VOTES, GOLDEN, golden, None, recipe=rules)
    for options in ({"rater_golden": golden}, {}):
        scores = aggregate(VOTES, "calibrated", experts=GOLDEN, **options).scores
        assert scores.values.tolist() == expected.values.tolist()


def test_original_label_votes_in_calibrated() -> None:
    result = aggregate(VOTES, "calibrated", experts=GOLDEN, original=ORIGINAL)
    without = aggregate(VOTES, "calibrated", experts=GOLDEN)
    assert (np.sign(result.scores.values - without.scores.values) == [1, -1, -1, 1]).all()
    assert result.model.raters == ("rater 0", "rater 1", "original label")


def test_likely_recipes_are_distinct() -> None:
    own = ScoreRecipe(
        min_experts=None, min_experts_on_original=None, n_classes_with_original_vote=None, smoothing=0.0, pooling=4.0
    )
    assert likely_recipes() == likely_recipes(own) == (own,)
    assert likely_recipes(REAL_RECIPE) == (REAL_RECIPE, own)
    recorded = likely_recipes(None, "calibrated, min_experts=2, pooling=0.0, original=true")
    assert recorded == (calibrated_recipe(min_experts=2, pooling=0.0), own)
    assert likely_recipes(None, "em, pooling=0.0") == (own,)


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("magic", {}, "unknown-name"),
        ("calibrated", {}, "missing-golden"),
        ("imagenet-real", {}, "missing-golden"),
        ("majority", {"pooling": 2}, "unused-option"),
        ("mean", {"min_experts": 2}, "unused-option"),
        ("em", {"original": ORIGINAL}, "unused-option"),
        ("em", {"pooling": -1}, "out-of-range"),
        ("em", {"min_experts": 2}, "missing-golden"),
        ("calibrated", {"experts": PLAIN, "original": ORIGINAL}, "not-on-questions"),
        ("calibrated", {"experts": votes_of([(0, 0, YES)], ("elsewhere",))}, "missing-golden"),
    ],
)
def test_options_that_do_not_fit_the_method_raise(method: str, options: dict[str, Any], expected: str) -> None:
    assert code_of(aggregate, PLAIN if "experts" in options else VOTES, method, **options) == expected


def test_method_and_non_default_options_are_recorded() -> None:
    def record(method: str, **options: Any) -> str:
        return aggregate(VOTES, method, **options).scores.method

    assert record("majority") == "majority"
    assert record("em", experts=GOLDEN, pooling=4, truths_are_answers=False) == "em"
    assert record("em", pooling=2, min_experts=None) == "em, pooling=2"
    assert record("calibrated", experts=GOLDEN, original=ORIGINAL) == "calibrated, original=true"
    assert record("imagenet-real", experts=GOLDEN, original=ORIGINAL, min_experts=2) == "imagenet-real, min_experts=2"
    assert record("auto", experts=GOLDEN, min_experts=2) == "stacking, min_experts=2"
    assert record("auto", experts=GOLDEN, original=ORIGINAL) == "calibrated, original=true"


def test_em_keeps_experts_truth_of_golden_items() -> None:
    result = aggregate(VOTES, "em", experts=EXPERTS)
    assert result.scores.values[:2].tolist() == [1.0, 0.0]
    assert result.facts["converged"] is True


def test_new_method_is_a_row_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        METHODS,
        "share",
        Method("as the majority", aggregate_by_majority, uses_all_votes=False, is_biased_by_early_stopping=False),
    )
    scores = aggregate(VOTES, "share").scores
    assert scores.method == "share"
    golden = golden_truth(EXPERTS)
    (curve,) = measure_curves("new", scores, golden, votes=VOTES, experts=EXPERTS, leave_out="image")
    assert curve.curve.in_sample is False


def pooled(votes: Votes, *, pooling: float = 1.0) -> Aggregation:
    return aggregate(votes, pooling=pooling)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"options": ("pooling",)}, "each option of a method needs a default; without one: pooling"),
        (
            {"options": ("pooling",), "defaults": {"pooling": 2.0}},
            "defaults of the method and of its function differ: pooling",
        ),
        (
            {"options": ("smoothing",), "defaults": {"smoothing": 0.0}},
            "defaults of the method and of its function differ: smoothing",
        ),
    ],
)
def test_method_that_cannot_be_repeated_raises(row: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Method("pooled", pooled, uses_all_votes=False, is_biased_by_early_stopping=False, **row)


def test_em_warns_of_truth_without_items() -> None:
    rows = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 1), (1, 1, 1), (1, 2, 1)]
    votes = votes_on(("a", "b"), rows, ("x", "y"))
    with warned(
        "em gives no item the truth x: it explains all votes for this truth as mistakes. Golden items prevent this"
    ):
        aggregate(votes, "em", truths_are_answers=True, smoothing=1, pooling=0)
    aggregate(votes, "em", truths_are_answers=True)


def outvoted(share: float) -> Votes:
    """300 items and classes: four raters always choose class 0, and three choose another class on a share of items."""
    truth = [item if item < 300 * share else 0 for item in range(300)]
    rows = [(item, rater, truth[item]) for item in range(300) for rater in range(3)]
    rows += [(item, rater, 0) for item in range(300) for rater in range(3, 7)]
    return votes_on(tuple(range(300)), rows, tuple(range(300)))


@pytest.mark.filterwarnings("ignore:em gives no item the truth")
def test_em_of_many_classes_warns_if_against_clear_majorities() -> None:
    text = "^em decides against more than half of the votes on 89 of the 300 items with such a majority: look at some"
    with pytest.warns(ReassessWarning, match=text):
        aggregate(outvoted(0.3), "em")


@pytest.mark.parametrize(("answer", "present", "missing"), [(YES, "valid", "invalid"), (NO, "invalid", "valid")])
def test_golden_items_of_one_truth_warn(answer: int, present: str, missing: str) -> None:
    experts = votes_on(PAIRS, [(0, 0, answer), (1, 0, answer)])
    with warned(
        f"all golden items are {present}: answers to {missing} items were not measured, so good and bad raters cannot "
        "be distinguished"
    ):
        aggregate(VOTES, "calibrated", experts=experts)
