"""Answers to (image, class) questions have the same meaning in any spelling, language or numbering."""

import warnings
from typing import Any

import numpy as np
import pytest

from reassess import aggregation
from reassess.aggregation import (
    Aggregation,
    aggregate,
    golden_truth,
    golden_votes,
    measure_baseline_rules,
    rater_reliability,
)
from reassess.core import Questions, Votes
from reassess.errors import ReassessWarning
from tests.helpers import WORDS, votes_of

SCALES = {
    "capitals and blanks": (" NO", "Maybe", "yes "),
    "another language": ("nein", "vielleicht", "ja"),
    "numbers": (0, 1, 2),
    "numbers below 0": (-1, 0, 1),
    "right and wrong": ("wrong", "unsure", "correct"),
}
QUESTIONS = Questions.from_columns([f"{i // 2}.png" for i in range(40)], np.arange(40) % 2)


def cast(answers: Any, *, never: int | None = None) -> Votes:
    """Votes of three raters and an expert on forty questions; `never` is an answer that does not occur."""
    rng = np.random.default_rng(3)
    truth = rng.choice(2, 40, p=(0.6, 0.4))
    rows = []
    for item, rater in np.ndindex(40, 4):
        answer = 2 * truth[item] if rng.random() < (0.95 if rater == 3 else 0.7) else int(rng.choice(3))
        rows.append((item, rater, answer if answer != never else 0))
    return votes_of(rows, QUESTIONS, ("ann", "bo", "cy", "eve"), answers)


METHODS = {
    name: (name, bool(row.required_options)) for name, row in aggregation.METHODS.items() if name != "imagenet-real"
}
METHODS["em, with golden items"] = ("em", True)


def by_method(name: str, raters: Votes, experts: Votes) -> Aggregation:
    """Scores by a method, if it needs them with the experts' answers to a quarter of the questions."""
    method, takes_experts = METHODS[name]
    return aggregate(raters, method, experts=experts.select_items(np.arange(10)) if takes_experts else None)


def by_rater(votes: Votes, raters: list[int]) -> Votes:
    """Only the votes of some raters."""
    kept = np.isin(votes.rater_ids, raters)
    columns = votes.item_ids[kept], votes.rater_ids[kept], votes.answer_ids[kept]
    return Votes.from_columns(votes.items, *columns, votes.raters, votes.answers)


@pytest.mark.parametrize("scale", SCALES)
def test_results_are_the_same_for_every_scale(scale: str) -> None:
    def measured(answers: Any) -> tuple[Any, ...]:
        votes = cast(answers)
        raters, experts = by_rater(votes, [0, 1, 2]), by_rater(votes, [3])
        scores = {name: by_method(name, raters, experts).scores.values.tolist() for name in METHODS}
        with warnings.catch_warnings(action="ignore", category=ReassessWarning):
            result = rater_reliability(raters, golden_votes(experts, raters), resamples=20)
        rules = measure_baseline_rules(golden_truth(experts), votes=raters, rater_golden=raters)
        measures = [(rater.accuracy, rater.confusion_counts.tolist()) for rater in result.raters_by_information]
        points = [(rule.points, rule.average_precision) for rule in rules]
        return scores, measures, result.metric, result.alpha, points

    assert measured(SCALES[scale]) == measured(WORDS)


@pytest.mark.parametrize("scale", SCALES)
def test_experts_may_use_another_scale(scale: str) -> None:
    raters, experts = by_rater(cast(WORDS), [0, 1, 2]), by_rater(cast(WORDS), [3])
    others = by_rater(cast(SCALES[scale]), [3])
    assert golden_truth(others).is_valid.tolist() == golden_truth(experts).is_valid.tolist()
    assert golden_votes(others, raters).truth_ids.tolist() == golden_votes(experts, raters).truth_ids.tolist()
    same = aggregate(raters, "calibrated", experts=others).scores.values.tolist()
    assert same == aggregate(raters, "calibrated", experts=experts).scores.values.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_missing_answers_of_no_maybe_yes_are_added(method: str) -> None:
    whole = cast(WORDS, never=1)
    fewer = Votes.from_columns(
        whole.items, whole.item_ids, whole.rater_ids, whole.answer_ids // 2, whole.raters, ("no", "yes")
    )
    got, expected = (
        by_method(method, by_rater(votes, [0, 1, 2]), by_rater(votes, [3])).scores for votes in (fewer, whole)
    )
    assert got.values.tolist() == expected.values.tolist()


def test_questions_with_only_no_have_share_0() -> None:
    votes = votes_of([(0, 0, 0), (0, 1, 0), (1, 0, 0)], QUESTIONS, answers=("no",))
    assert (
        aggregate(votes, "majority").scores.values.tolist() == aggregate(votes, "mean").scores.values.tolist() == [0, 0]
    )


def test_rules_are_named_by_answers_of_scale() -> None:
    votes = cast((1, 2, 3))
    rules = measure_baseline_rules(golden_truth(by_rater(votes, [3])), votes=votes, rater_golden=votes)
    assert [rule.name for rule in rules] == ["one rater: 3", "one rater: 3 or 2", "share of 3"]
    assert rules[2].point_names == ("4 of 4 3", "3 of 4 3", "2 of 4 3", "1 of 4 3")
    never = cast(WORDS, never=1)
    rules = measure_baseline_rules(golden_truth(by_rater(never, [3])), votes=never, rater_golden=never)
    assert [rule.name for rule in rules] == ["one rater: yes", "share of yes"]
