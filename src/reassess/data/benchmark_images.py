"""Files of a benchmark in one list of classes, each image called as the benchmark calls it."""

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

from reassess.core.benchmark import Benchmark
from reassess.core.class_lists import Classed, in_one_list
from reassess.core.classes import Classes
from reassess.core.image_names import image_keys, join
from reassess.errors import at

__all__ = ["benchmark_names", "in_one_benchmark"]

_Classed = TypeVar("_Classed", bound=Classed)


def in_one_benchmark(
    nouns: Mapping[str, _Classed], benchmark: Benchmark, classes: Classes | None = None
) -> dict[str, _Classed]:
    """The same nouns in one list of classes, each image called as the benchmark calls it.

    The path of the benchmark's folder is no part of a name, and names are joined as `Benchmark.match` says.

    Parameters
    ----------
    nouns
        By the name of the file, for messages.
    benchmark
        To which the images belong.
    classes
        Its classes, if they are known.

    Raises
    ------
    DataError
        As for `in_one_list`; or two names of one file are of one image.
    """
    moved = in_one_list(nouns, classes)
    for file, noun in moved.items():
        with at(file):
            moved[file] = cast("_Classed", noun.renamed(benchmark_names(noun.images, benchmark)))
    return moved


def benchmark_names(images: Sequence[str], benchmark: Benchmark) -> tuple[str, ...]:
    """What a benchmark calls some images; other images are called by what identifies them.

    Of a benchmark's folder, the path of its images is no part of a name, however it is written: from the working
    folder or from the root, and with steps such as ``./`` and ``../``.

    Parameters
    ----------
    images
        Names of images, as of some file.
    benchmark
        To which they belong.

    Raises
    ------
    DataError
        Two names are of one image, or one is of two, as `Benchmark.match` joins them.
    """
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
