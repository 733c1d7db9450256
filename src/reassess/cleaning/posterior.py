"""The probability that each label is right, given what a model says of the image when it is held out.

`noise_model` says what is assumed. The sharpening is the one under which the labels are likeliest, each sharpening with
the matrix of mistakes and the biases of classes that EM finds for it. All images count for both: on labels that were
left out of EM, a sharpening looks worse for each mistake that is seen a few times only, and with few images nearly all
are. How much mistakes are pulled towards what an image looks like cannot be learned from the labels: a wrong shape of
the calibration looks the same. It is `PULL`, of people's mistakes as measured where the truth is known; and people who
check a sample of the labels correct what follows from it.

A model that is calibrated for the labels as they are, mistakes and all, explains them without one mistake: that one
label in ten is another class, whatever the image, is then what it says of every image. No model is that unsure of the
true class of every image. So the sharpening is at least that at which some images are certain: 3 % of them to 99 %.
Such images, whose true class is beyond doubt, are the anchor points of Patrini et al., "Making Deep Neural Networks
Robust to Label Noise: a Loss Correction Approach" (CVPR 2017), who take the 97th percentile for them. A poor model has
none: if mistakes are then expected among its most certain images more often than their labels are another class,
nothing is raised.
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize_scalar

from reassess.cleaning.candidates import ClassCandidates
from reassess.cleaning.noise_model import Expectation, NoiseModel

__all__ = ["PULL", "fit_noise"]

PULL = 0.15  # 0.15 to 0.2 fits CIFAR-10N's answers best where the true classes are given; labels wrong at random have 0
_LEAST_SHARPENING, _MOST_SHARPENING = 0.25, 8.0  # between which it is sought
_ANCHORS, _CERTAIN = 0.03, 0.99  # the share of images that are so certain at least
_SAMPLE, _SAMPLE_A_CLASS = 50_000, 100  # images on which the calibration is found, the larger of the two
_STEPS = 20  # of EM at most for each sharpening that is tried, all from the same start


def fit_noise(images: ClassCandidates, *, seed: int = 0) -> tuple[NoiseModel, Expectation]:
    """Calibration and matrix of mistakes together, and the posterior of each image.

    Parameters
    ----------
    images
        What each image may be; the order of the images plays a part in rounding, and in which of them are sampled.
    seed
        Of the sample on which the calibration is found.
    """
    by_label = np.argsort(images.labels(), kind="stable")  # those of a label look up the same: then it is in a cache
    back = np.argsort(by_label)
    side_by_side = images.of_rows(by_label)
    start = NoiseModel.start(images.classes, pull=PULL)
    drawn = side_by_side.of_rows(np.sort(back[_drawn(images, seed)]))
    sharpening = max(_least_sharpening(drawn, start), _likeliest_sharpening(drawn, start))
    model, found = start.sharpened(sharpening).fitted(side_by_side)
    return model, found.of_rows(back)


def _drawn(images: ClassCandidates, seed: int) -> npt.NDArray[np.int64]:
    """Images on which the calibration is found, by chance."""
    most = max(_SAMPLE, _SAMPLE_A_CLASS * images.classes)
    return np.random.default_rng(seed).permutation(len(images))[:most]


def _likeliest_sharpening(images: ClassCandidates, start: NoiseModel) -> float:
    """That under which the labels are likeliest."""

    def unlikelihood(log_sharpening: float) -> float:
        _, found = start.sharpened(math.exp(log_sharpening)).fitted(images, most=_STEPS)
        return -float(found.logs.mean())

    bounds = math.log(_LEAST_SHARPENING), math.log(_MOST_SHARPENING)
    return math.exp(minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 0.01}).x)


def _least_sharpening(images: ClassCandidates, start: NoiseModel) -> float:
    """That at which as many images are certain as must be, if their labels do not speak against it."""

    def missing(log_sharpening: float) -> float:
        return _CERTAIN - float(np.quantile(images.certainty(math.exp(log_sharpening)), 1 - _ANCHORS))

    low, high = math.log(_LEAST_SHARPENING), math.log(_MOST_SHARPENING)
    if missing(low) <= 0:
        return _LEAST_SHARPENING
    found = high if missing(high) >= 0 else brentq(missing, low, high, xtol=0.01)
    certain = images.certainty(math.exp(found))
    anchors = images.of_rows(np.flatnonzero(certain >= np.quantile(certain, 1 - _ANCHORS)))
    model, _ = replace(start, sharpening=math.exp(found), smoothing=1.0).fitted(images, most=_STEPS)
    return math.exp(found) if _explains(model, anchors) else _LEAST_SHARPENING


def _explains(model: NoiseModel, anchors: ClassCandidates) -> bool:
    """Whether labels are another class than the most probable as often as the model expects, but for chance."""
    first = np.argmax(anchors.logs, axis=1).astype(np.int32)
    others = int(np.count_nonzero(anchors.place != first))
    expected = float((1 - np.exp(model.expect(replace(anchors, place=first)).logs)).sum())
    return expected <= others + math.sqrt(others + 1)  # a standard error of the count
