"""Mistakes to look at: which images are shown, and what is known of each; pictures come later."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reassess.comparison.findings import Findings
from reassess.evaluation.image_sheet import ImageSheet, image_sheet

__all__ = ["Card", "Choice", "cards", "choose"]


@dataclass(frozen=True, eq=False)
class Choice:
    """The mistakes that are shown.

    Parameters
    ----------
    rows
        Positions of the images in the panel.
    shown, mistakes
        For each model, how many of its mistakes are chosen, and how many it makes.
    """

    rows: tuple[int, ...]
    shown: dict[str, int]
    mistakes: dict[str, int]


@dataclass(frozen=True)
class Card:
    """An image: its name, what is known of it, and for each model its first class and whether that is valid."""

    image: str
    sheet: ImageSheet
    said: tuple[tuple[str, int, bool], ...]


def choose(found: Findings, most: int, *, seed: int = 0) -> Choice:
    """Draw at most so many mistakes of each model at random; models that share mistakes share what is drawn.

    Every image has a random number, and a model's mistakes with the smallest are its own.
    """
    panel = found.panel
    order = np.random.default_rng(seed).permutation(len(panel.images))
    chosen: dict[int, None] = {}
    shown, mistakes = {}, {}
    for model in found.models:
        is_mistake = panel.scored & ~panel.valid[panel.models.index(model)]
        drawn = order[is_mistake[order]][:most].tolist()
        shown[model], mistakes[model] = len(drawn), int(np.count_nonzero(is_mistake))
        chosen |= dict.fromkeys(drawn)
    return Choice(tuple(sorted(chosen)), shown, mistakes)


def cards(found: Findings, rows: Sequence[int]) -> list[Card]:
    """What is known of some images of the panel."""
    panel = found.panel
    each = [(model, panel.models.index(model)) for model in found.models]
    result = []
    for row in rows:
        sheet = image_sheet(
            found.labels.images[panel.label_rows[row]],
            labels=found.labels,
            original=found.original,
            scores=found.scores,
            votes=found.votes,
            experts=found.experts,
        )
        said = tuple((model, int(panel.top1[i, row]), bool(panel.valid[i, row])) for model, i in each)
        result.append(Card(panel.images[row], sheet, said))
    return result
