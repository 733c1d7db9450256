"""`reassess annotate export`: the votes of a campaign, as the folder of a benchmark."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.campaign_options import campaign_argument
from reassess.cli.common import Call, call_options
from reassess.cli.help_pages import Command
from reassess.cli.inputs import OUTPUT
from reassess.core.benchmark import USUAL_THRESHOLD
from reassess.data.benchmark_folders import open_benchmark
from reassess.text import counted

if TYPE_CHECKING:
    from reassess.annotation import Campaign, Exported

__all__ = ["export"]


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=["reassess annotate export pets.db -o rated", "reassess annotate export pets.db -o rated-by --names"],
)
@campaign_argument
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="FOLDER", help="The folder.")
@click.option(
    "--names",
    is_flag=True,
    help="Call raters by their names; else by numbers, in the order in which they were invited.",
)
@call_options
def export(call: Call, campaign: str | Path, output: Path, names: bool) -> None:
    """Write the votes as a benchmark's folder.

    It holds the counted votes, the experts' and the raters' votes on golden questions, the classes, the original labels
    if they are known, question-states.csv: how each question stands, and suggestions.csv: what people saw and were not
    asked about. The command that makes labels of them is printed.
    """
    with annotation.using_campaign(campaign) as opened:
        exported = annotation.export_campaign(opened, output, names=names, force=call.force)
        rebuild = _rebuild(output, exported, opened)
    raters = {rater for votes in (exported.votes, exported.rater_golden) if votes for rater in votes.raters}
    if call.json:
        results = {
            "output": str(output),
            "votes": len(exported.votes),
            "questions": len(exported.votes.items),
            "raters": len(raters),
            "golden_votes": len(exported.golden or ()),
            "rater_golden_votes": len(exported.rater_golden or ()),
            "suggestions": len(exported.suggestions),
            "late": exported.late,
            "skipped": exported.skipped,
            "withdrawn": exported.withdrawn,
            "excluded": exported.excluded,
            "practice": exported.practice,
            "rebuild": rebuild,
        }
        call.print_document("annotate", results)
        return
    questions = counted(len(exported.votes.items), "question")
    call.tell(f"{output}: {counted(len(exported.votes), 'vote')} by {counted(len(raters), 'rater')} on {questions}")
    for what, votes in (("experts", exported.golden), ("raters", exported.rater_golden)):
        if votes is not None:
            call.tell(f"golden: {counted(len(votes), 'vote')} by {what}")
    if exported.suggestions:
        call.tell(f"{counted(len(exported.suggestions), 'suggested class', 'suggested classes')} of images")
    left_out = {
        "of excluded raters": exported.excluded,
        "to questions that had votes enough": exported.late,
        "about pictures that their rater could not judge": exported.skipped,
        "to questions that were withdrawn": exported.withdrawn,
        "of experts to questions for practice": exported.practice,
    }
    for why, count in left_out.items():
        if count:
            call.tell(f"left out: {counted(count, 'answer')} {why}")
    call.tell("labels: nobody has voted yet" if rebuild is None else f"labels: {rebuild}")


def _rebuild(folder: Path, exported: "Exported", campaign: "Campaign") -> str | None:
    """The line that makes labels of the votes; None without votes."""
    if not len(exported.votes):
        return None
    benchmark = open_benchmark(folder)
    sources = benchmark.sources

    def output(part: str, usual: str) -> list[str]:
        return ["-o", sources[part], "--force"] if part in sources else ["-o", str(folder / usual)]

    aggregate = ["reassess", "aggregate", "--benchmark", str(folder), *output("scores", "scores.npz")]
    if exported.golden is not None and exported.rater_golden is None:
        aggregate += ["--golden", "none"]  # on which nobody was measured
    elif exported.golden is not None and campaign.at_least is not None:
        aggregate += ["--golden-at-least", str(campaign.at_least)]
    if campaign.original_votes:
        aggregate += ["--original", str(folder / "original.csv")]
    labels = ["reassess", "labels", "--benchmark", str(folder), *output("labels", "labels.csv")]
    if benchmark.threshold is None:
        labels += ["--threshold", str(USUAL_THRESHOLD)]
    return f"{shlex.join(aggregate)} && {shlex.join(labels)}"
