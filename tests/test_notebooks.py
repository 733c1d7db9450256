"""Results in notebooks: short texts, tables, and readable signatures."""

import inspect

import numpy as np
import pytest

import reassess
from reassess import (
    Classes,
    Findings,
    LabelSets,
    LeaderboardRow,
    co_occurrence,
    evaluate,
    find_outcomes,
    fit_dawid_skene,
    label_agreement,
    label_diff,
    rank_models,
    rater_reliability,
    unasked_candidates,
)
from reassess.comparison import ClassifiedMistakes, Panel, classify_mistakes, labelling_biases
from reassess.core import Leaderboard, Predictions
from tests.helpers import votes_of

IMAGES = [f"{number}.png" for number in range(1000)]
LABELS = LabelSets.from_lists(IMAGES, [[0]] * 1000)
SEVERAL = LabelSets.from_lists(IMAGES, [[0, 2]] * 1000)
WRONG = np.ones(1000, int)


def mistakes() -> ClassifiedMistakes:
    (result,) = classify_mistakes(Panel.from_predictions({"<b>": WRONG}, LABELS), LABELS)
    return result


@pytest.mark.parametrize(
    "result",
    [
        mistakes(),
        evaluate(WRONG, LABELS),
        find_outcomes(Predictions.from_ids(WRONG), LABELS),
        evaluate(WRONG, LABELS).per_class,
        Classes(count=1000, wnids=tuple(f"n{number:08d}" for number in range(1000))),
    ],
    ids=lambda result: type(result).__name__,
)
def test_repr_of_a_result_is_short(result: object) -> None:
    assert len(repr(result)) < 800
    assert repr(result) == str(result)


def test_text_in_html_is_escaped() -> None:
    assert mistakes()._repr_html_().startswith("<p>&lt;b&gt;: 1,000 mistakes")


def test_result_without_text_is_a_table_of_fields() -> None:
    html = find_outcomes(Predictions.from_ids(WRONG), LABELS)._repr_html_()
    assert html.startswith("<table><tr><th>images</th><td>&lt;tuple of 1,000&gt;</td></tr>")


def test_list_of_results_is_a_table() -> None:
    board = Leaderboard(tuple(LeaderboardRow(f"<{number}>", 70, number) for number in range(70)))
    html = board._repr_html_()
    assert html.startswith(
        "<p>Leaderboard(70 rows, 70 models)</p><table>"
        "<tr><th>model</th><th>ReaL %</th><th>original %</th><th>places up</th></tr>"
        "<tr><td>&lt;69&gt;</td><td>69.00</td><td>70.00</td><td>+0</td></tr>"
    )
    assert html.endswith("</table><p>and 10 more</p>")
    assert html.count("<tr>") == 61


def test_every_list_of_results_has_columns() -> None:
    correct, half_wrong = np.zeros(1000, int), np.arange(1000) % 2
    models = {"a": Predictions.from_ids(correct), "b": Predictions.from_ids(half_wrong)}
    findings = Findings.from_predictions(models, LABELS)
    unasked = unasked_candidates([("b", models["b"], find_outcomes(models["b"], LABELS))], LABELS, None)
    votes = votes_of([(0, 0, 0), (0, 1, 1), (1, 0, 1)], items=("x", "y"), raters=("ann", "bo"), answers=("no", "yes"))
    tables = {
        findings: "<td>a</td><td>100.0 % [99.62, 100.0] (1,000 of 1,000)</td>",
        rank_models(findings.panel): "<td>1</td><td>1 to 1</td><td>100.0</td><td>a</td>",
        label_diff(LABELS, LabelSets.from_lists(IMAGES, [[2]] * 1000)): "<td>0</td><td>0</td><td>1,000</td>",
        unasked: "<td>1.png</td><td>1</td><td>b</td><td>not asked about</td>",
        rater_reliability(votes): "<td>ann</td><td>2</td>",
        mistakes(): "<td>other</td><td>1,000</td><td>100.0</td>",
        findings.panel: "<td>b</td><td>500</td><td>0</td><td>0</td>",
        label_agreement(LABELS, SEVERAL): "<td>overlap</td><td>1,000</td><td>100.0</td>",
        co_occurrence(SEVERAL): "<td>0</td><td>2</td><td>1,000</td>",
        labelling_biases(findings.panel, SEVERAL, LABELS)[0]: "<td>all</td><td>0</td><td>-</td><td>-</td><td>-</td>",
        fit_dawid_skene(votes): "<td>ann</td><td>no</td><td>no 0.",
    }
    for result, row in tables.items():
        assert f"<tr>{row}" in result._repr_html_(), result


@pytest.mark.parametrize("name", ["evaluate", "multi_label_accuracy", "fit_dawid_skene"])
def test_signatures_are_readable(name: str) -> None:
    assert "_SupportsArray" not in str(inspect.signature(getattr(reassess, name)))
