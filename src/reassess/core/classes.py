"""The classes of a benchmark: how many, and what they are called; ids are 0-based."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError
from reassess.text import some

__all__ = ["MOST_CLASSES", "Classes", "class_number"]

MOST_CLASSES = 2**31  # class ids are int32

_NUMBER = re.compile(r"([-+]?)0*([0-9]+)")
_DIGITS = 19  # of a number that is too large for any id, however long it is


def class_number(text: str) -> int | None:
    """The class id that a text writes as a number, or None; of a number too large for any id, the first digits.

    >>> class_number(" 007"), class_number("-1"), class_number("cat")
    (7, -1, None)
    """
    match = _NUMBER.fullmatch(text.strip())
    return int(match[1] + match[2][:_DIGITS]) if match else None


@dataclass(frozen=True)
class Classes:
    """The classes in the order of their ids.

    Parameters
    ----------
    count
        Number of classes; None where it is not known, as for a file of ids alone.
    wnids
        WordNet id of each class (``n01440764``), or empty.
    names
        Name of each class, or empty; several words for one class are separated by commas.
    ranked
        Whether these are only the classes that some file names, in sorted order: an id then means nothing outside it.

    Examples
    --------
    >>> classes = Classes(2, wnids=("n01440764", "n01443537"), names=("tench, Tinca tinca", "goldfish"))
    >>> classes.label(0)
    'tench'
    >>> classes.find("n01443537"), classes.find("goldfish"), classes.find("dog")
    (1, 1, None)
    """

    count: int | None = None
    wnids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    ranked: bool = False

    def label(self, class_id: int) -> str:
        """A short name for people: the first word for the class, else its wnid, else its id."""
        if self.names:
            return self.names[class_id].split(",")[0]
        return self.wnids[class_id] if self.wnids else str(class_id)

    def named(self, class_id: int) -> dict[str, Any]:
        """A class in a JSON document: its id and its short name."""
        return {"class": class_id, "name": self.label(class_id)}

    def find(self, text: str) -> int | None:
        """Id of the class called `text`: by wnid, whole name, or one of the words for a class; None if there is none.

        Raises
        ------
        DataError
            Two classes are called so.
        """
        if self.ranked and text in self.names:  # as it stands in the labels, though another class may be called so too
            return self.names.index(text)
        ids = self._by_text.get(text.strip().casefold(), ())
        if len(ids) > 1:
            raise DataError(
                "a class name is shared by two classes",
                found=f"{text!r}: {some([self._described(i) for i in ids])}",
                mend="name the class by its wnid or id",
            )
        return ids[0] if ids else None

    def map_outputs(self, outputs: Sequence[str], *, where: str) -> npt.NDArray[np.int64]:
        """Class id of each of a model's outputs, -1 for an output that is none of the classes.

        Parameters
        ----------
        outputs
            What each output is called: a wnid, a name, or an id.
        where
            Where the list comes from, for error messages.

        Raises
        ------
        DataError
            A name fits two classes, two outputs are one class, or no output is a class.
        """
        ids = np.fromiter((self.id_of(text, where=where) for text in outputs), np.int64, len(outputs))
        known = np.flatnonzero(ids >= 0)
        if not known.size:
            raise DataError(
                "none of the outputs is a class of the benchmark",
                where=where,
                allowed=self._allowed(),
                found=some(outputs),
                mend="name each output by wnid, by class name or by class id",
            )
        first: dict[int, int] = {}
        for output in known.tolist():
            if (before := first.setdefault(int(ids[output]), output)) != output:
                raise DataError(
                    "two outputs are one class",
                    where=where,
                    found=f"{outputs[before]!r} (output {before}) and {outputs[output]!r} (output {output}) are "
                    f"both {self._described(int(ids[output]))}",
                    mend="name each output by its wnid",
                )
        return ids

    def id_of(self, text: str, *, where: str) -> int:
        """Id of the class that `text` calls by id, wnid or name, -1 for none; two classes are an error at `where`."""
        number = None if self.ranked else class_number(text)
        if number is not None and 0 <= number < (MOST_CLASSES if self.count is None else self.count):
            return number
        try:
            class_id = self.find(text)
        except DataError as error:
            error.where = where
            raise
        return -1 if class_id is None else class_id

    def _described(self, class_id: int) -> str:
        parts = [part[class_id] for part in (self.wnids, self.names) if part]
        return " ".join([str(class_id), *parts])

    def _allowed(self) -> str:
        if self.wnids:
            return f"wnids such as {self.wnids[0]}" + (f", names such as {self.label(0)!r}" if self.names else "")
        return f"names such as {self.names[0]!r}" if self.names else "class ids"

    @cached_property
    def _by_text(self) -> dict[str, tuple[int, ...]]:
        ids_of: dict[str, tuple[int, ...]] = {}
        for class_id, texts in enumerate(self._texts()):
            for text in texts:
                ids_of[text] = (*ids_of.get(text, ()), class_id)
        return ids_of

    def _texts(self) -> Iterator[set[str]]:
        """All that each class may be called."""
        wnids = self.wnids or ("",) * len(self.names)
        names = self.names or ("",) * len(self.wnids)
        for wnid, name in zip(wnids, names, strict=True):
            yield {text.strip().casefold() for text in (wnid, name, *name.split(","))} - {""}
