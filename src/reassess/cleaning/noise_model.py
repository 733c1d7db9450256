"""A model of label noise, estimated together with the calibration of the held-out model.

**The model.** An image's true class is t with the calibrated probability s_t, proportional to q_t^b exp(c_t): q is the
held-out prediction, b sharpens, and c are biases of classes. The label is j with
probability A_tj s_j^g / sum over k of A_tk s_k^g: a matrix of mistakes, pulled towards classes that the image looks
like. Without the pull g, mistakes depend only on the true class.

EM finds A and c given b and g. Each row of A is smoothed by one label for each class, with the average share of correct
ones: so there are never many more numbers to find than labels.

**Sharpening.** `fit_noise` runs EM for each sharpening it tries, and takes the one that makes the labels most likely.
All images are used for both. If some were held out of EM, a sharpening would look worse for each mistake that was seen
only a few times, and with few images most mistakes are.

**Pull.** How strongly mistakes are pulled towards what an image looks like cannot be learned from the labels: a wrong
shape of the calibration looks the same. Whether they are pulled can be. People confuse the classes that the model
confuses, and their mistakes are pulled by `PULL`, measured where the truth is known. Random mistakes are not pulled. So
the pull is `PULL` if enough mistakes are between classes that the model confuses, and the labels are about as likely
with the pull as without it. It is 0 if there are few such mistakes or the labels are much less likely, and between 0
and `PULL` in cases of doubt. With two classes, or with fewer sampled images than entries of the matrix (always with
more than 223 classes), this cannot be seen, and the pull is `PULL`.

**Certain images.** A model that is calibrated for the labels, mistakes included, explains them without any mistake: one
label in ten is then another class for every image. But no model is that unsure of the true class of every image. So the
sharpening makes at least some images certain: 3 % of them get 99 %. Images whose true class is beyond doubt are the
anchor points of Patrini et al., "Making Deep Neural Networks Robust to Label Noise: a Loss Correction Approach" (CVPR
2017), who take the 97th percentile. A poor model has no such images. So the sharpening is not raised if the model would
then expect more mistakes among its most certain images than their labels show.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize_scalar
from scipy.sparse import csr_array
from scipy.special import expit

from reassess.cleaning.class_candidates import ClassCandidates
from reassess.numeric.jit import thread_count
from reassess.numeric.label_noise_kernels import expect_noise

_Floats = npt.NDArray[np.float64]
_FLOOR = 0.01  # of an even chance: the least probability that pulls
_CHUNK, _CHUNKS = 1 << 14, 16  # images per chunk, and chunks, at most
_TOLERANCE = 1e-6  # of the mean log-likelihood
_MOST_STEPS = 200
_START = 0.8  # share of correct labels
PULL = 0.15  # 0.15 to 0.2 fits CIFAR-10N's answers best where the true classes are given
_FEW_FOLLOW, _MANY_FOLLOW = 0.02, 0.03  # shares of labels: the pull is 0 below the first, whole above the second
_LEAST_LIKELY = -3.0  # log-likelihood ratio of the pull at which half of it is left
_LEAST_SHARPENING, _MOST_SHARPENING = 0.25, 8.0  # between which it is sought
_ANCHORS, _CERTAIN = 0.03, 0.99  # the share of images that are so certain at least
_SAMPLE, _SAMPLE_A_CLASS = 50_000, 100  # images on which the calibration is found, the larger of the two
_STEPS = 20  # of EM at most for each sharpening that is tried, all from the same start


@dataclass(frozen=True)
class ExpectedTruths:
    """The E-step: counts over images, and the posterior of each image."""

    counts: _Floats  # (classes, classes): expected number of images of a true class, the row, with a label, the column
    exposure: _Floats  # (classes, classes): what counts are divided by for the next matrix
    chances: _Floats  # (classes,): sums of calibrated probabilities
    truths: _Floats  # (classes,): sums of posteriors
    logs: _Floats  # (images,): log-probability of the label
    correct: _Floats  # (images,): probability that the label is correct
    likeliest: npt.NDArray[np.int32]  # (images,): the most probable class

    def of_rows(self, rows: npt.NDArray[np.integer]) -> "ExpectedTruths":
        """The posterior of some images, with the counts of all."""
        return replace(self, logs=self.logs[rows], correct=self.correct[rows], likeliest=self.likeliest[rows])


@dataclass(frozen=True)
class NoiseModel:
    """The parameters: see the head of this module."""

    sharpening: float  # b
    pull: float  # g
    biases: _Floats  # (classes,): c
    noise: _Floats  # (classes, classes): A; rows add up to 1
    # Labels of each true class that are added to estimate A: as many correct ones as there are on average, the others
    # of any class.
    smoothing: float

    @classmethod
    def start(cls, classes: int, *, pull: float) -> "NoiseModel":
        """Start with mostly correct labels and a calibrated model."""
        noise = np.full((classes, classes), (1 - _START) / max(1, classes - 1))
        np.fill_diagonal(noise, _START if classes > 1 else 1.0)
        return cls(1.0, pull, np.zeros(classes), noise, float(classes))

    def expect(self, images: ClassCandidates) -> ExpectedTruths:
        """The posterior of each image, and what follows for the parameters.

        Images are taken in chunks that depend on nothing else, whose sums are added in order: the result is the same
        for any number of threads.
        """
        count, classes = len(images), images.classes
        others = classes - images.ids.shape[1]
        elsewhere = (self.noise.sum(axis=0) - self.noise.diagonal()) / max(1, classes - 1)
        logs, right, likeliest = np.empty(count), np.empty(count), np.empty(count, np.int32)
        chunks = min(_CHUNKS, -(-count // _CHUNK))
        edges = [count * chunk // chunks for chunk in range(chunks + 1)]  # even, so that no thread waits for another

        def step(part: slice) -> tuple[_Floats, _Floats, _Floats]:
            pairs = np.zeros((classes, classes, 2))
            pairs[:, :, 0] = self.noise
            counts, image = np.zeros((classes, classes)), np.zeros((4, classes))
            given = (array[part] for array in (images.ids, images.logs, images.place, images.tails))
            model = self.sharpening, self.biases, pairs, elsewhere, self.pull, _FLOOR / classes
            expect_noise(*given, *model, counts, image, logs[part], right[part], likeliest[part])
            return counts, pairs[:, :, 1], image

        counts, exposure, per_class = np.zeros((classes, classes)), np.zeros((classes, classes)), np.zeros((4, classes))
        with ThreadPoolExecutor(thread_count()) as pool:
            for of_part, exposure_of_part, image in pool.map(step, map(slice, edges[:-1], edges[1:])):
                counts += of_part
                exposure += exposure_of_part
                per_class += image
        chances, truths, shared, of_others = per_class
        if others:  # true classes that are not candidates: any except the label
            spread = of_others / (classes - 1)
            counts += spread
            counts[np.diag_indices(classes)] -= spread
            chances += (count - chances.sum()) / classes
            truths += spread.sum() - spread
            shared += spread.sum() - spread
        exposure += (shared if self.pull else truths)[:, None]
        return ExpectedTruths(counts, exposure, chances, truths, logs, right, likeliest)

    def improved(self, found: ExpectedTruths) -> "NoiseModel":
        """The parameters that an expectation asks for; sharpening and pull stay."""
        classes = self.biases.size
        wrong = 1 - np.trace(found.counts) / found.counts.sum()
        of_each = wrong / max(1, classes - 1)
        noise = found.counts + self.smoothing * of_each
        noise[np.diag_indices(classes)] += self.smoothing * (1 - wrong - of_each)
        noise /= found.exposure + self.smoothing
        noise /= noise.sum(axis=1, keepdims=True)
        moved = np.log((found.truths + 1) / (found.chances + 1))
        return replace(self, noise=noise, biases=self.biases + moved)

    def fitted(self, images: ClassCandidates, *, most: int = _MOST_STEPS) -> tuple["NoiseModel", ExpectedTruths]:
        """The matrix of mistakes and the biases, by EM; and the last expectation."""
        model, before = self, -np.inf
        for _ in range(most):
            found = model.expect(images)
            level = float(found.logs.mean())
            if level - before < _TOLERANCE:
                break
            model, before = model.improved(found), level
        return model, found


def fit_noise(images: ClassCandidates, *, seed: int = 0) -> tuple[NoiseModel, ExpectedTruths]:
    """Fit the calibration and the matrix of mistakes together; the posterior of each image follows."""
    by_label = np.argsort(images.labels(), kind="stable")  # images of one label read the same column of the matrix
    back = np.argsort(by_label)
    side_by_side = images.of_rows(by_label)
    most = max(_SAMPLE, _SAMPLE_A_CLASS * images.classes)
    drawn = side_by_side.of_rows(np.sort(back[np.random.default_rng(seed).permutation(len(images))[:most]]))
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


def _calibrated(images: ClassCandidates, *, pull: float) -> tuple[NoiseModel, ExpectedTruths]:
    """Fit the sharpening and the matrix for a pull."""
    start = NoiseModel.start(images.classes, pull=pull)
    sharpening = max(_least_sharpening(images, start), _likeliest_sharpening(images, start))
    return replace(start, sharpening=sharpening).fitted(images)


def _weight_of_following(images: ClassCandidates, model: NoiseModel, found: ExpectedTruths) -> float:
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
        _, found = replace(start, sharpening=math.exp(log_sharpening)).fitted(images, most=_STEPS)
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
