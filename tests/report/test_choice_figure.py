"""The figure of a choice of models: its words, and the same bytes for the same input."""

from dataclasses import replace
from pathlib import Path

import pytest

from reassess.core.model_choice import HeldOut, ModelChoice, ModelSubset
from reassess.numeric.proportion import Proportion
from reassess.report.choice_figure import draw_choice

pytestmark = pytest.mark.usefixtures("report_extra")


def subset(models: tuple[str, ...], hits: int, proposals: int) -> ModelSubset:
    return ModelSubset(models, Proportion(hits, 10), Proportion(hits, 20), 3, proposals, 100, 0)


def choice(held_out: HeldOut | None, *, exhaustive: bool = True) -> ModelChoice:
    few, some, every = subset(("a",), 6, 210), subset(("a", "b"), 8, 300), subset(("a", "b", "c"), 9, 420)
    return ModelChoice(0.8, some, held_out, every, (few, some, every), 7, exhaustive, 1, 0, 0)


def test_the_figure_says_what_it_shows(tmp_path: Path) -> None:
    held_out = HeldOut(5, Proportion(7, 10), (0.5, 0.9), Proportion(7, 20), None, 280.0, 0, 3)
    draw_choice(tmp_path / "a.svg", choice(held_out))
    text = (tmp_path / "a.svg").read_text()
    for words in (
        "7 subsets of 3 models, exhaustive search; 10 valid golden pairs, of which 1 are neither proposed by a model "
        "nor original; bar: 95 %, bootstrap over golden images",
        "chosen: 2 models, recall 0.800",
        "all models: 3 models, recall 0.900",
        "on images on which it was not chosen, recall 0.700",
        "best subset",
    ):
        assert words in text.replace("\n", " ")
    draw_choice(tmp_path / "b.svg", choice(held_out))
    assert (tmp_path / "b.svg").read_bytes() == (tmp_path / "a.svg").read_bytes()


def test_a_heuristic_search_and_a_choice_without_folds_say_so(tmp_path: Path) -> None:
    draw_choice(tmp_path / "a.svg", choice(None, exhaustive=False))
    text = (tmp_path / "a.svg").read_text()
    assert "best that a search found" in text
    assert "on images on which it was not chosen" not in text
    assert "bar: 95 %" not in text


def test_it_is_said_that_the_bar_of_all_or_none_is_wilsons(tmp_path: Path) -> None:
    held_out = HeldOut(5, Proportion(10, 10), (0.7, 1.0), Proportion(7, 20), None, 280.0, 0, 3)
    draw_choice(tmp_path / "a.svg", choice(held_out))
    assert "bar: 95 %, Wilson over golden images" in (tmp_path / "a.svg").read_text().replace("\n", " ")


def test_where_nothing_was_chosen_the_best_subsets_are_drawn(tmp_path: Path) -> None:
    draw_choice(tmp_path / "a.svg", replace(choice(None), chosen=None))
    text = (tmp_path / "a.svg").read_text()
    assert "all models: 3 models" in text
    assert "chosen" not in text
