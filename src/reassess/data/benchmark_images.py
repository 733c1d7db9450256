"""Files of a benchmark in one list of classes, each image called as the benchmark calls it."""

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
    """The same label sets, scores and votes in one list of classes, each image called as the benchmark calls it.

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
    """What the benchmark of a folder calls some images; other images are called by their path below it.

    Parameters
    ----------
    images
        Names of images, as of some file.
    benchmark
        One of a folder; to others, images are known by the names in their files.
    """
    if benchmark.folder is None:
        return tuple(images)
    match, place = benchmark.match or "path", Path(benchmark.sources.get("images", "images"))
    heads = tuple(f"{folder.as_posix()}/" for folder in (place, place.resolve(), Path("images")))
    names = [name.replace("\\", "/") for name in images]
    head_of = [next((head for head in heads if name.startswith(head)), "") for name in names]
    below = [name.removeprefix(head) for name, head in zip(names, head_of, strict=True)]
    if match == "path":
        return tuple(below)
    own = benchmark.images
    rows = join(below, own, match=match, known_where="the benchmark's images").tolist()
    keys = image_keys(below, match)
    return tuple(own[row] if row >= 0 else key for row, key in zip(rows, keys, strict=True))
