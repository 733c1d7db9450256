"""How labels went wrong: the matrix, its largest entries, and what is shown."""

import numpy as np
import pytest

from reassess.core import CheckedLabels, Classes, LabelNoise

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
