"""The traps in which people lose a day are caught and explained: on the original labels themselves as a model."""

import numpy as np
import numpy.typing as npt
import pytest

from reassess.core.benchmark import class_folder_order
from reassess.core.labels import LabelSets
from reassess.core.predictions import Predictions
from reassess.evaluation.measure import evaluate
from reassess.numeric.proportion import Proportion
from tests.helpers import message, numbered_labels

NOTHING_FITS = (
    "no known order of the images fits, and no other order of the classes by which the model would be right in 40 % or "
    "more: check that the file belongs to these images and classes; to measure it all the same, leave the original "
    "labels out (--original none)"
)
FOLDERS = "pass --order class-folder (what a reader of class folders yields)"
FROM_ONE = "subtract 1 from every class id (they count from 1, or class 0 is a background)"
LACKS_FIRST = "add 1 to every class id"
ADD = "add 1 to the number in every image name (ImageNet's validation images count from 1)"
SUBTRACT = "subtract 1 from the number in every image name (ImageNet's validation images count from 1)"


def numbered(first: int, n: int) -> list[str]:
    return [f"val/ILSVRC2012_val_{number:08d}.JPEG" for number in range(first, first + n)]


def no_better_than_chance(accuracy: str, mend: str) -> str:
    return (
        "the predictions agree with the original labels no more than chance would\n"
        f"  allowed: well above 0.10%\n  found:   {accuracy}\n  to mend: {mend}"
    )


def in_folders(original: LabelSets) -> npt.NDArray[np.int32]:
    return original.indices[class_folder_order(original)]


def test_class_folder_order_taken_for_validation_order_is_explained(
    real_labels: LabelSets, real_original: LabelSets
) -> None:
    predictions = Predictions.from_ids(in_folders(real_original))
    expected = no_better_than_chance("0.11% as given (55 of 50,000); 100.00% in class-folder order", FOLDERS)
    assert message(evaluate, predictions, real_labels, original=real_original) == expected


def test_class_folder_order_would_score_0_13_percent_if_nothing_caught_it(
    real_labels: LabelSets, real_original: LabelSets
) -> None:
    result = evaluate(in_folders(real_original), real_labels)
    assert result.real == {1: Proportion(60, 46_837)}
    assert f"{result.real[1].value:.2%}" == "0.13%"


def test_ids_that_count_from_1_are_explained(real_labels: LabelSets, real_original: LabelSets) -> None:
    """Also where the last class, which would be out of range, is never predicted."""
    ids = real_original.indices
    without_last = Predictions.from_ids(np.where(ids == 999, 0, ids + 1))
    expected = no_better_than_chance("0.00% as given (0 of 50,000); 99.90% with ids that count from 1", FROM_ONE)
    assert message(evaluate, without_last, real_labels, original=real_original) == expected
    assert message(evaluate, Predictions.from_ids(ids + 1), real_labels, original=real_original) == (
        "class id out of range\n"
        "  where:   row 1078\n"
        "  allowed: 0 to 999\n"
        "  found:   1000\n"
        "  to mend: ids count from 0: subtract 1 from every id"
    )


def test_ids_that_lack_the_first_class_are_explained(real_labels: LabelSets, real_original: LabelSets) -> None:
    predictions = Predictions.from_ids(np.maximum(real_original.indices - 1, 0))
    expected = no_better_than_chance(
        "0.10% as given (50 of 50,000); 99.90% with ids that lack the first class", LACKS_FIRST
    )
    assert message(evaluate, predictions, real_labels, original=real_original) == expected


def test_scores_with_a_background_class_are_explained(real_labels: LabelSets, real_original: LabelSets) -> None:
    scores = np.zeros((50_000, 1001), np.float16)
    assert message(evaluate, Predictions.from_scores(scores), real_labels, original=real_original) == (
        "wrong number of outputs\n"
        "  allowed: 1,000 columns\n"
        "  found:   1,001 columns\n"
        "  to mend: if the first output is a background class, give scores[:, 1:]; "
        "else name the class of each output (--classes FILE)"
    )


@pytest.mark.parametrize(("step", "side", "mend"), [(-1, "below", ADD), (1, "above", SUBTRACT)], ids=["below", "above"])
def test_image_numbers_off_by_one_are_explained(
    step: int, side: str, mend: str, real_labels: LabelSets, real_original: LabelSets
) -> None:
    ids = real_original.indices[1:-1]
    predictions = Predictions.from_ids(ids, numbered(2 + step, 49_998))
    agree = np.count_nonzero(real_original.indices[1 + step : 49_999 + step] == ids)
    accuracy = (
        f"{agree / 49_998:.2%} as given ({agree} of 49,998); 100.00% with image numbers that are one {side} the right"
    )
    text = message(evaluate, predictions, real_labels, original=real_original)
    assert text == no_better_than_chance(f"{accuracy} ones", mend)


@pytest.mark.parametrize(("first", "name", "mend"), [(0, "00000000", "add 1 to"), (2, "00050001", "subtract 1 from")])
def test_an_image_number_that_no_image_has_is_explained(
    first: int, name: str, mend: str, real_labels: LabelSets, real_original: LabelSets
) -> None:
    predictions = Predictions.from_ids(real_original.indices, numbered(first, 50_000))
    assert message(evaluate, predictions, real_labels, original=real_original) == (
        "1 of 50,000 images are not in the label set\n"
        f"  where:   the first is row {0 if first == 0 else 49_999}\n"
        "  allowed: names such as ILSVRC2012_val_00000001.JPEG, ILSVRC2012_val_00000002.JPEG and 49,998 more\n"
        f"  found:   val/ILSVRC2012_val_{name}.JPEG\n"
        f"  to mend: ImageNet's validation images count from 1 to 50000: {mend} the number in every name"
    )


def test_numbers_off_by_one_are_seen_also_when_unknown_images_are_ignored(
    real_labels: LabelSets, real_original: LabelSets
) -> None:
    predictions = Predictions.from_ids(real_original.indices, numbered(0, 50_000))
    expected = no_better_than_chance(
        "0.09% as given (47 of 49,999); 100.00% with image numbers that are one below the right ones", ADD
    )
    assert message(evaluate, predictions, real_labels, original=real_original, ignore_unknown=True) == expected


def test_combined_mistakes_are_explained_together(real_labels: LabelSets, real_original: LabelSets) -> None:
    predictions = Predictions.from_ids(np.minimum(in_folders(real_original) + 1, 999))
    assert message(evaluate, predictions, real_labels, original=real_original) == no_better_than_chance(
        "0.11% as given (55 of 50,000); 99.90% in class-folder order and with ids that count from 1",
        f"{FOLDERS}, and {FROM_ONE}",
    )
    ids = np.maximum(real_original.indices[1:2001] - 1, 0)
    text = message(evaluate, Predictions.from_ids(ids, numbered(1, 2000)), real_labels, original=real_original)
    assert text.endswith(f"to mend: {ADD}, and {LACKS_FIRST}")


@pytest.mark.parametrize("weaken", [0, 0.7], ids=["perfect", "a model that is right in 3 of 10"])
def test_a_subset_and_a_weaker_model_are_enough_to_see_it(
    weaken: float, real_labels: LabelSets, real_original: LabelSets
) -> None:
    rng = np.random.default_rng(1)
    ids = np.where(rng.random(998) < weaken, rng.integers(0, 1000, 998), real_original.indices[1:999])
    text = message(evaluate, Predictions.from_ids(ids, numbered(1, 998)), real_labels, original=real_original)
    assert text.endswith(f"to mend: {ADD}")


def test_rows_of_which_few_stand_in_the_right_place_are_explained_too(
    real_labels: LabelSets, real_original: LabelSets
) -> None:
    """Better than chance, but 20 times better in class-folder order."""
    ids = in_folders(real_original)
    ids[:2500] = real_original.indices[:2500]
    hits, in_order = (np.count_nonzero(ids == truth) for truth in (real_original.indices, in_folders(real_original)))
    assert message(evaluate, Predictions.from_ids(ids), real_labels, original=real_original) == (
        "the predictions agree with the original labels far less than when they are read in another way\n"
        "  allowed: well above 0.10%\n"
        f"  found:   {hits / 50_000:.2%} as given ({hits:,} of 50,000); {in_order / 50_000:.2%} in class-folder order\n"
        f"  to mend: {FOLDERS}"
    )


def test_random_ids_are_refused_as_fitting_nothing(real_labels: LabelSets, real_original: LabelSets) -> None:
    ids = np.random.default_rng(0).integers(0, 1000, 50_000)
    hits = np.count_nonzero(ids == real_original.indices)
    expected = no_better_than_chance(f"{hits / 50_000:.2%} as given ({hits} of 50,000)", NOTHING_FITS)
    assert message(evaluate, Predictions.from_ids(ids), real_labels, original=real_original) == expected


def test_without_original_labels_random_ids_are_measured(real_labels: LabelSets) -> None:
    ids = np.random.default_rng(0).integers(0, 1000, 50_000)
    hits = sum(class_id in valid for class_id, valid in zip(ids.tolist(), real_labels.sets().values(), strict=True))
    assert evaluate(ids, real_labels).real == {1: Proportion(hits, 46_837)}


@pytest.mark.parametrize("right", [1.0, 0.5, 0.02], ids=["perfect", "half right", "2 % right"])
def test_a_model_that_is_merely_poor_is_measured(
    right: float, real_labels: LabelSets, real_original: LabelSets
) -> None:
    rng = np.random.default_rng(2)
    ids = np.where(rng.random(50_000) < right, real_original.indices, rng.integers(0, 1000, 50_000))
    result = evaluate(ids, real_labels, original=real_original)
    assert result.original == {1: Proportion(np.count_nonzero(ids == real_original.indices), 50_000)}


@pytest.mark.parametrize(("images", "classes"), [(99, 1000), (1000, 99)])
def test_few_images_or_classes_cannot_tell_and_are_measured(images: int, classes: int) -> None:
    truth = np.arange(images) % classes
    labels = numbered_labels(truth[:, None].tolist())
    wrong = (truth + classes // 2) % classes
    assert evaluate(wrong, labels, original=labels).real[1].hits == 0
