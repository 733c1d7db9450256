"""Recall of golden labels against the number of candidates, by subset of models, as a figure."""

from functools import partial
from pathlib import Path

import numpy as np

from reassess.core import ModelChoice, ModelSubset
from reassess.report.figures import Drawing, along, save_figure
from reassess.text import counted

_BEST, _CHOSEN, _ALL = "#0072b2", "#000000", "#6e6e6e"
_SAMPLES = 200  # places along the line that names should not cover


def draw_choice(path: Path, choice: ModelChoice, *, force: bool = False) -> None:
    """Draw what the best subsets of models reach, and the chosen one with the recall that is shown for it.

    Where no models are chosen, the others are drawn.
    """
    save_figure(path, partial(_choice_on, choice=choice), title="Models to propose labels", force=force)


def _choice_on(drawing: Drawing, choice: ModelChoice) -> None:
    line = np.array([_at(subset) for subset in choice.frontier])
    steps = np.column_stack([np.repeat(line[:, 0], 2)[1:], np.repeat(line[:, 1], 2)[:-1]])
    drawing.axes.plot(*steps.T, color=_BEST, linewidth=1.6, zorder=3)
    drawing.axes.plot(*line.T, ".", color=_BEST, markersize=4, zorder=3)
    if len(line) > 1:
        drawing.drawn += [along(part, _SAMPLES // len(line) + 2) for part in np.stack([steps[:-1], steps[1:]], axis=1)]
    best = "best subset" if choice.exact else "best subset found"
    drawing.name(best, line[len(line) // 2 :][:1], color=_BEST)
    named = [(choice.all_models, "all models", _ALL)]
    named += [] if choice.chosen is None else [(choice.chosen, "chosen", _CHOSEN)]
    for subset, title, colour in named:
        at = np.array([_at(subset)])
        drawing.axes.plot(*at.T, "o", color=colour, markersize=7, markeredgecolor="white", zorder=5)
        drawing.drawn.append(at)
        text = f"{title}: {counted(len(subset.models), 'model')}\nrecall {subset.recall.value or 0:.3f}"
        drawing.name(text, at, color=colour)
    _draw_bound(drawing, choice)
    drawing.axes.axhline(choice.target_recall, color=_ALL, linewidth=0.8, linestyle=":", zorder=2)
    drawing.axes.set(
        xlabel="candidates for all images that the models send to raters",
        ylabel="recall: of the valid golden pairs, the share that is proposed",
        ylim=(None, 1.01),
    )
    drawing.axes.grid(color="#e4e4e4", linewidth=0.6)
    drawing.axes.set_axisbelow(True)
    drawing.axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    drawing.heading(
        f"{counted(choice.subsets, 'subset')} of {counted(len(choice.all_models.models), 'model')}, {choice.search} "
        f"search; {choice.recall.n:,} valid golden pairs, of which {choice.not_candidates:,} are neither proposed by a "
        f"model nor original; recall on {counted(choice.check_images, 'golden image')} without a part in the search"
        f"{'' if choice.chosen is None else '; bar: down to the recall that is shown, with 90 % confidence'}"
    )


def _draw_bound(drawing: Drawing, choice: ModelChoice) -> None:
    """The recall that is shown for the chosen models."""
    if choice.chosen is None or choice.recall_bound is None:
        return
    candidates, recall = choice.chosen.candidates, choice.shown_recall.value or 0.0
    ends = np.array([[candidates, choice.recall_bound], [candidates, recall]])
    drawing.axes.plot(*ends.T, "-", color=_CHOSEN, linewidth=1.2, zorder=4)
    drawing.drawn.append(along(ends, 16))


def _at(subset: ModelSubset) -> tuple[float, float]:
    return subset.candidates, subset.recall.value or 0.0
