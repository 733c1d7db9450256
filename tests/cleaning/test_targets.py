"""training_targets: what each loss needs, smoothed as the frameworks do it; images without a class are counted."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.cleaning.targets import training_targets
from reassess.core.classes import Classes
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.core.training_targets import TrainingTargets
from reassess.errors import ReassessWarning
from tests.helpers import message

LABELS = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[2, 0], [], [1]], Classes(4))
QUESTIONS = Questions.from_columns(["b.png", "a.png", "a.png", "c.png"], np.array([1, 3, 0, 2]), Classes(4))
SCORES = Scores(QUESTIONS, np.array([0.25, 0.1, 0.7, 0.0]))


def made(*arguments: object, **options: object) -> TrainingTargets:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReassessWarning)
        return training_targets(*arguments, **options)


sets = st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=8).filter(any)
shares = st.floats(0, 1)


@given(sets, st.sampled_from(["multi-hot", "uniform"]), shares)
def test_targets_are_what_a_loop_over_images_and_classes_makes(
    sets: list[set[int]], kind: str, smoothing: float
) -> None:
    labels = LabelSets.from_lists([f"{row}.png" for row in range(len(sets))], list(map(list, sets)), Classes(6))
    targets = made(labels, kind, smoothing=smoothing)
    slow = []
    for valid in filter(None, sets):
        y = [(1 / len(valid) if kind == "uniform" else 1) if class_id in valid else 0 for class_id in range(6)]
        slow.append([(1 - smoothing) * each + smoothing / (6 if kind == "uniform" else 2) for each in y])
    np.testing.assert_allclose(targets.to_array(), slow, atol=1e-6)
    assert len(targets) + len(targets.without_target) == len(sets)
    if kind == "uniform":
        np.testing.assert_allclose(targets.to_array().sum(axis=1), 1, atol=1e-6)


def test_scores_stay_as_they_are_for_a_sigmoid_and_add_up_to_one_for_a_soft_max() -> None:
    sigmoid, soft_max = (made(SCORES, "scores", loss=loss) for loss in ("sigmoid", "soft-max"))
    assert sigmoid.images == soft_max.images == ("b.png", "a.png")
    np.testing.assert_allclose(sigmoid.of(["a.png", "b.png"]), [[0.7, 0, 0, 0.1], [0, 0.25, 0, 0]], atol=1e-7)
    np.testing.assert_allclose(soft_max.of(["a.png", "b.png"]), [[0.875, 0, 0, 0.125], [0, 1, 0, 0]], atol=1e-7)
    assert sigmoid.without_target == ("c.png",)


def test_images_without_a_class_are_left_out_and_counted() -> None:
    with pytest.warns(ReassessWarning) as warned:
        targets = training_targets(LABELS, "uniform")
    assert [str(each.message) for each in warned] == ["1 of 3 images without a valid class left out: b.png"]
    assert warned[0].filename == __file__
    assert (targets.images, targets.without_target) == (("a.png", "c.png"), ("b.png",))
    assert repr(targets) == "TrainingTargets(2 images, 4 classes, for soft-max, 1 left out)"


@given(st.integers(1, 5), st.integers(1, 9))
def test_blocks_are_the_array_in_parts(images: int, rows: int) -> None:
    labels = LabelSets.from_lists([f"{row}.png" for row in range(images)], [[row] for row in range(images)], Classes(5))
    targets = made(labels, "multi-hot")
    np.testing.assert_array_equal(np.concatenate(list(targets.blocks(rows))), targets.to_array())
    assert targets.to_array().dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        (
            (LABELS, "hot"),
            {},
            "unknown kind of target\n  allowed: multi-hot, uniform, scores\n  found:   'hot'",
        ),
        (
            (SCORES, "uniform"),
            {},
            "these are no label sets\n  allowed: LabelSets\n  found:   Scores\n"
            "  fix:     reassess.load_labels(NAME or FILE); of multi-label sets, their judging",
        ),
        (
            (LABELS, "scores"),
            {},
            "these are no scores\n  allowed: Scores\n  found:   LabelSets\n"
            "  fix:     reassess.load_scores(NAME or FILE)",
        ),
        (
            (SCORES, "scores"),
            {},
            "loss is missing: scores can become targets of both losses\n  allowed: loss='sigmoid' or loss='soft-max'\n"
            "  fix:     say for which",
        ),
        (
            (LABELS, "uniform"),
            {"loss": "sigmoid"},
            "uniform targets are not for this loss\n  allowed: soft-max\n  found:   sigmoid",
        ),
        ((LABELS, "uniform"), {"loss": "hinge"}, "unknown loss\n  allowed: sigmoid, soft-max\n  found:   'hinge'"),
        ((LABELS, "uniform"), {"smoothing": 1.5}, "smoothing out of range\n  allowed: 0 to 1\n  found:   1.5"),
        ((LABELS, "uniform"), {"smoothing": float("nan")}, "smoothing out of range\n  allowed: 0 to 1\n  found:   nan"),
        (
            (LABELS, "uniform"),
            {"classes": 2},
            "class id out of range\n  where:   the targets\n  allowed: 0 to 1\n  found:   2",
        ),
        (
            (LabelSets.from_lists(["a.png"], [[0]]), "uniform"),
            {},
            "labels do not give the number of classes\n  fix:     give the number of classes",
        ),
        (
            (LabelSets.from_lists(["a.png"], [[]], Classes(2)), "uniform"),
            {},
            "no image has a valid class\n  found:   1 image",
        ),
    ],
)
def test_what_makes_no_targets_is_refused(
    arguments: tuple[object, ...], options: dict[str, object], expected: str
) -> None:
    assert message(lambda: made(*arguments, **options)) == expected


def test_targets_that_are_too_large_are_not_made_at_once() -> None:
    targets = made(LABELS, "uniform")
    assert message(lambda: targets.to_array(max_bytes=31)) == (
        "targets are too large to compute at once\n  allowed: 31 bytes\n  found:   32 bytes: 2 x 4 numbers\n"
        "  fix:     take them in parts, with of_rows or blocks, or allow more with max_bytes=..."
    )
    assert targets.to_array(max_bytes=32).shape == (2, 4)
    wide = TrainingTargets(
        tuple(map(str, range(1_000_000))), np.arange(1_000_001), np.zeros(1_000_000, np.int32),
        np.ones(1_000_000, np.float32), 0.0, 1000, "soft-max",
    )  # fmt: skip
    assert message(wide.to_array).startswith("targets are too large to compute at once\n  allowed: 2.1 GB\n")
    assert wide.of_rows(np.array([999_999])).shape == (1, 1000)


def test_an_image_without_a_target_is_refused() -> None:
    targets = made(LABELS, "uniform")
    assert message(lambda: targets.of(["a.png", "b.png"])) == (
        "image has no valid class, so it has no target\n  found:   b.png"
    )
    assert message(lambda: targets.of(["d.png"])).startswith("1 of 1 images are unknown to the training targets\n")


# --- as the frameworks have it ---------------------------------------------------------------------------------------

ONE = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[2], [0], [1]], Classes(4))
LOGITS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
SMOOTHING = 0.1


def test_pytorch_smooths_a_class_and_a_distribution_alike(needs: Callable[[str], None]) -> None:
    needs("torch")
    import torch
    from torch.nn import CrossEntropyLoss

    logits, ids = torch.from_numpy(LOGITS), torch.tensor([2, 0, 1])
    hard, smoothed = (torch.from_numpy(made(ONE, "uniform", smoothing=s).to_array()) for s in (0, SMOOTHING))
    expected = CrossEntropyLoss(label_smoothing=SMOOTHING)(logits, ids)
    torch.testing.assert_close(CrossEntropyLoss()(logits, smoothed), expected)
    torch.testing.assert_close(CrossEntropyLoss(label_smoothing=SMOOTHING)(logits, hard), expected)


def test_timm_smooths_alike_and_a_threshold_finds_the_valid_classes_again(needs: Callable[[str], None]) -> None:
    needs("timm")
    import torch
    from timm.loss import BinaryCrossEntropy, LabelSmoothingCrossEntropy, SoftTargetCrossEntropy

    logits, ids = torch.from_numpy(LOGITS), torch.tensor([2, 0, 1])
    smoothed = torch.from_numpy(made(ONE, "uniform", smoothing=SMOOTHING).to_array())
    torch.testing.assert_close(
        SoftTargetCrossEntropy()(logits, smoothed), LabelSmoothingCrossEntropy(SMOOTHING)(logits, ids)
    )
    # Of one class an image, timm's sigmoid loss smooths as a soft-max loss does; dense targets it takes as they are.
    torch.testing.assert_close(
        BinaryCrossEntropy(smoothing=SMOOTHING)(logits, smoothed), BinaryCrossEntropy(smoothing=SMOOTHING)(logits, ids)
    )
    several = torch.from_numpy(made(LABELS, "multi-hot").to_array())
    soft = torch.from_numpy(made(LABELS, "multi-hot", smoothing=SMOOTHING).to_array())
    torch.testing.assert_close(
        BinaryCrossEntropy(target_threshold=0.5)(logits[:2], soft), BinaryCrossEntropy()(logits[:2], several)
    )


def test_keras_smooths_alike(needs: Callable[[str], None]) -> None:
    needs("keras")
    import keras

    several, soft = (made(LABELS, "multi-hot", smoothing=s).to_array() for s in (0, SMOOTHING))
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
    plain = keras.losses.BinaryCrossentropy(from_logits=True)
    np.testing.assert_allclose(float(plain(soft, LOGITS[:2])), float(loss(several, LOGITS[:2])), rtol=1e-6)
    even, soft = (made(LABELS, "uniform", smoothing=s).to_array() for s in (0, SMOOTHING))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
    plain = keras.losses.CategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(float(plain(soft, LOGITS[:2])), float(loss(even, LOGITS[:2])), rtol=1e-6)


def test_optax_smooths_alike(needs: Callable[[str], None]) -> None:
    needs("optax")
    import optax

    even, soft = (made(LABELS, "uniform", smoothing=s).to_array() for s in (0, SMOOTHING))
    np.testing.assert_allclose(np.asarray(optax.smooth_labels(even, SMOOTHING)), soft, rtol=1e-6)
