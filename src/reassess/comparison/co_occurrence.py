"""Which classes are valid together: how many label sets hold both of two classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, LabelSets
from reassess.numeric.arrays import freeze
from reassess.text import Listed, Shown


@dataclass(frozen=True, eq=False, repr=False)
class CoOccurrence(Shown):
    """Pairs of classes that are both valid for an image, those of most images first, then by class id."""

    pairs: npt.NDArray[np.int32]  # int32, shape (pairs, 2): class ids, the lower first
    images: npt.NDArray[np.int64]  # int64, shape (pairs,): number of images whose label set holds both

    def __post_init__(self) -> None:
        freeze(self, "pairs", "images")

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def _headline(self) -> str:
        most = self.images.max(initial=0)
        return f"CoOccurrence({len(self):,} pairs of classes, the most frequent on {most:,} images)"

    def _list(self) -> Listed:
        both = zip(self.pairs, self.images, strict=True)
        rows = ((f"{first}", f"{second}", f"{images:,}") for (first, second), images in both)
        return Listed(("class id", "class id", "images"), len(self), rows)

    def at_least(self, images: int) -> npt.NDArray[np.int32]:
        """The pairs that are valid together on so many images or more; int32, shape (pairs, 2)."""
        return self.pairs[self.images >= images]

    def to_json(self, classes: Classes, *, most: int = 20) -> list[dict[str, Any]]:
        """One object a pair, of the `most` frequent."""
        return [
            {"classes": [classes.named(class_id) for class_id in pair], "images": images}
            for pair, images in zip(self.pairs[:most].tolist(), self.images[:most].tolist(), strict=True)
        ]


def co_occurrence(labels: LabelSets) -> CoOccurrence:
    """Count, for every two classes, the label sets that hold both.

    Parameters
    ----------
    labels
        The label sets.

    Returns
    -------
    CoOccurrence

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 5.
    """
    parts = [np.empty((0, 2), np.int32)]
    for size in range(2, int(labels.sizes.max(initial=0)) + 1):
        sets, _ = labels.of_rows(np.flatnonzero(labels.sizes == size))
        parts.append(sets.reshape(-1, size)[:, np.stack(np.triu_indices(size, 1), axis=1)].reshape(-1, 2))
    pairs, images = np.unique(np.concatenate(parts), axis=0, return_counts=True)
    order = np.argsort(-images, kind="stable")
    return CoOccurrence(pairs=pairs[order], images=images[order])
