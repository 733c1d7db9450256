"""Columns probability and stratum in files of votes or tasks: they say how images were drawn at random."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reassess.core import Sample
from reassess.errors import DataError, add_error_place
from reassess.formats.files import as_path
from reassess.formats.tables import TABLE_SUFFIXES, describe_row_place, read_table, to_nullable_floats, to_text
from reassess.formats.task_files import TASK_SUFFIXES, read_tasks
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl

    from reassess.core import Votes

_PROBABILITY, _STRATUM = "probability", "stratum"


def read_sample(path: str | Path) -> Sample | None:
    r"""Read which images of a file were drawn at random, and with which probabilities.

    Parameters
    ----------
    path
        A table with the columns image and probability, such as experts' votes, or a file of tasks. Probability is empty
        for images that were not drawn. The column stratum may be missing. In candidates, probability has another
        meaning (a model's), and is ignored: tables with the column source, but without answers.

    Returns
    -------
    Sample or None
        None if no image has a probability.

    Raises
    ------
    DataError
        A probability is not above 0 and at most 1, or an image has two.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "golden.csv"
    >>> header = "image,class,rater,answer,probability,stratum\n"
    >>> _ = path.write_text(header + "a.png,cat,eve,yes,0.5,all\nb.png,dog,eve,no,0.5,all\n")
    >>> read_sample(path)
    Sample(2 images for about 4)
    """
    path = as_path(path)
    if path.suffix.lower() in TASK_SUFFIXES and _is_task_file(path):
        return read_tasks(path).sample
    if path.suffix.lower() not in TABLE_SUFFIXES:
        return None
    table = read_table(path, text_columns=("image", _STRATUM))
    names = set(table.columns)
    is_votes = bool(names & {"rater", "worker", "answer"})
    if "image" not in names or ("source" in names and not is_votes):
        return None
    _refuse_misspelled_headings(path, table.columns)
    if _PROBABILITY not in names:
        return None
    return _sample_from_table(path, table)


def _refuse_misspelled_headings(path: Path, headings: Sequence[str]) -> None:
    """Raise for a heading such as "Probability", because its column would be ignored."""
    for heading in (_PROBABILITY, _STRATUM):
        others = [name for name in headings if name.strip().lower() == heading]
        if others and heading not in others:
            raise DataError(
                "unknown-column",
                f"heading differs from {heading} only in capitals or spaces",
                where=path,
                allowed=heading,
                found=join_first([repr(name) for name in others]),
                fix="rename the column",
            )


def _is_task_file(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return any('"classes"' in line for _, line in zip(range(2), file, strict=False))


def _sample_from_table(path: Path, table: "pl.DataFrame") -> Sample | None:
    import polars as pl

    table = table.select(
        pl.col("image").cast(str),
        to_nullable_floats(path, table[_PROBABILITY]).alias(_PROBABILITY),
        (to_text(path, table[_STRATUM]) if _STRATUM in table.columns else pl.lit("")).fill_null("").alias(_STRATUM),
    ).with_row_index("row")
    drawn = table.filter(pl.col(_PROBABILITY).is_not_null() & pl.col("image").is_not_null())
    images = drawn.unique("image", keep="first", maintain_order=True)
    several = drawn.join(images, on="image").filter(
        (pl.col(_PROBABILITY) != pl.col(f"{_PROBABILITY}_right")) | (pl.col(_STRATUM) != pl.col(f"{_STRATUM}_right"))
    )
    if several.height:
        raise DataError(
            "two-probabilities",
            "rows of an image have different probabilities or strata",
            where=describe_row_place(path, several["row"][0], _PROBABILITY),
            allowed=f"{several[f'{_PROBABILITY}_right'][0]}, {several[f'{_STRATUM}_right'][0]!r}",
            found=f"{several[_PROBABILITY][0]}, {several[_STRATUM][0]!r}",
            fix="give all rows of an image the same probability and stratum",
        )
    if not images.height:
        return None
    with add_error_place(path):
        return Sample(
            images=tuple(images["image"]),
            probabilities=images[_PROBABILITY].cast(float).to_numpy(),
            strata=tuple(images[_STRATUM]),
        )


def make_sample_columns(votes: "Votes", images: "pl.Series", sample: Sample) -> "dict[str, pl.Series]":
    """Return the columns probability and stratum for a table of votes; `images` has the image of each row."""
    import polars as pl

    names = list(votes.images)
    rows = sample.rows_of(names)
    probability = np.append(sample.probabilities, np.nan)[rows]
    strata = [sample.strata[row] if row >= 0 else None for row in rows.tolist()]
    at_row = images.replace_strict(names, list(range(len(names))), return_dtype=pl.Int64)
    return {
        _PROBABILITY: pl.Series(probability).fill_nan(None).gather(at_row),
        _STRATUM: pl.Series(strata, dtype=pl.String).gather(at_row),
    }
