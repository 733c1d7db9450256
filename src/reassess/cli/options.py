"""Options that several commands share, mostly for the files they read."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from reassess.cli.command_run import OUTPUT_PATH_TYPE, CommandRun, find_unused_path, make_benchmark_arguments
from reassess.cli.help_pages import Choice, benchmark_section_option, reading_section_option
from reassess.core import IMAGENET, Benchmark, Id, StopRule
from reassess.core.free_text import EXTRACT
from reassess.core.image_names import MATCHES
from reassess.core.items import parse_id
from reassess.data import open_benchmark, update_benchmark
from reassess.errors import DataError, add_error_place
from reassess.formats.files import find_current_output_path, sha256
from reassess.formats.predictions.id_columns import UNKNOWN_CLASS

_T = TypeVar("_T")


class ParsedType(click.ParamType[_T]):
    """An option type with a parse function, which raises `DataError` or `click.BadParameter`."""

    def __init__(self, name: str, parse: Callable[[str], _T]) -> None:
        self.name = name
        self.parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> _T:
        """Parse the text of an option."""
        if not isinstance(value, str):  # already parsed
            return cast("_T", value)
        try:
            return self.parse(value)
        except DataError as error:
            if error.problem.startswith("not "):
                self.fail(f"{value!r} is {error.problem}: {error.allowed}", param, ctx)
            fields = {"where": error.where, "allowed": error.allowed, "found": error.found, "fix": error.fix}
            details = "; ".join(f"{name}: {field}" for name, field in fields.items() if field is not None)
            self.fail(f"{value!r}: {error.problem} ({details})", param, ctx)


STOP_RULE_TYPE = ParsedType("stop rule", StopRule.parse)
_BENCHMARK_VARIABLE = "REASSESS_BENCHMARK"
_FOR_IMAGENET_FILE = "for ImageNet, if the file is on this computer"


def _open_benchmark(context: click.Context, option: click.Parameter, source: str | None) -> Benchmark | None:
    if source is None:
        return None
    with add_error_place(_BENCHMARK_VARIABLE) if is_from_environment(context, option.name) else nullcontext():
        return open_benchmark(source)


def is_from_environment(context: click.Context, option: str | None) -> bool:
    """Return whether an environment variable sets the value of an option."""
    return context.get_parameter_source(option or "") is ParameterSource.ENVIRONMENT


benchmark_option = benchmark_section_option(
    "--benchmark",
    callback=_open_benchmark,
    metavar="NAME|FOLDER",
    envvar=_BENCHMARK_VARIABLE,
    help="Source of labels, scores, votes and other parts, unless another option names the source of a part: "
    "imagenet, or a folder with files such as labels.csv.  [default: imagenet, if the images are from ImageNet]",
)


def output_option(metavar: str, help_text: str, *, required: bool = True) -> Callable[..., Any]:
    """Return the option -o, --output of a command."""
    return click.option("-o", "--output", type=OUTPUT_PATH_TYPE, required=required, metavar=metavar, help=help_text)


table_option = output_option("TABLE", "Write the table: csv, tex or md.", required=False)


def is_file_of_part(benchmark: Benchmark | None, file: Path, part: str) -> bool:
    """Return whether a file is the standard file of a part in the benchmark's folder, such as labels.csv."""
    folder = None if benchmark is None else benchmark.folder
    return folder is not None and file.stem == part and file.parent.resolve() == folder.resolve()


def save_settings(run: CommandRun, benchmark: Benchmark | None, output: Path, part: str, **settings: Any) -> None:
    """Save settings and input hashes in benchmark.json, if the output is one of the benchmark's own files."""
    if benchmark is not None and benchmark.folder is not None and is_file_of_part(benchmark, output, part):
        made_from = {str(entry["name"]): str(entry["sha256"]) for entry in run.hash_inputs()}
        made_from[part] = sha256(find_current_output_path(output))
        update_benchmark(benchmark.folder, made_from={part: made_from}, **settings)


def suggest_making_labels(
    run: CommandRun, benchmark: Benchmark | None, scores: str | Path, threshold: float | None
) -> None:
    """Suggest the command that makes label sets from scores."""
    options = make_benchmark_arguments(benchmark)
    if threshold is not None:
        options += ["--threshold", str(threshold)]
    if benchmark is None or not is_file_of_part(benchmark, Path(scores), "scores"):
        run.suggest_command("labels", scores, *options, "-o", find_unused_path("labels.json"))
        return
    details = ["--details", find_unused_path("changed.csv")] if "original" in benchmark.sources else []
    if "labels" in benchmark.sources:
        run.suggest_command("labels", *options, "-o", benchmark.sources["labels"], *details, "--force")
    else:
        run.suggest_command("labels", *options, "-o", Path(scores).with_name("labels.csv"), *details)


def part_option(part: str, help_text: str, *, default_applies_when: str = _FOR_IMAGENET_FILE) -> Callable[..., Any]:
    """Return the option for a part of the benchmark. Its help names ImageNet's file as the default."""
    default = f"[default: {IMAGENET.sources[part]} {default_applies_when}]"
    return benchmark_section_option(
        f"--{part}", metavar="NAME|FILE", help=f"{help_text}; none: do not use them.  {default}"
    )


def add_label_options(command: Callable[..., Any], *, is_repeatable: bool = False) -> Callable[..., Any]:
    """Add --benchmark, --labels and --original; with `is_repeatable`, --labels can be repeated."""
    labels = f"Label sets{'; repeatable' if is_repeatable else ''}."
    default = f"[default: the benchmark's; {IMAGENET.sources['labels']}]"
    return _add_options(
        command,
        benchmark_option,
        benchmark_section_option("--labels", metavar="NAME|FILE", multiple=is_repeatable, help=f"{labels}  {default}"),
        part_option("original", "Original labels"),
    )


def add_prediction_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for reading predictions: --names, --classes, --unknown-class and --extract."""
    return _add_options(
        command,
        reading_section_option(
            "--names",
            "row_names",
            multiple=True,
            metavar="[FILE=]F",
            help="Image of each row: a file with a name per line; class-folder (order of class folders); or validation "
            "(order of ImageNet's validation set).",
        ),
        reading_section_option(
            "--classes",
            "output_classes",
            multiple=True,
            metavar="[FILE=]F",
            help="Classes of the outputs: a file with a wnid or name per line, or auto (detect the class list).",
        ),
        reading_section_option(
            "--unknown-class",
            type=Choice(UNKNOWN_CLASS),
            default="wrong",
            show_default=True,
            help="Unknown class names: count them as wrong, stop with an error, or drop them.",
        ),
        reading_section_option(
            "--extract",
            type=Choice(EXTRACT),
            default="first",
            show_default=True,
            help="Which classes in a text count: the first, the last, or all, ranked in the order of the text.",
        ),
    )


match_option = reading_section_option(
    "--match",
    type=Choice(MATCHES),
    help="Match images between files by this part of their names.  [default: the benchmark's, or path]",
)


def add_image_matching_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how image names are matched: --match and --ignore-unknown."""
    return _add_options(
        command,
        match_option,
        reading_section_option(
            "--ignore-unknown", is_flag=True, help="Ignore unknown images, and print their number, instead of stopping."
        ),
    )


def _parse_answers(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[Id, ...] | None:
    if text is None:
        return None
    answers = tuple(parse_id(answer.strip()) for answer in text.split(","))
    if len(set(answers)) < max(2, len(answers)) or "" in answers:
        raise click.BadParameter(f"{text!r} is not a list of two or more different answers, such as no,maybe,yes.")
    return answers


answers_option = reading_section_option(
    "--answers",
    callback=_parse_answers,
    metavar="A,B,...",
    help="The possible answers, in order from 'class is invalid' to 'class is valid'.  [default: the benchmark's; "
    "otherwise no,maybe,yes or the numbers in the votes]",
)


golden_at_least_option = benchmark_section_option(
    "--golden-at-least",
    "min_experts",
    type=click.IntRange(1),
    metavar="M",
    help="Minimum number of experts who must agree on a golden answer.  [default: more than half of the experts who "
    "answered]",
)


def _add_options(command: Callable[..., Any], *options: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def count_usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
