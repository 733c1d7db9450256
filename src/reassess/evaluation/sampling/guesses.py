"""Guesses of which first classes are valid, from what is known of all images without looking at any.

A guess only decides which images are drawn. If it is bad, intervals become wider, but still hold.

Let a be the share of images whose original label the model predicts, among images with the same confidence, and A the
same share of all images. The doubt 1 - a contains wrong labels and wrong predictions. The better the model, the more of
the doubt are wrong labels, which the model may repeat. So a prediction that agrees with the original label is guessed
to be wrong with probability (0.1 + A^4) (1 - a), and a prediction that differs from it to be correct with probability
0.1 + 0.4 a. Both were fitted to ReaL's label sets and CIFAR-10's labels as the truth, where an image without a valid
class counts as wrong.

An original label that agrees with a prediction is wrong if the prediction is wrong. An original label that differs from
a prediction is guessed to be wrong with probability 0.3 + 0.3 a, measured in the same way.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.core import Match, Scores
from reassess.core.checks import check_range, check_shape
from reassess.core.image_names import match_images
from reassess.errors import DataError

_Floats = npt.NDArray[np.float64]

_CONFIDENCE_BINS = 100
_WRONG_PER_DOUBT, _WRONG_EXPONENT = 0.1, 4
_CORRECT_AT_NO_CONFIDENCE, _CORRECT_PER_AGREEMENT = 0.1, 0.4
_LABEL_WRONG_AT_NO_CONFIDENCE, _LABEL_WRONG_PER_AGREEMENT = 0.3, 0.3
_MAX_AGREEMENT = 0.99  # nobody is certain
_CLIP = 0.05  # guesses without original labels lie in [_CLIP, 1 - _CLIP]


def guess_correct(
    top1: npt.NDArray[np.integer],
    confidences: npt.NDArray[np.floating] | None = None,
    original: npt.NDArray[np.integer] | None = None,
) -> _Floats:
    """Guess the probability that each prediction is correct.

    Parameters
    ----------
    top1
        The predicted class of each model for each image; shape (models, images).
    confidences
        How confident each model is, in the same shape. With original labels, only the order of the images matters;
        without them, confidences are probabilities. Without confidences, all images have the same confidence.
    original
        The original label of each image, or -1; shape (images,).

    Returns
    -------
    numpy.ndarray
        Probabilities, float64, shape (models, images).

    Raises
    ------
    DataError
        Shapes differ, or confidences without original labels are not in [0, 1].

    Examples
    --------
    >>> top1 = np.array([[0, 0, 1, 1]])
    >>> guess_correct(top1, original=np.array([0, 0, 1, 0])).round(3)
    array([[0.896, 0.896, 0.896, 0.4  ]])
    """
    check_shape(top1, ("models", "images"), value_name="predicted classes")
    if confidences is not None:
        check_shape(confidences, top1.shape, value_name="confidences")
    if original is None:
        if confidences is None:
            return np.full(top1.shape, 0.5)
        check_range(confidences, 0, 1, value_name="confidence", fix="give probabilities, or original labels")
        return np.asarray(np.clip(confidences, _CLIP, 1 - _CLIP), np.float64)
    check_shape(original, top1.shape[1:], value_name="original labels")
    if not np.any(original >= 0):
        raise DataError("missing-labels", "no image has an original label", fix="pass no original labels")
    guesses = np.empty(top1.shape)
    for model, row in enumerate(top1):
        agrees = row == original
        agreement = _agreement_by_confidence(agrees, None if confidences is None else confidences[model])
        wrong_per_doubt = min(_WRONG_PER_DOUBT + float(agrees.mean()) ** _WRONG_EXPONENT, 1.0)
        guesses[model] = np.where(
            agrees,
            1 - wrong_per_doubt * (1 - np.minimum(agreement, _MAX_AGREEMENT)),
            _CORRECT_AT_NO_CONFIDENCE + _CORRECT_PER_AGREEMENT * agreement,
        )
    return guesses


def guess_label_valid(top1: npt.NDArray[np.integer], guesses: _Floats, original: npt.NDArray[np.integer]) -> _Floats:
    """Guess the probability that each original label is valid: the mean of what each model says.

    Parameters
    ----------
    top1
        The predicted class of each model for each image; shape (models, images).
    guesses
        What `guess_correct` returns for these predictions and labels; same shape.
    original
        The original label of each image; shape (images,). Each image needs one.

    Returns
    -------
    numpy.ndarray
        Probabilities, float64, shape (images,).

    Examples
    --------
    >>> top1, original = np.array([[0, 1, 1, 1]]), np.array([0, 0, 1, 0])
    >>> guess_correct(top1, original=original).round(3)
    array([[0.919, 0.3  , 0.919, 0.3  ]])
    >>> guess_label_valid(top1, guess_correct(top1, original=original), original).round(3)
    array([0.919, 0.55 , 0.919, 0.55 ])
    """
    check_shape(top1, ("models", "images"), value_name="predicted classes")
    check_shape(guesses, top1.shape, value_name="guesses")
    check_shape(original, top1.shape[1:], value_name="original labels")
    agreement = (guesses - _CORRECT_AT_NO_CONFIDENCE) / _CORRECT_PER_AGREEMENT
    wrong = _LABEL_WRONG_AT_NO_CONFIDENCE + _LABEL_WRONG_PER_AGREEMENT * agreement
    return np.asarray(np.where(top1 == original, guesses, 1 - wrong).mean(axis=0))


def add_scores_to_guesses(
    guesses: _Floats,
    scores: Scores,
    images: Sequence[str],
    class_ids: npt.NDArray[np.integer],
    *,
    match: Match = "path",
) -> tuple[_Floats, float]:
    """Combine guesses that classes are valid with scores of these classes: the mean of both log odds.

    Parameters
    ----------
    guesses
        Probabilities such as `guess_correct` returns, shape (models, images).
    scores
        Probabilities that classes are valid, in the class list of `class_ids`; for example from votes of models.
    images
        Names of the images.
    class_ids
        The class that each guess is about, shape (models, images).
    match
        Which part of a name identifies an image.

    Returns
    -------
    tuple
        The combined guesses, in the shape of `guesses`, and the share of the guesses that have a score. Guesses about
        classes without a score stay the same.

    Examples
    --------
    >>> from reassess.core import Questions
    >>> scores = Scores(Questions.from_columns(["a.png", "b.png"], np.array([0, 1])), np.array([0.7, 0.1]))
    >>> guesses, share = add_scores_to_guesses(np.full((1, 2), 0.9), scores, ["b.png", "a.png"], np.array([[1, 1]]))
    >>> guesses, share
    (array([[0.5, 0.9]]), 0.5)
    """
    rows = match_images(images, scores.images, match=match, where="the predictions", known_where="the scores")
    image_rows = np.broadcast_to(rows, class_ids.shape)
    positions = scores.questions.find_positions(image_rows.ravel(), class_ids.ravel()).reshape(class_ids.shape)
    has_score = (image_rows >= 0) & (positions >= 0)
    probabilities = np.clip(scores.values[positions[has_score]], 1 - _MAX_AGREEMENT, _MAX_AGREEMENT)
    odds = np.sqrt(probabilities / (1 - probabilities) * guesses[has_score] / (1 - guesses[has_score]))
    combined = guesses.copy()
    combined[has_score] = odds / (1 + odds)
    return combined, float(has_score.mean())


def _agreement_by_confidence(agrees: npt.NDArray[np.bool_], confidences: npt.NDArray[np.floating] | None) -> _Floats:
    """Measure the share of agreeing images around each image's confidence; it never falls with the confidence."""
    from scipy.optimize import isotonic_regression

    if confidences is None:
        return np.full(agrees.size, agrees.mean())
    bin_count = min(_CONFIDENCE_BINS, agrees.size)
    edges = np.quantile(confidences, np.arange(1, bin_count) / bin_count)
    bins = np.searchsorted(edges, confidences, side="right")
    sizes = np.bincount(bins, minlength=bin_count)
    filled = sizes > 0  # equal confidences leave bins empty
    shares = np.bincount(bins, weights=agrees, minlength=bin_count)[filled] / sizes[filled]
    agreement = np.zeros(bin_count)
    agreement[filled] = isotonic_regression(shares, weights=sizes[filled]).x
    return agreement[bins]


def guess_differences(top1: npt.NDArray[np.integer], guesses: _Floats) -> tuple[_Floats, _Floats]:
    """Guess mean and variance of the differences between models, for each image, as means over all pairs of models.

    Two different predictions of an image are assumed never to be both correct.

    Returns
    -------
    tuple
        The mean squared difference and the variance, float64, shape (images,) each; both are 0 where all models
        predict the same class.

    Examples
    --------
    >>> square, variance = guess_differences(np.array([[0, 1], [0, 2]]), np.array([[0.9, 0.6], [0.9, 0.2]]))
    >>> square, variance.round(2)
    (array([0. , 0.8]), array([0.  , 0.64]))
    """
    n_models, n_images = top1.shape
    square, variance = np.zeros(n_images), np.zeros(n_images)
    for first in range(n_models):
        for second in range(first):
            differ = top1[first] != top1[second]
            a, b = guesses[first][differ], guesses[second][differ]
            square[differ] += a + b
            variance[differ] += a + b - (a - b) ** 2
    pairs = n_models * (n_models - 1) / 2
    return square / pairs, variance / pairs
