"""Files of held-out predictions: their images, repetitions and candidates, and errors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from reassess.cleaning import HeldOutPredictions
from reassess.cleaning.class_candidates import MAX_CANDIDATES, ClassCandidates
from reassess.core import Classes, Folds, LabelSets, Predictions
from reassess.errors import ReassessWarning
from tests.cleaning.simulated import held_out_of, labels_of_classes, simulate
from tests.helpers import code_of, fault_of, labels_of, message, warned

LABELS = labels_of({f"{row}.png": [row % 2] for row in range(6)}, Classes(2, names=("cat", "dog")))


def ids(*rows: int, constant: int | None = None, folder: str = "") -> Predictions:
    """Make predictions: the labels of images, or a constant class."""
    return Predictions.from_ids(
        [row % 2 if constant is None else constant for row in rows], images=[f"{folder}{row}.png" for row in rows]
    )


def scores(*rows: int, columns: int = 2) -> Predictions:
    values = np.full((len(rows), columns), 0.1)
    values[np.arange(len(rows)), [row % 2 for row in rows]] = 1.1 - 0.1 * columns
    return Predictions.from_scores(values, [f"{row}.png" for row in rows])


def held_out_from(
    labels: LabelSets = LABELS, *, folds: Sequence[Folds] = (), **files: Predictions
) -> HeldOutPredictions:
    return HeldOutPredictions.from_predictions(files, labels, folds=folds)


def test_files_of_folds_are_one_repetition_and_whole_files_one_each() -> None:
    files = {"a": ids(0, 2, 4), "b": ids(5, 3, 1), "c": ids(5, 4, 3, 2, 1, 0), "d": ids(*range(6), constant=1)}
    assert held_out_from(a=files["a"], b=files["b"]).top1_ids().tolist() == [[0, 1, 0, 1, 0, 1]]
    held_out = held_out_from(**files)
    assert held_out.n_repetitions == 3
    reordered = held_out_from(**{name: files[name] for name in "dbca"})
    assert (
        np.sort(held_out.top1_ids(), axis=0).tolist()
        == np.sort(reordered.top1_ids(), axis=0).tolist()
        == [[0, 1, 0, 1, 0, 1], [0, 1, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1]]
    )


def test_names_are_joined_by_match() -> None:
    with_folders = ids(*range(6), folder="some/where/")
    assert HeldOutPredictions.from_predictions({"a": with_folders}, LABELS, match="name").n_repetitions == 1
    # Files of two repetitions, in mixed order.
    assert held_out_from(a=ids(0, 1, 2), x=ids(0, 3, 4), b=ids(3, 4, 5), y=ids(1, 2, 5)).n_repetitions == 2


WHOLE = {"a": ids(*range(6))}
TWICE = {"a": Predictions.from_ids([0] * 7, images=[*LABELS.images, "x/0.png"])}


@pytest.mark.parametrize(
    ("files", "options", "expected"),
    [
        (TWICE, {"match": "name"}, ("duplicate-image", "0.png and x/0.png")),
        (WHOLE, {"duplicates": [("0.png", "1.png")]}, ("missing-folds", "files with all images")),
        (WHOLE, {"folds": Folds(LABELS.images, np.arange(6) % 2)}, ("wrong-type", "Folds")),
        (list(WHOLE.values()), {}, ("wrong-type", "list")),
    ],
)
def test_wrong_options_raise(files: Any, options: dict[str, Any], expected: tuple[str, str]) -> None:
    assert fault_of(HeldOutPredictions.from_predictions, files, LABELS, **options) == expected


FOLDS = Folds(LABELS.images, np.array([0, 0, 0, 1, 1, 1]))
SEVERAL = labels_of({"a.png": [0], "b.png": [0, 1], "c.png": []}, Classes(2))


FOUR = labels_of({f"{row}.png": [row % 2] for row in range(6)}, Classes(4, names=("cat", "dog", "eel", "fox")))
NO_CLASSES = labels_of({f"{row}.png": [row % 2] for row in range(6)})
ONE_OUTPUT = Predictions.from_scores(np.ones((6, 2)), LABELS.images, output_class_ids=np.array([1, -1]))


@pytest.mark.parametrize(
    ("files", "labels", "folds", "code", "found"),
    [
        ({"a": ids(0, 1, 2), "b": ids(2, 3, 4)}, LABELS, None, "duplicate-image",
         "2.png in 2 files; 5.png (1 image) in 0 files"),
        ({"a": ids(*range(6)), "b": ids(0, 1)}, LABELS, None, "duplicate-image",
         "0.png in 2 files; 2.png, 3.png, 4.png (4 images) in 1 file"),
        ({"a": ids(0, 1, 2), "b": ids(3)}, LABELS, None, "missing-images", "4.png, 5.png (2 images)"),
        ({"a": ids(*range(8))}, LABELS, None, "missing-labels", "6.png, 7.png (2 of 8)"),
        ({"a": Predictions.from_ids([0] * 6)}, LABELS, None, "missing-image-names", None),
        ({"a": ids(0, 1, 3), "b": ids(2, 4, 5)}, LABELS, FOLDS, "wrong-fold",
         "images of fold 0 and images of fold 1"),
        ({"a": ids(0, 1), "b": ids(2, 3, 4, 5)}, LABELS, FOLDS, "wrong-fold", "2 of the 3 images of fold 0"),
        ({"a": ids(0, 1), "b": ids(2, 3, 4, 5)}, LABELS, Folds(("0.png", "x.png"), np.array([0, 1])), "wrong-fold",
         "images in no fold and images of fold 0"),
        ({"a": ids(*range(6))}, SEVERAL, None, "not-one-label", "2 classes"),
        ({}, LABELS, None, "missing-predictions", "0 files with predictions, 6 labels"),
        ({"a": scores(0, 1, 2), "b": scores(3, 4, 5, columns=3)}, NO_CLASSES, None, "different-classes", "a: 2, b: 3"),
        ({"a": scores(*range(6), columns=3)}, LABELS, None, "wrong-outputs", "3 columns"),
        ({"a": scores(*range(6), columns=4)}, FOUR, None, "missing-classes", "eel, fox (2)"),
        ({"a": ONE_OUTPUT}, LABELS, None, "missing-classes", "cat (1)"),
    ],
)  # fmt: skip
def test_wrong_files_raise(
    files: dict[str, Predictions], labels: LabelSets, folds: Folds | None, code: str, found: str | None
) -> None:
    assert fault_of(HeldOutPredictions.from_predictions, files, labels, folds=[] if folds is None else [folds]) == (
        code,
        found,
    )


def test_fold_can_be_in_any_order_beside_a_file_of_all_images() -> None:
    assert held_out_from(folds=[FOLDS], a=ids(2, 0, 1), b=ids(5, 4, 3), c=ids(*range(6))).n_repetitions == 2


SPLIT = (
    "2 groups of duplicates in several folds, such as 0.png and 1.png; a model that was trained on a copy "
    "of an image knows its label\n  fix: make the folds with duplicates=GROUPS"
)


def test_duplicates_in_several_folds_warn() -> None:
    groups = [("0.png", "1.png"), ("2.png", "4.png"), ("5.png", "unknown.png"), ("3.png", "0.png", "unknown.png")]
    parts = {"a": ids(0, 2, 4), "b": ids(1, 3, 5)}
    with warned(SPLIT):
        HeldOutPredictions.from_predictions(parts, LABELS, duplicates=groups)
    folds = Folds(LABELS.images, np.arange(6) % 2)
    with warned(SPLIT):
        HeldOutPredictions.from_predictions({"all": ids(*range(6))}, LABELS, folds=[folds], duplicates=groups)


def test_duplicates_in_one_fold_do_not_warn() -> None:
    parts = {"a": ids(0, 2, 4), "b": ids(1, 3, 5), "c": ids(*range(6))}
    HeldOutPredictions.from_predictions(parts, LABELS, duplicates=[("0.png", "2.png", "4.png"), ("1.png", "5.png")])


def test_repetitions_with_different_folds_need_the_folds_of_each() -> None:
    second = Folds(LABELS.images, np.array([0, 1, 0, 1, 0, 1]))
    files = {"a": ids(2, 0, 1), "b": ids(5, 4, 3), "x": ids(0, 2, 4), "y": ids(1, 3, 5)}
    assert held_out_from(folds=[FOLDS, second], **files).n_repetitions == 2
    assert fault_of(held_out_from, folds=[FOLDS], **files) == ("wrong-fold", "images of fold 0 and images of fold 1")


def test_fold_with_two_mixed_up_classes_raises() -> None:
    values, truth = simulate(900, 6, 3.0, np.random.default_rng(0))
    labels = labels_of_classes(truth, 6)
    parts = [np.arange(number, 900, 3) for number in range(3)]
    orders = ([0, 1, 2, 3, 4, 5], [0, 4, 2, 3, 1, 5], [0, 1, 2, 3, 4, 5])
    files = {
        f"fold-{number}": Predictions.from_scores(values[rows][:, order], [labels.images[row] for row in rows])
        for number, (rows, order) in enumerate(zip(parts, orders, strict=True))
    }
    found = "most images of 1 are predicted as 4, most images of 4 are predicted as 1"
    assert fault_of(HeldOutPredictions.from_predictions, files, labels) == ("different-classes", found)


def test_constant_predictions_raise() -> None:
    constant = np.full((120, 3), 1 / 3)
    assert fault_of(held_out_of, constant, np.arange(120) % 3) == ("constant-predictions", "class 0 for all 120 images")


def test_mixed_up_classes_of_the_only_file_warn_or_raise() -> None:
    values, truth = simulate(900, 6, 3.0, np.random.default_rng(0))
    with warned(
        "most images of 1 are predicted as 4, most images of 4 are predicted as 1: either the labels of these classes "
        "or the outputs of the models are mixed up"
    ):
        held_out_of(values[:, [0, 4, 2, 3, 1, 5]], truth)
    assert code_of(held_out_of, values[:, [3, 0, 4, 1, 5, 2]], truth) == "wrong-order"


def test_chance_level_on_few_images_warns() -> None:
    with pytest.warns(ReassessWarning, match="^a agrees with the original labels on 0 of 6 images"):
        held_out_from(a=Predictions.from_ids([1, 0] * 3, images=LABELS.images))


def test_error_for_nan_names_file_and_image() -> None:
    truth = np.arange(6_000) % 2
    values = np.eye(2)[truth]
    values[2_400, 1] = np.nan
    text = message(held_out_of, values, truth)
    assert text.startswith("score is NaN\n  where:   heldout.npz, image train/02400.png, row 2400")


def test_candidates_are_the_most_probable_classes_and_the_label() -> None:
    rng = np.random.default_rng(3)
    values, truth = simulate(400, 40, 2.0, rng)
    labels = rng.integers(0, 40, 400)
    labels[: truth.size // 2] = truth[: truth.size // 2]
    labels[:40] = np.arange(40)
    images = ClassCandidates.from_held_out(held_out_of(values, labels))
    assert images.class_ids.shape == (400, MAX_CANDIDATES)
    for row, (candidates, logs, place) in enumerate(
        zip(images.class_ids, images.log_probabilities, images.label_columns, strict=True)
    ):
        best = np.argsort(-values[row], kind="stable")
        expected = (
            set(best[:MAX_CANDIDATES])
            if labels[row] in best[:MAX_CANDIDATES]
            else {*best[: MAX_CANDIDATES - 1], labels[row]}
        )
        assert set(candidates.tolist()) == expected
        assert candidates[place] == labels[row]
        assert logs == pytest.approx(np.log(np.maximum(values[row, candidates], 1e-6)), rel=1e-5)
        rest = np.maximum(np.delete(values[row], candidates), 1e-6)
        assert images.log_sums_of_other_classes[row] == pytest.approx(np.log([rest.sum(), (rest**2).sum()]), rel=1e-5)


@pytest.mark.parametrize("calibration_exponent", [0.25, 0.7, 1.0, 2.0, 4.0])
def test_probabilities_account_for_classes_that_are_not_candidates(calibration_exponent: float) -> None:
    """The result is exact for powers 1 and 2, and approximate for other powers."""
    values, truth = simulate(400, 40, 2.0, np.random.default_rng(3))
    truth[:40] = np.arange(40)
    powers = np.maximum(values, 1e-6) ** calibration_exponent
    certain = ClassCandidates.from_held_out(held_out_of(values, truth)).calibrate(calibration_exponent).max(axis=1)
    is_exact = calibration_exponent in (1.0, 2.0)
    assert certain == pytest.approx(powers.max(axis=1) / powers.sum(axis=1), rel=1e-5 if is_exact else 0.1)


def test_candidates_with_equal_probability_have_the_lowest_ids() -> None:
    labels = np.r_[np.full(1, 29), np.arange(30)]
    images = ClassCandidates.from_held_out(held_out_of(np.full((31, 30), 1 / 30), labels))
    assert images.class_ids[0].tolist() == [*range(MAX_CANDIDATES - 1), 29]
    assert images.class_ids[1].tolist() == [*range(MAX_CANDIDATES)]


def test_logits_equal_their_softmax_and_can_be_infinite() -> None:
    logits = np.array([[3.0, -np.inf, 1.0], [np.inf, 0.0, 0.0], [0.0, 5.0, -5.0], [-2.0, 0.0, 2.0]])
    with np.errstate(invalid="ignore"):
        soft = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    soft[1] = [1.0, 0.0, 0.0]
    logs, expected = (
        ClassCandidates.from_held_out(held_out_of(values, [0, 0, 1, 2])).log_probabilities for values in (logits, soft)
    )
    assert logs == pytest.approx(expected, abs=1e-6)
