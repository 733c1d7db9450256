"""The images of all models: which model holds each, and which send it to raters."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.core.labels import LabelSets
from reassess.proposals.model_rows import ImageIndex, Seen

__all__ = ["AskedImages"]

_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class AskedImages:
    """All images, in the order of the candidates.

    Symbols: n images, K models by name.

    Parameters
    ----------
    names
        Their names.
    original
        int64, shape (n,): original label; -1 for none.
    holds
        bool, shape (n, K): whether each model holds each image.
    sends
        bool, shape (n, K): whether each model alone would send each image to raters.
    """

    names: tuple[str, ...]
    original: npt.NDArray[np.int64]
    holds: _Bools
    sends: _Bools

    @classmethod
    def of(cls, models: Sequence[Seen], index: ImageIndex, labels: LabelSets) -> "AskedImages":
        """The images of an index, which numbers them in the order of the candidates.

        A model sends an image if its first class is not the original label, also where it is not a class; and an image
        without an original label if its first class is one.
        """
        original = np.full(len(index.names), -1)
        original[index.places[index.numbers(labels.images)]] = labels.indices
        holds, sends = (np.zeros((original.size, len(models)), bool) for _ in range(2))
        for model, one in enumerate(models):
            rows = np.flatnonzero(one.images >= 0)
            at = one.images[rows]
            holds[at, model] = True
            sends[at, model] = one.top1[rows] != original[at]
        return cls(index.sorted_names, original, holds, sends)

    @cached_property
    def held(self) -> _Bools:
        """Whether a model holds each image."""
        return np.asarray(self.holds.any(axis=1))

    @cached_property
    def to_raters(self) -> _Bools:
        """Whether raters are asked about each image."""
        return np.asarray(self.sends.any(axis=1))

    @cached_property
    def agreed(self) -> _Bools:
        """Whether each image is set aside, since all models that hold it agree with the original label."""
        return self.held & ~self.to_raters & (self.original >= 0)

    def set_aside(self, classes: Classes) -> LabelSets:
        """The images that are set aside, with their original labels."""
        rows = np.flatnonzero(self.agreed)
        names = [self.names[row] for row in rows.tolist()]
        return LabelSets.from_pairs(names, np.arange(rows.size), self.original[rows], classes)
