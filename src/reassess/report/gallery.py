"""Mistakes to look at: which images are shown, and what is known of each; pictures are added by the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.comparison.findings import Findings
from reassess.evaluation.image_sheet import ImageSheet, image_sheet
from reassess.evaluation.mistakes import KINDS, known_kinds

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
    """An image: its name, what is known of it, and for each model its first class and whether that is valid.

    Of classes that are not valid, `known` says what is known, one of `reassess.evaluation.KINDS`; it is empty without
    scores and votes.
    """

    image: str
    sheet: ImageSheet
    predictions: tuple[tuple[str, int, bool], ...]
    known: Mapping[int, str]


def choose(findings: Findings, most: int, *, seed: int = 0) -> Choice:
    """Draw at most `most` mistakes of each model at random; models with common mistakes share the drawn images.

    Every image has one random number; of each model the mistakes with the smallest numbers are taken.
    """
    panel = findings.panel
    order = np.random.default_rng(seed).permutation(len(panel.images))
    chosen: dict[int, None] = {}
    shown, mistakes = {}, {}
    for model in findings.models:
        is_mistake = panel.scored & ~panel.valid[panel.models.index(model)]
        drawn = order[is_mistake[order]][:most].tolist()
        shown[model], mistakes[model] = len(drawn), int(np.count_nonzero(is_mistake))
        chosen |= dict.fromkeys(drawn)
    return Choice(rows=tuple(sorted(chosen)), shown=shown, mistakes=mistakes)


def cards(findings: Findings, rows: Sequence[int]) -> list[Card]:
    """What is known of some images of the panel."""
    panel = findings.panel
    models = [(model, panel.models.index(model)) for model in findings.models]
    kinds = _kinds(findings, np.asarray(rows, np.int64))
    shown = []
    for place, row in enumerate(rows):
        sheet = image_sheet(
            findings.labels.images[panel.label_rows[row]],
            labels=findings.labels,
            original=findings.original,
            scores=findings.scores,
            votes=findings.votes,
            experts=findings.experts,
        )
        predictions = tuple((model, int(panel.top1[i, row]), bool(panel.valid[i, row])) for model, i in models)
        known = {} if kinds is None else {int(panel.top1[i, row]): KINDS[kinds[place, i]] for _, i in models}
        shown.append(Card(image=panel.images[row], sheet=sheet, predictions=predictions, known=known))
    return shown


def _kinds(findings: Findings, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int8] | None:
    """What is known of the first class of each model of the panel for some images, int8, shape (images, models)."""
    rated = findings.votes if findings.scores is None else findings.scores
    if rated is None:
        return None
    panel, classes = findings.panel, findings.labels.classes
    experts = None if findings.experts is None else findings.experts.in_classes(classes)
    images = [panel.images[row] for row in rows.tolist()]
    return known_kinds(images, panel.top1[:, rows].T, rated.in_classes(classes), experts, match=panel.match)
