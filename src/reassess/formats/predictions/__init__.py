"""Prediction files: one reader and one writer for all suffixes."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.core.checks import check_known, check_type
from reassess.core.classes import require_known_class_ids
from reassess.core.free_text import EXTRACT, Extract
from reassess.core.predictions import MAX_IDS_PER_ROW
from reassess.errors import DataError, Fix, ReassessError, ReassessWarning
from reassess.formats.fiftyone import FIFTYONE_SUFFIX, write_fiftyone_labels
from reassess.formats.files import (
    as_path,
    atomic_writes,
    check_output,
    check_suffix,
    exists,
    read_lines,
    write_to_temporary,
)
from reassess.formats.image_lists import format_name_lines
from reassess.formats.predictions.id_columns import UNKNOWN_CLASS, UnknownClass
from reassess.formats.predictions.output_lists import (
    OutputList,
    describe_unknown_classes,
    ignore_unknown_outputs,
    missing_class_names_error,
    parse_output_list,
    suggest_spelling,
)
from reassess.formats.predictions.prediction_arrays import (
    ArrayContent,
    predictions_from_array,
    read_npy_content,
    read_npz_content,
    read_safetensors_content,
    read_torch_content,
)
from reassess.formats.predictions.prediction_tables import read_prediction_table
from reassess.formats.predictions.text_column import describe_unknown_texts, suggest_class_names
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.numeric.arrays import as_floats
from reassess.text import count_noun

if TYPE_CHECKING:
    import polars as pl


_Columns = npt.NDArray[np.int64] | None  # class id of each output
_Reader = Callable[[Path, Classes, _Columns, UnknownClass, Extract], Predictions]
_BLOCK = 1024


def _make_array_reader(read_content: Callable[[Path], ArrayContent]) -> _Reader:
    return lambda path, classes, columns, *_: predictions_from_array(read_content(path), classes, columns)


# The reader of each suffix; messages list the suffixes in this order.
READERS: Mapping[str, _Reader] = {
    ".npy": _make_array_reader(read_npy_content),
    ".npz": _make_array_reader(read_npz_content),
    ".pt": _make_array_reader(read_torch_content),
    ".pth": _make_array_reader(read_torch_content),
    ".safetensors": _make_array_reader(read_safetensors_content),
    **dict.fromkeys((*TABLE_SUFFIXES, ".json"), read_prediction_table),
}


def read_predictions(
    path: str | Path,
    classes: Classes | None = None,
    *,
    image_names: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    unknown_class: UnknownClass = "wrong",
    extract: Extract = "first",
) -> Predictions:
    r"""Read predictions; their `detected_format` says how the file was understood.

    Parameters
    ----------
    path
        npy or npz: integers (N,) or (N, k <= 20) are ids, best first; floats (N, outputs) are scores; an npz may have
        image names as ``names``, ``filenames`` or ``paths``. CSV, TSV, JSON lines, Parquet, and the JSON of timm's
        inference script: a column of image names, and columns of ids or of scores, or a column ``text``. JSON of
        FiftyOne: classifications of images, best first by their confidences. pt, pth, safetensors: one tensor, if torch
        or safetensors is installed.
    classes
        The classes of the benchmark. If they are known only by the names in the labels (`Classes.has_local_ids`), ids
        have no meaning, so predictions must use names. Scores may have one output per class, in sorted order.
    image_names
        Image name of each row, for a file without image names. By default, the image names of x.npy are read from a
        file x.txt next to it, as `write_predictions` writes it, if x.txt has a line per row and is not the list of
        `outputs`.
    outputs
        The class of each of the model's outputs: wnid, class name or class id. For a file with wrong class names, each
        item is a name in the file, a tab, and the name of its class.
    unknown_class
        What to do with a predicted name that is not a class. "wrong": the name keeps its rank and is wrong. "drop": the
        next prediction takes its rank, and an image without any other prediction is wrong. "error": raise `DataError`.
        With "wrong" and "drop", `Predictions.unknown_classes` counts such predictions, and a `ReassessWarning` lists
        some. If no name is a class, a `DataError` is raised in any case. A column of scores whose heading is not a
        class is ignored, since it may have another meaning. If such a column has the highest score of a row, a
        `ReassessWarning` is given; with "error", a `DataError` is raised. An output whose name in `outputs` is not a
        class is ignored too, and its predictions are counted; with "error", a `DataError` is raised.
    extract
        For a column ``text`` with texts that a model wrote: which of several classes in a text counts, "first" or
        "last"; or "all", ranked in the order of the text. A text without a class is wrong. A name that several classes
        share is an unknown class, since it is never guessed which class the model means. `Predictions.free_text` counts
        such texts and names.

    Returns
    -------
    Predictions
        Ids (N, k), or scores (N, outputs); scores of an npy file stay on the disk.

    Raises
    ------
    DataError
        The file has no predictions for these classes, or a name is not a class or fits two classes. The message says
        where and why.
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
    >>> predictions.detected_format
    "csv, image names from 'image', top-1 ids from 'prediction'"

    A name that is not a class keeps its rank, and is wrong:

    >>> _ = path.write_text("image,prediction_1,prediction_2\na.png,jar,dog\n")
    >>> with warnings.catch_warnings(action="ignore"):
    ...     predictions = read_predictions(path, Classes(2, names=("cat", "dog")))
    >>> predictions.class_ids.tolist(), predictions.unknown_classes
    ([[-1, 1]], UnknownClasses(n_predictions=1, names=('jar',)))
    """
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    classes = classes or Classes()
    check_known([unknown_class], UNKNOWN_CLASS, value_name="value of unknown_class")
    check_known([extract], EXTRACT, value_name="value of extract")
    read = READERS[check_suffix(path, READERS, "predictions")]
    columns, class_of = OutputList() if outputs is None else parse_output_list(path, outputs, classes, unknown_class)
    try:
        predictions = replace(read(path, classes, columns, unknown_class, extract), classes=classes)
        if outputs is not None and predictions.output_class_ids is columns is not None:
            predictions = ignore_unknown_outputs(predictions, outputs)
        if class_of is not None and not predictions.has_class_names:
            raise missing_class_names_error(path)
        if class_of is not None:
            detected = f"{predictions.detected_format}, class names corrected by a list"
            predictions = replace(predictions.map_classes(class_of), detected_format=detected)
        if image_names is not None:
            if predictions.images is not None:
                raise DataError(
                    "unused-option",
                    "file already contains image names",
                    fix=Fix("remove {image_names}", image_names=None),
                )
            predictions = predictions.with_images(
                image_names, detected_format=f"{predictions.detected_format}, image names from a file"
            )
        elif (names_path := find_image_names_file(path)) is not None:
            lines = read_lines(names_path)
            is_list = outputs is not None and lines == list(outputs)
            if len(lines) == len(predictions) and not is_list:
                predictions = predictions.with_images(
                    lines, detected_format=f"{predictions.detected_format}, image names from {names_path.name}"
                )
            else:
                reason = "it lists the outputs" if is_list else f"it has {count_noun(len(lines), 'line')}"
                unused = f"{names_path.name} not used for image names: {reason}"
                predictions = replace(predictions, detected_format=f"{predictions.detected_format}; {unused}")
    except ReassessError as error:
        error.add_location(path)
        raise
    return _warn_about_unknown_classes(path, predictions, unknown_class)


def _warn_about_unknown_classes(path: Path, predictions: Predictions, unknown_class: UnknownClass) -> Predictions:
    """Warn about unknown classes, and add them to the detected format."""
    if not predictions.unknown_classes.n_predictions:
        return predictions
    fix = None
    if predictions.free_text is not None:
        unknown = describe_unknown_texts(predictions, unknown_class)
        fix = suggest_class_names(other_setting="error")
    else:
        unknown = describe_unknown_classes(predictions, unknown_class)
        if unknown_class != "drop" and predictions.output_class_ids is None:
            fix = suggest_spelling(predictions.unknown_classes, predictions.classes, other_setting="error")
    warnings.warn(ReassessWarning(f"{path}: {unknown}", fix), stacklevel=3)
    return replace(predictions, detected_format=f"{predictions.detected_format}; {unknown}")


def find_image_names_file(path: Path) -> Path | None:
    """Find the text file that `write_predictions` writes beside an npy file, with image names; None if missing."""
    names_path = path.with_suffix(".txt")
    return names_path if path.suffix.lower() == ".npy" and exists(names_path) else None


def write_predictions(path: str | Path, predictions: Predictions, *, top_k: int = 5, force: bool = False) -> None:
    """Write all predictions to an npy file, with image names in a text file, or the top k to a table.

    Parameters
    ----------
    path
        ``.npy``, or a table with the columns image, prediction_1..k and, if scores are known, score_1..k. A table
        writes classes as `write_labels` does; a prediction that is not a class is a dash if classes have names. A name
        that ends in .fiftyone.json gives a file that FiftyOne imports; scores from 0 to 1 are confidences.
    predictions
        The predictions.
    top_k
        Number of classes per image in a table, best first.
    force
        Overwrite existing files.

    Raises
    ------
    DataError
        An npy file cannot store these predictions: they use a list of outputs, some are not classes, or the classes are
        known only by name. Or an image name contains a line break.
    OutputError
        A file exists without `force`, or cannot be written.
    """
    check_type(Predictions, predictions)
    path = as_path(path)
    if path.name.lower().endswith(FIFTYONE_SUFFIX):
        _write_fiftyone(path, predictions, top_k, force=force)
        return
    if path.suffix.lower() != ".npy":
        write_table(path, _make_table(predictions, min(top_k, predictions.max_k)), force=force)
        return
    if predictions.output_class_ids is not None:
        raise DataError(
            "missing-outputs",
            "npy files cannot store the class of each output",
            where=path,
            fix="write a table, such as .parquet",
        )
    if predictions.ids is not None and (predictions.ids < 0).any():  # an unknown class, or a text without more classes
        raise DataError(
            "missing-outputs",
            "npy files cannot store a prediction that is not in the class list",
            where=path,
            found=predictions.unknown_classes if predictions.free_text is None else "classes of texts",
            fix="write a table, such as .parquet",
        )
    if predictions.ids is not None:
        require_known_class_ids(predictions.classes, where=path)
    names = None
    if predictions.images is not None:
        check_output(path.with_suffix(".txt"), force=force)
        names = format_name_lines(path, predictions.images)
    with atomic_writes():
        with write_to_temporary(path, force=force) as temporary:
            _save_array(temporary, predictions)
        if names is not None:
            with write_to_temporary(path.with_suffix(".txt"), force=force) as temporary:
                temporary.write_text(names, encoding="utf-8")


def _write_fiftyone(path: Path, predictions: Predictions, top_k: int, *, force: bool) -> None:
    """Write the top k of each image; `DataError` without image names."""
    images = predictions.images
    if images is None:
        raise DataError("missing-images", "FiftyOne needs image names", where=path, fix="add image names")
    ids, scores = predictions.top_classes(min(top_k, predictions.max_k, MAX_IDS_PER_ROW))
    # An unknown class keeps its rank, so only those after the last class are omitted.
    is_class = ids >= 0
    sizes = np.where(is_class.any(axis=1), ids.shape[1] - is_class[:, ::-1].argmax(axis=1), 1).tolist()
    names = list(predictions.classes.wnids_or_names)
    no_class = len(names) if names else predictions.classes.text_for_no_class
    if names and not is_class.all():
        names.append(predictions.classes.text_for_no_class)
    labels = [[no_class if c < 0 else c for c in row[:size]] for row, size in zip(ids.tolist(), sizes, strict=True)]
    targets: list[list[Any]] = labels
    if scores is not None and scores.size and 0 <= scores.min() <= scores.max() <= 1:
        targets = [
            [{"label": label, "confidence": score} for label, score in zip(row, row_scores, strict=False)]
            for row, row_scores in zip(labels, scores.tolist(), strict=True)
        ]
    single = [row[0] for row in targets]
    write_fiftyone_labels(path, images, single if top_k == 1 else targets, names, force=force)


def _save_array(path: Path, predictions: Predictions) -> None:
    """Write an array block by block, bfloat16 as float32; unlike `np.save`, raise if the disk is full."""
    array = predictions.ids if predictions.scores is None else predictions.scores
    assert array is not None
    is_bfloat16 = predictions.dtype == "bfloat16"  # a type that numpy does not have
    dtype = np.dtype(np.float32) if is_bfloat16 else np.asarray(array[:1]).dtype
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": array.shape}
        )
        for start in range(0, len(array), _BLOCK):
            block = array[start : start + _BLOCK]
            file.write(np.ascontiguousarray(as_floats(block) if is_bfloat16 else block, dtype).tobytes())


def _make_table(predictions: Predictions, top_k: int) -> "pl.DataFrame":
    import polars as pl

    columns: dict[str, Any] = {}
    if predictions.images is not None:
        columns["image"] = list(predictions.images)
    ids, scores = predictions.top_classes(min(top_k, MAX_IDS_PER_ROW))
    classes = predictions.classes
    columns |= {
        f"prediction_{k + 1}": classes.to_column(class_ids).fill_null(classes.text_for_no_class)
        if classes.names_to_write
        else class_ids
        for k, class_ids in enumerate(ids.T)
    }
    if scores is not None:
        columns |= {f"score_{k + 1}": scores[:, k] for k in range(ids.shape[1])}
    return pl.DataFrame(columns)
