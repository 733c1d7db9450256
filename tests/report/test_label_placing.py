"""Labels are inside the area, near their anchors, and cover nothing."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.report.label_placing import LabelBox, find_label_positions

AREA = (0.0, 0.0, 500.0, 400.0)
POINT = st.tuples(st.floats(0, 500), st.floats(0, 400))


@given(st.lists(POINT, min_size=1, max_size=6), st.lists(POINT, max_size=20))
def test_labels_are_inside_the_area_and_do_not_overlap(anchors: list[Any], points: list[Any]) -> None:
    labels = [LabelBox(np.array([anchor]), 60.0, 20.0) for anchor in anchors]
    covered = np.array([*points, *anchors])
    places = find_label_positions(labels, covered, AREA)
    assert [anchor for _, anchor in places] == anchors
    for i, ((x, y), _) in enumerate(places):
        assert 0 <= x <= 440
        assert 0 <= y <= 380
        for (other_x, other_y), _ in places[:i]:
            assert abs(x - other_x) > 60 or abs(y - other_y) > 20


def test_label_is_near_its_anchor_but_does_not_cover_it() -> None:
    """A label larger than the area starts at the corner."""
    ((x, y), _) = find_label_positions(
        [LabelBox(np.array([[250.0, 200.0]]), 60.0, 20.0)], np.array([[250.0, 200.0]]), AREA
    )[0]
    gap = np.hypot(max(x - 250, 250 - x - 60, 0), max(y - 200, 200 - y - 20, 0))
    assert 4 <= gap <= 20
    assert find_label_positions([LabelBox(np.array([[5.0, 5.0]]), 900.0, 20.0)], np.empty((0, 2)), AREA)[0][0][0] == 0.0


def test_label_points_at_the_anchor_with_free_space() -> None:
    crowd = np.random.default_rng(0).uniform((0, 0), (250, 400), (400, 2))
    anchors = np.array([[100.0, 200.0], [400.0, 200.0]])
    assert find_label_positions([LabelBox(anchors, 60.0, 20.0)], crowd, AREA)[0][1] == (400.0, 200.0)


def test_leader_line_crosses_no_other_label() -> None:
    """The anchors are close together in a crowd, so that lines to the nearest free places would cross."""
    rng = np.random.default_rng(0)
    crowd = rng.uniform((150, 100), (350, 300), (600, 2))
    anchors = np.array([[240.0, 200.0], [260.0, 200.0], [250.0, 190.0], [250.0, 215.0]])
    placed = find_label_positions([LabelBox(at[None], 90.0, 24.0) for at in anchors], crowd, AREA)
    for i, (corner, anchor) in enumerate(placed):
        start = np.clip(anchor, corner, np.add(corner, (90.0, 24.0)))
        line = start + np.linspace(0, 1, 200)[:, None] * np.subtract(anchor, start)
        for other, _ in placed[:i] + placed[i + 1 :]:
            assert not ((line > other) & (line < np.add(other, (90.0, 24.0)))).all(axis=1).any()
