"""The rules of a campaign: who gets which task, and when a question is closed. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from reassess.core import StopRule
from reassess.core.checks import check_number, check_range

MOST_VOTES = 1_000  # per question
LARGEST_SEED = (1 << 63) - 1  # fits a column of a database
TRIES = 8  # positions where a golden task is searched first
Ending = Literal["rule", "votes"]


@dataclass(frozen=True)
class Rules:
    """The rules of a campaign."""

    per_question: int = 5  # votes of different raters per question, up to 1,000; with a stop rule, at most
    stop: StopRule | None = None  # closes questions earlier
    golden_share: float = 0.1  # of a rater's tasks, 0 to 0.9, as long as new golden tasks are left
    lease: float = 900.0  # seconds that a task stays reserved for a rater who does not answer
    seed: int = 0  # of the order of tasks and the positions of golden ones, below 2^63

    def __post_init__(self) -> None:
        check_number(self.per_question, 1, MOST_VOTES, whole=True, what="number of votes per question")
        check_range(self.golden_share, 0, 0.9, what="share of golden tasks")
        check_range(self.lease, 1, what="lease in seconds")
        check_number(self.seed, 0, LARGEST_SEED, whole=True, what="seed")

    def ending(self, votes: int, valid: float, *, measured: bool = True) -> Ending | None:
        """Return why a question is closed, given its number of votes and the probability that its class is valid.

        A stop rule closes no question before raters can be `measured` by a golden question with a known truth.
        """
        if measured and self.stop is not None and bool(self.stop.is_closed(valid, votes)):
            return "rule"
        return "votes" if votes >= self.per_question else None

    def free(self, votes: int, reserved: int) -> int:
        """Number of further raters who can get an open question, given its votes and the raters who have it now.

        With a stop rule, at most as many raters have it at once as it needs votes to close: one at a time after two
        votes. So no vote is on its way when it closes.
        """
        most = self.per_question if self.stop is None else min(self.per_question, max(self.stop.at_least, votes + 1))
        return max(0, most - votes - reserved)

    def is_golden(self, rater: int, task: int) -> bool:
        """Whether a rater's task with this number, from 0, should be golden; the seed decides."""
        return self._draw("golden", rater, task) < self.golden_share

    def places(self, rater: int, task: int, end: int) -> list[int]:
        """Draw positions below `end` where a rater's golden task is searched first, in this order.

        The first fitting one is any fitting task, each as often. This search is faster than reading all tasks.

        >>> Rules().places(rater=7, task=0, end=100)
        [32, 44, 37, 81, 66, 70, 11, 43]
        """
        return [int(end * self._draw("place", rater, task, number)) for number in range(TRIES)]

    def pick(self, rater: int, task: int, sizes: Sequence[int], size: int) -> int:
        """Choose one of the remaining golden tasks, given their numbers of questions (`sizes`).

        It replaces a main task with `size` questions, and has as many if possible; otherwise it is one of the largest.
        """
        like = [place for place, its in enumerate(sizes) if its >= min(size, max(sizes))]
        return like[int(self._draw("pick", rater, task) * len(like))]

    def rank(self, rater: int, task: int, class_id: int) -> float:
        """Rank of a class of a golden task, in [0, 1); the classes with the lowest ranks are shown."""
        return self._draw("rank", rater, task, class_id)

    def _draw(self, *what: object) -> float:
        """Compute a number in [0, 1) that depends only on the seed and the arguments."""
        digest = sha256(repr((self.seed, *what)).encode()).digest()
        return int.from_bytes(digest[:6]) / (1 << 48)
