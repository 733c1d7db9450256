"""Benchmarks, known by name or read from a folder; each file of the folder is a part, named by its content."""

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import Any

from reassess.core import IMAGENET, Benchmark, Classes, StopRule
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.class_folders import WRITE_ORIGINAL, are_in_class_folders, labels_from_folders
from reassess.data.image_folders import list_images
from reassess.data.sources import resolve
from reassess.errors import DataError, Fix, OutputError, add_place_to_errors
from reassess.formats import read_class_file, read_collapsed_pairs, read_groups
from reassess.formats.files import exists
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import join_first

KNOWN_BENCHMARKS = {IMAGENET.name: IMAGENET}
_SUFFIXES = (".json", ".npz", ".txt", *TABLE_SUFFIXES)
_ARCHIVES = (".tar", ".zip")
# The main parts of a benchmark, and how to make each.
MADE_BY: Mapping[str, str] = {
    "classes": "write classes.txt, one name a line",
    "images": "put the images into the folder images, or pack them into images.zip or images.tar",
    "original": f"put each image into the folder of its class, images/CLASS, or {WRITE_ORIGINAL}",
    "labels": "run reassess aggregate and reassess labels; or write labels.csv, with the columns image and class",
    "scores": "run reassess aggregate",
    "votes": "run reassess propose, tasks and annotate; or write votes.csv, with image, class (or none), rater, answer",
    "golden": "write golden.csv, with the experts' votes",
    "rater-golden": "write rater-golden.csv, with the raters' votes on the questions of golden",
    "groups": "write groups.csv, with the columns class and group",
    "collapsed": "write collapsed.csv, with the columns class and also",
}
_OPTIONAL_PARTS: Mapping[str, str] = {
    "hierarchy": "write hierarchy.csv, with the columns child and parent",
    "folds": "run reassess folds",
    "duplicates": "run reassess scan",
}
_PARTS: Mapping[str, str] = {**MADE_BY, **_OPTIONAL_PARTS}


def open_benchmark(source: str | Path) -> Benchmark:
    r"""Open a known benchmark, or the benchmark in a folder.

    Parameters
    ----------
    source
        The name of a known benchmark, ``imagenet``; or a folder with some of these files, each in any format that
        reassess reads: classes, original, labels, scores, votes, golden, rater-golden, groups, collapsed, hierarchy,
        folds and duplicates. Images are in the folder images, in images.zip or in images.tar. The file benchmark.json
        may set the name, threshold, method, match, answers and stop rule, and the path of images that are elsewhere.

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
    if isinstance(source, str) and source in KNOWN_BENCHMARKS:
        return KNOWN_BENCHMARKS[source]
    folder = benchmark_folder(source)
    settings = read_settings(folder)
    parts = {part: single_place(folder, part, places) for part, places in places_of_parts(folder, settings).items()}
    order = cache(partial(list_images, parts["images"])) if "images" in parts and exists(parts["images"]) else tuple
    classes = Classes()
    if "classes" in parts:
        classes = read_class_file(parts["classes"])
    elif "original" not in parts and are_in_class_folders(images := order()):
        with add_place_to_errors(parts["images"]):
            classes = labels_from_folders(images).classes
    tables: dict[str, Any] = {}  # readers, which need the class list of the labels
    if "collapsed" in parts:
        tables["find_collapsed"] = partial(read_collapsed_pairs, parts["collapsed"])
    if "groups" in parts:
        tables["find_class_groups"] = partial(read_groups, parts["groups"])
    return Benchmark(
        name=settings.get("name", folder.resolve().name),
        classes=classes,
        load_images=order,
        sources={part: str(path) for part, path in parts.items()},
        groups=read_groups(parts["groups"], classes) if "groups" in parts and classes.texts else {},
        **tables,
        threshold=settings.get("threshold"),
        method=settings.get("method"),
        match=settings.get("match"),
        answers=tuple(settings["answers"]) if "answers" in settings else None,
        stop=StopRule(*settings["stop"]) if "stop" in settings else None,
        folder=folder,
    )


def part_path(benchmark: Benchmark, part: str, *, needed_by: str | None = None) -> Path:
    """Return the path of a benchmark part, `needed_by` a command; a known file is downloaded."""
    if part in benchmark.sources:
        if part == "images" and benchmark.folder is not None:
            check_images_place(benchmark.folder, Path(benchmark.sources[part]))
        return resolve(benchmark.sources[part])
    folder = benchmark.folder
    similar = [] if folder is None else sorted(path.name for path in folder.glob("*") if path.stem == part)
    allowed = f"a file {part}, with one of the suffixes {', '.join(_SUFFIXES)}"
    if part == "images":
        allowed = "a folder images, images.zip, or an uncompressed images.tar"
    raise DataError(
        "missing-part",
        f"benchmark has no {part}" + (f", which reassess {needed_by} needs" if needed_by else ""),
        where=folder or benchmark.name or None,
        allowed=allowed if similar else None,
        found=join_first(similar) or None,
        fix=_PARTS[part],
    )


def check_images_place(folder: Path, images: Path) -> None:
    """Raise if the images of a benchmark are no longer where its benchmark.json says."""
    if not exists(images):
        raise DataError(
            "moved-images",
            "images are not where the benchmark's settings say",
            where=f"{folder / SETTINGS_FILE}, key images",
            found=f"{read_settings(folder).get('images')!r}, which is {images}",
            fix="move them back, or correct the key: a path relative to the folder of benchmark.json",
        )


def benchmark_folder(source: str | Path) -> Path:
    """Return the folder of a benchmark; if it does not exist, raise `DataError` with similar names."""
    if not isinstance(source, str | Path):
        raise DataError(
            "unknown-benchmark",
            "not the name of a benchmark",
            allowed=f"the path of a folder, or one of {', '.join(KNOWN_BENCHMARKS)}",
            found=repr(source),
        )
    folder = Path(source)
    if str(source) and exists(folder) and folder.is_dir():
        if folder.resolve().name == "images" and not places_of_parts(folder):
            raise DataError(
                "unknown-benchmark",
                "folder of images was given instead of the benchmark folder that contains it",
                where=folder,
                fix=f"did you mean {folder.parent if folder.name == 'images' else folder.resolve().parent}?",
            )
        return folder
    if str(source) and exists(folder):
        raise DataError(
            "file-not-folder",
            "a file was given instead of a benchmark folder",
            where=folder,
            fix="name the folder that holds it",
        )
    beside = [path.name for path in folder.parent.glob("*") if path.is_dir()] if exists(folder.parent) else []
    near = [str(folder.with_name(name)) for name in get_close_matches(folder.name, beside)]
    near += get_close_matches(str(source).lower(), KNOWN_BENCHMARKS)
    raise DataError(
        "unknown-benchmark",
        "benchmark not found",
        where=source or "''",
        allowed=f"a folder, or one of {', '.join(KNOWN_BENCHMARKS)}",
        fix=f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else "check the path",
    )


def places_of_parts(folder: Path, settings: Mapping[str, Any] | None = None) -> dict[str, list[Path]]:
    """Find the files, folders and archives of each part in a benchmark's folder.

    If the folder has no images, their path comes from the `settings`.
    """
    places: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        part = part_named(path)
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
                fix="give it that name; or another name, if it is not a part",
            )
        places.setdefault(part, []).append(path)
    if "images" not in places and (elsewhere := (settings or {}).get("images")):
        places["images"] = [_normal_path(folder / elsewhere)]
    return {part: places[part] for part in _PARTS if part in places}


def _normal_path(path: Path) -> Path:
    """Remove ".." from a path; resolve its symlinks too if a ".." follows a symlink."""
    short = Path(os.path.normpath(path))
    return short if short.resolve() == path.resolve() else path.resolve()


def part_named(path: Path) -> str | None:
    """Return the benchmark part whose name matches a file, ignoring case and dashes; else None."""
    part, suffix = path.stem.lower().replace("_", "-"), path.suffix.lower()
    suffixes = ("", *_ARCHIVES) if part == "images" else _SUFFIXES
    return part if part in _PARTS and suffix in suffixes else None


def single_place(folder: Path, part: str, places: Sequence[Path]) -> Path:
    """Return the path of a part; raise `DataError` if there are two."""
    if len(places) > 1:
        raise DataError(
            "duplicate-part",
            "images are in two places" if part == "images" else "two files are the same part of the benchmark",
            where=folder,
            allowed="one of images/, images.zip and images.tar" if part == "images" else f"one file {part}",
            found=" and ".join(path.name + "/" * path.is_dir() for path in places),
            fix="keep one, and rename or remove the other",
        )
    return places[0]


def check_place(output: Path, benchmark: Benchmark, part: str | None = None) -> None:
    """Raise `OutputError` if an output would replace, or look like, another part of a benchmark.

    `part` is the part that the output is meant to be; None if it is not a part.
    """
    folder = benchmark.folder
    if folder is None:
        return
    fix = "choose another name or folder" + (f", such as {part}{output.suffix}" if part else "")
    refused = partial(OutputError, where=output, fix=fix)
    for other_part, source in benchmark.sources.items():
        if other_part != part and exists(source) and exists(output) and output.samefile(source):
            raise refused("output-is-input", f"output is the {other_part} of the benchmark")
    images = Path(benchmark.sources.get("images", folder / "images"))
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(images)):
        raise refused("reserved-output", "output would be among the images of the benchmark")
    if os.path.realpath(output.parent) != os.path.realpath(folder):
        return
    if output.name.lower() == SETTINGS_FILE:
        raise refused("reserved-output", "in a benchmark folder, this file contains the settings")
    if (named_part := part_named(output)) is None:
        return
    if named_part != output.stem:
        raise refused("reserved-output", "output name is almost the name of a benchmark part")
    if named_part != part:
        raise refused("reserved-output", f"in a benchmark folder, the file {named_part} is another part")
    existing = benchmark.sources.get(part)
    if existing is not None and Path(existing).name != output.name:
        raise OutputError(
            "duplicate-part",
            "benchmark would have two files for one part",
            where=output,
            found=Path(existing).name,
            fix=Fix(f"write {Path(existing).name} ({{force}}), or remove it first", force=True),
        )
