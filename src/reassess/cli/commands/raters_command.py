"""`reassess raters`: how far each rater can be relied on."""

from pathlib import Path

import click

from reassess.aggregation import GoldenVotes, golden_votes, rater_reliability, reliability_table
from reassess.aggregation.stopping import warn_of_stop
from reassess.cli.aggregate_inputs import has_golden_apart
from reassess.cli.call import Call, call_options
from reassess.cli.help_pages import Command
from reassess.cli.options import (
    answers_option,
    benchmark_option,
    golden_at_least_option,
    match_option,
    output_option,
    part_option,
)
from reassess.cli.part_inputs import PartReader
from reassess.cli.tables.raters_table import print_reliability, raters_table
from reassess.core import Benchmark, Questions, Votes
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.text import counted

_AS_PRINTED = (".tex", ".md")


@click.command(
    cls=Command, docs="docs/votes.md", examples=["reassess raters votes.csv", "reassess raters --benchmark pets"]
)
@click.argument("votes", required=False, metavar="[VOTES]")
@benchmark_option
@part_option("golden", "Experts' votes")
@answers_option
@golden_at_least_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of the bootstrap.")
@output_option("TABLE", "Write a row for each rater: csv, tsv, jsonl, parquet, tex or md.", required=False)
@match_option
@call_options
def raters(
    call: Call,
    votes: str | None,
    benchmark: Benchmark | None,
    golden: str | None,
    golden_at_least: int | None,
    seed: int,
    output: Path | None,
) -> None:
    """Measure the accuracy of raters.

    VOTES is a file of votes, or the name of a known source such as imagenet-real-raters; by default those of the
    --benchmark. The raters are measured on golden items, of which experts know the truth; without golden answers, by
    what all raters say (Dawid-Skene).

    The rater whose votes tell the least comes first.
    """
    if benchmark is None and votes is None:
        raise click.UsageError("Give VOTES, or --benchmark.")
    call.check_output(output, (*TABLE_SUFFIXES, *_AS_PRINTED), "a table", benchmark=benchmark)
    main, measured_on = load_raters(call, benchmark, votes, golden, at_least=golden_at_least)
    result = rater_reliability(main, measured_on, seed=seed)
    if benchmark is not None and benchmark.stop is not None and votes is None and result.alpha is not None:
        warn_of_stop(benchmark.stop, "their alpha is biased, that of the golden votes is not")
    if output is not None and output.suffix.lower() in _AS_PRINTED:
        raters_table(result).write(output, force=call.force)
    elif output is not None:
        write_table(output, reliability_table(result), force=call.force)
    if call.json:
        by_experts = None if measured_on is None else measured_on.by_experts
        call.print_document("raters", {**result.to_json(), "golden": by_experts and by_experts.to_json()})
        return
    print_reliability(call, result, measured_on)
    if output is not None:
        call.tell(f"{output}: {counted(len(result.raters), 'rater')}")


def load_raters(
    call: Call,
    benchmark: Benchmark | None,
    votes: str | None = None,
    golden: str | None = None,
    *,
    at_least: int | None = None,
) -> tuple[Votes, GoldenVotes | None]:
    """The raters' votes, and those on golden items by which they are measured, if there are any; as the options say."""
    reader = PartReader(call, benchmark)
    main = reader.need("votes", votes)
    if isinstance(main.items, Questions):
        reader.recognize(main.images)
    reader.find_golden(golden)
    reader.refuse_two_kinds()
    if golden is None and has_golden_apart(reader):
        call.tell_first("raters are not measured by golden questions: no rater answered one that experts answered")
        del reader.given["golden"]
        reader.given.pop("rater-golden", None)
    parts = reader.joined()
    main = parts["votes"]
    if "golden" not in parts:
        return main, None
    return main, golden_votes(parts["golden"], parts.get("rater-golden", main), at_least=at_least)
