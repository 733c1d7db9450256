"""Where the labels of a figure go: near what they name, and over nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Label", "place"]

_STEPS = 48  # positions tried along each side of the figure
_MARGIN = 4.0  # pixels around a label that stay free
_NEAR = 10.0  # a label that is nearer to what it names covers it
_PER_COVERED = 50.0  # pixels of distance that one covered point is worth
_TRIED = 400  # so many of the best spots are judged by the line that leads to them, too
_LEADER = np.linspace(0.0, 1.0, 16)[:, None]  # places along that line


@dataclass(frozen=True)
class Label:
    """A label to place.

    Parameters
    ----------
    anchors
        float64, shape (anchors, 2), pixels: the places that the label may point at.
    width, height
        Of its text, in pixels.
    """

    anchors: npt.NDArray[np.float64]
    width: float
    height: float


@dataclass(frozen=True)
class _Spots:
    """Lower left corners of candidate boxes, and the boxes' size."""

    corners: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]

    def gaps(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Distance from each box to each point, 0 inside; shape (boxes, points)."""
        low = self.corners[:, None] - points
        outside = np.maximum(np.maximum(low, -(low + self.size)), 0)
        return np.asarray(np.hypot(outside[..., 0], outside[..., 1]))


def place(
    labels: Sequence[Label],
    covered: npt.NDArray[np.float64],
    area: tuple[float, float, float, float],
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Lower left corner of each label, and the anchor that it points at.

    One after another, each label takes the spot where it and the line to its anchor cover least; near ones are better.

    Parameters
    ----------
    labels
        The labels, the most important first.
    covered
        float64, shape (points, 2), pixels: what the labels should not lie on.
    area
        Left, bottom, right and top of where labels may lie, in pixels.

    Examples
    --------
    >>> label = Label(np.array([[50.0, 50.0]]), width=20, height=10)
    >>> [(corner, anchor)] = place([label], np.array([[50.0, 50.0]]), (0, 0, 100, 100))
    >>> anchor
    (50.0, 50.0)
    """
    taken: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = []
    found = []
    for label in labels:
        spots = _spots(label, area)
        cost = _PER_COVERED * np.count_nonzero(spots.gaps(covered) < _MARGIN, axis=1).astype(np.float64)
        for corner, size in taken:
            free = (spots.corners > corner + size + _MARGIN) | (spots.corners + spots.size + _MARGIN < corner)
            cost[~free.any(axis=1)] = np.inf
        corner, anchor, leader = _best(spots, label, cost, covered)
        taken.append((corner, spots.size))
        covered = np.concatenate([covered, leader])
        found.append((_pair(corner), _pair(anchor)))
    return found


def _best(
    spots: _Spots, label: Label, cost: npt.NDArray[np.float64], covered: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The corner and the anchor that cost least, and the line between them."""
    costs = cost[:, None] + np.abs(spots.gaps(label.anchors) - _NEAR)
    tried = np.argsort(costs, axis=None, kind="stable")[:_TRIED]
    rows, columns = np.unravel_index(tried, costs.shape)
    corners, anchors = spots.corners[rows], label.anchors[columns]
    starts = np.clip(anchors, corners, corners + spots.size)
    leaders = starts[:, None] + _LEADER * (anchors - starts)[:, None]
    near = np.hypot(*(leaders[:, :, None] - covered).transpose(3, 0, 1, 2)) < _MARGIN
    # What lies around the anchor itself is not crossed: the line ends there.
    near &= np.hypot(*(anchors[:, None] - covered).transpose(2, 0, 1))[:, None] > 2 * _NEAR
    total = costs.ravel()[tried] + _PER_COVERED * np.count_nonzero(near.any(axis=1), axis=1)
    best = int(np.argmin(total))
    return corners[best], anchors[best], leaders[best]


def _spots(label: Label, area: tuple[float, float, float, float]) -> _Spots:
    left, bottom, right, top = area
    x = np.linspace(left, max(left, right - label.width), _STEPS)
    y = np.linspace(bottom, max(bottom, top - label.height), _STEPS)
    corners = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return _Spots(corners, np.array([label.width, label.height]))


def _pair(point: npt.NDArray[np.float64]) -> tuple[float, float]:
    return float(point[0]), float(point[1])
