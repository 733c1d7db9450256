"""`reassess annotate simulate`: simulate raters in a copy of a campaign."""

import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.campaign_inputs import campaign_argument, has_no_expert_with_link
from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    CommandRun,
    FiniteRange,
    add_common_options,
    find_unused_path,
    format_percent_cell,
    show_progress_bars,
)
from reassess.cli.evaluation_inputs import to_evaluation_labels
from reassess.cli.help_pages import Command
from reassess.cli.options import ParsedType, output_option
from reassess.cli.packages import check_packages
from reassess.cli.screen import print_text
from reassess.cli.tables.status_table import describe_question_states
from reassess.errors import OutputError
from reassess.formats import read_label_file
from reassess.formats.files import check_output
from reassess.text import count_noun

if TYPE_CHECKING:
    from reassess.annotation import Simulation


_DEFAULT_RATERS, _DEFAULT_SECONDS = 6, 3.0
_CAREFUL_RATER = "0.9,0.05,0.05/0.05,0.05,0.9"


def _parse_confusion_matrix(text: str) -> tuple[tuple[float, ...], ...]:
    try:
        return tuple(tuple(float(probability) for probability in row.split(",")) for row in text.split("/"))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a matrix, such as {_CAREFUL_RATER}.") from None


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate simulate pets.db --raters 8 --seconds 4",
        "reassess annotate simulate pets.db --matrix 0.8,0.1,0.1/0.1,0.1,0.8 -o tried.db",
    ],
)
@campaign_argument
@click.option(
    "--raters",
    "n_raters",
    type=click.IntRange(1, 200),
    default=_DEFAULT_RATERS,
    show_default=True,
    metavar="N",
    help="Number of raters.",
)
@click.option(
    "--matrix",
    "confusion_matrices",
    type=ParsedType("matrix", _parse_confusion_matrix),
    multiple=True,
    default=[_CAREFUL_RATER],
    metavar="M",
    help="Confusion matrix of a rater: probabilities of the answers no, maybe and yes for an invalid class and, after "
    f"the slash, for a valid class. Repeat it for raters with other matrices.  [default: {_CAREFUL_RATER}]",
)
@click.option(
    "--seconds",
    "seconds_per_vote",
    type=FiniteRange(0),
    default=_DEFAULT_SECONDS,
    show_default=True,
    metavar="S",
    help="Mean seconds per vote.",
)
@click.option(
    "--labels",
    type=INPUT_PATH_TYPE,
    metavar="FILE",
    help="The truth: valid classes of each image.  [default: golden answers; a random truth for other questions]",
)
@click.option("--seed", type=click.IntRange(0), metavar="S", default=0, show_default=True, help="Seed of the answers.")
@output_option("FILE", "Write the copy with the simulated votes.", required=False)
@add_common_options
def simulate(
    run: CommandRun,
    campaign: str | Path,
    n_raters: int,
    confusion_matrices: Sequence[Sequence[Sequence[float]]],
    seconds_per_vote: float,
    labels: Path | None,
    seed: int,
    output: Path | None,
) -> None:
    """Estimate votes, hours and label accuracy.

    Simulated raters answer a copy of the campaign, in simulated time. The labels made from their votes are compared
    with the true labels that the simulation assumes.
    """
    check_packages("annotate", "campaigns")
    for matrix in confusion_matrices:
        annotation.check_confusion_matrix(matrix)
    if output is not None:
        if os.path.realpath(output) == os.path.realpath(campaign):
            raise OutputError(
                "output-is-input", "copy would replace the campaign", where=output, fix="choose another name"
            )
        check_output(output, force=run.force)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "campaign.db"
        with annotation.use_campaign(campaign):  # so that errors name the campaign, not the copy
            annotation.backup_campaign(campaign, copy)
        if output is not None:
            annotation.check_replaceable(output, copy)
        with annotation.use_campaign(copy) as opened, show_progress_bars(run) as progress:
            classes = annotation.read_classes(opened)
            truth = (
                None
                if labels is None
                else to_evaluation_labels(labels, read_label_file(run.add_input("labels", labels), classes=classes))
            )
            if annotation.resume(opened, time.time()):
                run.print_progress_line("the campaign is paused, but its copy is not")
            annotation.take_back_expired_tasks(opened, math.inf)  # nobody continues their turn in the copy
            is_without_expert = has_no_expert_with_link(opened)
            result = annotation.simulate(
                opened,
                [confusion_matrices[i % len(confusion_matrices)] for i in range(n_raters)],
                annotation.make_truth_function(opened, truth, seed=seed),
                now=time.time(),
                seconds_per_vote=seconds_per_vote,
                seed=seed,
                report_answers=_make_answer_reporter(progress),
            )
        if output is not None:
            annotation.backup_campaign(copy, output, force=run.force)
            run.suggest_command("annotate", "export", output, "-o", find_unused_path("simulated"))
        elif result.n_expert_answers and is_without_expert:
            run.suggest_command("annotate", "invite", annotation.hide_password(campaign), "NAME:expert...")
    _print_simulation(run, result, seconds_per_vote, output, has_random_truth=labels is None)


def _make_answer_reporter(update_bar: Callable[[str, int, int], None]) -> Callable[[int], None]:
    """Return a function that advances the progress bar by a number of answers."""
    done = 0

    def advance_bar(n_answers: int) -> None:
        nonlocal done
        done += n_answers
        update_bar("answers", done, 0)

    return advance_bar


def _format_hours(hours: float) -> str:
    return f"{hours:,.1f} hours" if hours >= 0.1 else f"{60 * hours:.1f} minutes"


def _print_simulation(
    run: CommandRun, result: "Simulation", seconds_per_vote: float, output: Path | None, *, has_random_truth: bool
) -> None:
    if run.json:
        run.print_json("annotate", result.to_json())
        return
    raters = count_noun(result.n_raters, "rater")
    print_text(
        f"{raters}: {count_noun(result.n_tasks, 'task')}, {count_noun(result.n_answers, 'answer')}, "
        f"{_format_hours(result.working_hours)} of "
        f"work at {seconds_per_vote:.2f} seconds per answer; finished after {_format_hours(result.elapsed_hours)}"
    )
    if result.n_failed_raters:
        print_text(f"practice: {result.n_failed_raters:,} of {raters} did not reach the pass mark, and gave no votes")
    print_text(f"questions: {describe_question_states(result.progress)}")
    not_needed = f"; {count_noun(result.n_unneeded_answers, 'answer')} not needed" if result.n_unneeded_answers else ""
    print_text(f"votes: {result.progress.n_votes:,} of at most {result.max_total_votes:,}{not_needed}")
    if n_questions := result.n_newly_voted_questions:
        print_text(
            f"labels at {result.threshold}: {format_percent_cell(result.n_correct_labels / n_questions)} % correct on "
            f"{count_noun(n_questions, 'simulated question')} ({result.n_valid_missed:,} valid missed, "
            f"{result.n_invalid_kept:,} invalid kept)"
        )
    if result.progress.practice_round.reason_raters_cannot_begin is not None:
        run.add_note(f"raters cannot begin practice: {result.progress.practice_round.reason_raters_cannot_begin}")
    elif result.progress.n_open_questions:
        run.add_note(
            f"{count_noun(result.progress.n_open_questions, 'question')} still open: more raters are needed (--raters)"
        )
    if result.n_expert_answers:
        answered = count_noun(result.n_expert_answers, "golden question")
        run.add_note(
            f"experts' answers to {answered} were simulated; in the real campaign, an image with only golden "
            "questions has no labels until experts answer these questions"
        )
    if has_random_truth:
        run.add_note("for questions without experts' answers, the truth was drawn at random (to set it: --labels FILE)")
    if output is not None:
        run.print_line(f"copy: {output}")
