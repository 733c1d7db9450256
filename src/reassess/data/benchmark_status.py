"""The state of a benchmark: its parts, what each was made from, which are stale, what is wrong, and what is next."""

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import chain, starmap
from pathlib import Path
from typing import Any

import numpy as np

from reassess import formats
from reassess.core import USUAL_THRESHOLD, Benchmark, Classes, Id, LabelSets, MultiLabels, Questions, Scores, Votes
from reassess.data.benchmark_folders import (
    KNOWN_BENCHMARKS,
    MADE_BY,
    are_in_class_folders,
    benchmark_folder,
    check_images_place,
    labels_from_folders,
    places_of_parts,
    single_place,
)
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.image_folders import list_images
from reassess.data.joined_parts import benchmark_names, check_one_kind
from reassess.data.loading import read_original
from reassess.data.name_problems import NameProblem, image_mismatches, name_problem, repeated_names
from reassess.data.sources import find_all
from reassess.errors import ReassessError, at
from reassess.formats.files import sha256
from reassess.text import counted

# The parts that each command needs; "a or b" is either of two.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("evaluate", "compare", "report"), ("labels",)),
    "show": ("labels or original or scores or votes or golden",),
    "predict": ("images",),
    **dict.fromkeys(("aggregate", "raters"), ("votes",)),
    "labels": ("scores",),
    "curve": ("scores", "golden"),
    "propose": ("images or original",),
}
_OF_CLASSES: Mapping[str, Callable[..., Any]] = {
    "groups": formats.read_groups,
    "collapsed": formats.read_collapsed_file,
    "hierarchy": lambda path, classes: formats.read_hierarchy(path, classes).paths,
}
_CLASS_FOLDERS = "class folders"
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
class BenchmarkCheck:
    """The parts of a benchmark and their problems, as `check_benchmark` returns them.

    Parameters
    ----------
    name
        Name of the benchmark.
    folder
        Its folder; None for a known benchmark.
    settings
        Settings of benchmark.json.
    parts
        Its parts, also missing ones.
    repeated_names
        Images that one part lists under two names.
    mismatches
        Names that are in one part and missing from another.
    others
        Names of files and folders in the folder that are not parts.

    Examples
    --------
    >>> pets = BenchmarkCheck("pets", None, {}, (PartCheck("labels", format="json"),), (), (), ())
    >>> pets
    BenchmarkCheck(pets, 1 part, 0 errors)
    >>> pets.next_command
    'reassess evaluate predictions.npy --benchmark pets'
    """

    name: str
    folder: Path | None
    settings: Mapping[str, Any]
    parts: tuple[PartCheck, ...]
    repeated_names: tuple[NameProblem, ...]
    mismatches: tuple[NameProblem, ...]
    others: tuple[str, ...]

    @property
    def errors(self) -> tuple[ReassessError, ...]:
        """Why parts cannot be read."""
        return tuple(one.error for one in self.parts if one.error is not None)

    @property
    def missing_parts(self) -> dict[str, tuple[PartCheck, ...]]:
        """The parts that each command needs and that are missing or cannot be read; a command without any can run.

        A part that is read whenever the benchmark is opened counts for each command if it cannot be read.
        """
        known = {one.part: one for one in self.parts}
        good = {part for part, one in known.items() if one.format is not None and one.error is None}
        missing = {
            command: [
                known.get(parts[0], PartCheck(parts[0]))
                for need in needs
                if good.isdisjoint(parts := need.split(" or "))
            ]
            for command, needs in _NEEDS.items()
        }
        lists = [one for one in self.parts if one.part == "classes" or one.format == _CLASS_FOLDERS]
        groups = ["groups"] if any(one.format for one in lists) else []
        opened = [SETTINGS_FILE, *(one.part for one in lists), *groups]
        closed = [one for one in self.parts if one.error is not None and (one.part in opened or len(one.paths) > 1)]
        return {command: (*closed, *(one for one in parts if one not in closed)) for command, parts in missing.items()}

    @property
    def next_command(self) -> str | None:
        """The command that continues with this benchmark; None if a part must be fixed first."""
        if self.errors:
            return None
        there = {one.part: one for one in self.parts if one.format is not None}
        place = Path() if self.folder is None else self.folder
        own = ["--benchmark", self.name if self.folder is None else str(self.folder)]
        for part, makes_it, command in (("scores", "votes", "aggregate"), ("labels", "scores", "labels")):
            if makes_it not in there or "items" in there[makes_it].counts:  # votes on items make no scores
                continue
            if part not in there or there[part].stale:
                output = there[part].source if part in there else f"{part}.{'npz' if part == 'scores' else 'json'}"
                is_cut = part == "labels" and "threshold" not in self.settings
                more = ["--threshold", str(USUAL_THRESHOLD)] if is_cut else []
                force = ["--force"] if part in there else []
                return shlex.join(["reassess", command, *own, *more, "-o", str(place / str(output)), *force])
        if "labels" in there:
            return shlex.join(["reassess", "evaluate", "predictions.npy", *own])
        if "images" in there:
            return shlex.join(["reassess", "predict", "MODEL", *own, "-o", "predictions.npy"])
        if "original" in there:
            return shlex.join(["reassess", "propose", "predictions.npy", *own, "-o", "proposals.csv"])
        return None

    def __repr__(self) -> str:
        there = sum(one.format is not None for one in self.parts)
        return f"BenchmarkCheck({self.name}, {counted(there, 'part')}, {counted(len(self.errors), 'error')})"


def check_benchmark(source: str | Path) -> BenchmarkCheck:
    r"""Read every part of a benchmark that this machine has, and compare their names; the network is not used.

    Parameters
    ----------
    source
        As for `open_benchmark`.

    Returns
    -------
    BenchmarkCheck; a part that cannot be read has its error, and the other parts are read anyway. A part is stale if a
    part that it was made from has another hash than the one recorded in benchmark.json.

    Raises
    ------
    DataError
        There is no such benchmark.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "original.csv").write_text("image,class\na.png,cat\nb.png,dog\n")
    >>> _ = (folder / "labels.json").write_text('{"a.png": ["cat"], "c.png": []}')
    >>> check = check_benchmark(folder)
    >>> check.mismatches[0]
    NameProblem(thing='image', what='in labels and not in original', count=1, examples=('c.png',), fix=None)
    >>> [command for command, parts in check.missing_parts.items() if not parts]
    ['evaluate', 'compare', 'report', 'show', 'propose']
    """
    folder, parts = _find_parts(source)
    reader = _Reader(folder=folder)
    for part in parts:
        reader.check(part)
    images = {part: held.images for part, held in reader.held.items() if held.images}
    benchmark = Benchmark(folder=folder, sources={one.part: str(one.paths[0]) for one in parts if one.paths})
    names = {part: benchmark_names(of_part, benchmark) for part, of_part in images.items()}
    used = {path.name for one in parts for path in one.paths}
    return BenchmarkCheck(
        name=reader.settings.get("name", str(source) if folder is None else folder.resolve().name),
        folder=folder,
        settings=reader.settings,
        parts=tuple(_with_origin(one, reader.parts, reader.settings) for one in reader.parts.values()),
        repeated_names=tuple(chain.from_iterable(starmap(repeated_names, images.items()))),
        mismatches=(*image_mismatches(names, reader.settings.get("match", "path")), *reader.class_problems()),
        others=() if folder is None else tuple(sorted({path.name for path in folder.glob("[!.]*")} - used)),
    )


def _find_parts(source: str | Path) -> tuple[Path | None, list[PartCheck]]:
    """The folder of a benchmark, if it is one, and where its parts are, in the order in which they are read."""
    if isinstance(source, str) and source in KNOWN_BENCHMARKS:
        known = KNOWN_BENCHMARKS[source].sources
        places = {part: (known[part], find_all(known[part]) or ()) for part in MADE_BY if part in known}
        return None, [_part(part, paths, name, f"reassess fetch {name}") for part, (name, paths) in places.items()]
    folder = benchmark_folder(source)
    try:
        there = places_of_parts(folder, read_settings(folder))
    except ReassessError:  # of the settings is told when they are read as a part
        there = places_of_parts(folder)
    settings = folder / SETTINGS_FILE
    own = [_part(SETTINGS_FILE, (settings,), SETTINGS_FILE, "")] if os.path.lexists(settings) else []
    return folder, own + [
        _part(part, paths, " and ".join(_name_in(folder, path) for path in paths), made_by)
        for part, made_by in {**MADE_BY, **{part: "" for part in there if part not in MADE_BY}}.items()
        for paths in [there.get(part, ())]
    ]


def _name_in(folder: Path, path: Path) -> str:
    """The name of a part's file in its folder; the path of images that are elsewhere."""
    return path.name if path.parent == folder else str(path)


def _part(part: str, paths: Sequence[Path], source: str, made_by: str) -> PartCheck:
    if not paths:
        return PartCheck(part, made_by=made_by)
    suffix = paths[0].suffix.removeprefix(".")
    suffix = "folder" if paths[0].is_dir() or not suffix else suffix
    return PartCheck(part, source, tuple(paths), suffix, made_by=None)


def _with_origin(one: PartCheck, parts: Mapping[str, PartCheck], settings: Mapping[str, Any]) -> PartCheck:
    """A part with what it was made from, as recorded when it was written, and what has changed since then."""
    recorded = dict(settings.get("made_from", {}).get(one.part, {})) if one.paths else {}
    own = recorded.pop(one.part, None)
    if own is not None and (not one.paths[0].is_file() or sha256(one.paths[0]) != own):
        return one  # replaced by hand since then
    paths = {part: parts[part].paths for part in recorded if part in parts}
    stale = [part for part, path in paths.items() if path and path[0].is_file() and sha256(path[0]) != recorded[part]]
    return replace(one, made_from=tuple(recorded), stale=tuple(stale))


@dataclass(frozen=True)
class _Contents:
    """What is kept of a part that was read: how much it holds, and which names it uses."""

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
class _Reader:
    """Reads part after part; the parts that were read say how the others are read."""

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
            check = replace(self.parts["images"], part="original", format=_CLASS_FOLDERS, counts={})
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
        if part == "original" and check.format == _CLASS_FOLDERS:
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
