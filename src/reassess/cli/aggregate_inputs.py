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
from reassess.cli.part_inputs import NO_SOURCE, PartReader, find_part, require_part
from reassess.core import IMAGENET, Benchmark, Questions, Scores, Votes
from reassess.core.image_names import match_images, suggest_match
from reassess.core.items import require_questions

# Options and their arguments of `aggregate`. Options that the method does not use are an error.
_ARGUMENTS_BY_OPTION = {
    "golden": "experts",
    "golden_at_least": "min_experts",
    "original": "original",
    "pooling": "pooling",
}
NO_OPTIONS: dict[str, Any] = dict.fromkeys(_ARGUMENTS_BY_OPTION)
IMAGENET_METHOD = "imagenet-real"  # uses ImageNet's votes, golden answers and original labels by default


@dataclass(frozen=True)
class ComputedScores:
    """Votes, and the scores that a method computed from them."""

    votes: Votes
    all_votes: Votes  # also golden votes on golden items without other votes
    aggregation: Aggregation

    @property
    def method_name(self) -> str:
        """The name of the method, without its settings."""
        return parse_method(self.aggregation.method)[0]

    @cached_property
    def scores(self) -> Scores:
        """The scores, including those of golden images that only experts decided."""
        return self.aggregation.scores_with_experts(self.votes)

    @property
    def n_golden_decided_by_experts(self) -> tuple[int, int]:
        """Number of golden questions that only experts decided, and number of their images."""
        items = self.aggregation.posterior.items
        assert isinstance(items, Questions)
        return len(self.scores) - len(items), len(self.scores.images) - len(items.images)

    @property
    def n_unrated_golden_images(self) -> int:
        """Number of golden images without scores."""
        golden = self.aggregation.expert_votes
        return 0 if golden is None else int(np.count_nonzero(match_images(golden.images, self.scores.images) < 0))

    @property
    def n_items_with_only_golden_votes(self) -> int:
        """Number of golden items whose only votes are raters' golden votes."""
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
    check_votes: Callable[[Votes], object] = lambda _: None,
) -> ComputedScores:
    """Read the votes and the other parts that a method uses, and compute scores."""
    if options["golden"] == NO_SOURCE:
        benchmark = replace(
            benchmark, sources={part: source for part, source in benchmark.sources.items() if part != "golden"}
        )
        options = {**options, "golden": None}
    name = method or _default_method(benchmark, options)
    _reject_unused_options(name, options, benchmark)
    reader = PartReader(call, benchmark, needs_classes=benchmark.folder is not None)
    main_votes = reader.read_required("votes", votes)
    if name == IMAGENET_METHOD:
        # Check the votes before ImageNet's golden answers are read with them.
        require_questions(main_votes.items, votes_name=f"the votes of {reader.files['votes']}")
    if method is None and main_votes.is_anonymous and not any(value is not None for value in options.values()):
        name = "majority"  # counts have no raters, so a rater model cannot be fitted
    for part, place in _find_method_parts(call, benchmark, name, options).items():
        reader.read_part(part, place)
    reader.check_item_kinds()
    is_default = method is None and name != IMAGENET_METHOD and not main_votes.is_anonymous
    is_separate = name == "em" or (is_default and options["original"] is None)
    is_separate = is_separate and is_golden_unanswered_by_raters(reader)
    parts = reader.join_parts(must_share_images=not is_separate)
    all_votes = parts["votes"]
    rater_golden = parts.get("rater-golden", all_votes.restrict(np.zeros(0, np.int64)) if is_separate else None)
    if rater_golden is not None:
        all_votes = with_golden_votes(all_votes, rater_golden, parts.get("golden"))
    check_votes(all_votes)
    if is_separate:
        result, experts = aggregate(all_votes, "em", pooling=options["pooling"]), parts["golden"]
        truth = expert_truth(experts, min_experts=options["golden_at_least"])
        return ComputedScores(parts["votes"], all_votes, replace(result, expert_votes=experts, expert_truth=truth))
    arguments = {
        "experts": parts.get("golden"),
        "rater_golden": parts.get("rater-golden") if "golden" in parts else None,
        "original": parts.get("original"),
        "min_experts": options["golden_at_least"],
        "pooling": options["pooling"],
    }
    arguments = {argument: value for argument, value in arguments.items() if argument in METHODS[name].options}
    return ComputedScores(parts["votes"], all_votes, aggregate(all_votes, AUTO if is_default else name, **arguments))


def is_golden_unanswered_by_raters(reader: PartReader) -> bool:
    """Return whether raters answered none of the golden questions, so that these cannot measure raters."""
    votes = {part: data for part, (_, data) in reader.parts.items() if isinstance(data, Votes)}
    golden = votes.pop("golden", None)
    if reader.benchmark.folder is None or golden is None:
        return False
    if not all(isinstance(part_votes.items, Questions) for part_votes in (golden, *votes.values())):
        return False
    if any((count_votes_on(golden.items, part_votes)[golden.sizes > 0] > 0).any() for part_votes in votes.values()):
        return False
    # Without raters' golden votes, and without a common image, the names may be misspelt.
    images = votes["votes"].images
    is_joined = "rater-golden" in votes or bool((match_images(golden.images, images) >= 0).any())
    return is_joined or suggest_match(golden.images, images) is None


def _default_method(benchmark: Benchmark, options: dict[str, Any]) -> str:
    """Return the method that is used if no method was given."""
    if benchmark is IMAGENET:
        return IMAGENET_METHOD
    return "calibrated" if options["golden"] is not None or "golden" in benchmark.sources else "em"


def _find_method_parts(call: Call, benchmark: Benchmark, method: str, options: dict[str, Any]) -> dict[str, Path]:
    """Return the files that a method uses besides votes, from options or the benchmark."""
    places: dict[str, Path | None] = {}
    if _is_option_used(method, "golden") and (options["golden"] is not None or "golden" in benchmark.sources):
        places["golden"] = require_part(call, benchmark, "golden", options["golden"])
    if "experts" in METHODS[method].required_options and "rater-golden" in benchmark.sources:
        places["rater-golden"] = require_part(call, benchmark, "rater-golden")
    else:  # optional for this method, so not downloaded
        places["rater-golden"] = find_part(call, benchmark, "rater-golden", None)
    if (
        not _is_option_used(method, "golden") and places["rater-golden"] is not None
    ):  # shows which golden items have no votes
        places["golden"] = find_part(call, benchmark, "golden", None)
    if method == IMAGENET_METHOD or options["original"] is not None:
        places["original"] = find_part(call, benchmark, "original", options["original"])
    return {part: place for part, place in places.items() if place is not None}


def _is_option_used(method: str, option: str) -> bool:
    return _ARGUMENTS_BY_OPTION[option] in METHODS[method].options


def _reject_unused_options(method: str, options: dict[str, Any], benchmark: Benchmark) -> None:
    unused = [option for option, value in options.items() if value is not None and not _is_option_used(method, option)]
    if unused:
        raise click.UsageError(f"Method {method} does not use --{unused[0].replace('_', '-')}.")
    if (
        "experts" in METHODS[method].required_options
        and options["golden"] is None
        and "golden" not in benchmark.sources
    ):
        raise click.UsageError(f"Method {method} measures raters on golden answers: give --golden.")
