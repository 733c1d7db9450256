"""A table of repeats as an option gives it: the file, and which of its sets is the one of the images at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reassess.cli.common import Call
from reassess.core.benchmark import Benchmark
from reassess.core.repeats import Repeats
from reassess.data.benchmark_images import benchmark_names
from reassess.errors import DataError, at
from reassess.evaluation.exclusion import set_of_images
from reassess.formats.files import exists
from reassess.formats.repeats import read_repeats

__all__ = ["GivenRepeats", "load_repeats"]


@dataclass(frozen=True)
class GivenRepeats:
    """Repeats, their file, and what they call the set of the images at hand; None where they hold no row."""

    file: Path
    repeats: Repeats
    name: str | None


def load_repeats(call: Call, given: str, known: Sequence[str], benchmark: Benchmark, *, option: str) -> GivenRepeats:
    """The repeats that an option gives as ``FILE`` or ``FILE:SET``.

    Parameters
    ----------
    given, option
        What was given, and to which option.
    known
        The names of all images at hand; one may stand twice.
    benchmark
        To which they belong.

    Raises
    ------
    DataError
        The file holds no repeats; or it cannot be told which set of them is that of the images.
    """
    path, name = _parted(given)
    repeats = read_repeats(call.read("repeats", path))
    if name is None and not len(repeats):
        return GivenRepeats(path, repeats, None)
    with at(path):
        names = repeats.sets if name is None else (name,)
        sets = {each: benchmark_names(repeats.images_of(each), benchmark) for each in names}
        try:
            name = set_of_images(sets, known, match=benchmark.match or "path")
        except DataError as error:
            likeliest = max(sets, key=lambda each: len({*sets[each]} & {*known}))
            error.mend = error.mend or f"name the benchmark's set behind the file, as in {option} {path}:{likeliest}"
            raise
    return GivenRepeats(path, repeats, name)


def _parted(given: str) -> tuple[Path, str | None]:
    """The file, and the name of the set behind a colon; a file whose own name holds one is taken as it is."""
    path, colon, name = given.rpartition(":")
    return (Path(path), name) if colon and name and path and not exists(given) else (Path(given), None)
