"""The output files of `reassess clean`, and its option --choose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reassess.cleaning import MIN_LABEL_QUALITY, CleaningMethod
from reassess.cli.command_run import CommandRun, with_progress
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import find_images_path
from reassess.core import Benchmark, Cleaning, Match
from reassess.errors import DataError
from reassess.formats import write_clean_list, write_cleaning_details, write_label_errors
from reassess.formats.files import atomic_writes
from reassess.formats.image_lists import CLEAN_LIST_SUFFIXES
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.report import ShownMistakes, write_wrong_labels
from reassess.report.writing import REPORT_SUFFIXES


@dataclass(frozen=True)
class CleaningOutputs:
    """The output files of `reassess clean`; None for files that were not requested."""

    output: Path  # a table of wrong labels, or a txt list of kept images
    details: Path | None  # all labels
    page: Path | None  # a page of wrong labels
    images: Path | None  # the images on the page

    @classmethod
    def from_options(
        cls,
        run: CommandRun,
        output: Path,
        details: Path | None,
        page: Path | None,
        images: Path | None,
        benchmark: Benchmark | None,
    ) -> "CleaningOutputs":
        """Return the outputs that the options name, after checking that all of them can be written."""
        if page is None and images is not None:
            raise click.UsageError("--images goes with --page.")
        if page is not None:
            check_packages("report", "a page of images")
        if page is not None and images is None:
            if benchmark is None:
                raise click.UsageError("--page needs --images, or --benchmark FOLDER with images.")
            images = find_images_path(run, benchmark, needed_by="clean --page")
        for path, suffixes, content_name in (
            (output, (*CLEAN_LIST_SUFFIXES, *TABLE_SUFFIXES), "wrong labels or kept images"),
            (details, TABLE_SUFFIXES, "details of cleaning"),
            (page, REPORT_SUFFIXES, "a page"),
        ):
            run.check_output(path, suffixes, content_name, benchmark=benchmark)
        return cls(output, details, page, images)

    @property
    def lists_kept_images(self) -> bool:
        """Whether the output lists the kept images instead of the wrong labels."""
        return self.output.suffix.lower() in CLEAN_LIST_SUFFIXES

    def write_files(self, run: CommandRun, cleaning: Cleaning, match: Match) -> ShownMistakes | None:
        """Write all files, or none if one fails. Return what the page shows; None if no page was written."""
        with atomic_writes():
            write = write_clean_list if self.lists_kept_images else write_label_errors
            write(self.output, cleaning, force=run.force)
            if self.details is not None:
                write_cleaning_details(self.details, cleaning, force=run.force)
            if self.page is None or self.images is None:
                return None
            if cleaning.is_kept.all():
                run.print_line(f"{self.page}: not written, since no label is wrong")
                return None
            record = run.describe_command()
            path_by_name = {"images": str(self.images)}
            if not any(str(entry["name"]).endswith("original") for entry in record["inputs"]):
                path_by_name = {"labels": f"{self.images}, by its folders", **path_by_name}
            record["inputs"] += [{"name": name, "path": path, "sha256": None} for name, path in path_by_name.items()]
            return write_wrong_labels(
                self.page,
                cleaning,
                self.images,
                match=match,
                **record,
                force=run.force,
                show_progress=lambda names: with_progress(run, names, "making thumbnails"),
            )

    def to_json(self, page_contents: ShownMistakes | None) -> dict[str, str | None]:
        """Return the paths for JSON; null for a page that was not written."""
        paths = {"output": self.output, "details": self.details, "page": None if page_contents is None else self.page}
        return {name: None if path is None else str(path) for name, path in paths.items()}


@dataclass(frozen=True)
class KeptLabelsOption:
    """The value of --choose, which tells the labels to keep: those above a threshold, or with a precision.

    Without --choose, both are None.

    >>> KeptLabelsOption.parse("precision=0.9"), KeptLabelsOption.parse("threshold=0.5")
    (KeptLabelsOption(threshold=None, precision=0.9), KeptLabelsOption(threshold=0.5, precision=None))
    """

    threshold: float | None = None
    precision: float | None = None

    @classmethod
    def parse(cls, text: str) -> "KeptLabelsOption":
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

    def to_json(self, method: CleaningMethod) -> dict[str, Any]:
        """Return the method, its threshold and its precision for JSON."""
        default = MIN_LABEL_QUALITY if method == "posterior" and self.precision is None else None
        threshold = default if self.threshold is None else self.threshold
        return {"method": method, "threshold": threshold, "precision": self.precision}
