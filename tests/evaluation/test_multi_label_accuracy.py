"""Multi-label accuracy by both conventions, compared with the published computation."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, LabelSets, MultiLabels, Predictions
from reassess.evaluation import VERDICTS, MultiLabelAccuracy, find_outcomes, multi_label_accuracy, summarize, verdicts
from tests.helpers import code_of, message

# Random models are at chance level.
pytestmark = pytest.mark.filterwarnings("ignore:.* agrees with the original labels on")

IMAGES = [f"{i}.png" for i in range(20)]
CLASSES = Classes(6)


def labels_of(reviews: dict[str, dict[str, Any]]) -> MultiLabels:
    valid, unclear, wrong = (
        LabelSets.from_lists(list(reviews), [review[kind] for review in reviews.values()], CLASSES)
        for kind in ("valid", "unclear", "wrong")
    )
    return MultiLabels(valid, unclear, wrong, np.array([review["problematic"] for review in reviews.values()], bool))


def random_reviews(rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    reviews = {}
    for image in rng.permutation(IMAGES).tolist():
        kinds = rng.choice(["valid", "unclear", "wrong", "none"], 6).tolist()
        sets = {kind: [c for c in range(6) if kinds[c] == kind] for kind in ("valid", "unclear", "wrong")}
        reviews[image] = sets | {"problematic": bool(rng.random() < 0.2)}
    return reviews


def published_accuracy(
    predicted: dict[str, int], reviews: dict[str, dict[str, Any]], original: dict[str, int]
) -> float | None:
    """Compute accuracy as in the README of TensorFlow Datasets: unclear is correct, mean over classes."""
    correct, images = Counter[int](), Counter[int]()
    for image, review in reviews.items():
        if review["problematic"] or not review["valid"]:
            continue
        images[original[image]] += 1
        correct[original[image]] += predicted[image] in review["valid"] or predicted[image] in review["unclear"]
    return sum(correct[c] / images[c] for c in images) / len(images) if images else None


@given(st.integers(0, 2**32 - 1))
def test_counts_and_means_equal_slow_references(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reviews = random_reviews(rng)
    predicted, original = ({image: int(rng.integers(0, 6)) for image in IMAGES} for _ in range(2))
    predictions = Predictions.from_ids([predicted[image] for image in IMAGES], images=IMAGES)
    originals = LabelSets.from_lists(IMAGES, [[original[image]] for image in IMAGES])
    accuracy = multi_label_accuracy(predictions, labels_of(reviews), original=originals)
    judged = [image for image, review in reviews.items() if not review["problematic"] and review["valid"]]
    kinds = Counter(
        next((kind for kind in ("valid", "unclear", "wrong") if predicted[image] in reviews[image][kind]), "unreviewed")
        for image in judged
    )
    assert {kind: getattr(accuracy, f"n_{kind}") for kind in ("valid", "unclear", "wrong", "unreviewed")} == {
        kind: kinds[kind] for kind in ("valid", "unclear", "wrong", "unreviewed")
    }
    assert accuracy.n_problematic == sum(review["problematic"] for review in reviews.values())
    assert accuracy.lenient_accuracy.n + accuracy.n_problematic + accuracy.n_empty == len(IMAGES)
    assert accuracy.accuracy.n == accuracy.lenient_accuracy.n - accuracy.n_unclear
    mean = published_accuracy(predicted, reviews, original)
    assert accuracy.mean_class_lenient_accuracy == (None if mean is None else pytest.approx(mean))
    without_unclear = {i: r for i, r in reviews.items() if predicted[i] not in r["unclear"]}
    mean = published_accuracy(predicted, without_unclear, original)
    assert accuracy.mean_class_accuracy == (None if mean is None else pytest.approx(mean))


def test_images_without_a_review_are_counted() -> None:
    labels = labels_of({"a": {"valid": [1], "unclear": [], "wrong": [], "problematic": False}})
    predictions = Predictions.from_ids([1, 1], images=["a", "b"])
    assert code_of(multi_label_accuracy, predictions, labels) == "unknown-image"
    accuracy = multi_label_accuracy(predictions, labels, ignore_unknown=True)
    assert (accuracy.n_valid, accuracy.n_unknown, accuracy.mean_class_lenient_accuracy) == (1, 1, None)


def test_json_has_both_conventions() -> None:
    counts = {"class_ids": np.array([0, 2]), "counts_by_class": np.array([[3, 1, 5], [4, 0, 4]])}
    accuracy = MultiLabelAccuracy(7, 1, 1, 0, n_problematic=2, n_empty=1, n_unknown=0, **counts)
    document = accuracy.to_json()
    assert "mean_over_classes_reason" not in document
    for name, hits, n, mean in (
        ("unclear_excluded", 7, 8, (3 / 4 + 1) / 2),
        ("unclear_is_correct", 8, 9, (4 / 5 + 1) / 2),
    ):
        part = document[name]
        assert (part["hits"], part["n"], part["mean_over_classes"]) == (hits, n, mean)
    assert document["not_scored"] == {"problematic": 2, "empty": 1, "unknown": 0}
    no_images = MultiLabelAccuracy(0, 0, 0, 0, 0, 0, 0, np.empty(0, np.int64), np.empty((0, 3), np.int64))
    assert no_images.to_json()["unclear_is_correct"]["mean_over_classes"] is None
    assert no_images.to_json()["mean_over_classes_reason"] == "no image is left to average over"
    json.dumps([document, no_images.to_json()], allow_nan=False)


def test_json_of_classes_has_only_classes_with_images() -> None:
    counts = {"class_ids": np.array([0, 2]), "counts_by_class": np.array([[3, 1, 5], [0, 2, 2]])}
    accuracy = MultiLabelAccuracy(3, 3, 1, 0, n_problematic=0, n_empty=0, n_unknown=0, **counts)
    assert [tuple(entry.values()) for entry in accuracy.classes_to_json(Classes(3, names=("a", "b", "c")))] == [
        (0, "a", 5, 3, 1, 3 / 4, 4 / 5),
        (2, "c", 2, 0, 2, None, 1.0),
    ]
    assert MultiLabelAccuracy(3, 3, 1, 0, n_problematic=0, n_empty=0, n_unknown=0).classes_to_json(Classes(3)) == []


def test_image_has_the_first_verdict_that_applies() -> None:
    """A problematic image is not scored, whatever its other labels, even without a valid class."""
    review = {"valid": [0], "unclear": [1], "wrong": [2], "problematic": False}
    reviews = dict.fromkeys("abcd", review) | {
        "e": review | {"valid": []},
        "f": review | {"problematic": True},
        "g": review | {"valid": [], "problematic": True},
    }
    labels = labels_of(reviews)
    predictions = Predictions.from_ids([0, 1, 2, 3, 1, 0, 0, 0], images=list("abcdefgh"))
    outcomes = find_outcomes(predictions, labels.evaluation_labels, ignore_unknown=True)
    assert [VERDICTS[verdict] for verdict in verdicts(outcomes, labels)] == [
        *("valid", "unclear", "wrong", "unreviewed"),
        *("empty", "problematic", "problematic", "unknown"),
    ]
    result = summarize(outcomes, labels.evaluation_labels)
    assert (result.n_scored, result.n_empty, result.n_unknown, result.real_accuracy[1].hits) == (4, 3, 1, 1)


def test_class_that_is_valid_and_wrong_raises() -> None:
    review = {"a": {"valid": [0, 3], "unclear": [1], "wrong": [2, 3], "problematic": False}}
    assert message(labels_of, review) == (
        "class is listed twice for one image\n  where:   image a\n"
        "  allowed: once, as valid, unclear or wrong\n  found:   3"
    )


def test_reviews_of_different_images_raise() -> None:
    a, b = LabelSets.from_lists(["a"], [[0]]), LabelSets.from_lists(["b"], [[1]])
    for sets, problematic in (((a, b, a), [False]), ((a, a, a), [False, True])):
        assert message(MultiLabels, *sets, np.array(problematic)) == (
            "valid, unclear and wrong classes are not for the same images"
        )
