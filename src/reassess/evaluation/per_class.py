"""Counts by class: how often a class was there, was hit, was predicted, and what was said instead."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.core.labels import LabelSets
from reassess.evaluation.outcomes import LABELLED, Outcomes
from reassess.text import Shown

__all__ = ["PerClass", "count_classes"]


@dataclass(frozen=True, eq=False, repr=False)
class PerClass(Shown):
    """For each class c, by id, over the scored images whose set contains c; int64 arrays of shape (classes,).

    Parameters
    ----------
    images
        Number of such images.
    hits
        Of those, images whose top-1 is in the image's set, whichever class it is.
    predictions
        Of those, images whose top-1 is c itself.
    mistaken
        int64, shape (2, mistakes): for each image and each c in its set, where the top-1 is outside the set, c and what
        was predicted instead, -1 for what is no class.
    """

    images: npt.NDArray[np.int64]
    hits: npt.NDArray[np.int64]
    predictions: npt.NDArray[np.int64]
    mistaken: npt.NDArray[np.int64]

    @cached_property
    def confusions(self) -> tuple[tuple[int, int, int], ...]:
        """(c, what was predicted instead, images), the most frequent first."""
        valid, instead = self.mistaken
        pairs, n = np.unique(valid << 32 | instead + 1, return_counts=True)
        order = np.argsort(-n, kind="stable")
        rows = (pairs >> 32)[order], (pairs & 0xFFFFFFFF)[order] - 1, n[order]
        return tuple(zip(*(row.tolist() for row in rows), strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PerClass) and self._counts() == other._counts()

    def __add__(self, other: "PerClass") -> "PerClass":
        return PerClass(
            images=_sum(self.images, other.images),
            hits=_sum(self.hits, other.hits),
            predictions=_sum(self.predictions, other.predictions),
            mistaken=np.concatenate([self.mistaken, other.mistaken], axis=1),
        )

    def _counts(self) -> tuple[object, ...]:
        return self.images.tolist(), self.hits.tolist(), self.predictions.tolist(), self.confusions

    def to_json(self, classes: Classes, *, most: int = 5) -> list[dict[str, Any]]:
        """One object a class that any image has, with the `most` commonest confusions."""
        instead: dict[int, list[tuple[int, int]]] = {}
        for valid, predicted, n in self.confusions:
            instead.setdefault(valid, []).append((predicted, n))
        return [
            {
                "class": i,
                "name": classes.label(i),
                "images": int(self.images[i]),
                "hits": int(self.hits[i]),
                "predictions": int(self.predictions[i]),
                "instead": [
                    {"class": predicted, "name": classes.label(predicted) if predicted >= 0 else None, "images": n}
                    for predicted, n in instead.get(i, [])[:most]
                ],
            }
            for i in np.flatnonzero(self.images).tolist()
        ]


def count_classes(outcomes: Outcomes, labels: LabelSets) -> PerClass:
    """Count the outcomes of one model by class."""
    scored = np.flatnonzero(outcomes.state == LABELLED)
    valid, sizes = labels.of_rows(outcomes.label_rows[scored])
    hit, predicted = np.repeat(outcomes.rank[scored] == 0, sizes), np.repeat(outcomes.top1[scored], sizes)
    classes = max(labels.classes.count or 0, 1 + int(valid.max(initial=-1)))
    return PerClass(
        images=np.bincount(valid, minlength=classes),
        hits=np.bincount(valid[hit], minlength=classes),
        predictions=np.bincount(valid[predicted == valid], minlength=classes),
        mistaken=np.stack([valid[~hit], predicted[~hit]]).astype(np.int64),
    )


def _sum(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    total = np.zeros(max(len(first), len(second)), np.int64)
    total[: len(first)] += first
    total[: len(second)] += second
    return total
