"""Strata: groups of images whose outcomes are guessed to vary about equally much.

Images are first divided into kinds: which models agree with the original label, and, for differences, whether all
models predict the same class. Within a kind, images are ordered by the guessed variance of their outcome, and divided
so that all strata have about the same sum of guessed standard deviations. Then the best allocation (Neyman's) draws
about equally many images from each stratum.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_known, check_number, check_range, check_shape
from reassess.errors import DataError
from reassess.evaluation.sampling.guesses import guess_differences

Purpose = Literal["accuracy", "difference", "labels"]

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

DEFAULT_STRATA = 8
_MIN_IMAGES = 20  # in each stratum, if the kind has as many
# A pilot's ratio of measured to guessed variance counts as if this much variance had been both measured and guessed.
_RATIO_PSEUDO_VARIANCE = 2.0


@dataclass(frozen=True, eq=False)
class Strata:
    """A partition of all images into strata.

    Attributes
    ----------
    ids
        The stratum of each image, int64, shape (images,).
    variances
        Guessed variance of an image's outcome within each stratum, float64, shape (strata,).
    kinds
        The kind of each stratum, int64, shape (strata,). A pilot corrects the variances of a kind together.
    is_settled
        Whether all models predict the same class in the whole stratum, and only differences are estimated: there, each
        difference is 0. Bool, shape (strata,).
    plain_variance
        Guessed variance of an image's outcome over all images: what a plain sample would meet.
    """

    ids: _Ints
    variances: _Floats
    kinds: _Ints
    is_settled: npt.NDArray[np.bool_]
    plain_variance: float

    @cached_property
    def sizes(self) -> _Ints:
        """Number of images of each stratum, int64, shape (strata,)."""
        return np.bincount(self.ids, minlength=self.variances.size)

    @cached_property
    def shares(self) -> _Floats:
        """Share of all images in each stratum, float64, shape (strata,)."""
        return self.sizes / self.ids.size

    @cached_property
    def members(self) -> list[_Ints]:
        """The images of each stratum, in ascending order."""
        return np.split(np.argsort(self.ids, kind="stable"), np.cumsum(self.sizes)[:-1])


def make_strata(
    top1: npt.NDArray[np.integer],
    guesses: _Floats,
    original: npt.NDArray[np.integer] | None = None,
    *,
    purpose: Purpose = "accuracy",
    count: int = DEFAULT_STRATA,
    label_guesses: _Floats | None = None,
    is_original_listed: npt.NDArray[np.bool_] | None = None,
) -> Strata:
    """Divide all images into strata.

    Parameters
    ----------
    top1
        The predicted class of each model for each image; shape (models, images).
    guesses
        Guessed probability that each prediction is correct, such as `guess_correct` returns; same shape.
    original
        The original label of each image, or -1; shape (images,).
    purpose
        What will be estimated: the share of all images whose first class is valid, for each model (accuracy);
        differences between models; or the share of wrong original labels, for which the same guesses serve as well.
    count
        Number of strata, about; for differences, without the stratum of equal predictions.
    label_guesses
        For labels: guessed probability that each original label is valid, such as `guess_label_valid` returns; shape
        (images,). Used only to guess the size of a plain sample; without them, `guesses` are used.
    is_original_listed
        Whether the original label is among the first classes of each model, such as the first five; same shape as
        `top1`. If the confidence is unknown, it tells more than agreement about images where model and label differ.

    Raises
    ------
    DataError
        Shapes differ, a guess is not in [0, 1], or differences are asked for and the models never differ.

    Examples
    --------
    >>> from reassess.evaluation import guess_correct
    >>> rng = np.random.default_rng(0)
    >>> original, confidences = rng.integers(0, 9, 1000), rng.random((1, 1000))
    >>> top1 = np.where(rng.random((1, 1000)) < 0.2 + 0.8 * confidences, original, 9)
    >>> strata = make_strata(top1, guess_correct(top1, confidences, original), original)
    >>> strata.sizes.tolist(), strata.kinds.tolist()
    ([88, 97, 92, 107, 101, 113, 184, 218], [0, 0, 0, 0, 1, 1, 1, 1])
    """
    check_shape(top1, ("models", "images"), value_name="predicted classes")
    check_shape(guesses, top1.shape, value_name="guesses")
    check_range(guesses, 0, 1, value_name="guess")
    check_known([purpose], get_args(Purpose), value_name="purpose")
    check_number(count, 1, value_name="number of strata", is_whole=True)
    known = np.zeros(top1.shape, bool) if original is None else top1 == original
    if is_original_listed is not None:
        check_shape(is_original_listed, top1.shape, value_name="listed original labels")
        known = np.concatenate([known, is_original_listed])
    if purpose == "difference":
        variances, is_settled, plain_variance = _difference_variances(top1, guesses)
    else:
        variances = (guesses * (1 - guesses)).mean(axis=0)
        is_settled = np.zeros(variances.size, bool)
        means = guesses.mean(axis=1)
        if purpose == "labels" and label_guesses is not None:
            check_shape(label_guesses, top1.shape[1:], value_name="guesses of labels")
            check_range(label_guesses, 0, 1, value_name="guess of a label")
            means = label_guesses.mean(keepdims=True)
        plain_variance = float((means * (1 - means)).mean())
    ids, kinds = np.full(variances.size, -1), []
    if is_settled.any():
        ids[is_settled] = 0
        kinds.append(0)
    rows = np.flatnonzero(~is_settled)
    for kind, members, parts in _kinds_of_images(known[:, rows], np.sqrt(variances[rows]), count):
        images = rows[members]
        part_of_image = _split_by_spread(variances[images], parts)
        ids[images] = len(kinds) + part_of_image
        kinds += [kind + 1] * (int(part_of_image.max()) + 1)
    sizes = np.bincount(ids, minlength=len(kinds))
    return Strata(
        ids=ids,
        variances=np.bincount(ids, weights=variances, minlength=len(kinds)) / sizes,
        kinds=np.unique(kinds, return_inverse=True)[1],
        is_settled=np.array([bool(is_settled.any()) and stratum == 0 for stratum in range(len(kinds))]),
        plain_variance=plain_variance,
    )


def _difference_variances(
    top1: npt.NDArray[np.integer], guesses: _Floats
) -> tuple[_Floats, npt.NDArray[np.bool_], float]:
    """Return the guessed variance of each image, whether it is settled, and the variance over all images."""
    if len(top1) < 2:
        raise DataError("too-few-models", "a difference needs two models or more", found=len(top1))
    square, variances = guess_differences(top1, guesses)
    is_settled = np.all(top1 == top1[0], axis=0)
    if is_settled.all():
        raise DataError(
            "equal-predictions",
            "all models predict the same class for every image",
            found=f"{len(top1):,} equal models",
            fix="give the predictions of different models",
        )
    means = guesses.mean(axis=1)
    squared_lead = float(np.mean([(means[i] - means[j]) ** 2 for i in range(len(means)) for j in range(i)]))
    return variances, is_settled, float(square.mean()) - squared_lead


def _kinds_of_images(known: npt.NDArray[np.bool_], spreads: _Floats, count: int) -> list[tuple[int, _Ints, int]]:
    """Group images by what is known, such as which models agree with the label: kind, images, and number of strata.

    Kinds with little spread are merged into one. `spreads` are the guessed standard deviations.
    """
    keys = np.zeros(known.shape[1], np.int64)
    patterns = np.packbits(known, axis=0)
    for row in patterns:  # number the distinct patterns
        keys = np.unique(keys * 256 + row, return_inverse=True)[1]
    shares = np.bincount(keys, weights=spreads) / max(spreads.sum(), np.finfo(float).tiny)
    is_small = (shares < 1 / (2 * count)) | (np.bincount(keys) < _MIN_IMAGES)
    merged = np.where(is_small, shares.size, np.arange(shares.size))
    kinds = np.unique(merged[keys], return_inverse=True)[1]
    shares = np.bincount(kinds, weights=spreads) / max(spreads.sum(), np.finfo(float).tiny)
    parts = np.maximum(np.rint(shares * count), 1).astype(int)
    order = np.argsort(kinds, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(kinds))[:-1])
    return [(kind, images, parts[kind]) for kind, images in enumerate(members)]


def _split_by_spread(variances: _Floats, parts: int) -> _Ints:
    """Split images, ordered by falling variance, into parts with equal sums of standard deviations."""
    parts = max(min(parts, variances.size // _MIN_IMAGES), 1)
    values, inverse, counts = np.unique(-variances, return_inverse=True, return_counts=True)
    spreads = counts * np.sqrt(-values)  # images with equal variances stay together
    middle = np.cumsum(spreads) - spreads / 2
    part = np.minimum((middle / max(spreads.sum(), np.finfo(float).tiny) * parts).astype(int), parts - 1)
    return np.unique(part, return_inverse=True)[1][inverse]


def rescale_variances(strata: Strata, sampled_strata: _Ints, outcomes: npt.NDArray[np.floating]) -> Strata:
    """Correct the guessed variances by the answers of a pilot.

    The variances of a kind are multiplied by one number: measured variance / guessed variance of the pilot's images.

    Parameters
    ----------
    strata
        The strata.
    sampled_strata
        The stratum of each image of the pilot, int64, shape (images,).
    outcomes
        What will be estimated, for each image, such as 1 for a correct prediction and 0 otherwise; one row for each
        model or pair of models; shape (rows, images).

    Examples
    --------
    >>> strata = Strata(np.array([0, 0, 1, 1]), np.array([0.1, 0.1]), np.array([0, 1]), np.zeros(2, bool), 0.1)
    >>> pilot = np.repeat([0, 1], 20)
    >>> correct = np.where(pilot == 0, 1, np.arange(40) % 2)
    >>> rescale_variances(strata, pilot, correct[None]).variances.round(3)
    array([0.05 , 0.182])
    """
    count = strata.variances.size
    n = np.bincount(sampled_strata, minlength=count)
    means = np.array([np.bincount(sampled_strata, weights=row, minlength=count) for row in outcomes]) / np.maximum(n, 1)
    squares = ((outcomes - means[:, sampled_strata]) ** 2).mean(axis=0)
    measured = np.bincount(sampled_strata, weights=squares, minlength=count) * n / np.maximum(n - 1, 1)
    guessed = n * strata.variances
    ratios = (_RATIO_PSEUDO_VARIANCE + np.bincount(strata.kinds, weights=measured)) / (
        _RATIO_PSEUDO_VARIANCE + np.bincount(strata.kinds, weights=guessed)
    )
    return replace(strata, variances=strata.variances * ratios[strata.kinds])
