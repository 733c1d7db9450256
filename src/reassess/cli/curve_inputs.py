"""Read the inputs of `reassess curve`: scores, golden answers, and the votes that made the scores."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import click

from reassess.aggregation import (
    GoldenQuestions,
    MeasuredRule,
    golden_truth,
    measure_baseline_rules,
    select_golden_votes,
    with_golden_votes,
)
from reassess.aggregation.golden_items import find_golden_vote_files
from reassess.cli.aggregate_inputs import is_golden_answered_only_by_experts
from reassess.cli.command_run import CommandRun
from reassess.cli.part_inputs import BenchmarkPartReader, find_part, find_scores, require_part
from reassess.core import Benchmark, LabelSets, Scores, Votes
from reassess.core.scores import UNKNOWN_METHOD
from reassess.data import find_part_path, read_votes
from reassess.formats import read_score_folder


class ScoresFile(NamedTuple):
    """A file of scores, and its content."""

    path: Path
    scores: Scores


@dataclass(frozen=True)
class CurveInputs:
    """Golden answers, and other parts of the benchmark that precision and recall are computed from."""

    benchmark: Benchmark
    golden_file: Path
    expert_votes: Votes  # on golden items
    golden_questions: GoldenQuestions  # with the truth by the experts' votes
    rater_votes: Votes | None
    rater_votes_with_golden: Votes | None  # also `rater_golden_votes`, on golden items without other votes
    rater_golden_votes: Votes | None
    original: LabelSets | None
    rules: tuple[MeasuredRule, ...]


def load_curve_inputs(
    run: CommandRun,
    files: tuple[str, ...],
    benchmark: Benchmark | None,
    golden: str | None = None,
    *,
    min_experts: int | None = None,
    option_that_needs_votes: str | None = None,
    method: str | None = None,
) -> tuple[dict[str, ScoresFile], CurveInputs]:
    """Read the files of scores, and the parts of the benchmark that precision and recall need."""
    if not files and benchmark is not None:
        require_part(run, benchmark, "scores")
        files = (benchmark.sources["scores"],)
    reader = BenchmarkPartReader(run, benchmark)
    paths = {f"scores {number}": find_scores(run, file) for number, file in enumerate(files, 1)}
    if option_that_needs_votes is not None and any(path.is_dir() for path in paths.values()):
        advice = ": give golden answers that aggregate did not use" if option_that_needs_votes == "--leave-out" else ""
        raise click.UsageError(f"{option_that_needs_votes} cannot be used with scores of a folder of votes{advice}.")
    for file, (part, path) in zip(files, paths.items(), strict=True):
        scores = (
            _read_scores_of_golden_images(reader, part, path, golden) if path.is_dir() else reader.read_part(part, path)
        )
        if method is not None:
            if scores.method != UNKNOWN_METHOD:
                raise click.UsageError(
                    f"--method is only for scores of unknown method; {file} was made by {scores.method}."
                )
            reader.parts[part] = path, replace(scores, method=method)
    votes = None if benchmark is None else find_part(run, benchmark, "votes", None)
    reader.set_benchmark_from_images(reader.images)
    if option_that_needs_votes is not None:
        if "votes" not in reader.benchmark.sources:
            raise click.UsageError(f"{option_that_needs_votes} needs the votes that made the scores: give --benchmark.")
        votes = require_part(run, reader.benchmark, "votes")
    scores_read, curve_inputs = _load_parts_and_join_scores(reader, votes, golden, min_experts)
    scores_files = map(ScoresFile, paths.values(), scores_read)
    return dict(zip(files, scores_files, strict=True)), curve_inputs


def _read_scores_of_golden_images(reader: BenchmarkPartReader, part: str, folder: Path, golden: str | None) -> Scores:
    """Read the scores of golden images from a folder of scores; other scores do not matter."""
    if golden is None:
        raise click.UsageError("A folder of scores needs --golden.")
    if reader.run.reading_options.match not in (None, "path"):
        raise click.UsageError("--match cannot be used with a folder of scores: images are joined by path.")
    golden_votes = read_votes(reader.run.find_or_download_source("golden", golden), golden=True)
    scores = read_score_folder(folder, golden_votes.images)
    reader.parts[part] = folder, scores
    return scores


def _load_parts_and_join_scores(
    reader: BenchmarkPartReader, votes: Path | None, golden: str | None, min_experts: int | None
) -> tuple[list[Scores], CurveInputs]:
    """Read golden answers, votes and original labels, and join them with the scores read before."""
    benchmark = reader.benchmark
    scores_parts = list(reader.parts)
    sources = _find_golden_sources(benchmark, golden)
    paths = {} if votes is None else {"votes": votes}
    golden_parts = ("golden",) if votes is None else ("golden", "rater-golden")
    paths |= {part: reader.run.find_or_download_source(part, sources[part]) for part in golden_parts if part in sources}
    for part, path in paths.items():
        reader.read_part(part, path)
    reader.read_original_labels()
    reader.check_same_item_kind()
    parts = reader.align_classes_and_images(
        must_share_images=votes is None or not is_golden_answered_only_by_experts(reader)
    )
    expert_votes, rater_votes, original = parts["golden"], parts.get("votes"), parts.get("original")
    rater_golden_votes = parts.get("rater-golden")
    scores_read = [parts[part] for part in scores_parts]
    votes_with_golden = rater_votes
    if rater_votes is not None:
        votes_with_golden = with_golden_votes(rater_votes, rater_golden_votes, expert_votes)
        rater_golden_votes = select_golden_votes(rater_votes, expert_votes, rater_golden_votes)
    truth = golden_truth(
        expert_votes, min_experts=min_experts, scored_questions=[file_scores.questions for file_scores in scores_read]
    )
    if votes_with_golden is not None:
        truth = truth.without_unrated_questions(votes_with_golden, scores_read)
    votes_source = "" if votes is None else benchmark.sources["votes"]
    files = {
        "votes": votes_source,
        "rater_golden": benchmark.sources["rater-golden"] if "rater-golden" in paths else votes_source,
        "original": benchmark.sources.get("original", ""),
    }
    return scores_read, CurveInputs(
        benchmark=benchmark,
        golden_file=paths["golden"],
        expert_votes=expert_votes,
        golden_questions=truth,
        rater_votes=rater_votes,
        rater_votes_with_golden=votes_with_golden,
        rater_golden_votes=rater_golden_votes,
        original=original,
        rules=measure_baseline_rules(
            truth, votes=votes_with_golden, rater_golden=rater_golden_votes, original=original, files=files
        ),
    )


def _find_golden_sources(benchmark: Benchmark, golden: str | None) -> dict[str, str]:
    sources = find_golden_vote_files(benchmark, golden)
    if "golden" not in sources:
        if benchmark.folder is not None:
            find_part_path(benchmark, "golden", needed_by="curve")
        raise click.UsageError(
            "Give --golden or --benchmark: only ImageNet's validation images have known golden answers."
        )
    return sources
