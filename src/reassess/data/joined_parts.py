"""Files of one benchmark, mapped to one class list and to the benchmark's image names."""

import posixpath
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

from reassess.core import Benchmark, Classes, DataWithClasses, Id, Questions, Votes, align_classes
from reassess.core.image_names import image_keys, match_images, suggest_match
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.errors import DataError, ReassessWarning, add_place_to_errors
from reassess.text import count_noun, join_first

_Classed = TypeVar("_Classed", bound=DataWithClasses)


def align_parts(
    nouns: Mapping[str, _Classed], benchmark: Benchmark, classes: Classes | None = None
) -> dict[str, _Classed]:
    """Map labels, scores and votes, by file, to one class list and to the names of `benchmark_names`."""
    aligned = align_classes(nouns, classes)
    for file, noun in aligned.items():
        with add_place_to_errors(file):
            aligned[file] = cast("_Classed", noun.with_images(benchmark_names(noun.images, benchmark)))
    return aligned


def benchmark_names(images: Sequence[str], benchmark: Benchmark) -> tuple[str, ...]:
    """Return the benchmark's name of each image; for an image it does not have, the key of the name.

    Names lose the path of the benchmark's image folder, and are matched as the benchmark's `match` says.
    """
    match = benchmark.match or "path"
    names = tuple(images) if benchmark.folder is None else _remove_image_folder(images, benchmark)
    if match == "path":
        return names
    known = benchmark.images
    rows = match_images(names, known, match=match, where=None, known_place="the benchmark's images").tolist()
    keys = image_keys(names, match)
    return tuple(known[row] if row >= 0 else key for row, key in zip(rows, keys, strict=True))


def _remove_image_folder(images: Sequence[str], benchmark: Benchmark) -> tuple[str, ...]:
    """Remove the path of a benchmark's image folder from names; it may be relative, absolute or resolved."""
    assert benchmark.folder is not None
    working_folder = Path.cwd()
    elsewhere = Path(benchmark.sources.get("images", "images"))  # benchmark.json may name another folder
    both = benchmark.folder / "images", elsewhere
    forms = [form for place in both for form in (place, place.absolute(), place.resolve())]
    relative = (form.relative_to(working_folder) for form in forms if working_folder in form.parents)
    places = (*forms, *relative, Path("images"))
    prefixes = tuple(dict.fromkeys(f"{posixpath.normpath(path.as_posix())}/" for path in places))

    def below(name: str) -> str:
        paths = [name.replace("\\", "/")]
        if paths[0].startswith(("./", "../")):
            paths = [posixpath.normpath(path) for path in (paths[0], f"{working_folder.as_posix()}/{paths[0]}")]
        below_prefix = (path.removeprefix(prefix) for path in paths for prefix in prefixes if path.startswith(prefix))
        return next(below_prefix, paths[0])

    return tuple(map(below, images))


def check_common_images(
    parts: Mapping[str, DataWithClasses],
    files: Mapping[str, str],
    benchmark: Benchmark,
    *,
    with_one_another: bool = False,
) -> None:
    """Raise `DataError` if files that are used together have no image, or plain item, in common.

    `parts` and `files` have the names of `Benchmark.sources` as keys; a second file of a part has a number, as in
    "labels 2". The files of the first part must also share images `with_one_another`, if that is set.
    """
    names = {part: _names(noun) for part, noun in parts.items()}
    for part, partners in _partners(list(parts), with_one_another):
        alike = [name for name in partners if names[name] and _is_plain(parts[name]) == _is_plain(parts[part])]
        if names[part] and alike and not any(_overlap(names[part], names[name]) for name in alike):
            both = {name: parts[name] for name in parts if name in (part, alike[0])}
            raise _nothing_in_common(both, files, benchmark)


def warn_of_unknown_images(
    parts: Mapping[str, DataWithClasses], files: Mapping[str, str], benchmark: Benchmark
) -> None:
    """Warn about images in a file that are not in the benchmark's image folder."""
    known = set(image_keys(benchmark.images)) if benchmark.folder else set()
    for part, noun in parts.items() if known else ():
        unknown = [name for name, key in zip(noun.images, image_keys(noun.images), strict=True) if key not in known]
        if unknown:
            count = f"{len(unknown):,} of {count_noun(len(noun.images), 'image')}"
            text = (
                f"{files[part]}: {count} not in the image folder of {benchmark.name}: "
                f"{join_first(unknown, max_items=3)}"
            )
            warnings.warn(text, ReassessWarning, stacklevel=2)


def _nothing_in_common(
    parts: Mapping[str, DataWithClasses], files: Mapping[str, str], benchmark: Benchmark
) -> DataError:
    thing, match_fix, alternative = "item", None, "use only one of them"
    if set(map(_base_part, parts)) == {"votes", "golden"}:
        alternative = "add the raters' votes on golden questions to the benchmark, as rater-golden"
    names = [noun.images or _names(noun) for noun in parts.values()]
    if not any(map(_is_plain, parts.values())):
        thing, setting = "image", SETTINGS_FILE if benchmark.folder else ""
        few, many = sorted((noun.images for noun in parts.values()), key=len)
        match_fix = suggest_match(few, many, match=benchmark.match or "path", settings_file=setting)
    return DataError(
        "nothing-in-common",
        f"two files have no {thing} in common",
        where=" and ".join(f"{files[part]} ({_base_part(part)})" for part in parts),
        found="; and ".join(join_first(images, max_items=2) for images in names),
        fix=match_fix or f"use files about the same {thing}s, or {alternative}",
    )


def _partners(parts: Sequence[str], with_one_another: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield each part with its partners: it must have an image in common with at least one of them."""
    main = [part for part in parts if _base_part(part) == _base_part(parts[0])]
    for part in parts:
        if part in main:
            yield part, [partner for partner in main if partner != part and with_one_another]
        elif part == "rater-golden":
            yield part, ["golden"] if "golden" in parts else []
        else:
            yield part, [*main, "rater-golden"] if part == "golden" and "rater-golden" in parts else main


def _base_part(part: str) -> str:
    """Remove the number of a part: "labels 2" becomes "labels"."""
    return part.partition(" ")[0]


def _is_plain(noun: DataWithClasses) -> bool:
    """Return whether these are votes on plain items, which may be images or anything else."""
    return isinstance(noun, Votes) and noun.classes is None and not isinstance(noun.items, Questions)


def _names(noun: DataWithClasses) -> Sequence[Id]:
    """Return the keys of the images, or the names of the plain items."""
    if isinstance(noun, Votes) and not isinstance(noun.items, Questions):
        return noun.items if noun.classes is None else image_keys(noun.images)
    return image_keys(noun.images)


def _overlap(first: Sequence[Id], second: Sequence[Id]) -> bool:
    """Return whether a name is in both."""
    few, many = sorted((first, second), key=len)
    names = many if isinstance(many, range) else set(many)
    return any(name in names for name in few)


def check_one_kind(votes: Mapping[str, Votes]) -> None:
    """Raise `DataError` if files contain different kinds of votes, such as votes on plain items."""
    kinds = {path: _kind_of_votes(part) for path, part in votes.items()}
    first, *rest = kinds or [""]
    for file in rest:
        if kinds[file] != kinds[first]:
            raise DataError(
                "different-votes",
                "votes of different kinds cannot be joined",
                where=f"{first} and {file}",
                found=f"{kinds[first]}, and {kinds[file]}",
                fix="use the columns image and class in both files, or only image in both, or item in both",
            )


def _kind_of_votes(votes: Votes) -> str:
    if isinstance(votes.items, Questions):
        return "answers to (image, class) questions"
    return "answers on plain items" if votes.classes is None else "one class for each image"
