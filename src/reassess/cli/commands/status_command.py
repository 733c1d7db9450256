"""`reassess status`: show the state of a benchmark or campaign, and what is next."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.campaign_inputs import CAMPAIGN_TYPE
from reassess.cli.command_run import CommandRun, add_common_options, find_unused_path
from reassess.cli.help_pages import Command
from reassess.cli.screen import format_message, print_text
from reassess.comparison import SampleFindings
from reassess.core import IMAGENET, LabelSets, Tasks
from reassess.errors import DataError, MissingResult

if TYPE_CHECKING:
    from reassess.annotation import Progress

_ExitCode = int


@click.command(cls=Command, docs="docs/own-images.md", examples=["reassess status pets", "reassess status pets.db"])
@click.argument(
    "benchmark_or_campaign", metavar="[NAME|FOLDER|CAMPAIGN]", envvar="REASSESS_BENCHMARK", default=IMAGENET.name
)
@add_common_options
def status(run: CommandRun, benchmark_or_campaign: str) -> _ExitCode:
    """Show the state of a benchmark or campaign, and what is next.

    For a benchmark, each part is read without using the network. The output shows its contents, what it was made from,
    whether it is stale, and names that do not fit the other parts. The exit code is 1 if a part cannot be read. For a
    campaign (a file or an address), the output shows progress, the accuracy of raters on golden questions and, for the
    tasks of `reassess sample`, the results so far.
    """
    if "://" in benchmark_or_campaign or Path(benchmark_or_campaign).is_file():
        _print_campaign_state(run, CAMPAIGN_TYPE.convert(benchmark_or_campaign, None, None))
        return 0
    return _print_benchmark_state(run, benchmark_or_campaign)


def _print_benchmark_state(run: CommandRun, benchmark: str) -> _ExitCode:
    from reassess.cli.tables.status_table import print_status, to_json
    from reassess.data import check_benchmark

    result = check_benchmark(benchmark)
    run.next_command = result.next_command
    if run.json:
        for part in result.parts:
            for path in part.paths:
                if part.part != "images" and path.is_file():
                    run.add_input(part.part, path)
        run.print_json("status", to_json(result))
    else:
        print_status(result)
    errors = dict.fromkeys(map(format_message, result.errors))
    for error in errors:
        print_text(f"Error: {error}", err=True)
    return 1 if errors else 0


def _print_campaign_state(run: CommandRun, campaign: str | Path) -> None:
    from reassess.cli.tables.sample_results_table import print_results_so_far, results_so_far_to_json
    from reassess.cli.tables.status_table import print_progress, warn_if_practice_is_easy

    with annotation.use_campaign(campaign) as opened:
        progress = annotation.measure_progress(opened, time.time())
        answers = annotation.read_sample_answers(opened)
    command, *arguments = _find_next_annotate_command(progress)
    run.suggest_command("annotate", command, annotation.hide_password(campaign), *arguments)
    results = None if answers is None else _find_sample_results(*answers)
    if run.json:
        run.print_json("status", progress.to_json() | results_so_far_to_json(results))
    else:
        print_results_so_far(run, results)
        print_progress(run, progress)
    has_begun = any(person.role == "rater" and person.last_answer_time is not None for person in progress.people)
    warn_if_practice_is_easy(progress.practice_round, has_begun=has_begun)


def _find_sample_results(tasks: Tasks, labels: LabelSets) -> SampleFindings | MissingResult:
    """Return the results of a sample so far, or the reason why there are none."""
    try:
        return SampleFindings.from_tasks(tasks, labels, is_anytime=True)
    except DataError as error:
        if error.code not in ("too-few-images", "wrong-sample"):
            raise
        return MissingResult(f"{error.problem} (needed: {error.allowed}; found: {error.found})")


def _find_next_annotate_command(progress: "Progress") -> list[str]:
    """Return the name of the next `annotate` command, and its arguments that follow the name of the campaign."""
    roles_with_link = {person.role for person in progress.people if person.has_link}
    if progress.n_golden_unknown and "expert" not in roles_with_link:
        return ["invite", "NAME:expert..."]
    if progress.n_questions_without_rater or (progress.n_open_questions and "rater" not in roles_with_link):
        return ["invite", "NAME..."]
    return ["serve"] if progress.n_open_questions else ["export", "-o", str(find_unused_path("rated"))]
