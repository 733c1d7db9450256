"""What `reassess labels` prints: what changed between two label sets, and how far several agree."""

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

import click

from reassess.cli.common import Call, percent
from reassess.cli.screen import print_table, say
from reassess.comparison.label_agreement import AGREEMENTS, SAYINGS, LabelAgreement
from reassess.comparison.label_changes import LabelDiff

if TYPE_CHECKING:
    import polars as pl

__all__ = ["class_table", "print_agreements", "print_classes", "print_diff", "print_sayings"]

_MOST_CLASSES = 20


def print_diff(call: Call, diff: LabelDiff) -> None:
    """How many images and labels changed, and in which classes."""
    rows: list[list[str | None]] = [
        ["images in both", f"{diff.images:,}"],
        ["images whose set changed", f"{len(diff.added):,}"],
        ["became empty", f"{diff.emptied:,}"],
        ["no longer empty", f"{diff.filled:,}"],
        ["images in the first only", f"{len(diff.only_first):,}"],
        ["images in the second only", f"{len(diff.only_second):,}"],
        ["labels in both", f"{diff.both:,}"],
        ["labels added", f"{diff.added.indices.size:,}"],
        ["labels removed", f"{diff.removed.indices.size:,}"],
        ["Jaccard index of the labels", None if diff.jaccard is None else f"{diff.jaccard:.4f}"],
    ]
    print_table(["from the first to the second", ""], rows)
    changes = diff.by_class()
    if changes:
        classes = diff.added.classes
        click.echo()
        shown = call.first_rows(len(changes), _MOST_CLASSES, "classes")
        print_table(
            ["class", "name", "added", "removed"],
            [[i, classes.label(i), added, removed] for i, (added, removed) in islice(changes.items(), shown)],
            text_columns=2,
        )


def class_table(agreements: Mapping[tuple[str, str], LabelAgreement]) -> "pl.DataFrame":
    """A row for each two label sets and class."""
    import polars as pl

    rows = [
        {"first": a, "second": b, **entry}
        for (a, b), agreement in agreements.items()
        for entry in agreement.to_json()["by_class"]
    ]
    schema = {"first": pl.String, "second": pl.String, "class": pl.Int64, "name": pl.String}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(AGREEMENTS[:-1], pl.Int64))


def print_agreements(call: Call, agreements: Mapping[tuple[str, str], LabelAgreement]) -> None:
    """A row for each two label sets."""
    headings = ["first", "second", "images", "equal", "overlap", "disjoint", "equal %"]
    rows: list[list[str | None]] = []
    for (a, b), agreement in agreements.items():
        n = {name: f"{count:,}" for name, count in agreement.counts.items()}
        cells = [n[name] for name in AGREEMENTS[:3]]
        silent = [n[name] for name in AGREEMENTS[3:]]
        rows.append([a, b, f"{len(agreement):,}", *cells, percent(agreement.equal_share), *silent])
    print_table([*headings, "first silent", "second silent", "both silent"], rows, text_columns=2)
    call.note("overlap: they share a class and are not equal; silent: no valid class, or the image is not there")
    call.note("equal %: of the images on which neither is silent")


def print_sayings(first: str, second: str, agreement: LabelAgreement) -> None:
    """What each of two says of the classes that either names; rows and columns without any are left out."""
    counts = agreement.sayings
    rows, columns = ([i for i in range(len(SAYINGS)) if part[i]] for part in (counts.sum(axis=1), counts.sum(axis=0)))
    words = [name.replace("_", " ") for name in SAYINGS]
    say(f"\nlabels on the images of both: what {first} says (rows) and what {second} says (columns)")
    print_table(
        ["", *(words[i] for i in columns)],
        [[words[row], *(f"{counts[row, column]:,}" for column in columns)] for row in rows],
    )


def print_classes(call: Call, title: str, agreement: LabelAgreement) -> None:
    """The classes of most images on which the two are disjoint or overlap."""
    entries = [entry for entry in agreement.to_json()["by_class"] if entry["disjoint"] or entry["overlap"]]
    entries.sort(key=lambda entry: (-entry["disjoint"], -entry["overlap"]))
    click.echo()
    shown = call.first_rows(len(entries), _MOST_CLASSES, "classes")
    print_table(
        ["class", "name", *(name.replace("_", " ") for name in AGREEMENTS[:-1])],
        [list(entry.values()) for entry in entries[:shown]],
        title=title,
        text_columns=2,
    )
