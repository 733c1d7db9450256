"""Aggregation without a rater model: majority and mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_all, check_range, check_shape
from reassess.core.items import Id, Items
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import some

__all__ = ["ClassShares", "Majority", "class_shares", "majority", "mean"]


@dataclass(frozen=True, eq=False)
class Majority:
    """How often each answer was given on each item."""

    items: Items  # of the votes
    answers: tuple[Id, ...]  # of the votes
    counts: npt.NDArray[np.int64]  # int64, shape (items, answers)

    def __post_init__(self) -> None:
        freeze(self, "counts")

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Majority({len(self):,} items, {np.count_nonzero(self.ties):,} ties, answers {some(self.answers)})"

    @property
    def fractions(self) -> npt.NDArray[np.float64]:
        """Share of each answer, float64, shape (items, answers); 0 on an item without votes."""
        shares = self.counts.astype(np.float64)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
        return shares

    @property
    def winners(self) -> npt.NDArray[np.int64]:
        """Position of the most frequent answer, the first of equals, -1 without votes; int64, shape (items,)."""
        return np.where(self.counts.any(axis=1), np.argmax(self.counts, axis=1), -1)

    @property
    def ties(self) -> npt.NDArray[np.bool_]:
        """Whether two answers are most frequent, bool, shape (items,)."""
        most = self.counts.max(axis=1, keepdims=True)
        tied: npt.NDArray[np.bool_] = np.count_nonzero((self.counts == most) & (most > 0), axis=1) > 1
        return tied


def majority(votes: Votes) -> Majority:
    """The most frequent answer on each item."""
    return Majority(items=votes.items, answers=votes.answers, counts=votes.counts())


@dataclass(frozen=True, eq=False)
class ClassShares:
    """Of votes for one class an image, the share of each class that someone chose."""

    # the share of an image's votes, one for each image and class with a vote, by image and then by class id
    scores: Scores
    ties: int  # number of images of which several classes have the most votes


def class_shares(votes: Votes) -> ClassShares:
    """The share of each class that someone chose for an image; an image without votes has none."""
    questions, counts = votes.counts_by_class()
    images = len(questions.images)
    most, given = np.zeros(images, np.int64), np.zeros(images, np.int64)
    np.maximum.at(most, questions.image_ids, counts)
    np.add.at(given, questions.image_ids, counts)
    first = np.bincount(questions.image_ids[counts == most[questions.image_ids]], minlength=images)
    shares = Scores(questions, counts / given[questions.image_ids], exclusive=True)
    return ClassShares(scores=shares, ties=int(np.count_nonzero(first > 1)))


def mean(votes: Votes, *, weights: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
    """The mean weight of the votes on each item."""
    values = _weights(votes, weights)
    check_all(
        votes.sizes > 0, what="items without votes have no mean", name_of=votes.at, fix="leave out items without votes"
    )
    return votes.counts() @ values / votes.sizes


def _weights(votes: Votes, weights: npt.ArrayLike | None) -> npt.NDArray[np.float64]:
    answers = votes.answers
    nominal = votes.classes is not None or any(isinstance(answer, str) for answer in answers)
    if weights is None and nominal and votes.classes is None:
        weights = votes.weights
    if weights is None and nominal:
        raise DataError(
            "no-mean",
            "answers have no weights, so they have no mean",
            allowed="no, maybe, yes, or integer codes",
            found=some(answers),
            fix="take the majority, or give the weight of each answer (in Python: weights=[...])",
        )
    values = np.array(answers if weights is None else weights, np.float64)
    check_shape(values, (len(answers),), what="the weights")
    check_range(values, what="weight", where=lambda position: f"answer {answers[position]}")
    return values
