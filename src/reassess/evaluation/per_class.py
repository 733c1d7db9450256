"""Counts by class: images, hits, predictions, and confusions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, LabelSets
from reassess.evaluation.outcomes import LABELLED, Outcomes
from reassess.text import Printable


@dataclass(frozen=True, eq=False, repr=False)
class CountsByClass(Printable):
    """Counts by valid class c, each over the scored images where c is valid; int64, shape (classes,)."""

    class_ids: npt.NDArray[np.int64]  # the classes, sorted
    images: npt.NDArray[np.int64]  # scored images where c is valid
    hits: npt.NDArray[np.int64]  # of these, images whose top-1 is valid, whether it is c or not
    predictions: npt.NDArray[np.int64]  # of these, images whose top-1 is c
    # Pairs of c and the top-1 class, for each valid c of an image whose top-1 is not valid; -1 for a prediction that is
    # not a class. int64, shape (2, mistakes).
    mistakes: npt.NDArray[np.int64]

    @cached_property
    def confusions(self) -> tuple[tuple[int, int, int], ...]:
        """Mistakes as (valid class, predicted class, images), the most frequent first."""
        valid, instead = self.mistakes
        pairs, n = np.unique(valid << 32 | instead + 1, return_counts=True)
        order = np.argsort(-n, kind="stable")
        rows = (pairs >> 32)[order], (pairs & 0xFFFFFFFF)[order] - 1, n[order]
        return tuple(zip(*(row.tolist() for row in rows), strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CountsByClass) and (self.count_rows, self.confusions) == (
            other.count_rows,
            other.confusions,
        )

    def __add__(self, other: "CountsByClass") -> "CountsByClass":
        both = np.concatenate([self.class_ids, other.class_ids])
        class_ids, places = np.unique(both, return_inverse=True)

        def add_up(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
            sums = np.zeros(class_ids.size, np.int64)
            np.add.at(sums, places, np.concatenate([first, second]))
            return sums

        return CountsByClass(
            class_ids=class_ids,
            images=add_up(self.images, other.images),
            hits=add_up(self.hits, other.hits),
            predictions=add_up(self.predictions, other.predictions),
            mistakes=np.concatenate([self.mistakes, other.mistakes], axis=1),
        )

    @property
    def count_rows(self) -> tuple[tuple[int, int, int, int], ...]:
        """Counts of each class, as (class id, images, hits, predictions)."""
        parts = (self.class_ids, self.images, self.hits, self.predictions)
        return tuple(zip(*(part.tolist() for part in parts), strict=True))

    def to_json(self, classes: Classes, *, max_confusions: int = 5) -> list[dict[str, Any]]:
        """Return a dict per class for JSON output, with its `max_confusions` frequent confusions."""
        instead: dict[int, list[tuple[int, int]]] = {}
        for valid, predicted, n in self.confusions:
            instead.setdefault(valid, []).append((predicted, n))
        return [
            {
                **classes.id_and_name(i),
                "images": images,
                "hits": hits,
                "predictions": predictions,
                "instead": [
                    {"class": predicted, "name": classes.short_name(predicted) if predicted >= 0 else None, "images": n}
                    for predicted, n in instead.get(i, [])[:max_confusions]
                ],
            }
            for i, images, hits, predictions in self.count_rows
        ]


def count_by_class(outcomes: Outcomes, labels: LabelSets) -> CountsByClass:
    """Count the outcomes of one model by valid class."""
    scored = np.flatnonzero(outcomes.state == LABELLED)
    valid, sizes = labels.classes_of_rows(outcomes.label_rows[scored])
    hit, predicted = np.repeat(outcomes.rank[scored] == 0, sizes), np.repeat(outcomes.top1[scored], sizes)
    class_ids, places = np.unique(valid, return_inverse=True)
    counts = (np.bincount(places[part], minlength=class_ids.size) for part in (valid >= 0, hit, predicted == valid))
    images, hits, predictions = counts
    return CountsByClass(
        class_ids=class_ids.astype(np.int64),
        images=images,
        hits=hits,
        predictions=predictions,
        mistakes=np.stack([valid[~hit], predicted[~hit]]).astype(np.int64),
    )
