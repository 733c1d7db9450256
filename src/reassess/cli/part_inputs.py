"""Read and join the parts of a benchmark, from files named by command-line options or by the benchmark."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import click

from reassess.aggregation import find_allowed_golden_answers
from reassess.aggregation.golden_items import find_golden_vote_files
from reassess.cli.command_run import CommandRun
from reassess.core import (
    IMAGENET,
    Benchmark,
    Classes,
    DataWithClasses,
    Id,
    LabelSets,
    Questions,
    Votes,
    find_predefined_benchmark,
)
from reassess.core.answers import check_answer_scale
from reassess.data import (
    SOURCES,
    align_parts,
    benchmark_classes,
    check_common_images,
    check_same_vote_kind,
    find_part_path,
    has_class_folders,
    labels_from_folders,
    read_labels,
    read_original_labels,
    read_scores,
    read_votes,
    warn_about_unknown_images,
)
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.errors import DataError, add_error_place
from reassess.formats.score_folders import list_score_files
from reassess.text import join_first

NO_SOURCE = "none"
# Parts that are not in this table contain votes.
_PART_READERS: Mapping[str, Callable[..., DataWithClasses]] = {
    "labels": read_labels,
    "original": read_original_labels,
    "scores": read_scores,
}


def find_images_path(run: CommandRun, benchmark: Benchmark, *, needed_by: str | None = None) -> Path:
    """Return the folder or archive of a benchmark's images. Print the path if benchmark.json sets it."""
    path = find_part_path(benchmark, "images", needed_by=needed_by)
    if benchmark.folder is not None and path.parent != benchmark.folder:
        run.print_progress_line(f"images: {path} (set in {benchmark.folder / SETTINGS_FILE})")
    return path


def find_part(run: CommandRun, benchmark: Benchmark, part: str, source: str | None) -> Path | None:
    """Return the file of a benchmark part if it is on this computer; None if it is missing, or `source` is "none"."""
    if source == NO_SOURCE:
        return None
    if source is not None:
        return run.find_or_download_source(part, source)
    default_source = benchmark.sources.get(part)
    if default_source is None:
        return None
    return (
        run.find_first_file_of_source(default_source)
        if default_source in SOURCES
        else run.add_input(part, Path(default_source))
    )


def require_part(run: CommandRun, benchmark: Benchmark | None, part: str, source: str | None = None) -> Path:
    """Return the file of a benchmark part, which the command needs. Download the file if necessary."""
    if source is not None:
        return run.find_or_download_source(part, source)
    if benchmark is None:
        return run.find_or_download_source(part, IMAGENET.sources[part])
    if part not in benchmark.sources:
        find_part_path(benchmark, part, needed_by=click.get_current_context().info_name)
    return run.find_or_download_source(part, benchmark.sources[part])


def find_scores(run: CommandRun, source: str) -> Path:
    """Return the path of a file or folder of scores, and add its files to the inputs."""
    folder = Path(source)
    if not folder.is_dir():
        return run.find_or_download_source("scores", source)
    for path in list_score_files(folder):
        run.add_input("scores", path)
    return folder


def apply_match_option(run: CommandRun, benchmark: Benchmark) -> Benchmark:
    """Return the benchmark with the value of --match, if --match is given."""
    return benchmark if run.reading_options.match is None else replace(benchmark, match=run.reading_options.match)


class BenchmarkPartReader:
    """A reader of the benchmark parts that a command needs, such as labels and votes.

    The file of each part comes from an option, or from the benchmark. The parts are converted to the benchmark's
    classes, answers and image names. Files are added to the inputs of the command. Without --benchmark,
    `set_benchmark_from_images` finds the benchmark by image names.
    """

    def __init__(self, run: CommandRun, benchmark: Benchmark | None, *, needs_classes: bool = True) -> None:
        self.run = run
        self.parts: dict[str, tuple[Path, DataWithClasses]] = {}  # file and content by part; also "labels 2"
        self.classes: Classes | None = None
        self._benchmark: Benchmark | None = None
        if benchmark is not None:
            self._set_benchmark(benchmark, needs_classes=needs_classes)

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark, with the value of --match if given. If the benchmark is not known, it is an empty object."""
        return apply_match_option(self.run, Benchmark()) if self._benchmark is None else self._benchmark

    @property
    def answers(self) -> tuple[Id, ...] | None:
        """All possible answers, from invalid to valid, as set by --answers, the benchmark, or the votes."""
        answers = self.run.reading_options.answers or self.benchmark.answers
        votes = next((data for _, data in self.parts.values() if isinstance(data, Votes)), None)
        return answers or (None if votes is None else find_allowed_golden_answers(votes))

    @property
    def files(self) -> dict[str, Path]:
        """The file of each part."""
        return {part: path for part, (path, _) in self.parts.items()}

    @property
    def images(self) -> tuple[str, ...]:
        """The image names of all parts. A name may be repeated."""
        return tuple(chain.from_iterable(data.images for _, data in self.parts.values()))

    def set_benchmark_from_images(self, images: Sequence[str], *, needs_classes: bool = False) -> None:
        """Without --benchmark, set the benchmark to the known benchmark that contains these images."""
        if self._benchmark is None:
            self._set_benchmark(find_predefined_benchmark(images), needs_classes=needs_classes)

    def _set_benchmark(self, benchmark: Benchmark, *, needs_classes: bool) -> None:
        """Set the benchmark. If `needs_classes`, read its classes, and add the file of classes to the inputs."""
        self._benchmark = apply_match_option(self.run, benchmark)
        if not needs_classes:
            return
        source = benchmark.sources.get("classes")
        if source is not None and source in SOURCES:
            self.run.add_source_files(source)
        elif source is not None:
            self.run.add_input("classes", Path(source))
        classes = benchmark_classes(benchmark)
        self.classes = None if classes.count is None else classes

    def read_part(self, part: str, path: Path) -> Any:
        """Read the file of a part. Votes with an answer that is not in `answers` are an error."""
        reader = _PART_READERS.get(part.partition(" ")[0])
        if reader is None:
            data: DataWithClasses = read_votes(
                path, answers=self.answers, classes=self.classes, golden=part == "golden"
            )
        else:
            data = reader(path, classes=self.classes)
        self.parts[part] = path, data
        return data

    def read_required(self, part: str, source: str | None = None) -> Any:
        """Read a part that the command needs, from a source or from the benchmark."""
        return self.read_part(part, require_part(self.run, self._benchmark, part, source))

    def read_optional(self, part: str, source: str | None = None) -> Any:
        """Read a part if it is on this computer; None if it is missing, or `source` is "none"."""
        path = find_part(self.run, self.benchmark, part, source)
        return None if path is None else self.read_part(part, path)

    def read_original_labels(self, source: str | None = None) -> LabelSets | None:
        """Read the original labels from a source, or from the benchmark's file or class folders."""
        labels: LabelSets | None = self.read_optional("original", source)
        images = self.benchmark.sources.get("images")
        if labels is not None or source is not None or images is None or not has_class_folders(self.benchmark):
            return labels
        path = Path(images)
        if path.is_file():  # a folder has no hash
            self.run.add_input("original", path)
        with add_error_place(path):
            labels = labels_from_folders(self.benchmark.images, self.classes)
        self.parts["original"] = path, labels
        return labels

    def add_golden_parts(self, golden_source: str | None) -> None:
        """Add experts' golden votes to `parts`. If `parts` has raters' votes, add raters' golden votes too."""
        if self.read_optional("golden", golden_source) is not None and "votes" in self.parts:
            golden_files = Benchmark(sources=find_golden_vote_files(self.benchmark, golden_source))
            if (path := find_part(self.run, golden_files, "rater-golden", None)) is not None:
                self.read_part("rater-golden", path)

    def check_same_item_kind(self) -> None:
        """Raise an error if some votes are about (image, class) questions and other votes are not."""
        check_same_vote_kind({str(path): votes for path, votes in self.parts.values() if isinstance(votes, Votes)})

    def _check_votes_have_listed_answers(self) -> None:
        """Raise an error if no vote has one of the answers listed by --answers or benchmark.json."""
        answers, source = self.run.reading_options.answers, "--answers"
        if answers is None and "votes" in self.parts:
            answers, source = self.benchmark.answers, "benchmark.json"
        votes = {str(path): data for path, data in self.parts.values() if isinstance(data, Votes)}
        if answers is not None and not any(_has_answers(data, answers) for data in votes.values()):
            raise DataError(
                "unused-option",
                f"no vote has one of the answers in {source}",
                where=join_first(list(votes)),
                allowed=join_first(list(dict.fromkeys(chain.from_iterable(data.answers for data in votes.values())))),
                found=join_first(answers),
                fix=f"correct or remove the answers in {source}",
            )

    def align_classes_and_images(
        self, *, must_share_images: bool = True, label_sets_must_share_images: bool = False
    ) -> dict[str, Any]:
        """Convert the parts to one class list and to the benchmark's image names.

        With `must_share_images`, two parts without a common image are an error. With `label_sets_must_share_images`,
        so are two label sets without a common image.
        """
        self._check_votes_have_listed_answers()
        named_parts = {f"{path} ({part})": data for part, (path, data) in self.parts.items()}
        aligned_parts = align_parts(named_parts, self.benchmark, self.classes)
        parts = dict(zip(self.parts, aligned_parts.values(), strict=True))
        files = {part: str(path) for part, path in self.files.items()}
        if must_share_images:
            check_common_images(parts, files, self.benchmark, all_files_share_images=label_sets_must_share_images)
        warn_about_unknown_images(parts, files, self.benchmark)
        return parts


def _has_answers(votes: Votes, answers: tuple[Id, ...]) -> bool:
    """Return whether `answers` are the possible answers of the votes; always true for votes for classes."""
    scale = check_answer_scale(answers) if isinstance(votes.items, Questions) else answers
    return votes.classes is not None or votes.answers == scale
