"""What stop rules would have saved, and changed, in words and as a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from reassess.aggregation.stopping import StopReplay
from reassess.cli.common import Call
from reassess.cli.screen import print_table
from reassess.core.stop_rule import StopRule
from reassess.formats.tables import write_table
from reassess.text import percent

__all__ = ["print_replays", "write_replays"]


def print_replays(call: Call, file: str, replays: Sequence[StopReplay], asked: Sequence[StopRule]) -> None:
    """A row a rule, and those that were asked for in words."""
    headings = ["closed at", "votes taken %", "questions changed", "images changed", "labels in common %"]
    print_table(headings, [_row(one) for one in replays])
    for one in replays:
        if one.rule in asked:
            call.tell(
                f"{file}, closed at {_bounds(one.rule)}: {percent(one.share_taken)} % of {one.votes:,} votes are "
                f"taken; {one.changed.mean():,.1f} of {one.questions:,} questions are decided otherwise than by all "
                f"votes ({one.changed.min():,} to {one.changed.max():,})"
            )
    orders = replays[0].taken.size
    call.note(
        f"means of {orders} random orders of the votes; labels kept at {replays[0].threshold:g}; "
        f"at least {replays[0].rule.at_least} votes a question; the raters taken as known from their first vote on"
    )


def write_replays(path: Path, replays: Mapping[str, Sequence[StopReplay]], *, force: bool = False) -> None:
    """Write a row for each file and rule; counts are means of the orders."""
    import polars as pl

    rows = [
        {
            "file": file,
            "low": one.rule.low,
            "high": one.rule.high,
            "at_least": one.rule.at_least,
            "threshold": one.threshold,
            "share_taken": one.share_taken,
            "questions_changed": float(one.changed.mean()),
            "images_changed": float(one.images_changed.mean()),
            "labels_in_common": one.labels_in_common,
        }
        for file, each in replays.items()
        for one in each
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def _row(one: StopReplay) -> list[str]:
    counts = (f"{one.changed.mean():,.1f}", f"{one.images_changed.mean():,.1f}")
    return [_bounds(one.rule), percent(one.share_taken), *counts, percent(one.labels_in_common)]


def _bounds(rule: StopRule) -> str:
    return f"{rule.low:g}, {rule.high:g}"
