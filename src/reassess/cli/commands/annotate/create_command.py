"""`reassess annotate create`: a campaign is made of tasks."""

import secrets
import shlex
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reassess import annotation
from reassess.cli.campaign_inputs import CampaignParts, load_campaign_parts
from reassess.cli.campaign_options import campaign_argument
from reassess.cli.common import Call, Range, call_options, counting
from reassess.cli.help_pages import Command, in_benchmark
from reassess.cli.inputs import FILE, STOP, answers_option, benchmark_option, match_option, max_bytes_option
from reassess.core.benchmark import Benchmark
from reassess.core.image_names import Match
from reassess.core.items import Id
from reassess.core.stop_rule import StopRule
from reassess.data.benchmark_outputs import check_place
from reassess.data.image_sources import ImageSource, open_images
from reassess.errors import DataError, ReassessWarning
from reassess.formats.files import check_output, read_lines
from reassess.text import counted

if TYPE_CHECKING:
    from reassess.annotation import CampaignPlan, ExampleImage, Rules

__all__ = ["create"]

_VOTES, _GOLDEN_RATE = 5, 0.1
_SETTINGS = ("name", "threshold", "match")


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate create a.db --benchmark pets --tasks ask.jsonl --stop .1,.9",
        "reassess annotate create b.db --benchmark pets --tasks ask.jsonl --practice 1",
    ],
)
@campaign_argument
@click.option("--tasks", type=FILE, required=True, metavar="FILE", help="What raters are asked: jsonl, as of tasks.")
@click.option(
    "--votes",
    type=click.IntRange(1, annotation.MOST_VOTES),
    default=_VOTES,
    show_default=True,
    metavar="N",
    help="How many raters answer each question; with --stop, at most.",
)
@click.option(
    "--stop",
    type=STOP,
    metavar="LOW,HIGH",
    help="Close a question once the probability of its class has left (LOW, HIGH), after at least 2 votes; needs "
    "golden questions.",
)
@click.option("--original-votes", is_flag=True, help="Let each original label be a vote before all others.")
@click.option(
    "--golden-rate",
    type=Range(0, 0.9),
    metavar="R",
    help="The share of a rater's tasks that are golden, as long as there are such that they have not had.  "
    f"[default: {_GOLDEN_RATE}]",
)
@click.option(
    "--golden-questions",
    type=FILE,
    metavar="FILE",
    help="Golden questions that experts are to answer in the campaign: proposals, or a table with the columns image "
    "and class.",
)
@click.option(
    "--practice",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="How many golden tasks a new rater answers first, and is shown what experts said; or more, since all golden "
    "tasks of an image are for practice, or none. They are used for nothing else.",
)
@click.option(
    "--bar",
    type=Range(0, 1),
    metavar="SHARE",
    help="The share of practice questions that a rater must answer as the experts did, to go on.  [default: none]",
)
@click.option("--consent", type=FILE, metavar="FILE", help="A text that people must agree to before they begin.")
@click.option(
    "--examples",
    type=FILE,
    metavar="FOLDER",
    help="Pictures that show what a class is, in folders that are called as the classes: the first three of each. None "
    "may be of an image that is asked about, golden ones too.",
)
@click.option("--images", type=FILE, metavar="FOLDER|ZIP|TAR", help="The images.  [default: the benchmark's]")
@click.option("--name", metavar="TEXT", help="What raters read above the page.  [default: the benchmark's name]")
@click.option(
    "--seed",
    type=click.IntRange(0, annotation.LARGEST_SEED),
    help="The seed of the order of tasks, and of where golden ones stand. Who knows it can tell them from others.  "
    "[default: a secret one]",
)
@benchmark_option
@in_benchmark("--golden", metavar="NAME|FILE", help="Experts' votes, or none.  [default: the benchmark's]")
@in_benchmark(
    "--golden-at-least",
    type=click.IntRange(1),
    metavar="M",
    help="How many experts must say yes for a class to be valid.  [default: more than half of those who answered]",
)
@answers_option
@match_option
@max_bytes_option
@call_options
def create(
    call: Call,
    campaign: str | Path,
    tasks: Path,
    votes: int,
    stop: StopRule | None,
    golden_share: float | None,
    golden_at_least: int | None,
    consent: Path | None,
    examples: Path | None,
    images: Path | None,
    name: str | None,
    seed: int | None,
    benchmark: Benchmark | None,
    golden: str | None,
    golden_questions: Path | None,
    answers: tuple[Id, ...] | None,
    match: Match | None,
    max_bytes: int,
    **options: Any,
) -> None:
    """Make a campaign of tasks.

    CAMPAIGN is a new SQLite file, or an empty database on a server: postgresql://USER@HOST/DATABASE. The tasks are
    those of reassess tasks; golden questions, of which experts know the answer, are mixed in when people rate. The hash
    of each image is kept, and another image is not shown in its place.
    """
    if options["bar"] is not None and not options["practice"]:
        raise click.UsageError("--bar goes with --practice.")
    if name is not None and not name.strip():
        raise click.UsageError("--name is empty: give a text, or leave it out.")
    if stop is not None and votes < stop.at_least:
        raise click.UsageError(f"--stop closes no question before {stop.at_least} votes: give --votes 2 or more.")
    _check_output(call, campaign, benchmark)
    parts = load_campaign_parts(
        call, benchmark, tasks, golden, golden_questions, answers=answers, match=match, max_bytes=max_bytes
    )
    _check_parts(parts, tasks, {"--golden-rate": golden_share, "--golden-at-least": golden_at_least})
    source = _open_images(parts.benchmark, images)
    if source is not None:
        stored = annotation.stored_names(source, parts.images, match=parts.benchmark.match or "path")
        parts = parts.renamed(dict(zip(parts.images, stored, strict=True)))
    plan = annotation.CampaignPlan(
        tasks=parts.tasks,
        name=parts.benchmark.name if name is None else name,
        rules=_rules(votes, stop, golden_share, seed),
        golden_tasks=parts.golden_tasks,
        experts=parts.experts,
        at_least=golden_at_least,
        original=parts.original,
        consent=_consent(call, consent),
        images=None if source is None else str(source.place.resolve()),
        settings=_settings(parts.benchmark),
        **options,
    )
    if source is not None:
        with counting(call) as progress:
            plan = replace(plan, hashes=annotation.hash_images(source, parts.images, progress=progress))
    if examples is not None:
        plan = replace(plan, examples=_examples(examples, parts, plan))
    annotation.create_campaign(campaign, plan, now=time.time(), force=call.force)
    _report(call, campaign, plan, parts, source)


def _check_output(call: Call, campaign: str | Path, benchmark: Benchmark | None) -> None:
    """Refuse, before any work, a file that cannot be written, or a database that cannot take a campaign."""
    if benchmark is not None and isinstance(campaign, Path):
        check_place(campaign, benchmark)
    annotation.refuse_answered(campaign)
    if isinstance(campaign, Path):
        check_output(campaign, force=call.force)
        call.note_outputs(campaign)


def _check_parts(parts: CampaignParts, tasks: Path, of_golden: Mapping[str, float | None]) -> None:
    """Refuse options of golden questions where there are none, and warn where no class has a name."""
    for option, value in of_golden.items():
        if value is not None and parts.golden_tasks is None:
            raise click.UsageError(f"{option} goes with golden questions, and there are none.")
    if not parts.tasks.questions.classes.texts:
        warnings.warn(
            f"{tasks}: raters will read numbers, since no list of classes names them: give one by --benchmark",
            ReassessWarning,
            stacklevel=2,
        )


def _open_images(benchmark: Benchmark, images: Path | None) -> ImageSource | None:
    """The images as given, or the benchmark's; None if it has none."""
    place = benchmark.sources.get("images") if images is None else images
    return None if place is None else open_images(place)


def _rules(votes: int, stop: StopRule | None, golden_share: float | None, seed: int | None) -> "Rules":
    """The rules; without a seed, by a secret one."""
    return annotation.Rules(
        votes=votes,
        stop=stop,
        golden_share=_GOLDEN_RATE if golden_share is None else golden_share,
        seed=secrets.randbelow(annotation.LARGEST_SEED + 1) if seed is None else seed,
    )


def _consent(call: Call, file: Path | None) -> str:
    """What people must agree to; empty if nothing."""
    if file is None:
        return ""
    text = "\n".join(read_lines(call.read("consent", file)))
    if not text.strip():
        raise DataError("empty-consent", "consent text is empty", where=file, fix="leave out --consent")
    return text


def _examples(folder: Path, parts: CampaignParts, plan: "CampaignPlan") -> "Sequence[ExampleImage]":
    classes = parts.tasks.questions.classes
    return annotation.read_examples(folder, classes, images=parts.images, hashes=plan.hashes)


def _settings(benchmark: Benchmark) -> dict[str, Any]:
    """What is true of the benchmark of whatever votes."""
    given = {name: getattr(benchmark, name) for name in _SETTINGS}
    return {name: value for name, value in given.items() if value}


def _report(
    call: Call, campaign: str | Path, plan: "CampaignPlan", parts: CampaignParts, source: ImageSource | None
) -> None:
    asked, golden = plan.tasks.questions, plan.golden_tasks
    place, images = annotation.shown_address(campaign), len(parts.images)
    most = plan.rules.per_question * len(asked)
    known = len(plan.truth) - plan.truth.count(None)
    practised = int(plan.is_practice.sum())
    if call.json:
        results = {
            "campaign": place,
            "name": plan.name,
            "tasks": len(plan.tasks),
            "questions": len(asked),
            "images": images,
            "hashed_images": len(plan.hashes),
            "votes_at_most": most,
            "stop": None if plan.rules.stop is None else [plan.rules.stop.low, plan.rules.stop.high],
            "golden_tasks": 0 if golden is None else len(golden),
            "golden_questions": len(plan.truth),
            "answered_by_experts": known,
            "golden_split": plan.golden_split,
            "practice_tasks": practised,
            "example_pictures": len(plan.examples),
        }
        call.print_document("annotate", results)
        return
    tasks = f"{counted(len(plan.tasks), 'task')} with {counted(len(asked), 'question')}"
    each = f"{'at most ' if plan.rules.stop else ''}{plan.rules.per_question:,} a question"
    call.tell(f"{place}: {tasks}, {'at most ' if plan.rules.stop else ''}{counted(most, 'vote')}, {each}")
    if golden is None:
        call.tell("golden: none, so that it will not be known how far each rater can be trusted")
    else:
        tasks = f"{counted(len(golden), 'task')} with {counted(len(plan.truth), 'question')}"
        practice = f"; {counted(practised, 'task')} for practice" if practised else ""
        more = f", all of an image ({plan.practice:,} given)" if practised > plan.practice else ""
        call.tell(f"golden: {tasks}, of which experts have answered {known:,}{practice}{more}")
        if plan.golden_split:
            rule = f"{plan.at_least} or more" if plan.at_least else "more than half"
            call.tell(
                f"experts are not sure, or do not agree, on {counted(plan.golden_split, 'golden question')}: a class "
                f"counts as valid if {rule} of its experts said yes, and else as invalid"
            )
        if plan.rules.stop is not None and not known:
            call.tell("the stop rule closes nothing before experts have answered: invite them first")
        if larger := int((plan.tasks.sizes > golden.sizes.max()).sum()):
            call.note(
                f"{counted(larger, 'task')} {'has' if larger == 1 else 'have'} more questions than any golden task, so "
                "that raters can tell golden ones by their size; reassess tasks --size makes smaller tasks"
            )
    examples = f", {counted(len(plan.examples), 'example picture')}" if plan.examples else ""
    call.tell(f"images: {images:,}, {f'hashed in {source.place}' if source else 'not hashed'}{examples}")
    called = shlex.quote(place)
    experts = "" if golden is None or known else " --role expert"
    call.tell(f"next: reassess annotate invite {called} NAME...{experts}")
    call.tell(f"then: reassess annotate serve {called}{'' if source else ' --images FOLDER'}")
    call.note_hashes("tasks", "golden", "questions", "original")
