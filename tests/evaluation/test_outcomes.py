"""Outcomes: each row of a model is joined with its image, and has a state, a top-1 class and ranks."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess.core import Classes, LabelSets, Predictions
from reassess.core.image_names import validation_image_names
from reassess.evaluation import find_outcomes
from reassess.evaluation.outcomes import EMPTY, LABELLED, UNKNOWN, UNLABELLED, join_and_rank
from tests.helpers import code_of, message, validation_name

LABELS = LabelSets.from_lists(["x/a.png", "x/b.png", "y/c.png"], [[0, 2], [], [1]], Classes(4))
ORIGINAL = LabelSets.from_lists(["y/c.png", "y/d.png", "x/a.png"], [[3], [2], [0]], Classes(4))


def predictions_of(ids: list[Any], images: list[str] | None = None) -> Predictions:
    return Predictions.from_ids(np.array(ids), images)


def test_rows_without_names_have_the_order_of_the_label_set() -> None:
    """Without a valid class among the ids of a row, the rank is the number of ids; larger sets have no overlap."""
    outcomes = join_and_rank(predictions_of([[1, 3], [0, 1], [0, 2]]), LABELS, original=ORIGINAL)
    assert outcomes.images == LABELS.images
    assert outcomes.best_ranks.tolist() == outcomes.original_ranks.tolist() == [2, -1, 2]
    assert outcomes.detected_input == "ids, joined by position, in the order of the label set"
    outcomes = join_and_rank(predictions_of([2, 0, 0]), LABELS)
    assert (outcomes.best_ranks.tolist(), outcomes.n_valid_found.tolist()) == ([0, -1, 1], [-1, -1, 0])


@pytest.mark.parametrize(
    ("predictions", "code"),
    [
        *((Predictions.from_ids(np.zeros(n, int)), "missing-image-names") for n in (0, 2, 4)),
        *((Predictions.from_scores(np.zeros((3, n), np.float32)), "wrong-outputs") for n in (3, 6)),
    ],
)
def test_wrong_number_of_rows_or_outputs_raises(predictions: Predictions, code: str) -> None:
    """This includes labels that do not declare the classes, but contain a larger class id."""
    assert code_of(join_and_rank, predictions, LABELS) == code
    undeclared = LabelSets.from_lists(["a.png"], [[7]])
    assert code_of(join_and_rank, Predictions.from_scores(np.zeros((1, 7))), undeclared) == "wrong-outputs"


def test_row_has_state_top1_and_ranks() -> None:
    images = ["y/d.png", "y/c.png", "x/b.png", "x/a.png", "z/e.png", "z/f.png"]
    rows = [[2, 1, 0], [0, 1, 3], [3, 2, 1], [1, 2, 0], [0, 1, 2], [3, 0, 1]]
    outcomes = join_and_rank(
        predictions_of(rows, images),
        LABELS,
        original=ORIGINAL,
        known_image_lists=[("unasked.png",), ("z/f.png",)],
        ignore_unknown=True,
    )
    assert outcomes.images == tuple(images)
    assert outcomes.states.tolist() == [UNLABELLED, LABELLED, EMPTY, LABELLED, UNKNOWN, UNLABELLED]
    assert outcomes.label_rows.tolist() == [-1, 2, 1, 0, -1, -1]
    assert outcomes.original_rows.tolist() == [1, 0, -1, 2, -1, -1]
    assert outcomes.top1.tolist() == [2, 0, 3, 1, 0, 3]
    assert outcomes.best_ranks.tolist() == [-1, 1, -1, 1, -1, -1]
    assert outcomes.n_valid_found.tolist() == [-1, 0, -1, 1, -1, -1]
    assert outcomes.original_ranks.tolist() == [0, 2, -1, 2, -1, -1]
    assert (outcomes.detected_input, outcomes.max_k, len(outcomes)) == ("ids, joined by path", 3, 6)


def test_unknown_images_raise_unless_ignored() -> None:
    predictions = predictions_of([0, 1, 1, 1, 1], ["x/a.png", "no.png", "nor.png", "y/c.png", "never.png"])
    assert code_of(join_and_rank, predictions, LABELS) == "unknown-image"
    empty = LabelSets.from_lists([], [])
    assert "  allowed: no names: the label sets contain no images\n" in message(join_and_rank, predictions, empty)
    outcomes = join_and_rank(predictions, LABELS, ignore_unknown=True)
    assert outcomes.states.tolist() == [LABELLED, UNKNOWN, UNKNOWN, LABELLED, UNKNOWN]
    outcomes = join_and_rank(predictions, empty, original=empty, ignore_unknown=True)
    assert outcomes.states.tolist() == [UNKNOWN] * 5


@pytest.mark.parametrize(
    ("match", "names"),
    [("path", ["x/a.png", "y/c.png"]), ("name", ["elsewhere/a.png", "c.png"]), ("stem", ["deep/er/a.jpeg", "c"])],
)
def test_images_are_joined_by_path_file_name_or_stem(match: str, names: list[str]) -> None:
    """ImageNet's validation images are always joined by number."""
    outcomes = join_and_rank(predictions_of([0, 1], names), LABELS, match=match)
    assert outcomes.label_rows.tolist() == [0, 2]
    assert outcomes.detected_input == f"ids, joined by {match}"
    labels = LabelSets.from_lists(validation_image_names()[:2], [[0], [1]])
    names = ["a/b/ILSVRC2012_val_00000002_n01440764.png", "val/n01440764/ILSVRC2012_val_00000001.JPEG"]
    assert join_and_rank(predictions_of([1, 0], names), labels, match=match).best_ranks.tolist() == [0, 0]


def test_stem_of_two_images_raises() -> None:
    labels = LabelSets.from_lists(["x/a.png", "y/a.jpg"], [[0], [1]])
    assert message(join_and_rank, predictions_of([0], ["a.gif"]), labels, match="stem") == (
        "image stem matches several images\n  where:   the label set\n"
        '  found:   a.gif matches x/a.png, y/a.jpg\n  fix:     join by the whole path (match="path")'
    )
    assert message(join_and_rank, predictions_of([0, 1], ["x/a.png", "x/a.jpg"]), LABELS, match="stem") == (
        "two images have the same stem\n  where:   the predictions\n  found:   x/a.png and x/a.jpg\n"
        '  fix:     join by the whole path (match="path"), or rename one of them'
    )


def test_error_for_nan_names_the_image_of_a_row_without_name() -> None:
    scores = np.zeros((3, 4), np.float32)
    scores[1, 3] = np.nan
    assert "where:   image x/b.png, row 1, output 3\n" in message(
        join_and_rank, Predictions.from_scores(scores), LABELS
    )


def test_image_without_exactly_one_original_label_raises() -> None:
    """Otherwise all later images would get the original label of another image."""
    for ids in ([1, 2], []):
        original = LabelSets.from_lists(["x/a.png", "x/b.png"], [[0], ids])
        assert code_of(join_and_rank, predictions_of([0, 0, 0]), LABELS, original=original) == "not-one-label"


@pytest.mark.parametrize("ids", [[0, 4, 0], [0, 7, 4]])
def test_class_id_out_of_range_raises(ids: list[int]) -> None:
    text = message(join_and_rank, predictions_of(ids), LABELS)
    assert "where:   row 1\n" in text
    assert ("fix:     ids count from 0: subtract 1 from every id" in text) == (ids[1] == 4)


@pytest.mark.parametrize("read", [Predictions.from_ids, Predictions.from_scores])
def test_output_with_an_unknown_class_raises(read: Any) -> None:
    values = np.zeros((3, 1), int) if read == Predictions.from_ids else np.zeros((3, 3), np.float32)
    assert message(join_and_rank, read(values, output_class_ids=np.array([0, 5, 1])), LABELS) == (
        "output has a class that is not in the benchmark\n"
        "  allowed: class ids 0 to 3, and -1 for an output without a class\n"
        "  found:   5"
    )


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ([0, 1], "wrong shape of the classes of outputs\n  allowed: integers of shape (3,)\n  found:   int64 (2,)"),
        (
            [0.0, 1, 2],
            "wrong type of the classes of outputs\n  allowed: integers of shape (3,)\n  found:   float64 (3,)",
        ),
        ([2, 1, 2], "two outputs have the same class\n  found:   class 2"),
        ([-1, -1, -1], "no output belongs to a class\n  allowed: class ids, and -1 for an output to ignore"),
    ],
)
def test_wrong_classes_of_outputs_raise(columns: list[Any], text: str) -> None:
    assert message(Predictions.from_scores, np.zeros((1, 3)), output_class_ids=np.array(columns)) == text


@pytest.mark.parametrize("bits", [np.zeros(3, np.int16), np.zeros((1, 3), np.uint16), np.zeros((1, 3), np.float32)])
def test_wrong_bits_of_bfloat16_raise(bits: npt.NDArray[Any]) -> None:
    assert message(Predictions.from_bfloat16, bits) == (
        "bfloat16 scores must be given as their bits, one row per image and one column per class\n"
        "  allowed: int16 of shape (N, classes)\n"
        f"  found:   {bits.dtype} {bits.shape}\n"
        "  fix:     tensor.view(torch.int16).numpy()"
    )


def test_validation_image_missing_from_all_files_is_unrated() -> None:
    labels = LabelSets.from_lists([validation_name(1)], [[3]])
    predictions = Predictions.from_ids([3, 4], [validation_name(1, ".png"), f"val/{validation_name(2, '.png')}"])
    assert find_outcomes(predictions, labels).states.tolist() == [LABELLED, UNLABELLED]
