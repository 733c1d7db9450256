"""What `reassess propose --unasked` prints, as a table and as JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reassess.cli.call import Call
from reassess.cli.screen import print_table
from reassess.core import NOT_ASKED, UNRATED, Candidates
from reassess.text import counted

_MOST_CANDIDATES = 10


def unasked_to_json(
    candidates: Candidates, output: Path, top_k: int, limit: int | None, unknown: Mapping[str, int]
) -> dict[str, Any]:
    """The results of the JSON document; `unknown` is each file's number of unknown images."""
    named = dict(zip(candidates.sources, candidates.by_source.sum(axis=0).tolist(), strict=True))
    return {
        "output": str(output),
        "candidates": len(candidates),
        "written": len(range(len(candidates))[:limit]),
        "not_asked": _count(candidates, NOT_ASKED),
        "unrated": _count(candidates, UNRATED),
        "top_k": top_k,
        "models": [{"file": file, "candidates": named[file], "unknown": count} for file, count in unknown.items()],
    }


def print_unasked(
    call: Call, candidates: Candidates, output: Path, limit: int | None, unknown: Mapping[str, int]
) -> None:
    """The first candidates, and how many there are."""
    written = range(len(candidates))[:limit]
    if len(candidates):
        shown = call.first_rows(len(written), _MOST_CANDIDATES, "candidates")
        headings = ["image", "class", "name", "reason", "first for", "named by", "probability"]
        print_table(headings, _rows(candidates, written[:shown]), text_columns=4)
    number = counted(len(candidates), "candidate")
    of_all = number if len(written) == len(candidates) else f"{len(written):,} of {number}"
    call.tell(f"{output}: {of_all}{', the most informative first' if len(candidates) else ''}")
    predicted = counted(len(candidates), "predicted class is", "predicted classes are")
    call.tell(
        f"{predicted} in no label set and not asked about: {_count(candidates, NOT_ASKED):,} on rated images, "
        f"{_count(candidates, UNRATED):,} on unrated images"
    )
    for file, count in unknown.items():
        if count:
            call.tell(f"{file}: {counted(count, 'unknown image')} not used")


def _rows(candidates: Candidates, rows: range) -> list[list[object]]:
    classes, first, mean = candidates.questions.classes, candidates.first_counts, candidates.mean_probabilities
    class_ids, reasons = candidates.questions.class_ids.tolist(), candidates.reasons or ()
    return [
        [
            candidates.image(row),
            str(class_ids[row]),
            classes.label(class_ids[row]),
            reasons[row],
            f"{first[row]:,}",
            f"{len(candidates.named_by(row)):,}",
            None if np.isnan(mean[row]) else f"{mean[row]:.3f}",
        ]
        for row in rows
    ]


def _count(candidates: Candidates, reason: str) -> int:
    return (candidates.reasons or ()).count(reason)
