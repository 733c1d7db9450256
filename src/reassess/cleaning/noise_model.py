"""How labels come about from true classes, estimated together with the calibration of the model that was held out.

**The model.** An image's true class is t with the calibrated probability s_t, proportional to q_t^b exp(c_t): q is what
the model says of the image when it is held out, b sharpens, and c are biases of classes. The label is j with
probability A_tj s_j^g / sum over k of A_tk s_k^g: a matrix of mistakes, pulled towards classes that the image looks
like. Without the pull g, mistakes depend on the true class alone.

EM finds A and c given b and g. Each row of A is smoothed by one label for each class, of which as many are right as
there are on average: so there are never many more numbers to find than labels.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.cleaning.candidates import ClassCandidates
from reassess.numeric.jit import thread_count
from reassess.numeric.noise_kernels import expect_noise

__all__ = ["Expectation", "NoiseModel"]

_Floats = npt.NDArray[np.float64]
_FLOOR = 0.01  # of an even chance: the least probability that pulls
_CHUNK, _CHUNKS = 1 << 14, 16  # images at most, while there are no more chunks than the number
_TOLERANCE = 1e-6  # of the mean log-likelihood
_MOST_STEPS = 200
_START = 0.8  # share of right labels


@dataclass(frozen=True)
class Expectation:
    """What one step of EM finds: counts over images, and the posterior of each image.

    Parameters
    ----------
    counts, exposure
        float64, shape (classes, classes): expected number of images of a true class, the row, with a label, the
        column; and what counts are divided by for the next matrix.
    chances, truths
        float64, shape (classes,): sums of calibrated probabilities and of posteriors.
    logs, right
        float64, shape (images,): log-probability of the label, and the probability that it is right.
    likeliest
        int32, shape (images,): the most probable class.
    """

    counts: _Floats
    exposure: _Floats
    chances: _Floats
    truths: _Floats
    logs: _Floats
    right: _Floats
    likeliest: npt.NDArray[np.int32]

    def of_rows(self, rows: npt.NDArray[np.integer]) -> "Expectation":
        """The posterior of some images; counts stay those of all."""
        return replace(self, logs=self.logs[rows], right=self.right[rows], likeliest=self.likeliest[rows])


@dataclass(frozen=True)
class NoiseModel:
    """The parameters: see the head of this module.

    Parameters
    ----------
    sharpening, pull
        b and g.
    biases
        float64, shape (classes,): c.
    noise
        float64, shape (classes, classes): A; rows add up to 1.
    smoothing
        How many labels of each true class are added when A is estimated: as many right ones as there are on average,
        and the others of any class.
    """

    sharpening: float
    pull: float
    biases: _Floats
    noise: _Floats
    smoothing: float

    @classmethod
    def start(cls, classes: int, *, pull: float) -> "NoiseModel":
        """Labels of which most are right, and a model that is calibrated."""
        noise = np.full((classes, classes), (1 - _START) / max(1, classes - 1))
        np.fill_diagonal(noise, _START if classes > 1 else 1.0)
        return cls(1.0, pull, np.zeros(classes), noise, float(classes))

    def expect(self, images: ClassCandidates) -> Expectation:
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
            expect_noise(
                images.ids[part],
                images.logs[part],
                images.place[part],
                images.tails[part],
                others,
                self.sharpening,
                self.biases,
                pairs,
                elsewhere,
                self.pull,
                _FLOOR / classes,
                counts,
                image,
                logs[part],
                right[part],
                likeliest[part],
            )
            return counts, pairs[:, :, 1], image

        counts, exposure, per_class = np.zeros((classes, classes)), np.zeros((classes, classes)), np.zeros((4, classes))
        with ThreadPoolExecutor(thread_count()) as pool:
            for of_part, exposure_of_part, image in pool.map(step, map(slice, edges[:-1], edges[1:])):
                counts += of_part
                exposure += exposure_of_part
                per_class += image
        chances, truths, shared, of_others = per_class
        if others:  # true classes that are no candidates: any but the label
            spread = of_others / (classes - 1)
            counts += spread
            counts[np.diag_indices(classes)] -= spread
            chances += (count - chances.sum()) / classes
            truths += spread.sum() - spread
            shared += spread.sum() - spread
        exposure += (shared if self.pull else truths)[:, None]
        return Expectation(counts, exposure, chances, truths, logs, right, likeliest)

    def sharpened(self, sharpening: float) -> "NoiseModel":
        """The same parameters with another sharpening."""
        return replace(self, sharpening=sharpening)

    def improved(self, found: Expectation) -> "NoiseModel":
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

    def fitted(self, images: ClassCandidates, *, most: int = _MOST_STEPS) -> tuple["NoiseModel", Expectation]:
        """The matrix of mistakes and the biases, by EM; and the last expectation."""
        model, before = self, -np.inf
        for _ in range(most):
            found = model.expect(images)
            level = float(found.logs.mean())
            if level - before < _TOLERANCE:
                break
            model, before = model.improved(found), level
        return model, found
