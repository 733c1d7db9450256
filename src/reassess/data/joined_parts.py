"""Files of a benchmark in one list of classes, each image called as the benchmark calls it."""

import posixpath
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

from reassess.core import Benchmark, Classed, Classes, Id, Questions, Votes, align_classes
from reassess.core.image_names import image_keys, join, suggest_match
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.errors import DataError, ReassessWarning, at
from reassess.text import counted, some

_Classed = TypeVar("_Classed", bound=Classed)


def in_one_benchmark(
    nouns: Mapping[str, _Classed], benchmark: Benchmark, classes: Classes | None = None
) -> dict[str, _Classed]:
    """The same nouns, by file, in one class list, with images named as `benchmark_names` does."""
    moved = align_classes(nouns, classes)
    for file, noun in moved.items():
        with at(file):
            moved[file] = cast("_Classed", noun.with_images(benchmark_names(noun.images, benchmark)))
    return moved


def benchmark_names(images: Sequence[str], benchmark: Benchmark) -> tuple[str, ...]:
    """What a benchmark calls some images: without the path of its images, joined by its match; others by key."""
    match = benchmark.match or "path"
    names = tuple(images) if benchmark.folder is None else _below(images, benchmark.folder)
    if match == "path":
        return names
    own = benchmark.images
    rows = join(names, own, match=match, where=None, known_where="the benchmark's images").tolist()
    keys = image_keys(names, match)
    return tuple(own[row] if row >= 0 else key for row, key in zip(rows, keys, strict=True))


def _below(images: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Names without the path of the images in a benchmark's folder."""
    place, here = folder / "images", Path.cwd().as_posix()
    places = (place, place.absolute(), place.resolve(), Path("images"))
    heads = tuple(dict.fromkeys(f"{posixpath.normpath(each.as_posix())}/" for each in places))

    def below(name: str) -> str:
        ways = [name.replace("\\", "/")]
        if ways[0].startswith(("./", "../")):
            ways = [posixpath.normpath(way) for way in (ways[0], f"{here}/{ways[0]}")]
        return next((way.removeprefix(head) for way in ways for head in heads if way.startswith(head)), ways[0])

    return tuple(map(below, images))


def check_common_images(
    parts: Mapping[str, Classed], files: Mapping[str, str], benchmark: Benchmark, *, with_one_another: bool = False
) -> None:
    """Raise `DataError` if files that are joined have no image, or plain item, in common.

    Parts are named as in `Benchmark.sources`; a second file of a part has its number, as in "labels 2".
    """
    names = {part: _names(noun) for part, noun in parts.items()}
    for part, others in _joined(list(parts), with_one_another):
        alike = [other for other in others if names[other] and _is_plain(parts[other]) == _is_plain(parts[part])]
        if names[part] and alike and not any(_meet(names[part], names[other]) for other in alike):
            both = {each: parts[each] for each in parts if each in (part, alike[0])}
            raise _nothing_in_common(both, files, benchmark)


def warn_of_other_images(parts: Mapping[str, Classed], files: Mapping[str, str], benchmark: Benchmark) -> None:
    """Warn about images in a file that are not in the benchmark's folder of images."""
    own = set(image_keys(benchmark.images)) if benchmark.folder else set()
    for part, noun in parts.items() if own else ():
        others = [name for name, key in zip(noun.images, image_keys(noun.images), strict=True) if key not in own]
        if others:
            count = f"{len(others):,} of {counted(len(noun.images), 'image')}"
            text = f"{files[part]}: {count} not in the folder of images of {benchmark.name}: {some(others, most=3)}"
            warnings.warn(text, ReassessWarning, stacklevel=2)


def _nothing_in_common(parts: Mapping[str, Classed], files: Mapping[str, str], benchmark: Benchmark) -> DataError:
    thing, fits, otherwise = "item", None, "leave one of them out"
    if set(map(_kind, parts)) == {"votes", "golden"}:
        otherwise = "give the raters' votes on golden questions too, as rater-golden of the benchmark"
    names = [noun.images or _names(noun) for noun in parts.values()]
    if not any(map(_is_plain, parts.values())):
        thing, setting = "image", SETTINGS_FILE if benchmark.folder else ""
        few, many = sorted((noun.images for noun in parts.values()), key=len)
        fits = suggest_match(few, many, match=benchmark.match or "path", setting=setting)
    return DataError(
        "nothing-in-common",
        f"two files have no {thing} in common",
        where=" and ".join(f"{files[part]} ({_kind(part)})" for part in parts),
        found="; and ".join(some(each, most=2) for each in names),
        fix=fits or f"check that both files are of the same {thing}s, or {otherwise}",
    )


def _joined(parts: Sequence[str], with_one_another: bool) -> Iterator[tuple[str, list[str]]]:
    """Each part, and those of which at least one must have an image in common with it."""
    main = [part for part in parts if _kind(part) == _kind(parts[0])]
    for part in parts:
        if part in main:
            yield part, [other for other in main if other != part and with_one_another]
        elif part == "rater-golden":
            yield part, ["golden"] if "golden" in parts else []
        else:
            yield part, [*main, "rater-golden"] if part == "golden" and "rater-golden" in parts else main


def _kind(part: str) -> str:
    """A part without its number: "labels" of "labels 2"."""
    return part.partition(" ")[0]


def _is_plain(noun: Classed) -> bool:
    """Whether these are votes on plain items, of which it is not known whether they are images."""
    return isinstance(noun, Votes) and noun.classes is None and not isinstance(noun.items, Questions)


def _names(noun: Classed) -> Sequence[Id]:
    """What identifies the images, or the plain items."""
    if isinstance(noun, Votes) and not isinstance(noun.items, Questions):
        return noun.items if noun.classes is None else image_keys(noun.images)
    return image_keys(noun.images)


def _meet(first: Sequence[Id], second: Sequence[Id]) -> bool:
    """Whether a name is in both."""
    few, many = sorted((first, second), key=len)
    there = many if isinstance(many, range) else set(many)
    return any(name in there for name in few)


def check_one_kind(votes: Mapping[str, Votes]) -> None:
    """Raise `DataError` if votes are on (image, class) questions in one file, and on something else in another."""
    kinds = {path: _subject(part) for path, part in votes.items()}
    first, *others = kinds or [""]
    for other in others:
        if kinds[other] != kinds[first]:
            raise DataError(
                "different-votes",
                "votes of different kinds cannot be joined",
                where=f"{first} and {other}",
                found=f"{kinds[first]}, and {kinds[other]}",
                fix="give both files the columns image and class, or both image alone, or both item",
            )


def _subject(votes: Votes) -> str:
    if isinstance(votes.items, Questions):
        return "answers to (image, class) questions"
    return "answers on plain items" if votes.classes is None else "one class for each image"
