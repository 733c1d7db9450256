"""Read votes and what a method needs, and compute scores: for `reassess aggregate` and `reassess tasks`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.aggregation import AUTO, METHODS, Aggregation, aggregate, parse_method, with_golden_votes
from reassess.aggregation.golden import expert_truth
from reassess.aggregation.golden_items import votes_on
from reassess.cli.call import Call
from reassess.cli.part_inputs import NONE, PartReader, find_part, needed_part
from reassess.core import IMAGENET, Benchmark, Questions, Scores, Votes
from reassess.core.image_names import join, suggest_match
from reassess.core.items import as_questions

# The arguments of `aggregate` for which there are options. An option that the method does not take is an error.
_ARGUMENTS = {"golden": "experts", "golden_at_least": "at_least", "original": "original", "pooling": "pooling"}
NO_OPTIONS: dict[str, Any] = dict.fromkeys(_ARGUMENTS)
OF_IMAGENET = "imagenet-real"  # a method that has ImageNet's votes, golden answers and original labels by default


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

    @cached_property
    def scores(self) -> Scores:
        """The scores, also of golden images that only experts decide."""
        return self.aggregation.scores_with_experts(self.votes)

    @property
    def by_experts(self) -> tuple[int, int]:
        """Number of golden questions, and of their images, that have only experts' answers."""
        items = self.aggregation.posterior.items
        assert isinstance(items, Questions)
        return len(self.scores) - len(items), len(self.scores.images) - len(items.images)

    @property
    def golden_unrated(self) -> int:
        """Number of golden images without scores."""
        golden = self.aggregation.golden
        return 0 if golden is None else int(np.count_nonzero(join(golden.images, self.scores.images) < 0))

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
    """Read the votes and whatever else a method takes, and compute scores."""
    if given["golden"] == NONE:
        benchmark = replace(benchmark, sources={part: at for part, at in benchmark.sources.items() if part != "golden"})
        given = {**given, "golden": None}
    name = asked or _usual_method(benchmark, given)
    _refuse_unused(name, given, benchmark)
    reader = PartReader(call, benchmark, with_classes=benchmark.folder is not None)
    main = reader.need("votes", votes)
    if name == OF_IMAGENET:
        # Checked before ImageNet's golden answers are read as answers of other votes.
        as_questions(main.items, what=f"the votes of {reader.files['votes']}")
    if asked is None and main.anonymous and not any(value is not None for value in given.values()):
        name = "majority"  # no option asks for a rater model, which counts without raters do not give
    for part, place in _further_parts(call, benchmark, name, given).items():
        reader.read(part, place)
    reader.refuse_two_kinds()
    is_default = asked is None and name != OF_IMAGENET and not main.anonymous
    is_apart = name == "em" or (is_default and given["original"] is None)
    is_apart = is_apart and has_golden_apart(reader)
    parts = reader.joined(share_images=not is_apart)
    no_votes = parts["votes"].restrict(np.zeros(0, np.int64)) if is_apart else None
    rated = with_golden_votes(parts["votes"], parts.get("rater-golden", no_votes), parts.get("golden"))
    check(rated)
    if is_apart:
        made, experts = aggregate(rated, "em", pooling=given["pooling"]), parts["golden"]
        truth = expert_truth(experts, at_least=given["golden_at_least"])
        return MadeScores(parts["votes"], rated, replace(made, golden=experts, by_experts=truth))
    options = {
        "experts": parts.get("golden"),
        "rater_golden": parts.get("rater-golden") if "golden" in parts else None,
        "original": parts.get("original"),
        "at_least": given["golden_at_least"],
        "pooling": given["pooling"],
    }
    taken = {option: value for option, value in options.items() if option in METHODS[name].options}
    return MadeScores(parts["votes"], rated, aggregate(rated, AUTO if is_default else name, **taken))


def has_golden_apart(reader: PartReader) -> bool:
    """Whether no rater answered a golden question that experts answered: they measure no rater, but decide labels."""
    votes = {part: votes for part, (_, votes) in reader.given.items() if isinstance(votes, Votes)}
    golden = votes.pop("golden", None)
    if reader.benchmark.folder is None or golden is None:
        return False
    if not all(isinstance(each.items, Questions) for each in (golden, *votes.values())):
        return False
    if any((votes_on(golden.items, each)[golden.sizes > 0] > 0).any() for each in votes.values()):
        return False
    # Without raters' golden votes, and without a common image, the names may be misspelt.
    images = votes["votes"].images
    is_joined = "rater-golden" in votes or bool((join(golden.images, images) >= 0).any())
    return is_joined or suggest_match(golden.images, images) is None


def _usual_method(benchmark: Benchmark, given: dict[str, Any]) -> str:
    """The method of a known benchmark, or the method that takes everything that the default one may take."""
    if benchmark is IMAGENET:
        return OF_IMAGENET
    return "calibrated" if given["golden"] is not None or "golden" in benchmark.sources else "em"


def _further_parts(call: Call, benchmark: Benchmark, name: str, given: dict[str, Any]) -> dict[str, Path]:
    """The other files that a method takes: as given, or the benchmark's."""
    places: dict[str, Path | None] = {}
    if _takes(name, "golden") and (given["golden"] is not None or "golden" in benchmark.sources):
        places["golden"] = needed_part(call, benchmark, "golden", given["golden"])
    if "experts" in METHODS[name].needs and "rater-golden" in benchmark.sources:
        places["rater-golden"] = needed_part(call, benchmark, "rater-golden")
    else:  # no rater is measured on these votes, so they are not downloaded
        places["rater-golden"] = find_part(call, benchmark, "rater-golden", None)
    if not _takes(name, "golden") and places["rater-golden"] is not None:  # to find the golden items without votes
        places["golden"] = find_part(call, benchmark, "golden", None)
    if name == OF_IMAGENET or given["original"] is not None:
        places["original"] = find_part(call, benchmark, "original", given["original"])
    return {part: place for part, place in places.items() if place is not None}


def _takes(name: str, option: str) -> bool:
    return _ARGUMENTS[option] in METHODS[name].options


def _refuse_unused(name: str, given: dict[str, Any], benchmark: Benchmark) -> None:
    unused = [option for option, value in given.items() if value is not None and not _takes(name, option)]
    if unused:
        raise click.UsageError(f"Method {name} does not use --{unused[0].replace('_', '-')}.")
    if "experts" in METHODS[name].needs and given["golden"] is None and "golden" not in benchmark.sources:
        raise click.UsageError(f"Method {name} measures raters on golden answers: give --golden.")
