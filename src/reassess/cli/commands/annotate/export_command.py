"""`reassess annotate export`: write the votes of a campaign as a benchmark folder."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.campaign_inputs import campaign_argument, has_no_expert_with_link
from reassess.cli.command_run import CommandRun, add_common_options, find_unused_path
from reassess.cli.help_pages import Command
from reassess.cli.options import output_option
from reassess.data import open_benchmark
from reassess.text import count_noun

if TYPE_CHECKING:
    from reassess.annotation import Campaign, CampaignExport


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate export pets.db -o rated",
        "reassess annotate export pets.db -o rated-by --rater-names",
    ],
)
@campaign_argument
@output_option("FOLDER", "The benchmark folder to write.")
@click.option(
    "--rater-names",
    "writes_rater_names",
    is_flag=True,
    help="Write the names of raters, instead of ids such as rater 4.",
)
@add_common_options
def export(run: CommandRun, campaign: str | Path, output: Path, writes_rater_names: bool) -> None:
    """Write the votes as a benchmark folder.

    The folder contains the votes that count, experts' and raters' votes on golden questions, the classes, the original
    labels (if known), question-states.csv (the state of each question) and suggestions.csv (classes suggested by
    raters). With --force, other files in the folder stay.
    """
    with annotation.use_campaign(campaign) as opened:
        exported = annotation.export_campaign(opened, output, with_rater_names=writes_rater_names, force=run.force)
        if exported.n_unrated_golden_questions and has_no_expert_with_link(opened):
            run.suggest_command("annotate", "invite", annotation.hide_password(campaign), "NAME:expert...")
        elif len(exported.votes):
            run.next_command = _make_labels_command(output, exported, opened)
        else:
            run.suggest_command("annotate", "serve", annotation.hide_password(campaign))
    raters = {rater for votes in (exported.votes, exported.rater_golden_votes) if votes for rater in votes.raters}
    if run.json:
        results = {
            "output": str(output),
            "votes": len(exported.votes),
            "questions": len(exported.votes.items),
            "raters": len(raters),
            "golden_votes": len(exported.golden_votes or ()),
            "golden_drawn": len(exported.sample or ()),
            "rater_golden_votes": len(exported.rater_golden_votes or ()),
            "suggestions": len(exported.suggestions),
            "excluded": exported.n_excluded_answers,
            "not_needed": exported.n_unneeded_answers,
            "skipped": exported.n_skipped_answers,
            "withdrawn": exported.n_withdrawn_answers,
            "practice": exported.n_practice_votes,
            "unrated_golden": exported.n_unrated_golden_questions,
            "unrated_images": exported.n_unrated_images,
        }
        run.print_json("annotate", results)
        return
    questions = count_noun(len(exported.votes.items), "question")
    run.print_line(
        f"{output}: {count_noun(len(exported.votes), 'vote')} by {count_noun(len(raters), 'rater')} on {questions}"
    )
    for role, votes in (("experts", exported.golden_votes), ("raters", exported.rater_golden_votes)):
        if votes is not None:
            practice = (
                f" ({exported.n_practice_votes:,} for practice)"
                if role == "experts" and exported.n_practice_votes
                else ""
            )
            run.print_line(f"golden: {count_noun(len(votes), 'vote')} by {role}{practice}")
    if exported.sample is not None:
        run.print_line(
            f"{count_noun(len(exported.sample), 'golden image')} drawn at random (columns probability and stratum)"
        )
    if exported.n_unrated_golden_questions:
        n_without, images = exported.n_unrated_golden_questions, exported.n_unrated_images
        has_or_have, images_stay = (
            "has" if n_without == 1 else "have",
            "this image stays" if images == 1 else "these images stay",
        )
        questions_on_images = f"{count_noun(n_without, 'golden question')} on {count_noun(images, 'image')}"
        run.print_line(f"{questions_on_images} {has_or_have} no expert's answer: {images_stay} unrated")
    if exported.suggestions:
        run.print_line(count_noun(len(exported.suggestions), "suggested class", "suggested classes"))
    not_exported = {
        "by excluded raters": exported.n_excluded_answers,
        "to questions that had enough votes": exported.n_unneeded_answers,
        "about skipped images": exported.n_skipped_answers,
        "to withdrawn questions": exported.n_withdrawn_answers,
    }
    for reason, count in not_exported.items():
        if count:
            run.print_line(f"not exported: {count_noun(count, 'answer')} {reason}")


def _make_labels_command(folder: Path, exported: "CampaignExport", campaign: "Campaign") -> str:
    """Return the commands that make scores and labels from the exported votes."""
    benchmark = open_benchmark(folder)
    sources = benchmark.sources

    def make_output_options(benchmark_part: str, default_name: str) -> list[str]:
        if benchmark_part in sources:
            return ["-o", sources[benchmark_part], "--force"]
        return ["-o", str(folder / default_name)]

    aggregate = ["reassess", "aggregate", "--benchmark", str(folder), *make_output_options("scores", "scores.csv")]
    if exported.golden_votes is not None and campaign.min_experts is not None:
        aggregate += ["--golden-at-least", str(campaign.min_experts)]
    # The accuracy of original labels is only measured if they have votes and raters voted on golden questions.
    if campaign.has_original_votes and exported.has_rater_votes_on_golden:
        aggregate += ["--original", str(folder / "original.csv")]
    labels = ["reassess", "labels", "--benchmark", str(folder), *make_output_options("labels", "labels.csv")]
    labels += ["--details", str(find_unused_path("changed.csv"))] if "original" in sources else []
    return f"{shlex.join(aggregate)} && {shlex.join(labels)}"
