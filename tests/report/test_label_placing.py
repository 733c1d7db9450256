"""Labels lie in the area, on nothing else, and near what they name."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.report.label_placing import Label, place

AREA = (0.0, 0.0, 500.0, 400.0)
SPOT = st.tuples(st.floats(0, 500), st.floats(0, 400))


@given(st.lists(SPOT, min_size=1, max_size=6), st.lists(SPOT, max_size=20))
def test_no_two_labels_overlap_and_all_lie_in_the_area(anchors: list[Any], points: list[Any]) -> None:
    labels = [Label(np.array([anchor]), 60.0, 20.0) for anchor in anchors]
    covered = np.array([*points, *anchors])
    found = place(labels, covered, AREA)
    assert [anchor for _, anchor in found] == anchors
    for i, ((x, y), _) in enumerate(found):
        assert 0 <= x <= 440
        assert 0 <= y <= 380
        for (other_x, other_y), _ in found[:i]:
            assert abs(x - other_x) > 60 or abs(y - other_y) > 20


def test_a_label_lies_near_its_anchor_and_not_on_it() -> None:
    ((x, y), _) = place([Label(np.array([[250.0, 200.0]]), 60.0, 20.0)], np.array([[250.0, 200.0]]), AREA)[0]
    gap = np.hypot(max(x - 250, 250 - x - 60, 0), max(y - 200, 200 - y - 20, 0))
    assert 4 <= gap <= 20


def test_a_label_takes_the_anchor_that_has_room() -> None:
    crowd = np.random.default_rng(0).uniform((0, 0), (250, 400), (400, 2))
    anchors = np.array([[100.0, 200.0], [400.0, 200.0]])
    assert place([Label(anchors, 60.0, 20.0)], crowd, AREA)[0][1] == (400.0, 200.0)


def test_a_label_that_is_larger_than_the_area_begins_at_its_corner() -> None:
    assert place([Label(np.array([[5.0, 5.0]]), 900.0, 20.0)], np.empty((0, 2)), AREA)[0][0][0] == 0.0
