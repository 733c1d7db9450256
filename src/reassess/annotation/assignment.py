"""The rules of a campaign: how tasks are assigned to raters, and when a question is closed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from reassess.core import StopRule
from reassess.core.checks import check_number, check_range

MAX_VOTES_PER_QUESTION = 1_000  # per question
MAX_SEED = (1 << 63) - 1  # fits a column of a database
N_SEARCH_POSITIONS = 8  # random positions where the search looks for a golden task first
CloseReason = Literal["rule", "votes"]


@dataclass(frozen=True)
class Rules:
    """How a campaign assigns tasks to raters, and when it closes a question."""

    votes_per_question: int = 5  # votes per question, each by another rater, up to 1,000; with a stop rule, the maximum
    stop_rule: StopRule | None = None  # closes questions before they have all their votes
    golden_share: float = 0.1  # share of golden tasks among a rater's tasks, 0 to 0.9, while new golden tasks are left
    lease_seconds: float = 900.0  # seconds that a task is reserved for a rater who does not answer
    seed: int = 0  # of the order of tasks and the positions of golden tasks, below 2^63

    def __post_init__(self) -> None:
        check_number(
            self.votes_per_question, 1, MAX_VOTES_PER_QUESTION, is_whole=True, value_name="number of votes per question"
        )
        check_range(self.golden_share, 0, 0.9, value_name="share of golden tasks")
        check_range(self.lease_seconds, 1, value_name="lease in seconds")
        check_number(self.seed, 0, MAX_SEED, is_whole=True, value_name="seed")

    def find_close_reason(
        self, n_votes: int, valid_probability: float, *, is_rater_accuracy_known: bool = True
    ) -> CloseReason | None:
        """Return why a question is closed (``rule`` or ``votes``), or None while it is open.

        `n_votes` is the number of votes on the question; `valid_probability` is the probability that its class is
        valid. A stop rule closes no question until `is_rater_accuracy_known`. The accuracy of raters is measured on
        golden questions with a known truth.
        """
        if (
            is_rater_accuracy_known
            and self.stop_rule is not None
            and bool(self.stop_rule.is_closed(valid_probability, n_votes))
        ):
            return "rule"
        return "votes" if n_votes >= self.votes_per_question else None

    def count_raters_still_allowed(self, n_votes: int, n_reserved: int) -> int:
        """Count how many more raters can get an open question now.

        The question has `n_votes` votes, and `n_reserved` raters are answering it. A stop rule can close a question
        early, but nobody should be answering it then. So the number of raters who answer a question at the same time
        is at most the number of votes that it still needs to close. After two votes, this is one rater.
        """
        limit = (
            self.votes_per_question
            if self.stop_rule is None
            else min(self.votes_per_question, max(self.stop_rule.min_votes, n_votes + 1))
        )
        return max(0, limit - n_votes - n_reserved)

    def allows_another_rater(self, counts: Collection[tuple[int, int]]) -> bool:
        """Return whether another rater can get a task.

        `counts` has the numbers of votes and of reserved votes for each open question of the task. Each of them must
        allow another rater; a task without open questions is not asked.
        """
        return bool(counts) and all(self.count_raters_still_allowed(*each) for each in counts)

    def is_golden_task(self, rater_id: int, task_number: int) -> bool:
        """Return whether a rater's task should be golden. The seed decides it; task numbers start at 0."""
        return self._hash_to_fraction("golden", rater_id, task_number) < self.golden_share

    def draw_golden_task_positions(self, rater_id: int, task_number: int, n_positions: int) -> list[int]:
        """Draw random positions in the list of golden tasks; the rater gets the first suitable task.

        `n_positions` is the number of golden tasks. Each suitable task is equally likely to be the first.
        Drawing positions is faster than reading all tasks.

        >>> Rules().draw_golden_task_positions(rater_id=7, task_number=0, n_positions=100)
        [32, 44, 37, 81, 66, 70, 11, 43]
        """
        return [
            int(n_positions * self._hash_to_fraction("place", rater_id, task_number, number))
            for number in range(N_SEARCH_POSITIONS)
        ]

    def choose_golden_task(self, rater_id: int, task_number: int, task_sizes: Sequence[int], n_questions: int) -> int:
        """Choose one of a rater's remaining golden tasks at random; return its index.

        `task_sizes` has the number of questions of each task. The golden task is shown instead of a main task with
        `n_questions` questions. So it has at least `n_questions` questions if possible; otherwise it is one of the
        largest.
        """
        large = [index for index, task_size in enumerate(task_sizes) if task_size >= min(n_questions, max(task_sizes))]
        return large[int(self._hash_to_fraction("pick", rater_id, task_number) * len(large))]

    def draw_class_sort_key(self, rater_id: int, task_number: int, class_id: int) -> float:
        """Draw a number in [0, 1) for a class of a golden task; the classes with the lowest numbers are shown."""
        return self._hash_to_fraction("rank", rater_id, task_number, class_id)

    def _hash_to_fraction(self, *values: object) -> float:
        """Compute a pseudorandom number in [0, 1) from the seed and the arguments."""
        digest = sha256(repr((self.seed, *values)).encode()).digest()
        return int.from_bytes(digest[:6]) / (1 << 48)
