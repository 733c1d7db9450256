"""Rules without a rater model match counts of a plain loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import GoldenQuestions, MeasuredRule, Point, measure_baseline_rules
from reassess.core import Items, LabelSets, Questions, Votes
from tests.helpers import WORDS, code_of, message, votes_of

PAIRS = Questions.from_columns(["a", "a", "b", "c"], np.array([1, 2, 1, 3]))
GOLDEN = GoldenQuestions(PAIRS, np.array([True, False, True, False]))
QUESTIONS = Questions.from_columns(["c", "d", "a", "b", "a"], np.array([3, 1, 2, 1, 1]))
ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), max_size=20)


def votes(rows: list[tuple[int, int, int]], items: Items = QUESTIONS) -> Votes:
    return votes_of(rows, items, ("ann", "bo", "cy"))


def by_share(rated: Votes) -> MeasuredRule:
    (rule,) = measure_baseline_rules(GOLDEN, votes=rated)
    return rule


def by_original(original: LabelSets) -> MeasuredRule:
    (rule,) = measure_baseline_rules(GOLDEN, original=original)
    return rule


@given(ROWS)
def test_one_rater_rule_matches_loop(rows: list[Any]) -> None:
    """Votes on other questions (row 1) do not count, but a maybe on any question adds a second rule."""
    truth = {0: False, 2: False, 3: True, 4: True}
    expected: dict[str, dict[str, Point]] = {}
    for answers in (["yes"], ["yes", "maybe"]) if any(row[2] == 1 for row in rows) else (["yes"],):
        points = expected[f"one rater: {' or '.join(answers)}"] = {}
        for rater, name in enumerate(("ann", "bo", "cy")):
            own = [(truth[item], WORDS[answer] in answers) for item, r, answer in rows if r == rater and item in truth]
            kept, valid = [v for v, keeps in own if keeps], sum(v for v, _ in own)
            if kept and valid:
                points[name] = Point(None, sum(kept), len(kept), valid)
    if not expected["one rater: yes"]:
        assert code_of(measure_baseline_rules, GOLDEN, rater_golden=votes(rows)) == "missing-golden"
        return
    rules = measure_baseline_rules(GOLDEN, rater_golden=votes(rows))
    assert {rule.name: dict(zip(rule.point_names, rule.points, strict=True)) for rule in rules} == expected


def test_share_rule_has_point_for_each_share_above_0() -> None:
    cast = votes([(4, 0, 2), (4, 1, 2), (3, 0, 2), (3, 1, 1), (2, 0, 2), (2, 1, 0), (0, 0, 0), (0, 1, 1), (1, 0, 2)])
    rule = by_share(cast)
    assert rule.point_names == ("2 of 2 yes", "1 of 2 yes")
    assert rule.points == (Point(1.0, 1, 1, 2), Point(0.5, 2, 3, 2))
    assert rule.average_precision == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
    uneven = votes([(4, 0, 2), (3, 0, 2), (3, 1, 2), (3, 2, 0), (2, 0, 0), (0, 0, 0)])
    assert by_share(uneven).point_names == ("100 % yes", "66.7 % yes")


def test_original_rule_keeps_class_of_original_label() -> None:
    rule = by_original(LabelSets.from_lists(["c", "b", "a"], [[3], [9], [1]]))
    assert (rule.name, rule.points) == ("original label", (Point(None, 1, 2, 2),))


def test_every_possible_rule_is_measured_and_names_its_file() -> None:
    rated = votes([(item, 0, 2 * (item > 2) or item == 1) for item in range(5)])
    original = LabelSets.from_lists(["c", "b", "a"], [[3], [9], [1]])
    files = {"votes": "v.csv", "rater_golden": "g.csv", "original": "o.csv"}
    rules = measure_baseline_rules(GOLDEN, votes=rated, rater_golden=rated, original=original, files=files)
    assert [(rule.file, rule.name) for rule in rules] == [
        ("g.csv", "one rater: yes"),
        ("g.csv", "one rater: yes or maybe"),
        ("v.csv", "share of yes"),
        ("o.csv", "original label"),
    ]
    assert rules[2].points == by_share(rated).points
    assert measure_baseline_rules(GOLDEN) == ()
    never_maybe = votes([(4, 0, 2), (3, 0, 0)])
    assert [(rule.file, rule.name) for rule in measure_baseline_rules(GOLDEN, rater_golden=never_maybe)] == [
        ("", "one rater: yes")
    ]


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "question without votes": (
        lambda: by_share(votes([(4, 0, 2), (3, 0, 2), (2, 0, 0)])),
        "golden questions without votes\n  found:   1 of 4: image c, class 3",
    ),
    "question not in the votes": (
        lambda: by_share(votes([(0, 0, 2)], Questions.from_columns(["a", "b"], np.array([1, 1])))),
        "golden questions are not in the votes\n  found:   2 of 4: image a, class 2, image c, class 3\n  fix:",
    ),
    "no original label": (
        lambda: by_original(LabelSets.from_lists(["a", "b"], [[1], [1]])),
        "golden questions on images without an original label\n  found:   1 of 4: image c, class 3\n  fix:     give",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_missing_votes_and_labels_raise(name: str) -> None:
    call, expected = BAD[name]
    assert message(call).startswith(expected)
