"""`reassess tasks`: candidates in tasks that a rater answers together, and the work that they take."""

import math
import secrets
from collections import Counter
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from reassess.cli.aggregate_inputs import NO_OPTIONS, make_scores
from reassess.cli.call import FILE, Call, Range, benchmark_words, call_options, free_name
from reassess.cli.campaign_inputs import GOLDEN, NOT_IN_TASKS, read_golden, sample_in_words, with_unanswered
from reassess.cli.help_pages import Command, in_benchmark
from reassess.cli.options import STOP, ParsedType, benchmark_option, output_option
from reassess.cli.part_inputs import PartReader, find_part
from reassess.cli.screen import print_table
from reassess.core import ORIGINAL_SOURCE, Benchmark, Candidates, Effort, LabelSets, StopRule, Tasks, Votes
from reassess.core.items import as_questions
from reassess.data import read_votes
from reassess.errors import DataError, at
from reassess.formats import read_candidates, read_hierarchy, write_tasks
from reassess.formats.files import exists, sha256
from reassess.formats.task_files import TASK_SUFFIXES
from reassess.proposals import (
    TASKS_WITH,
    USUAL_SIZE,
    draw_golden,
    make_tasks,
    seconds_per_vote,
    votes_until_closed,
)
from reassess.text import counted, some

_VOTES = 5  # as many as each question of ReaL has
_SHOWN = 0.1  # hours
_SEED_BITS = 63  # as many as a file of tasks can hold


def _seconds(text: str) -> float | Path:
    if text and exists(text):
        return Path(text)
    try:
        number = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number of seconds nor a file of votes.") from None
    if not math.isfinite(number):
        raise click.BadParameter(f"{text!r} is not a number of seconds.")
    return float(Range(0).convert(number, None, None))


@click.command(
    cls=Command,
    examples=[
        "reassess tasks candidates.csv --benchmark pets -o tasks.jsonl",
        "reassess tasks candidates.csv --per-task 4 --seconds 3.5 -o small.jsonl",
    ],
    docs="docs/proposals.md",
)
@click.argument("candidates", type=FILE, metavar="CANDIDATES")
@output_option("TASKS", "Write the tasks: jsonl.")
@click.option(
    "--per-task",
    type=click.IntRange(1),
    default=USUAL_SIZE,
    show_default=True,
    metavar="N",
    help="Classes per task, at most.",
)
@click.option(
    "--per-question",
    type=click.IntRange(1),
    default=_VOTES,
    show_default=True,
    metavar="N",
    help="Votes per question; with --stop, at most.",
)
@click.option(
    "--seconds",
    type=ParsedType("seconds or a file", _seconds),
    metavar="S|VOTES",
    help="Seconds per vote, or earlier votes with the column seconds, to estimate hours.",
)
@click.option(
    "--stop",
    type=STOP,
    metavar="LOW,HIGH",
    help="Close a question if its probability leaves (LOW, HIGH) after 2 votes or more. The votes of --seconds or of "
    "the benchmark tell how many it gets.",
)
@benchmark_option
@in_benchmark(
    "--golden",
    type=GOLDEN,
    metavar="N|NAME|FILE",
    help="Draw about N golden questions, which experts answer too; or experts' answers or golden questions, which are "
    "not put into tasks; or none.  [default: the benchmark's]",
)
@click.option(
    "--seed", type=click.IntRange(0), help="Seed of the draw of golden questions; keep it secret.  [default: random]"
)
@call_options
def tasks(
    call: Call,
    candidates: Path,
    output: Path,
    per_task: int,
    per_question: int,
    seconds: float | Path | None,
    stop: StopRule | None,
    benchmark: Benchmark | None,
    golden: int | str | None,
    seed: int | None,
) -> None:
    """Group candidates into tasks, and estimate the work.

    CANDIDATES come from propose or clean. A task has classes of one image that belong together, by the hierarchy of the
    benchmark folder, or because they are often candidates for the same images. Every question is in exactly one task,
    except golden ones of earlier experts: the campaign mixes them in. Drawn golden questions are marked in the file.
    """
    if seed is not None and not isinstance(golden, int):
        raise click.UsageError("--seed needs --golden N.")
    call.check_output(output, TASK_SUFFIXES, "tasks", benchmark=benchmark)
    images_of, given, experts, original = _read(call, candidates, benchmark, golden)
    asked = given.questions
    source = images_of.sources.get("hierarchy")
    tree = None if source is None else read_hierarchy(call.read("hierarchy", Path(source)), asked.classes)
    sample = None
    if isinstance(golden, int):
        seed = secrets.randbits(_SEED_BITS) if seed is None else seed
        sample = draw_golden(given, golden, original=original, seed=seed)
        sample = replace(sample, predictions=(sha256(candidates),))
    if sample is not None and experts is not None:  # drawn questions are in the file, also those with answers
        items = as_questions(experts.items)
        experts = experts.restrict(np.flatnonzero(sample.rows_of(items.images)[items.image_ids] < 0))
    made = make_tasks(asked, size=per_task, hierarchy=tree, golden=experts)
    golden_count = len(asked) - len(made.questions)
    made = made if sample is None else made.with_golden(sample)
    drawn = made.only(made.golden_rows)
    if golden_count and not len(made):
        raise DataError(
            "all-golden",
            "all questions are golden, and golden questions are not in the tasks",
            where=candidates,
            found=counted(golden_count, "question"),
            fix="give other candidates, or --golden none",
        )
    each: float = per_question
    if stop is not None:
        each = _until_closed(call, stop, per_question, seconds, benchmark)
    if isinstance(seconds, Path):
        path = call.read("votes", seconds)
        with at(path):
            seconds = seconds_per_vote(read_votes(path, answers=images_of.answers, classes=asked.classes))
    write_tasks(output, made, force=call.force)
    made = made.only(~made.golden_rows)
    effort = made.effort(each, seconds)
    nowhere = [] if tree is None else [c for c in np.unique(asked.class_ids).tolist() if not tree.path(c)]
    call.next("annotate", "create", free_name("campaign.db"), output, *benchmark_words(benchmark))
    if call.json:
        results = {
            "output": str(output),
            **effort.to_json(),
            "golden": golden_count,
            "golden_drawn": {"tasks": len(drawn), "questions": len(drawn.questions)},
            "votes_per_question": each,
            "stop": None if stop is None else [stop.low, stop.high],
            "per_task": per_task,
        }
        sizes = {str(n): int(count) for n, count in enumerate(np.bincount(made.sizes)) if count}
        call.print_document("tasks", {**results, "by_size": sizes, "not_in_hierarchy": len(nowhere)})
    else:
        _print(call, made, effort, output, per_question, stop)
        if drawn.sample is not None:
            call.tell(f"golden, for experts: {sample_in_words(drawn.sample, len(drawn.questions))}")
            call.tell(NOT_IN_TASKS)
        if golden_count:
            are = counted(golden_count, "golden question is", "golden questions are")
            call.tell(f"{are} not in the tasks: the campaign mixes them in")
        if nowhere:
            names = some([asked.classes.label(class_id) for class_id in nowhere], most=3)
            call.tell(f"{counted(len(nowhere), 'class', 'classes')} not in the hierarchy: {names}")
        call.note_hashes("original", "golden", "hierarchy", "votes")


def _read(
    call: Call, candidates: Path, benchmark: Benchmark | None, golden: int | str | None
) -> tuple[Benchmark, Candidates, Votes | None, LabelSets | None]:
    """The benchmark of the images, the candidates, experts' votes on golden ones, and original labels for a draw."""
    reader = PartReader(call, benchmark)
    given = read_candidates(call.read("candidates", candidates), reader.classes)
    reader.given["candidates"] = candidates, given.questions
    reader.recognize(given.questions.images, with_classes=True)
    if isinstance(golden, int) and ORIGINAL_SOURCE not in given.sources:
        reader.find_original()
    source = None if isinstance(golden, int) else golden
    if (path := find_part(call, reader.benchmark, "golden", source)) is not None:
        found = read_golden(reader, path)
        reader.given["golden"] = path, found if isinstance(found, Votes) else with_unanswered(None, found)
    parts = reader.joined(share_images=False)
    given = replace(given, questions=parts["candidates"])
    return reader.benchmark, given, parts.get("golden"), parts.get("original")


def _until_closed(
    call: Call, stop: StopRule, per_question: int, seconds: float | Path | None, benchmark: Benchmark | None
) -> float:
    """Votes per question on average, as in earlier votes."""
    earlier = str(seconds) if isinstance(seconds, Path) else None
    source = benchmark or Benchmark()
    if earlier is None and "votes" not in source.sources:
        raise click.UsageError("--stop needs earlier votes: give --seconds VOTES, or a --benchmark that has votes.")
    made = make_scores(call, source, earlier, None, NO_OPTIONS)
    if made.aggregation.model is None:
        raise DataError(
            "missing-rater-model",
            "earlier votes give no rater model, which a stop rule needs",
            found="counts of votes, without raters",
            fix="give votes with raters, or remove --stop",
        )
    return votes_until_closed(made.votes, made.aggregation.model, stop, per_question)


def _print(call: Call, made: Tasks, effort: Effort, output: Path, per_question: int, stop: StopRule | None) -> None:
    kinds = Counter(next(start for start in TASKS_WITH if reason.startswith(start)) for reason in made.reasons)
    rows = [[f"{n:,}", f"{count:,}"] for n, count in enumerate(np.bincount(made.sizes)) if count]
    print_table(["classes per task", "tasks"], rows, text_columns=0)
    call.tell(
        f"{output}: {counted(effort.tasks, 'task')} with {counted(effort.questions, 'question')} on "
        f"{counted(effort.images, 'image')}"
    )
    held = [f"{classes}: {kinds[start]:,}" for start, classes in TASKS_WITH.items() if kinds[start]]
    call.tell(f"tasks with {'; with '.join(held)}")
    each = f"{counted(effort.votes, 'vote')} ({per_question:,} per question)"
    if stop is not None:
        mean = effort.votes / effort.questions
        each = f"about {counted(effort.votes, 'vote')} ({mean:.2f} per question, closed at {stop.low:g}, {stop.high:g})"
    if effort.hours is None:
        call.tell(f"{each}; for hours, give --seconds")
    else:
        hours = f"{effort.hours:,.1f}" if effort.hours >= _SHOWN else f"less than {_SHOWN}"
        call.tell(f"{each}: {hours} hours at {effort.seconds_per_vote:.2f} seconds per vote")
