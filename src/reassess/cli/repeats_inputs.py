"""A table of repeats as an option gives it: the file, and which of its sets is the one of the images at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from reassess.cleaning.folding import groups_within
from reassess.cli.common import Call
from reassess.core.benchmark import Benchmark
from reassess.core.labels import LabelSets
from reassess.core.repeats import Repeats
from reassess.data.benchmark_images import benchmark_names
from reassess.errors import DataError, at
from reassess.evaluation.exclusion import set_of_images
from reassess.formats.files import exists
from reassess.formats.repeats import read_repeats

__all__ = ["GivenRepeats", "load_groups", "load_repeats"]


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


def load_groups(call: Call, given: str, labels: LabelSets, benchmark: Benchmark) -> tuple[list[tuple[str, ...]], int]:
    """Images that repeat one another, as the benchmark calls them; and how many of them have no label."""
    loaded = load_repeats(call, given, labels.images, benchmark, option="--repeats")
    if loaded.name is None:
        return [], 0
    groups = [benchmark_names(group, benchmark) for group in groups_within(loaded.repeats, loaded.name)]
    names = dict.fromkeys(chain.from_iterable(groups))
    lost = {name for name, row in zip(names, labels.find(tuple(names)).tolist(), strict=True) if row < 0}
    kept = [tuple(name for name in group if name not in lost) for group in groups]
    return [group for group in kept if len(group) > 1], len(lost)


def _parted(given: str) -> tuple[Path, str | None]:
    """The file, and the name of the set behind a colon; a file whose own name holds one is taken as it is."""
    path, colon, name = given.rpartition(":")
    return (Path(path), name) if colon and name and path and not exists(given) else (Path(given), None)
