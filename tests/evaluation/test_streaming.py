"""Batches in any order, however cut and however often they come, give the counts of `evaluate`."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess import LabelSets, Predictions, RealAccuracy, evaluate
from reassess.errors import DataError
from reassess.evaluation.batch_targets import multi_hot, padded_ids
from tests.helpers import refused

N, CLASSES = 60, 7
NAMES = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, N + 1)]
KINDS = ("names", "numbers", "multi-hot", "padded")


def stream(seed: int, kind: str = "float32") -> tuple[npt.NDArray[Any], LabelSets]:
    """Scores full of ties, and label sets of which some are empty."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, (N, CLASSES)).astype(kind)
    lists = [rng.permutation(CLASSES)[: rng.integers(0, 4)].tolist() for _ in range(N)]
    return scores, LabelSets.from_lists(NAMES, lists)


def metric_of(kind: str, labels: LabelSets) -> RealAccuracy:
    joined = {"names": {"labels": labels}, "numbers": {"labels": labels, "images": NAMES}}
    return RealAccuracy(top_k=(1, 2, 5), **joined.get(kind, {}))


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
def test_shuffled_batches_of_some_images_count_as_evaluate_does(kind: str, seed: int, dtype: str, size: int) -> None:
    scores, labels = stream(seed, dtype)
    rows = np.random.default_rng(seed).permutation(N)[:size]
    metric = metric_of(kind, labels)
    for batch in np.array_split(rows, 4):
        metric.update(scores[batch], target_of(kind, labels, batch))
    predictions = Predictions.from_scores(scores[rows], [NAMES[row] for row in rows])
    assert metric.counts() == evaluate(predictions, labels, top_k=(1, 2, 5)).real


def unaligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    moved = np.ndarray(array.shape, array.dtype, np.empty(array.nbytes + 1, np.uint8), offset=1)
    moved[...] = array
    return moved


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)


def with_gaps(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.repeat(array, 3, axis=-1)[..., ::3]


def backwards(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array[::-1].copy()[::-1]


def other_byte_order(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.astype(array.dtype.newbyteorder())


LAYOUTS = (np.asfortranarray, unaligned, read_only, with_gaps, backwards, other_byte_order)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda part: part.__name__)
@pytest.mark.parametrize("kind", ["numbers", "multi-hot", "padded"])
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_a_batch_may_lie_in_memory_in_any_way(kind: str, dtype: str, layout: Callable[..., Any]) -> None:
    scores, labels = stream(1, dtype)
    metric = metric_of(kind, labels)
    for batch in np.array_split(np.arange(N), [7, 30]):
        metric.update(layout(scores[batch]), layout(target_of(kind, labels, batch)))
    assert metric.counts() == evaluate(scores, labels, top_k=(1, 2, 5)).real


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_of_valid_classes_with_equal_scores_the_lowest_counts_in_whatever_order_they_stand(dtype: str) -> None:
    for ids in permutations([0, 2, -1]):
        metric = RealAccuracy([1])
        metric.update(np.zeros((1, 4), dtype), np.array([ids]))
        assert metric.compute() == {"real_top1": 1.0, "real_n": 1}


@pytest.mark.parametrize("kind", ["names", "numbers"])
def test_an_image_counts_once_however_often_it_comes(kind: str) -> None:
    scores, labels = stream(0)
    metric = metric_of(kind, labels)
    for rows in (np.arange(N), np.arange(10), np.array([3, 3, 3])):
        metric.update(scores[rows], target_of(kind, labels, rows))
    assert metric.counts() == evaluate(scores, labels, top_k=(1, 2, 5)).real


@pytest.mark.parametrize("right_first", [True, False])
def test_an_image_is_right_only_if_it_was_right_every_time(right_first: bool) -> None:
    labels, scores = LabelSets.from_lists(["a.png"], [[1]]), np.eye(2)[[int(right_first), int(not right_first)]]
    in_two, in_one = RealAccuracy([1], labels=labels), RealAccuracy([1], labels=labels)
    for row in scores:
        in_two.update(row[None], ["a.png"])
    in_one.update(scores, ["a.png", "a.png"])
    assert in_two.compute() == in_one.compute() == {"real_top1": 0.0, "real_n": 1}


def test_images_without_a_valid_class_are_left_out_and_unknown_ones_if_asked_for() -> None:
    labels = LabelSets.from_lists(["a.png", "b.png"], [[1], []])
    metric = RealAccuracy([1], labels=labels, images=["c.png", "b.png", "a.png"], ignore_unknown=True)
    metric.update(np.eye(2)[[1, 1, 1]], [0, 1, 2])
    assert metric.compute() == {"real_top1": 1.0, "real_n": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_seen_is_no_number(kind: str) -> None:
    metric = metric_of(kind, stream(0)[1])
    assert metric.compute() == {"real_top1": None, "real_top2": None, "real_top5": None, "real_n": 0}
    metric.update(np.empty((0, CLASSES)), target_of(kind, stream(0)[1], np.arange(0)))
    assert metric.compute()["real_n"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_reset_forgets(kind: str) -> None:
    scores, labels = stream(0)
    metric = metric_of(kind, labels)
    metric.update(scores, target_of(kind, labels, np.arange(N)))
    metric.reset()
    assert metric.compute()["real_n"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_that_is_refused_is_not_counted(kind: str) -> None:
    scores, labels = stream(0)
    metric, target = metric_of(kind, labels), target_of(kind, labels, np.arange(N))
    metric.update(scores, target)
    before = metric.counts()
    scores = -scores  # would count otherwise
    scores[5, 2] = np.nan
    with pytest.raises(DataError) as raised:
        metric.update(scores, target)
    named = f"image {NAMES[5]}, " if kind in ("names", "numbers") else ""
    assert raised.value.what == "score is NaN"
    assert raised.value.where == f"{named}row 5, output 2"
    assert metric.counts() == before


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_nan_is_refused_whatever_its_sign_and_also_where_no_class_is_valid(dtype: str, sign: int) -> None:
    metric = RealAccuracy([1])
    scores = np.array([[1, 0, np.copysign(np.nan, sign)]], dtype)
    for target in ([[0]], [[-1]]):
        with refused("not-a-number"):
            metric.update(scores, np.array(target))
    with refused("not-a-number"):  # though no other class is before it
        metric.update(scores[:, 2:], np.array([[1]]))


@pytest.mark.parametrize("form", [np.array, lambda names: np.array(names, object)])
def test_names_may_stand_in_an_array(form: Any) -> None:
    metric = RealAccuracy([1], labels=LABELS)
    metric.update(np.eye(3)[[2, 0]], form(["b.png", "a.png"]))
    assert metric.compute() == {"real_top1": 0.5, "real_n": 2}


def test_multi_hot_may_be_bfloat16_and_numbers_may_not(needs: Callable[[str], None]) -> None:
    needs("torch")
    import torch

    metric = RealAccuracy([1])
    metric.update(np.eye(3)[[2, 0]], torch.eye(3).bfloat16()[[2, 1]])
    assert metric.compute() == {"real_top1": 0.5, "real_n": 2}
    with refused("wrong-target"):
        metric.update(TWO, torch.zeros(2, 1).bfloat16())
    with pytest.raises(DataError) as raised:
        RealAccuracy([1], labels=LABELS, images=["a.png"]).update(TWO, torch.zeros(2).bfloat16())
    assert raised.value.found == "bfloat16 (2,)"


LABELS = LabelSets.from_lists(["a.png", "b.png"], [[1], [2]])
TWO = np.zeros((2, 3), np.float32)
NO_NAMES = (
    "target has no image names\n"
    "  allowed: names, or integers of shape (images,)\n"
    "  found:   {}\n"
    "  fix:     valid classes are already known from the labels: leave labels out to give them with every batch"
)
BAD_BATCHES = {
    "names that are no strings": ({"labels": LABELS}, TWO, [None, "a.png"], NO_NAMES.format("object (2,)")),
    "a name that is no string": (
        {"labels": LABELS},
        TWO,
        ["a.png", None],
        "image name is not a string\n  found:   None\n  fix:     give file names as str",
    ),
    "a list of names among names": (
        {"labels": LABELS},
        TWO,
        ["a.png", ["b.png"]],
        "image name is not a string\n  found:   ['b.png']\n  fix:     give file names as str",
    ),
    "one name": ({"labels": LABELS}, TWO, "a.png", NO_NAMES.format("<U5 ()")),
    "nothing": ({"labels": LABELS}, TWO, None, NO_NAMES.format("object ()")),
    "one class": (
        {},
        TWO,
        1,
        "target is neither multi-hot nor ids padded with -1\n"
        "  allowed: 0 or 1 of shape (images, 3), or integers of shape (images, most classes of an image)\n"
        "  found:   int64 ()\n"
        "  fix:     a folder reader's label is not the set of valid classes; "
        "to give names, use RealAccuracy(labels=...)",
    ),
    "numbers that mean nothing": (
        {"labels": LABELS},
        TWO,
        np.array([0, 1]),
        "images are numbered, and no list gives their names\n"
        "  fix:     give the names of the dataset's images, in its order: images=dataset.images",
    ),
    "a number too large": (
        {"labels": LABELS, "images": ["b.png"]},
        TWO,
        np.array([0, 1]),
        "no image has this number\n  allowed: 0 to 0\n  found:   1",
    ),
    "a number below 0": (
        {"labels": LABELS, "images": ["b.png", "a.png"]},
        TWO,
        np.array([0, -1], np.int8),
        "no image has this number\n  allowed: 0 to 1\n  found:   -1",
    ),
    "a number above what fits into the type of the numbers": (
        {"labels": LABELS, "images": ["b.png", "a.png"]},
        TWO,
        np.array([0, 2**64 - 1], np.uint64),
        "no image has this number\n  allowed: 0 to 1\n  found:   18446744073709551615",
    ),
    "unknown names": (
        {"labels": LABELS},
        TWO,
        ["a.png", "z.png"],
        "1 of the 2 images of a batch are unknown\n  allowed: names such as a.png, b.png\n  found:   z.png",
    ),
    "valid classes beside labels": (
        {"labels": LABELS},
        TWO,
        np.zeros((2, 3)),
        NO_NAMES.format("float64 (2, 3)"),
    ),
    "fewer images": (
        {"labels": LABELS},
        TWO,
        ["a.png"],
        "wrong number of images\n  allowed: 2, one for each row of scores\n  found:   1",
    ),
    "fewer targets": (
        {},
        TWO,
        np.array([[1]]),
        "wrong number of targets\n  allowed: 2, one for each row of scores\n  found:   1",
    ),
    "too few outputs": (
        {"labels": LABELS},
        TWO[:, :2],
        ["a.png", "b.png"],
        "wrong number of outputs\n"
        "  allowed: 3 columns or more\n"
        "  found:   2 columns\n"
        "  fix:     give the scores of the benchmark's classes alone, in the order of their ids",
    ),
    "k too large": (
        {"top_k": [1, 4]},
        TWO,
        np.array([[1], [2]]),
        "k out of range\n  allowed: 1 to 3, as many as the predictions hold for each image\n  found:   4",
    ),
}


@pytest.mark.parametrize("case", BAD_BATCHES)
def test_a_batch_that_does_not_fit_is_refused(case: str) -> None:
    options, scores, target, message = BAD_BATCHES[case]
    metric = RealAccuracy(**{"top_k": [1], **options})
    with pytest.raises(DataError) as raised:
        metric.update(scores, target)
    assert str(raised.value) == message


BAD_METRICS = {
    "images alone": (
        {"images": ["a.png"]},
        "images were given without labels\n  fix:     labels=reassess.read_labels()",
    ),
    "the name of labels": (
        {"labels": "imagenet-real"},
        "wrong type of label sets\n  allowed: LabelSets\n  found:   str\n  fix:     labels=read_labels(FILE)",
    ),
    "names that are no strings": (
        {"labels": LABELS, "images": ["a.png", ("b.png", 0)]},
        "image name is not a string\n  found:   ('b.png', 0)\n  fix:     give file names as str",
    ),
    "no k": ({"top_k": []}, "top_k must be whole numbers\n  allowed: such as (1, 5)\n  found:   []"),
    "k of 0": ({"top_k": [0]}, "k out of range\n  allowed: 1 or more\n  found:   0"),
    "an unknown image": (
        {"labels": LABELS, "images": ["a.png", "c.png"]},
        "1 of 2 images are not in the label sets\n"
        "  allowed: a.png and 1 more\n"
        "  found:   c.png\n"
        "  fix:     check the names, or do not count such images: ignore_unknown=True",
    ),
    "an image twice": (
        {"labels": LABELS, "images": ["a.png", "a.png"]},
        "image is listed twice\n  where:   the images\n  found:   a.png\n  fix:     keep one row per image",
    ),
}


@pytest.mark.parametrize("case", BAD_METRICS)
def test_a_metric_that_makes_no_sense_is_refused(case: str) -> None:
    options, message = BAD_METRICS[case]
    with pytest.raises(DataError) as raised:
        RealAccuracy(**options)
    assert str(raised.value) == message


def test_lists_as_a_data_loader_collates_them_are_valid_classes() -> None:
    metric = RealAccuracy([1])
    metric.update(np.eye(4)[[1, 2, 3]], [[2, 1], [], [0]])
    assert metric.compute() == {"real_top1": 0.5, "real_n": 2}
    with refused("wrong-target"):
        metric.update(np.eye(4)[:2], [["cat"], []])
