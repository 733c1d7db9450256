"""Label sets with what is valid, unclear and wrong as files."""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from reassess.core.multi_labels import MultiLabels
from reassess.errors import DataError
from reassess.formats.files import suffix_of
from reassess.formats.json_files import read_json
from reassess.formats.labels import label_sets_of
from reassess.formats.tables import TABLE_SUFFIXES, column, integers, read_table, refuse_missing

__all__ = ["holds_multi_labels", "read_multi_labels"]

_KINDS = ("valid", "unclear", "wrong")
_PROBLEMATIC = "problematic"
_Reviews = dict[str, dict[str, Any]]


def holds_multi_labels(path: Path) -> bool:
    """Whether a file of label sets, of a kind that `read_labels` reads, is one that `read_multi_labels` reads.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    if suffix_of(path, (".json", *TABLE_SUFFIXES), "a label set") != ".json":
        return "answer" in read_table(path).columns
    document = read_json(path)
    return isinstance(document, dict) and any(isinstance(given, dict) for given in document.values())


def read_multi_labels(path: str | Path) -> MultiLabels:
    r"""What reviewers said of each image.

    Parameters
    ----------
    path
        JSON: an object from image name to an object of lists of classes, valid, unclear and wrong, and problematic,
        true or false; each of them may be missing. CSV, TSV, JSON lines or Parquet: columns image, class and answer,
        the answer being valid, unclear or wrong, or problematic in a row without a class. Classes are ids, wnids or
        names, as for `read_labels`.

    Returns
    -------
    MultiLabels

    Raises
    ------
    DataError
        The file does not hold such label sets; a class of an image is named twice. The message says where.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "reviewed.json"
    >>> _ = path.write_text('{"a.png": {"valid": [7, 3], "wrong": [4]}, "b.png": {"problematic": true}}')
    >>> read_multi_labels(path)
    MultiLabels(2 images, 2 valid labels, 0 unclear, 1 wrong, 1 problematic images)
    """
    path = Path(path)
    is_json = suffix_of(path, (".json", *TABLE_SUFFIXES), "a multi-label set") == ".json"
    reviews = _reviews_of_json(path) if is_json else _reviews_of_table(path)
    images = list(reviews)
    lists = [[review[kind] for review in reviews.values()] for kind in _KINDS]
    every = label_sets_of(path, images, [list(chain(*parts)) for parts in zip(*lists, strict=True)])
    problematic = np.array([review[_PROBLEMATIC] for review in reviews.values()], bool)
    valid, unclear, wrong = (label_sets_of(path, images, part).in_classes(every.classes) for part in lists)
    return MultiLabels(valid=valid, unclear=unclear, wrong=wrong, problematic=problematic)


def _reviews_of_json(path: Path) -> _Reviews:
    document = read_json(path)
    if not isinstance(document, dict):
        raise _other_shape(path, "", document)
    reviews = {}
    for image, given in document.items():
        if not isinstance(given, dict):
            raise _other_shape(path, f", image {image}", given)
        review = _no_review() | given
        if review.keys() != _no_review().keys() or any(
            not isinstance(review[name], type(nothing)) for name, nothing in _no_review().items()
        ):
            raise _other_shape(path, f", image {image}", given)
        reviews[image] = review
    return reviews


def _no_review() -> dict[str, Any]:
    return {kind: [] for kind in _KINDS} | {_PROBLEMATIC: False}


def _other_shape(path: Path, place: str, found: object) -> DataError:
    text = json.dumps(found)
    return DataError(
        "the JSON does not hold multi-label sets",
        where=f"{path}{place}",
        allowed="for each image lists of classes, valid, unclear and wrong, and problematic: true or false",
        found=text if len(text) <= 60 else text[:57] + "...",
    )


def _reviews_of_table(path: Path) -> _Reviews:
    table = read_table(path, text=("image", "answer"))
    images, answers = (table[column(path, table, name, thing=f"the {name}")] for name in ("image", "answer"))
    classes = table[column(path, table, "class", thing="the class")]
    for series in (images, answers):
        refuse_missing(path, series)
    if classes.dtype.is_numeric():
        classes = integers(path, classes)
    reviews: _Reviews = {}
    rows: Iterable[tuple[str, str, Any]] = zip(images.to_list(), answers.to_list(), classes.to_list(), strict=True)
    for row, (image, answer, class_id) in enumerate(rows):
        review = reviews.setdefault(image, _no_review())
        if answer in _KINDS and class_id is not None:
            review[answer].append(class_id)
        elif answer == _PROBLEMATIC and class_id is None:
            review[_PROBLEMATIC] = True
        else:
            raise DataError(
                "a row holds neither an answer to a class nor a problematic image",
                where=f"{path}, row {row}",
                allowed="valid, unclear or wrong with a class, or problematic without one",
                found=f"{answer} {'without a class' if class_id is None else f'with class {class_id}'}",
            )
    return reviews
