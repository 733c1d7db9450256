"""How labels went wrong: the share of wrong ones, and which true class was given which label."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.numeric.arrays import freeze
from reassess.text import Shown, percent, percents

__all__ = ["CheckedLabels", "LabelNoise"]

_IN_JSON = 20
_LEAST = 0.5  # images that a mistake is expected on, to be named


@dataclass(frozen=True)
class CheckedLabels:
    """What people who checked some of the labels say of the share of wrong ones.

    Parameters
    ----------
    checked, wrong
        Number of labels that people checked, and of those that they found wrong.
    by_model
        The share of wrong labels among all, by the model alone.
    corrected
        The share by the model, and what it is off by on the checked labels.
    interval
        95 % confidence interval of `corrected`, for a random sample of labels, whatever the model is worth; one wrong
        label more is counted than was seen, since a small sample may show none.
    agree
        Whether the 99 % interval holds `by_model`.
    """

    checked: int
    wrong: int
    by_model: float
    corrected: float
    interval: tuple[float, float]
    agree: bool

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {**vars(self), "interval": list(self.interval)}


@dataclass(frozen=True, eq=False, repr=False)
class LabelNoise(Shown):
    """The wrong labels of a set, as estimated.

    Parameters
    ----------
    share
        Expected share of wrong labels, in [0, 1].
    counts
        float64, shape (classes, classes): expected number of images of a true class, the row, with a label, the
        column; by the model alone, whatever people say who checked some of the labels.
    sharpening
        The power by which the model's probabilities are calibrated: above 1 where it is less sure than it may be.
    classes
        The classes.
    checked
        What people say who checked some of the labels; None if nobody did.

    Examples
    --------
    >>> noise = LabelNoise(0.2, np.array([[6.0, 2.0], [0.0, 2.0]]), 1.0, Classes(2))
    >>> noise.matrix.tolist(), noise.prior.tolist()
    ([[0.75, 0.25], [0.0, 1.0]], [0.8, 0.2])
    >>> noise.largest(1)
    [(0, 1, 2.0, 0.25)]
    """

    share: float
    counts: npt.NDArray[np.float64]
    sharpening: float
    classes: Classes
    checked: CheckedLabels | None = None

    def __post_init__(self) -> None:
        freeze(self, "counts")

    def _summary(self) -> Iterator[tuple[str, str]]:
        yield "wrong labels", f"{percent(self.share)} %"
        if self.checked is not None:
            yield "95 %", f"{percents(self.checked.interval)} %"
            yield "checked", f"{self.checked.checked:,} labels, {self.checked.wrong:,} of them wrong"
        for truth, label, count, _ in self.largest(3):
            yield f"{self.classes.label(truth)}", f"called {self.classes.label(label)}: {count:,.0f} images"

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """The probability of each label given the true class; float64, shape (classes, classes), rows add up to 1."""
        sums = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(self.counts, sums, out=np.eye(len(self.counts)), where=sums > 0))

    @property
    def prior(self) -> npt.NDArray[np.float64]:
        """The expected share of images of each true class; float64, shape (classes,)."""
        return np.asarray(self.counts.sum(axis=1) / self.counts.sum())

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold; classes by id, and the 20 largest entries of the matrix."""
        return {
            "share_wrong": self.share,
            "sharpening": self.sharpening,
            "largest": [
                {"true_class": truth, "label": label, "images": count, "share": share}
                for truth, label, count, share in self.largest(_IN_JSON)
            ],
            "checked": None if self.checked is None else self.checked.to_json(),
        }

    def largest(self, most: int) -> list[tuple[int, int, float, float]]:
        """The mistakes that are made most often: true class, label, expected number, and share of the true class."""
        off = self.counts.copy()
        np.fill_diagonal(off, 0)
        rows, columns = np.unravel_index(np.argsort(-off, axis=None, kind="stable")[:most], off.shape)
        pairs, matrix = zip(rows.tolist(), columns.tolist(), strict=True), self.matrix
        return [(t, y, float(off[t, y]), float(matrix[t, y])) for t, y in pairs if off[t, y] >= _LEAST]
