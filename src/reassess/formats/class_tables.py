"""Lists and tables of classes: their names, which are collapsed into one, and which group each belongs to."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.errors import DataError
from reassess.formats.files import read_lines, suffix_of
from reassess.formats.json_files import read_json
from reassess.formats.tables import TABLE_SUFFIXES, column, read_table, refuse_missing
from reassess.text import some

__all__ = ["read_classes", "read_collapsed", "read_groups"]


def read_collapsed(path: str | Path, classes: Classes) -> npt.NDArray[np.int64]:
    r"""Pairs of classes of which an image of the first is also one of the second.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet: columns class and also, each a class by id, wnid or name; other columns, such
        as a reason, are not read. Classes that are one stand twice, in either order.
    classes
        The classes of the benchmark.

    Returns
    -------
    int64, shape (pairs, 2): class ids.

    Raises
    ------
    DataError
        The file holds no such table; a name is no class, or fits two; a pair is one class twice.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "collapsed.csv"
    >>> _ = path.write_text("class,also\nmug,cup\n")
    >>> read_collapsed(path, Classes(2, names=("cup", "mug")))
    array([[1, 0]])
    """
    path = Path(path)
    first, second = (_ids(path, texts, classes) for texts in _columns(path, "class", "also"))
    same = first == second
    if same.any():
        row = int(np.argmax(same))
        raise DataError(
            "a class is collapsed into itself", where=f"{path}, row {row}", found=classes.label(int(first[row]))
        )
    return np.stack([first, second], axis=1)


def read_groups(path: str | Path, classes: Classes) -> dict[int, str]:
    r"""The group of each class.

    Parameters
    ----------
    path
        JSON: an object from class to group. CSV, TSV, JSON lines or Parquet: columns class and group. A class is called
        by id, wnid or name; one that is not there has no group.
    classes
        The classes of the benchmark.

    Returns
    -------
    dict from class id to the name of the group.

    Raises
    ------
    DataError
        The file holds no groups; a name is no class, or fits two; a class is in two groups.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "groups.json"
    >>> _ = path.write_text('{"cup": "crockery", "mug": "crockery"}')
    >>> read_groups(path, Classes(2, names=("cup", "mug")))
    {0: 'crockery', 1: 'crockery'}
    """
    path = Path(path)
    is_json = suffix_of(path, (".json", *TABLE_SUFFIXES), "groups of classes") == ".json"
    texts, names = _object(path) if is_json else _columns(path, "class", "group")
    groups: dict[int, str] = {}
    for class_id, name in zip(_ids(path, texts, classes).tolist(), names, strict=True):
        before = groups.setdefault(class_id, name)
        if before != name:
            raise DataError(
                "a class is in two groups",
                where=f"{path}, class {classes.label(class_id)}",
                found=f"{before} and {name}",
            )
    return groups


def _object(path: Path) -> tuple[Sequence[str], Sequence[str]]:
    document = read_json(path)
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document.values()):
        raise DataError(
            "the JSON does not hold groups", where=path, allowed="an object from class to name of the group"
        )
    return list(document), list(document.values())


def _columns(path: Path, *names: str) -> list[Sequence[str]]:
    """Columns of texts, of which none is missing."""
    table = read_table(path, text=names)
    there = [table[column(path, table, name, thing=f"the {name}")] for name in names]
    for series in there:
        refuse_missing(path, series)
    return [series.to_list() for series in there]


def _ids(path: Path, texts: Sequence[str], classes: Classes) -> npt.NDArray[np.int64]:
    id_of = {text: classes.id_of(text, where=str(path)) for text in dict.fromkeys(texts)}
    lost = [text for text, class_id in id_of.items() if class_id < 0]
    if lost:
        raise DataError(
            "a class is not one of the benchmark's",
            where=path,
            found=some(lost),
            mend="name the class by id, wnid or name",
        )
    return np.fromiter((id_of[text] for text in texts), np.int64)


def read_classes(wnids: Path, lemmas: Path) -> Classes:
    """Classes from a list of wnids, one a line in the order of the class ids, and a table of the words for each wnid.

    Parameters
    ----------
    wnids
        Text, one wnid a line.
    lemmas
        Text, a line a wnid: the wnid, a tab, the words, separated by commas. It may hold more wnids than are classes.
    """
    order = read_lines(wnids)
    name_of = dict(line.split("\t", 1) for line in read_lines(lemmas) if "\t" in line)
    missing = [wnid for wnid in order if wnid not in name_of]
    if missing:
        raise DataError("a class has no name", where=lemmas, found=some(missing))
    return Classes(count=len(order), wnids=tuple(order), names=tuple(name_of[wnid] for wnid in order))
