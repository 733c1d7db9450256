"""Hits of models counted again where label sets are made again of votes, and images count several times."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation import Relabelling
from reassess.comparison.panel import Panel
from reassess.core.image_names import join

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


class Counts(NamedTuple):
    """What was counted in each of B replicates, of M models."""

    # hits, n: int64, shapes (B, M) and (B,): hits of each model, and scored images
    hits: _Ints
    n: _Ints
    # original_hits, original_n: The same by original labels, on the scored images that have one
    original_hits: _Ints
    original_n: _Ints
    # labels, empty: int64, shape (B,): labels of the rated images, and rated images without a label, each image
    # taken once
    labels: _Ints
    empty: _Ints

    def where(self, replicates: _Bools) -> "Counts":
        """The counts of some of the replicates."""
        return Counts(*(part[replicates] for part in self))


@dataclass(frozen=True, eq=False)
class Recount:
    """Where the verdict on each model's first class of each image is to be found. Symbols: M models, N images."""

    panel: Panel  # The models
    # int32, shape (rated images, M): position of the question about that class, or the number of questions where
    # it was not asked, so that the class is never valid
    places: npt.NDArray[np.int32]
    # int64, shape (questions,): position of the question's image in the panel, or N where it is not there
    columns: _Ints
    rated: _Bools  # bool, shape (N,): whether raters were asked about the image; on any other the verdict stays

    @classmethod
    def of(cls, panel: Panel, relabelling: Relabelling) -> "Recount":
        """Find the questions about the first classes of the models."""
        questions, images = relabelling.questions, len(panel.images)
        rows = join(panel.images, questions.images, match=panel.match, where="the panel", known_where="the votes")
        rated = rows >= 0
        places = np.empty((int(np.count_nonzero(rated)), len(panel.models)), np.int32)
        for model, top1 in enumerate(panel.top1):
            asked = questions.find(rows[rated], top1[rated])
            places[:, model] = np.where(asked >= 0, asked, len(questions))
        column_of = np.full(len(questions.images), images)
        column_of[rows[rated]] = np.flatnonzero(rated)
        return cls(panel, places, column_of[questions.image_ids], rated)

    def count(self, kept: _Bools, times: npt.NDArray[np.uint8]) -> Counts:
        """Count hits and labels in B replicates."""
        from reassess.numeric.relabel_kernels import add_sizes, recount

        panel, replicates = self.panel, len(times)
        sizes = np.zeros((len(panel.images) + 1, replicates), np.int16)
        add_sizes(self.columns, kept, sizes)
        hits, original_hits = np.zeros((2, len(panel.models), replicates), np.int32)
        sums = np.zeros((4, replicates), np.int32)
        judged = panel.scored, panel.valid, panel.original_known, panel.original_hit
        recount(self.places, kept, sizes, times, self.rated, *judged, hits, original_hits, sums)
        n, original_n, labels, empty = sums.astype(np.int64)
        return Counts(
            hits=hits.T.astype(np.int64),
            n=n,
            original_hits=original_hits.T.astype(np.int64),
            original_n=original_n,
            labels=labels,
            empty=empty,
        )
