"""The votes behind the labels, and the golden answers on which raters are measured."""

from collections.abc import Callable
from typing import Any, TypedDict

import click

from reassess.cli.common import Call, Range
from reassess.cli.inputs import Judges, find_part, load_golden, part_option
from reassess.core.votes import Votes
from reassess.data.loading import load_votes

__all__ = ["Rated", "load_rated", "threshold_option", "votes_option"]


class Rated(TypedDict):
    """Fields of `reassess.Findings`: raters' and experts' votes; None where that is not at hand."""

    votes: Votes | None
    experts: Votes | None
    rater_golden: Votes | None


def votes_option(purpose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that names the raters' votes, and says what for."""
    return part_option("votes", f"Raters' votes, for {purpose}")


threshold_option = click.option(
    "--threshold",
    type=Range(0, 1),
    default=0.8,
    show_default=True,
    metavar="T",
    help="The threshold at which the label sets were cut from the scores.",
)


def load_rated(
    call: Call, judges: Judges, votes: str | None, golden: str | None, rater_golden: str | None, max_bytes: int
) -> Rated:
    """The votes and golden answers, as far as they are at hand; experts' answers may be at hand without votes."""
    file = find_part(call, judges.benchmark, "votes", votes)
    if file is None:
        expert_file = find_part(call, judges.benchmark, "golden", golden)
        experts = None if expert_file is None else load_votes(expert_file, max_bytes=max_bytes)
        return Rated(votes=None, experts=experts, rater_golden=None)
    main = load_votes(file, max_bytes=max_bytes)
    on_golden = load_golden(call, main, golden, rater_golden, max_bytes=max_bytes)
    if on_golden is None:
        return Rated(votes=main, experts=None, rater_golden=None)
    experts, raters = on_golden
    return Rated(votes=main, experts=experts, rater_golden=None if raters is main else raters)
