"""Panels contain the common images of several models, in any order of each file."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import Panel, restrict_to_common_images
from reassess.core import Classes, LabelSets, Predictions
from reassess.errors import MissingResult
from reassess.evaluation import Outcomes, find_outcomes, summarize
from tests.helpers import code_of, fault_of, message

LABELS = LabelSets.from_lists(["a.png", "b.png", "c.png", "d.png"], [[0, 2], [], [1], [3]])
ORIGINAL = LabelSets.from_lists(["d.png", "c.png", "a.png", "e.png"], [[3], [0], [2], [1]])


def outcomes_of(ids: list[int], images: list[str], original: LabelSets | None = ORIGINAL) -> Outcomes:
    return find_outcomes(Predictions.from_ids(np.array(ids, int), images), LABELS, original=original)


def test_panel_has_common_images() -> None:
    one = outcomes_of([3, 1, 2, 0, 1], ["d.png", "c.png", "a.png", "b.png", "e.png"])
    two = outcomes_of([2, 0, 3, 0], ["b.png", "c.png", "e.png", "a.png"])
    both = Panel.from_outcomes({"one": one, "two": two})
    assert both.images == ("a.png", "b.png", "c.png", "e.png")
    assert both.top1.tolist() == [[2, 0, 1, 1], [0, 2, 0, 3]]
    assert both.is_valid.tolist() == [[True, False, True, False], [True, False, False, False]]
    assert both.is_scored.tolist() == [True, False, True, False]
    assert both.is_original_hit.tolist() == [[True, False, False, True], [False, False, True, False]]
    assert both.has_original_label.tolist() == [True, False, True, True]
    assert both.label_rows.tolist() == [0, 1, 2, -1]
    assert both.original_rows.tolist() == [2, -1, 1, 3]
    assert both.n_not_shared == (1, 0)
    assert repr(both) == "Panel(2 models, 4 images, 2 scored)"


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_order_of_rows_does_not_matter(first: list[int], second: list[int]) -> None:
    one, two = [2, 0, 1, 0], [1, 1, 1, 3]

    def shuffled(ids: list[int], order: list[int]) -> Outcomes:
        return outcomes_of([ids[i] for i in order], [LABELS.images[i] for i in order])

    both = Panel.from_outcomes({"one": shuffled(one, first), "two": shuffled(two, second)})
    assert both.images == LABELS.images
    assert both.top1.tolist() == [one, two]


def test_images_are_joined_by_key_and_named_by_first_model() -> None:
    labels = LabelSets.from_lists(["ILSVRC2012_val_00000002.JPEG", "ILSVRC2012_val_00000001.JPEG"], [[5], [7]])
    one = Predictions.from_ids([7, 5], ["val/ILSVRC2012_val_00000001.png", "val/ILSVRC2012_val_00000002.png"])
    two = Predictions.from_ids([5, 6], ["ILSVRC2012_val_00000002_n01440764.JPEG", "x/ILSVRC2012_val_00000001.JPEG"])
    both = Panel.from_predictions({"one": one, "two": two}, labels)
    assert both.images == ("val/ILSVRC2012_val_00000001.png", "val/ILSVRC2012_val_00000002.png")
    assert both.is_valid.tolist() == [[True, True], [False, True]]
    a, b = Predictions.from_ids([0, 1], ["x/a.png", "y/c.jpg"]), Predictions.from_ids([1, 0], ["z/c.gif", "a.bmp"])
    by_stem = Panel.from_predictions({"a": a, "b": b}, LABELS, match="stem")
    assert by_stem.is_valid.tolist() == [[True, True], [True, True]]
    assert by_stem.match == "stem"


@given(st.integers(0, 2**32 - 1))
def test_from_ids_equals_from_predictions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 4, (3, len(LABELS)))
    order = rng.permutation(len(LABELS))
    labels = LabelSets.from_lists([LABELS.images[i] for i in order], [LABELS[LABELS.images[i]] for i in order])
    original = LabelSets.from_lists(["d.png", "a.png"], rng.integers(0, 4, (2, 1)).tolist())
    fast = Panel.from_ids("xyz", ids.astype(np.uint8), labels, original=original)
    slow = Panel.from_predictions(dict(zip("xyz", ids, strict=True)), labels, original=original)
    for name in ("models", "images", "n_not_shared", "match"):
        assert getattr(fast, name) == getattr(slow, name)
    for name in ("top1", "is_valid", "is_scored", "is_original_hit", "label_rows", "original_rows"):
        quick, plain = getattr(fast, name), getattr(slow, name)
        assert quick.dtype == plain.dtype
        assert quick.tolist() == plain.tolist()


def test_models_without_common_image_raise() -> None:
    models = {"one": outcomes_of([0, 1, 2], ["a.png", "b.png", "c.png"]), "two": outcomes_of([0], ["d.png"])}
    models |= {f"empty {i}": outcomes_of([], []) for i in range(4)}
    assert message(Panel.from_outcomes, models) == (
        "models have no image in common\n"
        "  found:   one: 3 images, such as a.png, b.png and 1 more\n"
        "           two: 1 images, such as d.png\n"
        "           empty 0: 0 images\n           empty 1: 0 images\n           empty 2: 0 images\n"
        "           and 1 more models\n"
        '  fix:     use the same image names, or match images by another part of the name: match="name"'
    )


def test_missing_and_duplicate_models_raise() -> None:
    """A panel may have one model, and no original labels."""
    panel = Panel.from_outcomes([("one", outcomes_of([2, 0], ["c.png", "a.png"], None))])
    assert panel.is_valid.tolist() == [[True, False]]
    assert not panel.has_original_label.any()
    assert not panel.is_original_hit.any()
    outcomes = outcomes_of([0], ["a.png"])
    assert code_of(Panel.from_outcomes, {}) == "missing-models"
    assert message(Panel.from_outcomes, [("one", outcomes), ("one", outcomes)]) == (
        "a model is named twice\n  found:   one"
    )


def test_different_labels_raise() -> None:
    other = LabelSets.from_lists(["b.png", "a.png"], [[0], [1]])
    one = outcomes_of([0, 0], ["a.png", "b.png"], None)
    two = find_outcomes(Predictions.from_ids([0, 0], ["a.png", "b.png"]), other)
    assert message(Panel.from_outcomes, {"one": one, "two": two}) == (
        "models were evaluated with different labels\n  where:   two\n"
        "  fix:     evaluate all models with the same labels"
    )
    by_original = {"one": one, "two": outcomes_of([0], ["a.png"])}
    assert code_of(Panel.from_outcomes, by_original) == "different-labels"


@pytest.mark.parametrize(
    ("ids", "fault"),
    [
        (np.zeros((2, 3), int), ("wrong-shape", "int64 (2, 3)")),
        (np.zeros((2, 4)), ("wrong-type", "float64 (2, 4)")),
        *((np.array([[0, 1, 2, 3], [0, 1, wrong, 3]]), ("out-of-range", str(wrong))) for wrong in (-1, 4, 2**32)),
    ],
)
def test_invalid_ids_raise(ids: npt.NDArray[Any], fault: tuple[str, str]) -> None:
    labels = LabelSets.from_lists(LABELS.images, [[0], [1], [2], [3]], Classes(4))
    assert fault_of(Panel.from_ids, "ab", ids, labels) == fault
    if fault[0] == "out-of-range":
        assert "  where:   model b, image c.png\n" in message(Panel.from_ids, "ab", ids, labels)


ROWS = st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_common_images_of_outcomes_are_selected(rows_of_models: list[list[int]]) -> None:
    predicted = {
        str(i): dict(zip(rows, np.arange(len(rows)) % 3, strict=True)) for i, rows in enumerate(rows_of_models)
    }
    outcomes = {
        model: outcomes_of(list(ids.values()), [LABELS.images[i] for i in ids], None)
        for model, ids in predicted.items()
    }
    shared = set.intersection(*map(set, rows_of_models))
    common = restrict_to_common_images(outcomes)
    if all(set(rows) == shared for rows in rows_of_models):
        assert common is None
    elif not shared:
        assert common == MissingResult("models have no image in common")
    else:
        for model, outcome in common.items():
            assert set(outcome.images) == {LABELS.images[i] for i in shared}
            hits = sum(predicted[model][i] in LABELS[LABELS.images[i]] for i in shared)
            assert summarize(outcome, LABELS).real_accuracy[1].hits == hits
