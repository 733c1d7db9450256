"""`reassess rate`: let a model answer tasks."""

from pathlib import Path
from typing import Any

import click

from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    CommandRun,
    add_common_options,
    find_unused_path,
    make_benchmark_arguments,
    show_progress_bars,
)
from reassess.cli.help_pages import Choice, Command
from reassess.cli.options import benchmark_option, match_option, output_option
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import BenchmarkPartReader, find_images_path
from reassess.cli.screen import print_table
from reassess.core import Benchmark, Tasks
from reassess.data import check_output_path
from reassess.formats import read_tasks
from reassess.proposals import MachineRating, Prompt, RatingEstimate, estimate_rating, read_prompt
from reassess.proposals import rate as ask_model
from reassess.proposals.machines.prompts import Per
from reassess.proposals.machines.rating import MAX_CONCURRENCY, MAX_REPEATS, check_output_files, name_answers_file
from reassess.text import count_noun


@click.command(
    cls=Command,
    docs="docs/rate.md",
    examples=[
        "reassess rate ask.jsonl --benchmark pets --model NAME --endpoint http://localhost:8000/v1 -o one.csv",
        "reassess rate ask.jsonl --benchmark pets --model NAME --endpoint http://localhost:8000/v1 -o two.csv "
        "--per task --dry-run",
    ],
)
@click.argument("tasks", type=INPUT_PATH_TYPE, metavar="TASKS")
@output_option(
    "VOTES",
    "Write the votes: csv, tsv, jsonl or parquet; and everything that the model answered, to NAME.answers.jsonl.",
)
@click.option("--model", required=True, metavar="NAME", help="Name of the model at the server.")
@click.option(
    "--endpoint", required=True, metavar="URL", help="Address of the server, such as http://localhost:8000/v1."
)
@click.option(
    "--per",
    type=Choice(["question", "task"]),
    default="question",
    show_default=True,
    help="Ask about one class per request, or about all classes of a task.",
)
@click.option(
    "--repeat",
    "repeats",
    type=click.IntRange(1, MAX_REPEATS),
    default=1,
    show_default=True,
    metavar="K",
    help="Ask each question K times, each time in another order; the answers are combined to one vote.",
)
@click.option(
    "--prompt",
    "prompt_file",
    type=INPUT_PATH_TYPE,
    metavar="F",
    help="Text of requests, with {class} (for --per task: {classes}) and {answers}.  [default: printed by --dry-run]",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, MAX_CONCURRENCY),
    default=8,
    show_default=True,
    metavar="N",
    help="Requests at a time.",
)
@click.option("--max-tokens", type=click.IntRange(1), metavar="N", help="Stop before the run needs more tokens.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, metavar="S", help="Seed of the order of requests."
)
@click.option("--dry-run", is_flag=True, help="Estimate requests and tokens, print the first request, and ask nothing.")
@click.option("--images", type=INPUT_PATH_TYPE, metavar="DIR|LIST|ZIP|TAR", help="Images.  [default: the benchmark's]")
@benchmark_option
@match_option
@add_common_options
def rate(
    run: CommandRun,
    tasks: Path,
    output: Path,
    model: str,
    endpoint: str,
    per: Per,
    repeats: int,
    prompt_file: Path | None,
    concurrency: int,
    max_tokens: int | None,
    seed: int,
    dry_run: bool,
    images: Path | None,
    benchmark: Benchmark | None,
) -> None:
    """Let a model answer tasks.

    TASKS is a file from `reassess tasks`. The server has the OpenAI chat protocol, as vLLM, Ollama and llama.cpp do. A
    request contains the image, then the class with its synonyms and definition; never labels, proposing models or
    golden answers. The key of the server, if it needs one, is read from the environment variable OPENAI_API_KEY. To
    continue an interrupted run, repeat the command.
    """
    check_packages("machine", "asking a model")
    check_output_files(output, force=run.force)
    run.add_outputs(output, name_answers_file(output))
    if benchmark is not None:
        check_output_path(output, benchmark)
    inputs = _read_inputs(run, tasks, benchmark, images, prompt_file, per)
    shared: dict[str, Any] = {**inputs, "repeats": repeats, "seed": seed}
    if dry_run:
        _print_estimate(run, estimate_rating(**shared))
        return
    with show_progress_bars(run) as show_progress:
        result = ask_model(
            **shared,
            output=output,
            model=model,
            endpoint=endpoint,
            concurrency=concurrency,
            max_tokens=max_tokens,
            force=run.force,
            report=run.print_progress_line,
            progress=lambda done, total, tokens: show_progress("answers", done, total, f"{tokens:,} tokens"),
        )
    run.suggest_command(
        "aggregate", output, *make_benchmark_arguments(benchmark), "-o", find_unused_path("scores.parquet")
    )
    if run.json:
        run.print_json("rate", _to_json(result))
    else:
        _print_rating(run, result)
        run.print_inputs("tasks", "classes", "prompt")


def _read_inputs(
    run: CommandRun,
    tasks_file: Path,
    benchmark: Benchmark | None,
    images: Path | None,
    prompt_file: Path | None,
    per: Per,
) -> dict[str, Any]:
    """Read the tasks and the prompt, and find the images."""
    reader = BenchmarkPartReader(run, benchmark)
    tasks: Tasks = read_tasks(run.add_input("tasks", tasks_file), reader.classes)
    if reader.classes is None:  # without --benchmark, ImageNet is recognized by its images
        reader.set_benchmark_from_images(tasks.questions.images, needs_classes=True)
        tasks = tasks if reader.classes is None else read_tasks(tasks_file, reader.classes)
    if images is None:
        images = find_images_path(run, reader.benchmark, needed_by="rate")
    elif images.is_file():
        run.add_input("images", images)
    prompt: Prompt = read_prompt(None if prompt_file is None else run.add_input("prompt", prompt_file), per)
    return {"tasks": tasks, "images": images, "prompt": prompt, "match": reader.benchmark.match or "path"}


def _to_json(result: MachineRating) -> dict[str, Any]:
    return {
        "output": str(result.file),
        "answers_output": str(result.answers_file),
        "rater": result.rater,
        "requests": result.n_requests,
        "votes": len(result.votes),
        "answers": dict(result.answer_counts),
        "questions_with_differing_repeats": result.n_differing_questions,
        "tokens": {"requests": result.tokens[0], "answers": result.tokens[1]},
        "format_enforced": result.is_format_enforced,
        "logprobs": result.has_logprobs,
        "refused_fields": list(result.refused_fields),
        "first_failure": result.first_failure or None,
    }


def _print_rating(run: CommandRun, result: MachineRating) -> None:
    print_table(["answer", "answers"], [[kind, f"{count:,}"] for kind, count in result.answer_counts.items()])
    run.print_line(f"{result.file}: {count_noun(len(result.votes), 'vote')} by {result.rater}")
    run.print_line(f"{result.answers_file}: the text of each answer")
    enforced = "the server enforces it" if result.is_format_enforced else "not enforced, so answers are read from text"
    run.print_line(f"answer format: {enforced}")
    run.print_line(
        f"log-probabilities: {'in the file of answers' if result.has_logprobs else 'not sent by the server'}"
    )
    if result.refused_fields:
        run.print_line(f"fields that the server rejects: {', '.join(result.refused_fields)}")
    n_requests = count_noun(result.n_requests, "request")
    if sum(result.tokens):
        run.print_line(f"{n_requests}; {result.tokens[0]:,} tokens in requests, {result.tokens[1]:,} in answers")
    else:
        run.print_line(f"{n_requests}; the server does not report tokens")
    if result.n_differing_questions:
        run.print_line(f"repeats differ: {count_noun(result.n_differing_questions, 'question')}")
    if result.first_failure:
        run.print_line(f"first request without an answer: {result.first_failure}")


def _print_estimate(run: CommandRun, estimate: RatingEstimate) -> None:
    if run.json:
        results = {
            "requests": estimate.n_requests,
            "images": estimate.n_images,
            "questions": estimate.n_questions,
            "tokens": estimate.n_tokens,
            "first_request": {"image": estimate.image, "text": estimate.text},
        }
        run.print_json("rate", results)
        return
    click.echo(f"first request: {estimate.image}, and this text:\n\n{estimate.text}\n")
    questions, images = count_noun(estimate.n_questions, "question"), count_noun(estimate.n_images, "image")
    run.print_line(f"{count_noun(estimate.n_requests, 'request')} for {questions} about {images}")
    run.print_line(f"about {estimate.n_tokens:,} tokens; models count the tokens of an image very differently")
