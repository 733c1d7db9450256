"""What EM needs to know beside the votes: pinned items, what answers speak for, and its limits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core import VALIDITY, Id, Questions, Votes
from reassess.core.checks import check_distribution, check_range, check_shape
from reassess.errors import DataError
from reassess.text import Shown, some

POOLING = 4.0
_LEAST_PSEUDO_VOTES, _MOST_PSEUDO_VOTES = 1e-9, 10**12
_MOST_CELLS = 1 << 24  # of all raters' matrices: 128 MiB each time that EM holds them
_MOST_CLASSES = 4_096  # one matrix of so many classes fits easily
_MOST_TRUTHS = 256  # matrices of single raters are still small

Floats = npt.NDArray[np.float64]

# --- limits -----------------------------------------------------------------------------------------------------------


def check_truths(truths: Sequence[Id]) -> None:
    """Raise `DataError` if there are more truths than matrices of single raters can have."""
    if len(truths) > _MOST_TRUTHS:
        raise _too_many("truths", _MOST_TRUTHS, len(truths))


def many_classes(votes: Votes) -> bool:
    """Whether the answers are too many for matrices of the raters; `DataError` if they are too many for one matrix."""
    classes = len(votes.answers)
    if classes > _MOST_CLASSES:
        raise _too_many("classes", _MOST_CLASSES, classes)
    return classes > _MOST_TRUTHS or len(votes.raters) * classes**2 > _MOST_CELLS


def _too_many(what: str, most: int, found: int) -> DataError:
    return DataError(
        "too-many",
        f"too many {what} for a rater model",
        allowed=f"up to {most:,}",
        found=f"{found:,}",
        fix="take the majority, or split the items into groups with fewer answers",
    )


def check_pseudo_votes(smoothing: float, pooling: float) -> None:
    """Raise `DataError` unless both are 0, or such that no product vanishes and no sum overflows."""
    for value, what in ((smoothing, "smoothing"), (pooling, "pooling")):
        check_range(value, 0, _MOST_PSEUDO_VOTES, what=what)
        if 0 < value < _LEAST_PSEUDO_VOTES:
            raise DataError(
                "out-of-range", f"{what} out of range", allowed=f"0, or {_LEAST_PSEUDO_VOTES} or more", found=value
            )


def no_golden_votes() -> DataError:
    """The error for golden votes that measure no rater."""
    text, fix = "no golden item with a known truth has a vote", "check that both files name the items alike"
    return DataError("missing-golden", text, fix=fix)


def check_fit(votes: Votes, smoothing: float, pooling: float) -> None:
    """Raise `DataError` unless EM can run on the votes with these pseudo-votes."""
    if not len(votes):
        raise DataError("missing-votes", "votes are missing", fix="give votes, or judge by the prior alone")
    votes.require_raters("EM")
    check_pseudo_votes(smoothing, pooling)


# --- where EM starts, and what it leaves alone ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Pinned(Shown):
    """Items whose truth, or its distribution, is known and stays."""

    rows: npt.NDArray[np.int64]  # positions of the items, each once
    values: Floats  # shape (pinned, truths); each row adds up to 1

    @classmethod
    def to_truths(cls, rows: npt.NDArray[np.integer], truth: npt.NDArray[np.integer], *, truths: int) -> "Pinned":
        """Pin each item to one truth, given by its position; an item whose truth is -1 stays free."""
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


def natural_truths(votes: Votes) -> tuple[Id, ...]:
    """Invalid and valid for (image, class) questions; else each answer is a truth."""
    return VALIDITY if isinstance(votes.items, Questions) else votes.answers


def answer_shares(votes: Votes, truths: Sequence[Id], weights: npt.ArrayLike | None = None) -> Floats:
    """How much each answer speaks for each truth, shape (answers, truths); `weights` as in `fit_dawid_skene`."""
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


def natural_shares(votes: Votes, truths: Sequence[Id]) -> Floats:
    """The default of `answer_shares`; if it has none, each answer speaks for all truths alike."""
    known = _known_shares(votes, tuple(truths))
    if known is None:
        return np.full((len(votes.answers), len(truths)), 1 / len(truths))
    return answer_shares(votes, truths, known)


def _known_shares(votes: Votes, truths: tuple[Id, ...]) -> npt.ArrayLike | None:
    if truths == votes.answers:
        return np.eye(len(truths))
    return votes.weights if len(truths) == len(VALIDITY) else None


def as_prior(prior: npt.ArrayLike, truths: int) -> Floats:
    """Check a prior, and return it as float64, shape (truths,)."""
    values = np.array(prior, np.float64)
    check_shape(values, (truths,), what="the prior")
    check_distribution(values, what="the prior")
    return values
