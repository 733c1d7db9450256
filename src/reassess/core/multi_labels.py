"""Multi-labels: valid, unclear and wrong classes of each image, and problematic images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.core.labels import LabelSets
from reassess.errors import DataError, Fix
from reassess.numeric.arrays import encode_pairs, freeze


@dataclass(frozen=True, eq=False)
class MultiLabels:
    """Reviewers' judgments of each image: its valid, unclear and wrong classes.

    Parameters
    ----------
    valid, unclear, wrong
        Label sets of the same images in the same order: valid classes, classes that the reviewers disagreed about, and
        invalid classes. A class is in at most one of the three sets of an image.
    is_problematic
        bool, shape (images,): images that should not be used to evaluate models.
    is_complete
        Whether all other classes are invalid. False if the reviewers judged only some classes: such sets can be
        compared with other label sets, but not be used to evaluate models.
    name
        Name of the labels, also of `evaluation_labels`.

    Raises
    ------
    DataError
        The sets and `is_problematic` do not have the same images, or a class of an image is in two sets.

    Examples
    --------
    >>> images = ["a.png", "b.png"]
    >>> sets = [LabelSets.from_lists(images, lists) for lists in ([[0], [1, 2]], [[1], []], [[], [0]])]
    >>> MultiLabels(*sets, np.array([False, True]))
    MultiLabels(2 images, 3 valid labels, 1 unclear, 1 wrong, 1 problematic images)

    Notes
    -----
    Source: Shankar et al., "Evaluating machine accuracy on ImageNet", ICML 2020; Vasudevan et al., arXiv 2205.04596.
    """

    valid: LabelSets
    unclear: LabelSets
    wrong: LabelSets
    is_problematic: npt.NDArray[np.bool_]
    is_complete: bool = True
    name: str = ""

    def __post_init__(self) -> None:
        images = self.valid.images
        if not (images == self.unclear.images == self.wrong.images and self.is_problematic.shape == (len(images),)):
            raise DataError("different-images", "valid, unclear and wrong classes are not for the same images")
        keys = np.concatenate([encode_labels_as_numbers(labels) for labels in (self.valid, self.unclear, self.wrong)])
        twice, n = np.unique(keys, return_counts=True)
        if (n > 1).any():
            image, class_id = divmod(int(twice[np.argmax(n > 1)]), 2**32)
            raise DataError(
                "duplicate-class",
                "class is listed twice for one image",
                where=f"image {images[image]}",
                allowed="once, as valid, unclear or wrong",
                found=self.valid.classes.short_name(class_id),
            )
        freeze(self, "is_problematic")

    def __len__(self) -> int:
        return len(self.valid)

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the reviewed images."""
        return self.valid.images

    @property
    def evaluation_labels(self) -> LabelSets:
        """The labels to evaluate models with: the valid classes of each image, and no class for problematic images.

        `DataError` if the sets are not complete.
        """
        if not self.is_complete:
            raise DataError(
                "incomplete-review",
                "reviewers judged only some classes, so other classes may be valid too",
                fix=Fix(
                    "use this set only to compare label sets ({label_agreement}); evaluate with other label sets",
                    label_agreement=None,
                ),
            )
        rows = self.valid.image_ids
        good = ~self.is_problematic[rows]
        ids, classes = self.valid.indices[good], self.valid.classes
        return LabelSets.from_pairs(self.valid.images, rows[good], ids, classes, name=self.name)

    def with_images(self, images: Sequence[str]) -> "MultiLabels":
        """Replace the names of all images."""
        parts = {kind: getattr(self, kind).with_images(images) for kind in ("valid", "unclear", "wrong")}
        return replace(self, **parts)

    def convert_to_classes(self, classes: Classes) -> "MultiLabels":
        """Convert to another class list, by the rules of `LabelSets.convert_to_classes`."""
        parts = {kind: getattr(self, kind).convert_to_classes(classes) for kind in ("valid", "unclear", "wrong")}
        return replace(self, **parts)

    def __repr__(self) -> str:
        labels = f"{self.valid.indices.size:,} valid labels, {self.unclear.indices.size:,} unclear"
        rest = f"{self.wrong.indices.size:,} wrong, {np.count_nonzero(self.is_problematic):,} problematic images"
        return f"MultiLabels({len(self):,} images, {labels}, {rest})"


def encode_labels_as_numbers(labels: LabelSets) -> npt.NDArray[np.int64]:
    """Encode the image and class of each label as one number; int64, shape (labels,)."""
    return encode_pairs(labels.image_ids, labels.indices)
