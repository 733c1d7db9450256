"""Read votes and the other parts that a method needs, and compute scores."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.aggregation import AUTO, METHODS, Aggregation, aggregate, parse_method, with_golden_votes
from reassess.aggregation.golden import expert_truth
from reassess.aggregation.golden_items import count_votes_on
from reassess.cli.call import Call
from reassess.cli.part_inputs import NONE, PartReader, find_part, require_part
from reassess.core import IMAGENET, Benchmark, Questions, Scores, Votes
from reassess.core.image_names import match_images, suggest_match
from reassess.core.items import require_questions

# Options and their arguments of `aggregate`. Options that the method does not use are an error.
_ARGUMENTS = {"golden": "experts", "golden_at_least": "at_least", "original": "original", "pooling": "pooling"}
NO_OPTIONS: dict[str, Any] = dict.fromkeys(_ARGUMENTS)
IMAGENET_METHOD = "imagenet-real"  # uses ImageNet's votes, golden answers and original labels by default


@dataclass(frozen=True)
class ComputedScores:
    """Votes, and the scores that a method computed from them."""

    votes: Votes
    all_votes: Votes  # also golden votes on golden items without other votes
    aggregation: Aggregation

    @property
    def method(self) -> str:
        """The name of the method, without its settings."""
        return parse_method(self.aggregation.method)[0]

    @cached_property
    def scores(self) -> Scores:
        """The scores, also of golden images that only experts decide."""
        return self.aggregation.scores_with_experts(self.votes)

    @property
    def decided_by_experts(self) -> tuple[int, int]:
        """Number of golden questions decided only by experts, and of their images."""
        items = self.aggregation.posterior.items
        assert isinstance(items, Questions)
        return len(self.scores) - len(items), len(self.scores.images) - len(items.images)

    @property
    def golden_unrated(self) -> int:
        """Number of golden images without scores."""
        golden = self.aggregation.expert_votes
        return 0 if golden is None else int(np.count_nonzero(match_images(golden.images, self.scores.images) < 0))

    @property
    def decided_by_golden_votes(self) -> int:
        """Number of golden items without votes, where raters' golden votes are used."""
        if self.all_votes is self.votes:
            return 0
        has_other_votes = count_votes_on(self.all_votes.items, self.votes) > 0
        return int(np.count_nonzero((self.all_votes.sizes > 0) & ~has_other_votes))


def compute_scores(
    call: Call,
    benchmark: Benchmark,
    votes: str | None,
    method: str | None,
    options: dict[str, Any],
    *,
    check: Callable[[Votes], object] = lambda _: None,
) -> ComputedScores:
    """Read the votes and the other parts that a method uses, and compute scores."""
    if options["golden"] == NONE:
        benchmark = replace(benchmark, sources={part: at for part, at in benchmark.sources.items() if part != "golden"})
        options = {**options, "golden": None}
    name = method or _default_method(benchmark, options)
    _reject_unused_options(name, options, benchmark)
    reader = PartReader(call, benchmark, with_classes=benchmark.folder is not None)
    main = reader.require("votes", votes)
    if name == IMAGENET_METHOD:
        # Check the votes before ImageNet's golden answers are read with them.
        require_questions(main.items, votes_name=f"the votes of {reader.files['votes']}")
    if method is None and main.is_anonymous and not any(value is not None for value in options.values()):
        name = "majority"  # counts have no raters, so a rater model cannot be fitted
    for part, place in _other_parts(call, benchmark, name, options).items():
        reader.read(part, place)
    reader.check_kinds()
    is_default = method is None and name != IMAGENET_METHOD and not main.is_anonymous
    is_separate = name == "em" or (is_default and options["original"] is None)
    is_separate = is_separate and has_separate_golden(reader)
    parts = reader.join(share_images=not is_separate)
    all_votes = parts["votes"]
    rater_golden = parts.get("rater-golden", all_votes.restrict(np.zeros(0, np.int64)) if is_separate else None)
    if rater_golden is not None:
        all_votes = with_golden_votes(all_votes, rater_golden, parts.get("golden"))
    check(all_votes)
    if is_separate:
        result, experts = aggregate(all_votes, "em", pooling=options["pooling"]), parts["golden"]
        truth = expert_truth(experts, at_least=options["golden_at_least"])
        return ComputedScores(parts["votes"], all_votes, replace(result, expert_votes=experts, expert_truth=truth))
    arguments = {
        "experts": parts.get("golden"),
        "rater_golden": parts.get("rater-golden") if "golden" in parts else None,
        "original": parts.get("original"),
        "at_least": options["golden_at_least"],
        "pooling": options["pooling"],
    }
    arguments = {argument: value for argument, value in arguments.items() if argument in METHODS[name].options}
    return ComputedScores(parts["votes"], all_votes, aggregate(all_votes, AUTO if is_default else name, **arguments))


def has_separate_golden(reader: PartReader) -> bool:
    """Return whether raters answered no golden question of experts: then these decide labels, but measure no rater."""
    votes = {part: data for part, (_, data) in reader.parts.items() if isinstance(data, Votes)}
    golden = votes.pop("golden", None)
    if reader.benchmark.folder is None or golden is None:
        return False
    if not all(isinstance(each.items, Questions) for each in (golden, *votes.values())):
        return False
    if any((count_votes_on(golden.items, each)[golden.sizes > 0] > 0).any() for each in votes.values()):
        return False
    # Without raters' golden votes, and without a common image, the names may be misspelt.
    images = votes["votes"].images
    is_joined = "rater-golden" in votes or bool((match_images(golden.images, images) >= 0).any())
    return is_joined or suggest_match(golden.images, images) is None


def _default_method(benchmark: Benchmark, options: dict[str, Any]) -> str:
    """Return the method whose parts are read if no method was given."""
    if benchmark is IMAGENET:
        return IMAGENET_METHOD
    return "calibrated" if options["golden"] is not None or "golden" in benchmark.sources else "em"


def _other_parts(call: Call, benchmark: Benchmark, name: str, options: dict[str, Any]) -> dict[str, Path]:
    """Return the files of the other parts that a method uses, from options or the benchmark."""
    places: dict[str, Path | None] = {}
    if _has_option(name, "golden") and (options["golden"] is not None or "golden" in benchmark.sources):
        places["golden"] = require_part(call, benchmark, "golden", options["golden"])
    if "experts" in METHODS[name].required_options and "rater-golden" in benchmark.sources:
        places["rater-golden"] = require_part(call, benchmark, "rater-golden")
    else:  # optional for this method, so not downloaded
        places["rater-golden"] = find_part(call, benchmark, "rater-golden", None)
    if not _has_option(name, "golden") and places["rater-golden"] is not None:  # shows which golden items have no votes
        places["golden"] = find_part(call, benchmark, "golden", None)
    if name == IMAGENET_METHOD or options["original"] is not None:
        places["original"] = find_part(call, benchmark, "original", options["original"])
    return {part: place for part, place in places.items() if place is not None}


def _has_option(name: str, option: str) -> bool:
    return _ARGUMENTS[option] in METHODS[name].options


def _reject_unused_options(name: str, options: dict[str, Any], benchmark: Benchmark) -> None:
    unused = [option for option, value in options.items() if value is not None and not _has_option(name, option)]
    if unused:
        raise click.UsageError(f"Method {name} does not use --{unused[0].replace('_', '-')}.")
    if "experts" in METHODS[name].required_options and options["golden"] is None and "golden" not in benchmark.sources:
        raise click.UsageError(f"Method {name} measures raters on golden answers: give --golden.")
