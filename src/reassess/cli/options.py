"""The options that say what the commands read."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from reassess.cli.call import OUTPUT, Call, benchmark_arguments, free_name
from reassess.cli.help_pages import Choice, in_benchmark, in_reading
from reassess.core import IMAGENET, Benchmark, Id, StopRule
from reassess.core.image_names import MATCHES
from reassess.core.items import normal_id
from reassess.data import open_benchmark, update_benchmark
from reassess.errors import DataError, at
from reassess.formats.files import path_in_block, sha256
from reassess.formats.predictions.id_columns import UNKNOWN_CLASS

_T = TypeVar("_T")


class ParsedType(click.ParamType[_T]):
    """A text that a function parses; it raises `DataError` or `click.BadParameter`."""

    def __init__(self, name: str, parse: Callable[[str], _T]) -> None:
        self.name = name
        self.parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> _T:
        """The parsed value."""
        if not isinstance(value, str):  # already parsed
            return cast("_T", value)
        try:
            return self.parse(value)
        except DataError as error:
            self.fail(f"{value!r} is {error.what}: {error.allowed}", param, ctx)


STOP = ParsedType("stop rule", StopRule.parse)
_VARIABLE = "REASSESS_BENCHMARK"
_IF_HERE = "if the images are ImageNet's and the file is here"


def _open(context: click.Context, option: click.Parameter, source: str | None) -> Benchmark | None:
    if source is None:
        return None
    with at(_VARIABLE) if from_environment(context, option.name) else nullcontext():
        return open_benchmark(source)


def from_environment(context: click.Context, option: str | None) -> bool:
    """Whether an option has its value from an environment variable."""
    return context.get_parameter_source(option or "") is ParameterSource.ENVIRONMENT


benchmark_option = in_benchmark(
    "--benchmark",
    callback=_open,
    metavar="NAME|FOLDER",
    envvar=_VARIABLE,
    help="Where each part comes from that no option gives: imagenet, or a folder with files such as labels.csv.  "
    "[default: imagenet, if the images are ImageNet's]",
)


def output_option(metavar: str, text: str, *, required: bool = True) -> Callable[..., Any]:
    """The option for the file that a command writes."""
    return click.option("-o", "--output", type=OUTPUT, required=required, metavar=metavar, help=text)


def is_part(benchmark: Benchmark | None, file: Path, part: str) -> bool:
    """Whether a file is a part of a benchmark folder."""
    folder = None if benchmark is None else benchmark.folder
    return folder is not None and file.stem == part and file.parent.resolve() == folder.resolve()


def save_settings(call: Call, benchmark: Benchmark | None, output: Path, part: str, **settings: Any) -> None:
    """Note settings, and what the output was made from, in benchmark.json if the output is a part of the benchmark."""
    if benchmark is not None and benchmark.folder is not None and is_part(benchmark, output, part):
        made_from = {str(one["name"]): str(one["sha256"]) for one in call.hashed_inputs()}
        made_from[part] = sha256(path_in_block(output))
        update_benchmark(benchmark.folder, made_from={part: made_from}, **settings)


def suggest_labels(call: Call, benchmark: Benchmark | None, scores: str | Path, threshold: float | None) -> None:
    """Name the command that makes label sets from scores."""
    words = benchmark_arguments(benchmark)
    if threshold is not None:
        words += ["--threshold", str(threshold)]
    if benchmark is None or not is_part(benchmark, Path(scores), "scores"):
        call.suggest("labels", scores, *words, "-o", free_name("labels.json"))
        return
    changes = ["--details", free_name("changed.csv")] if "original" in benchmark.sources else []
    if "labels" in benchmark.sources:
        call.suggest("labels", *words, "-o", benchmark.sources["labels"], *changes, "--force")
    else:
        call.suggest("labels", *words, "-o", Path(scores).with_name("labels.csv"), *changes)


def part_option(part: str, text: str, *, condition: str = _IF_HERE) -> Callable[..., Any]:
    """The option for a part of the benchmark: what it is, and its default for ImageNet."""
    default = f"[default: {IMAGENET.sources[part]}, {condition}]"
    return in_benchmark(f"--{part}", metavar="NAME|FILE", help=f"{text}, or none.  {default}")


def label_options(command: Callable[..., Any], *, several: bool = False) -> Callable[..., Any]:
    """The options that say by what images and models are judged; --labels may be given several times if asked."""
    labels = f"Label sets{'; repeatable' if several else ''}."
    default = f"[default: the benchmark's; {IMAGENET.sources['labels']}]"
    return _with_options(
        command,
        benchmark_option,
        in_benchmark("--labels", metavar="NAME|FILE", multiple=several, help=f"{labels}  {default}"),
        part_option("original", "Original labels"),
    )


def prediction_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a model's predictions are read."""
    return _with_options(
        command,
        in_reading(
            "--names",
            "row_names",
            multiple=True,
            metavar="[FILE=]F",
            help="Images of rows: a file with a name per line, or class-folder or validation (ImageNet's order).",
        ),
        in_reading(
            "--classes",
            "output_classes",
            multiple=True,
            metavar="[FILE=]F",
            help="Classes of outputs: a file with a wnid or name per line, or auto.",
        ),
        in_reading(
            "--unknown-class",
            type=Choice(UNKNOWN_CLASS),
            default="wrong",
            show_default=True,
            help="Names of no class: count them as wrong, stop with an error, or drop them.",
        ),
    )


match_option = in_reading(
    "--match",
    type=Choice(MATCHES),
    help="Join images by this part of their names.  [default: the benchmark's, or path]",
)


def join_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how images are joined: `match` and `ignore_unknown`."""
    return _with_options(
        command,
        match_option,
        in_reading("--ignore-unknown", is_flag=True, help="Count unknown images instead of stopping."),
    )


def _split(_context: click.Context, _option: click.Parameter, given: str | None) -> tuple[Id, ...] | None:
    if given is None:
        return None
    answers = tuple(normal_id(answer.strip()) for answer in given.split(","))
    if len(set(answers)) < max(2, len(answers)) or "" in answers:
        raise click.BadParameter(f"{given!r} is not a list of two or more different answers, such as no,maybe,yes.")
    return answers


answers_option = in_reading(
    "--answers",
    callback=_split,
    metavar="A,B,...",
    help="Answers from invalid to valid.  [default: the benchmark's; no, maybe, yes; or numbers]",
)


golden_at_least_option = in_benchmark(
    "--golden-at-least",
    type=click.IntRange(1),
    metavar="M",
    help="Experts who must agree on a golden answer.  [default: more than half of those who answered]",
)


def _with_options(command: Callable[..., Any], *options: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def usable_cores() -> int:
    """The processors that this process may use: the default of --workers."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
