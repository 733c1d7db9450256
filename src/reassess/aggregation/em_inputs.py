"""Inputs of EM besides the votes (pinned items, weights of answers, priors), and checks of their limits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core import VALIDITY, Id, Votes
from reassess.core.checks import check_distribution, check_range, check_shape
from reassess.core.items import are_questions
from reassess.errors import DataError
from reassess.text import Printable, join_first

DEFAULT_POOLING = 4.0
_MIN_PSEUDO_VOTES, _MAX_PSEUDO_VOTES = 1e-9, 10**12
_MAX_CELLS = 1 << 24  # cells of all raters' matrices: 128 MiB per copy
_MAX_CLASSES = 4_096  # a single matrix for all raters still fits easily
_MAX_TRUTHS = 256  # a matrix per rater is still small

Floats = npt.NDArray[np.float64]

# --- limits -----------------------------------------------------------------------------------------------------------


def check_truth_count(truths: Sequence[Id]) -> None:
    """Raise `DataError` if there are too many truths for a matrix per rater."""
    if len(truths) > _MAX_TRUTHS:
        raise _too_many_error("truths", _MAX_TRUTHS, len(truths))


def check_class_count(votes: Votes) -> None:
    """Raise `DataError` if there are too many classes even for a single matrix of all raters."""
    if len(votes.answers) > _MAX_CLASSES:
        raise _too_many_error("classes", _MAX_CLASSES, len(votes.answers))


def has_many_classes(votes: Votes) -> bool:
    """Return whether there are too many classes for a full matrix per rater."""
    classes = len(votes.answers)
    return classes > _MAX_TRUTHS or len(votes.raters) * classes**2 > _MAX_CELLS


def check_matrix_size(votes: Votes, truths: Sequence[Id]) -> None:
    """Raise `DataError` if a full matrix per rater is too large."""
    if tuple(truths) == votes.answers and has_many_classes(votes):
        raise _too_many_error("classes", _MAX_TRUTHS, len(votes.answers))


def _too_many_error(noun: str, max_count: int, count: int) -> DataError:
    """Create the error that a rater model cannot have this number of truths or classes."""
    return DataError(
        "too-many",
        f"too many {noun} for a rater model",
        allowed=f"up to {max_count:,}",
        found=f"{count:,}",
        fix="use majority, or split the items into groups with fewer answers",
    )


def check_pseudo_votes(smoothing: float, pooling: float) -> None:
    """Raise `DataError` unless smoothing and pooling are each 0, or from 1e-9 to 1e12."""
    for value, name in ((smoothing, "smoothing"), (pooling, "pooling")):
        check_range(value, 0, _MAX_PSEUDO_VOTES, value_name=name)
        if 0 < value < _MIN_PSEUDO_VOTES:
            raise DataError(
                "out-of-range", f"{name} out of range", allowed=f"0, or {_MIN_PSEUDO_VOTES} or more", found=value
            )


def check_bcc_prior(smoothing: float, pooling: float) -> None:
    """Raise `DataError` if the default prior of the raters' matrices in ibcc and ebcc is 0."""
    if not smoothing and not pooling:
        raise DataError(
            "out-of-range",
            "pooling must be above 0 for ibcc and ebcc",
            allowed="above 0; or 0, if smoothing is above 0",
            found=0,
            fix="remove pooling, to use the default",
        )


def no_golden_votes_error() -> DataError:
    """Create the error for votes that are not on golden items with a known truth."""
    text, fix = "no golden item with a known truth has a vote", "use the same item names in both files"
    return DataError("missing-golden", text, fix=fix)


def check_has_votes(votes: Votes) -> None:
    """Raise `DataError` if votes are missing."""
    if not len(votes):
        raise DataError("missing-votes", "votes are missing", fix="give at least one vote")


def check_em_inputs(votes: Votes, smoothing: float, pooling: float) -> None:
    """Raise `DataError` unless EM can run on the votes with these pseudo-votes."""
    check_has_votes(votes)
    votes.require_raters("EM")
    check_pseudo_votes(smoothing, pooling)


# --- starting point and fixed values ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class PinnedItems(Printable):
    """Items whose probability of each truth is fixed during EM, for example because experts decided the truth."""

    item_rows: npt.NDArray[np.int64]  # positions of the items, without duplicates
    truth_probabilities: Floats  # shape (pinned, truths); each row adds up to 1

    @classmethod
    def from_truths(
        cls, rows: npt.NDArray[np.integer], truth_ids: npt.NDArray[np.integer], *, n_truths: int
    ) -> "PinnedItems":
        """Pin each item to a truth, given as a position among the truths; items with truth -1 are not pinned."""
        check_range(
            truth_ids, -1, n_truths - 1, value_name="truth", where=lambda position: f"pinned item {rows[position]}"
        )
        has_truth = np.asarray(truth_ids) >= 0
        probabilities = np.eye(n_truths)[truth_ids[has_truth]]
        return cls(item_rows=np.asarray(rows, np.int64)[has_truth], truth_probabilities=probabilities)

    @classmethod
    def from_truth_ids(cls, truth_ids: npt.NDArray[np.integer], *, n_truths: int) -> "PinnedItems":
        """Pin each item with a known truth, so that EM does not change it; `truth_ids` is -1 for all other items."""
        rows = np.flatnonzero(np.asarray(truth_ids) >= 0)
        return cls.from_truths(rows, truth_ids[rows], n_truths=n_truths)

    def check_items_and_truths(self, votes: Votes, n_truths: int) -> None:
        """Raise `DataError` unless the items with a fixed truth are items of the votes, with one of the truths."""
        check_shape(self.item_rows, ("pinned",), value_name="the pinned rows")
        check_shape(self.truth_probabilities, (self.item_rows.size, n_truths), value_name="the pinned values")
        check_range(self.item_rows, 0, len(votes.items) - 1, value_name="pinned row", where="position {}".format)
        if np.unique(self.item_rows).size < self.item_rows.size:
            row = int(np.argmax(np.bincount(self.item_rows)))
            raise DataError("duplicate-item", "truth of an item is given twice", where=votes.describe_item(row))
        check_distribution(
            self.truth_probabilities,
            value_name="a pinned item",
            where=lambda position: votes.describe_item(int(self.item_rows[position])),
        )


def default_possible_truths(votes: Votes) -> tuple[Id, ...]:
    """Return the default truths: invalid and valid for (image, class) questions, otherwise the answers."""
    return VALIDITY if are_questions(votes.items) else votes.answers


def make_answer_weights(votes: Votes, truths: Sequence[Id], weights: npt.ArrayLike | None = None) -> Floats:
    """Return the weight of each answer for each truth, shape (answers, truths)."""
    answers = votes.answers
    if weights is None:
        weights = _find_default_answer_weights(votes, tuple(truths))
    if weights is None:
        raise DataError(
            "unknown-answer-order",
            "order of the answers is unknown",
            allowed="two truths with the answers no, maybe, yes; or truths that are equal to the answers",
            found=f"answers {join_first(answers)}; truths {join_first(truths)}",
            fix="give the weight of each answer",
        )
    shares = np.array(weights, np.float64)
    if shares.shape == (len(answers),) and len(truths) == 2:
        shares = np.stack([1 - shares, shares], axis=1)
    if shares.shape != (len(answers), len(truths)):
        allowed = f"shape ({len(answers)}, {len(truths)})" + (f" or ({len(answers)},)" if len(truths) == 2 else "")
        raise DataError("wrong-shape", "wrong shape of the weights", allowed=allowed, found=f"shape {shares.shape}")
    check_distribution(
        shares, value_name="the weight of an answer", where=lambda position: f"answer {answers[position]}"
    )
    return shares


def default_or_equal_answer_weights(votes: Votes, truths: Sequence[Id]) -> Floats:
    """Return the default weights of the answers, or, without a default, equal weights for all truths."""
    weights = _find_default_answer_weights(votes, tuple(truths))
    if weights is None:
        return np.full((len(votes.answers), len(truths)), 1 / len(truths))
    return make_answer_weights(votes, truths, weights)


def _find_default_answer_weights(votes: Votes, truths: tuple[Id, ...]) -> npt.ArrayLike | None:
    """Return default weights if the possible answers equal the truths, or are no, maybe and yes; otherwise None."""
    if truths == votes.answers:
        return np.eye(len(truths))
    return votes.answer_weights if len(truths) == len(VALIDITY) else None


def check_prior(prior: npt.ArrayLike, n_truths: int) -> Floats:
    """Check a prior, and return it as float64, shape (truths,)."""
    values = np.array(prior, np.float64)
    check_shape(values, (n_truths,), value_name="the prior")
    check_distribution(values, value_name="the prior")
    return values
