"""Where EM starts, and what it leaves alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_distribution, check_range, check_shape
from reassess.core.items import Id
from reassess.core.rater_model import VALIDITY
from reassess.core.votes import Votes
from reassess.errors import DataError
from reassess.text import Shown, some

__all__ = ["Pinned", "answer_shares", "check_fit", "check_pseudo_votes", "natural_shares"]

_LEAST_PSEUDO_VOTES, _MOST_PSEUDO_VOTES = 1e-9, 10**12


@dataclass(frozen=True, eq=False, repr=False)
class Pinned(Shown):
    """Items whose truth, or its distribution, is known and stays.

    Parameters
    ----------
    rows
        int64, shape (pinned,): positions of the items, each once.
    values
        float64, shape (pinned, truths); each row adds up to 1.

    Examples
    --------
    >>> Pinned.to_truths(np.array([4, 7]), np.array([1, 0]), truths=2).values.tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    rows: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    @classmethod
    def to_truths(cls, rows: npt.NDArray[np.integer], truth: npt.NDArray[np.integer], *, truths: int) -> "Pinned":
        """Pin each item to one truth, given by its position; one of -1, which is not known, is left free."""
        check_range(truth, -1, truths - 1, what="truth", where=lambda position: f"pinned item {rows[position]}")
        known = np.asarray(truth) >= 0
        return cls(rows=np.asarray(rows, np.int64)[known], values=np.eye(truths)[truth[known]])

    def check(self, votes: Votes, truths: int) -> None:
        """Raise `DataError` unless this fits some votes and a number of truths."""
        check_shape(self.rows, ("pinned",), what="the pinned rows")
        check_shape(self.values, (self.rows.size, truths), what="the pinned values")
        check_range(self.rows, 0, len(votes.items) - 1, what="pinned row", where="position {}".format)
        if np.unique(self.rows).size < self.rows.size:
            row = int(np.argmax(np.bincount(self.rows)))
            raise DataError("duplicate-item", "item is pinned twice", where=votes.at(row))
        check_distribution(self.values, what="a pinned item", where=lambda position: votes.at(int(self.rows[position])))


def answer_shares(votes: Votes, truths: Sequence[Id], weights: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
    """How much each answer speaks for each truth, float64, shape (answers, truths). See `dawid_skene.fit`."""
    answers = votes.answers
    if weights is None:
        weights = _known_shares(votes, tuple(truths))
    if weights is None:
        raise DataError(
            "unknown-answer-order",
            "order of the answers is unknown",
            allowed="no, maybe, yes for two truths; or truths that are the answers",
            found=f"answers {some(answers)}; truths {some(truths)}",
            fix="give the weight of each answer",
        )
    shares = np.array(weights, np.float64)
    if shares.shape == (len(answers),) and len(truths) == 2:
        shares = np.stack([1 - shares, shares], axis=1)
    if shares.shape != (len(answers), len(truths)):
        allowed = f"shape ({len(answers)}, {len(truths)})" + (f" or ({len(answers)},)" if len(truths) == 2 else "")
        raise DataError("wrong-shape", "wrong shape of the weights", allowed=allowed, found=f"shape {shares.shape}")
    check_distribution(shares, what="the weight of an answer", where=lambda position: f"answer {answers[position]}")
    return shares


def check_pseudo_votes(smoothing: float, pooling: float) -> None:
    """Raise `DataError` unless what is added to counts is 0, or such that no product vanishes and no sum overflows."""
    for value, what in ((smoothing, "smoothing"), (pooling, "pooling")):
        check_range(value, 0, _MOST_PSEUDO_VOTES, what=what)
        if 0 < value < _LEAST_PSEUDO_VOTES:
            raise DataError(
                "out-of-range", f"{what} out of range", allowed=f"0, or {_LEAST_PSEUDO_VOTES} or more", found=value
            )


def check_fit(votes: Votes, smoothing: float, pooling: float) -> None:
    """Raise `DataError` unless there are votes of known raters, and the numbers to add are 0 or more."""
    if not len(votes):
        raise DataError("no-votes", "votes are missing", fix="give votes, or judge by the prior alone")
    votes.require_raters("EM")
    check_pseudo_votes(smoothing, pooling)


def natural_shares(votes: Votes, truths: Sequence[Id]) -> npt.NDArray[np.float64]:
    """The default of `answer_shares`; where there is none, each answer speaks for all truths alike."""
    known = _known_shares(votes, tuple(truths))
    if known is None:
        return np.full((len(votes.answers), len(truths)), 1 / len(truths))
    return answer_shares(votes, truths, known)


def _known_shares(votes: Votes, truths: tuple[Id, ...]) -> npt.ArrayLike | None:
    if truths == votes.answers:
        return np.eye(len(truths))
    return votes.weights if len(truths) == len(VALIDITY) else None
