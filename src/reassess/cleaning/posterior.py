"""The probability that each label is right, given what a model says of the image when it is held out.

`noise_model` says what is assumed. The sharpening is that under which the labels are likeliest; so are the biases of
classes, if labels of images on which they were not estimated are likelier with them. How much mistakes are pulled
towards what an image looks like cannot be learned from the labels: a wrong shape of the calibration looks the same. It
is `PULL`, of people's mistakes as measured where the truth is known; and people who check a sample of the labels
correct what follows from it.
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from reassess.cleaning.candidates import ClassCandidates
from reassess.cleaning.noise_model import Expectation, NoiseModel

__all__ = ["PULL", "fit_noise"]

PULL = 0.15  # 0.15 to 0.2 fits CIFAR-10N's answers best where the true classes are given; labels wrong at random have 0
_SHARPENING = 0.25, 8.0  # among which it is sought
_SAMPLE = 50_000  # images on which the calibration is found, where there are more
_STEPS = 20  # of EM for each sharpening that is tried: each goes on from the last


def fit_noise(images: ClassCandidates, *, seed: int = 0) -> tuple[NoiseModel, Expectation]:
    """Calibration and matrix of mistakes together, and the posterior of each image.

    Parameters
    ----------
    images
        What each image may be; the order of the images plays a part in rounding, and in which of them are sampled.
    seed
        Of the sample on which the calibration is found, and of its halves.
    """
    order = np.random.default_rng(seed).permutation(len(images))[:_SAMPLE]
    halves = np.array_split(order, 2)
    with_biases = order.size > 1 and _held_out(images, halves, True) > _held_out(images, halves, False)
    model = _sharpened(images.of_rows(order), with_biases)
    return model.fitted(images, with_biases=with_biases)


def _held_out(images: ClassCandidates, halves: list[npt.NDArray[np.int64]], with_biases: bool) -> float:
    """Log-likelihood of the labels of each half under what is estimated on the other."""
    total = 0.0
    for learned, judged in (halves, halves[::-1]):
        model = _sharpened(images.of_rows(learned), with_biases)
        total += float(model.expect(images.of_rows(judged)).logs.sum())
    return total


def _sharpened(images: ClassCandidates, with_biases: bool) -> NoiseModel:
    """The model under which the labels of some images are likeliest."""
    model = replace(NoiseModel.start(images.classes), pull=PULL)

    def unlikelihood(log_sharpening: float) -> float:
        nonlocal model
        tried = replace(model, sharpening=math.exp(log_sharpening))
        model, found = tried.fitted(images, with_biases=with_biases, most=_STEPS)
        return -float(found.logs.mean())

    low, high = map(math.log, _SHARPENING)
    best = minimize_scalar(unlikelihood, bounds=(low, high), method="bounded", options={"xatol": 0.01})
    return replace(model, sharpening=math.exp(best.x))
