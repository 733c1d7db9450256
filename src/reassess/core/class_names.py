"""What classes may be called, and which of them are called by a text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from reassess.errors import DataError
from reassess.text import composed, counted, some

MOST_CLASSES = 2**31  # class ids are int32

_WNID = re.compile(r"n\d{8}")
# What the reader of some table takes for a number.
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:inf|infinity|nan)", re.IGNORECASE)


def class_number(text: str) -> int | None:
    """The class id that a text writes as a number; -1 for a number that is not an id, None for other text."""
    stripped = text.strip()  # also of separators such as \x1f, which float() refuses
    if not _NUMBER.fullmatch(stripped):
        return None
    number = float(stripped)
    return int(number) if 0 <= number < MOST_CLASSES and number.is_integer() else -1


def are_wnids(texts: Collection[str]) -> bool:
    """Whether some texts are wnids, all of them."""
    return bool(texts) and all(map(_WNID.fullmatch, texts))


def refuse_numbers(
    wnids: Sequence[str], names: Sequence[str], synonyms: Sequence[Sequence[str]], *, has_local_ids: bool
) -> None:
    """Raise `DataError` if a class is called by a number that is not its id."""
    called = [*enumerate(wnids), *enumerate(names)]
    called += [(class_id, text) for class_id, texts in enumerate(synonyms) for text in texts]
    wrong = [
        repr(text) if has_local_ids else f"{text!r} (id {class_id})"
        for class_id, text in called
        if (number := class_number(text)) is not None and (has_local_ids or number != class_id)
    ]
    if wrong:
        raise DataError(
            "number-as-name",
            "a class is called by a number that is not its id",
            found=some(wrong, most=3),
            fix="call it otherwise, such as 'class 10'; or list the classes in the order of their ids, from 0",
        )


@dataclass(frozen=True, eq=False)
class ClassNames:
    """The wnids, names and synonyms of the classes of a list, as of `Classes`, looked up by text."""

    wnids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()

    def ids_of(self, text: str) -> tuple[int, ...]:
        """Ids of the classes that are called so: as a whole in these capitals, else in any, else by a word."""
        name = composed(text.strip())
        folded = name.casefold()
        return self._by_name.get(name) or self._by_folded_name.get(folded) or self._by_text.get(folded, ())

    @cached_property
    def _by_name(self) -> dict[str, tuple[int, ...]]:
        return _ids_by_text(self._whole_names())

    @cached_property
    def _by_folded_name(self) -> dict[str, tuple[int, ...]]:
        return _ids_by_text({name.casefold() for name in names} for names in self._whole_names())

    @cached_property
    def _by_text(self) -> dict[str, tuple[int, ...]]:
        return _ids_by_text(self._texts())

    def _whole_names(self) -> Iterator[set[str]]:
        """The name and the synonyms of each class; none in a list with wnids."""
        if not self.wnids:
            synonyms = self.synonyms or ((),) * len(self.names)
            for name, others in zip(self.names, synonyms, strict=True):
                yield {composed(text.strip()) for text in (name, *others)} - {""}

    def _texts(self) -> Iterator[set[str]]:
        """All that each class may be called."""
        wnids = self.wnids or ("",) * len(self.names)
        names = self.names or ("",) * len(self.wnids)
        synonyms = self.synonyms or ((),) * len(names)
        for wnid, name, others in zip(wnids, names, synonyms, strict=True):
            words = (word for word in name.split(",") if class_number(word) is None)
            yield {composed(text.strip()).casefold() for text in (wnid, name, *words, *others)} - {""}


def _ids_by_text(texts: Iterable[set[str]]) -> dict[str, tuple[int, ...]]:
    """The classes that each text calls, of what each class may be called."""
    ids_of: dict[str, tuple[int, ...]] = {}
    for class_id, called in enumerate(texts):
        for text in called:
            ids_of[text] = (*ids_of.get(text, ()), class_id)
    return ids_of


@dataclass(frozen=True)
class UnknownClasses:
    """Predictions with names that are not classes: how many, and each name once. Several of them add up."""

    predictions: int = 0
    names: tuple[str, ...] = ()

    def __add__(self, other: UnknownClasses) -> UnknownClasses:
        names = tuple(dict.fromkeys((*self.names, *other.names)))
        return UnknownClasses(predictions=self.predictions + other.predictions, names=names)

    def __str__(self) -> str:
        predictions, names = counted(self.predictions, "prediction"), counted(len(self.names), "name")
        return f"{predictions} by {names} that no class has"

    def to_json(self) -> dict[str, int]:
        """The object that JSON documents hold: both counts."""
        return {"predictions": self.predictions, "names": len(self.names)}
