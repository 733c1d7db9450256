"""What `--exclude` leaves out: the images of the benchmark that another set repeats, by a table of repeats."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from reassess.cli.common import Call
from reassess.cli.judges import Judges
from reassess.cli.repeats_inputs import load_repeats
from reassess.core.image_names import image_keys
from reassess.data.benchmark_images import benchmark_names
from reassess.errors import at
from reassess.text import counted

__all__ = ["Excluded", "load_excluded"]


@dataclass(frozen=True)
class Excluded:
    """The images that are left out.

    Parameters
    ----------
    file
        The table of repeats.
    name
        What the table calls the benchmark's set of images; None where it holds no row.
    images
        Names of the images that another set repeats, as the benchmark calls them.
    exact
        How many of them have an exact copy; the others look like an image of another set.
    unknown
        How many of them are no image of the benchmark.
    """

    file: Path
    name: str | None
    images: tuple[str, ...]
    exact: int
    unknown: int

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        counts = {"images": len(self.images), "exact": self.exact, "near": len(self.images) - self.exact}
        return {"file": str(self.file), "set": self.name, **counts, "unknown": self.unknown}

    def __str__(self) -> str:
        if self.name is None:
            return f"{self.file}: no image is repeated"
        near = len(self.images) - self.exact
        text = f"{self.file}: another set repeats {counted(len(self.images), 'image')} of {self.name}"
        if self.images:
            text += f", {self.exact:,} exactly and {near:,} nearly"
        return text + (f"; {self.unknown:,} of them not in the benchmark" if self.unknown else "")


def load_excluded(call: Call, given: str | None, judges: Judges) -> Excluded | None:
    """The images that `--exclude` leaves out; None without it.

    Raises
    ------
    DataError
        The file holds no repeats; or it cannot be told which set of them is the benchmark's.
    """
    if given is None:
        return None
    known = _known_images(judges)
    match = judges.benchmark.match or "path"
    loaded = load_repeats(call, given, known, judges.benchmark, option="--exclude")
    path, repeats, name = loaded.file, loaded.repeats, loaded.name
    if name is None:
        return Excluded(path, None, (), 0, 0)
    with at(path):
        images = benchmark_names(repeats.repeated_elsewhere(name), judges.benchmark)
    there = set(image_keys(known, match))
    return Excluded(
        file=path,
        name=name,
        images=images,
        exact=len(repeats.repeated_elsewhere(name, "exact")),
        unknown=sum(key not in there for key in image_keys(images, match)),
    )


def _known_images(judges: Judges) -> tuple[str, ...]:
    """The names of all images of which something is known; one may stand twice."""
    nouns = [*judges.sets.values(), *([] if judges.original is None else [judges.original])]
    return (*judges.benchmark.images, *chain.from_iterable(noun.images for noun in nouns))
