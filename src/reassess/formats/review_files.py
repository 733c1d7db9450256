"""Reviews in label files: which classes of an image are valid, unclear or wrong, and which images are bad."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reassess.core import IMAGENET, Classes, LabelSets, MultiLabels
from reassess.core.checks import check_range
from reassess.errors import DataError, ReassessWarning, at
from reassess.formats.json_files import other_shape
from reassess.formats.question_columns import ids_of_lists
from reassess.formats.tables import column, integers, numbers, place, refuse_missing
from reassess.text import counted, some

if TYPE_CHECKING:
    import polars as pl


_SHAPE = "for each image lists of classes, valid, unclear and wrong, and problematic: true or false"
_KINDS = ("valid", "unclear", "wrong")
_PROBLEMATIC = "problematic"
# Headings of a table with one row an image; those after the first are of the table of Kisel et al., see `read_labels`.
_COLUMNS = {
    "valid": ("valid", "proposed_labels"),
    "unclear": ("unclear", "unclear_multi_labels"),
    "wrong": ("wrong", "wrong_multi_labels"),
    _PROBLEMATIC: (_PROBLEMATIC, "is_problematic"),
}
_LISTS = {name for kind in _KINDS for name in _COLUMNS[kind]}
_NAMES = ("image", "id")
REVIEW_TEXTS = (*_NAMES, "answer", *(name for names in _COLUMNS.values() for name in names))
_NUMBER, _CORRECT = "Image Number", "Correct ID"  # of the ecologists' table
REVIEW_HEADINGS = {*_LISTS, "answer", _NUMBER}  # a table without any of them has no reviews
_TRUE = {"true": True, "1": True, "false": False, "0": False}
Review = tuple[str, dict[str, Any]]  # an image, its lists of classes, and whether it is problematic


def has_reviews(document: Any) -> bool:
    """Whether a JSON document has reviews, not label sets."""
    return isinstance(document, dict) and any(isinstance(given, dict) for given in document.values())


def reviews_of_json(path: Path, document: dict[str, Any]) -> list[Review]:
    """Reviews of a JSON object."""
    reviews = []
    for image, given in document.items():
        review = _no_review() | given if isinstance(given, dict) else {}
        if review.keys() != _no_review().keys() or any(
            not isinstance(review[name], type(nothing)) for name, nothing in _no_review().items()
        ):
            raise other_shape("multi-label sets", given, where=f"{path}, image {image}", allowed=_SHAPE)
        reviews.append((image, review))
    return reviews


def labels_of_table(
    path: Path, table: "pl.DataFrame", classes: Classes | None, read_original: Callable[[], LabelSets] | None
) -> MultiLabels | None:
    """Multi-label sets of a table; None if it has label sets. Only the ecologists' verdicts need original labels."""
    if {_NUMBER, _CORRECT} <= set(table.columns):
        return _labels_of_verdicts(path, table, read_original)
    if "class" not in table.columns and not _LISTS.isdisjoint(table.columns):
        return labels_of_reviews(path, _reviews_of_lists(path, table, classes), classes)
    return labels_of_reviews(path, _reviews_of_rows(path, table), classes) if "answer" in table.columns else None


def labels_of_reviews(path: Path, reviews: list[Review], classes: Classes | None) -> MultiLabels:
    """Multi-label sets of reviews."""
    images = [image for image, _ in reviews]
    lists = [review[kind] for _, review in reviews for kind in _KINDS]
    with at(path):
        ids, classes = ids_of_lists(path, lists, classes)
        judged = [dict(zip(_KINDS, ids[start : start + len(_KINDS)], strict=True)) for start in range(0, len(ids), 3)]
        once = [_each_class_once(lists) for lists in judged]
        valid, unclear, wrong = (
            LabelSets.from_lists(images, [lists[kind] for lists in once], classes) for kind in _KINDS
        )
        problematic = np.array([review[_PROBLEMATIC] for _, review in reviews], bool)
        labels = MultiLabels(valid=valid, unclear=unclear, wrong=wrong, problematic=problematic)
    _warn_of_repeats(path, images, judged, classes)  # only now is each id known to be a class
    return labels


def _each_class_once(lists: dict[str, list[int]]) -> dict[str, list[int]]:
    """The lists of an image, a class being valid over unclear over wrong."""
    kind_of = {class_id: kind for kind in reversed(_KINDS) for class_id in lists[kind]}
    return {kind: [class_id for class_id, its in kind_of.items() if its == kind] for kind in _KINDS}


def _warn_of_repeats(path: Path, images: list[str], judged: list[dict[str, list[int]]], classes: Classes) -> None:
    """Warn of classes that stand in two lists of an image, and of those that stand twice in one."""
    in_two: dict[str, str] = {}
    twice: dict[str, str] = {}
    for image, lists in zip(images, judged, strict=True):
        named = Counter(chain.from_iterable(lists.values()))
        for class_id in (class_id for class_id, n in named.items() if n > 1):
            kinds = [kind for kind, ids in lists.items() if class_id in ids]
            if len(kinds) > 1:
                in_two.setdefault(image, f"{image} ({classes.label(class_id)}: {', '.join(kinds)})")
            if named[class_id] > len(kinds):
                twice.setdefault(image, f"{image} ({classes.label(class_id)})")
    for places, what in (
        (in_two, "a class stands in two lists, and is taken as valid over unclear over wrong"),
        (twice, "a class stands twice in one list, and counts once"),
    ):
        if places:
            text = f"{path}: on {counted(len(places), 'image')} {what}: {some(list(places.values()), most=3)}"
            warnings.warn(text, ReassessWarning, stacklevel=2)


def _no_review() -> dict[str, Any]:
    return {kind: [] for kind in _KINDS} | {_PROBLEMATIC: False}


def _reviews_of_rows(path: Path, table: "pl.DataFrame") -> list[Review]:
    """Reviews of a table with one row for each class of an image."""
    images, answers = (table[column(path, table, name)] for name in ("image", "answer"))
    classes = table[column(path, table, "class")]
    for series in (images, answers):
        refuse_missing(path, series)
    if classes.dtype.is_numeric():
        classes = integers(path, classes)
    reviews: dict[str, dict[str, Any]] = {}
    rows: Iterable[tuple[str, str, Any]] = zip(images.to_list(), answers.to_list(), classes.to_list(), strict=True)
    for row, (image, given, class_id) in enumerate(rows):
        review, answer = reviews.setdefault(image, _no_review()), given.strip().casefold()
        if answer in _KINDS and class_id is not None:
            review[answer].append(class_id)
        elif answer == _PROBLEMATIC and class_id is None:
            review[_PROBLEMATIC] = True
        else:
            raise DataError(
                "wrong-row",
                "row has neither an answer to a class nor a problematic image",
                where=place(path, row),
                allowed="valid, unclear or wrong with a class, or problematic without one",
                found=f"{given!r} {'without a class' if class_id is None else f'with class {class_id}'}",
            )
    return list(reviews.items())


def _reviews_of_lists(path: Path, table: "pl.DataFrame", classes: Classes | None) -> list[Review]:
    """Reviews of a table with one row an image, and lists of classes in its cells."""
    images = table[column(path, table, *_NAMES)]
    refuse_missing(path, images)
    headings = {what: next((name for name in names if name in table.columns), None) for what, names in _COLUMNS.items()}
    cells = {what: [None] * table.height if name is None else table[name].to_list() for what, name in headings.items()}
    reviews = []
    for row, image in enumerate(images.to_list()):
        review: dict[str, Any] = {kind: _split(cells[kind][row]) for kind in _KINDS}
        for kind in _KINDS:
            if any(_is_list(part, classes) for part in review[kind]):
                raise DataError(
                    "wrong-row",
                    "classes in a cell are separated by semicolons",
                    where=place(path, row, headings[kind]),
                    allowed="classes separated by commas",
                    found=repr(cells[kind][row]),
                    fix="put commas in their place",
                )
        answer = _TRUE.get((cells[_PROBLEMATIC][row] or "").strip().casefold() or "false")
        if answer is None:
            raise DataError(
                "wrong-type",
                "value is neither true nor false",
                where=place(path, row, headings[_PROBLEMATIC]),
                allowed="true or false, 1 or 0, or nothing for false",
                found=repr(cells[_PROBLEMATIC][row]),
                fix="write one of these",
            )
        reviews.append((image, review | {_PROBLEMATIC: answer}))
    return reviews


def _split(cell: str | None) -> list[str]:
    """The classes in a cell; what follows a last comma may be nothing, and a cell of nothing holds none."""
    parts = [part.strip() for part in (cell or "").split(",")]
    return parts if parts[-1] else parts[:-1]


def _is_list(part: str, classes: Classes | None) -> bool:
    """Whether what stands between commas is itself a list, of another form: no class is called so."""
    return ";" in part and (classes is None or classes.find(part) is None)


def _labels_of_verdicts(
    path: Path, table: "pl.DataFrame", read_original: Callable[[], LabelSets] | None
) -> MultiLabels:
    """Multi-label sets of verdicts on original labels; the table numbers its images."""
    if read_original is None:
        raise DataError("missing-original", "verdicts need the original labels", where=path)
    original = read_original()
    refuse_missing(path, table[_NUMBER])
    images = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in integers(path, table[_NUMBER]).to_list()]
    verdicts = numbers(path, table[_CORRECT]).to_numpy()
    check_range(verdicts, -1, 1, what=_CORRECT, where=lambda row: place(path, row))
    rows = original.find(images)
    if (rows < 0).any():
        row = int(np.argmax(rows < 0))
        raise DataError(
            "missing-labels",
            "verdict is on an image without an original label",
            where=place(path, row),
            allowed=f"a number from 1 to {len(IMAGENET.images):,}",
            found=images[row],
        )
    ids = original.indices[rows]
    with at(path):
        valid, unclear, wrong = (
            LabelSets.from_pairs(images, np.flatnonzero(its), ids[its], original.classes)
            for its in (verdicts > 0, verdicts == 0, verdicts < 0)
        )
        problematic = np.zeros(len(images), bool)
        return MultiLabels(valid=valid, unclear=unclear, wrong=wrong, problematic=problematic, complete=False)
