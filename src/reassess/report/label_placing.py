"""Where the labels of a figure go: near what they name, and over nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_ORDERS = 12  # at most so many orders of the labels are tried; the one of least cost is kept
_STEPS = 64  # positions tried along each side of the figure
_MARGIN = 4.0  # pixels around a label that stay free
_NEAR = 10.0  # a label that is nearer to what it names covers it
_TRIED = 1000  # so many of the best positions are judged by their leader line, too
_LEADER = np.linspace(0.0, 1.0, 48)[:, None, None]  # places along a leader line
_PER_POINT = 50.0  # pixels of distance that one covered point is worth
_OTHER_LABEL = 4  # covered points that one point of another label or its leader line is worth
_OVERLAP = 1e6  # labels overlap only where there is no room left
_CROSSED = 1e5  # and so do leader lines and labels

_Points = npt.NDArray[np.float64]
_Area = tuple[float, float, float, float]


@dataclass(frozen=True)
class Label:
    """A label to place."""

    anchors: _Points  # float64, shape (anchors, 2), pixels: the places that the label may point at
    # width, height: Of its text, in pixels
    width: float
    height: float


def place(
    labels: Sequence[Label], covered: _Points, area: _Area
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Lower left corner of each label, and the anchor that it points at.

    One after another, each label takes the position where it and the leader line to its anchor cover least of what is
    drawn and of the labels and leader lines placed before it; near positions are better. Several orders are tried.
    """
    rng = np.random.default_rng(0)
    orders = [range(len(labels)), *(rng.permutation(len(labels)).tolist() for _ in range(_ORDERS - 1))]
    best: dict[int, _Placed] = {}
    least = np.inf
    for order in orders:
        placed = _placed_in(order, labels, covered, area)
        cost = sum(one.cost for one in placed.values())
        if cost < least:
            best, least = placed, cost
        if least < _PER_POINT * len(labels):  # little can be gained by another order
            break
    return [(_pair(best[i].corner), _pair(best[i].anchor)) for i in range(len(labels))]


def _placed_in(order: Sequence[int], labels: Sequence[Label], covered: _Points, area: _Area) -> "dict[int, _Placed]":
    """The labels by their number, placed one after another in some order."""
    placed: dict[int, _Placed] = {}
    for i in order:
        counts = _Overlaps.of(covered, area)
        placed[i] = _best(labels[i], counts, list(placed.values()), area)
        covered = np.concatenate([covered, np.tile(placed[i].points(), (_OTHER_LABEL, 1))])
    return placed


@dataclass(frozen=True, eq=False)
class _Placed:
    """A label at its position."""

    corner: _Points
    size: _Points
    anchor: _Points
    cost: float

    def points(self) -> _Points:
        """Points of the text and of the leader line, at most a margin apart."""
        across, up = (np.arange(0.0, length + _MARGIN, _MARGIN).clip(max=length) for length in self.size)
        text = self.corner + np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
        return np.concatenate([text, self.leader()])

    def leader(self) -> _Points:
        """Points of the leader line."""
        return _leaders(self.corner, self.size, self.anchor).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class _Overlaps:
    """How many points lie in a rectangle, from sums over a grid of pixels."""

    origin: _Points
    sums: npt.NDArray[np.int64]

    @classmethod
    def of(cls, points: _Points, area: _Area) -> "_Overlaps":
        """Count the points that lie in an area or near it."""
        origin = np.floor(area[:2]) - 2 * _MARGIN
        width, height = (np.ceil(area[2:] - origin) + 2 * _MARGIN).astype(np.int64).tolist()
        cells = np.floor(points - origin).astype(np.int64)
        x, y = cells[((cells >= 0) & (cells < (width, height))).all(axis=1)].T
        counts = np.bincount(x * height + y, minlength=width * height).reshape(width, height)
        return cls(origin=origin, sums=np.pad(counts.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))))

    def inside(self, low: _Points, high: _Points) -> npt.NDArray[np.int64]:
        """Points between the lower left and the upper right corners of rectangles, to the pixel."""
        most = np.array(self.sums.shape) - 1
        left, bottom = np.moveaxis(np.floor(low - self.origin).astype(np.int64).clip(0, most), -1, 0)
        right, top = np.moveaxis(np.ceil(high - self.origin).astype(np.int64).clip(0, most), -1, 0)
        sums = self.sums
        return np.asarray(sums[right, top] - sums[left, top] - sums[right, bottom] + sums[left, bottom])


def _best(label: Label, counts: _Overlaps, others: Sequence[_Placed], area: _Area) -> _Placed:
    """The position and the anchor of least cost."""
    size = np.array([label.width, label.height])
    axes = _axes(label, area)
    corners = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    low, high = corners - _MARGIN, corners + size + _MARGIN
    cost = _PER_POINT * counts.inside(low, high)
    for other in others:
        free = (low > other.corner + other.size) | (high < other.corner)
        cost[~free.any(axis=1)] += _OVERLAP
        cost[_meet(other.leader(), axes, size)] += _CROSSED
    across, up = (
        np.maximum(np.maximum(at[:, None] - anchors, anchors - (at + side)[:, None]), 0)
        for anchors, at, side in zip(label.anchors.T, axes, size, strict=True)
    )
    costs = cost[:, None] + np.abs(np.hypot(across, up[:, None]).reshape(len(corners), -1) - _NEAR)
    tried = _least(costs.ravel(), _TRIED)
    rows, columns = np.unravel_index(tried, costs.shape)
    corners, anchors = corners[rows], label.anchors[columns]
    leaders = _leaders(corners, size, anchors)
    total = costs[rows, columns] + _leader_cost(leaders, counts)
    for other in others:
        near = (leaders > other.corner - _MARGIN) & (leaders < other.corner + other.size + _MARGIN)
        total[near.all(axis=-1).any(axis=0)] += _CROSSED
    best = int(np.argmin(total))
    return _Placed(corner=corners[best], size=size, anchor=anchors[best], cost=float(total[best]))


def _leader_cost(leaders: _Points, counts: _Overlaps) -> _Points:
    """What leader lines of shape (places, lines, 2) cost by the points within a margin of them."""
    to_anchor = np.hypot(*np.moveaxis(leaders - leaders[-1], -1, 0))
    # What lies around the anchor itself is not crossed: the line ends there.
    near = counts.inside(leaders - _MARGIN, leaders + _MARGIN) * (to_anchor > 2 * _NEAR)
    return np.asarray(_PER_POINT * near.mean(axis=0) * to_anchor[0] / (2 * _MARGIN))


def _leaders(corners: _Points, size: _Points, anchors: _Points) -> _Points:
    """Places along the lines from labels to their anchors."""
    starts = np.clip(anchors, corners, corners + size)
    return np.asarray((starts + _LEADER * (anchors - starts)).reshape(len(_LEADER), *anchors.shape))


def _axes(label: Label, area: _Area) -> tuple[_Points, _Points]:
    """The left and the lower sides that are tried."""
    left, bottom, right, top = area
    x = np.linspace(left, max(left, right - label.width), _STEPS)
    return x, np.linspace(bottom, max(bottom, top - label.height), _STEPS)


def _meet(line: _Points, axes: tuple[_Points, _Points], size: _Points) -> npt.NDArray[np.bool_]:
    """Whether a place along a line lies on the label or within a margin of it, for every corner."""
    across, up = (
        (places > at[:, None] - _MARGIN) & (places < at[:, None] + side + _MARGIN)
        for places, at, side in zip(line.T, axes, size, strict=True)
    )
    return np.asarray(up @ across.T).ravel()


def _least(costs: _Points, count: int) -> npt.NDArray[np.int64]:
    """Positions of so many of the least costs, the least first, and of equals the first."""
    bound = np.partition(costs, count)[count] if count < costs.size else np.inf
    near = np.flatnonzero(costs <= bound)
    return near[np.argsort(costs[near], kind="stable")[:count]]


def _pair(point: _Points) -> tuple[float, float]:
    return float(point[0]), float(point[1])
