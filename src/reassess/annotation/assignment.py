"""Who is asked what, and when a question has votes enough: rules that know no clock, no database and no chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from reassess.core.checks import check_number, check_range
from reassess.core.stop_rule import StopRule

__all__ = ["LARGEST_SEED", "MOST_VOTES", "TRIES", "Ending", "Rules"]

MOST_VOTES = 1_000  # of a question
LARGEST_SEED = (1 << 63) - 1  # that a column of a database holds
TRIES = 8  # places at which a golden task is looked for first
Ending = Literal["rule", "votes"]


@dataclass(frozen=True)
class Rules:
    """The rules of a campaign.

    Parameters
    ----------
    votes
        How many votes of different raters a question gets, up to 1,000; with a stop rule, at most.
    stop
        When a question is closed before; None if it never is.
    golden_rate
        Share of a rater's tasks that are golden, from 0 to 0.9, as long as there are golden tasks that they have not
        had. Each stands in the place of a main task, and shows as many questions as that would, if it has them.
    lease
        Seconds for which a task is kept for a rater who does not answer.
    seed
        Of the order of tasks, and of where golden ones stand among them: below 2^63.

    Raises
    ------
    DataError
        A number is out of range.

    Examples
    --------
    >>> rules = Rules(votes=3, stop=StopRule(0.01, 0.99))
    >>> [rules.ending(votes, valid) for votes, valid in ((1, 0.999), (2, 0.5), (2, 0.999), (3, 0.5))]
    [None, None, 'rule', 'votes']
    >>> rules.free(votes=1, reserved=1)
    0
    """

    votes: int = 5
    stop: StopRule | None = None
    golden_rate: float = 0.1
    lease: float = 900.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_number(self.votes, 1, MOST_VOTES, whole=True, what="number of votes a question")
        check_range(self.golden_rate, 0, 0.9, what="share of golden tasks")
        check_range(self.lease, 1, what="seconds for which a task is kept")
        check_number(self.seed, 0, LARGEST_SEED, whole=True, what="seed")

    def ending(self, votes: int, valid: float, *, measured: bool = True) -> Ending | None:
        """Why a question is closed that has so many votes, by which its class is valid with a probability.

        A stop rule closes none before raters can be `measured`, by golden questions of which the truth is known.
        """
        if measured and self.stop is not None and bool(self.stop.closes(valid, votes)):
            return "rule"
        return "votes" if votes >= self.votes else None

    def free(self, votes: int, reserved: int) -> int:
        """How many more raters an open question can be shown to, given its votes and to how many it is shown now.

        With a stop rule it is shown to no more raters at once than it needs votes to be closed: to one, after the first
        two. So no vote is on its way when it closes.

        >>> [Rules(votes=5, stop=StopRule(0.01, 0.99)).free(votes, 0) for votes in range(6)]
        [2, 1, 1, 1, 1, 0]
        """
        most = self.votes if self.stop is None else min(self.votes, max(self.stop.at_least, votes + 1))
        return max(0, most - votes - reserved)

    def is_golden(self, rater: int, task: int) -> bool:
        """Whether a rater's task of a number, from 0, is to be a golden one; the same for the same seed.

        >>> sum(Rules(golden_rate=0.25).is_golden(rater=7, task=task) for task in range(1000))
        270
        """
        return self._draw("golden", rater, task) < self.golden_rate

    def places(self, rater: int, task: int, end: int) -> list[int]:
        """Positions below an end at which a rater's golden task of a number is looked for first, in this order.

        The first that fits there is any of those that fit, each as often. To look there is faster than to read all.

        >>> Rules().places(rater=7, task=0, end=100)
        [32, 44, 37, 81, 66, 70, 11, 43]
        """
        return [int(end * self._draw("place", rater, task, number)) for number in range(TRIES)]

    def pick(self, rater: int, task: int, sizes: Sequence[int], size: int) -> int:
        """Which of all golden tasks that are left a rater gets as their task of a number.

        Parameters
        ----------
        rater, task
            The rater, and how many tasks they had before.
        sizes
            How many questions each golden task has.
        size
            How many the main task has in whose place it stands: one that has as many is taken, or else a largest one.

        >>> sorted({Rules().pick(7, task, sizes=[2, 5, 6, 5], size=5) for task in range(50)})
        [1, 2, 3]
        """
        like = [place for place, its in enumerate(sizes) if its >= min(size, max(sizes))]
        return like[int(self._draw("pick", rater, task) * len(like))]

    def rank(self, rater: int, task: int, class_id: int) -> float:
        """In [0, 1), of a class of a golden task: those of the lowest rank are shown."""
        return self._draw("rank", rater, task, class_id)

    def _draw(self, *what: object) -> float:
        """A number in [0, 1) that depends on nothing but the seed and what it is for."""
        digest = sha256(repr((self.seed, *what)).encode()).digest()
        return int.from_bytes(digest[:6]) / (1 << 48)
