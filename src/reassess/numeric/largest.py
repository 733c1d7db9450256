"""The largest of many values that come a few at a time, and how many of others come before each."""

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


class Largest:
    """Keeps the largest of the values that are added, each with its position; of equal ones the lower position.

    Memory is that of twice as many as are kept, and of what is added at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: list[_Floats] = []
        self._positions: list[_Ints] = []
        self._held = 0
        self.above = -np.inf
        """Only values above this one can still be among the largest."""

    def add(self, values: _Floats, positions: _Ints) -> None:
        """Add values, whose positions ascend and are higher than all before."""
        fits = values > self.above
        self._values.append(values[fits])
        self._positions.append(positions[fits])
        self._held += self._values[-1].size
        if self._held >= 2 * self._most:
            self._keep(*self._gathered())

    def ordered(self) -> tuple[_Floats, _Ints]:
        """The values that are kept, from the largest on, and their positions."""
        values, positions = self._gathered()
        order = np.argsort(-values, kind="stable")[: self._most]
        return values[order], positions[order]

    def _gathered(self) -> tuple[_Floats, _Ints]:
        return np.concatenate([np.empty(0), *self._values]), np.concatenate([np.empty(0, np.int64), *self._positions])

    def _keep(self, values: _Floats, positions: _Ints) -> None:
        """Drop all but the largest, in order of position."""
        lowest = np.partition(values, values.size - self._most)[values.size - self._most]
        kept = values > lowest
        level = np.flatnonzero(values == lowest)[: self._most - np.count_nonzero(kept)]
        kept[level] = True
        self._values, self._positions = [values[kept]], [positions[kept]]
        self._held, self.above = self._most, float(lowest)


class Descending:
    """Values from the largest on, equal ones by position, to find where others would stand among them."""

    def __init__(self, values: _Floats, positions: _Ints, span: int) -> None:
        self._levels, level = np.unique(-values, return_inverse=True)
        self._span = span
        self._codes = level * span + positions

    def before(self, others: _Floats, at: _Ints) -> _Ints:
        """How many come before each of other values, whose positions are `at`; int64, from 0 to n."""
        slot = np.searchsorted(self._levels, -others)
        is_level = np.append(self._levels, np.nan)[slot] == -others
        return np.searchsorted(self._codes, slot * self._span + np.where(is_level, at, 0))
