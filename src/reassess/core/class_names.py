"""Rules for class names, and the lookup of a class by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from reassess.errors import DataError
from reassess.text import count_noun, join_first, to_nfc

MAX_CLASSES = 2**31  # class ids are int32

_WNID = re.compile(r"n\d{8}")
# Text that some table reader would convert to a number.
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:inf|infinity|nan)", re.IGNORECASE)


def parse_class_id(text: str) -> int | None:
    """Parse a text as a class id; -1 for a number that cannot be an id, None for a text that is not a number."""
    stripped = text.strip()  # removes separators such as \x1f too, which float() does not accept
    if not _NUMBER.fullmatch(stripped):
        return None
    number = float(stripped)
    return int(number) if 0 <= number < MAX_CLASSES and number.is_integer() else -1


def are_wnids(texts: Collection[str]) -> bool:
    """Return whether all texts are wnids, and there is at least one."""
    return bool(texts) and all(map(_WNID.fullmatch, texts))


def check_names_are_not_other_ids(
    wnids: Sequence[str], names: Sequence[str], synonyms: Sequence[Sequence[str]], *, has_local_ids: bool
) -> None:
    """Raise `DataError` if the name of a class is a number, but not the id of this class."""
    pairs = [*enumerate(wnids), *enumerate(names)]
    pairs += [(class_id, text) for class_id, texts in enumerate(synonyms) for text in texts]
    wrong = [
        repr(text) if has_local_ids else f"{text!r} (id {class_id})"
        for class_id, text in pairs
        if (number := parse_class_id(text)) is not None and (has_local_ids or number != class_id)
    ]
    if wrong:
        raise DataError(
            "number-as-name",
            "class name is a number, but not the class's id",
            found=join_first(wrong, max_items=3),
            fix="use another name, such as 'class 10'; or list the classes in the order of their ids, from 0",
        )


@dataclass(frozen=True, eq=False)
class ClassNames:
    """The wnids, names and synonyms of a class list, with lookup by text."""

    wnids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()

    def find_ids(self, text: str) -> tuple[int, ...]:
        """Return the ids of the classes with a name.

        If no class has exactly this name, ignore upper and lower case. If still no class matches, compare the text with
        wnids and with the parts of names between commas.
        """
        name = to_nfc(text.strip())
        lower = name.casefold()
        return self._ids_by_name.get(name) or self._ids_by_lower_name.get(lower) or self._ids_by_text.get(lower, ())

    @cached_property
    def ids_by_folded_name(self) -> dict[str, tuple[int, ...]]:
        """The class ids that `find_ids` returns for each name, wnid or word of a name in lower case."""
        return self._ids_by_text | self._ids_by_lower_name

    @cached_property
    def _ids_by_name(self) -> dict[str, tuple[int, ...]]:
        return _index_by_text(self._names_of_each_class())

    @cached_property
    def _ids_by_lower_name(self) -> dict[str, tuple[int, ...]]:
        return _index_by_text({name.casefold() for name in names} for names in self._names_of_each_class())

    @cached_property
    def _ids_by_text(self) -> dict[str, tuple[int, ...]]:
        return _index_by_text(self._lower_case_class_names())

    def _names_of_each_class(self) -> Iterator[set[str]]:
        """Yield the name and synonyms of each class; if the class list has wnids, yield nothing."""
        if not self.wnids:
            all_synonyms = self.synonyms or ((),) * len(self.names)
            for name, synonyms in zip(self.names, all_synonyms, strict=True):
                yield {to_nfc(text.strip()) for text in (name, *synonyms)} - {""}

    def _lower_case_class_names(self) -> Iterator[set[str]]:
        """Yield for each class all names that identify it, in lower case."""
        wnids = self.wnids or ("",) * len(self.names)
        names = self.names or ("",) * len(self.wnids)
        all_synonyms = self.synonyms or ((),) * len(names)
        for wnid, name, synonyms in zip(wnids, names, all_synonyms, strict=True):
            words = (word for word in name.split(",") if parse_class_id(word) is None)
            yield {to_nfc(text.strip()).casefold() for text in (wnid, name, *words, *synonyms)} - {""}


def _index_by_text(texts: Iterable[set[str]]) -> dict[str, tuple[int, ...]]:
    """Map each text to class ids; `texts` has the names, wnids or words of each class, in the order of ids."""
    ids_of: dict[str, tuple[int, ...]] = {}
    for class_id, class_texts in enumerate(texts):
        for text in class_texts:
            ids_of[text] = (*ids_of.get(text, ()), class_id)
    return ids_of


@dataclass(frozen=True)
class UnknownClasses:
    """The number of predictions with unknown class names, and these names; ``a + b`` merges two objects."""

    n_predictions: int = 0
    names: tuple[str, ...] = ()

    def __add__(self, other: UnknownClasses) -> UnknownClasses:
        names = tuple(dict.fromkeys((*self.names, *other.names)))
        return UnknownClasses(n_predictions=self.n_predictions + other.n_predictions, names=names)

    def __str__(self) -> str:
        return (
            f"{count_noun(self.n_predictions, 'prediction')} with {count_noun(len(self.names), 'unknown class name')}"
        )

    def to_json(self) -> dict[str, int]:
        """Return the two counts as a dict for JSON output."""
        return {"predictions": self.n_predictions, "names": len(self.names)}
