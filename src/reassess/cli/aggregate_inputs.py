"""Read votes and what a method needs, and compute scores: for `reassess aggregate` and `reassess tasks`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.aggregation import AUTO, METHODS, Aggregation, aggregate, parse_method, with_golden_votes
from reassess.aggregation.golden import expert_truth
from reassess.cli.call import Call
from reassess.cli.part_inputs import NONE, PartReader, find_part, require_part
from reassess.core import IMAGENET, Benchmark, Questions, Votes
from reassess.core.image_names import join, suggest_match
from reassess.core.items import as_questions

# The arguments of `aggregate` for which there are options. An option that the method does not take is an error.
_ARGUMENTS = {"golden": "experts", "golden_at_least": "at_least", "original": "original", "pooling": "pooling"}
NO_OPTIONS: dict[str, Any] = dict.fromkeys(_ARGUMENTS)
IMAGENET_METHOD = "imagenet-real"  # a method that has ImageNet's votes, golden answers and original labels by default


@dataclass(frozen=True)
class ComputedScores:
    """The raters' votes, all votes that count, and what a method computed from them."""

    votes: Votes
    all_votes: Votes  # also golden votes, on golden items that have no others
    aggregation: Aggregation

    @property
    def method(self) -> str:
        """The name of the method."""
        return parse_method(self.aggregation.method)[0]

    @property
    def by_experts(self) -> tuple[int, int]:
        """Number of golden questions, and of their images, that have only experts' answers."""
        scores, items = self.aggregation.scores, self.aggregation.posterior.items
        assert isinstance(items, Questions)
        return len(scores) - len(items), len(scores.images) - len(items.images)

    @property
    def by_golden_votes(self) -> int:
        """Number of golden items for which the raters' golden votes count."""
        return int(np.count_nonzero(self.all_votes.sizes) - np.count_nonzero(self.votes.sizes))


def compute_scores(
    call: Call,
    benchmark: Benchmark,
    votes: str | None,
    asked: str | None,
    given: dict[str, Any],
    *,
    check: Callable[[Votes], object] = lambda _: None,
) -> ComputedScores:
    """Read the votes and whatever else a method takes, and compute scores."""
    if given["golden"] == NONE:
        benchmark = replace(benchmark, sources={part: at for part, at in benchmark.sources.items() if part != "golden"})
        given = {**given, "golden": None}
    name = asked or _default_method(benchmark, given)
    _reject_unused_options(name, given, benchmark)
    reader = PartReader(call, benchmark, with_classes=benchmark.folder is not None)
    main = reader.require("votes", votes)
    if name == IMAGENET_METHOD:
        # Checked before ImageNet's golden answers are read as answers of other votes.
        as_questions(main.items, what=f"the votes of {reader.files['votes']}")
    if asked is None and main.anonymous and not any(value is not None for value in given.values()):
        name = "majority"  # no option asks for a rater model, which counts without raters do not give
    for part, place in _other_parts(call, benchmark, name, given).items():
        reader.read(part, place)
    reader.check_kinds()
    is_default = asked is None and name != IMAGENET_METHOD and not main.anonymous
    is_separate = is_default and all(given[option] is None for option in _ARGUMENTS) and _has_separate_golden(reader)
    parts = reader.join(share_images=not is_separate)
    all_votes = with_golden_votes(parts["votes"], parts.get("rater-golden"), parts.get("golden"))
    check(all_votes)
    if is_separate:
        made, experts = aggregate(all_votes, "em"), parts["golden"]
        return ComputedScores(all_votes, all_votes, replace(made, golden=experts, by_experts=expert_truth(experts)))
    options = {
        "experts": parts.get("golden"),
        "rater_golden": parts.get("rater-golden") if "golden" in parts else None,
        "original": parts.get("original"),
        "at_least": given["golden_at_least"],
        "pooling": given["pooling"],
    }
    taken = {option: value for option, value in options.items() if option in METHODS[name].options}
    return ComputedScores(parts["votes"], all_votes, aggregate(all_votes, AUTO if is_default else name, **taken))


def _has_separate_golden(reader: PartReader) -> bool:
    """Whether golden questions are only on images without votes: they measure no rater, but decide labels."""
    if reader.benchmark.folder is None or "golden" not in reader.parts or "rater-golden" in reader.parts:
        return False
    golden, votes = (reader.parts[part][1] for part in ("golden", "votes"))
    is_on_questions = isinstance(golden, Votes) and isinstance(golden.items, Questions)
    is_separate = is_on_questions and not (join(golden.images, votes.images) >= 0).any()
    return is_separate and suggest_match(golden.images, votes.images) is None  # else the names may be misspelt


def _default_method(benchmark: Benchmark, given: dict[str, Any]) -> str:
    """The method of a known benchmark, or the method that takes everything that the default one may take."""
    if benchmark is IMAGENET:
        return IMAGENET_METHOD
    return "calibrated" if given["golden"] is not None or "golden" in benchmark.sources else "em"


def _other_parts(call: Call, benchmark: Benchmark, name: str, given: dict[str, Any]) -> dict[str, Path]:
    """The other files that a method takes: as given, or the benchmark's."""
    places: dict[str, Path | None] = {}
    if _has_option(name, "golden") and (given["golden"] is not None or "golden" in benchmark.sources):
        places["golden"] = require_part(call, benchmark, "golden", given["golden"])
    if "experts" in METHODS[name].needs and "rater-golden" in benchmark.sources:
        places["rater-golden"] = require_part(call, benchmark, "rater-golden")
    else:  # no rater is measured on these votes, so they are not downloaded
        places["rater-golden"] = find_part(call, benchmark, "rater-golden", None)
    if not _has_option(name, "golden") and places["rater-golden"] is not None:  # to find the golden items without votes
        places["golden"] = find_part(call, benchmark, "golden", None)
    if name == IMAGENET_METHOD or given["original"] is not None:
        places["original"] = find_part(call, benchmark, "original", given["original"])
    return {part: place for part, place in places.items() if place is not None}


def _has_option(name: str, option: str) -> bool:
    return _ARGUMENTS[option] in METHODS[name].options


def _reject_unused_options(name: str, given: dict[str, Any], benchmark: Benchmark) -> None:
    unused = [option for option, value in given.items() if value is not None and not _has_option(name, option)]
    if unused:
        raise click.UsageError(f"Method {name} does not use --{unused[0].replace('_', '-')}.")
    if "experts" in METHODS[name].needs and given["golden"] is None and "golden" not in benchmark.sources:
        raise click.UsageError(f"Method {name} measures raters on golden answers: give --golden.")
