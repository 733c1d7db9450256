"""Which labels `clean` keeps, as its options say it."""

from dataclasses import dataclass
from typing import Any

import click

from reassess.aggregation.golden import Golden
from reassess.cleaning.cleaning import USUAL_KEEP, CleaningMethod, clean_by_posterior
from reassess.cleaning.confident_learning import clean_by_confident_learning
from reassess.cleaning.consistency import clean_by_consistency
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.core.cleaning import Cleaning

__all__ = ["METHODS", "CleaningRule"]

METHODS = ("posterior", "consistent", "confident")
_PRECISION = "precision="


@dataclass(frozen=True)
class CleaningRule:
    """A method with what is asked of it.

    Parameters
    ----------
    method
        One of `METHODS`.
    keep
        Of posterior: the least probability, or, after ``precision=``, the share of kept labels that is right.
    at_least
        Of consistent: in how many repetitions the top-1 is the label.

    Raises
    ------
    click.UsageError
        An option is not of the method, or `keep` is no share.
    """

    method: CleaningMethod
    keep: str | None
    at_least: int | None

    def __post_init__(self) -> None:
        if self.at_least is not None and self.method != "consistent":
            raise click.UsageError("--at-least goes with --method consistent.")
        if self.keep is None:
            return
        if self.method != "posterior":
            raise click.UsageError("--keep goes with --method posterior.")
        if not 0 <= self._share <= 1:
            raise click.UsageError(f"--keep takes a number from 0 to 1, or {_PRECISION} and one: found {self.keep}.")

    def apply(self, held_out: HeldOutPredictions, checked: Golden | None) -> Cleaning:
        """What is kept, by what models say and by labels that people checked."""
        if self.method == "consistent":
            return clean_by_consistency(held_out, at_least=self.at_least)
        if self.method == "confident":
            return clean_by_confident_learning(held_out)
        if self.keep is not None and self.keep.startswith(_PRECISION):
            return clean_by_posterior(held_out, precision=self._share, checked=checked)
        return clean_by_posterior(held_out, keep=USUAL_KEEP if self.keep is None else self._share, checked=checked)

    def to_json(self) -> dict[str, Any]:
        """What JSON documents hold of it."""
        keep = str(USUAL_KEEP) if self.keep is None and self.method == "posterior" else self.keep
        return {"method": self.method, "keep": keep, "at_least": self.at_least}

    @property
    def _share(self) -> float:
        """The number in `keep`; NaN if it is none."""
        try:
            return float((self.keep or "").removeprefix(_PRECISION))
        except ValueError:
            return float("nan")
