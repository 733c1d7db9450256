"""Checks of the parts of a benchmark: their counts, the names they use, and errors."""

from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np

from reassess import formats
from reassess.core import Classes, Id, LabelSets, MultiLabels, Questions, Scores, Votes
from reassess.data.benchmark_folders import (
    MADE_BY,
    check_images_place,
    single_place,
)
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.class_folders import are_in_class_folders, labels_from_folders
from reassess.data.image_folders import list_images
from reassess.data.joined_parts import check_one_kind
from reassess.data.loading import read_original
from reassess.data.name_problems import NameProblem, name_problem
from reassess.errors import ReassessError, add_place_to_errors

_CLASS_TABLES: Mapping[str, Callable[..., Any]] = {
    "groups": formats.read_groups,
    "collapsed": formats.read_collapsed_pairs,
    "hierarchy": lambda path, classes: formats.read_hierarchy(path, classes).paths,
}
CLASS_FOLDERS = "class folders"
_READERS: Mapping[str, Callable[..., Any]] = {
    "original": formats.read_original_file,
    "labels": partial(formats.read_label_file, read_original=read_original),
    "scores": formats.read_score_file,
}
_IMAGE_TABLES: Mapping[str, Callable[[Path], Sized]] = {
    "folds": formats.read_folds,
    "duplicates": formats.read_duplicates,
}


@dataclass(frozen=True)
class PartCheck:
    """The check of one part of a benchmark, or of its benchmark.json."""

    part: str
    source: str | None = None  # name of the file in the folder, or of a known source; None if the part is missing
    paths: tuple[Path, ...] = ()  # files on this machine
    format: str | None = None  # suffix, "folder" or "class folders"; None if the part is not on this machine
    counts: Mapping[str, int] = field(default_factory=dict)  # of images, questions, votes, ...; empty if not read
    answers: Mapping[Id, int] = field(default_factory=dict)  # number of votes per answer; empty if answers are classes
    error: ReassessError | None = None  # the error if the part cannot be read
    made_by: str | None = None  # how to make a missing part
    made_from: tuple[str, ...] = ()  # the recorded inputs of the command that wrote the part
    stale: tuple[str, ...] = ()  # inputs that have changed since then


@dataclass(frozen=True)
class _Contents:
    """Counts and names of a part."""

    counts: Mapping[str, int]
    images: tuple[str, ...] = ()
    classes: Classes | None = None  # the classes it names, or the class list of its ids
    answers: Mapping[Id, int] = field(default_factory=dict)


def _contents(noun: Any) -> _Contents:
    """Return the counts and names of labels, votes and other types; for reviews, of the valid classes."""
    if isinstance(noun, MultiLabels | Scores):
        return _contents(noun.valid if isinstance(noun, MultiLabels) else noun.questions)
    if isinstance(noun, LabelSets):
        counts = {"images": len(noun), "labels": noun.indices.size, "classes": np.unique(noun.indices).size}
        if noun.n_empty_images:
            counts["empty sets"] = noun.n_empty_images
        return _Contents(counts, noun.images, noun.classes)
    if isinstance(noun, Questions):
        counts = {"questions": len(noun), "images": len(noun.images), "classes": np.unique(noun.class_ids).size}
        return _Contents(counts, noun.images, noun.classes)
    if isinstance(noun, Votes):
        return _vote_contents(noun)
    if isinstance(noun, Classes):
        return _Contents({"classes": noun.count or 0})
    if isinstance(noun, tuple):
        return _Contents({"images": len(noun)}, noun)
    if isinstance(noun, dict):
        return _Contents({"classes": len(noun), "groups": len(set(noun.values()))})
    return _Contents({"pairs": len(noun)})


def _vote_contents(votes: Votes) -> _Contents:
    vote_counts = {"votes": len(votes), "raters": len(votes.raters)}
    if votes.classes is not None:
        counts = {**vote_counts, "images": len(votes.items), "classes": len(votes.answers)}
        return _Contents(counts, votes.images, votes.classes)
    answer_counts = np.bincount(votes.answer_ids, minlength=len(votes.answers)).tolist()
    items = _contents(votes.items) if isinstance(votes.items, Questions) else _Contents({"items": len(votes.items)})
    answers = dict(zip(votes.answers, answer_counts, strict=True))
    return replace(items, counts={**vote_counts, **items.counts}, answers=answers)


@dataclass
class PartChecker:
    """Reads and checks parts one after another: earlier parts give the settings, classes and answers."""

    folder: Path | None
    settings: dict[str, Any] = field(default_factory=dict)
    class_list: Classes | None = None
    parts: dict[str, PartCheck] = field(default_factory=dict)
    contents: dict[str, _Contents] = field(default_factory=dict)
    votes: dict[str, Votes] = field(default_factory=dict)  # by file
    unlisted: list[NameProblem] = field(default_factory=list)

    def check(self, check: PartCheck) -> None:
        """Read a part if it exists, and keep the result."""
        images = self.contents["images"].images if "images" in self.contents else ()
        if check.part == "original" and not check.paths and are_in_class_folders(images):
            check = replace(self.parts["images"], part="original", format=CLASS_FOLDERS, counts={})
        classes_unread = "classes" in self.parts and self.parts["classes"].error is not None
        if check.paths and not (check.part in _CLASS_TABLES and classes_unread):
            check = self._read_part(check)
        self.parts[check.part] = check

    def _read_part(self, check: PartCheck) -> PartCheck:
        try:
            if self.folder is not None:
                single_place(self.folder, check.part, check.paths)
            contents = self._read(check, self.class_list)
        except ReassessError as error:
            if error.code != "unknown-class" or self.class_list is None or check.part in _CLASS_TABLES:
                return replace(check, error=error)
            return self._read_unlisted(check, error, self.class_list)
        self.contents[check.part] = contents
        return replace(check, counts=contents.counts, answers=contents.answers)

    def _read_unlisted(self, check: PartCheck, error: ReassessError, class_list: Classes) -> PartCheck:
        """Read a part again without the class list, and note the classes that are not in the list."""
        try:
            contents = self.contents[check.part] = self._read(check, None)
        except ReassessError:  # the part has another error too
            return replace(check, error=error)
        assert contents.classes is not None
        missing = [text for text in contents.classes.texts if class_list.find(text) is None]
        where = "classes" if self.parts["classes"].format else "the class folders"
        self.unlisted.append(name_problem("class", f"in {check.part} and not in {where}", missing))
        return replace(check, error=error, counts=contents.counts, answers=contents.answers)

    def _read(self, check: PartCheck, class_list: Classes | None) -> _Contents:
        part, path = check.part, check.paths[0]
        if part == SETTINGS_FILE:
            self.settings = read_settings(path.parent)
            return _Contents({"settings": len(self.settings)})
        if part == "classes":
            self.class_list = formats.read_class_file(*check.paths)
            return _contents(self.class_list)
        if part == "images":
            if self.folder is not None:
                check_images_place(self.folder, path)
            return _contents(list_images(path))
        if part == "original" and check.format == CLASS_FOLDERS:
            with add_place_to_errors(path):
                original = labels_from_folders(self.contents["images"].images, class_list)
            if self.parts["classes"].format is None:
                self.class_list = original.classes
            return replace(_contents(original), images=())  # the same images as in the part images
        if part in _IMAGE_TABLES:
            return _Contents({"images": len(_IMAGE_TABLES[part](path))})
        if part in _READERS:
            return _contents(_READERS[part](path, classes=class_list))
        if part in _CLASS_TABLES:
            return _contents(_CLASS_TABLES[part](path, class_list or self._named_classes()))
        # Golden votes have the same possible answers as the votes.
        answers = self.settings.get("answers") or (
            tuple(self.contents["votes"].answers) if "votes" in self.contents else None
        )
        votes = formats.read_vote_file(path, answers=answers, classes=class_list)
        check_one_kind({**self.votes, str(path): votes})
        self.votes[str(path)] = votes
        return _contents(votes)

    def _named_classes(self) -> Classes:
        """Unite the class names of the earlier parts, for use without a class list."""
        with_names = [
            part.classes for part in self.contents.values() if part.classes is not None and part.classes.texts
        ]
        return reduce(Classes.merge, with_names) if with_names else Classes()

    def class_problems(self) -> Iterable[NameProblem]:
        """Find classes that are not in the class list; or, without a list, names beside ids in other parts."""
        classes_of = {
            part: contents.classes for part, contents in self.contents.items() if contents.classes is not None
        }
        with_names = [part for part, classes in classes_of.items() if classes.texts]
        with_ids = [part for part, classes in classes_of.items() if not classes.texts]
        if self.folder is None or self.class_list is not None or not (with_names and with_ids):
            return self.unlisted
        texts = sorted({text for part in with_names for text in classes_of[part].texts})
        what = f"named in {' and '.join(with_names)}, and numbered in {' and '.join(with_ids)}"
        return (*self.unlisted, name_problem("class", what, texts, fix=MADE_BY["classes"]))
