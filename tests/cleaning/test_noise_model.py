"""The model of label noise: compared with a slow reference, and tested by laws."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reassess.cleaning import noise_model
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.cleaning.noise_model import NoiseModel, fit_noise_model
from reassess.numeric.label_noise_kernels import NEGLIGIBLE
from tests.cleaning.simulated import candidates_of, matrix_of, simulate, wrong_labels

Floats = npt.NDArray[np.float64]


def some_case(seed: int, count: int = 30, classes: int = 4) -> tuple[ClassCandidates, NoiseModel]:
    """Draw images and parameters; with an odd seed, images have fewer candidates than classes."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.full(classes, 0.5), count)
    images = candidates_of(scores, rng.integers(0, classes, count))
    if seed % 2:
        width = classes - 1 - seed % 3 % 2
        order = np.stack([rng.permutation(classes) for _ in range(count)]).astype(np.int32)
        logs = np.take_along_axis(images.log_probabilities, order, axis=1)
        others = np.exp(logs[:, width:].astype(np.float64))
        tails = np.log(np.stack([others.sum(axis=1), (others**2).sum(axis=1)], axis=1)).astype(np.float32)
        place = rng.integers(0, width, count).astype(np.int32)
        images = ClassCandidates(order[:, :width], logs[:, :width], place, tails, classes)
    model = NoiseModel(
        calibration_exponent=float(rng.uniform(0.5, 2)),
        similarity_exponent=float(rng.choice([0.0, 0.15, 0.6])),
        lookalike_rate=float(rng.choice([0.0, 0.1, 0.4])),
        biases=rng.normal(0, 0.5, classes),
        mistake_matrix=rng.dirichlet(np.ones(classes), classes),
        smoothing=float(rng.choice([1.0, 10.0])),
    )
    return images, model


def slow_expectation(images: ClassCandidates, model: NoiseModel) -> dict[str, list[object]]:
    """Compute the expectation with loops over images, true classes and labels."""
    classes = images.n_classes
    floor = 0.01 / classes
    counts = [[0.0] * classes for _ in range(classes)]
    lookalike_counts = [[0.0] * classes for _ in range(classes)]
    exposure = [[0.0] * classes for _ in range(classes)]
    chances, truths = [0.0] * classes, [0.0] * classes
    logs: list[object] = []
    correct: list[object] = []
    likeliest: list[object] = []
    others = classes - images.class_ids.shape[1]
    elsewhere = [np.mean([model.mistake_matrix[t, j] for t in range(classes) if t != j]) for j in range(classes)]
    rows = zip(
        images.class_ids.tolist(),
        images.log_probabilities.tolist(),
        images.label_columns.tolist(),
        images.log_sums_of_other_classes.tolist(),
        strict=True,
    )
    for ids, q, place, (first, second) in rows:
        weights = {
            t: math.exp(model.calibration_exponent * log) * math.exp(model.biases[t])
            for t, log in zip(ids, q, strict=True)
        }
        rest = 0.0
        if others:  # a parabola through the logarithms of number, sum and sum of squares
            b = model.calibration_exponent
            parts = (math.log(others) * (1 - b) * (2 - b) / 2, first * b * (2 - b), second * b * (b - 1) / 2)
            rest = math.exp(sum(parts))
        total = sum(weights.values()) + rest
        s = {t: weight / total for t, weight in weights.items()}
        of_each = rest / total / others if others else 0.0
        draw = [max(s.get(j, of_each), floor) ** model.similarity_exponent for j in range(classes)]
        seen = {t: sum(model.mistake_matrix[t, k] * draw[k] for k in range(classes)) for t in ids}
        label = ids[place]
        rate = model.lookalike_rate
        by_matrix = {t: (1 - rate) * s[t] * model.mistake_matrix[t, label] * draw[label] / seen[t] for t in ids}
        others_of = {t: sum(s[j] for j in ids if j != t) + rest / total for t in ids}
        by_image = {t: 0.0 if t == label else rate * s[t] * s[label] / others_of[t] for t in ids}
        joint = {t: by_matrix[t] + by_image[t] for t in ids}
        drawn = max(of_each, floor) ** model.similarity_exponent
        drawn += sum(elsewhere[j] * (draw[j] - max(of_each, floor) ** model.similarity_exponent) for j in ids)
        of_rest = (1 - rate) * rest / total * elsewhere[label] * draw[label] / drawn
        image_of_rest = rate * rest / total * s[label]
        likelihood = sum(joint.values()) + of_rest + image_of_rest
        posterior = {t: joint[t] / likelihood for t in ids}
        for t in ids:
            chances[t] += s[t]
            truths[t] += posterior[t]
            counts[t][label] += posterior[t]
            lookalike_counts[t][label] += by_image[t] / likelihood
            for j in range(classes):
                exposure[t][j] += by_matrix[t] / likelihood * draw[j] / seen[t]
        for t in range(classes):  # a true class that is not a candidate can be any class except the label
            chances[t] += rest / total / classes
            if t != label:
                part = of_rest / likelihood / (classes - 1)
                part_by_image = image_of_rest / likelihood / (classes - 1)
                truths[t] += part + part_by_image
                counts[t][label] += part + part_by_image
                lookalike_counts[t][label] += part_by_image
                for j in range(classes):
                    exposure[t][j] += part
        logs.append(math.log(likelihood))
        correct.append(posterior[label])
        likeliest.append(max(sorted(ids), key=posterior.__getitem__))
    return {
        "counts_by_truth_and_label": counts,
        "lookalike_counts": lookalike_counts,
        "matrix_divisors": exposure,
        "prior_sums": chances,
        "posterior_sums": truths,
        "label_log_probabilities": logs,
        "label_quality": correct,
        "likeliest_ids": likeliest,
    }


@pytest.mark.parametrize("seed", range(8))
def test_expectation_equals_the_slow_reference(seed: int) -> None:
    images, model = some_case(seed)
    found = model.compute_expected_truths(images)
    for name, expected in slow_expectation(images, model).items():
        assert getattr(found, name) == pytest.approx(np.array(expected), rel=1e-6), name


@pytest.mark.parametrize("seed", range(4))
def test_only_negligible_true_classes_are_left_out(seed: int) -> None:
    """The model is certain, with a large similarity exponent; the bound covers this, and keeps the label."""
    rng = np.random.default_rng(seed)
    images = candidates_of(rng.dirichlet(np.full(12, 0.1), 300), rng.integers(0, 12, 300))
    noise = rng.dirichlet(np.full(12, 0.3), 12) + 1e-5
    model = NoiseModel(2.0, 0.6, 0.1 * (seed % 2), np.zeros(12), noise / noise.sum(axis=1, keepdims=True), 1.0)
    found, expected = model.compute_expected_truths(images), slow_expectation(images, model)
    for name in ("label_quality", "counts_by_truth_and_label", "posterior_sums"):
        off = np.abs(getattr(found, name) - np.array(expected[name]))
        assert off.max() <= 12 * NEGLIGIBLE * (1 if name == "label_quality" else len(images)), name
    single = images.select_rows(np.arange(1))
    pruned, whole = (
        model.compute_expected_truths(single).counts_by_truth_and_label,
        np.array(slow_expectation(single, model)["counts_by_truth_and_label"]),
    )
    assert ((pruned == 0) & (whole > 0)).sum() >= 1
    assert not (whole[pruned == 0] > NEGLIGIBLE).any()
    assert (found.label_quality > 0).all()


def test_chunks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    images, model = some_case(0, count=500)
    whole = model.compute_expected_truths(images)
    monkeypatch.setattr(noise_model, "_CHUNK_SIZE", 7)
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(noise_model, "thread_count", lambda threads=threads: threads)
        results.append(model.compute_expected_truths(images))
    for name in vars(whole):
        assert np.array_equal(getattr(results[0], name), getattr(results[1], name))
        assert getattr(results[0], name) == pytest.approx(getattr(whole, name), rel=1e-12)


def test_ties_go_to_the_lower_id_and_no_label_is_certain() -> None:
    ids, no_tails = np.array([[2, 0, 1]], np.int32), np.full((1, 2), -np.inf, np.float32)
    images = ClassCandidates(ids, np.zeros((1, 3), np.float32), np.zeros(1, np.int32), no_tails, 3)
    even = replace(NoiseModel.make_initial_model(3, similarity_exponent=0.0), mistake_matrix=np.full((3, 3), 1 / 3))
    assert even.compute_expected_truths(images).likeliest_ids.tolist() == [0]
    sure = candidates_of(np.array([[1.0, 0.0, 0.0]]), [0])
    found = replace(
        NoiseModel.make_initial_model(3, similarity_exponent=0.15), calibration_exponent=2.0
    ).compute_expected_truths(sure)
    assert np.count_nonzero(found.counts_by_truth_and_label) == 1
    assert 0 < 1 - found.label_quality[0] < NEGLIGIBLE


cases = st.integers(0, 10_000)


@given(seed=cases)
@example(seed=41)  # most labels are wrong
@settings(max_examples=30, deadline=None)
def test_posteriors_and_rows_of_the_matrix_add_up_to_one(seed: int) -> None:
    images, model = some_case(seed)
    found = model.compute_expected_truths(images)
    assert found.counts_by_truth_and_label.sum() == pytest.approx(len(images))
    assert found.posterior_sums.sum() == pytest.approx(len(images))
    assert found.counts_by_truth_and_label.sum(axis=1) == pytest.approx(found.posterior_sums)
    assert ((found.label_quality >= 0) & (found.label_quality <= 1)).all()
    improved = model.update_parameters(found)
    assert improved.mistake_matrix.sum(axis=1) == pytest.approx(np.ones(4))
    assert (improved.mistake_matrix > 0).all()


@given(seed=cases, biases=st.booleans())
@settings(max_examples=30, deadline=None)
def test_likelihood_never_falls(seed: int, biases: bool) -> None:
    """This holds for matrix and rate with any similarity exponent, and for biases with exponent 0; without smoothing.

    With a lookalike rate, biases also change which wrong labels follow the image, so they are not tested together.

    All classes are candidates, because only the sum of probabilities is known for other classes.
    """
    images, model = some_case(2 * seed)
    model = replace(model, smoothing=1e-12)
    if biases:
        model = replace(model, similarity_exponent=0.0, lookalike_rate=0.0)
    level = -np.inf
    for _ in range(15):
        found = model.compute_expected_truths(images)
        assert found.label_log_probabilities.sum() >= level - 1e-9
        level = found.label_log_probabilities.sum()
        model = replace(model.update_parameters(found), biases=model.biases)
        if biases:  # without the 1 that `maximize` adds to the sums
            model = replace(model, biases=model.biases + np.log(found.posterior_sums / found.prior_sums))


@pytest.mark.parametrize(("kind", "share"), [("uniform", 0.2), ("pairs", 0.3), ("uniform", 0.0)])
def test_known_matrix_is_found_with_a_calibrated_model(kind: str, share: float) -> None:
    rng = np.random.default_rng(1)
    scores, truth = simulate(20_000, 5, 3.0, rng)
    labels = wrong_labels(truth, 5, share, kind, rng)
    model, found = NoiseModel.make_initial_model(5, similarity_exponent=0.0).fit(candidates_of(scores, labels))
    assert np.abs(model.mistake_matrix - matrix_of(truth, labels, 5)).mean() < 0.008
    assert 1 - found.label_quality.mean() == pytest.approx(share, abs=0.012)


def test_model_with_the_similarity_exponent_of_the_labels_finds_the_share() -> None:
    """With exponent 0 instead of the similarity exponent of the labels, the model finds too few wrong labels."""
    rng = np.random.default_rng(2)
    scores, truth = simulate(30_000, 4, 2.0, rng)
    matrix = np.full((4, 4), 0.1) + 0.6 * np.eye(4)
    weights = matrix[truth] * np.maximum(scores, 0.01 / 4) ** 0.5
    weights /= weights.sum(axis=1, keepdims=True)
    labels = (rng.random((truth.size, 1)) > np.cumsum(weights, axis=1)[:, :-1]).sum(axis=1)
    share = (labels != truth).mean()
    images = candidates_of(scores, labels)
    shares = {}
    for exponent in (0.0, 0.5):
        model, found = NoiseModel.make_initial_model(4, similarity_exponent=exponent).fit(images)
        shares[exponent] = 1 - found.label_quality.mean()
    assert shares[0.5] == pytest.approx(share, abs=0.015)
    assert np.abs(model.mistake_matrix - matrix).max() < 0.04
    assert shares[0.0] < share - 0.02


def second_labels(scores: Floats, truth: npt.NDArray[np.int64], share: float) -> npt.NDArray[np.int64]:
    """Make a share of labels wrong: the likeliest class of the image except the true class."""
    others = scores.copy()
    others[np.arange(truth.size), truth] = -1
    wrong = np.random.default_rng(3).random(truth.size) < share
    return np.asarray(np.where(wrong, others.argmax(axis=1), truth))


def test_labels_that_look_like_the_image_are_found() -> None:
    """The likelihood chooses a lookalike rate; without it, the labels are much less likely, and EM keeps the rate 0."""
    rng = np.random.default_rng(4)
    scores, truth = simulate(10_000, 6, 6.0, rng)
    labels = second_labels(scores, truth, 0.2)
    model, found = fit_noise_model(candidates_of(scores, labels))
    assert 1 - found.label_quality.mean() == pytest.approx((labels != truth).mean(), abs=0.05)  # measured: 0.034
    assert model.lookalike_rate > 0.15
    without, expected = replace(model, lookalike_rate=0.0).fit(candidates_of(scores, labels))
    assert without.lookalike_rate == 0.0
    assert expected.label_log_probabilities.sum() < found.label_log_probabilities.sum() - 100


@given(seed=cases)
@settings(max_examples=10, deadline=None)
def test_random_mistakes_have_no_lookalike_rate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, truth = simulate(1_000, 4, 4.0, rng)
    model, _ = fit_noise_model(candidates_of(scores, wrong_labels(truth, 4, 0.2, "uniform", rng)))
    assert model.lookalike_rate < 0.05
