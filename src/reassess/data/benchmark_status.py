"""The state of a benchmark: its parts, their problems, and the next command to run."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, starmap
from pathlib import Path
from typing import Any

from reassess.core import USUAL_THRESHOLD, Benchmark
from reassess.data.benchmark_folders import (
    KNOWN_BENCHMARKS,
    PART_INSTRUCTIONS,
    find_part_paths,
    require_benchmark_folder,
)
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.joined_parts import to_benchmark_names
from reassess.data.name_problems import NameProblem, find_image_mismatches, find_repeated_names
from reassess.data.part_checks import CLASS_FOLDERS_FORMAT, PartCheck, PartChecker
from reassess.data.sources import find_all_files_of_source
from reassess.errors import ReassessError
from reassess.formats.files import sha256
from reassess.text import count_noun

# The parts that each command needs. "a or b" means that one of these parts is enough.
_NEEDED_PARTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("evaluate", "compare", "report"), ("labels",)),
    "show": ("labels or original or scores or votes or golden",),
    **dict.fromkeys(("predict", "scan"), ("images",)),
    **dict.fromkeys(("clean", "sample"), ("original",)),
    **dict.fromkeys(("aggregate", "raters"), ("votes",)),
    "labels": ("scores",),
    "curve": ("scores", "golden"),
    "propose": ("images or original",),
}


@dataclass(frozen=True)
class BenchmarkCheck:
    """The parts of a benchmark and their problems, as returned by `check_benchmark`.

    Parameters
    ----------
    name
        Name of the benchmark.
    folder
        Folder of the benchmark; None for a known benchmark.
    settings
        Settings in benchmark.json.
    parts
        Checks of all parts, also of missing parts.
    repeated_names
        Images that one part lists under two names.
    mismatches
        Names that are in one part and missing from another.
    unrecognized_files
        Names of files and folders in the folder that are not parts.
    needs_rater_golden
        Whether `curve` needs the part rater-golden, because no rater answered about a golden image.

    Examples
    --------
    >>> pets = BenchmarkCheck("pets", None, {}, (PartCheck("labels", format="json"),), (), (), ())
    >>> pets
    BenchmarkCheck(pets, 1 part, 0 errors)
    >>> pets.next_command
    'reassess evaluate FILE... --benchmark pets'
    """

    name: str
    folder: Path | None
    settings: Mapping[str, Any]
    parts: tuple[PartCheck, ...]
    repeated_names: tuple[NameProblem, ...]
    mismatches: tuple[NameProblem, ...]
    unrecognized_files: tuple[str, ...]
    needs_rater_golden: bool = False

    @property
    def errors(self) -> tuple[ReassessError, ...]:
        """The errors of parts that cannot be read."""
        return tuple(check.error for check in self.parts if check.error is not None)

    @property
    def missing_parts(self) -> dict[str, tuple[PartCheck, ...]]:
        """For each command, the missing or unreadable parts that the command needs.

        A command can run if it has no such parts. Some parts are read whenever the benchmark is opened. If such a part
        cannot be read, every command lists it.
        """
        checks = {check.part: check for check in self.parts}
        readable = {part for part, check in checks.items() if check.format is not None and check.error is None}
        missing_checks = {
            command: [
                checks.get(parts[0], PartCheck(parts[0]))
                for need in needs
                if readable.isdisjoint(parts := need.split(" or "))
            ]
            for command, needs in _NEEDED_PARTS.items()
        }
        if self.needs_rater_golden:
            missing_checks["curve"].append(checks["rater-golden"])
        lists = [check for check in self.parts if check.part == "classes" or check.format == CLASS_FOLDERS_FORMAT]
        groups = ["groups"] if any(check.format for check in lists) else []
        opened = [SETTINGS_FILE, *(check.part for check in lists), *groups]
        closed = [
            check for check in self.parts if check.error is not None and (check.part in opened or len(check.paths) > 1)
        ]
        return {
            command: (*closed, *(check for check in parts if check not in closed))
            for command, parts in missing_checks.items()
        }

    @property
    def next_command(self) -> str | None:
        """The next command to run with this benchmark; None if a part must be fixed first."""
        if self.errors:
            return None
        available = {check.part: check for check in self.parts if check.format is not None}
        place = Path() if self.folder is None else self.folder
        benchmark_option = ["--benchmark", self.name if self.folder is None else str(self.folder)]
        for part, source_part, command in (("scores", "votes", "aggregate"), ("labels", "scores", "labels")):
            # Votes on items make no scores.
            if source_part not in available or "items" in available[source_part].counts:
                continue
            if part not in available or available[part].stale:
                output = available[part].source if part in available else f"{part}.csv"
                needs_threshold = part == "labels" and "threshold" not in self.settings
                options = ["--threshold", str(USUAL_THRESHOLD)] if needs_threshold else []
                options += ["-o", str(place / str(output))]
                if part == "labels" and "original" in available:
                    names = chain(["changed.csv"], (f"changed-{number}.csv" for number in count(2)))
                    options += ["--details", next(name for name in names if not os.path.lexists(name))]
                force = ["--force"] if part in available else []
                return shlex.join(["reassess", command, *benchmark_option, *options, *force])
        if "labels" in available:
            return shlex.join(["reassess", "evaluate", "FILE...", *benchmark_option])
        if "images" in available:
            return shlex.join(["reassess", "predict", "MODEL", *benchmark_option, "-o", "predictions.npy"])
        if "original" in available:
            return shlex.join(["reassess", "propose", "FILE...", *benchmark_option, "-o", "proposals.csv"])
        if self.folder is None:
            return next((check.made_by for check in self.parts if check.part == "labels"), None)
        return None

    def __repr__(self) -> str:
        n_available = sum(check.format is not None for check in self.parts)
        return (
            f"BenchmarkCheck({self.name}, {count_noun(n_available, 'part')}, {count_noun(len(self.errors), 'error')})"
        )


def check_benchmark(name_or_folder: str | Path) -> BenchmarkCheck:
    r"""Read the parts of a benchmark on this computer, without downloads, and compare their image names.

    Parameters
    ----------
    name_or_folder
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
    NameProblem(name_kind='image', description='in labels and not in original', count=1, examples=('c.png',), fix=None)
    >>> [command for command, parts in check.missing_parts.items() if not parts]
    ['evaluate', 'compare', 'report', 'show', 'clean', 'sample', 'propose']
    """
    folder, parts = _find_folder_and_parts(name_or_folder)
    checker = PartChecker(folder=folder)
    for part in parts:
        checker.read_and_record_part(part)
    images = {part: contents.images for part, contents in checker.contents.items() if contents.images}
    benchmark = Benchmark(folder=folder, sources={check.part: str(check.paths[0]) for check in parts if check.paths})
    names = {part: to_benchmark_names(part_images, benchmark) for part, part_images in images.items()}
    used_names = {path.name for check in parts for path in check.paths}
    return BenchmarkCheck(
        name=checker.settings.get("name", str(name_or_folder) if folder is None else folder.resolve().name),
        folder=folder,
        settings=checker.settings,
        parts=tuple(
            _add_inputs_from_settings(check, checker.parts, checker.settings) for check in checker.parts.values()
        ),
        repeated_names=tuple(chain.from_iterable(starmap(find_repeated_names, images.items()))),
        mismatches=(
            *find_image_mismatches(names, checker.settings.get("match", "path")),
            *checker.find_class_problems(),
        ),
        needs_rater_golden={"votes", "golden"} <= names.keys()
        and "rater-golden" not in names
        and set(names["votes"]).isdisjoint(names["golden"]),
        unrecognized_files=()
        if folder is None
        else tuple(sorted({path.name for path in folder.glob("[!.]*")} - used_names)),
    )


def _find_folder_and_parts(name_or_folder: str | Path) -> tuple[Path | None, list[PartCheck]]:
    """Return the folder of a benchmark (None for a known benchmark), and its parts. Do not read the parts."""
    if isinstance(name_or_folder, str) and name_or_folder in KNOWN_BENCHMARKS:
        source_names = KNOWN_BENCHMARKS[name_or_folder].sources
        places = {
            part: (source_names[part], find_all_files_of_source(source_names[part]) or ())
            for part in sorted(source_names, key=[*PART_INSTRUCTIONS, *source_names].index)
        }
        return None, [
            _make_part_check(part, paths, name, f"reassess fetch {name}")
            for part, (name, paths) in places.items()
            if paths or part in PART_INSTRUCTIONS
        ]
    folder = require_benchmark_folder(name_or_folder)
    try:
        part_paths = find_part_paths(folder, read_settings(folder))
    except ReassessError:  # the check of the settings reports this error
        part_paths = find_part_paths(folder)
    settings = folder / SETTINGS_FILE
    settings_check = (
        [_make_part_check(SETTINGS_FILE, (settings,), SETTINGS_FILE, "")] if os.path.lexists(settings) else []
    )
    return folder, settings_check + [
        _make_part_check(part, paths, " and ".join(_relative_name(folder, path) for path in paths), made_by)
        for part, made_by in {
            **PART_INSTRUCTIONS,
            **{part: "" for part in part_paths if part not in PART_INSTRUCTIONS},
        }.items()
        for paths in [part_paths.get(part, ())]
    ]


def _relative_name(folder: Path, path: Path) -> str:
    """Return the name of a file that is in the folder; return the whole path of any other file."""
    return path.name if path.parent == folder else str(path)


def _make_part_check(part: str, paths: Sequence[Path], source: str, made_by: str) -> PartCheck:
    if not paths:
        return PartCheck(part, made_by=made_by)
    suffix = paths[0].suffix.removeprefix(".")
    suffix = "folder" if paths[0].is_dir() or not suffix else suffix
    return PartCheck(part, source, tuple(paths), suffix, made_by=None)


def _add_inputs_from_settings(
    part_check: PartCheck, part_checks: Mapping[str, PartCheck], settings: Mapping[str, Any]
) -> PartCheck:
    """Record the inputs of a benchmark part, and which inputs have changed since the part was made."""
    recorded = dict(settings.get("made_from", {}).get(part_check.part, {})) if part_check.paths else {}
    own_hash = recorded.pop(part_check.part, None)
    if own_hash is not None and (not part_check.paths[0].is_file() or sha256(part_check.paths[0]) != own_hash):
        return part_check  # replaced by hand since then
    paths = {part: part_checks[part].paths for part in recorded if part in part_checks}
    stale = [part for part, path in paths.items() if path and path[0].is_file() and sha256(path[0]) != recorded[part]]
    return replace(part_check, made_from=tuple(recorded), stale=tuple(stale))
