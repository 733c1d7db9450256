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
from reassess.cli.command_run import CommandRun
from reassess.cli.part_inputs import NO_SOURCE, PartReader, find_part, require_part
from reassess.core import IMAGENET, Benchmark, Questions, Scores, Votes
from reassess.core.image_names import match_images, suggest_match_fix
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
    votes_with_golden: Votes  # also golden votes on golden items without other votes
    aggregation: Aggregation

    @property
    def method_name(self) -> str:
        """The name of the method, without its settings."""
        return parse_method(self.aggregation.method)[0]

    @cached_property
    def scores(self) -> Scores:
        """The scores, including those of golden images that only experts decided."""
        return self.aggregation.scores_with_experts(self.votes)

    def count_golden_decided_by_experts(self) -> tuple[int, int]:
        """Count the golden questions, and the golden images, that have scores only from experts."""
        items = self.aggregation.posterior.items
        assert isinstance(items, Questions)
        return len(self.scores) - len(items), len(self.scores.images) - len(items.images)

    @property
    def n_golden_images_without_scores(self) -> int:
        """Number of golden images without scores: nobody answered all their golden questions."""
        golden = self.aggregation.expert_votes
        return 0 if golden is None else int(np.count_nonzero(match_images(golden.images, self.scores.images) < 0))

    @property
    def n_items_with_only_golden_votes(self) -> int:
        """Number of golden items on which raters voted only in the file of their golden votes."""
        if self.votes_with_golden is self.votes:
            return 0
        has_other_votes = count_votes_on(self.votes_with_golden.items, self.votes) > 0
        return int(np.count_nonzero((self.votes_with_golden.sizes > 0) & ~has_other_votes))


def compute_scores(
    run: CommandRun,
    benchmark: Benchmark,
    votes: str | None,
    method: str | None,
    options: dict[str, Any],
    *,
    check_votes: Callable[[Votes], object] = lambda _: None,
) -> ComputedScores:
    """Read the votes and the other parts that a method uses, and compute the scores."""
    if options["golden"] == NO_SOURCE:
        benchmark = replace(
            benchmark, sources={part: source for part, source in benchmark.sources.items() if part != "golden"}
        )
        options = {**options, "golden": None}
    name = method or _choose_default_method(benchmark, options)
    _reject_unused_options(name, options, benchmark)
    reader = PartReader(run, benchmark, needs_classes=benchmark.folder is not None)
    main_votes = reader.read_required("votes", votes)
    if name == IMAGENET_METHOD:
        # Check the votes before ImageNet's golden answers are read with them.
        require_questions(main_votes.items, votes_name=f"the votes of {reader.files['votes']}")
    if method is None and main_votes.is_anonymous and not any(value is not None for value in options.values()):
        name = "majority"  # counts have no raters, so a rater model cannot be fitted
    for part, path in _find_method_files(run, benchmark, name, options).items():
        reader.read_part(part, path)
    reader.check_same_item_kind()
    is_default = method is None and name != IMAGENET_METHOD and not main_votes.is_anonymous
    is_separate = name == "em" or (is_default and options["original"] is None)
    is_separate = is_separate and raters_answered_no_golden_questions(reader)
    parts = reader.join_parts(must_share_images=not is_separate)
    votes_with_golden = parts["votes"]
    rater_golden = parts.get("rater-golden", votes_with_golden.restrict(np.zeros(0, np.int64)) if is_separate else None)
    if rater_golden is not None:
        votes_with_golden = with_golden_votes(votes_with_golden, rater_golden, parts.get("golden"))
    check_votes(votes_with_golden)
    if is_separate:
        result, experts = aggregate(votes_with_golden, "em", pooling=options["pooling"]), parts["golden"]
        truth = expert_truth(experts, min_experts=options["golden_at_least"])
        return ComputedScores(
            parts["votes"], votes_with_golden, replace(result, expert_votes=experts, expert_truth=truth)
        )
    arguments = {
        "experts": parts.get("golden"),
        "rater_golden": parts.get("rater-golden") if "golden" in parts else None,
        "original": parts.get("original"),
        "min_experts": options["golden_at_least"],
        "pooling": options["pooling"],
    }
    arguments = {argument: value for argument, value in arguments.items() if argument in METHODS[name].options}
    return ComputedScores(
        parts["votes"], votes_with_golden, aggregate(votes_with_golden, AUTO if is_default else name, **arguments)
    )


def raters_answered_no_golden_questions(reader: PartReader) -> bool:
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
    return is_joined or suggest_match_fix(golden.images, images) is None


def _choose_default_method(benchmark: Benchmark, options: dict[str, Any]) -> str:
    """Return the method that is used if no method was given."""
    if benchmark is IMAGENET:
        return IMAGENET_METHOD
    return "calibrated" if options["golden"] is not None or "golden" in benchmark.sources else "em"


def _find_method_files(run: CommandRun, benchmark: Benchmark, method: str, options: dict[str, Any]) -> dict[str, Path]:
    """Return the files that a method reads besides votes: each from its option or from the benchmark."""
    paths: dict[str, Path | None] = {}
    if _method_uses_option(method, "golden") and (options["golden"] is not None or "golden" in benchmark.sources):
        paths["golden"] = require_part(run, benchmark, "golden", options["golden"])
    if "experts" in METHODS[method].required_options and "rater-golden" in benchmark.sources:
        paths["rater-golden"] = require_part(run, benchmark, "rater-golden")
    else:  # optional for this method, so not downloaded
        paths["rater-golden"] = find_part(run, benchmark, "rater-golden", None)
    # Shows which golden items have no votes.
    if not _method_uses_option(method, "golden") and paths["rater-golden"] is not None:
        paths["golden"] = find_part(run, benchmark, "golden", None)
    if method == IMAGENET_METHOD or options["original"] is not None:
        paths["original"] = find_part(run, benchmark, "original", options["original"])
    return {part: path for part, path in paths.items() if path is not None}


def _method_uses_option(method: str, option: str) -> bool:
    return _ARGUMENTS_BY_OPTION[option] in METHODS[method].options


def _reject_unused_options(method: str, options: dict[str, Any], benchmark: Benchmark) -> None:
    unused = [
        option for option, value in options.items() if value is not None and not _method_uses_option(method, option)
    ]
    if unused:
        raise click.UsageError(f"Method {method} does not use --{unused[0].replace('_', '-')}.")
    if (
        "experts" in METHODS[method].required_options
        and options["golden"] is None
        and "golden" not in benchmark.sources
    ):
        raise click.UsageError(f"Method {method} measures raters on golden answers: give --golden.")
