"""A random sample of images, with each image's probability of being drawn."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core.checks import (
    check_known,
    check_length,
    check_number,
    check_range,
    check_shape,
    check_unicode,
    check_unique,
)
from reassess.core.image_names import check_image_names, match_images
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import count_noun

_MAX_STRATUM_SIZE = 1 << 40  # so that sums are exact
_MIN_IMAGES_PER_STRATUM = 2  # of the first batch; a variance needs two images


@dataclass(frozen=True, eq=False)
class SampleDesign:
    """How a sample was drawn that estimates something for all images. The sample's images are in drawn order.

    The probability of an image is the probability that its batch contains it, given the earlier batches.

    Parameters
    ----------
    batches
        The batch of each image of the sample, from 0, ascending; int64, shape (images,).
    stratum_names
        The strata of the whole set of images, each once.
    stratum_sizes
        Number of images in each stratum of the whole set; int64, shape (strata,).
    is_settled
        Whether all models predict the same class in the whole stratum, and only differences are estimated; bool, shape
        (strata,).
    planned
        The number of images that the sample was planned with; an interval for all times is narrowest there.
    question_rule
        Which classes are asked about: ``top-1`` (each model's prediction), ``original`` (the original label) and
        ``candidates`` (of a file of candidates).

    Raises
    ------
    DataError
        A shape is wrong, batches do not ascend from 0, or a stratum is listed twice or has no image.
    """

    batches: npt.NDArray[np.int64]
    stratum_names: tuple[str, ...]
    stratum_sizes: npt.NDArray[np.int64]
    is_settled: npt.NDArray[np.bool_]
    planned: int
    question_rule: tuple[str, ...] = ("top-1", "original")

    def __post_init__(self) -> None:
        for values, plural_name in ((self.stratum_sizes, "sizes"), (self.is_settled, "values of is_settled")):
            check_length(len(values), len(self.stratum_names), plural_name=plural_name, item_name="stratum")
        check_unicode(self.stratum_names, value_name="the name of a stratum")
        check_unique(self.stratum_names, value_name="a stratum")
        check_range(self.stratum_sizes, 1, _MAX_STRATUM_SIZE, value_name="number of images of a stratum")
        check_number(self.planned, 1, is_whole=True, value_name="planned number of images")
        if self.is_settled.size and self.is_settled.all():
            raise DataError("wrong-sample", "all strata are settled", fix="use the file as `reassess sample` wrote it")
        steps = np.diff(self.batches, prepend=0)
        if np.any(steps < 0) or np.any(steps > 1):
            raise DataError(
                "wrong-sample",
                "batches are not in ascending order",
                allowed="0 for the first images, then 1, and so on",
                found=f"batch {self.batches[int(np.argmax((steps < 0) | (steps > 1)))]}",
                fix="keep the lines of the task file in their order",
            )
        freeze(self, "batches", "stratum_sizes", "is_settled")

    @property
    def n_images(self) -> int:
        """Number of images of the whole set."""
        return int(self.stratum_sizes.sum())


@dataclass(frozen=True, eq=False)
class QuestionFacts:
    """What is known about the questions of a sample: who predicts the class, and answers to earlier batches.

    Parameters
    ----------
    models
        Names of the models that the sample was drawn with.
    is_predicted
        Whether the class of each question is the first class of each model; bool, shape (questions, models).
    is_original
        Whether the class is the original label of the image; bool, shape (questions,).
    answers
        1 if the class is valid, 0 if it is not, -1 if this is not known yet; int8, shape (questions,).

    Raises
    ------
    DataError
        A shape is wrong, or a model is listed twice.
    """

    models: tuple[str, ...]
    is_predicted: npt.NDArray[np.bool_]
    is_original: npt.NDArray[np.bool_]
    answers: npt.NDArray[np.int8]

    def __post_init__(self) -> None:
        check_unicode(self.models, value_name="the name of a model")
        check_unique(self.models, value_name="a model")
        check_shape(self.is_predicted, (len(self.answers), len(self.models)), value_name="is_predicted")
        check_shape(self.is_original, (len(self.answers),), value_name="is_original")
        freeze(self, "is_predicted", "is_original", "answers")

    def select(self, questions: npt.NDArray[np.integer]) -> "QuestionFacts":
        """Select questions by position."""
        return replace(
            self,
            is_predicted=self.is_predicted[questions],
            is_original=self.is_original[questions],
            answers=self.answers[questions],
        )


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
    design
        For a sample that `reassess sample` drew: its batches, and the sizes of the strata.

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
    design: SampleDesign | None = None

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
        if self.design is not None:
            check_length(len(self.design.batches), len(self), plural_name="batches", item_name="image")
            check_known(self.strata, self.design.stratum_names, value_name="stratum", where=where)
            self._check_stratum_sizes(self.design)
            self._check_design(self.design)
        freeze(self, "probabilities")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        of = f"for about {self.weights.sum():,.0f}" if self.design is None else f"of {self.design.n_images:,}"
        return f"Sample({count_noun(len(self), 'image')} {of})"

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
        """Select images of the sample by position; each image keeps its probability. The design is left out."""
        return replace(
            self,
            design=None,
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

    def _check_stratum_sizes(self, design: SampleDesign) -> None:
        """Raise if more images of a stratum were drawn than it has."""
        counts = Counter(self.strata)
        for name, size in zip(design.stratum_names, design.stratum_sizes.tolist(), strict=True):
            if counts[name] > size:
                raise DataError(
                    "wrong-sample",
                    "more images were drawn from a stratum than it has",
                    where=f"stratum {name}",
                    allowed=f"at most {count_noun(size, 'image')}",
                    found=count_noun(counts[name], "image"),
                    fix="use the file as `reassess sample` wrote it",
                )

    def _check_design(self, design: SampleDesign) -> None:
        """Raise if the first batch has too few images of a stratum, or a probability does not fit the batches."""
        number_of = {name: stratum for stratum, name in enumerate(design.stratum_names)}
        strata = np.array([number_of[name] for name in self.strata], np.int64)
        left, expected = design.stratum_sizes.astype(np.int64), np.zeros(len(self))
        for batch in range(int(design.batches.max(initial=-1)) + 1):
            rows = np.flatnonzero(design.batches == batch)
            counts = np.bincount(strata[rows], minlength=left.size)
            if batch == 0 and np.any(counts < (needed := np.minimum(_MIN_IMAGES_PER_STRATUM, left))):
                stratum = int(np.argmax(counts < needed))
                raise DataError(
                    "wrong-sample",
                    "too few images of a stratum were drawn",
                    where=f"stratum {design.stratum_names[stratum]}",
                    allowed=f"at least {needed[stratum]} in the first batch",
                    found=count_noun(int(counts[stratum]), "image"),
                    fix="use the complete file as `reassess sample` wrote it",
                )
            expected[rows] = (counts / np.maximum(left, 1))[strata[rows]]
            left = left - counts
        is_wrong = ~np.isclose(self.probabilities, expected, rtol=1e-9, atol=0)
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            raise DataError(
                "wrong-sample",
                "probability does not follow from the strata and batches",
                where=self._locate(row),
                allowed=f"{expected[row]:.12g}, the drawn share of stratum {self.strata[row]} in its batch",
                found=f"{self.probabilities[row]:.12g}",
                fix="use the complete file as `reassess sample` wrote it",
            )
        check_number(design.planned, len(self), len(self), is_whole=True, value_name="planned number of images")

    def _locate(self, row: int) -> str:
        return f"image {self.images[row]}"
