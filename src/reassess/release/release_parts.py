"""The parts of a benchmark that a release contains, read and aligned."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from reassess.aggregation import find_allowed_golden_answers, with_golden_votes
from reassess.aggregation.golden_items import are_golden_items_rated
from reassess.core import USUAL_THRESHOLD, Benchmark, Classes, LabelSets, Sample, Scores, Votes
from reassess.data import (
    align_parts,
    benchmark_classes,
    check_same_vote_kind,
    find_part_path,
    has_class_folders,
    labels_from_folders,
    open_benchmark,
    read_labels,
    read_original_labels,
    read_scores,
    read_votes,
    to_benchmark_names,
)
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.errors import DataError, add_error_place
from reassess.formats import read_sample
from reassess.formats.tables import TABLE_SUFFIXES, read_table
from reassess.formats.votes.vote_tables import ANSWER_NAMES, ITEM_NAMES, RATER_NAMES

_VOTE_PARTS = ("votes", "golden", "rater-golden")
_VOTE_COLUMNS = ("image", "class", *ITEM_NAMES, *RATER_NAMES, *ANSWER_NAMES, "seconds", "probability", "stratum")
# Columns that a release contains. Other columns, such as the texts of models, stay with the owner.
_RELEASED_COLUMNS: Mapping[str, Sequence[str]] = {
    "classes": ("id", "name", "wnid", "synonyms", "definition"),
    "original": ("image", "class"),
    "labels": ("image", "class"),
    "scores": ("image", "class", "score", "probability", "golden"),
    **dict.fromkeys(_VOTE_PARTS, _VOTE_COLUMNS),
}
RELEASED_PARTS = ("classes", "original", "labels", "scores", *_VOTE_PARTS)


@dataclass(frozen=True, eq=False)
class ReleaseParts:
    """The parts of a benchmark, with common classes and image names; a part that is missing is None."""

    benchmark: Benchmark
    threshold: float
    classes: Classes
    labels: LabelSets
    paths: Mapping[str, Path]  # the file of each part
    original: LabelSets | None = None
    scores: Scores | None = None
    votes: Votes | None = None
    golden: Votes | None = None
    rater_golden: Votes | None = None
    golden_sample: Sample | None = None  # golden images that were drawn at random
    settings: Mapping[str, Any] = field(default_factory=dict)  # in benchmark.json
    new_image_names: Mapping[str, str] = field(default_factory=dict)  # hashes by name; empty if images keep their names

    @property
    def votes_by_part(self) -> dict[str, Votes]:
        """The votes of each part that has votes."""
        parts = zip(_VOTE_PARTS, (self.votes, self.golden, self.rater_golden), strict=True)
        return {part: votes for part, votes in parts if votes is not None}

    @property
    def has_rated_golden(self) -> bool:
        """Whether raters answered golden items, so that golden answers measure the raters."""
        if self.golden is None:
            return False
        return are_golden_items_rated(self.golden, *(v for v in (self.votes, self.rater_golden) if v is not None))

    @cached_property
    def votes_with_golden(self) -> Votes:
        """The votes that scores are made from: also raters' golden votes, on golden items without other votes."""
        assert self.votes is not None
        rater_golden = self.rater_golden
        if rater_golden is None and self.golden is not None and not self.has_rated_golden:
            rater_golden = self.votes.select_items(np.zeros(0, np.int64))
        return with_golden_votes(self.votes, rater_golden, self.golden)

    @property
    def known_images(self) -> tuple[str, ...]:
        """All images of the benchmark: in its folder of images, or with an original label; else, with labels."""
        return self.benchmark.images or (self.labels if self.original is None else self.original).images

    def list_unreleased(self) -> list[str]:
        """List the files of the folder, and columns of tables, that a release does not contain."""
        columns = [
            f"column {name} of {path.name}"
            for part, path in self.paths.items()
            if path.suffix.lower() in TABLE_SUFFIXES
            for name in _list_unknown_columns(part, read_table(path).columns)
        ]
        if self.benchmark.folder is None:
            return columns
        released = {SETTINGS_FILE, *(path.name for path in self.paths.values()), "images", "images.zip", "images.tar"}
        return columns + sorted(path.name for path in self.benchmark.folder.glob("[!.]*") if path.name not in released)


def _list_unknown_columns(part: str, columns: Sequence[str]) -> list[str]:
    """List the columns of a part's table that a release does not contain; columns of votes can be raters or classes."""
    if part in _VOTE_PARTS and not {*RATER_NAMES} & {*columns}:
        return []
    return [name for name in columns if name not in _RELEASED_COLUMNS[part]]


def read_release_parts(name_or_folder: str | Path) -> ReleaseParts:
    """Read the parts of a benchmark, and map them to its classes and image names."""
    benchmark = open_benchmark(name_or_folder)
    settings = {} if benchmark.folder is None else read_settings(benchmark.folder)
    classes = benchmark_classes(benchmark)
    class_list = None if classes.count is None else classes
    paths = {"labels": find_part_path(benchmark, "labels", needed_by="release")}
    paths |= {
        part: find_part_path(benchmark, part)
        for part in RELEASED_PARTS
        if part in benchmark.sources and part not in paths
    }
    named_parts: dict[str, Any] = {"labels": _read_label_sets(paths["labels"], class_list)}
    readers: Mapping[str, Callable[..., Any]] = {"original": read_original_labels, "scores": read_scores}
    for part, read in readers.items():
        if part in paths:
            named_parts[part] = read(paths[part], classes=class_list)
    if "original" not in paths and has_class_folders(benchmark):
        with add_error_place(benchmark.sources["images"]):
            named_parts["original"] = labels_from_folders(benchmark.images, class_list)
    answers = benchmark.answers
    for part in (part for part in _VOTE_PARTS if part in paths):
        named_parts[part] = read_votes(paths[part], answers=answers, classes=class_list)
        answers = answers or find_allowed_golden_answers(named_parts[part])
    check_same_vote_kind({str(paths[part]): named_parts[part] for part in _VOTE_PARTS if part in paths})
    files = {part: str(paths.get(part, benchmark.sources.get("images", part))) for part in named_parts}
    aligned = align_parts({files[part]: contents for part, contents in named_parts.items()}, benchmark, class_list)
    parts = {part: aligned[files[part]] for part in named_parts}
    return ReleaseParts(
        benchmark=benchmark,
        threshold=USUAL_THRESHOLD if benchmark.threshold is None else benchmark.threshold,
        classes=classes if class_list is not None else parts["labels"].classes,
        paths=paths,
        golden_sample=_read_golden_sample(paths.get("golden"), benchmark),
        settings=settings,
        **{part.replace("-", "_"): contents for part, contents in parts.items()},
    )


def _read_label_sets(path: Path, classes: Classes | None) -> LabelSets:
    labels = read_labels(path, classes=classes)
    if not isinstance(labels, LabelSets):
        raise DataError(
            "not-label-sets",
            "labels are reviews, with unclear and wrong classes",
            where=path,
            allowed="label sets: the valid classes of each image",
            fix="make label sets from scores: reassess labels",
        )
    return labels


def _read_golden_sample(path: Path | None, benchmark: Benchmark) -> Sample | None:
    """Read which golden images were drawn at random."""
    sample = None if path is None else read_sample(path)
    return None if sample is None else replace(sample, images=to_benchmark_names(sample.images, benchmark))
