"""Leaderboards: the accuracy of many models by original labels and by re-assessed ones, in percent as they are printed.

Ranks begin at 1, the best; equals share the rank that is 1 and the number of those that are better.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range, first_repeat
from reassess.errors import DataError
from reassess.numeric.ranks import ranks

__all__ = ["Entry", "Leaderboard"]


@dataclass(frozen=True)
class Entry:
    """One row of a leaderboard.

    Parameters
    ----------
    model
        Its name.
    original, real
        Top-1 accuracy by the original labels and by the re-assessed ones, in percent.
    image_size
        Pixels of a side of the images that it was shown; None where that is not known.
    parameters
        Number of its parameters, in millions; None where that is not known.

    Raises
    ------
    DataError
        An accuracy is not in percent; a number of pixels or of parameters is none.
    """

    model: str
    original: float
    real: float
    image_size: int | None = None
    parameters: float | None = None

    def __post_init__(self) -> None:
        for accuracy in (self.original, self.real):
            check_range(accuracy, 0, 100, what="accuracy in percent", where=self)
        if self.image_size is not None:
            check_range(self.image_size, 1, what="image size in pixels", where=self.model)
        if self.parameters is not None:
            check_range(self.parameters, 0, what="millions of parameters", where=self)

    def __str__(self) -> str:
        return self.model if self.image_size is None else f"{self.model} at {self.image_size}"

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Models with two accuracies each.

    Parameters
    ----------
    entries
        In any order; a model may stand there once for each image size.
    left_out
        How many rows of the files were left out, by the reason.

    Raises
    ------
    DataError
        There is no entry; a model stands twice.

    Examples
    --------
    >>> board = Leaderboard((Entry("a", 76.1, 82.9), Entry("b", 79.5, 84.6), Entry("c", 80.0, 84.6)))
    >>> board
    Leaderboard(3 rows, 3 models)
    >>> board.real_ranks, board.rises
    (array([3, 1, 1]), array([0, 1, 0]))
    """

    entries: tuple[Entry, ...]
    left_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.entries:
            raise DataError("a leaderboard without a model")
        repeat = first_repeat([(entry.model, entry.image_size) for entry in self.entries])
        if repeat is not None:
            raise DataError(
                "a model is named twice",
                where=self.entries[repeat[1]],
                mend="keep one row for each model and image size",
            )

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"Leaderboard({len(self):,} rows, {self.models:,} models)"

    @cached_property
    def original(self) -> npt.NDArray[np.float64]:
        """Original accuracy of each row, in percent; float64, shape (rows,)."""
        return np.array([entry.original for entry in self.entries], np.float64)

    @cached_property
    def real(self) -> npt.NDArray[np.float64]:
        """ReaL accuracy of each row, in percent; float64, shape (rows,)."""
        return np.array([entry.real for entry in self.entries], np.float64)

    @cached_property
    def model_ids(self) -> npt.NDArray[np.int64]:
        """Number of the model of each row, whatever the image size; int64, shape (rows,)."""
        numbers: dict[str, int] = {}
        return np.array([numbers.setdefault(entry.model, len(numbers)) for entry in self.entries], np.int64)

    @property
    def models(self) -> int:
        """Number of models."""
        return int(self.model_ids.max()) + 1

    @property
    def original_ranks(self) -> npt.NDArray[np.int64]:
        """Rank of each row by original accuracy; int64, shape (rows,)."""
        return ranks(self.original)

    @property
    def real_ranks(self) -> npt.NDArray[np.int64]:
        """Rank of each row by ReaL accuracy; int64, shape (rows,)."""
        return ranks(self.real)

    @property
    def rises(self) -> npt.NDArray[np.int64]:
        """By how many places each row is better by ReaL accuracy than by original accuracy; int64, shape (rows,)."""
        return self.original_ranks - self.real_ranks

    @property
    def best_first(self) -> list[int]:
        """Rows by ReaL accuracy, the best first; then by original accuracy, and by name."""

        def key(row: int) -> tuple[float, float, str]:
            entry = self.entries[row]
            return -entry.real, -entry.original, str(entry)

        return sorted(range(len(self)), key=key)
