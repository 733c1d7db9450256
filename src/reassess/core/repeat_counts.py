"""How many images of each set are repeated, in the set itself and in each other one, and how many by another class."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reassess.core.repeats import Repeats
from reassess.text import Shown

__all__ = ["RepeatCounts", "count_repeats"]


@dataclass(frozen=True, repr=False)
class RepeatCounts(Shown):
    """How many images of a set are repeated in a set: in another one, or in itself.

    Parameters
    ----------
    name, elsewhere
        The set, and the one that repeats its images, which may be the same.
    exact
        How many images of `name` have an exact copy there.
    near
        How many have none, but an image that is near.
    other_class
        How many have an exact copy there that lies in the folder of another class; None where not both have class
        folders.
    """

    name: str
    elsewhere: str
    exact: int
    near: int
    other_class: int | None

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {"set": self.name, "in": self.elsewhere, **{part: getattr(self, part) for part in _COUNTS}}


_COUNTS = ("exact", "near", "other_class")


def count_repeats(repeats: Repeats, has_classes: Mapping[str, bool]) -> tuple[RepeatCounts, ...]:
    """Count the images of each set that are repeated in it, and in each other set.

    Parameters
    ----------
    repeats
        The groups of images.
    has_classes
        All sets by name, with whether the immediate folder of an image in it is its class.

    Returns
    -------
    Those of each set with itself, and of each two sets in both ways; also where nothing is repeated.

    Examples
    --------
    >>> repeats = Repeats.from_rows(["a", "a", "b"], ["cat/1.png", "cat/2.png", "dog/3.png"], [1, 1, 1], ["exact"] * 3)
    >>> count_repeats(repeats, {"a": True, "b": True})[:2]
    (RepeatCounts(name='a', elsewhere='a', exact=2, near=0, other_class=0),
     RepeatCounts(name='a', elsewhere='b', exact=2, near=0, other_class=2))
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    exact: set[tuple[str, str, str]] = set()  # image, set, and where it has an exact copy
    for kind in ("exact", "near"):  # in this order
        for members in _groups(repeats, kind):
            of_set = Counter(name for name, _ in members)
            of_class = Counter((name, _class_of(image)) for name, image in members)
            for name, image in members:
                for elsewhere, there in of_set.items():
                    if (there == 1 and elsewhere == name) or (image, name, elsewhere) in exact:
                        continue
                    counts[name, elsewhere, kind] += 1
                    if kind == "exact":
                        exact.add((image, name, elsewhere))
                        counts[name, elsewhere, "other_class"] += of_class[elsewhere, _class_of(image)] < there
    return tuple(
        RepeatCounts(
            name=name,
            elsewhere=elsewhere,
            exact=counts[name, elsewhere, "exact"],
            near=counts[name, elsewhere, "near"],
            other_class=counts[name, elsewhere, "other_class"]
            if has_classes[name] and has_classes[elsewhere]
            else None,
        )
        for name in has_classes
        for elsewhere in (name, *(other for other in has_classes if other != name))
    )


def _groups(repeats: Repeats, kind: str) -> list[list[tuple[str, str]]]:
    """The set and the name of each image of each group of one kind."""
    groups: dict[int, list[tuple[str, str]]] = {}
    for row in np.flatnonzero(repeats.is_kind(kind)).tolist():
        member = repeats.sets[repeats.set_ids[row]], repeats.images[row]
        groups.setdefault(int(repeats.groups[row]), []).append(member)
    return list(groups.values())


def _class_of(image: str) -> str:
    """The immediate folder of an image."""
    return image.replace("\\", "/").rpartition("/")[0].rpartition("/")[2]
