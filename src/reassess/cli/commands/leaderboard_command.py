"""`reassess leaderboard`: relate reassessed to original accuracy over many models."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from reassess.cli.command_run import INPUT_PATH_TYPE, CommandRun, add_common_options, reject_repeated_files
from reassess.cli.help_pages import Command
from reassess.cli.options import ParsedType, benchmark_option, output_option
from reassess.cli.part_inputs import BenchmarkPartReader
from reassess.cli.tables.leaderboard_table import (
    OriginalLabelAccuracy,
    make_leaderboard_table,
    print_leaderboard,
    to_json,
)
from reassess.comparison import fit_trend, measure_original_label_accuracy, place_models
from reassess.core import IMAGENET, Benchmark, Leaderboard, LeaderboardRow
from reassess.formats import read_leaderboard
from reassess.formats.result_files import RESULT_SUFFIXES
from reassess.report import save_leaderboard_figure
from reassess.report.figures import FIGURE_SUFFIXES
from reassess.text import count_noun

_UNNAMED_MODEL = "the given model"


def _parse_family_pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise click.BadParameter(f"{text!r} is not a regular expression: {error}.") from error


def _parse_own_model_or_file(text: str) -> LeaderboardRow | Path:
    if not re.match(r"(original|real)=", text):
        return Path(text)
    accuracies = [assignment.partition("=")[::2] for assignment in text.split(",")]
    accuracy_by_name = dict(accuracies)
    for name in accuracy_by_name:
        if (times := sum(name == other_name for other_name, _ in accuracies)) > 1:
            raise click.BadParameter(f"{text!r} gives {name} {'twice' if times == 2 else f'{times} times'}")
    try:
        original, real = float(accuracy_by_name.pop("original")), float(accuracy_by_name.pop("real"))
    except (KeyError, ValueError):
        original, real = 0.0, 0.0
    if accuracy_by_name or not (1 < original <= 100 and 1 < real <= 100):  # not shares
        raise click.BadParameter(f"{text!r} is not a pair of accuracies in percent, such as original=83.1,real=88.5")
    return LeaderboardRow(model=_UNNAMED_MODEL, original_accuracy=original, reassessed_accuracy=real)


@click.command(
    cls=Command,
    docs="docs/leaderboard.md",
    examples=[
        "reassess leaderboard results-imagenet.csv results-imagenet-real.csv",
        "reassess leaderboard results-imagenet.csv results-imagenet-real.csv --limit 5",
    ],
)
@click.argument("files", nargs=-1, required=True, type=INPUT_PATH_TYPE, metavar="TABLE...")
@benchmark_option
@click.option(
    "--place",
    "own_models",
    type=ParsedType("file or accuracies", _parse_own_model_or_file),
    metavar="FILE|original=P,real=P",
    help="Add your own models to the table: a file with the columns of TABLE, or one model given by its two "
    "accuracies in percent.",
)
@click.option(
    "--family",
    type=ParsedType("pattern", _parse_family_pattern),
    default=Leaderboard.family_pattern,
    metavar="PATTERN",
    help="Regular expression: its match (or first group) in a model's name is the model's family.  [default: the first "
    "word]",
)
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, metavar="N", help="Rows to print.")
@output_option(
    "TABLE|FIGURE",
    "Write the table with all rows: csv, tex or md; or draw the figure: svg, png or pdf.",
    required=False,
)
@add_common_options
def leaderboard(
    run: CommandRun,
    files: tuple[Path, ...],
    benchmark: Benchmark | None,
    own_models: LeaderboardRow | Path | None,
    family: re.Pattern[str],
    limit: int,
    output: Path | None,
) -> None:
    """Relate reassessed to original accuracy over many models.

    TABLE has the columns model, original and real (in percent), or is the output of evaluate --json. Two TABLEs
    can also be the results files of timm: by original labels, and by ReaL. Several files are combined.
    """
    reject_repeated_files(files)
    run.check_output(output, (*RESULT_SUFFIXES, *FIGURE_SUFFIXES), "a table or figure", benchmark=benchmark)
    leaderboard_read = read_leaderboard(*(run.add_input("leaderboard", path) for path in files), family_pattern=family)
    placements = place_models(leaderboard_read, _read_own_model_rows(run, own_models))
    lines = fit_trend(leaderboard_read)
    if benchmark is None:
        benchmark = IMAGENET if leaderboard_read.label_set == Leaderboard.label_set else Benchmark()
    level = _measure_original_label_accuracy(run, benchmark)
    if output is not None and output.suffix.lower() in RESULT_SUFFIXES:
        make_leaderboard_table(leaderboard_read, leaderboard_read.rows_by_reassessed_accuracy).write(
            output, force=run.force
        )
    elif output is not None:
        save_leaderboard_figure(
            output, lines, placements, original_label_percent=None if level is None else level.percent, force=run.force
        )
    if run.json:
        run.print_json("leaderboard", to_json(lines, placements, level))
    else:
        print_leaderboard(run, lines, placements, level, limit)
        if output is not None:
            run.print_line(f"{output}: {count_noun(len(leaderboard_read), 'row')}")


def _read_own_model_rows(run: CommandRun, own_models: LeaderboardRow | Path | None) -> Sequence[LeaderboardRow]:
    if own_models is None:
        return ()
    return (
        (own_models,)
        if isinstance(own_models, LeaderboardRow)
        else read_leaderboard(run.add_input("place", own_models)).entries
    )


def _measure_original_label_accuracy(run: CommandRun, benchmark: Benchmark) -> OriginalLabelAccuracy | None:
    """Measure the original labels by the reassessed labels; None if original or reassessed labels are missing."""
    reader = BenchmarkPartReader(run, benchmark)
    labels, original = reader.read_optional("labels"), reader.read_original_labels()
    if labels is None or original is None:
        return None
    parts = reader.align_classes_and_images()
    accuracy = measure_original_label_accuracy(parts["labels"].evaluation_labels, parts["original"])
    if accuracy.value is None:
        return None
    source = " by ".join(str(benchmark.sources.get(part, reader.files[part])) for part in ("original", "labels"))
    return OriginalLabelAccuracy(accuracy, source)
