"""What a benchmark holds, what its commands still lack, and which names do not fit one another."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, starmap
from pathlib import Path
from typing import Any, cast

import numpy as np

from reassess.core.classes import NO_CLASS, Classes
from reassess.core.image_names import MATCHES, Match, image_keys
from reassess.core.labels import LabelSets
from reassess.core.multi_labels import MultiLabels
from reassess.core.questions import Questions
from reassess.data.benchmark_folders import (
    KNOWN_BENCHMARKS,
    MADE_BY,
    benchmark_folder,
    one_place,
    original_of_class_folders,
    places_of_parts,
)
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.image_folders import PICTURE_SUFFIXES, list_images
from reassess.data.loading import load_original
from reassess.data.sources import find_all
from reassess.errors import ReassessError, at
from reassess.formats.archives import MAX_BYTES
from reassess.formats.class_tables import read_classes, read_collapsed, read_groups
from reassess.formats.files import exists
from reassess.formats.labels import read_original
from reassess.formats.multi_labels import read_any_labels
from reassess.formats.scores import read_scores
from reassess.formats.votes import read_votes
from reassess.text import counted

__all__ = ["BenchmarkCheck", "NameProblem", "PartCheck", "check_benchmark"]

# The parts that a command reads and cannot do without; show takes any one.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "evaluate": ("labels",),
    "compare": ("labels",),
    "report": ("labels",),
    "questions": ("labels",),
    "aggregate": ("votes",),
    "raters": ("votes",),
    "labels": ("scores",),
    "curve": ("scores", "golden"),
}
_SHOWN = ("labels", "original", "scores", "votes", "golden")
_OF_VOTES = ("votes", "golden", "rater-golden")
_EXAMPLES = 3


@dataclass(frozen=True)
class NameProblem:
    """Names that stand twice, or on one side only.

    Parameters
    ----------
    what
        What is wrong with them, in words.
    count
        How many there are.
    examples
        Up to three of them.
    mend
        What to do about it, where that is known.
    """

    what: str
    count: int
    examples: tuple[str, ...]
    mend: str | None = None


@dataclass(frozen=True)
class PartCheck:
    """One part of a benchmark.

    Parameters
    ----------
    part
        Which; benchmark.json counts as one.
    source
        Name of a file in the folder, or of a known source; None for a part that is not there.
    paths
        Its files on this machine.
    format
        The suffix of the file, or "folder" or "class folders"; None for a part that is not on this machine.
    counts
        How many images, questions, votes, classes and so on it holds; empty if it was not read.
    error
        Why it cannot be read.
    made_by
        How a part that is not on this machine comes about.
    """

    part: str
    source: str | None = None
    paths: tuple[Path, ...] = ()
    format: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    error: ReassessError | None = None
    made_by: str | None = None


@dataclass(frozen=True)
class BenchmarkCheck:
    """What `check_benchmark` saw.

    Parameters
    ----------
    name
        Name of the benchmark.
    folder
        Its folder; None for a known benchmark.
    settings
        Those of benchmark.json.
    parts
        Its parts, also those that are not there.
    duplicates
        Images that stand twice in one part under two names.
    mismatches
        Names that one part has and another lacks.
    others
        Names of the files and folders in the folder that are none of its parts.
    """

    name: str
    folder: Path | None
    settings: Mapping[str, Any]
    parts: tuple[PartCheck, ...]
    duplicates: tuple[NameProblem, ...]
    mismatches: tuple[NameProblem, ...]
    others: tuple[str, ...]

    @property
    def errors(self) -> tuple[ReassessError, ...]:
        """Why parts cannot be read."""
        return tuple(one.error for one in self.parts if one.error is not None)

    @property
    def lacks(self) -> dict[str, tuple[PartCheck, ...]]:
        """The parts that each command needs, and that are not there or cannot be read; none where it can run."""
        bad = {one.part: one for one in self.parts if one.format is None or one.error is not None}
        lacks = {command: tuple(bad[part] for part in needs if part in bad) for command, needs in _NEEDS.items()}
        at_hand = [part for part in _SHOWN if part not in bad]
        return lacks | {"show": () if at_hand else (bad["labels"],)}

    def __repr__(self) -> str:
        there = sum(one.format is not None for one in self.parts)
        return f"BenchmarkCheck({self.name}, {counted(there, 'part')}, {counted(len(self.errors), 'error')})"


def check_benchmark(source: str | Path, *, max_bytes: int = MAX_BYTES) -> BenchmarkCheck:
    r"""Read every part of a benchmark that this machine has, and compare their names; the network is not used.

    Parameters
    ----------
    source
        As for `open_benchmark`.
    max_bytes
        An archive of numbers that declares more is refused.

    Returns
    -------
    BenchmarkCheck; a part that cannot be read has its error, and the others are read all the same.

    Raises
    ------
    DataError
        There is no such benchmark.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "original.csv").write_text("image,class\na.png,cat\nb.png,dog\n")
    >>> _ = (folder / "labels.json").write_text('{"a.png": ["cat"], "B.png": []}')
    >>> check = check_benchmark(folder)
    >>> check.mismatches[0]
    NameProblem(what='images in labels and not in original', count=1, examples=('B.png',), mend=None)
    >>> [command for command, parts in check.lacks.items() if not parts]
    ['evaluate', 'compare', 'report', 'questions', 'show']
    """
    folder, places = _places(source)
    reader = _Reader(folder=folder, max_bytes=max_bytes)
    parts = tuple(reader.check(part, place) for part, place in places.items())
    images = {part: held.images for part, held in reader.held.items() if held.images}
    return BenchmarkCheck(
        name=reader.settings.get("name", str(source) if folder is None else folder.resolve().name),
        folder=folder,
        settings=reader.settings,
        parts=parts,
        duplicates=tuple(chain.from_iterable(starmap(_duplicates, images.items()))),
        mismatches=(*_image_mismatches(images, reader.settings.get("match", "path")), *reader.class_mismatches()),
        others=() if folder is None else _others(folder, parts),
    )


@dataclass(frozen=True)
class _Place:
    """Where a part lies, or how it comes about if it is not there."""

    source: str
    paths: tuple[Path, ...]
    made_by: str


def _places(source: str | Path) -> tuple[Path | None, dict[str, _Place]]:
    """The folder of a benchmark, if it is one, and the place of each part in the order in which they are read."""
    if isinstance(source, str) and source in KNOWN_BENCHMARKS:
        known = KNOWN_BENCHMARKS[source].sources
        return None, {
            part: _Place(known[part], find_all(known[part]) or (), f"reassess data fetch {known[part]}")
            for part in MADE_BY
            if part in known
        }
    folder = benchmark_folder(source)
    there = places_of_parts(folder)
    settings = [folder / SETTINGS_FILE]
    paths = ({SETTINGS_FILE: settings} if exists(settings[0]) else {}) | {part: there.get(part, []) for part in MADE_BY}
    return folder, {
        part: _Place(" and ".join(path.name for path in some), tuple(some), MADE_BY.get(part, ""))
        for part, some in paths.items()
    }


@dataclass(frozen=True)
class _Held:
    """What is kept of a part that was read; classes are those that it names, or the list in which it was read."""

    counts: Mapping[str, int]
    images: tuple[str, ...] = ()
    classes: Classes | None = None


@dataclass
class _Reader:
    """Reads part after part: what was read says how the parts after it are read."""

    folder: Path | None
    max_bytes: int
    settings: dict[str, Any] = field(default_factory=dict)
    listed: Classes | None = None
    images: PartCheck | None = None
    held: dict[str, _Held] = field(default_factory=dict)
    lost: list[NameProblem] = field(default_factory=list)

    def check(self, part: str, place: _Place) -> PartCheck:
        """Read a part, if it is there."""
        if not place.paths and part == "original" and self.images and _in_folders(self.held["images"].images):
            check = PartCheck(part, self.images.source, self.images.paths, "class folders")
        elif not place.paths:
            return PartCheck(part, made_by=place.made_by)
        else:
            check = PartCheck(part, place.source, place.paths, _format(place.paths[0]))
        try:
            if self.folder is not None:
                one_place(self.folder, part, check.paths)
            held = self._read(part, check.paths, self.listed)
        except ReassessError as error:
            check = replace(check, error=error)
            with suppress(ReassessError):
                check = replace(check, counts=self._read_unlisted(part, check).counts)
            return check
        self.held[part] = held
        check = replace(check, counts=held.counts)
        if part == "images":
            self.images = check
        return check

    def _read_unlisted(self, part: str, check: PartCheck) -> _Held:
        """Read a part, of which the list of classes lacks some, without the list, and note which it lacks."""
        assert check.error is not None
        if check.error.what != NO_CLASS or self.listed is None:
            raise check.error
        held = self.held[part] = self._read(part, check.paths, None)
        assert held.classes is not None
        lacking = [text for text in held.classes.texts if self.listed.find(text) is None]
        self.lost.append(_problem(f"classes in {part} and not in classes", lacking))
        return held

    def _read(self, part: str, paths: tuple[Path, ...], listed: Classes | None) -> _Held:
        path = paths[0]
        if part == SETTINGS_FILE:
            assert self.folder is not None
            self.settings = read_settings(self.folder)
            return _Held(counts={})
        if part == "classes":
            self.listed = read_classes(*paths)
            return _Held(counts={"classes": self.listed.count or 0})
        if part == "images":
            images = list_images(path)
            return _Held(counts={"images": len(images)}, images=images)
        if part == "original":
            return self._original(path, listed)
        if part == "labels":
            return _of_labels(read_any_labels(path, original=load_original, classes=listed))
        if part == "scores":
            return _of_questions({}, read_scores(path, classes=listed, max_bytes=self.max_bytes).questions)
        if part == "groups":
            groups = read_groups(path, listed or Classes())
            return _Held(counts={"classes": len(groups), "groups": len(set(groups.values()))})
        if part == "collapsed":
            return _Held(counts={"pairs": len(read_collapsed(path, listed or Classes()))})
        votes = read_votes(path, classes=listed, max_bytes=self.max_bytes)
        counts = {"votes": len(votes), "raters": len(votes.raters)}
        if isinstance(votes.items, Questions):
            return _of_questions(counts, votes.items)
        return _Held(counts=counts | {"items": len(votes.items)})

    def _original(self, path: Path, listed: Classes | None) -> _Held:
        if self.images is None or path not in self.images.paths:
            return _of_labels(read_original(path, classes=listed))
        with at(path):
            original = original_of_class_folders(self.held["images"].images, listed)
        if self.listed is None:
            self.listed = original.classes
        return _of_labels(original)

    def class_mismatches(self) -> tuple[NameProblem, ...]:
        """Classes that the list lacks, or that without a list cannot be told."""
        held = {part: one.classes for part, one in self.held.items() if one.classes is not None}
        named = [part for part, classes in held.items() if classes.texts]
        numbered = [part for part, classes in held.items() if not classes.texts]
        if self.folder is None or self.listed is not None or not (named and numbered):
            return tuple(self.lost)
        what = f"classes that are named in {' and '.join(named)}, and numbered in {' and '.join(numbered)}"
        texts = sorted({text for part in named for text in held[part].texts})
        return (*self.lost, _problem(what, texts, mend=MADE_BY["classes"]))


def _format(path: Path) -> str:
    return "folder" if path.is_dir() else path.suffix.removeprefix(".")


def _of_labels(labels: LabelSets | MultiLabels) -> _Held:
    valid = labels.valid if isinstance(labels, MultiLabels) else labels
    counts = {"images": len(valid), "labels": valid.indices.size, "classes": np.unique(valid.indices).size}
    if valid.empty_images:
        counts["empty sets"] = valid.empty_images
    return _Held(counts=counts, images=valid.images, classes=valid.classes)


def _of_questions(counts: dict[str, int], questions: Questions) -> _Held:
    counts = counts | {
        "questions": len(questions),
        "images": len(questions.images),
        "classes": np.unique(questions.class_ids).size,
    }
    return _Held(counts=counts, images=questions.images, classes=questions.classes)


def _others(folder: Path, parts: Iterable[PartCheck]) -> tuple[str, ...]:
    used = {path.name for one in parts for path in one.paths}
    return tuple(sorted(path.name for path in folder.glob("[!.]*") if path.name not in used))


def _duplicates(part: str, images: Sequence[str]) -> Iterator[NameProblem]:
    """The images of a part that stand there twice, in another spelling or with another suffix."""
    keys = [key.casefold() for key in _keys(images)]
    spellings = _alike(images, keys)
    if spellings:
        yield _problem(f"images in {part} that stand there twice, but for capitals and slashes", spellings)
    one_of = dict(zip(keys, images, strict=True))
    suffixes = _alike(list(one_of.values()), [_without_suffix(key) for key in one_of])
    if suffixes:
        yield _problem(f"images in {part} that stand there with two suffixes", suffixes)


def _alike(names: Sequence[str], keys: Sequence[str]) -> list[str]:
    """The names that have one key, for each key that several have."""
    names_of: dict[str, list[str]] = {}
    for name, key in zip(names, keys, strict=True):
        names_of.setdefault(key, []).append(name)
    return [" and ".join(sorted(names)) for names in names_of.values() if len(names) > 1]


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}" in PICTURE_SUFFIXES else name


def _image_mismatches(images: Mapping[str, tuple[str, ...]], match: Match) -> Iterator[NameProblem]:
    """Images in one part and not in another: what is judged against the images, votes against all else."""
    whole = next((part for part in ("images", "original") if part in images), None)
    if whole is not None:
        for part in ("original", "labels", "scores"):
            if part in images and part != whole:
                yield from _one_sided(images, part, [whole], f"not in {whole}", match)
        for part in ("original", "labels"):
            if part in images and part != whole:
                yield from _one_sided(images, whole, [part], f"not in {part}", match)
    judged = [part for part in images if part not in _OF_VOTES]
    if judged:
        for part in _OF_VOTES:
            if part in images:
                yield from _one_sided(images, part, judged, "in no part but votes", match)


def _one_sided(
    images: Mapping[str, tuple[str, ...]], part: str, others: Sequence[str], where: str, match: Match
) -> Iterator[NameProblem]:
    names = images[part]
    known = tuple(chain.from_iterable(images[other] for other in others))
    there = set(_keys(known, match))
    lost = [name for name, key in zip(names, _keys(names, match), strict=True) if key not in there]
    if lost:
        fits = next((other for other in MATCHES if set(_keys(lost, other)) <= set(_keys(known, other))), None)
        mend = None if fits is None else f'they fit by {fits}: --match {fits}, or "match": "{fits}" in {SETTINGS_FILE}'
        yield _problem(f"images in {part} and {where}", lost, mend=mend)


def _keys(images: Sequence[str], match: str = "path") -> tuple[str, ...]:
    return image_keys([name.replace("\\", "/") for name in images], cast(Match, match))


def _in_folders(images: Iterable[str]) -> bool:
    return any("/" in name for name in images)


def _problem(what: str, names: Sequence[str], *, mend: str | None = None) -> NameProblem:
    return NameProblem(what=what, count=len(names), examples=tuple(names[:_EXAMPLES]), mend=mend)
