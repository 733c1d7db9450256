"""Class files: class lists, pairs of classes where one includes the other, groups and hierarchies."""

import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Hierarchy
from reassess.core.checks import check_length, check_range, check_type, check_unicode, check_unique
from reassess.core.class_names import are_wnids
from reassess.core.classes import ADD_CLASS_LIST, UNKNOWN_CLASS_NAME
from reassess.errors import DataError, ReassessWarning, add_error_place
from reassess.formats.files import as_path, check_suffix, read_lines
from reassess.formats.json_files import is_nonblank_text, read_json, wrong_json_error
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    describe_row_place,
    find_column,
    read_table,
    refuse_blank_values,
    refuse_missing_values,
    to_integers,
    write_table,
)
from reassess.text import count_noun, join_and, join_first, shorten, to_nfc

if TYPE_CHECKING:
    import polars as pl


_RENAME_CHILDREN = "name the children as in the class list"
_PROBLEM_GROUP = 'an object such as {"category": [3], "classes": {"435": "bathtub", "876": "tub"}}'
_QUOTED_NAME = re.compile(r"""\s*(['"])(.+)\1\s*,?\s*(#.*)?""")  # an item of a Python list, perhaps with a comment
_TEXT = ("name", "wnid", "synonyms", "definition")


def read_class_pairs(path: str | Path, classes: Classes) -> npt.NDArray[np.int64]:
    """Read pairs of class ids, int64 of shape (pairs, 2); see `reassess.read_collapsed_classes`."""
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    first, second = (_find_class_ids(path, texts, classes) for texts in _read_text_columns(path, "class", "also"))
    is_same = first == second
    if is_same.any():
        row = int(np.argmax(is_same))
        raise DataError(
            "circle",
            "row pairs a class with itself",
            where=describe_row_place(path, row),
            found=classes.short_name(int(first[row])),
        )
    return np.stack([first, second], axis=1)


def read_groups(path: str | Path, classes: Classes) -> dict[int, str]:
    r"""Read the group of each class.

    Parameters
    ----------
    path
        JSON: an object from class to group; or the problem groups of "Flaws of ImageNet", a list of objects with a
        list of categories and an object of classes. These groups are named after their first classes. CSV, TSV, JSON
        lines or Parquet: columns class and group. A class is an id, wnid or name; a class that is not listed has no
        group.
    classes
        The classes of the benchmark.

    Returns
    -------
    dict
        From class id to the name of its group.

    Raises
    ------
    DataError
        The file has no groups; a name is not a class, or fits two classes; a class is in two groups.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "groups.json"
    >>> _ = path.write_text('{"cup": "crockery", "mug": "crockery"}')
    >>> read_groups(path, Classes(2, names=("cup", "mug")))
    {0: 'crockery', 1: 'crockery'}
    """
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    is_json = check_suffix(path, (".json", *TABLE_SUFFIXES), "groups of classes") == ".json"
    texts, names = _read_groups_json(path) if is_json else _read_text_columns(path, "class", "group")
    groups: dict[int, str] = {}
    for class_id, name in zip(_find_class_ids(path, texts, classes).tolist(), names, strict=True):
        name = to_nfc(name.strip())
        before = groups.setdefault(class_id, name)
        if before != name:
            raise DataError(
                "duplicate-class",
                "class is in two groups",
                where=f"{path}, class {classes.short_name(class_id)}",
                found=f"{before} and {name}",
            )
    return groups


def read_hierarchy(path: str | Path, classes: Classes) -> Hierarchy:
    """Read a class hierarchy from a table with the columns child and parent.

    A child or parent is a class (id, wnid or name), or any other name, such as the wnid of a synset above the classes.
    If a child has several parents, only the first counts, and a `ReassessWarning` says how many were ignored.
    """
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    children, parents = _read_text_columns(path, "child", "parent")
    with add_error_place(path):
        hierarchy = Hierarchy.from_pairs(zip(children, parents, strict=True), classes)
    if not hierarchy.paths:
        raise DataError(
            "unknown-class",
            "hierarchy contains none of the classes",
            where=path,
            allowed=f"{classes.allowed_names_text} in the column child",
            found=join_first(list(dict.fromkeys(children)), max_items=3),
            fix=_RENAME_CHILDREN if classes.wnids_or_names else f"{_RENAME_CHILDREN}, or give a class list with names",
        )
    if hierarchy.n_ignored_parents:
        ignored = count_noun(hierarchy.n_ignored_parents, "further parent")
        text = f"{path}: {ignored} ignored: only the first parent of a child counts"
        warnings.warn(text, ReassessWarning, stacklevel=2)
    return hierarchy


def _read_groups_json(path: Path) -> tuple[Sequence[str], Sequence[str]]:
    document = read_json(path)
    if document and isinstance(document, list):
        return _read_problem_groups(path, document)
    if not document or not isinstance(document, dict) or not all(map(is_nonblank_text, document.values())):
        raise wrong_json_error("groups", document, where=path, allowed="an object from class to name of the group")
    check_unicode(list(document.values()), value_name="the name of a group", where=path)
    return list(document), list(document.values())


def _read_problem_groups(path: Path, groups: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Return the classes of problem groups, and the name of the group of each class."""
    classes: list[str] = []
    names: list[str] = []
    classes_by_name: dict[str, set[str]] = {}
    for number, group in enumerate(groups, 1):
        name, own = _read_problem_group(path, number, group)
        if classes_by_name.setdefault(name, set(own)) != set(own):
            name = f"{name}, group {number}"  # another group has the same first classes
        classes += own
        names += [name] * len(own)
    check_unicode(names, value_name="the name of a group", where=path)
    return classes, names


def _read_problem_group(path: Path, number: int, group: Any) -> tuple[str, list[str]]:
    """Return the name of a problem group, which is its first classes and its categories; and its classes."""
    categories, names = (group.get(key) for key in ("category", "classes")) if isinstance(group, dict) else (None, None)
    if not (
        categories
        and isinstance(categories, list)
        and all(type(category) is int for category in categories)
        and names
        and isinstance(names, dict)
        and all(is_nonblank_text(name) and name.split(",")[0].strip() for name in names.values())
    ):
        raise wrong_json_error("groups", group, where=f"{path}, group {number}", allowed=_PROBLEM_GROUP)
    first = join_first([name.split(",")[0] for name in names.values()], max_items=3)
    return f"{first} ({join_and(list(map(str, categories)))})", list(names)


def _read_text_columns(path: Path, *names: str) -> list[Sequence[str]]:
    """Read columns of text; `DataError` if a value is missing or blank."""
    table = read_table(path, text_columns=names)
    columns = [table[find_column(path, table, name)] for name in names]
    for series in columns:
        refuse_blank_values(path, series)
    return [series.to_list() for series in columns]


def _find_class_ids(path: Path, texts: Sequence[str], classes: Classes) -> npt.NDArray[np.int64]:
    id_of = {text: classes.id_of(text, where=str(path)) for text in dict.fromkeys(texts)}
    unknown = [text for text, class_id in id_of.items() if class_id < 0]
    if unknown:
        raise DataError(
            "unknown-class",
            UNKNOWN_CLASS_NAME,
            where=path,
            found=join_first(unknown),
            fix=ADD_CLASS_LIST
            if classes.has_local_ids or not classes.wnids_or_names
            else "name the class by id, wnid or name",
        )
    return np.fromiter((id_of[text] for text in texts), np.int64)


def read_class_file(path: str | Path, words_path: str | Path | None = None) -> Classes:
    """Read a class list; see `reassess.read_classes`.

    `words_path` is a text file with the names of the wnids in `path`. Each line is a wnid, a tab, and names separated
    by commas. Or each line is a quoted name and a comma, in the order of the wnids.
    """
    path = as_path(path)
    if words_path is not None:
        return _read_wnids_and_words(path, Path(words_path))
    if check_suffix(path, (".txt", *TABLE_SUFFIXES), "a list of classes") != ".txt":
        return _read_class_table(path)
    names = [to_nfc(line.strip()) for line in read_lines(path)]
    _refuse_empty_names(names, lambda row: f"{path}, line {row + 1}")
    _refuse_shared_names(names, [()] * len(names), lambda row: f"{path}, line {row + 1}")
    with add_error_place(path):
        texts = tuple(names)
        return Classes(len(texts), wnids=texts) if are_wnids(texts) else Classes(len(texts), names=texts)


def write_classes(path: str | Path, classes: Classes, *, force: bool = False) -> None:
    """Write a class list as a table: id and name, and also wnid, synonyms and definition if known.

    If classes have only wnids, the column name contains the wnids.
    """
    import polars as pl

    if not classes.wnids_or_names:
        raise DataError("names-without-list", "classes have no names", fix="name every class")
    texts_by_heading: dict[str, list[str | None]] = {
        "name": list(classes.names or classes.wnids),
        "wnid": list(classes.wnids),
        "synonyms": [";".join(texts) or None for texts in classes.synonyms],
        "definition": [text or None for text in classes.definitions],
    }
    columns = {name: pl.Series(texts, dtype=pl.String) for name, texts in texts_by_heading.items() if texts}
    write_table(Path(path), pl.DataFrame(columns).with_row_index("id"), force=force)


def _read_wnids_and_words(wnids_path: Path, words_path: Path) -> Classes:
    order, lines = read_lines(wnids_path), read_lines(words_path)
    if not any("\t" in line for line in lines):
        return Classes(len(order), wnids=tuple(order), names=_read_quoted_names(words_path, lines, len(order)))
    name_of = dict(line.split("\t", 1) for line in lines if "\t" in line)
    missing = [wnid for wnid in order if wnid not in name_of]
    if missing:
        raise DataError("missing-value", "class name is empty", where=words_path, found=join_first(missing))
    return Classes(count=len(order), wnids=tuple(order), names=tuple(name_of[wnid] for wnid in order))


def _read_quoted_names(path: Path, lines: Sequence[str], n_classes: int) -> tuple[str, ...]:
    """Read the name in each line; raise `DataError` for a line without quotes, or another number of lines."""
    matches = [_QUOTED_NAME.fullmatch(line) for line in lines]
    names = tuple(to_nfc(found[2].strip()) if found else "" for found in matches)
    if not all(names):
        row = names.index("")
        raise DataError(
            "wrong-row",
            "line does not contain a class name",
            where=f"{path}, line {row + 1}",
            allowed="a name in quotes, with a comma at the end",
            found=repr(shorten(lines[row], 60)),
        )
    check_length(len(names), n_classes, plural_name="class names", item_name="class", where=path)
    return names


def _read_class_table(path: Path) -> Classes:
    import polars as pl

    table = read_table(path, text_columns=_TEXT)
    heading = find_column(path, table, "name")
    if "id" in table.columns:
        table = table.with_columns(_check_ids_complete(path, table["id"])).sort("id")
    else:
        table = table.with_row_index("id")
    ids = table["id"].to_list()
    columns = {name: table[name] if name in table.columns else pl.Series(name, [], pl.String) for name in _TEXT}
    names = [to_nfc(text.strip()) for text in columns[heading].fill_null("")]
    synonyms = [
        tuple(text for piece in cell.split(";") if (text := to_nfc(piece.strip())))
        for cell in columns["synonyms"].fill_null("")
    ]
    definitions = [to_nfc(cell.strip()) for cell in columns["definition"].fill_null("")]
    refuse_missing_values(path, columns["wnid"])
    wnids = [text.strip() for text in columns["wnid"]]
    check_unique(wnids, value_name="a wnid", where=lambda row: f"{path}, class {ids[row]}")
    _refuse_empty_names(names, lambda row: f"{path}, class {ids[row]}")
    if not wnids:  # classes with wnids may share a name
        _refuse_shared_names(names, synonyms or [()] * len(names), lambda row: f"{path}, class {ids[row]}")
    with add_error_place(path):
        return Classes(
            count=len(names),
            wnids=tuple(wnids),
            names=tuple(names),
            synonyms=tuple(synonyms) if any(synonyms) else (),
            definitions=tuple(definitions) if any(definitions) else (),
        )


def _check_ids_complete(path: Path, series: "pl.Series") -> "pl.Series":
    """Return the class ids; `DataError` unless each of 0, 1, ... is there exactly once."""
    refuse_missing_values(path, series)
    ids = to_integers(path, series)
    check_range(ids, 0, ids.len() - 1, value_name="class id", where=lambda row: describe_row_place(path, row, "id"))
    check_unique(ids.to_list(), value_name="a class id", where=lambda row: describe_row_place(path, row, "id"))
    return ids


def _refuse_empty_names(names: Sequence[str], locate: Callable[[int], str]) -> None:
    if "" in names:
        raise DataError("missing-value", "class name is empty", where=locate(names.index("")), fix="name every class")


def _refuse_shared_names(names: Sequence[str], synonyms: Sequence[Sequence[str]], locate: Callable[[int], str]) -> None:
    """Raise if two classes share a name or synonym, ignoring case."""
    row_of: dict[str, int] = {}
    for row, name in enumerate(names):
        before = row_of.setdefault(name.casefold(), row)
        if before != row:
            raise DataError(
                "duplicate-class",
                "class is listed twice",
                where=locate(row),
                found=f"{name}, and {names[before]} in {locate(before).rpartition(', ')[2]}",
                fix="use different names, such as crane (bird) and crane (machine)",
            )
    for row, class_synonyms in enumerate(synonyms):
        for text in class_synonyms:
            before = row_of.setdefault(text.casefold(), row)
            if before != row:
                raise DataError(
                    "duplicate-class",
                    "two classes share a synonym",
                    where=locate(row),
                    found=f"{text}: {names[before]} and {names[row]}",
                    fix="keep the synonym for only one class",
                )
