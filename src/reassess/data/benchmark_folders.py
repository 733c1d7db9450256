"""A benchmark by its name, or as a folder whose files are called by what they hold; and what commands write there."""

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import Any

from reassess.core import IMAGENET, Benchmark, Classes, LabelSets, StopRule
from reassess.core.checks import check_type
from reassess.core.classes import NO_SUCH_CLASS, warn_of_capitals
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings
from reassess.data.image_folders import list_images
from reassess.data.sources import resolve
from reassess.errors import DataError, Fix, OutputError, at
from reassess.formats import read_class_file, read_collapsed_file, read_groups
from reassess.formats.files import exists
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import some

KNOWN_BENCHMARKS = {IMAGENET.name: IMAGENET}
_WRITE_ORIGINAL = "write original.csv, with the columns image and class"
_SUFFIXES = (".json", ".npz", ".txt", *TABLE_SUFFIXES)
_ARCHIVES = (".tar", ".zip")
# The parts of a benchmark, and how each comes about.
MADE_BY: Mapping[str, str] = {
    "classes": "write classes.txt, one name a line",
    "images": "put the images into the folder images, or pack them into images.zip or images.tar",
    "original": f"put each image into the folder of its class, images/CLASS, or {_WRITE_ORIGINAL}",
    "labels": "reassess aggregate and labels make them of votes; or write labels.csv, with the columns image and class",
    "scores": "reassess aggregate makes them of votes",
    "votes": "reassess propose, tasks, annotate; or write votes.csv, with image, class (or none), rater, answer",
    "golden": "write golden.csv, with the experts' votes",
    "rater-golden": "write rater-golden.csv, with the raters' votes on the questions of golden",
    "groups": "write groups.csv, with the columns class and group",
    "collapsed": "write collapsed.csv, with the columns class and also",
}
# Further parts, which few benchmarks have.
_FURTHER: Mapping[str, str] = {
    "hierarchy": "write hierarchy.csv, with the columns child and parent",
    "folds": "reassess folds makes them",
    "duplicates": "reassess scan makes them",
}
_PARTS: Mapping[str, str] = {**MADE_BY, **_FURTHER}


def open_benchmark(source: str | Path) -> Benchmark:
    r"""A known benchmark, or that of a folder.

    Parameters
    ----------
    source
        The name of a known benchmark, ``imagenet``; or a folder with some of these files, each in any format that it
        can be read from: classes, original, labels, scores, votes, golden, rater-golden, groups, collapsed, hierarchy,
        folds and duplicates; and the folder images, images.zip or images.tar. Its benchmark.json may give its name,
        threshold, method, match and answers, and the place of images that are elsewhere.

    Returns
    -------
    Benchmark; of a folder, its sources are paths, and its images are listed when they are asked for. Its classes are
    those of the file, or else, where class folders of images serve as original labels, the names of the folders. Where
    there are neither, its groups are not read, since only the labels tell what its classes are.

    Raises
    ------
    DataError
        There is no such benchmark; two files hold one part; or benchmark.json, classes, groups or class folders are
        wrong.

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
    parts = {part: one_place(folder, part, places) for part, places in places_of_parts(folder, settings).items()}
    order = cache(partial(list_images, parts["images"])) if "images" in parts and exists(parts["images"]) else tuple
    classes = Classes()
    if "classes" in parts:
        classes = read_class_file(parts["classes"])
    elif "original" not in parts and are_in_class_folders(images := order()):
        with at(parts["images"]):
            classes = labels_from_folders(images).classes
    tables: dict[str, Any] = {}  # read in the class list of the labels, once that is known
    if "collapsed" in parts:
        tables["collapsed"] = partial(read_collapsed_file, parts["collapsed"])
    if "groups" in parts:
        tables["class_groups"] = partial(read_groups, parts["groups"])
    return Benchmark(
        name=settings.get("name", folder.resolve().name),
        classes=classes,
        order=order,
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


def has_class_folders(benchmark: Benchmark) -> bool:
    """Whether the class folders of a benchmark's images serve as its original labels: it has no others."""
    return (
        benchmark.folder is not None and "original" not in benchmark.sources and are_in_class_folders(benchmark.images)
    )


def labels_from_folders(images: Sequence[str], classes: Classes | None = None) -> LabelSets:
    """Original labels of images that lie in class folders: the class is the image's immediate folder.

    Parameters
    ----------
    images
        Names of images, as of `list_images`.
    classes
        The classes of the benchmark, in which folders are looked up by name or wnid and never by id; without, they are
        the names of the folders, sorted as text; those that differ only in capitals are different classes, with a
        `ReassessWarning`.

    Returns
    -------
    LabelSets of one class each.

    Raises
    ------
    DataError
        The images lie in no folders, or not all at one depth; a folder is none of the classes, or fits two; or folders
        are called by numbers, and no list of classes says that these are their ids.

    Examples
    --------
    >>> original = labels_from_folders(["pets/dog/rex.png", "pets/cat/tom.jpg"])
    >>> original.classes.names, original.indices
    (('cat', 'dog'), array([1, 0], dtype=int32))
    """
    check_type(Classes, classes, optional=True)
    of_depth = {name.count("/"): name for name in reversed(images)}
    if len(of_depth) != 1 or 0 in of_depth:
        raise DataError(
            "not-in-class-folders",
            "class folders are at different depths" if len(of_depth) > 1 else "images are not in class folders",
            allowed="each image in the folder of its class, all at one depth",
            found=some([of_depth[depth] for depth in sorted(of_depth)]) or "no image",
            fix="put each image into the folder of its class, or list the classes of the images in original.csv",
        )
    folders = [name.split("/")[-2] for name in images]
    if classes is None:
        classes = _classes_of_folders(folders)
        warn_of_capitals(classes, where="class folders")
    id_of = {folder: classes.find(folder) for folder in dict.fromkeys(folders)}
    lost = [folder for folder, class_id in id_of.items() if class_id is None]
    if lost:
        raise DataError(
            "unknown-class",
            NO_SUCH_CLASS,
            allowed=classes.allowed,
            found=f"class folders {some(sorted(lost), most=3)}",
            fix="rename the folder, or add its name to the list of classes; or, if the folders are no classes, "
            f"{_WRITE_ORIGINAL}",
        )
    return LabelSets.from_lists(images, ([id_of[folder] or 0] for folder in folders), classes)


def _classes_of_folders(folders: Sequence[str]) -> Classes:
    """The classes that folders name, sorted as text: 10 comes before 9, so that it would not be its own id."""
    try:
        return Classes.from_texts(folders, has_local_ids=False)
    except DataError as error:
        error.fix = (
            "rename the folders, such as 'class 10', or 00, 01, 02; or write classes.txt, with each number on its own "
            f"line, counted from 0; or, if the folders are no classes, {_WRITE_ORIGINAL}"
        )
        raise


def part_path(benchmark: Benchmark, part: str, *, needed_by: str | None = None) -> Path:
    """The file or folder of a part of a benchmark; a known file is fetched. `needed_by` is the command."""
    if part in benchmark.sources:
        if part == "images" and benchmark.folder is not None:
            check_images_place(benchmark.folder, Path(benchmark.sources[part]))
        return resolve(benchmark.sources[part])
    folder = benchmark.folder
    others = [] if folder is None else sorted(path.name for path in folder.glob("*") if path.stem == part)
    allowed = f"a file {part}, with one of the suffixes {', '.join(_SUFFIXES)}"
    if part == "images":
        allowed = "a folder images, or images.zip or images.tar, which is not compressed"
    raise DataError(
        "missing-part",
        f"benchmark has no {part}" + (f", which reassess {needed_by} needs" if needed_by else ""),
        where=folder or benchmark.name or None,
        allowed=allowed if others else None,
        found=some(others) or None,
        fix=_PARTS[part],
    )


def check_images_place(folder: Path, images: Path) -> None:
    """Raise if the images of a benchmark are no longer where its benchmark.json says."""
    if not exists(images):
        raise DataError(
            "moved-images",
            "images are not where the benchmark's settings say",
            where=f"{folder / SETTINGS_FILE}, key images",
            found=images,
            fix="move them back, or correct the key: a path relative to the folder of benchmark.json",
        )


def benchmark_folder(source: str | Path) -> Path:
    """The folder that a user means by `source`; `DataError` with what is called much the same if there is none."""
    if not isinstance(source, str | Path):
        raise DataError(
            "unknown-benchmark",
            "not the name of a benchmark",
            allowed=f"the path of a folder, or one of {', '.join(KNOWN_BENCHMARKS)}",
            found=repr(source),
        )
    folder = Path(source)
    if str(source) and exists(folder) and folder.is_dir():
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
    """The files, folders and archives in a benchmark's folder that are called as its parts, by part.

    Images that are not in the folder are where its `settings` say.
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
                "name is almost that of a benchmark part",
                where=folder,
                allowed=f"{part}{path.suffix}",
                found=path.name,
                fix="give it that name; or another one, if it is none of the parts",
            )
        places.setdefault(part, []).append(path)
    if "images" not in places and (elsewhere := (settings or {}).get("images")):
        places["images"] = [_normal_path(folder / elsewhere)]
    return {part: places[part] for part in _PARTS if part in places}


def _normal_path(path: Path) -> Path:
    """A path without "..", or without symlinks too if a ".." follows one."""
    short = Path(os.path.normpath(path))
    return short if short.resolve() == path.resolve() else path.resolve()


def part_named(path: Path) -> str | None:
    """The benchmark part whose name matches a file, ignoring case and dashes; None if none does."""
    part, suffix = path.stem.lower().replace("_", "-"), path.suffix.lower()
    suffixes = ("", *_ARCHIVES) if part == "images" else _SUFFIXES
    return part if part in _PARTS and suffix in suffixes else None


def one_place(folder: Path, part: str, places: Sequence[Path]) -> Path:
    """The place of a part; `DataError` if there are two."""
    if len(places) > 1:
        raise DataError(
            "duplicate-part",
            "images are in two places" if part == "images" else "two files are the same part of the benchmark",
            where=folder,
            allowed="one of images/, images.zip and images.tar" if part == "images" else f"one file {part}",
            found=" and ".join(path.name + "/" * path.is_dir() for path in places),
            fix="keep one, or give the other another name",
        )
    return places[0]


def are_in_class_folders(images: Sequence[str]) -> bool:
    """Whether images are in two or more folders: a single folder is not a class."""
    return len({name.rpartition("/")[0] for name in images}) > 1


def check_place(output: Path, benchmark: Benchmark, part: str | None = None) -> None:
    """Raise `OutputError` if an output would replace, or look like, a part of a benchmark other than `part`."""
    folder = benchmark.folder
    if folder is None:
        return
    fix = "choose another name or folder" + (f", such as {part}{output.suffix}" if part else "")
    refused = partial(OutputError, where=output, fix=fix)
    for other, source in benchmark.sources.items():
        if other != part and exists(source) and exists(output) and output.samefile(source):
            raise refused("output-is-input", f"output is the {other} of the benchmark")
    images = Path(benchmark.sources.get("images", folder / "images"))
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(images)):
        raise refused("reserved-output", "output would be among the images of the benchmark")
    if os.path.realpath(output.parent) != os.path.realpath(folder):
        return
    if output.name.lower() == SETTINGS_FILE:
        raise refused("reserved-output", "in a benchmark folder, this file has the settings")
    if (called := part_named(output)) is None:
        return
    if called != output.stem:
        raise refused("reserved-output", "output name is almost that of a benchmark part")
    if called != part:
        raise refused("reserved-output", f"in a benchmark folder, a file {called} is another part of it")
    there = benchmark.sources.get(part)
    if there is not None and Path(there).name != output.name:
        raise OutputError(
            "duplicate-part",
            "benchmark would have two files of one part",
            where=output,
            found=Path(there).name,
            fix=Fix(f"write {Path(there).name} ({{force}}), or remove it first", force=True),
        )
