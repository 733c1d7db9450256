"""Score files: npz archives and tables."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Questions, Scores
from reassess.core.checks import check_range, check_shape, check_type
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import add_error_place
from reassess.formats.archives import open_archive
from reassess.formats.files import as_path, check_suffix, write_to_temporary
from reassess.formats.question_columns import (
    columns_from_questions,
    image_and_class_texts,
    questions_from_info_array,
)
from reassess.formats.table_codec import (
    ClassIdColumn,
    ColumnValues,
    IntegerColumn,
    ShareColumn,
    TableFormat,
    TextColumn,
    object_from_table,
    write_object,
)
from reassess.formats.tables import TABLE_SUFFIXES, find_column, read_parquet_metadata, read_table

if TYPE_CHECKING:
    import polars as pl

_PROBABILITY, _GOLDEN, METADATA_METHOD = "probability", "golden", "method"


def read_score_file(path: str | Path, *, classes: Classes | None = None) -> Scores:
    """Read scores; see `reassess.read_scores`."""
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    suffix = check_suffix(path, (".npz", *TABLE_SUFFIXES), "scores")
    with add_error_place(path):
        return _read_npz(path, classes) if suffix == ".npz" else _read_table(path, classes)


def write_scores(path: str | Path, scores: Scores, *, force: bool = False) -> None:
    """Write scores as an npz archive or a table, by suffix.

    Parameters
    ----------
    path
        npz with the arrays ``tensor``, float64, shape (questions,), and ``info``, text, shape (questions, 2): image
        name and class. CSV, TSV, JSON lines or Parquet: columns image, class and score. Classes are ids, or names
        if they were read by name. Exclusive scores have the name ``probability`` instead of ``tensor`` or score, as for
        `read_score_file`. ``golden`` and ``method`` are written if known; CSV, TSV and JSON lines cannot store the
        method.
    scores
        The scores. Reading the file gives exactly the same numbers.
    force
        Overwrite an existing file.

    Raises
    ------
    DataError
        The file has another suffix.
    OutputError
        The file exists, or cannot be written.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from reassess import Questions
    >>> path = Path(mkdtemp()) / "scores.npz"
    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([7, 3]))
    >>> write_scores(path, Scores(questions, np.array([0.9, 0.2])))
    >>> read_score_file(path).values
    array([0.9, 0.2])
    """
    path = as_path(path)
    check_type(Scores, scores)
    if path.suffix.lower() == ".npz":
        with write_to_temporary(path, force=force) as temporary:
            name = _PROBABILITY if scores.is_exclusive else "tensor"
            arrays = {
                name: scores.values,
                "info": image_and_class_texts(scores.questions),
                **_golden_column(scores),
            }
            if scores.method != UNKNOWN_METHOD:
                arrays[METADATA_METHOD] = np.array(scores.method)
            np.savez_compressed(temporary, allow_pickle=False, **arrays)
        return
    metadata = {} if scores.method == UNKNOWN_METHOD else {METADATA_METHOD: scores.method}
    write_object(_TABLES[scores.is_exclusive], path, scores, force=force, metadata=metadata)


def _golden_column(scores: Scores) -> dict[str, npt.NDArray[np.uint8]]:
    """Return a column "golden": 1 for golden questions, 0 for other questions. Return no column if this is unknown."""
    return {} if scores.is_golden is None else {_GOLDEN: scores.is_golden.astype(np.uint8)}


def _read_npz(path: Path, classes: Classes | None) -> Scores:
    with open_archive(path) as archive:
        name = archive.find_first_array("tensor", "scores", _PROBABILITY)
        values = archive[name]
        questions = questions_from_info_array(archive[archive.find_first_array("info")], path, classes)
        golden = archive.get(_GOLDEN)
        method = archive.get(METADATA_METHOD)
    votes = "a tensor of shape (raters, questions, answers) has votes: aggregate them first"
    check_shape(
        values,
        ("questions",),
        value_name="the scores",
        kind="floats",
        where=f"{path}, array {name}",
        fix=votes if values.ndim == 3 else None,
    )
    if golden is not None:
        check_shape(
            golden, ("questions",), value_name="the golden flags", kind="integers", where=f"{path}, array {_GOLDEN}"
        )
        check_range(golden, 0, 1, value_name="golden", where=f"{path}, array {_GOLDEN}, row {{}}".format)
    if method is not None:
        check_shape(method, (), value_name="the method", kind="text", where=f"{path}, array {METADATA_METHOD}")
    return Scores(
        questions=questions,
        values=values.astype(np.float64, copy=False),
        is_exclusive=name == _PROBABILITY,
        is_golden=None if golden is None else golden.astype(bool),
        method=UNKNOWN_METHOD if method is None else str(method),
    )


def _score_columns(scores: Scores) -> ColumnValues:
    columns = columns_from_questions(scores.questions)
    classes = (scores.questions.class_ids, scores.questions.classes)
    return {
        "image": columns["image"],
        "class": classes,
        _score_heading(scores.is_exclusive): scores.values,
        **_golden_column(scores),
    }


def _make_scores(cells: ColumnValues) -> Scores:
    exclusive, golden = _PROBABILITY in cells, cells.get(_GOLDEN)
    return Scores(
        questions=Questions.from_columns(cells["image"].to_list(), *cells["class"]),
        values=cells[_score_heading(exclusive)],
        is_exclusive=exclusive,
        is_golden=None if golden is None else golden.astype(bool),
    )


def _score_heading(is_exclusive: bool) -> str:
    return _PROBABILITY if is_exclusive else "score"


# The table formats, indexed by whether scores are exclusive.
_TABLES = tuple(
    TableFormat(
        Scores,
        "scores",
        columns=(
            TextColumn("image"),
            ClassIdColumn("class"),
            ShareColumn(_score_heading(exclusive)),
            IntegerColumn(_GOLDEN, maximum=1, is_required=False),
        ),
        get_values=_score_columns,
        make_object=_make_scores,
    )
    for exclusive in (False, True)
)


def _read_table(path: Path, classes: Classes | None) -> Scores:
    table = read_table(path, text_columns=("image",))
    metadata = read_parquet_metadata(path) if path.suffix.lower() == ".parquet" else {}
    return scores_from_table(path, table, classes, metadata)


def scores_from_table(
    path: Path, table: "pl.DataFrame", classes: Classes | None, metadata: Mapping[str, str]
) -> Scores:
    """Make scores from a table, and from the metadata of its file; `path` is the file in messages."""
    exclusive = find_column(path, table, _score_heading(False), _score_heading(True)) == _PROBABILITY
    scores = object_from_table(_TABLES[exclusive], path, table, classes)
    return replace(scores, method=metadata.get(METADATA_METHOD, UNKNOWN_METHOD))
