"""Label files: read label sets, reviews and original labels; write label sets."""

import json
from collections.abc import Callable, Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reassess.core import IMAGENET, Classes, LabelSets, MultiLabels
from reassess.core.checks import check_type
from reassess.core.image_names import image_keys
from reassess.core.labels import check_one_label_each
from reassess.errors import DataError, ReassessError, add_error_place
from reassess.formats.fiftyone import (
    FIFTYONE_SUFFIX,
    is_fiftyone_document,
    read_fiftyone_lists,
    write_fiftyone_labels,
)
from reassess.formats.files import as_path, check_suffix, read_lines, write_to_temporary
from reassess.formats.json_files import read_json, wrong_json_error
from reassess.formats.question_columns import class_ids_from_lists
from reassess.formats.review_files import (
    JUDGED_MISTAKES,
    REVIEW_HEADINGS,
    REVIEW_TEXT_COLUMNS,
    has_reviews,
    make_multi_labels,
    read_json_reviews,
    read_review_table,
)
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    find_column,
    read_table,
    refuse_missing_values,
    to_integers,
    write_table,
)
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl


_ALLOWED = "a list of 50,000 lists of class ids, or an object from image name to list of class ids"
LABEL_SUFFIXES = (".json", *TABLE_SUFFIXES)

_ImagesAndClasses = tuple[Sequence[str], list[list[Any]]]  # image names, and a list of classes per image
_NAME = "image"
_VOTES = "votes", "compute scores (`reassess aggregate`), then label sets (`reassess labels`)"
_SCORES = (
    "scores",
    "make label sets with a threshold (`reassess labels`), or delete the column if every class is valid",
)
# A table with such a column also lists invalid classes: what the column contains, and the fix.
_NOT_LABELS = {
    "answer": ("answers", "keep only the valid rows, and delete the column"),
    **dict.fromkeys(("count", "rater"), _VOTES),
    **dict.fromkeys(("score", "probability"), _SCORES),
    "severity": JUDGED_MISTAKES,
}


def read_label_file(
    path: str | Path, *, classes: Classes | None = None, read_original: Callable[[], LabelSets] | None = None
) -> LabelSets | MultiLabels:
    """Read label sets or reviews; see `reassess.read_labels`.

    `read_original` returns the original labels; it is called only for a file of verdicts on them.
    """
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    suffix = check_suffix(path, (*LABEL_SUFFIXES, ".txt"), "a label set")
    if suffix == ".txt":
        return read_original_file(path, classes=classes)
    if suffix == ".json":
        document = read_json(path)
        if not is_fiftyone_document(document) and has_reviews(document):
            return make_multi_labels(path, read_json_reviews(path, document), classes)
        return _make_label_sets(path, *_lists_from_json(path, document), classes)
    table = read_table(path, text_columns=REVIEW_TEXT_COLUMNS)
    if not REVIEW_HEADINGS.isdisjoint(table.columns) and (
        labels := read_review_table(path, table, classes, read_original)
    ):
        return labels
    _refuse_number_columns(path, table)
    return _make_label_sets(path, *_lists_from_table(path, table), classes)


def read_original_file(path: str | Path, *, classes: Classes | None = None) -> LabelSets:
    """Read original labels, one class per image; see `reassess.read_original_labels`."""
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    suffix = check_suffix(path, (".txt", *LABEL_SUFFIXES), "a list of original labels")
    if suffix == ".txt":
        images, lists = _lists_from_text(path)
    elif suffix == ".json":
        images, lists = _lists_from_original_json(path)
    else:
        images, lists = _lists_from_table(path, read_table(path, text_columns=(_NAME,)))
    original = _make_label_sets(path, images, lists, classes)
    with add_error_place(path):
        check_one_label_each(original)
    return original


def write_labels(path: str | Path, labels: LabelSets, *, force: bool = False) -> None:
    """Write label sets to JSON or a table, by suffix.

    Parameters
    ----------
    path
        JSON: a list of lists in validation order if the images are exactly ImageNet's 50,000 validation images, else an
        object from image name to list. CSV, TSV, JSON lines or Parquet: columns image and class, with one row without
        a class for an empty set. A name that ends in .fiftyone.json gives a file that FiftyOne imports.
    labels
        The label sets. Classes are written as ids, or by wnid or name if they were read by wnid or name.
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
    >>> path = Path(mkdtemp()) / "labels.json"
    >>> write_labels(path, LabelSets.from_lists(["a.png", "b.png"], [[3, 1], []]))
    >>> path.read_text()
    '{"a.png": [1, 3], "b.png": []}'
    """
    path = as_path(path)
    check_type(LabelSets, labels)
    if path.name.lower().endswith(FIFTYONE_SUFFIX):
        ids_by_image = [sorted(ids) for ids in labels.classes_by_image().values()]
        write_fiftyone_labels(path, labels.images, ids_by_image, labels.classes.wnids_or_names, force=force)
        return
    class_names = labels.classes.names_to_write
    if check_suffix(path, LABEL_SUFFIXES, "a label set") != ".json":
        write_table(path, _make_label_table(labels), force=force)
        return
    lists = (
        [class_names[i] for i in sorted(ids)] if class_names else sorted(ids)
        for ids in labels.classes_by_image().values()
    )
    by_name: dict[str, list[Any]] = dict(zip(labels.images, lists, strict=True))
    document: Any = by_name
    keys = image_keys(IMAGENET.images)
    if len(labels) == len(keys):
        by_key = dict(zip(image_keys(labels.images), by_name.values(), strict=True))
        if by_key.keys() == set(keys):
            document = [by_key[key] for key in keys]
    with write_to_temporary(path, force=force) as temporary:
        temporary.write_text(json.dumps(document))


def _lists_from_json(path: Path, document: Any) -> _ImagesAndClasses:
    if is_fiftyone_document(document):
        return read_fiftyone_lists(path, document)
    if isinstance(document, list):
        _check_entry_count(path, len(document), "list of label sets")
        names, lists = list(IMAGENET.images), document
    elif isinstance(document, dict):
        names, lists = list(document), list(document.values())
    else:
        raise wrong_json_error("label sets", document, where=path, allowed=_ALLOWED)
    if None in lists:
        is_rated = [ids is not None for ids in lists]
        names, lists = list(compress(names, is_rated)), list(compress(lists, is_rated))
    if set(map(type, lists)) - {list}:
        name, ids = next(pair for pair in zip(names, lists, strict=True) if not isinstance(pair[1], list))
        raise wrong_json_error("label sets", ids, where=f"{path}, image {name}", allowed=_ALLOWED)
    return names, lists


def _lists_from_original_json(path: Path) -> _ImagesAndClasses:
    document = read_json(path)
    if is_fiftyone_document(document):
        return read_fiftyone_lists(path, document)
    if not isinstance(document, dict):
        raise wrong_json_error("original labels", document, where=path, allowed="an object from image name to class")
    return list(document), [[value] for value in document.values()]


def _lists_from_text(path: Path) -> _ImagesAndClasses:
    labels = " ".join(read_lines(path)).split()
    _check_entry_count(path, len(labels), "list of original labels")
    return IMAGENET.images, [[label] for label in labels]


def _check_entry_count(path: Path, n_entries: int, content_name: str) -> None:
    expected = len(IMAGENET.images)
    if n_entries != expected:
        raise DataError(
            "wrong-length",
            f"{content_name} without image names must be in ImageNet validation order",
            where=path,
            allowed=f"{expected:,} entries",
            found=f"{n_entries:,} entries",
            fix="get the complete file, or name the images in a JSON object or a table",
        )


def _refuse_number_columns(path: Path, table: "pl.DataFrame") -> None:
    """Raise if a table has several columns of numbers, such as vote counts: then it is not a table of valid classes."""
    numbers = [name for name in table.columns if name not in (_NAME, "class") and table[name].dtype.is_numeric()]
    if len(numbers) > 1:
        raise DataError(
            "not-labels",
            "table has columns of numbers, such as vote counts, but no label sets",
            where=path,
            found=join_first(numbers),
            fix=f"{_VOTES[1]}; or delete these columns",
        )


def _lists_from_table(path: Path, table: "pl.DataFrame") -> _ImagesAndClasses:
    for name, (content, fix) in _NOT_LABELS.items():
        if name in table.columns:
            raise DataError(
                "not-labels",
                f"table has {content}, so it may also list invalid classes",
                where=path,
                found=f"column {name!r}",
                fix=fix,
            )
    images = table[find_column(path, table, _NAME)]
    classes = table[find_column(path, table, "class")]
    if classes.dtype.is_numeric():
        classes = to_integers(path, classes)
    refuse_missing_values(path, images)
    lists: dict[str, list[Any]] = {}
    for name, value in zip(images.to_list(), classes.to_list(), strict=True):
        lists.setdefault(name, []).append(value)
    for name, values in lists.items():
        if None in values and len(values) > 1:
            raise DataError(
                "class-and-none",
                "image has both a class and a row without a class",
                where=f"{path}, image {name}",
                allowed="a row for each class; or, for an image without a valid class, one row without a class",
            )
    return list(lists), [[] if values == [None] else values for values in lists.values()]


def _make_label_sets(path: Path, images: Sequence[str], lists: list[list[Any]], classes: Classes | None) -> LabelSets:
    try:
        ids, classes = class_ids_from_lists(path, lists, classes)
        return LabelSets.from_lists(images, ids, classes)
    except ReassessError as error:
        error.add_location(path)
        raise


def _make_label_table(labels: LabelSets) -> "pl.DataFrame":
    import polars as pl

    empty = np.flatnonzero(labels.sizes == 0)
    image_ids = np.concatenate([labels.image_ids, empty])
    class_ids = np.concatenate([labels.indices, np.full(empty.size, -1, np.int32)])
    order = np.lexsort((class_ids, image_ids))
    return pl.DataFrame(
        {
            _NAME: pl.Series(labels.images, dtype=pl.String).gather(image_ids[order]),
            "class": labels.classes.to_column(class_ids[order]),
        }
    )
