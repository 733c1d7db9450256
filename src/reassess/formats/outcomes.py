"""What happened to each image, as a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.formats.tables import write_table
from reassess.labels import LabelSets
from reassess.outcomes import LABELLED, STATES, Outcomes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["write_outcomes"]


def write_outcomes(path: Path, each: Mapping[str, Outcomes], labels: LabelSets, *, force: bool = False) -> None:
    """Write a row for each model and image.

    Columns: file, image, state (labelled, empty, unlabelled, unknown), labels (how many classes are valid), top1 (class
    id), correct (top-1 is valid; null unless the state is labelled), rank (of the best valid class, from 1),
    valid_found (of n valid classes, how many are among the first n), original_rank (of the original label, from 1).
    """
    import polars as pl

    tables = []
    for file, found in each.items():
        labelled = found.state == LABELLED
        sizes = np.where(found.label_rows >= 0, labels.sizes[found.label_rows], -1)
        tables.append(
            pl.DataFrame(
                {
                    "file": pl.repeat(file, len(found), eager=True),
                    "image": list(found.images),
                    "state": [STATES[state] for state in found.state.tolist()],
                    "labels": _nullable(sizes),
                    "top1": found.top1,
                    "correct": pl.Series(found.rank == 0).set(pl.Series(~labelled), None),
                    "rank": _nullable(found.rank, plus=1),
                    "valid_found": _nullable(found.overlap),
                    "original_rank": _nullable(found.original_rank, plus=1),
                }
            )
        )
    write_table(path, pl.concat(tables), force=force)


def _nullable(values: npt.NDArray[np.integer], *, plus: int = 0) -> "pl.Series":
    """A column in which -1 stands for nothing."""
    import polars as pl

    column = pl.Series(values + plus)
    return column.set(pl.Series(values < 0), None)
