"""The parts of a benchmark that commands read, as given or the benchmark's own, and how they are joined."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reassess.aggregation import golden_answers
from reassess.aggregation.golden_items import golden_sources
from reassess.cli.call import Call
from reassess.core import IMAGENET, Benchmark, Classed, Classes, LabelSets, Questions, Votes
from reassess.data import (
    SOURCES,
    benchmark_classes,
    check_common_images,
    has_class_folders,
    in_one_benchmark,
    labels_from_folders,
    part_path,
    read_original,
    read_votes,
    warn_of_other_images,
)
from reassess.errors import DataError, at

NONE = "none"


def find_part(call: Call, benchmark: Benchmark, part: str, given: str | None) -> Path | None:
    """The file of a part of a benchmark: as given, or the benchmark's own if this machine has it; None for "none"."""
    if given == NONE:
        return None
    if given is not None:
        return call.resolve(part, given)
    source = benchmark.sources.get(part)
    if source is None:
        return None
    return call.find(source) if source in SOURCES else call.read(part, Path(source))


def needed_part(call: Call, benchmark: Benchmark | None, part: str, given: str | None = None) -> Path:
    """The file of a part without which the command cannot work."""
    if given is not None:
        return call.resolve(part, given)
    if benchmark is None:
        return call.resolve(part, IMAGENET.sources[part])
    if part not in benchmark.sources:
        part_path(benchmark, part, needed_by=click.get_current_context().info_name)
    return call.resolve(part, benchmark.sources[part])


def read_classes_of(call: Call, benchmark: Benchmark) -> Classes | None:
    """The classes of a benchmark, noted as an input; None where they are not known."""
    source = benchmark.sources.get("classes")
    if source is not None and source in SOURCES:
        call.find_all(source)
    elif source is not None:
        call.read("classes", Path(source))
    classes = benchmark_classes(benchmark)
    return None if classes.count is None else classes


def read_original_of(
    call: Call, benchmark: Benchmark, given: str | None, classes: Classes | None
) -> tuple[Path, LabelSets] | None:
    """The original labels as given, or the benchmark's own: of its file, or else of its class folders."""
    path = find_part(call, benchmark, "original", given)
    if path is not None:
        return path, read_original(path, classes=classes)
    if given is not None or "images" not in benchmark.sources or not has_class_folders(benchmark):
        return None
    place = Path(benchmark.sources["images"])
    if place.is_file():  # of a folder there is no hash
        call.read("original", place)
    with at(place):
        return place, labels_from_folders(benchmark.images, classes)


def load_golden(
    call: Call, benchmark: Benchmark, votes: Votes | None, golden: str | None, classes: Classes | None
) -> dict[str, tuple[Path, Votes]]:
    """Files and votes of the experts, as `golden`, and of the raters on the same items, where these are apart.

    Answers are those given, or the benchmark's, or else those of the votes.
    """
    expert_file = find_part(call, benchmark, "golden", golden)
    if expert_file is None:
        return {}
    answers = call.reading.answers or benchmark.answers or (None if votes is None else golden_answers(votes))
    parts = {"golden": expert_file}
    if votes is not None:
        own = Benchmark(sources=golden_sources(benchmark, golden))
        if (rater_file := find_part(call, own, "rater-golden", None)) is not None:
            parts["rater-golden"] = rater_file
    return {part: (path, read_votes(path, answers=answers, classes=classes)) for part, path in parts.items()}


def matched(call: Call, benchmark: Benchmark) -> Benchmark:
    """The benchmark, its images joined as --match says."""
    return benchmark if call.reading.match is None else replace(benchmark, match=call.reading.match)


def joined_parts(
    given: Mapping[str, tuple[Path, Classed]],
    benchmark: Benchmark,
    classes: Classes | None,
    *,
    with_one_another: bool = False,
) -> dict[str, Any]:
    """The parts that were read, in one list of classes and with the benchmark's names of images.

    `with_one_another` as for `check_common_images`.
    """
    named = {f"{path} ({part})": noun for part, (path, noun) in given.items()}
    parts = dict(zip(given, in_one_benchmark(named, benchmark, classes).values(), strict=True))
    files = {part: str(path) for part, (path, _) in given.items()}
    check_common_images(parts, files, benchmark, with_one_another=with_one_another)
    warn_of_other_images(parts, files, benchmark)
    return parts


def refuse_two_kinds(given: Mapping[str, tuple[Path, Classed]]) -> None:
    """Refuse votes and golden answers of which one is on (image, class) questions, and the other is not."""
    kinds = {path: _kind(votes) for path, votes in given.values() if isinstance(votes, Votes)}
    first, *others = kinds
    for other in others:
        if kinds[other] != kinds[first]:
            raise DataError(
                "different-votes",
                "votes of different kinds cannot be joined",
                where=f"{first} and {other}",
                found=f"{kinds[first]}, and {kinds[other]}",
                fix="give both files the columns image and class, or both image alone, or both item",
            )


def _kind(votes: Votes) -> str:
    if isinstance(votes.items, Questions):
        return "answers to (image, class) questions"
    return "answers on plain items" if votes.classes is None else "one class for each image"
