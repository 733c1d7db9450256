"""Results of cleaning and estimated label noise: counts by class, text, JSON, and invalid columns."""

from typing import Any

import numpy as np
import pytest

from reassess.core import CheckedLabels, Classes, Cleaning, LabelNoise
from tests.helpers import Refused

CLASSES = Classes(4, names=("ant", "bee", "cat", "dog"))


def cleaning(**other: Any) -> Cleaning:
    """Create a result with six images, where one of two bees and two of three cats are dropped."""
    columns: dict[str, Any] = {
        "images": tuple(f"{row}.png" for row in range(6)),
        "class_ids": np.array([1, 1, 2, 2, 2, 0], np.int32),
        "is_kept": np.array([True, False, False, True, False, True]),
        "label_quality": np.array([0.9, 0.2, 0.1, np.nan, 0.0, 1.0]),
        "suggested_class_ids": np.array([1, 0, 1, 2, -1, 0], np.int32),
        "reasons": ("why",) * 6,
        "classes": CLASSES,
    }
    return Cleaning(**columns | other)


def test_classes_are_sorted_by_dropped_share_then_number_then_id() -> None:
    assert cleaning().by_class() == [(2, 3, 2), (1, 2, 1), (0, 1, 0)]
    even = cleaning(class_ids=np.array([3, 3, 1, 1, 0, 0], np.int32), is_kept=np.array([True, False] * 3))
    assert even.by_class() == [(0, 2, 1), (1, 2, 1), (3, 2, 1)]
    more = cleaning(class_ids=np.array([3, 3, 3, 3, 0, 0], np.int32), is_kept=np.array([True, False] * 3))
    assert more.by_class() == [(3, 4, 2), (0, 2, 1)]


def test_losing_much_lists_classes_that_lose_more_than_a_third() -> None:
    assert cleaning().classes_with_many_dropped() == [(2, 3, 2), (1, 2, 1)]
    third = cleaning(class_ids=np.array([0, 0, 0, 1, 1, 1], np.int32), is_kept=np.array([False, True, True] * 2))
    assert third.classes_with_many_dropped() == []


def test_text_shows_number_of_kept_images() -> None:
    assert str(cleaning()) == "kept             3 of 6 images, 50.00 %"
    noise = LabelNoise(0.25, np.eye(4), 1.0, CLASSES)
    assert str(cleaning(noise=noise)).splitlines()[1] == "wrong labels     25.00 % of all (estimate)"
    assert cleaning().kept_images == ("0.png", "3.png", "5.png")
    assert len(cleaning()) == 6


def test_json_has_counts_by_class() -> None:
    assert cleaning().to_json() == {
        "images": 6,
        "kept": 3,
        "classes": [
            {"class": 2, "name": "cat", "images": 3, "dropped": 2},
            {"class": 1, "name": "bee", "images": 2, "dropped": 1},
            {"class": 0, "name": "ant", "images": 1, "dropped": 0},
        ],
        "losing_much": [2, 1],
        "noise": None,
    }


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"images": ("a.png", "b.png", "a.png", "c.png", "d.png", "e.png")}, "duplicate-image at the cleaned images"),
        ({"is_kept": np.ones(5, bool)}, "wrong-length"),
        ({"label_quality": np.array([0.9, 0.2, 0.1, 1.5, 0.0, 1.0])}, "out-of-range"),
        ({"class_ids": np.array([1, 1, 2, 2, 2, 4], np.int32)}, "out-of-range"),
        ({"suggested_class_ids": np.array([1, 1, 2, 2, -2, 0], np.int32)}, "out-of-range"),
    ],
)
def test_invalid_columns_raise(refused: Refused, other: dict[str, Any], code: str) -> None:
    assert refused(cleaning, **other) == code


COUNTS = np.array([[80.0, 15.0, 5.0], [0.0, 60.0, 0.0], [15.0, 1.0, 24.0]])
CHECKED = CheckedLabels(
    100, 12, 90, 0.2, 1.0, corrected_wrong_share=0.13, interval=(0.07, 0.19), is_model_share_plausible=False
)


def noise(checked: CheckedLabels | None = None) -> LabelNoise:
    return LabelNoise(0.18, COUNTS, 1.5, Classes(3, names=("ant", "bee", "cat")), checked)


def test_matrix_has_share_of_each_label_by_true_class() -> None:
    assert noise().matrix == pytest.approx(COUNTS / [[100.0], [60.0], [40.0]])
    assert noise().prior == pytest.approx([0.5, 0.3, 0.2])


def test_matrix_of_class_without_images_is_identity() -> None:
    empty = LabelNoise(0.0, np.diag([3.0, 0.0]), 1.0, Classes(2))
    assert empty.matrix.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert empty.most_frequent_mistakes(5) == []


def test_largest_lists_mistakes_and_ties_by_class() -> None:
    assert noise().most_frequent_mistakes(3) == [(0, 1, 15.0, 0.15), (2, 0, 15.0, 0.375), (0, 2, 5.0, 0.05)]
    assert len(noise().most_frequent_mistakes(20)) == 4


def test_text_shows_share_and_largest_mistakes() -> None:
    assert str(noise(CHECKED)) == (
        "wrong labels     18.00 %\n95 %             7.00 to 19.00 %\nchecked          100 labels, 12 of them wrong\n"
        "ant              called bee: 15 images\ncat              called ant: 15 images\n"
        "ant              called cat: 5 images"
    )


def test_json_has_largest_mistakes_and_checked_labels() -> None:
    document = noise(CHECKED).to_json()
    assert document["largest"][0] == {"true_class": 0, "label": 1, "images": 15.0, "share": 0.15}
    assert document["checked"] == {
        "checked": 100,
        "wrong": 12,
        "drawn": 90,
        "by_model": 0.2,
        "covered": 1.0,
        "corrected": 0.13,
        "interval": [0.07, 0.19],
        "other_answers": 0,
        "agree": False,
    }
    assert (document["share_wrong"], document["sharpening"]) == (0.18, 1.5)
    assert noise().to_json()["checked"] is None
