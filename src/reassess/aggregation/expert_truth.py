"""The truth of golden items, by the experts who answered them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.answers import top_answer
from reassess.core.checks import check_range
from reassess.core.items import Id
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY
from reassess.core.votes import Votes
from reassess.numeric.arrays import freeze
from reassess.text import Shown, counted, some

__all__ = ["ExpertTruth", "expert_answer", "expert_truth", "expert_validity"]

_MOST_NAMED = 3


@dataclass(frozen=True, eq=False, repr=False)
class ExpertTruth(Shown):
    """The truth of golden items."""

    values: npt.NDArray[np.int64]  # position of each item's truth among the truths; -1 if unknown
    rule: str  # how it follows from the experts' votes
    undecided: tuple[str, ...] = ()  # items with experts' answers from which no truth follows

    def __post_init__(self) -> None:
        freeze(self, "values")

    @property
    def note(self) -> str | None:
        """What is left out, in words; None if nothing is."""
        if not self.undecided:
            return None
        left_out = f"{counted(len(self.undecided), 'golden item')} left out, for lack of {self.rule}"
        return f"{left_out}: {some(self.undecided, most=_MOST_NAMED)}"

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "rule": self.rule,
            "items": int(np.count_nonzero(self.values >= 0)),
            "left_out": len(self.undecided),
        }


def expert_truth(experts: Votes, truths: Sequence[Id] = VALIDITY, *, at_least: int | None = None) -> ExpertTruth:
    """Find the truth of each golden item: whether it is valid, or which of the answers it is.

    `at_least` experts must agree; by default more than half of those who answered the item. An item that is not valid
    by this rule is invalid. Of answers, the truth is that of most experts, and unknown if two are most frequent.
    """
    most = int(experts.sizes.max(initial=0))
    if tuple(truths) == VALIDITY:
        yes = top_answer(experts.answers) if isinstance(experts.items, Questions) else "yes"
        rule = f"at least {at_least} of {most} experts" if at_least else "more than half of its experts"
        return ExpertTruth(expert_validity(experts, at_least=at_least), f"valid: {rule} said {yes}")
    values = expert_answer(experts.with_answers(tuple(truths)), at_least=at_least)
    rule = (
        f"an answer of most of its experts, and of at least {at_least}"
        if at_least
        else ("an answer of more than half of its experts")
    )
    undecided = np.flatnonzero((values < 0) & (experts.sizes > 0))
    return ExpertTruth(values, rule, tuple(experts.at(row) for row in undecided.tolist()))


def expert_validity(experts: Votes, *, at_least: int | None = None) -> npt.NDArray[np.int64]:
    """Whether each item is valid: 1 if enough experts said so, else 0; -1 where no expert voted."""
    return np.where(experts.sizes > 0, _enough(experts.support(), experts, at_least).astype(np.int64), -1)


def expert_answer(experts: Votes, *, at_least: int | None = None) -> npt.NDArray[np.int64]:
    """The answer of most experts, and of enough, to each item, as its position; -1 where there is no such answer."""
    counts = experts.counts()
    most = counts.max(axis=1, initial=0)
    alone = np.count_nonzero(counts == most[:, None], axis=1) == 1
    return np.where(alone & _enough(most, experts, at_least), np.argmax(counts, axis=1), -1)


def _enough(agreeing: npt.NDArray[np.int64], experts: Votes, at_least: int | None) -> npt.NDArray[np.bool_]:
    """Whether enough of the experts on each item agree."""
    if at_least is None:
        return np.asarray(2 * agreeing > experts.sizes)
    check_range(at_least, 1, int(experts.sizes.max(initial=0)), what="number of experts")
    return np.asarray(agreeing >= at_least)
