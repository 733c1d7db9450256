"""Leaderboards: accuracies of many models by original and by reassessed labels, in percent.

Rank 1 is the best. Equal accuracies share a rank: 1 + the number of better models.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range, find_first_duplicate
from reassess.errors import DataError
from reassess.numeric.arrays import rank_descending
from reassess.text import ListTable, Printable, format_percentage

_FIRST_WORD = re.compile(r"[^\W\d_]+(?=[^/\\]*$)")  # the first word (only letters) after the last slash


@dataclass(frozen=True)
class LeaderboardRow:
    """One row of a leaderboard.

    Parameters
    ----------
    model
        Name of the model.
    original_accuracy
        Top-1 accuracy by the original labels, in percent.
    reassessed_accuracy
        Top-1 accuracy by the reassessed labels, in percent.
    image_size
        Side of the model's input images, in pixels; None if unknown.
    parameters
        Number of its parameters, in millions; None if unknown.

    Raises
    ------
    DataError
        A number is out of range.

    Examples
    --------
    >>> print(LeaderboardRow("resnet50", 76.1, 83.0, image_size=224))
    resnet50 at 224
    """

    model: str
    original_accuracy: float
    reassessed_accuracy: float
    image_size: int | None = None
    parameters: float | None = None

    def __post_init__(self) -> None:
        for accuracy in (self.original_accuracy, self.reassessed_accuracy):
            check_range(accuracy, 0, 100, value_name="accuracy in percent", where=self)
        if self.image_size is not None:
            check_range(self.image_size, 1, value_name="image size in pixels", where=self.model)
        if self.parameters is not None:
            check_range(self.parameters, 0, value_name="millions of parameters", where=self)

    def __str__(self) -> str:
        return self.model if self.image_size is None else f"{self.model} at {self.image_size}"

    def to_json(self) -> dict[str, Any]:
        """Return the row as a dict for JSON output."""
        return {
            "model": self.model,
            "original": self.original_accuracy,
            "real": self.reassessed_accuracy,
            "image_size": self.image_size,
            "parameters": self.parameters,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Leaderboard(Printable):
    """Models with their accuracy by original and by reassessed labels."""

    entries: tuple[LeaderboardRow, ...]  # in any order; a model may have one row for each image size
    dropped_row_counts: dict[str, int] = field(default_factory=dict)  # number of dropped rows of files, by reason
    # The first match in a model's name, or its first group, is the model's family. A model whose name does not match is
    # a family of its own.
    family_pattern: re.Pattern[str] = _FIRST_WORD
    label_set: str = "ReaL"  # name of the reassessed labels

    def __post_init__(self) -> None:
        if not self.entries:
            raise DataError("missing-models", "leaderboard has no model")
        repeat = find_first_duplicate([(entry.model, entry.image_size) for entry in self.entries])
        if repeat is not None:
            raise DataError(
                "duplicate-name",
                "model is named twice",
                where=self.entries[repeat[1]],
                fix="keep one row for each model and image size",
            )

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def _headline(self) -> str:
        return f"Leaderboard({len(self):,} rows, {self.n_models:,} models)"

    def _notebook_table(self) -> ListTable:
        rises = self.rank_gains
        rows = (
            (
                str(self.entries[row]),
                format_percentage(self.reassessed_accuracies[row]),
                format_percentage(self.original_accuracies[row]),
                f"{rises[row]:+}",
            )
            for row in self.rows_by_reassessed_accuracy
        )
        return ListTable(("model", f"{self.label_set} %", "original %", "places up"), len(self), rows)

    @cached_property
    def original_accuracies(self) -> npt.NDArray[np.float64]:
        """Original accuracy of each row, in percent; float64, shape (rows,)."""
        return np.array([entry.original_accuracy for entry in self.entries], np.float64)

    @cached_property
    def reassessed_accuracies(self) -> npt.NDArray[np.float64]:
        """Reassessed accuracy of each row, in percent; float64, shape (rows,)."""
        return np.array([entry.reassessed_accuracy for entry in self.entries], np.float64)

    @cached_property
    def model_ids(self) -> npt.NDArray[np.int64]:
        """Model id of each row; rows of one model with several image sizes have the same id; int64, shape (rows,)."""
        return _assign_ids(entry.model for entry in self.entries)

    @property
    def n_models(self) -> int:
        """Number of models."""
        return int(self.model_ids.max()) + 1

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The family of each row's model."""
        return tuple(self._find_family(entry.model) or entry.model for entry in self.entries)

    @cached_property
    def family_ids(self) -> npt.NDArray[np.int64]:
        """Family id of each row; int64, shape (rows,)."""
        return _assign_ids(self.families)

    @property
    def n_models_without_family(self) -> int:
        """Number of models whose names do not match `family_pattern`."""
        return sum(not self._find_family(model) for model in {entry.model for entry in self.entries})

    @property
    def has_model_with_empty_family(self) -> bool:
        """Whether `family_pattern` matches a model's name, but the first group of the pattern matches nothing."""
        return any(
            self.family_pattern.search(entry.model) and not self._find_family(entry.model) for entry in self.entries
        )

    def _find_family(self, model: str) -> str | None:
        match = self.family_pattern.search(model)
        return None if match is None else match[min(1, self.family_pattern.groups)]

    @property
    def original_ranks(self) -> npt.NDArray[np.int64]:
        """Rank of each row by original accuracy; int64, shape (rows,)."""
        return rank_descending(self.original_accuracies)

    @property
    def reassessed_ranks(self) -> npt.NDArray[np.int64]:
        """Rank of each row by reassessed accuracy; int64, shape (rows,)."""
        return rank_descending(self.reassessed_accuracies)

    @property
    def rank_gains(self) -> npt.NDArray[np.int64]:
        """Ranks that each row gains by the reassessed labels, negative for lost ranks; int64, shape (rows,)."""
        return self.original_ranks - self.reassessed_ranks

    @property
    def rows_by_reassessed_accuracy(self) -> list[int]:
        """Row numbers, the highest reassessed accuracy first; ties by original accuracy, then by name."""
        keys = [(-entry.reassessed_accuracy, -entry.original_accuracy, str(entry)) for entry in self.entries]
        return sorted(range(len(self)), key=keys.__getitem__)


def _assign_ids(names: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return an id of each name, from 0 in the order of first occurrence; int64, shape (names,)."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
