"""What cleaning found, and how labels went wrong: counts by class, what is shown, and what is refused."""

from typing import Any

import numpy as np
import pytest

from reassess.core import CheckedLabels, Classes, Cleaning, LabelNoise
from tests.helpers import Refused

CLASSES = Classes(4, names=("ant", "bee", "cat", "dog"))


def cleaning(**other: Any) -> Cleaning:
    """Six images of three classes, of which one of the bees and all but one of the cats are dropped."""
    columns: dict[str, Any] = {
        "images": tuple(f"{row}.png" for row in range(6)),
        "class_ids": np.array([1, 1, 2, 2, 2, 0], np.int32),
        "kept": np.array([True, False, False, True, False, True]),
        "label_quality": np.array([0.9, 0.2, 0.1, np.nan, 0.0, 1.0]),
        "suggested": np.array([1, 0, 1, 2, -1, 0], np.int32),
        "reasons": ("why",) * 6,
        "classes": CLASSES,
    }
    return Cleaning(**columns | other)


def test_classes_are_sorted_by_the_share_that_is_dropped_then_by_the_number_and_the_id() -> None:
    assert cleaning().by_class() == [(2, 3, 2), (1, 2, 1), (0, 1, 0)]
    even = cleaning(class_ids=np.array([3, 3, 1, 1, 0, 0], np.int32), kept=np.array([True, False] * 3))
    assert even.by_class() == [(0, 2, 1), (1, 2, 1), (3, 2, 1)]
    more = cleaning(class_ids=np.array([3, 3, 3, 3, 0, 0], np.int32), kept=np.array([True, False] * 3))
    assert more.by_class() == [(3, 4, 2), (0, 2, 1)]


def test_a_class_loses_much_above_a_third() -> None:
    assert cleaning().losing_much() == [(2, 3, 2), (1, 2, 1)]
    third = cleaning(class_ids=np.array([0, 0, 0, 1, 1, 1], np.int32), kept=np.array([False, True, True] * 2))
    assert third.losing_much() == []


def test_it_shows_how_many_are_kept() -> None:
    assert str(cleaning()) == "kept             3 of 6 images, 50.00 %"
    noise = LabelNoise(0.25, np.eye(4), 1.0, CLASSES)
    assert str(cleaning(noise=noise)).splitlines()[1] == "wrong labels     25.00 % of all (estimate)"
    assert cleaning().kept_images == ("0.png", "3.png", "5.png")
    assert len(cleaning()) == 6


def test_a_document_has_the_counts_of_each_class() -> None:
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
        ({"kept": np.ones(5, bool)}, "wrong-length"),
        ({"label_quality": np.array([0.9, 0.2, 0.1, 1.5, 0.0, 1.0])}, "out-of-range"),
        ({"class_ids": np.array([1, 1, 2, 2, 2, 4], np.int32)}, "out-of-range"),
        ({"suggested": np.array([1, 1, 2, 2, -2, 0], np.int32)}, "out-of-range"),
    ],
)
def test_columns_that_do_not_fit_are_refused(refused: Refused, other: dict[str, Any], code: str) -> None:
    assert refused(cleaning, **other) == code


COUNTS = np.array([[80.0, 15.0, 5.0], [0.0, 60.0, 0.0], [15.0, 1.0, 24.0]])
CHECKED = CheckedLabels(checked=100, wrong=12, by_model=0.2, corrected=0.13, interval=(0.07, 0.19), agree=False)


def noise(checked: CheckedLabels | None = None) -> LabelNoise:
    return LabelNoise(0.18, COUNTS, 1.5, Classes(3, names=("ant", "bee", "cat")), checked)


def test_the_matrix_has_the_share_of_each_label_in_a_class() -> None:
    assert noise().matrix == pytest.approx(COUNTS / [[100.0], [60.0], [40.0]])
    assert noise().prior == pytest.approx([0.5, 0.3, 0.2])


def test_a_class_without_an_image_is_labelled_as_itself() -> None:
    empty = LabelNoise(0.0, np.diag([3.0, 0.0]), 1.0, Classes(2))
    assert empty.matrix.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert empty.largest(5) == []


def test_the_largest_entries_are_counts_of_mistakes_and_of_equal_ones_the_first_class() -> None:
    assert noise().largest(3) == [(0, 1, 15.0, 0.15), (2, 0, 15.0, 0.375), (0, 2, 5.0, 0.05)]
    assert len(noise().largest(20)) == 4


def test_it_shows_the_share_and_the_usual_mistakes() -> None:
    assert str(noise(CHECKED)) == (
        "wrong labels     18.00 %\n95 %             7.00 to 19.00 %\nchecked          100 labels, 12 of them wrong\n"
        "ant              called bee: 15 images\ncat              called ant: 15 images\n"
        "ant              called cat: 5 images"
    )


def test_a_document_has_the_largest_entries_and_what_people_checked() -> None:
    document = noise(CHECKED).to_json()
    assert document["largest"][0] == {"true_class": 0, "label": 1, "images": 15.0, "share": 0.15}
    assert document["checked"] == {
        "checked": 100,
        "wrong": 12,
        "by_model": 0.2,
        "corrected": 0.13,
        "interval": [0.07, 0.19],
        "agree": False,
    }
    assert (document["share_wrong"], document["sharpening"]) == (0.18, 1.5)
    assert noise().to_json()["checked"] is None
