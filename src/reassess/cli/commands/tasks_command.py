"""`reassess tasks`: group candidates into tasks, and estimate the work."""

import math
import secrets
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import click
import numpy as np

from reassess.aggregation import ClosedByModels, close_by_models, predict_golden_by_result
from reassess.cli.aggregate_inputs import NO_METHOD_OPTIONS, compute_scores
from reassess.cli.campaign_inputs import (
    GOLDEN_NOT_IN_TASKS_NOTE,
    GOLDEN_TYPE,
    add_questions_without_votes,
    read_golden_votes_or_questions,
)
from reassess.cli.campaign_samples import describe_sample
from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    CommandRun,
    FiniteRange,
    add_common_options,
    find_unused_path,
    make_benchmark_arguments,
)
from reassess.cli.help_pages import Command, benchmark_section_option
from reassess.cli.options import STOP_RULE_TYPE, ParsedType, benchmark_option, output_option
from reassess.cli.part_inputs import BenchmarkPartReader, find_part
from reassess.cli.screen import print_table
from reassess.core import (
    KNOWN_ANSWERS,
    ORIGINAL_SOURCE,
    Benchmark,
    Candidates,
    Effort,
    LabelSets,
    Questions,
    StopRule,
    Tasks,
    Votes,
)
from reassess.core.items import require_questions, take_items
from reassess.data import read_votes
from reassess.errors import DataError, add_error_place
from reassess.formats import read_candidates, read_hierarchy, write_tasks
from reassess.formats.files import exists, sha256
from reassess.formats.label_studio_tasks import LABEL_STUDIO_SUFFIX
from reassess.formats.task_files import TASK_SUFFIXES
from reassess.proposals import (
    DEFAULT_TASK_SIZE,
    TASK_DESCRIPTIONS,
    draw_golden,
    make_tasks,
    mean_votes_until_closed,
    seconds_per_vote,
)
from reassess.text import count_noun, format_percent, join_first

_DEFAULT_VOTES_PER_QUESTION = 5  # as for ReaL
_MIN_PRINTED_HOURS = 0.1  # smaller numbers are printed as "less than 0.1"
_N_SEED_BITS = 63  # seeds in task files are signed 64-bit integers


def _parse_seconds_or_votes_file(text: str) -> float | Path:
    if text and exists(text):
        return Path(text)
    try:
        number = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number of seconds nor a file of votes.") from None
    if not math.isfinite(number):
        raise click.BadParameter(f"{text!r} is not a number of seconds.")
    return float(FiniteRange(0).convert(number, None, None))


@click.command(
    cls=Command,
    examples=[
        "reassess tasks candidates.csv --benchmark pets -o tasks.jsonl",
        "reassess tasks candidates.csv --per-task 4 --seconds 3.5 -o small.jsonl",
    ],
    docs="docs/proposals.md",
)
@click.argument("candidates", type=INPUT_PATH_TYPE, metavar="CANDIDATES")
@output_option("TASKS", "Write the tasks: jsonl; or labelstudio.json, with a configuration in labelstudio.xml.")
@click.option(
    "--per-task",
    "max_classes_per_task",
    type=click.IntRange(1),
    default=DEFAULT_TASK_SIZE,
    show_default=True,
    metavar="N",
    help="Maximum number of classes per task.",
)
@click.option(
    "--per-question",
    "votes_per_question",
    type=click.IntRange(1),
    default=_DEFAULT_VOTES_PER_QUESTION,
    show_default=True,
    metavar="N",
    help="Votes per question; with --stop, the maximum.",
)
@click.option(
    "--seconds",
    "seconds_or_votes",
    type=ParsedType("seconds or a file", _parse_seconds_or_votes_file),
    metavar="S|VOTES",
    help="Seconds per vote, or earlier votes with the column seconds, to estimate the hours of work.",
)
@click.option(
    "--stop",
    type=STOP_RULE_TYPE,
    metavar="LOW,HIGH",
    help="Stop asking about a question that has 2 or more votes if its class is valid with a probability of at most "
    "LOW or at least HIGH. To estimate the number of votes, this rule is applied to earlier votes: the file given as "
    "--seconds VOTES, or the benchmark's votes.",
)
@benchmark_option
@benchmark_section_option(
    "--golden",
    type=GOLDEN_TYPE,
    metavar="N|NAME|FILE",
    help="N: draw about N golden questions for experts. NAME or FILE: golden questions, or experts' answers; these "
    "questions are not put into tasks. none: no golden questions.  [default: the benchmark's]",
)
@click.option(
    "--model-votes",
    type=INPUT_PATH_TYPE,
    metavar="FILE",
    help="Votes of models, for example from rate. Needs --error.",
)
@click.option(
    "--error",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    metavar="E",
    help="Leave out questions that models can answer without people: at most the share E of these answers is wrong, "
    "with 95 % confidence, by golden answers.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="S",
    help="Seed for drawing golden questions; keep it secret.  [default: random]",
)
@add_common_options
def tasks(
    run: CommandRun,
    candidates: Path,
    output: Path,
    max_classes_per_task: int,
    votes_per_question: int,
    seconds_or_votes: float | Path | None,
    stop: StopRule | None,
    benchmark: Benchmark | None,
    golden: int | str | None,
    model_votes: Path | None,
    error: float | None,
    seed: int | None,
) -> None:
    """Group candidates into tasks, and estimate the work.

    CANDIDATES come from `propose` or `clean`. A task contains similar classes of one image: classes that are close in
    the hierarchy of the benchmark folder, or that are often candidates for the same images. Every question is in
    exactly one task. Golden questions that experts answered before are not in the tasks: `annotate create` adds them.
    Drawn golden questions are marked in the file.
    """
    if seed is not None and not isinstance(golden, int):
        raise click.UsageError("--seed needs --golden N.")
    if (model_votes is None) != (error is None):
        raise click.UsageError("--model-votes and --error need each other.")
    if model_votes is not None and isinstance(golden, int):
        raise click.UsageError("--model-votes needs golden answers, so --golden N cannot be used.")
    run.check_output(output, (*TASK_SUFFIXES, LABEL_STUDIO_SUFFIX), "tasks", benchmark=benchmark)
    is_for_label_studio = output.name.lower().endswith(LABEL_STUDIO_SUFFIX)
    if is_for_label_studio:
        run.check_output(output.with_suffix(".xml"), (".xml",), "a labelling configuration", benchmark=benchmark)
    image_benchmark, candidates_read, experts, original, read_model_votes = _read_task_inputs(
        run, candidates, benchmark, golden, model_votes
    )
    questions = candidates_read.questions
    source = image_benchmark.sources.get("hierarchy")
    tree = None if source is None else read_hierarchy(run.add_input("hierarchy", Path(source)), questions.classes)
    sample = None
    if isinstance(golden, int):
        seed = secrets.randbits(_N_SEED_BITS) if seed is None else seed
        sample = draw_golden(candidates_read, golden, original=original, seed=seed)
        sample = replace(sample, input_hashes=(sha256(candidates),))
    if sample is not None and experts is not None:  # drawn questions stay in the file, even with answers
        items = require_questions(experts.items)
        experts = experts.select_items(np.flatnonzero(sample.rows_of(items.images)[items.image_ids] < 0))
    closed = None
    if model_votes is not None and read_model_votes is not None and error is not None:
        with add_error_place(model_votes):
            closed, questions = _leave_out_closed(read_model_votes, experts, questions, error)
    tasks_made = make_tasks(questions, size=max_classes_per_task, hierarchy=tree, golden=experts)
    golden_count = len(questions) - len(tasks_made.questions)
    tasks_made = tasks_made if sample is None else tasks_made.mark_sample_as_golden(sample)
    golden_drawn = tasks_made.select(tasks_made.golden_mask)
    if golden_count and not len(tasks_made):
        raise DataError(
            "all-golden",
            "no question is left for the tasks: all questions are golden, and golden questions get no tasks",
            where=candidates,
            found=count_noun(golden_count, "question"),
            fix="use other candidates, or --golden none",
        )
    mean_votes: float = votes_per_question
    if stop is not None:
        mean_votes = _estimate_mean_votes_per_question(run, stop, votes_per_question, seconds_or_votes, benchmark)
    seconds = None if isinstance(seconds_or_votes, Path) else seconds_or_votes
    if isinstance(seconds_or_votes, Path):
        path = run.add_input("votes", seconds_or_votes)
        with add_error_place(path):
            seconds = seconds_per_vote(read_votes(path, answers=image_benchmark.answers, classes=questions.classes))
    write_tasks(output, tasks_made, model_votes=read_model_votes, force=run.force)
    tasks_made = tasks_made.select(~tasks_made.golden_mask)
    effort = tasks_made.effort(mean_votes, seconds)
    without_path = (
        [] if tree is None else [c for c in np.unique(questions.class_ids).tolist() if not tree.path_from_root(c)]
    )
    if not is_for_label_studio:
        run.suggest_command(
            "annotate", "create", find_unused_path("campaign.db"), output, *make_benchmark_arguments(benchmark)
        )
    if run.json:
        results = {
            "output": str(output),
            **effort.to_json(),
            "golden": golden_count,
            "golden_drawn": {"tasks": len(golden_drawn), "questions": len(golden_drawn.questions)},
            "votes_per_question": mean_votes,
            "stop": None if stop is None else [stop.low, stop.high],
            "per_task": max_classes_per_task,
            "closed_by_models": None if closed is None else closed.to_json(),
        }
        sizes = {str(n): int(count) for n, count in enumerate(np.bincount(tasks_made.sizes)) if count}
        run.print_json("tasks", {**results, "by_size": sizes, "not_in_hierarchy": len(without_path)})
    else:
        _print_tasks(run, tasks_made, effort, output, votes_per_question, stop)
        if is_for_label_studio:
            run.print_line(f"{output.with_suffix('.xml')}: labelling configuration of the project in Label Studio")
        if golden_drawn.sample is not None:
            run.print_line(f"golden, for experts: {describe_sample(golden_drawn.sample, len(golden_drawn.questions))}")
            run.print_line(GOLDEN_NOT_IN_TASKS_NOTE)
        if golden_count:
            questions_are = count_noun(golden_count, "golden question is", "golden questions are")
            run.print_line(f"{questions_are} not in the task file: the campaign shows them between its tasks")
        if closed is not None:
            _print_closed(run, closed)
        if without_path:
            names = join_first([questions.classes.short_name(class_id) for class_id in without_path], max_items=3)
            run.print_line(f"{count_noun(len(without_path), 'class', 'classes')} not in the hierarchy: {names}")
        run.print_inputs("original", "golden", "model votes", "hierarchy", "votes")


class _TaskInputs(NamedTuple):
    """The data that tasks are made from."""

    benchmark: Benchmark
    candidates: Candidates
    experts: Votes | None
    original: LabelSets | None  # only for drawing golden questions
    model_votes: Votes | None


def _read_task_inputs(
    run: CommandRun,
    candidates_file: Path,
    benchmark: Benchmark | None,
    golden_count_or_source: int | str | None,
    model_votes: Path | None,
) -> _TaskInputs:
    reader = BenchmarkPartReader(run, benchmark)
    candidates_read = read_candidates(run.add_input("candidates", candidates_file), reader.classes)
    reader.parts["candidates"] = candidates_file, candidates_read.questions
    reader.set_benchmark_from_images(candidates_read.questions.images, needs_classes=True)
    if isinstance(golden_count_or_source, int) and ORIGINAL_SOURCE not in candidates_read.sources:
        reader.read_original_labels()
    source = None if isinstance(golden_count_or_source, int) else golden_count_or_source
    if (path := find_part(run, reader.benchmark, "golden", source)) is not None:
        golden_content = read_golden_votes_or_questions(reader, path, raise_if_contradictory=model_votes is not None)
        reader.parts["golden"] = (
            path,
            golden_content if isinstance(golden_content, Votes) else add_questions_without_votes(None, golden_content),
        )
    if model_votes is not None:
        path = run.add_input("model votes", model_votes)
        reader.parts["model votes"] = path, read_votes(path, answers=KNOWN_ANSWERS, classes=reader.classes)
    parts = reader.align_classes_and_images(must_share_images=False)
    candidates_read = replace(candidates_read, questions=parts["candidates"])
    others = (parts.get(name) for name in ("golden", "original", "model votes"))
    return _TaskInputs(reader.benchmark, candidates_read, *others)


def _leave_out_closed(
    votes: Votes, experts: Votes | None, questions: Questions, error: float
) -> tuple[ClosedByModels, Questions]:
    """Return the questions that models answer without people, and the other questions with all golden questions."""
    closed = close_by_models(votes, experts, questions, error)
    assert experts is not None
    is_golden = experts.find_positions(questions) >= 0
    is_left_out = closed.is_closed & ~is_golden
    if (is_left_out | is_golden).all() and is_left_out.any() and closed.highest_error is not None:
        raise DataError(
            "all-closed",
            "no question is left for the tasks: votes of models answer all questions",
            found=f"{count_noun(int(is_left_out.sum()), 'question')}, of which at most "
            f"{format_percent(closed.highest_error)} % are answered wrongly",
            fix="aggregate the votes of models, or allow a smaller error (--error)",
        )
    left = cast("Questions", take_items(questions, np.flatnonzero(~is_left_out)))
    return replace(closed, is_closed=is_left_out), left


def _estimate_mean_votes_per_question(
    run: CommandRun,
    stop_rule: StopRule,
    max_votes: int,
    seconds_or_votes: float | Path | None,
    benchmark: Benchmark | None,
) -> float:
    """Replay earlier votes to estimate the mean number of votes per question with a stop rule."""
    earlier_votes = str(seconds_or_votes) if isinstance(seconds_or_votes, Path) else None
    source = benchmark or Benchmark()
    if earlier_votes is None and "votes" not in source.sources:
        raise click.UsageError(
            "--stop estimates the work from a file of earlier votes: give --seconds FILE, or a --benchmark with votes."
        )
    computed = compute_scores(run, source, earlier_votes, None, NO_METHOD_OPTIONS)
    if computed.aggregation.model is None:
        raise DataError(
            "missing-rater-model",
            "stop rule needs a rater model, but the earlier votes have no raters",
            found="counts of votes",
            fix="use votes with raters, or remove --stop",
        )
    result, golden = computed.aggregation, None
    if result.expert_votes is not None and result.expert_truth is not None:
        golden = predict_golden_by_result(
            result, computed.votes_with_golden, result.expert_votes.items, result.expert_truth.truth_ids
        )
    return mean_votes_until_closed(computed.votes, computed.aggregation.model, stop_rule, max_votes, golden=golden)


def _print_closed(run: CommandRun, closed: ClosedByModels) -> None:
    """Say how many questions the votes of models answer, and how many golden questions support this."""
    if closed.limit is None or closed.highest_error is None:
        run.print_line(
            f"models answer no question without people: {count_noun(closed.n_golden, 'golden question')} with their "
            f"votes cannot show an error of at most {closed.allowed_error:g}; the smallest they can show is "
            f"{closed.lowest_supported_error:.2g}"
        )
        return
    run.print_line(
        f"models answer {count_noun(int(closed.is_closed.sum()), 'question')} without people, with a probability "
        f"of at most {closed.limit:.3g} or at least {1 - closed.limit:.3g}: {closed.n_golden_wrong:,} of "
        f"{count_noun(closed.n_golden_closed, 'such golden question is', 'such golden questions are')} wrong, so at "
        f"most {format_percent(closed.highest_error)} % are wrong (95 % confidence)"
    )


def _print_tasks(
    run: CommandRun, tasks: Tasks, effort: Effort, output: Path, votes_per_question: int, stop: StopRule | None
) -> None:
    kinds = Counter(next(start for start in TASK_DESCRIPTIONS if reason.startswith(start)) for reason in tasks.reasons)
    rows = [[f"{n:,}", f"{count:,}"] for n, count in enumerate(np.bincount(tasks.sizes)) if count]
    print_table(["classes per task", "tasks"], rows, n_text_columns=0)
    run.print_line(
        f"{output}: {count_noun(effort.n_tasks, 'task')} with {count_noun(effort.n_questions, 'question')} on "
        f"{count_noun(effort.n_images, 'image')}"
    )
    counts = [f"{classes}: {kinds[start]:,}" for start, classes in TASK_DESCRIPTIONS.items() if kinds[start]]
    run.print_line(f"tasks with {'; with '.join(counts)}")
    votes = f"{count_noun(effort.n_votes, 'vote')} ({votes_per_question:,} per question)"
    if stop is not None:
        mean = effort.n_votes / effort.n_questions
        votes = (
            f"about {count_noun(effort.n_votes, 'vote')} ({mean:.2f} per question, stop rule {stop.low:g}, "
            f"{stop.high:g})"
        )
    if effort.hours is None:
        run.print_line(f"{votes}; add --seconds to estimate the hours")
    else:
        hours = f"{effort.hours:,.1f}" if effort.hours >= _MIN_PRINTED_HOURS else f"less than {_MIN_PRINTED_HOURS}"
        run.print_line(f"{votes}: {hours} hours at {effort.seconds_per_vote:.2f} seconds per vote")
