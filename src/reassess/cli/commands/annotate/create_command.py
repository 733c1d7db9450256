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
from reassess.cli.call import FILE, Call, Range, call_options, progress_bars
from reassess.cli.campaign_inputs import (
    GOLDEN_OPTION,
    NOT_IN_TASKS,
    CampaignParts,
    changed_campaign_argument,
    load_campaign_parts,
    sample_in_words,
)
from reassess.cli.help_pages import Command
from reassess.cli.options import STOP, benchmark_option
from reassess.cli.packages import check_packages
from reassess.cli.tables.status_table import practice_in_words, warn_of_easy_practice
from reassess.core import Benchmark, Hierarchy, StopRule
from reassess.data import check_place, open_images, part_path
from reassess.errors import DataError, ReassessWarning
from reassess.formats import read_hierarchy
from reassess.formats.files import check_output, exists, read_lines
from reassess.text import count_noun

if TYPE_CHECKING:
    from reassess.annotation import CampaignPlan, ExampleImage


_VOTES, _GOLDEN_SHARE = 5, 0.1
_SETTINGS = ("name", "threshold", "match")
_CONSENT, _EXAMPLES = "consent.md", "examples"  # of a benchmark folder


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate create a.db ask.jsonl --benchmark pets --stop .1,.9",
        "reassess annotate create b.db ask.jsonl --benchmark pets --practice 1",
    ],
)
@changed_campaign_argument
@click.argument("tasks", type=FILE)
@click.option(
    "--per-question",
    type=click.IntRange(1, annotation.MOST_VOTES),
    default=_VOTES,
    show_default=True,
    metavar="N",
    help="Votes per question; with --stop, the maximum.",
)
@click.option(
    "--stop",
    type=STOP,
    metavar="LOW,HIGH",
    help="Close a question if its probability leaves (LOW, HIGH) after at least 2 votes; needs golden questions.",
)
@click.option(
    "--golden",
    type=GOLDEN_OPTION,
    metavar="N|FILE",
    help="Draw about N golden questions for experts; or a file of golden questions or experts' answers; or none.  "
    "[default: golden questions in TASKS, and the benchmark's]",
)
@click.option(
    "--golden-share",
    type=Range(0, 0.9),
    metavar="R",
    help=f"Share of golden tasks among the tasks of a rater.  [default: {_GOLDEN_SHARE}]",
)
@click.option(
    "--practice",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Golden tasks that a new rater answers first. All tasks of an image are used, so there may be more.",
)
@click.option(
    "--bar",
    type=Range(0, 1),
    metavar="SHARE",
    help="Balanced accuracy needed to pass practice: the mean of the accuracies on valid and on invalid questions.  "
    "[default: none]",
)
@click.option(
    "--original", metavar="NAME|FILE", help="Count original labels as one vote each.  [default: no such votes]"
)
@click.option(
    "--seed",
    type=click.IntRange(0, annotation.LARGEST_SEED),
    metavar="S",
    help="Seed of the order of tasks; keep it secret, since it reveals golden tasks.  [default: random]",
)
@benchmark_option
@call_options
def create(
    call: Call,
    campaign: str | Path,
    tasks: Path,
    per_question: int,
    stop: StopRule | None,
    golden: int | str | None,
    golden_share: float | None,
    original: str | None,
    seed: int | None,
    benchmark: Benchmark | None,
    practice: int,
    bar: float | None,
) -> None:
    """Create a campaign, where people answer tasks.

    TASKS is a file of tasks, or of candidates, which are grouped into tasks. CAMPAIGN is a new SQLite file, or an empty
    database on a server: postgresql://USER@HOST/DATABASE. Experts also answer the golden questions, so that raters can
    be measured. The benchmark folder has the images. It may also have golden.csv (experts' answers), consent.md (a text
    that people must agree to), examples/ (a folder for each class, with up to three images) and hierarchy.csv (for
    suggestions of similar classes). The hash of each image is stored; changed images are not shown.
    """
    check_packages("annotate", "campaigns")
    if bar is not None and not practice:
        raise click.UsageError("--bar needs --practice.")
    if stop is not None and per_question < stop.min_votes:
        raise click.UsageError(
            f"--stop needs at least {stop.min_votes} votes per question: give --per-question 2 or more."
        )
    _check_output(call, campaign, benchmark)
    seed = secrets.randbelow(annotation.LARGEST_SEED + 1) if seed is None else seed
    parts = load_campaign_parts(call, benchmark, tasks, golden, original, seed=seed)
    _check_parts(parts, tasks, golden_share)
    has_images = "images" in parts.benchmark.sources
    source = open_images(part_path(parts.benchmark, "images")) if has_images else None
    if source is not None:
        stored = annotation.stored_names(source, parts.images, match=parts.benchmark.match or "path")
        parts = parts.rename_images(dict(zip(parts.images, stored, strict=True)))
    plan = annotation.CampaignPlan(
        tasks=parts.tasks,
        name=parts.benchmark.name,
        rules=annotation.Rules(
            per_question=per_question,
            stop=stop,
            golden_share=_GOLDEN_SHARE if golden_share is None else golden_share,
            seed=seed,
        ),
        golden_tasks=parts.golden_tasks,
        experts=parts.experts,
        practice=practice,
        bar=bar,
        original=parts.original,
        original_votes=original is not None,
        consent=_consent(call, parts.benchmark.folder),
        hierarchy=_hierarchy(call, parts),
        images=None if source is None else str(source.place.resolve()),
        settings={name: value for name in _SETTINGS if (value := getattr(parts.benchmark, name))},
    )
    if source is not None:
        with progress_bars(call) as progress:
            plan = replace(plan, hashes=annotation.hash_images(source, parts.images, progress=progress))
    plan = replace(plan, examples=_examples(parts, plan))
    annotation.create_campaign(campaign, plan, now=time.time(), force=call.force)
    experts = "" if parts.golden_tasks is None or any(truth is not None for truth in plan.truth) else ":expert"
    call.suggest("annotate", "invite", annotation.shown_address(campaign), f"NAME{experts}...")
    _report(call, campaign, plan, parts)
    warn_of_easy_practice(plan.practice_round)


def _check_output(call: Call, campaign: str | Path, benchmark: Benchmark | None) -> None:
    """Check, before any work, that the campaign can be written."""
    if benchmark is not None and isinstance(campaign, Path):
        check_place(campaign, benchmark)
    annotation.check_replaceable(campaign)
    if isinstance(campaign, Path):
        check_output(campaign, force=call.force)
        call.add_outputs(campaign)


def _check_parts(parts: CampaignParts, tasks: Path, golden_share: float | None) -> None:
    if golden_share is not None and parts.golden_tasks is None:
        raise click.UsageError("--golden-share needs golden questions.")
    if not parts.tasks.questions.classes.texts:
        warnings.warn(
            f"{tasks}: class names are missing, so raters will see numbers: give --benchmark FOLDER with classes",
            ReassessWarning,
            stacklevel=2,
        )


def _consent(call: Call, folder: Path | None) -> str:
    """Read the text that people must agree to; empty if the folder has none."""
    if folder is None or not exists(folder / _CONSENT):
        return ""
    text = "\n".join(read_lines(call.add_input("consent", folder / _CONSENT)))
    if not text.strip():
        raise DataError("empty", "consent text is empty", where=folder / _CONSENT, fix="write it, or delete it")
    return text


def _hierarchy(call: Call, parts: CampaignParts) -> Hierarchy | None:
    source = parts.benchmark.sources.get("hierarchy")
    if source is None:
        return None
    return read_hierarchy(call.add_input("hierarchy", Path(source)), parts.tasks.questions.classes)


def _examples(parts: CampaignParts, plan: "CampaignPlan") -> "Sequence[ExampleImage]":
    folder = parts.benchmark.folder
    if folder is None or not (folder / _EXAMPLES).is_dir():
        return ()
    classes = parts.tasks.questions.classes
    return annotation.read_examples(folder / _EXAMPLES, classes, images=parts.images, hashes=plan.hashes)


def _report(call: Call, campaign: str | Path, plan: "CampaignPlan", parts: CampaignParts) -> None:
    questions, golden = plan.tasks.questions, plan.golden_tasks
    votes_at_most = plan.rules.per_question * len(questions)
    answered = len(plan.truth) - plan.truth.count(None)
    practice_tasks = int(plan.is_practice.sum())
    if call.json:
        results = {
            "campaign": annotation.shown_address(campaign),
            "name": plan.name,
            "tasks": len(plan.tasks),
            "questions": len(questions),
            "images": len(parts.images),
            "hashed_images": len(plan.hashes),
            "votes_at_most": votes_at_most,
            "stop": None if plan.rules.stop is None else [plan.rules.stop.low, plan.rules.stop.high],
            "golden_tasks": 0 if golden is None else len(golden),
            "golden_questions": len(plan.truth),
            "answered_by_experts": answered,
            "golden_split": plan.golden_split,
            "practice_tasks": practice_tasks,
            "practice": plan.practice_round.to_json(),
            "example_images": len(plan.examples),
        }
        call.print_document("annotate", results)
        return
    at_most = "at most " if plan.rules.stop else ""
    tasks = f"{count_noun(len(plan.tasks), 'task')}, {count_noun(len(questions), 'question')}"
    votes = f"{at_most}{count_noun(votes_at_most, 'vote')} ({at_most}{plan.rules.per_question:,} per question)"
    call.info(f"{annotation.shown_address(campaign)}: {tasks}, {votes}")
    if golden is None:
        call.info("no golden questions: rater accuracy cannot be measured (--golden N draws questions for experts)")
    else:
        tasks = f"{count_noun(len(golden), 'task')}, {count_noun(len(plan.truth), 'question')}"
        practice = f", {count_noun(practice_tasks, 'task')} for practice" if practice_tasks else ""
        call.info(f"golden: {tasks} ({answered:,} answered by experts){practice}")
        if (sample := golden.sample) is not None:
            is_drawn = sample.rows_of(golden.questions.images)[golden.questions.image_ids] >= 0
            call.info(f"golden, drawn at random: {sample_in_words(sample, int(is_drawn.sum()))}")
        if set(golden.questions.images).isdisjoint(questions.images):
            call.info(NOT_IN_TASKS)
        if plan.golden_split:
            call.info(
                f"experts disagree on {count_noun(plan.golden_split, 'golden question')}: a class is valid if more "
                "than "
                "half of the experts answered yes"
            )
        if plan.rules.stop is not None and not answered:
            call.info("the stop rule works only after experts have answered: invite them first")
        for line in practice_in_words(plan.practice_round):
            call.info(line)
        if plan.bar is not None and plan.practice_round.unanswered:
            call.info("after experts have answered, status prints the chance to pass without looking at the images")
        if practice_tasks > plan.practice:
            reason = ", and a bar needs valid and invalid questions" if plan.bar is not None else ""
            call.note(
                f"practice has more than {count_noun(plan.practice, 'task')}: it takes all tasks of an image{reason}"
            )
        if larger := int((plan.tasks.sizes > golden.sizes.max()).sum()):
            call.note(
                f"{count_noun(larger, 'task')} with more questions than any golden task, so raters can recognise "
                "golden "
                "tasks by their size"
            )
    examples = f", {count_noun(len(plan.examples), 'example image')}" if plan.examples else ""
    image_place = parts.benchmark.sources["images"] if plan.images else None
    hashed = "no hashes: serve needs --images" if image_place is None else f"hashed in {image_place}"
    call.info(f"images: {len(parts.images):,}, {hashed}{examples}")
    call.print_inputs("tasks", "golden", "original", "consent", "hierarchy")
