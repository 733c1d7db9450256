"""Votes that stop rules take against the labels that they leave as they are, as a figure."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from reassess.aggregation.stopping import StopReplay
from reassess.report.figures import Drawing, along, save_figure
from reassess.text import counted

__all__ = ["draw_replays"]

_COLOURS = ("#0072b2", "#000000", "#c46a10", "#6e6e6e")
_SAMPLES = 200  # places along a line that names should not cover


def draw_replays(path: Path, replays: Mapping[str, Sequence[StopReplay]], *, force: bool = False) -> None:
    """Draw the share of votes that rules take against the labels that both they and all votes keep.

    Parameters
    ----------
    path
        An svg, png or pdf file.
    replays
        By file of scores, what `replay_stops` gives.
    force
        Overwrite a file that exists.

    Raises
    ------
    MissingPackageError
        matplotlib is not installed.
    OutputError
        The file exists, or cannot be written.
    """
    save_figure(path, partial(_replays_on, replays=replays), title="Votes that a stop rule saves", force=force)


def _replays_on(drawing: Drawing, replays: Mapping[str, Sequence[StopReplay]]) -> None:
    for number, (file, each) in enumerate(replays.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        at = np.array([(100 * one.share_taken, 100 * one.labels_in_common) for one in each])
        at = at[np.argsort(at[:, 0])]
        drawing.axes.plot(*at.T, "o-", color=colour, linewidth=1.4, markersize=5, zorder=3)
        drawing.drawn.append(along(at, _SAMPLES))
        if len(replays) > 1:
            drawing.name(file, at[len(at) // 2 :][:1], color=colour, fontweight="bold")
        for one in each:
            place = np.array([[100 * one.share_taken, 100 * one.labels_in_common]])
            drawing.name(f"{one.rule.low:g}, {one.rule.high:g}", place, color=colour)
    first = next(iter(replays.values()))[0]
    drawing.axes.set(
        xlabel="votes taken, % of all votes",
        ylabel="labels kept by all votes and by those taken, % of those kept by either",
    )
    drawing.axes.grid(color="#e4e4e4", linewidth=0.6)
    drawing.axes.set_axisbelow(True)
    drawing.heading(
        f"{counted(first.votes, 'vote')} on {counted(first.questions, 'question')}, replayed in {first.taken.size} "
        "random orders; a question is closed once the probability of its class leaves the bounds beside each point, "
        f"after at least {first.rule.at_least} votes; labels kept at {first.threshold:g}"
    )
