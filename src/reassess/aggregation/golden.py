"""Golden truth: questions of which experts have said whether the class is valid."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.baselines import majority
from reassess.aggregation.calibration import expert_truth, natural_truths
from reassess.core.checks import check_shape
from reassess.core.items import Items, as_questions, find_items, take_items
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY
from reassess.core.votes import Votes
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import some

__all__ = ["Golden", "GoldenVotes", "golden_truth", "golden_votes"]


@dataclass(frozen=True, eq=False)
class Golden:
    """Whether each of some (image, class) questions is valid.

    Parameters
    ----------
    questions
        The golden pairs.
    valid
        bool, shape (questions,).

    Raises
    ------
    DataError
        There is no pair, or no valid one; or the truth has another shape.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> Golden(questions, np.array([True, False, True]))
    Golden(3 pairs on 2 images, 2 valid)
    """

    questions: Questions
    valid: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        check_shape(self.valid, (len(self.questions),), what="the truth of golden pairs")
        if not self.valid.size:
            raise DataError("there is no golden pair", mend="without golden pairs there is nothing to measure by")
        if not self.valid.any():
            raise DataError(
                "no golden pair is valid",
                found=f"{len(self):,} pairs that are not valid",
                mend="without a valid pair there is no recall: let fewer experts be enough, or judge more pairs",
            )
        freeze(self, "valid")

    def __len__(self) -> int:
        return self.valid.size

    def __repr__(self) -> str:
        images = len(self.questions.images)
        return f"Golden({len(self):,} pairs on {images:,} images, {self.positives:,} valid)"

    @property
    def positives(self) -> int:
        """Number of valid pairs, at least 1."""
        return int(np.count_nonzero(self.valid))

    def rows_in(self, items: Items, what: str) -> npt.NDArray[np.int64]:
        """Position of each golden pair among other items, int64, shape (questions,).

        Raises
        ------
        DataError
            A pair is not there; `what`, such as "the scores", says where.
        """
        rows = find_items(items, self.questions)
        missing = np.flatnonzero(rows < 0).tolist()
        if missing:
            raise DataError(
                f"golden pairs that are not in {what}",
                found=f"{len(missing):,} of {len(self):,}: {some([self.questions.at(row) for row in missing], most=3)}",
                mend="take both from one release, or leave these pairs out of the golden answers",
            )
        return rows


def golden_truth(experts: Votes, *, at_least: int | None = None) -> Golden:
    """What experts found: a pair is valid if enough of them said yes.

    Parameters
    ----------
    experts
        The experts' votes on (image, class) questions; a question without a vote is left out.
    at_least
        Number of votes for yes that make a pair valid; by default more than half of the most votes on a pair.

    Raises
    ------
    DataError
        The votes are on plain items; no such number of experts; no pair is valid.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([1, 2]))
    >>> cast = np.array([1, 1, 0, 0, 1, 0])
    >>> experts = Votes.from_columns(questions, np.repeat([0, 1], 3), np.tile([0, 1, 2], 2), cast, "xyz", ("no", "yes"))
    >>> golden_truth(experts)
    Golden(2 pairs on 1 images, 1 valid)

    Notes
    -----
    Source: Beyer et al., arXiv 2006.07159, section 3.2.
    """
    as_questions(experts.items, what="the experts' votes")
    if not len(experts):
        raise DataError("the experts gave no votes", mend="give the golden answers")
    enough = int(experts.sizes.max()) // 2 + 1 if at_least is None else at_least
    truth = expert_truth(experts, at_least=enough)
    judged = np.flatnonzero(truth >= 0)
    return Golden(as_questions(take_items(experts.items, judged)), truth[judged] == 1)


@dataclass(frozen=True, eq=False)
class GoldenVotes:
    """Raters' votes on golden items, and the truth of each item.

    Parameters
    ----------
    votes
        The raters' votes.
    truth
        Integers, shape (golden items,): position of each item's truth among the truths; -1 where it is not known.
    rule
        How experts found the truth, in words.
    """

    votes: Votes
    truth: npt.NDArray[np.integer]
    rule: str = ""


def golden_votes(experts: Votes, raters: Votes, *, at_least: int | None = None) -> GoldenVotes:
    """Raters' votes on golden items with the truth that experts found.

    Parameters
    ----------
    experts
        The experts' votes on golden items.
    raters
        The raters' votes; an item that no expert judged has no known truth.
    at_least
        Number of experts who must say yes for a pair to be valid, or give an item's answer; by default more than half.

    Raises
    ------
    DataError
        No such number of experts.

    Examples
    --------
    >>> item, answers = np.zeros(3, int), ("no", "yes")
    >>> experts = Votes.from_columns(("x",), item, np.arange(3), np.array([0, 0, 1]), (1, 2, 3), answers)
    >>> golden = golden_votes(experts, experts)
    >>> golden.truth, golden.rule
    (array([0]), 'the answer of most experts, and of at least 2')
    """
    enough = int(experts.sizes.max(initial=0)) // 2 + 1 if at_least is None else at_least
    if natural_truths(raters) == VALIDITY:
        rule = f"valid: at least {enough} of {experts.sizes.max(initial=0)} experts said yes"
        truth = expert_truth(experts, at_least=enough)
    else:
        rule = f"the answer of most experts, and of at least {enough}"
        most = majority(experts)
        truth = np.where(~most.ties & (most.counts.max(axis=1) >= enough), most.winners, -1)
    rows = experts.find(raters.items)
    return GoldenVotes(votes=raters, truth=np.where(rows >= 0, truth[rows], -1), rule=rule)
