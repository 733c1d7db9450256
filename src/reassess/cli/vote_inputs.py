"""The votes behind the labels, and what the raters alone make of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from reassess.aggregation.methods import calibrated_recipe, golden_part
from reassess.aggregation.recipe import REAL, real_scores
from reassess.aggregation.relabelling import Relabelling, relabel
from reassess.cli.common import Call
from reassess.cli.inputs import Judges, load_golden, optional_file
from reassess.core.image_names import are_validation_images
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.data.loading import load_votes
from reassess.errors import DataError

__all__ = ["Rated", "load_rated", "relabelling", "votes_option", "why"]

_VOTES = "imagenet-real-raters"


@dataclass(frozen=True, eq=False)
class Rated:
    """The raters' votes, those of experts and of raters on golden questions, and what the raters alone make of it."""

    votes: Votes
    experts: Votes
    rater_golden: Votes
    alone: Scores


def votes_option(purpose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that names the raters' votes, and says what for."""
    default = f"{_VOTES}, if the images are ImageNet's and the file is here"
    return click.option("--votes", metavar="NAME|FILE", help=f"Raters' votes, or none: {purpose}  [default: {default}]")


def load_rated(
    call: Call, judges: Judges, votes: str | None, golden: str | None, rater_golden: str | None, max_bytes: int
) -> Rated | str:
    """The votes and golden answers, or why there are none."""
    is_imagenet = are_validation_images(judges.labels.images)
    file = optional_file(call, "votes", votes, _VOTES if is_imagenet else None)
    if file is None:
        return "no votes are at hand"
    cast = load_votes(file, max_bytes=max_bytes)
    known = load_golden(call, cast, golden, rater_golden, max_bytes=max_bytes)
    if known is None:
        return "no golden answers are at hand, on which to measure the raters"
    experts, said = known
    try:
        said = golden_part(cast, experts) if said is cast else said
        return Rated(cast, experts, said, real_scores(cast, experts, said, None, recipe=calibrated_recipe(experts)))
    except DataError as error:
        return why(error)


def relabelling(judges: Judges, rated: Rated, threshold: float) -> Relabelling | str:
    """How the label sets follow from the votes at a threshold, or why that is not known."""
    recipes = [REAL, calibrated_recipe(rated.experts)]
    votes = rated.votes, rated.experts, rated.rater_golden
    try:
        return relabel(judges.labels, *votes, judges.original, threshold=threshold, recipes=recipes)
    except DataError as error:
        return why(error)


def why(error: DataError) -> str:
    """What went wrong, in a few words."""
    return error.what if error.found is None else f"{error.what}: {error.found}"
