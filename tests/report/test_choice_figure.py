"""The figure of a choice of models: its words, and the same bytes for the same input."""

from dataclasses import replace
from pathlib import Path

import pytest

from reassess.core import ModelChoice, ModelSubset
from reassess.numeric import Proportion
from reassess.report import draw_choice

pytestmark = pytest.mark.usefixtures("report_extra")


def subset(models: tuple[str, ...], hits: int, candidates: int) -> ModelSubset:
    return ModelSubset(models, Proportion(hits, 10), Proportion(hits, 20), 3, candidates, 100, 0)


def choice() -> ModelChoice:
    few, some, every = subset(("a",), 6, 210), subset(("a", "b"), 8, 300), subset(("a", "b", "c"), 9, 420)
    return ModelChoice(*(0.5, some, 0.55, 0.6, Proportion(18, 20), every, (few, some, every), 7, True, 5, 10, 1, 0, 0))


def test_the_figure_says_what_it_shows(tmp_path: Path) -> None:
    draw_choice(tmp_path / "a.svg", choice())
    text = (tmp_path / "a.svg").read_text()
    for words in (
        "7 subsets of 3 models, exact search; 20 valid golden pairs, of which 1 are neither proposed by a model "
        "nor original; recall on 10 golden images without a part in the search; bar: down to the recall that is "
        "shown, with 90 % confidence",
        "chosen: 2 models, recall 0.800",
        "all models: 3 models, recall 0.900",
        "best subset",
    ):
        assert words in text.replace("\n", " ")


def test_where_nothing_was_chosen_the_best_subsets_are_drawn(tmp_path: Path) -> None:
    """Greedy search is named."""
    draw_choice(tmp_path / "a.svg", replace(choice(), exact=False, chosen=None, recall_bound=None))
    text = (tmp_path / "a.svg").read_text()
    found = [words in text for words in ("all models: 3 models", "best subset found", "chosen", "bar: ")]
    assert found == [True, True, False, False]
