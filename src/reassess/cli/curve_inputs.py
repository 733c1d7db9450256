"""What `reassess curve` reads: scores, the golden answers that judge them, and the votes of which they were made."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from reassess.aggregation import (
    Golden,
    Rule,
    golden_part,
    golden_truth,
    simple_rules,
    with_golden_votes,
)
from reassess.aggregation.golden_items import golden_sources
from reassess.cli.aggregate_inputs import has_golden_apart
from reassess.cli.call import Call
from reassess.cli.part_inputs import PartReader, find_part, needed_part
from reassess.core import Benchmark, LabelSets, Scores, Votes
from reassess.core.scores import UNKNOWN_METHOD
from reassess.data import part_path


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
    reader = PartReader(call, benchmark)
    paths = {f"scores {number}": call.resolve("scores", file) for number, file in enumerate(files, 1)}
    for file, (part, path) in zip(files, paths.items(), strict=True):
        scores = reader.read(part, path)
        if method is not None:
            if scores.method != UNKNOWN_METHOD:
                raise click.UsageError(f"--method is for scores of unknown method; that of {file} is {scores.method}.")
            reader.given[part] = path, replace(scores, method=method)
    votes = None if benchmark is None else find_part(call, benchmark, "votes", None)
    reader.recognize(reader.images)
    if votes_needed_by is not None:
        if "votes" not in reader.benchmark.sources:
            raise click.UsageError(f"{votes_needed_by} needs the votes that made the scores: give --benchmark.")
        votes = needed_part(call, reader.benchmark, "votes")
    parts, known = _load_answers(reader, votes, golden, at_least)
    return {file: (path, parts[part]) for file, (part, path) in zip(files, paths.items(), strict=True)}, known


def _load_answers(
    reader: PartReader, votes: Path | None, golden: str | None, at_least: int | None
) -> tuple[dict[str, Any], CurveParts]:
    """The parts, and what judges the scores; all in one list of classes and with the benchmark's names of images."""
    benchmark = reader.benchmark
    scores = list(reader.given)
    sources = _golden_sources(benchmark, golden)
    paths = {} if votes is None else {"votes": votes}
    wanted = ("golden",) if votes is None else ("golden", "rater-golden")
    paths |= {part: reader.call.resolve(part, sources[part]) for part in wanted if part in sources}
    for part, path in paths.items():
        reader.read(part, path)
    reader.find_original()
    reader.refuse_two_kinds()
    parts = reader.joined(share_images=votes is None or not has_golden_apart(reader))
    experts, rater_votes, original = parts["golden"], parts.get("votes"), parts.get("original")
    golden_votes = parts.get("rater-golden")
    judged = [parts[part] for part in scores]
    rated = rater_votes
    if rater_votes is not None:
        rated = with_golden_votes(rater_votes, golden_votes, experts)
        golden_votes = golden_part(rater_votes, experts, golden_votes)
    truth = golden_truth(experts, at_least=at_least, among=[each.questions for each in judged])
    if rated is not None:
        truth = truth.without_unrated(rated, judged)
    of_votes = "" if votes is None else benchmark.sources["votes"]
    files = {
        "votes": of_votes,
        "rater_golden": benchmark.sources["rater-golden"] if "rater-golden" in paths else of_votes,
        "original": benchmark.sources.get("original", ""),
    }
    return parts, CurveParts(
        benchmark=benchmark,
        golden_file=paths["golden"],
        experts=experts,
        golden=truth,
        votes=rater_votes,
        rated=rated,
        rater_golden=golden_votes,
        original=original,
        rules=simple_rules(truth, votes=rated, rater_golden=golden_votes, original=original, files=files),
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
