"""Counts by class: images, hits, predictions, and confusions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, LabelSets
from reassess.evaluation.outcomes import LABELLED, Outcomes
from reassess.text import Printable


class CountsOfClass(NamedTuple):
    """The counts of one class c, as in `CountsByClass`."""

    class_id: int
    n_images: int
    n_hits: int
    n_predictions: int


class Confusion(NamedTuple):
    """A frequent mistake: the model predicts another class for images of a class."""

    valid_class_id: int
    predicted_class_id: int  # -1 for a prediction that is not a class
    n_images: int


@dataclass(frozen=True, eq=False, repr=False)
class CountsByClass(Printable):
    """Counts by valid class c, each over the scored images where c is valid; int64, shape (classes,)."""

    class_ids: npt.NDArray[np.int64]  # the classes, sorted
    n_images: npt.NDArray[np.int64]  # scored images where c is valid
    n_hits: npt.NDArray[np.int64]  # of these, images whose top-1 is valid: c or another valid class
    n_predictions: npt.NDArray[np.int64]  # of these, images whose top-1 is c
    # Pairs of c and the top-1 class, for each valid c of an image whose top-1 is not valid; -1 for a prediction that is
    # not a class. int64, shape (2, mistakes).
    confused_class_pairs: npt.NDArray[np.int64]

    @cached_property
    def confusions(self) -> tuple[Confusion, ...]:
        """The pairs of a valid class and a wrong predicted class, the most frequent first."""
        valid, instead = self.confused_class_pairs
        pairs, n = np.unique(valid << 32 | instead + 1, return_counts=True)
        order = np.argsort(-n, kind="stable")
        rows = (pairs >> 32)[order], (pairs & 0xFFFFFFFF)[order] - 1, n[order]
        return tuple(map(Confusion, *(row.tolist() for row in rows)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CountsByClass) and (self.class_counts, self.confusions) == (
            other.class_counts,
            other.confusions,
        )

    def __add__(self, other: "CountsByClass") -> "CountsByClass":
        both = np.concatenate([self.class_ids, other.class_ids])
        class_ids, places = np.unique(both, return_inverse=True)

        def add_counts_of_same_class(
            counts: npt.NDArray[np.int64], counts_to_add: npt.NDArray[np.int64]
        ) -> npt.NDArray[np.int64]:
            sums = np.zeros(class_ids.size, np.int64)
            np.add.at(sums, places, np.concatenate([counts, counts_to_add]))
            return sums

        return CountsByClass(
            class_ids=class_ids,
            n_images=add_counts_of_same_class(self.n_images, other.n_images),
            n_hits=add_counts_of_same_class(self.n_hits, other.n_hits),
            n_predictions=add_counts_of_same_class(self.n_predictions, other.n_predictions),
            confused_class_pairs=np.concatenate([self.confused_class_pairs, other.confused_class_pairs], axis=1),
        )

    @property
    def class_counts(self) -> tuple[CountsOfClass, ...]:
        """The counts of each class."""
        columns = (self.class_ids, self.n_images, self.n_hits, self.n_predictions)
        return tuple(map(CountsOfClass, *(column.tolist() for column in columns)))

    def to_json(self, classes: Classes, *, max_confusions: int = 5) -> list[dict[str, Any]]:
        """Return a dict per class for JSON output; it lists up to `max_confusions` confusions."""
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
        confused_class_pairs=np.stack([valid[~hit], predicted[~hit]]).astype(np.int64),
    )
