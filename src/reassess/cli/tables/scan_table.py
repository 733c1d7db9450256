"""What `reassess scan` prints, as a table and as JSON."""

from typing import Any

from reassess.cli.common import Call
from reassess.cli.screen import print_table
from reassess.core.duplicates import UNUSABLE_KINDS, DuplicateCounts
from reassess.data.scanning import Scan
from reassess.text import counted, some

__all__ = ["print_scan", "scan_to_json"]

_MOST_PAIRS = 20


def scan_to_json(scan: Scan) -> dict[str, Any]:
    """The results of the JSON document, but for what the call says."""
    duplicates = scan.duplicates
    return {
        "rows": len(duplicates),
        "groups": {kind: duplicates.group_count(kind) for kind in ("exact", "near")},
        "largest_group": {kind: duplicates.largest_group(kind) for kind in ("exact", "near")},
        "smallest_side": scan.smallest_side,
        "sets": [
            {
                "set": each.name,
                "place": str(each.place),
                "images": each.images,
                **{kind: scan.count(each.name, kind) for kind in UNUSABLE_KINDS},
                "unreadable_images": [{"image": image, "reason": reason} for image, reason in each.unreadable],
            }
            for each in scan.sets
        ],
        "duplicates": [each.to_json() for each in scan.counts],
    }


def print_scan(call: Call, scan: Scan, output: Any, *, near: bool) -> None:
    """A row for each set, and for each set in which another one is repeated; then what the table rests on."""
    counts = scan.counts
    within = {each.name: each for each in counts if each.name == each.elsewhere}
    between = [each for each in counts if each.name != each.elsewhere and (each.exact or each.near)]
    between.sort(key=lambda each: -each.exact - each.near)
    with_classes = any(each.other_class is not None for each in counts)
    rows: list[list[str | None]] = []
    for each in scan.sets:
        faults = [f"{scan.count(each.name, kind):,}" for kind in UNUSABLE_KINDS]
        rows.append([each.name, f"{each.images:,}", *faults, *_cells(within[each.name], near, with_classes)])
    for pair in between[: call.first_rows(len(between), _MOST_PAIRS, "pairs of sets")]:
        rows.append([f"{pair.name}, in {pair.elsewhere}", None, None, None, None, *_cells(pair, near, with_classes)])
    optional = [*(["near"] if near else []), *(["other class"] if with_classes else [])]
    print_table(["set", "images", *UNUSABLE_KINDS, "exact", *optional], rows)
    call.tell(f"{output}: {counted(len(scan.duplicates), 'row')}, {_groups(scan, near)}")
    unreadable = [f"{image} of {each.name} ({reason})" for each in scan.sets for image, reason in each.unreadable]
    if unreadable:
        call.tell(f"cannot be read: {some(unreadable, most=len(unreadable) if call.verbose else 1)}")
    notes = ["exact: with a copy of equal pixels there"]
    if near:
        notes.append("near: with none, but one that looks the same")
    if with_classes:
        notes.append("other class: with an exact copy in the folder of another class")
    call.note("; ".join(notes))


def _cells(counts: DuplicateCounts, near: bool, with_classes: bool) -> list[str | None]:
    other = None if counts.other_class is None else f"{counts.other_class:,}"
    return [f"{counts.exact:,}", *([f"{counts.near:,}"] if near else []), *([other] if with_classes else [])]


def _groups(scan: Scan, near: bool) -> str:
    """How many groups there are, and how large they are."""
    parts = []
    for kind in ("exact", "near") if near else ("exact",):
        largest = scan.duplicates.largest_group(kind)
        most = f" (the largest of {largest:,} images)" if largest > 2 else ""
        parts.append(f"{counted(scan.duplicates.group_count(kind), f'{kind} group')}{most}")
    return " and ".join(parts)
