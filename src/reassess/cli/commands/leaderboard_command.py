"""`reassess leaderboard`: ReaL accuracy against original accuracy over many models, and where a model stands."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, Range, call_options, refuse_repeated
from reassess.cli.help_pages import Command
from reassess.cli.inputs import FILE, OUTPUT, benchmark_option, family_option
from reassess.cli.part_inputs import find_part, joined_parts, read_classes_of, read_original_of
from reassess.cli.tables.leaderboard_table import Level, print_leaderboard, to_json
from reassess.comparison.placement import original_level, place
from reassess.comparison.trends import BANDS, Band, trend
from reassess.core.benchmark import IMAGENET, Benchmark
from reassess.core.leaderboard import Entry, Leaderboard
from reassess.data.loading import load_labels
from reassess.errors import DataError
from reassess.formats.leaderboard_files import read_leaderboard
from reassess.report.accuracy_figures import draw_leaderboard
from reassess.report.figures import FIGURE_SUFFIXES

__all__ = ["leaderboard"]

_LABELS, _ORIGINAL = (IMAGENET.sources[part] for part in ("labels", "original"))
_GIVEN = "the given model"


class _BandsType(click.ParamType[tuple[Band, ...]]):
    name = "bands"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Band, ...]:
        try:
            return tuple(Band(*map(float, part.split("-"))) for part in value.split(","))
        except (DataError, TypeError, ValueError):
            self.fail(f"{value!r} are no bands. Give percents such as 70-78,78-84.", param, ctx)


class _PlaceType(click.ParamType[Entry | Path]):
    name = "file or accuracies"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Entry | Path:
        if not re.match(r"(original|real)=", value):
            return Path(value)
        given = [part.partition("=")[::2] for part in value.split(",")]
        parts = dict(given)
        for name in parts:
            if (times := sum(name == other for other, _ in given)) > 1:
                self.fail(f"{value!r} gives {name} {'twice' if times == 2 else f'{times} times'}", param, ctx)
        try:
            original, real = float(parts.pop("original")), float(parts.pop("real"))
        except (KeyError, ValueError):
            original, real = 0.0, 0.0
        if parts or not (1 < original <= 100 and 1 < real <= 100):  # and not shares
            self.fail(f"{value!r} are not two accuracies in percent, such as original=83.1,real=88.5", param, ctx)
        return Entry(model=_GIVEN, original=original, real=real)


@click.command(
    cls=Command,
    docs="docs/leaderboard.md",
    examples=[
        "reassess leaderboard results-imagenet.csv results-imagenet-real.csv",
        "reassess leaderboard results-imagenet.csv results-imagenet-real.csv --top 5",
    ],
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="TABLE...")
@benchmark_option
@click.option(
    "--place",
    "placed",
    type=_PlaceType(),
    metavar="FILE|original=P,real=P",
    help="Say where models stand: those of a file like TABLE, or one of two accuracies in percent.",
)
@click.option(
    "--bands",
    type=_BandsType(),
    default=",".join(f"{band.low:g}-{band.high:g}" for band in BANDS),
    show_default=True,
    metavar="FROM-TO,...",
    help="Bands of original accuracy, in percent, in which the slope is measured.",
)
@family_option
@click.option(
    "--level",
    type=Range(0, 100),
    metavar="PERCENT",
    help=f"ReaL accuracy of the original labels themselves.  [default: that of {_ORIGINAL} by {_LABELS}, or of the "
    "benchmark's, if the files are here]",
)
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="The number of rows to print.")
@click.option("-o", "--output", type=OUTPUT, metavar="FIGURE", help="A figure: svg, png or pdf.")
@call_options
def leaderboard(
    call: Call,
    files: tuple[Path, ...],
    benchmark: Benchmark | None,
    placed: Entry | Path | None,
    bands: tuple[Band, ...],
    family: re.Pattern[str],
    level: float | None,
    top: int,
    output: Path | None,
) -> None:
    """Relate reassessed to original accuracy over many models.

    TABLE is a table with the columns model, original and real, in percent; what evaluate --json prints; or, as two
    files, the results of timm on ImageNet and by ReaL. Several make one leaderboard.
    """
    refuse_repeated(files)
    call.check_output(output, FIGURE_SUFFIXES, "a figure", benchmark=benchmark)
    board = read_leaderboard(*(call.read("leaderboard", path) for path in files), family=family)
    placements = [place(board, entry) for entry in _entries(call, placed)]
    lines = trend(board, bands)
    if benchmark is None:
        benchmark = IMAGENET if board.label_set == Leaderboard.label_set else Benchmark()
    own = _own_level(call, benchmark) if level is None else Level(level)
    if output is not None:
        draw_leaderboard(output, lines, placements, level=None if own is None else own.percent, force=call.force)
    if call.json:
        call.print_document("leaderboard", to_json(lines, placements, own))
    else:
        print_leaderboard(call, lines, placements, own, top)


def _entries(call: Call, placed: Entry | Path | None) -> Sequence[Entry]:
    if placed is None:
        return ()
    return (placed,) if isinstance(placed, Entry) else read_leaderboard(call.read("place", placed)).entries


def _own_level(call: Call, benchmark: Benchmark) -> Level | None:
    """Accuracy of a benchmark's own original labels by its labels, if this machine has both."""
    classes = read_classes_of(call, benchmark)
    path, original = find_part(call, benchmark, "labels", None), read_original_of(call, benchmark, None, classes)
    if path is None or original is None:
        return None
    given = {"labels": (path, load_labels(path, classes=classes)), "original": original}
    accuracy = original_level(*joined_parts(given, benchmark, classes).values())
    if accuracy.value is None:
        return None
    source = " by ".join(str(benchmark.sources.get(part, given[part][0])) for part in ("original", "labels"))
    return Level(percent=100 * accuracy.value, counted=accuracy, source=source)
