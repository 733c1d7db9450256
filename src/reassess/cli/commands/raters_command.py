"""`reassess raters`: measure the accuracy of raters."""

from contextlib import nullcontext
from pathlib import Path

import click

from reassess.aggregation import GoldenVotesWithTruth, golden_votes, rater_reliability, reliability_table
from reassess.aggregation.stopping import warn_of_early_stop
from reassess.cli.aggregate_inputs import is_golden_answered_only_by_experts
from reassess.cli.command_run import CommandRun, add_common_options
from reassess.cli.help_pages import Command
from reassess.cli.options import (
    answers_option,
    benchmark_option,
    golden_at_least_option,
    match_option,
    output_option,
    part_option,
)
from reassess.cli.part_inputs import BenchmarkPartReader
from reassess.cli.tables.raters_table import make_raters_table, print_reliability
from reassess.cli.vote_folders import describe_inputs, load_folder_and_golden_votes, refuse_benchmark
from reassess.core import Benchmark, Questions, Votes
from reassess.errors import add_error_place
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.text import count_noun

_LATEX_AND_MARKDOWN_SUFFIXES = (".tex", ".md")


@click.command(
    cls=Command, docs="docs/votes.md", examples=["reassess raters votes.csv", "reassess raters --benchmark pets"]
)
@click.argument("votes", required=False, metavar="[VOTES]")
@benchmark_option
@part_option("golden", "Experts' votes")
@answers_option
@golden_at_least_option
@click.option(
    "--seed", type=click.IntRange(0), metavar="S", default=0, show_default=True, help="Seed of the bootstrap."
)
@output_option("TABLE", "Write a row for each rater: csv, tsv, jsonl, parquet, tex or md.", required=False)
@match_option
@add_common_options
def raters(
    run: CommandRun,
    votes: str | None,
    benchmark: Benchmark | None,
    golden: str | None,
    min_experts: int | None,
    seed: int,
    output: Path | None,
) -> None:
    """Measure the accuracy of raters.

    VOTES is a file, a folder of Parquet files, or known data such as imagenet-real-raters; by default, the votes of
    --benchmark. Raters are measured on golden items, where experts decide the truth. Without golden answers, the truth
    is estimated from all votes (Dawid-Skene).

    The least informative rater comes first.
    """
    if benchmark is None and votes is None:
        raise click.UsageError("Give VOTES, or --benchmark.")
    folder = None if votes is None or not Path(votes).is_dir() else Path(votes)
    if folder is not None:
        refuse_benchmark(folder, benchmark)
    run.check_output(output, (*TABLE_SUFFIXES, *_LATEX_AND_MARKDOWN_SUFFIXES), "a table", benchmark=benchmark)
    rater_votes, golden_data = (
        load_rater_and_golden_votes(run, benchmark, votes, golden, min_experts=min_experts)
        if folder is None
        else load_folder_and_golden_votes(run, folder, golden, min_experts=min_experts)
    )
    with nullcontext() if folder is None else add_error_place(describe_inputs(folder, golden)):
        result = rater_reliability(rater_votes, golden_data, seed=seed)
    if benchmark is not None and benchmark.stop is not None and votes is None and result.alpha is not None:
        warn_of_early_stop(benchmark.stop, "their alpha is biased; alpha of golden votes is not")
    if output is not None and output.suffix.lower() in _LATEX_AND_MARKDOWN_SUFFIXES:
        make_raters_table(result).write(output, force=run.force)
    elif output is not None:
        write_table(output, reliability_table(result), force=run.force)
    if run.json:
        by_experts = None if golden_data is None else golden_data.expert_truth
        run.print_json("raters", {**result.to_json(), "golden": by_experts and by_experts.to_json()})
        return
    print_reliability(run, result, golden_data)
    if output is not None:
        run.print_line(f"{output}: {count_noun(len(result.raters), 'rater')}")


def load_rater_and_golden_votes(
    run: CommandRun,
    benchmark: Benchmark | None,
    votes: str | None = None,
    golden: str | None = None,
    *,
    min_experts: int | None = None,
) -> tuple[Votes, GoldenVotesWithTruth | None]:
    """Read raters' votes and, if available, raters' golden votes together with experts' answers."""
    reader = BenchmarkPartReader(run, benchmark)
    rater_votes = reader.read_required("votes", votes)
    if isinstance(rater_votes.items, Questions):
        reader.set_benchmark_from_images(rater_votes.images)
    reader.add_golden_parts(golden)
    reader.check_same_item_kind()
    if golden is None and is_golden_answered_only_by_experts(reader):
        run.print_progress_line(
            "raters are not measured by golden questions: no rater answered one that experts answered"
        )
        del reader.parts["golden"]
        reader.parts.pop("rater-golden", None)
    parts = reader.align_classes_and_images()
    rater_votes = parts["votes"]
    if "golden" not in parts:
        return rater_votes, None
    return rater_votes, golden_votes(parts["golden"], parts.get("rater-golden", rater_votes), min_experts=min_experts)
