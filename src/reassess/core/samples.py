"""A random sample of images, with each image's probability of being drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length, check_range, check_unicode
from reassess.core.image_names import check_image_names, match_images
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import count_noun


@dataclass(frozen=True, eq=False)
class Sample:
    """Images that were drawn at random, each with its probability of being drawn.

    An image that was drawn with probability p stands for 1 / p images. Within a stratum, images were drawn separately.

    Parameters
    ----------
    images
        Names of the drawn images, each once.
    probabilities
        float64, shape (images,): above 0, and at most 1.
    strata
        The stratum of each image, such as ``suspicion high``; may be empty.
    purpose
        What the sample is for, such as ``golden``; empty if unknown.
    seed
        Seed of the draw; None if unknown.
    input_hashes
        SHA-256 of the files that the draw depends on: predictions, or candidates.

    Examples
    --------
    >>> sample = Sample(("a.png", "b.png", "c.png"), np.array([1.0, 0.25, 0.25]), ("high", "low", "low"))
    >>> sample, sample.weights.sum()
    (Sample(3 images for about 9), np.float64(9.0))
    """

    _THING, _HOW_TO_GET = "a sample", "read_sample(FILE), or draw_golden(CANDIDATES, N)"

    images: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    strata: tuple[str, ...]
    purpose: str = ""
    seed: int | None = None
    input_hashes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_image_names(self.images, "the sample")
        check_unicode(self.strata, value_name="the name of a stratum")
        for values, plural_name in ((self.probabilities, "probabilities"), (self.strata, "strata")):
            check_length(len(values), len(self.images), plural_name=plural_name, item_name="image")
        where = self._locate
        check_range(self.probabilities, 0, 1, value_name="probability of being drawn", where=where)
        if not self.probabilities.all():
            raise DataError(
                "out-of-range",
                "drawn image has the probability 0",
                where=where(int(np.argmin(self.probabilities))),
                allowed="above 0, and at most 1",
                fix="for images that were not drawn, leave the probability empty",
            )
        freeze(self, "probabilities")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Sample({count_noun(len(self), 'image')} for about {self.weights.sum():,.0f})"

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """Number of images that each drawn image stands for: 1 / probability; float64, shape (images,)."""
        return np.asarray(1 / self.probabilities)

    def rows_of(self, images: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the position of each image in the sample, -1 for an image that was not drawn."""
        return match_images(images, self.images, known_where="the sample")

    def with_images(self, images: Sequence[str]) -> "Sample":
        """Replace the names of all images."""
        return replace(self, images=tuple(images))

    def select_rows(self, rows: npt.NDArray[np.integer]) -> "Sample":
        """Select images of the sample by position; each image keeps its probability of being drawn."""
        return replace(
            self,
            images=tuple(self.images[row] for row in rows.tolist()),
            probabilities=self.probabilities[rows],
            strata=tuple(self.strata[row] for row in rows.tolist()),
        )

    def keep_images(
        self, is_kept: npt.NDArray[np.bool_], *, is_represented: npt.NDArray[np.bool_] | None = None
    ) -> "Sample":
        """Keep only some images of the sample, such as answered ones, and lower their probabilities of being drawn.

        The kept images then represent all images of their stratum, or only the images where `is_represented` is
        true. The calculation assumes that the removed images are a random subset of the stratum.
        """
        names, stratum_ids = np.unique(np.array(self.strata, np.str_), return_inverse=True)
        before, after = (
            np.bincount(stratum_ids, is_counted * self.weights, names.size)
            for is_counted in (np.ones(len(self), np.bool_) if is_represented is None else is_represented, is_kept)
        )
        rows = np.flatnonzero(is_kept)
        left, own = self.select_rows(rows), stratum_ids[rows]
        return replace(left, probabilities=left.probabilities * (after[own] / before[own]))

    def _locate(self, row: int) -> str:
        return f"image {self.images[row]}"
