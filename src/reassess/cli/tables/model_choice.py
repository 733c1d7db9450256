"""What subsets of models propose, as tables of a terminal and of a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reassess.cli.common import Call
from reassess.cli.screen import print_table
from reassess.core.model_choice import HeldOut, ModelChoice, ModelSubset
from reassess.formats.tables import write_table
from reassess.numeric.proportion import Proportion
from reassess.text import counted

__all__ = ["print_choice", "write_frontier"]

_MOST_SUBSETS = 10
_HEADINGS = ["subset", "models", "proposals", "an image", "recall", "precision", "unjudged"]


def write_frontier(path: Path, choice: ModelChoice, *, force: bool = False) -> None:
    """Write the frontier: models (in csv and tsv separated by ``; ``), proposals, images, recall, precision, chosen."""
    import polars as pl

    rows = [
        {
            "models": "; ".join(subset.models) if path.suffix.lower() in (".csv", ".tsv") else list(subset.models),
            "proposals": subset.proposals,
            "images": subset.images,
            "hits": subset.recall.hits,
            "valid": subset.recall.n,
            "recall": subset.recall.value,
            "judged": subset.precision.n,
            "precision": subset.precision.value,
            "unjudged": subset.unjudged,
            "chosen": subset == choice.chosen,
        }
        for subset in choice.frontier
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def print_choice(call: Call, choice: ModelChoice) -> None:
    """The frontier, the chosen models, and what they reach on images that had no part in the choice."""
    shown = _some_of(call, choice)
    rows = [("chosen" if subset == choice.chosen else "", subset) for subset in shown]
    rows.append(("all models", choice.all_models))
    print_table(_HEADINGS, [[title, *_figures(subset)] for title, subset in rows])
    call.tell(f"chosen: {', '.join(choice.chosen.models)}")
    recall = choice.chosen.recall
    call.tell(f"recall on the golden images on which they were chosen: {_share(recall)}")
    if choice.held_out is not None:
        _tell_held_out(call, choice.held_out)
    call.tell(f"{choice.never_proposed:,} of {recall.n:,} golden labels are neither proposed by a model nor original")
    call.tell(_searched(choice))
    if choice.set_aside:
        images = counted(choice.set_aside, "golden image")
        call.tell(f"{images} set aside by all models: there the original label alone counts as proposed")
    if choice.left_out:
        call.tell(f"{counted(choice.left_out, 'golden image')} left out: no model holds them")
    call.note("recall: of the valid golden pairs, those proposed; precision: of the golden pairs proposed, those valid")
    call.note("unjudged: proposals on golden images that are no golden pairs; they count in neither")


def _some_of(call: Call, choice: ModelChoice) -> Sequence[ModelSubset]:
    """Some of the frontier, evenly, and what was chosen; all of it if asked for."""
    frontier = choice.frontier
    if call.verbose or len(frontier) <= _MOST_SUBSETS:
        return frontier
    places = {round(place) for place in np.linspace(0, len(frontier) - 1, _MOST_SUBSETS - 1).tolist()}
    places.add(frontier.index(choice.chosen))
    call.tell(f"{len(places)} of the {len(frontier):,} best subsets (--verbose shows all)")
    return [frontier[place] for place in sorted(places)]


def _figures(subset: ModelSubset) -> list[object]:
    mean = None if subset.per_image is None else f"{subset.per_image:.2f}"
    shares = [None if part.value is None else f"{part.value:.4f}" for part in (subset.recall, subset.precision)]
    return [f"{len(subset.models):,}", f"{subset.proposals:,}", mean, *shares, f"{subset.unjudged:,}"]


def _share(share: Proportion) -> str:
    value = "none" if share.value is None else f"{share.value:.4f}"
    return f"{value} ({share.hits:,} of {share.n:,})"


def _tell_held_out(call: Call, held_out: HeldOut) -> None:
    interval = held_out.recall_interval
    bounds = "" if interval is None else f", 95 % {interval[0]:.3f} to {interval[1]:.3f}"
    call.tell(
        f"recall on others, chosen anew on all but one of {held_out.folds} folds: {_share(held_out.recall)}{bounds}"
    )
    call.tell(f"the same models were chosen in {held_out.same} of {held_out.folds} folds")
    if held_out.short:
        call.tell(f"in {held_out.short} of {held_out.folds} folds no subset reached the recall: the highest was chosen")
    call.note("95 %: bootstrap over golden images, of the choices as they were made")


def _searched(choice: ModelChoice) -> str:
    subsets = counted(choice.subsets, "subset")
    if choice.exhaustive:
        return f"exhaustive search: all {subsets} were measured, with the N of all models"
    return f"greedy search: {subsets} of too many to measure all, with the N of all models; there may be better ones"
