"""Several models stand side by side on the images that all of them have seen, in whatever order each file has them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import Panel
from reassess.core import Classes, LabelSets, Predictions
from reassess.evaluation import Outcomes, find_outcomes
from tests.helpers import code_of, message

LABELS = LabelSets.from_lists(["a.png", "b.png", "c.png", "d.png"], [[0, 2], [], [1], [3]])
ORIGINAL = LabelSets.from_lists(["d.png", "c.png", "a.png", "e.png"], [[3], [0], [2], [1]])


def outcomes_of(ids: list[int], images: list[str], original: LabelSets | None = ORIGINAL) -> Outcomes:
    return find_outcomes(Predictions.from_ids(np.array(ids, int), images), LABELS, original=original)


def test_models_are_put_on_the_images_that_all_have_seen() -> None:
    one = outcomes_of([3, 1, 2, 0, 1], ["d.png", "c.png", "a.png", "b.png", "e.png"])
    two = outcomes_of([2, 0, 3, 0], ["b.png", "c.png", "e.png", "a.png"])
    both = Panel.from_outcomes({"one": one, "two": two})
    assert both.images == ("a.png", "b.png", "c.png", "e.png")
    assert both.top1.tolist() == [[2, 0, 1, 1], [0, 2, 0, 3]]
    assert both.valid.tolist() == [[True, False, True, False], [True, False, False, False]]
    assert both.scored.tolist() == [True, False, True, False]
    assert both.original_hit.tolist() == [[True, False, False, True], [False, False, True, False]]
    assert both.original_known.tolist() == [True, False, True, True]
    assert both.label_rows.tolist() == [0, 1, 2, -1]
    assert both.original_rows.tolist() == [2, -1, 1, 3]
    assert both.not_shared == (1, 0)
    assert repr(both) == "Panel(2 models, 4 images, 2 scored)"


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_the_order_of_a_models_rows_means_nothing(first: list[int], second: list[int]) -> None:
    one, two = [2, 0, 1, 0], [1, 1, 1, 3]

    def shuffled(ids: list[int], order: list[int]) -> Outcomes:
        return outcomes_of([ids[i] for i in order], [LABELS.images[i] for i in order])

    both = Panel.from_outcomes({"one": shuffled(one, first), "two": shuffled(two, second)})
    assert both.images == LABELS.images
    assert both.top1.tolist() == [one, two]


def test_images_are_joined_by_what_identifies_them_and_named_as_the_first_model_does() -> None:
    labels = LabelSets.from_lists(["ILSVRC2012_val_00000002.JPEG", "ILSVRC2012_val_00000001.JPEG"], [[5], [7]])
    one = Predictions.from_ids([7, 5], ["val/ILSVRC2012_val_00000001.png", "val/ILSVRC2012_val_00000002.png"])
    two = Predictions.from_ids([5, 6], ["ILSVRC2012_val_00000002_n01440764.JPEG", "x/ILSVRC2012_val_00000001.JPEG"])
    both = Panel.from_predictions({"one": one, "two": two}, labels)
    assert both.images == ("val/ILSVRC2012_val_00000001.png", "val/ILSVRC2012_val_00000002.png")
    assert both.valid.tolist() == [[True, True], [False, True]]
    named = Predictions.from_ids([0, 1], ["x/a.png", "y/c.jpg"]), Predictions.from_ids([1, 0], ["z/c.gif", "a.bmp"])
    by_stem = Panel.from_predictions(dict(zip("ab", named, strict=True)), LABELS, match="stem")
    assert by_stem.valid.tolist() == [[True, True], [True, True]]
    assert by_stem.match == "stem"


@given(st.integers(0, 2**32 - 1))
def test_arrays_of_ids_give_the_same_panel_as_predictions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 4, (3, len(LABELS)))
    order = rng.permutation(len(LABELS))
    labels = LabelSets.from_lists([LABELS.images[i] for i in order], [LABELS[LABELS.images[i]] for i in order])
    original = LabelSets.from_lists(["d.png", "a.png"], rng.integers(0, 4, (2, 1)).tolist())
    fast = Panel.from_ids("xyz", ids.astype(np.uint8), labels, original=original)
    slow = Panel.from_predictions(dict(zip("xyz", ids, strict=True)), labels, original=original)
    for name in ("models", "images", "not_shared", "match"):
        assert getattr(fast, name) == getattr(slow, name)
    for name in ("top1", "valid", "scored", "original_hit", "label_rows", "original_rows"):
        quick, plain = getattr(fast, name), getattr(slow, name)
        assert quick.dtype == plain.dtype
        assert quick.tolist() == plain.tolist()


def test_one_model_is_a_panel_too_and_needs_no_original_labels() -> None:
    alone = Panel.from_outcomes([("one", outcomes_of([2, 0], ["c.png", "a.png"], None))])
    assert alone.valid.tolist() == [[True, False]]
    assert not alone.original_known.any()
    assert not alone.original_hit.any()


def test_models_without_a_common_image_are_an_error_that_says_what_each_has() -> None:
    names = ["a.png", "b.png", "c.png", "d.png"]
    models = {"one": outcomes_of([0, 1, 2], names[:3]), "two": outcomes_of([0], names[3:])}
    text = (
        "models have no image in common\n"
        "  found:   one: 3 images, such as a.png, b.png and 1 more\n"
        "           two: 1 images, such as d.png\n"
        "{}"
        '  fix:     use the same image names, or join by another part of the name: match="name"'
    )
    assert message(lambda: Panel.from_outcomes(models)) == text.format("")
    more = models | {f"empty {i}": outcomes_of([], []) for i in range(4)}
    others = "           empty 0: 0 images\n           empty 1: 0 images\n           empty 2: 0 images\n"
    assert message(lambda: Panel.from_outcomes(more)) == text.format(f"{others}           and 1 more models\n")


def test_a_panel_has_models_and_each_once() -> None:
    outcomes = outcomes_of([0], ["a.png"])
    assert (
        message(lambda: Panel.from_outcomes({}))
        == "models are missing\n  fix:     give the predictions of at least one"
    )
    assert message(lambda: Panel.from_outcomes([("one", outcomes), ("one", outcomes)])) == (
        "a model is named twice\n  found:   one"
    )


def test_models_judged_by_different_labels_are_an_error() -> None:
    other = LabelSets.from_lists(["b.png", "a.png"], [[0], [1]])
    models = {
        "one": outcomes_of([0, 0], ["a.png", "b.png"], None),
        "two": find_outcomes(Predictions.from_ids([0, 0], ["a.png", "b.png"]), other),
    }
    text = "models were evaluated with different labels\n  where:   two\n  fix:     judge all by the same"
    assert message(lambda: Panel.from_outcomes(models)) == text
    assert (
        code_of(
            lambda: Panel.from_outcomes({"one": outcomes_of([0], ["a.png"]), "two": outcomes_of([0], ["a.png"], None)})
        )
        == "different-labels"
    )


@pytest.mark.parametrize(
    ("ids", "wrong", "given_"),
    [(np.zeros((2, 3), int), "shape", "int64 (2, 3)"), (np.zeros((2, 4)), "type", "float64 (2, 4)")],
)
def test_ids_that_do_not_fit_are_an_error(ids: npt.NDArray[Any], wrong: str, given_: str) -> None:
    assert message(lambda: Panel.from_ids("ab", ids, LABELS)) == (
        f"wrong {wrong} of the top-1 classes\n  allowed: integers of shape (2, 4)\n  found:   {given_}"
    )


@pytest.mark.parametrize("wrong", [-1, 4, 2**32])
def test_an_id_of_no_class_is_an_error(wrong: int) -> None:
    ids = np.array([[0, 1, 2, 3], [0, 1, wrong, 3]])
    labels = LabelSets.from_lists(LABELS.images, [[0], [1], [2], [3]], Classes(4))
    assert message(lambda: Panel.from_ids("ab", ids, labels)) == (
        f"class id out of range\n  where:   model b, image c.png\n  allowed: 0 to 3\n  found:   {wrong}"
    )
