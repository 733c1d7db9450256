"""A model of label noise, estimated together with the calibration of the held-out model.

**The model.** The true class of an image is t with the calibrated probability s_t, proportional to q_t^b exp(c_t),
where q is the held-out prediction, b is the calibration exponent, and c are biases of classes. Given the true class t,
the label is j with the probability A_tj s_j^g / sum over k of A_tk s_k^g. A is the matrix of mistakes. The factor s_j^g
is the similarity factor: it makes labels more likely that the image looks like. Its exponent g is the similarity
exponent. With g = 0, mistakes depend only on the true class.

A share e of all images, the lookalike rate, does not follow A. Their label is a class j other than t with the
probability s_j / (1 - s_t): a class that the image looks like, whatever its true class is.

EM estimates A, c and e for given b and g. Each row of A is smoothed by as many labels as there are classes, with the
average share of correct labels, so that the number of estimated parameters is never much larger than the number of
labels.

**Calibration exponent.** The power b calibrates the predictions: it is above 1 if the model is underconfident.
`fit_noise_model` runs EM for each b it tries, and chooses the b with the highest likelihood of the labels. Both steps
use all images. If some images were held out of EM, each mistake that occurs only a few times would make a value of b
look worse, and with few images, most mistakes are of this kind.

**Similarity exponent.** The labels do not show how large g is, because a wrong shape of the calibration has the same
effect. They do show whether g is 0. People confuse the same classes as the model, and for their mistakes, g is
`MEASURED_EXPONENT`, as measured on data with known true classes. For random mistakes, g is 0. Therefore, g is
`MEASURED_EXPONENT` if enough mistakes are between classes that the model confuses, and if the labels are about as
likely as with g = 0. It is 0 if there are few such mistakes, or if the labels are much less likely than with g = 0. In
between, it is interpolated. With two classes, or with fewer sampled images than entries of the matrix (always with more
than 223 classes), the labels cannot show whether g is 0, and it is `MEASURED_EXPONENT`.

**Lookalike rate.** e is 0 unless the labels are clearly more likely with a higher e: for random mistakes, or with few
images, an estimate of e is noise. If the labels cannot show whether g is 0, e is 0 too, which saves time.

**One rate of mistakes.** With many images, small errors of the calibration look like kinds of mistakes in A, and then
labels of classes that the model confuses seem wrong. Therefore, all mistakes get the same rate in A if their
likelihood is hardly higher with a rate for each kind, and if g is below half of `MEASURED_EXPONENT`.

**Profiles.** If a model has learned many mistakes, its probabilities of a class and of its usual wrong label are
similar for each image of the class. But they are similar in the same way. If all classes are candidates (at most 16
classes), a second kind of calibration is therefore tried: log q_t is replaced by minus the Kullback-Leibler
divergence of the prediction from the profile of class t, which is the mean prediction of the images with the most
probable class t. The kind with the higher likelihood of the labels is used.

**Certain images.** If the model is calibrated for the labels, including their mistakes, it explains them without any
mistakes: with 10 % wrong labels, each image has another class with probability 0.1. But no model is this uncertain
about the true class of all images. Therefore, the calibration exponent is at least so high that 3 % of the images get a
probability of 99 %. Images whose true class is certain are the anchor points of Patrini et al., "Making Deep Neural
Networks Robust to Label Noise: a Loss Correction Approach" (CVPR 2017), who use the 97th percentile. A poor model has
no such images. Therefore, the calibration exponent is not raised if the model would then expect more mistakes
among its most certain images than their labels have.
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
from reassess.numeric.label_noise_kernels import run_e_step

_Floats = npt.NDArray[np.float64]
_MIN_SIMILARITY_PROBABILITY = 0.01  # lowest s_j in the similarity factor, as a multiple of 1 / classes
_CHUNK_SIZE, _MAX_CHUNKS = 1 << 14, 16  # images per chunk, and the largest number of chunks
_TOLERANCE = 1e-6  # EM stops if the mean log-likelihood grows by less
_MAX_STEPS = 200  # of EM
_START_CORRECT_SHARE = 0.8  # share of correct labels at the start of EM
_START_LOOKALIKE_RATE = 0.1
_MIN_RATE_GAIN = 3.0  # of the log-likelihood, for a lookalike rate above 0; by chance it is seldom above 1.7
_MIN_PROFILE_GAIN = 10.0  # of the log-likelihood, to compare predictions with profiles
_MIN_MATRIX_GAIN = 0.12  # of the log-likelihood per wrong label, for different rates in the matrix of mistakes
_MIN_IMAGES_PER_MISTAKE = 50  # images per entry of the matrix, to give all mistakes the same rate
_ONE_RATE = 1e9  # smoothing that makes all mistakes equally frequent
MEASURED_EXPONENT = 0.15  # with the true classes known, 0.15 to 0.2 fits the answers of CIFAR-10N best
# Shares of labels that are mistakes between confused classes: the similarity exponent is 0 below the first share, and
# `MEASURED_EXPONENT` above the second share.
_MIN_CONFUSED_SHARE, _MAX_CONFUSED_SHARE = 0.02, 0.03
_HALF_EXPONENT_LOG_RATIO = -3.0  # log-likelihood ratio of the similarity factor that halves g
_MIN_EXPONENT, _MAX_EXPONENT = 0.25, 8.0  # range of the search
_ANCHOR_SHARE, _MIN_ANCHOR_CERTAINTY = 0.03, 0.99  # this share of the images has at least this certainty
# Images for the calibration: the larger number, in total or per class.
_SAMPLE_SIZE, _SAMPLE_SIZE_PER_CLASS = 50_000, 100
_MAX_SEARCH_STEPS = (
    20  # largest number of EM steps for each calibration exponent that is tried; all have the same start
)


@dataclass(frozen=True)
class ExpectedTruths:
    """Result of an E-step of EM: sums over all images, and the posterior of each image."""

    # (classes, classes): expected number of images by true class, the row, and label, the column
    counts_by_truth_and_label: _Floats
    lookalike_counts: _Floats  # (classes, classes): the part of these counts that the lookalike rate explains
    matrix_divisors: _Floats  # (classes, classes): the next matrix is the counts divided by these
    prior_sums: _Floats  # (classes,): sums of calibrated probabilities, before the labels are known
    posterior_sums: _Floats  # (classes,): sums of posteriors
    label_log_probabilities: _Floats  # (images,): log-probability of the label
    label_quality: _Floats  # (images,): probability that the label is correct
    likeliest_ids: npt.NDArray[np.int32]  # (images,): the most probable class

    def select_rows(self, rows: npt.NDArray[np.integer]) -> "ExpectedTruths":
        """Return the results of some images; the sums still include all images."""
        return replace(
            self,
            label_log_probabilities=self.label_log_probabilities[rows],
            label_quality=self.label_quality[rows],
            likeliest_ids=self.likeliest_ids[rows],
        )


@dataclass(frozen=True)
class NoiseModel:
    """Parameters of the model of label noise; the symbols are explained at the top of the module."""

    calibration_exponent: float  # b: power of the held-out probabilities that calibrates them
    similarity_exponent: float  # g: how strongly mistakes favour classes that the image looks like
    lookalike_rate: float  # e: probability that the label follows the image instead of the matrix
    biases: _Floats  # (classes,): c, added to the log-probabilities
    mistake_matrix: _Floats  # (classes, classes): A, probability of each label given the true class, the row
    # Number of labels that are added to each true class to estimate A, with the average share of correct labels; the
    # wrong labels are spread over all other classes.
    smoothing: float
    profiles: _Floats | None = None  # for `ClassCandidates.compare_with_profiles`, before the calibration

    @classmethod
    def make_initial_model(cls, n_classes: int, *, similarity_exponent: float = 0.0) -> "NoiseModel":
        """Create the model that EM starts from: predictions are calibrated, and most labels are correct."""
        noise = np.full((n_classes, n_classes), (1 - _START_CORRECT_SHARE) / max(1, n_classes - 1))
        np.fill_diagonal(noise, _START_CORRECT_SHARE if n_classes > 1 else 1.0)
        return cls(1.0, similarity_exponent, 0.0, np.zeros(n_classes), noise, float(n_classes))

    def compute_expected_truths(self, images: ClassCandidates) -> ExpectedTruths:
        """Run the E-step of EM: compute the posterior of each image, and the sums for the next parameters.

        The images are split into chunks, whose sums are added in order, so that the result does not depend on the
        number of threads.
        """
        count, classes = len(images), images.n_classes
        n_other_classes = classes - images.class_ids.shape[1]
        elsewhere = (self.mistake_matrix.sum(axis=0) - self.mistake_matrix.diagonal()) / max(1, classes - 1)
        logs, correct, likeliest = np.empty(count), np.empty(count), np.empty(count, np.int32)
        chunks = min(_MAX_CHUNKS, -(-count // _CHUNK_SIZE))
        edges = [count * chunk // chunks for chunk in range(chunks + 1)]  # of equal size, so that no thread waits

        def compute_chunk_sums(chunk: slice) -> tuple[_Floats, _Floats, _Floats]:
            pairs = np.zeros((classes, classes, 2))
            pairs[:, :, 0] = self.mistake_matrix
            counts, image = np.zeros((classes, classes, 2)), np.zeros((5, classes))
            arrays = (
                array[chunk]
                for array in (
                    images.class_ids,
                    images.log_probabilities,
                    images.label_columns,
                    images.log_sums_of_other_classes,
                )
            )
            model = (
                self.calibration_exponent,
                self.biases,
                pairs,
                elsewhere,
                self.similarity_exponent,
                self.lookalike_rate,
                _MIN_SIMILARITY_PROBABILITY / classes,
            )
            run_e_step(*arrays, *model, counts, image, logs[chunk], correct[chunk], likeliest[chunk])
            return counts, pairs[:, :, 1], image

        counts, exposure, per_class = (
            np.zeros((classes, classes, 2)),
            np.zeros((classes, classes)),
            np.zeros((5, classes)),
        )
        with ThreadPoolExecutor(thread_count()) as pool:
            for chunk_counts, chunk_exposure, image in pool.map(compute_chunk_sums, map(slice, edges[:-1], edges[1:])):
                counts += chunk_counts
                exposure += chunk_exposure
                per_class += image
        chances, truths, shared, *not_candidates = per_class
        if n_other_classes:  # a true class that is not a candidate can be any class except the label
            spread = np.stack(not_candidates, axis=1) / (classes - 1)
            counts += spread
            counts[np.diag_indices(classes)] -= spread
            chances += (count - chances.sum()) / classes
            truths += spread.sum() - spread.sum(axis=1)
            shared += spread[:, 0].sum() - spread[:, 0]
        by_matrix, by_image = counts.transpose(2, 0, 1)
        exposure += (shared if self.similarity_exponent else by_matrix.sum(axis=1))[:, None]
        return ExpectedTruths(by_matrix + by_image, by_image, exposure, chances, truths, logs, correct, likeliest)

    def update_parameters(self, expected: ExpectedTruths) -> "NoiseModel":
        """Run the M-step of EM: compute the next matrix of mistakes, lookalike rate and biases."""
        classes = self.biases.size
        noise = expected.counts_by_truth_and_label - expected.lookalike_counts
        wrong = 1 - np.trace(noise) / noise.sum()
        wrong_per_class = wrong / max(1, classes - 1)
        noise += self.smoothing * wrong_per_class
        noise[np.diag_indices(classes)] += self.smoothing * (1 - wrong - wrong_per_class)
        noise /= expected.matrix_divisors + self.smoothing
        noise /= noise.sum(axis=1, keepdims=True)
        rate = expected.lookalike_counts.sum() / expected.counts_by_truth_and_label.sum()
        change = np.log((expected.posterior_sums + 1) / (expected.prior_sums + 1))
        return replace(self, mistake_matrix=noise, lookalike_rate=float(rate), biases=self.biases + change)

    def fit(self, images: ClassCandidates, *, max_steps: int = _MAX_STEPS) -> tuple["NoiseModel", ExpectedTruths]:
        """Estimate the matrix of mistakes and the biases by EM; also return the last expected truths."""
        model, last_level = self, -np.inf
        for _ in range(max_steps):
            expected = model.compute_expected_truths(images)
            level = float(expected.label_log_probabilities.mean())
            if level - last_level < _TOLERANCE:
                break
            model, last_level = model.update_parameters(expected), level
        return model, expected


def fit_noise_model(images: ClassCandidates, *, seed: int = 0) -> tuple[NoiseModel, ExpectedTruths]:
    """Fit the model of label noise to all images; also return the posterior of each image."""
    by_label = np.argsort(images.labels(), kind="stable")  # faster: images of one label read one column of the matrix
    original_order = np.argsort(by_label)
    ordered = images.select_rows(by_label)
    sample_size = max(_SAMPLE_SIZE, _SAMPLE_SIZE_PER_CLASS * images.n_classes)
    sample = ordered.select_rows(
        np.sort(original_order[np.random.default_rng(seed).permutation(len(images))[:sample_size]])
    )
    start = NoiseModel.make_initial_model(images.n_classes)
    can_compare = images.n_classes > 2 and len(sample) >= images.n_classes**2
    profiles = sample.mean_by_first_class() if can_compare and sample.has_all_classes else None
    if profiles is not None:
        compared = sample.compare_with_profiles(profiles)
        losses = [-_calibrate_and_fit(each, start)[1].label_log_probabilities.sum() for each in (sample, compared)]
        if losses[1] < losses[0] - _MIN_PROFILE_GAIN:
            sample, ordered = compared, ordered.compare_with_profiles(profiles)
        else:
            profiles = None
    fit = _fit_with_lookalike_rate if can_compare else _calibrate_and_fit
    model, expected = fit(sample, replace(start, similarity_exponent=MEASURED_EXPONENT))
    if can_compare:
        without_similarity, expected_without_similarity = _fit_with_lookalike_rate(sample, start)
        weight = _estimate_share_of_lookalike_mistakes(sample, without_similarity, expected_without_similarity)
        weight *= float(expit(_gain(expected, expected_without_similarity) - _HALF_EXPONENT_LOG_RATIO))
        if weight < 0.5 and len(sample) >= _MIN_IMAGES_PER_MISTAKE * images.n_classes**2:
            one_rate, expected_one_rate = _fit_with_lookalike_rate(sample, replace(start, smoothing=_ONE_RATE))
            gain = _gain(expected_without_similarity, expected_one_rate)
            if gain < _MIN_MATRIX_GAIN * (1 - expected_one_rate.label_quality).sum():
                without_similarity = one_rate
        calibration_exponent = (
            without_similarity.calibration_exponent ** (1 - weight) * model.calibration_exponent**weight
        )
        model = replace(
            model if weight > 0.5 else without_similarity,
            similarity_exponent=weight * MEASURED_EXPONENT,
            calibration_exponent=calibration_exponent,
        )
    model, expected = model.fit(ordered)
    return replace(model, profiles=profiles), expected.select_rows(original_order)


def _gain(expected: ExpectedTruths, other: ExpectedTruths) -> float:
    """Return by how much the log-likelihood of all labels is higher than with the other model."""
    return float(expected.label_log_probabilities.sum() - other.label_log_probabilities.sum())


def _fit_with_lookalike_rate(images: ClassCandidates, start: NoiseModel) -> tuple[NoiseModel, ExpectedTruths]:
    """Fit the model; its lookalike rate is 0 unless a higher rate makes the labels clearly more likely."""
    model, expected = _calibrate_and_fit(images, start)
    _, with_rate = replace(model, lookalike_rate=_START_LOOKALIKE_RATE).fit(images)
    if _gain(with_rate, expected) < _MIN_RATE_GAIN:
        return model, expected
    return _calibrate_and_fit(images, replace(start, lookalike_rate=_START_LOOKALIKE_RATE))


def _calibrate_and_fit(images: ClassCandidates, start: NoiseModel) -> tuple[NoiseModel, ExpectedTruths]:
    """Find the calibration exponent, and fit all other parameters, except the similarity exponent, to the images."""
    calibration_exponent = max(
        _find_lowest_exponent_with_certain_images(images, start), _find_likeliest_calibration_exponent(images, start)
    )
    return replace(start, calibration_exponent=calibration_exponent).fit(images)


def _estimate_share_of_lookalike_mistakes(
    images: ClassCandidates, model: NoiseModel, expected: ExpectedTruths
) -> float:
    """Estimate how strongly wrong labels depend on what the image looks like, from 0 (not at all) to 1.

    It is 1 if labels and the model confuse the same classes, and 0 if they confuse different classes.
    """
    # The mistakes of each true class are a mixture: some are distributed like the model's probabilities, the other
    # mistakes uniformly. The share of the first kind is squared, because this separates people's mistakes from random
    # mistakes best.
    chances = images.calibrate(model.calibration_exponent, model.biases)
    starts = np.arange(0, images.class_ids.size + 1, images.class_ids.shape[1])
    by_image = csr_array((chances.ravel(), images.class_ids.ravel(), starts), shape=(len(images), images.n_classes))
    confused = (by_image.T @ by_image).toarray()
    np.fill_diagonal(confused, 0)
    confused /= np.maximum(confused.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    mistakes = expected.counts_by_truth_and_label - expected.lookalike_counts
    np.fill_diagonal(mistakes, 0)
    has_mistakes = mistakes > 0
    counts, ratios = mistakes[has_mistakes], confused[has_mistakes] * (images.n_classes - 1)

    def compute_mixture_loss(share: float) -> float:
        """Return the negative log-likelihood of the mistakes, if a share of them follows the probabilities."""
        return -float(counts @ np.log1p(share * (ratios - 1)))

    share = minimize_scalar(compute_mixture_loss, bounds=(0, 1 - 1e-6), method="bounded").x
    confused_share = share**2 * counts.sum() / len(images)
    return float(np.clip((confused_share - _MIN_CONFUSED_SHARE) / (_MAX_CONFUSED_SHARE - _MIN_CONFUSED_SHARE), 0, 1))


def _find_likeliest_calibration_exponent(images: ClassCandidates, start: NoiseModel) -> float:
    """Find the calibration exponent with the highest likelihood of the labels."""

    def compute_label_loss(log_exponent: float) -> float:
        """Return the negative log-likelihood of the labels, per image."""
        _, expected = replace(start, calibration_exponent=math.exp(log_exponent)).fit(
            images, max_steps=_MAX_SEARCH_STEPS
        )
        return -float(expected.label_log_probabilities.mean())

    bounds = math.log(_MIN_EXPONENT), math.log(_MAX_EXPONENT)
    return math.exp(minimize_scalar(compute_label_loss, bounds=bounds, method="bounded", options={"xatol": 0.01}).x)


def _find_lowest_exponent_with_certain_images(images: ClassCandidates, start: NoiseModel) -> float:
    """Find the lowest calibration exponent at which enough images have a class with a probability near 1.

    If the labels of these images contain fewer mistakes than the model then expects, return the minimum instead.
    """

    def compute_gap_to_required_certainty(log_exponent: float) -> float:
        """Return by how much the most certain images miss the required probability; 0 or less if they reach it."""
        max_probabilities = images.calibrate(math.exp(log_exponent)).max(axis=1)
        return _MIN_ANCHOR_CERTAINTY - float(np.quantile(max_probabilities, 1 - _ANCHOR_SHARE))

    low, high = math.log(_MIN_EXPONENT), math.log(_MAX_EXPONENT)
    if compute_gap_to_required_certainty(low) <= 0:
        return _MIN_EXPONENT
    calibration_exponent = math.exp(
        high
        if compute_gap_to_required_certainty(high) >= 0
        else brentq(compute_gap_to_required_certainty, low, high, xtol=0.01)
    )
    max_probabilities = images.calibrate(calibration_exponent).max(axis=1)
    certain_images = images.select_rows(
        np.flatnonzero(max_probabilities >= np.quantile(max_probabilities, 1 - _ANCHOR_SHARE))
    )
    model, _ = replace(start, calibration_exponent=calibration_exponent, smoothing=1.0).fit(
        images, max_steps=_MAX_SEARCH_STEPS
    )
    return calibration_exponent if _has_enough_mistakes(model, certain_images) else _MIN_EXPONENT


def _has_enough_mistakes(model: NoiseModel, certain_images: ClassCandidates) -> bool:
    """Return whether labels are wrong at least as often as expected, on images where the model is almost certain."""
    first_columns = np.argmax(certain_images.log_probabilities, axis=1).astype(np.int32)
    n_different = int(np.count_nonzero(certain_images.label_columns != first_columns))
    expected = float(
        (
            1
            - np.exp(
                model.compute_expected_truths(
                    replace(certain_images, label_columns=first_columns)
                ).label_log_probabilities
            )
        ).sum()
    )
    return expected <= n_different + math.sqrt(n_different + 1)  # the count may be low by a standard error
