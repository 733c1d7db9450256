"""Read the parts of a benchmark one after another: how much each contains, which names it uses, and what is wrong."""

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
    are_in_class_folders,
    check_images_place,
    labels_from_folders,
    single_place,
)
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.image_folders import list_images
from reassess.data.joined_parts import check_one_kind
from reassess.data.loading import read_original
from reassess.data.name_problems import NameProblem, name_problem
from reassess.errors import ReassessError, at

_OF_CLASSES: Mapping[str, Callable[..., Any]] = {
    "groups": formats.read_groups,
    "collapsed": formats.read_collapsed_file,
    "hierarchy": lambda path, classes: formats.read_hierarchy(path, classes).paths,
}
CLASS_FOLDERS = "class folders"
_READERS: Mapping[str, Callable[..., Any]] = {
    "original": formats.read_original_file,
    "labels": partial(formats.read_label_file, original=read_original),
    "scores": formats.read_score_file,
}
_OF_IMAGES: Mapping[str, Callable[[Path], Sized]] = {
    "folds": formats.read_folds,
    "duplicates": formats.read_duplicates,
}


@dataclass(frozen=True)
class PartCheck:
    """One part of a benchmark; benchmark.json counts as one."""

    part: str
    source: str | None = None  # the name of its file in the folder, or of a known source; None for a missing part
    paths: tuple[Path, ...] = ()  # its files on this machine
    format: str | None = None  # the suffix, "folder" or "class folders"; None if it is not on this machine
    counts: Mapping[str, int] = field(default_factory=dict)  # images, questions, votes ...; empty if it was not read
    answers: Mapping[Id, int] = field(default_factory=dict)  # number of votes per answer; empty if answers are classes
    error: ReassessError | None = None  # why it cannot be read
    made_by: str | None = None  # how to get a missing part
    made_from: tuple[str, ...] = ()  # the inputs that it was made from, if the command that wrote it recorded them
    stale: tuple[str, ...] = ()  # the parts among them that have changed since then


@dataclass(frozen=True)
class _Contents:
    """What is kept of a part that was read: how much it contains, and which names it uses."""

    counts: Mapping[str, int]
    images: tuple[str, ...] = ()
    classes: Classes | None = None  # those that it names, or in which it was read
    answers: Mapping[Id, int] = field(default_factory=dict)


def _contents(noun: Any) -> _Contents:
    """What is kept of a noun; of reviews, the valid classes."""
    if isinstance(noun, MultiLabels | Scores):
        return _contents(noun.valid if isinstance(noun, MultiLabels) else noun.questions)
    if isinstance(noun, LabelSets):
        counts = {"images": len(noun), "labels": noun.indices.size, "classes": np.unique(noun.indices).size}
        if noun.empty_images:
            counts["empty sets"] = noun.empty_images
        return _Contents(counts, noun.images, noun.classes)
    if isinstance(noun, Questions):
        counts = {"questions": len(noun), "images": len(noun.images), "classes": np.unique(noun.class_ids).size}
        return _Contents(counts, noun.images, noun.classes)
    if isinstance(noun, Votes):
        return _of_votes(noun)
    if isinstance(noun, Classes):
        return _Contents({"classes": noun.count or 0})
    if isinstance(noun, tuple):
        return _Contents({"images": len(noun)}, noun)
    if isinstance(noun, dict):
        return _Contents({"classes": len(noun), "groups": len(set(noun.values()))})
    return _Contents({"pairs": len(noun)})


def _of_votes(votes: Votes) -> _Contents:
    own = {"votes": len(votes), "raters": len(votes.raters)}
    if votes.classes is not None:
        counts = {**own, "images": len(votes.items), "classes": len(votes.answers)}
        return _Contents(counts, votes.images, votes.classes)
    given = np.bincount(votes.answer_ids, minlength=len(votes.answers)).tolist()
    on = _contents(votes.items) if isinstance(votes.items, Questions) else _Contents({"items": len(votes.items)})
    return replace(on, counts={**own, **on.counts}, answers=dict(zip(votes.answers, given, strict=True)))


@dataclass
class PartChecker:
    """Reads part after part, and checks each; the parts that were read say how the others are read."""

    folder: Path | None
    settings: dict[str, Any] = field(default_factory=dict)
    listed: Classes | None = None
    parts: dict[str, PartCheck] = field(default_factory=dict)
    held: dict[str, _Contents] = field(default_factory=dict)
    votes: dict[str, Votes] = field(default_factory=dict)  # by file
    unlisted: list[NameProblem] = field(default_factory=list)

    def check(self, check: PartCheck) -> None:
        """Read a part, if it is there."""
        images = self.held["images"].images if "images" in self.held else ()
        if check.part == "original" and not check.paths and are_in_class_folders(images):
            check = replace(self.parts["images"], part="original", format=CLASS_FOLDERS, counts={})
        classes_unread = "classes" in self.parts and self.parts["classes"].error is not None
        if check.paths and not (check.part in _OF_CLASSES and classes_unread):
            check = self._read_part(check)
        self.parts[check.part] = check

    def _read_part(self, check: PartCheck) -> PartCheck:
        try:
            if self.folder is not None:
                single_place(self.folder, check.part, check.paths)
            held = self._read(check, self.listed)
        except ReassessError as error:
            if error.code != "unknown-class" or self.listed is None or check.part in _OF_CLASSES:
                return replace(check, error=error)
            return self._read_unlisted(check, error, self.listed)
        self.held[check.part] = held
        return replace(check, counts=held.counts, answers=held.answers)

    def _read_unlisted(self, check: PartCheck, error: ReassessError, listed: Classes) -> PartCheck:
        """Read a part with classes that are not in the class list without the list, and note these classes."""
        try:
            held = self.held[check.part] = self._read(check, None)
        except ReassessError:  # it is wrong in another way too
            return replace(check, error=error)
        assert held.classes is not None
        missing = [text for text in held.classes.texts if listed.find(text) is None]
        where = "classes" if self.parts["classes"].format else "the class folders"
        self.unlisted.append(name_problem("class", f"in {check.part} and not in {where}", missing))
        return replace(check, error=error, counts=held.counts, answers=held.answers)

    def _read(self, check: PartCheck, listed: Classes | None) -> _Contents:
        part, path = check.part, check.paths[0]
        if part == SETTINGS_FILE:
            self.settings = read_settings(path.parent)
            return _Contents({"settings": len(self.settings)})
        if part == "classes":
            self.listed = formats.read_class_file(*check.paths)
            return _contents(self.listed)
        if part == "images":
            if self.folder is not None:
                check_images_place(self.folder, path)
            return _contents(list_images(path))
        if part == "original" and check.format == CLASS_FOLDERS:
            with at(path):
                original = labels_from_folders(self.held["images"].images, listed)
            if self.parts["classes"].format is None:
                self.listed = original.classes
            return replace(_contents(original), images=())  # they are those of the part images
        if part in _OF_IMAGES:
            return _Contents({"images": len(_OF_IMAGES[part](path))})
        if part in _READERS:
            return _contents(_READERS[part](path, classes=listed))
        if part in _OF_CLASSES:
            return _contents(_OF_CLASSES[part](path, listed or self._named()))
        # Golden answers are read with the answers of the votes.
        answers = self.settings.get("answers") or (tuple(self.held["votes"].answers) if "votes" in self.held else None)
        votes = formats.read_vote_file(path, answers=answers, classes=listed)
        check_one_kind({**self.votes, str(path): votes})
        self.votes[str(path)] = votes
        return _contents(votes)

    def _named(self) -> Classes:
        """The classes that the earlier parts name, if there is no list of them."""
        named = [held.classes for held in self.held.values() if held.classes is not None and held.classes.texts]
        return reduce(Classes.unite, named) if named else Classes()

    def class_problems(self) -> Iterable[NameProblem]:
        """Classes that are not in the class list, or that some parts name and others number without a list."""
        held = {part: one.classes for part, one in self.held.items() if one.classes is not None}
        named = [part for part, classes in held.items() if classes.texts]
        numbered = [part for part, classes in held.items() if not classes.texts]
        if self.folder is None or self.listed is not None or not (named and numbered):
            return self.unlisted
        texts = sorted({text for part in named for text in held[part].texts})
        what = f"named in {' and '.join(named)}, and numbered in {' and '.join(numbered)}"
        return (*self.unlisted, name_problem("class", what, texts, fix=MADE_BY["classes"]))
