"""Read votes and the other inputs of a method, such as golden answers, and compute scores."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import click
import numpy as np

from reassess.aggregation import AUTO, METHODS, Aggregation, aggregate, parse_method, with_golden_votes
from reassess.aggregation.golden import expert_truth
from reassess.aggregation.golden_items import are_golden_items_rated, count_votes_on
from reassess.aggregation.methods import list_methods_with
from reassess.cli.command_run import CommandRun
from reassess.cli.part_inputs import NO_SOURCE, BenchmarkPartReader, find_part, require_part
from reassess.core import IMAGENET, Benchmark, Predictions, Questions, Scores, Votes, classes_of
from reassess.core.image_names import match_images, suggest_match_fix
from reassess.core.items import require_questions
from reassess.data import to_benchmark_names
from reassess.errors import DataError, Fix, add_error_place
from reassess.formats import read_predictions
from reassess.text import join_and, join_first

# Names of method options, and of the same arguments in Python. Options that the method does not use are an error.
# The last three are not options of commands, but benchmark.json can store them with the method.
_ARGUMENTS_BY_OPTION = {
    "golden": "experts",
    "min_experts": "min_experts",
    "original": "original",
    "pooling": "pooling",
    "tempering": "tempering",
    "dependence": "dependence",
    "classifier": "classifier",
    "smoothing": "smoothing",
    "truths_are_answers": "truths_are_answers",
    "weights": "weights",
}
_PLAIN_ARGUMENTS = ("pooling", "smoothing", "truths_are_answers", "weights")  # need no golden answers
_NEED_EXPERTS = ("min_experts", "tempering", "dependence")
NO_METHOD_OPTIONS: dict[str, Any] = dict.fromkeys(_ARGUMENTS_BY_OPTION)
IMAGENET_METHOD = "imagenet-real"  # uses ImageNet's votes, golden answers and original labels by default


class GoldenCounts(NamedTuple):
    """A number of golden questions, and the number of their images."""

    n_questions: int
    n_images: int


class ScoresSummary(Protocol):
    """Votes and scores, with the counts that `reassess aggregate` prints; see `ComputedScores`."""

    @property
    def votes_with_golden(self) -> Votes: ...  # noqa: D102

    @property
    def aggregation(self) -> Aggregation: ...  # noqa: D102

    def count_golden_decided_by_experts(self) -> GoldenCounts: ...  # noqa: D102

    @property
    def n_golden_images_without_scores(self) -> int: ...  # noqa: D102

    @property
    def n_items_with_only_golden_votes(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class ComputedScores:
    """Votes, and the scores that a method computed from them."""

    votes: Votes
    votes_with_golden: Votes  # also raters' golden votes, on golden items without other votes
    aggregation: Aggregation

    @property
    def method_name(self) -> str:
        """The name of the method, without its settings."""
        return parse_method(self.aggregation.method)[0]

    @cached_property
    def scores(self) -> Scores:
        """The scores, including those of golden images that only experts decided."""
        return self.aggregation.scores_with_experts(self.votes)

    def count_golden_decided_by_experts(self) -> GoldenCounts:
        """Count the golden questions, and their images, whose scores come only from experts' answers."""
        items = self.aggregation.posterior.items
        assert isinstance(items, Questions)
        return GoldenCounts(len(self.scores) - len(items), len(self.scores.images) - len(items.images))

    @property
    def n_golden_images_without_scores(self) -> int:
        """Number of golden images without scores. No rater or expert answered all questions of such an image."""
        golden = self.aggregation.expert_votes
        return 0 if golden is None else int(np.count_nonzero(match_images(golden.images, self.scores.images) < 0))

    @property
    def n_items_with_only_golden_votes(self) -> int:
        """Number of golden items whose votes are only in the separate file of raters' golden votes."""
        if self.votes_with_golden is self.votes:
            return 0
        has_other_votes = count_votes_on(self.votes_with_golden.items, self.votes) > 0
        return int(np.count_nonzero((self.votes_with_golden.sizes > 0) & ~has_other_votes))


def use_stored_method(
    stored_method: str, method_options: dict[str, Any], benchmark: Benchmark
) -> tuple[str, dict[str, Any]]:
    """Return the name of a benchmark's method, and its stored options where the user gives none."""
    name, stored_options = parse_method(stored_method)
    if "original" in stored_options:
        source = benchmark.sources.get("original") if stored_options["original"] else NO_SOURCE
        stored_options["original"] = source
        if source is None and method_options["original"] is None:
            raise click.UsageError(f"The benchmark's method, {name}, used original labels: give --original.")
    if stored_options.pop("classifier", False) and method_options["classifier"] is None:
        raise click.UsageError(f"The benchmark's method, {name}, used a classifier: give --classifier, or --method.")
    if method_options["golden"] == NO_SOURCE:
        stored_options = {option: value for option, value in stored_options.items() if option not in _NEED_EXPERTS}
    given_options = {option: value for option, value in method_options.items() if value is not None}
    return name, NO_METHOD_OPTIONS | stored_options | given_options


def compute_scores(
    run: CommandRun,
    benchmark: Benchmark,
    votes_source: str | None,
    method: str | None,
    method_options: dict[str, Any],
    *,
    check_votes: Callable[[Votes], object] = lambda _: None,
) -> ComputedScores:
    """Read the votes and the other inputs of a method, and compute the scores."""
    method_options = NO_METHOD_OPTIONS | method_options
    if method_options["golden"] == NO_SOURCE:
        benchmark = replace(
            benchmark, sources={part: source for part, source in benchmark.sources.items() if part != "golden"}
        )
        method_options = {**method_options, "golden": None}
    name = method or _choose_default_method(benchmark, method_options)
    check_method_options(name, method_options, benchmark)
    reader = BenchmarkPartReader(run, benchmark, needs_classes=benchmark.folder is not None)
    main_votes = reader.read_required("votes", votes_source)
    if name == IMAGENET_METHOD:
        # Check the votes before ImageNet's golden answers are read with them.
        require_questions(main_votes.items, votes_name=f"the votes of {reader.files['votes']}")
    if method is None and main_votes.is_anonymous and not any(value is not None for value in method_options.values()):
        name = "majority"  # counts have no raters, so a rater model cannot be fitted
    for part, path in _find_files_by_part(run, benchmark, name, method_options).items():
        reader.read_part(part, path)
    reader.check_same_item_kind()
    is_default_method = method is None and name != IMAGENET_METHOD and not main_votes.is_anonymous
    method_name = AUTO if is_default_method else name
    # Golden images that only experts answered are scored by experts, and say nothing about the raters.
    has_separate_golden = _can_run_without_golden(name) and is_golden_answered_only_by_experts(reader)
    parts = reader.align_classes_and_images(must_share_images=not has_separate_golden)
    votes_with_golden = parts["votes"]
    rater_golden = parts.get(
        "rater-golden", votes_with_golden.select_items(np.zeros(0, np.int64)) if has_separate_golden else None
    )
    if rater_golden is not None:
        votes_with_golden = with_golden_votes(votes_with_golden, rater_golden, parts.get("golden"))
    check_votes(votes_with_golden)
    arguments = {argument: method_options[argument] for argument in _PLAIN_ARGUMENTS}
    classifier = _read_classifier(run, method_options["classifier"], votes_with_golden, reader.benchmark)
    if has_separate_golden:
        if method_options["tempering"]:
            raise _make_tempering_error(name)
        arguments["classifier"] = classifier
        result, experts = aggregate(votes_with_golden, method_name, **arguments), parts["golden"]
        truth = expert_truth(experts, min_experts=method_options["min_experts"])
        return ComputedScores(
            parts["votes"], votes_with_golden, replace(result, expert_votes=experts, expert_truth=truth)
        )
    arguments |= {
        "experts": parts.get("golden"),
        "rater_golden": parts.get("rater-golden") if "golden" in parts else None,
        "original": parts.get("original"),
        "min_experts": method_options["min_experts"],
        "tempering": method_options["tempering"],
        "dependence": method_options["dependence"],
        "classifier": classifier,
    }
    arguments = {argument: value for argument, value in arguments.items() if argument in METHODS[name].options}
    return ComputedScores(parts["votes"], votes_with_golden, aggregate(votes_with_golden, method_name, **arguments))


def _read_classifier(run: CommandRun, path: Path | None, votes: Votes, benchmark: Benchmark) -> Predictions | None:
    """Read a classifier's predictions in the class list and with the image names of the votes."""
    if path is None:
        return None
    run.add_input("classifier", path)
    try:
        predictions = read_predictions(path, classes_of(votes))
    except DataError as error:
        if isinstance(error.fix, Fix):  # with an option of other commands
            error.fix = "write a table with the column image, and a column per class, named like the class"
        raise
    with add_error_place(path):
        if predictions.images is None:
            return predictions
        predictions = predictions.with_images(to_benchmark_names(predictions.images, benchmark))
    images, match = predictions.images or (), benchmark.match or "path"
    if not (match_images(images, votes.images) >= 0).any() and (
        fix := suggest_match_fix(images, votes.images, match=match)
    ):
        raise DataError(
            "nothing-in-common",
            "the classifier's predictions and the votes have no image in common",
            where=path,
            found=f"{join_first(images, max_items=2)}; and {join_first(votes.images, max_items=2)}",
            fix=fix,
        )
    return predictions


def _make_tempering_error(method: str) -> DataError:
    return DataError(
        "missing-golden",
        "tempering needs raters' votes on golden questions, but only experts answered these questions",
        fix=Fix("give {method} without {tempering}", method=method, tempering=None),
    )


def is_golden_answered_only_by_experts(reader: BenchmarkPartReader) -> bool:
    """Return whether only experts answered the golden questions, so that they say nothing about raters."""
    votes = {part: data for part, (_, data) in reader.parts.items() if isinstance(data, Votes)}
    golden = votes.pop("golden", None)
    if reader.benchmark.folder is None or golden is None:
        return False
    if not all(isinstance(part_votes.items, Questions) for part_votes in (golden, *votes.values())):
        return False
    if are_golden_items_rated(golden, *votes.values()):
        return False
    # Without raters' golden votes, and without a common image, the names may be misspelt.
    images = votes["votes"].images
    is_joined = "rater-golden" in votes or bool((match_images(golden.images, images) >= 0).any())
    return is_joined or suggest_match_fix(golden.images, images) is None


def _choose_default_method(benchmark: Benchmark, method_options: dict[str, Any]) -> str:
    """Return the method to use if --method is not given."""
    if benchmark is IMAGENET:
        return IMAGENET_METHOD
    return "stacking" if method_options["original"] is None else "calibrated"


def _can_run_without_golden(method: str) -> bool:
    return "experts" in METHODS[method].options and "experts" not in METHODS[method].required_options


def _find_files_by_part(
    run: CommandRun, benchmark: Benchmark, method: str, method_options: dict[str, Any]
) -> dict[str, Path]:
    """Return the files that a method reads besides votes, by part: from an option, or from the benchmark."""
    paths: dict[str, Path | None] = {}
    if _method_uses_option(method, "golden") and (
        method_options["golden"] is not None or "golden" in benchmark.sources
    ):
        paths["golden"] = require_part(run, benchmark, "golden", method_options["golden"])
    if "experts" in METHODS[method].required_options and "rater-golden" in benchmark.sources:
        paths["rater-golden"] = require_part(run, benchmark, "rater-golden")
    else:  # optional for this method, so not downloaded
        paths["rater-golden"] = find_part(run, benchmark, "rater-golden", None)
    # Shows which golden items have no votes.
    if not _method_uses_option(method, "golden") and paths["rater-golden"] is not None:
        paths["golden"] = find_part(run, benchmark, "golden", None)
    if method == IMAGENET_METHOD or method_options["original"] is not None:
        paths["original"] = find_part(run, benchmark, "original", method_options["original"])
    return {part: path for part, path in paths.items() if path is not None}


def _method_uses_option(method: str, option: str) -> bool:
    return _ARGUMENTS_BY_OPTION[option] in METHODS[method].options


def check_method_options(method: str, method_options: dict[str, Any], benchmark: Benchmark) -> None:
    """Raise a usage error for an option that the method does not use, and for missing golden answers."""
    unused = [
        option
        for option, value in method_options.items()
        if value is not None and not _method_uses_option(method, option)
    ]
    if unused:
        if (method, unused[0]) == ("stacking", "tempering"):
            raise click.UsageError("Stacking always tempers: remove --tempering, or choose another method.")
        option_name = "golden-at-least" if unused[0] == "min_experts" else unused[0]
        methods = join_and(list_methods_with(_ARGUMENTS_BY_OPTION[unused[0]]), max_items=9)
        raise click.UsageError(f"Method {method} does not use --{option_name}. Methods that use it: {methods}.")
    if (
        "experts" in METHODS[method].required_options
        and method_options["golden"] is None
        and "golden" not in benchmark.sources
    ):
        raise click.UsageError(f"Method {method} measures raters on golden answers: give --golden.")
