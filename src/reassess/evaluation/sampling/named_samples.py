"""Samples by image name, as in task files, and by position in the whole set of images, as estimates need them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.core import Sample, SampleDesign
from reassess.core.image_names import match_images
from reassess.errors import DataError
from reassess.evaluation.sampling.drawing import ImageSample
from reassess.text import count_noun

_SETTLED_NAME = "settled"


def name_sample(
    drawn: ImageSample,
    images: Sequence[str],
    *,
    purpose: str,
    seed: int,
    input_hashes: Sequence[str],
    question_rule: Sequence[str],
) -> Sample:
    """Return a drawn sample with image names, for a task file.

    Parameters
    ----------
    drawn
        The sample.
    images
        All images of the set.
    purpose, seed, input_hashes
        See `Sample`.
    question_rule
        See `SampleDesign`.

    Examples
    --------
    >>> zeros, sizes = np.zeros(2, int), np.array([3])
    >>> drawn = ImageSample(np.array([2, 0]), zeros, zeros, np.full(2, 2 / 3), sizes, np.zeros(1, bool))
    >>> sample = name_sample(
    ...     drawn, ["a", "b", "c"], purpose="accuracy", seed=0, input_hashes=[], question_rule=["top-1"]
    ... )
    >>> sample.images, sample.strata, locate_sample(sample, ["a", "b", "c"]).images.tolist()
    (('c', 'a'), ('1', '1'), [2, 0])
    """
    is_settled = drawn.is_settled.tolist()
    names = [_SETTLED_NAME if is_settled[i] else str(i + 1 - sum(is_settled[:i])) for i in range(len(is_settled))]
    return Sample(
        images=tuple(images[position] for position in drawn.images.tolist()),
        probabilities=drawn.probabilities,
        strata=tuple(names[stratum] for stratum in drawn.strata.tolist()),
        purpose=purpose,
        seed=seed,
        input_hashes=tuple(input_hashes),
        design=SampleDesign(
            batches=drawn.batches,
            stratum_names=tuple(names),
            stratum_sizes=drawn.stratum_sizes,
            is_settled=drawn.is_settled,
            planned=len(drawn),
            question_rule=tuple(question_rule),
        ),
    )


def locate_sample(sample: Sample, images: Sequence[str]) -> ImageSample:
    """Return a sample with the position of each drawn image among all images of the set.

    Raises
    ------
    DataError
        The sample has no design, a drawn image is not among the images, or the set has another number of images.
    """
    if sample.design is None:
        raise DataError(
            "wrong-sample",
            "the sample does not say how many images its strata have",
            allowed="a sample from `reassess sample`",
            found=f"a sample for {sample.purpose or 'an unknown purpose'}",
            fix="reassess sample PREDICTIONS --benchmark B --for accuracy --size N -o TASKS",
        )
    positions = match_images(sample.images, images, known_where="all images")
    if unknown := np.flatnonzero(positions < 0).tolist():
        raise DataError(
            "sample-unknown-image",
            "drawn image is not in the set of images",
            where=f"image {sample.images[unknown[0]]}",
            found=f"{count_noun(len(unknown), 'unknown image')} among {len(sample):,}",
            fix="use the predictions and the benchmark that the sample was drawn with",
        )
    if sample.design.n_images != len(images):
        raise DataError(
            "wrong-sample",
            "the sample was drawn from another set of images",
            allowed=count_noun(sample.design.n_images, "image"),
            found=count_noun(len(images), "image"),
            fix="use the predictions and the benchmark that the sample was drawn with",
        )
    return as_image_sample(sample, positions)


def as_image_sample(sample: Sample, positions: npt.NDArray[np.int64]) -> ImageSample:
    """Return a sample that has a design as estimates need it; `positions` are its images."""
    assert sample.design is not None
    number_of = {name: stratum for stratum, name in enumerate(sample.design.stratum_names)}
    return ImageSample(
        images=positions,
        strata=np.array([number_of[name] for name in sample.strata], np.int64),
        batches=sample.design.batches,
        probabilities=sample.probabilities,
        stratum_sizes=sample.design.stratum_sizes,
        is_settled=sample.design.is_settled,
    )
