"""What a notebook shows of results: a short text, or a table; and signatures that one can read."""

import inspect

import numpy as np
import pytest

import reassess
from reassess import Classes, LabelSets, evaluate, find_outcomes
from reassess.comparison.panel import Panel
from reassess.comparison.taxonomy import Taxonomy, taxonomies
from reassess.core.predictions import Predictions

IMAGES = [f"{number}.png" for number in range(1000)]
LABELS = LabelSets.from_lists(IMAGES, [[0]] * 1000)
WRONG = np.ones(1000, int)


def taxonomy() -> Taxonomy:
    (one,) = taxonomies(Panel.from_predictions({"<b>": WRONG}, LABELS), LABELS)
    return one


@pytest.mark.parametrize(
    "result",
    [
        taxonomy(),
        evaluate(WRONG, LABELS),
        find_outcomes(Predictions.from_ids(WRONG), LABELS),
        evaluate(WRONG, LABELS).per_class,
        Classes(count=1000, wnids=tuple(f"n{number:08d}" for number in range(1000))),
    ],
    ids=lambda result: type(result).__name__,
)
def test_the_repr_of_a_result_is_short(result: object) -> None:
    assert len(repr(result)) < 800
    assert repr(result) == str(result)


def test_text_in_html_is_escaped() -> None:
    assert taxonomy()._repr_html_().startswith("<p>&lt;b&gt;: 1,000 mistakes")


def test_a_result_without_a_text_of_its_own_is_a_table_of_its_fields() -> None:
    html = find_outcomes(Predictions.from_ids(WRONG), LABELS)._repr_html_()
    assert html.startswith("<table><tr><th>images</th><td>&lt;tuple of 1,000&gt;</td></tr>")


@pytest.mark.parametrize("name", ["evaluate", "multi_label_accuracy", "fit_dawid_skene"])
def test_signatures_are_readable(name: str) -> None:
    assert "_SupportsArray" not in str(inspect.signature(getattr(reassess, name)))
