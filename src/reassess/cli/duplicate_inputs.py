"""Read duplicates for --duplicates: groups within a set, or images with duplicates in another set."""

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
from reassess.errors import DataError, add_place_to_errors
from reassess.evaluation import find_image_set
from reassess.formats import read_duplicates
from reassess.formats.files import exists
from reassess.text import count_noun


@dataclass(frozen=True)
class DuplicatesOption:
    """The value of --duplicates: a file, its duplicates, and the benchmark's set (None without rows)."""

    file: Path
    duplicates: Duplicates
    name: str | None


def load_duplicates(call: Call, text: str, image_names: Sequence[str], benchmark: Benchmark) -> DuplicatesOption:
    """Read the duplicates of an option ``FILE`` or ``FILE:SET``."""
    path, name = _split_set_name(text)
    duplicates = read_duplicates(call.add_input("duplicates", path))
    if name is None and not len(duplicates):
        return DuplicatesOption(path, duplicates, None)
    with add_place_to_errors(path):
        names = duplicates.sets if name is None else (name,)
        sets = {each: benchmark_names(duplicates.images_of(each), benchmark) for each in names}
        try:
            name = find_image_set(sets, image_names, match=benchmark.match or "path")
        except DataError as error:
            closest = max(sets, key=lambda each: len({*sets[each]} & {*image_names}))
            error.fix = error.fix or f"name the benchmark's set after the file, such as --duplicates {path}:{closest}"
            raise
    return DuplicatesOption(path, duplicates, name)


def load_groups(call: Call, text: str, labels: LabelSets, benchmark: Benchmark) -> tuple[list[tuple[str, ...]], int]:
    """Return groups of labelled duplicates, and the number of duplicates without a label."""
    loaded = load_duplicates(call, text, labels.images, benchmark)
    if loaded.name is None:
        return [], 0
    groups = [benchmark_names(group, benchmark) for group in groups_within(loaded.duplicates, loaded.name)]
    names = dict.fromkeys(chain.from_iterable(groups))
    unlabelled = {name for name, row in zip(names, labels.find(tuple(names)).tolist(), strict=True) if row < 0}
    labelled = [tuple(name for name in group if name not in unlabelled) for group in groups]
    return [group for group in labelled if len(group) > 1], len(unlabelled)


def _split_set_name(text: str) -> tuple[Path, str | None]:
    """Split ``FILE:SET``; a file whose own name contains a colon is not split."""
    path, colon, name = text.rpartition(":")
    return (Path(path), name) if colon and name and path and not exists(text) else (Path(text), None)


@dataclass(frozen=True)
class ExcludedImages:
    """Images of the benchmark that have a duplicate in another set."""

    file: Path  # the table of duplicates
    name: str | None  # the benchmark's set in the table; None if the table has no rows
    images: tuple[str, ...]  # image names of the benchmark
    exact: int  # number of images with an exact duplicate; the others have only near duplicates
    unknown: int  # number of images that are not in the benchmark

    def to_json(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        counts = {"images": len(self.images), "exact": self.exact, "near": len(self.images) - self.exact}
        return {"file": str(self.file), "set": self.name, **counts, "unknown": self.unknown}

    def __str__(self) -> str:
        if self.name is None:
            return f"{self.file}: no image excluded, since the table has no duplicates"
        images, near = count_noun(len(self.images), "image"), len(self.images) - self.exact
        kinds = f" ({self.exact:,} exact, {near:,} near)" if self.images else ""
        text = f"{self.file}: {images} of {self.name} excluded, with a duplicate in another set{kinds}"
        return text + (f"; {self.unknown:,} of these are not in the benchmark" if self.unknown else "")


def load_excluded_images(call: Call, text: str, inputs: EvaluationInputs) -> ExcludedImages:
    """Find the benchmark's images that have a duplicate in another set."""
    image_names = _known_images(inputs)
    match = inputs.benchmark.match or "path"
    loaded = load_duplicates(call, text, image_names, inputs.benchmark)
    path, duplicates, name = loaded.file, loaded.duplicates, loaded.name
    if name is None:
        return ExcludedImages(path, None, (), 0, 0)
    with add_place_to_errors(path):
        images = benchmark_names(duplicates.images_duplicated_elsewhere(name), inputs.benchmark)
    keys = set(image_keys(image_names, match))
    return ExcludedImages(
        file=path,
        name=name,
        images=images,
        exact=len(duplicates.images_duplicated_elsewhere(name, "exact")),
        unknown=sum(key not in keys for key in image_keys(images, match)),
    )


def _known_images(inputs: EvaluationInputs) -> tuple[str, ...]:
    """Return the image names of the benchmark and its labels, possibly with repeats."""
    label_sets = [*inputs.sets.values(), *([] if inputs.original is None else [inputs.original])]
    return (*inputs.benchmark.images, *chain.from_iterable(labels.images for labels in label_sets))
