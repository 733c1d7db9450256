"""Methods that find label errors: compared with references, tested by laws, and on labels with known mistakes."""

import sys
import warnings
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.aggregation import GoldenQuestions
from reassess.cleaning import CleaningMethod, HeldOutPredictions, find_label_errors, noise_model
from reassess.cleaning.noise_model import fit_noise_model
from reassess.core import Cleaning, Predictions, Questions, Sample, UnknownClasses
from reassess.errors import ReassessWarning
from tests.cleaning.simulated import candidates_of, held_out_of, labels_of_classes, simulate, wrong_labels
from tests.helpers import Needs, code_of, fault_of, message

IMAGES, CLASSES = 600, 4
Digits = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]
pytestmark = pytest.mark.filterwarnings("ignore:classes where more than a third")


def noisy(
    share: float = 0.2, kind: str = "uniform", seed: int = 0, count: int = IMAGES
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Simulate scores, true classes, and labels with mistakes."""
    rng = np.random.default_rng(seed)
    scores, truth = simulate(count, CLASSES, 4.0, rng)
    return scores, truth, wrong_labels(truth, CLASSES, share, kind, rng)


def assert_same(first: Cleaning, second: Cleaning) -> None:
    """Check that two results are equal for each image, in any order of the images."""
    place = {image: row for row, image in enumerate(second.images)}
    rows = [place[image] for image in first.images]
    assert np.array_equal(first.is_kept, second.is_kept[rows])
    assert np.array_equal(first.label_quality, second.label_quality[rows], equal_nan=True)
    assert np.array_equal(first.suggested_class_ids, second.suggested_class_ids[rows])
    assert first.reasons == tuple(second.reasons[row] for row in rows)


@pytest.mark.filterwarnings("ignore:.*than chance")
@given(seed=st.integers(0, 10_000), repetitions=st.integers(1, 5), data=st.data())
@settings(max_examples=40, deadline=None)
def test_consistent_equals_counting(seed: int, repetitions: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[[0, 1, 2], rng.integers(0, 3, 12)]
    predicted = np.where(rng.random((repetitions, 15)) < 0.5, labels, rng.integers(0, 3, (repetitions, 15)))
    predicted[:, :3] = [0, 1, 2]  # then every class keeps an image
    sets = labels_of_classes(labels, 3)
    files = {f"{row}": Predictions.from_ids(ids, sets.images) for row, ids in enumerate(predicted)}
    at_least = data.draw(st.none() | st.integers(1, repetitions))
    cleaning = find_label_errors(
        HeldOutPredictions.from_predictions(files, sets), "consistent", min_repetitions=at_least
    )
    for column, label in enumerate(labels.tolist()):
        votes = Counter(predicted[:, column].tolist())
        needed = at_least or repetitions // 2 + 1
        assert cleaning.is_kept[column] == (votes[label] >= needed)
        most = [class_id for class_id in sorted(votes) if votes[class_id] == max(votes.values())]
        assert cleaning.suggested_class_ids[column] == (label if label in most else most[0])
        assert cleaning.reasons[column] == f"{votes[label]} of {repetitions} held-out predictions are the label"
    assert np.isnan(cleaning.label_quality).all()
    assert cleaning.noise is None


def test_prediction_without_a_class_is_not_the_label() -> None:
    labels = labels_of_classes([0, 1, 0, 1], 2)
    unknown = UnknownClasses(1, ("x",))
    model = Predictions.from_ids([0, 1, -1, 1], labels.images, unknown_classes=unknown)
    cleaning = find_label_errors(HeldOutPredictions.from_predictions({"a": model}, labels), "consistent")
    assert cleaning.is_kept.tolist() == [True, True, False, True]
    assert cleaning.suggested_class_ids.tolist() == [0, 1, -1, 1]


METHODS = pytest.mark.parametrize("method", ["posterior", "consistent"])


@METHODS
def test_order_of_images_files_and_rows_does_not_matter(
    method: CleaningMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, _, labels = noisy()
    rng = np.random.default_rng(1)
    second = np.exp(np.log(scores + 1e-9) + rng.normal(0, 0.5, scores.shape))
    third = np.exp(np.log(scores + 1e-9) + rng.normal(0, 0.7, scores.shape))
    sets = labels_of_classes(labels, CLASSES)
    images = np.array(sets.images)
    fold = rng.integers(0, 3, IMAGES)
    files = {
        f"{name}{part}": Predictions.from_scores(values[fold == part], images[fold == part])
        for name, values in (("a", scores), ("b", second), ("c", third))
        for part in range(3)
    }
    first = find_label_errors(HeldOutPredictions.from_predictions(files, sets), method)
    order = rng.permutation(IMAGES)
    shuffled_sets = labels_of_classes(labels[order], CLASSES, images[order].tolist())
    shuffled = {}
    for name in rng.permutation(list(files)).tolist():
        rows = rng.permutation(len(files[name]))
        shuffled[name] = Predictions.from_scores(files[name].scores[rows], np.array(files[name].images)[rows])
    monkeypatch.setattr(noise_model, "thread_count", lambda: 5)
    assert_same(first, find_label_errors(HeldOutPredictions.from_predictions(shuffled, shuffled_sets), method))


@METHODS
def test_repeating_each_repetition_changes_nothing(method: CleaningMethod) -> None:
    scores, _, labels = noisy()
    sets = labels_of_classes(labels, CLASSES)
    model = Predictions.from_scores(scores, sets.images)
    once, twice = (HeldOutPredictions.from_predictions(dict.fromkeys(names, model), sets) for names in ("a", "ab"))
    result, result_of_twice = find_label_errors(once, method), find_label_errors(twice, method)
    assert_same(replace(result, reasons=result_of_twice.reasons), result_of_twice)


def test_renumbered_classes_give_the_same_result() -> None:
    scores, _, labels = noisy()
    new = np.array([2, 0, 3, 1])
    renumbered_scores = np.empty_like(scores)
    renumbered_scores[:, new] = scores
    result = find_label_errors(held_out_of(scores, labels))
    renumbered = find_label_errors(held_out_of(renumbered_scores, new[labels]))
    assert renumbered.label_quality == pytest.approx(result.label_quality, abs=1e-3)
    assert (new[result.suggested_class_ids] == renumbered.suggested_class_ids).mean() > 0.99


def test_calibration_uses_a_sample_of_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, _, labels = noisy(count=3_000)
    whole = find_label_errors(held_out_of(scores, labels))
    monkeypatch.setattr(noise_model, "_SAMPLE_SIZE", 1_500)
    sampled = find_label_errors(held_out_of(scores, labels))
    assert not np.array_equal(whole.label_quality, sampled.label_quality)
    assert sampled.label_quality == pytest.approx(whole.label_quality, abs=0.2)
    assert sampled.noise.wrong_share == pytest.approx(whole.noise.wrong_share, abs=0.02)
    assert np.array_equal(find_label_errors(held_out_of(scores, labels)).label_quality, sampled.label_quality)


@pytest.mark.parametrize("precision", [0.9, 0.97, 0.999])
def test_precision_is_reached_with_the_most_images(precision: float) -> None:
    scores, _, labels = noisy()
    held_out = held_out_of(scores, labels)
    cleaning = find_label_errors(held_out, precision=precision)
    kept, dropped = cleaning.label_quality[cleaning.is_kept], cleaning.label_quality[~cleaning.is_kept]
    assert kept.mean() >= precision
    assert dropped.max() < kept.min()
    assert (kept.sum() + dropped.max()) / (kept.size + 1) < precision
    assert find_label_errors(held_out, threshold=0).is_kept.all()


@pytest.mark.parametrize("precision", [0.9, 0.95, 0.98])
def test_equally_likely_labels_are_kept_or_dropped_together(precision: float) -> None:
    """Eight kinds of images, 75 of each kind, with the same predictions for all images of a kind."""
    scores, _, labels = noisy(count=8, share=0.25)
    labels[:CLASSES] = np.arange(CLASSES)
    scores[:CLASSES] = 0.03 + 0.88 * np.eye(CLASSES)
    held_out = held_out_of(np.repeat(scores, 75, axis=0), np.repeat(labels, 75))
    cleaning = find_label_errors(held_out, precision=precision)
    assert cleaning.label_quality[cleaning.is_kept].mean() >= precision
    assert all(len(set(kind)) == 1 for kind in cleaning.is_kept.reshape(8, 75).tolist())


def test_error_for_an_unreachable_precision_names_the_highest() -> None:
    scores, _, labels = noisy()
    held_out = held_out_of(0.9 * scores + 0.1 / CLASSES, labels)
    most = np.floor(1e4 * find_label_errors(held_out).label_quality.max()) / 1e4
    assert message(find_label_errors, held_out, precision=1.0) == (
        f"no threshold reaches the requested precision\n  allowed: a precision of up to {most:.4f}\n  found:   1.0\n"
        "  fix:     use a lower precision"
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"threshold": 1.5}, "out-of-range"),
        ({"precision": -0.1}, "out-of-range"),
        ({"precision": float("nan")}, "out-of-range"),
        ({"method": "consistent", "min_repetitions": 2}, "out-of-range"),
        ({"method": "confident", "threshold": 0.5}, "unused-option"),
        ({"min_repetitions": 1}, "unused-option"),
        ({"method": "best"}, "unknown-name"),
    ],
)
def test_wrong_options_raise(options: dict[str, Any], code: str) -> None:
    assert code_of(find_label_errors, held_out_of(np.eye(2), [0, 1]), **options) == code


def ids_of(predicted: list[int], labels: list[int]) -> HeldOutPredictions:
    sets = labels_of_classes(labels, max(labels) + 1)
    return HeldOutPredictions.from_predictions({"ids.csv": Predictions.from_ids(predicted, sets.images)}, sets)


def test_predictions_that_do_not_fit_the_method_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_of(find_label_errors, ids_of([0, 1], [0, 1])) == "ids-only"
    held_out = ids_of([0, 0, 1, 1], [0, 0, 1, 2])
    assert fault_of(find_label_errors, held_out, "consistent") == ("empty", "no kept image of 2 (1 of 3 classes)")
    for module in ("cleanlab.filter", "cleanlab"):
        monkeypatch.setitem(sys.modules, module, None)
    assert code_of(find_label_errors, held_out, "confident") == "missing-package"


@pytest.mark.parametrize("keep", [0.0, 0.2, 0.5, 0.9])
def test_reason_depends_on_the_likeliest_class_and_the_threshold(keep: float) -> None:
    rng = np.random.default_rng(4)
    scores, truth = simulate(600, 3, 2.0, rng)
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        found = find_label_errors(held_out_of(scores, wrong_labels(truth, 3, 0.2, "uniform", rng)), threshold=keep)
    reasons = {
        (True, True): "the label is likely",
        (True, False): "likely enough, though another class is likelier",
        (False, True): "the label is not likely enough",
        (False, False): "another class is likelier",
    }
    states = zip(found.is_kept.tolist(), (found.suggested_class_ids == found.class_ids).tolist(), strict=True)
    assert list(found.reasons) == [reasons[state] for state in states]


@pytest.mark.filterwarnings("error")
def test_class_that_loses_more_than_a_third_warns() -> None:
    labels = [0, 0, 0, 1, 1, 1, 1, 1]
    find_label_errors(ids_of([0, 0, 1, 1, 1, 1, 1, 1], labels), "consistent")
    with pytest.warns(ReassessWarning, match=r"^classes where more than a third of .* seem wrong: 0 \(2 of 3\); look"):
        find_label_errors(ids_of([0, 1, 1, 1, 1, 1, 1, 1], labels), "consistent")


@pytest.mark.parametrize("labels", [[0], [0, 0, 0], [0, 1]])
def test_few_images_give_probabilities(labels: list[int]) -> None:
    """With one class, or with one image for each of two classes, nothing can be learned, but nothing fails."""
    classes = max(labels) + 1
    cleaning = find_label_errors(held_out_of(np.eye(classes)[labels] * 0.7 + 0.3 / classes, labels))
    assert cleaning.is_kept.all()
    assert np.isfinite(cleaning.label_quality).all()
    assert cleaning.noise.wrong_share == pytest.approx(0, abs=0.2 * max(labels))


def test_checked_labels_are_certain_and_suggestions_agree_with_them() -> None:
    scores, truth, labels = noisy()
    held_out = held_out_of(scores, labels)
    rows = np.random.default_rng(5).permutation(IMAGES)[:200]
    pairs = Questions.from_columns([held_out.labels.images[row] for row in rows], labels[rows])
    is_correct = truth[rows] == labels[rows]
    sample = Sample(pairs.images, np.full(200, 200 / IMAGES), ("",) * 200)
    cleaning = find_label_errors(held_out, checked_labels=GoldenQuestions(pairs, is_correct), sample=sample)
    assert cleaning.is_kept[rows].tolist() == is_correct.tolist()
    assert (cleaning.suggested_class_ids[rows][is_correct] == labels[rows][is_correct]).all()
    assert (cleaning.suggested_class_ids[rows][~is_correct] != labels[rows][~is_correct]).all()
    assert {cleaning.reasons[row] for row in rows.tolist()} == {"checked by people"}
    checked = cleaning.noise.checked_labels
    assert (checked.n_checked, checked.n_wrong) == (200, int((~is_correct).sum()))
    assert cleaning.noise.wrong_share == pytest.approx(1 - cleaning.label_quality.mean())


def test_labels_not_drawn_at_random_do_not_change_others() -> None:
    scores, truth, labels = noisy()
    held_out = held_out_of(scores, labels)
    rows = np.append(np.flatnonzero(truth != labels)[:40], np.flatnonzero(truth == labels)[0])
    pairs = Questions.from_columns([held_out.labels.images[row] for row in rows], labels[rows])
    by_hand = GoldenQuestions(pairs, np.arange(41) == 40)
    without_checks = find_label_errors(held_out)
    few = Sample(pairs.images, np.full(41, 0.5), ("",) * 41)
    for sample, drawn in ((None, 0), (few, 41)):
        cleaning = find_label_errors(held_out, checked_labels=by_hand, sample=sample)
        checked, unchecked = cleaning.noise.checked_labels, np.setdiff1d(np.arange(IMAGES), rows)
        assert (checked.n_checked, checked.n_wrong, checked.n_drawn) == (41, 40, drawn)
        assert (checked.interval, checked.corrected_wrong_share) == (None, None)
        assert (
            cleaning.noise.wrong_share
            == without_checks.noise.wrong_share
            == pytest.approx(checked.wrong_share_by_model)
        )
        assert (cleaning.label_quality[unchecked] == without_checks.label_quality[unchecked]).all()
        assert cleaning.is_kept[rows].tolist() == (np.arange(41) == 40).tolist()


@pytest.fixture(scope="module")
def digits(needs: Needs) -> Digits:
    needs("sklearn")
    return _load_digits()


@cache
def _load_digits() -> Digits:
    from sklearn.datasets import load_digits

    pixels, truth = load_digits(return_X_y=True)
    return pixels / 16, truth


@cache
def neighbours(share: float, kind: str) -> tuple[npt.NDArray[np.int64], HeldOutPredictions]:
    """Make digits with wrong labels, and held-out predictions of nearest neighbours."""
    pixels, truth = _load_digits()
    labels = wrong_labels(truth, 10, share, kind, np.random.default_rng(0))
    return labels, held_out_digits(pixels, labels)


def held_out_digits(
    images: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], model: Any = None
) -> HeldOutPredictions:
    """Predict five folds with a model that was trained on the others; by default, with nearest neighbours."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(15) if model is None else model
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(model, images, labels, cv=folds, method="predict_proba")
    return held_out_of(scores, labels)


@pytest.mark.parametrize(
    ("share", "kind", "recall", "precision"),
    [
        (0.05, "uniform", 0.944, 0.966),
        (0.05, "pairs", 0.978, 0.967),
        (0.2, "uniform", 0.975, 0.983),
        (0.2, "pairs", 0.961, 0.986),
        (0.4, "uniform", 0.979, 0.978),
    ],
)
@pytest.mark.filterwarnings("ignore:40.2 % of the labels seem wrong:reassess.ReassessWarning")
def test_wrong_labels_of_digits_are_dropped(
    share: float, kind: str, recall: float, precision: float, digits: Digits
) -> None:
    labels, held_out = neighbours(share, kind)
    cleaning = find_label_errors(held_out)
    check_recall_and_precision(cleaning, labels != digits[1], recall, precision)
    assert cleaning.noise.wrong_share == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("kind", ["uniform", "pairs", "some pairs"])
def test_share_is_near_the_true_share_if_mistakes_depend_only_on_the_class(kind: str) -> None:
    """The limit is on the mean absolute error over 4 random parts, for an underconfident model."""
    rng = np.random.default_rng(0)
    scores, truth = simulate(10_000, 10, 6.0, rng)
    softer = scores ** (1 / 1.5)
    labels = wrong_labels(truth, 10, 0.2, kind, rng)
    images = candidates_of(softer / softer.sum(axis=1, keepdims=True), labels)
    off = []
    for seed in range(4):
        rows = np.random.default_rng(seed).permutation(truth.size)[:1_000]
        off.append(
            1 - fit_noise_model(images.select_rows(rows))[1].label_quality.mean() - (labels != truth)[rows].mean()
        )
    assert np.abs(off).mean() <= 0.02


def test_wrong_labels_are_found_with_a_model_calibrated_for_them(digits: Digits) -> None:
    """For this model, every image could have another label, but the true class of some images is certain."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.neighbors import KNeighborsClassifier

    images, truth = digits
    labels = wrong_labels(truth, 10, 0.1, "uniform", np.random.default_rng(0))
    model = CalibratedClassifierCV(KNeighborsClassifier(15), method="isotonic", cv=3, ensemble=False)
    check_recall_and_precision(find_label_errors(held_out_digits(images, labels, model)), labels != truth, 0.978, 0.967)


def check_recall_and_precision(
    cleaning: Cleaning, wrong: npt.NDArray[np.bool_], recall: float, precision: float
) -> None:
    """Check that recall and precision of dropped labels are at most 0.02 below the measured values."""
    hits = (wrong & ~cleaning.is_kept).sum()
    assert hits / wrong.sum() >= recall - 0.02
    assert hits / (~cleaning.is_kept).sum() >= precision - 0.02


def warnings_of(held_out: HeldOutPredictions) -> list[str]:
    """Return the warnings of the method posterior, except about classes that lose more than a third."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ReassessWarning)
        find_label_errors(held_out)
    texts = [str(warning.message) for warning in caught if warning.category is ReassessWarning]
    return [text for text in texts if "more than a third" not in text]


SAMPLE = "have people check a sample of the labels"
CHECK = "check that no model was trained on the images that it predicts, or on copies of them"
CERTAIN = (
    "one class of each image has probability 1, so correct labels are dropped if the model is wrong\n"
    '  fix: pass probabilities of all classes, or use method="consistent"'
)
WARNINGS = {
    "sigmoids": "heldout.npz: scores are in [0, 1] and do not add up to 1, like outputs of sigmoids, so too few labels "
    "seem wrong\n  fix: pass logits, or probabilities that add up to 1",
    "best class": f"heldout.npz: {CERTAIN}",
    "tree": f"34.8 % of the labels seem wrong; the mistakes of a poor model look the same: {SAMPLE}",
    "forest": f"where the models are least sure, they agree with 99.4 % of the labels, like models that know the "
    f"labels: {CHECK}",
    "neighbours": "the models prefer another class for 20.9 % of the images, but only 0.0 % of the labels seem wrong: "
    f"{CHECK}, and {SAMPLE}",
    "regression": "the models agree with 100.00 % of the labels: the images are easy, or the models know the labels: "
    f"{CHECK}",
    "noise": "the label is the most probable class for only 43.6 % of the images; the mistakes of a poor model "
    f"count as wrong labels: {SAMPLE}",
    "bayes": "the models are too certain: to calibrate them, their probabilities are raised to the power "
    f"0.49; the share of wrong labels can be far off: {SAMPLE}",
}


def untrusted(digits: Digits, name: str) -> HeldOutPredictions:
    """Make scores that cannot be trusted: uncalibrated, of a poor model, or of a model that knows the labels."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    images, truth = digits
    labels, held_out = neighbours(0.2, "uniform")
    scores = held_out.files[0].predictions.scores
    if name == "sigmoids":
        return held_out_of((scores * 0.98 + 0.002) / (scores * 0.98 + 0.302), labels)
    if name == "best class":
        return held_out_of(np.eye(10)[held_out.top1_ids()[0]], labels)
    if name == "tree":
        return held_out_digits(images, labels, DecisionTreeClassifier(min_samples_leaf=5, random_state=0))
    if name == "bayes":
        return held_out_digits(images, truth, GaussianNB())
    if name == "noise":
        noisy = images + np.random.default_rng(1).normal(0, 15 / 16 * images.max(), images.shape)
        return held_out_digits(noisy, truth, LogisticRegression(tol=0.01, C=0.25))
    model, known = {
        "forest": (RandomForestClassifier(50, random_state=0), labels),
        "neighbours": (KNeighborsClassifier(15), labels),
        "regression": (LogisticRegression(max_iter=5_000, C=1e6), truth),
    }[name]
    if name == "regression":
        images, known = images[:1_200], known[:1_200]
    return held_out_of(model.fit(images, known).predict_proba(images), known)


@pytest.mark.parametrize("name", WARNINGS)
def test_models_that_cannot_be_trusted_warn(digits: Digits, name: str) -> None:
    assert warnings_of(untrusted(digits, name))[0] == WARNINGS[name]


def test_each_file_with_only_the_best_class_warns(digits: Digits) -> None:
    held_out = untrusted(digits, "best class")
    model = held_out.files[0].predictions
    texts = warnings_of(HeldOutPredictions.from_predictions({"a.npz": model, "b.npz": model}, held_out.labels))
    assert texts[:2] == [f"{name}.npz: {CERTAIN}" for name in "ab"]


@pytest.mark.parametrize(("share", "kind"), [(0, "uniform"), (0.05, "pairs"), (0.2, "uniform")])
def test_held_out_models_do_not_warn(share: float, kind: str, digits: Digits) -> None:
    from sklearn.linear_model import LogisticRegression

    images, truth = digits
    labels = wrong_labels(truth, 10, share, kind, np.random.default_rng(0))
    assert warnings_of(neighbours(share, kind)[1]) == []
    assert warnings_of(held_out_digits(images, labels, LogisticRegression(tol=0.01))) == []
    if not share:
        assert (~find_label_errors(neighbours(share, kind)[1]).is_kept).mean() <= 0.01


def test_model_trained_with_label_smoothing_does_not_warn() -> None:
    """The model agrees with 99 % of the labels, with a certainty of about 80 %."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 10, 2_000)
    labels = np.where(rng.random(2_000) < 0.01, (truth + 1) % 10, truth)
    logits = rng.normal(0, 0.1, (2_000, 10))
    logits[np.arange(2_000), truth] += rng.normal(3.7, 0.25, 2_000)
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert warnings_of(held_out_of(scores, labels)) == []


def test_models_that_learned_frequent_mistakes_warn() -> None:
    """44 % of the labels of even classes are the next class; nearest neighbours then find too few wrong labels."""
    pytest.importorskip("sklearn")
    from sklearn.model_selection import cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(1)
    centers = rng.normal(0, 1, (10, 20))
    centers[1::2] = centers[::2] + rng.normal(0, 0.6, (5, 20))  # pairs of similar classes
    truth = rng.integers(0, 10, 2_000)
    points = centers[truth] + rng.normal(0, 1, (2_000, 20))
    labels = wrong_labels(truth, 10, 0.22, "some pairs", rng)
    scores = cross_val_predict(KNeighborsClassifier(25), points, labels, cv=5, method="predict_proba")
    assert warnings_of(held_out_of(scores, labels)) == [
        "the models are hardly ever certain of 5 of 10 classes; if many labels of a class are wrong in the same way, "
        "models that learned them agree with them: have people check a sample of the labels"
    ]


@pytest.mark.filterwarnings("ignore:the models (are hardly ever certain|prefer another):reassess.ReassessWarning")
@pytest.mark.parametrize("wrong", [0, 0.1])
def test_uncertain_calibrated_model_is_not_sharpened(wrong: float) -> None:
    rng = np.random.default_rng(0)
    scores = np.exp(rng.normal(0, 1.2, (8_000, 4)))
    scores /= scores.sum(axis=1, keepdims=True)
    truth = (scores.cumsum(axis=1) < rng.random((8_000, 1))).sum(axis=1)
    labels = wrong_labels(truth, 4, wrong, "uniform", rng)
    cleaning = find_label_errors(held_out_of(scores, labels))
    assert cleaning.noise.calibration_exponent == pytest.approx(1, abs=0.1)
    assert wrong - 0.04 <= cleaning.noise.wrong_share <= wrong + 0.04  # measured: 2.0 and 11.5 %


@pytest.mark.filterwarnings("ignore:the label is the most probable:reassess.ReassessWarning")
@pytest.mark.parametrize(("sureness", "in_candidates"), [(3.0, 0.89), (4.0, 0.96)])
def test_classes_that_are_not_candidates_count(sureness: float, in_candidates: float) -> None:
    """16 of 200 classes are candidates; measured: a share of 16.0 and 15.9 % for 14.5 and 14.4 %."""
    rng = np.random.default_rng(0)
    scores, truth = simulate(4_000, 200, sureness, rng)
    labels = wrong_labels(truth, 200, 0.1, "uniform", rng)
    labels[:200] = np.arange(200)  # each class is a label
    assert np.sort(scores, axis=1)[:, -16:].sum(axis=1).mean() == pytest.approx(in_candidates, abs=0.01)
    cleaning = find_label_errors(held_out_of(scores, labels))
    assert cleaning.noise.wrong_share == pytest.approx((labels != truth).mean(), abs=0.025)


def test_confident_learning_equals_cleanlab(needs: Needs) -> None:
    needs("cleanlab")
    from cleanlab.filter import find_label_issues

    scores, _, labels = noisy()
    cleaning = find_label_errors(held_out_of(scores, labels), "confident")
    assert np.array_equal(~cleaning.is_kept, find_label_issues(labels, scores, n_jobs=1))
    assert np.array_equal(cleaning.suggested_class_ids, scores.argmax(axis=1))
    assert set(cleaning.reasons) == {"no issue by confident learning", "an issue by confident learning"}
    assert find_label_errors(held_out_of(np.ones((2, 1)), [0, 0]), "confident").is_kept.all()
