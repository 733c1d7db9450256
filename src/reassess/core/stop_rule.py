"""When a question has votes enough."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range
from reassess.errors import DataError


@dataclass(frozen=True)
class StopRule:
    """A question is closed once the probability that its class is valid has left (low, high)."""

    low: float  # 0 <= low < high <= 1; a probability that equals a bound has left
    high: float
    at_least: int = 2  # number of votes that a question gets whatever they say

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise _no_rule(f"{self.low},{self.high}")
        check_range(self.at_least, 1, what="least number of votes")

    @classmethod
    def parse(cls, text: str) -> "StopRule":
        """A rule written as ``0.01,0.99``; `DataError` if it is none."""
        try:
            low, high = map(float, text.split(","))
        except ValueError:
            raise _no_rule(text) from None
        return cls(low, high)

    def closes(
        self, valid: npt.NDArray[np.float64] | float, votes: npt.NDArray[np.integer] | int
    ) -> npt.NDArray[np.bool_]:
        """Whether questions are closed, given the probability that each class is valid and the number of votes."""
        left = (np.asarray(valid) <= self.low) | (np.asarray(valid) >= self.high)
        return left & (np.asarray(votes) >= self.at_least)


def _no_rule(text: str) -> DataError:
    allowed = "LOW,HIGH: two probabilities, the lower one first, such as 0.01,0.99"
    return DataError("wrong-stop-rule", "not a stop rule", allowed=allowed, found=text)
