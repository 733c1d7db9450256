"""Results on the reliability of raters: of each rater, and of the raters as a group."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.agreement import Dependence, Metric
from reassess.aggregation.shared_errors import SharedErrors
from reassess.core import Id
from reassess.numeric import Information, Proportion
from reassess.text import ListTable, Printable

if TYPE_CHECKING:
    import polars as pl


FLAGS = ("uninformative", "one answer", "few")


@dataclass(frozen=True, eq=False, repr=False)
class Rater(Printable):
    """The reliability of one rater: counts of answers, accuracy, information and flags."""

    rater: Id
    answer_counts: npt.NDArray[np.int64]  # ordinary votes for each answer, shape (answers,)
    # Number of votes by truth and answer, shape (truths, answers). Whole numbers if the truth comes from golden
    # answers, expected numbers if it comes from EM.
    confusion_counts: npt.NDArray[np.float64]
    # Correct answers among votes on golden items; None without such votes, or if a truth has no correct answer.
    accuracy: Proportion | None
    information: Information | None  # bits per vote; None without votes on items whose truth is known
    # Equal answers, among golden votes on items with an ordinary vote by the same rater; None if the golden
    # votes are main votes.
    self_agreement: Proportion | None
    # Mean and median seconds per vote, over votes with a known time.
    mean_and_median_seconds: tuple[float, float] | None
    # "uninformative": the interval of the information includes 0. "one answer": at least 20 main votes, and 99 % of
    # them are the same answer. "few": under 20 votes for one truth, or under 20 images (or plain items), so that the
    # interval is too narrow.
    flags: tuple[str, ...]

    @property
    def n_votes(self) -> int:
        """Number of the rater's votes, without golden votes."""
        return int(self.answer_counts.sum())

    @property
    def answer_shares(self) -> list[float] | None:
        """Share of each answer among the rater's votes, without golden votes; None if the rater has no such votes."""
        return (self.answer_counts / self.n_votes).tolist() if self.n_votes else None

    @property
    def confusion_matrix(self) -> list[list[float] | None]:
        """Share of each answer among votes on items of each truth; None for a truth without votes."""
        return [(row / row.sum()).tolist() if row.sum() else None for row in self.confusion_counts]

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        mean, median = self.mean_and_median_seconds or (None, None)
        return {
            "rater": self.rater,
            "votes": self.n_votes,
            "answers": self.answer_counts.tolist(),
            "shares": self.answer_shares,
            "golden": self.accuracy and self.accuracy.to_json(),
            "confusion": self.confusion_counts.tolist(),
            "matrix": self.confusion_matrix,
            "information": self.information and self.information.to_json(),
            "self_agreement": self.self_agreement and self.self_agreement.to_json(),
            "seconds": self.mean_and_median_seconds and {"mean": mean, "median": median},
            "flags": list(self.flags),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Reliability(Printable):
    """The reliability of each rater, and of the raters as a group."""

    raters: tuple[Rater, ...]  # raters in the order of the main votes, then raters with only golden votes
    truths: tuple[Id, ...]  # rows of the confusion matrices
    answers: tuple[Id, ...]  # columns of the confusion matrices
    prior: npt.NDArray[np.float64]  # prior for the information
    has_golden_truth: bool  # True if the truth comes from golden answers, False if it comes from EM on the votes
    metric: Metric  # how alpha measures the distance between answers
    alpha: float | None  # Krippendorff's alpha of the main votes, if defined
    dependence: Dependence  # dependent pairs of raters in the main votes
    golden_dependence: Dependence | None  # dependent pairs in separate golden votes
    # Number of evenly spaced items for EM and dependent pairs, if not all items of the main votes were used.
    n_sampled_items: int | None = None
    # Errors that raters share on golden items; None without golden answers, or if a truth has no correct answer.
    shared_errors: SharedErrors | None = None

    @property
    def _headline(self) -> str:
        flagged = sum(bool(rater.flags) for rater in self.raters)
        value = "not defined" if self.alpha is None else f"{self.alpha:.3f}"
        return f"Reliability({len(self.raters):,} raters, {flagged:,} flagged, {self.metric} alpha {value})"

    def _notebook_table(self) -> ListTable:
        rows = (
            (
                str(rater.rater),
                f"{rater.n_votes:,}",
                "-" if rater.information is None else f"{rater.information.bits:.3f}",
                "-" if rater.accuracy is None or rater.accuracy.value is None else f"{100 * rater.accuracy.value:.4g}",
                ", ".join(rater.flags),
            )
            for rater in self.raters_by_information
        )
        return ListTable(("rater", "votes", "bits per vote", "correct %", "flags"), len(self.raters), rows)

    @property
    def raters_by_information(self) -> list[Rater]:
        """The raters by bits per vote, lowest first; raters whose information is unknown come last."""
        return sorted(self.raters, key=lambda r: (r.information is None, r.information and r.information.bits))

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "truths": list(self.truths),
            "answers": list(self.answers),
            "prior": self.prior.tolist(),
            "truth_from": "golden" if self.has_golden_truth else "em",
            "sampled_items": self.n_sampled_items,
            "alpha": {"metric": self.metric, "value": self.alpha},
            "raters": [rater.to_json() for rater in self.raters_by_information],
            "dependence": self.dependence.to_json(),
            "golden_dependence": self.golden_dependence and self.golden_dependence.to_json(),
            "shared_errors": self.shared_errors and self.shared_errors.to_json(),
        }


def reliability_table(result: Reliability) -> "pl.DataFrame":
    """Create a data frame with a row per rater, sorted by bits per vote, lowest first."""
    import polars as pl

    rows = []
    for rater in result.raters_by_information:
        bits, correct, same = rater.information, rater.accuracy, rater.self_agreement
        seconds = rater.mean_and_median_seconds or (None, None)
        row: dict[str, Any] = {
            "rater": str(rater.rater),
            "votes": rater.n_votes,
            "flags": "; ".join(rater.flags),
            "bits": bits and bits.bits,
            "low": bits and bits.low,
            "high": bits and bits.high,
            "correct": correct and correct.hits,
            "golden": correct and correct.n,
            "same_answers": same and same.hits,
            "answered_twice": same and same.n,
            "mean_seconds": seconds[0],
            "median_seconds": seconds[1],
        }
        missing = [None] * len(result.answers)
        row |= {
            f"{answer}": share for answer, share in zip(result.answers, rater.answer_shares or missing, strict=True)
        }
        for truth, matrix_row in zip(result.truths, rater.confusion_matrix, strict=True):
            shares = zip(result.answers, matrix_row or missing, strict=True)
            row |= {f"{answer} if {truth}": share for answer, share in shares}
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)
