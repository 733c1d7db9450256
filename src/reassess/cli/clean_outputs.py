"""The output files of `reassess clean`, and its option --choose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reassess.aggregation import GoldenQuestions
from reassess.cleaning import MIN_LABEL_QUALITY, CleaningMethod, HeldOutPredictions, find_label_errors
from reassess.cli.call import Call, with_progress
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import find_images_path
from reassess.core import Benchmark, Cleaning, Match, Sample
from reassess.errors import DataError
from reassess.formats import write_clean_list, write_cleaning_details, write_label_errors
from reassess.formats.files import write_atomically
from reassess.formats.image_lists import CLEAN_LIST_SUFFIXES
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.report import ShownMistakes, write_wrong_labels
from reassess.report.writing import REPORT_SUFFIXES


@dataclass(frozen=True)
class CleaningOutputs:
    """The output files; None if not requested."""

    output: Path  # a table of wrong labels, or a txt list of kept images
    details: Path | None  # all labels
    page: Path | None  # a page of wrong labels
    images: Path | None  # the images on the page

    @classmethod
    def check_and_create(
        cls,
        call: Call,
        output: Path,
        details: Path | None,
        page: Path | None,
        images: Path | None,
        benchmark: Benchmark | None,
    ) -> "CleaningOutputs":
        """Create the outputs, after checking that all of them can be written."""
        if page is None and images is not None:
            raise click.UsageError("--images goes with --page.")
        if page is not None:
            check_packages("report", "a page of images")
        if page is not None and images is None:
            if benchmark is None:
                raise click.UsageError("--page needs --images, or --benchmark FOLDER with images.")
            images = find_images_path(call, benchmark, needed_by="clean --page")
        for path, suffixes, thing in (
            (output, (*CLEAN_LIST_SUFFIXES, *TABLE_SUFFIXES), "wrong labels or kept images"),
            (details, TABLE_SUFFIXES, "details of cleaning"),
            (page, REPORT_SUFFIXES, "a page"),
        ):
            call.check_output(path, suffixes, thing, benchmark=benchmark)
        return cls(output, details, page, images)

    @property
    def is_list_of_kept_images(self) -> bool:
        """Whether the output lists the kept images instead of the wrong labels."""
        return self.output.suffix.lower() in CLEAN_LIST_SUFFIXES

    def write_files(self, call: Call, cleaning: Cleaning, match: Match) -> ShownMistakes | None:
        """Write all files or none, and return the contents of the page; None without a page."""
        with write_atomically():
            write = write_clean_list if self.is_list_of_kept_images else write_label_errors
            write(self.output, cleaning, force=call.force)
            if self.details is not None:
                write_cleaning_details(self.details, cleaning, force=call.force)
            if self.page is None or self.images is None:
                return None
            if cleaning.is_kept.all():
                call.print_line(f"{self.page}: not written, since no label is wrong")
                return None
            record = call.describe_command()
            places = {"images": str(self.images)}
            if not any(str(entry["name"]).endswith("original") for entry in record["inputs"]):
                places = {"labels": f"{self.images}, by its folders", **places}
            record["inputs"] += [{"name": name, "path": place, "sha256": None} for name, place in places.items()]
            return write_wrong_labels(
                self.page,
                cleaning,
                self.images,
                match=match,
                **record,
                force=call.force,
                show_progress=lambda names: with_progress(call, names, "making thumbnails"),
            )

    def to_json(self, page_contents: ShownMistakes | None) -> dict[str, str | None]:
        """Return the paths for JSON; null for a page that was not written."""
        paths = {"output": self.output, "details": self.details, "page": None if page_contents is None else self.page}
        return {name: None if path is None else str(path) for name, path in paths.items()}


@dataclass(frozen=True)
class ChooseOption:
    """The value of --choose: a threshold or a precision for the labels to keep; without it, both are None.

    >>> ChooseOption.parse("precision=0.9"), ChooseOption.parse("threshold=0.5")
    (ChooseOption(threshold=None, precision=0.9), ChooseOption(threshold=0.5, precision=None))
    """

    threshold: float | None = None
    precision: float | None = None

    @classmethod
    def parse(cls, text: str) -> "ChooseOption":
        """Read ``threshold=P`` or ``precision=P``."""
        name, _, share = text.partition("=")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if name not in ("threshold", "precision") or not 0 <= value <= 1:
            allowed = "threshold=P or precision=P, with P from 0 to 1"
            raise DataError("wrong-syntax", "not a rule that says which labels to keep", allowed=allowed)
        return cls(**{name: value})

    def find_wrong_labels(
        self,
        held_out: HeldOutPredictions,
        method: CleaningMethod,
        checked_labels: GoldenQuestions | None,
        sample: Sample | None,
    ) -> Cleaning:
        """Find wrong labels by a method; `checked_labels` are labels that people have checked."""
        return find_label_errors(
            held_out,
            method,
            threshold=self.threshold,
            precision=self.precision,
            checked_labels=checked_labels,
            sample=sample,
        )

    def to_json(self, method: CleaningMethod) -> dict[str, Any]:
        """Return the method, its threshold and its precision for JSON."""
        default = MIN_LABEL_QUALITY if method == "posterior" and self.precision is None else None
        threshold = default if self.threshold is None else self.threshold
        return {"method": method, "threshold": threshold, "precision": self.precision}
