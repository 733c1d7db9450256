"""Counts by class: how often a class was there, was hit, was predicted, and what was said instead."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.classes import Classes
from reassess.labels import LabelSets
from reassess.outcomes import LABELLED, Outcomes

__all__ = ["PerClass", "count_classes"]


@dataclass(frozen=True)
class PerClass:
    """For each class c, by id, over the scored images whose set contains c.

    Parameters
    ----------
    images
        Number of such images.
    hits
        Of those, images whose top-1 is in the image's set, whichever class it is.
    predictions
        Of those, images whose top-1 is c itself.
    confusions
        (c, what was predicted instead, images) where the top-1 is outside the set, in ascending order.
    """

    images: tuple[int, ...]
    hits: tuple[int, ...]
    predictions: tuple[int, ...]
    confusions: tuple[tuple[int, int, int], ...]

    def __add__(self, other: "PerClass") -> "PerClass":
        confused: Counter[tuple[int, int]] = Counter()
        for part in (self, other):
            confused.update({(valid, said): n for valid, said, n in part.confusions})
        return PerClass(
            _sums(self.images, other.images),
            _sums(self.hits, other.hits),
            _sums(self.predictions, other.predictions),
            tuple(sorted((valid, said, n) for (valid, said), n in confused.items())),
        )

    def to_json(self, classes: Classes, *, most: int = 5) -> list[dict[str, Any]]:
        """One object a class that any image has, with the `most` commonest confusions."""
        instead: dict[int, list[tuple[int, int]]] = {}
        for valid, said, n in sorted(self.confusions, key=lambda row: -row[2]):
            instead.setdefault(valid, []).append((said, n))
        return [
            {
                "class": i,
                "name": classes.label(i),
                "images": self.images[i],
                "hits": self.hits[i],
                "predictions": self.predictions[i],
                "instead": [
                    {"class": said, "name": classes.label(said) if said >= 0 else None, "images": n}
                    for said, n in instead.get(i, [])[:most]
                ],
            }
            for i in range(len(self.images))
            if self.images[i]
        ]


def count_classes(found: Outcomes, labels: LabelSets) -> PerClass:
    """Count the outcomes of one model by class."""
    scored = np.flatnonzero(found.state == LABELLED)
    label_rows = found.label_rows[scored]
    valid, sizes = labels.of_rows(label_rows)
    row_of = np.repeat(scored, sizes)
    hit, said = found.rank[row_of] == 0, found.top1[row_of]
    size = 1 + int(max(valid.max(initial=-1), (labels.classes.count or 0) - 1))
    return PerClass(
        _counts(valid, size),
        _counts(valid[hit], size),
        _counts(valid[said == valid], size),
        _pairs(valid[~hit], said[~hit]),
    )


def _counts(ids: npt.NDArray[np.int32], size: int) -> tuple[int, ...]:
    return tuple(np.bincount(ids, minlength=size).tolist())


def _pairs(valid: npt.NDArray[np.int32], said: npt.NDArray[np.int32]) -> tuple[tuple[int, int, int], ...]:
    keys, n = np.unique((valid.astype(np.int64) << 32) | (said.astype(np.int64) + 1), return_counts=True)
    rows = zip((keys >> 32).tolist(), ((keys & 0xFFFFFFFF) - 1).tolist(), n.tolist(), strict=True)
    return tuple(rows)


def _sums(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    size = max(len(first), len(second))
    padded = [part + (0,) * (size - len(part)) for part in (first, second)]
    return tuple(a + b for a, b in zip(*padded, strict=True))
