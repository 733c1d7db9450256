"""Read the duplicates of --duplicates: groups within a set, or images with duplicates in another set."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from reassess.cleaning import duplicate_groups
from reassess.cli.command_run import CommandRun
from reassess.cli.evaluation_inputs import EvaluationInputs
from reassess.core import Benchmark, Duplicates, LabelSets
from reassess.core.image_names import image_keys
from reassess.data import to_benchmark_names
from reassess.errors import DataError, add_error_place
from reassess.evaluation import find_image_set_name
from reassess.formats import read_duplicates
from reassess.formats.files import exists
from reassess.text import count_noun


@dataclass(frozen=True)
class DuplicatesOption:
    """The value of --duplicates: a file, the duplicates listed in it, and which set is the benchmark."""

    file: Path
    duplicates: Duplicates
    set_name: str | None  # the set in the file that is the benchmark; None if the file has no rows


class LabelledGroups(NamedTuple):
    """Groups of duplicates that have labels, and the number of duplicates without a label."""

    groups: list[tuple[str, ...]]
    n_unlabelled: int


def load_duplicates(
    run: CommandRun, option_value: str, image_names: Sequence[str], benchmark: Benchmark
) -> DuplicatesOption:
    """Read the file of --duplicates, whose value is ``FILE`` or ``FILE:SET``."""
    path, name = _split_file_and_set_name(option_value)
    duplicates = read_duplicates(run.add_input("duplicates", path))
    if name is None and not len(duplicates):
        return DuplicatesOption(path, duplicates, None)
    with add_error_place(path):
        names = duplicates.sets if name is None else (name,)
        sets = {set_name: to_benchmark_names(duplicates.images_of(set_name), benchmark) for set_name in names}
        try:
            name = find_image_set_name(sets, image_names, match=benchmark.match or "path")
        except DataError as error:
            closest = max(sets, key=lambda set_name: len({*sets[set_name]} & {*image_names}))
            error.fix = error.fix or f"name the set with this benchmark's images, such as --duplicates {path}:{closest}"
            raise
    return DuplicatesOption(path, duplicates, name)


def load_duplicate_groups(
    run: CommandRun, option_value: str, labels: LabelSets, benchmark: Benchmark
) -> LabelledGroups:
    """Read the file of --duplicates, and return the benchmark's groups of duplicates that have labels."""
    loaded = load_duplicates(run, option_value, labels.images, benchmark)
    if loaded.set_name is None:
        return LabelledGroups([], 0)
    groups = [to_benchmark_names(group, benchmark) for group in duplicate_groups(loaded.duplicates, loaded.set_name)]
    names = dict.fromkeys(chain.from_iterable(groups))
    unlabelled = {name for name, row in zip(names, labels.find(tuple(names)).tolist(), strict=True) if row < 0}
    labelled = [tuple(name for name in group if name not in unlabelled) for group in groups]
    return LabelledGroups([group for group in labelled if len(group) > 1], len(unlabelled))


def _split_file_and_set_name(option_value: str) -> tuple[Path, str | None]:
    """Split ``FILE:SET``. The name of an existing file is not split, even if it contains a colon."""
    path, colon, name = option_value.rpartition(":")
    return (Path(path), name) if colon and name and path and not exists(option_value) else (Path(option_value), None)


@dataclass(frozen=True)
class ExcludedImages:
    """Images of the benchmark that have a duplicate in another set."""

    file: Path  # the table of duplicates
    set_name: str | None  # the set in the table that is the benchmark; None if the table has no rows
    images: tuple[str, ...]  # image names of the benchmark
    n_exact_duplicates: int  # number of images with an exact duplicate; the others have only near duplicates
    n_unknown_images: int  # number of images that are not in the benchmark

    def to_json(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        counts = {
            "images": len(self.images),
            "exact": self.n_exact_duplicates,
            "near": len(self.images) - self.n_exact_duplicates,
        }
        return {"file": str(self.file), "set": self.set_name, **counts, "unknown": self.n_unknown_images}

    def __str__(self) -> str:
        if self.set_name is None:
            return f"{self.file}: no image excluded, since the table has no duplicates"
        images, near = count_noun(len(self.images), "image"), len(self.images) - self.n_exact_duplicates
        kinds = f" ({self.n_exact_duplicates:,} exact, {near:,} near)" if self.images else ""
        text = f"{self.file}: {images} of {self.set_name} excluded, with a duplicate in another set{kinds}"
        return text + (
            f"; {self.n_unknown_images:,} of these are not in the benchmark" if self.n_unknown_images else ""
        )


def load_excluded_images(run: CommandRun, option_value: str, inputs: EvaluationInputs) -> ExcludedImages:
    """Read the file of --duplicates, and find the benchmark's images with a duplicate in another set."""
    image_names = _list_image_names(inputs)
    match = inputs.benchmark.match or "path"
    loaded = load_duplicates(run, option_value, image_names, inputs.benchmark)
    path, duplicates, name = loaded.file, loaded.duplicates, loaded.set_name
    if name is None:
        return ExcludedImages(path, None, (), 0, 0)
    with add_error_place(path):
        images = to_benchmark_names(duplicates.images_duplicated_elsewhere(name), inputs.benchmark)
    keys = set(image_keys(image_names, match))
    return ExcludedImages(
        file=path,
        set_name=name,
        images=images,
        n_exact_duplicates=len(duplicates.images_duplicated_elsewhere(name, "exact")),
        n_unknown_images=sum(key not in keys for key in image_keys(images, match)),
    )


def _list_image_names(inputs: EvaluationInputs) -> tuple[str, ...]:
    """Return the image names of the benchmark and of its labels. A name may be repeated."""
    label_sets = [*inputs.label_sets.values(), *([] if inputs.original is None else [inputs.original])]
    return (*inputs.benchmark.images, *chain.from_iterable(labels.images for labels in label_sets))
