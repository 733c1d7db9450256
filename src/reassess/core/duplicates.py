"""Duplicate images, within one set of images or across several, and unusable images."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import (
    check_known,
    check_length,
    check_range,
    check_unicode,
    check_unique,
    find_first_duplicate,
)
from reassess.core.image_names import image_keys
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import Printable

DUPLICATE_KINDS = ("exact", "near")  # kinds of groups
UNUSABLE_KINDS = ("unreadable", "empty", "tiny")  # kinds of single images
_KINDS = (*DUPLICATE_KINDS, *UNUSABLE_KINDS)


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Groups of duplicate images, and images that are unreadable, empty or tiny.

    Symbols: S sets of images, R rows. An image may have several rows of different kinds.
    """

    _THING = "duplicates"
    _HOW_TO_GET = "scan_images(PLACES).duplicates"

    sets: tuple[str, ...]  # names of sets with rows
    images: tuple[str, ...]  # image name of each row, within its set
    set_ids: npt.NDArray[np.int32]  # (R,): positions in `sets`
    # (R,): group number, from 1; 0 for unreadable, empty and tiny images. A group has one kind and two images or more.
    group_numbers: npt.NDArray[np.int32]
    kinds: tuple[str, ...]  # kind of each row: ``exact``, ``near``, ``unreadable``, ``empty`` or ``tiny``
    labels: tuple[str | None, ...] = ()  # label of each row's image, None if unknown; empty without labels

    def __post_init__(self) -> None:
        check_unicode(self.sets, value_name="the name of a set")
        check_unique(self.sets, value_name="a set")
        columns: dict[str, Sized] = {"sets": self.set_ids, "numbers": self.group_numbers, "kinds": self.kinds}
        for plural_name, column in ({**columns, "labels": self.labels} if self.labels else columns).items():
            check_length(len(column), len(self.images), plural_name=plural_name, item_name="row")
        check_range(self.set_ids, 0, len(self.sets) - 1, value_name="position of a set", where=self.describe_row)
        check_known(self.kinds, _KINDS, value_name="kind of duplicate", where=self.describe_row)
        check_range(self.group_numbers, 0, value_name="id of a group", where=self.describe_row)
        if np.unique(self.set_ids).size != len(self.sets):
            raise DataError("empty", "set has no row", fix="remove the set")
        self._check_rows()
        self._check_groups()
        freeze(self, "set_ids", "group_numbers")

    @classmethod
    def from_columns(
        cls,
        sets: Sequence[str],
        images: Sequence[str],
        groups: npt.ArrayLike,
        kinds: Sequence[str],
        labels: Sequence[str | None] = (),
    ) -> "Duplicates":
        """Create a `Duplicates` object from columns with one value per row; group 0 means no group."""
        names = tuple(dict.fromkeys(sets))
        position = {name: i for i, name in enumerate(names)}
        set_ids = np.fromiter((position[name] for name in sets), np.int32, len(sets))
        return cls(names, tuple(images), set_ids, np.asarray(groups, np.int32), tuple(kinds), tuple(labels))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        groups, rows = self.count_groups(), len(self)
        of = f", of {', '.join(self.sets)}" if self.sets else ""
        return f"Duplicates({rows:,} row{'s' * (rows != 1)}, {groups:,} group{'s' * (groups != 1)}{of})"

    def describe_row(self, row: int) -> str:
        """Describe the image and set of a row, for messages."""
        return f"image {self.images[row]} of {self.sets[self.set_ids[row]]}"

    def count_groups(self, kind: str | None = None) -> int:
        """Count all groups of duplicates, or only the groups of one kind."""
        return (
            int(np.unique(self.group_numbers[self.has_kind(kind)]).size)
            if kind
            else int(np.unique(self._nonzero_group_numbers).size)
        )

    def largest_group_size(self, kind: str) -> int:
        """Return the number of images in the largest group of one kind of duplicates; 0 without groups."""
        return int(np.bincount(self.group_numbers[self.has_kind(kind)]).max(initial=0))

    def has_kind(self, *kinds: str | None) -> npt.NDArray[np.bool_]:
        """Return whether the kind of each row is among `kinds`; bool, shape (R,)."""
        return np.fromiter((kind in kinds for kind in self.kinds), bool, len(self))

    @property
    def other_labels_in_group(self) -> tuple[tuple[str, ...], ...]:
        """Labels in each row's group that differ from the row's label, sorted; empty if the row's label is unknown.

        An image can have several rows. Its row in a near group also includes the labels of its exact copies.
        """
        others: list[tuple[str, ...]] = [()] * len(self)
        for rows in self._groups_with_different_labels():
            labels = sorted({str(self.labels[row]) for row in rows})
            for row in rows:
                others[row] = tuple(label for label in labels if label != self.labels[row])
        return tuple(others)

    def pairs_with_different_labels(self) -> Iterator[tuple[int, int]]:
        """Yield each pair of rows that are duplicates with different labels, exact duplicates first."""
        exact_group: dict[tuple[int, str], int] = {}
        for rows in self._groups_with_different_labels():
            keys = {row: (int(self.set_ids[row]), self.images[row]) for row in rows}
            if self.kinds[rows[0]] == "exact":
                exact_group |= {keys[row]: int(self.group_numbers[row]) for row in rows}
            by_label: dict[str | None, list[int]] = {}
            for row in rows:
                by_label.setdefault(self.labels[row], []).append(row)
            for first, second in (pair for two in combinations(by_label.values(), 2) for pair in product(*two)):
                copies = exact_group.get(keys[first], -1), exact_group.get(keys[second], -2)
                if self.kinds[first] == "exact" or copies[0] != copies[1]:
                    yield first, second

    def _groups_with_different_labels(self) -> Iterator[list[int]]:
        """For each group with different labels, yield its rows that have a label; exact duplicates first."""
        groups: dict[tuple[bool, int], list[int]] = {}
        for row in np.flatnonzero(self.group_numbers).tolist() if self.labels else []:
            if self.labels[row] is not None:
                groups.setdefault((self.kinds[row] != "exact", int(self.group_numbers[row])), []).append(row)
        yield from (rows for _, rows in sorted(groups.items()) if len({self.labels[row] for row in rows}) > 1)

    def images_of(self, set_name: str) -> tuple[str, ...]:
        """Return the images of a set that have rows, each image once, in the order of the rows."""
        return tuple(dict.fromkeys(self.images[row] for row in np.flatnonzero(self._is_in_set(set_name)).tolist()))

    def images_duplicated_elsewhere(self, set_name: str, kind: str | None = None) -> tuple[str, ...]:
        """Return the images of a set with a duplicate in another set.

        `kind` is the kind of duplicate: ``exact`` or ``near``, None for both.
        """
        own = self._is_in_set(set_name)
        rows: npt.NDArray[np.bool_] = own & np.isin(
            self.group_numbers, self.group_numbers[~own & (self.group_numbers > 0)]
        )
        if kind is not None:
            check_known([kind], DUPLICATE_KINDS, value_name="kind of duplicate")
            rows &= self.has_kind(kind)
        return tuple(dict.fromkeys(self.images[row] for row in np.flatnonzero(rows).tolist()))

    def _is_in_set(self, set_name: str) -> npt.NDArray[np.bool_]:
        """Return whether each row belongs to a set; bool, shape (R,)."""
        fix = "a set without duplicates or unusable images has no row"
        check_known([set_name], self.sets, value_name="set of images", fix=fix)
        rows: npt.NDArray[np.bool_] = self.set_ids == self.sets.index(set_name)
        return rows

    @property
    def _nonzero_group_numbers(self) -> npt.NDArray[np.int32]:
        return self.group_numbers[self.group_numbers > 0]

    def _check_rows(self) -> None:
        """Raise if an image has two rows of the same kind, or if a group number does not fit the kind of its row."""
        keys = image_keys(self.images)
        rows = list(zip(self.set_ids.tolist(), keys, self.kinds, strict=True))
        if repeat := find_first_duplicate(rows):
            again = repeat[1]
            raise DataError(
                "duplicate-image",
                "image is listed in two rows with the same kind of duplicate",
                where=self.describe_row(again),
                found=self.kinds[again],
            )
        has_number, needs_number = self.group_numbers > 0, self.has_kind(*DUPLICATE_KINDS)
        wrong = has_number != needs_number
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                "missing-value" if needs_number[row] else "unexpected-value",
                "group id is missing" if needs_number[row] else "group id without a group",
                where=self.describe_row(row),
                allowed=f"a group id for {' and '.join(DUPLICATE_KINDS)}, no group id for {', '.join(UNUSABLE_KINDS)}",
                found=f"{self.kinds[row]}, {self.group_numbers[row] or 'no number'}",
            )

    def _check_groups(self) -> None:
        """Raise if a group has two kinds, or only one image."""
        numbers, counts = np.unique(self._nonzero_group_numbers, return_counts=True)
        exact = np.unique(self.group_numbers[self.has_kind("exact")])
        both = np.intersect1d(exact, np.unique(self.group_numbers[self.has_kind("near")]))
        if both.size:
            raise DataError(
                "mixed-group",
                "group has both exact and near duplicates",
                where=f"group {both[0]}",
                fix="use different group ids for exact and near duplicates",
            )
        if (counts < 2).any():
            number = numbers[np.argmin(counts)]
            row = int(np.argmax(self.group_numbers == number))
            raise DataError(
                "small-group", "group has only one image", where=f"group {number}", found=self.describe_row(row)
            )


@dataclass(frozen=True, repr=False)
class DuplicateCounts(Printable):
    """The number of images of one set that have duplicates in another set, or in the same set."""

    set_name: str  # the set
    other_set_name: str  # the set with the duplicates, which may be the same set
    n_exact: int  # images of the set with an exact copy in the other set
    n_near: int  # images with a near duplicate, but no exact copy
    n_other_label: int | None  # images with a duplicate that has another label; None if labels are unknown

    def to_json(self) -> dict[str, Any]:
        """Return the two sets and the counts as a dict for JSON output."""
        return {
            "set": self.set_name,
            "in": self.other_set_name,
            "exact": self.n_exact,
            "near": self.n_near,
            "other_label": self.n_other_label,
        }


def count_duplicates(
    duplicates: Duplicates, classes_by_set: Mapping[str, Mapping[str, str] | None]
) -> tuple[DuplicateCounts, ...]:
    """Count the images of each set that have a duplicate in the same set, and in each other set.

    All pairs of sets are in the result, also without duplicates. `classes_by_set` maps each set to the class of each
    image, or to None if the classes are unknown.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    class_of = {
        name: {} if class_by_image is None else class_by_image for name, class_by_image in classes_by_set.items()
    }
    exact: set[tuple[str, str, str]] = set()  # image, its set, and the set with an exact copy
    others: set[tuple[str, str, str]] = set()  # image, its set, and the set with a duplicate that has another label
    for kind in ("exact", "near"):  # exact first, since images with an exact copy do not count as near
        for members in _list_groups(duplicates, kind):
            set_sizes = Counter(name for name, _ in members)
            labels = {(name, class_of[name].get(image)) for name, image in members}
            for name, image in members:
                own = class_of[name].get(image)
                if own is not None:
                    others |= {(image, name, elsewhere) for elsewhere, label in labels if label not in (own, None)}
                for elsewhere, size in set_sizes.items():
                    if (size == 1 and elsewhere == name) or (image, name, elsewhere) in exact:
                        continue
                    counts[name, elsewhere, kind] += 1
                    if kind == "exact":
                        exact.add((image, name, elsewhere))
    counts.update((name, elsewhere, "other_label") for _, name, elsewhere in others)
    return tuple(
        DuplicateCounts(
            set_name=name,
            other_set_name=elsewhere,
            n_exact=counts[name, elsewhere, "exact"],
            n_near=counts[name, elsewhere, "near"],
            n_other_label=counts[name, elsewhere, "other_label"]
            if classes_by_set[name] is not None and classes_by_set[elsewhere] is not None
            else None,
        )
        for name in classes_by_set
        for elsewhere in (name, *(set_name for set_name in classes_by_set if set_name != name))
    )


def _list_groups(duplicates: Duplicates, kind: str) -> list[list[tuple[str, str]]]:
    """List the groups of exact or of near duplicates; a group is a list of (set, image) pairs."""
    groups: dict[int, list[tuple[str, str]]] = {}
    for row in np.flatnonzero(duplicates.has_kind(kind)).tolist():
        member = duplicates.sets[duplicates.set_ids[row]], duplicates.images[row]
        groups.setdefault(int(duplicates.group_numbers[row]), []).append(member)
    return list(groups.values())
