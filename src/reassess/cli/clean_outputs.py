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
from reassess.report import GalleryCounts, write_wrong_label_page
from reassess.report.writing import REPORT_SUFFIXES


@dataclass(frozen=True)
class CleaningOutputs:
    """The output files of `reassess clean`. Files that the user did not ask for are None."""

    output: Path  # a table of wrong labels, or a txt list of kept images
    details: Path | None  # all labels
    html_page: Path | None  # a page of wrong labels
    images_source: Path | None  # folder or archive with the images of the page

    @classmethod
    def from_options(
        cls,
        run: CommandRun,
        output: Path,
        details: Path | None,
        html_page: Path | None,
        images_source: Path | None,
        benchmark: Benchmark | None,
    ) -> "CleaningOutputs":
        """Return the outputs that the options name. Raise an error if one of them cannot be written."""
        if html_page is None and images_source is not None:
            raise click.UsageError("--images needs --page.")
        if html_page is not None:
            check_packages("report", "a page of images")
        if html_page is not None and images_source is None:
            if benchmark is None:
                raise click.UsageError("--page needs --images, or --benchmark FOLDER with images.")
            images_source = find_images_path(run, benchmark, needed_by="clean --page")
        for path, suffixes, content_name in (
            (output, (*CLEAN_LIST_SUFFIXES, *TABLE_SUFFIXES), "wrong labels or kept images"),
            (details, TABLE_SUFFIXES, "details of cleaning"),
            (html_page, REPORT_SUFFIXES, "a page"),
        ):
            run.check_output(path, suffixes, content_name, benchmark=benchmark)
        return cls(output, details, html_page, images_source)

    @property
    def lists_kept_images(self) -> bool:
        """Whether the output lists the kept images instead of the wrong labels."""
        return self.output.suffix.lower() in CLEAN_LIST_SUFFIXES

    def write_files_and_page(self, run: CommandRun, cleaning: Cleaning, match: Match) -> GalleryCounts | None:
        """Write all output files, or none if one fails; return the page's contents, None without a page."""
        with atomic_writes():
            write = write_clean_list if self.lists_kept_images else write_label_errors
            write(self.output, cleaning, force=run.force)
            if self.details is not None:
                write_cleaning_details(self.details, cleaning, force=run.force)
            if self.html_page is None or self.images_source is None:
                return None
            if cleaning.is_kept.all():
                run.print_line(f"{self.html_page}: not written, since no label is wrong")
                return None
            record = run.describe_command()
            path_by_name = {"images": str(self.images_source)}
            if not any(str(entry["name"]).endswith("original") for entry in record["inputs"]):
                path_by_name = {"labels": f"{self.images_source}, by its folders", **path_by_name}
            record["inputs"] += [{"name": name, "path": path, "sha256": None} for name, path in path_by_name.items()]
            return write_wrong_label_page(
                self.html_page,
                cleaning,
                self.images_source,
                match=match,
                **record,
                force=run.force,
                show_progress=lambda names: with_progress(run, names, "making thumbnails"),
            )

    def to_json(self, page_contents: GalleryCounts | None) -> dict[str, str | None]:
        """Return the paths for JSON. The path of a page that was not written is null."""
        page = None if page_contents is None else self.html_page
        paths = {"output": self.output, "details": self.details, "page": page}
        return {name: None if path is None else str(path) for name, path in paths.items()}


@dataclass(frozen=True)
class KeptLabelsOption:
    """The value of --choose: the lowest quality of a kept label, or the expected share of correct labels.

    Without --choose, both numbers are None.

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
            raise DataError("wrong-syntax", "not a known rule for keeping labels", allowed=allowed)
        return cls(**{name: value})

    def to_json(self, method: CleaningMethod) -> dict[str, Any]:
        """Return the method, its threshold and its precision for JSON."""
        default = MIN_LABEL_QUALITY if method == "posterior" and self.precision is None else None
        threshold = default if self.threshold is None else self.threshold
        return {"method": method, "threshold": threshold, "precision": self.precision}
