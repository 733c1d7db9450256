"""What a benchmark holds, what its commands still lack, and which names do not fit one another."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain, starmap
from pathlib import Path
from typing import Any

from reassess.core.benchmark import Benchmark
from reassess.core.classes import Classes
from reassess.core.items import Id
from reassess.data.benchmark_folders import (
    KNOWN_BENCHMARKS,
    MADE_BY,
    are_in_class_folders,
    benchmark_folder,
    one_place,
    original_of_class_folders,
    places_of_parts,
)
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.image_folders import list_images
from reassess.data.joined_parts import benchmark_names
from reassess.data.loading import load_original
from reassess.data.name_problems import NameProblem, duplicate_images, image_mismatches, name_problem
from reassess.data.part_contents import PartContents
from reassess.data.sources import find_all
from reassess.errors import ReassessError, at
from reassess.formats.class_tables import read_classes, read_collapsed, read_groups
from reassess.formats.files import exists
from reassess.formats.label_files import read_original
from reassess.formats.review_files import read_any_labels
from reassess.formats.score_files import read_scores
from reassess.formats.votes import read_votes
from reassess.text import counted

__all__ = ["BenchmarkCheck", "PartCheck", "check_benchmark"]

# The parts that a command reads and cannot do without.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "evaluate": ("labels",),
    "compare": ("labels",),
    "report": ("labels",),
    "aggregate": ("votes",),
    "raters": ("votes",),
    "labels": ("scores",),
    "curve": ("scores", "golden"),
    "predict": ("images",),
}
# The parts of which a command needs any one.
_ANY: Mapping[str, tuple[str, ...]] = {
    "propose": ("images", "labels", "original"),
    "show": ("labels", "original", "scores", "votes", "golden"),
}
_OF_CLASSES = ("groups", "collapsed")
_CLASS_FOLDERS = "class folders"


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
    answers
        How often votes give each answer, in the order of the answers; empty where answers are classes, and for other
        parts.
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
    answers: Mapping[Id, int] = field(default_factory=dict)
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
        """The parts that each command needs, and that are not there or cannot be read; none where it can run.

        A part that is read whenever the benchmark is opened is one of them if it cannot be read.
        """
        bad = {one.part: one for one in self.parts if one.format is None or one.error is not None}
        lacks = {command: [bad[part] for part in needs if part in bad] for command, needs in _NEEDS.items()}
        for command, parts in _ANY.items():
            lacks[command] = [] if any(part not in bad for part in parts) else [bad[parts[0]]]
        lists = [one for one in self.parts if one.part == "classes" or one.format == _CLASS_FOLDERS]
        opened = [SETTINGS_FILE, *(one.part for one in lists)]
        if any(one.format for one in lists):
            opened.append("groups")
        closed = [one for one in self.parts if one.error is not None and (one.part in opened or len(one.paths) > 1)]
        return {command: (*closed, *(one for one in parts if one not in closed)) for command, parts in lacks.items()}

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
    >>> _ = (folder / "labels.json").write_text('{"a.png": ["cat"], "c.png": []}')
    >>> check = check_benchmark(folder)
    >>> check.mismatches[0]
    NameProblem(thing='image', what='in labels and not in original', count=1, examples=('c.png',), fix=None)
    >>> [command for command, parts in check.lacks.items() if not parts]
    ['evaluate', 'compare', 'report', 'propose', 'show']
    """
    folder, places = _places(source)
    reader = _Reader(folder=folder)
    for part, place in places.items():
        reader.check(part, place)
    images = {part: held.images for part, held in reader.held.items() if held.images}
    of_folder = Benchmark(
        folder=folder, sources={part: str(place.paths[0]) for part, place in places.items() if place.paths}
    )
    called = {part: benchmark_names(names, of_folder) for part, names in images.items()}
    return BenchmarkCheck(
        name=reader.settings.get("name", str(source) if folder is None else folder.resolve().name),
        folder=folder,
        settings=reader.settings,
        parts=tuple(reader.parts.values()),
        duplicates=tuple(chain.from_iterable(starmap(duplicate_images, images.items()))),
        mismatches=(*image_mismatches(called, reader.settings.get("match", "path")), *reader.class_problems()),
        others=() if folder is None else _others(folder, places.values()),
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
            part: _Place(
                source=known[part],
                paths=find_all(known[part]) or (),
                made_by=f"reassess fetch {known[part]}",
            )
            for part in MADE_BY
            if part in known
        }
    folder = benchmark_folder(source)
    there = places_of_parts(folder)
    settings = [folder / SETTINGS_FILE]
    paths = ({SETTINGS_FILE: settings} if exists(settings[0]) else {}) | {part: there.get(part, []) for part in MADE_BY}
    return folder, {
        part: _Place(
            source=" and ".join(path.name for path in of_part), paths=tuple(of_part), made_by=MADE_BY.get(part, "")
        )
        for part, of_part in paths.items()
    }


@dataclass
class _Reader:
    """Reads part after part: what was read says how the parts after it are read."""

    folder: Path | None
    settings: dict[str, Any] = field(default_factory=dict)
    listed: Classes | None = None
    parts: dict[str, PartCheck] = field(default_factory=dict)
    held: dict[str, PartContents] = field(default_factory=dict)
    unlisted: list[NameProblem] = field(default_factory=list)

    def check(self, part: str, place: _Place) -> None:
        """Read a part, if it is there."""
        check = PartCheck(part=part, made_by=place.made_by)
        if place.paths:
            check = PartCheck(part=part, source=place.source, paths=place.paths, format=_format(place.paths[0]))
        elif part == "original" and "images" in self.held and are_in_class_folders(self.held["images"].images):
            check = replace(self.parts["images"], part=part, format=_CLASS_FOLDERS, counts={})
        classes_unread = "classes" in self.parts and self.parts["classes"].error is not None
        if check.paths and not (part in _OF_CLASSES and classes_unread):
            check = self._read_part(check)
        self.parts[part] = check

    def _read_part(self, check: PartCheck) -> PartCheck:
        try:
            if self.folder is not None:
                one_place(self.folder, check.part, check.paths)
            held = self._read(check, self.listed)
        except ReassessError as error:
            if error.code != "no-class" or self.listed is None or check.part in _OF_CLASSES:
                return replace(check, error=error)
            return self._read_unlisted(check, error, self.listed)
        self.held[check.part] = held
        return replace(check, counts=held.counts, answers=held.answers)

    def _read_unlisted(self, check: PartCheck, error: ReassessError, listed: Classes) -> PartCheck:
        """Read a part, of which the list of classes lacks some, without the list, and note which they are."""
        try:
            held = self.held[check.part] = self._read(check, None)
        except ReassessError:  # it is wrong in another way too
            return replace(check, error=error)
        assert held.classes is not None
        lacking = [text for text in held.classes.texts if listed.find(text) is None]
        where = "classes" if self.parts["classes"].format else "the class folders"
        self.unlisted.append(name_problem("class", f"in {check.part} and not in {where}", lacking))
        return replace(check, error=error, counts=held.counts, answers=held.answers)

    def _read(self, check: PartCheck, listed: Classes | None) -> PartContents:
        path = check.paths[0]
        readers: dict[str, Callable[[], PartContents]] = {
            SETTINGS_FILE: lambda: self._read_settings(path.parent),
            "classes": lambda: self._read_classes(check.paths),
            "images": lambda: PartContents.of_images(list_images(path)),
            "original": lambda: self._read_original(check, listed),
            "labels": lambda: PartContents.of_labels(read_any_labels(path, original=load_original, classes=listed)),
            "scores": lambda: PartContents.of_questions(read_scores(path, classes=listed).questions),
            "groups": lambda: PartContents.of_groups(read_groups(path, listed or self._named())),
            "collapsed": lambda: PartContents(counts={"pairs": len(read_collapsed(path, listed or self._named()))}),
        }
        return readers.get(
            check.part, lambda: PartContents.of_votes(read_votes(path, answers=self._answers(), classes=listed))
        )()

    def _answers(self) -> Sequence[Id] | None:
        """The answers with which votes are read: of the settings, or those of the votes for the golden answers."""
        held = self.held.get("votes")
        return self.settings.get("answers") or (None if held is None else tuple(held.answers))

    def _named(self) -> Classes:
        """The classes that the parts before name, where there is no list of them."""
        named = [held.classes for held in self.held.values() if held.classes is not None and held.classes.texts]
        return reduce(Classes.unite, named) if named else Classes()

    def _read_settings(self, folder: Path) -> PartContents:
        self.settings = read_settings(folder)
        return PartContents(counts={"settings": len(self.settings)})

    def _read_classes(self, paths: tuple[Path, ...]) -> PartContents:
        self.listed = read_classes(*paths)
        return PartContents(counts={"classes": self.listed.count or 0})

    def _read_original(self, check: PartCheck, listed: Classes | None) -> PartContents:
        if check.format != _CLASS_FOLDERS:
            return PartContents.of_labels(read_original(check.paths[0], classes=listed))
        with at(check.paths[0]):
            original = original_of_class_folders(self.held["images"].images, listed)
        if self.parts["classes"].format is None:
            self.listed = original.classes
        return replace(PartContents.of_labels(original), images=())  # they are those of the part images

    def class_problems(self) -> tuple[NameProblem, ...]:
        """Classes that the list lacks, or that without a list cannot be told."""
        held = {part: one.classes for part, one in self.held.items() if one.classes is not None}
        named = [part for part, classes in held.items() if classes.texts]
        numbered = [part for part, classes in held.items() if not classes.texts]
        if self.folder is None or self.listed is not None or not (named and numbered):
            return tuple(self.unlisted)
        texts = sorted({text for part in named for text in held[part].texts})
        what = f"named in {' and '.join(named)}, and numbered in {' and '.join(numbered)}"
        return (*self.unlisted, name_problem("class", what, texts, fix=MADE_BY["classes"]))


def _format(path: Path) -> str:
    return "folder" if path.is_dir() else path.suffix.removeprefix(".")


def _others(folder: Path, places: Iterable[_Place]) -> tuple[str, ...]:
    used = {path.name for place in places for path in place.paths}
    return tuple(sorted(path.name for path in folder.glob("[!.]*") if path.name not in used))
