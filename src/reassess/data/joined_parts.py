"""Files of a benchmark that are used together: map them to one class list and the same image names."""

import posixpath
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

from reassess.core import Benchmark, Classes, DataWithClasses, Id, Questions, Votes, align_classes
from reassess.core.image_names import image_keys, match_images, suggest_match_fix
from reassess.core.items import list_names
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.errors import DataError, ReassessWarning, add_error_place
from reassess.text import count_noun, join_first

_Classed = TypeVar("_Classed", bound=DataWithClasses)


def align_parts(
    parts: Mapping[str, _Classed], benchmark: Benchmark, classes: Classes | None = None
) -> dict[str, _Classed]:
    """Map the labels, scores or votes of each file to one class list and to the benchmark's image names."""
    aligned = align_classes(parts, classes)
    for file, part in aligned.items():
        with add_error_place(file):
            aligned[file] = cast("_Classed", part.with_images(to_benchmark_names(part.images, benchmark)))
    return aligned


def to_benchmark_names(images: Sequence[str], benchmark: Benchmark) -> tuple[str, ...]:
    """Return the benchmark's name of each image; for an unknown image, return its own name, normalized.

    The path of the benchmark's image folder is removed from the names. Then the names are compared by path, name or
    stem, as the benchmark's `match` says.
    """
    match = benchmark.match or "path"
    names = tuple(images) if benchmark.folder is None else _strip_image_folder(images, benchmark)
    if match == "path":
        return names
    benchmark_images = benchmark.images
    rows = match_images(names, benchmark_images, match=match, where=None, known_where="the benchmark's images").tolist()
    keys = image_keys(names, match)
    return tuple(benchmark_images[row] if row >= 0 else key for row, key in zip(rows, keys, strict=True))


def _strip_image_folder(images: Sequence[str], benchmark: Benchmark) -> tuple[str, ...]:
    """Make image names relative to the benchmark's image folder, if they start with the path of this folder."""
    assert benchmark.folder is not None
    working_folder = Path.cwd()
    elsewhere = Path(benchmark.sources.get("images", "images"))  # benchmark.json may name another folder
    folders = benchmark.folder / "images", elsewhere
    forms = [form for place in folders for form in (place, place.absolute(), place.resolve())]
    relative = (form.relative_to(working_folder) for form in forms if working_folder in form.parents)
    places = (*forms, *relative, Path("images"))
    prefixes = tuple(dict.fromkeys(f"{posixpath.normpath(path.as_posix())}/" for path in places))

    def strip_image_folder(name: str) -> str:
        paths = [name.replace("\\", "/")]
        if paths[0].startswith(("./", "../")):
            paths = [posixpath.normpath(path) for path in (paths[0], f"{working_folder.as_posix()}/{paths[0]}")]
        below_prefix = (path.removeprefix(prefix) for path in paths for prefix in prefixes if path.startswith(prefix))
        return next(below_prefix, paths[0])

    return tuple(map(strip_image_folder, images))


def check_common_images(
    parts: Mapping[str, DataWithClasses],
    files: Mapping[str, str],
    benchmark: Benchmark,
    *,
    all_files_share_images: bool = False,
) -> None:
    """Raise `DataError` if files that are used together have no image or item in common.

    `parts` and `files` have the names of `Benchmark.sources` as keys; a second file of a part has a number, as in
    "labels 2". If `all_files_share_images`, the files of the first part must also share images
    with each other.
    """
    names = {part: _item_names(labels_or_votes) for part, labels_or_votes in parts.items()}
    for part, partners in _list_parts_to_compare(list(parts), all_files_share_images).items():
        comparable = [
            name
            for name in partners
            if names[name] and _has_items_without_images(parts[name]) == _has_items_without_images(parts[part])
        ]
        if names[part] and comparable and not any(_has_common_name(names[part], names[name]) for name in comparable):
            disjoint_parts = {name: parts[name] for name in parts if name in (part, comparable[0])}
            raise _nothing_in_common_error(disjoint_parts, files, benchmark)


def warn_about_unknown_images(
    parts: Mapping[str, DataWithClasses], files: Mapping[str, str], benchmark: Benchmark
) -> None:
    """Warn about images in files that are not in the benchmark's image folder."""
    known_keys = set(image_keys(benchmark.images)) if benchmark.folder else set()
    for part, labels_or_votes in parts.items() if known_keys else ():
        unknown = [
            name
            for name, key in zip(labels_or_votes.images, image_keys(labels_or_votes.images), strict=True)
            if key not in known_keys
        ]
        if unknown:
            count = f"{len(unknown):,} of {count_noun(len(labels_or_votes.images), 'image')}"
            text = (
                f"{files[part]}: {count} not in the image folder of {benchmark.name}: "
                f"{join_first(unknown, max_items=3)}"
            )
            warnings.warn(text, ReassessWarning, stacklevel=2)


def _nothing_in_common_error(
    parts: Mapping[str, DataWithClasses], files: Mapping[str, str], benchmark: Benchmark
) -> DataError:
    """Create an error about two files without a common image or item."""
    thing, match_fix, alternative = "item", None, "use only one of them"
    if set(map(_part_without_number, parts)) == {"votes", "golden"}:
        alternative = "add the raters' votes on golden questions to the benchmark, as rater-golden"
    names = [labels_or_votes.images or _item_names(labels_or_votes) for labels_or_votes in parts.values()]
    if not any(map(_has_items_without_images, parts.values())):
        thing, setting = "image", SETTINGS_FILE if benchmark.folder else ""
        shorter_names, longer_names = sorted((labels_or_votes.images for labels_or_votes in parts.values()), key=len)
        match = benchmark.match or "path"
        match_fix = suggest_match_fix(shorter_names, longer_names, match=match, settings_file=setting)
    return DataError(
        "nothing-in-common",
        f"two files have no {thing} in common",
        where=" and ".join(f"{files[part]} ({_part_without_number(part)})" for part in parts),
        found="; and ".join(join_first(images, max_items=2) for images in names),
        fix=match_fix or f"use files about the same {thing}s, or {alternative}",
    )


def _list_parts_to_compare(parts: Sequence[str], all_files_share_images: bool) -> dict[str, list[str]]:
    """For each part, list other parts. The part must share an image with at least one part of its list."""
    first_part_files = [part for part in parts if _part_without_number(part) == _part_without_number(parts[0])]
    partners = dict.fromkeys(parts, first_part_files)
    for part in first_part_files:
        partners[part] = [partner for partner in first_part_files if partner != part and all_files_share_images]
    if "rater-golden" in parts and "rater-golden" not in first_part_files:
        partners["rater-golden"] = ["golden"] if "golden" in parts else []
    if {"golden", "rater-golden"} <= set(parts) and "golden" not in first_part_files:
        partners["golden"] = [*first_part_files, "rater-golden"]
    return partners


def _part_without_number(part: str) -> str:
    """Return the name of a part without its number: "labels 2" becomes "labels"."""
    return part.partition(" ")[0]


def _has_items_without_images(labels_or_votes: DataWithClasses) -> bool:
    """Return whether the data are votes on items other than images, for example on texts."""
    return (
        isinstance(labels_or_votes, Votes)
        and labels_or_votes.classes is None
        and not isinstance(labels_or_votes.items, Questions)
    )


def _item_names(labels_or_votes: DataWithClasses) -> Sequence[Id]:
    """Return the keys of the images, or for votes on other items, the ids of the items."""
    if isinstance(labels_or_votes, Votes) and not isinstance(labels_or_votes.items, Questions):
        return (
            list_names(labels_or_votes.items) if labels_or_votes.classes is None else image_keys(labels_or_votes.images)
        )
    return image_keys(labels_or_votes.images)


def _has_common_name(first_names: Sequence[Id], second_names: Sequence[Id]) -> bool:
    """Return whether two lists of names have a name in common."""
    shorter_names, longer_names = sorted((first_names, second_names), key=len)
    names = longer_names if isinstance(longer_names, range) else set(longer_names)
    return any(name in names for name in shorter_names)


def check_same_vote_kind(votes: Mapping[str, Votes]) -> None:
    """Raise `DataError` if files contain different kinds of votes, such as votes with and without images."""
    kinds = {path: _describe_vote_kind(part) for path, part in votes.items()}
    first_file, *other_files = kinds or [""]
    for file in other_files:
        if kinds[file] != kinds[first_file]:
            raise DataError(
                "different-votes",
                "votes of different kinds cannot be joined",
                where=f"{first_file} and {file}",
                found=f"{kinds[first_file]}, and {kinds[file]}",
                fix="use the columns image and class in both files, or only image in both, or item in both",
            )


def _describe_vote_kind(votes: Votes) -> str:
    """Describe in a few words what the votes are about."""
    if isinstance(votes.items, Questions):
        return "answers to (image, class) questions"
    return "answers on items without images" if votes.classes is None else "one class for each image"
