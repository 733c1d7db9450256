"""Training targets: values for each loss, smoothing as in the frameworks, and images without a class."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.cleaning import training_targets
from reassess.core import Classes, LabelSets, Questions, Scores, TrainingTargets
from reassess.errors import ReassessWarning
from tests.helpers import Needs, code_of, fault_of

LABELS = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[2, 0], [], [1]], Classes(4))
QUESTIONS = Questions.from_columns(["b.png", "a.png", "a.png", "c.png"], np.array([1, 3, 0, 2]), Classes(4))
SCORES = Scores(QUESTIONS, np.array([0.25, 0.1, 0.7, 0.0]))


def make_targets(*arguments: object, **options: object) -> TrainingTargets:
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        return training_targets(*arguments, **options)


sets = st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=8).filter(any)
shares = st.floats(0, 1)


@given(sets, st.sampled_from(["multi-hot", "uniform"]), shares)
def test_targets_equal_a_loop_over_images_and_classes(sets: list[set[int]], kind: str, smoothing: float) -> None:
    labels = LabelSets.from_lists([f"{row}.png" for row in range(len(sets))], list(map(list, sets)), Classes(6))
    targets = make_targets(labels, kind, smoothing=smoothing)
    slow = []
    for valid in filter(None, sets):
        y = [(1 / len(valid) if kind == "uniform" else 1) if class_id in valid else 0 for class_id in range(6)]
        slow.append([(1 - smoothing) * each + smoothing / (6 if kind == "uniform" else 2) for each in y])
    np.testing.assert_allclose(targets.to_array(), slow, atol=1e-6)
    assert len(targets) + len(targets.images_without_target) == len(sets)
    if kind == "uniform":
        np.testing.assert_allclose(targets.to_array().sum(axis=1), 1, atol=1e-6)


def test_scores_are_unchanged_for_sigmoid_and_add_up_to_1_for_soft_max() -> None:
    sigmoid, soft_max = (make_targets(SCORES, "scores", loss=loss) for loss in ("sigmoid", "soft-max"))
    assert sigmoid.images == soft_max.images == ("b.png", "a.png")
    np.testing.assert_allclose(sigmoid.targets_of(["a.png", "b.png"]), [[0.7, 0, 0, 0.1], [0, 0.25, 0, 0]], atol=1e-7)
    np.testing.assert_allclose(soft_max.targets_of(["a.png", "b.png"]), [[0.875, 0, 0, 0.125], [0, 1, 0, 0]], atol=1e-7)
    assert sigmoid.images_without_target == ("c.png",)


def test_images_without_a_class_are_counted() -> None:
    with pytest.warns(ReassessWarning) as warned:
        targets = training_targets(LABELS, "uniform")
    assert [str(each.message) for each in warned] == ["1 of 3 images without a valid class get no target: b.png"]
    assert warned[0].filename == __file__
    assert (targets.images, targets.images_without_target) == (("a.png", "c.png"), ("b.png",))
    assert repr(targets) == "TrainingTargets(2 images, 4 classes, for soft-max, 1 without a target)"


@given(st.integers(1, 5), st.integers(1, 9))
def test_blocks_concatenate_to_the_array(images: int, rows: int) -> None:
    labels = LabelSets.from_lists([f"{row}.png" for row in range(images)], [[row] for row in range(images)], Classes(5))
    targets = make_targets(labels, "multi-hot")
    np.testing.assert_array_equal(np.concatenate(list(targets.blocks(rows))), targets.to_array())
    assert targets.to_array().dtype == np.float32


UNCOUNTED, EMPTY = LabelSets.from_lists(["a.png"], [[0]]), LabelSets.from_lists(["a.png"], [[]], Classes(2))


@pytest.mark.parametrize(
    ("arguments", "options", "code"),
    [
        ((LABELS, "hot"), {}, "unknown-name"),
        ((SCORES, "uniform"), {}, "wrong-type"),
        ((LABELS, "scores"), {}, "wrong-type"),
        ((SCORES, "scores"), {}, "missing-option"),
        ((LABELS, "uniform"), {"loss": "sigmoid"}, "wrong-loss"),
        ((LABELS, "uniform"), {"loss": "hinge"}, "unknown-name"),
        ((LABELS, "uniform"), {"smoothing": 1.5}, "out-of-range"),
        ((LABELS, "uniform"), {"smoothing": float("nan")}, "out-of-range"),
        ((LABELS, "uniform"), {"n_classes": 2}, "out-of-range"),
        ((UNCOUNTED, "uniform"), {}, "missing-class-count"),
        ((EMPTY, "uniform"), {}, "no-valid-class"),
    ],
)
def test_wrong_labels_and_options_raise(arguments: tuple[object, ...], options: dict[str, object], code: str) -> None:
    assert code_of(make_targets, *arguments, **options) == code


def test_missing_or_too_large_targets_raise() -> None:
    targets = make_targets(LABELS, "uniform")
    assert fault_of(targets.targets_of, ["a.png", "b.png"]) == ("no-valid-class", "b.png")
    assert code_of(targets.targets_of, ["d.png"]) == "unknown-image"
    assert fault_of(targets.to_array, max_bytes=31) == ("out-of-memory", "32 bytes: 2 x 4 numbers")
    assert targets.to_array(max_bytes=32).shape == (2, 4)
    count = 1_000_000
    ones = np.ones(count, np.float32)
    images = tuple(map(str, range(count)))
    wide = TrainingTargets(images, np.arange(count + 1), np.zeros(count, np.int32), ones, 0.0, 1000, "soft-max")
    assert code_of(wide.to_array) == "out-of-memory"
    assert wide.targets_of_rows(np.array([999_999])).shape == (1, 1000)


ONE = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[2], [0], [1]], Classes(4))
LOGITS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
SMOOTHING = 0.1


def test_smoothing_equals_pytorch(needs: Needs) -> None:
    needs("torch")
    import torch
    from torch.nn import CrossEntropyLoss

    logits, ids = torch.from_numpy(LOGITS), torch.tensor([2, 0, 1])
    hard, smoothed = (torch.from_numpy(make_targets(ONE, "uniform", smoothing=s).to_array()) for s in (0, SMOOTHING))
    expected = CrossEntropyLoss(label_smoothing=SMOOTHING)(logits, ids)
    torch.testing.assert_close(CrossEntropyLoss()(logits, smoothed), expected)
    torch.testing.assert_close(CrossEntropyLoss(label_smoothing=SMOOTHING)(logits, hard), expected)


def test_smoothing_equals_timm_and_its_threshold_recovers_valid_classes(needs: Needs) -> None:
    needs("timm")
    import torch
    from timm.loss import BinaryCrossEntropy, LabelSmoothingCrossEntropy, SoftTargetCrossEntropy

    logits, ids = torch.from_numpy(LOGITS), torch.tensor([2, 0, 1])
    smoothed = torch.from_numpy(make_targets(ONE, "uniform", smoothing=SMOOTHING).to_array())
    torch.testing.assert_close(
        SoftTargetCrossEntropy()(logits, smoothed), LabelSmoothingCrossEntropy(SMOOTHING)(logits, ids)
    )
    # With one class per image, timm's sigmoid loss smooths like a soft-max loss; it does not smooth dense targets.
    torch.testing.assert_close(
        BinaryCrossEntropy(smoothing=SMOOTHING)(logits, smoothed), BinaryCrossEntropy(smoothing=SMOOTHING)(logits, ids)
    )
    several = torch.from_numpy(make_targets(LABELS, "multi-hot").to_array())
    soft = torch.from_numpy(make_targets(LABELS, "multi-hot", smoothing=SMOOTHING).to_array())
    torch.testing.assert_close(
        BinaryCrossEntropy(target_threshold=0.5)(logits[:2], soft), BinaryCrossEntropy()(logits[:2], several)
    )


def test_smoothing_equals_keras_and_optax(needs: Needs) -> None:
    needs("keras")
    needs("optax")
    import keras
    import optax

    for kind, name in (("multi-hot", "BinaryCrossentropy"), ("uniform", "CategoricalCrossentropy")):
        hard, soft = (make_targets(LABELS, kind, smoothing=s).to_array() for s in (0, SMOOTHING))
        loss = getattr(keras.losses, name)(from_logits=True, label_smoothing=SMOOTHING)
        plain = getattr(keras.losses, name)(from_logits=True)
        np.testing.assert_allclose(float(plain(soft, LOGITS[:2])), float(loss(hard, LOGITS[:2])), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(optax.smooth_labels(hard, SMOOTHING)), soft, rtol=1e-6)
