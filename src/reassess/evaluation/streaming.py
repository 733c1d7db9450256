"""ReaL accuracy while a model runs: batches in any order, integer counts, ratios at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_instance, check_length
from reassess.core.labels import LabelSets
from reassess.core.score_arrays import as_floats, as_scores
from reassess.errors import DataError
from reassess.evaluation.batch_targets import even, read_targets
from reassess.evaluation.class_ranks import best_ranks_of_scores, check_top_k, count_hits, proportions
from reassess.evaluation.image_index import NOT_SEEN, ImageIndex
from reassess.numeric.arrays import as_array
from reassess.numeric.proportion import Proportion

__all__ = ["RealAccuracy", "index_images", "rank_batch"]


class RealAccuracy:
    """ReaL accuracy over batches, of scores and what they are judged by.

    Without `labels`, every batch brings the valid classes of its images: multi-hot, or ids padded with -1. With
    `labels`, it brings the names of its images, or, where `images` lists the names of a data set, their numbers in it;
    an image then counts once however often it comes, as a hit only if it was one every time.

    Parameters
    ----------
    top_k
        For which k to count hits.
    labels
        The valid classes of each image.
    images
        Names of a data set's images in its order, joined with the labels by name.
    ignore_unknown
        Leave out images that the labels do not know, instead of raising.

    Raises
    ------
    DataError
        An image is named twice or not in the labels; images are given without labels; k is no positive whole number.

    Examples
    --------
    >>> metric = RealAccuracy(top_k=[1])
    >>> metric.update(np.array([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4]]), np.array([[1, 2], [2, -1]]))
    >>> metric
    RealAccuracy(top-1 1 of 2 images)
    >>> metric.counts()[1]
    Proportion(hits=1, n=2)

    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[1, 2], [2]])
    >>> metric = RealAccuracy(top_k=[1], labels=labels)
    >>> metric.update(np.array([[0.5, 0.1, 0.4], [0.1, 0.7, 0.2]]), ["b.png", "a.png"])
    >>> metric.compute()
    {'real_top1': 0.5, 'real_n': 2}

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 4.
    """

    def __init__(
        self,
        top_k: Sequence[int] = (1, 5),
        *,
        labels: LabelSets | None = None,
        images: Sequence[str] | None = None,
        ignore_unknown: bool = False,
    ) -> None:
        self.top_k = check_top_k(top_k)
        self.image_index = index_images(labels, images, ignore_unknown=ignore_unknown)
        self.reset()

    def __repr__(self) -> str:
        counted = ", ".join(f"top-{k} {part.hits:,}" for k, part in self.counts().items())
        return f"RealAccuracy({counted} of {self.counts()[self.top_k[0]].n:,} images)"

    def reset(self) -> None:
        """Forget every batch."""
        self._hits = np.zeros(len(self.top_k) + 1, np.int64)  # as of count_hits
        self._ranks = np.full(0 if self.image_index is None else len(self.image_index.images), NOT_SEEN, np.int32)

    def update(self, scores: npt.ArrayLike, target: Any) -> None:
        """Count a batch.

        Parameters
        ----------
        scores
            Floats of shape (n, classes), of any library's arrays: a higher score ranks first, equal scores by class id.
        target
            Valid classes, of shape (n, classes) or (n, most classes of an image); or the images' names or numbers.

        Raises
        ------
        DataError
            A score is NaN; the scores or the target are not of this form; an image is not known. Nothing is counted.
        """
        positions, ranks = rank_batch(self.image_index, self.top_k, scores, target)
        if positions is None:
            self._hits += count_hits(ranks, self.top_k)
        else:
            np.maximum.at(self._ranks, positions, ranks)

    def counts(self) -> dict[int, Proportion]:
        """Hits among the images that have a valid class, by k."""
        hits = self._hits if self.image_index is None else self.image_index.count(self._ranks, self.top_k)
        return proportions(hits, self.top_k)

    def compute(self) -> dict[str, float | None]:
        """ReaL accuracy at each k, in [0, 1], None where no image has a valid class; and the number of images."""
        counts = self.counts()
        return {f"real_top{k}": part.value for k, part in counts.items()} | {"real_n": counts[self.top_k[0]].n}


def index_images(labels: LabelSets | None, images: Sequence[str] | None, *, ignore_unknown: bool) -> ImageIndex | None:
    """The images that `RealAccuracy` joins by name; None where every batch brings its valid classes."""
    if labels is not None:
        check_instance(labels, LabelSets, what="label sets", mend="labels=reassess.load_labels(...)")
        return ImageIndex.of(labels, images, ignore_unknown=ignore_unknown)
    if images is not None:
        raise DataError("images are given, and no labels to join them with", mend="labels=reassess.load_labels()")
    return None


def rank_batch(
    index: ImageIndex | None, top_k: Sequence[int], scores: npt.ArrayLike, target: Any
) -> tuple[npt.NDArray[np.int64] | None, npt.NDArray[np.int32]]:
    """Rank of the best valid class of a batch's images, for `RealAccuracy.update`; see there for what is given.

    Returns
    -------
    positions, ranks
        With an index, the position of each image in it, and its rank, 0 where it has no valid class. Without one, None,
        and -1 for an image that has no valid class.
    """
    table = as_scores(scores)
    outputs = table.shape[1]
    if top_k[-1] > outputs:
        check_top_k(top_k, outputs)
    if index is not None:
        return index.rank(table, target)
    given, are_bits = as_array(even(target))
    indptr, classes = read_targets(as_floats(given) if are_bits else given, outputs)
    check_length(len(given), len(table), things="targets", each="row of scores")
    return None, best_ranks_of_scores(table, indptr[:-1], indptr[1:], classes)
