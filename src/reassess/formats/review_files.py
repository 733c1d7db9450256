"""Reviews in label files: the valid, unclear and wrong classes of an image, and problematic images."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reassess.core import IMAGENET, Classes, LabelSets, MultiLabels
from reassess.core.checks import check_range
from reassess.errors import DataError, ReassessWarning, add_error_place
from reassess.formats.json_files import wrong_json_error
from reassess.formats.question_columns import class_ids_from_lists
from reassess.formats.tables import describe_row_place, find_column, refuse_missing_values, to_floats, to_integers
from reassess.text import count_noun, join_first

if TYPE_CHECKING:
    import polars as pl


_ALLOWED = "for each image lists of classes, valid, unclear and wrong, and problematic: true or false"
_KINDS = ("valid", "unclear", "wrong")
_PROBLEMATIC = "problematic"
# Headings of a table with a row per image: first ours, then the heading of Kisel et al.; see `read_labels`.
_COLUMNS = {
    "valid": ("valid", "proposed_labels"),
    "unclear": ("unclear", "unclear_multi_labels"),
    "wrong": ("wrong", "wrong_multi_labels"),
    _PROBLEMATIC: (_PROBLEMATIC, "is_problematic"),
}
_LISTS = {name for kind in _KINDS for name in _COLUMNS[kind]}
_NAMES = ("image", "id")
REVIEW_TEXT_COLUMNS = (*_NAMES, "answer", *(name for names in _COLUMNS.values() for name in names))
_NUMBER, _CORRECT = "Image Number", "Correct ID"  # of the ecologists' table
REVIEW_HEADINGS = {*_LISTS, "answer", _NUMBER}  # a table of reviews has at least one of them
# What a file of judged mistakes contains, and the fix: its classes are wrong.
JUDGED_MISTAKES = (
    "judged mistakes",
    "name the file judged in a benchmark's folder, or read it with read_judged_mistakes",
)
_TRUTH_VALUES = {"true": True, "1": True, "false": False, "0": False}
Review = tuple[str, dict[str, Any]]  # an image, its lists of classes, and whether it is problematic


def has_reviews(document: Any) -> bool:
    """Return whether a JSON document has reviews, not label sets."""
    return isinstance(document, dict) and any(isinstance(value, dict) for value in document.values())


def read_json_reviews(path: Path, document: dict[str, Any]) -> list[Review]:
    """Read reviews from a JSON object."""
    reviews = []
    for image, value in document.items():
        review = _empty_review() | value if isinstance(value, dict) else {}
        if review.keys() != _empty_review().keys() or any(
            not isinstance(review[name], type(empty)) for name, empty in _empty_review().items()
        ):
            error = wrong_json_error("multi-label sets", value, where=f"{path}, image {image}", allowed=_ALLOWED)
            if isinstance(value, dict) and "top_prediction" in value:
                error.fix = f"the file has {JUDGED_MISTAKES[0]}: {JUDGED_MISTAKES[1]}"
            raise error
        reviews.append((image, review))
    return reviews


def read_review_table(
    path: Path, table: "pl.DataFrame", classes: Classes | None, read_original: Callable[[], LabelSets] | None
) -> MultiLabels | None:
    """Read a table where people reviewed the classes of images; return None if the table has only valid classes.

    `read_original` reads the original labels. It is called only if the table has verdicts on original labels.
    """
    if {_NUMBER, _CORRECT} <= set(table.columns):
        return _read_verdicts(path, table, read_original)
    if "class" not in table.columns and not _LISTS.isdisjoint(table.columns):
        return make_multi_labels(path, _reviews_from_list_cells(path, table, classes), classes)
    return (
        make_multi_labels(path, _reviews_from_class_rows(path, table), classes) if "answer" in table.columns else None
    )


def make_multi_labels(path: Path, reviews: list[Review], classes: Classes | None) -> MultiLabels:
    """Make multi-label sets from reviews."""
    images = [image for image, _ in reviews]
    lists = [review[kind] for _, review in reviews for kind in _KINDS]
    with add_error_place(path):
        ids, classes = class_ids_from_lists(path, lists, classes)
        reviewed = [dict(zip(_KINDS, ids[start : start + len(_KINDS)], strict=True)) for start in range(0, len(ids), 3)]
        unique = [_remove_duplicates(lists) for lists in reviewed]
        valid, unclear, wrong = (
            LabelSets.from_lists(images, [lists[kind] for lists in unique], classes) for kind in _KINDS
        )
        problematic = np.array([review[_PROBLEMATIC] for _, review in reviews], bool)
        labels = MultiLabels(valid=valid, unclear=unclear, wrong=wrong, is_problematic=problematic)
    _warn_duplicates(path, images, reviewed, classes)  # after the checks of class ids above
    return labels


def _remove_duplicates(lists: dict[str, list[int]]) -> dict[str, list[int]]:
    """Keep each class of an image only in its first list; valid comes first, then unclear, then wrong."""
    kind_of = {class_id: kind for kind in reversed(_KINDS) for class_id in lists[kind]}
    return {kind: [class_id for class_id, kept in kind_of.items() if kept == kind] for kind in _KINDS}


def _warn_duplicates(path: Path, images: list[str], class_lists: list[dict[str, list[int]]], classes: Classes) -> None:
    """Warn about classes in two lists of an image, and about classes listed twice in one list."""
    in_two_lists: dict[str, str] = {}
    listed_twice: dict[str, str] = {}
    for image, lists in zip(images, class_lists, strict=True):
        counts = Counter(chain.from_iterable(lists.values()))
        for class_id in (class_id for class_id, n in counts.items() if n > 1):
            kinds = [kind for kind, ids in lists.items() if class_id in ids]
            if len(kinds) > 1:
                in_two_lists.setdefault(image, f"{image} ({classes.short_name(class_id)}: {', '.join(kinds)})")
            if counts[class_id] > len(kinds):
                listed_twice.setdefault(image, f"{image} ({classes.short_name(class_id)})")
    for examples, text in (
        (in_two_lists, "a class is in two lists; the first of valid, unclear and wrong counts"),
        (listed_twice, "a class is listed twice in one list, and counts once"),
    ):
        if examples:
            message = (
                f"{path}: {text} ({count_noun(len(examples), 'image')}): "
                f"{join_first(list(examples.values()), max_items=3)}"
            )
            warnings.warn(message, ReassessWarning, stacklevel=2)


def _empty_review() -> dict[str, Any]:
    return {kind: [] for kind in _KINDS} | {_PROBLEMATIC: False}


def _reviews_from_class_rows(path: Path, table: "pl.DataFrame") -> list[Review]:
    """Read reviews from a table with a row per image and class."""
    images, answers = (table[find_column(path, table, name)] for name in ("image", "answer"))
    classes = table[find_column(path, table, "class")]
    for series in (images, answers):
        refuse_missing_values(path, series)
    if classes.dtype.is_numeric():
        classes = to_integers(path, classes)
    reviews: dict[str, dict[str, Any]] = {}
    rows: Iterable[tuple[str, str, Any]] = zip(images.to_list(), answers.to_list(), classes.to_list(), strict=True)
    for row, (image, text, class_id) in enumerate(rows):
        review, answer = reviews.setdefault(image, _empty_review()), text.strip().casefold()
        if answer in _KINDS and class_id is not None:
            review[answer].append(class_id)
        elif answer == _PROBLEMATIC and class_id is None:
            review[_PROBLEMATIC] = True
        else:
            raise DataError(
                "wrong-row",
                "row neither judges a class nor marks the image as problematic",
                where=describe_row_place(path, row),
                allowed="valid, unclear or wrong with a class, or problematic without one",
                found=f"{text!r} {'without a class' if class_id is None else f'with class {class_id}'}",
            )
    return list(reviews.items())


def _reviews_from_list_cells(path: Path, table: "pl.DataFrame", classes: Classes | None) -> list[Review]:
    """Read reviews from a table with a row per image, and lists of classes in its cells."""
    images = table[find_column(path, table, *_NAMES)]
    refuse_missing_values(path, images)
    headings = {key: next((name for name in names if name in table.columns), None) for key, names in _COLUMNS.items()}
    cells = {key: [None] * table.height if name is None else table[name].to_list() for key, name in headings.items()}
    reviews = []
    for row, image in enumerate(images.to_list()):
        review: dict[str, Any] = {kind: _split_classes(cells[kind][row]) for kind in _KINDS}
        for kind in _KINDS:
            if any(_is_class_list(text, classes) for text in review[kind]):
                raise DataError(
                    "wrong-row",
                    "classes in a cell are separated by semicolons",
                    where=describe_row_place(path, row, headings[kind]),
                    allowed="classes separated by commas",
                    found=repr(cells[kind][row]),
                    fix="separate the classes with commas",
                )
        answer = _TRUTH_VALUES.get((cells[_PROBLEMATIC][row] or "").strip().casefold() or "false")
        if answer is None:
            raise DataError(
                "wrong-type",
                "value is neither true nor false",
                where=describe_row_place(path, row, headings[_PROBLEMATIC]),
                allowed="true or false, 1 or 0, or an empty cell for false",
                found=repr(cells[_PROBLEMATIC][row]),
                fix="write one of these",
            )
        reviews.append((image, review | {_PROBLEMATIC: answer}))
    return reviews


def _split_classes(cell: str | None) -> list[str]:
    """Split a cell into classes at commas; an empty cell has no classes, and a comma may end the cell."""
    parts = [text.strip() for text in (cell or "").split(",")]
    return parts if parts[-1] else parts[:-1]


def _is_class_list(text: str, classes: Classes | None) -> bool:
    """Return whether a text lists classes separated by semicolons, and is not the name of one class."""
    return ";" in text and (classes is None or classes.find(text) is None)


def _read_verdicts(path: Path, table: "pl.DataFrame", read_original: Callable[[], LabelSets] | None) -> MultiLabels:
    """Make multi-label sets from a table with image numbers and verdicts on the original labels of the images."""
    if read_original is None:
        raise DataError("missing-original", "verdicts need the original labels", where=path)
    original = read_original()
    refuse_missing_values(path, table[_NUMBER])
    images = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in to_integers(path, table[_NUMBER]).to_list()]
    verdicts = to_floats(path, table[_CORRECT]).to_numpy()
    check_range(verdicts, -1, 1, value_name=_CORRECT, where=lambda row: describe_row_place(path, row))
    rows = original.find(images)
    if (rows < 0).any():
        row = int(np.argmax(rows < 0))
        raise DataError(
            "missing-labels",
            "verdict is on an image without an original label",
            where=describe_row_place(path, row),
            allowed=f"an image number from 1 to {len(IMAGENET.images):,}",
            found=images[row],
        )
    ids = original.indices[rows]
    with add_error_place(path):
        valid, unclear, wrong = (
            LabelSets.from_pairs(images, np.flatnonzero(is_kind), ids[is_kind], original.classes)
            for is_kind in (verdicts > 0, verdicts == 0, verdicts < 0)
        )
        problematic = np.zeros(len(images), bool)
        return MultiLabels(valid=valid, unclear=unclear, wrong=wrong, is_problematic=problematic, is_complete=False)
