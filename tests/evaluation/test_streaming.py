"""Batches in any order and of any size, even repeated, give the counts of `evaluate`."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess import LabelSets, Predictions, RealAccuracy, evaluate
from reassess.evaluation import multi_hot, padded_ids
from tests.helpers import Needs, code_of, fault_of, message

N, CLASSES = 60, 7
NAMES = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, N + 1)]
KINDS = ("names", "numbers", "multi-hot", "padded")


def stream(seed: int, kind: str = "float32") -> tuple[npt.NDArray[Any], LabelSets]:
    """Make scores with many ties, and label sets, some of them empty."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, (N, CLASSES)).astype(kind)
    lists = [rng.permutation(CLASSES)[: rng.integers(0, 4)].tolist() for _ in range(N)]
    return scores, LabelSets.from_lists(NAMES, lists)


def metric_of(kind: str, labels: LabelSets) -> RealAccuracy:
    options = {"names": {"labels": labels}, "numbers": {"labels": labels, "images": NAMES}}
    return RealAccuracy(top_k=(1, 2, 5), **options.get(kind, {}))


def target_of(kind: str, labels: LabelSets, rows: npt.NDArray[np.int64]) -> Any:
    targets: dict[str, Callable[[], object]] = {
        "names": lambda: [f"val/{NAMES[row]}" for row in rows],
        "numbers": lambda: rows,
        "multi-hot": lambda: multi_hot(labels, rows, CLASSES),
        "padded": lambda: padded_ids(labels, rows),
    }
    return targets[kind]()


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 2**32), st.sampled_from(["float16", "float32", "float64"]), st.integers(1, N))
def test_shuffled_batches_equal_evaluate(kind: str, seed: int, dtype: str, size: int) -> None:
    scores, labels = stream(seed, dtype)
    rows = np.random.default_rng(seed).permutation(N)[:size]
    metric = metric_of(kind, labels)
    for batch in np.array_split(rows, 4):
        metric.update(scores[batch], target_of(kind, labels, batch))
    predictions = Predictions.from_scores(scores[rows], [NAMES[row] for row in rows])
    assert metric.counts() == evaluate(predictions, labels, top_k=(1, 2, 5)).real_accuracy


def unaligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    copy = np.ndarray(array.shape, array.dtype, np.empty(array.nbytes + 1, np.uint8), offset=1)
    copy[...] = array
    return copy


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "fortran": np.asfortranarray,
    "unaligned": unaligned,
    "read only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
    "with gaps": lambda array: np.repeat(array, 3, axis=-1)[..., ::3],
    "backwards": lambda array: array[::-1].copy()[::-1],
    "other byte order": lambda array: array.astype(array.dtype.newbyteorder()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["numbers", "multi-hot", "padded"])
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_batch_can_have_any_memory_layout(kind: str, dtype: str, layout: str) -> None:
    scores, labels = stream(1, dtype)
    metric, lay_out = metric_of(kind, labels), LAYOUTS[layout]
    for batch in np.array_split(np.arange(N), [7, 30]):
        metric.update(lay_out(scores[batch]), lay_out(target_of(kind, labels, batch)))
    assert metric.counts() == evaluate(scores, labels, top_k=(1, 2, 5)).real_accuracy


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_lowest_valid_class_wins_ties_in_any_order(dtype: str) -> None:
    for ids in permutations([0, 2, -1]):
        metric = RealAccuracy([1])
        metric.update(np.zeros((1, 4), dtype), np.array([ids]))
        assert metric.compute() == {"real_top1": 1.0, "real_n": 1}


@pytest.mark.parametrize("kind", ["names", "numbers"])
def test_repeated_image_counts_once_and_is_a_hit_only_if_always_a_hit(kind: str) -> None:
    scores, labels = stream(0)
    metric = metric_of(kind, labels)
    for rows in (np.arange(N), np.arange(10), np.array([3, 3, 3])):
        metric.update(scores[rows], target_of(kind, labels, rows))
    assert metric.counts() == evaluate(scores, labels, top_k=(1, 2, 5)).real_accuracy
    labels = LabelSets.from_lists(["a.png"], [[1]])
    for first_class in (0, 1):
        in_two, in_one = RealAccuracy([1], labels=labels), RealAccuracy([1], labels=labels)
        rows = np.eye(2)[[first_class, 1 - first_class]]
        for row in rows:
            in_two.update(row[None], ["a.png"])
        in_one.update(rows, ["a.png", "a.png"])
        assert in_two.compute() == in_one.compute() == {"real_top1": 0.0, "real_n": 1}


def test_images_without_a_valid_class_and_ignored_images_are_not_counted() -> None:
    labels = LabelSets.from_lists(["a.png", "b.png"], [[1], []])
    metric = RealAccuracy([1], labels=labels, images=["c.png", "b.png", "a.png"], ignore_unknown=True)
    metric.update(np.eye(2)[[1, 1, 1]], [0, 1, 2])
    assert metric.compute() == {"real_top1": 1.0, "real_n": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_accuracy_is_none_before_the_first_batch_and_after_reset(kind: str) -> None:
    metric = metric_of(kind, stream(0)[1])
    assert metric.compute() == {"real_top1": None, "real_top2": None, "real_top5": None, "real_n": 0}
    for rows in (np.arange(0), np.arange(N)):
        metric.update(stream(0)[0][rows], target_of(kind, stream(0)[1], rows))
        assert (metric.compute()["real_n"] == 0) == (rows.size == 0)
    metric.reset()
    assert metric.compute()["real_n"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_batch_that_raises_is_not_counted(kind: str) -> None:
    scores, labels = stream(0)
    metric, target = metric_of(kind, labels), target_of(kind, labels, np.arange(N))
    metric.update(scores, target)
    before = metric.counts()
    scores = -scores  # these scores would change the counts
    scores[5, 2] = np.nan
    named = f"image {NAMES[5]}, " if kind in ("names", "numbers") else ""
    assert message(metric.update, scores, target).startswith(f"score is NaN\n  where:   {named}row 5, output 2\n")
    assert metric.counts() == before


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("sign", [1, -1])
def test_nan_of_either_sign_raises_even_without_a_valid_class(dtype: str, sign: int) -> None:
    metric = RealAccuracy([1])
    scores = np.array([[1, 0, np.copysign(np.nan, sign)]], dtype)
    for target in ([[0]], [[-1]]):
        assert code_of(metric.update, scores, np.array(target)) == "not-a-number"
    assert code_of(metric.update, scores[:, 2:], np.array([[1]])) == "not-a-number", "also in the only column"


@pytest.mark.parametrize("form", [np.array, lambda names: np.array(names, object)])
def test_names_can_be_an_array(form: Any) -> None:
    metric = RealAccuracy([1], labels=LABELS)
    metric.update(np.eye(3)[[2, 0]], form(["b.png", "a.png"]))
    assert metric.compute() == {"real_top1": 0.5, "real_n": 2}


def test_multi_hot_can_be_bfloat16_but_positions_cannot(needs: Needs) -> None:
    needs("torch")
    import torch

    metric = RealAccuracy([1])
    metric.update(np.eye(3)[[2, 0]], torch.eye(3).bfloat16()[[2, 1]])
    assert metric.compute() == {"real_top1": 0.5, "real_n": 2}
    assert code_of(metric.update, TWO, torch.zeros(2, 1).bfloat16()) == "wrong-target"
    by_number = RealAccuracy([1], labels=LABELS, images=["a.png"])
    assert fault_of(by_number.update, TWO, torch.zeros(2).bfloat16()) == ("missing-image-names", "bfloat16 (2,)")


LABELS = LabelSets.from_lists(["a.png", "b.png"], [[1], [2]])
TWO = np.zeros((2, 3), np.float32)
BY_NAME: dict[str, Any] = {"labels": LABELS}
BAD_BATCHES: list[tuple[dict[str, Any], Any, Any, str]] = [
    (
        BY_NAME,
        TWO,
        [None, "a.png"],
        "target contains neither image names nor image positions\n"
        "  allowed: image names, or image positions: integers of shape (images,)\n  found:   object (2,)\n"
        "  fix:     pass image names; or do not set the argument labels, and pass the valid classes as targets",
    ),
    (
        BY_NAME,
        TWO,
        ["a.png", ["b.png"]],
        "image name is not a string\n  found:   ['b.png']\n  fix:     give file names as str",
    ),
    (
        BY_NAME,
        TWO,
        np.array([0, 1]),
        "target contains image positions, but the names of the dataset's images are missing\n"
        "  fix:     pass the names in the order of the dataset: images=dataset.images",
    ),
    (
        BY_NAME | {"images": ["b.png", "a.png"]},
        TWO,
        np.array([0, 2]),
        "no image has this position\n  allowed: 0 to 1\n  found:   2",
    ),
    (
        BY_NAME,
        TWO,
        ["a.png", "z.png"],
        "1 of the 2 images of a batch are unknown\n  allowed: names such as a.png, b.png\n  found:   z.png",
    ),
    (
        BY_NAME,
        TWO[:, :2],
        ["a.png", "b.png"],
        "wrong number of outputs\n  allowed: 3 columns or more\n  found:   2 columns\n"
        "  fix:     pass only the scores of the benchmark's classes, in the order of their ids",
    ),
]


@pytest.mark.parametrize(("options", "scores", "target", "text"), BAD_BATCHES)
def test_error_of_a_wrong_batch_has_a_fix(options: dict[str, Any], scores: Any, target: Any, text: str) -> None:
    assert message(RealAccuracy(**{"top_k": [1], **options}).update, scores, target) == text


@pytest.mark.parametrize(
    ("options", "target", "fault"),
    [
        (BY_NAME, ["a.png", None], ("wrong-type", "None")),
        (BY_NAME, ["a.png"], ("wrong-length", "1")),
        ({}, np.array([[1]]), ("wrong-length", "1")),
        ({"top_k": [1, 4]}, np.array([[1], [2]]), ("out-of-range", "4")),
        (BY_NAME, "a.png", ("missing-image-names", "<U5 ()")),
        (BY_NAME, None, ("missing-image-names", "object ()")),
        (BY_NAME, np.zeros((2, 3)), ("missing-image-names", "float64 (2, 3)")),
        ({}, 1, ("wrong-target", "int64 ()")),
        (BY_NAME | {"images": ["b.png"]}, np.array([0, -1], np.int8), ("unknown-image", "-1")),
        (BY_NAME | {"images": ["b.png"]}, np.array([0, 2**64 - 1], np.uint64), ("unknown-image", str(2**64 - 1))),
    ],
)
def test_wrong_batch_raises(options: dict[str, Any], target: Any, fault: tuple[str, str]) -> None:
    assert fault_of(RealAccuracy(**{"top_k": [1], **options}).update, TWO, target) == fault


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"images": ["a.png"]}, "missing-labels"),
        ({"labels": "imagenet-real"}, "wrong-type"),
        ({"labels": LABELS, "images": ["a.png", ("b.png", 0)]}, "wrong-type"),
        ({"top_k": []}, "wrong-type"),
        ({"top_k": [0]}, "out-of-range"),
        ({"labels": LABELS, "images": ["a.png", "c.png"]}, "unknown-image"),
        ({"labels": LABELS, "images": ["a.png", "a.png"]}, "duplicate-image"),
    ],
)
def test_wrong_options_raise(options: dict[str, Any], code: str) -> None:
    assert code_of(RealAccuracy, **options) == code


def test_lists_of_class_ids_are_valid_targets() -> None:
    metric = RealAccuracy([1])
    metric.update(np.eye(4)[[1, 2, 3]], [[2, 1], [], [0]])
    assert metric.compute() == {"real_top1": 0.5, "real_n": 2}
    assert code_of(metric.update, np.eye(4)[:2], [["cat"], []]) == "wrong-target"
