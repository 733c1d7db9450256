"""ReaL accuracy over batches in any order: integer counts during the batches, ratios at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets
from reassess.core.checks import check_length, check_type
from reassess.core.image_names import image_keys, match_images
from reassess.errors import DataError
from reassess.evaluation.batch_targets import pad_lists, read_targets
from reassess.evaluation.class_ranks import best_ranks_of_scores, count_hits, hit_proportions, normalize_top_k
from reassess.evaluation.outcomes import raise_if_unknown
from reassess.numeric import Proportion
from reassess.numeric.arrays import as_floats, as_scores, convert_to_numpy
from reassess.text import join_first

UNSEEN_RANK = -1  # the rank of an image that was not in any batch yet


class BatchRanks(NamedTuple):
    """For each image of a batch, the rank of its best valid class."""

    positions: npt.NDArray[np.int64] | None  # positions of the images in an `ImageIndex`; None without an index
    best_ranks: npt.NDArray[np.int32]  # also 0 for an image of an index that has no valid class


@dataclass(frozen=True, eq=False)
class ImageIndex:
    """Images joined with label sets, to find the images of a batch by name or position."""

    images: tuple[str, ...]  # names of the images
    labels: LabelSets  # label sets of the images
    label_rows: npt.NDArray[np.int64]  # position of each image in the label sets, -1 if unrated; int64, shape (images,)
    can_use_positions: bool  # whether the target of a batch can also contain positions in `images`

    @cached_property
    def label_set_sizes(self) -> npt.NDArray[np.int64]:
        """Number of valid classes of each image, 0 for an unrated image; int64, shape (images,)."""
        return self._label_end_positions - self._first_label_positions

    def find_image_positions(self, target: Any) -> npt.NDArray[np.int64]:
        """Find the position of each image of a batch, from image names or image numbers."""
        if isinstance(target, list | tuple) and _are_image_names(target):
            return self._find_positions_by_name(target)
        numbers, are_bits = convert_to_numpy(target)
        if numbers.ndim == 1 and _are_image_names(numbers):
            return self._find_positions_by_name(numbers.tolist())
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or are_bits:
            raise DataError(
                "missing-image-names",
                "target contains neither image names nor image positions",
                allowed="image names, or image positions: integers of shape (images,)",
                found=f"{'bfloat16' if are_bits else numbers.dtype} {numbers.shape}",
                fix="pass image names; or do not set the argument labels, and pass the valid classes as targets",
            )
        if not self.can_use_positions:
            raise DataError(
                "missing-image-names",
                "target contains image positions, but the names of the dataset's images are missing",
                fix="pass the names in the order of the dataset: images=dataset.images",
            )
        positions = numbers.astype(np.int64)
        is_bad = positions.view(np.uint64) >= len(self.images)  # as unsigned integers, negative numbers are too large
        if is_bad.any():
            raise DataError(
                "unknown-image",
                "no image has this position",
                allowed=f"0 to {len(self.images) - 1}",
                found=int(numbers[int(np.argmax(is_bad))]),
            )
        return positions

    def rank_images(self, scores: npt.NDArray[Any], target: Any) -> BatchRanks:
        """Find the images of a batch, and rank their best valid classes."""
        positions = self.find_image_positions(target)
        check_length(len(positions), len(scores), plural_name="images", item_name="row of scores")
        self._check_outputs(scores.shape[1])
        ranks = best_ranks_of_scores(
            scores,
            self._first_label_positions[positions],
            self._label_end_positions[positions],
            self.labels.indices,
            lambda row: self.images[positions[row]],
        )
        return BatchRanks(positions, np.maximum(ranks, 0, out=ranks))

    def count_hits(self, ranks: npt.NDArray[np.int32], top_k: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Count the hits of all batches so far, by k, among the images that have a valid class."""
        return count_hits(ranks[self.label_set_sizes > 0], top_k)

    def _find_positions_by_name(self, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """Find the position of each image by name."""
        try:
            return np.fromiter(map(self._image_position_by_name.__getitem__, names), np.int64, len(names))
        except (KeyError, TypeError):  # an unknown name, another spelling, or not a string
            rows = np.fromiter(
                map(self._image_position_by_key.get, image_keys(names), repeat(UNSEEN_RANK)), np.int64, len(names)
            )
        if rows.min() == UNSEEN_RANK:
            missing = [names[row] for row in np.flatnonzero(rows == UNSEEN_RANK).tolist()]
            raise DataError(
                "unknown-image",
                f"{len(missing):,} of the {len(names):,} images of a batch are unknown",
                allowed=f"names such as {join_first(self.images, max_items=2)}",
                found=join_first(missing, max_items=3),
            )
        return rows

    def _check_outputs(self, n_outputs: int) -> None:
        """Raise unless the scores have one column per class."""
        allowed = self.labels.classes.count
        if (allowed is not None and n_outputs != allowed) or n_outputs <= self._largest_class_id:
            raise DataError(
                "wrong-outputs",
                "wrong number of outputs",
                allowed=f"{self._largest_class_id + 1:,} columns or more"
                if allowed is None
                else f"{allowed:,} columns",
                found=f"{n_outputs:,} columns",
                fix="pass only the scores of the benchmark's classes, in the order of their ids",
            )

    @cached_property
    def _largest_class_id(self) -> int:
        return int(self.labels.indices.max(initial=-1))

    @cached_property
    def _first_label_positions(self) -> npt.NDArray[np.int64]:
        return np.where(self.label_rows < 0, 0, self.labels.indptr[self.label_rows])

    @cached_property
    def _label_end_positions(self) -> npt.NDArray[np.int64]:
        return np.where(self.label_rows < 0, 0, self.labels.indptr[self.label_rows + 1])

    @cached_property
    def _image_position_by_name(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.images)}

    @cached_property
    def _image_position_by_key(self) -> dict[str, int]:
        return {key: position for position, key in enumerate(image_keys(self.images))}


def _are_image_names(targets: Any) -> bool:
    """Return whether the first target of a batch is an image name; True if there are no targets."""
    return not len(targets) or isinstance(targets[0], str)


class RealAccuracy:
    """ReaL accuracy over batches of scores and targets.

    Without `labels`, the targets are the valid classes of the images: multi-hot, or ids padded with -1. With `labels`,
    the targets are the names of the images, or their positions in the dataset if `images` lists its names. An image
    then counts once, even if it is in several batches; it is a hit only if it is a hit in each of them.

    Parameters
    ----------
    top_k
        Count hits among the top k classes, for each k.
    labels
        The valid classes of each image.
    images
        Names of a dataset's images in its order, joined with the labels by name.
    ignore_unknown
        Ignore images that are not in the labels, instead of raising.

    Raises
    ------
    DataError
        An image is listed twice, or is not in the labels; `images` is used without labels; or a k is not a positive
        whole number.

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
        self.top_k = normalize_top_k(top_k)
        self.image_index = index_images(labels, images, ignore_unknown=ignore_unknown)
        self.reset()

    def __repr__(self) -> str:
        hits = ", ".join(f"top-{k} {part.hits:,}" for k, part in self.counts().items())
        return f"RealAccuracy({hits} of {self.counts()[self.top_k[0]].n:,} images)"

    def reset(self) -> None:
        """Reset all counts."""
        self._hits = np.zeros(len(self.top_k) + 1, np.int64)  # as returned by count_hits
        self._ranks = np.full(0 if self.image_index is None else len(self.image_index.images), UNSEEN_RANK, np.int32)

    def update(self, scores: npt.ArrayLike, target: Any) -> None:
        """Count the hits of a batch.

        Parameters
        ----------
        scores
            Floats of shape (n, classes), an array of any library. Higher scores rank first, equal scores by class id.
        target
            Valid classes, of shape (n, classes) or (n, largest number of classes); or names or positions of the images.

        Raises
        ------
        DataError
            A score is NaN; the scores or the target have another shape or type; or an image is unknown. Then the batch
            is not counted.
        """
        positions, ranks = rank_batch(self.image_index, self.top_k, scores, target)
        if positions is None:
            self._hits += count_hits(ranks, self.top_k)
        else:
            np.maximum.at(self._ranks, positions, ranks)

    def counts(self) -> dict[int, Proportion]:
        """Count hits among the images that have a valid class, by k."""
        hits = self._hits if self.image_index is None else self.image_index.count_hits(self._ranks, self.top_k)
        return hit_proportions(hits, self.top_k)

    def compute(self) -> dict[str, float | None]:
        """Compute ReaL accuracy at each k, in [0, 1], and the number of images with a valid class.

        The accuracy is None if no image has a valid class.
        """
        counts = self.counts()
        return {f"real_top{k}": part.value for k, part in counts.items()} | {"real_n": counts[self.top_k[0]].n}


def index_images(labels: LabelSets | None, images: Sequence[str] | None, *, ignore_unknown: bool) -> ImageIndex | None:
    """Index the images of the dataset, or of the labels if `images` is None. Return None without labels."""
    if labels is None:
        if images is not None:
            raise DataError(
                "missing-labels",
                "images is set, but labels is missing",
                fix="pass labels too: labels=reassess.read_labels()",
            )
        return None
    check_type(LabelSets, labels, value_name="label sets", fix="labels=read_labels(FILE)")
    if images is None:
        return ImageIndex(
            images=labels.images, labels=labels, label_rows=np.arange(len(labels)), can_use_positions=False
        )
    images = tuple(images)
    rows = match_images(images, labels.images, where="the images")
    if not ignore_unknown:
        raise_if_unknown(images, np.flatnonzero(rows < 0), labels.images)
    return ImageIndex(images=images, labels=labels, label_rows=rows, can_use_positions=True)


def rank_batch(index: ImageIndex | None, top_k: Sequence[int], scores: npt.ArrayLike, target: Any) -> BatchRanks:
    """Rank the best valid class of each image of a batch; `scores` and `target` as for `RealAccuracy.update`."""
    table = as_scores(scores)
    outputs = table.shape[1]
    if top_k[-1] > outputs:
        normalize_top_k(top_k, outputs)
    if index is not None:
        return index.rank_images(table, target)
    targets, are_bits = convert_to_numpy(pad_lists(target))
    indptr, classes = read_targets(as_floats(targets) if are_bits else targets, outputs)
    check_length(len(targets), len(table), plural_name="targets", item_name="row of scores")
    return BatchRanks(None, best_ranks_of_scores(table, indptr[:-1], indptr[1:], classes))
