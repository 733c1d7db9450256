"""Find positions for the text labels of a figure, near their points, where they cover as little as possible."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_MAX_ORDERS = 12  # largest number of orders of the labels to try
_POSITIONS_PER_SIDE = 64  # positions to try along each side of the figure
_MARGIN = 4.0  # free pixels around a label
_BEST_DISTANCE = 10.0  # best distance between a label and its anchor, in pixels
_MAX_CHECKED_POSITIONS = 1000  # positions with the lowest costs, whose lines to the anchors are checked
_LINE_FRACTIONS = np.linspace(0.0, 1.0, 48)[:, None, None]  # points along the line from a text to its anchor
# Costs, in pixels of distance.
_COVERED_POINT_COST = 50.0  # a covered point
_OVERLAP_COST = 1e6  # two labels overlap; only if no position is free
_CROSSING_COST = 1e5  # the line of a label crosses another label; only if no position is free
_LABEL_POINT_WEIGHT = 4  # a point of another label or of its line counts as this many covered points

_Points = npt.NDArray[np.float64]
_Rectangle = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class LabelBox:
    """The size of a text label, and the points where a line from the label may end."""

    anchors: _Points  # float64, shape (anchors, 2), pixels: points where a line from the label may end
    width: float  # pixels
    height: float  # pixels


class LabelPosition(NamedTuple):
    """The position of a text label in a figure, in pixels."""

    corner: tuple[float, float]  # lower left corner of the text
    anchor: tuple[float, float]  # where the line from the text ends


def find_label_positions(labels: Sequence[LabelBox], obstacles: _Points, area: _Rectangle) -> list[LabelPosition]:
    """Find a position for each label in the area, where labels cover few obstacles and do not overlap.

    The labels get their positions one after another, in several orders; the order with the lowest cost wins. Each label
    takes the position with the lowest cost: its distance to the anchor, the covered points, and the labels and lines
    that overlap or cross.
    """
    rng = np.random.default_rng(0)
    orders = [range(len(labels)), *(rng.permutation(len(labels)).tolist() for _ in range(_MAX_ORDERS - 1))]
    best_labels: dict[int, _PositionedLabel] = {}
    lowest_cost = np.inf
    for order in orders:
        placed = _position_labels_in_order(order, labels, obstacles, area)
        cost = sum(label.cost for label in placed.values())
        if cost < lowest_cost:
            best_labels, lowest_cost = placed, cost
        if lowest_cost < _COVERED_POINT_COST * len(labels):  # another order cannot be much better
            break
    placed_labels = (best_labels[i] for i in range(len(labels)))
    return [LabelPosition(_to_coordinates(label.corner), _to_coordinates(label.anchor)) for label in placed_labels]


def _position_labels_in_order(
    order: Sequence[int], labels: Sequence[LabelBox], obstacles: _Points, area: _Rectangle
) -> "dict[int, _PositionedLabel]":
    """Find a position for one label of a figure after the other; `order` lists indices in `labels`.

    The keys of the result are indices in `labels`, too.
    """
    placed: dict[int, _PositionedLabel] = {}
    for i in order:
        counter = _PointCounter.from_points(obstacles, area)
        placed[i] = _find_position(labels[i], counter, list(placed.values()), area)
        obstacles = np.concatenate(
            [obstacles, np.tile(placed[i].make_points_of_text_and_line(), (_LABEL_POINT_WEIGHT, 1))]
        )
    return placed


@dataclass(frozen=True, eq=False)
class _PositionedLabel:
    """A text label at its position, with a line to its anchor (the point of the chart that it describes)."""

    corner: _Points
    size: _Points
    anchor: _Points
    cost: float

    def make_points_of_text_and_line(self) -> _Points:
        """Return a grid of points over the text, and points along the line from the text to its anchor."""
        across, up = (np.arange(0.0, length + _MARGIN, _MARGIN).clip(max=length) for length in self.size)
        text = self.corner + np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
        return np.concatenate([text, self.make_line_points()])

    def make_line_points(self) -> _Points:
        """Return points along the line from the text to its anchor."""
        return _make_lines_to_anchors(self.corner, self.size, self.anchor).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class _PointCounter:
    """A counter of points in rectangles, by cumulative sums over a grid of pixels."""

    origin: _Points
    cumulative_counts: npt.NDArray[np.int64]

    @classmethod
    def from_points(cls, points: _Points, area: _Rectangle) -> "_PointCounter":
        """Create a counter of the points in an area and in a margin around the area."""
        origin = np.floor(area[:2]) - 2 * _MARGIN
        width, height = (np.ceil(area[2:] - origin) + 2 * _MARGIN).astype(np.int64).tolist()
        cells = np.floor(points - origin).astype(np.int64)
        x, y = cells[((cells >= 0) & (cells < (width, height))).all(axis=1)].T
        counts = np.bincount(x * height + y, minlength=width * height).reshape(width, height)
        return cls(origin=origin, cumulative_counts=np.pad(counts.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))))

    def count_in_rectangles(self, lower_corners: _Points, upper_corners: _Points) -> npt.NDArray[np.int64]:
        """Count the points in each rectangle; rectangles are rounded to pixels."""
        max_index = np.array(self.cumulative_counts.shape) - 1
        left, bottom = np.moveaxis(np.floor(lower_corners - self.origin).astype(np.int64).clip(0, max_index), -1, 0)
        right, top = np.moveaxis(np.ceil(upper_corners - self.origin).astype(np.int64).clip(0, max_index), -1, 0)
        sums = self.cumulative_counts
        return np.asarray(sums[right, top] - sums[left, top] - sums[right, bottom] + sums[left, bottom])


def _find_position(
    label: LabelBox, counter: _PointCounter, placed_labels: Sequence[_PositionedLabel], area: _Rectangle
) -> _PositionedLabel:
    """Find the position and the anchor of a text label that have the lowest cost."""
    size = np.array([label.width, label.height])
    candidate_coordinates = _make_candidate_coordinates(label, area)
    corners = np.stack(np.meshgrid(*candidate_coordinates), axis=-1).reshape(-1, 2)
    low, high = corners - _MARGIN, corners + size + _MARGIN
    cost = _COVERED_POINT_COST * counter.count_in_rectangles(low, high)
    for placed_label in placed_labels:
        free = (low > placed_label.corner + placed_label.size) | (high < placed_label.corner)
        cost[~free.any(axis=1)] += _OVERLAP_COST
        cost[_covers_line(placed_label.make_line_points(), candidate_coordinates, size)] += _CROSSING_COST
    across, up = (
        np.maximum(np.maximum(starts[:, None] - anchors, anchors - (starts + side)[:, None]), 0)
        for anchors, starts, side in zip(label.anchors.T, candidate_coordinates, size, strict=True)
    )
    costs = cost[:, None] + np.abs(np.hypot(across, up[:, None]).reshape(len(corners), -1) - _BEST_DISTANCE)
    best_positions = _find_positions_of_lowest_costs(costs.ravel(), _MAX_CHECKED_POSITIONS)
    rows, columns = np.unravel_index(best_positions, costs.shape)
    corners, anchors = corners[rows], label.anchors[columns]
    lines = _make_lines_to_anchors(corners, size, anchors)
    total = costs[rows, columns] + _compute_cost_of_points_near_lines(lines, counter)
    for placed_label in placed_labels:
        near = (lines > placed_label.corner - _MARGIN) & (lines < placed_label.corner + placed_label.size + _MARGIN)
        total[near.all(axis=-1).any(axis=0)] += _CROSSING_COST
    best = int(np.argmin(total))
    return _PositionedLabel(corner=corners[best], size=size, anchor=anchors[best], cost=float(total[best]))


def _compute_cost_of_points_near_lines(lines: _Points, counter: _PointCounter) -> _Points:
    """Return a cost for each line, from the number of chart points near the line.

    `lines` has shape (points, lines, 2).
    """
    to_anchor = np.hypot(*np.moveaxis(lines - lines[-1], -1, 0))
    # The line ends at the anchor, so points around the anchor do not count.
    near = counter.count_in_rectangles(lines - _MARGIN, lines + _MARGIN) * (to_anchor > 2 * _BEST_DISTANCE)
    return np.asarray(_COVERED_POINT_COST * near.mean(axis=0) * to_anchor[0] / (2 * _MARGIN))


def _make_lines_to_anchors(corners: _Points, size: _Points, anchors: _Points) -> _Points:
    """Return points along each line from a text label to its anchor; shape (points, lines, 2)."""
    starts = np.clip(anchors, corners, corners + size)
    return np.asarray((starts + _LINE_FRACTIONS * (anchors - starts)).reshape(len(_LINE_FRACTIONS), *anchors.shape))


def _make_candidate_coordinates(label: LabelBox, area: _Rectangle) -> tuple[_Points, _Points]:
    """Return the x and the y coordinates that a label's lower left corner may have."""
    left, bottom, right, top = area
    x = np.linspace(left, max(left, right - label.width), _POSITIONS_PER_SIDE)
    return x, np.linspace(bottom, max(bottom, top - label.height), _POSITIONS_PER_SIDE)


def _covers_line(line: _Points, candidate_coordinates: tuple[_Points, _Points], size: _Points) -> npt.NDArray[np.bool_]:
    """Return for each possible position of a text label whether the text would cover or almost touch the line."""
    across, up = (
        (points > starts[:, None] - _MARGIN) & (points < starts[:, None] + side + _MARGIN)
        for points, starts, side in zip(line.T, candidate_coordinates, size, strict=True)
    )
    return np.asarray(up @ across.T).ravel()


def _find_positions_of_lowest_costs(costs: _Points, n_positions: int) -> npt.NDArray[np.int64]:
    """Return the positions of the `n_positions` lowest costs, the lowest first."""
    bound = np.partition(costs, n_positions)[n_positions] if n_positions < costs.size else np.inf
    candidates = np.flatnonzero(costs <= bound)
    return candidates[np.argsort(costs[candidates], kind="stable")[:n_positions]]


def _to_coordinates(point: _Points) -> tuple[float, float]:
    return float(point[0]), float(point[1])
