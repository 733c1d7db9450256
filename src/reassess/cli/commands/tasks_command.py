"""`reassess tasks`: questions in groups that a rater is shown together, and what it takes to answer them."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.cli.aggregate_options import OF_METHODS, make_scores
from reassess.cli.campaign_inputs import load_experts, with_unanswered
from reassess.cli.common import Call, Range, call_options
from reassess.cli.help_pages import Command, in_benchmark
from reassess.cli.inputs import FILE, OUTPUT, STOP, answers_option, benchmark_option
from reassess.cli.part_inputs import find_part, read_classes_of
from reassess.cli.screen import print_table
from reassess.core.benchmark import Benchmark, benchmark_of
from reassess.core.common_classes import Classed
from reassess.core.questions import Questions
from reassess.core.stop_rule import StopRule
from reassess.core.tasks import Effort, Tasks
from reassess.core.votes import Votes
from reassess.data.joined_parts import in_one_benchmark, warn_of_other_images
from reassess.data.loading import load_votes
from reassess.errors import DataError, at
from reassess.formats import read_questions
from reassess.formats.class_tables import read_hierarchy
from reassess.formats.files import exists
from reassess.formats.task_files import TASK_SUFFIXES, write_tasks
from reassess.proposals.task_grouping import USUAL_SIZE, make_tasks, seconds_per_vote, votes_until_closed
from reassess.text import counted, some

__all__ = ["tasks"]

_VOTES = 5  # as many as each question of ReaL has
_SHOWN = 0.1  # hours
_IN_SHORT = {"under ": "under a common parent", "any two together ": "any two together on several images"}


class _SecondsType(click.ParamType[float | Path]):
    name = "seconds or a file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | Path:
        if isinstance(value, float | Path):
            return value
        if value and exists(value):
            return Path(value)
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number of seconds nor a file of votes.", param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return float(Range(0).convert(number, param, ctx))


@click.command(
    cls=Command,
    examples=[
        "reassess tasks proposals.csv --benchmark pets -o tasks.jsonl",
        "reassess tasks proposals.csv --hierarchy is-a.csv --seconds 3.5 -o by-kind.jsonl",
    ],
    docs="docs/proposals.md",
)
@click.argument("questions", type=FILE, metavar="PROPOSALS|QUESTIONS")
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="OUT", help="Write the tasks: jsonl.")
@click.option(
    "--size", type=click.IntRange(1), default=USUAL_SIZE, show_default=True, help="How many classes a task may hold."
)
@click.option(
    "--hierarchy",
    type=FILE,
    metavar="F",
    help="What each class is a kind of, a table with the columns child and parent, for classes that belong together.  "
    "[default: those that are often proposed for the same images]",
)
@click.option(
    "--votes",
    type=click.IntRange(1),
    default=_VOTES,
    show_default=True,
    metavar="N",
    help="How many raters will answer each question.",
)
@click.option(
    "--seconds",
    type=_SecondsType(),
    metavar="S|VOTES",
    help="How long a vote takes, in seconds; or earlier votes with the column seconds, of which it is the mean.",
)
@click.option(
    "--stop",
    type=STOP,
    metavar="LOW,HIGH",
    help="A question will be closed once the probability of its class leaves (LOW, HIGH) after at least 2 votes, and "
    "--votes is the most it gets: how many it gets on average is taken from earlier votes, those of --seconds or of "
    "--benchmark.",
)
@click.option(
    "--golden-questions",
    type=FILE,
    metavar="FILE",
    help="Golden questions that experts are to answer in the campaign, as for annotate create: they are left out too.",
)
@benchmark_option
@in_benchmark(
    "--golden",
    metavar="NAME|FILE",
    help="Experts' votes, whose questions are left out, or none.  [default: the benchmark's]",
)
@answers_option
@call_options
def tasks(
    call: Call,
    questions: Path,
    output: Path,
    size: int,
    hierarchy: Path | None,
    votes: int,
    seconds: float | Path | None,
    stop: StopRule | None,
    golden_questions: Path | None,
    benchmark: Benchmark | None,
    golden: str | None,
) -> None:
    """Group candidates into tasks, and estimate the work.

    PROPOSALS are what propose writes, QUESTIONS what questions writes. A task holds classes of one image that belong
    together; every question is in exactly one, but for golden ones: these are mixed in when people rate.
    """
    call.check_output(output, TASK_SUFFIXES, "tasks", benchmark=benchmark)
    images_of, asked, experts = _read(call, questions, benchmark, golden, golden_questions)
    tree = None if hierarchy is None else read_hierarchy(call.read("hierarchy", hierarchy), asked.classes)
    made = make_tasks(asked, size=size, hierarchy=tree, golden=experts)
    left_out = len(asked) - len(made.questions)
    if left_out and not len(made):
        raise DataError(
            "all-golden",
            "all questions are golden, and golden questions are not in the tasks",
            where=questions,
            found=counted(left_out, "question"),
            fix="give other questions, or --golden none",
        )
    each: float = votes
    if stop is not None:
        each = _until_closed(call, stop, votes, seconds, benchmark)
    if isinstance(seconds, Path):
        path = call.read("votes", seconds)
        with at(path):
            order = call.reading.answers or images_of.answers
            seconds = seconds_per_vote(load_votes(path, answers=order, classes=asked.classes))
    effort = made.effort(each, seconds)
    write_tasks(output, made, force=call.force)
    nowhere = [] if tree is None else [c for c in np.unique(asked.class_ids).tolist() if not tree.path(c)]
    if call.json:
        results = {
            "output": str(output),
            **effort.to_json(),
            "golden": left_out,
            "votes_per_question": each,
            "stop": None if stop is None else [stop.low, stop.high],
            "size": size,
        }
        sizes = {str(n): int(count) for n, count in enumerate(np.bincount(made.sizes)) if count}
        call.print_document("tasks", {**results, "by_size": sizes, "not_in_hierarchy": len(nowhere)})
    else:
        _print(call, made, effort, output, votes, stop)
        if left_out:
            call.tell(f"left out: {counted(left_out, 'golden question')}, mixed in when people rate")
        if nowhere:
            names = some([asked.classes.label(class_id) for class_id in nowhere], most=3)
            call.tell(f"{counted(len(nowhere), 'class', 'classes')} not in the hierarchy: {names}")
        call.note_hashes("golden", "golden questions", "hierarchy", "votes")


def _read(
    call: Call,
    questions: Path,
    benchmark: Benchmark | None,
    golden: str | None,
    golden_questions: Path | None,
) -> tuple[Benchmark, Questions, Votes | None]:
    """The benchmark whose images they are, the questions, and the golden ones with the experts' votes on them."""
    classes = None if benchmark is None else read_classes_of(call, benchmark)
    asked = read_questions(call.read("questions", questions), classes)
    if benchmark is None:
        benchmark = benchmark_of(asked.images)
        classes = read_classes_of(call, benchmark)
    given: dict[str, tuple[Path, Classed]] = {"questions": (questions, asked)}
    if (of_experts := find_part(call, benchmark, "golden", golden)) is not None:
        order = call.reading.answers or benchmark.answers
        given["golden"] = of_experts, load_experts(of_experts, answers=order, classes=classes)
    if golden_questions is not None:
        found = read_questions(call.read("golden questions", golden_questions), classes)
        given["golden questions"] = golden_questions, found
    named = {f"{path} ({part})": noun for part, (path, noun) in given.items()}
    parts: dict[str, Any] = dict(zip(given, in_one_benchmark(named, benchmark, classes).values(), strict=True))
    warn_of_other_images(parts, {part: str(path) for part, (path, _) in given.items()}, benchmark)
    experts = parts.get("golden")
    if golden_questions is not None:
        experts = with_unanswered(experts, parts["golden questions"])
    return benchmark, parts["questions"], experts


def _until_closed(
    call: Call,
    stop: StopRule,
    votes: int,
    seconds: float | Path | None,
    benchmark: Benchmark | None,
) -> float:
    """How many votes a question will get on average, as in earlier votes."""
    earlier = str(seconds) if isinstance(seconds, Path) else None
    source = benchmark or Benchmark()
    if earlier is None and "votes" not in source.sources:
        raise click.UsageError("--stop needs earlier votes: give --seconds VOTES, or a --benchmark that has votes.")
    given = dict.fromkeys(OF_METHODS)
    made = make_scores(call, source, earlier, None, given)
    if made.aggregation.model is None:
        raise DataError(
            "no-rater-model",
            "earlier votes give no rater model, which a stop rule needs",
            found="counts of votes, without raters",
            fix="give votes with raters, or leave out --stop",
        )
    return votes_until_closed(made.votes, made.aggregation.model, stop, votes)


def _in_short(reason: str) -> str:
    """A reason without what it says of one task."""
    return next((short for start, short in _IN_SHORT.items() if reason.startswith(start)), reason)


def _print(call: Call, made: Tasks, effort: Effort, output: Path, votes: int, stop: StopRule | None) -> None:
    counts = Counter(map(_in_short, made.reasons))
    rows = [[f"{n:,}", f"{count:,}"] for n, count in enumerate(np.bincount(made.sizes)) if count]
    print_table(["classes a task", "tasks"], rows, text_columns=0)
    call.tell(
        f"{output}: {counted(effort.tasks, 'task')} with {counted(effort.questions, 'question')} on "
        f"{counted(effort.images, 'image')}"
    )
    call.tell(
        "why classes stand together: " + ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))
    )
    each = f"{counted(effort.votes, 'vote')}, {votes:,} a question"
    if stop is not None:
        mean = effort.votes / effort.questions
        each = f"about {counted(effort.votes, 'vote')}, {mean:.2f} a question, closed at {stop.low:g}, {stop.high:g}"
    if effort.hours is None:
        call.tell(f"{each}; how long they take is not known (--seconds)")
    else:
        hours = f"{effort.hours:,.1f}" if effort.hours >= _SHOWN else f"less than {_SHOWN}"
        call.tell(f"{each}: {hours} hours of raters, at {effort.seconds_per_vote:.2f} seconds a vote")
