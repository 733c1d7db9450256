"""Benchmarks that are known by name, or read from a folder whose file names say which part a file is."""

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import Any

from reassess.core import IMAGENET, Benchmark, Classes, StopRule
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.class_folders import WRITE_ORIGINAL_FIX, are_in_class_folders, labels_from_folders
from reassess.data.image_folders import list_images
from reassess.data.sources import resolve_path_or_source
from reassess.errors import DataError, Fix, OutputError, add_error_place
from reassess.formats import read_class_file, read_class_pairs, read_groups
from reassess.formats.files import exists
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import join_first

KNOWN_BENCHMARKS = {IMAGENET.name: IMAGENET}
_PART_SUFFIXES = (".json", ".npz", ".txt", *TABLE_SUFFIXES)
_ARCHIVE_SUFFIXES = (".tar", ".zip")
# The main parts of a benchmark, and how to make each.
PART_INSTRUCTIONS: Mapping[str, str] = {
    "classes": "write classes.txt, one name per line",
    "images": "put the images into the folder images, or pack them into images.zip or images.tar",
    "original": f"put each image into the folder of its class, images/CLASS, or {WRITE_ORIGINAL_FIX}",
    "labels": "run `reassess aggregate` and `reassess labels`; or write labels.csv, with the columns image and class",
    "scores": "run `reassess aggregate`",
    "votes": "run `reassess propose`, `tasks` and `annotate`; or write votes.csv, with image, class (or none), rater, "
    "answer",
    "golden": "write golden.csv, with the experts' votes",
    "rater-golden": "write rater-golden.csv, with the raters' votes on the questions of golden",
    "groups": "write groups.csv, with the columns class and group",
    "collapsed": "write collapsed.csv, with the columns class and also",
}
_OPTIONAL_PART_INSTRUCTIONS: Mapping[str, str] = {
    "judged": "write judged.csv, with the columns image, class, category and severity",
    "hierarchy": "write hierarchy.csv, with the columns child and parent",
    "folds": "run `reassess folds`",
    "duplicates": "run `reassess scan`",
    "sample": "export a campaign with the tasks of `reassess sample`",
}
_ALL_PART_INSTRUCTIONS: Mapping[str, str] = {**PART_INSTRUCTIONS, **_OPTIONAL_PART_INSTRUCTIONS}


def open_benchmark(name_or_folder: str | Path) -> Benchmark:
    r"""Open a known benchmark, or the benchmark in a folder.

    Parameters
    ----------
    name_or_folder
        The name of a known benchmark, ``imagenet``; or a folder with some of these files, each in any format that
        reassess reads: classes, original, labels, scores, votes, golden, rater-golden, groups, collapsed, judged,
        hierarchy, folds, duplicates and sample. Images are in the folder images, in images.zip or in images.tar. The
        file benchmark.json may set the name, threshold, method, match, answers and stop rule, and the path of images
        that are elsewhere.

    Returns
    -------
    Benchmark. The sources of a folder's benchmark are paths, and its images are listed on first use. The classes come
    from the file classes. Without that file, they are the names of the class folders, if class folders serve as
    original labels. Without either, the groups are not read, because only the labels show which classes there are.

    Raises
    ------
    DataError
        The benchmark is not found; two files are the same part; or benchmark.json, classes, groups or class folders
        are wrong.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "classes.txt").write_text("cat\ndog\n")
    >>> _ = (folder / "benchmark.json").write_text('{"name": "pets", "threshold": 0.8}')
    >>> benchmark = open_benchmark(folder)
    >>> benchmark, benchmark.classes.names, benchmark.threshold
    (Benchmark(pets, 2 classes, 0 images), ('cat', 'dog'), 0.8)
    """
    if isinstance(name_or_folder, str) and name_or_folder in KNOWN_BENCHMARKS:
        return KNOWN_BENCHMARKS[name_or_folder]
    folder = require_benchmark_folder(name_or_folder)
    settings = read_settings(folder)
    parts = {
        part: require_single_path(folder, part, places) for part, places in find_part_paths(folder, settings).items()
    }
    order = cache(partial(list_images, parts["images"])) if "images" in parts and exists(parts["images"]) else tuple
    classes = Classes()
    if "classes" in parts:
        classes = read_class_file(parts["classes"])
    elif "original" not in parts and are_in_class_folders(images := order()):
        with add_error_place(parts["images"]):
            classes = labels_from_folders(images).classes
    tables: dict[str, Any] = {}  # readers, which need the class list of the labels
    if "collapsed" in parts:
        tables["find_collapsed_classes"] = partial(read_class_pairs, parts["collapsed"])
    if "groups" in parts:
        tables["find_class_groups"] = partial(read_groups, parts["groups"])
    return Benchmark(
        name=settings.get("name", folder.resolve().name),
        classes=classes,
        load_images=order,
        sources={part: str(path) for part, path in parts.items()},
        default_groups=read_groups(parts["groups"], classes) if "groups" in parts and classes.wnids_or_names else {},
        **tables,
        threshold=settings.get("threshold"),
        method=settings.get("method"),
        match=settings.get("match"),
        answers=tuple(settings["answers"]) if "answers" in settings else None,
        stop=StopRule(*settings["stop"]) if "stop" in settings else None,
        folder=folder,
    )


def find_part_path(benchmark: Benchmark, part: str, *, needed_by: str | None = None) -> Path:
    """Return the path of a benchmark part; download a missing file if `fetch` knows this file.

    `needed_by` is the command that needs the part, for the message if the benchmark has no such part.
    """
    if part in benchmark.sources:
        if part == "images" and benchmark.folder is not None:
            check_images_path_exists(Path(benchmark.sources[part]), benchmark.folder)
        return resolve_path_or_source(benchmark.sources[part])
    folder = benchmark.folder
    similar = [] if folder is None else sorted(path.name for path in folder.glob("*") if path.stem == part)
    allowed = f"a file {part}, with one of the suffixes {', '.join(_PART_SUFFIXES)}"
    if part == "images":
        allowed = "a folder images, images.zip, or an uncompressed images.tar"
    raise DataError(
        "missing-part",
        f"benchmark has no {part}" + (f", which `reassess {needed_by}` needs" if needed_by else ""),
        where=folder or benchmark.name or None,
        allowed=allowed if similar else None,
        found=join_first(similar) or None,
        fix=_ALL_PART_INSTRUCTIONS[part],
    )


def check_images_path_exists(images_path: Path, benchmark_folder: Path) -> None:
    """Raise if a benchmark's images are not where its benchmark.json says."""
    if not exists(images_path):
        raise DataError(
            "moved-images",
            "images are not where the benchmark's settings say",
            where=f"{benchmark_folder / SETTINGS_FILE}, key images",
            found=f"{read_settings(benchmark_folder).get('images')!r}, which is {images_path}",
            fix="move the images back, or correct the key: a path relative to the folder of benchmark.json",
        )


def require_benchmark_folder(folder_path: str | Path) -> Path:
    """Return the folder of a benchmark; if it does not exist, the error lists similar names."""
    if not isinstance(folder_path, str | Path):
        raise DataError(
            "unknown-benchmark",
            "not the name of a benchmark",
            allowed=f"the path of a folder, or one of {', '.join(KNOWN_BENCHMARKS)}",
            found=repr(folder_path),
        )
    folder = Path(folder_path)
    if str(folder_path) and exists(folder) and folder.is_dir():
        if folder.resolve().name == "images" and not find_part_paths(folder):
            raise DataError(
                "unknown-benchmark",
                "folder of images was given instead of the benchmark folder that contains it",
                where=folder,
                fix=f"did you mean {folder.parent if folder.name == 'images' else folder.resolve().parent}?",
            )
        return folder
    if str(folder_path) and exists(folder):
        raise DataError(
            "file-not-folder",
            "a file was given instead of a benchmark folder",
            where=folder,
            fix="give the folder that contains the file",
        )
    siblings = [path.name for path in folder.parent.glob("*") if path.is_dir()] if exists(folder.parent) else []
    similar = [str(folder.with_name(name)) for name in get_close_matches(folder.name, siblings)]
    similar += get_close_matches(str(folder_path).lower(), KNOWN_BENCHMARKS)
    raise DataError(
        "unknown-benchmark",
        "benchmark not found",
        where=folder_path or "''",
        allowed=f"a folder, or one of {', '.join(KNOWN_BENCHMARKS)}",
        fix=f"did you mean {' or '.join(dict.fromkeys(similar))}?" if similar else "check the path",
    )


def find_part_paths(folder: Path, settings: Mapping[str, Any] | None = None) -> dict[str, list[Path]]:
    """Find the paths of each part in a benchmark's folder: files, folders and archives.

    If the folder has no images, their path comes from the `settings`.
    """
    paths: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        part = find_part_name(path)
        if part is None:
            continue
        expected = "folder" if part == "images" and not path.suffix else "file"
        if path.is_dir() != (expected == "folder"):
            raise DataError(
                "wrong-part",
                f"part of the benchmark is not a {expected}",
                where=path,
                fix=f"replace it by a {expected}, or give it another name",
            )
        if path.stem != part:
            raise DataError(
                "similar-name",
                "file name is almost the name of a benchmark part",
                where=folder,
                allowed=f"{part}{path.suffix}",
                found=path.name,
                fix=f"if it is this part, rename it to {part}{path.suffix}; if not, choose a clearly different name",
            )
        paths.setdefault(part, []).append(path)
    if "images" not in paths and (elsewhere := (settings or {}).get("images")):
        paths["images"] = [_normalize_path(folder / elsewhere)]
    return {part: paths[part] for part in _ALL_PART_INSTRUCTIONS if part in paths}


def _normalize_path(path: Path) -> Path:
    """Remove ".." from a path; if a ".." follows a symlink, resolve symlinks too."""
    short = Path(os.path.normpath(path))
    return short if short.resolve() == path.resolve() else path.resolve()


def find_part_name(path: Path) -> str | None:
    """Return the part of a benchmark, such as labels, that a file is named after; None for any other file.

    Upper case is ignored, and an underscore equals a dash.
    """
    part, suffix = path.stem.lower().replace("_", "-"), path.suffix.lower()
    suffixes = ("", *_ARCHIVE_SUFFIXES) if part == "images" else _PART_SUFFIXES
    return part if part in _ALL_PART_INSTRUCTIONS and suffix in suffixes else None


def require_single_path(folder: Path, part: str, paths: Sequence[Path]) -> Path:
    """Return the only path of a part; raise `DataError` if the part has two paths."""
    if len(paths) > 1:
        raise DataError(
            "duplicate-part",
            "images are in two places" if part == "images" else f"benchmark has two files for its part {part}",
            where=folder,
            allowed="one of images/, images.zip and images.tar" if part == "images" else f"one file {part}",
            found=" and ".join(path.name + "/" * path.is_dir() for path in paths),
            fix="keep one, and rename or remove the other",
        )
    return paths[0]


def check_output_path(output: Path, benchmark: Benchmark, part: str | None = None) -> None:
    """Raise `OutputError` if an output would replace another part of a benchmark, or be read as that part.

    `part` is the part that the output contains, for example "votes"; None if the output is not a part.
    """
    folder = benchmark.folder
    if folder is None:
        return
    fix = "choose another name or folder" + (f", such as {part}{output.suffix}" if part else "")
    refused = partial(OutputError, where=output, fix=fix)
    for other_part, source in benchmark.sources.items():
        if other_part != part and exists(source) and exists(output) and output.samefile(source):
            raise refused("output-is-input", f"output file is the {other_part} of the benchmark")
    images = Path(benchmark.sources.get("images", folder / "images"))
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(images)):
        raise refused("reserved-output", "output file would be among the images of the benchmark")
    if os.path.realpath(output.parent) != os.path.realpath(folder):
        return
    if output.name.lower() == SETTINGS_FILE:
        raise refused("reserved-output", "in a benchmark folder, this file contains the settings")
    if (named_part := find_part_name(output)) is None:
        return
    if named_part != output.stem:
        raise refused("reserved-output", "name of the output file is almost the name of a benchmark part")
    if named_part != part:
        raise refused("reserved-output", f"in a benchmark folder, the name {named_part} is kept for another part")
    if part in benchmark.sources and (existing := Path(benchmark.sources[part]).name) != output.name:
        raise OutputError(
            "duplicate-part",
            "benchmark would have two files for one part",
            where=output,
            found=existing,
            fix=Fix(f"overwrite {existing} ({{force}}), or remove {existing} first", force=True),
        )
