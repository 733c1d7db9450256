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
    n_images: npt.NDArray[np.int64]  # scored images where c is valid
    n_hits: npt.NDArray[np.int64]  # of these, images whose top-1 is valid, whether it is c or not
    n_predictions: npt.NDArray[np.int64]  # of these, images whose top-1 is c
    # Pairs of c and the top-1 class, for each valid c of an image whose top-1 is not valid; -1 for a prediction that is
    # not a class. int64, shape (2, mistakes).
    mistake_pairs: npt.NDArray[np.int64]

    @cached_property
    def confusions(self) -> tuple[tuple[int, int, int], ...]:
        """Mistakes as (valid class, predicted class, images), the most frequent first."""
        valid, instead = self.mistake_pairs
        pairs, n = np.unique(valid << 32 | instead + 1, return_counts=True)
        order = np.argsort(-n, kind="stable")
        rows = (pairs >> 32)[order], (pairs & 0xFFFFFFFF)[order] - 1, n[order]
        return tuple(zip(*(row.tolist() for row in rows), strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CountsByClass) and (self.class_counts, self.confusions) == (
            other.class_counts,
            other.confusions,
        )

    def __add__(self, other: "CountsByClass") -> "CountsByClass":
        both = np.concatenate([self.class_ids, other.class_ids])
        class_ids, places = np.unique(both, return_inverse=True)

        def add_by_class(*counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
            sums = np.zeros(class_ids.size, np.int64)
            np.add.at(sums, places, np.concatenate(counts))
            return sums

        return CountsByClass(
            class_ids=class_ids,
            n_images=add_by_class(self.n_images, other.n_images),
            n_hits=add_by_class(self.n_hits, other.n_hits),
            n_predictions=add_by_class(self.n_predictions, other.n_predictions),
            mistake_pairs=np.concatenate([self.mistake_pairs, other.mistake_pairs], axis=1),
        )

    @property
    def class_counts(self) -> tuple[tuple[int, int, int, int], ...]:
        """Counts of each class, as (class id, images, hits, predictions)."""
        parts = (self.class_ids, self.n_images, self.n_hits, self.n_predictions)
        return tuple(zip(*(part.tolist() for part in parts), strict=True))

    def to_json(self, classes: Classes, *, max_confusions: int = 5) -> list[dict[str, Any]]:
        """Return a dict per class for JSON output, with its most frequent confusions (up to `max_confusions`)."""
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
            for i, images, hits, predictions in self.class_counts
        ]


def count_by_class(outcomes: Outcomes, labels: LabelSets) -> CountsByClass:
    """Count the outcomes of one model by valid class."""
    scored = np.flatnonzero(outcomes.states == LABELLED)
    valid, sizes = labels.classes_of_rows(outcomes.label_rows[scored])
    hit, predicted = np.repeat(outcomes.best_ranks[scored] == 0, sizes), np.repeat(outcomes.top1[scored], sizes)
    class_ids, places = np.unique(valid, return_inverse=True)
    counts = (np.bincount(places[part], minlength=class_ids.size) for part in (valid >= 0, hit, predicted == valid))
    images, hits, predictions = counts
    return CountsByClass(
        class_ids=class_ids.astype(np.int64),
        n_images=images,
        n_hits=hits,
        n_predictions=predictions,
        mistake_pairs=np.stack([valid[~hit], predicted[~hit]]).astype(np.int64),
    )
