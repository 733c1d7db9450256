"""A pilot: a first batch of images whose answers correct the guessed variances, before the next batch is drawn."""

import numpy as np
import numpy.typing as npt

from reassess.core import Sample
from reassess.core.checks import check_shape
from reassess.errors import DataError
from reassess.evaluation.sampling.drawing import ImageSample
from reassess.evaluation.sampling.named_samples import locate_sample
from reassess.evaluation.sampling.strata import Purpose, Strata, rescale_variances

_Bools = npt.NDArray[np.bool_]
_DRAW_FIX = "draw the pilot and the next batch with the same predictions, original labels and purpose"


def find_pilot(
    pilot: Sample, strata: Strata, images: tuple[str, ...], *, purpose: Purpose, input_hashes: tuple[str, ...]
) -> ImageSample:
    """Return the images of a pilot, after checking that it was drawn from these strata.

    Parameters
    ----------
    pilot
        The sample of the pilot's task file.
    strata
        The strata of all images.
    images
        The names of all images.
    purpose, input_hashes
        What the next batch is for, and the SHA-256 of the predictions that it is drawn with.

    Raises
    ------
    DataError
        The pilot has another purpose, other predictions, other images or other strata.
    """
    drawn = locate_sample(pilot, images)
    if set(pilot.input_hashes) != set(input_hashes):
        raise DataError(
            "sample-other-predictions",
            "the pilot was drawn with other predictions",
            allowed=f"sha256 {_join_hashes(pilot.input_hashes)}",
            found=f"sha256 {_join_hashes(input_hashes)}",
            fix=_DRAW_FIX,
        )
    if pilot.purpose != purpose:
        raise DataError(
            "wrong-sample",
            "the pilot was drawn for another purpose",
            allowed=pilot.purpose,
            found=purpose,
            fix=f"--for {pilot.purpose}, or draw a new sample without a pilot",
        )
    if not np.array_equal(drawn.stratum_sizes, strata.sizes) or not np.array_equal(
        strata.ids[drawn.images], drawn.strata
    ):
        raise DataError(
            "wrong-sample",
            "the pilot was drawn from other strata",
            found="other original labels or scores",
            fix=_DRAW_FIX,
        )
    return drawn


def _join_hashes(hashes: tuple[str, ...]) -> str:
    return ", ".join(text[:12] for text in hashes)


def learn_from_pilot(
    strata: Strata,
    pilot: ImageSample,
    *,
    purpose: Purpose,
    is_correct: _Bools,
    is_original_valid: _Bools,
) -> Strata:
    """Correct the guessed variances of the strata by the answers to a pilot.

    Parameters
    ----------
    strata, pilot
        All images, and the images of the pilot.
    purpose
        What is estimated.
    is_correct
        Whether each model's prediction is valid; bool, shape (models, images of the pilot).
    is_original_valid
        Whether the original label is valid; bool, shape (images of the pilot,).

    Raises
    ------
    DataError
        A shape is wrong.

    Examples
    --------
    >>> strata = Strata(np.repeat([0, 1], 50), np.array([0.1, 0.1]), np.array([0, 1]), np.zeros(2, bool), 0.1)
    >>> zeros, ids = np.zeros(40, int), np.repeat([0, 1], 20)
    >>> pilot = ImageSample(np.arange(40) + 30, ids, zeros, np.full(40, 0.4), strata.sizes, np.zeros(2, bool))
    >>> correct, yes = np.where(ids == 0, True, np.arange(40) % 2 > 0), np.ones(40, bool)
    >>> learn_from_pilot(
    ...     strata, pilot, purpose="accuracy", is_correct=correct[None], is_original_valid=yes
    ... ).variances.round(3)
    array([0.05 , 0.182])
    """
    check_shape(is_correct, ("models", len(pilot)), value_name="correct predictions")
    check_shape(is_original_valid, (len(pilot),), value_name="valid original labels")
    hits: npt.NDArray[np.float64] = (~is_original_valid[None] if purpose == "labels" else is_correct).astype(np.float64)
    if purpose == "difference":
        first_models, second_models = np.triu_indices(len(hits), 1)
        hits = np.asarray(hits[first_models] - hits[second_models])
    return rescale_variances(strata, pilot.strata, hits)
