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
    places = place(labels, covered, AREA)
    assert [anchor for _, anchor in places] == anchors
    for i, ((x, y), _) in enumerate(places):
        assert 0 <= x <= 440
        assert 0 <= y <= 380
        for (other_x, other_y), _ in places[:i]:
            assert abs(x - other_x) > 60 or abs(y - other_y) > 20


def test_a_label_lies_near_its_anchor_and_not_on_it() -> None:
    """One that is larger than the area begins at its corner."""
    ((x, y), _) = place([Label(np.array([[250.0, 200.0]]), 60.0, 20.0)], np.array([[250.0, 200.0]]), AREA)[0]
    gap = np.hypot(max(x - 250, 250 - x - 60, 0), max(y - 200, 200 - y - 20, 0))
    assert 4 <= gap <= 20
    assert place([Label(np.array([[5.0, 5.0]]), 900.0, 20.0)], np.empty((0, 2)), AREA)[0][0][0] == 0.0


def test_a_label_takes_the_anchor_that_has_room() -> None:
    crowd = np.random.default_rng(0).uniform((0, 0), (250, 400), (400, 2))
    anchors = np.array([[100.0, 200.0], [400.0, 200.0]])
    assert place([Label(anchors, 60.0, 20.0)], crowd, AREA)[0][1] == (400.0, 200.0)


def test_a_leader_line_crosses_no_other_label() -> None:
    """Two points close together in a crowd, from which the lines to the only free places would cross."""
    rng = np.random.default_rng(0)
    crowd = rng.uniform((150, 100), (350, 300), (600, 2))
    anchors = np.array([[240.0, 200.0], [260.0, 200.0], [250.0, 190.0], [250.0, 215.0]])
    placed = place([Label(at[None], 90.0, 24.0) for at in anchors], crowd, AREA)
    for i, (corner, anchor) in enumerate(placed):
        start = np.clip(anchor, corner, np.add(corner, (90.0, 24.0)))
        line = start + np.linspace(0, 1, 200)[:, None] * np.subtract(anchor, start)
        for other, _ in placed[:i] + placed[i + 1 :]:
            assert not ((line > other) & (line < np.add(other, (90.0, 24.0)))).all(axis=1).any()
