"""Costly mistakes, such as rows in another order, are found and explained; the model is the original labels."""

import warnings
from collections import Counter
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, LabelSets, Predictions, class_folder_order
from reassess.evaluation import evaluate
from reassess.evaluation.order_checks import _Interpretation
from reassess.numeric import Proportion
from tests.helpers import fault_of, message, numbered_labels, validation_name

NO_ORDER_MATCHES = (
    "no predefined order of the images matches, and no other order of the classes makes the model correct on 40 % or "
    "more: check that the file belongs to these images and classes; to measure it anyway, do not use original labels: "
    "original=None"
)
FOLDERS = "sort the rows with class_folder_order (for readers of class folders)"
FROM_ONE = "subtract 1 from every class id (ids count from 1, or class 0 is background)"
FIRST_MISSING = "add 1 to every class id"
ADD = "add 1 to the number in every image name (ImageNet's validation images count from 1)"
SUBTRACT = "subtract 1 from the number in every image name (ImageNet's validation images count from 1)"


def no_better_than_chance(accuracy: str, fix: str, *, chance: float = 0.1) -> str:
    return (
        "predictions agree with the original labels no better than chance\n"
        f"  allowed: well above chance ({chance:.2f} %)\n  found:   {accuracy}\n  fix:     {fix}"
    )


def in_folders(original: LabelSets) -> npt.NDArray[np.int32]:
    return original.indices[class_folder_order(original)]


def validation_predictions(ids: npt.ArrayLike, first: int) -> Predictions:
    """Make predictions of consecutive ImageNet validation images."""
    return Predictions.from_ids(ids, [f"val/{validation_name(first + row)}" for row in range(len(ids))])


@pytest.fixture(scope="module")
def error_of(real_labels: LabelSets, real_original: LabelSets) -> Callable[..., str]:
    """Return the error message for predictions of the validation images."""

    def error_of(predictions: Predictions | npt.NDArray[Any], **options: Any) -> str:
        return message(evaluate, predictions, real_labels, original=real_original, **options)

    return error_of


def test_class_folder_order_is_explained(
    real_labels: LabelSets, real_original: LabelSets, error_of: Callable[..., str]
) -> None:
    """Without the check, the accuracy would be 0.13 %."""
    ids = in_folders(real_original)
    expected = no_better_than_chance("0.11 % (55 of 50,000); 100.0 % in class-folder order", FOLDERS)
    assert error_of(ids) == expected
    assert evaluate(ids, real_labels).real_accuracy == {1: Proportion(60, 46_837)}


def test_ids_and_outputs_off_by_one_are_explained(real_original: LabelSets, error_of: Callable[..., str]) -> None:
    """The last class, which would be out of range, is not predicted."""
    ids = real_original.indices
    assert error_of(np.where(ids == 999, 0, ids + 1)) == no_better_than_chance(
        "0.00 % (0 of 50,000); 99.90 % with ids that count from 1", FROM_ONE
    )
    assert error_of(np.maximum(ids - 1, 0)) == no_better_than_chance(
        "0.10 % (50 of 50,000); 99.90 % with ids without the first class", FIRST_MISSING
    )
    assert error_of(np.zeros((50_000, 1001), np.float16)) == (
        "wrong number of outputs\n  allowed: 1,000 columns\n  found:   1,001 columns\n"
        "  fix:     if the first output is a background class, pass scores[:, 1:]; "
        "else name the class of each output: outputs=[...]"
    )


@pytest.mark.parametrize(("step", "side", "fix"), [(-1, "below", ADD), (1, "above", SUBTRACT)], ids=["below", "above"])
def test_image_numbers_off_by_one_are_explained(
    step: int, side: str, fix: str, real_original: LabelSets, error_of: Callable[..., str]
) -> None:
    """The error is the same if an image number is out of range, and unknown images are ignored."""
    truth = real_original.indices
    agree = np.count_nonzero(truth[1 + step : 49_999 + step] == truth[1:-1])
    accuracy = f"{100 * agree / 49_998:.2f} % ({agree} of 49,998); 100.0 %"
    assert error_of(validation_predictions(truth[1:-1], 2 + step)) == no_better_than_chance(
        f"{accuracy} with image numbers that are one {side} the correct numbers", fix
    )
    number, change = ("00000000", "add 1 to") if step < 0 else ("00050001", "subtract 1 from")
    assert error_of(validation_predictions(truth, 1 + step)) == (
        "1 of 50,000 images are not in the label sets\n"
        "  allowed: ILSVRC2012_val_00000001.JPEG and 49,999 more\n"
        f"  found:   val/ILSVRC2012_val_{number}.JPEG\n"
        f"  fix:     ImageNet validation images count from 1 to 50000: {change} the number in every name"
    )
    assert error_of(validation_predictions(truth, 1 + step), ignore_unknown=True).endswith(f"fix:     {fix}")


def test_combined_mistakes_are_explained_together(real_original: LabelSets, error_of: Callable[..., str]) -> None:
    assert error_of(np.minimum(in_folders(real_original) + 1, 999)) == no_better_than_chance(
        "0.11 % (55 of 50,000); 99.90 % in class-folder order and with ids that count from 1",
        f"{FOLDERS}, and {FROM_ONE}",
    )
    ids = np.maximum(real_original.indices[1:2001] - 1, 0)
    assert error_of(validation_predictions(ids, 1)).endswith(f"fix:     {ADD}, and {FIRST_MISSING}")


@pytest.mark.parametrize("weaken", [0, 0.7], ids=["perfect", "correct on 3 of 10"])
def test_image_numbers_off_by_one_are_found_on_a_subset_and_for_a_poor_model(
    weaken: float, real_original: LabelSets, error_of: Callable[..., str]
) -> None:
    rng = np.random.default_rng(1)
    ids = np.where(rng.random(998) < weaken, rng.integers(0, 1000, 998), real_original.indices[1:999])
    assert error_of(validation_predictions(ids, 1)).endswith(f"fix:     {ADD}")


def test_wrong_order_of_most_rows_is_explained(real_original: LabelSets, error_of: Callable[..., str]) -> None:
    """The agreement is above chance, but 20 times better in class-folder order."""
    ids = in_folders(real_original)
    ids[:2500] = real_original.indices[:2500]
    hits, in_order = (np.count_nonzero(ids == truth) for truth in (real_original.indices, in_folders(real_original)))
    assert error_of(ids) == (
        "predictions agree with the original labels far less than in another order\n"
        "  allowed: well above chance (0.10 %)\n"
        f"  found:   {100 * hits / 50_000:.2f} % ({hits:,} of 50,000); {100 * in_order / 50_000:.2f} % "
        "in class-folder order\n"
        f"  fix:     {FOLDERS}"
    )


def test_random_ids_raise_but_are_measured_without_original_labels(
    real_labels: LabelSets, real_original: LabelSets, error_of: Callable[..., str]
) -> None:
    ids = np.random.default_rng(0).integers(0, 1000, 50_000)
    hits = np.count_nonzero(ids == real_original.indices)
    assert error_of(ids) == no_better_than_chance(f"{100 * hits / 50_000:.2f} % ({hits} of 50,000)", NO_ORDER_MATCHES)
    valid = real_labels.classes_by_image().values()
    by_real = sum(class_id in ids_of for class_id, ids_of in zip(ids.tolist(), valid, strict=True))
    assert evaluate(ids, real_labels).real_accuracy == {1: Proportion(by_real, 46_837)}


@pytest.mark.parametrize("accuracy", [1.0, 0.5, 0.02], ids=["100 %", "50 %", "2 %"])
def test_poor_model_is_measured(accuracy: float, real_labels: LabelSets, real_original: LabelSets) -> None:
    rng = np.random.default_rng(2)
    ids = np.where(rng.random(50_000) < accuracy, real_original.indices, rng.integers(0, 1000, 50_000))
    result = evaluate(ids, real_labels, original=real_original)
    assert result.original_accuracy == {1: Proportion(np.count_nonzero(ids == real_original.indices), 50_000)}


def ten_classes(images: int, seed: int = 0) -> LabelSets:
    """Make original labels in random order, with classes of different sizes."""
    rng = np.random.default_rng(seed)
    return numbered_labels(rng.choice(10, images, p=np.arange(1, 11) / 55)[:, None].tolist())


def expected_by_chance(predicted: npt.NDArray[np.integer], truth: npt.NDArray[np.integer]) -> float:
    """Compute the expected share of images with agreement in a random order of the rows."""
    return sum(float((predicted == c).mean() * (truth == c).mean()) for c in range(10))


@pytest.mark.parametrize("images", [60, 1797])
def test_wrong_orders_are_found_with_ten_classes_and_few_images(images: int) -> None:
    original = ten_classes(images)
    ids = in_folders(original)
    hits, chance = np.count_nonzero(ids == original.indices), expected_by_chance(ids, original.indices)
    found = f"{100 * hits / images:.2f} % ({hits:,} of {images:,}); 100.0 % in class-folder order"
    error_of = no_better_than_chance(found, FOLDERS, chance=100 * chance)
    assert message(evaluate, ids, original, original=original) == error_of
    for shift, fix in ((1, FROM_ONE), (-1, FIRST_MISSING)):
        shifted = np.clip(original.indices + shift, 0, 9)
        assert message(evaluate, shifted, original, original=original).endswith(f"fix:     {fix}")


def test_wrong_order_is_explained_if_original_labels_have_another_order() -> None:
    """Rows without names have the order of the label sets, and the original labels have another order."""
    original = ten_classes(300)
    rows = np.random.default_rng(1).permutation(300)
    labels = LabelSets.from_lists([original.images[row] for row in rows], original.indices[rows][:, None].tolist())
    assert message(evaluate, in_folders(original), labels, original=original).endswith(f"fix:     {FOLDERS}")


def test_wrong_order_is_found_if_most_rows_stay_correct() -> None:
    """80 of 100 images are of one class, which is correct in both orders; only the other 20 change places."""
    classes = Classes(3, names=("bee", "ant", "cat"))
    truth = np.repeat([1, 0, 2], [10, 10, 80])  # in the order of folders: ant, bee, cat
    original = LabelSets.from_lists([f"{row:03}.png" for row in range(100)], np.sort(truth)[:, None].tolist(), classes)
    found = "80.00 % (80 of 100); 100.0 % in class-folder order"
    assert fault_of(evaluate, truth, original, original=original) == ("wrong-order", found)


def test_chance_level_is_an_error_on_many_images_and_a_warning_on_few() -> None:
    """600 images can rule out a Cohen's kappa of 0.1; 40 images only 0.5; 4 images neither."""
    by_chance = {}
    for images in (600, 40, 4):
        original = ten_classes(images)
        ids = np.random.default_rng(8).permutation(original.indices)
        hits, chance = np.count_nonzero(ids == original.indices), expected_by_chance(ids, original.indices)
        by_chance[images] = original, ids, hits, 100 * chance
    original, ids, hits, percent = by_chance[600]
    error_of = no_better_than_chance(f"{100 * hits / 600:.2f} % ({hits} of 600)", NO_ORDER_MATCHES, chance=percent)
    assert message(evaluate, ids, original, original=original) == error_of
    original, ids, hits, percent = by_chance[40]
    assert warnings_of(ids, original) == [
        f"the model agrees with the original labels on {hits} of 40 images, no better than chance ({percent:.2f} %): "
        "these images are too few to be sure, but check the order of the rows and of the classes"
    ]
    original, ids, _, _ = by_chance[4]
    assert warnings_of(ids, original) == []
    original = ten_classes(12, 1)
    (warning,) = warnings_of(in_folders(original), original)
    assert ", and on 100.0 % in class-folder order: these images are too few to be sure" in warning


def warnings_of(predictions: Predictions | npt.NDArray[Any], original: LabelSets) -> list[str]:
    """Evaluate, and return the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        evaluate(predictions, original, original=original)
    return [str(warning.message) for warning in caught]


def test_models_of_few_classes_are_measured_without_a_warning() -> None:
    """Some models are poor, only slightly better than chance."""
    for seed, (images, accuracy) in enumerate([(60, 0.5), (300, 0.3), (1797, 0.1), (5, 0.2), (1, 0.0)]):
        original = ten_classes(images, seed)
        rng = np.random.default_rng(seed)
        ids = np.where(rng.random(images) < accuracy, original.indices, rng.integers(0, 10, images))
        assert warnings_of(ids, original) == []


def test_no_order_is_better_for_a_model_that_predicts_one_class() -> None:
    """With few images there is no warning; with many, agreement at chance level is an error."""
    assert warnings_of(np.full(60, 9), ten_classes(60)) == []
    original = ten_classes(1000)
    assert message(evaluate, np.full(1000, 9), original, original=original).endswith(f"fix:     {NO_ORDER_MATCHES}")


def test_result_does_not_depend_on_the_order_of_the_images() -> None:
    original, rng = ten_classes(100), np.random.default_rng(0)
    ids = np.where(rng.random(100) < 0.15, original.indices, rng.permutation(original.indices))
    results = set()
    for _ in range(5):
        rows = rng.permutation(100)
        names = [original.images[row] for row in rows]
        reordered = LabelSets.from_lists(names, original.indices[rows][:, None].tolist())
        results.add(tuple(warnings_of(Predictions.from_ids(ids[rows], names), reordered)))
    assert len(results) == 1


@given(st.integers(2, 7).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 3), min_size=n, max_size=n)] * 2)))
def test_chance_is_the_mean_over_all_orders_of_the_rows(pair: tuple[list[int], list[int]]) -> None:
    predicted, truth = pair
    counts = Counter(sum(a == b for a, b in zip(order, truth, strict=True)) for order in permutations(predicted))
    chances = {hits: n / sum(counts.values()) for hits, n in counts.items()}
    reading = _Interpretation(
        name="", fix="", predicted_ids=np.array(predicted, np.int32), label_ids=np.array(truth, np.int32)
    )
    mean = sum(hits * chance for hits, chance in chances.items())
    assert reading.chance_agreement * len(predicted) == pytest.approx(mean)
    assert reading.agreement_variance == pytest.approx(
        sum(p * (hits - mean) ** 2 for hits, p in chances.items()), abs=1e-9
    )
    as_many = sum(chance for hits, chance in chances.items() if hits >= reading.n_hits)
    if as_many > 0.03 or as_many < 0.003:  # close to 1 in 100, the result of 999 draws is random
        assert reading.is_at_chance_level() == (as_many >= 0.01)
