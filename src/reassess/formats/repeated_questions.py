"""A check for repeated questions in a folder of scores that does not fit in memory."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reassess.formats.question_columns import class_ids_from_texts
from reassess.formats.votes.stored_names import CLASS, IMAGE, ROWS_PER_BLOCK, StoredNames, TextIds
from reassess.formats.votes.temporary_tables import TemporaryTable
from reassess.formats.votes.vote_batches import normalize_class
from reassess.formats.votes.vote_folders import convert_full_disk_errors

if TYPE_CHECKING:
    import polars as pl


def refuse_repeated_questions(folder: Path, tables: "Iterable[pl.DataFrame]") -> "Iterator[pl.DataFrame]":
    """Yield the tables of a folder of scores, and at their end check all questions as `Questions` does.

    Raise `DataError` if a question is repeated, or if two names mean the same image. The names are in a temporary file.
    """
    import polars as pl

    with tempfile.TemporaryDirectory() as temporary, convert_full_disk_errors(Path(temporary)):
        names, class_ids = TemporaryTable(Path(temporary), ROWS_PER_BLOCK), TextIds(normalize_class)
        for table in tables:
            ids = pl.Series(CLASS, class_ids.find_or_add(table[CLASS].cast(pl.String)), dtype=pl.Int32)
            names.append(table.select(IMAGE).with_columns(ids))
            yield table
        id_of, classes = class_ids_from_texts(folder, list(class_ids.ids), None)
        questions = StoredNames(Path(temporary), names, np.array([id_of[text] for text in class_ids.ids]), classes)
        questions.check_image_names(f"{folder}, the questions")
        questions.refuse_repeated_questions(str(folder))
