"""The reliability of raters: a row a rater, and the raters as a whole."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.agreement import Dependence, Metric
from reassess.core import Id
from reassess.numeric import Information, Proportion
from reassess.text import Listed, Shown

if TYPE_CHECKING:
    import polars as pl


FLAGS = ("uninformative", "one answer", "few")


@dataclass(frozen=True, eq=False, repr=False)
class Rater(Shown):
    """The answers of one rater, and how far they can be relied on: one of `Reliability.raters`."""

    rater: Id
    answers: npt.NDArray[np.int64]  # shape (answers,): how often each answer was given in the main votes
    # Shape (truths, answers): how often each answer was given on items of each truth. Whole numbers if the truth comes
    # from golden answers, expected numbers if it comes from EM.
    confusion: npt.NDArray[np.float64]
    # Correct answers among all votes on golden items; None without such votes, or if no answer is known to be correct
    # for a truth.
    right: Proportion | None
    information: Information | None  # bits per vote; None without a vote on an item of known truth
    # Same answers, among golden votes on items where the rater voted in the main job too; None if the golden votes are
    # main votes.
    repeated: Proportion | None
    seconds: tuple[float, float] | None  # mean and median time of a vote, over votes with a known time
    # "uninformative": the interval of the information includes 0. "one answer": it makes up 99 % of the main votes,
    # which are 20 or more. "few": there are fewer than 20 votes on a truth, or on fewer than 20 images (of plain items,
    # items), so that the interval is too narrow.
    flags: tuple[str, ...]

    @property
    def votes(self) -> int:
        """Number of votes in the main job."""
        return int(self.answers.sum())

    @property
    def shares(self) -> list[float] | None:
        """Share of each answer in the main votes, None without votes."""
        return (self.answers / self.votes).tolist() if self.votes else None

    @property
    def matrix(self) -> list[list[float] | None]:
        """Share of each answer, for each truth; None for a truth on which there is no vote."""
        return [(row / row.sum()).tolist() if row.sum() else None for row in self.confusion]

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        mean, median = self.seconds or (None, None)
        return {
            "rater": self.rater,
            "votes": self.votes,
            "answers": self.answers.tolist(),
            "shares": self.shares,
            "golden": self.right and self.right.to_json(),
            "confusion": self.confusion.tolist(),
            "matrix": self.matrix,
            "information": self.information and self.information.to_json(),
            "repeated": self.repeated and self.repeated.to_json(),
            "seconds": self.seconds and {"mean": mean, "median": median},
            "flags": list(self.flags),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Reliability(Shown):
    """How far the raters can be relied on."""

    raters: tuple[Rater, ...]  # each rater, in the order of the votes; then those who gave golden votes only
    truths: tuple[Id, ...]  # rows of the confusion matrices
    answers: tuple[Id, ...]  # their columns
    prior: npt.NDArray[np.float64]  # the prior under which information is measured
    golden: bool  # whether the truth comes from golden answers, and not from EM on the votes
    metric: Metric  # how alpha measures distance
    alpha: float | None  # Krippendorff's alpha of the main votes, if defined
    dependence: Dependence  # pairs of raters that are not independent, in the main votes
    golden_dependence: Dependence | None  # the same in golden votes that are not among the main votes

    @property
    def _headline(self) -> str:
        flagged = sum(bool(one.flags) for one in self.raters)
        value = "not defined" if self.alpha is None else f"{self.alpha:.3f}"
        return f"Reliability({len(self.raters):,} raters, {flagged:,} flagged, {self.metric} alpha {value})"

    def _list(self) -> Listed:
        rows = (
            (
                str(one.rater),
                f"{one.votes:,}",
                "-" if one.information is None else f"{one.information.bits:.3f}",
                "-" if one.right is None or one.right.value is None else f"{100 * one.right.value:.4g}",
                ", ".join(one.flags),
            )
            for one in self.ranked
        )
        return Listed(("rater", "votes", "bits a vote", "right %", "flags"), len(self.raters), rows)

    @property
    def ranked(self) -> list[Rater]:
        """The raters, those whose votes tell the least first; at the end those of whom that is not known."""
        return sorted(self.raters, key=lambda one: (one.information is None, one.information and one.information.bits))

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "truths": list(self.truths),
            "answers": list(self.answers),
            "prior": self.prior.tolist(),
            "truth_from": "golden" if self.golden else "em",
            "alpha": {"metric": self.metric, "value": self.alpha},
            "raters": [one.to_json() for one in self.ranked],
            "dependence": self.dependence.to_json(),
            "golden_dependence": self.golden_dependence and self.golden_dependence.to_json(),
        }


def reliability_table(result: Reliability) -> "pl.DataFrame":
    """A table with a row for each rater, those whose votes tell the least first."""
    import polars as pl

    rows = []
    for one in result.ranked:
        bits, seconds = one.information, one.seconds or (None, None)
        row: dict[str, Any] = {
            "rater": str(one.rater),
            "votes": one.votes,
            "flags": "; ".join(one.flags),
            "bits": bits and bits.bits,
            "low": bits and bits.low,
            "high": bits and bits.high,
            "right": one.right and one.right.hits,
            "golden": one.right and one.right.n,
            "repeated": one.repeated and one.repeated.hits,
            "asked_again": one.repeated and one.repeated.n,
            "mean_seconds": seconds[0],
            "median_seconds": seconds[1],
        }
        none = [None] * len(result.answers)
        row |= {f"{answer}": share for answer, share in zip(result.answers, one.shares or none, strict=True)}
        for truth, shares in zip(result.truths, one.matrix, strict=True):
            row |= {f"{answer} if {truth}": share for answer, share in zip(result.answers, shares or none, strict=True)}
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)
