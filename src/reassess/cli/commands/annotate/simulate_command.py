"""`reassess annotate simulate`: programs rate, in a copy of a campaign."""

import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from reassess import annotation
from reassess.cli.campaign_options import campaign_argument, images_of, images_option
from reassess.cli.common import Call, Range, call_options, counting, percent
from reassess.cli.help_pages import Command
from reassess.cli.inputs import FILE
from reassess.cli.screen import print_table, say
from reassess.cli.tables.campaign_table import states_in_words
from reassess.errors import OutputError
from reassess.formats.files import check_output
from reassess.formats.label_files import read_labels
from reassess.text import counted

if TYPE_CHECKING:
    from reassess.annotation import Campaign, Simulated, Trial

__all__ = ["simulate"]

_RATERS, _SECONDS = 6, 60.0
_CAREFUL = "0.9,0.05,0.05/0.05,0.05,0.9"


class _MatrixType(click.ParamType[tuple[tuple[float, ...], ...]]):
    name = "matrix"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(tuple(float(part) for part in row.split(",")) for row in value.split("/"))
        except ValueError:
            self.fail(f"{value!r} is no matrix, such as {_CAREFUL}.", param, ctx)


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate simulate pets.db --raters 8 --think 1 --seconds 30",
        "reassess annotate simulate pets.db --matrix 0.8,0.1,0.1/0.1,0.1,0.8 -o tried.db",
    ],
)
@campaign_argument
@click.option(
    "--raters", type=click.IntRange(1, 200), default=_RATERS, show_default=True, metavar="N", help="How many."
)
@click.option(
    "--matrix",
    "matrices",
    type=_MatrixType(),
    multiple=True,
    default=[_CAREFUL],
    metavar="MATRIX",
    help="How a rater answers: the probabilities of no, maybe and yes to a class that is invalid, and after a slash to "
    f"one that is valid. Several are given to the raters in turn.  [default: {_CAREFUL}]",
)
@click.option("--think", type=Range(0), default=0.0, show_default=True, metavar="S", help="Seconds a task, on average.")
@click.option(
    "--drop",
    type=Range(0, 0.9),
    default=0.02,
    show_default=True,
    metavar="P",
    help="How often a connection is lost as answers are sent.",
)
@click.option("--seconds", type=Range(0), default=_SECONDS, show_default=True, help="How long they work at most.")
@click.option(
    "--labels",
    type=FILE,
    metavar="FILE",
    help="The valid classes of each image.  [default: those of golden questions, and others by chance]",
)
@images_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what they answer.")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Keep the copy in which they rated.")
@call_options
def simulate(
    call: Call,
    campaign: str | Path,
    raters: int,
    matrices: Sequence[Sequence[Sequence[float]]],
    think: float,
    drop: float,
    seconds: float,
    labels: Path | None,
    images: Path | None,
    seed: int,
    output: Path | None,
) -> None:
    """Estimate votes, hours and label accuracy.

    They ask and answer as the page does, of a server on this machine, in a copy of the campaign: the campaign itself
    stays as it is. The copy is an SQLite file, also of a campaign on a database server: the times are those of SQLite.
    How good the labels would be is measured against the truth by which they answer.
    """
    if output is not None:
        if os.path.realpath(output) == os.path.realpath(campaign):
            raise OutputError(
                "output-is-input", "copy would replace the campaign", where=output, fix="choose another name"
            )
        check_output(output, force=call.force)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "campaign.db"
        with annotation.using_campaign(campaign):  # which its errors name, and not the copy
            annotation.backup_campaign(campaign, copy)
        if output is not None:
            annotation.refuse_answered(output, copy)
        with annotation.using_campaign(copy) as opened:
            known = (
                None
                if labels is None
                else read_labels(call.read("labels", labels), classes=annotation.classes_of(opened)).judging
            )
            where = images or opened.images
            if where is not None:
                images_of(opened, where)  # or the server would not start, and could not say why
            if isinstance(campaign, str):  # an address, and no file
                call.tell_first(
                    "the campaign is on a database server, its copy an SQLite file: the times are of SQLite"
                )
            if annotation.resume(opened, time.time()):
                call.tell_first("the campaign is paused; its copy was resumed")
            annotation.release(opened, math.inf)  # what people have begun, who do not go on in the copy
            before = annotation.export_votes(opened).votes
            truth = annotation.truth_of_campaign(opened, known, seed=seed)
            tokens = _tokens(opened, raters)
            working = [
                annotation.SimulatedRater(matrices[number % len(matrices)], think=think, drop=drop)
                for number in range(raters)
            ]
            with annotation.serving(copy, where) as address, counting(call) as progress:
                simulated = annotation.rate(
                    address, tokens, working, truth, seconds=seconds, seed=seed, progress=_adding(progress)
                )
            trial = annotation.trial_of(opened, before, truth, time.time())
        if output is not None:
            annotation.backup_campaign(copy, output, force=call.force)
    _report(call, simulated, trial, output)


def _adding(progress: Callable[[str, int, int], None]) -> Callable[[int], None]:
    """What is told of some answers, and shows how many there are by now."""
    lock, done = Lock(), 0

    def add(more: int) -> None:
        nonlocal done
        with lock:
            done += more
            progress("answers", done, done)

    return add


def _names(raters: int) -> list[str]:
    return [f"simulated {number}" for number in range(1, raters + 1)]


def _tokens(campaign: "Campaign", raters: int) -> list[str]:
    now = time.time()
    people = annotation.add_people(campaign, _names(raters), now=now, simulated=True)
    for person in people:
        annotation.consent(campaign, person, now)
    return [annotation.make_link(campaign, person, now) for person in people]


def _report(call: Call, simulated: "Simulated", trial: "Trial", output: Path | None) -> None:
    names = _names(simulated.raters)
    failed = sum(one.stage == "failed" and one.name in names for one in trial.progress.raters)
    if call.json:
        call.print_document("annotate", {**simulated.to_json(), "failed": failed, "campaign": trial.to_json()})
        return
    rate = simulated.answers / simulated.seconds
    lost = f", {counted(simulated.lost, 'connection')} lost" if simulated.lost else ""
    say(
        f"{counted(simulated.raters, 'rater')}: {counted(simulated.tasks, 'task')} and "
        f"{counted(simulated.answers, 'answer')} in {simulated.seconds:.1f} s, {rate:.1f} answers a second{lost}"
    )
    if failed:
        say(f"practice: {failed:,} of {counted(simulated.raters, 'rater')} did not reach the bar, and voted on nothing")
    rows = [
        (what, f"{took.size:,}", *(f"{1000 * at:.1f}" for at in np.quantile(took, (0.5, 0.95, 1.0))))
        for what, took in (("next task", simulated.next_seconds), ("keep answers", simulated.answer_seconds))
        if took.size
    ]
    print_table(("request", "times", "median ms", "95 % ms", "longest ms"), rows, text_columns=1)
    say(f"questions: {states_in_words(trial.progress)}")
    late = f"; {counted(trial.late, 'answer')} came when the question had votes enough" if trial.late else ""
    say(f"votes: {trial.progress.votes:,} of at most {trial.most:,}{late}")
    if trial.voted:
        say(
            f"labels at {trial.threshold}: {percent(trial.right / trial.voted)} % as the simulated truth, on "
            f"{counted(trial.voted, 'question')} with votes of programs alone; {trial.missed:,} valid missed, "
            f"{trial.mistaken:,} invalid taken"
        )
    if errors := sum(count for status, count in simulated.statuses.items() if status >= 500):
        call.note(f"the server failed in {counted(errors, 'request')}")
    if simulated.not_shown:
        requests = counted(simulated.not_shown, "request")
        why = "its file is damaged, has changed since the campaign was made, or is not there"
        call.note(f"no picture was shown in {requests}: {why}")
    if output is not None:
        call.tell(f"kept: {output}; go on with reassess annotate status, or export")
