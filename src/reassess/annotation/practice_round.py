"""The practice round: its golden tasks, whether raters can begin, and the probability to pass by guessing.

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
from reassess.numeric import BLIND_ANSWERS, probability_to_reach
from reassess.text import count_noun

_MAX_BLIND_PROBABILITY = 0.05  # probability to pass without looking at the images
_MAX_SIZE_FACTOR = 12  # the longest practice round tried, relative to the present one
_ONE_ANSWER_ACCURACY = 0.5  # balanced accuracy of people who always give the same answer


@dataclass(frozen=True)
class PracticeRound:
    """The number of practice tasks, and how many of their questions are valid or invalid."""

    n_tasks: int
    n_unanswered_tasks: int  # tasks that no expert has answered or skipped
    n_invalid_questions: int  # questions with the truth invalid, so far as experts have answered
    n_valid_questions: int  # questions with the truth valid
    pass_mark: float | None  # balanced accuracy needed to pass; None: every rater passes

    @property
    def is_impossible_to_pass(self) -> bool:
        """Whether nobody can pass: passing needs valid and invalid questions, but all have the same truth."""
        has_one_truth = not self.n_invalid_questions or not self.n_valid_questions
        return self.pass_mark is not None and self.n_tasks > 0 and not self.n_unanswered_tasks and has_one_truth

    @property
    def is_skipped(self) -> bool:
        """Whether experts skipped all practice tasks. Then raters need no practice, unless there is a pass mark."""
        return (
            self.n_tasks > 0 and not self.n_unanswered_tasks and not self.n_invalid_questions + self.n_valid_questions
        )

    @property
    def reason_raters_cannot_begin(self) -> str | None:
        """The reason why raters cannot begin practice yet; None if they can."""
        if self.n_unanswered_tasks:
            return (
                f"experts have not answered {self.n_unanswered_tasks:,} of {count_noun(self.n_tasks, 'practice task')}"
            )
        if not self.is_impossible_to_pass:
            return None
        truths = [
            name for name, n in zip(VALIDITY, (self.n_invalid_questions, self.n_valid_questions), strict=True) if not n
        ]
        none = f"no practice question is {' or '.join(truths)}, so nobody can reach the pass mark"
        return f"{none}; an owner can admit raters on the owner page"

    @property
    def pass_probabilities_by_strategy(self) -> dict[str, float] | None:
        """Probabilities to pass practice without looking at images, by name of the strategy.

        None if practice has no pass mark, or if raters cannot begin practice yet.
        """
        if self.pass_mark is None or not self.n_tasks or self.reason_raters_cannot_begin is not None:
            return None
        return {
            name: probability_to_reach(
                self.pass_mark, self.n_invalid_questions, self.n_valid_questions, [answers] * len(VALIDITY)
            )
            for name, answers in BLIND_ANSWERS.items()
        }

    @property
    def best_strategy_without_looking(self) -> tuple[str, float] | None:
        """The strategy that passes most often without looking at images, and its probability to pass.

        None if the probability is at most 5 %.
        """
        name, probability = max(
            (self.pass_probabilities_by_strategy or {}).items(), key=itemgetter(1), default=("", 0.0)
        )
        return (name, probability) if probability > _MAX_BLIND_PROBABILITY else None

    @property
    def n_tasks_needed(self) -> int | None:
        """The approximate number of practice tasks needed, so that raters seldom pass by guessing.

        None if more tasks do not help, only a higher pass mark.
        """

        def is_longer_practice_hard_to_guess(length_factor: int) -> bool:
            names = ("n_tasks", "n_invalid_questions", "n_valid_questions")
            return (
                replace(
                    self, **{name: length_factor * getattr(self, name) for name in names}
                ).best_strategy_without_looking
                is None
            )

        if self.pass_mark is not None and self.pass_mark <= _ONE_ANSWER_ACCURACY:
            return None
        factor = bisect_left(range(_MAX_SIZE_FACTOR), True, lo=2, key=is_longer_practice_hard_to_guess)
        return factor * self.n_tasks if factor < _MAX_SIZE_FACTOR or is_longer_practice_hard_to_guess(factor) else None

    @property
    def n_golden_needed(self) -> int:
        """The approximate number of golden questions needed, if practice uses half of them.

        Practice then has `n_tasks_needed` tasks.
        """
        return math.ceil(
            2 * (self.n_tasks_needed or 0) * (self.n_invalid_questions + self.n_valid_questions) / self.n_tasks
        )

    def to_json(self) -> dict[str, Any]:
        """Return the practice round as a dict for JSON output."""
        return {
            "tasks": self.n_tasks,
            "unanswered": self.n_unanswered_tasks,
            "n_invalid": self.n_invalid_questions,
            "n_valid": self.n_valid_questions,
            "bar": self.pass_mark,
            "waits_for": self.reason_raters_cannot_begin,
            "blind_chances": self.pass_probabilities_by_strategy,
        }


def draw_practice_tasks(
    golden_tasks: Tasks,
    truths: Sequence[int | None],
    images_with_main_tasks: npt.NDArray[np.bool_],
    n_tasks: int,
    *,
    seed: int,
    needs_valid_and_invalid: bool,
) -> npt.NDArray[np.bool_]:
    """Draw the golden tasks for practice, at least `n_tasks`; return whether each golden task is drawn.

    Practice takes all golden tasks of an image, or none: in practice, raters see the experts' answers about the image,
    so its other tasks could no longer test them. `images_with_main_tasks` says whether each golden image also has main
    tasks; such images are not drawn. Images with a known truth in each of their tasks are drawn first. With
    `needs_valid_and_invalid`, the drawn images have valid and invalid questions, if possible.
    """
    values = np.array([-1 if value is None else value for value in truths])
    begins, image_of = golden_tasks.indptr[:-1], golden_tasks.questions.image_ids[golden_tasks.indptr[:-1]]
    is_known = np.logical_or.reduceat(values >= 0, begins)
    free = image_of[~images_with_main_tasks[image_of]]
    preferred = np.setdiff1d(free, image_of[~is_known])
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(preferred), rng.permutation(np.setdiff1d(free, preferred))])
    sizes = np.bincount(image_of, minlength=len(golden_tasks.questions.images))
    chosen = order[np.cumsum(sizes[order]) - sizes[order] < n_tasks]
    if needs_valid_and_invalid and n_tasks and np.isin(chosen, preferred).all():
        for value in range(len(VALIDITY)):
            with_value = np.unique(golden_tasks.questions.image_ids[values == value])
            if not np.isin(chosen, with_value).any():
                chosen = np.append(chosen, order[np.isin(order, with_value)][:1])
    return np.isin(image_of, chosen)
