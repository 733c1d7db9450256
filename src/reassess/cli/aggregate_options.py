"""From votes to scores, by a method and its options: what `reassess aggregate` does, and others on the way."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.aggregation import AUTO, METHODS, Aggregation, aggregate, golden_answers, parse_method, with_golden_votes
from reassess.cli.call import Call
from reassess.cli.part_inputs import (
    NONE,
    find_part,
    joined_parts,
    matched,
    needed_part,
    read_classes_of,
    refuse_two_kinds,
)
from reassess.core import IMAGENET, Benchmark, Classed, Questions, Votes
from reassess.data import read_original, read_votes

PRESETS = {"imagenet-real": IMAGENET}
# The arguments of `aggregate` that options stand for. Any option that a method does not take is an error.
_ARGUMENTS = {
    "truths": "truths_are_answers",
    "golden": "experts",
    "rater_golden": "rater_golden",
    "golden_at_least": "at_least",
    "original": "original",
    "pooling": "pooling",
    "smoothing": "smoothing",
}
OF_METHODS = (*_ARGUMENTS, "model")


@dataclass(frozen=True)
class MadeScores:
    """The raters' votes, all votes that count, and what a method computed from them."""

    votes: Votes
    rated: Votes  # also golden votes, on golden items that have no others
    aggregation: Aggregation

    @property
    def method(self) -> str:
        """The name of the method."""
        return parse_method(self.aggregation.method)[0]

    @property
    def by_golden_votes(self) -> int:
        """Number of golden items for which the raters' golden votes count."""
        return int(np.count_nonzero(self.rated.sizes) - np.count_nonzero(self.votes.sizes))


def make_scores(
    call: Call,
    benchmark: Benchmark,
    votes: str | None,
    asked: str | None,
    given: dict[str, Any],
    *,
    check: Callable[[Votes], object] = lambda _: None,
) -> MadeScores:
    """Read the votes and whatever else a method takes, and make scores of them."""
    benchmark = _without_none(benchmark, given)
    name = asked or _usual_method(benchmark, given)
    _refuse_unused(name, given, benchmark)
    classes = read_classes_of(call, benchmark) if benchmark.folder else None
    path = needed_part(call, benchmark, "votes", votes)
    order = call.reading.answers or benchmark.answers
    main = read_votes(path, answers=order, classes=classes)
    if asked is None and main.anonymous and not any(value is not None for value in given.values()):
        name = "majority"  # no option asks for a rater model, which counts without raters do not give
    read: dict[str, tuple[Path, Classed]] = {"votes": (path, main)}
    load = partial(read_votes, answers=order or golden_answers(main), classes=classes)
    for part, place in _further_parts(call, benchmark, name, given).items():
        read[part] = place, read_original(place, classes=classes) if part == "original" else load(place)
    refuse_two_kinds(read)
    parts = joined_parts(read, matched(call, benchmark), classes)
    rated = with_golden_votes(parts["votes"], parts.get("rater-golden"), parts.get("golden"))
    check(rated)
    is_default = asked is None and name not in PRESETS and not main.anonymous
    made = _aggregate(AUTO if is_default else name, name, parts | {"votes": rated}, given)
    return MadeScores(parts["votes"], rated, made)


def _without_none(benchmark: Benchmark, given: dict[str, Any]) -> Benchmark:
    """The benchmark without the golden answers of which an option says none; the option is then as if not given."""
    left_out = [part for part in ("golden", "rater-golden") if given[part.replace("-", "_")] == NONE]
    for part in left_out:
        given[part.replace("-", "_")] = None
    if not left_out:
        return benchmark
    return replace(benchmark, sources={part: at for part, at in benchmark.sources.items() if part not in left_out})


def _usual_method(benchmark: Benchmark, given: dict[str, Any]) -> str:
    """The preset of a known benchmark, or the method that takes all that the default one may take."""
    presets = [name for name, preset in PRESETS.items() if preset is benchmark]
    has_golden = given["golden"] is not None or "golden" in benchmark.sources
    if given["rater_golden"] is not None and not has_golden:
        raise click.UsageError("--rater-golden goes with --golden, or with a --method.")
    return next(iter(presets), "calibrated" if has_golden else "em")


def _further_parts(call: Call, benchmark: Benchmark, name: str, given: dict[str, Any]) -> dict[str, Path]:
    """The other files that a method takes: as given, or the benchmark's; original labels are a preset's by default."""
    places: dict[str, Path | None] = {}
    for part in ("golden", "rater-golden"):
        if not _takes(name, part.replace("-", "_")):
            continue
        of_part = given[part.replace("-", "_")]
        if part == "rater-golden" and not _needs(name):  # no rater is measured on it: it is not fetched
            places[part] = find_part(call, benchmark, part, of_part)
        elif (source := benchmark.sources.get(part) if of_part is None else of_part) is not None:
            places[part] = call.resolve(part, source)
    if not _takes(name, "golden") and places.get("rater-golden") is not None:  # which says what golden images lack
        places["golden"] = find_part(call, benchmark, "golden", None)
    if name in PRESETS or given["original"] is not None:
        places["original"] = find_part(call, benchmark, "original", given["original"])
    return {part: place for part, place in places.items() if place is not None}


def _takes(name: str, option: str) -> bool:
    """Whether a method takes an option; golden votes of raters may count as votes for every method."""
    arguments = METHODS[name].options
    return option == "rater_golden" or _ARGUMENTS.get(option, "pooling") in arguments  # --model writes what is pooled


def _needs(name: str) -> tuple[str, ...]:
    """The golden answers that a method cannot be without."""
    return ("golden",) if "experts" in METHODS[name].needs else ()


def _refuse_unused(name: str, given: dict[str, Any], benchmark: Benchmark) -> None:
    unused = [option for option, value in given.items() if value is not None and not _takes(name, option)]
    if unused:
        raise click.UsageError(f"{name} has no use for --{unused[0].replace('_', '-')}.")
    for part in _needs(name):
        if given[part.replace("-", "_")] is None and part not in benchmark.sources:
            raise click.UsageError(f"{name} measures raters on golden answers: give --{part}.")


def _aggregate(method: str, name: str, parts: dict[str, Any], given: dict[str, Any]) -> Aggregation:
    """Scores by a method, or by the default one, which takes what the named one does."""
    votes = parts["votes"]
    truths = given["truths"] or ("valid" if isinstance(votes.items, Questions) else "answers")
    options = {
        "experts": parts.get("golden"),
        "rater_golden": parts.get("rater-golden"),
        "original": parts.get("original"),
        "truths_are_answers": truths == "answers",
        "at_least": given["golden_at_least"],
        "pooling": given["pooling"],
        "smoothing": given["smoothing"],
    }
    return aggregate(votes, method, **{key: value for key, value in options.items() if key in METHODS[name].options})
