"""The figure of a choice of models."""

from dataclasses import replace
from pathlib import Path

import pytest

from reassess.core import ModelChoice, ModelSubset
from reassess.numeric import Proportion
from reassess.report import save_model_choice_figure

pytestmark = pytest.mark.usefixtures("report_extra")


def subset(models: tuple[str, ...], hits: int, candidates: int) -> ModelSubset:
    return ModelSubset(models, Proportion(hits, 10), Proportion(hits, 20), 3, candidates, 100, 0)


def choice() -> ModelChoice:
    one, two, three = subset(("a",), 6, 210), subset(("a", "b"), 8, 300), subset(("a", "b", "c"), 9, 420)
    return ModelChoice(*(0.5, two, 0.55, 0.6, Proportion(18, 20), three, (one, two, three), 7, True, 5, 10, 1, 0, 0))


def test_figure_describes_the_choice(tmp_path: Path) -> None:
    save_model_choice_figure(tmp_path / "a.svg", choice())
    text = (tmp_path / "a.svg").read_text()
    for words in (
        "7 subsets of 3 models, exact search; 20 valid golden questions, 1 not candidates of any model; recall "
        "measured on 10 golden images not used in the search; bar: down to the lower 90 % confidence bound of recall",
        "chosen: 2 models, recall 0.800",
        "all models: 3 models, recall 0.900",
        "best subset",
    ):
        assert words in text.replace("\n", " ")


def test_figure_without_a_choice_shows_the_best_subsets(tmp_path: Path) -> None:
    """After a greedy search, the label says "found"."""
    save_model_choice_figure(tmp_path / "a.svg", replace(choice(), is_exact=False, chosen=None, recall_bound=None))
    text = (tmp_path / "a.svg").read_text()
    is_shown = [words in text for words in ("all models: 3 models", "best subset found", "chosen", "bar: ")]
    assert is_shown == [True, True, False, False]
