"""Counts of hits and labels in bootstrap samples of images and raters."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation import LabelResampler
from reassess.comparison.panel import Panel
from reassess.core.image_names import match_images

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


class ReplicateCounts(NamedTuple):
    """Counts in each of B bootstrap samples (replicates), for M models."""

    hits: _Ints  # int64, shape (B, M): hits of each model
    n_scored: _Ints  # int64, shape (B,): scored images
    original_hits: _Ints  # int64, shape (B, M): hits by original labels, on scored images with an original label
    n_original_scored: _Ints  # int64, shape (B,): scored images with an original label
    n_labels: _Ints  # int64, shape (B,): labels of rated images; each image counts once
    n_images_without_labels: _Ints  # int64, shape (B,): rated images without a label; each image counts once

    def select(self, is_selected: _Bools) -> "ReplicateCounts":
        """Select the bootstrap samples where `is_selected` is True."""
        return ReplicateCounts(*(counts[is_selected] for counts in self))


@dataclass(frozen=True, eq=False)
class HitCounter:
    """Counts the hits of M models on N images again, for new label sets of the images, with lookup tables."""

    panel: Panel
    # int32, shape (rated images, M): position of the question about each model's top class. If nobody was asked about
    # it, this is the number of questions, and the class is never valid
    question_positions: npt.NDArray[np.int32]
    # int64, shape (questions,): position of the question's image in the panel; N if the panel does not contain it
    image_positions: _Ints
    is_rated: _Bools  # bool, shape (N,): whether raters were asked about the image; labels of other images never change

    @classmethod
    def from_panel(cls, panel: Panel, label_resampler: LabelResampler) -> "HitCounter":
        """Create a counter of hits. It looks up the question about each model's top class on each image."""
        questions, images = label_resampler.questions, len(panel.images)
        rows = match_images(
            panel.images, questions.images, match=panel.match, where="the panel", known_where="the votes"
        )
        rated = rows >= 0
        places = np.empty((int(np.count_nonzero(rated)), len(panel.models)), np.int32)
        for model, top1 in enumerate(panel.top1):
            found = questions.find_positions(rows[rated], top1[rated])
            places[:, model] = np.where(found >= 0, found, len(questions))
        column_of = np.full(len(questions.images), images)
        column_of[rows[rated]] = np.flatnonzero(rated)
        return cls(panel, places, column_of[questions.image_ids], rated)

    def count_hits_in_replicates(
        self, is_label_kept: _Bools, n_draws_of_image: npt.NDArray[np.uint8]
    ) -> ReplicateCounts:
        """Count hits and labels in B bootstrap samples (replicates).

        `is_label_kept`, shape (questions, B), says which questions are labels in each replicate; `n_draws_of_image`,
        shape (B, N), how often each image is drawn.
        """
        from reassess.numeric.resampling_kernels import add_label_counts, count_hits

        panel, replicates = self.panel, len(n_draws_of_image)
        sizes = np.zeros((len(panel.images) + 1, replicates), np.int16)
        add_label_counts(self.image_positions, is_label_kept, sizes)
        hits, original_hits = np.zeros((2, len(panel.models), replicates), np.int32)
        sums = np.zeros((4, replicates), np.int32)
        outcomes = panel.is_scored, panel.is_valid, panel.has_original_label, panel.is_original_hit
        count_hits(
            self.question_positions,
            is_label_kept,
            sizes,
            n_draws_of_image,
            self.is_rated,
            *outcomes,
            hits,
            original_hits,
            sums,
        )
        n, original_n, labels, empty = sums.astype(np.int64)
        return ReplicateCounts(
            hits=hits.T.astype(np.int64),
            n_scored=n,
            original_hits=original_hits.T.astype(np.int64),
            n_original_scored=original_n,
            n_labels=labels,
            n_images_without_labels=empty,
        )
