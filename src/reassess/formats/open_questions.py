"""Questions for a next round of rating, as a table."""

from pathlib import Path

from reassess.core.classes import Classes
from reassess.core.open_questions import OpenQuestions
from reassess.formats.files import suffix_of
from reassess.formats.tables import TABLE_SUFFIXES, write_table

__all__ = ["write_open_questions"]


def write_open_questions(
    path: str | Path, questions: OpenQuestions, classes: Classes, *, limit: int | None = None, force: bool = False
) -> None:
    r"""Write questions, the most informative first, one a row.

    Columns: image, class (id, or name where classes are written by name), wnid and name (null where they are not
    known), models (that name the class; in csv and tsv separated by ``; ``), first (how many models put it first),
    probability (mean over the models that give scores, or null) and reason (never proposed, or image never rated). With
    rater and answer added to each row, `read_votes` reads the file.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    questions
        What to write.
    classes
        The classes of the benchmark.
    limit
        Write so many at most; by default all.
    force
        Overwrite a file that exists.

    Raises
    ------
    DataError
        The file is of another kind.
    OutputError
        The file exists, or cannot be written.
    """
    import polars as pl

    path = Path(path)
    flat = suffix_of(path, TABLE_SUFFIXES, "a list of questions") in (".csv", ".tsv")
    rows = range(len(questions))[:limit]
    ids = questions.questions.class_ids[: len(rows)].tolist()
    called = classes.in_files
    table = pl.DataFrame(
        {
            "image": [questions.image(row) for row in rows],
            "class": [called[i] for i in ids] if called else ids,
            "wnid": [classes.wnids[i] if classes.wnids else None for i in ids],
            "name": [classes.label(i) if classes.names else None for i in ids],
            "models": [questions.named_by(row) for row in rows],
            "first": questions.first[: len(rows)],
            "probability": pl.Series(questions.probability[: len(rows)]).fill_nan(None),
            "reason": [questions.reason(row) for row in rows],
        },
        schema_overrides={
            "image": pl.String,
            "class": pl.String if called else pl.Int64,
            "wnid": pl.String,
            "name": pl.String,
            "models": pl.List(pl.String),
            "reason": pl.String,
        },
    )
    if flat:
        table = table.with_columns(pl.col("models").list.join("; "))
    write_table(path, table, force=force)
