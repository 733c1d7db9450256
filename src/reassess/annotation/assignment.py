"""The rules of a campaign: who gets which task, and when a question is closed. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from reassess.core import StopRule
from reassess.core.checks import check_number, check_range

MOST_VOTES = 1_000  # per question
LARGEST_SEED = (1 << 63) - 1  # fits a column of a database
TRIES = 8  # random positions where a golden task is searched first
Ending = Literal["rule", "votes"]


@dataclass(frozen=True)
class Rules:
    """The rules of a campaign."""

    per_question: int = 5  # votes per question, each by another rater, up to 1,000; with a stop rule, the maximum
    stop: StopRule | None = None  # closes questions before they have all their votes
    golden_share: float = 0.1  # share of golden tasks among a rater's tasks, 0 to 0.9, while new golden tasks are left
    lease: float = 900.0  # seconds that a task is reserved for a rater who does not answer
    seed: int = 0  # of the order of tasks and the positions of golden tasks, below 2^63

    def __post_init__(self) -> None:
        check_number(self.per_question, 1, MOST_VOTES, is_whole=True, value_name="number of votes per question")
        check_range(self.golden_share, 0, 0.9, value_name="share of golden tasks")
        check_range(self.lease, 1, value_name="lease in seconds")
        check_number(self.seed, 0, LARGEST_SEED, is_whole=True, value_name="seed")

    def ending(self, votes: int, valid: float, *, is_measured: bool = True) -> Ending | None:
        """Return why a question is closed, or None while it is open.

        `votes` is its number of votes, and `valid` the probability that its class is valid. A stop rule closes no
        question before raters are measured on golden questions with a known truth.
        """
        if is_measured and self.stop is not None and bool(self.stop.is_closed(valid, votes)):
            return "rule"
        return "votes" if votes >= self.per_question else None

    def free(self, votes: int, reserved: int) -> int:
        """Return how many further raters can get an open question with this number of votes.

        `reserved` raters have the question now. With a stop rule, no more raters have a question at a time than it
        needs votes to close: one rater after two votes. So nobody is still answering a question when it closes.
        """
        limit = self.per_question if self.stop is None else min(self.per_question, max(self.stop.min_votes, votes + 1))
        return max(0, limit - votes - reserved)

    def is_golden(self, rater: int, task: int) -> bool:
        """Return whether a rater's task with this number, from 0, should be golden; the seed decides."""
        return self._draw("golden", rater, task) < self.golden_share

    def places(self, rater: int, task: int, end: int) -> list[int]:
        """Draw positions below `end`, to search a golden task for a rater in this order.

        Each suitable task is equally likely to be found first. This search is faster than reading all tasks.

        >>> Rules().places(rater=7, task=0, end=100)
        [32, 44, 37, 81, 66, 70, 11, 43]
        """
        return [int(end * self._draw("place", rater, task, number)) for number in range(TRIES)]

    def pick(self, rater: int, task: int, sizes: Sequence[int], size: int) -> int:
        """Choose one of the remaining golden tasks by their numbers of questions, `sizes`; return its index.

        It replaces a main task with `size` questions, so it has at least as many, or else is one of the largest tasks.
        """
        large = [index for index, task_size in enumerate(sizes) if task_size >= min(size, max(sizes))]
        return large[int(self._draw("pick", rater, task) * len(large))]

    def rank(self, rater: int, task: int, class_id: int) -> float:
        """Draw the rank of a class of a golden task, in [0, 1); classes with the lowest ranks are shown."""
        return self._draw("rank", rater, task, class_id)

    def _draw(self, *key: object) -> float:
        """Compute a number in [0, 1) that depends only on the seed and the arguments."""
        digest = sha256(repr((self.seed, *key)).encode()).digest()
        return int.from_bytes(digest[:6]) / (1 << 48)
