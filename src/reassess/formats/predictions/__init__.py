"""A model's predictions as files: the reader or writer of each suffix."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.core.checks import check_known, check_type
from reassess.core.classes import classes_of_ids
from reassess.core.predictions import MOST_IDS
from reassess.errors import DataError, ReassessError, ReassessWarning
from reassess.formats.files import as_path, check_output, exists, read_lines, suffix_of, write_atomically, writing
from reassess.formats.image_lists import name_lines
from reassess.formats.predictions.id_columns import UNKNOWN_CLASS, UnknownClass
from reassess.formats.predictions.output_lists import (
    classes_of_outputs,
    names_no_class,
    unknown_in_words,
    without_unknown_outputs,
)
from reassess.formats.predictions.prediction_arrays import (
    ArrayContent,
    array_predictions,
    read_npy_content,
    read_npz_content,
    read_safetensors_content,
    read_torch_content,
)
from reassess.formats.predictions.prediction_tables import read_prediction_table
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.numeric.arrays import as_floats
from reassess.text import counted

if TYPE_CHECKING:
    import polars as pl


_Columns = npt.NDArray[np.int64] | None  # class id of each output
_Reader = Callable[[Path, Classes, _Columns, UnknownClass], Predictions]
_BLOCK = 1024


def _array(content: Callable[[Path], ArrayContent]) -> _Reader:
    """The reader of a kind of array file."""
    return lambda path, classes, columns, _: array_predictions(content(path), classes, columns)


# The reader of each suffix, in the order in which messages list them.
READERS: Mapping[str, _Reader] = {
    ".npy": _array(read_npy_content),
    ".npz": _array(read_npz_content),
    ".pt": _array(read_torch_content),
    ".pth": _array(read_torch_content),
    ".safetensors": _array(read_safetensors_content),
    **dict.fromkeys((*TABLE_SUFFIXES, ".json"), read_prediction_table),
}


def read_predictions(
    path: str | Path,
    classes: Classes | None = None,
    *,
    names: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    unknown_class: UnknownClass = "wrong",
) -> Predictions:
    r"""Predictions of a file; what was decided about it stands in `Predictions.detected`.

    Parameters
    ----------
    path
        npy or npz: integers (N,) or (N, k <= 20) are ids, best first; floats (N, outputs) are scores; an npz may hold
        the image names as ``names``, ``filenames`` or ``paths``. CSV, TSV, JSON lines, Parquet, and the JSON of timm's
        inference script: a column of image names, and columns of ids or of scores. pt, pth, safetensors: one tensor,
        where torch or safetensors is installed.
    classes
        The classes of the benchmark. If they are known only by the names in the labels (`Classes.has_local_ids`), ids
        mean nothing: predictions name them, except for scores of exactly as many outputs, taken in sorted order.
    names
        Image name of each row, for a file that holds none. Beside an npy file called x.npy, x.txt names its rows if it
        has as many lines, as `write_predictions` writes it, and is not the list of `outputs`.
    outputs
        What each of the model's outputs is called: wnid, class name or class id. Of a file that names its classes, and
        by wrong names: a line for each such name, a tab, and what the class is called.
    unknown_class
        What becomes of a prediction by a name that no class has: "wrong", it takes up its place and is wrong; "error";
        or "drop", the next one moves up, and an image that is left without a prediction is wrong. With "wrong" and
        "drop" they are counted in `Predictions.unknown_classes`, and a `ReassessWarning` says so. That not one name is
        a class is an error in any case. A column of scores that no class is called like is left out, since it may hold
        something else; with a `ReassessWarning`, or with "error" a `DataError`, if it is the highest of a row. So is an
        output by a name in `outputs` that no class has: predictions of it are counted, and with "error" it is refused.

    Returns
    -------
    Predictions
        Ids (N, k), or scores (N, outputs); scores of an npy file stay on the disk.

    Raises
    ------
    DataError
        The file does not hold predictions for these classes, or names a class that no class or two classes are called;
        the message says where and why.
    MissingPackageError
        The file needs torch or safetensors.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "model.csv"
    >>> _ = path.write_text("image,prediction\na.png,dog\nb.png,cat\n")
    >>> predictions = read_predictions(path, Classes(2, names=("cat", "dog")))
    >>> predictions, predictions.ids.tolist()
    (Predictions(2 images, ids, top 1), [[1], [0]])
    >>> predictions.detected
    'csv: images named by column image; ids, top 1, column prediction'

    A name that no class has is wrong at its place:

    >>> _ = path.write_text("image,prediction_1,prediction_2\na.png,jar,dog\n")
    >>> with warnings.catch_warnings(action="ignore"):
    ...     predictions = read_predictions(path, Classes(2, names=("cat", "dog")))
    >>> predictions.class_ids.tolist(), predictions.unknown_classes
    ([[-1, 1]], UnknownClasses(predictions=1, names=('jar',)))
    """
    path = as_path(path)
    check_type(Classes, classes, optional=True)
    classes = classes or Classes()
    check_known([unknown_class], UNKNOWN_CLASS, thing="value of unknown_class")
    read = READERS[suffix_of(path, READERS, "predictions")]
    columns, class_of = None, None
    if outputs is not None:
        columns, class_of = classes_of_outputs(path, outputs, classes, unknown_class)
    try:
        predictions = replace(read(path, classes, columns, unknown_class), classes=classes)
        if outputs is not None and predictions.columns is columns is not None:
            predictions = without_unknown_outputs(predictions, outputs)
        if class_of is not None and not predictions.by_name:
            raise names_no_class(path)
        if class_of is not None:
            detected = f"{predictions.detected}, for the classes of a list of names"
            predictions = replace(predictions.map_classes(class_of), detected=detected)
        if names is not None:
            if predictions.images is not None:
                raise DataError("unused-option", "file has its own image names", fix="leave the other names out")
            predictions = predictions.with_images(names, detected=f"{predictions.detected}, names from a file")
        elif (beside := names_beside(path)) is not None:
            lines = read_lines(beside)
            is_list = outputs is not None and lines == list(outputs)
            if len(lines) == len(predictions) and not is_list:
                predictions = predictions.with_images(
                    lines, detected=f"{predictions.detected}, names from {beside.name}"
                )
            else:
                held = "lists the outputs" if is_list else f"has {counted(len(lines), 'line')}"
                other = f"{beside.name} beside it {held} and does not name its rows"
                predictions = replace(predictions, detected=f"{predictions.detected}; {other}")
    except ReassessError as error:
        error.at(path)
        raise
    if not predictions.unknown_classes.predictions:
        return predictions
    unknown = unknown_in_words(predictions, unknown_class)
    warnings.warn(f"{path}: {unknown}", ReassessWarning, stacklevel=2)
    return replace(predictions, detected=f"{predictions.detected}; {unknown}")


def names_beside(path: Path) -> Path | None:
    """Return the file that names the rows of an npy file, as `write_predictions` writes it; None without one."""
    beside = path.with_suffix(".txt")
    return beside if path.suffix.lower() == ".npy" and exists(beside) else None


def write_predictions(path: str | Path, predictions: Predictions, *, top_k: int = 5, force: bool = False) -> None:
    """Write predictions to npy (all of them, with the names in a text file beside it) or a table (the top k).

    Parameters
    ----------
    path
        ``.npy``, or a table: image, prediction_1..k and, where scores are known, score_1..k. A table names its classes
        as `write_labels` does; what is no class is then a dash.
    predictions
        What to write.
    top_k
        How many of the best classes a table holds.
    force
        Overwrite files that exist.

    Raises
    ------
    DataError
        An npy file cannot say what these predictions say: of which list of outputs they are, what is no class, or ids
        of classes of which only the names are known; or a name of an image fits no line.
    OutputError
        A file exists and `force` is not given, or cannot be written.
    """
    check_type(Predictions, predictions)
    path = as_path(path)
    if path.suffix.lower() != ".npy":
        write_table(path, _table(predictions, min(top_k, predictions.depth)), force=force)
        return
    if predictions.columns is not None:
        raise DataError(
            "missing-outputs",
            "npy files cannot say which output is which class",
            where=path,
            fix="write a table, such as .parquet",
        )
    if predictions.unknown_classes.predictions:
        raise DataError(
            "missing-outputs",
            "ids cannot say which prediction is not a class",
            where=path,
            found=predictions.unknown_classes,
        )
    if predictions.ids is not None:
        classes_of_ids(predictions.classes, where=path)
    names = None
    if predictions.images is not None:
        check_output(path.with_suffix(".txt"), force=force)
        names = name_lines(path, predictions.images)
    with write_atomically():
        with writing(path, force=force) as temporary:
            _save(temporary, predictions)
        if names is not None:
            with writing(path.with_suffix(".txt"), force=force) as temporary:
                temporary.write_text(names, encoding="utf-8")


def _save(path: Path, predictions: Predictions) -> None:
    """Write the array, a block at a time; numpy has no bfloat16, so that such scores become float32.

    What numpy's own `save` writes may be lost without an error where the disk is full.
    """
    array = predictions.ids if predictions.scores is None else predictions.scores
    assert array is not None
    floats = predictions.dtype == "bfloat16"
    dtype = np.dtype(np.float32) if floats else np.asarray(array[:1]).dtype
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": array.shape}
        )
        for start in range(0, len(array), _BLOCK):
            block = array[start : start + _BLOCK]
            file.write(np.ascontiguousarray(as_floats(block) if floats else block, dtype).tobytes())


def _table(predictions: Predictions, top_k: int) -> "pl.DataFrame":
    import polars as pl

    columns: dict[str, Any] = {}
    if predictions.images is not None:
        columns["image"] = list(predictions.images)
    ids, scores = predictions.best(min(top_k, MOST_IDS))
    classes = predictions.classes
    columns |= {
        f"prediction_{k + 1}": classes.column(of_rank).fill_null(classes.no_class) if classes.in_files else of_rank
        for k, of_rank in enumerate(ids.T)
    }
    if scores is not None:
        columns |= {f"score_{k + 1}": scores[:, k] for k in range(ids.shape[1])}
    return pl.DataFrame(columns)
