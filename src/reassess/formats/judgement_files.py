"""Files of judged mistakes: the category and severity of wrong predictions."""

from pathlib import Path
from typing import Any

from reassess.core import Classes, JudgedMistakes, Questions
from reassess.core.checks import check_range, check_type, check_unicode
from reassess.errors import DataError, add_error_place
from reassess.formats.files import as_path, check_suffix
from reassess.formats.json_files import is_nonblank_text, read_json, wrong_json_error
from reassess.formats.question_columns import class_ids_from_lists
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    find_column,
    read_table,
    refuse_blank_values,
    refuse_missing_values,
    to_integers,
)

_CLASS, _CATEGORY, _SEVERITY = "top_prediction", "failure category", "failure severity"
_ALLOWED = f'an object from image name to an object with "{_CLASS}", "{_CATEGORY}" and "{_SEVERITY}"'
_COLUMNS = ("image", "class", "category", "severity")
_Judgement = tuple[str, Any, str, str]  # image, class, category, severity


def read_judged_mistakes(*paths: str | Path, classes: Classes | None = None) -> JudgedMistakes:
    r"""Read the category and severity of wrong predictions.

    Parameters
    ----------
    *paths
        One or more files. JSON: an object from image name to an object with top_prediction (the predicted class),
        failure category and failure severity, as published by Vasudevan et al. CSV, TSV, JSON lines or Parquet: the
        columns image, class, category and severity. If two files contain the same judgement, it counts once.
    classes
        The class list of the wnids and names; by default the names in the files.

    Raises
    ------
    DataError
        A file has no judgements; a class is not in the class list; or a prediction has two different judgements.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "judged.csv"
    >>> _ = path.write_text("image,class,category,severity\na.png,7,Fine-grained error,Minor\n")
    >>> read_judged_mistakes(path)
    JudgedMistakes(1 judgements, 1 images)
    """
    check_type(Classes, classes, is_optional=True)
    judgements: dict[tuple[str, int], tuple[str, str]] = {}
    for path in map(as_path, paths):
        is_json = check_suffix(path, (".json", *TABLE_SUFFIXES), "judged mistakes") == ".json"
        rows = _read_json(path) if is_json else _read_table(path)
        lists, classes = class_ids_from_lists(path, [[row[1]] for row in rows], classes)
        with add_error_place(path):
            ids = [class_id for (class_id,) in lists]
            check_range(
                ids, 0, classes.largest_id, value_name="class id", where=[f"image {row[0]}" for row in rows].__getitem__
            )
        for class_id, (image, _, category, severity) in zip(ids, rows, strict=True):
            before = judgements.setdefault((image, class_id), (category, severity))
            if before != (category, severity):
                raise DataError(
                    "contradictory-judgements",
                    "prediction has two judgements",
                    where=f"{path}, image {image}, class {classes.short_name(class_id)}",
                    found=f"{', '.join(before)}; and {category}, {severity}",
                    fix="keep one of them",
                )
    images, ids = [image for image, _ in judgements], [class_id for _, class_id in judgements]
    with add_error_place(" and ".join(map(str, paths))):
        questions = Questions.from_columns(images, ids, classes)
    return JudgedMistakes(
        questions,
        categories=tuple(category for category, _ in judgements.values()),
        severities=tuple(severity for _, severity in judgements.values()),
    )


def _read_json(path: Path) -> list[_Judgement]:
    """Read judgements from the JSON object that Vasudevan et al. published."""
    document = read_json(path)
    if not document or not isinstance(document, dict):
        raise wrong_json_error("judged mistakes", document, where=path, allowed=_ALLOWED)
    for image, value in document.items():
        is_complete = isinstance(value, dict) and {_CLASS, _CATEGORY, _SEVERITY} <= value.keys()
        if not is_complete or not all(is_nonblank_text(value[key]) for key in (_CATEGORY, _SEVERITY)):
            raise wrong_json_error("judged mistakes", value, where=f"{path}, image {image}", allowed=_ALLOWED)
        check_unicode([value[_CATEGORY], value[_SEVERITY]], value_name="a judgement", where=f"{path}, image {image}")
    return [(image, value[_CLASS], value[_CATEGORY], value[_SEVERITY]) for image, value in document.items()]


def _read_table(path: Path) -> list[_Judgement]:
    """Read judgements from a table with the columns image, class, category and severity."""
    table = read_table(path, text_columns=("image", "category", "severity"))
    columns = [table[find_column(path, table, name)] for name in _COLUMNS]
    for name, series in zip(_COLUMNS, columns, strict=True):
        (refuse_missing_values if name == "class" else refuse_blank_values)(path, series)
    if columns[1].dtype.is_numeric():
        columns[1] = to_integers(path, columns[1])
    return list(zip(*(series.to_list() for series in columns), strict=True))
