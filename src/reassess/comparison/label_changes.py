"""Changes from one label set to another."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, align_classes
from reassess.core.checks import check_type
from reassess.core.image_names import match_images
from reassess.core.multi_labels import encode_labels_as_numbers
from reassess.errors import DataError
from reassess.numeric.arrays import encode_pairs
from reassess.text import ListTable, Printable


@dataclass(frozen=True, eq=False, repr=False)
class LabelDiff(Printable):
    """Changes from a first label set to a second, on the images that are in both."""

    n_images: int  # number of images in both
    n_common_labels: int  # number of labels in both
    added_labels: LabelSets  # labels that are only in the second, of images whose set changed
    removed_labels: LabelSets  # labels that are only in the first, of images whose set changed
    images_only_in_first: tuple[str, ...]  # images that are only in the first
    images_only_in_second: tuple[str, ...]  # images that are only in the second
    n_emptied_label_sets: int  # number of images whose set became empty
    n_filled_label_sets: int  # number of images whose set was empty before

    @property
    def _headline(self) -> str:
        return (
            f"LabelDiff({self.n_images:,} images, {len(self.added_labels):,} changed, "
            f"{self.added_labels.indices.size:,} labels "
            f"added, {self.removed_labels.indices.size:,} removed)"
        )

    def _notebook_table(self) -> ListTable:
        classes, changes = self.added_labels.classes, self.count_by_class()
        rows = ((classes.short_name(i), f"{added:,}", f"{removed:,}") for i, (added, removed) in changes.items())
        return ListTable(("class", "added", "removed"), len(changes), rows)

    @property
    def jaccard(self) -> float | None:
        """Jaccard index: labels in both label sets, divided by labels in at least one; None without labels."""
        either = self.n_common_labels + self.added_labels.indices.size + self.removed_labels.indices.size
        return self.n_common_labels / either if either else None

    def count_by_class(self) -> dict[int, tuple[int, int]]:
        """Count added and removed labels of each class that has changes; most changes first."""
        labels = np.concatenate([self.added_labels.indices, self.removed_labels.indices])
        class_ids, places = np.unique(labels, return_inverse=True)
        parts = places[: self.added_labels.indices.size], places[self.added_labels.indices.size :]
        added, removed = (np.bincount(part, minlength=class_ids.size) for part in parts)
        order = np.argsort(-(added + removed), kind="stable").tolist()
        return {int(class_ids[i]): (int(added[i]), int(removed[i])) for i in order}

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "images": self.n_images,
            "changed": len(self.added_labels),
            "only_first": len(self.images_only_in_first),
            "only_second": len(self.images_only_in_second),
            "emptied": self.n_emptied_label_sets,
            "filled": self.n_filled_label_sets,
            "labels": {
                "both": self.n_common_labels,
                "added": self.added_labels.indices.size,
                "removed": self.removed_labels.indices.size,
                "jaccard": self.jaccard,
            },
            "by_class": [
                {"class": i, "name": self.added_labels.classes.short_name(i), "added": added, "removed": removed}
                for i, (added, removed) in self.count_by_class().items()
            ],
            "by_image": [
                {
                    "image": name,
                    "added": list(self.added_labels[name] or ()),
                    "removed": list(self.removed_labels[name] or ()),
                }
                for name in self.added_labels.images
            ],
        }


def label_diff(first: LabelSets, second: LabelSets) -> LabelDiff:
    """Find the changes from one label set to another.

    Parameters
    ----------
    first, second
        Label sets. Images are joined by name, and classes by wnid or name if both have them, otherwise by id.

    Raises
    ------
    DataError
        The label sets have no image in common, or a class of one is not in the other's class list.
    """
    check_type(LabelSets, first, second)
    first, second = align_classes({"the first label set": first, "the second label set": second}).values()
    rows = match_images(second.images, first.images, where="the second label set", known_where="the first label set")
    shared = rows >= 0
    if not shared.any() and first.images and second.images:
        raise DataError(
            "nothing-in-common",
            "label sets have no image in common",
            found=f"{first.images[0]}; {second.images[0]}",
            fix="use label sets of the same images, with the same image names",
        )
    old_keys, new_keys = encode_labels_as_numbers(first), encode_pairs(rows[second.image_ids], second.indices)
    old_keys = old_keys[np.isin(old_keys >> 32, rows[shared])]
    new_keys = new_keys[new_keys >= 0]
    added, removed = np.setdiff1d(new_keys, old_keys), np.setdiff1d(old_keys, new_keys)
    changed = np.union1d(added >> 32, removed >> 32)
    sizes = np.zeros((2, len(first)), np.int64)
    sizes[:, rows[shared]] = first.sizes[rows[shared]], second.sizes[shared]
    only_first = np.setdiff1d(np.arange(len(first)), rows[shared]).tolist()
    return LabelDiff(
        n_images=int(np.count_nonzero(shared)),
        n_common_labels=old_keys.size - removed.size,
        added_labels=_label_sets_from_image_class_keys(first, changed, added),
        removed_labels=_label_sets_from_image_class_keys(first, changed, removed),
        images_only_in_first=tuple(first.images[row] for row in only_first),
        images_only_in_second=tuple(second.images[row] for row in np.flatnonzero(~shared).tolist()),
        n_emptied_label_sets=int(np.count_nonzero((sizes[0] > 0) & (sizes[1] == 0))),
        n_filled_label_sets=int(np.count_nonzero((sizes[0] == 0) & (sizes[1] > 0))),
    )


def _label_sets_from_image_class_keys(
    labels: LabelSets, image_rows: npt.NDArray[np.int64], keys: npt.NDArray[np.int64]
) -> LabelSets:
    """Create label sets of the images at `image_rows` from keys of (image, class) pairs."""
    images = [labels.images[row] for row in image_rows.tolist()]
    return LabelSets.from_pairs(images, np.searchsorted(image_rows, keys >> 32), keys & 0xFFFFFFFF, labels.classes)
