"""A column of texts that a model wrote; docs/free-text.md documents how classes are found in texts."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reassess.core import Classes, FreeText, Predictions, UnknownClasses
from reassess.core.classes import ADD_CLASS_LIST, missing_class_list_error
from reassess.core.free_text import Extract
from reassess.core.predictions import MAX_IDS_PER_ROW
from reassess.errors import DataError, Fix
from reassess.formats.predictions.class_name_finder import ClassNameFinder, FoundName
from reassess.formats.predictions.id_columns import ID_COLUMNS, RANKED_COLUMNS, UnknownClass
from reassess.formats.tables import to_text
from reassess.text import count_noun, join_first, shorten

if TYPE_CHECKING:
    import polars as pl


TEXT_COLUMN = "text"
_MAY_BE_THE_TRUE_LABEL = {"label", "index"}  # as next to other columns of predictions
_MAX_EXAMPLES, _MAX_TEXT_LENGTH = 5, 60  # texts in a message, and letters of one
_EXTRACTED = {"first": "first class", "last": "last class", "all": "all classes"}
_USE_CLASS_NAMES = "name the classes as in the class list, or add synonyms to it"


def has_text_column(path: Path, table: "pl.DataFrame", classes: Classes) -> bool:
    """Return whether a table has a column of texts; raise if other columns could be the predictions."""
    if TEXT_COLUMN not in table.columns or table[TEXT_COLUMN].dtype.is_numeric():  # scores of a class named text
        return False
    names = {"class", *ID_COLUMNS} - _MAY_BE_THE_TRUE_LABEL
    prefixes = "|".join(prefix for prefix, _ in RANKED_COLUMNS)
    others = [name for name in table.columns if name in names or re.fullmatch(rf"({prefixes})\d+", name)]
    scores = [name for name in table.columns if table[name].dtype.is_numeric() and classes.has_class(name)]
    others += scores if len(scores) > 1 else []
    if others:
        raise DataError(
            "ambiguous-column",
            "texts and other columns could be the predictions",
            where=path,
            found=join_first([TEXT_COLUMN, *others]),
            fix="rename or delete the columns that do not contain the predictions",
        )
    return True


def predictions_from_texts(
    path: Path, series: "pl.Series", classes: Classes, unknown_class: UnknownClass, extract: Extract
) -> Predictions:
    """Find the classes in the text of each row; a missing text is an empty text.

    With "all", rows have 20 ids, and -1 after the last class, since the text does not name more classes.
    """
    where = f"{path}, column {series.name}"
    texts = to_text(path, series).fill_null("").to_list()
    if not classes.wnids_or_names:
        raise missing_class_list_error([_quote(text) for text in texts], where=where)
    finder = ClassNameFinder(classes)
    names_of = {text: _order_names(finder.find(text), extract) for text in dict.fromkeys(texts)}
    counted_of = {text: _select_names(names, extract, unknown_class) for text, names in names_of.items()}
    n_several = sum(len(names_of[text]) > 1 for text in texts)
    free_text = FreeText(
        extract,
        n_with_several_names=n_several,
        without_class=_count(" ".join(text.split()) for text in texts if not names_of[text]),
        ambiguous_names=_count(name.name for text in texts for name in counted_of[text] if name.is_ambiguous),
    )
    width = MAX_IDS_PER_ROW if extract == "all" else 1
    ids_of = {text: _list_ids(names, unknown_class, width) for text, names in counted_of.items()}
    several = f"{count_noun(n_several, 'text')} with several classes"
    predictions = Predictions(
        np.array([ids_of[text] for text in texts], np.int32),
        detected_format=f"{_EXTRACTED[extract]} in {series.name!r} ({several})",
        unknown_classes=UnknownClasses(
            n_predictions=free_text.n_without_class + free_text.n_ambiguous,
            names=(*free_text.without_class, *free_text.ambiguous_names),
        ),
        has_class_names=True,
        free_text=free_text,
    )
    _check_unknown_classes(predictions, classes, unknown_class, where)
    return predictions


def describe_unknown_texts(predictions: Predictions, unknown_class: str) -> str:
    """Describe how many texts name no class, and how many ambiguous names count, each with examples."""
    free_text = predictions.free_text
    assert free_text is not None
    handling = "" if unknown_class == "error" else ", counted as wrong"
    parts = []
    if free_text.n_without_class:
        texts = [f"{_quote(text)} ({count:,})" for text, count in free_text.without_class.items()]
        counted = f"{count_noun(free_text.n_without_class, 'text')} without a class{handling}"
        parts.append(f"{counted}: {join_first(texts, max_items=_MAX_EXAMPLES)}")
    if free_text.n_ambiguous:
        names = [f"{name} ({count:,})" for name, count in free_text.ambiguous_names.items()]
        handling = ", dropped" if unknown_class == "drop" else handling
        counted = f"{count_noun(free_text.n_ambiguous, 'ambiguous name')}{handling}"
        parts.append(f"{counted}: {join_first(names, max_items=_MAX_EXAMPLES)}")
    empty = int(np.count_nonzero((predictions.class_ids < 0).all(axis=1))) - free_text.n_without_class
    if unknown_class == "drop" and empty:
        parts.append(f"{count_noun(empty, 'image')} without another class, counted as wrong")
    return "; ".join(parts)


def suggest_class_names(*, other_setting: str) -> Fix:
    """Suggest to name the classes as in the class list, or to set `unknown_class` differently."""
    return Fix(f"{_USE_CLASS_NAMES}, or {{unknown_class}}", unknown_class=f'"{other_setting}"')


def _order_names(found: Sequence[FoundName], extract: Extract) -> list[FoundName]:
    """Return the names in the order that counts, each class once."""
    ordered = reversed(found) if extract == "last" else found
    return list({name.class_ids: name for name in ordered}.values())


def _select_names(names: list[FoundName], extract: Extract, unknown_class: UnknownClass) -> list[FoundName]:
    """Return the names that count. If ambiguous names are dropped, the next name counts too."""
    if extract == "all":
        return names[:MAX_IDS_PER_ROW]
    n_dropped = 0
    if unknown_class == "drop":
        n_dropped = next((place for place, name in enumerate(names) if not name.is_ambiguous), len(names))
    return names[: n_dropped + 1]


def _list_ids(names: Sequence[FoundName], unknown_class: UnknownClass, width: int) -> list[int]:
    """Return `width` class ids: -1 for an ambiguous name, if it is not dropped, and after the last name."""
    ids = [-1 if name.is_ambiguous else name.class_ids[0] for name in names]
    if unknown_class == "drop":
        ids = [class_id for class_id in ids if class_id >= 0]
    return [*ids, *[-1] * width][:width]


def _count(texts: Iterable[str]) -> dict[str, int]:
    """Count equal texts; the most frequent first, then in alphabetical order."""
    return dict(sorted(Counter(texts).items(), key=lambda entry: (-entry[1], entry[0])))


def _check_unknown_classes(predictions: Predictions, classes: Classes, unknown_class: UnknownClass, where: str) -> None:
    """Raise if no text has a class, or if `unknown_class` is "error" and a text has no class or an ambiguous name."""
    if not predictions.unknown_classes.n_predictions:
        return
    is_useless = (predictions.class_ids < 0).all()
    if is_useless or unknown_class == "error":
        fix = suggest_class_names(other_setting="wrong") if unknown_class == "error" else _USE_CLASS_NAMES
        raise DataError(
            "unknown-class",
            "no text names a class" if is_useless else "texts name no class, or an ambiguous class",
            where=where,
            allowed=classes.allowed_names_text,
            found=describe_unknown_texts(predictions, "error"),
            fix=fix if classes.names else ADD_CLASS_LIST,
        )


def _quote(text: str) -> str:
    return repr(shorten(text, _MAX_TEXT_LENGTH))
