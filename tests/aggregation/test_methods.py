from typing import Any

import numpy as np
import pytest

from reassess.aggregation import (
    METHODS,
    Aggregation,
    Method,
    aggregate,
    golden_truth,
    likely_recipes,
    measure_curves,
    real_scores,
)
from reassess.aggregation.baselines import by_majority
from reassess.core import KNOWN_ANSWERS, REAL_RECIPE, Items, LabelSets, Questions, Recipe, Votes
from reassess.errors import ReassessWarning
from tests.helpers import code_of, votes_of, warned

ITEMS = ("w", "x", "y", "z")
NO, MAYBE, YES = range(3)


def votes_on(items: Items, rows: list[tuple[int, int, int]], answers: tuple[str | int, ...] = KNOWN_ANSWERS) -> Votes:
    """Votes of (item, rater, answer) positions, by as many raters as are named."""
    raters = [f"rater {i}" for i in range(max(rater for _, rater, _ in rows) + 1)]
    return votes_of(rows, items, raters, answers)


ORIGINAL = LabelSets.from_lists(["a", "b"], [[0], [1]])
PLAIN = votes_of([(0, 0, YES), (1, 0, NO)], ITEMS)
PAIRS = Questions.from_columns(["a", "a", "b", "b"], np.array([0, 1, 0, 1]))
VOTES = votes_on(PAIRS, [(0, 0, YES), (0, 1, YES), (1, 0, NO), (1, 1, MAYBE), (2, 0, NO), (2, 1, YES), (3, 1, YES)])
EXPERTS = votes_on(PAIRS, [(0, 0, YES), (0, 1, YES), (0, 2, NO), (1, 0, NO), (1, 1, NO), (1, 2, YES)])
JUDGED = EXPERTS.restrict(np.array([0, 1]))


def test_the_majority_of_questions_is_the_share_of_yes_and_ties_are_counted() -> None:
    result = aggregate(VOTES, "majority")
    assert result.scores.values.tolist() == [1.0, 0.0, 0.5, 1.0]
    assert result.facts == {"ties": 2, "without_votes": 0}
    assert aggregate(VOTES, "mean").scores.values.tolist() == [1.0, 0.25, 0.5, 1.0]


def test_calibration_takes_the_raters_own_votes_on_golden_items_where_no_others_are_given() -> None:
    golden = VOTES.restrict(np.array([0, 1]))
    rules = Recipe(2, original_experts_at_least=2, original_below=None, smoothing=0.0, pooling=4.0)
    expected = real_scores(VOTES, JUDGED, golden, None, recipe=rules)
    for given in ({"rater_golden": golden}, {}):
        scores = aggregate(VOTES, "calibrated", experts=JUDGED, **given).scores
        assert scores.values.tolist() == expected.values.tolist()


def test_the_original_label_votes_in_a_calibration() -> None:
    result = aggregate(VOTES, "calibrated", experts=JUDGED, original=ORIGINAL)
    alone = aggregate(VOTES, "calibrated", experts=JUDGED)
    assert (np.sign(result.scores.values - alone.scores.values) == [1, -1, -1, 1]).all()
    assert result.model.raters == ("rater 0", "rater 1", "original label")


def test_label_sets_may_follow_by_each_rule_once() -> None:
    own = Recipe(experts_at_least=None, original_experts_at_least=None, original_below=None, smoothing=0.0, pooling=4.0)
    assert likely_recipes() == likely_recipes(own) == (own,)
    assert likely_recipes(REAL_RECIPE) == (REAL_RECIPE, own)


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("magic", {}, "unknown-name"),
        ("calibrated", {}, "missing-golden"),
        ("imagenet-real", {}, "missing-golden"),
        ("majority", {"pooling": 2}, "unused-option"),
        ("mean", {"at_least": 2}, "unused-option"),
        ("em", {"original": ORIGINAL}, "unused-option"),
        ("em", {"pooling": -1}, "out-of-range"),
        ("em", {"at_least": 2}, "missing-golden"),
        ("calibrated", {"experts": PLAIN, "original": ORIGINAL}, "not-on-questions"),
        ("calibrated", {"experts": votes_of([(0, 0, YES)], ("elsewhere",))}, "missing-golden"),
    ],
)
def test_options_that_do_not_fit_the_method_are_an_error(method: str, options: dict[str, Any], expected: str) -> None:
    assert code_of(aggregate, PLAIN if "experts" in options else VOTES, method, **options) == expected


def test_method_and_unusual_options_are_recorded() -> None:

    def recorded(method: str, **options: Any) -> str:
        return aggregate(VOTES, method, **options).scores.method

    assert recorded("majority") == "majority"
    assert recorded("em", experts=JUDGED, pooling=4, truths_are_answers=False) == "em"
    assert recorded("em", pooling=2, at_least=None) == "em, pooling=2"
    assert recorded("calibrated", experts=JUDGED, original=ORIGINAL) == "calibrated, original=true"
    assert recorded("imagenet-real", experts=JUDGED, original=ORIGINAL, at_least=2) == "imagenet-real, at_least=2"
    assert recorded("auto", experts=JUDGED, smoothing=0.5) == "em, smoothing=0.5"
    assert recorded("auto", experts=JUDGED, original=ORIGINAL) == "calibrated, original=true"


def test_em_keeps_golden_items_at_the_experts_truth() -> None:
    result = aggregate(VOTES, "em", experts=EXPERTS)
    assert result.scores.values[:2].tolist() == [1.0, 0.0]
    assert result.facts["converged"] is True


def test_new_method_is_a_row_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        METHODS, "share", Method("as the majority", by_majority, uses_all_votes=False, is_biased_by_stop=False)
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
        ({"options": ("pooling",)}, "usual value of each option to record: pooling"),
        ({"options": ("pooling",), "defaults": {"pooling": 2.0}}, "with the same defaults: pooling"),
        ({"options": ("smoothing",), "defaults": {"smoothing": 0.0}}, "with the same defaults: smoothing"),
    ],
)
def test_method_that_could_not_be_made_again_is_refused(row: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Method("pooled", pooled, uses_all_votes=False, is_biased_by_stop=False, **row)


def test_a_truth_that_em_leaves_no_item_to_is_warned_of() -> None:
    rows = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 1), (1, 1, 1), (1, 2, 1)]
    votes = votes_on(("a", "b"), rows, ("x", "y"))
    with warned(
        "em leaves no item to x: the raters' mistakes explain every vote without it. Golden items keep truths apart"
    ):
        aggregate(votes, "em", truths_are_answers=True, smoothing=1, pooling=0)
    aggregate(votes, "em", truths_are_answers=True)


def outvoted(share: float) -> Votes:
    """Of 300 items of 300 classes, three raters choose another class, in that share; four choose the first's."""
    truth = [item if item < 300 * share else 0 for item in range(300)]
    rows = [(item, rater, truth[item]) for item in range(300) for rater in range(3)]
    rows += [(item, rater, 0) for item in range(300) for rater in range(3, 7)]
    return votes_on(tuple(range(300)), rows, tuple(range(300)))


@pytest.mark.filterwarnings("ignore:em leaves no item")
def test_em_of_many_classes_that_contradicts_one_clear_majority_in_five_says_so() -> None:
    text = "^em contradicts more than half of the votes on 89 of 300 items that have such a majority: look at some"
    with pytest.warns(ReassessWarning, match=text):
        aggregate(outvoted(0.3), "em")


@pytest.mark.parametrize(("answer", "one", "other"), [(YES, "valid", "invalid"), (NO, "invalid", "valid")])
def test_golden_items_of_one_truth_alone_are_warned_of(answer: int, one: str, other: str) -> None:
    alone = votes_on(PAIRS, [(0, 0, answer), (1, 0, answer)])
    with warned(
        f"all golden items of known truth are {one}: how raters answer on {other} ones was not measured, and nothing "
        "tells a good rater from a bad one"
    ):
        aggregate(VOTES, "calibrated", experts=alone)
