"""`reassess annotate create`: create a campaign from tasks."""

import secrets
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.campaign_inputs import (
    GOLDEN_NOT_IN_TASKS_NOTE,
    GOLDEN_TYPE,
    CampaignParts,
    load_campaign_parts,
    writable_campaign_argument,
)
from reassess.cli.campaign_samples import describe_sample
from reassess.cli.command_run import INPUT_PATH_TYPE, CommandRun, FiniteRange, add_common_options, show_progress_bars
from reassess.cli.help_pages import Command
from reassess.cli.options import STOP_RULE_TYPE, benchmark_option
from reassess.cli.packages import check_packages
from reassess.cli.tables.status_table import describe_practice, warn_if_practice_is_easy
from reassess.core import Benchmark, Hierarchy, StopRule
from reassess.data import check_output_path, find_part_path, open_images
from reassess.errors import DataError, ReassessWarning
from reassess.formats import read_hierarchy
from reassess.formats.files import check_output, exists, read_lines
from reassess.text import count_noun

if TYPE_CHECKING:
    from reassess.annotation import CampaignPlan, ExampleImage


_DEFAULT_VOTES_PER_QUESTION, _DEFAULT_GOLDEN_SHARE = 5, 0.1
_COPIED_SETTINGS = ("name", "threshold", "match")
_CONSENT_FILE, _EXAMPLES_FOLDER = "consent.md", "examples"  # of a benchmark folder


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate create a.db ask.jsonl --benchmark pets --stop .05,.95",
        "reassess annotate create b.db ask.jsonl --benchmark pets --practice 1",
    ],
)
@writable_campaign_argument
@click.argument("tasks", type=INPUT_PATH_TYPE)
@click.option(
    "--per-question",
    "votes_per_question",
    type=click.IntRange(1, annotation.MAX_VOTES_PER_QUESTION),
    default=_DEFAULT_VOTES_PER_QUESTION,
    show_default=True,
    metavar="N",
    help="Votes per question; with --stop, the maximum.",
)
@click.option(
    "--stop",
    type=STOP_RULE_TYPE,
    metavar="LOW,HIGH",
    help="Stop asking about a question that has 2 or more votes if its class is valid with a probability of at most "
    "LOW or at least HIGH, for example 0.05,0.95. This rule needs golden questions.",
)
@click.option(
    "--golden",
    type=GOLDEN_TYPE,
    metavar="N|FILE",
    help="N: draw about N golden questions for experts. FILE: golden questions, or experts' answers. none: no golden "
    "questions.  [default: golden questions in TASKS, and the benchmark's]",
)
@click.option(
    "--golden-share",
    type=FiniteRange(0, 0.9),
    metavar="R",
    help=f"Share of golden tasks among the tasks of a rater.  [default: {_DEFAULT_GOLDEN_SHARE}]",
)
@click.option(
    "--practice",
    "n_practice_tasks",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Golden tasks that a new rater answers first; more than N if an image has several tasks.",
)
@click.option(
    "--bar",
    "pass_mark",
    type=FiniteRange(0, 1),
    metavar="SHARE",
    help="Pass mark of practice, as balanced accuracy: the mean of the accuracies on valid and on invalid questions.  "
    "[default: none]",
)
@click.option(
    "--original", metavar="NAME|FILE", help="Count original labels as one vote each.  [default: no such votes]"
)
@click.option(
    "--model-votes",
    type=INPUT_PATH_TYPE,
    metavar="FILE",
    help="Votes of models, for example from rate. They count as much as golden answers support, so that --stop needs "
    "fewer votes of people.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, annotation.MAX_SEED),
    metavar="S",
    help="Seed of the order of tasks; keep it secret, since it reveals golden tasks.  [default: random]",
)
@benchmark_option
@add_common_options
def create(
    run: CommandRun,
    campaign: str | Path,
    tasks: Path,
    votes_per_question: int,
    stop: StopRule | None,
    golden: int | str | None,
    golden_share: float | None,
    original: str | None,
    model_votes: Path | None,
    seed: int | None,
    benchmark: Benchmark | None,
    n_practice_tasks: int,
    pass_mark: float | None,
) -> None:
    """Create a campaign, where people answer tasks.

    TASKS is a file of tasks, or of candidates, which are grouped into tasks. CAMPAIGN is a new SQLite file, or an empty
    database on a server: postgresql://USER@HOST/DATABASE. Experts and raters answer the golden questions, and the
    experts' answers measure the accuracy of the raters. The hash of each image is stored; changed images are not shown.

    The benchmark folder has the images. It may also have golden.csv (experts' answers), consent.md (a text that people
    must agree to), examples/ (a folder for each class, with up to three images) and hierarchy.csv (for suggestions of
    similar classes).
    """
    check_packages("annotate", "campaigns")
    if pass_mark is not None and not n_practice_tasks:
        raise click.UsageError("--bar needs --practice.")
    if model_votes is not None and stop is None:
        raise click.UsageError("--model-votes needs --stop.")
    if model_votes is not None and original is not None:
        raise click.UsageError("--model-votes and --original cannot be combined.")
    if stop is not None and votes_per_question < stop.min_votes:
        raise click.UsageError(
            f"--stop needs at least {stop.min_votes} votes per question: give --per-question 2 or more."
        )
    _check_campaign_output(run, campaign, benchmark)
    seed = secrets.randbelow(annotation.MAX_SEED + 1) if seed is None else seed
    parts = load_campaign_parts(run, benchmark, tasks, golden, original, model_votes, seed=seed)
    _check_golden_and_classes(parts, tasks, golden_share)
    has_images = "images" in parts.benchmark.sources
    source = open_images(find_part_path(parts.benchmark, "images")) if has_images else None
    if source is not None:
        stored = annotation.find_stored_names(source, parts.images, match=parts.benchmark.match or "path")
        parts = parts.rename_images(dict(zip(parts.images, stored, strict=True)))
    plan = annotation.CampaignPlan(
        tasks=parts.tasks,
        name=parts.benchmark.name,
        rules=annotation.Rules(
            votes_per_question=votes_per_question,
            stop_rule=stop,
            golden_share=_DEFAULT_GOLDEN_SHARE if golden_share is None else golden_share,
            seed=seed,
        ),
        golden_tasks=parts.golden_tasks,
        sample_tasks=parts.sample_tasks,
        expert_votes=parts.experts,
        n_practice_tasks=n_practice_tasks,
        practice_bar=pass_mark,
        original_labels=parts.original,
        has_original_votes=original is not None,
        model_scores=parts.model_scores,
        consent_text=_read_consent(run, parts.benchmark.folder),
        hierarchy=_read_hierarchy(run, parts),
        images_path=None if source is None else str(source.source_path.resolve()),
        settings={name: value for name in _COPIED_SETTINGS if (value := getattr(parts.benchmark, name)) is not None},
    )
    if source is not None:
        with show_progress_bars(run) as progress:
            plan = replace(plan, image_hashes=annotation.hash_images(source, parts.images, report_progress=progress))
    plan = replace(plan, examples=_read_examples(parts, plan))
    annotation.create_campaign(campaign, plan, now=time.time(), force=run.force)
    experts = "" if parts.golden_tasks is None or any(truth is not None for truth in plan.truths) else ":expert"
    run.suggest_command("annotate", "invite", annotation.hide_password(campaign), f"NAME{experts}...")
    _print_campaign(run, campaign, plan, parts)
    warn_if_practice_is_easy(plan.practice_round)


def _check_campaign_output(run: CommandRun, campaign: str | Path, benchmark: Benchmark | None) -> None:
    """Raise an error, before any work, if the campaign cannot be written."""
    if benchmark is not None and isinstance(campaign, Path):
        check_output_path(campaign, benchmark)
    annotation.check_replaceable(campaign)
    if isinstance(campaign, Path):
        check_output(campaign, force=run.force)
        run.add_outputs(campaign)


def _check_golden_and_classes(parts: CampaignParts, tasks_file: Path, golden_share: float | None) -> None:
    if golden_share is not None and parts.golden_tasks is None:
        raise click.UsageError("--golden-share needs golden questions.")
    if not parts.tasks.questions.classes.wnids_or_names:
        warnings.warn(
            f"{tasks_file}: class names are missing, so raters will see class ids: give --benchmark FOLDER with "
            "classes",
            ReassessWarning,
            stacklevel=2,
        )


def _read_consent(run: CommandRun, folder: Path | None) -> str:
    """Read the text that people must agree to; empty if the folder has no such text."""
    if folder is None or not exists(folder / _CONSENT_FILE):
        return ""
    text = "\n".join(read_lines(run.add_input("consent", folder / _CONSENT_FILE)))
    if not text.strip():
        raise DataError(
            "empty", "consent file is empty", where=folder / _CONSENT_FILE, fix="write the text, or delete the file"
        )
    return text


def _read_hierarchy(run: CommandRun, parts: CampaignParts) -> Hierarchy | None:
    source = parts.benchmark.sources.get("hierarchy")
    if source is None:
        return None
    return read_hierarchy(run.add_input("hierarchy", Path(source)), parts.tasks.questions.classes)


def _read_examples(parts: CampaignParts, plan: "CampaignPlan") -> "Sequence[ExampleImage]":
    folder = parts.benchmark.folder
    if folder is None or not (folder / _EXAMPLES_FOLDER).is_dir():
        return ()
    classes = parts.tasks.questions.classes
    return annotation.read_example_images(
        folder / _EXAMPLES_FOLDER, classes, images=parts.images, hashes=plan.image_hashes
    )


def _print_campaign(run: CommandRun, campaign: str | Path, plan: "CampaignPlan", parts: CampaignParts) -> None:
    questions, golden = plan.tasks.questions, plan.golden_tasks
    max_votes = plan.rules.votes_per_question * len(questions)
    n_answered = len(plan.truths) - plan.truths.count(None)
    n_practice_tasks = int(plan.practice_task_mask.sum())
    if run.json:
        results = {
            "campaign": annotation.hide_password(campaign),
            "name": plan.name,
            "tasks": len(plan.tasks),
            "questions": len(questions),
            "images": len(parts.images),
            "hashed_images": len(plan.image_hashes),
            "votes_at_most": max_votes,
            "stop": None if plan.rules.stop_rule is None else [plan.rules.stop_rule.low, plan.rules.stop_rule.high],
            "golden_tasks": 0 if golden is None else len(golden),
            "golden_questions": len(plan.truths),
            "answered_by_experts": n_answered,
            "golden_split": plan.n_golden_without_majority,
            "uncheckable_error": plan.uncheckable_error,
            "practice_tasks": n_practice_tasks,
            "practice": plan.practice_round.to_json(),
            "example_images": len(plan.examples),
        }
        run.print_json("annotate", results)
        return
    at_most = "at most " if plan.rules.stop_rule else ""
    tasks = f"{count_noun(len(plan.tasks), 'task')}, {count_noun(len(questions), 'question')}"
    votes = f"{at_most}{count_noun(max_votes, 'vote')} ({at_most}{plan.rules.votes_per_question:,} per question)"
    run.print_line(f"{annotation.hide_password(campaign)}: {tasks}, {votes}")
    if golden is None:
        run.print_line(
            "no golden questions: rater accuracy cannot be measured (--golden N draws questions for experts)"
        )
    else:
        tasks = f"{count_noun(len(golden), 'task')}, {count_noun(len(plan.truths), 'question')}"
        practice = f", {count_noun(n_practice_tasks, 'task')} for practice" if n_practice_tasks else ""
        run.print_line(f"golden: {tasks} ({n_answered:,} answered by experts){practice}")
        if (sample := golden.sample) is not None:
            is_drawn = sample.rows_of(golden.questions.images)[golden.questions.image_ids] >= 0
            run.print_line(f"golden, drawn at random: {describe_sample(sample, int(is_drawn.sum()))}")
        if set(golden.questions.images).isdisjoint(questions.images):
            run.print_line(GOLDEN_NOT_IN_TASKS_NOTE)
        if plan.n_golden_without_majority:
            disagreement = count_noun(plan.n_golden_without_majority, "golden question")
            run.print_line(
                f"experts disagree on {disagreement}: a class is valid if more than half of the experts answered yes"
            )
        if plan.rules.stop_rule is not None and not n_answered:
            run.print_line("the stop rule works only after experts have answered: invite them first")
        if plan.uncheckable_error is not None:
            run.add_note(
                f"golden questions outside practice: {plan.n_golden_outside_practice:,}, so an error of the stop rule "
                f"below {100 * plan.uncheckable_error:.2g} % cannot be checked"
            )
        for line in describe_practice(plan.practice_round):
            run.print_line(line)
        if plan.practice_bar is not None and plan.practice_round.n_unanswered_tasks:
            run.print_line(
                "after experts have answered, `reassess status` prints how likely raters pass practice by guessing"
            )
        if n_practice_tasks > plan.n_practice_tasks:
            reason = ", and a pass mark needs valid and invalid questions" if plan.practice_bar is not None else ""
            tasks = f"{count_noun(n_practice_tasks, 'task')} instead of {plan.n_practice_tasks:,}"
            run.add_note(f"practice has {tasks}, because tasks of the same image are used together{reason}")
        if n_larger := int((plan.tasks.sizes > golden.sizes.max()).sum()):
            run.add_note(
                f"{count_noun(n_larger, 'task')} with more questions than any golden task, so raters can recognise "
                "golden tasks by their size"
            )
    examples = f", {count_noun(len(plan.examples), 'example image')}" if plan.examples else ""
    image_place = parts.benchmark.sources["images"] if plan.images_path else None
    hashed = "no hashes: serve needs --images" if image_place is None else f"hashed in {image_place}"
    run.print_line(f"images: {len(parts.images):,}, {hashed}{examples}")
    if plan.model_scores is not None:
        n_known = sum(prior is not None for prior in plan.estimate_priors(questions))
        run.print_line(f"votes of models count for {n_known:,} of {count_noun(len(questions), 'question')}")
    run.print_inputs("tasks", "golden", "original", "model votes", "consent", "hierarchy")
