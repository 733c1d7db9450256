"""How far each rater can be relied on, as a table."""

from typing import TYPE_CHECKING, Any

from reassess.aggregation.reliability_result import Reliability

if TYPE_CHECKING:
    import polars as pl

__all__ = ["reliability_table"]


def reliability_table(result: Reliability) -> "pl.DataFrame":
    """A table with a row for each rater, those whose votes tell the least first.

    Parameters
    ----------
    result
        What `rater_reliability` found.

    Returns
    -------
    polars.DataFrame. Columns: rater, votes, flags (separated by ``; ``), bits, low and high (information a vote), right
    and golden (right answers, of all golden votes), repeated and asked_again (same answers, of all items in both), mean
    and median seconds a vote; then a share of all votes for each answer, such as ``no``, and one for each answer on
    items of each truth, such as ``no if valid``. What is not known is null.
    """
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
