"""The images that `--duplicates` excludes: those with a duplicate in another set, by the table of scan."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from reassess.cleaning import groups_within
from reassess.cli.call import Call
from reassess.cli.evaluation_inputs import EvaluationInputs
from reassess.core import Benchmark, Duplicates, LabelSets
from reassess.core.image_names import image_keys
from reassess.data import benchmark_names
from reassess.errors import DataError, at
from reassess.evaluation import set_of_images
from reassess.formats import read_duplicates
from reassess.formats.files import exists
from reassess.text import counted


@dataclass(frozen=True)
class DuplicatesOption:
    """Duplicates, their file, and the name of the benchmark's set in them; None if they have no row."""

    file: Path
    duplicates: Duplicates
    name: str | None


def load_duplicates(call: Call, given: str, known: Sequence[str], benchmark: Benchmark) -> DuplicatesOption:
    """The duplicates that an option gives as ``FILE`` or ``FILE:SET``."""
    path, name = _split_set_name(given)
    duplicates = read_duplicates(call.add_input("duplicates", path))
    if name is None and not len(duplicates):
        return DuplicatesOption(path, duplicates, None)
    with at(path):
        names = duplicates.sets if name is None else (name,)
        sets = {each: benchmark_names(duplicates.images_of(each), benchmark) for each in names}
        try:
            name = set_of_images(sets, known, match=benchmark.match or "path")
        except DataError as error:
            likeliest = max(sets, key=lambda each: len({*sets[each]} & {*known}))
            error.fix = error.fix or f"name the benchmark's set behind the file, as in --duplicates {path}:{likeliest}"
            raise
    return DuplicatesOption(path, duplicates, name)


def load_groups(call: Call, given: str, labels: LabelSets, benchmark: Benchmark) -> tuple[list[tuple[str, ...]], int]:
    """Groups of duplicates by the benchmark's image names; and how many of these images have no label."""
    loaded = load_duplicates(call, given, labels.images, benchmark)
    if loaded.name is None:
        return [], 0
    groups = [benchmark_names(group, benchmark) for group in groups_within(loaded.duplicates, loaded.name)]
    names = dict.fromkeys(chain.from_iterable(groups))
    lost = {name for name, row in zip(names, labels.find(tuple(names)).tolist(), strict=True) if row < 0}
    kept = [tuple(name for name in group if name not in lost) for group in groups]
    return [group for group in kept if len(group) > 1], len(lost)


def _split_set_name(given: str) -> tuple[Path, str | None]:
    """The file, and the name of the set behind a colon; a file whose own name holds one is taken as it is."""
    path, colon, name = given.rpartition(":")
    return (Path(path), name) if colon and name and path and not exists(given) else (Path(given), None)


@dataclass(frozen=True)
class ExcludedImages:
    """The images that are left out."""

    file: Path  # the table of duplicates
    name: str | None  # what the table calls the benchmark's set of images; None where it holds no row
    images: tuple[str, ...]  # Names of the images that another set duplicates, as the benchmark calls them
    exact: int  # how many of them have an exact copy; the others look like an image of another set
    unknown: int  # how many of them are no image of the benchmark

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        counts = {"images": len(self.images), "exact": self.exact, "near": len(self.images) - self.exact}
        return {"file": str(self.file), "set": self.name, **counts, "unknown": self.unknown}

    def __str__(self) -> str:
        if self.name is None:
            return f"{self.file}: no image has a duplicate"
        images, near = counted(len(self.images), "image"), len(self.images) - self.exact
        kinds = f" ({self.exact:,} exact, {near:,} near)" if self.images else ""
        text = f"{self.file}: {images} of {self.name} with a duplicate in another set{kinds}"
        return text + (f"; {self.unknown:,} of them not in the benchmark" if self.unknown else "")


def load_excluded_images(call: Call, given: str, inputs: EvaluationInputs) -> ExcludedImages:
    """The images that `--duplicates` excludes."""
    known = _known_images(inputs)
    match = inputs.benchmark.match or "path"
    loaded = load_duplicates(call, given, known, inputs.benchmark)
    path, duplicates, name = loaded.file, loaded.duplicates, loaded.name
    if name is None:
        return ExcludedImages(path, None, (), 0, 0)
    with at(path):
        images = benchmark_names(duplicates.duplicated_elsewhere(name), inputs.benchmark)
    there = set(image_keys(known, match))
    return ExcludedImages(
        file=path,
        name=name,
        images=images,
        exact=len(duplicates.duplicated_elsewhere(name, "exact")),
        unknown=sum(key not in there for key in image_keys(images, match)),
    )


def _known_images(inputs: EvaluationInputs) -> tuple[str, ...]:
    """The names of all images of which something is known; one may stand twice."""
    nouns = [*inputs.sets.values(), *([] if inputs.original is None else [inputs.original])]
    return (*inputs.benchmark.images, *chain.from_iterable(noun.images for noun in nouns))
