"""A curve is called by its file and how honest it is; scores that follow from golden answers get a second one."""

from dataclasses import replace

import numpy as np

from reassess.aggregation.aggregate import by_majority
from reassess.aggregation.curves import Curve, precision_recall
from reassess.aggregation.golden import golden_truth
from reassess.aggregation.golden_items import image_folds
from reassess.aggregation.measured_curves import MeasuredCurve, measure_curves
from reassess.aggregation.provenance import find_provenance, likely_makings
from reassess.aggregation.recipe import real_scores
from reassess.aggregation.thresholds import Goal
from reassess.core.benchmark import REAL_RECIPE
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from tests.helpers import CURVE, WORDS


def test_a_measured_curve_is_called_by_its_file_and_how_honest_it_is() -> None:
    def name(in_sample: bool | None, left_out: str | None = None) -> str:
        return MeasuredCurve("s.npz", Curve(CURVE.golden, CURVE.values, in_sample), left_out).name

    assert [name(True), name(None), name(False, "each image left out")] == [
        "s.npz, in-sample",
        "s.npz",
        "s.npz, each image left out",
    ]


def test_json_of_a_curve_is_as_the_contract_says() -> None:
    assert MeasuredCurve("s.npz", CURVE).to_json() == {
        "file": "s.npz",
        "rule": None,
        "average_precision": 1.0,
        "in_sample": None,
        "points": [
            {"threshold": 0.9, "precision": 1.0, "recall": 0.5},
            {"threshold": 0.7, "precision": 1.0, "recall": 1.0},
            {"threshold": 0.6, "precision": 2 / 3, "recall": 1.0},
        ],
        "chosen": None,
        "golden": {"pairs": 3, "valid": 2, "rule": None, "left_out": 0, "unrated": 0},
    }


def rated(raters: int, seed: int) -> Votes:
    """Votes of some raters on eight pairs of four images, right four times of five."""
    rng = np.random.default_rng(seed)
    questions = Questions.from_columns(list("aabbccdd"), np.tile([0, 1], 4))
    valid = np.tile([True, False], (raters, 4))
    answers = np.where(valid ^ (rng.random(valid.shape) < 0.2), 2, 0)
    rater, item = np.indices(valid.shape)
    names = tuple(range(raters))
    return Votes.from_columns(questions, item.ravel(), rater.ravel(), answers.ravel(), names, WORDS)


def test_scores_that_follow_from_golden_answers_are_measured_again_without_what_is_judged() -> None:
    votes, experts, rater_golden, recipe = (
        rated(4, 0),
        rated(5, 1),
        rated(4, 2),
        replace(REAL_RECIPE, original_below=None),
    )
    scores = real_scores(votes, experts, rater_golden, None, recipe=recipe)
    makings = likely_makings(votes, experts, published=recipe)
    origin = find_provenance(scores, votes, experts, rater_golden, makings)
    golden, goal = golden_truth(experts), Goal("threshold", 0.5)
    first, each = measure_curves("mine", scores, golden, origin=origin, leave_out="image", goal=goal)
    assert (first.name, first.left_out, each.left_out) == ("mine, in-sample", None, "each image left out")
    assert each.curve.values.tolist() == precision_recall(origin.left_out(), golden, in_sample=False).values.tolist()
    assert first.chosen is not None
    assert first.chosen.point.threshold == 0.5
    _, halves = measure_curves("mine", scores, golden, origin=origin, leave_out=2)
    expected = precision_recall(origin.left_out(image_folds(4, 2)), golden, in_sample=False)
    assert (halves.left_out, halves.curve.values.tolist()) == ("2 folds left out", expected.values.tolist())
    assert halves.chosen is None


def test_scores_of_unknown_origin_have_one_curve_whatever_is_asked_for() -> None:
    scores = Scores(CURVE.golden.questions, CURVE.values)
    (curve,) = measure_curves("mine", scores, CURVE.golden, leave_out="image")
    assert (curve.name, curve.curve.in_sample) == ("mine", None)


def test_what_the_scores_say_of_golden_answers_goes_before_what_else_is_known() -> None:
    questions, golden = CURVE.golden.questions, CURVE.golden
    for said, given, expected in [
        (None, None, None),
        (None, True, True),
        ([True, False, False], None, True),
        ([True, False, False], False, True),
        ([False, False, False], True, False),
    ]:
        scores = Scores(questions, CURVE.values, golden=None if said is None else np.array(said))
        (curve,) = measure_curves("mine", scores, golden, in_sample=given)
        assert curve.curve.in_sample is expected


def test_scores_that_no_golden_answer_made_have_one_curve_and_are_not_in_sample() -> None:
    votes, experts = rated(4, 0), rated(5, 1)
    scores = by_majority(votes).scores
    origin = find_provenance(scores, votes, experts, votes, likely_makings(votes, experts))
    (curve,) = measure_curves("mine", scores, golden_truth(experts), origin=origin, leave_out="image")
    assert (curve.left_out, curve.curve.in_sample) == (None, False)
