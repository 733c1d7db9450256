"""The tables of a release, each as Parquet and as CSV, with a description of each column."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reassess.formats import write_classes, write_labels, write_scores, write_votes
from reassess.formats.tables import read_table
from reassess.release.release_parts import ReleaseParts
from reassess.text import count_noun

if TYPE_CHECKING:
    import polars as pl

CSV_FOLDER = "csv"
_TABLE_DESCRIPTIONS: Mapping[str, str] = {
    "labels": "The valid classes of each image, one row per valid class. A row without a class is an image without a "
    "valid class.",
    "scores": "The probability that a class is valid for an image, for each question. Classes with at least the "
    "threshold are labels.",
    "votes": "The raters' votes, one row per vote.",
    "golden": "The experts' votes on golden questions, which are taken as the truth.",
    "rater-golden": "The raters' votes on golden questions.",
    "original": "The class that the benchmark first gave each image.",
    "classes": "The classes, in the order of their ids.",
}
_COLUMN_DESCRIPTIONS: Mapping[str, str] = {
    "image": "name of the image",
    "class": "the class, by name or by id",
    "item": "id of the item",
    "score": "probability that the class is valid",
    "probability": "probability that the class is valid, if an image has one class",
    "golden": "1 if golden answers were used for this score, else 0",
    "rater": "id of a person, or name of a model",
    "answer": "the answer; empty for an item without votes",
    "seconds": "duration of the vote, in seconds",
    "count": "number of votes",
    "stratum": "stratum of the drawn image",
    "id": "id of the class, from 0",
    "name": "name of the class",
    "wnid": "WordNet id of the class",
    "synonyms": "other names of the class, separated by semicolons",
    "definition": "definition of the class",
}
_DRAW_PROBABILITY = "probability that the image was drawn as golden"


@dataclass(frozen=True)
class ReleasedTable:
    """A table of a release: its part of the benchmark, its rows and columns."""

    part: str  # such as votes
    contents: str  # counts in words
    n_rows: int
    schema: "Mapping[str, pl.DataType]"  # type of each column
    description: str

    @property
    def parquet_name(self) -> str:
        """The path of the Parquet file in the release."""
        return f"{self.part}.parquet"

    @property
    def csv_name(self) -> str:
        """The path of the CSV file in the release."""
        return f"{CSV_FOLDER}/{self.part}.csv"

    def describe_column(self, column: str) -> str:
        """Describe a column in a few words."""
        if (self.part, column) == ("golden", "probability"):
            return _DRAW_PROBABILITY
        return _COLUMN_DESCRIPTIONS.get(column, column)


def write_tables(parts: ReleaseParts, folder: Path) -> tuple[ReleasedTable, ...]:
    """Write all tables of a release into a new folder, and return their descriptions."""
    (folder / CSV_FOLDER).mkdir()
    tables = []
    for part, contents, write in _list_tables(parts):
        path = folder / f"{part}.parquet"
        write(path)
        write(folder / CSV_FOLDER / f"{part}.csv")
        table = read_table(path)
        tables.append(ReleasedTable(part, contents, table.height, dict(table.schema), _TABLE_DESCRIPTIONS[part]))
    return tuple(tables)


def _list_tables(parts: ReleaseParts) -> Iterator[tuple[str, str, Callable[[Path], None]]]:
    """Yield the part, the contents in words, and the writer of each table."""
    labels, original, scores = parts.labels, parts.original, parts.scores
    labels_text = f"{count_noun(labels.indices.size, 'label')} of {count_noun(len(labels), 'image')}"
    yield "labels", labels_text, partial(write_labels, labels=labels)
    if scores is not None:
        yield "scores", count_noun(len(scores), "question"), partial(write_scores, scores=scores)
    for part, votes in parts.votes_by_part.items():
        is_golden = part == "golden"
        n_people = np.unique(votes.rater_ids).size
        people = "unknown people" if votes.is_anonymous else count_noun(n_people, "expert" if is_golden else "rater")
        sample = parts.golden_sample if is_golden else None
        yield part, f"{count_noun(len(votes), 'vote')} by {people}", partial(write_votes, votes=votes, sample=sample)
    if original is not None:
        yield (
            "original",
            f"original labels of {count_noun(len(original), 'image')}",
            partial(write_labels, labels=original),
        )
    if parts.classes.wnids_or_names:
        yield (
            "classes",
            count_noun(parts.classes.count or 0, "class", "classes"),
            partial(write_classes, classes=parts.classes),
        )
