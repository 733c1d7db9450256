"""Scores of (image, class) questions as files."""

from pathlib import Path

import numpy as np

from reassess.core.checks import check_shape
from reassess.core.classes import Classes
from reassess.core.scores import Scores
from reassess.errors import at
from reassess.formats.archives import MAX_BYTES, open_archive, write_npz
from reassess.formats.files import suffix_of, writing
from reassess.formats.questions import columns_of_questions, info_of_questions, questions_of_info, questions_of_table
from reassess.formats.tables import TABLE_SUFFIXES, column, numbers, read_table, write_table

__all__ = ["read_scores", "write_scores"]


def read_scores(path: str | Path, *, classes: Classes | None = None, max_bytes: int = MAX_BYTES) -> Scores:
    """Scores of a file.

    Parameters
    ----------
    path
        npz with the arrays ``tensor`` (or ``scores``), float, shape (questions,), and ``info``, text, shape
        (questions, 2): image name and class. Or a table with the columns image, class and score. Classes are ids,
        or wnids or names.
    classes
        The classes of the benchmark, in which wnids and names are looked up; without, they are those that the file
        names, in sorted order.
    max_bytes
        An archive that declares more is refused.

    Raises
    ------
    DataError
        The file does not hold scores; the message says where.
    """
    path = Path(path)
    suffix = suffix_of(path, (".npz", *TABLE_SUFFIXES), "scores")
    with at(path):
        return _read_npz(path, classes, max_bytes) if suffix == ".npz" else _read_table(path, classes)


def write_scores(path: str | Path, scores: Scores, *, force: bool = False) -> None:
    """Write scores as an npz archive or a table, by suffix.

    Parameters
    ----------
    path
        npz with the arrays ``tensor``, float64, shape (questions,), and ``info``, text, shape (questions, 2): image
        name and class. CSV, TSV, JSON lines or Parquet: columns image, class and score. Classes are ids, or names
        where they were read by name.
    scores
        What to write; the file holds the same numbers to the last bit.
    force
        Overwrite a file that exists.

    Raises
    ------
    DataError
        Wrong kind of file for scores.
    OutputError
        The file exists, or cannot be written.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from reassess import Questions
    >>> path = Path(mkdtemp()) / "scores.npz"
    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([7, 3]))
    >>> write_scores(path, Scores(questions, np.array([0.9, 0.2])))
    >>> read_scores(path).values
    array([0.9, 0.2])
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        with writing(path, force=force) as temporary:
            write_npz(temporary, {"tensor": scores.values, "info": info_of_questions(scores.questions)})
        return
    import polars as pl

    table = pl.DataFrame({**columns_of_questions(scores.questions), "score": scores.values})
    write_table(path, table, force=force)


def _read_npz(path: Path, classes: Classes | None, max_bytes: int) -> Scores:
    with open_archive(path, max_bytes=max_bytes) as archive:
        values = archive.first_of("tensor", "scores")
        questions = questions_of_info(archive.first_of("info"), path, classes)
    votes = "a tensor of shape (raters, questions, answers) holds votes: aggregate them first"
    check_shape(
        values,
        ("questions",),
        what="the scores",
        kind="floats",
        where=f"{path}, array tensor",
        mend=votes if values.ndim == 3 else None,
    )
    return Scores(questions, values.astype(np.float64, copy=False))


def _read_table(path: Path, classes: Classes | None) -> Scores:
    table = read_table(path, text=("image",))
    questions = questions_of_table(path, table, classes)
    values = numbers(path, table[column(path, table, "score", thing="the score")])
    return Scores(questions, values.to_numpy().astype(np.float64))
