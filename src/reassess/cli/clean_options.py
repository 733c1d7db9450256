"""The files that `clean` writes: all that are asked for, or none."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reassess.aggregation.golden import Golden
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.cleaning.other_rules import clean_by_confident_learning, clean_by_consistency
from reassess.cleaning.posterior_rule import USUAL_KEEP, CleaningMethod, clean_by_posterior
from reassess.cli.common import Call, tracked
from reassess.core.benchmark import Benchmark
from reassess.core.cleaning import Cleaning
from reassess.core.image_names import Match
from reassess.formats import write_clean_list, write_details, write_noise
from reassess.formats.files import write_atomically
from reassess.formats.image_lists import CLEAN_LIST_SUFFIXES
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.report.cleaning_report import draw_noise, write_wrong_labels
from reassess.report.figures import FIGURE_SUFFIXES
from reassess.report.writing import REPORT_SUFFIXES, ShownMistakes

__all__ = ["METHODS", "CleaningOutputs", "CleaningRule"]


@dataclass(frozen=True)
class CleaningOutputs:
    """Where each file goes; None for what is not asked for.

    Parameters
    ----------
    clean_list
        The images that are kept.
    details
        What is known of each label.
    noise
        Which labels images of each true class have, as a table or a figure.
    page, images
        A page of dropped images, and where their pictures are: both or neither.
    """

    clean_list: Path
    details: Path | None
    noise: Path | None
    page: Path | None
    images: Path | None

    def check(self, call: Call, benchmark: Benchmark | None) -> None:
        """Refuse, before any work, what cannot be written."""
        if (self.page is None) != (self.images is None):
            raise click.UsageError("--page and --images go together.")
        for path, suffixes, thing in (
            (self.clean_list, CLEAN_LIST_SUFFIXES, "a clean list"),
            (self.details, TABLE_SUFFIXES, "details of cleaning"),
            (self.page, REPORT_SUFFIXES, "a page"),
            (self.noise, (*FIGURE_SUFFIXES, *TABLE_SUFFIXES), "a matrix of mistakes"),
        ):
            call.check_output(path, suffixes, thing, benchmark=benchmark)

    def write(self, call: Call, cleaning: Cleaning, match: Match) -> ShownMistakes | None:
        """Write the files, and say what the page shows; None without a page."""
        with write_atomically():
            write_clean_list(self.clean_list, cleaning, force=call.force)
            if self.details is not None:
                write_details(self.details, cleaning, force=call.force)
            if self.noise is not None and cleaning.noise is not None:
                write = draw_noise if self.noise.suffix.lower() in FIGURE_SUFFIXES else write_noise
                write(self.noise, cleaning.noise, force=call.force)
            return self._write_page(call, cleaning, match)

    def _write_page(self, call: Call, cleaning: Cleaning, match: Match) -> ShownMistakes | None:
        if self.page is None or self.images is None:
            return None
        if cleaning.kept.all():
            call.tell(f"{self.page} is not written: no image is dropped")
            return None
        return write_wrong_labels(
            self.page,
            cleaning,
            self.images,
            **call.record(),
            match=match,
            force=call.force,
            track=lambda names: tracked(call, names, "making pictures"),
        )

    def to_json(self, shown: ShownMistakes | None) -> dict[str, str | None]:
        """The paths that JSON documents hold; null for a page that was not written."""
        paths = {
            "output": self.clean_list,
            "details": self.details,
            "page": None if shown is None else self.page,
            "noise_file": self.noise,
        }
        return {name: None if path is None else str(path) for name, path in paths.items()}


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
