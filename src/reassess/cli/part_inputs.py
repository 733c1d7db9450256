"""The parts of a benchmark that commands read, as given or the benchmark's own, and how they are joined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import click

from reassess.aggregation import golden_answers
from reassess.aggregation.golden_items import golden_sources
from reassess.cli.call import Call
from reassess.core import IMAGENET, Benchmark, Classed, Classes, Id, LabelSets, Questions, Votes, benchmark_of
from reassess.core.answers import as_scale
from reassess.data import (
    SOURCES,
    benchmark_classes,
    check_common_images,
    check_one_kind,
    has_class_folders,
    in_one_benchmark,
    labels_from_folders,
    part_path,
    read_labels,
    read_original,
    read_scores,
    read_votes,
    warn_of_other_images,
)
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.errors import DataError, at
from reassess.text import some

NONE = "none"
_READERS: Mapping[str, Callable[..., Classed]] = {
    "labels": read_labels,
    "original": read_original,
    "scores": read_scores,
}  # all other parts are votes


def images_path(call: Call, benchmark: Benchmark, *, needed_by: str | None = None) -> Path:
    """The images of a benchmark; say where they are if benchmark.json names another place."""
    path = part_path(benchmark, "images", needed_by=needed_by)
    if benchmark.folder is not None and path.parent != benchmark.folder:
        call.announce(f"images: {path} (by {benchmark.folder / SETTINGS_FILE})")
    return path


def find_part(call: Call, benchmark: Benchmark, part: str, given: str | None) -> Path | None:
    """The file of a part of a benchmark: as given, or the benchmark's own if this machine has it; None for "none"."""
    if given == NONE:
        return None
    if given is not None:
        return call.resolve(part, given)
    source = benchmark.sources.get(part)
    if source is None:
        return None
    return call.find(source) if source in SOURCES else call.add_input(part, Path(source))


def require_part(call: Call, benchmark: Benchmark | None, part: str, given: str | None = None) -> Path:
    """The file of a part without which the command cannot work."""
    if given is not None:
        return call.resolve(part, given)
    if benchmark is None:
        return call.resolve(part, IMAGENET.sources[part])
    if part not in benchmark.sources:
        part_path(benchmark, part, needed_by=click.get_current_context().info_name)
    return call.resolve(part, benchmark.sources[part])


def with_match(call: Call, benchmark: Benchmark) -> Benchmark:
    """The benchmark, its images joined as --match says."""
    return benchmark if call.reading.match is None else replace(benchmark, match=call.reading.match)


class PartReader:
    """Reads parts of one benchmark in its classes and with its answers, notes them as inputs, and joins them.

    Without --benchmark, `recognize` finds the benchmark by the images of a part.
    """

    def __init__(self, call: Call, benchmark: Benchmark | None, *, with_classes: bool = True) -> None:
        self.call = call
        self.parts: dict[str, tuple[Path, Classed]] = {}  # what was read, and its file, by part; also "labels 2"
        self.classes: Classes | None = None
        self._benchmark: Benchmark | None = None
        if benchmark is not None:
            self._take(benchmark, with_classes=with_classes)

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark, its images joined as --match says; an empty one if it is unknown."""
        return with_match(self.call, Benchmark()) if self._benchmark is None else self._benchmark

    @property
    def answers(self) -> tuple[Id, ...] | None:
        """All answers from invalid to valid, as --answers or the benchmark says; or else those of the votes read."""
        said = self.call.reading.answers or self.benchmark.answers
        votes = next((noun for _, noun in self.parts.values() if isinstance(noun, Votes)), None)
        return said or (None if votes is None else golden_answers(votes))

    @property
    def files(self) -> dict[str, Path]:
        """The file of each part that was read."""
        return {part: path for part, (path, _) in self.parts.items()}

    @property
    def images(self) -> tuple[str, ...]:
        """The images of all parts that were read; one may be named twice."""
        return tuple(chain.from_iterable(noun.images for _, noun in self.parts.values()))

    def recognize(self, images: Sequence[str], *, with_classes: bool = False) -> None:
        """Where no benchmark was given, take the known one of these images."""
        if self._benchmark is None:
            self._take(benchmark_of(images), with_classes=with_classes)

    def _take(self, benchmark: Benchmark, *, with_classes: bool) -> None:
        """Take a benchmark, and its classes, which are noted as an input; None where they are not known."""
        self._benchmark = with_match(self.call, benchmark)
        if not with_classes:
            return
        source = benchmark.sources.get("classes")
        if source is not None and source in SOURCES:
            self.call.find_all(source)
        elif source is not None:
            self.call.add_input("classes", Path(source))
        classes = benchmark_classes(benchmark)
        self.classes = None if classes.count is None else classes

    def read(self, part: str, path: Path) -> Any:
        """Read a file as a part. Golden votes have the answers of the votes read before, if nothing else says them."""
        reader = _READERS.get(part.partition(" ")[0])
        if reader is None:
            noun: Classed = read_votes(path, answers=self.answers, classes=self.classes)
        else:
            noun = reader(path, classes=self.classes)
        self.parts[part] = path, noun
        return noun

    def require(self, part: str, given: str | None = None) -> Any:
        """Read a part without which the command cannot work: as given, or the benchmark's."""
        return self.read(part, require_part(self.call, self._benchmark, part, given))

    def find(self, part: str, given: str | None = None) -> Any:
        """Read a part as given, or the benchmark's own if this machine has it; None for "none"."""
        path = find_part(self.call, self.benchmark, part, given)
        return None if path is None else self.read(part, path)

    def find_original(self, given: str | None = None) -> LabelSets | None:
        """Read the original labels as given, or the benchmark's own: of its file, or else of its class folders."""
        found: LabelSets | None = self.find("original", given)
        images = self.benchmark.sources.get("images")
        if found is not None or given is not None or images is None or not has_class_folders(self.benchmark):
            return found
        place = Path(images)
        if place.is_file():  # of a folder there is no hash
            self.call.add_input("original", place)
        with at(place):
            found = labels_from_folders(self.benchmark.images, self.classes)
        self.parts["original"] = place, found
        return found

    def find_golden(self, golden: str | None) -> None:
        """Read the experts' votes, and those of the raters on the same items where their own file has them."""
        if self.find("golden", golden) is not None and "votes" in self.parts:
            own = Benchmark(sources=golden_sources(self.benchmark, golden))
            if (path := find_part(self.call, own, "rater-golden", None)) is not None:
                self.read("rater-golden", path)

    def check_kinds(self) -> None:
        """Refuse votes and golden answers where one is on (image, class) questions, and the other is not."""
        check_one_kind({str(path): votes for path, votes in self.parts.values() if isinstance(votes, Votes)})

    def _check_answers(self) -> None:
        """Refuse answers that no file of votes has: each was read by its own scale, as if none were given."""
        given, whose = self.call.reading.answers, "--answers"
        if given is None and "votes" in self.parts:
            given, whose = self.benchmark.answers, "benchmark.json"
        votes = {str(path): noun for path, noun in self.parts.values() if isinstance(noun, Votes)}
        if given is not None and not any(_has_answers(noun, given) for noun in votes.values()):
            raise DataError(
                "unused-option",
                f"no vote has one of the answers in {whose}",
                where=some(list(votes)),
                allowed=some(list(dict.fromkeys(chain.from_iterable(noun.answers for noun in votes.values())))),
                found=some(given),
                fix=f"correct the answers in {whose}, or leave them out",
            )

    def join(self, *, share_images: bool = True, with_one_another: bool = False) -> dict[str, Any]:
        """The parts that were read, in one list of classes and with the benchmark's names of images.

        With `share_images`, parts without a common image are an error; `with_one_another` as for `check_common_images`.
        """
        self._check_answers()
        named = {f"{path} ({part})": noun for part, (path, noun) in self.parts.items()}
        in_one = in_one_benchmark(named, self.benchmark, self.classes)
        parts = dict(zip(self.parts, in_one.values(), strict=True))
        files = {part: str(path) for part, path in self.files.items()}
        if share_images:
            check_common_images(parts, files, self.benchmark, with_one_another=with_one_another)
        warn_of_other_images(parts, files, self.benchmark)
        return parts


def _has_answers(votes: Votes, given: tuple[Id, ...]) -> bool:
    """Whether votes were read by a list of answers; answers that are classes always are."""
    own = as_scale(given) if isinstance(votes.items, Questions) else given
    return votes.classes is not None or votes.answers == own
