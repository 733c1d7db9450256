"""What `reassess curve` reads: scores, the golden answers that judge them, and the votes of which they were made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from reassess.aggregation import (
    Golden,
    Rule,
    golden_answers,
    golden_part,
    golden_truth,
    simple_rules,
    with_golden_votes,
)
from reassess.aggregation.golden_items import golden_sources
from reassess.cli.call import Call
from reassess.cli.part_inputs import (
    find_part,
    joined_parts,
    matched,
    needed_part,
    read_classes_of,
    read_original_of,
    refuse_two_kinds,
)
from reassess.core import Benchmark, Classed, Classes, LabelSets, Scores, Votes, benchmark_of
from reassess.core.scores import UNKNOWN_METHOD
from reassess.data import part_path, read_scores, read_votes


@dataclass(frozen=True)
class CurveParts:
    """What judges the scores, and what else is known of the golden pairs.

    Of the raters' votes, `rated` also holds their golden votes on golden items that have no others.
    """

    benchmark: Benchmark
    golden_file: Path
    experts: Votes
    golden: Golden
    votes: Votes | None
    rated: Votes | None
    rater_golden: Votes | None
    original: LabelSets | None
    rules: tuple[Rule, ...]


def load_curves(
    call: Call,
    files: tuple[str, ...],
    benchmark: Benchmark | None,
    golden: str | None = None,
    *,
    at_least: int | None = None,
    votes_needed_by: str | None = None,
    method: str | None = None,
) -> tuple[dict[str, tuple[Path, Scores]], CurveParts]:
    """The files of scores, each with its path, and what judges them; as the options say."""
    if not files and benchmark is not None:
        needed_part(call, benchmark, "scores")
        files = (benchmark.sources["scores"],)
    classes = None if benchmark is None else read_classes_of(call, benchmark)
    paths = {file: call.resolve("scores", file) for file in files}
    read = [read_scores(path, classes=classes) for path in paths.values()]
    if method is not None:
        for file, one in zip(files, read, strict=True):
            if one.method != UNKNOWN_METHOD:
                raise click.UsageError(f"--method is for scores of unknown method; that of {file} is {one.method}.")
        read = [replace(scores, method=method) for scores in read]
    votes = None if benchmark is None else find_part(call, benchmark, "votes", None)
    benchmark = matched(call, benchmark or _common_benchmark(read))
    if votes_needed_by is not None:
        if "votes" not in benchmark.sources:
            raise click.UsageError(f"{votes_needed_by} needs the votes that made the scores: give --benchmark.")
        votes = needed_part(call, benchmark, "votes")
    given = {f"scores {number}": part for number, part in enumerate(zip(paths.values(), read, strict=True), 1)}
    scores, known = _load_answers(call, benchmark, given, votes, golden, at_least, classes)
    return dict(zip(files, zip(paths.values(), scores, strict=True), strict=True)), known


def _common_benchmark(scores: Sequence[Scores]) -> Benchmark:
    """The known benchmark to which the images of all scores belong."""
    benchmarks = [benchmark_of(each.questions.images) for each in scores]
    same = all(benchmark.name == benchmarks[0].name for benchmark in benchmarks)
    return benchmarks[0] if same else Benchmark()


def _load_answers(
    call: Call,
    benchmark: Benchmark,
    scores: Mapping[str, tuple[Path, Scores]],
    votes: Path | None,
    golden: str | None,
    at_least: int | None,
    classes: Classes | None,
) -> tuple[list[Scores], CurveParts]:
    """The scores, and what judges them; all in one list of classes and with the benchmark's names of images."""
    sources = _golden_sources(benchmark, golden)
    paths = {} if votes is None else {"votes": votes}
    wanted = ("golden",) if votes is None else ("golden", "rater-golden")
    paths |= {part: call.resolve(part, sources[part]) for part in wanted if part in sources}
    order = call.reading.answers or benchmark.answers
    given: dict[str, tuple[Path, Classed]] = dict(scores)
    for part, path in paths.items():
        read = read_votes(path, answers=order, classes=classes)
        order = order or golden_answers(read)
        given[part] = path, read
    if (of_original := read_original_of(call, benchmark, None, classes)) is not None:
        given["original"] = of_original
    refuse_two_kinds(given)
    parts = joined_parts(given, benchmark, classes)
    experts, rater_votes, original_labels = parts["golden"], parts.get("votes"), parts.get("original")
    golden_votes = parts.get("rater-golden")
    judged = [parts[part] for part in scores]
    truth = golden_truth(experts, at_least=at_least, among=[each.questions for each in judged])
    rated = rater_votes
    if rater_votes is not None:
        rated = with_golden_votes(rater_votes, golden_votes, experts)
        golden_votes = golden_part(rater_votes, experts, golden_votes)
        truth = truth.without_unrated(rated, judged)
    of_votes = "" if votes is None else benchmark.sources["votes"]
    files = {
        "votes": of_votes,
        "rater_golden": benchmark.sources["rater-golden"] if "rater-golden" in paths else of_votes,
        "original": benchmark.sources.get("original", ""),
    }
    return judged, CurveParts(
        benchmark=benchmark,
        golden_file=given["golden"][0],
        experts=experts,
        golden=truth,
        votes=rater_votes,
        rated=rated,
        rater_golden=golden_votes,
        original=original_labels,
        rules=simple_rules(truth, votes=rated, rater_golden=golden_votes, original=original_labels, files=files),
    )


def _golden_sources(benchmark: Benchmark, golden: str | None) -> dict[str, str]:
    sources = golden_sources(benchmark, golden)
    if "golden" not in sources:
        if benchmark.folder is not None:
            part_path(benchmark, "golden", needed_by="curve")
        raise click.UsageError(
            "Give --golden or --benchmark: only ImageNet's validation images have known golden answers."
        )
    return sources
