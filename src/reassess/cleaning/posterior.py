"""The probability that each label is right, given the predictions of models that were not trained on the image.

`noise_model` states the assumptions. The chosen sharpening makes the labels most likely, where EM fits the matrix of
mistakes and the biases of classes for each sharpening. All images are used for both. If labels were left out of EM, a
sharpening would look worse for each mistake that was seen only a few times, and with few images most mistakes are.

How strongly mistakes are pulled towards what an image looks like cannot be learned from the labels: a wrong shape of
the calibration looks the same. Whether they are pulled can be. People's mistakes are pulled by `PULL`, measured where
the truth is known, and random mistakes are not pulled. People confuse the classes that the model confuses. So the pull
is `PULL` if enough mistakes are between such classes and the labels are about as likely with the pull as without it. It
is 0 if there are few such mistakes or the labels are much less likely, and between 0 and `PULL` in cases of doubt. With
two classes, or with fewer sampled images than entries of the matrix (always with more than 223 classes), this cannot be
seen, and the pull is `PULL`.

A model that is calibrated for the labels, mistakes included, explains them without any mistake: one label in ten is
then another class for every image. But no model is that unsure of the true class of every image. So the sharpening
makes at least some images certain: 3 % of them get 99 %. Images whose true class is beyond doubt are the anchor points
of Patrini et al., "Making Deep Neural Networks Robust to Label Noise: a Loss Correction Approach" (CVPR 2017), who take
the 97th percentile. A poor model has no such images. So the sharpening is not raised if the model would then expect
more mistakes among its most certain images than their labels show.
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize_scalar
from scipy.sparse import csr_array
from scipy.special import expit

from reassess.cleaning.candidates import ClassCandidates
from reassess.cleaning.noise_model import Expectation, NoiseModel

__all__ = ["PULL", "fit_noise"]

PULL = 0.15  # 0.15 to 0.2 fits CIFAR-10N's answers best where the true classes are given
_FEW_FOLLOW, _MANY_FOLLOW = 0.02, 0.03  # shares of labels: the pull is 0 below the first, whole above the second
_LEAST_LIKELY = -3.0  # log-likelihood ratio of the pull at which half of it is left
_LEAST_SHARPENING, _MOST_SHARPENING = 0.25, 8.0  # between which it is sought
_ANCHORS, _CERTAIN = 0.03, 0.99  # the share of images that are so certain at least
_SAMPLE, _SAMPLE_A_CLASS = 50_000, 100  # images on which the calibration is found, the larger of the two
_STEPS = 20  # of EM at most for each sharpening that is tried, all from the same start


def fit_noise(images: ClassCandidates, *, seed: int = 0) -> tuple[NoiseModel, Expectation]:
    """Fit the calibration and the matrix of mistakes together; the posterior of each image follows.

    Parameters
    ----------
    images
        The classes that each image may be. The order of the images affects rounding, and the sample.
    seed
        Seed of the sample that the calibration is fitted to.
    """
    by_label = np.argsort(images.labels(), kind="stable")  # images of one label read the same column of the matrix
    back = np.argsort(by_label)
    side_by_side = images.of_rows(by_label)
    drawn = side_by_side.of_rows(np.sort(back[_drawn(images, seed)]))
    model, found = _calibrated(drawn, pull=PULL)
    if images.classes > 2 and len(drawn) >= images.classes**2:
        random, found_random = _calibrated(drawn, pull=0.0)
        weight = _weight_of_following(drawn, random, found_random)
        ratio = float(found.logs.sum() - found_random.logs.sum())
        weight *= float(expit(ratio - _LEAST_LIKELY))
        sharpening = random.sharpening ** (1 - weight) * model.sharpening**weight
        start = model if weight > 0.5 else random
        model = replace(start, pull=weight * PULL, sharpening=sharpening)
    model, found = model.fitted(side_by_side)
    return model, found.of_rows(back)


def _drawn(images: ClassCandidates, seed: int) -> npt.NDArray[np.int64]:
    """Draw the images that the calibration is fitted to."""
    most = max(_SAMPLE, _SAMPLE_A_CLASS * images.classes)
    return np.random.default_rng(seed).permutation(len(images))[:most]


def _calibrated(images: ClassCandidates, *, pull: float) -> tuple[NoiseModel, Expectation]:
    """Fit the sharpening and the matrix for a pull."""
    start = NoiseModel.start(images.classes, pull=pull)
    sharpening = max(_least_sharpening(images, start), _likeliest_sharpening(images, start))
    return start.sharpened(sharpening).fitted(images)


def _weight_of_following(images: ClassCandidates, model: NoiseModel, found: Expectation) -> float:
    """How much the mistakes look like people's, from 0 to 1: whether they are between classes that the model confuses.

    The mistakes of each true class are a mixture: some are spread like the model's probabilities, the others evenly.
    The share of the first kind is squared, since that told people's mistakes from random ones best.
    """
    chances = images.probabilities(model.sharpening, model.biases)
    starts = np.arange(0, images.ids.size + 1, images.ids.shape[1])
    of_images = csr_array((chances.ravel(), images.ids.ravel(), starts), shape=(len(images), images.classes))
    confused = (of_images.T @ of_images).toarray()
    np.fill_diagonal(confused, 0)
    confused /= np.maximum(confused.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    mistakes = found.counts.copy()
    np.fill_diagonal(mistakes, 0)
    seen = mistakes > 0
    counts, follows = mistakes[seen], confused[seen] * (images.classes - 1)

    def unlikelihood(share: float) -> float:
        return -float(counts @ np.log1p(share * (follows - 1)))

    share = minimize_scalar(unlikelihood, bounds=(0, 1 - 1e-6), method="bounded").x
    following = share**2 * counts.sum() / len(images)
    return float(np.clip((following - _FEW_FOLLOW) / (_MANY_FOLLOW - _FEW_FOLLOW), 0, 1))


def _likeliest_sharpening(images: ClassCandidates, start: NoiseModel) -> float:
    """Find the sharpening that makes the labels most likely."""

    def unlikelihood(log_sharpening: float) -> float:
        _, found = start.sharpened(math.exp(log_sharpening)).fitted(images, most=_STEPS)
        return -float(found.logs.mean())

    bounds = math.log(_LEAST_SHARPENING), math.log(_MOST_SHARPENING)
    return math.exp(minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 0.01}).x)


def _least_sharpening(images: ClassCandidates, start: NoiseModel) -> float:
    """Find the sharpening that makes enough images certain, unless their labels contradict it."""

    def missing(log_sharpening: float) -> float:
        certainty = images.probabilities(math.exp(log_sharpening)).max(axis=1)
        return _CERTAIN - float(np.quantile(certainty, 1 - _ANCHORS))

    low, high = math.log(_LEAST_SHARPENING), math.log(_MOST_SHARPENING)
    if missing(low) <= 0:
        return _LEAST_SHARPENING
    found = high if missing(high) >= 0 else brentq(missing, low, high, xtol=0.01)
    certain = images.probabilities(math.exp(found)).max(axis=1)
    anchors = images.of_rows(np.flatnonzero(certain >= np.quantile(certain, 1 - _ANCHORS)))
    model, _ = replace(start, sharpening=math.exp(found), smoothing=1.0).fitted(images, most=_STEPS)
    return math.exp(found) if _explains(model, anchors) else _LEAST_SHARPENING


def _explains(model: NoiseModel, anchors: ClassCandidates) -> bool:
    """Whether labels differ from the most probable class at least as often as the model expects, within chance."""
    first = np.argmax(anchors.logs, axis=1).astype(np.int32)
    others = int(np.count_nonzero(anchors.place != first))
    expected = float((1 - np.exp(model.expect(replace(anchors, place=first)).logs)).sum())
    return expected <= others + math.sqrt(others + 1)  # a standard error of the count
