"""The probability that each label is right, given what a model says of the image when it is held out.

`noise_model` says what is assumed. The sharpening, how strongly the matrix of mistakes is smoothed, and whether classes
have biases are those under which labels of images on which the rest was not estimated are likeliest. How much mistakes
are pulled towards what an image looks like cannot be learned from the labels: a wrong shape of the calibration looks
the same. It is `PULL`, of people's mistakes as measured where the truth is known; and people who check a sample of the
labels correct what follows from it.

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
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize_scalar

from reassess.cleaning.candidates import ClassCandidates
from reassess.cleaning.noise_model import Expectation, NoiseModel

__all__ = ["PULL", "fit_noise"]

PULL = 0.15  # 0.15 to 0.2 fits CIFAR-10N's answers best where the true classes are given; labels wrong at random have 0
_SHARPENING = 0.25, 8.0  # among which it is sought
_ANCHORS, _CERTAIN = 0.03, 0.99  # the share of images that are so certain at least
_SMOOTHINGS = 1.0, 10.0, 100.0
_SAMPLE, _SAMPLE_A_CLASS = 50_000, 100  # images on which the calibration is found, the larger of the two
_STEPS = 8  # of EM for each sharpening that is tried: each goes on from the last


def fit_noise(images: ClassCandidates, *, seed: int = 0) -> tuple[NoiseModel, Expectation]:
    """Calibration and matrix of mistakes together, and the posterior of each image.

    Parameters
    ----------
    images
        What each image may be; the order of the images plays a part in rounding, and in which of them are sampled.
    seed
        Of the sample on which the calibration is found, and of its halves.
    """
    by_label = np.argsort(images.labels(), kind="stable")  # those of a label look up the same: then it is in a cache
    back = np.argsort(by_label)
    side_by_side = images.of_rows(by_label)
    model, with_biases = _calibrated(side_by_side, back[_drawn(images, seed)])
    model, found = model.fitted(side_by_side, with_biases=with_biases)
    return model, found.of_rows(back)


def _drawn(images: ClassCandidates, seed: int) -> npt.NDArray[np.int64]:
    """Images on which the calibration is found, by chance."""
    most = max(_SAMPLE, _SAMPLE_A_CLASS * images.classes)
    return np.random.default_rng(seed).permutation(len(images))[:most]


def _calibrated(images: ClassCandidates, drawn: npt.NDArray[np.int64]) -> tuple[NoiseModel, bool]:
    """A model to start from, with the sharpening and the smoothing that suit some images; and whether it has biases."""
    if drawn.size < 2:
        return NoiseModel.start(images.classes, pull=PULL, smoothing=_SMOOTHINGS[0]), False
    halves = [images.of_rows(np.sort(half)) for half in np.array_split(drawn, 2)]
    first, *others = (_Trial(halves, *options) for options in product(_SMOOTHINGS, (False, True)))
    least = _least_sharpening(images.of_rows(np.sort(drawn)), first.start)
    sharpening = max(least, first.sharpening())
    best = min((first, *others), key=lambda trial: trial.unlikelihood(sharpening))
    return best.start.sharpened(max(least, best.sharpening())), best.with_biases


class _Trial:
    """Labels of each half of a sample of images, under what is estimated on the other half.

    Each estimate goes on from the one before.
    """

    def __init__(self, halves: list[ClassCandidates], smoothing: float, with_biases: bool) -> None:
        self.with_biases = with_biases
        self.start = NoiseModel.start(halves[0].classes, pull=PULL, smoothing=smoothing)
        self._halves, self._models = halves, [self.start] * 2

    def unlikelihood(self, sharpening: float) -> float:
        """The negative log-likelihood of the labels."""
        total = 0.0
        for number, (learned, judged) in enumerate((self._halves, self._halves[::-1])):
            model = self._models[number].sharpened(sharpening)
            self._models[number], _ = model.fitted(learned, with_biases=self.with_biases, most=_STEPS)
            total -= float(self._models[number].expect(judged).logs.sum())
        return total

    def sharpening(self) -> float:
        """That under which the labels are likeliest."""
        low, high = map(math.log, _SHARPENING)
        found = minimize_scalar(
            lambda log: self.unlikelihood(math.exp(log)), bounds=(low, high), method="bounded", options={"xatol": 0.01}
        )
        return math.exp(found.x)


def _least_sharpening(images: ClassCandidates, start: NoiseModel) -> float:
    """That at which as many images are certain as must be, if their labels do not speak against it."""

    def missing(log_sharpening: float) -> float:
        return _CERTAIN - float(np.quantile(images.certainty(math.exp(log_sharpening)), 1 - _ANCHORS))

    low, high = map(math.log, _SHARPENING)
    if missing(low) <= 0:
        return _SHARPENING[0]
    found = high if missing(high) >= 0 else brentq(missing, low, high, xtol=0.01)
    certain = images.certainty(math.exp(found))
    anchors = images.of_rows(np.flatnonzero(certain >= np.quantile(certain, 1 - _ANCHORS)))
    model, _ = start.sharpened(math.exp(found)).fitted(images, with_biases=False, most=_STEPS)
    return math.exp(found) if _explains(model, anchors) else _SHARPENING[0]


def _explains(model: NoiseModel, anchors: ClassCandidates) -> bool:
    """Whether labels are another class than the most probable as often as the model expects, but for chance."""
    first = np.argmax(anchors.logs, axis=1).astype(np.int32)
    others = int(np.count_nonzero(anchors.place != first))
    expected = float((1 - np.exp(model.expect(replace(anchors, place=first)).logs)).sum())
    return expected <= others + math.sqrt(others + 1)  # a standard error of the count
