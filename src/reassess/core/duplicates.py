"""Duplicate images, within one set of images or between several, and images that cannot be used."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_known, check_length, check_range, check_text, check_unique, first_repeat
from reassess.core.image_names import image_keys
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import Shown

DUPLICATE_KINDS = ("exact", "near")  # kinds of groups
UNUSABLE_KINDS = ("unreadable", "empty", "tiny")  # kinds of single images
_KINDS = (*DUPLICATE_KINDS, *UNUSABLE_KINDS)


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Groups of duplicate images, and images that are unreadable, empty or tiny.

    Symbols: S sets of images, R rows. An image may have several rows, each of another kind.
    """

    _THING = "duplicates"
    _HOW_TO_GET = "scan_images(PLACES).duplicates"

    sets: tuple[str, ...]  # names of the sets that have a row
    images: tuple[str, ...]  # name of the image of each row, in its set
    set_ids: npt.NDArray[np.int32]  # (R,): positions in `sets`
    # (R,): the number of the group, from 1; 0 for unreadable, empty and tiny images. A group is of one kind, and has
    # two images or more.
    groups: npt.NDArray[np.int32]
    kinds: tuple[str, ...]  # the kind of each row: ``exact``, ``near``, ``unreadable``, ``empty`` or ``tiny``
    labels: tuple[str | None, ...] = ()  # the label of each row's image, None if unknown; empty without any

    def __post_init__(self) -> None:
        check_text(self.sets, what="the name of a set")
        check_unique(self.sets, thing="a set")
        parts: dict[str, Sized] = {"sets": self.set_ids, "numbers": self.groups, "kinds": self.kinds}
        for things, part in ({**parts, "labels": self.labels} if self.labels else parts).items():
            check_length(len(part), len(self.images), things=things, each="row")
        check_range(self.set_ids, 0, len(self.sets) - 1, what="position of a set", where=self.at)
        check_known(self.kinds, _KINDS, thing="kind of duplicate", where=self.at)
        check_range(self.groups, 0, what="number of a group", where=self.at)
        if np.unique(self.set_ids).size != len(self.sets):
            raise DataError("empty", "set has no row", fix="leave it out")
        self._check_rows()
        self._check_groups()
        freeze(self, "set_ids", "groups")

    @classmethod
    def from_rows(
        cls,
        sets: Sequence[str],
        images: Sequence[str],
        groups: npt.ArrayLike,
        kinds: Sequence[str],
        labels: Sequence[str | None] = (),
    ) -> "Duplicates":
        """Duplicates from rows: the name of each row's set, its image, the number of its group or 0, and its kind.

        If they are known, the label of each image too.
        """
        names = tuple(dict.fromkeys(sets))
        position = {name: i for i, name in enumerate(names)}
        set_ids = np.fromiter((position[name] for name in sets), np.int32, len(sets))
        return cls(names, tuple(images), set_ids, np.asarray(groups, np.int32), tuple(kinds), tuple(labels))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        groups, rows = self.group_count(), len(self)
        of = f", of {', '.join(self.sets)}" if self.sets else ""
        return f"Duplicates({rows:,} row{'s' * (rows != 1)}, {groups:,} group{'s' * (groups != 1)}{of})"

    def at(self, row: int) -> str:
        """A row in words, for messages."""
        return f"image {self.images[row]} of {self.sets[self.set_ids[row]]}"

    def group_count(self, kind: str | None = None) -> int:
        """How many groups there are, or how many of one kind."""
        return int(np.unique(self.groups[self.is_kind(kind)]).size) if kind else int(np.unique(self._grouped).size)

    def largest_group(self, kind: str) -> int:
        """How many images the largest group of a kind holds; 0 without one."""
        return int(np.bincount(self.groups[self.is_kind(kind)]).max(initial=0))

    def is_kind(self, *kinds: str | None) -> npt.NDArray[np.bool_]:
        """Which rows are of some kinds; bool, shape (R,)."""
        return np.fromiter((kind in kinds for kind in self.kinds), bool, len(self))

    @property
    def other_labels(self) -> tuple[tuple[str, ...], ...]:
        """The labels of the other images of each row's group that differ from its own, sorted; empty if one is unknown.

        An image can have several rows; that of a near group has the labels of its exact copies too.
        """
        others: list[tuple[str, ...]] = [()] * len(self)
        for rows in self._labelled_groups():
            labels = sorted({str(self.labels[row]) for row in rows})
            for row in rows:
                others[row] = tuple(label for label in labels if label != self.labels[row])
        return tuple(others)

    def differing_pairs(self) -> Iterator[tuple[int, int]]:
        """The rows of each two duplicates with different labels, the exact ones first, each pair of images once."""
        exact_group: dict[tuple[int, str], int] = {}
        for rows in self._labelled_groups():
            keys = {row: (int(self.set_ids[row]), self.images[row]) for row in rows}
            if self.kinds[rows[0]] == "exact":
                exact_group |= {keys[row]: int(self.groups[row]) for row in rows}
            for one, other in combinations(rows, 2):
                if self.labels[one] == self.labels[other]:
                    continue
                copies = exact_group.get(keys[one], -1), exact_group.get(keys[other], -2)
                if self.kinds[one] == "exact" or copies[0] != copies[1]:
                    yield one, other

    def _labelled_groups(self) -> Iterator[list[int]]:
        """The rows with labels of each group with different ones; exact groups first."""
        groups: dict[tuple[bool, int], list[int]] = {}
        for row in np.flatnonzero(self.groups).tolist() if self.labels else []:
            if self.labels[row] is not None:
                groups.setdefault((self.kinds[row] != "exact", int(self.groups[row])), []).append(row)
        yield from (rows for _, rows in sorted(groups.items()) if len({self.labels[row] for row in rows}) > 1)

    def images_of(self, name: str) -> tuple[str, ...]:
        """The images of a set that have a row, each once, in the order of the rows."""
        return tuple(dict.fromkeys(self.images[row] for row in np.flatnonzero(self._is_of(name)).tolist()))

    def duplicated_elsewhere(self, name: str, kind: str | None = None) -> tuple[str, ...]:
        """The images of a set that another set duplicates (``exact``, ``near`` or both), in the order of the rows."""
        own = self._is_of(name)
        rows: npt.NDArray[np.bool_] = own & np.isin(self.groups, self.groups[~own & (self.groups > 0)])
        if kind is not None:
            check_known([kind], DUPLICATE_KINDS, thing="kind of duplicate")
            rows &= self.is_kind(kind)
        return tuple(dict.fromkeys(self.images[row] for row in np.flatnonzero(rows).tolist()))

    def _is_of(self, name: str) -> npt.NDArray[np.bool_]:
        """Which rows are of a set; bool, shape (R,)."""
        fix = "a set without findings has no row"
        check_known([name], self.sets, thing="set of images", fix=fix)
        rows: npt.NDArray[np.bool_] = self.set_ids == self.sets.index(name)
        return rows

    @property
    def _grouped(self) -> npt.NDArray[np.int32]:
        return self.groups[self.groups > 0]

    def _check_rows(self) -> None:
        """Each image at most once under each kind, and a number where the kind has one."""
        keys = image_keys(self.images)
        rows = list(zip(self.set_ids.tolist(), keys, self.kinds, strict=True))
        if repeat := first_repeat(rows):
            again = repeat[1]
            raise DataError(
                "duplicate-image", "image is listed twice under one kind", where=self.at(again), found=self.kinds[again]
            )
        has_number, needs_one = self.groups > 0, self.is_kind(*DUPLICATE_KINDS)
        wrong = has_number != needs_one
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                "missing-value" if needs_one[row] else "unexpected-value",
                "group number is missing" if needs_one[row] else "group number without a group",
                where=self.at(row),
                allowed=f"a number for {' and '.join(DUPLICATE_KINDS)}, and none for {', '.join(UNUSABLE_KINDS)}",
                found=f"{self.kinds[row]}, {self.groups[row] or 'no number'}",
            )

    def _check_groups(self) -> None:
        """Each group of one kind, and of two images or more."""
        numbers, counts = np.unique(self._grouped, return_counts=True)
        exact = np.unique(self.groups[self.is_kind("exact")])
        both = np.intersect1d(exact, np.unique(self.groups[self.is_kind("near")]))
        if both.size:
            raise DataError(
                "mixed-group",
                "group has rows of two kinds",
                where=f"group {both[0]}",
                fix="give each kind its own numbers",
            )
        if (counts < 2).any():
            number = numbers[np.argmin(counts)]
            row = int(np.argmax(self.groups == number))
            raise DataError("small-group", "group has only one image", where=f"group {number}", found=self.at(row))


@dataclass(frozen=True, repr=False)
class DuplicateCounts(Shown):
    """How many images of a set have a duplicate in a set: in another one, or in itself."""

    name: str  # the set
    elsewhere: str  # the set with the duplicates, which may be the same
    exact: int  # how many images of `name` have an exact copy there
    near: int  # how many have none, but an image that is near
    # How many have an exact copy or a near image with another label there; None if the labels of a set are unknown.
    other_label: int | None

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {"set": self.name, "in": self.elsewhere, **{part: getattr(self, part) for part in _COUNTS}}


_COUNTS = ("exact", "near", "other_label")


def count_duplicates(
    duplicates: Duplicates, classes: Mapping[str, Mapping[str, str] | None]
) -> tuple[DuplicateCounts, ...]:
    """Count the images of each set that have a duplicate in it, and in each other set, also where there is none.

    `classes` has all sets by name, with the class of each image; None for a set whose classes are not known.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    class_of = {name: {} if of_set is None else of_set for name, of_set in classes.items()}
    exact: set[tuple[str, str, str]] = set()  # image, set, and where it has an exact copy
    others: set[tuple[str, str, str]] = set()  # and where it has a duplicate with another label
    for kind in ("exact", "near"):  # in this order
        for members in _groups(duplicates, kind):
            of_set = Counter(name for name, _ in members)
            of_class = Counter((name, class_of[name].get(image)) for name, image in members)
            for name, image in members:
                for elsewhere, there in of_set.items():
                    if of_class[elsewhere, class_of[name].get(image)] < there:
                        others.add((image, name, elsewhere))
                    if (there == 1 and elsewhere == name) or (image, name, elsewhere) in exact:
                        continue
                    counts[name, elsewhere, kind] += 1
                    if kind == "exact":
                        exact.add((image, name, elsewhere))
    counts.update((name, elsewhere, "other_label") for _, name, elsewhere in others)
    return tuple(
        DuplicateCounts(
            name=name,
            elsewhere=elsewhere,
            exact=counts[name, elsewhere, "exact"],
            near=counts[name, elsewhere, "near"],
            other_label=counts[name, elsewhere, "other_label"]
            if classes[name] is not None and classes[elsewhere] is not None
            else None,
        )
        for name in classes
        for elsewhere in (name, *(other for other in classes if other != name))
    )


def _groups(duplicates: Duplicates, kind: str) -> list[list[tuple[str, str]]]:
    """The set and the name of each image of each group of one kind."""
    groups: dict[int, list[tuple[str, str]]] = {}
    for row in np.flatnonzero(duplicates.is_kind(kind)).tolist():
        member = duplicates.sets[duplicates.set_ids[row]], duplicates.images[row]
        groups.setdefault(int(duplicates.groups[row]), []).append(member)
    return list(groups.values())
