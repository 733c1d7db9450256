"""The practice round: its golden tasks, whether it can begin, and the probability to pass without looking.

Pure functions.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import VALIDITY, Tasks
from reassess.numeric import BLIND_ANSWERS, chance_to_reach
from reassess.text import count_noun

_MAX_BLIND_PROBABILITY = 0.05  # probability to pass without looking
_MAX_FACTOR = 12
_ONE_ANSWER_ACCURACY = 0.5  # balanced accuracy of people who always give the same answer


@dataclass(frozen=True)
class PracticeRound:
    """Numbers of practice tasks, and of their questions by truth, as far as experts have answered."""

    n_tasks: int
    n_unanswered: int  # tasks that no expert has answered or skipped
    n_invalid: int  # questions with the truth invalid
    n_valid: int  # questions with the truth valid
    bar: float | None

    @property
    def has_one_truth(self) -> bool:
        """Whether all practice questions have the same truth, so that nobody can reach the bar."""
        has_one = not self.n_invalid or not self.n_valid
        return self.bar is not None and self.n_tasks > 0 and not self.n_unanswered and has_one

    @property
    def is_skipped(self) -> bool:
        """Whether experts skipped all practice tasks, so that there is no practice without a bar."""
        return self.n_tasks > 0 and not self.n_unanswered and not self.n_invalid + self.n_valid

    @property
    def reason_to_wait(self) -> str | None:
        """The reason why raters cannot begin practice yet; None if they can."""
        if self.n_unanswered:
            return f"experts have not answered {self.n_unanswered:,} of {count_noun(self.n_tasks, 'practice task')}"
        if not self.has_one_truth:
            return None
        truths = [name for name, n in zip(VALIDITY, (self.n_invalid, self.n_valid), strict=True) if not n]
        none = f"no practice question is {' or '.join(truths)}, so nobody can reach the pass mark"
        return f"{none}; an owner can admit raters on the owner page"

    @property
    def blind_pass_probabilities(self) -> dict[str, float] | None:
        """Probabilities to pass practice without looking at images, by name of the strategy.

        None without a bar, or while raters cannot begin practice.
        """
        if self.bar is None or not self.n_tasks or self.reason_to_wait is not None:
            return None
        return {
            name: chance_to_reach(self.bar, self.n_invalid, self.n_valid, [answers] * len(VALIDITY))
            for name, answers in BLIND_ANSWERS.items()
        }

    @property
    def easiest_blind_strategy(self) -> tuple[str, float] | None:
        """The strategy that passes most often without looking, and its probability; None if it is at most 5 %."""
        name, probability = max((self.blind_pass_probabilities or {}).items(), key=itemgetter(1), default=("", 0.0))
        return (name, probability) if probability > _MAX_BLIND_PROBABILITY else None

    @property
    def n_tasks_needed(self) -> int | None:
        """About how many tasks make practice hard to pass without looking; None if only a higher bar helps."""

        def is_enough(times: int) -> bool:
            names = ("n_tasks", "n_invalid", "n_valid")
            return replace(self, **{name: times * getattr(self, name) for name in names}).easiest_blind_strategy is None

        if self.bar is not None and self.bar <= _ONE_ANSWER_ACCURACY:
            return None
        times = bisect_left(range(_MAX_FACTOR), True, lo=2, key=is_enough)
        return times * self.n_tasks if times < _MAX_FACTOR or is_enough(times) else None

    @property
    def n_golden_needed(self) -> int:
        """About how many golden questions a campaign needs for `n_tasks_needed`, half of them for practice."""
        return math.ceil(2 * (self.n_tasks_needed or 0) * (self.n_invalid + self.n_valid) / self.n_tasks)

    def to_json(self) -> dict[str, Any]:
        """Return the practice round as a dict for JSON output."""
        return {
            "tasks": self.n_tasks,
            "unanswered": self.n_unanswered,
            "n_invalid": self.n_invalid,
            "n_valid": self.n_valid,
            "bar": self.bar,
            "waits_for": self.reason_to_wait,
            "blind_chances": self.blind_pass_probabilities,
        }


def draw_practice_tasks(
    golden: Tasks,
    truths: Sequence[int | None],
    has_main_tasks: npt.NDArray[np.bool_],
    n_tasks: int,
    *,
    seed: int,
    needs_both_truths: bool,
) -> npt.NDArray[np.bool_]:
    """Draw the golden tasks for practice, at least `n_tasks`; return whether each golden task is drawn.

    Images are drawn, and practice takes all tasks of an image or no task of it: a rater who has seen the experts'
    answers about an image is not blind to it. With `needs_both_truths`, the drawn images have valid and invalid
    questions, if possible. Images with main tasks are not drawn (`has_main_tasks`, by golden image). Images with a
    known truth in each of their tasks come first.
    """
    values = np.array([-1 if value is None else value for value in truths])
    begins, image_of = golden.indptr[:-1], golden.questions.image_ids[golden.indptr[:-1]]
    is_known = np.logical_or.reduceat(values >= 0, begins)
    free = image_of[~has_main_tasks[image_of]]
    preferred = np.setdiff1d(free, image_of[~is_known])
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(preferred), rng.permutation(np.setdiff1d(free, preferred))])
    sizes = np.bincount(image_of, minlength=len(golden.questions.images))
    chosen = order[np.cumsum(sizes[order]) - sizes[order] < n_tasks]
    if needs_both_truths and n_tasks and np.isin(chosen, preferred).all():
        for value in range(len(VALIDITY)):
            with_value = np.unique(golden.questions.image_ids[values == value])
            if not np.isin(chosen, with_value).any():
                chosen = np.append(chosen, order[np.isin(order, with_value)][:1])
    return np.isin(image_of, chosen)
